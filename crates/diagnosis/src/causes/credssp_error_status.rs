//! `credssp-error-status`: the host answers CredSSP with an error status before any account is named.

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use evidence::codes;
use evidence::fact::Introduction;
use evidence::{Role, Stage};

use crate::stage::credssp::{NTLM_REFUSALS, broken_off};

pub const CAUSE: Cause = Cause {
    id: "credssp-error-status",
    title: "the host answers CredSSP with an error before the client has named an account",
    stage: Stage::Credssp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::INTRODUCTION], holds: status },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::SECOND_INTRODUCTION], holds: status_twice },
        Proof { shows: Shows::Absence, needs: &[Need::INTRODUCTION], holds: none },
    ],
    explains: &[],
    page: Page {
        what_happens: "TLS is up. The client introduces itself (CredSSP), and the host answers its very first message with an error \
                       status instead of going on. mstsc shows \"An authentication error has occurred. The Local Security Authority \
                       cannot be contacted\" or the like.",
        why: "The security subsystem of the host (LSASS) cannot serve logons: an internal error (0x80090304), no memory (0x80090300, \
              0xC0000017, 0xC000009A), no credentials of its own (0x8009030E), no domain controller within its reach (0xC000005E). Products that hook into \
              the logon and a lost trust with the domain do the same.",
        confirm: "On the host: what do LsaSrv, NETLOGON and Kerberos log at the moment of the attempt, and can it reach a domain controller?",
        command: "Get-WinEvent -LogName System -MaxEvents 500 | Where-Object ProviderName -match 'LsaSrv|Kerberos|NETLOGON|Resource-Exhaustion' | \
                  Format-List TimeCreated,ProviderName,Id,Message; Test-ComputerSecureChannel; nltest /sc_query:$env:USERDNSDOMAIN; \
                  Get-CimInstance Win32_OperatingSystem | Select-Object FreePhysicalMemory,FreeVirtualMemory",
        how_to_fix: "From the console: if LSASS is the problem, free memory or restart the computer. If it is the \
                     domain, make a domain controller reachable or repair the secure channel. Look at products that \
                     hook into the logon.",
        references: &["[MS-CSSP] 2.2.1 (errorCode)", "[MS-ERREF] 2.3"],
    },
    fixes: &["restart-services", "try-another-client"],
};

fn error(seen: Seen<&Introduction>) -> Option<Seen<u32>> {
    match seen.value {
        Introduction::Refused { status: Some(status), .. } if !NTLM_REFUSALS.contains(status) => {
            Some(Seen { value: *status, id: seen.id })
        }
        _ => None,
    }
}

/// Everything that it ever said to an introduction.
fn status(case: Case<'_>) -> Option<Ground> {
    // of a try that was broken off nothing is known but that
    let all: Option<Vec<_>> = case.introductions().filter(|seen| !broken_off(seen.value)).map(error).collect();
    let all = all.filter(|all| !all.is_empty())?;
    let told = |(number, seen): (usize, &Seen<u32>)| {
        if number > 0 && seen.value == all[0].value {
            return seen.because("it did so again after a pause".to_owned());
        }
        let known = codes::find("ntstatus", seen.value).or_else(|| codes::find("hresult", seen.value));
        let name =
            known.map(|entry| format!(" ({})", entry.code.name.as_deref().unwrap_or("no name"))).unwrap_or_default();
        let text = format!("{} answered the first TSRequest with the error {:#010X}{name}", case.label(), seen.value);
        seen.because(text)
    };
    let ground = Ground::on(all.iter().take(2).enumerate().map(told).collect());
    // a client without CredSSP never comes here
    let needed = case.context.profile.protocols.credssp();
    Some(if needed { ground } else { ground.severity(Severity::Advisory) })
}

fn status_twice(case: Case<'_>) -> Option<Ground> {
    let ground = status(case)?;
    if ground.because.len() < 2 {
        return Some(ground.confidence(Confidence::Likely));
    }
    // with a name the client tries Kerberos first, which a host that cannot do NTLM may still take
    Some(if case.name_typed() { ground.confidence(Confidence::Likely) } else { ground })
}

fn none(case: Case<'_>) -> Option<Ground> {
    case.introductions().find(|seen| error(*seen).is_none() && !broken_off(seen.value))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::tls::TlsVersion;

    fn answered(target: &str, statuses: &[Option<u32>]) -> Sketch {
        let answer = |status: &Option<u32>| match status {
            Some(_) => Introduction::Refused { version: 6, status: *status },
            None => Introduction::Challenge(6),
        };
        let up = host(target).nla().tls_up(TlsVersion::Tls13);
        statuses.iter().fold(up, |sketch, status| sketch.with(evidence::fact::Fact::CredsspAnswer(answer(status))))
    }

    #[test]
    fn present() {
        for status in [0x8009_0304, 0x8009_030E, 0xC000_009A, 0xC000_0017, 0x8009_0300, 0xC000_0388, 0xC000_018D] {
            let once = answered("192.0.2.7", &[Some(status)]);
            once.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
            let twice = answered("192.0.2.7", &[Some(status), Some(status)]);
            twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn near_miss_another_try_went_well() {
        answered("192.0.2.7", &[Some(0x8009_0304), None]).check(&CAUSE, Expect::Absent);
    }

    /// One of several machines behind the address, or each of them, errs whenever it answers.
    #[test]
    fn a_try_that_was_broken_off_takes_nothing_back() {
        let closed = evidence::fact::Fact::CredsspAnswer(Introduction::Closed(wire::machine::End::Fin));
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        answered("192.0.2.7", &[Some(0x8009_0304)]).with(closed.clone()).check(&CAUSE, likely());
        answered("192.0.2.7", &[]).with(closed).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_host_only_takes_no_ntlm() {
        answered("192.0.2.7", &[Some(0xC000_0418)]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
