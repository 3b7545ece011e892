//! Entries of event logs. In a redacted state the fields that detectors read and codes stay, by provider, id and field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use wire::redaction::Names;

use super::bounded;
use super::budget::Budget;
use super::logs;
use super::logs::LogSpan;
use super::thing::{Count, Section, Turn};
use crate::codes::Content;
use crate::events::{self, Known, RCM, SCHANNEL};
use crate::moment::moment;
use crate::places::{Part, SERVICES};
use crate::redaction::{REDACTED, date, one_of, secret};

/// Entry of an event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogEvent {
    /// Time of the entry, RFC 3339, UTC.
    pub at: String,
    /// Channel of the log.
    pub channel: String,
    /// Name of the provider.
    pub provider: String,
    /// Event id.
    pub id: u32,
    /// Record number in the log.
    #[serde(default)]
    pub record: u64,
    /// ActivityID, which joins the entries of one connection.
    #[serde(default)]
    pub activity: Option<String>,
    /// Data of the entry, by name or, where there are no names, by `0`, `1` …
    #[serde(default, deserialize_with = "bounded::fields")]
    pub data: BTreeMap<String, String>,
}

/// Fields that mean the same in every entry.
const FIELDS: &[(Content, &[&str])] = &[
    (Content::Place, &["ClientIP", "IPString", "IpAddress", "Address", "ClientAddress", "ServerAddress", "Resource"]),
    (
        Content::Person,
        &["TargetUserName", "SubjectUserName", "TargetOutboundUserName", "User", "UserName", "Username", "AccountName"],
    ),
    (
        Content::Name,
        &[
            "TargetDomainName",
            "SubjectDomainName",
            "DomainName",
            "Domain",
            "WorkstationName",
            "ComputerName",
            "ClientName",
        ],
    ),
    (Content::Sid, &["TargetUserSid", "SubjectUserSid", "UserSid", "TraceMessageUserSid"]),
    (
        Content::Number,
        &[
            "Status",
            "SubStatus",
            "FailureReason",
            "LogonType",
            "KeyLength",
            "ProcessId",
            "SubjectLogonId",
            "TargetLogonId",
            "IpPort",
            "ErrorCode",
            "ErrorState",
            "AlertDesc",
            "ReasonCode",
            "Reason",
            "SessionID",
            "Session",
            "TargetSession",
            "Source",
            "TunnelID",
            "InstanceID",
            "SessionDuration",
            "BytesReceived",
            "BytesTransfered",
            "Event",
            "NewState",
            "PreviousState",
            "error",
            "Error",
            "param2",
            "param3",
            "param4",
        ],
    ),
    (
        Content::Word,
        &[
            "ConnType",
            "StateTransition",
            "NewStateName",
            "PreviousStateName",
            "EventName",
            "Type",
            "listenerName",
            "ConnectionName",
            "ConnectionProtocol",
            "AuthType",
        ],
    ),
    (Content::Service, &["param1"]),
    (Content::Bytes, &["Binary"]),
    (
        Content::Text,
        &[
            "Param1",
            "Param2",
            "Param3",
            "Value",
            "Name",
            "CustomLevel",
            "ChannelName",
            "TransportType",
            "LogonProcessName",
            "AuthenticationPackageName",
            "TransmittedServices",
            "LmPackageName",
            "ProcessName",
            "param5",
            "Data",
        ],
    ),
];

/// Words for the states of the protocol and of services, and names of the listener.
const WORDS: &[&str] = &[
    "TCP",
    "UDP",
    "HTTP",
    "NTLM",
    "RDP_SEC",
    "RDP_TCP",
    "RDP_UDP",
    "RDP-Tcp",
    "StateUnknown",
    "StateDisconnected",
    "FStateError",
    "FStatePassthrough",
    "Event_Disconnect",
    "FEventCheckAndCompleteReadsFailed",
    "client",
    "server",
    "stopped",
    "running",
];

/// Overhead of an entry, and of each of its values, in bytes.
const LINE: usize = 1024;
const VALUE: usize = 64;

impl Section for LogEvent {
    const FACT: &'static str = "log.event";
    const TITLE: &'static str = "log entries";
    const TURN: Turn = Turn::Last;
    const DATED: bool = true;
    const COUNT: Option<Count> = Some(Count::Records(logs::COUNTED));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let LogEvent { at, channel: log, provider, id, record, activity, data } = self;
        let known = events::find(provider, *id);
        LogEvent {
            at: date(at),
            channel: logs::channel(log),
            provider: known.map_or(REDACTED.to_owned(), |known| provider_name(provider, known.provider)),
            id: *id,
            record: *record,
            activity: activity.as_deref().map(|activity| names.identifier(activity)),
            data: known.map_or(BTreeMap::new(), |known| renamed_data(known, data, names)),
        }
    }

    fn remove_secrets(&mut self) {
        for (_, value) in self.data.iter_mut().filter(|(name, value)| secret(name) && !value.is_empty()) {
            REDACTED.clone_into(value);
        }
    }

    /// Estimates its size without serialising it, because there are many.
    fn weight(&self) -> usize {
        let Self { at, channel, provider, id: _, record: _, activity, data } = self;
        let texts: usize = [at, channel, provider].map(String::len).into_iter().sum();
        let data: usize = data.iter().map(|(name, value)| VALUE + name.len() + value.len()).sum();
        LINE + texts + activity.as_ref().map_or(0, String::len) + data
    }

    fn fill(things: &mut dyn Iterator<Item = Self>, filling: &mut Budget, kept: &mut Vec<Self>) {
        let mut entries = filling.entries();
        things.for_each(|event| entries.add_any(event));
        filling.collected(entries, kept);
    }

    fn at(&self) -> Option<OffsetDateTime> {
        moment(&self.at)
    }

    fn about(&self, machine: Part, part: Part) -> bool {
        // a host's log may also hold what it met as a client
        events::find(&self.provider, self.id).map_or(machine, |known| known.part) == part
    }
}

/// Keeps or renames a provider's full name: one that ends like a known provider may begin like a person.
fn provider_name(written: &str, known: &str) -> String {
    let start = written.len().saturating_sub(known.len());
    let usual = ["", "Microsoft-Windows-"]
        .iter()
        .any(|usual| written.get(..start).is_some_and(|s| s.eq_ignore_ascii_case(usual)));
    if usual { written.to_owned() } else { known.to_owned() }
}

fn renamed_data(known: Known, data: &BTreeMap<String, String>, names: &mut Names) -> BTreeMap<String, String> {
    // a field that no entry of Windows has may have any name, so its name goes as well
    let fields = data.iter().filter_map(|(name, value)| {
        let content = content(known, name)?;
        Some((name.clone(), renamed_value(known.provider, content, value, names)))
    });
    fields.collect()
}

/// Returns the content of this field in this kind of entry; `None` for one that we do not know.
fn content(known: Known, name: &str) -> Option<Content> {
    if known.provider == SCHANNEL && names_process(name) {
        return Some(Content::Process);
    }
    let everywhere = || FIELDS.iter().find(|(_, fields)| fields.contains(&name)).map(|(content, _)| *content);
    known.field(name).or_else(everywhere)
}

/// True for Schannel's field with the program that asked; it has had several names.
fn names_process(field: &str) -> bool {
    let field = field.to_ascii_lowercase();
    field.contains("process") && !field.contains("id")
}

/// Keeps a program of Windows that may serve Remote Desktop; any other is not named.
fn process(value: &str) -> String {
    let program = value.to_ascii_lowercase();
    let service = ["TermService", "termsvcs"].into_iter().find(|name| program.contains(&name.to_ascii_lowercase()));
    match service {
        Some(name) => format!("svchost[{name}]"),
        None if program.contains("lsass") => "lsass".to_owned(),
        None if program.contains("svchost") && !program.contains('[') => "svchost".to_owned(),
        None => REDACTED.to_owned(),
    }
}

fn renamed_value(provider: &str, content: Content, value: &str, names: &mut Names) -> String {
    if matches!(value, "" | "-" | REDACTED) {
        return value.to_owned();
    }
    let taken_out = || REDACTED.to_owned();
    match content {
        Content::Place if value != "LOCAL" => names.place(value),
        Content::Person => names.person(value),
        Content::Name => names.text(value),
        Content::Sid => names.sid(value).unwrap_or_else(taken_out),
        Content::Number if !is_number(value) => names.address_text(value).unwrap_or_else(|| service(value)),
        Content::Place | Content::Number => value.to_owned(),
        Content::Word => word(value),
        Content::Principal => principals(value, names),
        Content::Service | Content::Text => service(value),
        Content::Process => process(value),
        Content::Bytes if provider == RCM && value.len() == 40 => names.thumbprint(value),
        Content::Bytes if provider == events::SERVICES => service_bytes(value),
        Content::Bytes => String::new(),
    }
}

/// Keeps the service that a binary part names, and its state, if it is one that Remote Desktop needs.
fn service_bytes(value: &str) -> String {
    let fields = BTreeMap::from([("Binary".to_owned(), value.to_owned())]);
    let Some((name, state)) = events::service(&fields) else { return String::new() };
    let text = state.map_or_else(|| name.to_owned(), |state| format!("{name}/{state}"));
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    wire::hex::encode(&bytes)
}

/// True for a decimal number of at most ten digits, a hexadecimal code of at most 64 bits, or a text reference of
/// Windows.
fn is_number(value: &str) -> bool {
    let decimal = |text: &str| !text.is_empty() && text.len() <= 10 && text.bytes().all(|digit| digit.is_ascii_digit());
    let code = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
    let code =
        code.is_some_and(|code| (1..=16).contains(&code.len()) && code.bytes().all(|digit| digit.is_ascii_hexdigit()));
    code || decimal(value.strip_prefix("%%").or_else(|| value.strip_prefix('-')).unwrap_or(value))
}

/// Keeps a word of the protocol, or the number of a connection of the listener.
fn word(value: &str) -> String {
    let connection = value.strip_prefix("RDP-Tcp#").is_some_and(|number| number.len() <= 6 && is_number(number));
    if connection || is_number(value) {
        value.to_owned()
    } else {
        one_of(WORDS, value).unwrap_or_else(|| REDACTED.to_owned())
    }
}

/// Keeps a service of Windows by its name or title.
fn service(value: &str) -> String {
    let titled = || events::TITLES.iter().any(|(title, _)| title.eq_ignore_ascii_case(value)).then(|| value.to_owned());
    one_of(SERVICES, value).or_else(titled).unwrap_or_else(|| REDACTED.to_owned())
}

/// Renames `TERMSRV/host 4`: a well-known class, a host, a number.
fn principals(value: &str, names: &mut Names) -> String {
    const CLASSES: &[&str] = &["TERMSRV", "HOST", "HTTP", "WSMAN", "CIFS"];
    let words = value.split_whitespace().map(|word| match word.split_once('/') {
        Some((class, host)) => {
            let class = one_of(CLASSES, class).unwrap_or_else(|| "SERVICE".to_owned());
            format!("{class}/{}", names.place(host))
        }
        None if word.len() <= 5 && is_number(word) || word == REDACTED => word.to_owned(),
        None => REDACTED.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
