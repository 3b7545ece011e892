//! `certificate-key-mismatch`: the host signs its handshakes with another key than that of its certificate.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::TlsOffer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "certificate-key-mismatch",
    title: "the host signs the TLS handshake with a key that does not belong to its certificate",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: wrongly_signed,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: linux::mismatched },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: proved },
        Proof { shows: Shows::Absence, needs: &[Need::FINISHED_HANDSHAKE], holds: proved },
    ],
    // xrdp selects TLS and then hangs up
    explains: &[Explains { cause: "server-tls-setup-failed", when: |case| linux::mismatched(case).is_some() }],
    page: Page {
        what_happens: "The host starts TLS and sends its certificate, but its signature over the handshake does not \
                       match the certificate's key. Every client stops there: 0x904, or \"bad signature\", \"decrypt \
                       error\".",
        why: "Certificate and private key do not belong together, and the server did not check: a renewed \
              certificate with the old key, or the wrong slot of a hardware module. Or the key makes signatures that \
              others cannot verify (a TPM 2.0 older than 1.16 with RSA-PSS).",
        confirm: "Compare the certificate's public key with the private key. On Windows, certutil checks that the \
                  two match; for a key in a TPM, look at the version of its specification.",
        command: "Get-ChildItem Cert:\\LocalMachine\\My,'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Thumbprint,HasPrivateKey; \
                  certutil -verifystore My; Get-CimInstance -Namespace root/cimv2/security/microsofttpm Win32_Tpm | \
                  Select-Object SpecVersion,ManufacturerVersion",
        how_to_fix: "Bind a certificate together with its own key: import both as one file (.pfx), or request a new \
                     certificate on this machine. If a TPM signs wrongly, update its firmware or create the key in \
                     software.",
        references: &["RFC 8446 section 4.4.3", "RFC 5246 section 7.4.3"],
    },
    fixes: &[
        "renew-rdp-certificate",
        "bind-certificate",
        "use-fitting-xrdp-file",
        "make-xrdp-certificate",
        "make-gnome-certificate",
    ],
};

fn wrongly_signed(case: Case<'_>) -> Option<Ground> {
    let wrong: Vec<_> = case.tls().filter(|seen| *seen.value.1 == Handshake::WrongKey).collect();
    if wrong.is_empty() {
        return None;
    }
    let because = wrong.iter().take(2).map(|seen| {
        let text =
            format!("{} signed a handshake ({}) with a key that is not its certificate's", case.label(), seen.value.0);
        seen.because(text)
    });
    let ground = Ground::on(because.collect());
    // of several machines behind one address one may be sound
    let sound = case.tls().any(|seen| matches!(seen.value.1, Handshake::Accepted { finished: true, .. }));
    Some(if sound { ground.confidence(Confidence::Likely).severity(Severity::Degrading) } else { ground })
}

fn proved(case: Case<'_>) -> Option<Ground> {
    case.tls().find(|seen| matches!(seen.value.1, Handshake::Accepted { finished: true, .. }))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host};
    use wire::tls::TlsVersion;

    #[test]
    fn present() {
        let sketch = || host("192.0.2.7").nla().tls(TlsOffer::MODERN, Handshake::WrongKey);
        sketch().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        let farm = sketch().tls_up(TlsVersion::Tls13);
        farm.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_handshake_is_finished() {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).check(&CAUSE, Expect::Absent);
        let accepted = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: false };
        host("192.0.2.7").nla().tls(TlsOffer::PLAIN_12, accepted).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
