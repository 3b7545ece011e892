//! `password-expired`: the user's password has expired or must be changed.

use evidence::{Role, Stage};

use crate::cause::{Cause, Page, Severity};
use crate::refusals::Says;

pub const CAUSE: Cause = Cause {
    id: "password-expired",
    title: "the user's password has expired or must be changed",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: Says::<0xC000_0071, 0xC000_0224>::PROOFS,
    explains: &[],
    page: Page {
        what_happens: "The logon is refused although the password is right. With Network Level Authentication there is no way to change it on the way in.",
        why: "The password has reached its age, or an administrator demanded a new one at the next logon.",
        confirm: "Security 4625 with the status or sub-status 0xC0000071 (expired) or 0xC0000224 (must be changed) at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Change the password elsewhere: at a machine of the domain, in RD Web Access where that is set up, or have it reset. Do not switch off Network \
                     Level Authentication for it.",
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
        sketch::shown_by(0xC000_0071, &CAUSE, Severity::Blocking);
        sketch::shown_by(0xC000_0224, &CAUSE, Severity::Blocking);
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_0071, &CAUSE);
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
