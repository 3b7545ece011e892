//! `encryption-oracle-policy`: the client's policy refuses hosts without the CredSSP update.

use evidence::events::{LSA, SYSTEM};
use evidence::state::{CREDSSP, LogEvent};
use evidence::{Role, Stage};

use crate::case::{Case, NEAR};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::logs::{not_told, told};
use crate::need::Need;

const REFUSED: &[u32] = &[6041];

pub const CAUSE: Cause = Cause {
    id: "encryption-oracle-policy",
    title: "the client's CredSSP policy (Encryption Oracle Remediation) refuses the host, or protects the \
            client from nothing",
    stage: Stage::Client,
    severity: Severity::Blocking,
    role: Role::Client,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(CREDSSP)], holds: unprotected },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, SYSTEM, (LSA, REFUSED), NEAR),
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client asks for credentials and then says that an authentication error has occurred, and that this could be \
                       due to CredSSP encryption oracle remediation.",
        why: "Since 2018 a patched client refuses hosts that still speak the CredSSP versions before the update \
              (policy Encryption Oracle Remediation, 0 or 1). It is the host that lacks the update.",
        confirm: "LsaSrv 6041 in the client's System log, at the time of the attempt: it names the host as TERMSRV/name, and the \
                  version of CredSSP that it offered.",
        command: "Get-WinEvent -MaxEvents 10 -FilterHashtable @{LogName='System'; ProviderName='LsaSrv'; Id=6041} | \
                  Format-List TimeCreated,Message; \
                  Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System\\CredSSP\\Parameters' \
                  -ErrorAction SilentlyContinue",
        how_to_fix: "If the client's own AllowEncryptionOracle is 2, remove the value. Otherwise update the host: \
                     any security update since May 2018 will do. Loosening the policy on the client lets an attacker \
                     in the middle run commands on every host that this client connects to.",
        references: &["[MS-CSSP] 3.1.5 (versions)", "Microsoft: CredSSP updates for CVE-2018-0886"],
    },
    fixes: &["install-update", "allow-encryption-oracle"],
};

/// The workaround was left behind. It refuses nobody, so it explains no failure.
fn unprotected(case: Case<'_>) -> Option<Ground> {
    let seen = case.number(CREDSSP, "AllowEncryptionOracle").filter(|seen| seen.value == Some(2))?;
    // where a host was refused, that counts for more
    if refused(case).is_some() {
        return None;
    }
    let because =
        seen.because("AllowEncryptionOracle = 2 (Vulnerable): the client accepts hosts without the update of 2018");
    Some(Ground::on(vec![because]).severity(Severity::Advisory))
}

/// The refusal was logged around the attempt, for this host or, where none was named, for any.
fn refused(case: Case<'_>) -> Option<Ground> {
    let Some(target) = &case.context.target else {
        let about = |event: &LogEvent| recorded_hosts(case).any(|host| names_short(event, host));
        let of_those = told(case, (LSA, REFUSED), NEAR, about).filter(|_| !host_itself(case));
        if let Some(ground) = of_those {
            return Some(ground.confidence(Confidence::Likely));
        }
        let ground = told(case, (LSA, REFUSED), NEAR, |_| true)?.confidence(Confidence::Likely);
        let of_others = host_itself(case) || recorded_hosts(case).next().is_some();
        return Some(if of_others { ground.severity(Severity::Advisory) } else { ground });
    };
    let host = target.host.to_string();
    told(case, (LSA, REFUSED), NEAR, |event| names(event, &host))
}

/// True if the client is the machine recorded as the host: its own failed outgoing connections say nothing about
/// incoming ones.
fn host_itself(case: Case<'_>) -> bool {
    let machines = case.evidence.hosts().map(|subject| &case.evidence.subjects[subject]);
    machines.filter(|host| host.address.is_none()).any(|host| host.name == case.who().name)
}

/// Names of the hosts among the evidence.
fn recorded_hosts(case: Case<'_>) -> impl Iterator<Item = &str> {
    case.evidence.hosts().filter_map(move |host| case.evidence.subjects[host].name.as_deref())
}

/// True if the entry names this host: `TERMSRV/host version`, in one value or in two.
fn names(event: &LogEvent, host: &str) -> bool {
    targets(event).any(|name| name.eq_ignore_ascii_case(host))
}

/// Compares by the first label, since either may be written with or without its domain.
fn names_short(event: &LogEvent, host: &str) -> bool {
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    targets(event).any(|name| first(name) == first(host))
}

fn targets(event: &LogEvent) -> impl Iterator<Item = &str> {
    let words = event.data.values().flat_map(|value| value.split_whitespace());
    words.filter_map(|word| Some(word.split_once('/')?.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Context;
    use crate::diagnose::{Run, diagnose};
    use crate::sketch::{Expect, NOW, client};
    use evidence::moment::rfc3339;
    use evidence::state::{LogSpan, Part, State};
    use evidence::target::Target;
    use evidence::{Evidence, Source};

    #[test]
    fn present() {
        let refused = client("server01").event_with(LSA, 6041, 1, &[("0", "TERMSRV/SERVER01 4")]);
        refused.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn the_workaround_of_2018_is_worth_a_word() {
        let open = client("server01").dword(CREDSSP, "AllowEncryptionOracle", 2);
        open.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        // the fix that sets this very value is not offered for it
        assert_eq!(open.diagnose().findings[0].fixes, ["install-update"]);
        client("server01").dword(CREDSSP, "AllowEncryptionOracle", 1).check(&CAUSE, Expect::Unknown);
    }

    /// A server's own log records what it met as a client of others.
    #[test]
    fn a_host_that_could_not_reach_another_is_no_fault_of_its_own() {
        let state = |part| State {
            part,
            computer: Some("SERVER01".to_owned()),
            taken_at: Some(rfc3339(NOW)),
            logs: vec![system()],
            events: vec![refusal("TERMSRV/old2008")],
            ..State::default()
        };
        for (part, target, severity) in [
            (Part::Host, None, Some(Severity::Advisory)),
            (Part::Client, None, Some(Severity::Blocking)),
            (Part::Host, Some("old2008"), Some(Severity::Blocking)),
            (Part::Host, Some("another"), None),
        ] {
            let mut evidence = Evidence::default();
            state(part).observe(&mut evidence, Source::File(1), NOW);
            let target = target.map(|target| Target::parse(target).unwrap());
            let context = Context { target, ..client("server01").context().clone() };
            let report = diagnose(&evidence, &context, Run::default());
            let found = report.findings.iter().find(|finding| finding.cause == CAUSE.id);
            assert_eq!(found.map(|finding| finding.severity), severity, "{part:?}");
        }
    }

    /// A client's refusal of some other host is no fault of the host whose files lie beside it.
    #[test]
    fn near_miss_another_host_was_refused() {
        let told = |principal: &str| {
            let at = |part, computer: &str, events| State {
                part,
                computer: Some(computer.to_owned()),
                taken_at: Some(rfc3339(NOW)),
                logs: vec![system()],
                events,
                ..State::default()
            };
            let mut evidence = Evidence::default();
            at(Part::Host, "HOST1", Vec::new()).observe(&mut evidence, Source::File(1), NOW);
            at(Part::Client, "CLIENT1", vec![refusal(principal)]).observe(&mut evidence, Source::File(2), NOW);
            let context = Context { target: None, ..client("server01").context().clone() };
            let report = diagnose(&evidence, &context, Run::default());
            report.findings.iter().find(|finding| finding.cause == CAUSE.id).map(|finding| finding.severity)
        };
        assert_eq!(told("TERMSRV/old2008"), Some(Severity::Advisory));
        assert_eq!(told("TERMSRV/host1.corp.example"), Some(Severity::Blocking));
    }

    fn system() -> LogSpan {
        LogSpan {
            channel: SYSTEM.to_owned(),
            from: rfc3339(NOW - time::Duration::hours(48)),
            until: rfc3339(NOW),
            records: 1000,
            damaged: false,
            left_out: 0,
            left_out_until: None,
        }
    }

    fn refusal(principal: &str) -> LogEvent {
        LogEvent {
            at: rfc3339(NOW - time::Duration::minutes(1)),
            channel: SYSTEM.to_owned(),
            provider: LSA.to_owned(),
            id: 6041,
            record: 1,
            activity: None,
            data: [("0".to_owned(), principal.to_owned())].into(),
        }
    }

    #[test]
    fn near_miss_another_host() {
        let refused = client("server01").event_with(LSA, 6041, 1, &[("0", "TERMSRV/server02 4")]);
        refused.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_an_old_entry() {
        client("server01").event_with(LSA, 6041, 60, &[("0", "TERMSRV/server01 4")]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        client("server01").check(&CAUSE, Expect::Unknown);
    }
}
