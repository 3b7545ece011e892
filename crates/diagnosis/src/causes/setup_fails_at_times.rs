//! `setup-fails-at-times`: TLS works each time, and what a client says next is answered once and broken off another
//! time.

use evidence::fact::Introduction;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::setup::setups;
use crate::tries::{at_times, in_one_run, never_fails, only_started};

pub const CAUSE: Cause = Cause {
    id: "setup-fails-at-times",
    title: "behind TLS the host answers one time and ends the connection the next",
    stage: Stage::Credssp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::FURTHER_SETUPS],
            holds: failed_after_success,
        },
        Proof { shows: Shows::Absence, needs: &[Need::FURTHER_SETUPS], holds: only_starting },
        Proof { shows: Shows::Absence, needs: &[Need::SECOND_INTRODUCTION], holds: always_fails },
        Proof { shows: Shows::Absence, needs: &[Need::LATER_SEQUENCE], holds: always_fails },
        Proof { shows: Shows::Absence, needs: &[Need::REPEATED], holds: never_failed },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: nothing_behind_tls },
    ],
    explains: &[],
    page: Page {
        what_happens: "Sometimes the client gets to the logon, sometimes the connection is dropped right behind the \
                       handshake, or it shows an error of authentication. Trying again helps, for a while.",
        why: "Several machines answer at this address (a farm behind a balancer, DNS round robin, a NAT with several targets) and \
              one of them is broken: its security subsystem does not answer, it cannot reach a domain controller, or a \
              proxy's target is gone. Or one machine is so short of memory or processor time that some logons fail. Where the \
              failures came in a row behind tries that worked, something may count connections instead and drop those beyond a \
              number: a rate limit of a firewall or proxy, or a ban.",
        confirm: "Ask each machine of the farm by its own name or address: the one that always fails is broken, and \
                  its own report names the cause.",
        command: "Resolve-DnsName {host}; Get-WinEvent -LogName System -MaxEvents 500 | Where-Object ProviderName -match \
                  'LsaSrv|Kerberos|NETLOGON' | Format-List TimeCreated,MachineName,ProviderName,Id,Message",
        how_to_fix: "Take the broken machine out of the farm and repair it with its own report. Have the load \
                     balancer test logons, not only ports. If connections are limited, exempt the addresses of your clients or \
                     raise the limit.",
        references: &["[MS-CSSP] 3.1.5", "[MS-RDPBCGR] 1.3.1.1"],
    },
    fixes: &["restart-services", "try-another-client"],
};

fn failed_after_success(case: Case<'_>) -> Option<Ground> {
    let taken = format!("{} answered a client's first words behind TLS", case.label());
    let setups = setups(case);
    let silent = |id| case.introductions().any(|seen| seen.id == id && *seen.value == Introduction::Silent);
    // a client may wait for longer than was waited here
    if setups.iter().filter(|seen| !seen.value).all(|seen| silent(seen.id)) {
        let ground = at_times(&setups, &taken, "later the same words got no answer in the time that was waited")?;
        return Some(Ground::on(ground).confidence(Confidence::Likely));
    }
    let ground = Ground::on(at_times(&setups, &taken, "later the same words were broken off or refused")?);
    Some(if in_one_run(&setups) { ground.confidence(Confidence::Likely) } else { ground })
}

fn only_starting(case: Case<'_>) -> Option<Ground> {
    only_started(&setups(case)).then(Ground::nothing)
}

fn always_fails(case: Case<'_>) -> Option<Ground> {
    let setups = setups(case);
    (setups.len() > 1 && setups.iter().all(|seen| !seen.value)).then(Ground::nothing)
}

fn never_failed(case: Case<'_>) -> Option<Ground> {
    never_fails(&setups(case)).then(Ground::nothing)
}

/// Rules it out where the host selects no TLS: there is nothing behind it.
fn nothing_behind_tls(case: Case<'_>) -> Option<Ground> {
    let seen = case.selected()?;
    (!seen.value.tls() && setups(case).is_empty()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::{ConnectionSequenceAnswer, End};
    use wire::tls::TlsVersion;
    use wire::x224::SecurityProtocols;

    fn introduced(list: &[bool]) -> Sketch {
        let answer = |up: &bool| if *up { Introduction::Challenge(6) } else { Introduction::Closed(End::Fin) };
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        list.iter().fold(up, |sketch, up| sketch.with(Fact::CredsspAnswer(answer(up))))
    }

    fn told(list: &[bool]) -> Sketch {
        let settings = wire::mcs::ConnectResponse {
            version: Some(0x0008_0010),
            io_channel: Some(1003),
            channels: vec![1004],
            ..wire::mcs::ConnectResponse::default()
        };
        let answer = |up: &bool| match up {
            true => ConnectionSequenceAnswer::Settings(settings.clone()),
            false => ConnectionSequenceAnswer::Closed(End::Rst),
        };
        let up = host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::SSL).tls_up(TlsVersion::Tls13);
        list.iter().fold(up, |sketch, up| sketch.with(Fact::Settings { requested: EVERYTHING, answer: answer(up) }))
    }

    #[test]
    fn present() {
        for answers in [introduced, told] {
            let expect = || Expect::Present(Severity::Degrading, Confidence::Proven);
            answers(&[false, true, false, true, false, true]).check(&CAUSE, expect());
            answers(&[true, false, true, true, false, true]).check(&CAUSE, expect());
        }
    }

    #[test]
    fn the_share_is_told_with_its_interval() {
        let report = introduced(&[true, false, true, true, false, true]).diagnose();
        let found = report.findings.iter().find(|found| found.cause == CAUSE.id).unwrap();
        let text = &found.because[1].text;
        assert!(text.ends_with("2 of 6 such tries failed, so 10 to 70 per cent of all (95 % confidence)"), "{text}");
    }

    #[test]
    fn near_miss_it_was_only_starting() {
        for answers in [introduced, told] {
            answers(&[false, true, true, true]).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn near_miss_it_always_fails() {
        for answers in [introduced, told] {
            answers(&[false, false]).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn two_that_go_well_rule_nothing_out() {
        for answers in [introduced, told] {
            answers(&[true, true]).check(&CAUSE, Expect::Unknown);
            (0..6).fold(answers(&[true; 6]), |sketch, _| sketch.accepted()).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn unseen() {
        for answers in [introduced, told] {
            answers(&[]).check(&CAUSE, Expect::Unknown);
            answers(&[false, true]).check(&CAUSE, Expect::Unknown);
        }
    }
}
