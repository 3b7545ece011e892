//! `certificate-weak`: a key too short, or a signature that proves nothing any more.

use evidence::fact::Fact;
use evidence::printable::printable;
use evidence::state::{LISTENER, STORE_REMOTE_DESKTOP, StoredCertificate};
use evidence::{Because, Role, Stage};
use wire::tls::{TlsOffer, TlsVersion};

use crate::as_client::{last_as_client, taken_as_client};
use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// Shortest RSA key that is still accepted everywhere, in bits (NIST SP 800-131A).
const LEAST_RSA_BITS: usize = 2048;
/// md2WithRSAEncryption, md4WithRSAEncryption, md5WithRSAEncryption, md5WithRSA of OIW.
const MD5_OR_OLDER: [&str; 4] =
    ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.3", "1.2.840.113549.1.1.4", "1.3.14.3.2.3"];
/// sha1WithRSAEncryption, sha1WithRSA of OIW, ecdsa-with-SHA1.
const SHA1: [&str; 3] = ["1.2.840.113549.1.1.5", "1.3.14.3.2.29", "1.2.840.10045.4.1"];

pub const CAUSE: Cause = Cause {
    id: "certificate-weak",
    title: "the host's certificate has a key or signature that is too weak",
    stage: Stage::Certificate,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::handshake(TlsOffer::MODERN)], holds: weak },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::key(STORE_REMOTE_DESKTOP)],
            holds: recorded,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: strong },
    ],
    explains: &[],
    page: Page {
        what_happens: "Newer clients and stricter policies refuse the certificate; others warn or say nothing. SHA-1 on a \
                       self-signed certificate is only worth knowing: a signature on oneself proves nothing anyway.",
        why: "The certificate comes from an old template or a forgotten CA, or from an old Windows and was never \
              renewed: before Windows 8.1 and Server 2012 R2, Windows signed with SHA-1.",
        confirm: "On the host: the length of the key and the signature algorithm of the certificate that is bound.",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop','Cert:\\LocalMachine\\My' | \
                  Select-Object Subject,Thumbprint,@{n='Bits';e={$_.PublicKey.Key.KeySize}},\
                  @{n='Signature';e={$_.SignatureAlgorithm.FriendlyName}}",
        how_to_fix: "Have Windows create a new self-signed certificate (RSA 2048, SHA-256), or bind one from a CA \
                     whose template asks for at least that.",
        references: &["NIST SP 800-131A revision 2", "RFC 6151 (MD5)", "RFC 9155 (SHA-1)", "Microsoft KB2661254"],
    },
    fixes: &["renew-rdp-certificate", "bind-certificate"],
};

/// Names the weakness of a key; `None` for one that is long enough or of another kind.
fn key_words(case: Case<'_>, algorithm: &str, bits: usize) -> Option<String> {
    if algorithm != "rsa" {
        return None;
    }
    let profile = &case.context.profile;
    if bits < profile.least_rsa_bits {
        return Some(format!(
            "its RSA key has {bits} bits; {} wants {} at least",
            profile.name, profile.least_rsa_bits
        ));
    }
    let short = (1..LEAST_RSA_BITS).contains(&bits);
    short.then(|| format!("its RSA key has {bits} bits; {LEAST_RSA_BITS} are the least that is still safe"))
}

/// Names the weakness of a signature. `vouched`: an authority made it.
fn signature_words(algorithm: &str, vouched: bool) -> Option<String> {
    if MD5_OR_OLDER.contains(&algorithm) {
        return Some(format!("it is signed with MD5 or older ({algorithm})"));
    }
    (vouched && SHA1.contains(&algorithm)).then(|| format!("its authority signed it with SHA-1 ({algorithm})"))
}

/// Names SHA-1 in a self-signed certificate, a weakness of no weight: such a signature proves nothing anyway.
fn own_sha1(algorithm: &str) -> Option<String> {
    SHA1.contains(&algorithm).then(|| {
        format!("it has signed itself with SHA-1 ({algorithm}), as older Windows does; that proves nothing in any case")
    })
}

/// Refusal of the client's hello by a host whose key cannot sign in the version that it offers.
fn keeps_out(case: Case<'_>) -> Option<Because> {
    case.key_too_short_for_13().filter(|_| case.context.profile.tls_max >= TlsVersion::Tls13)?;
    let refused = last_as_client(case).filter(|_| taken_as_client(case).is_none())?;
    let text = format!(
        "a hello of {} was {}: such a key is too short to sign with in TLS 1.3",
        case.context.profile.name,
        refused.value.refusal()?
    );
    Some(refused.because(text))
}

fn weak(case: Case<'_>) -> Option<Ground> {
    let signed = case.last(|fact| if let Fact::CertificateSignature(id) = fact { Some(id.as_str()) } else { None });
    let key = case.last(|f| if let Fact::CertificateKey(name, bits) = f { Some((name.as_str(), *bits)) } else { None });
    let vouched = case.self_issued().is_some_and(|seen| !seen.value);
    let key = key.and_then(|seen| Some(seen.because(key_words(case, seen.value.0, seen.value.1)?)));
    let signature = signed.and_then(|seen| Some(seen.because(signature_words(seen.value, vouched)?)));
    let because: Vec<_> = key.into_iter().chain(signature).chain(keeps_out(case)).collect();
    if !because.is_empty() {
        let ground = Ground::on(because);
        return Some(if keeps_out(case).is_some() { ground.severity(Severity::Blocking) } else { ground });
    }
    let seen = signed?;
    Some(Ground::on(vec![seen.because(own_sha1(seen.value)?)]).severity(Severity::Advisory))
}

/// No handshake showed the certificate, but its store was read.
fn recorded(case: Case<'_>) -> Option<Ground> {
    let seen = case.recorded_certificate()?;
    let StoredCertificate { store, subject, issuer, key_algorithm, key_bits, signature_algorithm, .. } = seen.value;
    let bits = key_bits.and_then(|bits| usize::try_from(bits).ok()).filter(|bits| *bits > 0);
    let key = key_algorithm.as_deref().zip(bits).and_then(|(algorithm, bits)| key_words(case, algorithm, bits));
    let algorithm = signature_algorithm.as_deref();
    let signature = algorithm.and_then(|algorithm| signature_words(algorithm, subject != issuer));
    let mut words: Vec<_> = key.into_iter().chain(signature).collect();
    let severity = if words.is_empty() { Severity::Advisory } else { CAUSE.severity };
    if words.is_empty() {
        words.extend(own_sha1(algorithm?));
    }
    let store = printable(store);
    let because =
        words.into_iter().map(|words| seen.because(format!("of the certificate in the store {store}: {words}")));
    let because: Vec<_> = because.collect();
    (!because.is_empty()).then(|| Ground::on(because).severity(severity))
}

fn strong(case: Case<'_>) -> Option<Ground> {
    case.last(|fact| if let Fact::CertificateKey(_, bits) = fact { Some(*bits) } else { None })?;
    weak(case).is_none().then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine, stored};
    use evidence::fact::Handshake;
    use evidence::state::POLICY;
    use wire::tls::Alert;

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
    fn a_key_that_cannot_sign_in_the_version_of_the_client_keeps_it_out() {
        let refused = Handshake::Alert(Alert { level: 2, description: 40 });
        let taken = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: true };
        let first = || host("192.0.2.7").nla().tls(TlsOffer::MODERN, refused.clone());
        let old = |bits| first().tls(TlsOffer::MODERN_12, taken.clone()).with(key("rsa", bits));
        let own = old(512).with_case(crate::as_client::client_offer);
        old(512).tls(own, refused.clone()).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        old(1024).tls(own, refused.clone()).check(&CAUSE, DEGRADING);
    }

    fn in_store(certificate: StoredCertificate) -> Sketch {
        let machine = machine().absent(POLICY).dword(LISTENER, "PortNumber", 3389).absent(STORE_REMOTE_DESKTOP);
        machine.recorded(Fact::StoredCertificate(certificate))
    }

    fn made(bits: Option<u32>, signature: &str) -> StoredCertificate {
        let signature_algorithm = Some(signature.to_owned());
        StoredCertificate { key_bits: bits, signature_algorithm, ..stored("Remote Desktop") }
    }

    #[test]
    fn by_the_store() {
        let likely = |severity| Expect::Present(severity, Confidence::Likely);
        in_store(made(Some(1024), "1.2.840.113549.1.1.11")).check(&CAUSE, likely(Severity::Degrading));
        in_store(made(Some(2048), MD5_OR_OLDER[2])).check(&CAUSE, likely(Severity::Degrading));
        in_store(made(Some(2048), SHA1[0])).check(&CAUSE, likely(Severity::Advisory));
        let asks = in_store(made(Some(2048), SHA1[0])).profile_with(|profile| profile.least_rsa_bits = 3072);
        asks.check(&CAUSE, likely(Severity::Degrading));
    }

    #[test]
    fn near_miss_what_was_not_read_of_a_stored_one_or_a_handshake_showed_another() {
        for bits in [Some(2048), Some(0), None] {
            in_store(made(bits, "1.2.840.113549.1.1.11")).check(&CAUSE, Expect::Unknown);
        }
        let unread = StoredCertificate { signature_algorithm: None, key_bits: None, ..stored("Remote Desktop") };
        in_store(unread).check(&CAUSE, Expect::Unknown);
        let curve =
            StoredCertificate { key_algorithm: Some("ec".to_owned()), key_bits: Some(256), ..stored("Remote Desktop") };
        in_store(curve).check(&CAUSE, Expect::Unknown);
        let live = up().windows_made("SERVER01").absent(POLICY).dword(LISTENER, "PortNumber", 3389);
        let live = live.absent(STORE_REMOTE_DESKTOP).recorded(Fact::StoredCertificate(made(Some(1024), SHA1[0])));
        live.check(&CAUSE, Expect::Absent);
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
