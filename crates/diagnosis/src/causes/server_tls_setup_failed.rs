//! `server-tls-setup-failed`: the server chose TLS and could not begin it, and said so in the words of Remote Desktop.

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::xrdp;
use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::TlsOffer;
use wire::x224::ServerAnswer;

pub const CAUSE: Cause = Cause {
    id: "server-tls-setup-failed",
    title: "the server chose TLS, could not set it up, and hung up in the clear",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: hung_up_in_the_clear,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::LINUX], holds: xrdp::no_suite },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: otherwise },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds with TLS. Instead of a TLS answer, an unencrypted MCS Disconnect \
                       Provider Ultimatum comes, and the connection ends. Clients show a failed TLS handshake or \
                       0x904.",
        why: "Windows does not do this. xrdp does when it cannot set up TLS: the certificate and private key do not \
              belong together, its user cannot read one of the files, or the configured ciphers or versions leave \
              nothing.",
        confirm: "xrdp's own log names the reason at the moment of the attempt (\"Private key and certificate do not match\", \
                  \"error:0B080074\", \"No protocols available\"). The two sums that openssl prints must be the same.",
        command: "grep -iE 'ssl|tls|certificate|cipher' /var/log/xrdp.log | tail -20; \
                  grep -E '^(certificate|key_file|ssl_protocols|tls_ciphers)' /etc/xrdp/xrdp.ini; \
                  openssl x509 -noout -pubkey -in /etc/xrdp/cert.pem | sha256sum; openssl pkey -pubout -in /etc/xrdp/key.pem | sha256sum",
        how_to_fix: "On the host, \"sudo rdpdoctor fix\" shows what the files of xrdp show and what it would change. By \
                     hand: point certificate and key_file in xrdp.ini to two files that belong together and that the user \
                     xrdp may read (on Debian: add it to the group ssl-cert), set ssl_protocols and tls_ciphers back \
                     to their defaults, and restart xrdp.",
        references: &["[MS-RDPBCGR] 2.2.2.3 (MCS Disconnect Provider Ultimatum)", "xrdp.ini(5)"],
    },
    fixes: &["set-xrdp-ciphers", "correct-xrdp-tls", "try-another-client"],
};

fn ultimatum(answer: &Handshake) -> bool {
    let Handshake::NotTls(bytes) = answer else { return false };
    ServerAnswer::decode(bytes) == Ok(ServerAnswer::DisconnectProviderUltimatum)
}

fn hung_up_in_the_clear(case: Case<'_>) -> Option<Ground> {
    let selected = case.selected()?;
    let seen: Seen<_> = case.tls().find(|seen| ultimatum(seen.value.1))?;
    if case.tls_accepted().is_some() {
        return None;
    }
    let text =
        format!("{} answered a ClientHello with an MCS Disconnect Provider Ultimatum in the clear", case.label());
    Some(Ground::on(vec![
        selected.because(format!("{} selected {}", case.label(), selected.value)),
        seen.because(text),
    ]))
}

fn otherwise(case: Case<'_>) -> Option<Ground> {
    if case.tls().any(|seen| ultimatum(seen.value.1)) {
        return None;
    }
    case.tls_with(TlsOffer::MODERN)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host};
    use wire::tls::TlsVersion;

    const ULTIMATUM: [u8; 9] = [3, 0, 0, 9, 2, 0xF0, 0x80, 0x21, 0x80];

    #[test]
    fn present() {
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, Handshake::NotTls(ULTIMATUM.to_vec()));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_other_bytes_or_a_later_handshake() {
        let banner = Handshake::NotTls(b"HTTP/1.1 400".to_vec());
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, banner).check(&CAUSE, Expect::Absent);
        let once = host("192.0.2.7").nla().tls(TlsOffer::MODERN, Handshake::NotTls(ULTIMATUM.to_vec()));
        once.tls_up(TlsVersion::Tls12).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
