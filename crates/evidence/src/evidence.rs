//! What has been seen, of whom, when and by what.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use time::OffsetDateTime;

use crate::fact::Fact;
use crate::profile::ClientProfile;

/// The number of a [`Subject`] within its evidence.
pub type SubjectId = usize;

/// The part that a machine plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The machine that is to be controlled.
    Host,
    /// The machine that wants to connect.
    Client,
    /// An RD Gateway.
    Gateway,
    /// What turns names into addresses.
    Resolver,
    /// What lies between.
    Path,
}

/// A machine, or an address of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its part.
    pub role: Role,
    /// The name by which it was asked for.
    pub name: Option<String>,
    /// Its address.
    pub address: Option<SocketAddr>,
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The resolver of this computer.
    Resolver,
    /// The connection with this number, from 1.
    Probe(usize),
    /// The file or folder with this number, from 1, in the order in which they were named.
    File(usize),
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolver => out.write_str("resolver"),
            Self::Probe(number) => write!(out, "probe/{number}"),
            Self::File(number) => write!(out, "file/{number}"),
        }
    }
}

/// Where the time comes from that evidence is judged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The attempt itself: a probe was made then.
    Attempt,
    /// Somebody named it (`--at`).
    Option,
    /// The newest time in the evidence: the attempt may have been at another one.
    Evidence,
    /// When the evidence was read, for it tells no time.
    Reading,
}

/// A fact with its subject, source and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its number within the evidence, from 1.
    pub id: usize,
    /// Of whom.
    pub subject: SubjectId,
    /// From where.
    pub source: Source,
    /// When, UTC.
    pub at: OffsetDateTime,
    /// How long the question took, where that means something.
    pub took: Option<Duration>,
    /// What.
    pub fact: Fact,
}

/// A reason, with the observation that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Because {
    /// What was seen, with the values.
    pub text: String,
    /// The number of the observation.
    pub observation: usize,
}

/// Everything that has been seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Whom it is about.
    pub subjects: Vec<Subject>,
    /// What was seen, in the order of time.
    pub observations: Vec<Observation>,
    /// TCP connections that were made or tried.
    pub connections: usize,
    /// The files that were read: the first is `file/1`.
    pub files: Vec<String>,
    /// The clients that were watched while they connected to a host.
    pub clients: Vec<(SubjectId, ClientProfile)>,
}

impl Evidence {
    /// The subject's number; it is added if it is new.
    pub fn subject(&mut self, subject: Subject) -> SubjectId {
        self.subjects.iter().position(|known| *known == subject).unwrap_or_else(|| {
            self.subjects.push(subject);
            self.subjects.len() - 1
        })
    }

    /// The number of the host at this address; it is added if it is new. Without a name it is any host at the address, and
    /// one without a name gets it: a capture knows addresses alone.
    pub fn host_at(&mut self, address: SocketAddr, name: Option<String>) -> SubjectId {
        self.at(Role::Host, address, name)
    }

    /// The same for a gateway.
    pub fn gateway_at(&mut self, address: SocketAddr, name: Option<String>) -> SubjectId {
        self.at(Role::Gateway, address, name)
    }

    fn at(&mut self, role: Role, address: SocketAddr, name: Option<String>) -> SubjectId {
        let same = |known: &Subject| {
            let named = known.name.is_none() || name.is_none() || known.name == name;
            known.role == role && known.address == Some(address) && named
        };
        let Some(known) = self.subjects.iter().position(same) else {
            return self.subject(Subject { role, name, address: Some(address) });
        };
        self.subjects[known].name = self.subjects[known].name.take().or(name);
        known
    }

    /// Adds what was seen.
    pub fn observe(
        &mut self,
        subject: SubjectId,
        source: Source,
        at: OffsetDateTime,
        took: Option<Duration>,
        fact: Fact,
    ) {
        let id = self.observations.len() + 1;
        self.observations.push(Observation { id, subject, source, at, took, fact });
    }

    /// The same for facts that belong together, such as those of one certificate: said once, as long as all of them stay
    /// the same. Machines behind one address take turns, so what has changed is said as a whole: the newest facts
    /// then describe one certificate, not a mixture of several.
    pub fn observe_together(&mut self, subject: SubjectId, source: Source, at: OffsetDateTime, facts: Vec<Fact>) {
        let newest = |fact: &Fact| {
            let mut about = self.observations.iter().rev().filter(|known| known.subject == subject);
            about.find(|known| known.fact.name() == fact.name())
        };
        if facts.iter().all(|fact| newest(fact).is_some_and(|known| known.fact == *fact)) {
            return;
        }
        for fact in facts {
            self.observe(subject, source, at, None, fact);
        }
    }

    /// The same with the observations in the order of time and numbered in it. Who wrote them down first does not matter;
    /// which is the newest does.
    pub fn in_order(&self) -> Cow<'_, Self> {
        if self.observations.is_sorted_by_key(|observation| observation.at) {
            return Cow::Borrowed(self);
        }
        Cow::Owned(self.clone().into_order())
    }

    /// The same in its place, for much evidence takes much memory.
    #[must_use]
    pub fn into_order(mut self) -> Self {
        self.observations.sort_by_key(|observation| observation.at);
        for (id, observation) in (1..).zip(&mut self.observations) {
            observation.id = id;
        }
        self
    }

    /// The numbers of all hosts.
    pub fn hosts(&self) -> impl Iterator<Item = SubjectId> {
        (0..self.subjects.len()).filter(|id| self.subjects[*id].role == Role::Host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

    fn certificate(subject: &str, self_issued: bool) -> Vec<Fact> {
        vec![Fact::CertificateSubject(subject.to_owned()), Fact::CertificateSelfIssued(self_issued)]
    }

    /// Three machines behind one address: what two of them have in common is not taken from the one in between.
    #[test]
    fn the_newest_certificate_is_whole() {
        let mut evidence = Evidence::default();
        let host = evidence.subject(Subject { role: Role::Host, name: None, address: None });
        for (number, (name, own)) in [("A", false), ("A", false), ("B", true), ("C", false)].into_iter().enumerate() {
            evidence.observe_together(host, Source::Probe(number + 1), AT, certificate(name, own));
        }
        let newest: Vec<_> = evidence.observations.iter().rev().take(2).rev().map(|seen| seen.fact.clone()).collect();
        assert_eq!(newest, certificate("C", false));
        assert_eq!(evidence.observations.len(), 6, "what stays the same is said once");
    }
}
