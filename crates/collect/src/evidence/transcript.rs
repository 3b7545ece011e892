//! Transcripts of probes.

use std::path::Path;

use wire::transcript::Transcript;

use super::{Piece, ReadError, Reader, text};

const LIMIT: u64 = 64 * 1024 * 1024;

pub(super) const READER: Reader = Reader { kind: "transcript", recognises, read };

fn recognises(head: &[u8]) -> bool {
    head.starts_with(b"rdpdoctor transcript ")
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    let transcript: Transcript = text(path, LIMIT)?.parse().map_err(|error| ReadError::Contents(format!("{error}")))?;
    Ok(Piece::Transcript(Box::new(transcript)))
}
