//! `packet-loss`: packets are lost on the way to the host or back.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::path::{self, LOSS, Share};

pub const CAUSE: Cause = Cause {
    id: "packet-loss",
    title: "packets are lost on the way between this computer and the host",
    stage: Stage::Tcp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::PATH_SAMPLES], holds: lost },
        Proof { shows: Shows::Absence, needs: &[Need::PATH_SAMPLES], holds: not_lost },
    ],
    // what is lost is not answered
    explains: &[
        Explains { cause: "listener-silent", when: path::lossy },
        Explains { cause: "listener-overloaded", when: path::lossy },
        Explains { cause: "tls-stalled", when: path::lossy },
        Explains { cause: "handshakes-fail-at-times", when: path::lossy },
        Explains { cause: "setup-fails-at-times", when: path::lossy },
    ],
    page: Page {
        what_happens: "Connections come about late or not at all; sessions freeze for moments and break off. A single \
                       attempt may work.",
        why: "A radio link at its limit, a cable or plug that is going bad, a port with the wrong duplex setting, a \
              line that is full, a tunnel whose far end is overloaded, or a device that polices the rate and drops \
              what is above it.",
        confirm: "Loss shows between any two machines on the same way: count with another program, and from both ends. \
                  Where it begins, hop by hop, shows who loses the packets; a hop that answers little but lets all \
                  others through is not at fault.",
        command: "Test-Connection -ComputerName {host} -Count 100 | Group-Object StatusCode; \
                  Get-NetAdapterStatistics | Format-List Name,*Discarded*,*Errors*",
        how_to_fix: "Measure from another place to see which part of the way loses packets: cable instead of radio, \
                     without the VPN, from the host's own subnet. Mend or replace that part; where the line is full, \
                     give Remote Desktop its share (quality of service) or more line.",
        references: &[
            "RFC 2883 (a host tells which packets came twice)",
            "RFC 6298 (when a packet is sent again)",
            "RFC 2680",
        ],
    },
    fixes: &["try-another-client"],
};

/// Says how many of how many packets were lost, and which share that is.
fn words(share: Share, samples: usize, what: &str) -> String {
    let (least, most) = share.interval();
    let Share { lost, of } = share;
    format!(
        "of {of} packets in {samples} further connections, sent one at a time, {lost} {what}: {least:.1} to {most:.1} per \
         cent (95 % confidence); it is told where the lower of the two is {LOSS} or more"
    )
}

fn lost(case: Case<'_>) -> Option<Ground> {
    if !path::lossy(case) {
        return None;
    }
    let samples = path::samples(case);
    let last = samples.last()?;
    let count = samples.len();
    let (there, back) = (path::there(case), path::back(case));
    let because = [
        (there, "were lost, and this computer sent them again"),
        (back, "came, and their acknowledgement was lost on the way back"),
    ];
    let because = because.into_iter().filter(|(share, _)| share.interval().0 >= LOSS);
    Some(Ground::on(because.map(|(share, what)| last.because(words(share, count, what))).collect()))
}

fn not_lost(case: Case<'_>) -> Option<Ground> {
    (!path::lossy(case) && path::there(case).of > 0).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests::{plain, sampled_with};
    use crate::sketch::Expect;
    use wire::figures::TcpFigures;

    #[test]
    fn present_there_and_back() {
        for (there, back) in [(2, 0), (0, 2), (5, 5)] {
            let sketch = sampled_with(plain(TcpFigures::default()), 4, there, back);
            sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        }
    }

    #[test]
    fn near_miss_a_few_of_many() {
        let sketch = sampled_with(sampled_with(plain(TcpFigures::default()), 10, 0, 0), 2, 1, 1);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        let again = TcpFigures { again: 3, acknowledged: 90, ..TcpFigures::default() };
        plain(again).check(&CAUSE, Expect::Unknown);
        sampled_with(plain(again), 2, 1, 0).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn the_reason_says_how_many_of_how_many() {
        let sketch = sampled_with(plain(TcpFigures::default()), 4, 2, 0);
        let ground = sketch.with_case(lost).unwrap();
        let text = &ground.because[0].text;
        assert!(text.starts_with("of 76 packets in 4 further connections, sent one at a time, 8 were lost"), "{text}");
        assert!(text.contains("5.4 to 19.4 per cent"), "{text}");
    }
}
