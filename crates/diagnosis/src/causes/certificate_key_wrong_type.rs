//! `certificate-key-wrong-type`: the key of the listener's certificate may sign, and not exchange keys.

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;
use crate::state::{LISTENER, StoredCertificate};
use crate::symptom::Symptom;

/// `AT_SIGNATURE`.
const SIGNATURE: u32 = 2;

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "certificate-key-wrong-type",
    title: "the key of the certificate that is bound to the listener was made for signatures alone",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::Key(LISTENER)], holds: signature_only },
        Proof { shows: Shows::Absence, needs: &[Need::Key(LISTENER)], holds: fits },
    ],
    explains: &[Explains { cause: "private-key-unusable", when: |_| true }],
    page: Page {
        what_happens: "The host selects TLS and breaks the handshake off; mstsc shows 0x904, and Schannel logs 36870 or 36871.",
        why: "A key of a legacy provider is either AT_KEYEXCHANGE or AT_SIGNATURE. Requests made by hand, and imports with the wrong option, \
              yield the latter; Remote Desktop needs the former. Keys of the newer kind (CNG) do not have the difference.",
        confirm: "certutil shows KeySpec = 2 -- AT_SIGNATURE for the bound certificate.",
        command: "certutil -store My | Select-String 'Cert Hash|Provider =|KeySpec|Subject:'",
        how_to_fix: "Have the certificate issued anew, or import it again with AT_KEYEXCHANGE, and bind it; until then clear the binding.",
        references: &[
            "Microsoft: Remote Desktop listener certificate configurations",
            "Microsoft: certutil -importPFX (AT_KEYEXCHANGE)",
        ],
    },
    fixes: &["bind-certificate", "clear-certificate-binding"],
};

/// The certificate that the listener is bound to.
fn bound(case: Case<'_>) -> Option<Seen<&StoredCertificate>> {
    let thumbprint = case.bound_thumbprint()?.value?;
    case.stored_certificates().find(|seen| seen.value.sha1.eq_ignore_ascii_case(&thumbprint))
}

fn signature_only(case: Case<'_>) -> Option<Ground> {
    let seen = bound(case).filter(|seen| seen.value.key_spec == Some(SIGNATURE))?;
    let text = format!("the key of the bound certificate {} is AT_SIGNATURE", seen.value.subject);
    Some(Ground::on(vec![seen.because(text)]))
}

fn fits(case: Case<'_>) -> Option<Ground> {
    let none = case.bound_thumbprint().filter(|seen| seen.value.is_none());
    if let Some(seen) = none {
        return Some(Ground::on(vec![
            seen.because("no certificate is bound, and Windows makes its own with the right key"),
        ]));
    }
    let seen = bound(case).filter(|seen| matches!(seen.value.key_spec, Some(0 | 1)))?;
    Some(Ground::on(vec![seen.because("the key of the bound certificate is for key exchange, or of the newer kind")]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, machine, stored};
    use crate::fact::Fact;
    use crate::state::RegistryData;

    fn with(key_spec: Option<u32>) -> Sketch {
        let bound = machine().value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("ab".repeat(20)));
        bound.recorded(Fact::StoredCertificate(StoredCertificate { sha1: "ab".repeat(20), key_spec, ..stored("My") }))
    }

    #[test]
    fn present() {
        with(Some(2)).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_other_kinds_of_keys() {
        with(Some(1)).check(&CAUSE, Expect::Absent);
        with(Some(0)).check(&CAUSE, Expect::Absent);
        machine().dword(LISTENER, "PortNumber", 3389).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        with(None).check(&CAUSE, Expect::Unknown);
    }
}
