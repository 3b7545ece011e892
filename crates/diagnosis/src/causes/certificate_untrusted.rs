//! `certificate-untrusted`: the certificate is self-signed.

use evidence::{Because, Role, Stage};
use wire::tls::TlsOffer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "certificate-untrusted",
    title: "the host's certificate is self-signed",
    stage: Stage::Certificate,
    severity: Severity::Advisory,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: signs_itself,
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::handshake(TlsOffer::MODERN), Need::TRUST_STORE],
            holds: installed,
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc warns that the certificate is not from a trusted authority, and connects if you accept \
                       that. A client that is set to refuse (authentication level 1, a gateway) ends the connection.",
        why: "Windows signs its Remote Desktop certificate itself unless it is given one. That is normal, and where \
              Kerberos has shown who the host is, no warning appears.",
        confirm: "On the client: is the host's authority among the trusted roots? A probe sees who has signed, not whom that client \
                  trusts: for a certificate from an authority this stays open here. A self-signed one could have been installed \
                  as trusted on a single client.",
        command: "Get-ChildItem Cert:\\LocalMachine\\Root,Cert:\\CurrentUser\\Root | Select-Object Subject,Thumbprint,NotAfter; \
                  Get-ItemProperty 'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' -Name AuthenticationLevel \
                  -ErrorAction SilentlyContinue",
        how_to_fix: "If clients must refuse what they cannot verify, give the host a certificate from an authority \
                     that they trust. Do not lower the client's authentication level.",
        references: &["RFC 5280 section 6", "Microsoft: Remote Desktop listener certificate configurations"],
    },
    fixes: &["bind-certificate"],
};

fn signs_itself(case: Case<'_>) -> Option<Ground> {
    let seen = case.self_issued().filter(|seen| seen.value && installed(case).is_none())?;
    let refused = if case.context.require_trust { "; this client is set to refuse such a host" } else { "" };
    let text = format!("the certificate is self-signed, not issued by an authority{refused}");
    let because = vec![seen.because(text)];
    let ground = Ground::on(because);
    if !case.context.require_trust {
        return Some(ground);
    }
    if vouched_otherwise(case) {
        return Some(ground.severity(Severity::Degrading));
    }
    // it may have been installed as trusted on this one client, unless its store was read
    let known = Need::TRUST_STORE.answered(case);
    let ground = ground.severity(Severity::Blocking);
    Some(if known { ground } else { ground.confidence(Confidence::Likely) })
}

/// True if Kerberos may show to the client who the host is, whatever its certificate: by CredSSP, of a member of a
/// domain, that was asked for by its name.
pub(super) fn vouched_otherwise(case: Case<'_>) -> bool {
    let credssp = case.selected().is_none_or(|seen| seen.value.credssp()) && case.context.profile.protocols.credssp();
    credssp && case.name_typed() && case.domain_member() != Some(false)
}

/// Says that nobody knows whether the client trusts who issued the certificate, where it refuses a host that it does
/// not trust.
pub fn notice(case: Case<'_>) -> Option<Because> {
    let issued = case.self_issued().filter(|seen| !seen.value)?;
    let open = case.context.require_trust && installed(case).is_none() && !vouched_otherwise(case);
    let text = format!(
        "Whether the client trusts the authority that issued the certificate of {} was not seen, and it is set to refuse a \
         host that it does not trust.",
        case.label()
    );
    open.then(|| issued.because(text))
}

/// True if exactly this certificate was installed as trusted on the client. A missing authority shows nothing: Windows
/// fetches public authorities when they are needed, and a name by itself proves nobody.
fn installed(case: Case<'_>) -> Option<Ground> {
    let shown = case.certificate_sha1()?;
    case.trusted_by_client().find(|seen| seen.value.sha1.eq_ignore_ascii_case(shown.value))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, stored};
    use evidence::fact::Fact;
    use evidence::state::{ROOT, StoredCertificate};
    use wire::tls::TlsVersion;
    use wire::x224::SecurityProtocols;

    fn up() -> Sketch {
        host("server01.corp.example").nla().tls_up(TlsVersion::Tls13)
    }

    #[test]
    fn present() {
        let sketch = up().windows_made("SERVER01").require_trust();
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    /// Kerberos vouches for nobody who is asked for by an address, is in no domain, or does without CredSSP.
    #[test]
    fn blocking_where_nothing_else_shows_who_the_host_is() {
        let blocking = || Expect::Present(Severity::Blocking, Confidence::Likely);
        let by_address = || host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).windows_made("SERVER01").require_trust();
        by_address().check(&CAUSE, blocking());
        let named = || up().windows_made("SERVER01").require_trust();
        named().profile_with(|profile| profile.protocols = SecurityProtocols::SSL).check(&CAUSE, blocking());
        let alone = |domain: &str| {
            named().with(Fact::NtlmComputer("SERVER01".to_owned())).with(Fact::NtlmDomain(domain.to_owned()))
        };
        alone("SERVER01").check(&CAUSE, blocking());
        alone("CORP").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        // whose store was read, and who has it not, refuses it for sure
        let store = by_address().with(Fact::CertificateSha1("ab".repeat(20)));
        let store = store.trusted_by_client(StoredCertificate { sha1: "cd".repeat(20), ..stored(ROOT) });
        store.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn advisory_where_trust_is_not_required() {
        up().windows_made("SERVER01").check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    fn trusting(sha1: &str) -> Sketch {
        let own = up().windows_made("SERVER01").with(Fact::CertificateSha1("ab".repeat(20))).require_trust();
        own.trusted_by_client(StoredCertificate { sha1: sha1.repeat(20), ..stored(ROOT) })
    }

    #[test]
    fn near_miss_it_was_installed_on_the_client() {
        trusting("AB").check(&CAUSE, Expect::Absent);
        trusting("cd").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn near_miss_an_authority_that_the_client_may_trust() {
        up().ca_issued(&["server01.corp.example"]).require_trust().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().require_trust().check(&CAUSE, Expect::Unknown);
    }
}
