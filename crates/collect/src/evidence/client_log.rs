//! Logs of clients whose times lack a part of the date: FreeRDP's (`[08:01:02:123] [1:2] [ERROR][com.freerdp.core]`)
//! and guacd's in the form of syslog (`Nov 20 08:01:02 host guacd[7]: ERROR: …`).
//!
//! The missing part comes from when the file was written last: its last line is of that day, and whenever the clock
//! goes back a day has begun. Source: the default prefix of FreeRDP's logger (winpr, `wlog`), and logs in issues of
//! both.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use evidence::codes;
use evidence::state::{Part, State};
use time::{Date, Duration, Month, OffsetDateTime, Time};

use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, opened};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::ClientLog, recognises, read: Access::Place(read) };

/// Most bytes of a line, and of a file.
const LINE: u64 = 16 * 1024;
const FILE: u64 = 1024 * 1024 * 1024;
/// Most lines that are kept: the newest.
const LINES: usize = 4000;
const FREERDP: &str = "FreeRDP";
const GUACD: &str = "guacd";
/// Kinds of lines, as `event-programs.toml` numbers them.
const FAILED: u32 = 90_401;
const ENDED: u32 = 90_402;
const GUACD_ERROR: u32 = 90_601;
const NOTE: &str =
    "its times have no full date and no zone: the day is that of the file's last change, and they were taken as UTC";

/// Time of a line: that of the day, and for syslog the day of a year.
#[derive(Clone, Copy)]
struct Clock {
    day: Option<(Month, u8)>,
    time: Time,
}

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let mut lines = text.lines().take(40);
    lines.any(|line| split(line).is_some_and(|(.., rest)| rest.program().is_some()))
}

/// Rest of a line behind its time.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Names the program that wrote the line; `None` for any other.
    fn program(&self) -> Option<&'static str> {
        if self.0.contains("][com.freerdp.") || self.0.contains("][com.winpr.") {
            return Some(FREERDP);
        }
        self.0.contains(" guacd[").then_some(GUACD)
    }

    /// Returns the kind of the line and its code or sentence, if it tells of a fault.
    fn kind(&self) -> Option<(u32, String)> {
        if self.program()? == FREERDP {
            return code(self.0);
        }
        let (_, sentence) = self.0.split_once("]: ERROR:")?;
        Some((GUACD_ERROR, sentence.trim().chars().take(200).collect()))
    }
}

/// Finds the error that FreeRDP sets: `ERRCONNECT_…` of its own, or `ERRINFO_…` that the server sent.
fn code(text: &str) -> Option<(u32, String)> {
    let word = |start: &str| {
        let at = text.find(start)?;
        text.get(at..)?.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
    };
    let number = |family: &str, name: &str| {
        let codes = &codes::family(family)?.codes;
        codes.iter().find(|code| code.name.as_deref() == Some(name)).map(|code| code.number)
    };
    if let Some(name) = word("ERRCONNECT_").filter(|name| *name != "ERRCONNECT_SUCCESS") {
        return number("freerdp", name).map(|number| (FAILED, format!("{number:#010x}")));
    }
    let name = word("ERRINFO_").filter(|name| !matches!(*name, "ERRINFO_SUCCESS" | "ERRINFO_NONE"))?;
    number("errinfo", name).map(|number| (ENDED, format!("{number:#010x}")))
}

/// Splits a line into its time and the rest; `None` for a line without a time.
fn split(line: &str) -> Option<(Clock, Rest<'_>)> {
    let clock = |text: &str| {
        let mut parts = text.split(':').map(|part| part.parse::<u8>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        Time::from_hms(hour, minute, second).ok()
    };
    let line = line.trim_start_matches('\u{FEFF}');
    if let Some((time, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
        return Some((Clock { day: None, time: clock(time.get(..8)?)? }, Rest(rest)));
    }
    let (month, rest) = (line.get(..3)?, line.get(3..)?.trim_start());
    let (day, rest) = rest.split_once(' ')?;
    let (time, _) = rest.split_once(' ')?;
    let month = MONTHS.iter().position(|known| *known == month)?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    Some((Clock { day: Some((month, day.parse().ok()?)), time: clock(time)? }, Rest(rest)))
}

/// Months in the C locale, in which syslog writes them.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn read(path: &Path) -> Result<Piece, ReadError> {
    let written = fs::metadata(path)?.modified()?;
    of(opened(path, FILE)?, OffsetDateTime::from(written))
}

/// Reads a log that was written last at this time.
pub(super) fn of(source: impl Read, written: OffsetDateTime) -> Result<Piece, ReadError> {
    let mut lines = BufReader::new(text::Utf8::new(source));
    let (mut line, mut kept) = (Vec::new(), VecDeque::new());
    let (mut days, mut last): (i64, Option<Time>) = (0, None);
    loop {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let Some((clock, rest)) = split(&text) else { continue };
        let Some(program) = rest.program() else { continue };
        // threads write a little out of order
        days += i64::from(last.is_some_and(|last| last - clock.time > Duration::HOUR));
        last = Some(clock.time);
        kept.extend(rest.kind().map(|(id, value)| (days, clock, program, id, value)));
        if kept.len() > LINES {
            kept.pop_front();
        }
    }
    let newest = last.map_or(written, |last| if last > written.time() { written - Duration::DAY } else { written });
    let mut entries = Entries::default();
    for (day, clock, program, id, value) in kept {
        let at = dated(clock, newest, days - day);
        let mut entry = Exported { at, provider: program.to_owned(), id, ..Exported::default() };
        entry.field(if program == FREERDP { "ErrorCode" } else { "Value" }, &value);
        entries.take(entry);
    }
    entries.note(NOTE);
    let none = "no line of it tells of a fault that is known here: ask rdpdoctor explain";
    let pieces = entries.states("log of a client").map_err(|_| ReadError::Contents(none.to_owned()))?;
    let state = pieces.into_iter().find_map(|piece| if let Piece::State(state) = piece { Some(*state) } else { None });
    let state = State { part: Part::Client, ..state.unwrap_or_default() };
    Ok(Piece::State(Box::new(state)))
}

/// Completes the date of a line that was written this many midnights before the newest one.
fn dated(clock: Clock, newest: OffsetDateTime, midnights: i64) -> Option<OffsetDateTime> {
    let Some((month, day)) = clock.day else {
        let date = newest.date().checked_sub(Duration::days(midnights))?;
        return Some(date.with_time(clock.time).assume_utc());
    };
    let of_year = |year| Some(Date::from_calendar_date(year, month, day).ok()?.with_time(clock.time).assume_utc());
    // the zone of the line may be ahead of the clock of the file by most of a day
    let until = newest.checked_add(Duration::DAY)?;
    of_year(newest.year()).filter(|at| *at <= until).or_else(|| of_year(newest.year() - 1))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn told(text: &str) -> Result<Vec<(String, u32, String)>, String> {
        let written = datetime!(2026-11-21 09:00 UTC);
        let Piece::State(state) = of(text.as_bytes(), written).map_err(|error| error.to_string())? else { panic!() };
        assert_eq!((state.part, state.unread[0].why.as_str()), (Part::Client, NOTE));
        let value = |event: &evidence::state::LogEvent| event.data.values().next().cloned().unwrap_or_default();
        Ok(state.events.iter().map(|event| (event.at.clone(), event.id, value(event))).collect())
    }

    const FREERDP_LOG: &str = "[23:59:58:001] [1:2] [INFO][com.freerdp.client.x11] - starting\n\
        [23:59:59:123] [1:2] [ERROR][com.freerdp.core] - freerdp_set_last_error_ex ERRCONNECT_LOGON_FAILURE [0x00020014]\n\
        not a line\n\
        [08:01:02:123] [1:2] [ERROR][com.freerdp.core] - [rdp_set_error_info]: ERRINFO_IDLE_TIMEOUT (0x00000003): x\n\
        [08:01:02:124] [1:2] [ERROR][com.freerdp.core] - freerdp_set_last_error_ex ERRCONNECT_SUCCESS [0x00000000]\n";

    #[test]
    fn days_are_counted_back_from_the_last_change() {
        let expected = [
            ("2026-11-20T23:59:59Z".to_owned(), FAILED, "0x00020014".to_owned()),
            ("2026-11-21T08:01:02Z".to_owned(), ENDED, "0x00000003".to_owned()),
        ];
        assert!(recognises(FREERDP_LOG.as_bytes()));
        assert_eq!(told(FREERDP_LOG).unwrap(), expected);
    }

    #[test]
    fn lines_of_syslog_have_no_year() {
        let text = "Dec 31 08:01:02 host guacd[7]: ERROR:\tRDP server closed/refused connection: x\n\
                    Nov 21 08:01:02 host guacd[7]: INFO:\tCreating new client for protocol \"rdp\"\n\
                    Nov 21 08:01:03 host guacd[7]: ERROR:\tError connecting to RDP server\n\
                    Nov 21 08:01:04 host sshd[9]: ERROR: x\n";
        assert!(recognises(text.as_bytes()));
        let told: Vec<_> = told(text).unwrap().into_iter().map(|(at, id, _)| (at, id)).collect();
        let at = |text: &str| (text.to_owned(), GUACD_ERROR);
        assert_eq!(told, [at("2025-12-31T08:01:02Z"), at("2026-11-21T08:01:03Z")]);
    }

    #[test]
    fn other_logs_are_not_taken() {
        for text in
            ["", "[20261120-08:01:02] [INFO ] x", "Nov 21 08:01:02 host sshd[1]: x", "[08:01] x", "guacd[8]: INFO: x"]
        {
            assert!(!recognises(text.as_bytes()), "{text}");
        }
        let quiet = "[08:01:02:123] [1:2] [INFO][com.freerdp.core] - x\n";
        assert!(told(quiet).unwrap_err().contains("rdpdoctor explain"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, line in "(\\[|\\]|[0-9]{2}:|Feb |29 |guacd|ERRINFO_|ERRCONNECT_|com.freerdp.|ERROR: ){0,16}") {
            let _ = (told(&text), split(&line).map(|(_, rest)| rest.kind()), of(line.as_bytes(), OffsetDateTime::UNIX_EPOCH));
        }
    }
}
