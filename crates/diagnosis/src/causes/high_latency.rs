//! `high-latency`: the way there and back takes long.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::path::{self, LATENCY};

pub const CAUSE: Cause = Cause {
    id: "high-latency",
    title: "the way to the host and back takes so long that people notice every key stroke",
    stage: Stage::Tcp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::PATH_SAMPLES], holds: far },
        Proof { shows: Shows::Absence, needs: &[Need::PATH_SAMPLES], holds: near },
    ],
    explains: &[],
    page: Page {
        what_happens: "Connecting takes seconds, and so does every answer to a key or the mouse. Nothing breaks.",
        why: "Satellite links take 500 to 700 ms by their nature. Otherwise the way makes a detour (a VPN whose gateway \
              is on another continent), or a line is so full that packets wait in a queue.",
        confirm: "Measure at night or without other traffic: what stays is distance, what goes is a queue. Compare with \
                  and without the VPN.",
        command: "Test-Connection -ComputerName {host} -Count 10; tracert -d {host}",
        how_to_fix: "Use a gateway or VPN end near the host or near the client; on a full line, limit what fills it. \
                     Where it is distance, lower the session's demands: fewer colours, no animations, UDP allowed.",
        references: &["ITU-T G.114 (delays that people notice)", "RFC 2681"],
    },
    fixes: &["try-another-client"],
};

fn far(case: Case<'_>) -> Option<Ground> {
    let least = path::shortest(case).filter(|seen| seen.value >= LATENCY)?;
    let (count, least_ms, told) = (path::round_trips(case).len(), least.value.as_millis(), LATENCY.as_millis());
    let words = format!(
        "the shortest of {count} ways there and back took {least_ms} ms, SYN to SYN-ACK; it is told from {told} ms on"
    );
    Some(Ground::on(vec![least.because(words)]))
}

fn near(case: Case<'_>) -> Option<Ground> {
    path::shortest(case).filter(|seen| seen.value < LATENCY)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests::{plain, sampled_with, with};
    use crate::sketch::Expect;
    use wire::figures::TcpFigures;
    use wire::machine::PathPlan;

    fn a_satellite() -> TcpFigures {
        TcpFigures { syn_rtt: 600_000, acknowledged: 40, sent: 17, ..TcpFigures::default() }
    }

    #[test]
    fn present() {
        let pieces = PathPlan { pieces: true, ..PathPlan::default() };
        let sketch = (0..3).fold(plain(a_satellite()), |sketch, _| with(sketch, pieces, a_satellite()));
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn near_miss_one_slow_way() {
        sampled_with(plain(a_satellite()), 3, 0, 0).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        plain(a_satellite()).check(&CAUSE, Expect::Unknown);
    }
}
