//! `path-mtu-black-hole`: large packets are lost on the way, without a word to who sent them.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::mtu::{self, Direction, Hole};
use crate::need::Need;
use evidence::symptom::Symptom;

pub const CAUSE: Cause = Cause {
    id: "path-mtu-black-hole",
    title: "large packets are lost on the way, and nobody is told",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::CONNECTION_TIMED_OUT, Symptom::TIMEOUT_OCCURRED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::ANSWERS_BY_SIZE, Need::OTHER_SIZE],
            holds: from_host,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::ANSWERS_BY_SIZE, Need::OTHER_SIZE, Need::HELLOS_BY_SIZE],
            holds: from_host,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::HELLOS_BY_SIZE, Need::OTHER_SIZE],
            holds: to_host,
        },
        Proof { shows: Shows::Absence, needs: &[Need::ANSWERS_BY_SIZE], holds: no_size_matters },
    ],
    explains: &[],
    page: Page {
        what_happens: "TCP and the negotiation work, then the client waits: the host's certificate, which fills whole \
                       packets, never comes. Where only the client's large packets are lost, the connection hangs at the \
                       logon or in the session.",
        why: "Some link of the way carries only smaller packets than the two ends believe (a VPN, PPPoE, a tunnel of a \
              cloud). The router there says so by ICMP \"fragmentation needed\" or \"packet too big\", and a firewall \
              drops that message.",
        confirm: "From a Windows client, ping -f -l SIZE with SIZE = 28 less than the packet: the largest that is \
                  answered is what the way carries. Small packets come through both ways, large ones in one of them or \
                  in neither.",
        command: "Get-NetIPInterface | Sort-Object NlMtu | Format-Table InterfaceAlias,AddressFamily,NlMtu,ConnectionState",
        how_to_fix: "Let ICMP type 3 code 4 (IPv4) and ICMPv6 type 2 pass on every firewall of the way: that mends it for \
                     all. Until then, have the router or VPN gateway lower the MSS of TCP to what passes (MSS clamping), \
                     or lower the MTU of the interface that sends the large packets: of the host, if its packets are \
                     lost, or of the client.",
        references: &["RFC 2923 section 2.1 (black holes)", "RFC 1191", "RFC 8201", "RFC 4821"],
    },
    fixes: &["lower-interface-mtu", "try-another-client"],
};

/// Says what passes and what does not, and what to set.
fn words(case: Case<'_>, direction: Direction, hole: Hole) -> Vec<evidence::Because> {
    let (from, to, whose) = match direction {
        Direction::FromHost => (case.label(), "this computer", "the host"),
        Direction::ToHost => ("this computer", case.label(), "this computer"),
    };
    let (passes, fails) = (hole.passes, hole.fails);
    let through = format!(
        "packets of {} bytes from {from} to {to} come through: an MTU of {} at {whose}, or on the way, avoids the loss",
        passes.value, passes.value
    );
    let lost = format!("packets of {} bytes from {from} to {to} are lost without a word", fails.value);
    vec![fails.because(lost), passes.because(through)]
}

fn from_host(case: Case<'_>) -> Option<Ground> {
    let mut because = words(case, Direction::FromHost, mtu::hole(case, Direction::FromHost)?);
    if let Some(hole) = mtu::hole(case, Direction::ToHost) {
        because.extend(words(case, Direction::ToHost, hole));
    }
    Some(Ground::on(because))
}

fn to_host(case: Case<'_>) -> Option<Ground> {
    let hole = mtu::hole(case, Direction::ToHost)?;
    Some(Ground::on(words(case, Direction::ToHost, hole)))
}

fn no_size_matters(case: Case<'_>) -> Option<Ground> {
    let holes = [Direction::FromHost, Direction::ToHost].map(|direction| mtu::hole(case, direction));
    holes.iter().all(Option::is_none).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests::plain;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::{Came, Fact, Handshake, PathTry};
    use wire::figures::TcpFigures;
    use wire::machine::PathPlan;
    use wire::tls::TlsOffer;

    fn add(sketch: Sketch, plan: PathPlan, came: Came, unacknowledged: u64) -> Sketch {
        let figures = TcpFigures {
            path_mtu: 1500,
            segment: 1448,
            unacknowledged,
            again: unacknowledged,
            ..TcpFigures::default()
        };
        // each in a connection of its own
        let number = sketch.evidence().observations.len();
        sketch.on_connection(number, Fact::Path(PathTry { plan, figures: Some(figures), came, burst: None }))
    }

    fn stalled() -> Sketch {
        let silent = host("192.0.2.7").nla().tls(TlsOffer::MODERN, Handshake::Silent { bytes: 0 });
        add(silent, PathPlan::default(), Came::X224, 0)
    }

    fn from_host(sizes: &[(u16, bool)]) -> Sketch {
        sizes.iter().fold(stalled(), |sketch, (size, passed)| {
            let plan = PathPlan { segment: size - 40, ..PathPlan::default() };
            add(sketch, plan, if *passed { Came::Tls } else { Came::X224 }, 0)
        })
    }

    /// A search whose bounds, 1400 and 1420, are each met twice, at places that no machines by turns explain.
    const SEARCH: [(u16, bool); 8] = [
        (576, true),
        (1500, false),
        (1420, false),
        (1380, true),
        (1400, true),
        (1420, false),
        (1400, true),
        (1400, true),
    ];

    #[test]
    fn present() {
        let sketch = from_host(&SEARCH);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let ground = sketch.with_case(super::from_host).unwrap();
        let text =
            "packets of 1400 bytes from 192.0.2.7:3389 to this computer come through: an MTU of 1400 at the host";
        assert!(ground.because[1].text.starts_with(text), "{:?}", ground.because);
        let other = add(sketch, PathPlan { hello: 1448, ..PathPlan::default() }, Came::Tls, 0);
        other.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    /// Of six machines one may be silent, and meet the large packets alone.
    #[test]
    fn near_miss_machines_by_turns_explain_it() {
        from_host(&SEARCH[..7]).check(&CAUSE, Expect::Unknown);
    }

    /// Two machines that take turns answer one size both ways.
    #[test]
    fn near_miss_a_size_that_passes_once_and_fails_once() {
        let mut search = SEARCH;
        search[5] = (1420, true);
        from_host(&search).check(&CAUSE, Expect::Absent);
        from_host(&SEARCH[..5]).check(&CAUSE, Expect::Unknown);
    }

    /// A host that answers in small packets is not deaf.
    #[test]
    fn it_is_no_longer_told_as_a_host_that_stalls() {
        from_host(&SEARCH).check(crate::causes::find("tls-stalled").unwrap(), Expect::Absent);
    }

    #[test]
    fn present_to_the_host() {
        let hello = |sketch, size: u16, passed| {
            let (plan, came) = (PathPlan { hello: size - 52, ..PathPlan::default() }, Came::X224);
            add(sketch, plan, if passed { Came::Tls } else { came }, u64::from(!passed))
        };
        let sketch = plain(TcpFigures { path_mtu: 1500, segment: 1448, ..TcpFigures::default() });
        let sketch = [
            (1500, false),
            (576, true),
            (1420, true),
            (1480, true),
            (1492, true),
            (1500, false),
            (1492, true),
            (1500, false),
        ]
        .into_iter()
        .fold(sketch, |sketch, (size, passed)| hello(sketch, size, passed));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_the_host_answers_in_no_size() {
        from_host(&[(576, false)]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_first_silence_was_a_moment() {
        from_host(&[(576, true), (1500, true)]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        stalled().check(&CAUSE, Expect::Unknown);
        from_host(&[(576, true), (1500, false)]).check(&CAUSE, Expect::Unknown);
    }
}
