//! `workstation-restricted`: the user may not log on from this workstation.

use evidence::{Role, Stage};

use crate::cause::{Cause, Page, Severity};
use crate::refusals::Says;

pub const CAUSE: Cause = Cause {
    id: "workstation-restricted",
    title: "the user may not log on from this workstation",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: Says::<0xC000_0070>::PROOFS,
    explains: &[],
    page: Page {
        what_happens: "The logon is refused on some machines and works on others.",
        why: "The account has a list of computers to which it may log on. With Network Level Authentication the client's own name has to be in it as well.",
        confirm: "Security 4625 with the sub-status 0xC0000070 at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Add the host, and for Network Level Authentication the client, to the account's \"Log On To\" list, or clear the list.",
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
        sketch::shown_by(0xC000_0070, &CAUSE, Severity::Blocking);
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_0070, &CAUSE);
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
