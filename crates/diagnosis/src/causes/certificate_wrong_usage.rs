//! `certificate-wrong-usage`: the certificate may not be used for this purpose.

use evidence::events::RCM;
use evidence::fact::Fact;
use evidence::printable::printable;
use evidence::state::{LISTENER, STORE_MY};
use evidence::{Role, Stage};
use wire::certificate::{EKU_REMOTE_DESKTOP, EKU_SERVER_AUTHENTICATION};
use wire::tls::TlsOffer;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::logs::{DAY, told};
use crate::need::Need;

/// `anyExtendedKeyUsage`.
const EKU_ANY: &str = "2.5.29.37.0";
/// Event: the certificate chosen for the listener lacks Server Authentication.
const WRONG_USAGE: &[u32] = &[1054];

pub const CAUSE: Cause = Cause {
    id: "certificate-wrong-usage",
    title: "the host's certificate was not issued for servers",
    stage: Stage::Certificate,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: forbidden,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::key(STORE_MY)],
            holds: bound_in_spite,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: logged },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: allowed },
    ],
    explains: &[],
    page: Page {
        what_happens: "Strict clients refuse the certificate, and mstsc warns. After the next restart of the \
                       service, Windows may drop it and show its own instead.",
        why: "A certificate for client authentication, code signing or a CA was bound to the listener, or the template lacks Server \
              Authentication (1.3.6.1.5.5.7.3.1) and Remote Desktop Authentication (1.3.6.1.4.1.311.54.1.2).",
        confirm: "On the host: the enhanced and plain key usages of the certificate that is bound. Remote Connection Manager 1054 \
                  says that the certificate that was chosen has the wrong usage.",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop','Cert:\\LocalMachine\\My' | \
                  Select-Object Subject,Thumbprint,EnhancedKeyUsageList,@{n='KeyUsages';e={($_.Extensions | \
                  Where-Object {$_.KeyUsages}).KeyUsages}}",
        how_to_fix: "Bind a certificate with Server Authentication (or Remote Desktop Authentication), digital \
                     signature and key encipherment; or remove the binding, and Windows creates its own.",
        references: &[
            "RFC 5280 sections 4.2.1.3 and 4.2.1.12",
            "[MS-RDPBCGR] 5.4.5",
            "Microsoft: Remote Desktop listener certificates",
        ],
    },
    fixes: &["bind-certificate", "renew-rdp-certificate"],
};

fn usages(case: Case<'_>) -> Option<Seen<&[String]>> {
    case.last(|fact| if let Fact::CertificateUsages(list) = fact { Some(list.as_slice()) } else { None })
}

/// Usages of the newest certificate: an older one may be of another machine behind the address.
fn key_usages(case: Case<'_>) -> Option<Seen<&[String]>> {
    let source = |id: usize| case.evidence.observations[id - 1].source;
    let newest = source(usages(case)?.id);
    let seen =
        case.last(|fact| if let Fact::CertificateKeyUsages(list) = fact { Some(list.as_slice()) } else { None })?;
    (source(seen.id) == newest).then_some(seen)
}

/// True if a server may use it; without the extension everything is allowed.
fn server(usages: &[String]) -> bool {
    usages.is_empty()
        || usages.iter().any(|u| [EKU_ANY, EKU_SERVER_AUTHENTICATION, EKU_REMOTE_DESKTOP].contains(&u.as_str()))
}

/// True if it allows one kind of TLS handshake: Windows' own certificates allow encipherment alone and work with every
/// suite.
fn handshake(usages: &[String]) -> bool {
    usages.iter().any(|usage| ["digitalSignature", "keyEncipherment", "keyAgreement"].contains(&usage.as_str()))
}

fn forbidden(case: Case<'_>) -> Option<Ground> {
    let mut because = Vec::new();
    if let Some(seen) = usages(case).filter(|seen| !server(seen.value)) {
        let list = seen.value.join(", ");
        because.push(
            seen.because(format!("its extended key usages are {list}: neither for servers nor for Remote Desktop")),
        );
    }
    if let Some(seen) = key_usages(case).filter(|seen| !handshake(seen.value)) {
        let list = if seen.value.is_empty() { "none".to_owned() } else { seen.value.join(", ") };
        because.push(seen.because(format!("its key usages are {list}: no TLS handshake is among them")));
    }
    (!because.is_empty()).then(|| Ground::on(because))
}

/// No handshake showed the certificate, but it is bound, and its store was read.
fn bound_in_spite(case: Case<'_>) -> Option<Ground> {
    let seen = case.recorded_certificate().filter(|seen| !server(&seen.value.usages))?;
    let (store, list) = (printable(&seen.value.store), printable(&seen.value.usages.join(", ")));
    let text = format!(
        "the listener's certificate in the store {store} is for {list}: neither for servers nor for Remote Desktop"
    );
    Some(Ground::on(vec![seen.because(text)]))
}

/// The host logged it of the certificate chosen for the listener, and no certificate known since contradicts it.
fn logged(case: Case<'_>) -> Option<Ground> {
    let own = case.windows_own_certificate() == Some(true);
    let replaced = case.listener_certificate().is_some_and(|seen| server(&seen.value.usages));
    if own || replaced || usages(case).is_some() {
        return None;
    }
    told(case, (RCM, WRONG_USAGE), DAY, |event| case.may_be_about_configured(event))
}

fn allowed(case: Case<'_>) -> Option<Ground> {
    usages(case)?;
    (forbidden(case).is_none()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine, stored};
    use evidence::state::{RegistryData, StoredCertificate};
    use wire::tls::TlsVersion;

    fn in_store(usage: &str) -> Sketch {
        let usages = vec![usage.to_owned()];
        let certificate = StoredCertificate { sha1: "ab".repeat(20), usages, ..stored("My") };
        let bound = RegistryData::Binary("AB".repeat(20));
        let machine = machine().value(LISTENER, "SSLCertificateSHA1Hash", bound).absent(STORE_MY);
        machine.recorded(Fact::StoredCertificate(certificate))
    }

    #[test]
    fn by_the_store() {
        in_store("1.3.6.1.5.5.7.3.2").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        for usage in [EKU_SERVER_AUTHENTICATION, EKU_REMOTE_DESKTOP, EKU_ANY] {
            in_store(usage).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn by_the_log() {
        machine().event(RCM, 1054, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        machine().event(RCM, 1059, 2).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1054, 2 * 24 * 60).check(&CAUSE, Expect::Unknown);
        with_usages(&[EKU_SERVER_AUTHENTICATION]).event(RCM, 1054, 2).check(&CAUSE, Expect::Absent);
        // another one was bound later
        in_store(EKU_SERVER_AUTHENTICATION).event(RCM, 1054, 2).check(&CAUSE, Expect::Unknown);
    }

    fn with_usages(list: &[&str]) -> Sketch {
        let sketch = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).ca_issued(&["server01.corp.example"]);
        sketch.with(Fact::CertificateUsages(list.iter().map(|usage| (*usage).to_owned()).collect()))
    }

    fn with_key_usages(list: &[&str]) -> Sketch {
        let list = list.iter().map(|usage| (*usage).to_owned()).collect();
        with_usages(&[EKU_SERVER_AUTHENTICATION]).with(Fact::CertificateKeyUsages(list))
    }

    #[test]
    fn present() {
        let sketch = with_usages(&["1.3.6.1.5.5.7.3.2"]);
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        let signs = with_key_usages(&["keyCertSign", "cRLSign"]);
        signs.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn near_miss_remote_desktop_any_or_no_extension() {
        for list in [&[EKU_REMOTE_DESKTOP][..], &[EKU_ANY], &["1.3.6.1.5.5.7.3.2", EKU_SERVER_AUTHENTICATION], &[]] {
            with_usages(list).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn near_miss_what_windows_makes() {
        with_key_usages(&["keyEncipherment", "dataEncipherment"]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
