//! Bundles: a zip of evidence read elsewhere, with a manifest and hashes. Nothing of it is ever unpacked to a disk.
//!
//! A fault of one entry is reported for that entry; the others are read. The bundle as a whole is refused only if its
//! list of entries is missing, or its manifest damaged. Any other zip is read as a folder: [`loose`].

mod archive;
mod inflating;
mod loose;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;

use evidence::bundle::{BundledFile, LeftOut, MANIFEST, Manifest, SCHEMA};
use evidence::moment::rfc3339;
use evidence::printable::printable;
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use self::archive::{Archive, ArchiveError, Entry, Whose, Writer};
use super::kind::Kind;
use super::reader::{Access, Inside, Piece, ReadError, Reader, Take, regular};
use super::readers::READERS;
use super::watched;

/// Most bytes of a manifest.
const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

pub(super) const READER: Reader = Reader { kind: Kind::Bundle, recognises, read: Access::Bundle(read) };

/// Returns a piece as a file that the readers read back to the same evidence: the end of its name, and its bytes.
pub fn stored(piece: &Piece) -> (&'static str, Vec<u8>) {
    match piece {
        Piece::State(state) => ("json", state.to_json().into_bytes()),
        Piece::Transcript(transcript) => ("txt", transcript.to_string().into_bytes()),
        Piece::Capture(capture) => ("txt", watched::written(capture).into_bytes()),
    }
}

/// True if a file that begins like this is an archive, or an empty one.
fn recognises(head: &[u8]) -> bool {
    head.starts_with(archive::MAGIC) || head.starts_with(b"PK\x05\x06")
}

fn read(path: &Path, take: Take<'_>) -> Result<Inside, ReadError> {
    read_from(regular(path)?, take)
}

/// True for a bundle that this program wrote: a zip with a manifest of ours.
pub fn is_bundle(path: &Path) -> bool {
    let manifest = regular(path).and_then(|mut file| manifest(&mut Archive::open(&mut file, Whose::Ours)?));
    manifest.is_ok_and(|manifest| manifest.is_some())
}

impl From<ArchiveError> for ReadError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Io(error) => Self::Io(error),
            ArchiveError::Contents(why) => Self::Contents(why),
        }
    }
}

/// Reads a bundle, and hands on its pieces.
pub(super) fn read_from(mut file: impl Read + Seek, take: Take<'_>) -> Result<Inside, ReadError> {
    let mut archive = Archive::open(&mut file, Whose::Ours)?;
    let Some(manifest) = manifest(&mut archive)? else {
        return loose::read(&mut Archive::open(&mut file, Whose::Anybodys)?, take);
    };
    let files = manifest.files.clone();
    let mut inside = Inside { manifest: Some(manifest), passed_over: 0, unread: std::mem::take(&mut archive.refused) };
    let mut entries: BTreeMap<String, Entry> =
        archive.entries.iter().map(|entry| (entry.name.clone(), entry.clone())).collect();
    entries.remove(MANIFEST);
    for file in files {
        let name = printable(&file.path);
        match entries.remove(&file.path) {
            Some(entry) => {
                let read = bundled(&mut archive, &entry, &file);
                if let Err(why) = read.and_then(|(kind, piece)| take(&name, kind, piece)) {
                    inside.unread.push((name, why));
                }
            }
            None if inside.unread.iter().any(|(refused, _)| *refused == name) => {}
            None => inside.unread.push((name, format!("{MANIFEST} names it, and it is not in the bundle"))),
        }
    }
    let strange = entries.into_keys().map(|name| (name, format!("{MANIFEST} does not name it, so it was not read")));
    inside.unread.extend(strange);
    Ok(inside)
}

/// Reads the manifest; `None` for a zip that has none, which is no bundle of ours.
fn manifest<S: Read + Seek>(archive: &mut Archive<S>) -> Result<Option<Manifest>, ReadError> {
    let Some(entry) = archive.entries.iter().find(|entry| entry.name == MANIFEST).cloned() else {
        let refused = archive.refused.iter().find(|(name, _)| name.eq_ignore_ascii_case(MANIFEST));
        return refused.map_or(Ok(None), |(name, why)| Err(ReadError::Contents(format!("{name}: {why}"))));
    };
    let bytes = archive.bytes(&entry, MANIFEST_LIMIT);
    let bytes = bytes.map_err(|why| ReadError::Contents(format!("{MANIFEST}: {why}")))?;
    let text = String::from_utf8(bytes).map_err(|_| ReadError::Contents(format!("{MANIFEST} is no UTF-8")))?;
    Manifest::parse(&text).map(Some).map_err(|error| ReadError::Contents(error.to_string()))
}

/// Reads one file of the bundle: as the manifest says, or not at all.
fn bundled<S: Read + Seek>(
    archive: &mut Archive<S>,
    entry: &Entry,
    file: &BundledFile,
) -> Result<(Kind, Piece), String> {
    let bytes = archive.bytes(entry, archive::ENTRY)?;
    if sha256(&bytes) != file.sha256.to_ascii_lowercase() || bytes.len() as u64 != file.bytes {
        return Err(format!("it is not the file that {MANIFEST} names: it was changed after the bundle was made"));
    }
    if recognises(&bytes) {
        return Err("a zip within the bundle, which is not opened".to_owned());
    }
    let reader = READERS.iter().find(|reader| (reader.recognises)(&bytes));
    let Some((reader, (_, read))) = reader.and_then(|reader| Some((reader, reader.read.bytes()?))) else {
        return Err("of no kind that stands in bundles".to_owned());
    };
    if reader.kind.words() != file.kind {
        return Err(format!("{MANIFEST} calls it {:?}, and it is a {}", printable(&file.kind), reader.kind));
    }
    read(&bytes).map(|piece| (reader.kind, piece)).map_err(|error| format!("{}: {error}", reader.kind))
}

/// Makes a bundle of these pieces: its bytes, and its manifest. Equal input makes equal bytes.
///
/// `made_at` is when they were gathered; `redacted` says whether names were replaced in them, which is not done here.
pub fn write(pieces: &[Piece], left_out: &[LeftOut], made_at: OffsetDateTime, redacted: bool) -> (Vec<u8>, Manifest) {
    let mut manifest = Manifest {
        schema: SCHEMA.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: rfc3339(made_at),
        redacted,
        files: Vec::new(),
        left_out: left_out.to_vec(),
    };
    let mut contents = Vec::new();
    for piece in pieces {
        match storable(piece, manifest.files.len() + 1) {
            Ok((file, bytes)) => {
                manifest.files.push(file);
                contents.push(bytes);
            }
            Err(left_out) => manifest.left_out.push(left_out),
        }
    }
    let mut zip = Writer::default();
    zip.add(MANIFEST, manifest.to_json().as_bytes(), made_at);
    for (file, bytes) in manifest.files.iter().zip(&contents) {
        zip.add(&file.path, bytes, made_at);
    }
    (zip.finish(), manifest)
}

/// Turns a piece into a file of the bundle, or says why it cannot be one.
fn storable(piece: &Piece, number: usize) -> Result<(BundledFile, Vec<u8>), LeftOut> {
    let (extension, bytes) = stored(piece);
    let reader = READERS.iter().find(|reader| reader.read.bytes().is_some() && (reader.recognises)(&bytes));
    let reader = reader.expect("every piece is stored in a form that a reader knows, which tests hold");
    if bytes.len() as u64 > archive::ENTRY || number >= archive::ENTRIES {
        let why = format!("more than {} bytes, or more than {} files", archive::ENTRY, archive::ENTRIES);
        return Err(LeftOut { what: piece.name().to_owned(), why });
    }
    let path = format!("{}/{number}.{extension}", piece.name());
    let file =
        BundledFile { path, kind: reader.kind.words().to_owned(), sha256: sha256(&bytes), bytes: bytes.len() as u64 };
    Ok((file, bytes))
}

fn sha256(bytes: &[u8]) -> String {
    wire::hex::encode(digest(&SHA256, bytes).as_ref())
}
