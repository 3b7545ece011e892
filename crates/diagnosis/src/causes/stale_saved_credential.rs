//! `stale-saved-credential`: the client logs on with a password that was saved and is refused.

use evidence::printable::printable;
use evidence::state::SavedCredential;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "stale-saved-credential",
    title: "the client uses a saved password for this host, and the logon was refused",
    stage: Stage::Client,
    severity: Severity::Degrading,
    role: Role::Client,
    codes: &[Symptom::LOGON_FAILURE],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::CREDENTIALS], holds: refused },
        Proof { shows: Shows::Absence, needs: &[Need::CREDENTIALS], holds: none_saved },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc logs on with the saved password, without asking, and shows 0x807 or that the credentials \
                       did not work. With a lockout policy every try counts.",
        why: "The password was changed on the host or in the domain after it was saved on this computer. Credential \
              Manager keeps it under TERMSRV and the name of the host as it was typed.",
        confirm: "The entry is in the list, and its account and password are not those of today. A wrong password that \
                  somebody typed gives the same code.",
        command: "cmdkey /list",
        how_to_fix: "Remove the entry (cmdkey /delete:TERMSRV/HOST, with the name as the list shows it), connect, and \
                     type the password of today.",
        references: &[
            "Microsoft Learn: cmdkey, and CredEnumerateW",
            "Microsoft Learn: OnDisconnected, discReason 2055",
        ],
    },
    fixes: &[],
};

/// Returns the credential that is saved for the host that was asked for.
fn saved(case: Case<'_>) -> Option<Seen<&SavedCredential>> {
    let target = case.context.target.as_ref()?;
    let wanted = target.host.to_string();
    case.saved_credentials().find(|seen| seen.value.host().is_some_and(|host| host.eq_ignore_ascii_case(&wanted)))
}

/// A password is saved for the host, and the client showed that the logon failed.
fn refused(case: Case<'_>) -> Option<Ground> {
    let seen = saved(case)?;
    let code = case.context.symptom.as_ref().map(|symptom| symptom.code)?;
    let text = format!("{} is saved on the client, which shows that the logon failed", printable(&seen.value.target));
    (code == Symptom::LOGON_FAILURE).then(|| Ground::on(vec![seen.because(text)]))
}

/// Others are saved, and none for this host.
fn none_saved(case: Case<'_>) -> Option<Ground> {
    case.context.target.as_ref()?;
    saved(case).is_none().then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client};
    use evidence::fact::Fact;

    fn with(target: &str) -> Sketch {
        let target = format!("TERMSRV/{target}");
        client("server01").recorded(Fact::SavedCredential(SavedCredential { target }))
    }

    #[test]
    fn present() {
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        with("SERVER01").code(Symptom::LOGON_FAILURE).check(&CAUSE, likely);
    }

    #[test]
    fn near_miss_a_password_that_works_is_no_fault() {
        with("server01").check(&CAUSE, Expect::Unknown);
        with("server01").code(Symptom::SOCKET_CLOSED).check(&CAUSE, Expect::Unknown);
        with("server02").code(Symptom::LOGON_FAILURE).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        client("server01").code(Symptom::LOGON_FAILURE).check(&CAUSE, Expect::Unknown);
    }
}
