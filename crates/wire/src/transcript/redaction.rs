//! A transcript without names: see [`crate::redaction`].
//!
//! The raw bytes of the TLS stack become zeros: replaying does not need it. The random bytes of our own hellos
//! stay: they are chance, and the transcript is to replay.

use std::net::IpAddr;

use super::{ConnectionRecord, Entry, NameAnswer, NameLookup, Record, Transcript};
use crate::machine::{Conversation, Event, Reading};
use crate::redaction::Names;
use crate::redaction::copy::masked;
use crate::stage::rename_chain;

impl Transcript {
    /// The transcript without names and addresses of the machines in it.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut names = Names::default();
        let _ = self.renamed(&mut names);
        names.settle();
        self.renamed(&mut names)
    }

    /// The transcript renamed with names that other transcripts, captures and states share.
    #[must_use]
    pub fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        redacted.tool = if is_ours(&self.tool) { self.tool.clone() } else { names.prose(&self.tool) };
        redacted.host = host(&self.host, names);
        redacted.records = self.records.iter().map(|record| record.renamed(names)).collect();
        redacted
    }
}

impl Record {
    fn renamed(&self, names: &mut Names) -> Self {
        match self {
            Self::Name(lookup) => Self::Name(lookup.renamed(names)),
            Self::Settings(settings) => Self::Settings(settings.renamed(names)),
            Self::Dns(lookup) => Self::Dns(lookup.renamed(names)),
            Self::Connection(connection) => Self::Connection(connection.renamed(names)),
            Self::Datagram(datagram) => Self::Datagram(datagram.renamed(names)),
            Self::Hops(hops) => Self::Hops(hops.renamed(names)),
        }
    }
}

impl NameLookup {
    fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        if let NameAnswer::Addresses(list) = &mut redacted.answer {
            for address in list {
                *address = names.socket(*address);
            }
        }
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

impl ConnectionRecord {
    fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        redacted.address = names.socket(self.address);
        for stage in redacted.plan.stages() {
            (stage.rename)(&mut redacted.plan, names);
        }
        redacted.rename_entries(names);
        redacted.say_again(self);
        redacted
    }

    fn rename_entries(&mut self, names: &mut Names) {
        let readings = self.readings();
        let mut layers: Vec<usize> = readings.iter().flatten().map(|reading| reading.layer).collect();
        layers.dedup();
        for layer in layers {
            self.redact_layer(&readings, layer, names);
        }
        for ((_, entry), reading) in self.entries.iter_mut().zip(readings) {
            match entry {
                Entry::Event(Event::Bytes(bytes)) if reading.is_none() => bytes.fill(0),
                Entry::TunnelSent(bytes) | Entry::TunnelReceived(bytes) => bytes.fill(0),
                Entry::Event(Event::TlsUp { chain, .. }) => rename_chain(chain, names),
                Entry::Event(Event::TlsFailed(failure)) => failure.rename(names),
                Entry::Event(Event::ConnectFailed(failure)) => failure.rename(names),
                Entry::Sent(_) | Entry::Event(_) | Entry::Figures(_) | Entry::Expired => {}
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
                _ => masked(bytes),
            };
        }
    }

    /// By whom each entry is read, by the machine's own word: bytes that came too early or too late are read by nobody.
    fn readings(&self) -> Vec<Option<Reading>> {
        let mut machine = Conversation::new(self.plan.clone());
        let mut readings = Vec::with_capacity(self.entries.len());
        for (now, entry) in &self.entries {
            readings.push(machine.reading());
            if let Entry::Event(event) = entry {
                machine.handle(*now, event.clone());
            }
        }
        readings
    }

    /// Redacts what was received in a layer as one stream, because a name may be cut anywhere, stage by stage, and cuts
    /// it again in the same places.
    fn redact_layer(&mut self, readings: &[Option<Reading>], layer: usize, names: &mut Names) {
        let mut stages: Vec<Reading> = Vec::new();
        let mut parts: Vec<&mut Vec<u8>> = Vec::new();
        for ((_, entry), reading) in self.entries.iter_mut().zip(readings) {
            let (Entry::Event(Event::Bytes(bytes)), Some(reading)) = (entry, reading) else { continue };
            if reading.layer == layer {
                stages.push(*reading);
                parts.push(bytes);
            }
        }
        stages.dedup_by_key(|reading| reading.stage);
        let stream: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut rest = stream.as_slice();
        let mut changed = Vec::with_capacity(stream.len());
        for Reading { redact, .. } in stages {
            let (redacted, behind) = redact(rest, names);
            changed.extend(redacted);
            rest = behind;
        }
        // nobody reads what is left
        let mut changed = changed.into_iter();
        for byte in parts.iter_mut().flat_map(|part| part.iter_mut()) {
            *byte = changed.next().unwrap_or(0);
        }
    }
}
