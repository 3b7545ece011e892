//! `.rdp` files.

use std::path::Path;

use evidence::rdp_file::{BYTES_LIMIT, RdpFile, RdpFileRecord, Routing};
use evidence::state::{Part, SCHEMA, State};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, bytes};

pub(super) const READER: Reader =
    Reader { kind: Kind::RdpFile, recognises: RdpFile::recognises, read: Access::Place(read) };

fn read(path: &Path) -> Result<Piece, ReadError> {
    Ok(piece(rdp_file(path)?))
}

/// Reads an `.rdp` file of this name from its bytes.
pub(super) fn from_bytes(path: &str, bytes: &[u8]) -> Result<Piece, ReadError> {
    let file = RdpFile::parse(bytes).map_err(|error| ReadError::Contents(error.to_string()))?;
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    Ok(piece(RdpFileRecord::of(name, &file)))
}

fn piece(record: RdpFileRecord) -> Piece {
    let rdp_files = vec![record];
    let state = State { schema: SCHEMA.to_owned(), part: Part::Client, rdp_files, ..State::default() };
    Piece::State(Box::new(state))
}

/// Reads an `.rdp` file that was named as one.
pub fn rdp_file(path: &Path) -> Result<RdpFileRecord, ReadError> {
    Ok(rdp_file_routing(path)?.0)
}

/// Reads an `.rdp` file that was named as one, with what it says to find its target, which no record keeps.
pub fn rdp_file_routing(path: &Path) -> Result<(RdpFileRecord, Routing), ReadError> {
    let file = RdpFile::parse(&bytes(path, BYTES_LIMIT as u64)?);
    let file = file.map_err(|error| ReadError::Contents(error.to_string()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((RdpFileRecord::of(&name, &file), file.routing()))
}
