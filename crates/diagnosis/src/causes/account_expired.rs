//! `account-expired`: the user's account has expired.

use evidence::{Role, Stage};

use crate::cause::{Cause, Page, Severity};
use crate::refusals::Says;

pub const CAUSE: Cause = Cause {
    id: "account-expired",
    title: "the user's account has expired",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: Says::<0xC000_0193>::PROOFS,
    explains: &[],
    page: Page {
        what_happens: "The logon is refused although name and password are right.",
        why: "The account was made for a limited time, and that is over.",
        confirm: "Security 4625 with the status or sub-status 0xC0000193 at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Have whoever is responsible for the account extend it.",
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
        sketch::shown_by(0xC000_0193, &CAUSE, Severity::Blocking);
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_0193, &CAUSE);
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
