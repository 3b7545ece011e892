//! `certificate-binding-stale`: the listener is bound to a certificate that is gone, or has no key.

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;
use crate::state::{LISTENER, POLICY, STORE_MY};
use crate::symptom::Symptom;

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "certificate-binding-stale",
    title: "the listener is bound to a certificate that is gone or has no private key",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::Key(LISTENER), Need::Key(STORE_MY)],
            holds: names_nothing,
        },
        Proof { shows: Shows::Absence, needs: &[Need::Key(LISTENER)], holds: none_bound },
        Proof { shows: Shows::Absence, needs: &[Need::Key(LISTENER), Need::Key(STORE_MY)], holds: there_with_key },
    ],
    explains: &[
        Explains { cause: "private-key-unusable", when: |_| true },
        Explains { cause: "certificate-missing", when: |_| true },
    ],
    page: Page {
        what_happens: "The host selects TLS and breaks every handshake off, or says that it has no certificate; mstsc shows 0x904.",
        why: "SSLCertificateSHA1Hash names a certificate by its thumbprint. When that certificate was renewed under a new thumbprint, was \
              deleted, or came without its key, the listener has nothing to show. Windows means to use its own certificate then, and logs \
              1051 or 1055, but that is not to be relied on.",
        confirm: "The thumbprint has to be that of a certificate in Cert:\\LocalMachine\\My with HasPrivateKey True.",
        command: "$h=(Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp')\
                  .SSLCertificateSHA1Hash; $t=-join($h|ForEach-Object{$_.ToString('X2')}); $t; \
                  Get-ChildItem Cert:\\LocalMachine\\My | Where-Object Thumbprint -eq $t | Select-Object Subject,NotAfter,HasPrivateKey",
        how_to_fix: "Bind the certificate that has replaced it, or clear the binding: then Windows uses one of its own. On a Connection \
                     Broker bind the new one in Server Manager.",
        references: &["Microsoft: Remote Desktop listener certificate configurations"],
    },
    fixes: &["clear-certificate-binding", "bind-certificate"],
};

fn names_nothing(case: Case<'_>) -> Option<Ground> {
    let bound = case.bound_thumbprint()?;
    let thumbprint = bound.value.clone()?;
    let because = bound.because(format!("the listener is bound to the certificate {thumbprint}"));
    let found = case.stored_certificates().find(|seen| seen.value.sha1.eq_ignore_ascii_case(&thumbprint));
    let why = match found {
        None => case.key(STORE_MY)?.because("no certificate in the machine's own store has this thumbprint"),
        Some(seen) if seen.value.has_key == Some(false) => {
            seen.because(format!("{} lies there without a private key", seen.value.subject))
        }
        Some(_) => return None,
    };
    // a policy may have the listener use another one; and where a key was used since, it does
    let settled = case.value(POLICY, "CertTemplateName").is_some_and(|seen| seen.value.is_none());
    let ground = Ground::on(vec![because, why]);
    let ground = if settled { ground } else { ground.confidence(Confidence::Likely) };
    Some(if case.key_used_since(bound.id) { ground.severity(Severity::Advisory) } else { ground })
}

fn none_bound(case: Case<'_>) -> Option<Ground> {
    let bound = case.bound_thumbprint().filter(|seen| seen.value.is_none())?;
    Some(Ground::on(vec![bound.because("no certificate is bound: the listener uses the one that Windows makes")]))
}

fn there_with_key(case: Case<'_>) -> Option<Ground> {
    let thumbprint = case.bound_thumbprint()?.value?;
    let with_key = |seen: &crate::case::Seen<&crate::state::StoredCertificate>| {
        seen.value.sha1.eq_ignore_ascii_case(&thumbprint) && seen.value.has_key == Some(true)
    };
    let seen = case.stored_certificates().find(with_key)?;
    Some(Ground::on(vec![seen.because(format!("the bound certificate {} has a private key", seen.value.subject))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, host, machine, stored};
    use crate::fact::Fact;
    use crate::state::{RegistryData, StoredCertificate};
    use wire::tls::TlsVersion;

    fn bound() -> Sketch {
        let hash = RegistryData::Binary("AB".repeat(20));
        machine()
            .value(LISTENER, "SSLCertificateSHA1Hash", hash)
            .value(STORE_MY, "x", RegistryData::Dword(0))
            .absent(POLICY)
    }

    fn with(thumbprint: &str, has_key: bool) -> Sketch {
        let certificate = StoredCertificate { sha1: thumbprint.repeat(20), has_key: Some(has_key), ..stored("My") };
        bound().recorded(Fact::StoredCertificate(certificate))
    }

    #[test]
    fn present() {
        let stale = || Expect::Present(Severity::Blocking, Confidence::Proven);
        bound().check(&CAUSE, stale());
        with("cd", true).check(&CAUSE, stale());
        with("ab", false).check(&CAUSE, stale());
    }

    /// The policy for a template wins over what is bound by hand.
    #[test]
    fn with_a_template_or_an_unknown_policy_it_is_only_likely() {
        let template = RegistryData::Text("RemoteDesktopComputer".to_owned());
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        bound().value(POLICY, "CertTemplateName", template).check(&CAUSE, likely());
        let hash = RegistryData::Binary("AB".repeat(20));
        let machine = machine().value(LISTENER, "SSLCertificateSHA1Hash", hash);
        machine.value(STORE_MY, "x", RegistryData::Dword(0)).check(&CAUSE, likely());
    }

    /// Windows has fallen back on its own certificate.
    #[test]
    fn where_handshakes_go_through_it_keeps_nobody_out() {
        let hash = RegistryData::Binary("AB".repeat(20));
        let works = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).value(LISTENER, "SSLCertificateSHA1Hash", hash);
        let works = works.value(STORE_MY, "x", RegistryData::Dword(0)).absent(POLICY);
        works.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn near_miss_it_is_there_with_its_key() {
        with("ab", true).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_nothing_is_bound() {
        machine().dword(LISTENER, "PortNumber", 3389).check(&CAUSE, Expect::Absent);
    }

    /// The thumbprint is known, and nobody has looked into the store.
    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        let hash = RegistryData::Binary("AB".repeat(20));
        machine().value(LISTENER, "SSLCertificateSHA1Hash", hash).check(&CAUSE, Expect::Unknown);
    }
}
