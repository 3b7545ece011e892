//! `certificate-weak`: a key too short, or a signature that proves nothing any more.

use wire::tls::TlsOffer;

use crate::case::Case;
use crate::cause::{Because, Cause, Confidence, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::fact::Fact;
use crate::need::Need;

/// What everybody agrees on as the shortest RSA key (NIST SP 800-131A).
const LEAST_RSA_BITS: usize = 2048;
/// md2WithRSAEncryption, md4WithRSAEncryption, md5WithRSAEncryption, md5WithRSA of OIW.
const MD5_OR_OLDER: [&str; 4] =
    ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.3", "1.2.840.113549.1.1.4", "1.3.14.3.2.3"];
/// sha1WithRSAEncryption, sha1WithRSA of OIW, ecdsa-with-SHA1.
const SHA1: [&str; 3] = ["1.2.840.113549.1.1.5", "1.3.14.3.2.29", "1.2.840.10045.4.1"];

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "certificate-weak",
    title: "the host's certificate has a key or a signature that is too weak",
    stage: Stage::Certificate,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::Handshake(TlsOffer::MODERN)], holds: weak },
        Proof { shows: Shows::Absence, needs: &[Need::Handshake(TlsOffer::MODERN)], holds: strong },
    ],
    explains: &[],
    page: Page {
        what_happens: "Newer clients and stricter policies refuse the certificate; others warn or say nothing. SHA-1 on a \
                       self-signed certificate is only worth knowing: a signature on oneself proves nothing anyway.",
        why: "A certificate from an old template or a forgotten CA, or one that an old Windows made and that was never renewed: \
              before Windows 8.1 and Server 2012 R2 they were signed with SHA-1.",
        confirm: "On the host: the length of the key and the signature algorithm of the certificate that is bound.",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop','Cert:\\LocalMachine\\My' | \
                  Select-Object Subject,Thumbprint,@{n='Bits';e={$_.PublicKey.Key.KeySize}},\
                  @{n='Signature';e={$_.SignatureAlgorithm.FriendlyName}}",
        how_to_fix: "Have Windows make a new self-signed certificate (RSA 2048, SHA-256), or bind one from a CA whose template asks \
                     for at least that.",
        references: &["NIST SP 800-131A revision 2", "RFC 6151 (MD5)", "RFC 9155 (SHA-1)", "Microsoft KB2661254"],
    },
    fixes: &["renew-rdp-certificate", "bind-certificate"],
};

fn key(case: Case<'_>) -> Option<Because> {
    let seen =
        case.last(|f| if let Fact::CertificateKey(name, bits) = f { Some((name.as_str(), *bits)) } else { None })?;
    let ("rsa", bits) = seen.value else { return None };
    let profile = &case.context.profile;
    if bits < profile.least_rsa_bits {
        let words = format!("its RSA key has {bits} bits; {} wants {} at least", profile.name, profile.least_rsa_bits);
        return Some(seen.because(words));
    }
    let short = (1..LEAST_RSA_BITS).contains(&bits);
    short.then(|| {
        seen.because(format!("its RSA key has {bits} bits; {LEAST_RSA_BITS} are the least that is still safe"))
    })
}

fn weak(case: Case<'_>) -> Option<Ground> {
    let signed = case.last(|fact| if let Fact::CertificateSignature(id) = fact { Some(id.as_str()) } else { None });
    let mut because: Vec<_> = key(case).into_iter().collect();
    let (md5, sha1) = (|id: &str| MD5_OR_OLDER.contains(&id), |id: &str| SHA1.contains(&id));
    if let Some(seen) = signed.filter(|seen| md5(seen.value)) {
        because.push(seen.because(format!("it is signed with MD5 or older ({})", seen.value)));
    }
    let vouched = case.self_issued().is_some_and(|seen| !seen.value);
    if let Some(seen) = signed.filter(|seen| sha1(seen.value) && vouched) {
        because.push(seen.because(format!("its authority signed it with SHA-1 ({})", seen.value)));
    }
    if !because.is_empty() {
        return Some(Ground::on(because));
    }
    let seen = signed.filter(|seen| sha1(seen.value))?;
    let words = format!(
        "it has signed itself with SHA-1 ({}), as older Windows does; that proves nothing in any case",
        seen.value
    );
    Some(Ground::on(vec![seen.because(words)]).severity(Severity::Advisory))
}

fn strong(case: Case<'_>) -> Option<Ground> {
    let seen = case.last(|fact| if let Fact::CertificateKey(_, bits) = fact { Some(*bits) } else { None })?;
    weak(case).is_none().then(|| Ground::on(vec![seen.because(format!("its key has {} bits", seen.value))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, host};
    use wire::tls::TlsVersion;

    const DEGRADING: Expect = Expect::Present(Severity::Degrading, Confidence::Proven);

    fn up() -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13)
    }

    fn key(algorithm: &str, bits: usize) -> Fact {
        Fact::CertificateKey(algorithm.to_owned(), bits)
    }

    fn signed(id: &str) -> Fact {
        Fact::CertificateSignature(id.to_owned())
    }

    #[test]
    fn present() {
        up().windows_made("SERVER01").with(key("rsa", 1024)).check(&CAUSE, DEGRADING);
        up().windows_made("SERVER01").with(signed(MD5_OR_OLDER[2])).check(&CAUSE, DEGRADING);
        up().ca_issued(&["server01.corp.example"]).with(signed(SHA1[0])).check(&CAUSE, DEGRADING);
    }

    #[test]
    fn what_the_client_asks_for_counts() {
        let sketch = up().windows_made("SERVER01").profile_with(|profile| profile.least_rsa_bits = 3072);
        sketch.check(&CAUSE, DEGRADING);
    }

    #[test]
    fn sha1_on_a_self_signed_certificate_is_advisory() {
        let sketch = up().windows_made("SERVER01").with(signed(SHA1[0]));
        sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn near_miss_2048_bits_or_an_elliptic_curve() {
        up().windows_made("SERVER01").with(key("rsa", 2048)).check(&CAUSE, Expect::Absent);
        up().ca_issued(&["server01.corp.example"]).with(key("ec", 256)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
