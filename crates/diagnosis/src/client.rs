//! Identifies the client where the evidence tells: its own registry changes the profile that it is judged by, and a
//! captured client is judged as it showed itself.
//!
//! Only the records of a client count, never those of a host; with records of several it is not known which of them has
//! to get through. Anything not recorded stays as the profile has it.

use std::borrow::Cow;

use evidence::fact::Fact;
use evidence::printable::printable;
use evidence::profile::{ClientProfile, EncryptionOracle};
use evidence::state::{CREDSSP, Part};
use evidence::{Evidence, ProfileSource, Role, Source, SubjectId, profile};
use wire::tls::{Suites, TlsVersion};

use crate::case::{Case, Context};
use crate::setting::{TLS12_BUILD, TLS13_BUILD};

impl Context {
    /// Returns the context for the client that the evidence tells of, unless another one was named: the one whose own
    /// registry was recorded, else the one that was captured. Hosts captured with clients of their own keep these, see
    /// [`Context::of_subjects`].
    pub fn for_client_of(&self, evidence: &Evidence) -> Cow<'_, Self> {
        if self.profile_source != ProfileSource::Default {
            return Cow::Borrowed(self);
        }
        let found = recorded(evidence, self).or_else(|| watched(evidence).cloned());
        found.map_or(Cow::Borrowed(self), |profile| {
            Cow::Owned(Self { profile, profile_source: ProfileSource::Evidence, ..self.clone() })
        })
    }
}

/// Returns the client whose own settings were recorded: the context's, changed by them.
pub fn recorded(evidence: &Evidence, context: &Context) -> Option<ClientProfile> {
    let mut machines = (0..evidence.subjects.len()).filter(|id| is_recorded_client(evidence, *id));
    let subject = machines.next().filter(|_| machines.next().is_none())?;
    let case = Case { evidence, subject, context };
    let base = of_build(case, &context.profile);
    let (tls_min, tls_max) = versions(case, &base);
    let encryption_oracle = oracle(case).unwrap_or(base.encryption_oracle);
    let suites = suites(case).unwrap_or(base.suites);
    let told = ClientProfile { tls_min, tls_max, suites, encryption_oracle, ..base };
    if told == context.profile && case.build().is_none() {
        return None;
    }
    let machine = evidence.subjects[subject].name.as_deref().map(|name| format!(" {}", printable(name)));
    Some(ClientProfile {
        name: format!("the client{} as recorded", machine.unwrap_or_default()),
        sources: [vec!["its recorded registry".to_owned()], told.sources].concat(),
        ..told
    })
}

/// True if the evidence tells of a client: its own registry was recorded, or it was captured.
pub fn is_told(evidence: &Evidence) -> bool {
    !evidence.clients.is_empty() || (0..evidence.subjects.len()).any(|id| is_recorded_client(evidence, id))
}

/// True for records of the machine's own registry, not of a user's: a log entry does not tell what it offers.
fn is_recorded_client(evidence: &Evidence, subject: SubjectId) -> bool {
    let who = &evidence.subjects[subject];
    let of_machine = |fact: &Fact| matches!(fact, Fact::RegistryKey(key) if key.path.starts_with("HKLM\\"));
    who.role == Role::Client
        && who.address.is_none()
        && evidence.observations.about(subject).any(|seen| of_machine(&seen.fact))
}

/// Returns the profile of the client's own Windows, where its build was read, because Schannel's defaults depend on it.
fn of_build(case: Case<'_>, usual: &ClientProfile) -> ClientProfile {
    let own = case.build().and_then(|build| match build.value {
        ..TLS12_BUILD => Some("mstsc-7"),
        TLS12_BUILD..TLS13_BUILD => Some("mstsc-10"),
        _ => None,
    });
    let shipped = own.and_then(|id| ClientProfile::find(id).ok());
    let Some(shipped) = shipped.filter(|_| usual.id == profile::DEFAULT) else { return usual.clone() };
    // an old Windows may have been updated since: what is not known is not judged
    let encryption_oracle = match shipped.encryption_oracle {
        EncryptionOracle::Unpatched => EncryptionOracle::Vulnerable,
        known => known,
    };
    ClientProfile { encryption_oracle, ..shipped }
}

/// Returns the oldest and newest version that it speaks. A version switched off in between stays in the range: that may
/// hide a fault, but makes none up. A client that speaks nothing has a cause of its own.
fn versions(case: Case<'_>, base: &ClientProfile) -> (TlsVersion, TlsVersion) {
    let speaks = |version: &TlsVersion| {
        case.schannel_lacks(*version, Part::Client).is_none()
            && (base.speaks(*version) || case.schannel_switched_on(*version, Part::Client))
    };
    let mut spoken = TlsVersion::ALL.into_iter().filter(speaks);
    let Some(first) = spoken.next() else { return (base.tls_min, base.tls_max) };
    let last = spoken.next_back().unwrap_or(first);
    (first.min(last), first.max(last))
}

/// Reads its policy for the CredSSP update.
fn oracle(case: Case<'_>) -> Option<EncryptionOracle> {
    match case.number(CREDSSP, "AllowEncryptionOracle")?.value? {
        0 => Some(EncryptionOracle::ForceUpdated),
        1 => Some(EncryptionOracle::Mitigated),
        2 => Some(EncryptionOracle::Vulnerable),
        _ => None,
    }
}

/// Returns the suites that its policy leaves; `None` without a policy, or with a suite that we do not know.
fn suites(case: Case<'_>) -> Option<Suites> {
    let (_, listed) = case.cipher_policy()?;
    listed.into_iter().try_fold(Suites::NONE, |all, code| Some(all.with(code?)))
}

/// Returns the captured client: the one at a host that was also probed, where there was a probe. `None` where there are
/// several, for then each host has its own.
fn watched(evidence: &Evidence) -> Option<&ClientProfile> {
    let probed =
        |host: SubjectId| evidence.observations.about(host).any(|seen| matches!(seen.source, Source::Probe(_)));
    let about = evidence.clients.iter().filter(|(host, _)| evidence.connections == 0 || probed(*host));
    let mut clients = about.map(|(_, client)| client);
    let first = clients.next()?;
    clients.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Sketch, host, machine};
    use evidence::fact::{Handshake, Introduction};
    use evidence::state::{
        CIPHER_POLICY, CRYPTOGRAPHY, RegistryData, STORE_MY, STORE_REMOTE_DESKTOP, TERMINAL_SERVER, TERMSERVICE,
        WINDOWS, WINLOGON, is_of_client,
    };
    use wire::tls::TlsOffer;

    const TLS12: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client";

    /// The cause of each finding that is no mere advice, and the client that the report names.
    fn told(sketch: &Sketch) -> (Vec<String>, String, String) {
        let report = sketch.diagnose();
        let faults = report.findings.into_iter().filter(|found| found.severity < crate::Severity::Advisory);
        (faults.map(|found| found.cause).collect(), report.client.name, report.client.source)
    }

    fn profile(sketch: &Sketch) -> ClientProfile {
        sketch.context().for_client_of(sketch.evidence()).profile.clone()
    }

    fn unpatched() -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).with(Fact::CredsspAnswer(Introduction::Challenge(4)))
    }

    fn oracle_of(name: &str, number: u32) -> Sketch {
        unpatched().of_client(name, CREDSSP, "AllowEncryptionOracle", RegistryData::Dword(number))
    }

    /// The names of keys decide which are read of a client; no cause may ask for another.
    #[test]
    fn all_that_the_causes_of_a_client_ask_for_is_read_of_it() {
        let causes = crate::causes::ALL.iter().filter(|cause| cause.role == Role::Client);
        let needs = causes.flat_map(|cause| cause.proofs).flat_map(|proof| proof.needs);
        let keys: Vec<&str> = needs.filter_map(|need| need.as_key()).chain([CREDSSP, CIPHER_POLICY, WINDOWS]).collect();
        assert!(keys.len() > 20 && keys.iter().all(|key| is_of_client(key)), "{keys:?}");
        let hosts = [TERMINAL_SERVER, STORE_MY, STORE_REMOTE_DESKTOP, WINLOGON, CRYPTOGRAPHY, TERMSERVICE];
        assert!(hosts.iter().all(|key| !is_of_client(key)));
    }

    #[test]
    fn the_clients_own_policy_decides_whether_it_refuses_an_unpatched_host() {
        assert_eq!(told(&unpatched()).0, ["credssp-unpatched"]);
        let (faults, name, source) = told(&oracle_of("CLIENT01", 2));
        assert!(!faults.contains(&"credssp-unpatched".to_owned()), "{faults:?}");
        assert_eq!((name.as_str(), source.as_str()), ("the client CLIENT01 as recorded", "evidence"));
        assert_eq!(told(&oracle_of("CLIENT01", 0)).0, ["credssp-unpatched"]);
    }

    #[test]
    fn near_miss_a_host_says_nothing_of_the_client() {
        let of_host = unpatched().recorded(Fact::RegistryKey(evidence::state::RegistryKey {
            path: CREDSSP.to_owned(),
            exists: true,
            values: [("AllowEncryptionOracle".to_owned(), RegistryData::Dword(2))].into(),
        }));
        let (faults, _, source) = told(&of_host);
        assert!(faults.contains(&"credssp-unpatched".to_owned()), "{faults:?}");
        assert_eq!(source, "default");
    }

    #[test]
    fn near_miss_a_client_that_was_named_or_one_of_several() {
        assert_eq!(told(&oracle_of("CLIENT01", 2).client_named()).0, ["credssp-unpatched"]);
        let several = oracle_of("CLIENT01", 2).of_client("CLIENT02", WINDOWS, "EditionID", RegistryData::Dword(1));
        assert_eq!(told(&several).2, "default");
    }

    #[test]
    fn unseen_values_leave_the_profile_as_it_is() {
        let empty = unpatched().of_client("CLIENT01", CREDSSP, "Another", RegistryData::Dword(2));
        assert_eq!(told(&empty), told(&unpatched()));
        let user = r"HKCU\Software\Microsoft\Terminal Server Client";
        let of_user = unpatched().of_client("CLIENT01", user, "AuthenticationLevelOverride", RegistryData::Dword(0));
        assert_eq!(told(&of_user).2, "default");
    }

    /// A current host with TLS 1.2 only, and a client that has it switched off.
    #[test]
    fn versions_that_the_client_lacks_are_not_offered() {
        let accepted = |version| Handshake::Accepted { version: Some(version), suite: 0xc030, finished: true };
        let host = || host("192.0.2.7").nla().tls(TlsOffer::MODERN, accepted(TlsVersion::Tls12));
        let off = |sketch: Sketch| sketch.of_client("CLIENT01", TLS12, "Enabled", RegistryData::Dword(0));
        assert_eq!(profile(&off(host())).versions_text(), "TLS 1.3");
        let (faults, ..) = told(&off(host()));
        assert!(faults.contains(&"client-tls12-disabled".to_owned()), "{faults:?}");
        assert!(faults.contains(&"tls-version-mismatch".to_owned()), "{faults:?}");
        assert_eq!(told(&host()).0, [""; 0]);
    }

    #[test]
    fn the_build_of_the_client_tells_which_windows_it_is() {
        let of_build = |build: &str| {
            let build = RegistryData::Text(build.to_owned());
            profile(&host("192.0.2.7").of_client("CLIENT01", WINDOWS, "CurrentBuildNumber", build))
        };
        let known: Vec<_> =
            ["7601", "19045", "26100"].map(|build| (of_build(build).id, of_build(build).tls_max)).into();
        let expected =
            [("mstsc-7", TlsVersion::Tls10), ("mstsc-10", TlsVersion::Tls12), ("mstsc-11", TlsVersion::Tls13)];
        assert_eq!(known, expected.map(|(id, newest)| (id.to_owned(), newest)));
        // the build of an old Windows does not tell whether it has the update for CredSSP
        assert_eq!(of_build("7601").encryption_oracle, EncryptionOracle::Vulnerable);
    }

    #[test]
    fn the_clients_policy_is_the_list_of_its_suites() {
        let policy = |names: &str| {
            let names = RegistryData::Text(names.to_owned());
            profile(&host("192.0.2.7").of_client("CLIENT01", CIPHER_POLICY, "Functions", names))
        };
        let told = policy("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384_P384,TLS_AES_256_GCM_SHA384");
        assert_eq!(told.suites, Suites::NONE.with(0xc030).with(0x1302));
        // a suite that we do not know may be the one that the host has
        assert_eq!(policy("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_NEW").id, "mstsc-11");
        assert_eq!(policy("TLS_NEW").suites, profile(&machine()).suites);
    }

    #[test]
    fn a_captured_client_is_the_one_only_at_hosts_that_were_asked_about() {
        let mut evidence = Evidence::default();
        let address = |last: u8| std::net::SocketAddr::from(([192, 0, 2, last], 3389));
        let (captured, probed) = (evidence.host_at(address(7), None), evidence.host_at(address(8), None));
        let client = ClientProfile { id: "captured".to_owned(), ..ClientProfile::find("mstsc-7").unwrap() };
        evidence.clients.push((captured, client.clone()));
        assert_eq!(watched(&evidence), Some(&client));
        evidence.connections = 1;
        let fact = || Fact::TcpAnswer(wire::machine::TcpAnswer::Accepted);
        evidence.observe(probed, Source::Probe(1), time::OffsetDateTime::UNIX_EPOCH, None, fact());
        assert_eq!(watched(&evidence), None);
        evidence.observe(captured, Source::Probe(2), time::OffsetDateTime::UNIX_EPOCH, None, fact());
        assert_eq!(watched(&evidence), Some(&client));
        // two clients, each at its own host
        evidence.clients.push((probed, ClientProfile::find("mac").unwrap()));
        assert_eq!(watched(&evidence), None);
    }
}
