//! The law for every scenario of the lab that a client can try: its hosts are started twice, once for the program and
//! once for the witness, so that a host that counts its connections counts the same for both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::report::Verdict;
use diagnosis::{Diagnosis, Role};
use evidence::observe::observe;
use lab::Scenario;
use openssl::ssl::SslVersion;
use rdpdoctor_cli::scenario::stage;

use super::client::{self, ANY, CLIENTS, MSTSC_7, Offers};
use super::{TRIES, allowed};

/// Time-out of the probes, as the test of the scenarios has it.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Scenarios that are played at the same time: most of them wait.
const THREADS: usize = 8;

/// OpenSSL's names of the suites that scenarios give their clients.
const SUITES: [(&str, &str); 2] = [
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
];

/// The client of a scenario: one that is known, or what its text says and no more.
fn client_of(scenario: &Scenario) -> Offers {
    let mut offers = match (&scenario.ask.profile, &scenario.ask.profile_text) {
        (None, None) => CLIENTS[0],
        (_, Some(text)) => written(&toml::from_str(text).unwrap()),
        (Some(id), None) => {
            let known = CLIENTS.into_iter().chain([MSTSC_7]).find(|client| client.profile == id);
            known.unwrap_or_else(|| panic!("{id} has no witness"))
        }
    };
    offers.wants_trust = scenario.ask.require_trust;
    // a handful of scenarios, for the length of the tests
    let kept = |text: &Option<String>| text.clone().map(|text| &*text.leak());
    offers.routing_token = kept(&scenario.ask.routing_token);
    offers.user = kept(&scenario.ask.user);
    offers.preconnection = kept(&scenario.ask.preconnection);
    offers
}

fn written(profile: &toml::Table) -> Offers {
    let names = |list: &toml::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let bit = |name: &String| match name.as_str() {
        "SSL" => 1,
        "HYBRID" => 2,
        "HYBRID_EX" => 8,
        other => panic!("{other}"),
    };
    let version = |key| match profile["tls"][key].as_str().unwrap() {
        "1.0" => SslVersion::TLS1,
        "1.2" => SslVersion::TLS1_2,
        "1.3" => SslVersion::TLS1_3,
        other => panic!("{other}"),
    };
    let suite = |name: &String| SUITES.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1;
    let suites = profile["tls"].get("suites").map(|list| names(list).iter().map(suite).collect::<Vec<_>>().join(":"));
    let bits = profile["tls"].get("least_rsa_bits").map_or(0, |bits| bits.as_integer().unwrap());
    Offers {
        protocols: names(&profile["protocols"]).iter().map(bit).sum(),
        standard: profile["standard_security"].as_bool().unwrap(),
        min: version("min"),
        max: version("max"),
        suites_12: suites.map_or(ANY.suites_12, |list| list.leak()),
        patched: profile["encryption_oracle"].as_str() != Some("vulnerable"),
        least_rsa_bits: u32::try_from(bits).unwrap(),
        ..ANY
    }
}

fn told(scenario: &Scenario) -> Diagnosis {
    let mut staged = stage(scenario).unwrap();
    staged.probe.budget.timeout = TIMEOUT;
    let (transcript, _) = rdpdoctor_cli::diagnose::drive(&staged.probe).unwrap();
    diagnosis::diagnose(&observe(&transcript), &staged.probe.context, Run::default())
}

/// Tries of the witness at each address.
type Tries = BTreeMap<SocketAddr, Vec<Result<(), String>>>;

/// Lets the witness try every address that the name has, and more than once where the host counts.
fn witnessed(scenario: &Scenario) -> (Vec<SocketAddr>, Tries) {
    if scenario.resolver.answer.is_some() {
        return (Vec::new(), Tries::new());
    }
    let staged = stage(scenario).unwrap();
    let (addresses, offers) = (staged.lab.addresses(), client_of(scenario));
    let counts = scenario.hosts.iter().any(|host| !host.neglects.is_empty());
    let attempt = |address| client::reach(address, scenario.ask.host.as_deref(), &offers);
    let tries = |address: &SocketAddr| (0..if counts { TRIES } else { 1 }).map(|_| attempt(*address)).collect();
    let all = addresses.iter().map(|address| (*address, tries(address))).collect();
    (addresses, all)
}

/// How the program and the witness differ, and what both said.
fn disagreement(scenario: &Scenario) -> (Option<&'static str>, String, String) {
    let diagnosis = told(scenario);
    let (addresses, tries) = witnessed(scenario);
    let reached = |address: &SocketAddr| tries[address].iter().any(Result::is_ok);
    // who cannot connect to one address goes on to the next
    let taken = addresses.iter().find(|address| {
        reached(address) || !tries[*address].iter().all(|end| end.as_ref().is_err_and(|at| at.starts_with("tcp")))
    });
    let arrived = taken.is_some_and(reached);
    let failed = !taken.is_some_and(|address| tries[address].iter().all(Result::is_ok));
    let address_of = |id| {
        let subject = diagnosis.subjects.iter().find(|subject| subject.id == id && subject.role == Role::Host)?;
        let found = subject.address.as_ref()?;
        addresses.iter().find(|address| address.ip().to_string() == *found)
    };
    let blocking = diagnosis.findings.iter().filter(|finding| finding.severity == Severity::Blocking);
    let blamed: Vec<_> = blocking
        .clone()
        .filter(|finding| address_of(finding.subject).map_or(arrived, reached))
        .map(|finding| finding.cause.as_str())
        .collect();
    let causes: Vec<_> = blocking.map(|finding| finding.cause.as_str()).collect();
    let verdict = serde_json::to_value(diagnosis.verdict).unwrap();
    let verdict = verdict.as_str().unwrap();
    let line = format!("{}: {verdict} {causes:?} in {}, witness {tries:?}", scenario.name, diagnosis.connections);
    let differs = if diagnosis.verdict == Verdict::Healthy && failed {
        Some(if arrived { "healthy-though-it-fails-at-times" } else { "falsely-healthy" })
    } else {
        (!blamed.is_empty()).then_some("falsely-blamed")
    };
    let at = match (arrived, failed) {
        (true, true) => "at the prompt at times",
        (true, false) => "at the prompt",
        _ => "kept out",
    };
    (differs, format!("{verdict}{}, witness {at}", if causes.is_empty() { "" } else { ", blocking" }), line)
}

/// `RDPDOCTOR_WITNESS_SCENARIOS` names one to play alone.
#[test]
fn the_program_and_the_witness_agree_on_every_scenario() {
    let only = std::env::var("RDPDOCTOR_WITNESS_SCENARIOS").ok();
    let scenarios: Vec<_> = Scenario::all()
        .into_iter()
        .filter(|scenario| only.as_ref().is_none_or(|name| scenario.name == *name))
        .collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (differs, row, line) = disagreement(scenario);
                    all.lock().unwrap_or_else(PoisonError::into_inner).push((&scenario.name, differs, row, line));
                }
            });
        }
    });
    let all = all.into_inner().unwrap();
    assert_eq!(all.len(), scenarios.len(), "every scenario is judged");
    let mut figures = BTreeMap::<_, usize>::new();
    for (_, differs, row, line) in &all {
        eprintln!("{}{line}", differs.map_or(String::new(), |kind| format!("{kind}: ")));
        *figures.entry(row).or_default() += 1;
    }
    for (row, count) in figures {
        eprintln!("{count:>4} {row}");
    }
    let listed = allowed().scenarios;
    let found: BTreeMap<_, _> =
        all.iter().filter_map(|(name, differs, _, line)| differs.map(|kind| (name.as_str(), (kind, line)))).collect();
    let unlisted = found.iter().filter(|(name, _)| !listed.contains_key(**name));
    let unlisted: Vec<_> = unlisted.map(|(_, (kind, line))| format!("{kind}: {line}")).collect();
    assert!(unlisted.is_empty(), "{} of {} disagree:\n{}", unlisted.len(), all.len(), unlisted.join("\n"));
    let stale: Vec<_> = listed.keys().filter(|name| only.is_none() && !found.contains_key(name.as_str())).collect();
    assert!(stale.is_empty(), "listed, and yet they agree: {stale:?}");
}
