//! `unstable-path`: the time that packets take swings widely.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::path::{self, Share, UNSTEADY};

pub const CAUSE: Cause = Cause {
    id: "unstable-path",
    title: "packets take far longer one time than another",
    stage: Stage::Tcp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::PATH_SAMPLES], holds: swings },
        Proof { shows: Shows::Absence, needs: &[Need::PATH_SAMPLES], holds: steady },
    ],
    explains: &[],
    page: Page {
        what_happens: "The session answers at once, then hangs for a moment, then catches up. Connecting sometimes takes \
                       long.",
        why: "A line that is full for moments, radio with many repeats, a device that is overloaded, or two ways of \
              different length that packets take by turns.",
        confirm: "A longer series of measurements at several times of the day shows whether it goes with traffic.",
        command: "Test-Connection -ComputerName {host} -Count 50 | Measure-Object ResponseTime -Minimum -Maximum -Average",
        how_to_fix: "Find the part of the way where times swing: cable instead of radio, without the VPN, from the host's \
                     own subnet. On a full line, limit what fills it.",
        references: &["RFC 3393 (variation of delay)"],
    },
    fixes: &["try-another-client"],
};

fn swings(case: Case<'_>) -> Option<Ground> {
    let share = path::swings(case)?;
    let (least, most) = share.interval();
    if least < UNSTEADY {
        return None;
    }
    let trips = path::round_trips(case);
    let (shortest, longest) = (path::shortest(case)?, trips.into_iter().max_by_key(|seen| seen.value)?);
    let Share { lost, of } = share;
    let words = format!(
        "{lost} of {of} ways there and back took more than twice the shortest one and 50 ms, {least:.0} to {most:.0} per \
         cent of all (95 % confidence); it is told where the lower of the two is {UNSTEADY} or more"
    );
    let range =
        format!("this one took {} ms, the shortest {} ms", longest.value.as_millis(), shortest.value.as_millis());
    Some(Ground::on(vec![shortest.because(words), longest.because(range)]))
}

fn steady(case: Case<'_>) -> Option<Ground> {
    path::swings(case).filter(|share| share.interval().0 < UNSTEADY)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests::{plain, with};
    use crate::sketch::{Expect, Sketch};
    use wire::figures::TcpFigures;
    use wire::machine::PathPlan;

    /// Twelve ways there and back, of which so many took 200 ms and the others 20.
    fn twelve(slow: usize) -> Sketch {
        let pieces = PathPlan { pieces: true, ..PathPlan::default() };
        let figures = |slow| TcpFigures {
            syn_rtt: if slow { 200_000 } else { 20_000 },
            acknowledged: 40,
            sent: 17,
            ..TcpFigures::default()
        };
        (0..12).fold(plain(figures(false)), |sketch, number| with(sketch, pieces, figures(number < slow)))
    }

    #[test]
    fn present() {
        twelve(8).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_a_slow_way_now_and_then() {
        twelve(3).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        plain(TcpFigures { syn_rtt: 20_000, ..TcpFigures::default() }).check(&CAUSE, Expect::Unknown);
    }
}
