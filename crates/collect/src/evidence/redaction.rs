//! Evidence without names of people, machines and domains, addresses and passwords.
//!
//! All pieces share one mapping: a machine that is named in a log, a hive, a transcript and a capture has one pseudonym
//! in all of them. The parts that stay, and why, are listed in [`wire::redaction`] and [`evidence::redaction`]. The
//! paths of the pieces are not changed here: a path names people as well, and has no place in what is handed on.

use std::path::PathBuf;

use wire::redaction::Names;

use super::capture::Capture;
use super::kind::Kind;
use super::reader::Piece;

/// Returns the pieces without names, in the same order. A redacted piece does not change.
pub fn redacted(pieces: &[(PathBuf, Kind, Piece)]) -> Vec<Piece> {
    let mut names = Names::default();
    drop(all_renamed(pieces, &mut names));
    names.settle();
    // a state names certificates by thumbprints; their substitutes are known once every certificate was renamed
    drop(all_renamed(pieces, &mut names));
    all_renamed(pieces, &mut names)
}

fn all_renamed(pieces: &[(PathBuf, Kind, Piece)], names: &mut Names) -> Vec<Piece> {
    pieces.iter().map(|(_, _, piece)| renamed(piece, names)).collect()
}

fn renamed(piece: &Piece, names: &mut Names) -> Piece {
    match piece {
        Piece::State(state) => Piece::State(Box::new(state.renamed(names))),
        Piece::Transcript(transcript) => Piece::Transcript(Box::new(transcript.renamed(names))),
        Piece::Capture(capture) => {
            let Capture { seen, packets, notes, cut } = &**capture;
            let notes = notes.iter().map(|note| names.prose(note)).collect();
            let cut = cut.as_ref().map(|cut| names.prose(cut));
            Piece::Capture(Box::new(Capture { seen: seen.renamed(names), packets: *packets, notes, cut }))
        }
    }
}
