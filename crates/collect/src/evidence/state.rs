//! Recorded states (`rdpdoctor-state/1`).

use std::path::Path;

use diagnosis::state::{SCHEMA, State};

use super::{Piece, ReadError, Reader, text};

const LIMIT: u64 = 64 * 1024 * 1024;

pub(super) const READER: Reader = Reader { kind: "recorded state", recognises, read };

/// JSON that names the form near its beginning.
fn recognises(head: &[u8]) -> bool {
    head.first() == Some(&b'{') && String::from_utf8_lossy(head).contains(SCHEMA)
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    let state = State::parse(&text(path, LIMIT)?).map_err(|error| ReadError::Contents(error.to_string()))?;
    Ok(Piece::State(Box::new(state)))
}
