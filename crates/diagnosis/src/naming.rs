//! Plans what name servers are asked where a name may be at fault, and which of their addresses are tried.

use std::net::{IpAddr, SocketAddr};

use wire::dns::{DnsAnswer, DnsQuestion, NOBODY, RecordKind};
use wire::transcript::{NameAnswer, NameSettings, Record, Transcript};

use crate::stage::naming::split;

/// Most name servers that are asked: as many as a resolver asks (resolv.conf(5), MAXNS).
const SERVERS: usize = 3;
/// Most whole names that are made of the typed one.
const NAMES: usize = 4;
/// Most suffixes of which it is asked whether they answer for every name.
const SUFFIXES: usize = 3;
/// Most addresses that are asked for their names.
const REVERSE: usize = 2;
/// Most addresses that are tried.
const TRIED: usize = 3;

/// Returns the questions about a typed name that led to these addresses, each with the name server to ask.
pub fn questions(settings: &NameSettings, typed: &str, addresses: &[IpAddr]) -> Vec<(SocketAddr, DnsQuestion)> {
    let names = settings.names(typed).into_iter().take(NAMES);
    let of_names =
        names.flat_map(|name| [RecordKind::A, RecordKind::Aaaa].map(|kind| DnsQuestion { name: name.clone(), kind }));
    let suffixes = settings.search.iter().take(SUFFIXES);
    let of_nobody = suffixes.map(|suffix| DnsQuestion { name: format!("{NOBODY}.{suffix}"), kind: RecordKind::A });
    let asked: Vec<DnsQuestion> = of_names.chain(of_nobody).collect();
    let servers = || settings.servers.iter().take(SERVERS);
    let of_each = servers().flat_map(|server| asked.iter().map(|question| (*server, question.clone())));
    let first = servers().next();
    let reverse = first
        .into_iter()
        .flat_map(|server| addresses.iter().take(REVERSE).map(|address| (*server, DnsQuestion::name_of(*address))));
    // a name with a suffix behind it may be too long for any message
    of_each.chain(reverse).filter(|(_, question)| question.encode(0).is_some()).collect()
}

/// Returns addresses that name servers give to the name and that clients here are not led to, to be tried once each.
pub fn elsewhere(transcript: &Transcript) -> Vec<SocketAddr> {
    let led: Vec<IpAddr> = match transcript.name().map(|lookup| &lookup.answer) {
        Some(NameAnswer::Addresses(list)) => list.iter().map(SocketAddr::ip).collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for record in &transcript.records {
        let Record::Dns(lookup) = record else { continue };
        let DnsAnswer::Addresses { addresses, .. } = &lookup.answer else { continue };
        if split(&lookup.question.name).0.eq_ignore_ascii_case(NOBODY) {
            continue;
        }
        // a filter answers with an address that is no machine's
        let real = |address: &&IpAddr| !(address.is_unspecified() || address.is_multicast() || address.is_loopback());
        for address in addresses.iter().filter(real) {
            let address = SocketAddr::new(*address, transcript.port);
            if !led.contains(&address.ip()) && !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found.truncate(TRIED);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::NOW;
    use std::time::Duration;
    use wire::transcript::{DnsLookup, NameLookup};

    fn settings() -> NameSettings {
        let servers = (1..=4).map(|last| SocketAddr::from(([192, 0, 2, last], 53))).collect();
        let search = (0..9).map(|number| format!("s{number}.example")).collect();
        NameSettings { servers, search, dots: 1, ..NameSettings::default() }
    }

    #[test]
    fn the_questions_have_a_bound() {
        let asked = questions(&settings(), "srv", &["192.0.2.7".parse().unwrap(); 9]);
        assert_eq!(asked.len(), SERVERS * (NAMES * 2 + SUFFIXES) + REVERSE);
        assert!(asked.iter().all(|(server, _)| settings().servers.contains(server)));
        let long = ["a"; 120].join(".");
        assert!(
            questions(&settings(), &long, &[])
                .iter()
                .all(|(_, question)| question.name.starts_with(NOBODY) || question.name.len() < 254)
        );
    }

    #[test]
    fn only_other_addresses_of_machines_are_tried() {
        let list = ["192.0.2.7", "0.0.0.0", "127.0.0.1", "224.0.0.1", "192.0.2.8", "192.0.2.8", "192.0.2.9"];
        let addresses = list.iter().map(|address| address.parse().unwrap()).collect();
        let lookup = |name: &str, addresses| {
            let answer = DnsAnswer::Addresses { aliases: Vec::new(), addresses };
            let question = DnsQuestion { name: name.to_owned(), kind: RecordKind::A };
            let (start, took, server) = (Duration::ZERO, Duration::ZERO, settings().servers[0]);
            Record::Dns(DnsLookup { start, took, server, question, answer })
        };
        let answer = NameAnswer::Addresses(vec!["192.0.2.7:3390".parse().unwrap()]);
        let name = Record::Name(NameLookup { start: Duration::ZERO, took: Duration::ZERO, answer });
        let nobody = lookup("rdpdoctor-nobody.example", vec!["192.0.2.66".parse().unwrap()]);
        let records = vec![name, nobody, lookup("srv", addresses)];
        let transcript = Transcript { at: NOW, tool: String::new(), host: "srv".to_owned(), port: 3390, records };
        assert_eq!(elsewhere(&transcript), ["192.0.2.8:3390".parse().unwrap(), "192.0.2.9:3390".parse().unwrap()]);
    }
}
