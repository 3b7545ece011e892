//! A zip of logs and other files that somebody packed: read like a folder, without unpacking it.
//!
//! Each file is inflated into memory by itself and let go of before the next; a large log is read as it is inflated. A
//! hive is read without its transaction
//! logs, and a zip within the zip is not opened.

use std::io::{Cursor, Read, Seek};

use evidence::printable::printable;

use super::archive::{Archive, ENTRY, Entry};
use crate::evidence::foreign;
use crate::evidence::hive;
use crate::evidence::kind::Kind;
use crate::evidence::reader::{Access, Inside, Piece, ReadError, Take};
use crate::evidence::readers::READERS;
use crate::evidence::state;

/// Most files that are named one by one as unreadable.
const NAMED: usize = 200;

/// Reads all files of a zip that are of a known kind, and counts the others.
pub(super) fn read<S: Read + Seek>(archive: &mut Archive<S>, take: Take<'_>) -> Result<Inside, ReadError> {
    let unread = std::mem::take(&mut archive.refused);
    let folder = |name: &str| name.ends_with(['/', '\\']);
    let unread = unread.into_iter().filter(|(name, _)| !folder(name)).take(NAMED).collect();
    let mut inside = Inside { manifest: None, passed_over: 0, unread };
    let mut pieces = 0_usize;
    for entry in archive.entries.clone() {
        if folder(&entry.name) {
            continue;
        }
        match one(archive, &entry) {
            Ok(Some((kind, found))) => {
                for piece in found {
                    pieces += 1;
                    if let Err(why) = take(&printable(&entry.name), kind, piece) {
                        inside.unread.push((entry.name.clone(), why));
                    }
                }
            }
            Err(why) if inside.unread.len() < NAMED => inside.unread.push((entry.name.clone(), why)),
            Ok(None) | Err(_) => inside.passed_over += 1,
        }
    }
    if pieces == 0 && inside.unread.is_empty() {
        let count = inside.passed_over;
        return Err(ReadError::Contents(format!("none of its {count} files is of a kind that this program knows")));
    }
    Ok(inside)
}

/// Reads one file; `None` if it is of no known kind.
fn one<S: Read + Seek>(archive: &mut Archive<S>, entry: &Entry) -> Result<Option<(Kind, Vec<Piece>)>, String> {
    let path = std::path::Path::new(&entry.name);
    let head = archive.beginning(entry)?;
    let reader = READERS.iter().find(|reader| (reader.recognises)(&head));
    let Some(reader) = reader.or_else(|| state::names_itself(path, &head).then_some(&state::READER)) else {
        return if foreign::telling(path) { Err(foreign::unknown(&head)) } else { Ok(None) };
    };
    let said = |error: ReadError| format!("{}: {error}", reader.kind);
    let bytes = |archive: &mut Archive<S>, limit: u64| archive.bytes(entry, limit);
    let pieces = match reader.read {
        Access::Bytes(limit, read) => read(&bytes(archive, limit)?).map(|piece| vec![piece]),
        Access::Stream(read) if entry.size > ENTRY => {
            let read = archive.stream(entry, |source| read(source, &printable(&entry.name)).map_err(said));
            return read.map(|pieces| Some((reader.kind, pieces)));
        }
        Access::Stream(read) => read(&mut Cursor::new(bytes(archive, ENTRY)?), &printable(&entry.name)),
        Access::Place(_) if reader.kind == Kind::RegistryHive => {
            let hive = Cursor::new(bytes(archive, ENTRY)?);
            hive::registry_hive(hive, Vec::<Cursor<Vec<u8>>>::new()).map(|state| vec![Piece::State(Box::new(state))])
        }
        Access::Place(_) if reader.kind == Kind::RdpFile => {
            return crate::evidence::rdp_file::from_bytes(&entry.name, &bytes(archive, ENTRY)?)
                .map(|piece| Some((reader.kind, vec![piece])))
                .map_err(said);
        }
        Access::Place(_) => return Err(format!("{}: unpack the zip to have it read", reader.kind)),
        Access::Bundle(_) => return Err("a zip within the zip, which is not opened".to_owned()),
    };
    pieces.map(|pieces| Some((reader.kind, pieces))).map_err(said)
}
