//! Transcripts of real servers and real networks, redacted, with the diagnosis that each must get. The tests of the
//! program made them (`crates/cli/tests/real`), where their making is described.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::Path;

use diagnosis::case::Capabilities;
use diagnosis::diagnose::Run;
use diagnosis::report::Verdict;
use diagnosis::{Context, Diagnosis, Severity};
use evidence::observe::observe;
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, ProfileSource, Stage, Target};
use wire::transcript::{ConnectionRecord, Transcript};

/// File, verdict, causes that count, the last stage that passed.
const TABLE: &[(&str, Verdict, &[&str], Option<Stage>)] = &[
    ("client-hellos-reset", Verdict::Faulty, &["tls-blocked-on-path"], Some(Stage::X224)),
    ("client-hellos-reset-by-a-router", Verdict::Faulty, &["tls-blocked-on-path"], Some(Stage::X224)),
    ("name-not-found", Verdict::Faulty, &["name-not-found"], None),
    ("port-filtered", Verdict::Faulty, &["port-filtered"], None),
    ("search-suffix", Verdict::Faulty, &["wrong-search-suffix", "port-closed"], Some(Stage::Name)),
    ("shadow-nla", Verdict::Healthy, &[], Some(Stage::Credssp)),
    ("shadow-rdp", Verdict::Faulty, &["standard-security-only"], Some(Stage::Tcp)),
    ("split-dns", Verdict::Faulty, &["split-answers", "name-not-found"], None),
    ("stale-hosts-entry", Verdict::Faulty, &["hosts-file-overrides-dns", "port-closed"], Some(Stage::Name)),
    ("two-addresses-one-refuses", Verdict::Faulty, &["split-answers", "port-closed"], Some(Stage::Certificate)),
    ("xrdp-expired", Verdict::Faulty, &["certificate-expired"], Some(Stage::Certificate)),
    ("xrdp-negotiate", Verdict::Healthy, &[], Some(Stage::Certificate)),
    ("xrdp-rdp", Verdict::Faulty, &["standard-security-only"], Some(Stage::X224)),
    ("xrdp-tls", Verdict::Healthy, &[], Some(Stage::Certificate)),
    ("xrdp-tls-10", Verdict::Faulty, &["tls-version-mismatch"], Some(Stage::X224)),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn judged(transcript: &Transcript) -> Diagnosis {
    let host = format!("{}:{}", transcript.host, transcript.port);
    let context = Context {
        target: Some(Target::parse(&host).unwrap()),
        profile: ClientProfile::find(evidence::profile::DEFAULT).unwrap(),
        profile_source: ProfileSource::Default,
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        at: transcript.at,
        symptom: None,
        capabilities: Capabilities { openssl: true },
    };
    diagnosis::diagnose(&observe(transcript), &context, Run::default())
}

#[test]
fn every_transcript_is_diagnosed_as_it_has_to_be() {
    for (name, verdict, causes, reached) in TABLE {
        let text = std::fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        let transcript: Transcript = text.parse().unwrap();
        assert!(transcript.connections().all(ConnectionRecord::replays_faithfully), "{name}");
        let diagnosis = judged(&transcript);
        let counted = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
        let found: Vec<_> = counted.map(|finding| finding.cause.as_str()).collect();
        assert_eq!((diagnosis.verdict, &found[..], diagnosis.reached), (*verdict, *causes, *reached), "{name}");
    }
}

#[test]
fn no_transcript_is_left_out() {
    assert_eq!(std::fs::read_dir(folder()).unwrap().count(), TABLE.len());
}
