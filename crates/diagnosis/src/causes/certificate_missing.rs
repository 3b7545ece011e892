//! `certificate-missing`: the host says that it has no certificate usable for TLS.

use evidence::events::RCM;
use evidence::state::{LISTENER, STORE_REMOTE_DESKTOP};
use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::keys::REMOTE_DESKTOP;
use crate::logs::{DAY, told};
use crate::need::{Asked, Need};

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
            needs: &[Need::negotiation(Asked::Everything)],
            holds: says_so,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(STORE_REMOTE_DESKTOP), Need::key(LISTENER), Need::HOST_LOG],
            holds: none_and_none_made,
        },
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[
                Need::negotiation(Asked::Everything),
                Need::negotiation(Asked::TlsOnly),
                Need::negotiation(Asked::StandardOnly),
                // of several machines behind one address another may have answered
                Need::CLOSED_TWICE,
            ],
            holds: hangs_up_on_tls,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: says_otherwise },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host answers the request with failure 3 (SSL_CERT_NOT_ON_SERVER) and closes: TLS cannot \
                       start. No client gets in, whatever its settings.",
        why: "Windows creates its self-signed certificate by itself, so something prevents that: wrong rights on the \
              MachineKeys folder, a key container that belongs to another MachineGuid (a clone), or SessionEnv or \
              the key service not running. Or the certificate that was bound to the listener has been deleted. \
              VirtualBox hangs up on every request for TLS if it cannot read its certificate file \
              (Security/ServerCertificate).",
        confirm: "On the host: is there a certificate in the store 'Remote Desktop', is one bound to the listener, and what do \
                  events 1051, 1055, 1057 and 1058 say?",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Thumbprint,NotAfter,HasPrivateKey; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  SSLCertificateSHA1Hash -ErrorAction SilentlyContinue; Get-WinEvent -MaxEvents 10 -FilterHashtable \
                  @{LogName='System'; \
                  ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; \
                  Id=1051,1055,1056,1057,1058} | Format-List TimeCreated,Id,Message",
        how_to_fix: "Start SessionEnv, then TermService: Windows creates a certificate. If it does not, repair the \
                     rights on MachineKeys, or move the one damaged key container away. If the listener is bound to \
                     a certificate that is gone, remove the binding or bind the new one.",
        references: &[
            "[MS-RDPBCGR] 2.2.1.2.2 (SSL_CERT_NOT_ON_SERVER)",
            "Microsoft: Remote Desktop listener certificate configurations",
        ],
    },
    fixes: &["start-services", "repair-machine-keys-access", "renew-rdp-certificate", "replace-rdp-key-container"],
};

/// Event: a self-signed certificate could not be made.
const NOT_MADE: &[u32] = &[1057];

const MISSING: ServerAnswer = ServerAnswer::Failure(NegotiationFailure::SSL_CERT_NOT_ON_SERVER);

fn says_so(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let text = || format!("asked for TLS and CredSSP, {} answered failure 3 (SSL_CERT_NOT_ON_SERVER)", case.label());
    (*seen.value == X224Answer::Server(MISSING)).then(|| Ground::on(vec![seen.because(text())]))
}

/// The store is empty, nothing is bound, the log says that making one failed, and no answer contradicts it. An empty
/// store alone is normal where Remote Desktop was never used.
fn none_and_none_made(case: Case<'_>) -> Option<Ground> {
    let bound = case.bound_thumbprint().filter(|seen| seen.value.is_none())?;
    let stored = case.stored_certificates().any(|seen| seen.value.store == REMOTE_DESKTOP);
    if stored || says_otherwise(case).is_some() || case.windows_own_certificate() != Some(true) {
        return None;
    }
    let mut ground = told(case, (RCM, NOT_MADE), DAY, |_| true)?;
    let store = case.key(STORE_REMOTE_DESKTOP)?;
    ground.because.push(store.because("the store Remote Desktop is empty"));
    ground.because.push(bound.because("no other certificate is bound to the listener"));
    Some(ground)
}

/// Every request for TLS is met by a close, and one without is answered: so VirtualBox does, where the file of its
/// certificate cannot be read.
fn hangs_up_on_tls(case: Case<'_>) -> Option<Ground> {
    let mut because = Vec::new();
    for (protocols, asked) in [(EVERYTHING, "TLS and CredSSP"), (SecurityProtocols::SSL, "TLS alone")] {
        let seen = case.x224_to(protocols)?;
        let X224Answer::Closed(end) = seen.value else { return None };
        because.push(seen.because(format!("a request for {asked} is {} without an answer", end.verb())));
    }
    let plain = case.x224_to(SecurityProtocols::RDP)?;
    let taken = matches!(
        plain.value,
        X224Answer::Server(
            ServerAnswer::Selected { protocol: SecurityProtocols::RDP, .. } | ServerAnswer::NoNegotiation
        )
    );
    because.push(plain.because("one for Standard RDP Security is answered".to_owned()));
    taken.then(|| Ground::on(because))
}

fn says_otherwise(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::Server(answer) = seen.value else { return None };
    (*answer != MISSING).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine, stored};
    use evidence::fact::Fact;
    use evidence::state::{POLICY, RegistryData};

    #[test]
    fn present() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::SSL_CERT_NOT_ON_SERVER);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    fn empty() -> Sketch {
        machine().absent(POLICY).dword(LISTENER, "PortNumber", 3389).absent(STORE_REMOTE_DESKTOP)
    }

    #[test]
    fn by_the_store_and_the_log() {
        empty().event(RCM, 1057, 2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_never_used_or_there_is_one() {
        empty().log("System", 48).check(&CAUSE, Expect::Unknown);
        let there = empty().event(RCM, 1057, 2).recorded(Fact::StoredCertificate(stored("Remote Desktop")));
        there.check(&CAUSE, Expect::Unknown);
        let bound = RegistryData::Binary("ab".repeat(20));
        let bound = empty().event(RCM, 1057, 2).value(LISTENER, "SSLCertificateSHA1Hash", bound);
        bound.check(&CAUSE, Expect::Unknown);
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
