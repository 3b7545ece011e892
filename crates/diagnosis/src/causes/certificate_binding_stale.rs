//! `certificate-binding-stale`: the listener is bound to a certificate that is gone, or whose key it cannot use.

use evidence::events::RCM;
use evidence::moment::moment;
use evidence::printable::printable;
use evidence::state::{CRYPTOGRAPHY, LISTENER, LogEvent, POLICY, STORE_MY, STORE_REMOTE_DESKTOP};
use evidence::symptom::Symptom;
use evidence::{Because, Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, ServerAnswer};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::keys::REMOTE_DESKTOP;
use crate::linux;
use crate::logs::{DAY, told};
use crate::need::Need;
use crate::stage::tls::speechless;
use crate::stage::tls::uses_key;
use crate::xrdp;

/// Events: the chosen certificate is unusable, or its key is out of reach.
const FELL_BACK: &[u32] = &[1051, 1055];
/// Event: the chosen certificate's thumbprint was invalid and was reset.
const RESET: &[u32] = &[1059];
/// Event: a certificate from a template was installed.
const INSTALLED: &[u32] = &[1063];
/// Event: a self-signed certificate could not be made.
const NOT_MADE: &[u32] = &[1057];
const MISSING: ServerAnswer = ServerAnswer::Failure(NegotiationFailure::SSL_CERT_NOT_ON_SERVER);

pub const CAUSE: Cause = Cause {
    id: "certificate-binding-stale",
    title: "the listener is bound to a certificate that is gone or whose private key it cannot use",
    stage: Stage::Host,
    // not blocking: Windows falls back on its own certificate (events 1051 and 1055)
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::key(LISTENER), Need::key(STORE_MY)],
            holds: names_nothing,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: logged },
        // how the file of a key is named is known from practice alone
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::KEY_FOLDER, Need::key(CRYPTOGRAPHY)],
            holds: key_out_of_reach,
        },
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[Need::key(LISTENER), Need::key(POLICY), Need::key(STORE_MY)],
            holds: template_gone,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: linux::missing },
        Proof { shows: Shows::Absence, needs: &[Need::key(LISTENER)], holds: none_bound },
        Proof { shows: Shows::Absence, needs: &[Need::key(LISTENER), Need::key(STORE_MY)], holds: there_with_key },
    ],
    explains: &[
        Explains { cause: "private-key-unusable", when: |_| true },
        Explains { cause: "certificate-missing", when: |_| true },
        Explains { cause: "standard-security-only", when: |case| linux::missing(case).is_some() },
        Explains { cause: "port-closed", when: |case| linux::missing(case).is_some() && xrdp::may_listen(case) },
    ],
    page: Page {
        what_happens: "Windows logs 1051 or 1055 and falls back on the certificate that it made for itself: clients \
                       warn again, and those that require a trusted certificate refuse. If it cannot use that one \
                       either, it says that it has no certificate or drops every handshake, and mstsc shows 0x904.",
        why: "SSLCertificateSHA1Hash names a certificate by its thumbprint. That certificate was renewed under a new \
              thumbprint, was deleted, came without its key, or NETWORK SERVICE (the account of TermService) may not \
              read the key.",
        confirm: "The thumbprint must be that of a certificate in Cert:\\LocalMachine\\My with HasPrivateKey True, \
                  and NETWORK SERVICE needs Read on its key. Remote Connection Manager writes 1051 where no usable \
                  certificate was found, 1055 where the key is out of reach, and 1059 where it has reset an invalid \
                  binding.",
        command: "$h=(Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp')\
                  .SSLCertificateSHA1Hash; $t=-join($h|ForEach-Object{$_.ToString('X2')}); $t; \
                  Get-ChildItem Cert:\\LocalMachine\\My | Where-Object Thumbprint -eq $t | Select-Object Subject,NotAfter,HasPrivateKey; \
                  Get-WinEvent -MaxEvents 10 -FilterHashtable @{LogName='System'; \
                  ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1051,1055,1059} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "If the certificate is there and only its key cannot be read: in certlm.msc, All Tasks, Manage \
                     Private Keys, give NETWORK SERVICE Read, and restart TermService. Otherwise bind the \
                     certificate that replaced it, or clear the binding, and Windows uses its own. On a Connection \
                     Broker, bind the new one in Server Manager. Windows itself requests a certificate again that \
                     comes from a policy's template.",
        references: &[
            "Microsoft: Remote Desktop listener certificate configurations",
            "Microsoft: Remote Desktop Services Authentication and Encryption (events 1051, 1055, 1059)",
        ],
    },
    fixes: &[
        "clear-certificate-binding",
        "bind-certificate",
        "use-fitting-xrdp-file",
        "make-xrdp-certificate",
        "make-gnome-certificate",
    ],
};

fn names_nothing(case: Case<'_>) -> Option<Ground> {
    let bound = case.bound_thumbprint()?;
    let thumbprint = bound.value.clone().filter(|thumbprint| !shown(case, thumbprint))?;
    let because = bound.because(format!("the listener is bound to the certificate {thumbprint}"));
    let why = match case.stored(&thumbprint) {
        None => case.key(STORE_MY)?.because("no certificate in the machine's own store has this thumbprint"),
        Some(seen) if seen.value.has_key == Some(false) => {
            seen.because(format!("{} lies there without a private key", printable(&seen.value.subject)))
        }
        Some(_) => return None,
    };
    // a policy that names a template may make the listener use another one; Microsoft's text says that the bound one
    // wins
    let settled = case.value(POLICY, "CertTemplateName").is_some_and(|seen| seen.value.is_none());
    let ground = Ground::on(vec![because, why]);
    Some(weighed(case, if settled { ground } else { ground.confidence(Confidence::Likely) }, bound.id))
}

/// The certificate, bound or from a template, is there, but `TermService` cannot use its key.
fn key_out_of_reach(case: Case<'_>) -> Option<Ground> {
    let seen = case.stored(&case.configured_thumbprint()?).filter(|seen| !shown(case, &seen.value.sha1))?;
    let (why, _) = case.key_of(seen.value)?.out_of_reach()?;
    let because = seen.because(format!("the listener is to use the certificate {}", printable(&seen.value.subject)));
    Some(weighed(case, Ground::on(vec![because, why]), seen.id))
}

/// The template's certificate is gone. Only likely: how the listener names it is known from practice alone, and Windows
/// requests another by itself.
fn template_gone(case: Case<'_>) -> Option<Ground> {
    let named =
        case.template_thumbprint().filter(|seen| case.stored(&seen.value).is_none() && !shown(case, &seen.value))?;
    let text = format!("the listener names {} as the certificate from the policy's template", named.value);
    let why = case.key(STORE_MY)?.because("no certificate in the machine's own store has this thumbprint");
    Some(Ground::on(vec![named.because(text), why]).severity(Severity::Advisory))
}

/// The host logged that it fell back on its own certificate, and nothing known since contradicts it.
fn logged(case: Case<'_>) -> Option<Ground> {
    let last = |ids: &'static [u32]| case.recent(RCM, ids, DAY).last().map(|seen| case.time_of(seen.id));
    let since = |ids: &'static [u32]| last(ids).filter(|newest| last(INSTALLED).is_none_or(|made| made <= *newest));
    let fell_back = since(FELL_BACK)
        .and_then(|_| told(case, (RCM, FELL_BACK), DAY, |event| about_what_is_configured(case, event)))
        .and_then(|ground| {
            let entry = ground.because.first()?.observation;
            Some(weighed(case, ground, entry))
        });
    fell_back.or_else(|| {
        // a reset binding is gone, so all that is left to know is that the chosen certificate is not shown
        case.bound_thumbprint().is_none_or(|seen| seen.value.is_none()).then_some(())?;
        since(RESET)?;
        Some(told(case, (RCM, RESET), DAY, |_| true)?.severity(Severity::Advisory))
    })
}

/// True if the entry is about the present configuration, as far as that was read: not about an earlier binding, nor
/// about a time before the key became readable.
fn about_what_is_configured(case: Case<'_>, event: &LogEvent) -> bool {
    let configured = case.configured_thumbprint().and_then(|thumbprint| case.stored(&thumbprint));
    let mended = configured.is_some_and(|seen| {
        let newer = moment(&seen.value.not_before).zip(moment(&event.at)).is_some_and(|(from, at)| from > at);
        newer || case.key_of(seen.value).is_some_and(|place| place.is_readable())
    });
    case.windows_own_certificate() != Some(true) && case.may_be_about_configured(event) && !mended
}

/// True if a handshake showed exactly this certificate.
fn shown(case: Case<'_>, thumbprint: &str) -> bool {
    case.at_addresses().any(|at| at.certificate_sha1().is_some_and(|seen| seen.value.eq_ignore_ascii_case(thumbprint)))
}

/// Weighs the damage: clients hardly notice where handshakes succeed, but nobody gets in where the listener has no
/// certificate to fall back on.
fn weighed(case: Case<'_>, mut ground: Ground, since: usize) -> Ground {
    if case.key_used_since(since) {
        return ground.severity(Severity::Advisory);
    }
    if let Some(why) = case.at_addresses().find_map(broken) {
        ground.because.push(why);
        return ground.severity(Severity::Blocking);
    }
    let Some(why) = nothing_to_fall_back_on(case) else { return ground };
    let confidence = ground.confidence.map_or(Confidence::Likely, |sure| sure.max(Confidence::Likely));
    ground.because.push(why);
    ground.confidence(confidence).severity(Severity::Blocking)
}

/// The host said that it has no certificate, or dropped a handshake as it would if it could not use its key.
fn broken(at: Case<'_>) -> Option<Because> {
    let missing = at.x224().find(|seen| *seen.value.1 == X224Answer::Server(MISSING));
    if let Some(seen) = missing {
        return Some(seen.because(format!("{} answered failure 3 (SSL_CERT_NOT_ON_SERVER)", at.label())));
    }
    let used = at.tls().any(|seen| uses_key(seen.value.1));
    let seen = at.tls().find(|seen| !used && speechless(seen.value.1))?;
    Some(seen.because(format!("{} dropped a handshake", at.label())))
}

/// The key of Windows' own certificate is out of reach, or there is no such certificate and making one has failed. An
/// empty store alone shows nothing: Windows makes a certificate when it needs one.
fn nothing_to_fall_back_on(case: Case<'_>) -> Option<Because> {
    if let Some(made) = case.made_by_windows() {
        return Some(case.key_of(made.value)?.out_of_reach()?.0);
    }
    let empty = !case.stored_certificates().any(|seen| seen.value.store == REMOTE_DESKTOP);
    case.key(STORE_REMOTE_DESKTOP).filter(|_| empty)?;
    told(case, (RCM, NOT_MADE), DAY, |_| true)?.because.into_iter().next()
}

fn none_bound(case: Case<'_>) -> Option<Ground> {
    case.bound_thumbprint().filter(|seen| seen.value.is_none())?;
    Some(Ground::nothing())
}

fn there_with_key(case: Case<'_>) -> Option<Ground> {
    let thumbprint = case.bound_thumbprint()?.value?;
    let seen = case.stored(&thumbprint).filter(|seen| seen.value.has_key == Some(true))?;
    // that a certificate has a key says neither that the key is there nor that it can be read
    let usable = shown(case, &thumbprint) || case.key_of(seen.value).is_some_and(|place| place.is_readable());
    printable(&seen.value.subject);
    usable.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, key_file, machine, stored};
    use evidence::fact::{Fact, Handshake};
    use evidence::state::{KeyFile, RegistryData, StoredCertificate};
    use wire::machine::End;
    use wire::tls::{TlsOffer, TlsVersion};

    const GUID: &str = "11111111-2222-3333-4444-555555555555";
    const CLOSED: &str = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)";
    const OPEN: &str = "O:SYG:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)(A;;FA;;;BA)";

    fn hash() -> RegistryData {
        RegistryData::Binary("AB".repeat(20))
    }

    fn bound() -> Sketch {
        bound_on(machine())
    }

    fn bound_on(sketch: Sketch) -> Sketch {
        let sketch = sketch.value(LISTENER, "SSLCertificateSHA1Hash", hash());
        sketch.value(STORE_MY, "x", RegistryData::Dword(0)).absent(POLICY)
    }

    fn with(thumbprint: &str, has_key: bool) -> Sketch {
        let certificate = StoredCertificate { sha1: thumbprint.repeat(20), has_key: Some(has_key), ..stored("My") };
        bound().recorded(Fact::StoredCertificate(certificate))
    }

    /// Windows falls back on its own certificate, which keeps nobody out.
    const STALE: Expect = Expect::Present(Severity::Degrading, Confidence::Proven);
    const LIKELY: Expect = Expect::Present(Severity::Degrading, Confidence::Likely);

    #[test]
    fn present() {
        bound().check(&CAUSE, STALE);
        with("cd", true).check(&CAUSE, STALE);
        with("ab", false).check(&CAUSE, STALE);
        let own = Fact::StoredCertificate(stored(REMOTE_DESKTOP));
        bound().absent(STORE_REMOTE_DESKTOP).recorded(own).check(&CAUSE, STALE);
    }

    #[test]
    fn with_a_template_or_an_unknown_policy_it_is_only_likely() {
        let template = RegistryData::Text("RemoteDesktopComputer".to_owned());
        bound().value(POLICY, "CertTemplateName", template).check(&CAUSE, LIKELY);
        let machine = machine().value(LISTENER, "SSLCertificateSHA1Hash", hash());
        machine.value(STORE_MY, "x", RegistryData::Dword(0)).check(&CAUSE, LIKELY);
    }

    #[test]
    fn where_handshakes_go_through_it_keeps_nobody_out() {
        let works = bound_on(host("192.0.2.7").nla().tls_up(TlsVersion::Tls12));
        works.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn it_keeps_everybody_out_where_windows_own_cannot_be_used_either() {
        let blocks = |confidence| Expect::Present(Severity::Blocking, confidence);
        let broken = Handshake::Closed { end: End::Rst, bytes: 0 };
        let broken = host("192.0.2.7").nla().tls(TlsOffer::MODERN, broken);
        bound_on(broken).check(&CAUSE, blocks(Confidence::Proven));
        let none = host("192.0.2.7").accepted();
        let none = none.fails(crate::case::EVERYTHING, NegotiationFailure::SSL_CERT_NOT_ON_SERVER);
        bound_on(none).check(&CAUSE, blocks(Confidence::Proven));
        // an empty store is filled when it is needed, unless that fails
        bound().absent(STORE_REMOTE_DESKTOP).check(&CAUSE, STALE);
        bound().absent(STORE_REMOTE_DESKTOP).event(RCM, 1057, 2).check(&CAUSE, blocks(Confidence::Likely));
        let own = Fact::StoredCertificate(stored(REMOTE_DESKTOP));
        let own_file = || format!("{}{GUID}", evidence::key_names::RDP_KEY);
        let closed = |security| folder(bound(), &[(&own_file(), security)]).recorded(own.clone());
        closed(CLOSED).check(&CAUSE, blocks(Confidence::Likely));
        closed(OPEN).check(&CAUSE, STALE);
    }

    /// MachineKeys with these files, on a machine whose machine GUID is known.
    fn folder(sketch: Sketch, files: &[(&str, &str)]) -> Sketch {
        let sketch = sketch.value(CRYPTOGRAPHY, "MachineGuid", RegistryData::Text(GUID.to_owned()));
        let sketch = sketch.absent(STORE_REMOTE_DESKTOP).recorded(Fact::KeyFile(key_file(".", None)));
        files.iter().fold(sketch, |sketch, (name, rights)| sketch.recorded(Fact::KeyFile(key_file(name, Some(rights)))))
    }

    fn issued() -> StoredCertificate {
        let container = Some("{0B6A1F2E-1111-4222-8333-123456789ABC}".to_owned());
        StoredCertificate { sha1: "ab".repeat(20), container, ..stored("My") }
    }

    fn key_of_issued() -> String {
        format!("50dd7f001693c375a50cbf792350acde_{GUID}")
    }

    /// The commonest fault of a certificate from an authority: NETWORK SERVICE may not read its key.
    #[test]
    fn a_key_that_may_not_be_read_or_is_gone() {
        let there = |rights| folder(bound(), &[(&key_of_issued(), rights)]).recorded(Fact::StoredCertificate(issued()));
        there(CLOSED).check(&CAUSE, LIKELY);
        there(OPEN).check(&CAUSE, Expect::Absent);
        let gone = folder(bound(), &[]).recorded(Fact::StoredCertificate(issued()));
        gone.check(&CAUSE, LIKELY);
        // a key that is not known to be missing is not said to be
        let part = KeyFile { left_out: 3, ..key_file(".", None) };
        gone.recorded(Fact::KeyFile(part)).check(&CAUSE, Expect::Unknown);
        // nor is it said to be readable: for a CNG key or a user's key that is not known
        let newer = Some("Microsoft Software Key Storage Provider".to_owned());
        for other in [
            StoredCertificate { provider: newer, ..issued() },
            StoredCertificate { machine_key: Some(false), ..issued() },
        ] {
            let sketch = folder(bound(), &[(&key_of_issued(), OPEN)]).recorded(Fact::StoredCertificate(other));
            sketch.check(&CAUSE, Expect::Unknown);
        }
    }

    fn of_template() -> Sketch {
        let named = RegistryData::Text("RemoteDesktopComputer".to_owned());
        let listener = machine().value(LISTENER, "TemplateCertificate", hash());
        listener.value(POLICY, "CertTemplateName", named).absent(STORE_MY)
    }

    #[test]
    fn the_certificate_of_a_template() {
        let policy = of_template();
        policy.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        let there = of_template().recorded(Fact::StoredCertificate(issued()));
        there.check(&CAUSE, Expect::Absent);
        folder(there, &[(&key_of_issued(), CLOSED)]).check(&CAUSE, LIKELY);
    }

    #[test]
    fn by_the_log() {
        for id in [1051, 1055] {
            machine().event(RCM, id, 2).check(&CAUSE, STALE);
            machine().event(RCM, id, 600).check(&CAUSE, LIKELY);
        }
        let works = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).event(RCM, 1055, 2);
        works.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        // after a reset nothing is bound, and Windows' own certificate is shown
        let nothing = || machine().absent(POLICY).dword(LISTENER, "PortNumber", 3389);
        nothing().event(RCM, 1059, 2).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        let thumbprint = "ab".repeat(20);
        let of = |thumbprint: &str| with("ab", true).event_with(RCM, 1055, 2, &[("Binary", thumbprint)]);
        of(&thumbprint).check(&CAUSE, STALE);
    }

    #[test]
    fn near_miss_an_entry_about_what_is_no_longer_so() {
        let nothing = || machine().absent(POLICY).dword(LISTENER, "PortNumber", 3389);
        nothing().event(RCM, 1051, 2).check(&CAUSE, Expect::Absent);
        with("ab", true).event(RCM, 1059, 2).check(&CAUSE, Expect::Unknown);
        // the bound one was made later, or its key is readable by now
        let there =
            |certificate| folder(bound(), &[(&key_of_issued(), OPEN)]).recorded(Fact::StoredCertificate(certificate));
        there(issued()).event(RCM, 1055, 2).check(&CAUSE, Expect::Absent);
        let new = evidence::moment::rfc3339(crate::sketch::NOW - time::Duration::hours(1));
        let new = StoredCertificate { not_before: new, ..issued() };
        bound().recorded(Fact::StoredCertificate(new)).event(RCM, 1051, 90).check(&CAUSE, Expect::Unknown);
        let other = [("Binary", "cd".repeat(20))];
        let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
        with("ab", true).event_with(RCM, 1055, 2, &other).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1055, 90).event(RCM, 1063, 30).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1055, 2 * 24 * 60).check(&CAUSE, Expect::Unknown);
        machine().event("Another", 1055, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_it_is_there_with_its_key() {
        // having a key does not say who may read it
        with("ab", true).check(&CAUSE, Expect::Unknown);
        let shown = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).with(Fact::CertificateSha1("ab".repeat(20)));
        let there = StoredCertificate { sha1: "ab".repeat(20), ..stored("My") };
        bound_on(shown).recorded(Fact::StoredCertificate(there)).check(&CAUSE, Expect::Absent);
    }

    /// The record of the store is older than what the host shows now.
    #[test]
    fn near_miss_it_is_shown() {
        let shown = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).with(Fact::CertificateSha1("ab".repeat(20)));
        bound_on(shown).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_nothing_is_bound() {
        machine().dword(LISTENER, "PortNumber", 3389).check(&CAUSE, Expect::Absent);
    }

    /// The thumbprint is known, and nobody has looked into the store.
    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().value(LISTENER, "SSLCertificateSHA1Hash", hash()).check(&CAUSE, Expect::Unknown);
    }
}
