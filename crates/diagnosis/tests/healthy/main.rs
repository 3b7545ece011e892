//! Healthy hosts by the thousand: made from a seed, answered without a socket, asked by the planner as the probe asks.
//!
//! No host may get a blocking or degrading finding, and none may take more than four connections. The tests make 500;
//! `cargo xtask soak healthy` makes 10,000 (RDPDOCTOR_HEALTHY_HOSTS).

#![allow(clippy::unwrap_used)]

mod certificate;
mod host;
mod probe;
mod turns;

use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::report::Verdict;
use evidence::observe::observe;

use certificate::Maker;
use host::Host;

/// Seed at which the series begins; a failing host is named by its seed.
const SEED: u64 = 0x5EED_0000;
const USUAL: u64 = 500;

/// Random numbers that are the same on every machine (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    /// Draws any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    /// True once in this many times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.number().is_multiple_of(count)
    }

    /// Draws one of the list.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        let index = self.between(0, list.len() as u64 - 1);
        list[usize::try_from(index).unwrap()]
    }
}

/// Says what is wrong with the diagnosis of a host, or `None`.
fn objection(host: &Host) -> Option<String> {
    let (transcript, context) = probe::ask(host);
    let diagnosis = diagnosis::diagnose(&observe(&transcript), &context, Run::default());
    let counted = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    let causes: Vec<_> = counted.map(|finding| finding.cause.as_str()).collect();
    if !causes.is_empty() {
        return Some(format!("{} says {causes:?}", context.profile.id));
    }
    if diagnosis.connections > 4 {
        return Some(format!("{} connections", diagnosis.connections));
    }
    // a host that resets further connections leaves open what this client needs; that is no fault, but no health either
    let shown = diagnosis.verdict == Verdict::Healthy || host.resets_from.is_some();
    (!shown).then(|| format!("{:?}: {:#?}", diagnosis.verdict, diagnosis.stages))
}

#[test]
#[allow(clippy::print_stdout)] // the soak shows how many there were
fn no_healthy_host_is_blamed() {
    let wanted = std::env::var_os("RDPDOCTOR_HEALTHY_HOSTS");
    let count = wanted.map_or(USUAL, |text| text.to_str().unwrap().parse().unwrap());
    let maker = Maker::new();
    let mut objections = Vec::new();
    for seed in SEED..SEED + count {
        let host = Host::new(&mut Chance(seed), &maker);
        if let Some(words) = objection(&host) {
            objections.push(format!("{seed:#x}: {words}\n{host:?}"));
        }
    }
    assert!(
        objections.is_empty(),
        "{} of {count} hosts:\n{}",
        objections.len(),
        objections[..objections.len().min(5)].join("\n")
    );
    println!("{count} healthy hosts, no blocking or degrading finding");
}

#[test]
fn the_harness_sees_a_fault() {
    let maker = Maker::new();
    let mut host = Host::new(&mut Chance(SEED), &maker);
    host.clock_offset = time::Duration::hours(2);
    host.domain = "ANOTHER".to_owned();
    host.typed = "server.corp.example".to_owned();
    host.kerberos_only = false;
    host.accepts = wire::x224::SecurityProtocols(0x0B);
    assert!(objection(&host).unwrap().contains("clock-skew"));
}
