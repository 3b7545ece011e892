//! The cost of judging one host, without its connections: what an interview does with their records. Times are medians
//! of one run on one core, printed and never asserted; allocations are counted. `cargo xtask bench judge` runs it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use diagnosis::diagnose::Run;
use diagnosis::interview::{Budget, Interview};
use diagnosis::{Capabilities, Context};
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, ProfileSource, Target, TimeSource, observe};
use wire::transcript::Transcript;

/// Recorded hosts: a healthy one with NLA, and broken ones.
const HOSTS: [(&str, &str); 3] = [
    ("healthy", include_str!("../tests/transcripts/shadow-nla.txt")),
    ("expired", include_str!("../tests/transcripts/xrdp-expired.txt")),
    ("resets", include_str!("../tests/transcripts/client-hellos-reset.txt")),
];
/// Runs of which the median is taken.
const RUNS: usize = 2_000;

fn main() {
    println!("{:10} {:>12} {:>12} {:>14} {:>12}", "host", "judged", "allocations", "and reported", "allocations");
    for (name, text) in HOSTS {
        let transcript: Transcript = text.parse().unwrap();
        // profiles are read once in a run, however many hosts it asks
        let context = context(&transcript);
        let judged = || black_box(interview(&transcript, &context).verdict());
        let reported = || {
            let evidence = observe(&transcript);
            black_box(diagnosis::diagnose(&evidence, &context, Run::default()));
        };
        let allocations = |work: &dyn Fn()| allocation_counter::measure(work).count_total;
        println!(
            "{name:10} {:>9.1} µs {:>12} {:>11.1} µs {:>12}",
            micros(median(&|| drop(judged()))),
            allocations(&|| drop(judged())),
            micros(median(&reported)),
            allocations(&reported),
        );
    }
}

/// Holds the interview that led to a transcript: a plan before each record, and none after the last.
fn interview(transcript: &Transcript, context: &Context) -> Interview {
    let address = transcript.connections().next().unwrap().address;
    let name = transcript.name().is_some().then(|| transcript.host.clone());
    let mut interview = Interview::new(context.clone(), Budget::default(), transcript.at, address, name, None);
    for record in transcript.connections() {
        black_box(interview.next(record.start, [0; 32]));
        interview.told(record);
    }
    black_box(interview.next(Duration::ZERO, [0; 32]));
    interview
}

fn context(transcript: &Transcript) -> Context {
    Context {
        target: Some(Target::parse(&transcript.host).unwrap()),
        profile: ClientProfile::find("mstsc-11").unwrap(),
        profile_source: ProfileSource::Default,
        at: transcript.at,
        at_source: TimeSource::Attempt,
        symptom: None,
        capabilities: Capabilities { openssl: true },
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
    }
}

fn median(work: &dyn Fn()) -> Duration {
    // the first runs of a process are slow, and those of a processor that slept
    (0..RUNS).for_each(|_| work());
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
