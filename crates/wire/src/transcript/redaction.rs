//! Takes names and addresses out of a transcript and leaves everything that a diagnosis needs.
//!
//! Every label of every name (the target, the NTLM CHALLENGE, certificates) is replaced by one of the same length,
//! everywhere and in both encodings, so that lengths inside DER and NTLM stay right, equal names stay equal, and the
//! redacted transcript replays to the same findings. Addresses become ones that are reserved for documentation.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Entry, NameAnswer, Record, Transcript};
use crate::certificate::Certificate;
use crate::machine::{CredsspAnswer, Event, TlsAnswer};

/// Labels that say nothing about anybody.
const PUBLIC: &[&str] = &[
    "com",
    "net",
    "org",
    "local",
    "localhost",
    "lan",
    "internal",
    "example",
    "invalid",
    "test",
    "corp",
    "workgroup",
    "cn",
];

impl Transcript {
    /// The transcript without names and addresses of the machines in it.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let labels = Labels::of(self);
        let addresses = Addresses::of(self);
        let mut redacted = self.clone();
        redacted.host = match self.host.parse::<IpAddr>() {
            Ok(address) => addresses.replace(address).to_string(),
            Err(_) => labels.text(&self.host),
        };
        if let Some(name) = &mut redacted.name
            && let NameAnswer::Addresses(list) = &mut name.answer
        {
            list.iter_mut().for_each(|address| *address = addresses.socket(*address));
        }
        for record in &mut redacted.conversations {
            record.address = addresses.socket(record.address);
            record.entries.iter_mut().for_each(|(_, entry)| labels.entry(entry));
        }
        redacted
    }
}

/// Labels and what each becomes, longest first so that no label eats a part of a longer one.
struct Labels(Vec<(String, String)>);

impl Labels {
    fn of(transcript: &Transcript) -> Self {
        let mut found = BTreeMap::new();
        let mut add = |name: &str| {
            for label in name.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_') {
                let known = PUBLIC.contains(&label.to_ascii_lowercase().as_str());
                if label.len() > 1 && label.is_ascii() && !known && !label.bytes().all(|byte| byte.is_ascii_digit()) {
                    let number = found.len();
                    found.entry(label.to_ascii_lowercase()).or_insert(number);
                }
            }
        };
        if transcript.host.parse::<IpAddr>().is_err() {
            add(&transcript.host);
        }
        for record in &transcript.conversations {
            names(record).iter().for_each(|name| add(name));
        }
        let mut labels: Vec<_> =
            found.into_iter().map(|(label, number)| (pseudonym(number, label.len()), label)).collect();
        labels.sort_by_key(|(_, label)| std::cmp::Reverse(label.len()));
        Self(labels.into_iter().map(|(pseudonym, label)| (label, pseudonym)).collect())
    }

    fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.replace(&mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn entry(&self, entry: &mut Entry) {
        match entry {
            Entry::Sent(bytes) | Entry::TunnelSent(bytes) | Entry::TunnelReceived(bytes) => self.replace(bytes),
            Entry::Event(Event::Bytes(bytes)) => self.replace(bytes),
            Entry::Event(Event::TlsUp { chain, .. }) => chain.iter_mut().for_each(|der| self.replace(der)),
            Entry::Event(_) => {}
        }
    }

    /// Replaces every label, in ASCII and in UTF-16LE, without regard to case.
    fn replace(&self, bytes: &mut [u8]) {
        for (label, pseudonym) in &self.0 {
            for width in [1, 2] {
                let wanted = widen(label, width);
                let mut at = 0_usize;
                while let Some(window) = bytes.get_mut(at..at.saturating_add(wanted.len())) {
                    if window.eq_ignore_ascii_case(&wanted) {
                        window.copy_from_slice(&widen(pseudonym, width));
                    }
                    at = at.saturating_add(1);
                }
            }
        }
    }
}

fn widen(label: &str, width: usize) -> Vec<u8> {
    label.bytes().flat_map(|byte| [byte, 0].into_iter().take(width)).collect()
}

/// `x` and the number, filled up to `length` with `x`; short labels keep what fits of it.
fn pseudonym(number: usize, length: usize) -> String {
    let digits = format!("{number}");
    let tail: String = digits.chars().rev().take(length).collect();
    let fill = length.saturating_sub(tail.len());
    "x".repeat(fill) + &tail.chars().rev().collect::<String>()
}

/// Every name that the machines of a connection told.
fn names(record: &Record) -> Vec<String> {
    let outcome = record.outcome();
    let chain = match outcome.tls.map(|tls| tls.value) {
        Some(TlsAnswer::Established { chain, .. }) => chain,
        Some(TlsAnswer::Flight(flight)) => flight.chain,
        _ => Vec::new(),
    };
    let certificates = chain.iter().filter_map(|der| Certificate::read(der));
    let mut names: Vec<String> =
        certificates.flat_map(|c| [c.names, values(&c.subject), values(&c.issuer)].concat()).collect();
    if let Some(CredsspAnswer::Challenge { challenge: c, .. }) = outcome.credssp.map(|credssp| credssp.value) {
        let told = [c.target, c.netbios_computer, c.netbios_domain, c.dns_computer, c.dns_domain, c.dns_tree];
        names.extend(told.into_iter().flatten());
    }
    names
}

/// The values of a distinguished name, without the names of its attributes.
fn values(distinguished: &str) -> Vec<String> {
    distinguished.split(',').filter_map(|part| part.split_once('=').map(|(_, value)| value.to_owned())).collect()
}

struct Addresses(Vec<IpAddr>);

impl Addresses {
    fn of(transcript: &Transcript) -> Self {
        let mut all = Vec::new();
        let named = match transcript.name.as_ref().map(|name| &name.answer) {
            Some(NameAnswer::Addresses(list)) => list.iter().map(SocketAddr::ip).collect(),
            _ => Vec::new(),
        };
        let tried = transcript.conversations.iter().map(|record| record.address.ip());
        for address in named.into_iter().chain(tried) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        Self(all)
    }

    /// The address of documentation that stands for this one; loopback stays.
    fn replace(&self, address: IpAddr) -> IpAddr {
        let number = self.0.iter().position(|known| *known == address).unwrap_or(self.0.len());
        let last = u8::try_from(number.saturating_add(1)).unwrap_or(u8::MAX);
        match address {
            _ if address.is_loopback() => address,
            IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, last).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, last.into()).into(),
        }
    }

    fn socket(&self, address: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.replace(address.ip()), address.port())
    }
}
