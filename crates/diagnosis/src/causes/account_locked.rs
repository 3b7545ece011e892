//! `account-locked`: the user's account is locked out.

use evidence::{Role, Stage};

use crate::cause::{Cause, Page, Severity};
use crate::refusals::Says;

pub const CAUSE: Cause = Cause {
    id: "account-locked",
    title: "the user's account is locked out",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: Says::<0xC000_0234>::PROOFS,
    explains: &[],
    page: Page {
        what_happens: "The logon is refused although name and password are right, and works again after some time.",
        why: "Too many wrong passwords: of the user, of a device or a service that still has an old one, or of somebody who guesses from outside.",
        confirm: "Security 4625 with the status 0xC0000234 at the time of the attempt; 4740 on a domain controller names the computer that locked it.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Find what sends the wrong password first, or the account is locked again. Then unlock it, or wait until the lockout ends.",
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
        sketch::shown_by(0xC000_0234, &CAUSE, Severity::Blocking);
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_0234, &CAUSE);
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
