//! `key-container-orphaned`: the key of Remote Desktop belongs to another machine.

use evidence::key_names::{RDP_CONTAINER, RDP_KEY};
use evidence::state::{CRYPTOGRAPHY, LISTENER, POLICY, STORE_REMOTE_DESKTOP, StoredCertificate};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::keys::{REMOTE_DESKTOP, legacy};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "key-container-orphaned",
    title: "the private key for Remote Desktop belongs to another machine, as after cloning",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::KEY_FOLDER,
                Need::key(CRYPTOGRAPHY),
                Need::key(LISTENER),
                Need::key(POLICY),
                Need::key(STORE_REMOTE_DESKTOP),
            ],
            holds: without_its_key,
        },
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[Need::KEY_FOLDER, Need::key(CRYPTOGRAPHY), Need::key(LISTENER), Need::key(POLICY)],
            holds: left_behind,
        },
        Proof { shows: Shows::Absence, needs: &[Need::KEY_FOLDER, Need::key(CRYPTOGRAPHY)], holds: its_own },
        Proof { shows: Shows::Absence, needs: &[Need::key(LISTENER)], holds: not_used },
    ],
    explains: &[Explains { cause: "private-key-unusable", when: |_| true }],
    page: Page {
        what_happens: "The host selects TLS and drops every handshake; mstsc shows 0x904. Other clones of the same \
                       image do the same.",
        why: "The file with the key is called f686aace6942fb7f7ceb231212eef4a4_ and the machine's MachineGuid. If an \
              image was cloned without generalizing it, or MachineGuid was changed, the certificate is still there, \
              but Windows looks for its key under a name that no file has.",
        confirm: "The file's name must end with the machine's MachineGuid.",
        command: "(Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Cryptography').MachineGuid; \
                  (Get-ChildItem \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace*\" -Force).Name",
        how_to_fix: "Move the other machine's file to a backup and let Windows create a new key and certificate. \
                     Leave the other files in the folder: they belong to other services. Generalize images with \
                     sysprep before you clone them.",
        references: &["Microsoft: An internal error occurs when connecting to a remote machine (MachineKeys)"],
    },
    fixes: &["replace-rdp-key-container", "renew-rdp-certificate"],
};

/// MachineKeys has only keys of other machines, and the listener uses the certificate that Windows made.
fn only_a_foreign_one(case: Case<'_>) -> Option<Ground> {
    let name = case.own_key_name().filter(|name| !case.has_key_file(&name.value))?;
    let foreign = case.machine_keys().find(|seen| seen.value.name.to_ascii_lowercase().starts_with(RDP_KEY))?;
    let because = vec![
        foreign.because(format!("the only key for Remote Desktop is in the file {}", foreign.value.name)),
        name.because(format!("on this machine it would be called {}", name.value)),
    ];
    let uses_it = case.windows_own_certificate() == Some(true) && !case.key_used_since(name.id);
    uses_it.then(|| Ground::on(because))
}

/// A foreign key that no certificate needs may be a mere leftover of the image: Windows makes a key when it needs one.
fn left_behind(case: Case<'_>) -> Option<Ground> {
    only_a_foreign_one(case).map(|ground| ground.severity(Severity::Advisory))
}

/// True for a certificate that Windows made for Remote Desktop, with its key in the container of that file.
fn needs_it(certificate: &StoredCertificate) -> bool {
    let container = certificate.container.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(RDP_CONTAINER));
    let made = certificate.store == REMOTE_DESKTOP && certificate.subject == certificate.issuer;
    // a CNG key lies in another folder, under another name
    made && container && legacy(certificate) != Some(false)
}

/// The certificate that needs the key is there as well. On a disk not started since it was cloned, Windows may still
/// mend this by itself.
fn without_its_key(case: Case<'_>) -> Option<Ground> {
    let mut ground = only_a_foreign_one(case)?;
    if case.let_in_near(ground.because.first()?.observation) {
        return None;
    }
    let seen = case.stored_certificates().find(|seen| needs_it(seen.value))?;
    ground.because.push(seen.because(format!("the certificate {} is there without it", seen.value.subject)));
    Some(ground)
}

fn its_own(case: Case<'_>) -> Option<Ground> {
    case.own_key_file()?;
    Some(Ground::nothing())
}

fn not_used(case: Case<'_>) -> Option<Ground> {
    case.bound_thumbprint().filter(|seen| seen.value.is_some())?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, key_file, machine, stored};
    use evidence::events::RCM;
    use evidence::fact::Fact;
    use evidence::state::{KeyFile, RegistryData};

    const GUID: &str = "11111111-2222-3333-4444-555555555555";

    fn with(guid: &str) -> Sketch {
        let machine = machine().value(CRYPTOGRAPHY, "MachineGuid", RegistryData::Text(GUID.to_owned()));
        let machine = machine
            .dword(LISTENER, "PortNumber", 3389)
            .value(STORE_REMOTE_DESKTOP, "x", RegistryData::Dword(0))
            .absent(POLICY);
        let folder = machine.recorded(Fact::KeyFile(key_file(".", None)));
        folder.recorded(Fact::KeyFile(key_file(&format!("{RDP_KEY}{guid}"), None)))
    }

    #[test]
    fn present() {
        let clone = with("99999999-2222-3333-4444-555555555555");
        clone.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        let clone = clone.recorded(Fact::StoredCertificate(stored("Remote Desktop")));
        clone.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        // somebody got in shortly before that was recorded
        clone.event(RCM, 1149, 2).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn near_miss_the_number_is_written_in_braces() {
        let braces = RegistryData::Text(format!("{{{GUID}}}"));
        with(GUID).value(CRYPTOGRAPHY, "MachineGuid", braces).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_foreign_one_beside_its_own() {
        let other = Fact::KeyFile(key_file(&format!("{RDP_KEY}99999999"), None));
        with(GUID).recorded(other).check(&CAUSE, Expect::Absent);
    }

    /// CNG keys lie in a folder of their own.
    #[test]
    fn near_miss_a_key_of_the_newer_kind() {
        let provider = Some("Microsoft Software Key Storage Provider".to_owned());
        let newer = StoredCertificate { provider, key_spec: Some(0), ..stored("Remote Desktop") };
        let image = with("99999999").recorded(Fact::StoredCertificate(newer));
        image.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        let own = KeyFile { folder: "Keys".to_owned(), ..key_file(&format!("{RDP_KEY}{GUID}"), None) };
        image.recorded(Fact::KeyFile(own)).check(&CAUSE, Expect::Unknown);
    }

    /// The store holds a certificate that somebody else issued, with a key elsewhere.
    #[test]
    fn near_miss_the_certificate_has_another_key() {
        for (issuer, container) in [("CN=Corp CA", "TSSecKeySet1"), ("CN=SERVER01", "{1F2E}")] {
            let (issuer, container) = (issuer.to_owned(), Some(container.to_owned()));
            let other = StoredCertificate { issuer, container, ..stored("Remote Desktop") };
            let clone = with("99999999").recorded(Fact::StoredCertificate(other));
            clone.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        }
    }

    #[test]
    fn near_miss_a_certificate_from_a_template_is_used() {
        let template = RegistryData::Text("RemoteDesktopComputer".to_owned());
        let machine = with("99999999").value(POLICY, "CertTemplateName", template);
        machine.recorded(Fact::StoredCertificate(stored("Remote Desktop"))).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_another_certificate_is_bound() {
        let bound = with("99999999").value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("ab".repeat(20)));
        bound.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().recorded(Fact::KeyFile(key_file(".", None))).check(&CAUSE, Expect::Unknown);
    }
}
