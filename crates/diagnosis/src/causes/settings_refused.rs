//! `settings-refused`: TLS works, and the host ends the connection where client and host exchange their settings.

use evidence::{Role, Stage};
use wire::x224::SecurityProtocols;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::connection_sequence::{as_clients_ask, client_request, inside_tls, refuses, told, words_of};

pub const CAUSE: Cause = Cause {
    id: "settings-refused",
    title: "the host ends the connection where client and host exchange their settings, before the logon",
    stage: Stage::Sequence,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        // our first words are not a client's to the last byte, so no more than this is known
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::LATER_SEQUENCE], holds: refused_each_time },
        Proof { shows: Shows::Absence, needs: &[Need::SEQUENCE], holds: told_once },
        // slow is not dead; and how long clients wait here is not known, so that silence alone shows nothing
        Proof { shows: Shows::Absence, needs: &[Need::PATIENT_SEQUENCE], holds: told_once },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: never_asked },
    ],
    explains: &[],
    page: Page {
        what_happens: "X.224 and TLS go well, the client sends the first words of the session (MCS Connect Initial), and the \
                       host closes the connection, refuses, or takes back what it answered. The client shows no more than \
                       that the connection was lost, or an internal error.",
        why: "Something in front of the host ends TLS itself, and its own target is gone or wants something else (a proxy, \
              a balancer, a bastion, pyrdp and the like). Or the server takes no further session: it has reached its \
              limit, a part that it needs does not start, or it does not take clients without Network Level \
              Authentication although it agreed to one.",
        confirm: "Ask the host itself, past the proxy: if it is healthy there, the proxy's target is at fault. On the host, \
                  its own log names the reason at the moment of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational',\
                  'Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational'} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Repair the target of the proxy or bastion, or go past it. If the host itself answers like this, \
                     restart Remote Desktop Services, and try a client that offers Network Level Authentication.",
        references: &["[MS-RDPBCGR] 1.3.1.1, 2.2.1.4, 3.2.5.3.4", "T.125 section 7", "T.124 section 8.7"],
    },
    fixes: &["restart-services", "try-another-client"],
};

/// Refused at least twice, a second apart, and never answered otherwise.
fn refused_each_time(case: Case<'_>) -> Option<Ground> {
    let request = client_request(case);
    if !inside_tls(case, request) {
        return None;
    }
    let because: Option<Vec<_>> = as_clients_ask(case)
        .map(|seen| {
            let words = words_of(case, request, seen.value);
            let text = format!("to a client's first words behind a request for {request}, {}: {words}", case.label());
            refuses(case, seen.value).then(|| seen.because(text))
        })
        .collect();
    because.filter(|because| because.len() > 1).map(Ground::on)
}

fn told_once(case: Case<'_>) -> Option<Ground> {
    as_clients_ask(case).find(|seen| told(case, seen.value)).map(|_| Ground::nothing())
}

/// Where the client proves who it is first, nobody is asked without; and where there is no TLS, there is nothing behind
/// it.
fn never_asked(case: Case<'_>) -> Option<Ground> {
    let seen = case.selected()?;
    let proves = seen.value.credssp() && case.context.profile.protocols.credssp();
    (proves || seen.value == SecurityProtocols::RDP).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::{ConnectionSequenceAnswer, End, Ended, Withdrawal};
    use wire::mcs::ConnectResponse;
    use wire::tls::TlsVersion;

    const SSL: SecurityProtocols = SecurityProtocols::SSL;

    fn settings(requested: SecurityProtocols) -> ConnectResponse {
        ConnectResponse {
            version: Some(0x0008_0010),
            requested: Some(requested),
            encryption: Some((0, 0)),
            io_channel: Some(1003),
            channels: vec![1004, 1005, 1006, 1007],
            ..ConnectResponse::default()
        }
    }

    fn answered(answers: &[ConnectionSequenceAnswer]) -> Sketch {
        let up = host("192.0.2.7").accepted().selects(EVERYTHING, SSL).tls_up(TlsVersion::Tls13);
        let add = |sketch: Sketch, answer: &ConnectionSequenceAnswer| {
            sketch.with(Fact::Settings { requested: EVERYTHING, answer: answer.clone() })
        };
        answers.iter().fold(up, add)
    }

    fn whole() -> ConnectionSequenceAnswer {
        ConnectionSequenceAnswer::Settings(settings(EVERYTHING))
    }

    #[test]
    fn present_however_it_refuses() {
        let with = |change: fn(&mut ConnectResponse)| {
            let mut settings = settings(EVERYTHING);
            change(&mut settings);
            ConnectionSequenceAnswer::Settings(settings)
        };
        let withdrawn = |by| ConnectionSequenceAnswer::Withdrawn { settings: settings(EVERYTHING), by };
        for answer in [
            ConnectionSequenceAnswer::Closed(End::Fin),
            ConnectionSequenceAnswer::Refused(14),
            ConnectionSequenceAnswer::Ultimatum(1),
            withdrawn(Withdrawal::Ultimatum(3)),
            withdrawn(Withdrawal::Ended(Ended::Closed(End::Rst))),
            with(|settings| settings.conference = 0x10),
            with(|settings| settings.encryption = Some((2, 2))),
        ] {
            let twice = answered(&[answer.clone(), answer.clone()]);
            twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
            answered(&[answer]).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn near_miss_the_second_try_is_answered() {
        answered(&[ConnectionSequenceAnswer::Closed(End::Fin), whole()]).check(&CAUSE, Expect::Absent);
    }

    /// Silence may be a slow host, and settings that lack something are refused by nobody that we know.
    #[test]
    fn near_miss_it_does_not_refuse() {
        let without_channels = ConnectResponse { channels: Vec::new(), ..settings(EVERYTHING) };
        for answer in [ConnectionSequenceAnswer::Silent, ConnectionSequenceAnswer::Settings(without_channels)] {
            answered(&[answer.clone(), answer]).check(&CAUSE, Expect::Unknown);
        }
    }

    /// The way of a client without CredSSP is its own request; what another request gets says nothing about it.
    #[test]
    fn a_client_without_credssp_is_judged_by_its_own_way() {
        let own = || {
            let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).selects(SSL, SSL);
            up.profile_with(|profile| profile.protocols = SSL)
        };
        let ended = |sketch: Sketch, requested| {
            let answer = ConnectionSequenceAnswer::Closed(End::Rst);
            sketch.with(Fact::Settings { requested, answer })
        };
        let present = Expect::Present(Severity::Blocking, Confidence::Likely);
        ended(ended(own(), SSL), SSL).check(&CAUSE, present);
        ended(ended(own(), EVERYTHING), EVERYTHING).check(&CAUSE, Expect::Unknown);
        let answer = ConnectionSequenceAnswer::Settings(settings(SSL));
        own().with(Fact::Settings { requested: SSL, answer }).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        answered(&[]).check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).check(&CAUSE, Expect::Absent);
    }
}
