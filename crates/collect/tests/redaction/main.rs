//! Redaction of evidence: planted secrets are gone, diagnosed facts stay, and redacting twice changes nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]

mod full;
mod linux;
mod planted;
mod real;

use std::path::PathBuf;

use collect::evidence::redaction::redacted;
use collect::evidence::{Gathered, Kind, Piece, gather, stored};
use diagnosis::diagnose::Run;
use diagnosis::report::Diagnosis;
use diagnosis::{Capabilities, Context};
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, Evidence, ProfileSource};

/// Pieces as they were gathered.
type Pieces = Vec<(PathBuf, Kind, Piece)>;

fn gathered(pieces: Vec<Piece>) -> Pieces {
    pieces.into_iter().map(|piece| (PathBuf::new(), Kind::RecordedState, piece)).collect()
}

/// Redacts pieces, stores them and reads them back.
fn reread(pieces: &[Piece], test: &str) -> Vec<Piece> {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-reread-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (number, piece) in pieces.iter().enumerate() {
        let (end, bytes) = stored(piece);
        std::fs::write(folder.join(format!("{number:03}.{end}")), bytes).unwrap();
    }
    let gathered = gather(std::slice::from_ref(&folder));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(gathered.unread.is_empty(), "{:?}", gathered.unread);
    gathered.pieces.into_iter().map(|(_, _, piece)| piece).collect()
}

/// Findings, without the words.
fn findings(pieces: Pieces) -> (String, Vec<String>) {
    let mut gathered = Gathered::default();
    gathered.pieces.extend(pieces);
    let at = gathered.newest(time::OffsetDateTime::now_utc()).unwrap_or(time::macros::datetime!(2026-11-21 09:00 UTC));
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, at);
    let context = Context {
        target: None,
        profile: ClientProfile::find("mstsc-11").unwrap(),
        profile_source: ProfileSource::Evidence,
        at,
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        gateway: None,
    };
    let Diagnosis { verdict, findings, .. } = diagnosis::diagnose(&evidence, &context, Run::default());
    let mut found: Vec<String> = findings
        .iter()
        .map(|found| format!("{} {:?} {:?} of {:?}", found.cause, found.severity, found.confidence, found.subject))
        .collect();
    found.sort();
    (format!("{verdict:?}"), found)
}

/// Checks all laws for these pieces; returns them without names.
fn assert_laws(pieces: Pieces, test: &str) -> Vec<Piece> {
    let once = redacted(&pieces);
    assert_eq!(redacted(&gathered(once.clone())), once, "twice is once");
    assert_eq!(reread(&once, test), once, "what is stored is read back");
    assert_eq!(findings(gathered(once.clone())), findings(pieces), "the same is found");
    once
}
