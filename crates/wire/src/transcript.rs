//! A probe's experience, as text that people read, send and keep: debug log, bug report and fixture in one.
//!
//! A transcript holds both layers of each connection (raw below, plaintext above, the TLS facts as events), so that it
//! replays into the same outcome without a socket. The format is lines of words; `#` starts a comment. Nothing behind
//! an NTLM CHALLENGE exists in a probe, so no secret can be in one.

mod datagram;
mod hops;
pub(crate) mod line;
mod naming;
mod redaction;
mod text;

use std::net::SocketAddr;
use std::time::Duration;

use time::OffsetDateTime;

pub use datagram::DatagramRecord;
pub use hops::HopsRecord;
pub use naming::{DnsLookup, NameSettings, Neighbours};
pub use text::ParseError;

use crate::figures::TcpFigures;
use crate::machine::{Action, Conversation, ConversationPlan, Event, Outcome};

/// A whole probe of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// When the probe began, by this computer's clock, UTC.
    pub at: OffsetDateTime,
    /// The program that wrote it, with its version.
    pub tool: String,
    /// The host as it was typed.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Everything that was asked, in the order of its beginning.
    pub records: Vec<Record>,
}

/// A thing that was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly all records are connections")]
pub enum Record {
    /// The look-up of the name that was typed.
    Name(NameLookup),
    /// Settings of this computer's resolver, as far as they matter to it.
    Settings(NameSettings),
    /// A question to a name server.
    Dns(DnsLookup),
    /// A TCP connection.
    Connection(ConnectionRecord),
    /// A SYN over UDP.
    Datagram(DatagramRecord),
    /// SYNs that may pass only so many routers.
    Hops(HopsRecord),
}

impl Transcript {
    /// The look-up of the name that was typed; `None` where that was an address.
    pub fn name(&self) -> Option<&NameLookup> {
        self.names().last()
    }

    /// All look-ups of the name: a resolver that failed is asked again.
    pub fn names(&self) -> impl Iterator<Item = &NameLookup> {
        self.records.iter().filter_map(|record| match record {
            Record::Name(lookup) => Some(lookup),
            _ => None,
        })
    }

    /// The TCP connections, in the order of their beginning.
    pub fn connections(&self) -> impl Iterator<Item = &ConnectionRecord> {
        self.records.iter().filter_map(|record| match record {
            Record::Connection(connection) => Some(connection),
            _ => None,
        })
    }

    /// The TCP connections, to be changed.
    pub fn connections_mut(&mut self) -> impl Iterator<Item = &mut ConnectionRecord> {
        self.records.iter_mut().filter_map(|record| match record {
            Record::Connection(connection) => Some(connection),
            _ => None,
        })
    }
}

/// The look-up of a name by this computer's own resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameLookup {
    /// When it began, since the beginning of the transcript.
    pub start: Duration,
    /// How long the resolver took.
    pub took: Duration,
    /// Its answer.
    pub answer: NameAnswer,
}

/// The answer of a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameAnswer {
    /// Addresses, in its order.
    Addresses(Vec<SocketAddr>),
    /// The name does not exist, or has no address (EAI_NONAME, EAI_NODATA, WSAHOST_NOT_FOUND, WSANO_DATA).
    NotFound {
        /// getaddrinfo's own code.
        code: i32,
    },
    /// The resolver could not answer now (EAI_AGAIN, WSATRY_AGAIN).
    TryAgain {
        /// getaddrinfo's own code.
        code: i32,
    },
    /// Any other failure.
    Failed {
        /// getaddrinfo's own code.
        code: i32,
    },
    /// No answer within the stage's time.
    Silent,
    /// None was to be had: this computer has no network.
    NoNetwork,
}

/// One TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// The address that was tried.
    pub address: SocketAddr,
    /// When it began, since the beginning of the transcript.
    pub start: Duration,
    /// It was made for the sake of completeness: no cause is judged by it.
    pub survey: bool,
    /// Its purpose.
    pub plan: ConversationPlan,
    /// The events, and what was sent, with the time since its own beginning.
    pub entries: Vec<(Duration, Entry)>,
}

/// A line of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The machine was told this.
    Event(Event),
    /// The machine had this sent.
    Sent(Vec<u8>),
    /// The TLS stack sent these raw bytes.
    TunnelSent(Vec<u8>),
    /// The TLS stack was given these raw bytes.
    TunnelReceived(Vec<u8>),
    /// Figures of the operating system about the connection, taken just before it was closed.
    Figures(TcpFigures),
    /// Word of a router that the hello could not go further: its time to live was over.
    Expired,
}

impl ConnectionRecord {
    /// Replays the events: the machine that ran when they happened makes the outcome of them.
    pub fn outcome(&self) -> Outcome {
        self.replay().0
    }

    /// Replays the events and compares what the machine sends with what was sent.
    pub fn replays_faithfully(&self) -> bool {
        let sent = self.entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Sent(bytes) => Some(bytes),
            _ => None,
        });
        self.replay().1.iter().eq(sent)
    }

    /// The operating system's figures about it, where that tells any.
    pub fn figures(&self) -> Option<&TcpFigures> {
        self.entries
            .iter()
            .find_map(|(_, entry)| if let Entry::Figures(figures) = entry { Some(figures) } else { None })
    }

    fn replay(&self) -> (Outcome, Vec<Vec<u8>>) {
        let mut machine = Conversation::new(self.plan.clone());
        let mut sent = Vec::new();
        for (now, entry) in &self.entries {
            let Entry::Event(event) = entry else { continue };
            let actions = machine.handle(*now, event.clone());
            sent.extend(actions.into_iter().filter_map(|action| match action {
                Action::Send(bytes) => Some(bytes),
                Action::UpgradeTls(_) | Action::Close => None,
            }));
        }
        (machine.outcome().clone(), sent)
    }
}
