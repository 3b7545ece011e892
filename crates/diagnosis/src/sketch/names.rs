//! Name servers' answers, in a few words.

use std::time::Duration;

use evidence::{Fact, Role, Source, Subject};
use wire::dns::{DnsAnswer, DnsQuestion, RecordKind};
use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
use wire::transcript::{DnsLookup, NameAnswer, NameSettings, Neighbours};
use wire::x224::{SecurityProtocols, ServerAnswer};

use super::{NOW, Sketch, resolver};
use crate::case::EVERYTHING;

/// Name that leads to these addresses, at each of which something was seen.
pub fn name(typed: &str, addresses: &[(&str, Vec<Fact>)]) -> Sketch {
    let list = addresses.iter().map(|(address, _)| socket(address)).collect();
    let sketch = resolver(typed).with(Fact::NameAnswer(NameAnswer::Addresses(list)));
    addresses.iter().fold(sketch, |sketch, (address, facts)| sketch.at_socket(Role::Host, address, facts))
}

/// Remote Desktop answers, and the machine calls itself so, if it says.
pub fn answers(own: &str) -> Vec<Fact> {
    let selected = ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID, flags: 0 };
    let answer = Fact::X224Answer { requested: Some(EVERYTHING), answer: X224Answer::Server(selected) };
    let named = (!own.is_empty()).then(|| Fact::NtlmDnsComputer(own.to_owned()));
    [Fact::TcpAnswer(TcpAnswer::Accepted), answer].into_iter().chain(named).collect()
}

/// Nobody listens.
pub fn refuses() -> Vec<Fact> {
    vec![Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused))]
}

/// Answer of a name server with these addresses.
pub fn gives(addresses: &[&str]) -> DnsAnswer {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    DnsAnswer::Addresses { aliases: Vec::new(), addresses }
}

fn socket(address: &str) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address.parse().unwrap(), 3389)
}

impl Sketch {
    fn at_socket(mut self, role: Role, address: &str, facts: &[Fact]) -> Self {
        let name = self.evidence.subjects[0].name.clone();
        let other = self.evidence.subject(Subject::new(role, name, Some(socket(address))));
        self.evidence.observe_together(other, Source::Probe(2), NOW, facts.to_vec());
        self
    }

    /// Adds a test of an address that the name does not lead to.
    pub fn tested(self, address: &str, facts: &[Fact]) -> Self {
        self.at_socket(Role::Elsewhere, address, facts)
    }

    /// Adds what the resolver is set up to ask: the hosts file's addresses for the name, and search suffixes.
    pub fn set_up(self, hosts: &[&str], search: &[&str]) -> Self {
        let hosts = hosts.iter().map(|address| address.parse().unwrap()).collect();
        let search = search.iter().map(|&suffix| suffix.to_owned()).collect();
        let servers = vec!["192.0.2.53:53".parse().unwrap()];
        self.with(Fact::NameSettings(NameSettings { hosts, servers, search, dots: 1, ..NameSettings::default() }))
    }

    /// Adds what the resolver is set up to ask: neighbours, by these services.
    pub fn asks_neighbours(self, services: &[Neighbours]) -> Self {
        let (servers, neighbours) = (vec!["192.0.2.53:53".parse().unwrap()], services.to_vec());
        self.with(Fact::NameSettings(NameSettings { servers, neighbours, dots: 1, ..NameSettings::default() }))
    }

    /// Adds the answer of the name server whose address ends so.
    pub fn dns(self, server: u8, name: &str, answer: DnsAnswer) -> Self {
        let kind = match &answer {
            DnsAnswer::Names(_) => RecordKind::Ptr,
            DnsAnswer::Addresses { addresses, .. } if addresses[0].is_ipv6() => RecordKind::Aaaa,
            _ => RecordKind::A,
        };
        self.with(Fact::DnsAnswer(DnsLookup {
            start: Duration::ZERO,
            took: Duration::ZERO,
            server: ([192, 0, 2, server], 53).into(),
            question: DnsQuestion { name: name.to_owned(), kind },
            answer,
        }))
    }

    /// Adds addresses that the first name server gives to a name.
    pub fn dns_gives(self, name: &str, addresses: &[&str]) -> Self {
        self.dns(53, name, gives(addresses))
    }
}
