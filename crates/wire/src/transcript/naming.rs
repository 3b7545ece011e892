//! Lines of a transcript about names, beside the answer of this computer's resolver: what that is set up to ask, and
//! what each name server says itself.
//!
//! ```text
//! settings 0.300000 dots=1 host=192.0.2.9 server=192.0.2.53:53 search=corp.example
//! dns 0.310000 192.0.2.53:53 0.002000 server.corp.example A addresses alias=a.corp.example address=192.0.2.7
//! ```
//!
//! `settings` are the addresses that the hosts file gives to the name (`host`), the name servers, the suffixes that the
//! resolver tries behind a name (`search`), with how many dots it tries a name alone first (`dots`), and by what else
//! than DNS it may ask neighbours for this name (`neighbours`). `dns` is a
//! question to a name server: its address, how long it took, the name, the kind of record, and the answer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::line::{Line, Word, read_word, seconds};
use crate::dns::{DnsAnswer, DnsQuestion, RecordKind};
use crate::redaction::Names;

/// Most values of a line that are read.
const MANY: usize = 256;

/// Service by which a resolver asks the computers of its own network for a name, beside DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// mDNS (RFC 6762).
    Mdns,
    /// systemd-resolved: LLMNR (RFC 4795) or mDNS.
    Resolved,
    /// NetBIOS (RFC 1001), of Samba.
    Netbios,
}

impl Neighbours {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::Mdns, Self::Resolved, Self::Netbios];

    /// Its word in transcripts and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mdns => "mdns",
            Self::Resolved => "resolved",
            Self::Netbios => "netbios",
        }
    }
}

/// Settings of this computer's resolver, as far as they matter to the name that was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameSettings {
    /// When they were read, since the beginning of the transcript.
    pub start: Duration,
    /// Addresses that the hosts file gives to the name.
    pub hosts: Vec<IpAddr>,
    /// Name servers, in their order.
    pub servers: Vec<SocketAddr>,
    /// Suffixes that are tried behind a name, in their order.
    pub search: Vec<String>,
    /// Dots from which on a name is tried alone before it is tried with a suffix (`ndots`).
    pub dots: u8,
    /// Services by which neighbours may be asked for the name, as far as they were read.
    pub neighbours: Vec<Neighbours>,
}

impl NameSettings {
    /// Whole names that the resolver makes of a typed one, in the order in which it asks for them (resolv.conf(5):
    /// `search`, `ndots`). A dot at the end says that the name is whole.
    pub fn names(&self, typed: &str) -> Vec<String> {
        if let Some(whole) = typed.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let alone = std::iter::once(typed.to_owned());
        let with = self.search.iter().map(|suffix| format!("{typed}.{suffix}"));
        if typed.matches('.').count() >= usize::from(self.dots) {
            alone.chain(with).collect()
        } else {
            with.chain(alone).collect()
        }
    }

    pub(super) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "settings {} dots={}", seconds(self.start), self.dots)?;
        self.hosts.iter().try_for_each(|host| write!(out, " host={host}"))?;
        self.servers.iter().try_for_each(|server| write!(out, " server={server}"))?;
        self.search.iter().try_for_each(|suffix| write!(out, " search={}", Word(suffix)))?;
        self.neighbours.iter().try_for_each(|service| write!(out, " neighbours={}", service.word()))?;
        writeln!(out)
    }

    pub(super) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        let mut settings = Self { start: words.seconds("start")?, ..Self::default() };
        for word in words.rest().take(MANY) {
            let (key, value) = word.split_once('=').ok_or("setting")?;
            match key {
                "dots" => settings.dots = value.parse().map_err(|_| "dots")?,
                "host" => settings.hosts.push(value.parse().map_err(|_| "host")?),
                "server" => settings.servers.push(value.parse().map_err(|_| "server")?),
                "search" => settings.search.push(read_word(value).ok_or("search")?),
                "neighbours" => {
                    let service = Neighbours::ALL.into_iter().find(|service| service.word() == value);
                    settings.neighbours.push(service.ok_or("neighbours")?);
                }
                _ => return Err("setting"),
            }
        }
        Ok(settings)
    }

    pub(super) fn renamed(&self, names: &mut Names) -> Self {
        Self {
            hosts: self.hosts.iter().map(|address| names.address(*address)).collect(),
            servers: self.servers.iter().map(|server| names.socket(*server)).collect(),
            search: self.search.iter().map(|suffix| names.text(suffix)).collect(),
            ..self.clone()
        }
    }
}

/// Question to a name server, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsLookup {
    /// When it began, since the beginning of the transcript.
    pub start: Duration,
    /// How long it took.
    pub took: Duration,
    /// Name server that was asked.
    pub server: SocketAddr,
    /// Name and kind of record.
    pub question: DnsQuestion,
    /// Answer of that server.
    pub answer: DnsAnswer,
}

impl DnsLookup {
    pub(super) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DnsQuestion { name, kind } = &self.question;
        write!(out, "dns {} {} {} ", seconds(self.start), self.server, seconds(self.took))?;
        write!(out, "{} {} ", Word(name), kind.word())?;
        match &self.answer {
            DnsAnswer::Addresses { aliases, addresses } => {
                out.write_str("addresses")?;
                aliases.iter().try_for_each(|alias| write!(out, " alias={}", Word(alias)))?;
                addresses.iter().try_for_each(|address| write!(out, " address={address}"))
            }
            DnsAnswer::Names(names) => {
                out.write_str("names")?;
                names.iter().try_for_each(|name| write!(out, " {}", Word(name)))
            }
            DnsAnswer::Failed(code) => write!(out, "failed {code}"),
            DnsAnswer::NoSuchName => out.write_str("no-such-name"),
            DnsAnswer::NoRecord => out.write_str("no-record"),
            DnsAnswer::Unreadable => out.write_str("unreadable"),
            DnsAnswer::Silent => out.write_str("silent"),
            DnsAnswer::Unreachable => out.write_str("unreachable"),
        }?;
        writeln!(out)
    }

    pub(super) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        let (start, server) = (words.seconds("start")?, words.parse("name server")?);
        let (took, name) = (words.seconds("time")?, words.word("name")?);
        let kind = words.next("kind of record")?;
        let kind = RecordKind::ALL.into_iter().find(|known| known.word() == kind).ok_or("kind of record")?;
        let answer = match words.next("dns answer")? {
            "addresses" => read_addresses(words)?,
            "names" => {
                let names: Option<Vec<_>> = words.rest().take(MANY).map(read_word).collect();
                DnsAnswer::Names(names.ok_or("name")?)
            }
            "failed" => DnsAnswer::Failed(words.parse("code")?),
            "no-such-name" => DnsAnswer::NoSuchName,
            "no-record" => DnsAnswer::NoRecord,
            "unreadable" => DnsAnswer::Unreadable,
            "silent" => DnsAnswer::Silent,
            "unreachable" => DnsAnswer::Unreachable,
            _ => return Err("dns answer"),
        };
        Ok(Self { start, took, server, question: DnsQuestion { name, kind }, answer })
    }

    pub(super) fn renamed(&self, names: &mut Names) -> Self {
        let mut all = |list: &[String]| list.iter().map(|name| names.text(name)).collect();
        let answer = match &self.answer {
            DnsAnswer::Addresses { aliases, addresses } => {
                let aliases = all(aliases);
                DnsAnswer::Addresses { aliases, addresses: addresses.iter().map(|a| names.address(*a)).collect() }
            }
            DnsAnswer::Names(list) => DnsAnswer::Names(all(list)),
            other => other.clone(),
        };
        let name = self.question.renamed(names);
        let question = DnsQuestion { name, kind: self.question.kind };
        Self { server: names.socket(self.server), question, answer, ..self.clone() }
    }
}

impl DnsQuestion {
    /// The name without names; that of an address becomes that of the address which stands for it.
    fn renamed(&self, names: &mut Names) -> String {
        match (self.kind, self.address()) {
            (RecordKind::Ptr, Some(address)) => Self::name_of(names.address(address)).name,
            _ => names.text(&self.name),
        }
    }
}

fn read_addresses(words: &mut Line<'_>) -> Result<DnsAnswer, &'static str> {
    let (mut aliases, mut addresses) = (Vec::new(), Vec::new());
    for word in words.rest().take(MANY) {
        match word.split_once('=') {
            Some(("alias", alias)) => aliases.push(read_word(alias).ok_or("alias")?),
            Some(("address", address)) => addresses.push(IpAddr::from_str(address).map_err(|_| "address")?),
            _ => return Err("dns answer"),
        }
    }
    Ok(DnsAnswer::Addresses { aliases, addresses })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_tried_in_the_order_of_the_resolver() {
        let search = ["a.example", "b.example"].map(str::to_owned).to_vec();
        let settings = NameSettings { search, dots: 1, ..NameSettings::default() };
        assert_eq!(settings.names("srv"), ["srv.a.example", "srv.b.example", "srv"]);
        assert_eq!(settings.names("srv.corp"), ["srv.corp", "srv.corp.a.example", "srv.corp.b.example"]);
        assert_eq!(settings.names("srv.corp."), ["srv.corp"]);
        let two = NameSettings { dots: 2, ..settings };
        assert_eq!(two.names("srv.corp")[0], "srv.corp.a.example");
    }
}
