//! `handshakes-fail-at-times`: the same ClientHello is taken once and broken off another time.

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::tries::{at_times, in_one_run, never_fails, takings};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::TlsOffer;

pub const CAUSE: Cause = Cause {
    id: "handshakes-fail-at-times",
    title: "the same handshake works one time and fails the next",
    stage: Stage::Tls,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::FURTHER_HANDSHAKES],
            holds: failed_after_success,
        },
        Proof { shows: Shows::Absence, needs: &[Need::FURTHER_HANDSHAKES], holds: only_starting },
        Proof { shows: Shows::Absence, needs: &[Need::handshake_again(TlsOffer::MODERN)], holds: always_alike },
        Proof { shows: Shows::Absence, needs: &[Need::REPEATED], holds: taken_each_time },
    ],
    explains: &[],
    page: Page {
        what_happens: "Sometimes the client gets in, sometimes the handshake is dropped and it shows 0x904. Trying \
                       again helps, for a while.",
        why: "Several machines answer at this address (a farm behind a balancer, DNS round robin, a NAT with several targets) and one of \
              them is broken: its key cannot be used, its TLS settings differ, its certificate was never bound. Or one machine is so \
              short of memory or processor time that some handshakes fail. Where the failures came in a row behind handshakes that \
              worked, something may count connections instead and drop those beyond a number: a rule of a firewall or balancer \
              (rate limit), a ban (fail2ban and its like), an intrusion prevention; then one client that connects once gets in.",
        confirm: "Ask each machine of the farm by its own name or address: the one that always fails is broken, and \
                  its own report names the cause. If there is one machine only, wait ten minutes and connect once: whoever \
                  limits connections lets that one through, and its log names our address.",
        command: "Resolve-DnsName {host}; Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='System'; ProviderName='Schannel'; \
                  Id=36870,36871,36874,36888} | Format-List TimeCreated,MachineName,Id,Message",
        how_to_fix: "Take the broken machine out of the farm and repair it with its own report. Have the load \
                     balancer test handshakes, not only ports. If connections are limited, exempt the addresses of your \
                     clients, or raise the limit: a client makes up to three connections for one logon.",
        references: &["RFC 8446 section 4.1"],
    },
    fixes: &["restart-services", "try-another-client"],
};

fn failed_after_success(case: Case<'_>) -> Option<Ground> {
    let taken = format!("{} accepted a ClientHello", case.label());
    let takings = takings(case);
    let ground = Ground::on(at_times(&takings, &taken, "a later one, of a kind that it accepts, was dropped")?);
    Some(if in_one_run(&takings) { ground.confidence(Confidence::Likely) } else { ground })
}

/// Failed at first, and went on well: a service that was only starting.
fn only_starting(case: Case<'_>) -> Option<Ground> {
    let takings = takings(case);
    let first = takings.iter().position(|seen| seen.value)?;
    let later = takings.iter().skip(first).all(|seen| seen.value);
    later.then(Ground::nothing)
}

/// Refused each time: that is a fault of its own.
fn always_alike(case: Case<'_>) -> Option<Ground> {
    case.tls_with(TlsOffer::MODERN)?;
    let varied = crate::tries::varied(case).is_some();
    (!varied && takings(case).is_empty()).then(Ground::nothing)
}

fn taken_each_time(case: Case<'_>) -> Option<Ground> {
    never_fails(&takings(case)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Handshake;
    use wire::machine::End;
    use wire::tls::TlsVersion;

    const RESET: Handshake = Handshake::Closed { end: End::Rst, bytes: 0 };
    const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls13), suite: 0x1302, finished: true };

    fn answers(list: &[bool]) -> Sketch {
        let answer = |up: &bool| if *up { UP } else { RESET };
        list.iter().fold(host("192.0.2.7").nla(), |sketch, up| sketch.tls(TlsOffer::MODERN, answer(up)))
    }

    #[test]
    fn present() {
        let expect = || Expect::Present(Severity::Degrading, Confidence::Proven);
        answers(&[false, true, false, true, false, true]).check(&CAUSE, expect());
        answers(&[true, false, true, true, false, true]).check(&CAUSE, expect());
    }

    /// That may be one of several machines, or something that counts connections.
    #[test]
    fn what_fails_in_one_run_is_not_proven() {
        let expect = Expect::Present(Severity::Degrading, Confidence::Likely);
        answers(&[true, true, true, false, false, false]).check(&CAUSE, expect);
    }

    #[test]
    fn near_miss_it_was_only_starting() {
        answers(&[false, true, true, true]).check(&CAUSE, Expect::Absent);
        answers(&[false, false, true, true, true]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_it_always_fails() {
        answers(&[false, false]).check(&CAUSE, Expect::Absent);
    }

    /// Of a host that fails every third time, two connections are likely to go well.
    #[test]
    fn two_that_go_well_rule_nothing_out() {
        answers(&[true, true]).check(&CAUSE, Expect::Unknown);
        let often = (0..6).fold(answers(&[true; 6]), |sketch, _| sketch.accepted());
        often.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
        answers(&[false, true]).check(&CAUSE, Expect::Unknown);
    }
}
