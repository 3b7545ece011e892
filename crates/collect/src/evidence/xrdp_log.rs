//! Logs of xrdp (`xrdp.log`) and of its manager of sessions (`xrdp-sesman.log`).
//!
//! A line is a time in brackets, a level in brackets, and a sentence: `[20261120-08:01:02] [INFO ] …` as far as 0.9,
//! `[2026-11-20T08:01:02.123+0100] [INFO ] …` since. Source: the source of xrdp, its issues, and its logs there.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::dates::{Dates, Zone};
use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source, regular};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::XrdpLog, recognises, read: Access::Stream(read) };

/// Most bytes of a line.
const LINE: u64 = 8192;
/// Levels as xrdp writes them.
const LEVELS: [&str; 5] = ["INFO", "WARN", "ERROR", "CORE", "DEBUG"];

/// Note on times without a zone.
const ZONE: &str = "its times have no zone and were taken as UTC: for exact times run `rdpdoctor inspect` on the machine \
                    that wrote it, whose zone is known there";

/// Words with which the manager of sessions of 0.9 says that somebody is in, from an address with its port.
const ACCESS_GRANTED: &str = "(access granted)";

/// Sentences that mean something, by words that all have to be in a line: the program and the number of the kind.
const SENTENCES: &[(&[&str], &str, u32)] = &[
    (&["connection received from"], "xrdp", 90_101),
    (&["A connection received from"], "xrdp", 90_101),
    (&["TLS connection established from"], "xrdp", 90_102),
    (&["Cannot read private key file"], "xrdp", 90_103),
    (&["error reading private key"], "xrdp", 90_103),
    (&["Error loading key file"], "xrdp", 90_103),
    (&["Cannot read certificate file"], "xrdp", 90_104),
    (&["error reading certificate"], "xrdp", 90_104),
    (&["onnect", "sesman", "fail"], "xrdp", 90_105),
    (&["error connecting to sesman"], "xrdp", 90_105),
    (&["login failed for"], "xrdp", 90_106),
    (&["Username or password error"], "xrdp-sesman", 90_201),
    (&["AUTHFAIL"], "xrdp-sesman", 90_201),
    (&["Access permitted for user"], "xrdp-sesman", 90_202),
    (&["access granted for user"], "xrdp-sesman", 90_202),
    (&["created session", ACCESS_GRANTED], "xrdp-sesman", 90_202),
    (&["ccess denied for user"], "xrdp-sesman", 90_203),
    (&["login denied for user"], "xrdp-sesman", 90_203),
    (&["X server", "could not be started"], "xrdp-sesman", 90_204),
    (&["X server", "failed to start"], "xrdp-sesman", 90_204),
    (&["Timed out waiting for X server"], "xrdp-sesman", 90_204),
    (&["error starting X server"], "xrdp-sesman", 90_204),
    (&["indow manager", "exited quickly"], "xrdp-sesman", 90_205),
];

/// Splits a line into its time and the rest; `None` for any other line.
fn split(line: &str) -> Option<(&str, &str)> {
    let (time, rest) = line.trim_start_matches('\u{FEFF}').strip_prefix('[')?.split_once(']')?;
    let level = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    LEVELS.contains(&level.0.trim()).then_some((time, level.1.trim()))
}

/// Rewrites `20261120-08:01:02` as a date that is read like others.
fn dated(time: &str) -> String {
    match (time.get(..4), time.get(4..6), time.get(6..8), time.get(8..9), time.get(9..)) {
        (Some(year), Some(month), Some(day), Some("-"), Some(clock)) => format!("{year}-{month}-{day} {clock}"),
        _ => time.to_owned(),
    }
}

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let text = if text.is_empty() { String::from_utf8_lossy(head).into_owned() } else { text };
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).take(3);
    lines.any(|line| split(line).is_some_and(|(time, _)| Dates::default().read(&dated(time)).is_some()))
}

/// Reads a log of the machine that this program runs on, whose times are those of its zone.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn here(path: &Path, zone: Zone) -> Result<Vec<Piece>, ReadError> {
    of(&mut regular(path)?, &path.display().to_string(), Dates::of(Some(zone)))
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    of(source, name, Dates::default())
}

fn of(source: &mut dyn Source, name: &str, mut dates: Dates) -> Result<Vec<Piece>, ReadError> {
    let mut lines = BufReader::new(text::Utf8::new(source));
    let (mut entries, mut line, mut count) = (Entries::default(), Vec::new(), 0_u64);
    loop {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let Some((time, sentence)) = split(&text) else { continue };
        count += 1;
        entries.take_if(entry(&dated(time), sentence, &mut dates));
    }
    dates.notes_with(ZONE).for_each(|words| entries.note(words));
    let none = || {
        ReadError::Contents(format!("a log of xrdp, of whose {count} lines none is known here: ask rdpdoctor explain"))
    };
    entries.states(name).map_err(|_| none())
}

/// Reads a line, if its sentence is known.
pub(super) fn entry(time: &str, sentence: &str, dates: &mut Dates) -> Option<Exported> {
    let (_, provider, id) = SENTENCES.iter().find(|(words, ..)| words.iter().all(|word| sentence.contains(word)))?;
    dates.see(time);
    let mut entry = Exported { at: dates.read(time), provider: (*provider).to_owned(), id: *id, ..Exported::default() };
    if let Some(peer) = peer(sentence) {
        entry.field("ClientIP", &peer);
    }
    Some(entry)
}

/// Finds `… from ADDRESS port NUMBER`, also `from ip ADDRESS`, `ip=ADDRESS` and `ip ADDRESS:PORT`; IPv4 in the form of
/// IPv6 is IPv4.
fn peer(sentence: &str) -> Option<String> {
    let behind = [" from ", " ip ", " ip="].iter().find_map(|words| Some(sentence.split_once(words)?.1))?;
    if sentence.contains(ACCESS_GRANTED) {
        let (address, port) = behind.split_whitespace().next()?.rsplit_once(':')?;
        let (address, port) = (address.parse::<std::net::IpAddr>().ok()?.to_canonical(), port.parse().ok()?);
        return Some(std::net::SocketAddr::from((address, port)).to_string());
    }
    let mut words = behind.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let address =
        words.find_map(|word| word.trim_matches(':').parse::<std::net::IpAddr>().or_else(|_| word.parse()).ok())?;
    let port =
        words.skip_while(|word| *word != "port").nth(1).and_then(|word| word.trim_end_matches(':').parse::<u16>().ok());
    let address = address.to_canonical();
    Some(port.map_or_else(|| address.to_string(), |port| std::net::SocketAddr::from((address, port)).to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn told(text: &str) -> Vec<(String, u32, String)> {
        assert!(recognises(text.as_bytes()));
        let pieces = read(&mut Cursor::new(text), "xrdp.log").unwrap();
        let Piece::State(state) = &pieces[0] else { panic!() };
        let peer = |event: &evidence::state::LogEvent| event.data.get("ClientIP").cloned().unwrap_or_default();
        state.events.iter().map(|event| (event.at.clone(), event.id, peer(event))).collect()
    }

    #[test]
    fn both_forms_of_its_lines_are_read() {
        let old = "[20261120-08:01:02] [INFO ] Socket 12: AF_INET6 connection received from ::ffff:10.0.0.5 port 50123\n\
                   [20261120-08:01:03] [DEBUG] nothing\n\
                   [20261120-08:01:04] [ERROR] Cannot read private key file /etc/xrdp/key.pem: Permission denied\n";
        assert_eq!(
            told(old),
            [
                ("2026-11-20T08:01:02Z".to_owned(), 90_101, "10.0.0.5:50123".to_owned()),
                ("2026-11-20T08:01:04Z".to_owned(), 90_103, String::new())
            ]
        );
        let new = "[2026-11-20T09:01:02.250+0100] [INFO ] TLS connection established from 10.0.0.5 port 50123: TLSv1.3 with cipher x\n\
                   [2026-11-20T09:01:03.000+0100] [INFO ] Username or password error for user: a\n";
        assert_eq!(
            told(new),
            [
                ("2026-11-20T08:01:02.25Z".to_owned(), 90_102, "10.0.0.5:50123".to_owned()),
                ("2026-11-20T08:01:03Z".to_owned(), 90_201, String::new())
            ]
        );
    }

    /// As version 0.9.21 wrote them.
    #[test]
    fn who_logged_on_from_where() {
        let log = "[20261129-22:44:43] [INFO ] ++ created session (access granted): username a, ip \
                   ::ffff:192.0.2.9:48494 - socket: 12\n\
                   [20261129-22:44:57] [INFO ] AUTHFAIL: user=a ip=::ffff:192.0.2.9 time=1795992297\n";
        assert_eq!(
            told(log),
            [
                ("2026-11-29T22:44:43Z".to_owned(), 90_202, "192.0.2.9:48494".to_owned()),
                ("2026-11-29T22:44:57Z".to_owned(), 90_201, "192.0.2.9".to_owned())
            ]
        );
        let six = "++ created session (access granted): username a, ip 2001:db8::7:48494 - socket: 12";
        assert_eq!(peer(six).as_deref(), Some("[2001:db8::7]:48494"));
    }

    #[test]
    fn other_logs_are_none_of_xrdps() {
        assert!(!recognises(b"[08:01:02:123] [1:2] [ERROR][com.freerdp.core] - x\n"));
        assert!(!recognises(b"[INFO] [x] y\n") && !recognises(b""));
        let why = read(&mut Cursor::new("[20261120-08:01:02] [INFO ] starting\n"), "x").unwrap_err().to_string();
        assert!(why.contains("of whose 1 lines none is known"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, behind in "( from | ip |::ffff:1.2.3.4|port|[0-9a-f:. ]){0,12}") {
            let _ = (read(&mut Cursor::new(&text), "x"), peer(&behind), split(&text), dated(&text));
        }
    }
}
