//! A transcript without names: see [`crate::redaction`].
//!
//! What the TLS stack sent and received raw becomes zeros: replaying does not need it. The random bytes of our own hellos
//! stay: they are chance, and the transcript is to replay.

use std::net::IpAddr;

use super::{Entry, NameAnswer, Record, Transcript};
use crate::machine::{ConnectFailure, Conversation, Event, TlsFailure};
use crate::redaction::{Names, layers};
use crate::tls::TlsStack;

impl Transcript {
    /// The transcript without names and addresses of the machines in it.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut names = Names::default();
        let _ = self.renamed(&mut names);
        names.settle();
        self.renamed(&mut names)
    }

    /// The same with names that other transcripts, captures and states share.
    #[must_use]
    pub fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        redacted.tool = if is_ours(&self.tool) { self.tool.clone() } else { names.prose(&self.tool) };
        redacted.host = host(&self.host, names);
        if let Some(name) = &mut redacted.name
            && let NameAnswer::Addresses(list) = &mut name.answer
        {
            for address in list {
                *address = names.socket(*address);
            }
        }
        redacted.conversations = self.conversations.iter().map(|record| record.renamed(names)).collect();
        redacted
    }
}

/// True for what this program writes as its name: `rdpdoctor/0.1.0`.
fn is_ours(tool: &str) -> bool {
    let version = tool.strip_prefix("rdpdoctor/").unwrap_or_default();
    let numbers = || version.split('.');
    numbers().count() == 3 && numbers().all(|number| number.len() <= 5 && number.parse::<u16>().is_ok())
}

/// A host as it was typed: an address, with or without brackets and zone, or a name.
fn host(typed: &str, names: &mut Names) -> String {
    let bare = typed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(typed);
    let (address, zone) = bare.split_once('%').map_or((bare, None), |(address, zone)| (address, Some(zone)));
    match address.parse::<IpAddr>() {
        // the zone is the name of one of our interfaces, of use to nobody else
        Ok(address) => typed.replace(bare, &names.address(address).to_string()),
        Err(_) if zone.is_some() && address.contains(':') => "x".repeat(8),
        Err(_) => names.text(typed),
    }
}

impl Record {
    fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        redacted.address = names.socket(self.address);
        if let Some(cookie) = redacted.plan.request.as_mut().and_then(|request| request.cookie.as_mut()) {
            // as the request spells it, so that plan and bytes stay the same name
            let sent: String = cookie.chars().filter(char::is_ascii_graphic).take(64).collect();
            *cookie = names.text(&sent);
        }
        if let Some(name) = &mut redacted.plan.shape.server_name {
            *name = names.text(name);
        }
        redacted.rename_entries(names);
        redacted.say_again(self);
        redacted
    }

    fn rename_entries(&mut self, names: &mut Names) {
        let readings = self.readings();
        let expects_confirm = self.plan.request.is_some();
        self.rewrite(&readings, Reading::Raw, |stream| layers::raw(stream, expects_confirm, names));
        self.rewrite(&readings, Reading::Inside, |stream| layers::credssp(stream, names));
        self.rewrite(&readings, Reading::Unread, |stream| vec![0; stream.len()]);
        for (_, entry) in &mut self.entries {
            match entry {
                Entry::TunnelSent(bytes) | Entry::TunnelReceived(bytes) => bytes.fill(0),
                Entry::Event(Event::TlsUp { chain, .. }) => {
                    for der in chain {
                        *der = layers::certificate(der, names);
                    }
                }
                Entry::Event(
                    Event::TlsFailed(TlsFailure::Peer(words) | TlsFailure::Own(words))
                    | Event::ConnectFailed(ConnectFailure::Other(words)),
                ) => *words = names.prose(words),
                Entry::Sent(_) | Entry::Event(_) => {}
            }
        }
    }

    /// Has the machine say again what it said in the original; anything else that was sent is masked.
    fn say_again(&mut self, original: &Self) {
        let (before, after) = (original.replay().1, self.replay().1);
        let mut said = before.iter().zip(after);
        for (_, entry) in &mut self.entries {
            let Entry::Sent(bytes) = entry else { continue };
            *bytes = match said.next() {
                Some((before, after)) if before == bytes => after,
                _ => layers::masked(bytes),
            };
        }
    }

    /// As what the machine takes each entry, by its own word: what came too early or too late is read by nobody.
    fn readings(&self) -> Vec<Reading> {
        let mut machine = Conversation::new(self.plan.clone());
        let own = self.plan.tls.is_some_and(|offer| offer.stack == TlsStack::Own);
        let mut readings = Vec::with_capacity(self.entries.len());
        for (now, entry) in &self.entries {
            let outcome = machine.outcome();
            readings.push(match outcome.tls {
                _ if machine.ended() || outcome.tcp.is_none() => Reading::Unread,
                Some(_) => Reading::Inside,
                None if outcome.x224.is_none() && self.plan.request.is_some() => Reading::Raw,
                None if own => Reading::Raw,
                None => Reading::Unread,
            });
            if let Entry::Event(event) = entry {
                machine.handle(*now, event.clone());
            }
        }
        readings
    }

    /// Rewrites what was received as one stream, because a name may be cut anywhere, and cuts it again in the same places.
    fn rewrite(&mut self, readings: &[Reading], wanted: Reading, mut change: impl FnMut(&[u8]) -> Vec<u8>) {
        let received = self.entries.iter_mut().zip(readings).filter(|(_, reading)| **reading == wanted);
        let mut parts: Vec<&mut Vec<u8>> = received
            .filter_map(|((_, entry), _)| match entry {
                Entry::Event(Event::Bytes(bytes)) => Some(bytes),
                _ => None,
            })
            .collect();
        let stream: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut changed = change(&stream).into_iter();
        for byte in parts.iter_mut().flat_map(|part| part.iter_mut()) {
            *byte = changed.next().unwrap_or(0);
        }
    }
}

/// As what a machine takes bytes that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// What precedes TLS, or the outside of it.
    Raw,
    /// What comes through the tunnel.
    Inside,
    /// Nothing.
    Unread,
}
