//! Entries of the audit log about logons: who, in which way, from where, and why one was refused.

use evidence::events::{Known, SECURITY};
use evidence::printable::printable;
use evidence::state::LogEvent;
use evidence::symptom::parse_code;
use evidence::{codes, events};

/// Id of a refused logon.
pub(crate) const FAILED: u32 = 4625;
/// Id of credentials that were checked by NTLM, on a domain controller or for an account of the machine itself. Only
/// those that were refused are kept.
pub(crate) const BY_NTLM: u32 = 4776;
/// Id of credentials that a domain controller refused by Kerberos.
pub(crate) const BY_KERBEROS: u32 = 4771;
/// Id of a user who lacks the right to use Remote Desktop.
pub(crate) const DENIED: u32 = 4825;

/// Way in which somebody logged on, as far as it may be Remote Desktop ([MS-EVEN6] names no list; the numbers are those
/// of `SECURITY_LOGON_TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Type 10, or 12 with cached credentials: Remote Desktop and nothing else.
    Remote,
    /// Type 3: Network Level Authentication, or a file share, or another service.
    Network,
}

/// Returns the way of a logon; `None` for one that did not come over the network.
pub(crate) fn kind(event: &LogEvent) -> Option<Kind> {
    if matches!(event.id, BY_NTLM | BY_KERBEROS) {
        return Some(Kind::Network);
    }
    match event.data.get("LogonType").map(|kind| kind.trim()) {
        Some("10" | "12") => Some(Kind::Remote),
        Some("3") => Some(Kind::Network),
        _ => None,
    }
}

/// Codes of Kerberos that say one thing, with the status that says the same (RFC 4120 section 7.5.9). 0x12 stands for
/// a disabled, expired or locked account, or for other hours.
const OF_KERBEROS: &[(u32, u32)] = &[(0x17, 0xC000_0071), (0x18, 0xC000_006A), (0x25, 0xC000_0133)];

/// Returns the status that names the reason: the finer one, where an entry has both.
pub(crate) fn status(event: &LogEvent) -> Option<u32> {
    let number = |field: &str| event.data.get(field).and_then(|text| parse_code(text.trim()).ok());
    if event.id == BY_KERBEROS {
        let code = number("Status")?;
        return OF_KERBEROS.iter().find(|(kerberos, _)| *kerberos == code).map(|(_, status)| *status);
    }
    number("SubStatus").filter(|status| *status != 0).or_else(|| number("Status"))
}

/// Names the account of an entry, with its domain where it has one.
pub(crate) fn account(event: &LogEvent) -> Option<String> {
    let field = |names: &[&str]| {
        let value = names.iter().find_map(|name| event.data.get(*name))?;
        Some(printable(value.trim())).filter(|text| !matches!(text.as_str(), "" | "-"))
    };
    let user = field(&["TargetUserName", "AccountName"])?;
    let domain = field(&["TargetDomainName", "AccountDomain"]);
    Some(domain.map_or_else(|| user.clone(), |domain| format!("{domain}\\{user}")))
}

/// Returns the address that a logon came from, without its port.
pub(crate) fn source(event: &LogEvent) -> Option<String> {
    let value = ["IpAddress", "ClientAddress"].iter().find_map(|name| event.data.get(*name))?;
    let address = split(value.trim()).0.trim_start_matches("::ffff:");
    address
        .parse::<std::net::IpAddr>()
        .ok()
        .filter(|address| !address.is_unspecified())
        .map(|address| address.to_string())
}

/// Says in words why a logon was refused: the number, and its meaning where the list of statuses has it.
pub(crate) fn reason(status: u32) -> String {
    let known = codes::find("ntstatus", status);
    known
        .map_or_else(|| format!("{status:#010X}"), |entry| format!("{status:#010X}, {}", entry.code.meaning))
        .replacen("0X", "0x", 1)
}

/// Describes an entry of the audit log beyond its meaning: who, in which way, why. Guessed names would make each line
/// another, so an account is left out where the name or the password was wrong.
fn details(event: &LogEvent) -> Option<String> {
    let named = account(event);
    if event.id == DENIED {
        return named;
    }
    let way = match kind(event) {
        _ if matches!(event.id, BY_NTLM | BY_KERBEROS) => None,
        Some(Kind::Remote) => Some("through Remote Desktop".to_owned()),
        Some(Kind::Network) => Some("over the network".to_owned()),
        None => event.data.get("LogonType").map(|kind| format!("logon type {}", printable(kind))),
    };
    if !matches!(event.id, FAILED | BY_NTLM | BY_KERBEROS) {
        return [named, way].into_iter().flatten().reduce(|one, other| format!("{one}, {other}"));
    }
    let status = status(event);
    let named = named.filter(|_| status.is_some_and(|status| !WRONG.contains(&status)));
    let kerberos = || {
        let code = event.data.get("Status").and_then(|text| parse_code(text.trim()).ok())?;
        let known = codes::find("kerberos", code).map_or("", |entry| entry.code.meaning.as_str());
        Some(format!("{code:#x}, {known}").trim_end_matches(", ").to_owned())
    };
    let why = if event.id == BY_KERBEROS { kerberos() } else { status.map(reason) };
    [named, way, why].into_iter().flatten().reduce(|one, other| format!("{one}, {other}"))
}

/// Returns the meaning of an entry, and for one of the audit log who, how and why.
pub(crate) fn told(event: &LogEvent, known: Known) -> String {
    let meaning = events::meaning(&event.data, known);
    let details = (known.provider == SECURITY).then(|| details(event)).flatten();
    details.map_or_else(|| meaning.to_owned(), |details| format!("{meaning} ({details})"))
}

/// Statuses of a wrong name or a wrong password.
pub(crate) const WRONG: &[u32] = &[0xC000_0064, 0xC000_006A, 0xC000_006D];

/// Splits an address from its port; a bare IPv6 address has none.
pub(crate) fn split(peer: &str) -> (&str, Option<&str>) {
    match peer.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') || address.ends_with(']') => {
            (address.trim_matches(['[', ']']), Some(port))
        }
        _ => (peer, None),
    }
}
