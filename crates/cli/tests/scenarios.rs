//! Every scenario of the lab, diagnosed over real sockets: the declared causes, the root first, and nothing else.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::cause::{Cause, Severity};
use diagnosis::diagnose::Run;
use diagnosis::report::Verdict;
use diagnosis::stage::naming::takes_a_name_server;
use diagnosis::stage::path::lies_on_the_path;
use diagnosis::{Context, Diagnosis, causes};
use evidence::observe::observe;
use evidence::{Stage, Target};
use lab::Scenario;
use lab::scenario::ExpectedVerdict;
use rdpdoctor_cli::scenario::{Staged, stage};
use wire::machine::TlsAnswer;
use wire::tls::TlsOffer;
use wire::transcript::Transcript;

mod first_screen;

/// Time-out of the probes: short, because filtered ports take a share of it; ample for everything else on loopback.
const TIMEOUT: Duration = Duration::from_secs(4);

struct Told {
    staged: Staged,
    transcript: Transcript,
    diagnosis: Diagnosis,
}

fn diagnose(scenario: &Scenario) -> Told {
    let mut staged = stage(scenario).unwrap();
    staged.probe.budget.timeout = TIMEOUT;
    let (transcript, run) = rdpdoctor_cli::diagnose::drive(&staged.probe).unwrap();
    let diagnosis = diagnosis::diagnose(&observe(&transcript), &staged.probe.context, run);
    Told { staged, transcript, diagnosis }
}

/// Iterates over scenarios that this build can play.
fn playable() -> impl Iterator<Item = Scenario> {
    Scenario::all().into_iter().filter(|scenario| cfg!(feature = "legacy-tls") || !scenario.needs_legacy_tls())
}

fn counted(diagnosis: &Diagnosis) -> Vec<&str> {
    let counted = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    counted.map(|finding| finding.cause.as_str()).collect()
}

/// Says what is wrong with the advisory findings: one that is missing, or the very one that a near miss is about.
fn advice(scenario: &Scenario, diagnosis: &Diagnosis) -> Option<String> {
    let advised = |id: &str| diagnosis.findings.iter().any(|f| f.severity == Severity::Advisory && f.cause == id);
    let wanted = &scenario.expect.advisory;
    if let Some(missing) = wanted.iter().find(|id| !advised(id)) {
        return Some(format!("does not advise {missing}"));
    }
    let near = causes::find(scenario.expect.near_miss_of.as_deref()?)?;
    let missed = near.severity == Severity::Advisory && advised(near.id) && !wanted.iter().any(|id| id == near.id);
    missed.then(|| format!("advises {}, which it is a near miss of", near.id))
}

fn verdict(expected: ExpectedVerdict) -> Verdict {
    match expected {
        ExpectedVerdict::Healthy => Verdict::Healthy,
        ExpectedVerdict::Faulty => Verdict::Faulty,
        ExpectedVerdict::Undetermined => Verdict::Undetermined,
    }
}

/// Says what is wrong with a diagnosis, or `None`.
fn objection(scenario: &Scenario, diagnosis: &Diagnosis) -> Option<String> {
    let (mut found, mut wanted) =
        (counted(diagnosis), scenario.expect.findings.iter().map(String::as_str).collect::<Vec<_>>());
    if !scenario.expect.also.is_empty() {
        // across addresses of one name the order means nothing
        wanted.extend(scenario.expect.also.iter().map(String::as_str));
        wanted.sort_unstable();
        found.sort_unstable();
    }
    let expected = verdict(scenario.expect.verdict);
    if found != wanted {
        return Some(format!("found {found:?}, expected {wanted:?}"));
    }
    if let Some(words) = advice(scenario, diagnosis) {
        return Some(words);
    }
    (diagnosis.verdict != expected).then(|| format!("the verdict is {:?}, expected {expected:?}", diagnosis.verdict))
}

#[test]
fn every_scenario_gets_its_declared_root_first() {
    let mut objections = BTreeMap::new();
    let mut played = 0;
    for scenario in playable() {
        let told = diagnose(&scenario);
        played += 1;
        if let Some(words) = objection(&scenario, &told.diagnosis) {
            let stages: Vec<_> = told
                .diagnosis
                .stages
                .iter()
                .map(|s| format!("{}: {:?} {}", s.stage.word(), s.outcome, s.text))
                .collect();
            objections.insert(scenario.name.clone(), format!("{words}\n      {}", stages.join("\n      ")));
        }
        if let Some(words) = laws(&scenario, &told) {
            objections.insert(format!("{} (laws)", scenario.name), words);
        }
        if let Some(words) = first_screen::objection(&told.diagnosis) {
            objections.insert(format!("{} (first screen)", scenario.name), words);
        }
    }
    let list: Vec<_> = objections.iter().map(|(name, words)| format!("  {name}: {words}")).collect();
    assert!(objections.is_empty(), "{} of {played} scenarios:\n{}", objections.len(), list.join("\n"));
    assert!(played > 60, "only {played} scenarios were played");
}

#[test]
fn a_host_that_lets_anyone_so_far_tells_its_settings() {
    let mut scenario = Scenario::find("healthy-tells-its-settings").unwrap();
    let rung = |told: &Told| {
        let stages = &told.diagnosis.stages;
        stages.iter().find(|stage| stage.stage == Stage::Sequence).map(|stage| stage.text.clone())
    };
    for thorough in [true, false] {
        scenario.ask.thorough = thorough;
        assert_eq!(rung(&diagnose(&scenario)).as_deref(), Some("RDP 10.11, 4 static channels"), "{thorough}");
    }
    let credssp = Scenario::find("healthy-server-2022").unwrap();
    assert_eq!(rung(&diagnose(&credssp)), None, "behind CredSSP nobody comes so far without a logon");
}

/// Checks the laws of every probe, whatever the host does.
fn laws(scenario: &Scenario, told: &Told) -> Option<String> {
    let Told { staged, transcript, diagnosis } = told;
    if let Some(record) = transcript.connections().find(|record| !record.replays_faithfully()) {
        return Some(format!("the connection to {} does not replay faithfully", record.address));
    }
    let again: Transcript = transcript.to_string().parse().unwrap();
    let run = Run { seconds: diagnosis.seconds, interrupted: diagnosis.interrupted };
    if diagnosis::diagnose(&observe(&again), &staged.probe.context, run) != *diagnosis {
        return Some("the transcript does not replay to the same diagnosis".to_owned());
    }
    // as in a replay: the target is the transcript's, redacted like the names that it is compared with
    let nameless = transcript.redacted();
    if nameless.redacted() != nameless {
        return Some("redacting it twice changes it again".to_owned());
    }
    let host = if nameless.host.contains(':') { format!("[{}]", nameless.host) } else { nameless.host.clone() };
    let target = Target::parse(&format!("{host}:{}", nameless.port)).ok();
    let context = Context { target, ..staged.probe.context.clone() };
    let redacted = diagnosis::diagnose(&observe(&nameless), &context, run);
    if counted(&redacted) != counted(diagnosis) {
        return Some(format!("redacted, it replays to {:?}", counted(&redacted)));
    }
    let healthy = scenario.expect.verdict == ExpectedVerdict::Healthy;
    // a host that ended connections without a word is asked again before it may count as healthy
    let spoke = scenario.hosts.iter().all(|host| host.neglects.is_empty());
    // what a host refuses that could have been its client's is put down to the hello once the client's own was taken in
    // each turn of six machines
    let refused = transcript.connections().any(|record| match record.outcome().tls {
        Some(answer) => {
            record.plan.tls == Some(TlsOffer::MODERN) && !matches!(answer.value, TlsAnswer::Accepted { .. })
        }
        None => false,
    });
    let limit = match scenario.ask.profile.as_deref() {
        _ if !healthy || !spoke => 16,
        Some("freerdp3") if refused => 12,
        _ if refused => 8,
        // neither of our stacks that finish handshakes can send its hello, so what they are refused is looked into
        Some("freerdp3") => 8,
        _ => 4,
    };
    if diagnosis.connections > limit && !scenario.ask.thorough {
        return Some(format!("{} connections, at most {limit} are allowed", diagnosis.connections));
    }
    // a report about a fault that is not proven says what to measure next
    let sure = diagnosis.findings.first().is_some_and(|finding| finding.confidence == diagnosis::Confidence::Proven);
    (diagnosis.verdict == Verdict::Undetermined && diagnosis.next.is_empty() && !sure)
        .then(|| "undetermined, and no next measurement".to_owned())
}

/// Iterates over causes that a host can show to a probe; those inside a machine are shown by its records, those of the
/// path by a network that a kernel breaks (`real/path.rs`), and some of a name by name servers (`real/dns.rs`).
fn on_the_wire() -> impl Iterator<Item = &'static Cause> {
    let elsewhere = |cause: &&Cause| lies_on_the_path(cause) || takes_a_name_server(cause);
    let causes = causes::ALL.iter().copied().filter(move |cause| !elsewhere(cause));
    causes
        .filter(|cause| !matches!(cause.stage, Stage::Host | Stage::Client) && !OF_SEVERAL_MACHINES.contains(&cause.id))
}

/// Causes that take several machines behind one address, one of which is closed (`real/network.rs`).
const OF_SEVERAL_MACHINES: [&str; 1] = ["connections-refused-at-times"];

#[test]
fn every_cause_has_a_scenario_and_a_near_miss() {
    let scenarios = Scenario::all();
    for cause in on_the_wire() {
        let first = |scenario: &Scenario| {
            let expect = &scenario.expect;
            expect.findings.iter().chain(&expect.advisory).next() == Some(&cause.id.to_owned())
        };
        let found = scenarios.iter().any(first);
        assert!(found, "{}: no scenario expects it first", cause.id);
        let near = scenarios.iter().any(|scenario| scenario.expect.near_miss_of.as_deref() == Some(cause.id));
        assert!(near, "{}: no near miss", cause.id);
    }
    let healthy = scenarios.iter().filter(|scenario| scenario.name.starts_with("healthy-")).count();
    assert!(healthy >= 10, "only {healthy} healthy hosts");
}

/// Switching one detector off makes exactly the scenarios fail that expect it. Set RDPDOCTOR_TABLE to print the table.
#[test]
fn every_detector_is_needed_by_its_scenarios_alone() {
    let told: Vec<_> = playable().map(|scenario| (diagnose(&scenario), scenario)).collect();
    let mut table = String::new();
    for off in on_the_wire() {
        let others: Vec<_> = causes::ALL.iter().copied().filter(|cause| cause.id != off.id).collect();
        let (mut failed, mut expected) = (Vec::new(), Vec::new());
        for (told, scenario) in &told {
            let evidence = observe(&told.transcript);
            let context = &told.staged.probe.context;
            let diagnosis = diagnosis::diagnose::diagnose_with(&others, &evidence, context, Run::default());
            if objection(scenario, &diagnosis).is_some() {
                failed.push(scenario.name.as_str());
            }
            let expect = &scenario.expect;
            let mut causes = expect.findings.iter().chain(&expect.also).chain(&expect.advisory);
            if causes.any(|cause| cause == off.id) {
                expected.push(scenario.name.as_str());
            }
        }
        table += &["without ", off.id, " fail: ", &failed.join(", "), "\n"].concat();
        assert_eq!(failed, expected, "without {}", off.id);
        assert!(!failed.is_empty(), "{}: no scenario needs it", off.id);
    }
    if std::env::var_os("RDPDOCTOR_TABLE").is_some() {
        rdpdoctor_cli::terminal::complain(&table);
    }
}
