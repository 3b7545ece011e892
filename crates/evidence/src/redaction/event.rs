//! Entries of logs: fields that detectors read and codes stay, by provider, id and field.

use std::collections::BTreeMap;

use wire::redaction::Names;

use super::{REDACTED, date, one_of};
use crate::events::{
    self, CLIENT, CLIENT_CHANNEL, CORE, LSA, LSM, RCM, RCM_ADMIN, SCHANNEL, SECURITY, SERVICES, SYSTEM,
};
use crate::state::{self, LogEvent};

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

/// Titles by which Windows names services in entries.
const TITLES: &[&str] = &["Remote Desktop Services", "Remote Desktop Configuration", "Cryptographic Services"];
/// `TermService` in UTF-16, hexadecimal, as the binary part of an entry has it.
const TERMSERVICE: &str = "5400650072006d005300650072007600690063006500";

/// Content of an entry's field.
#[derive(Clone, Copy)]
enum Field {
    /// An address or a host, perhaps with a port.
    Place,
    /// A person or an account.
    Person,
    /// A machine or a domain.
    Name,
    /// A SID.
    Sid,
    /// A number or a code.
    Number,
    /// One of a few words.
    Word,
    /// Service names for Kerberos, with a version behind.
    Principal,
    /// A service, by its name or title.
    Service,
    /// A program, as far as it tells whether it is Remote Desktop's.
    Process,
    /// Bytes in hexadecimal.
    Bytes,
    /// Anything else.
    Text,
}

/// Fields that mean the same in every entry.
const FIELDS: &[(Field, &[&str])] = &[
    (Field::Place, &["ClientIP", "IPString", "IpAddress", "Address", "ClientAddress", "ServerAddress"]),
    (
        Field::Person,
        &["TargetUserName", "SubjectUserName", "TargetOutboundUserName", "User", "UserName", "AccountName"],
    ),
    (
        Field::Name,
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
    (Field::Sid, &["TargetUserSid", "SubjectUserSid", "UserSid", "TraceMessageUserSid"]),
    (
        Field::Number,
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
        Field::Word,
        &[
            "ConnType",
            "StateTransition",
            "NewStateName",
            "PreviousStateName",
            "EventName",
            "Type",
            "listenerName",
            "ConnectionName",
        ],
    ),
    (Field::Service, &["param1"]),
    (Field::Bytes, &["Binary"]),
    (
        Field::Text,
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

/// Words for the protocol's own states, and names of the listener.
const WORDS: &[&str] = &[
    "TCP",
    "UDP",
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
];

/// Keeps or renames the name of a log.
pub(super) fn channel(name: &str) -> String {
    match one_of(CHANNELS, name) {
        _ if name.is_empty() => String::new(),
        Some(known) => known,
        None if name.contains(PROTOCOL) => PROTOCOL.to_owned(),
        None => REDACTED.to_owned(),
    }
}

pub(super) fn renamed(event: &LogEvent, names: &mut Names) -> LogEvent {
    let LogEvent { at, channel: log, provider, id, record, activity, data } = event;
    let known = events::find(provider, *id);
    LogEvent {
        at: date(at),
        channel: channel(log),
        provider: known.map_or(REDACTED.to_owned(), |known| provider_name(provider, known.provider)),
        id: *id,
        record: *record,
        activity: activity.as_deref().map(|activity| names.identifier(activity)),
        data: renamed_data(known.map(|known| known.provider), *id, data, names),
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

fn renamed_data(
    provider: Option<&str>,
    id: u32,
    data: &BTreeMap<String, String>,
    names: &mut Names,
) -> BTreeMap<String, String> {
    // a field that no entry of Windows has may have any name, so its name goes as well
    let fields = data.iter().filter_map(|(name, value)| {
        let provider = provider?;
        let field = field(provider, id, name)?;
        Some((name.clone(), renamed_value(provider, field, value, names)))
    });
    fields.collect()
}

/// Returns the content of this field in this kind of entry; `None` for one that we do not know.
fn field(provider: &str, id: u32, name: &str) -> Option<Field> {
    let number = name.len() <= 2 && !name.is_empty() && name.bytes().all(|digit| digit.is_ascii_digit());
    match (provider, id, name) {
        (RCM, 1149, "Param1") => Some(Field::Person),
        (RCM, 1149, "Param2") | (RCM, 1056, "0") => Some(Field::Name),
        (RCM, _, "Param3") | (CLIENT, 1024 | 1102, "Value") => Some(Field::Place),
        (CLIENT, 1026, "Value") | (CORE, 227, "Value") => Some(Field::Number),
        (SECURITY | LSM | CORE, _, _) if number => Some(Field::Text),
        (LSA, _, _) if number => Some(Field::Principal),
        (SCHANNEL, _, _) if names_process(name) => Some(Field::Process),
        (SERVICES, _, "0") => Some(Field::Service),
        _ if number => Some(Field::Number),
        _ => FIELDS.iter().find(|(_, known)| known.contains(&name)).map(|(field, _)| *field),
    }
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

fn renamed_value(provider: &str, field: Field, value: &str, names: &mut Names) -> String {
    if matches!(value, "" | "-" | REDACTED) {
        return value.to_owned();
    }
    let taken_out = || REDACTED.to_owned();
    match field {
        Field::Place if value != "LOCAL" => names.place(value),
        Field::Person => names.person(value),
        Field::Name => names.text(value),
        Field::Sid => names.sid(value).unwrap_or_else(taken_out),
        Field::Number if !is_number(value) => names.address_text(value).unwrap_or_else(|| service(value)),
        Field::Place | Field::Number => value.to_owned(),
        Field::Word => word(value),
        Field::Principal => principals(value, names),
        Field::Service | Field::Text => service(value),
        Field::Process => process(value),
        Field::Bytes if provider == RCM && value.len() == 40 => names.thumbprint(value),
        Field::Bytes if value.get(..TERMSERVICE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TERMSERVICE)) => {
            TERMSERVICE.to_owned()
        }
        Field::Bytes => String::new(),
    }
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
    one_of(state::SERVICES, value).or_else(|| one_of(TITLES, value)).unwrap_or_else(|| REDACTED.to_owned())
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
