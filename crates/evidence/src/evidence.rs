//! Evidence: what was seen, of which machine, when and by which source.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use time::OffsetDateTime;

use crate::fact::Fact;
use crate::profile::ClientProfile;

/// Number of a [`Subject`] within its evidence.
pub type SubjectId = usize;

/// Part that a machine plays in a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The machine to connect to.
    Host,
    /// The machine that connects.
    Client,
    /// An RD Gateway.
    Gateway,
    /// Whatever turns names into addresses.
    Resolver,
    /// An address that the name has by another answer than the one which clients here are given: it is asked as a test,
    /// and no cause is judged there.
    Elsewhere,
    /// The network in between.
    Path,
}

impl Role {
    /// Names the machine in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Resolver => "resolver",
            Self::Elsewhere => "elsewhere",
            Self::Path => "path",
        }
    }
}

/// Machine, or an address of one, that facts are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Part that it plays.
    pub role: Role,
    /// Name by which it was asked for.
    pub name: Option<String>,
    /// Address, where known.
    pub address: Option<SocketAddr>,
    /// The address in words: every judgement names it, and it is written once.
    shown: Option<String>,
}

impl Subject {
    /// Makes a machine, or an address of one.
    pub fn new(role: Role, name: Option<String>, address: Option<SocketAddr>) -> Self {
        Self { role, name, address, shown: address.map(|address| address.to_string()) }
    }

    /// Returns the label for sentences: `server:3389`, `192.0.2.7:3389` or the resolver's question.
    pub fn label(&self) -> &str {
        match (self.role, self.shown.as_deref(), self.name.as_deref()) {
            (Role::Resolver, _, Some(name)) | (_, None, Some(name)) => name,
            (_, Some(address), _) => address,
            (_, None, None) => "the host",
        }
    }
}

/// Origin of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The resolver of this computer.
    Resolver,
    /// Connection of this number, from 1.
    Probe(usize),
    /// Datagram that was sent to a host.
    Datagram,
    /// SYNs that may pass only so many routers.
    Hops,
    /// File or folder of this number, from 1, in the order in which they were named.
    File(usize),
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolver => out.write_str("resolver"),
            Self::Datagram => out.write_str("datagram"),
            Self::Hops => out.write_str("hops"),
            Self::Probe(number) => write!(out, "probe/{number}"),
            Self::File(number) => write!(out, "file/{number}"),
        }
    }
}

/// Origin of the time for which evidence is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The attempt itself: a probe ran then.
    Attempt,
    /// A person named it (`--at`).
    Option,
    /// The newest time in the evidence; the attempt may have been at another.
    Evidence,
    /// The time of reading, because the evidence has none.
    Reading,
}

/// Fact with its subject, source and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Number within the evidence, from 1.
    pub id: usize,
    /// Machine that the fact is about.
    pub subject: SubjectId,
    /// Origin of the fact.
    pub source: Source,
    /// Time of the observation, UTC.
    pub at: OffsetDateTime,
    /// Duration of the question, where that means something.
    pub took: Option<Duration>,
    /// The fact itself.
    pub fact: Fact,
}

/// Reason, with the observation that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Because {
    /// Statement of what was seen, with the values.
    pub text: String,
    /// Number of the observation.
    pub observation: usize,
}

/// List of observations that finds those about one subject without looking at all the others: every proof asks for
/// them, for every machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    all: Vec<Observation>,
    /// Places of the observations about each subject, in their order.
    places: Vec<Vec<usize>>,
}

impl Observations {
    /// Iterates over those about one subject, in their order.
    pub fn about(&self, subject: SubjectId) -> impl DoubleEndedIterator<Item = &Observation> {
        let places = self.places.get(subject).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.all.get(*place))
    }

    /// Changes them in their places.
    pub fn rewrite(&mut self, each: impl FnMut(&mut Observation)) {
        let mut all = std::mem::take(&mut self.all);
        all.iter_mut().for_each(each);
        *self = all.into();
    }

    fn add(&mut self, observation: Observation) {
        found_again(&mut self.places, observation.subject, self.all.len());
        self.all.push(observation);
    }
}

/// Notes the place of an observation about a subject.
fn found_again(places: &mut Vec<Vec<usize>>, subject: SubjectId, place: usize) {
    if places.len() <= subject {
        places.resize_with(subject + 1, Vec::new);
    }
    if let Some(places) = places.get_mut(subject) {
        places.push(place);
    }
}

impl From<Vec<Observation>> for Observations {
    /// Numbers observations anew, in this order.
    fn from(all: Vec<Observation>) -> Self {
        // in their places: a second list of much evidence would take its memory twice
        let mut observations = Self { all, places: Vec::new() };
        for (place, observation) in observations.all.iter_mut().enumerate() {
            observation.id = place + 1;
            found_again(&mut observations.places, observation.subject, place);
        }
        observations
    }
}

impl Deref for Observations {
    type Target = [Observation];

    fn deref(&self) -> &[Observation] {
        &self.all
    }
}

impl<'a> IntoIterator for &'a Observations {
    type Item = &'a Observation;
    type IntoIter = std::slice::Iter<'a, Observation>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// Machines and addresses in the order in which they were met, found again by name and address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subjects {
    all: Vec<Subject>,
    /// Numbers of those with this address and name.
    numbers: BTreeMap<(Option<SocketAddr>, Option<String>), Vec<SubjectId>>,
    /// Numbers of those with an address, in order.
    addressed: Vec<SubjectId>,
}

impl Subjects {
    /// Returns the numbers of those that are an address, in order.
    pub fn addressed(&self) -> &[SubjectId] {
        &self.addressed
    }

    /// Changes them in their places.
    pub fn rewrite(&mut self, each: impl FnMut(&mut Subject)) {
        let mut all = std::mem::take(&mut self.all);
        all.iter_mut().for_each(each);
        *self = all.into_iter().collect();
    }

    fn add(&mut self, subject: Subject) -> SubjectId {
        let number = self.all.len();
        self.numbers.entry((subject.address, subject.name.clone())).or_default().push(number);
        if subject.address.is_some() {
            self.addressed.push(number);
        }
        self.all.push(subject);
        number
    }

    /// Finds the first of this part with this address and name.
    fn find(&self, role: Role, address: Option<SocketAddr>, name: Option<String>) -> Option<SubjectId> {
        let numbers = self.numbers.get(&(address, name))?;
        numbers.iter().copied().find(|number| self.all.get(*number).is_some_and(|known| known.role == role))
    }

    /// Finds the first of this part at an address, under any of its names.
    fn first_at(&self, role: Role, address: SocketAddr) -> Option<SubjectId> {
        let named = self.numbers.range((Some(address), None)..).take_while(|((at, _), _)| *at == Some(address));
        let numbers = named.flat_map(|(_, numbers)| numbers).copied();
        numbers.filter(|number| self.all.get(*number).is_some_and(|known| known.role == role)).min()
    }

    /// Gives a name to one that has none.
    fn name(&mut self, number: SubjectId, name: Option<String>) {
        if let Some(known) = self.all.get_mut(number).filter(|known| known.name.is_none() && name.is_some()) {
            let numbers = self.numbers.entry((known.address, None)).or_default();
            numbers.retain(|other| *other != number);
            known.name = name;
            let numbers = self.numbers.entry((known.address, known.name.clone())).or_default();
            numbers.push(number);
            numbers.sort_unstable();
        }
    }
}

impl FromIterator<Subject> for Subjects {
    fn from_iter<I: IntoIterator<Item = Subject>>(all: I) -> Self {
        let mut subjects = Self::default();
        for subject in all {
            subjects.add(subject);
        }
        subjects
    }
}

impl Deref for Subjects {
    type Target = [Subject];

    fn deref(&self) -> &[Subject] {
        &self.all
    }
}

impl IntoIterator for Subjects {
    type Item = Subject;
    type IntoIter = std::vec::IntoIter<Subject>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

/// Everything that has been seen, and of which machines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Machines that it is about.
    pub subjects: Subjects,
    /// Observations, in the order of time.
    pub observations: Observations,
    /// TCP connections made or tried.
    pub connections: usize,
    /// Files that were read: the first is `file/1`.
    pub files: Vec<String>,
    /// Clients captured while they connected to a host.
    pub clients: Vec<(SubjectId, ClientProfile)>,
}

impl Evidence {
    /// Returns the subject's number, adding it if it is new.
    pub fn subject(&mut self, subject: Subject) -> SubjectId {
        let known = self.subjects.find(subject.role, subject.address, subject.name.clone());
        known.unwrap_or_else(|| self.subjects.add(subject))
    }

    /// Returns the number of the host at this address, adding it if it is new. Without a name this is any host at the
    /// address; a host without a name is given this one, because a capture knows addresses only.
    pub fn host_at(&mut self, address: SocketAddr, name: Option<String>) -> SubjectId {
        self.at(Role::Host, address, name)
    }

    /// Returns the number of the gateway at this address, as [`Evidence::host_at`] does for a host.
    pub fn gateway_at(&mut self, address: SocketAddr, name: Option<String>) -> SubjectId {
        self.at(Role::Gateway, address, name)
    }

    /// Returns the number of the address that a probe asked: a host's, or, where the look-up of the name gave others,
    /// that of an address elsewhere.
    pub fn asked_at(&mut self, address: SocketAddr, name: Option<String>) -> SubjectId {
        let looked_up = name.is_some() && self.subjects.find(Role::Resolver, None, name.clone()).is_some();
        let mut names = [name.clone(), None].into_iter();
        let given = names.any(|name| self.subjects.find(Role::Host, Some(address), name).is_some());
        let role = if looked_up && !given { Role::Elsewhere } else { Role::Host };
        self.at(role, address, name)
    }

    fn at(&mut self, role: Role, address: SocketAddr, name: Option<String>) -> SubjectId {
        let known = if name.is_none() {
            self.subjects.first_at(role, address)
        } else {
            let of = |name| self.subjects.find(role, Some(address), name);
            // the first of those with this name and those without one
            [of(name.clone()), of(None)].into_iter().flatten().min()
        };
        let Some(known) = known else {
            return self.subject(Subject::new(role, name, Some(address)));
        };
        self.subjects.name(known, name);
        known
    }

    /// Adds an observation and numbers it.
    pub fn observe(
        &mut self,
        subject: SubjectId,
        source: Source,
        at: OffsetDateTime,
        took: Option<Duration>,
        fact: Fact,
    ) {
        let id = self.observations.len() + 1;
        self.observations.add(Observation { id, subject, source, at, took, fact });
    }

    /// Adds facts that belong together, such as those of one certificate: once, as long as all of them stay the same.
    /// Machines behind one address take turns, so a change is added as a whole: the newest facts then describe one
    /// certificate, not a mixture of several.
    pub fn observe_together(&mut self, subject: SubjectId, source: Source, at: OffsetDateTime, facts: Vec<Fact>) {
        let newest =
            |fact: &Fact| self.observations.about(subject).rev().find(|known| known.fact.name() == fact.name());
        if facts.iter().all(|fact| newest(fact).is_some_and(|known| known.fact == *fact)) {
            return;
        }
        for fact in facts {
            self.observe(subject, source, at, None, fact);
        }
    }

    /// Returns the evidence with its observations sorted by time and renumbered. Who recorded them first does not
    /// matter; which is the newest does.
    pub fn in_order(&self) -> Cow<'_, Self> {
        if self.observations.is_sorted_by_key(|observation| observation.at) {
            return Cow::Borrowed(self);
        }
        Cow::Owned(self.clone().into_order())
    }

    /// Sorts in place as [`Evidence::in_order`] does, because much evidence takes much memory.
    #[must_use]
    pub fn into_order(mut self) -> Self {
        let mut sorted = self.observations.all;
        sorted.sort_by_key(|observation| observation.at);
        self.observations = sorted.into();
        self
    }

    /// Iterates over the numbers of the addresses elsewhere.
    pub fn elsewhere(&self) -> impl Iterator<Item = SubjectId> {
        (0..self.subjects.len()).filter(|id| self.subjects[*id].role == Role::Elsewhere)
    }

    /// Iterates over the numbers of all hosts.
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

    /// Three machines behind one address: facts that two certificates share are not taken from the one in between.
    #[test]
    fn the_newest_certificate_is_whole() {
        let mut evidence = Evidence::default();
        let host = evidence.subject(Subject::new(Role::Host, None, None));
        for (number, (name, own)) in [("A", false), ("A", false), ("B", true), ("C", false)].into_iter().enumerate() {
            evidence.observe_together(host, Source::Probe(number + 1), AT, certificate(name, own));
        }
        let newest: Vec<_> = evidence.observations.iter().rev().take(2).rev().map(|seen| seen.fact.clone()).collect();
        assert_eq!(newest, certificate("C", false));
        assert_eq!(evidence.observations.len(), 6, "what stays the same is said once");
    }
}
