//! `low-bandwidth`: bytes of the host come slowly.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::path::{self, BURSTS, RATE};

pub const CAUSE: Cause = Cause {
    id: "low-bandwidth",
    title: "the line carries so little that a session is hardly usable",
    stage: Stage::Tls,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        // before a logon a host says no more than a few thousand bytes, and it may pause between them
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::PATH_BURSTS], holds: slow },
        Proof { shows: Shows::Absence, needs: &[Need::PATH_BURSTS], holds: fast },
    ],
    explains: &[],
    page: Page {
        what_happens: "It connects, and then the screen builds up slowly, line by line.",
        why: "A line of a few hundred kilobits per second, or a faster one that others fill, or a device that limits the \
              rate.",
        confirm: "Copy a file of some megabytes over the same way and take the time. What is measured here are the few \
                  thousand bytes that a host says before a logon: only a rate below 512 kbit/s shows in them.",
        command: "Get-NetAdapter | Format-List Name,LinkSpeed; Get-NetQosPolicy | Format-List Name,ThrottleRateAction",
        how_to_fix: "Look for what fills or limits the line. Where it is the line itself, lower the session's demands: \
                     fewer colours, a smaller screen, no sound, no drives.",
        references: &["RFC 5136 (capacity of a path)"],
    },
    fixes: &["try-another-client"],
};

fn slow(case: Case<'_>) -> Option<Ground> {
    let rates = path::rates(case);
    let (count, id) = (rates.len(), rates.last()?.id);
    let rates: Option<Vec<u64>> = rates.into_iter().map(|seen| seen.value).collect();
    let best = rates?.into_iter().max().filter(|best| *best < RATE && count >= BURSTS)?;
    let words = format!(
        "in {count} further connections the host's handshake came at {best} kbit/s or less; it is told where the fastest is below \
         {RATE} kbit/s"
    );
    Some(Ground::on(vec![crate::case::Seen { value: (), id }.because(words)]))
}

fn fast(case: Case<'_>) -> Option<Ground> {
    let fast = path::rates(case).iter().any(|seen| seen.value.is_none_or(|rate| rate >= RATE));
    fast.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::{Burst, Came, Fact, Pace, PathTry};
    use std::time::Duration;
    use wire::machine::PathPlan;

    /// Handshakes whose second half of 1000 bytes took these times, the first in packets of the usual size.
    fn bursts(milliseconds: &[u64]) -> Sketch {
        let sketch = host("192.0.2.7").nla().tls_up(wire::tls::TlsVersion::Tls13);
        (0..).zip(milliseconds).fold(sketch, |sketch, (number, time)| {
            let rest = Pace { bytes: 1000, time: Duration::from_millis(*time) };
            let plan = PathPlan { segment: if number > 0 { 536 } else { 0 }, ..PathPlan::default() };
            let burst = Some(Burst { whole: Pace { bytes: 2000, ..rest }, rest });
            sketch.with(Fact::Path(PathTry { plan, figures: None, came: Came::Tls, burst }))
        })
    }

    #[test]
    fn present() {
        bursts(&[31, 32, 33, 34]).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
    }

    #[test]
    fn near_miss_one_of_them_was_fast() {
        bursts(&[31, 32, 1]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        bursts(&[31, 32, 33]).check(&CAUSE, Expect::Unknown);
    }
}
