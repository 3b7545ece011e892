//! `credssp-broken`: TLS works, but CredSSP gets garbage or a dropped connection.

use std::time::Duration;

use evidence::fact::Introduction;
use evidence::symptom::Symptom;
use evidence::{Because, Role, Stage};
use wire::credssp::NEWEST;
use wire::ntlm::ChallengeFlaw;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::credssp::broken_off;

pub const CAUSE: Cause = Cause {
    id: "credssp-broken",
    title: "TLS works, but the host drops CredSSP, or answers it with nonsense or too late",
    stage: Stage::Credssp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::INTRODUCTION], holds: broken },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::SECOND_INTRODUCTION], holds: broken_twice },
        older_version_only(&[Need::SECOND_INTRODUCTION, Need::introduction_at(5), Need::NEWEST_AGAIN]),
        older_version_only(&[Need::SECOND_INTRODUCTION, Need::introduction_at(4), Need::NEWEST_AGAIN]),
        older_version_only(&[Need::SECOND_INTRODUCTION, Need::introduction_at(3), Need::NEWEST_AGAIN]),
        older_version_only(&[Need::SECOND_INTRODUCTION, Need::introduction_at(2), Need::NEWEST_AGAIN]),
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::PATIENT_INTRODUCTION], holds: silent_twice },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::INTRODUCTION], holds: too_late },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::INTRODUCTION], holds: names_nothing },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::INTRODUCTION], holds: short_key },
        Proof { shows: Shows::Absence, needs: &[Need::INTRODUCTION], holds: answered },
    ],
    explains: &[],
    page: Page {
        what_happens: "The TLS handshake is finished, the client introduces itself (CredSSP), and the host closes \
                       the connection or sends bytes that are not an answer. mstsc shows 0x904 or an authentication \
                       error before or right after the password.",
        why: "The security subsystem of the host cannot serve the logon, or not in time: FreeRDP gives up after 9 s \
              (LSASS is overloaded, a domain controller is far away, or a credential or security product hooks into \
              it); a proxy or bastion ends TLS itself and does not support CredSSP; or server software other than Windows implements it badly. A host that takes no NTLM may close as well: \
              this program only offers NTLM, and domain accounts that connect by the host's name then still get in \
              by Kerberos.",
        confirm: "On the host: events of LsaSrv and of RdpCoreTS at the moment of the attempt. If RdpCoreTS has no event 131, \
                  something on the way ended the TLS connection. Compare the certificate with the host's own.",
        command: "Get-WinEvent -LogName System -MaxEvents 500 | Where-Object ProviderName -match 'LsaSrv|Kerberos|NETLOGON' | \
                  Format-List TimeCreated,ProviderName,Id,Message; Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational'; Id=131,139,140,226} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Bypass the proxy or bastion if there is one. On the host, restart Remote Desktop Services. If \
                     that does not help, look at products that hook into the logon, and restart the computer.",
        references: &["[MS-CSSP] 2.2.1, 3.1.5", "[MS-RDPBCGR] 5.4.5.2"],
    },
    fixes: &["restart-services", "try-another-client"],
};

/// Shows a host that breaks off at the newest version, introduces itself with an older one, whichever is the first that
/// it takes, and breaks off at the newest again: NTLM is not what it refuses.
const fn older_version_only(needs: &'static [Need]) -> Proof {
    Proof { shows: Shows::Presence(Confidence::Likely), needs, holds: takes_an_older_version }
}

fn takes_an_older_version(case: Case<'_>) -> Option<Ground> {
    let ground = broken(case)?;
    let (version, seen) = case.older_version_taken()?;
    let text = format!(
        "it introduces itself to version {version} of CredSSP and breaks off at version {NEWEST} before and after, which \
         a host has to take for the newest that it knows ([MS-CSSP] 2.2.1)"
    );
    let because = [vec![seen.because(text)], ground.because.clone()].concat();
    Some(Ground { because, ..ground })
}

fn told(case: Case<'_>, seen: Seen<&Introduction>) -> Option<Because> {
    let label = case.label();
    match seen.value {
        Introduction::Malformed(words) => {
            Some(seen.because(format!("{label} answered the first TSRequest with nonsense: {words}")))
        }
        Introduction::Closed(end) => Some(
            seen.because(format!("{label} {} the connection on the first TSRequest, without an answer", end.verb())),
        ),
        Introduction::Alert(alert) => {
            Some(seen.because(format!("{label} ended the connection on the first TSRequest with {alert}")))
        }
        _ => None,
    }
}

/// Looks at every answer that the host gave to CredSSP.
fn broken(case: Case<'_>) -> Option<Ground> {
    // whoever asked for a certificate of ours and got none ends the connection for that
    if case.certificate_requested().is_some() {
        return None;
    }
    let because: Option<Vec<_>> = case.introductions().map(|seen| told(case, seen)).collect();
    let because = because.filter(|because| !because.is_empty())?;
    Some(for_client(case, Ground::on(because)))
}

/// Who seals answers no CHALLENGE without the names of its host ([MS-NLMP] 3.1.5.1.2); FreeRDP was seen to end the
/// connection on it, and of mstsc nobody is known to have shown it.
fn names_nothing(case: Case<'_>) -> Option<Ground> {
    let flaw = case.challenge_flaw().filter(|seen| seen.value == ChallengeFlaw::NoTargetInfo)?;
    let text = format!("the CHALLENGE of {} names nothing of the host: it has no TargetInfo", case.label());
    Some(for_client(case, Ground::on(vec![flaw.because(text)])))
}

/// Windows ends on a CHALLENGE without a key of 128 bits ([MS-NLMP] 3.1.5.1.2): its profiles say so.
fn short_key(case: Case<'_>) -> Option<Ground> {
    let flaw = case.challenge_flaw().filter(|seen| matches!(seen.value, ChallengeFlaw::ShortKey(_)))?;
    let profile = &case.context.profile;
    let text =
        format!("the CHALLENGE of {} agrees to no key of 128 bits, and {} wants one", case.label(), profile.name);
    (profile.short_ntlm_keys == Some(false)).then(|| for_client(case, Ground::on(vec![flaw.because(text)])))
}

/// Answered, each time later than the client waits.
fn too_late(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let most = Duration::from_secs(profile.credssp_seconds?);
    let told = |seen: Seen<&Introduction>| {
        let took = case.evidence.observations[seen.id - 1].took.unwrap_or_default();
        let text = format!(
            "{} took {:.1} s to answer the first TSRequest, and {} gives up after {} s",
            case.label(),
            took.as_secs_f64(),
            profile.name,
            most.as_secs()
        );
        (took > most).then(|| seen.because(text))
    };
    let answers = case.introductions().filter(|seen| *seen.value != Introduction::Silent);
    let because: Option<Vec<_>> = answers.map(told).collect();
    Some(for_client(case, Ground::on(because.filter(|because| !because.is_empty())?)))
}

/// A client without CredSSP never gets here.
fn for_client(case: Case<'_>, ground: Ground) -> Ground {
    if case.context.profile.protocols.credssp() { ground } else { ground.severity(Severity::Advisory) }
}

/// A host under load, or with a domain controller far away, answers within this time.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Left without an answer twice, the second time for as long as clients wait.
fn silent_twice(case: Case<'_>) -> Option<Ground> {
    let told = |seen: Seen<&Introduction>| {
        let waited = case.evidence.observations[seen.id - 1].took.unwrap_or_default();
        let text =
            format!("{} left the first TSRequest without an answer for {:.1} s", case.label(), waited.as_secs_f64());
        (*seen.value == Introduction::Silent && waited >= PATIENCE).then(|| seen.because(text))
    };
    let because: Option<Vec<_>> = case.introductions().map(told).collect();
    Some(for_client(case, Ground::on(because.filter(|because| because.len() > 1)?)))
}

fn broken_twice(case: Case<'_>) -> Option<Ground> {
    let ground = broken(case)?;
    // a close may be the host's way to refuse NTLM: with a name the client then comes by Kerberos and never notices
    let closed =
        case.introductions().any(|seen| matches!(seen.value, Introduction::Closed(_) | Introduction::Alert(_)));
    Some(match (closed, case.name_typed()) {
        (false, _) => ground,
        (true, false) => ground.confidence(Confidence::Likely),
        (true, true) => ground.confidence(Confidence::Possible),
    })
}

fn answered(case: Case<'_>) -> Option<Ground> {
    case.introductions().find(|seen| !broken_off(seen.value) && *seen.value != Introduction::Silent)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::End;
    use wire::tls::TlsVersion;
    use wire::x224::SecurityProtocols;

    const CLOSED: Introduction = Introduction::Closed(End::Fin);

    fn introduced(answers: &[Introduction]) -> Sketch {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        answers.iter().fold(up, |sketch, answer| sketch.with(Fact::CredsspAnswer(answer.clone())))
    }

    #[test]
    fn an_answer_that_comes_later_than_the_client_waits_is_none() {
        let late = |profile: &str, seconds| {
            let sketch = introduced(&[Introduction::Challenge(6)]).took(Duration::from_secs(seconds));
            sketch.profile(profile)
        };
        late("freerdp3", 10).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        late("freerdp3", 8).check(&CAUSE, Expect::Absent);
        // how long mstsc waits is not known
        late("mstsc-11", 10).check(&CAUSE, Expect::Absent);
    }

    fn garbage() -> Introduction {
        Introduction::Malformed("the answer is no TSRequest".to_owned())
    }

    #[test]
    fn present() {
        let twice = introduced(&[garbage(), garbage()]);
        twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        introduced(&[CLOSED, CLOSED]).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// A host that takes Kerberos only is healthy, and may refuse NTLM by closing.
    #[test]
    fn a_close_is_only_possible_where_kerberos_may_get_in() {
        let up = host("server01.corp.example").nla().tls_up(TlsVersion::Tls13);
        let twice = up.with(Fact::CredsspAnswer(CLOSED)).with(Fact::CredsspAnswer(CLOSED));
        twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    /// It takes NTLM after all, so that is not why it closes.
    #[test]
    fn likely_where_an_older_version_is_taken_and_the_newest_is_not() {
        let up = || host("server01.corp.example").nla().tls_up(TlsVersion::Tls13).with(Fact::CredsspAnswer(CLOSED));
        let at = |version, answer| Fact::CredsspVersionAnswer { version, answer };
        let twice = || up().with(Fact::CredsspAnswer(CLOSED)).with(at(5, CLOSED));
        let taken = || twice().with(at(4, Introduction::Challenge(4)));
        let possible = || Expect::Present(Severity::Blocking, Confidence::Possible);
        taken().check(&CAUSE, possible());
        let again = |answer| taken().with(Fact::CredsspAnswer(answer));
        again(CLOSED).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        // it was chance
        again(Introduction::Challenge(6)).check(&CAUSE, Expect::Absent);
        twice().with(at(4, CLOSED)).check(&CAUSE, possible());
    }

    #[test]
    fn once_is_only_possible() {
        introduced(&[CLOSED]).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    #[test]
    fn a_client_without_credssp_is_not_concerned() {
        let twice = introduced(&[garbage(), garbage()]).profile_with(|p| p.protocols = SecurityProtocols::SSL);
        twice.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn a_challenge_that_names_nothing_is_likely_refused() {
        let flawed = |flaw| introduced(&[Introduction::Challenge(6)]).with(Fact::ChallengeFlaw(flaw));
        let present = Expect::Present(Severity::Blocking, Confidence::Likely);
        flawed(ChallengeFlaw::NoTargetInfo).check(&CAUSE, present);
        let short = || flawed(ChallengeFlaw::ShortKey(0xC28A_8235));
        short().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        short().profile("freerdp3").check(&CAUSE, Expect::Absent);
        // nobody is known to refuse these, and nobody is known to take them
        for flaw in [ChallengeFlaw::Flags(0), ChallengeFlaw::NoNames, ChallengeFlaw::Completed] {
            flawed(flaw).check(&CAUSE, Expect::Absent);
            assert_eq!(flawed(flaw).diagnose().verdict, crate::report::Verdict::Undetermined, "{flaw:?}");
        }
    }

    #[test]
    fn near_miss_the_second_try_is_answered() {
        introduced(&[CLOSED, Introduction::Challenge(6)]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_refusal_is_an_answer() {
        let refused = Introduction::Refused { version: 6, status: Some(0xC000_0022) };
        introduced(&[refused]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        introduced(&[]).check(&CAUSE, Expect::Unknown);
        introduced(&[Introduction::Silent]).check(&CAUSE, Expect::Unknown);
    }
}
