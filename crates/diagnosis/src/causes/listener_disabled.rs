//! `listener-disabled`: the host's listener is switched off, or bound to an adapter that is not there.

use evidence::state::LISTENER;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "listener-disabled",
    title: "the host's RDP listener is switched off, or bound to a network adapter that does not exist",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(LISTENER)], holds: off },
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::key(LISTENER)], holds: one_adapter },
        Proof { shows: Shows::Absence, needs: &[Need::key(LISTENER)], holds: on_everywhere },
    ],
    explains: &[Explains { cause: "port-closed", when: |_| true }],
    page: Page {
        what_happens: "Remote Desktop is on and the service runs, but nothing listens on the port: connections are \
                       refused, and mstsc shows 0x204.",
        why: "fEnableWinStation = 0 switches the listener RDP-Tcp off (change logon, a script or an installation did \
              that). LanAdapter names one network adapter by number; after an adapter was replaced or the disk was \
              moved to another machine, that number names nothing, and the listener listens on nothing.",
        confirm: "fEnableWinStation must be 1, and LanAdapter 0, which means all adapters.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' | \
                  Select-Object fEnableWinStation,LanAdapter,PortNumber",
        how_to_fix: "Switch the listener on, let it listen on all adapters, and restart the service.",
        references: &[
            "Microsoft: Remote Desktop can't connect to the remote computer (fEnableWinStation)",
            "Microsoft: Prepare a Windows VHD to upload to Azure (LanAdapter)",
        ],
    },
    fixes: &["enable-listener", "listen-on-all-adapters"],
};

fn off(case: Case<'_>) -> Option<Ground> {
    let key = case.key(LISTENER).filter(|key| !case.answered_since(key.id))?;
    if !key.value.exists {
        // somebody who has just got in did so through a listener of another name
        if case.let_in_near(key.id) {
            return None;
        }
        return Some(Ground::on(vec![key.because("the host has no listener RDP-Tcp")]));
    }
    let seen = case.number(LISTENER, "fEnableWinStation").filter(|seen| seen.value == Some(0))?;
    Some(Ground::on(vec![seen.because("the listener RDP-Tcp says fEnableWinStation = 0")]))
}

/// The listener is bound to one adapter; whether that adapter exists, the registry alone does not say.
fn one_adapter(case: Case<'_>) -> Option<Ground> {
    let seen = case.number(LISTENER, "LanAdapter")?;
    let number = seen.value.filter(|number| *number != 0 && !case.answered_since(seen.id))?;
    let text = format!("the listener listens on adapter {number} alone (LanAdapter); if that one is gone, on nothing");
    // usually chosen on purpose: a fault only where connections are refused
    let ground = Ground::on(vec![seen.because(text)]);
    Some(if case.refused_since(seen.id) { ground } else { ground.severity(Severity::Advisory) })
}

fn on_everywhere(case: Case<'_>) -> Option<Ground> {
    case.number(LISTENER, "fEnableWinStation").filter(|seen| seen.value == Some(1))?;
    case.number(LISTENER, "LanAdapter").filter(|seen| seen.value == Some(0))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::Fact;
    use wire::machine::{ConnectFailure, TcpAnswer};

    fn listener(enabled: u32, adapter: u32) -> Sketch {
        machine().dword(LISTENER, "fEnableWinStation", enabled).dword(LISTENER, "LanAdapter", adapter)
    }

    #[test]
    fn present() {
        listener(0, 0).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        machine().absent(LISTENER).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn one_adapter_alone_is_only_possible() {
        listener(1, 3).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        let refused = host("192.0.2.7").with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused)));
        let refused = refused.dword(LISTENER, "LanAdapter", 3);
        refused.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    #[test]
    fn near_miss_it_answers() {
        host("192.0.2.7").nla().dword(LISTENER, "LanAdapter", 3).check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").nla().dword(LISTENER, "fEnableWinStation", 0).check(&CAUSE, Expect::Unknown);
        // through a listener of another name
        machine().absent(LISTENER).event(evidence::events::RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_on_and_on_all_adapters() {
        listener(1, 0).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().dword(LISTENER, "PortNumber", 3389).check(&CAUSE, Expect::Unknown);
    }
}
