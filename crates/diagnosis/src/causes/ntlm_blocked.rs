//! `ntlm-blocked`: the host refuses NTLM, so only Kerberos gets in.

use evidence::fact::Introduction;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::credssp::{NTLM_BLOCKED, NTLM_REFUSALS};

pub const CAUSE: Cause = Cause {
    id: "ntlm-blocked",
    title: "the host refuses NTLM, so only Kerberos gets in",
    stage: Stage::Credssp,
    severity: Severity::Advisory,
    role: Role::Host,
    // mstsc shows a text of its own, or 0xC07 where the name has no service principal
    codes: &[0xC07],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::INTRODUCTION], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::INTRODUCTION], holds: rejected },
        Proof { shows: Shows::Absence, needs: &[Need::INTRODUCTION], holds: taken },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host answers the first NTLM message with a refusal, before any account is named. Domain \
                       accounts that connect by the host's name do not notice: they use Kerberos. People who type an \
                       address or use a local account get an authentication error (function not supported, 0xC07).",
        why: "Incoming NTLM is denied by policy (Restrict NTLM), which is good practice in a domain. An address has no service \
              principal, so Kerberos cannot be used with it unless both sides were set up for that (TryIPSPN and a principal \
              for the address).",
        confirm: "On the host: RestrictReceivingNTLMTraffic 2 denies NTLM. On the client: does it get a ticket for the host's \
                  name?",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa\\MSV1_0' RestrictReceivingNTLMTraffic \
                  -ErrorAction SilentlyContinue; Get-WinEvent -MaxEvents 10 -LogName Microsoft-Windows-NTLM/Operational | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Connect by the host's full name with a domain account, from a computer that reaches a domain controller. If \
                     the name is an alias, register its service principal. Leave the restriction in place.",
        references: &[
            "[MS-CSSP] 3.1.5",
            "[MS-NLMP] 2.2.1.1",
            "Microsoft: Network security: Restrict NTLM: Incoming NTLM traffic",
        ],
    },
    fixes: &["register-spn", "try-another-client"],
};

fn status(case: Case<'_>) -> Option<Seen<u32>> {
    let seen = case.credssp()?;
    let Introduction::Refused { status: Some(status), .. } = seen.value else { return None };
    NTLM_REFUSALS.contains(status).then_some(Seen { value: *status, id: seen.id })
}

fn refused(case: Case<'_>) -> Option<Ground> {
    let seen = status(case)?;
    let text = format!("{} answered the first NTLM message with status {:#010X}", case.label(), seen.value);
    let mut because = vec![seen.because(text)];
    let by_address = case.context.target.as_ref().is_some_and(|target| target.name().is_none());
    let blocks = by_address && case.context.profile.protocols.credssp();
    because.push(seen.because(if by_address {
        "an address was typed, and Kerberos needs a name: neither gets in"
    } else {
        "a name was typed: Kerberos gets in with it, a local account does not"
    }));
    let sure = if seen.value == NTLM_BLOCKED { Confidence::Proven } else { Confidence::Likely };
    let ground = Ground::on(because).confidence(sure);
    Some(if blocks { ground.severity(Severity::Blocking) } else { ground })
}

/// Rejected through SPNEGO, without a status: NTLM as the probe says it, which is not wrapped in SPNEGO, is not taken.
fn rejected(case: Case<'_>) -> Option<Ground> {
    let seen = case.credssp()?;
    matches!(seen.value, Introduction::Rejected(_)).then(|| {
        let text = format!("{} answered the first NTLM message with SPNEGO's reject, without a status", case.label());
        let kept_out = "kept out are clients that have NTLM alone: by address, with a local account, outside the \
                        domain, without a domain controller in reach; whether a ticket of Kerberos is taken was \
                        not seen";
        Ground::on(vec![seen.because(text), seen.because(kept_out)])
    })
}

fn taken(case: Case<'_>) -> Option<Ground> {
    let seen = case.credssp()?;
    let challenged = matches!(seen.value, Introduction::Challenge(_));
    challenged.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::End;
    use wire::tls::TlsVersion;
    use wire::x224::SecurityProtocols;

    fn answered(target: &str, answer: Introduction) -> Sketch {
        host(target).nla().tls_up(TlsVersion::Tls13).with(Fact::CredsspAnswer(answer))
    }

    fn refused(status: u32) -> Introduction {
        Introduction::Refused { version: 6, status: Some(status) }
    }

    #[test]
    fn advisory_where_a_name_was_typed() {
        for (status, sure) in [(NTLM_BLOCKED, Confidence::Proven), (0xC000_0022, Confidence::Likely)] {
            let sketch = answered("server01.corp.example", refused(status));
            sketch.check(&CAUSE, Expect::Present(Severity::Advisory, sure));
        }
    }

    #[test]
    fn blocking_where_an_address_was_typed() {
        let sketch = answered("192.0.2.7", refused(NTLM_BLOCKED));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        let without =
            answered("192.0.2.7", refused(NTLM_BLOCKED)).profile_with(|p| p.protocols = SecurityProtocols::SSL);
        without.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    /// Whether anybody gets in is not known from it.
    #[test]
    fn a_reject_without_a_status_is_possible_and_changes_no_verdict() {
        for target in ["192.0.2.7", "server01.corp.example"] {
            let sketch = answered(target, Introduction::Rejected(6));
            sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        }
        answered("192.0.2.7", Introduction::Refused { version: 6, status: None }).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_challenge() {
        answered("192.0.2.7", Introduction::Challenge(6)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_another_status_or_a_close() {
        for answer in [refused(0xC000_006D), Introduction::Closed(End::Fin)] {
            answered("192.0.2.7", answer).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
