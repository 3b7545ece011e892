//! Connection attempts, joined from entries of event logs: when, from where, how far, how they ended.
//!
//! Windows gives the entries of one connection one ActivityID, across the logs of RdpCoreTS, Remote Connection Manager
//! and Local Session Manager. An entry without one, such as Schannel's, belongs to the attempt at whose time it falls,
//! if there is exactly one; otherwise it stays by itself.

use std::collections::HashMap;

pub use evidence::codes::Progress;
use evidence::codes::{AttemptStep, Sureness};
use evidence::events::{Known, LSM};
use evidence::moment::moment;
use evidence::printable::printable;
use evidence::state::{LogEvent, Part};
use evidence::symptom::parse_code;
use evidence::{codes, events};
use time::{Duration, OffsetDateTime};

use crate::audit;
pub(crate) use crate::audit::split;
use crate::case::Seen;

/// Time after an attempt's last entry within which an entry without an ActivityID may still belong to it.
const LINGERING: Duration = Duration::seconds(5);
/// Time after an attempt's last entry within which a transport over UDP from the same address belongs to it.
const TRANSPORT: Duration = Duration::seconds(30);
/// Latest attempts that are considered for that.
const LOOKED_AT: usize = 64;

/// Most problems of one attempt that are told apart.
const TROUBLES: usize = 8;

/// Connection attempt, joined from log entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Time of its first entry.
    pub at: OffsetDateTime,
    /// Time of its last entry.
    pub until: OffsetDateTime,
    /// Peer as `address:port` or `address`: the sender, or for a client's own log the destination.
    pub peer: Option<String>,
    /// How far it got.
    pub reached: Progress,
    /// Problems, each once.
    pub trouble: Vec<String>,
    /// How it ended, in words.
    pub ended: Option<String>,
    /// Observations that it was joined from.
    pub observations: Vec<usize>,
    console: bool,
    activity: Option<String>,
    kinds: Vec<(&'static str, u32)>,
}

/// An entry as it bears on an attempt.
struct Step<'a> {
    at: OffsetDateTime,
    known: Known,
    declared: &'static AttemptStep,
    event: &'a LogEvent,
    observation: usize,
}

/// Joins entries to attempts in the order of time, and returns the entries that belong to none.
pub fn join<'a>(entries: impl Iterator<Item = Seen<&'a LogEvent>>) -> (Vec<Attempt>, Vec<Seen<&'a LogEvent>>) {
    let mut entries: Vec<_> = entries.filter_map(|seen| Some((moment(&seen.value.at)?, seen))).collect();
    entries.sort_by_key(|(at, seen)| (*at, seen.value.record, seen.id));
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut by_activity: HashMap<&str, usize> = HashMap::new();
    let mut alone = Vec::new();
    for (at, seen) in entries {
        let event = seen.value;
        let known = events::find(&event.provider, event.id);
        let known = known.filter(|known| !events::as_client(&event.data, *known));
        let Some((known, declared)) = known.and_then(|known| Some((known, known.attempt()?))) else {
            alone.push(seen);
            continue;
        };
        let activity = event.activity.as_deref();
        let step = Step { at, known, declared, event, observation: seen.id };
        let joined = activity
            .and_then(|activity| by_activity.get(activity).copied())
            .or_else(|| step.beside(&attempts))
            .or_else(|| step.near(&attempts));
        let number = match joined {
            Some(number) => number,
            None if step.begins() => {
                attempts.push(Attempt::new(at));
                attempts.len() - 1
            }
            None => {
                alone.push(seen);
                continue;
            }
        };
        attempts[number].add(&step);
        if let Some(activity) = activity {
            by_activity.entry(activity).or_insert(number);
        }
    }
    (attempts, alone)
}

impl Step<'_> {
    /// True if the entry by itself shows that there was an attempt.
    fn begins(&self) -> bool {
        self.declared.begins
    }

    /// True for a transport over UDP, which a client opens beside the connection that it has.
    fn udp(&self) -> bool {
        self.event.data.get("ConnType").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("UDP"))
    }

    /// Finds the latest attempt from the address of a transport over UDP, shortly before it.
    fn beside(&self, attempts: &[Attempt]) -> Option<usize> {
        let peer = self.peer().filter(|_| self.udp())?;
        let start = attempts.len().saturating_sub(LOOKED_AT);
        (start..attempts.len()).rev().find(|number| {
            let attempt = &attempts[*number];
            self.at - attempt.until <= TRANSPORT && attempt.address().is_some_and(|from| from == split(&peer).0)
        })
    }

    /// Finds the one attempt at whose time it falls, if it has no ActivityID or that attempt has none.
    fn near(&self, attempts: &[Attempt]) -> Option<usize> {
        if self.begins() && self.event.activity.is_some() {
            return None;
        }
        let start = attempts.len().saturating_sub(LOOKED_AT);
        let peer = self.peer();
        let fits = |attempt: &Attempt| {
            let strangers = attempt.activity.is_some() && self.event.activity.is_some();
            let elsewhere = match (&attempt.peer, &peer) {
                (Some(one), Some(other)) => !same_peer(one, other),
                _ => false,
            };
            !strangers && !elsewhere && self.at - attempt.until <= LINGERING && !attempt.has(self)
        };
        let mut found = (start..attempts.len()).filter(|number| fits(&attempts[*number]));
        found.next().filter(|_| found.next().is_none())
    }

    /// Returns the address that the entry names. For the session manager a word that is no address says `LOCAL` in the
    /// language of Windows: the console.
    fn peer(&self) -> Option<String> {
        let told = self.declared.peer.iter().find_map(|name| self.event.data.get(name))?.trim();
        let none = told.is_empty() || matches!(told, "-" | "LOCAL") || self.known.provider == LSM && !is_address(told);
        (!none).then(|| printable(told))
    }

    /// True if it is about a session at the machine's own console.
    fn at_console(&self) -> bool {
        let told = self.event.data.get("Address").map_or("", |address| address.trim());
        self.known.provider == LSM && !matches!(told, "" | "-") && !is_address(told)
    }

    fn end(&self) -> Option<String> {
        let find = if self.known.part == Part::Host { by_host } else { codes::shown_by_client };
        match &self.declared.reason {
            Some(field) => self.event.data.get(field).map(|reason| disconnected(&printable(reason), find)),
            None => self.declared.ended.clone(),
        }
    }
}

/// Says how a connection ended: the number as logs and clients show it, and its meaning in the list that `find` knows.
fn disconnected(reason: &str, find: fn(u32) -> Option<codes::Entry>) -> String {
    let Ok(number) = parse_code(reason) else { return format!("disconnected, reason {reason}") };
    let known = find(number).filter(|entry| entry.code.confidence < Sureness::Low);
    let meaning = known.map_or(String::new(), |entry| format!(": {}", entry.code.meaning));
    format!("disconnected, reason {reason} ({number:#x}{meaning})")
}

/// Finds the reason that the host's session manager gives: an extended code, or an HRESULT, perhaps made of an NTSTATUS
/// ([MS-ERREF] 2.1: the bit N).
fn by_host(number: u32) -> Option<codes::Entry> {
    const OF_NTSTATUS: u32 = 0x1000_0000;
    let status = || codes::find("ntstatus", number & !OF_NTSTATUS);
    codes::find("extended", number).or_else(|| codes::find("hresult", number)).or_else(status)
}

/// True for an address, with a port or without.
fn is_address(text: &str) -> bool {
    split(text).0.parse::<std::net::IpAddr>().is_ok()
}

/// True if the addresses are equal and, where both have a port, the ports too.
fn same_peer(one: &str, other: &str) -> bool {
    let (first, second) = (split(one), split(other));
    first.0 == second.0 && (first.1.is_none() || second.1.is_none() || first.1 == second.1)
}

impl Attempt {
    fn new(at: OffsetDateTime) -> Self {
        Self {
            at,
            until: at,
            peer: None,
            reached: Progress::Begun,
            trouble: Vec::new(),
            ended: None,
            observations: Vec::new(),
            console: false,
            activity: None,
            kinds: Vec::new(),
        }
    }

    fn add(&mut self, step: &Step<'_>) {
        self.until = self.until.max(step.at);
        self.reached = self.reached.max(step.declared.reached.unwrap_or(Progress::Begun));
        // only one entry has the port, so the longer text is the fuller one
        let told = step.peer().filter(|_| self.peer.is_none() || !step.udp());
        self.peer = [self.peer.take(), told].into_iter().flatten().max_by_key(String::len);
        if !step.known.normal {
            let told = audit::told(step.event, step.known);
            if !self.trouble.contains(&told) && self.trouble.len() < TROUBLES {
                self.trouble.push(told);
            }
        }
        self.ended = self.ended.take().filter(|end| end != "ended").or_else(|| step.end());
        self.activity = self.activity.take().or_else(|| step.event.activity.clone());
        self.console |= step.at_console();
        self.kinds.push((step.known.provider, step.known.id));
        self.observations.push(step.observation);
    }

    /// True if it already has an entry of this kind, of which each attempt has only one.
    fn has(&self, step: &Step<'_>) -> bool {
        step.begins() && self.kinds.contains(&(step.known.provider, step.known.id))
    }

    /// True if the logs record no problem in it.
    pub fn normal(&self) -> bool {
        self.trouble.is_empty()
    }

    /// Says how far it got, what went wrong and how it ended.
    pub fn words(&self) -> String {
        let reached = match self.reached {
            Progress::Begun => "begun",
            Progress::Arrived => "arrived",
            Progress::Authenticating => "came to the logon",
            Progress::Authenticated => "passed the network authentication",
            Progress::LoggedOn if self.console => "logged on at the console",
            Progress::LoggedOn => "logged on",
        };
        let parts = [reached].into_iter().chain(self.trouble.iter().map(String::as_str)).chain(self.ended.as_deref());
        parts.collect::<Vec<_>>().join("; ")
    }

    /// Returns the address that it came from, without the port.
    pub fn address(&self) -> Option<&str> {
        self.peer.as_deref().map(|peer| split(peer).0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evidence::events::{CLIENT, CORE, LSM, RCM, SCHANNEL, SECURITY};

    use super::*;

    fn entry(second: u8, provider: &str, id: u32, activity: Option<&str>, data: &[(&str, &str)]) -> LogEvent {
        LogEvent {
            at: format!("2026-11-21T09:00:{second:02}Z"),
            channel: String::new(),
            provider: provider.to_owned(),
            id,
            record: u64::from(second),
            activity: activity.map(str::to_owned),
            data: data
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn joined(entries: &[LogEvent]) -> (Vec<Attempt>, usize) {
        let (attempts, alone) = join((1..).zip(entries).map(|(id, value)| Seen { value, id }));
        (attempts, alone.len())
    }

    #[test]
    fn one_activity_is_one_attempt_across_logs() {
        let entries = [
            entry(1, RCM, 261, Some("a"), &[("listenerName", "RDP-Tcp")]),
            entry(1, CORE, 131, Some("a"), &[("ClientIP", "198.51.100.4:50270")]),
            entry(2, RCM, 261, Some("b"), &[]),
            entry(4, RCM, 1149, Some("a"), &[("Param3", "198.51.100.4")]),
            entry(5, CORE, 140, Some("b"), &[("IPString", "203.0.113.9")]),
            entry(6, CORE, 143, Some("b"), &[("error", "64")]),
            entry(6, CORE, 102, Some("b"), &[]),
        ];
        let (attempts, alone) = joined(&entries);
        assert_eq!((attempts.len(), alone), (2, 0));
        assert_eq!(attempts[0].peer.as_deref(), Some("198.51.100.4:50270"));
        assert_eq!((attempts[0].reached, attempts[0].normal()), (Progress::Authenticated, true));
        assert_eq!(attempts[1].address(), Some("203.0.113.9"));
        assert_eq!(attempts[1].ended.as_deref(), Some("closed by the other end"));
        assert!(!attempts[1].normal());
    }

    #[test]
    fn an_entry_without_activity_goes_by_address_and_time() {
        let entries = [
            entry(1, CORE, 131, Some("a"), &[("ClientIP", "198.51.100.4:50270")]),
            entry(1, CORE, 131, Some("b"), &[("ClientIP", "203.0.113.9:1")]),
            entry(2, SECURITY, 4625, None, &[("IpAddress", "203.0.113.9")]),
            entry(3, SCHANNEL, 36870, None, &[]),
        ];
        let (attempts, alone) = joined(&entries);
        assert!(attempts[0].normal());
        assert!(!attempts[1].normal());
        // two attempts at that time: Schannel's entry goes to neither
        assert_eq!((attempts.len(), alone), (2, 1));
    }

    #[test]
    fn a_handshake_that_fails_belongs_to_the_only_attempt_of_its_time() {
        let arrived = entry(1, CORE, 131, Some("a"), &[("ClientIP", "198.51.100.4:50270")]);
        let (attempts, alone) = joined(&[arrived.clone(), entry(2, SCHANNEL, 36870, None, &[])]);
        assert_eq!((attempts.len(), alone), (1, 0));
        assert!(attempts[0].words().contains("private key"), "{}", attempts[0].words());
        let (attempts, alone) = joined(&[arrived, entry(30, SCHANNEL, 36870, None, &[])]);
        assert!(attempts[0].normal());
        assert_eq!(alone, 1);
    }

    /// The key with which the host introduces itself to another server is not its listener's.
    #[test]
    fn what_the_host_meets_as_a_client_belongs_to_no_attempt() {
        let arrived = entry(1, CORE, 131, Some("a"), &[("ClientIP", "198.51.100.4:50270")]);
        let (attempts, alone) = joined(&[arrived, entry(2, SCHANNEL, 36870, None, &[("Type", "client")])]);
        assert!(attempts[0].normal());
        assert_eq!(alone, 1);
    }

    #[test]
    fn the_number_of_a_disconnect_is_told_as_clients_show_it() {
        let ended = |provider, id, name, number| {
            let begun = entry(1, CLIENT, 1024, None, &[("Value", "server01")]);
            let begun = if provider == LSM { entry(1, LSM, 21, None, &[]) } else { begun };
            joined(&[begun, entry(2, provider, id, None, &[(name, number)])]).0[0].ended.clone().unwrap()
        };
        let closed =
            "disconnected, reason 2308 (0x904: the other side closed the TCP connection while it was being set up)";
        assert_eq!(ended(CLIENT, 1026, "Value", "2308"), closed);
        let replaced = "disconnected, reason 5 (0x5: another connection took the session over)";
        assert_eq!(ended(LSM, 40, "Reason", "5"), replaced);
        let status = ended(LSM, 40, "Reason", "3489660929");
        assert!(status.starts_with("disconnected, reason 3489660929 (0xd0000001"), "{status}");
        assert_eq!(ended(LSM, 40, "Reason", "777777"), "disconnected, reason 777777 (0xbde31)");
        assert_eq!(ended(LSM, 40, "Reason", "?"), "disconnected, reason ?");
    }

    #[test]
    fn the_order_of_the_files_does_not_matter() {
        let mut entries = vec![
            entry(1, CORE, 131, Some("a"), &[("ClientIP", "[2001:db8::1]:50270")]),
            entry(3, LSM, 21, Some("a"), &[("Address", "2001:db8::1")]),
            entry(9, LSM, 40, Some("a"), &[("Reason", "12")]),
        ];
        let (before, _) = joined(&entries);
        entries.reverse();
        let (after, _) = joined(&entries);
        assert_eq!(before[0].words(), after[0].words());
        assert_eq!(after[0].words(), "logged on; disconnected, reason 12 (0xc: the user logged off)");
        assert_eq!(after[0].address(), Some("2001:db8::1"));
    }
}
