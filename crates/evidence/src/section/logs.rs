//! Periods that event logs cover, and how much of them is missing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use wire::redaction::Names;

use super::{Count, Section};
use crate::events::{CLIENT_CHANNEL, RCM_ADMIN, SYSTEM};
use crate::moment::{moment, rfc3339};
use crate::redaction::{REDACTED, date, one_of};
use crate::state::bounds::KEPT;
use crate::state::{Part, State, Unread};

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

    fn renamed(&self, _: &mut Names, _: &State) -> Self {
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

/// Entries left out, by channel.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<String, Missed>);

#[derive(Debug, Default)]
struct Missed {
    count: u64,
    /// Time of the newest of them.
    until: Option<OffsetDateTime>,
    /// True if one of them has no time.
    undated: bool,
}

/// Most channels that are told apart in it.
const TOLD_APART: usize = 64;

impl LeftOut {
    pub(super) fn add(&mut self, channel: &str, at: Option<OffsetDateTime>) {
        if !self.0.contains_key(channel) {
            self.0.insert(channel.to_owned(), Missed::default());
        }
        let Some(missed) = self.0.get_mut(channel) else { return };
        missed.count += 1;
        missed.until = missed.until.max(at);
        missed.undated |= at.is_none();
    }

    /// Records it in the state: in the periods of its logs, and as unread.
    pub fn tell(self, state: &mut State) {
        for (number, (channel, missed)) in self.0.into_iter().enumerate() {
            let span = |log: &&mut LogSpan| log.channel.eq_ignore_ascii_case(&channel);
            let new = match state.logs.iter_mut().find(span) {
                Some(log) => {
                    let before = left_out(log);
                    state.unread.retain(|unread| Some(unread) != before.as_ref());
                    missed.add_to(log);
                    left_out(log)
                }
                None if number < TOLD_APART => Some(unread(&channel, format!("older entries {}", older()))),
                None => Some(Unread { what: "event logs".to_owned(), why: format!("older entries {}", older()) }),
            };
            let new: Vec<Unread> = new.into_iter().filter(|new| !state.unread.contains(new)).collect();
            state.unread.extend(new);
        }
    }
}

impl Missed {
    fn add_to(&self, log: &mut LogSpan) {
        let known = log.left_out_until.as_deref().and_then(moment);
        let undated = self.undated || (log.left_out > 0 && known.is_none());
        log.left_out = log.left_out.saturating_add(self.count);
        log.left_out_until = known.max(self.until).filter(|_| !undated).map(rfc3339);
    }
}

/// Says how much of a log was left out.
pub fn left_out(log: &LogSpan) -> Option<Unread> {
    let until = log
        .left_out_until
        .as_ref()
        .map_or(String::new(), |until| format!(", up to {},", until.replacen('T', " ", 1).replacen('Z', " UTC", 1)));
    (log.left_out > 0).then(|| unread(&log.channel, format!("{} older entries{until} {}", log.left_out, older())))
}

/// Explains why entries are missing.
fn older() -> String {
    format!("were left out: of each kind the newest are kept, at most {KEPT}, and fewer where there are many")
}

fn unread(channel: &str, why: String) -> Unread {
    Unread { what: format!("event log {channel}"), why }
}
