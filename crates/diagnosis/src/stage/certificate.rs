//! The stage `certificate`: what the host's certificate says.

use evidence::Stage;
use evidence::fact::{Fact, Handshake};
use evidence::moment::is_from_a_clock;
use time::OffsetDateTime;
use wire::tls::TlsVersion;

use super::room::{Room, Whose};
use crate::case::{Case, Seen};
use crate::stage::rung::{Outcome, Rung};

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::Certificate, of: Whose::Address, rung };

/// Shortest RSA key, in bits, that signs in TLS 1.3: PSS with SHA-256 takes 66 bytes (RFC 8446 section 4.2.3, RFC 8017
/// section 9.1.1).
const LEAST_RSA_BITS_13: usize = 522;

impl<'a> Case<'a> {
    /// Returns its certificate's `notBefore`, where there is a time to judge it by: a capture without times has none.
    pub fn not_before(self) -> Option<Seen<OffsetDateTime>> {
        let date = self.last(|fact| if let Fact::CertificateNotBefore(date) = fact { Some(*date) } else { None });
        date.filter(|_| is_from_a_clock(self.context.at))
    }

    /// Returns its certificate's `notAfter`, as [`Case::not_before`] does.
    pub fn not_after(self) -> Option<Seen<OffsetDateTime>> {
        let date = self.last(|fact| if let Fact::CertificateNotAfter(date) = fact { Some(*date) } else { None });
        date.filter(|_| is_from_a_clock(self.context.at))
    }

    /// Returns its certificate's subject.
    pub fn certificate_subject(self) -> Option<Seen<&'a str>> {
        self.last(|fact| if let Fact::CertificateSubject(name) = fact { Some(name.as_str()) } else { None })
    }

    /// Returns its certificate's issuer.
    pub fn certificate_issuer(self) -> Option<Seen<&'a str>> {
        self.last(|fact| if let Fact::CertificateIssuer(name) = fact { Some(name.as_str()) } else { None })
    }

    /// Returns the names that its certificate is for.
    pub fn certificate_names(self) -> Option<Seen<&'a [String]>> {
        self.last(|fact| if let Fact::CertificateNames(names) = fact { Some(names.as_slice()) } else { None })
    }

    /// True if its certificate's issuer is its subject; `None` where no certificate was seen.
    pub fn self_issued(self) -> Option<Seen<bool>> {
        self.last(|fact| if let Fact::CertificateSelfIssued(yes) = fact { Some(*yes) } else { None })
    }

    /// Returns the length of its key, in bits, if that is RSA and too short to sign with in TLS 1.3.
    pub fn key_too_short_for_13(self) -> Option<Seen<usize>> {
        self.last(|fact| match fact {
            Fact::CertificateKey(name, bits) if name == "rsa" && (1..LEAST_RSA_BITS_13).contains(bits) => Some(*bits),
            _ => None,
        })
    }

    /// Returns the SHA-1 thumbprint of its certificate, hexadecimal, lower case.
    pub fn certificate_sha1(self) -> Option<Seen<&'a str>> {
        self.last(|fact| if let Fact::CertificateSha1(sha1) = fact { Some(sha1.as_str()) } else { None })
    }
}

fn rung(case: Case<'_>) -> Option<Rung> {
    let unreadable = case.last(|fact| matches!(fact, Fact::CertificateUnreadable).then_some(()));
    if unreadable.is_some() {
        return Some((Outcome::Failed, None, "what was sent as a certificate could not be read".to_owned()));
    }
    let Some(until) = case.not_after() else {
        let hidden = case
            .tls_watched()
            .any(|seen| matches!(seen.value.1, Handshake::Accepted { version: Some(TlsVersion::Tls13), .. }));
        return hidden.then(|| (Outcome::Skipped, None, "TLS 1.3 encrypts it: no capture shows it".to_owned()));
    };
    let subject =
        case.last(|fact| if let Fact::CertificateSubject(subject) = fact { Some(subject.clone()) } else { None });
    let subject = subject.map(|seen| seen.value).unwrap_or_default();
    let self_issued = case.last(|fact| if let Fact::CertificateSelfIssued(yes) = fact { Some(*yes) } else { None });
    let kind = if self_issued.is_some_and(|seen| seen.value) { ", self-signed" } else { "" };
    // a certificate shown to a client that began with TLS takes no other client further
    let to_others = case.tls().next().is_none() && case.tls_direct().next().is_none();
    let outcome = if to_others { Outcome::Skipped } else { Outcome::Passed };
    Some((outcome, None, format!("{subject}{kind}, valid until {}", until.value.date())))
}
