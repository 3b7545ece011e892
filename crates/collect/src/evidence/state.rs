//! Recorded states (`rdpdoctor-state/1`), in UTF-8 or, as PowerShell writes them, in UTF-16.

use diagnosis::state::{FORM, State};

use super::{Access, Piece, ReadError, Reader, TEXT, script, text};

pub(super) const READER: Reader = Reader { kind: "recorded state", recognises, read: Access::Bytes(TEXT, read) };

/// JSON that names the form near its beginning.
fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    text.trim_start().starts_with('{') && text.contains(FORM)
}

fn read(bytes: &[u8]) -> Result<Piece, ReadError> {
    let text = text::decode(bytes)?;
    let mut state = State::parse(&text).map_err(|error| ReadError::Contents(error.to_string()))?;
    script::read_certificates(&mut state);
    Ok(Piece::State(Box::new(state)))
}
