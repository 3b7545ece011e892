//! `account-restricted`: a restriction of the user's account forbids the logon.

use evidence::{Role, Stage};

use crate::cause::{Cause, Page, Severity};
use crate::refusals::Says;

pub const CAUSE: Cause = Cause {
    id: "account-restricted",
    title: "a restriction of the user's account forbids the logon",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: Says::<0xC000_006E, 0xC000_0413>::PROOFS,
    explains: &[],
    page: Page {
        what_happens: "The logon is refused although name and password are right.",
        why: "A blank password, which Windows takes at the console only; membership of Protected Users, which forbids NTLM; an authentication policy; or a \
              trust with selective authentication.",
        confirm: "Security 4625 with the status 0xC000006E and no finer sub-status, or 0xC0000413, at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Give the account a password if it has none. A member of Protected Users has to connect by the host's name, so that Kerberos is used. Across a \
                     selective trust it needs the right to authenticate on the host.",
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
        sketch::shown_by(0xC000_006E, &CAUSE, Severity::Blocking);
        sketch::shown_by(0xC000_0413, &CAUSE, Severity::Blocking);
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_006E, &CAUSE);
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
