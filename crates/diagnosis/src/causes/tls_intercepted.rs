//! `tls-intercepted`: the certificate is not the host's but that of a product that opens TLS on the way.

use wire::inspection;
use wire::tls::TlsOffer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "tls-intercepted",
    title: "a product on the way opens the TLS connection and shows its own certificate in the host's place",
    stage: Stage::Tls,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::Handshake(TlsOffer::MODERN)],
            holds: known_issuer,
        },
        // a product whose authority has another name is only found by comparison
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HostCertificate], holds: never },
        Proof { shows: Shows::Absence, needs: &[Need::Handshake(TlsOffer::MODERN)], holds: self_issued },
    ],
    explains: &[
        // what is wrong with the certificate is then the product's doing
        Explains { cause: "certificate-expired", when: always },
        Explains { cause: "certificate-not-yet-valid", when: always },
        Explains { cause: "certificate-name-mismatch", when: always },
        Explains { cause: "certificate-wrong-usage", when: always },
        Explains { cause: "certificate-weak", when: always },
    ],
    page: Page {
        what_happens: "The handshake succeeds, but with a certificate made on the way. mstsc warns about an authority that it does \
                       not know, and CredSSP, which binds the logon to the host's real key, fails after the password was \
                       entered: an authentication error or 0x904.",
        why: "A firewall, proxy or antivirus with TLS inspection takes this port for a web server's and opens it. Its authority is \
              trusted where the organisation has installed it, so browsers do not complain.",
        confirm: "Compare thumbprints: the one that this report saw (certificate.sha1) with the one that the host holds. If they \
                  differ, somebody in between has put his own there.",
        command: "Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting | \
                  Select-Object TerminalName,SSLCertificateSHA1Hash; \
                  Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Issuer,Thumbprint",
        how_to_fix: "Exempt this host and port from inspection in the product that the issuer names. Remote Desktop cannot be \
                     inspected in this way: CredSSP notices it.",
        references: &[
            "[MS-CSSP] 3.1.5 (the public key is bound to the logon)",
            "Chromium: ssl_error_assistant (issuers of inspection products)",
        ],
    },
    fixes: &["exempt-from-inspection"],
};

/// A certificate that signs itself was made by no inspecting authority, whatever it is called.
fn known_issuer(case: Case<'_>) -> Option<Ground> {
    if case.self_issued()?.value {
        return None;
    }
    let issuer = case.certificate_issuer()?;
    let product = inspection::product(issuer.value)?;
    let text = format!("the certificate was issued by {}: {product} issues such where it inspects TLS", issuer.value);
    Some(Ground::on(vec![issuer.because(text)]))
}

fn self_issued(case: Case<'_>) -> Option<Ground> {
    let seen = case.self_issued().filter(|seen| seen.value)?;
    Some(Ground::on(vec![seen.because("the certificate is self-signed; inspection shows ones of its own authority")]))
}

/// What the host says of its certificate is read by a later part.
fn never(_: Case<'_>) -> Option<Ground> {
    None
}

fn always(_: Case<'_>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, host};
    use crate::fact::Fact;
    use wire::tls::TlsVersion;

    fn issued_by(issuer: &str) -> Sketch {
        let sketch =
            host("server01.corp.example").nla().tls_up(TlsVersion::Tls13).ca_issued(&["server01.corp.example"]);
        sketch.with(Fact::CertificateIssuer(issuer.to_owned()))
    }

    #[test]
    fn present() {
        let sketch = issued_by("C=US, O=Fortinet, OU=Certificate Authority, CN=FGT60F0000000000");
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_organisations_own_authority() {
        issued_by("CN=Corp Example Issuing CA").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_self_signed_certificate_with_such_a_name() {
        let sketch = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).windows_made("FORTINET-PC");
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
