//! `port-filtered`: every SYN vanishes.

use std::time::Duration;

use evidence::Role;
use evidence::Stage;
use evidence::symptom::Symptom;
use wire::machine::{ConnectFailure, TcpAnswer};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::hops;
use crate::need::Need;
use crate::stage::tcp::tcp_only;

/// Silence that has outlived three SYNs.
const SURE: Duration = Duration::from_secs(3);
/// Silence that has outlived two SYNs.
const ONE_LOSS: Duration = Duration::from_secs(1);

pub const CAUSE: Cause = Cause {
    id: "port-filtered",
    title: "nothing answers on the port",
    stage: Stage::Tcp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED, 0x108],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::TCP], holds: silent },
        Proof { shows: Shows::Absence, needs: &[Need::TCP], holds: answered },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client waits, then shows 0x204. It never gets as far as 0x904.",
        why: "Something drops the packets without an answer. From outside these look the same: Remote Desktop is off \
              (Windows switches its firewall rule off with it), the host's firewall, a firewall or cloud security \
              rule on the way, a host that is asleep or off, or an address that is not in use.",
        confirm: "On the host: is Remote Desktop on, does a rule let this source in, does the service listen? If all three \
                  hold, the packets are dropped on the way.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' fDenyTSConnections; \
                  Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Select-Object Enabled,Profile,Action; \
                  Get-NetTCPConnection -LocalPort {port} -State Listen",
        how_to_fix: "Switch Remote Desktop on if it is off. Enable the rule RemoteDesktop-UserMode-In-TCP for the profile in \
                     use and limit its remote addresses to those that need it; in a cloud, the same for the security group. \
                     Do not open the port to the whole internet.",
        references: &["RFC 9293 section 3.8.3", "Microsoft Learn: OnDisconnected, discReason 516"],
    },
    fixes: &["enable-remote-desktop", "open-firewall-for-rdp", "wake-host"],
};

fn is_silent(answer: &TcpAnswer) -> bool {
    matches!(answer, TcpAnswer::Silent | TcpAnswer::Failed(ConnectFailure::TimedOut))
}

fn silent(case: Case<'_>) -> Option<Ground> {
    if !tcp_only(case, is_silent) {
        return None;
    }
    let seen = case.tcp().next()?;
    let took = case.evidence.observations[seen.id - 1].took.unwrap_or_default();
    let text = format!("{} answered no connection attempt for {:.1} s", case.label(), took.as_secs_f64());
    // a lost SYN is sent again after one second, and once more after two (RFC 6298); until then silence may be a slow
    // path or a single loss. Where the operating system itself gave up, that time has passed.
    let patient = *seen.value != TcpAnswer::Silent || took >= SURE;
    let sure = if patient {
        Confidence::Proven
    } else if took >= ONE_LOSS {
        Confidence::Likely
    } else {
        Confidence::Possible
    };
    let because = [seen.because(text)].into_iter().chain(hops::came_to(case)).collect();
    let ground = Ground::on(because).confidence(sure);
    Some(if case.another_address_answers() { ground.severity(Severity::Degrading) } else { ground })
}

fn answered(case: Case<'_>) -> Option<Ground> {
    case.tcp().find(|seen| !is_silent(seen.value))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host};
    use evidence::fact::Fact;

    #[test]
    fn present() {
        let sketch = host("192.0.2.7").with_took(Fact::TcpAnswer(TcpAnswer::Silent), 4000);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn a_short_silence_may_be_a_slow_path() {
        for (milliseconds, sure) in [(40, Confidence::Possible), (1600, Confidence::Likely)] {
            let sketch = host("192.0.2.7").with_took(Fact::TcpAnswer(TcpAnswer::Silent), milliseconds);
            sketch.check(&CAUSE, Expect::Present(Severity::Blocking, sure));
        }
    }

    #[test]
    fn one_dead_address_of_two_is_degrading() {
        let sketch = host("192.0.2.7").with_took(Fact::TcpAnswer(TcpAnswer::Silent), 4000).beside_a_working_address();
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn near_miss_it_refused() {
        let sketch = host("192.0.2.7").with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused)));
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn a_later_try_that_vanishes_is_our_own_pace() {
        host("192.0.2.7").accepted().with(Fact::TcpAnswer(TcpAnswer::Silent)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
