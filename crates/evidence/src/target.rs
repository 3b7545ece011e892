//! Host that a person names.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use thiserror::Error;

/// The port of Remote Desktop.
pub const DEFAULT_PORT: u16 = 3389;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host as it was named.
    pub host: Host,
    /// 1 to 65535.
    pub port: u16,
}

/// A name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in ASCII (internationalised names as `xn--…`).
    Name(String),
    /// An address.
    Address(IpAddr),
    /// A link-local IPv6 address with its zone, such as `fe80::1%eth0` (RFC 4007 section 11).
    Zoned(Ipv6Addr, String),
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Address(address) => write!(out, "{address}"),
            Self::Zoned(address, zone) => write!(out, "{address}%{zone}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(_)) | Host::Zoned(..) => write!(out, "[{}]:{}", self.host, self.port),
            host => write!(out, "{host}:{}", self.port),
        }
    }
}

/// Reason why text names no target. The text itself is shown in the caller's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// `http://…`, `rdp://…`, a path or a user name.
    #[error("it is a URL or a path; write HOST or HOST:PORT")]
    Url,
    /// White space inside.
    #[error("it contains white space")]
    Space,
    /// Not 1 to 65535.
    #[error("the port {0:?} is not a number from 1 to 65535")]
    Port(String),
    /// Brackets that do not match or hold no IPv6 address.
    #[error("the brackets do not hold an IPv6 address")]
    Brackets,
    /// All digits and dots, and no IPv4 address.
    #[error("it looks like an IPv4 address and is none")]
    Address,
    /// A zone on an address that has none, or an empty zone.
    #[error("the zone behind % is only for link-local IPv6 addresses and must be the name of an interface")]
    Zone,
    /// A part between dots that is empty or above 63 characters, or more than 253 in all.
    #[error("a part of the name is empty or has more than 63 characters, or the whole more than 253")]
    Length,
    /// A part between dots that begins or ends with a hyphen (RFC 1123 section 2.1).
    #[error("a part of the name begins or ends with a hyphen")]
    Hyphen,
    /// A character that no host name has.
    #[error("the character {0:?} is not allowed in a host name")]
    Character(char),
    /// `0.0.0.0` or `::`. A connection to it would reach the very computer that makes it, or nobody.
    #[error("it is the address of no machine; for this computer itself write {0}")]
    Nobodys(&'static str),
    /// An internationalised name that does not map to ASCII.
    #[error("it is no valid internationalised name")]
    Idn,
}

impl Target {
    /// Reads `HOST`, `HOST:PORT`, an IPv4 address, or an IPv6 address with or without brackets, zone and port.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let target = Self::taken_apart(text)?;
        match target.host {
            Host::Address(address) if address.to_canonical().is_unspecified() => {
                Err(TargetError::Nobodys(if address.is_ipv4() { "127.0.0.1" } else { "::1" }))
            }
            _ => Ok(target),
        }
    }

    fn taken_apart(text: &str) -> Result<Self, TargetError> {
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if text.contains(char::is_whitespace) {
            return Err(TargetError::Space);
        }
        if text.contains(['/', '\\', '@', '?']) {
            return Err(TargetError::Url);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, behind) = rest.split_once(']').ok_or(TargetError::Brackets)?;
            let host = parse_v6(inside)?.ok_or(TargetError::Brackets)?;
            let port = match behind.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if behind.is_empty() => DEFAULT_PORT,
                None => return Err(TargetError::Brackets),
            };
            return Ok(Self { host, port });
        }
        if let Some(host) = parse_v6(text)? {
            return Ok(Self { host, port: DEFAULT_PORT });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, parse_port(port)?),
            None => (text, DEFAULT_PORT),
        };
        Ok(Self { host: parse_name(name)?, port })
    }

    /// Returns the typed name, if it was one.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) => Some(name),
            Host::Address(_) | Host::Zoned(..) => None,
        }
    }
}

fn parse_port(text: &str) -> Result<u16, TargetError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits { text.parse().ok().filter(|port| *port > 0) } else { None };
    port.ok_or_else(|| TargetError::Port(text.to_owned()))
}

/// Reads an IPv6 address, perhaps with a zone; `None` if it is something else.
fn parse_v6(text: &str) -> Result<Option<Host>, TargetError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    match (address.parse::<Ipv6Addr>(), zone) {
        (Ok(address), None) => Ok(Some(Host::Address(address.into()))),
        (Ok(address), Some(zone)) if !zone.is_empty() && address.is_unicast_link_local() => {
            // an interface name is shown in reports, so nothing may hide in it
            // it goes into commands that people copy, and no interface of Linux or Windows needs more in its name
            let plain = zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if plain { Ok(Some(Host::Zoned(address, zone.to_owned()))) } else { Err(TargetError::Zone) }
        }
        (_, Some(_)) => Err(TargetError::Zone),
        (Err(_), None) => Ok(None),
    }
}

fn parse_name(text: &str) -> Result<Host, TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Host::Address(address));
    }
    if text.contains(['[', ']', ':']) {
        return Err(TargetError::Brackets);
    }
    let ascii =
        if text.is_ascii() { text.to_owned() } else { idna::domain_to_ascii(text).map_err(|_| TargetError::Idn)? };
    let whole = ascii.strip_suffix('.').unwrap_or(&ascii);
    if let Some(c) = whole.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        return Err(TargetError::Character(c));
    }
    if whole.len() > 253 || whole.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(TargetError::Length);
    }
    if whole.split('.').any(|label| label.starts_with('-') || label.ends_with('-')) {
        return Err(TargetError::Hyphen);
    }
    let last = whole.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::Address);
    }
    Ok(Host::Name(ascii))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Target::parse(text).map_or_else(|error| format!("error: {error}"), |target| target.to_string())
    }

    #[test]
    fn every_form_of_a_target_is_understood() {
        for (text, expected) in [
            ("server", "server:3389"),
            ("server.corp.example:3390", "server.corp.example:3390"),
            ("server.corp.example.", "server.corp.example.:3389"),
            ("192.0.2.7", "192.0.2.7:3389"),
            ("192.0.2.7:13389", "192.0.2.7:13389"),
            ("::1", "[::1]:3389"),
            ("[2001:db8::7]", "[2001:db8::7]:3389"),
            ("[2001:db8::7]:3390", "[2001:db8::7]:3390"),
            ("fe80::1%eth0", "[fe80::1%eth0]:3389"),
            ("fe80::1%br-lan_1.7", "[fe80::1%br-lan_1.7]:3389"),
            ("[fe80::1%7]:3390", "[fe80::1%7]:3390"),
            ("bücher.example", "xn--bcher-kva.example:3389"),
            ("DESKTOP_7", "DESKTOP_7:3389"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn everything_else_is_refused_in_words() {
        for (text, words) in [
            ("", "empty"),
            ("http://server", "URL"),
            ("server/path", "URL"),
            ("user@server", "URL"),
            ("my server", "white space"),
            ("server:0", "port"),
            ("server:65536", "port"),
            ("server:+1", "port"),
            ("server:", "port"),
            (":3389", "empty"),
            ("[::1", "brackets"),
            ("[server]:3389", "brackets"),
            ("[::1]x", "brackets"),
            ("1.2.3", "IPv4"),
            ("256.1.1.1", "IPv4"),
            ("fe80::1%", "zone"),
            ("2001:db8::1%eth0", "zone"),
            ("fe80::1%\u{1b}]0;x\u{7}", "zone"),
            ("fe80::1%$(x)", "zone"),
            ("fe80::1%a;b", "zone"),
            ("a..b", "empty"),
            (&"a".repeat(64), "63"),
            ("0.0.0.0:3389", "write 127.0.0.1"),
            ("[::]:3389", "write ::1"),
            ("::ffff:0.0.0.0", "no machine"),
            ("ser*ver", "'*'"),
        ] {
            assert!(shown(text).contains(words) && shown(text).starts_with("error"), "{text:?}: {}", shown(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text: String) {
            if let Ok(target) = Target::parse(&text) {
                proptest::prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
            }
        }
    }
}
