//! `logon-hours`: the user may not log on at this hour.

use evidence::{Role, Stage};

use crate::cause::{Cause, Page, Severity};
use crate::refusals::Says;

pub const CAUSE: Cause = Cause {
    id: "logon-hours",
    title: "the user may not log on at this hour",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: Says::<0xC000_006F>::PROOFS,
    explains: &[],
    page: Page {
        what_happens: "The logon is refused at some hours and works at others.",
        why: "The account has logon hours set, and the attempt lies outside of them.",
        confirm: "Security 4625 with the sub-status 0xC000006F at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Change the account's logon hours, if they are not meant so.",
        references: &["Microsoft: event 4625, An account failed to log on", "[MS-ERREF] 2.3 (NTSTATUS)"],
    },
    fixes: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::sketch;

    #[test]
    fn present() {
        sketch::shown_by(0xC000_006F, &CAUSE, Severity::Blocking);
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_006F, &CAUSE);
    }

    #[test]
    fn near_miss_another_reason() {
        sketch::ruled_out_by(0xC000_006A, &CAUSE);
    }

    #[test]
    fn unseen() {
        sketch::unseen(&CAUSE);
    }
}
