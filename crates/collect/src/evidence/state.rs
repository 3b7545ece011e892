//! Recorded states (`rdpdoctor-state/1`), in UTF-8 or, as PowerShell writes them, in UTF-16.

use std::io::{self, Read};
use std::path::Path;

use evidence::state::{FORM, SCHEMA, State};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, TEXT, regular};
use super::{script, text};

/// Bytes that are searched at once.
const CHUNK: usize = 64 * 1024;

pub(super) const READER: Reader = Reader { kind: Kind::RecordedState, recognises, read: Access::Bytes(TEXT, read) };

/// True for JSON that names the format near its beginning.
fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    text.trim_start().starts_with('{') && text.contains(FORM)
}

/// True if a file that begins as JSON names the format anywhere: a program that sorts keys puts the name after
/// everything else.
pub(super) fn names_itself(path: &Path, head: &[u8]) -> bool {
    let name = format!("\"{SCHEMA}\"");
    let json = text::beginning(head).trim_start().starts_with('{');
    json && regular(path).is_ok_and(|file| contains(file.take(TEXT), name.as_bytes()))
}

/// True if it contains these bytes, in UTF-8 or in UTF-16, which has a zero beside each.
fn contains(mut source: impl Read, name: &[u8]) -> bool {
    let (mut chunk, mut window) = (vec![0; CHUNK], Vec::<u8>::new());
    loop {
        match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return false,
            Ok(read) => {
                window.extend(chunk[..read].iter().filter(|byte| **byte != 0));
                if window.windows(name.len()).any(|bytes| bytes == name) {
                    return true;
                }
                window.drain(..window.len().saturating_sub(name.len() - 1));
            }
        }
    }
}

fn read(bytes: &[u8]) -> Result<Piece, ReadError> {
    let text = text::decode(bytes)?;
    let mut state = State::parse(&text).map_err(|error| ReadError::Contents(error.to_string()))?;
    script::read_certificates(&mut state);
    Ok(Piece::State(Box::new(state)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::gather;
    use crate::evidence::reader::Piece;

    /// A program has sorted the state's keys, so that its name comes after all certificates, also in UTF-16.
    #[test]
    fn a_state_with_sorted_keys_is_one() {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-sorted-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let unread = format!(r#"{{"what": "x", "why": "{}"}}"#, "y".repeat(200_000));
        let sorted = format!(r#"{{"computer": "ONE", "registry": [], "unread": [{unread}], "schema": "{SCHEMA}"}}"#);
        let wide: Vec<u8> = sorted.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let foreign = format!(r#"{{"text": "{}", "about": "the form {SCHEMA}"}}"#, "y".repeat(200_000));
        for (name, bytes, known) in
            [("a", sorted.clone().into_bytes(), true), ("b", wide, true), ("c", foreign.into_bytes(), false)]
        {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            let read = gather(std::slice::from_ref(&path));
            let computer = read.pieces.first().map(|(_, kind, piece)| match piece {
                Piece::State(state) => (*kind, state.computer.as_deref() == Some("ONE")),
                _ => panic!("{kind}"),
            });
            assert_eq!(computer, known.then_some((Kind::RecordedState, true)), "{name}: {:?}", read.unread);
            assert_eq!(read.unread.len(), usize::from(!known));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_name_that_lies_across_two_reads_is_found() {
        let bytes = [vec![b' '; CHUNK - 3], b"name".to_vec()].concat();
        assert!(contains(&bytes[..], b"name") && !contains(&bytes[..CHUNK], b"name"));
    }
}
