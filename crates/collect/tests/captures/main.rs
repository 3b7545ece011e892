//! Captures: their meaning in any order, with any loss and in any container; and the contents of real ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod gateway;
mod made;
mod many;
mod real;
mod unusual;
mod writer;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use collect::evidence::capture::{Capture, read_from};
use collect::evidence::redaction::redacted;
use collect::evidence::{Kind, Piece, gather, stored};
use diagnosis::diagnose::Run;
use diagnosis::report::{Diagnosis, Verdict};
use diagnosis::{Capabilities, Context, Severity};
use evidence::observe::{moment, observe_capture, observe_cut};
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, Evidence, ProfileSource, Source};

/// Stores a piece and reads it back.
fn reread(piece: &Piece) -> Piece {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let (end, bytes) = stored(piece);
    let path = std::env::temp_dir().join(format!("rdpdoctor-stored-{}-{number}.{end}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let gathered = gather(std::slice::from_ref(&path));
    std::fs::remove_file(&path).unwrap();
    let [(_, Kind::RecordedCapture, piece)] = &gathered.pieces[..] else { panic!("{gathered:?}") };
    piece.clone()
}

/// Checks that a capture says the same when stored and redacted.
fn assert_stored(capture: &Capture) {
    let piece = Piece::Capture(Box::new(capture.clone()));
    assert_eq!(reread(&piece), piece);
    let once = redacted(&[(PathBuf::new(), Kind::Capture, piece)]).remove(0);
    assert_eq!(reread(&once), once);
    let Piece::Capture(nameless) = &once else { panic!("{once:?}") };
    let findings = |capture: &Capture| {
        let diagnosis = diagnosed(capture);
        let found = diagnosis.findings.iter().map(|found| (found.cause.clone(), found.severity, found.confidence));
        (diagnosis.verdict, found.collect::<Vec<_>>())
    };
    assert_eq!(findings(nameless), findings(capture));
    assert_eq!(redacted(&[(PathBuf::new(), Kind::Capture, once.clone())]), [once]);
}

/// Reads a file.
fn capture(file: &[u8]) -> Capture {
    read_from(file).unwrap()
}

/// Judges it as `inspect` does: for the client in it, by its clock.
fn judged(capture: &Capture) -> Diagnosis {
    assert_stored(capture);
    diagnosed(capture)
}

fn diagnosed(capture: &Capture) -> Diagnosis {
    let mut evidence = Evidence::default();
    observe_capture(&capture.seen, &BTreeSet::new(), Source::File(1), &mut evidence);
    if let Some(why) = &capture.cut {
        observe_cut("a.pcap", why, moment(capture.seen.until.unwrap_or_default()), Source::File(1), &mut evidence);
    }
    let context = context_of(&evidence, capture);
    diagnosis::diagnose(&evidence, &context, Run::default())
}

fn context_of(evidence: &Evidence, capture: &Capture) -> Context {
    let watched = evidence.clients.first().map(|(_, client)| client.clone());
    let newest = capture.seen.connections.last().map(|connection| connection.began);
    Context {
        target: None,
        profile_source: if watched.is_some() { ProfileSource::Evidence } else { ProfileSource::Default },
        profile: watched.unwrap_or_else(|| ClientProfile::find(evidence::profile::DEFAULT).unwrap()),
        at: moment(newest.or(capture.seen.until).unwrap_or_default()),
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        gateway: None,
    }
}

/// Lists the causes that count.
fn counted(diagnosis: &Diagnosis) -> Vec<&str> {
    let counted = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    counted.map(|finding| finding.cause.as_str()).collect()
}

/// Checks the verdict and the causes that count.
fn check(capture: &Capture, verdict: Verdict, causes: &[&str]) {
    let diagnosis = judged(capture);
    assert_eq!((diagnosis.verdict, counted(&diagnosis)), (verdict, causes.to_vec()), "{:?}", diagnosis.stages);
}
