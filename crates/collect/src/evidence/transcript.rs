//! Transcripts of probes.

use wire::transcript::Transcript;

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, TEXT};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::Transcript, recognises, read: Access::Bytes(TEXT, read) };

fn recognises(head: &[u8]) -> bool {
    head.starts_with(b"rdpdoctor transcript ")
}

fn read(bytes: &[u8]) -> Result<Piece, ReadError> {
    let transcript: Transcript =
        text::decode(bytes)?.parse().map_err(|error| ReadError::Contents(format!("{error}")))?;
    Ok(Piece::Transcript(Box::new(transcript)))
}
