//! Decides which recorded machine an address belongs to.

use evidence::events::{LSM, RCM};
use evidence::fact::Fact;
use evidence::printable::printable;
use evidence::state::LogEvent;
use evidence::windows::netbios;
use evidence::{Because, Evidence, SubjectId};
use time::{Duration, OffsetDateTime};
use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};

use crate::case::{Case, Context, NEAR, Seen};
use crate::stage::tls::uses_key;

/// Validity of the certificates that Windows makes for Remote Desktop: six months.
pub(crate) const SIX_MONTHS: Duration = Duration::days(183);
/// Tolerance for months of different lengths.
pub(crate) const TOLERANCE: Duration = Duration::days(3);

/// True if it can be a computer's name; a host may say anything.
pub(crate) fn possible(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Match between an address and a recorded machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// The address uses this machine's name.
    Same,
    /// Nothing seen there tells a name.
    Open,
    /// The address uses another name.
    Other,
}

impl<'a> Case<'a> {
    /// Names that the host gives for itself, in one form or both.
    pub(crate) fn called(self) -> Vec<Seen<&'a str>> {
        let dns = self.last(|fact| if let Fact::NtlmDnsComputer(name) = fact { Some(name.as_str()) } else { None });
        let netbios = self.last(|fact| if let Fact::NtlmComputer(name) = fact { Some(name.as_str()) } else { None });
        dns.into_iter().chain(netbios).filter(|seen| possible(seen.value)).collect()
    }

    /// Name in a certificate shaped like those that Windows makes by itself: issuer and subject are one common name, no
    /// alternative name, valid for six months.
    pub(crate) fn windows_made_name(self) -> Option<Seen<&'a str>> {
        let (subject, issuer) = (self.certificate_subject()?, self.certificate_issuer()?);
        let names = self.certificate_names()?;
        let alternatives = self.last(|f| if let Fact::CertificateAlternatives(yes) = f { Some(*yes) } else { None })?;
        let valid = self.not_after()?.value - self.not_before()?.value;
        let [name] = names.value else { return None };
        let shape =
            subject.value == issuer.value && subject.value.strip_prefix("CN=") == Some(name) && !alternatives.value;
        let six_months = (valid - SIX_MONTHS).abs() <= TOLERANCE;
        (shape && six_months).then_some(Seen { value: name.as_str(), id: subject.id })
    }

    /// True if several machines take turns behind the address, so that a name and a certificate may belong to different
    /// ones.
    pub(crate) fn several_machines(self) -> bool {
        let certificates = self.seen(|fact| if let Fact::CertificateSubject(name) = fact { Some(name) } else { None });
        let computers = self.seen(|fact| if let Fact::NtlmComputer(name) = fact { Some(name) } else { None });
        let several = |names: Vec<&String>| names.windows(2).any(|two| two[0] != two[1]);
        several(certificates.map(|seen| seen.value).collect()) || several(computers.map(|seen| seen.value).collect())
    }

    /// Returns the case about the machine itself, of which something was recorded: its settings, its logs.
    ///
    /// Of several machines it is the one whose name the address uses. Where nothing seen tells a name, and only one
    /// machine was recorded, that one is meant; where something tells another name, it is not.
    pub fn machine(self) -> Option<Self> {
        if self.is_machine(self.subject) {
            return Some(self);
        }
        let machines = || (0..self.evidence.subjects.len()).filter(|id| self.is_machine(*id));
        let only = |fits: &dyn Fn(Likeness) -> bool| {
            let mut found = machines().filter(|id| fits(self.likeness(*id)));
            found.next().filter(|_| found.next().is_none())
        };
        let alone = machines().nth(1).is_none();
        let named = only(&|likeness| likeness == Likeness::Same);
        let open = || only(&|likeness| likeness == Likeness::Open).filter(|_| alone);
        Some(Self { subject: named.or_else(open)?, ..self })
    }

    /// True for a recorded subject in the part that this one plays.
    fn is_machine(self, id: SubjectId) -> bool {
        let who = &self.evidence.subjects[id];
        who.role == self.who().role && who.address.is_none()
    }

    /// Compares the names of this address and that machine. The typed name may be any alias: it speaks for a machine,
    /// never against one.
    fn likeness(self, machine: SubjectId) -> Likeness {
        let Some(recorded) = self.evidence.subjects[machine].name.as_deref() else { return Likeness::Open };
        let same = |name: &str| netbios(name) == netbios(recorded);
        let called = self.called();
        if called.iter().any(|name| same(name.value)) || self.who().name.as_deref().is_some_and(same) {
            return Likeness::Same;
        }
        if !called.is_empty() {
            return Likeness::Other;
        }
        match self.windows_made_name() {
            Some(own) if same(own.value) || self.holds_shown_certificate(machine) => Likeness::Same,
            Some(_) => Likeness::Other,
            None => Likeness::Open,
        }
    }

    /// True if the certificate that was shown lies in a store of that machine.
    fn holds_shown_certificate(self, machine: SubjectId) -> bool {
        let shown = self.certificate_sha1();
        let mut stored = Self { subject: machine, ..self }
            .seen(|fact| if let Fact::StoredCertificate(certificate) = fact { Some(certificate) } else { None });
        shown.is_some_and(|shown| stored.any(|stored| stored.value.sha1.eq_ignore_ascii_case(shown.value)))
    }

    /// Iterates over the cases at each address where this machine was met, as far as it is known whose they are.
    pub(crate) fn at_addresses(self) -> impl Iterator<Item = Self> + 'a {
        let all = self.evidence.subjects.addressed().iter().map(move |subject| Self { subject: *subject, ..self });
        all.filter(move |case| {
            let (who, own) = (case.who(), case.subject == self.subject);
            let here = || case.machine().is_some_and(|machine| machine.subject == self.subject);
            who.role == self.who().role && (own || here())
        })
    }

    /// True if it answered as Remote Desktop does, or its own log let somebody in, at or after the time of this
    /// observation: the earlier record is then not in force, or another machine's.
    pub fn answered_since(self, id: usize) -> bool {
        let server = |answer: &X224Answer| matches!(answer, X224Answer::Server(_));
        let since = self.time_of(id);
        self.at_addresses().any(|case| case.x224().any(|seen| server(seen.value.1) && self.time_of(seen.id) >= since))
            || self.let_in_since(since)
    }

    /// True if it refused a connection, at or after the time of this observation.
    pub fn refused_since(self, id: usize) -> bool {
        let refused = |answer: &TcpAnswer| matches!(answer, TcpAnswer::Failed(ConnectFailure::Refused));
        self.at_addresses()
            .any(|case| case.tcp().any(|seen| refused(seen.value) && self.time_of(seen.id) >= self.time_of(id)))
    }

    /// True if a handshake that used its key succeeded, or somebody got in, at or after the time of this observation.
    pub fn key_used_since(self, id: usize) -> bool {
        let since = self.time_of(id);
        self.at_addresses().any(|case| case.tls().any(|seen| uses_key(seen.value.1) && self.time_of(seen.id) >= since))
            || self.let_in_since(since)
    }

    /// True if the machine's own log let somebody in over the network, at this moment or later: the network
    /// authentication succeeded (RCM 1149), or a session began or was taken up again from another address (LSM 21, 25).
    fn let_in_since(self, since: OffsetDateTime) -> bool {
        let mut entries = self.events(RCM, &[1149]).chain(self.events(LSM, &[21, 25]));
        entries.any(|seen| self.time_of(seen.id) >= since && (seen.value.id == 1149 || from_elsewhere(seen.value)))
    }

    /// True if a session began from another address since this was recorded (LSM 21). A session that is taken up again
    /// says nothing about new ones.
    pub fn new_session_since(self, id: usize) -> bool {
        let since = self.time_of(id);
        self.events(LSM, &[21]).any(|seen| self.time_of(seen.id) >= since && from_elsewhere(seen.value))
    }

    /// True if somebody got in since shortly before this was recorded: the recorded setting kept nobody out, unless it
    /// was changed in between.
    pub fn let_in_near(self, id: usize) -> bool {
        self.let_in_since(self.time_of(id).saturating_sub(NEAR))
    }
}

/// True if an entry about a session names the address of another machine.
fn from_elsewhere(event: &LogEvent) -> bool {
    let address = event.data.get("Address").map_or("", String::as_str);
    address.contains(['.', ':']) && !address.starts_with("127.") && address != "::1"
}

/// Notices about which records were attributed to which host.
pub fn notices(evidence: &Evidence, context: &Context) -> Vec<Because> {
    let mut notices = Vec::new();
    for subject in evidence.hosts() {
        let case = Case { evidence, subject, context };
        if case.who().address.is_none() {
            continue;
        }
        let machines = (0..evidence.subjects.len()).filter(|id| case.is_machine(*id));
        for machine in machines {
            let Some(name) = evidence.subjects[machine].name.as_deref().map(printable) else { continue };
            let first = |id: SubjectId| evidence.observations.about(id).next();
            let Some(observation) = first(machine).map(|seen| seen.id) else { continue };
            let joined = case.machine().is_some_and(|joined| joined.subject == machine);
            let text = match case.likeness(machine) {
                Likeness::Open if joined => format!(
                    "the records of {name} count as those of {}, because nothing that was seen there shows another machine. If \
                     they are the client's, say so with --from-client.",
                    case.label()
                ),
                Likeness::Same | Likeness::Open => continue,
                Likeness::Other => {
                    let called = case.called().first().copied().or_else(|| case.windows_made_name());
                    let called = called.map(|called| printable(called.value)).unwrap_or_default();
                    format!("the records of {name} do not count for {}, whose name is {called}.", case.label())
                }
            };
            notices.push(Because { text, observation });
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Sketch, host, machine};
    use evidence::state::{RegistryData, TERMINAL_SERVER};
    use wire::tls::TlsVersion;

    /// Host at an address, and the records of SERVER01, on which Remote Desktop is off.
    fn off(sketch: Sketch) -> Sketch {
        sketch.value(TERMINAL_SERVER, "fDenyTSConnections", RegistryData::Dword(1))
    }

    fn joined(sketch: &Sketch) -> bool {
        sketch.with_case(|case| case.machine().is_some())
    }

    fn notes(sketch: &Sketch) -> Vec<String> {
        notices(sketch.evidence(), sketch.context()).into_iter().map(|notice| notice.text).collect()
    }

    #[test]
    fn records_are_those_of_the_host_that_goes_by_their_name() {
        let named = |name: &str| off(host("192.0.2.7").nla().with(Fact::NtlmComputer(name.to_owned())));
        assert!(joined(&named("SERVER01")) && notes(&named("SERVER01")).is_empty());
        assert!(!joined(&named("SERVER02")));
        assert!(notes(&named("SERVER02"))[0].contains("whose name is SERVER02"), "{:?}", notes(&named("SERVER02")));
        // by its certificate, where it tells no name
        let shown = |name: &str| off(host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).windows_made(name));
        assert!(joined(&shown("server01")) && !joined(&shown("SERVER02")));
    }

    #[test]
    fn the_only_records_are_taken_for_those_of_a_host_without_a_name_and_that_is_said() {
        let silent = off(host("192.0.2.7").accepted());
        assert!(joined(&silent));
        assert!(notes(&silent)[0].contains("--from-client"), "{:?}", notes(&silent));
        assert!(notes(&machine()).is_empty());
    }

    #[test]
    fn of_several_machines_it_is_the_one_of_that_name() {
        let several = |name: &str| {
            let host = off(host("192.0.2.7").nla().with(Fact::NtlmComputer(name.to_owned())));
            host.of_another_machine("SERVER02", TERMINAL_SERVER, "fDenyTSConnections", 0)
        };
        assert_eq!(
            several("SERVER01").with_case(|case| case.machine().unwrap().who().name.clone()).unwrap(),
            "SERVER01"
        );
        assert_eq!(
            several("SERVER02").with_case(|case| case.machine().unwrap().who().name.clone()).unwrap(),
            "SERVER02"
        );
        assert!(!joined(&several("SERVER03")));
    }

    #[test]
    fn who_came_in_since_speaks_against_what_was_recorded() {
        let since = |provider, id, minutes, data: &[(&str, &str)]| {
            off(machine())
                .event_with(provider, id, minutes, data)
                .with_case(|case| (case.answered_since(1), case.let_in_near(1)))
        };
        assert_eq!(since(RCM, 1149, 0, &[]), (true, true));
        assert_eq!(since(RCM, 1149, 5, &[]), (false, true));
        assert_eq!(since(RCM, 1149, 30, &[]), (false, false));
        assert_eq!(since(LSM, 21, 0, &[("Address", "192.0.2.9")]), (true, true));
        assert_eq!(since(LSM, 21, 0, &[("Address", "LOCAL")]), (false, false));
    }
}
