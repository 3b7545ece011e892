//! The addresses of a name, each as a client meets it.

use std::net::SocketAddr;

use evidence::{Because, Fact};
use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
use wire::transcript::NameAnswer;

use super::tcp::tcp_only;
use crate::case::{Case, Seen};

/// How a client fares at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fares {
    /// It answers Remote Desktop's first words.
    Answers,
    /// It refuses every connection.
    Refuses,
    /// No connection is answered.
    Silent,
    /// The network says that there is no way to it.
    Unreachable,
    /// It is no machine's ([`is_nobodys`]), so nobody connects to it.
    Nobodys,
    /// This computer has no way to such addresses, or failed itself: that says nothing of the address.
    NotTried,
    /// It was asked, and neither of these was seen; or it was not asked.
    Unclear,
}

impl Fares {
    /// True if no client gets a connection there.
    pub fn dead(self) -> bool {
        matches!(self, Self::Refuses | Self::Silent | Self::Unreachable | Self::Nobodys)
    }

    /// Says it behind an address.
    fn words(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Refuses => "refuses connections",
            Self::Silent => "does not answer",
            Self::Unreachable => "is unreachable, as the network says",
            Self::Nobodys => "is the address of no machine",
            Self::NotTried => "could not be tried from here",
            Self::Unclear => "did not tell",
        }
    }
}

/// True for the unspecified address (0.0.0.0 or ::), which no machine has and nothing may be sent to (RFC 1122 section
/// 3.2.1.3, RFC 4291 section 2.5.2). What connects to it on Linux gets to the computer that it runs on.
pub fn is_nobodys(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_unspecified()
}

/// Address of a name.
#[derive(Clone, Copy)]
pub struct OfName<'a> {
    /// The address.
    pub address: SocketAddr,
    /// How a client fares there.
    pub fares: Fares,
    /// The host at it, where it was asked.
    pub host: Option<Case<'a>>,
}

/// Returns the addresses of the name that this resolver was asked for, in its order; `None` without an answer.
pub fn of_name(resolver: Case<'_>) -> Option<(usize, Vec<OfName<'_>>)> {
    let Seen { value: list, id } = resolver.last(|fact| match fact {
        Fact::NameAnswer(NameAnswer::Addresses(list)) => Some(list.as_slice()),
        _ => None,
    })?;
    let of = |address: &SocketAddr| {
        let at = |subject: &usize| resolver.evidence.subjects[*subject].address == Some(*address);
        let host = resolver.evidence.hosts().find(at).map(|subject| Case { subject, ..resolver });
        let fares = if is_nobodys(address) { Fares::Nobodys } else { host.map_or(Fares::Unclear, fares) };
        OfName { address: *address, fares, host }
    };
    Some((id, list.iter().map(of).collect()))
}

fn fares(host: Case<'_>) -> Fares {
    if host.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_))) {
        return Fares::Answers;
    }
    let each = |pick: fn(&TcpAnswer) -> bool| tcp_only(host, pick);
    let silent = |answer: &TcpAnswer| matches!(answer, TcpAnswer::Silent | TcpAnswer::Failed(ConnectFailure::TimedOut));
    match () {
        () if each(|answer| *answer == TcpAnswer::Failed(ConnectFailure::Refused)) => Fares::Refuses,
        () if each(silent) => Fares::Silent,
        () if each(|answer| *answer == TcpAnswer::Failed(ConnectFailure::HostUnreachable)) => Fares::Unreachable,
        () if each(|answer| {
            matches!(answer, TcpAnswer::Failed(ConnectFailure::NetworkUnreachable | ConnectFailure::Other(_)))
        }) =>
        {
            Fares::NotTried
        }
        () => Fares::Unclear,
    }
}

impl OfName<'_> {
    /// Says how a client fares there, citing what was seen; `name` is the observation of the resolver's answer.
    pub fn because(&self, name: usize) -> Because {
        let seen = self.host.and_then(|host| match self.fares {
            Fares::Answers => host.x224().next().map(|seen| seen.id),
            _ => host.tcp().next().map(|seen| seen.id),
        });
        Because { text: format!("{} {}", self.address.ip(), self.fares.words()), observation: seen.unwrap_or(name) }
    }
}
