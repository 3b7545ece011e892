//! Entries of event logs that another program exported: as text, CSV, XML or JSON. Every such reader hands its entries
//! to [`Entries`], which keeps what means something for Remote Desktop, bounded as in a log itself.
//!
//! An export holds what somebody selected: it never shows that an entry is absent, so each of its logs counts as one
//! with gaps. Where it has no fields but only a message, the peer's address and the fields whose labels are known in
//! English are taken out of that.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use evidence::events::{self, CLIENT_CHANNEL, Known, LSM, RCM, SCHANNEL, SECURITY, SERVICES};
use evidence::moment::rfc3339;
use evidence::state::bounds::{ENTRIES, KEPT, Newest};
use evidence::state::{LogEvent, LogSpan, Part, SCHEMA, State, Unread};
use time::OffsetDateTime;

use super::machines::same_machine;
use super::reader::{Piece, ReadError};

/// Most machines of one export, and most channels of all of them.
const MACHINES: usize = 32;
const CHANNELS: usize = 256;
/// Most fields of an entry.
const FIELDS: usize = 64;
/// Most bytes of a field.
const FIELD: usize = 4096;

/// Entry as an export has it.
#[derive(Debug, Default, Clone)]
pub(super) struct Exported {
    pub(super) at: Option<OffsetDateTime>,
    /// Channel; empty where the export does not tell.
    pub(super) channel: String,
    pub(super) provider: String,
    pub(super) id: u32,
    pub(super) record: u64,
    pub(super) computer: String,
    pub(super) activity: Option<String>,
    /// Fields by their names.
    pub(super) data: BTreeMap<String, String>,
    /// Message in the language of the machine, where there are no fields.
    pub(super) message: String,
}

impl Exported {
    /// Adds a field, if there is room.
    pub(super) fn field(&mut self, name: &str, text: &str) {
        if self.data.len() < FIELDS && text.len() <= FIELD {
            self.data.insert(name.to_owned(), text.to_owned());
        }
    }
}

/// Channel of a machine.
struct Span {
    channel: String,
    records: u64,
    time: (OffsetDateTime, OffsetDateTime),
}

struct Machine {
    name: String,
    spans: Vec<Span>,
    newest: Newest,
}

/// Entries so far.
#[derive(Default)]
pub(super) struct Entries {
    machines: Vec<Machine>,
    beyond: u64,
    without_time: u64,
    /// Notes on the whole export, once each.
    notes: Vec<String>,
}

impl Entries {
    /// Takes in an entry.
    pub(super) fn take(&mut self, mut entry: Exported) {
        let Some(at) = entry.at else {
            self.without_time += 1;
            return;
        };
        let known = known(&entry.provider, entry.id);
        if entry.channel.is_empty() {
            entry.channel = known.map(channel_of).unwrap_or_default();
        }
        let Some((machine, span)) = self.place(&entry, at) else {
            self.beyond += 1;
            return;
        };
        let machine = &mut self.machines[machine];
        let span = &mut machine.spans[span];
        span.records += 1;
        span.time = (span.time.0.min(at), span.time.1.max(at));
        let Some(known) = known else { return };
        let kind = (known.provider, known.id);
        if entry.data.is_empty() && !entry.message.is_empty() {
            for (name, text) in told(known, &entry.message) {
                entry.field(&name, &text);
            }
        }
        if !machine.newest.wants(kind, (Some(at), entry.record)) {
            return machine.newest.pass_over(kind, &span.channel, Some(at), &entry.data);
        }
        let Exported { provider, record, activity, data, .. } = entry;
        let channel = span.channel.clone();
        let event = LogEvent { at: rfc3339(at), channel, provider, id: known.id, record, activity, data };
        machine.newest.add(kind, Some(at), event);
        let mut most = KEPT;
        while most > 0 && self.machines.iter().map(|machine| machine.newest.weight()).sum::<usize>() > ENTRIES {
            most /= 2;
            self.machines.iter_mut().for_each(|machine| machine.newest.keep_at_most(most));
        }
    }

    /// Takes in an entry, if there is one.
    pub(super) fn take_if(&mut self, entry: Option<Exported>) {
        if let Some(entry) = entry {
            self.take(entry);
        }
    }

    /// Says something about the export as a whole, once.
    pub(super) fn note(&mut self, words: &str) {
        if !self.notes.iter().any(|known| known == words) {
            self.notes.push(words.to_owned());
        }
    }

    /// Finds the entry's machine and channel; `None` where there are too many.
    fn place(&mut self, entry: &Exported, at: OffsetDateTime) -> Option<(usize, usize)> {
        let known = self.machines.iter().position(|machine| same_machine(&machine.name, &entry.computer));
        let spans: usize = self.machines.iter().map(|machine| machine.spans.len()).sum();
        let place = known.unwrap_or(self.machines.len());
        if known.is_none() {
            if place >= MACHINES {
                return None;
            }
            let name = entry.computer.clone();
            self.machines.push(Machine { name, spans: Vec::new(), newest: Newest::default() });
        }
        let machine = &mut self.machines[place];
        let span = machine.spans.iter().position(|span| span.channel.eq_ignore_ascii_case(&entry.channel));
        if span.is_none() {
            if spans >= CHANNELS {
                return None;
            }
            machine.spans.push(Span { channel: entry.channel.clone(), records: 0, time: (at, at) });
        }
        Some((place, span.unwrap_or(machine.spans.len() - 1)))
    }

    /// Builds a state for each machine; an error if there was no entry. `what` names the export in notes.
    pub(super) fn states(mut self, what: &str) -> Result<Vec<Piece>, ReadError> {
        self.machines.retain(|machine| !machine.spans.is_empty());
        if self.machines.is_empty() {
            let why = match self.without_time {
                0 => "it holds no entries".to_owned(),
                count => format!("none of its {count} entries has a time that could be read"),
            };
            return Err(ReadError::Contents(why));
        }
        if self.without_time > 0 {
            self.notes.push(format!("{} entries without a time that could be read were left out", self.without_time));
        }
        if self.beyond > 0 {
            let words = "entries of further machines and channels were left out: at most";
            self.notes.push(format!("{} {words} {MACHINES} machines are told apart in one file", self.beyond));
        }
        let mut states: Vec<State> = self.machines.into_iter().map(state).collect();
        if let Some(first) = states.first_mut() {
            let notes = self.notes.into_iter().map(|why| Unread { what: what.to_owned(), why });
            first.unread.splice(0..0, notes);
        }
        Ok(states.into_iter().map(|state| Piece::State(Box::new(state))).collect())
    }
}

fn state(machine: Machine) -> State {
    let span = |span: Span| LogSpan {
        channel: span.channel,
        from: rfc3339(span.time.0),
        until: rfc3339(span.time.1),
        records: span.records,
        // a selection, of which nobody knows what it leaves out
        damaged: true,
        left_out: 0,
        left_out_until: None,
    };
    let logs: Vec<LogSpan> = machine.spans.into_iter().map(span).collect();
    let of_client = logs.iter().all(|log| log.channel == CLIENT_CHANNEL);
    let (events, left_out) = machine.newest.by_time();
    let mut state = State {
        schema: SCHEMA.to_owned(),
        part: if of_client { Part::Client } else { Part::Host },
        computer: Some(machine.name).filter(|name| !name.is_empty()),
        events,
        logs,
        ..State::default()
    };
    left_out.tell(&mut state);
    state
}

/// Finds the kind of an entry; the Event Viewer shows providers without `Microsoft-Windows-`.
fn known(provider: &str, id: u32) -> Option<Known> {
    let provider = provider.trim();
    events::find(provider, id).or_else(|| events::find(&format!("Microsoft-Windows-{provider}"), id))
}

/// Entries of Remote Connection Manager that stand in its own log, not in the System log.
const OPERATIONAL: [u32; 3] = [258, 261, 1149];

/// Returns the channel to which a provider writes this kind of entry, where the export does not tell.
fn channel_of(known: Known) -> String {
    let channels = events::places().find(|(provider, ..)| *provider == known.provider).map(|(.., all)| *all);
    let operational = known.provider == RCM && OPERATIONAL.contains(&known.id);
    let channels = channels.unwrap_or_default();
    let channel = if operational { channels.last() } else { channels.first() };
    channel.copied().unwrap_or_default().to_owned()
}

/// English labels of messages, with the fields that they show; of labels that come twice the last counts.
const LABELS: &[(&str, &[(&str, &str)])] = &[
    (
        SECURITY,
        &[
            ("Logon Type", "LogonType"),
            ("Account Name", "TargetUserName"),
            ("Account Domain", "TargetDomainName"),
            ("Logon Account", "TargetUserName"),
            ("Source Workstation", "Workstation"),
            ("Error Code", "Status"),
            ("Status", "Status"),
            ("Sub Status", "SubStatus"),
            ("Workstation Name", "WorkstationName"),
            ("Source Network Address", "IpAddress"),
            ("Source Port", "IpPort"),
        ],
    ),
    (LSM, &[("User", "User"), ("Session ID", "SessionID"), ("Source Network Address", "Address")]),
    (RCM, &[("User", "Param1"), ("Domain", "Param2"), ("Source Network Address", "Param3")]),
];
/// English words of Schannel before a number, with the field that it is.
const SCHANNEL_NUMBERS: &[(&str, &str)] = &[
    ("fatal alert code is ", "AlertDesc"),
    ("fatal error code is ", "AlertDesc"),
    ("error state is ", "ErrorState"),
    ("internal error state is ", "ErrorState"),
    ("cryptographic module is ", "ErrorCode"),
];

/// Takes the fields of an entry out of its message.
fn told(known: Known, message: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some((_, labels)) = LABELS.iter().find(|(provider, _)| *provider == known.provider) {
        for line in message.lines() {
            let Some((label, text)) = line.split_once(':') else { continue };
            let field = labels.iter().find(|(known, _)| label.trim() == *known).map(|(_, field)| *field);
            let text = text.trim();
            found.extend(field.filter(|_| !text.is_empty()).map(|field| (field.to_owned(), text.to_owned())));
        }
    }
    if known.provider == SCHANNEL {
        for (words, field) in SCHANNEL_NUMBERS {
            let Some((_, behind)) = message.split_once(words) else { continue };
            let number: String = behind.chars().take_while(char::is_ascii_alphanumeric).take(12).collect();
            found.extend((!number.is_empty()).then(|| ((*field).to_owned(), number)));
        }
        for side in ["server", "client"] {
            let credential = format!("{side} credential");
            found.extend(message.contains(&credential).then(|| ("Type".to_owned(), side.to_owned())));
        }
    }
    if known.provider == SERVICES {
        found.extend(service_told(message));
    }
    let peer = known.attempt().and_then(|attempt| attempt.peer.first());
    if let Some(peer) = peer.filter(|peer| !found.iter().any(|(name, _)| name == *peer)) {
        found.extend(address(message).map(|address| (peer.clone(), address)));
    }
    found
}

/// Takes service and state out of a message of the service control manager in English: "The Remote Desktop Services
/// service entered the stopped state.", "… while waiting for the KeyIso service to connect."
fn service_told(message: &str) -> Vec<(String, String)> {
    let Some((before, behind)) = message.split_once(" service ") else { return Vec::new() };
    let name = before.rsplit_once("he ").map_or(before, |(_, name)| name).trim();
    let state = behind.strip_prefix("entered the ").and_then(|rest| rest.split_once(" state"));
    let state = state.map(|(state, _)| ("param2".to_owned(), state.to_owned()));
    [("param1".to_owned(), name.to_owned())].into_iter().chain(state).collect()
}

/// Finds the first address in a message, perhaps with a port.
fn address(message: &str) -> Option<String> {
    let words = message.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '"' | '\''));
    words.map(|word| word.trim_end_matches('.')).find_map(|word| {
        let is = word.parse::<SocketAddr>().is_ok() || word.len() > 2 && word.parse::<IpAddr>().is_ok();
        is.then(|| word.to_owned())
    })
}
