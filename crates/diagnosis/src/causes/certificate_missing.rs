//! `certificate-missing`: the host has no certificate that it can use for TLS, and says so.

use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, ServerAnswer};

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::{Asked, Need};

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "certificate-missing",
    title: "the host has no certificate that it can use for TLS",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::Negotiation(Asked::Everything)],
            holds: says_so,
        },
        Proof { shows: Shows::Absence, needs: &[Need::Negotiation(Asked::Everything)], holds: says_otherwise },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host answers the request with failure 3 (SSL_CERT_NOT_ON_SERVER) and closes: TLS cannot begin. No \
                       client gets in, whatever it is set to.",
        why: "Windows makes its self-signed certificate by itself, so something keeps it from doing so: rights on the folder \
              MachineKeys, a key container that belongs to another MachineGuid (a clone), or the service SessionEnv or the key \
              service not running. Or a certificate was bound to the listener and has been deleted since.",
        confirm: "On the host: is there a certificate in the store 'Remote Desktop', is one bound to the listener, and what do \
                  events 1051, 1055, 1057 and 1058 say?",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Thumbprint,NotAfter,HasPrivateKey; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  SSLCertificateSHA1Hash -ErrorAction SilentlyContinue; Get-WinEvent -MaxEvents 10 -FilterHashtable \
                  @{LogName='System'; \
                  ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; \
                  Id=1051,1055,1056,1057,1058} | Format-List TimeCreated,Id,Message",
        how_to_fix: "Start SessionEnv, then TermService: Windows makes a certificate. If it does not, repair the rights of \
                     MachineKeys, or move the one damaged key container away. A binding to a certificate that is gone is \
                     removed, or renewed with the new thumbprint.",
        references: &[
            "[MS-RDPBCGR] 2.2.1.2.2 (SSL_CERT_NOT_ON_SERVER)",
            "Microsoft: Remote Desktop listener certificate configurations",
        ],
    },
    fixes: &["start-services", "repair-machine-keys-access", "renew-rdp-certificate", "replace-rdp-key-container"],
};

const MISSING: ServerAnswer = ServerAnswer::Failure(NegotiationFailure::SSL_CERT_NOT_ON_SERVER);

fn says_so(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let text = || format!("asked for TLS and CredSSP, {} answered failure 3 (SSL_CERT_NOT_ON_SERVER)", case.label());
    (*seen.value == X224Answer::Server(MISSING)).then(|| Ground::on(vec![seen.because(text())]))
}

fn says_otherwise(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::Server(answer) = seen.value else { return None };
    let text = || format!("{} answered, and did not say that it has no certificate", case.label());
    (*answer != MISSING).then(|| Ground::on(vec![seen.because(text())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, host};

    #[test]
    fn present() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::SSL_CERT_NOT_ON_SERVER);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_another_failure() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Silent).check(&CAUSE, Expect::Unknown);
    }
}
