//! From the recorded state of a machine to evidence.

use time::OffsetDateTime;

use crate::events;
use crate::evidence::{Evidence, Role, Source, Subject, SubjectId};
use crate::fact::Fact;
use crate::moment::moment;
use crate::printable::printable;
use crate::state::{LogEvent, NAME, Part, ROOT, State, StoredCertificate};

impl State {
    /// Adds all of it to the evidence, as a machine of its own. `at` is when it was read, for facts without a time.
    pub fn observe(&self, evidence: &mut Evidence, source: Source, at: OffsetDateTime) -> SubjectId {
        self.observe_as(self.computer.as_deref(), evidence, source, at)
    }

    /// Adds it to the evidence about the machine of this name, where that is known from elsewhere.
    pub fn observe_as(
        &self,
        computer: Option<&str>,
        evidence: &mut Evidence,
        source: Source,
        at: OffsetDateTime,
    ) -> SubjectId {
        let role = match self.part {
            Part::Host => Role::Host,
            Part::Client => Role::Client,
        };
        // a log or a hive may have any text where a name belongs
        let name = computer.map(|name| printable(&name.chars().take(NAME).collect::<String>()));
        let subject = evidence.subject(Subject { role, name: name.clone(), address: None });
        let read = self.taken_at.as_deref().and_then(moment).unwrap_or(at);
        let mut add = |at, fact| evidence.observe(subject, source, at, None, fact);
        self.registry.iter().for_each(|key| add(read, Fact::RegistryKey(key.clone())));
        self.services.iter().for_each(|service| add(read, Fact::Service(service.clone())));
        // authorities that a host trusts say nothing about those who connect to it
        let matters = |certificate: &&StoredCertificate| self.part == Part::Client || certificate.store != ROOT;
        let certificates = self.certificates.iter().filter(matters);
        certificates.for_each(|certificate| add(read, Fact::StoredCertificate(certificate.clone())));
        self.key_files.iter().for_each(|file| add(read, Fact::KeyFile(file.clone())));
        self.files.iter().for_each(|file| add(read, Fact::FileVersion(file.clone())));
        self.volumes.iter().for_each(|volume| add(read, Fact::Volume(volume.clone())));
        self.rdp_files.iter().for_each(|file| add(read, Fact::RdpFile(file.clone())));
        self.traces.iter().for_each(|trace| add(read, Fact::AccessTrace(trace.clone())));
        self.refused.iter().for_each(|access| add(read, Fact::RefusedAccess(access.clone())));
        self.unread.iter().for_each(|unread| add(read, Fact::Unread(unread.clone())));
        self.logs.iter().for_each(|log| add(moment(&log.until).unwrap_or(read), Fact::LogSpan(log.clone())));
        for event in self.events.iter().filter(|event| self.part_of(event) == self.part) {
            add(moment(&event.at).unwrap_or(read), Fact::LogEvent(event.clone()));
        }
        self.observe_other_part(name, evidence, source, read);
        subject
    }

    /// Returns the part that an entry is about: a host's log may also hold what it met as a client.
    fn part_of(&self, event: &LogEvent) -> Part {
        events::find(&event.provider, event.id).map_or(self.part, |known| known.part)
    }

    /// Adds a host as client of others, if any entry is about that: then its logs cover that part as well. Its other
    /// role as host is irrelevant to a client's connection.
    fn observe_other_part(&self, name: Option<String>, evidence: &mut Evidence, source: Source, read: OffsetDateTime) {
        if self.part == Part::Client {
            return;
        }
        let mut entries = self.events.iter().filter(|event| self.part_of(event) != self.part).peekable();
        if entries.peek().is_none() {
            return;
        }
        let subject = evidence.subject(Subject { role: Role::Client, name, address: None });
        for log in &self.logs {
            evidence.observe(subject, source, moment(&log.until).unwrap_or(read), None, Fact::LogSpan(log.clone()));
        }
        for event in entries {
            evidence.observe(subject, source, moment(&event.at).unwrap_or(read), None, Fact::LogEvent(event.clone()));
        }
    }
}
