//! Pieces of evidence as they stand in a bundle, and without names.

use std::path::PathBuf;

use diagnosis::state::{LogEvent, State, Unread};

use super::Piece;

/// A piece in a form that a reader reads back: the extension of its file, and its bytes. A capture has none yet.
pub fn stored(piece: &Piece) -> (&'static str, Vec<u8>) {
    match piece {
        Piece::State(state) => ("json", state.to_json().into_bytes()),
        Piece::Transcript(transcript) => ("txt", transcript.to_string().into_bytes()),
        Piece::Capture(_) => ("bin", Vec::new()),
    }
}

/// The pieces without what may name somebody. It takes out too much rather than too little: whatever holds free text.
pub fn redacted(pieces: &[(PathBuf, &'static str, Piece)]) -> Vec<Piece> {
    let redact = |piece: &Piece| match piece {
        Piece::State(state) => Piece::State(Box::new(without_text(state))),
        Piece::Transcript(transcript) => Piece::Transcript(Box::new(transcript.redacted())),
        Piece::Capture(capture) => Piece::Capture(capture.clone()),
    };
    pieces.iter().map(|(_, _, piece)| redact(piece)).collect()
}

/// Times, services, versions and the kinds of entries are left.
fn without_text(state: &State) -> State {
    let event =
        |event: &LogEvent| LogEvent { activity: None, data: std::collections::BTreeMap::new(), ..event.clone() };
    let unread = |_: &Unread| Unread { what: "a file".to_owned(), why: "it could not be read".to_owned() };
    State {
        schema: state.schema.clone(),
        part: state.part,
        taken_at: state.taken_at.clone(),
        services: state.services.clone(),
        logs: state.logs.clone(),
        events: state.events.iter().map(event).collect(),
        files: state.files.clone(),
        unread: state.unread.iter().map(unread).collect(),
        ..State::default()
    }
}
