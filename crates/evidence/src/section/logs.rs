//! Periods that event logs cover, and how much of them is missing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use wire::redaction::Names;

use super::budget::{KEPT, Missed};
use super::thing::{Count, Section};
use crate::events::{CLIENT_CHANNEL, RCM_ADMIN, SYSTEM};
use crate::moment::{moment, rfc3339, whole_second};
use crate::places::Part;
use crate::redaction::{REDACTED, date, one_of};
use crate::section::unread::Unread;

/// Period that a log covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogSpan {
    /// Channel of the log.
    pub channel: String,
    /// Oldest entry, RFC 3339, UTC.
    pub from: String,
    /// Newest entry, RFC 3339, UTC; for an exported log the time of its export.
    pub until: String,
    /// Entries read.
    pub records: u64,
    /// True if parts could not be read, or entries are missing between those that were.
    #[serde(default)]
    pub damaged: bool,
    /// Entries that mean something for Remote Desktop and were left out, because there are newer ones.
    #[serde(default)]
    pub left_out: u64,
    /// Newest of those left out, RFC 3339, UTC: after it nothing was.
    #[serde(default)]
    pub left_out_until: Option<String>,
}

impl LogSpan {
    /// True if every entry since this moment that means something for Remote Desktop is known: only then a missing
    /// entry shows that there was none.
    pub fn whole_since(&self, since: OffsetDateTime) -> bool {
        let before = |text: &str| moment(text).is_some_and(|known| known <= since);
        let kept = self.left_out == 0 || self.left_out_until.as_deref().is_some_and(before);
        !self.damaged && kept && before(&self.from)
    }

    /// Returns the period with the name of its log only if every Windows has that log.
    pub(super) fn nameless(&self) -> Self {
        let LogSpan { channel, from, until, records, damaged, left_out, left_out_until } = self;
        LogSpan {
            channel: self::channel(channel),
            from: date(from),
            until: date(until),
            records: *records,
            damaged: *damaged,
            left_out: *left_out,
            left_out_until: left_out_until.as_deref().map(date),
        }
    }
}

/// Logs that every Windows has.
const CHANNELS: &[&str] = &[
    SYSTEM,
    "Security",
    "Application",
    CLIENT_CHANNEL,
    RCM_ADMIN,
    "Microsoft-Windows-TerminalServices-RDPClient/Analytic",
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Admin",
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Admin",
    "Microsoft-Windows-CAPI2/Operational",
];
/// Part of a name that marks a log of the protocol.
const PROTOCOL: &str = "RdpCoreTS";
/// Words for entries, whether of a log's period or one by one.
pub(super) const COUNTED: [&str; 2] = ["log entry", "log entries"];

impl Section for LogSpan {
    const FACT: &'static str = "log.span";
    const TITLE: &'static str = "event logs";
    const DATED: bool = true;
    const COUNT: Option<Count> = Some(Count::Records(COUNTED));

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        self.nameless()
    }

    fn at(&self) -> Option<OffsetDateTime> {
        moment(&self.until)
    }

    fn about(&self, _: Part, _: Part) -> bool {
        // a host's logs also cover what it met as a client
        true
    }

    fn records(&self) -> u64 {
        self.records
    }
}

/// Keeps or renames the name of a log.
pub(super) fn channel(name: &str) -> String {
    match one_of(CHANNELS, name) {
        _ if name.is_empty() => String::new(),
        Some(known) => known,
        None if name.contains(PROTOCOL) => PROTOCOL.to_owned(),
        None => REDACTED.to_owned(),
    }
}

/// Adds entries that were left out to what a log says of itmissed.
pub(crate) fn add_missed(missed: &Missed, log: &mut LogSpan) {
    let known = log.left_out_until.as_deref().and_then(moment);
    let undated = missed.undated || (log.left_out > 0 && known.is_none());
    log.left_out = log.left_out.saturating_add(missed.count);
    log.left_out_until = known.max(missed.until).filter(|_| !undated).map(rfc3339);
}

/// Says how much of a log was left out.
pub fn left_out(log: &LogSpan) -> Option<Unread> {
    let until = log.left_out_until.as_ref().map_or(" (or without a time)".to_owned(), |until| {
        format!(", up to {},", whole_second(until).replacen('T', " ", 1).replacen('Z', " UTC", 1))
    });
    (log.left_out > 0).then(|| unread(&log.channel, format!("{} older entries{until} {}", log.left_out, older())))
}

/// Explains why entries are missing.
pub(crate) fn older() -> String {
    format!("were left out: of each kind the newest are kept, at most {KEPT}, and fewer where there are many")
}

pub(crate) fn unread(channel: &str, why: String) -> Unread {
    Unread { what: format!("event log {channel}"), why }
}
