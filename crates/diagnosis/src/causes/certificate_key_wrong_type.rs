//! `certificate-key-wrong-type`: the key of the listener's certificate may sign but not exchange keys.

use evidence::state::{LISTENER, StoredCertificate};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::keys::legacy;
use crate::need::Need;

/// `AT_SIGNATURE`.
const SIGNATURE: u32 = 2;

pub const CAUSE: Cause = Cause {
    id: "certificate-key-wrong-type",
    title: "the certificate bound to the listener has a key that was made for signatures only",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::key(LISTENER)], holds: signature_only },
        Proof { shows: Shows::Absence, needs: &[Need::key(LISTENER)], holds: fits },
    ],
    explains: &[Explains { cause: "private-key-unusable", when: |_| true }],
    page: Page {
        what_happens: "The host selects TLS and drops the handshake; mstsc shows 0x904, and Schannel logs 36870 or \
                       36871.",
        why: "A key of a legacy provider is either AT_KEYEXCHANGE or AT_SIGNATURE. Manual requests, and imports with \
              the wrong option, give the latter; Remote Desktop needs the former, though some cipher suites work \
              with the other. Newer (CNG) keys do not make this difference.",
        confirm: "certutil shows KeySpec = 2 -- AT_SIGNATURE for the bound certificate.",
        command: "certutil -v -store My | Select-String 'Cert Hash|Provider =|KeySpec|Subject:'",
        how_to_fix: "Have the certificate issued again, or import it again with AT_KEYEXCHANGE, and bind it. Until \
                     then, clear the binding.",
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
    case.stored(&thumbprint)
}

/// The bound certificate's key is for signatures only. CNG keys know no such difference, whatever the number says; and
/// nothing is said of a provider that is not known.
fn signature_only(case: Case<'_>) -> Option<Ground> {
    let seen = bound(case).filter(|seen| seen.value.key_spec == Some(SIGNATURE) && legacy(seen.value) == Some(true))?;
    if case.key_used_since(seen.id) || case.let_in_near(seen.id) {
        return None;
    }
    let text = format!("the key of the bound certificate {} is AT_SIGNATURE", seen.value.subject);
    Some(Ground::on(vec![seen.because(text)]))
}

fn fits(case: Case<'_>) -> Option<Ground> {
    // without one, Windows makes its own with the right key
    if case.bound_thumbprint().is_some_and(|seen| seen.value.is_none()) {
        return Some(Ground::nothing());
    }
    let fits = |certificate: &StoredCertificate| {
        matches!(certificate.key_spec, Some(0 | 1)) || legacy(certificate) == Some(false)
    };
    bound(case).filter(|seen| fits(seen.value))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine, stored};
    use evidence::fact::Fact;
    use evidence::state::RegistryData;
    use wire::tls::TlsVersion;

    fn with(key_spec: Option<u32>) -> Sketch {
        let bound = machine().value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("ab".repeat(20)));
        bound.recorded(Fact::StoredCertificate(StoredCertificate { sha1: "ab".repeat(20), key_spec, ..stored("My") }))
    }

    #[test]
    fn present() {
        with(Some(2)).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_other_kinds_of_keys() {
        with(Some(1)).check(&CAUSE, Expect::Absent);
        with(Some(0)).check(&CAUSE, Expect::Absent);
        machine().dword(LISTENER, "PortNumber", 3389).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_key_of_the_newer_kind() {
        let of_provider = |provider: &str| {
            let bound = machine().value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("5d".repeat(20)));
            let provider = Some(provider.to_owned());
            bound.recorded(Fact::StoredCertificate(StoredCertificate { key_spec: Some(2), provider, ..stored("My") }))
        };
        for newer in
            ["Microsoft Software Key Storage Provider", "Microsoft Platform Crypto Provider", "x Key Storage Provider"]
        {
            of_provider(newer).check(&CAUSE, Expect::Absent);
        }
        of_provider("Another Provider").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_key_was_used_all_the_same() {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12);
        let bound = up.value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("5d".repeat(20)));
        let certificate = StoredCertificate { key_spec: Some(2), ..stored("My") };
        bound.recorded(Fact::StoredCertificate(certificate)).check(&CAUSE, Expect::Unknown);
        with(Some(2)).event(evidence::events::RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        with(None).check(&CAUSE, Expect::Unknown);
    }
}
