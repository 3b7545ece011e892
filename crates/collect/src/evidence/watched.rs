//! Contents of a capture without its packets: the format in which a bundle holds captures.
//!
//! The first line names the format, then come the number of packets and the notes, then the connections, in the text
//! form that [`wire::capture`] gives them.

use std::fmt::Write;

use wire::capture::Seen;
use wire::hex;

use super::capture::Capture;
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, TEXT};
use super::text;

const FIRST_LINE: &str = "rdpdoctor capture 1";
/// Most notes that are read.
const NOTES: usize = 100;

pub(super) const READER: Reader = Reader { kind: Kind::RecordedCapture, recognises, read: Access::Bytes(TEXT, read) };

fn recognises(head: &[u8]) -> bool {
    head.starts_with(FIRST_LINE.as_bytes())
}

fn read(bytes: &[u8]) -> Result<Piece, ReadError> {
    let capture = parsed(&text::decode(bytes)?).map_err(ReadError::Contents)?;
    Ok(Piece::Capture(Box::new(capture)))
}

/// Writes the text form.
pub(super) fn written(capture: &Capture) -> String {
    let Capture { seen, packets, notes, cut } = capture;
    let mut text = format!("{FIRST_LINE}\npackets {packets}\n");
    let notes = notes.iter().map(|note| ("note", note)).chain(cut.iter().map(|cut| ("cut", cut)));
    for (kind, note) in notes {
        let words: String = note.chars().filter(|c| !c.is_control()).collect();
        writeln!(text, "{kind} {} # {words}", hex::encode(note.as_bytes())).expect("writing to a String cannot fail");
    }
    text + &seen.to_string()
}

fn words_of(hexadecimal: &str) -> Option<String> {
    hex::decode(hexadecimal.trim()).and_then(|bytes| String::from_utf8(bytes).ok())
}

fn parsed(text: &str) -> Result<Capture, String> {
    let mut rest = text.strip_prefix(FIRST_LINE).unwrap_or_default().trim_start();
    let mut capture = Capture::default();
    while let Some((line, behind)) = rest.split_once('\n') {
        let words = line.split('#').next().unwrap_or_default();
        if let Some(packets) = words.strip_prefix("packets ") {
            capture.packets = packets.trim().parse().map_err(|_| "the number of packets is not valid".to_owned())?;
        } else if let Some(note) = words.strip_prefix("note ").filter(|_| capture.notes.len() < NOTES) {
            capture.notes.push(words_of(note).ok_or("a note is not valid")?);
        } else if let Some(cut) = words.strip_prefix("cut ") {
            capture.cut = Some(words_of(cut).ok_or("where it breaks off is not valid")?);
        } else {
            break;
        }
        rest = behind;
    }
    capture.seen = rest.parse::<Seen>().map_err(|error| error.to_string())?;
    Ok(capture)
}
