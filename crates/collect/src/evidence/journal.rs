//! Exports of the journal of systemd (`journalctl -o json`): lines of GNOME Remote Desktop and of xrdp.
//!
//! Source: the manual of systemd.journal-fields: `__REALTIME_TIMESTAMP` counts microseconds since 1970, `PRIORITY` is
//! that of syslog (4 is a warning), `MESSAGE` is text or a list of bytes.

use serde_json::Value;
use time::OffsetDateTime;

use super::dates::Dates;
use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::{text, xrdp_log};

pub(super) const READER: Reader = Reader { kind: Kind::Journal, recognises, read: Access::Stream(read) };

/// Most characters of a message that are kept.
const MESSAGE: usize = 300;
/// Priority from which on a line is no trouble (syslog: 4 is a warning, 5 a notice).
const NOTICE: u64 = 5;
const GNOME: &str = "gnome-remote-desktop";
const TROUBLE: u32 = 90_501;

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    // long entries may name the time late
    text.starts_with('{')
        && ["__REALTIME_TIMESTAMP", "__CURSOR", "__MONOTONIC_TIMESTAMP"].iter().any(|name| text.contains(name))
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let (mut entries, mut broken, mut count) = (Entries::default(), 0_u64, 0_u64);
    text::json_lines(source, |value| {
        count += 1;
        match value {
            Some(value) => entries.take_if(entry(&value)),
            None => broken += 1,
        }
    })?;
    if broken > 0 {
        entries.note(&format!("{broken} lines are no JSON"));
    }
    let none = || {
        let what = "holds no trouble of GNOME Remote Desktop and no line of xrdp that is known here";
        ReadError::Contents(format!("a journal that in {count} lines {what}"))
    };
    entries.states(name).map_err(|_| none())
}

fn entry(value: &Value) -> Option<Exported> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| {
        let value = value.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse::<u64>().ok())
    };
    let message = message(value.get("MESSAGE")?)?;
    let micros = number("__REALTIME_TIMESTAMP")?;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok();
    let from = [text("SYSLOG_IDENTIFIER"), text("_COMM"), text("_SYSTEMD_UNIT"), text("_SYSTEMD_USER_UNIT")];
    let is = |program: &str| from.iter().any(|name| name.contains(program));
    let mut entry = if is(GNOME) || is("grd-") {
        if number("PRIORITY")? >= NOTICE {
            return None;
        }
        let mut entry = Exported { provider: GNOME.to_owned(), id: TROUBLE, ..Exported::default() };
        entry.field("Line", &message.chars().take(MESSAGE).collect::<String>());
        entry
    } else if is("xrdp") {
        let sentence = message.rsplit_once("] ").map_or(message.as_str(), |(_, sentence)| sentence);
        xrdp_log::entry("", sentence, &mut Dates::default())?
    } else {
        return None;
    };
    (entry.at, entry.computer) = (at, text("_HOSTNAME").to_owned());
    Some(entry)
}

/// Text of a message: a list of bytes, where it is no UTF-8.
fn message(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let bytes: Option<Vec<u8>> = value.as_array()?.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const LINES: &str = concat!(
        r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795161662000000","PRIORITY":"4","SYSLOG_IDENTIFIER":"gnome-remote-desktop-daemon","_HOSTNAME":"desk","MESSAGE":"[RDP] no TLS key"}"#,
        "\n",
        r#"{"__REALTIME_TIMESTAMP":"1795161663000000","PRIORITY":"6","_COMM":"gnome-remote-de","_SYSTEMD_UNIT":"gnome-remote-desktop.service","MESSAGE":"RDP server started"}"#,
        "\nbroken\n",
        r#"{"__REALTIME_TIMESTAMP":1795161664000000,"PRIORITY":"6","SYSLOG_IDENTIFIER":"xrdp","_HOSTNAME":"desk","MESSAGE":[91,73,78,70,79,32,93,32,99,111,110,110,101,99,116,105,111,110,32,114,101,99,101,105,118,101,100,32,102,114,111,109,32,49,48,46,48,46,48,46,53,32,112,111,114,116,32,53]}"#,
        "\n",
        r#"{"__REALTIME_TIMESTAMP":"1795161665000000","PRIORITY":"3","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"x"}"#,
        "\n"
    );

    #[test]
    fn trouble_and_known_lines_are_told() {
        assert!(recognises(LINES.as_bytes()));
        let pieces = read(&mut Cursor::new(LINES), "j.json").unwrap();
        let Piece::State(state) = &pieces[0] else { panic!() };
        let told: Vec<_> = state.events.iter().map(|event| (event.at.as_str(), event.id)).collect();
        assert_eq!(told, [("2026-11-20T08:01:02Z", 90_501), ("2026-11-20T08:01:04Z", 90_101)]);
        assert_eq!(state.events[0].data["Line"], "[RDP] no TLS key");
        assert_eq!(state.events[1].data["ClientIP"], "10.0.0.5:5");
        assert_eq!((state.computer.as_deref(), state.unread[0].why.as_str()), (Some("desk"), "1 lines are no JSON"));
    }

    #[test]
    fn a_journal_of_others_says_so() {
        let other = LINES.lines().last().unwrap();
        let why = read(&mut Cursor::new(other), "j.json").unwrap_err().to_string();
        assert!(why.starts_with("a journal that in 1 lines holds no trouble"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn damage_is_no_panic(at in 0_usize..400, value: u8) {
            let mut bytes = LINES.as_bytes().to_vec();
            bytes[at] = value;
            let _ = read(&mut Cursor::new(bytes), "x");
        }
    }
}
