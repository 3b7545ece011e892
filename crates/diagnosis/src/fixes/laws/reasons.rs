//! The pairs that no recorded state can show, each with the reason.

use crate::cause::{Cause, Proof, Shows};
use crate::need::Need;

/// The reason why no state shows that a fix mends a cause.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    /// The cause is shown by what a probe or a capture sees alone.
    Wire,
    /// The cause is shown by entries of logs, which stay: only newer ones, or none for a day, tell that it is over.
    Logs,
    /// The steps are for a person, at a device, in another program, or on another machine: no setting that is recorded
    /// changes.
    Person,
    /// The fix changes another machine than the one in which the cause is recorded.
    Elsewhere(&'static str),
    /// The reason in words.
    Other(&'static str),
}

use Why::{Elsewhere, Logs, Other, Person, Wire};

/// It takes more than the rights on the key: they are what lets the next certificate be made.
const PREPARES: Why =
    Other("it lets Windows make the next certificate; the one that is there is shown until renew-rdp-certificate");

pub(super) const LISTED: &[(&str, &str, Why)] = &[
    ("name-not-found", "flush-dns", Wire),
    ("name-server-failure", "try-another-client", Wire),
    ("name-server-failure", "flush-dns", Wire),
    ("name-server-unreachable", "try-another-client", Wire),
    ("name-server-unreachable", "flush-dns", Wire),
    ("name-sinkholed", "flush-dns", Wire),
    ("hosts-file-overrides-dns", "remove-hosts-entry", Wire),
    ("hosts-file-overrides-dns", "flush-dns", Wire),
    ("wrong-search-suffix", "try-another-client", Wire),
    ("name-points-elsewhere", "flush-dns", Wire),
    ("split-answers", "flush-dns", Wire),
    ("host-unreachable", "wake-host", Wire),
    ("host-unreachable", "open-firewall-for-rdp", Wire),
    ("host-unreachable", "flush-dns", Wire),
    ("port-filtered", "enable-remote-desktop", Wire),
    ("port-filtered", "open-firewall-for-rdp", Wire),
    ("port-filtered", "wake-host", Wire),
    ("port-closed", "enable-remote-desktop", Wire),
    ("port-closed", "start-services", Wire),
    ("port-closed", "set-listener-port", Wire),
    ("dropped-after-accept", "try-another-client", Wire),
    ("dropped-after-accept", "restart-services", Wire),
    ("listener-silent", "restart-services", Wire),
    ("listener-silent", "try-another-client", Wire),
    ("listener-overloaded", "limit-rdp-addresses", Wire),
    ("listener-overloaded", "restart-services", Wire),
    ("listener-overloaded", "raise-outstanding-connections", Wire),
    (
        "system-files-damaged",
        "repair-system-files",
        Other("what DISM and sfc put back, no recorded setting tells before"),
    ),
    ("listener-port-taken", "find-program-on-port", Person),
    ("listener-port-taken", "set-listener-port", Other("which port is free instead is for a person to say")),
    ("not-an-rdp-service", "find-program-on-port", Wire),
    ("not-an-rdp-service", "flush-dns", Wire),
    ("not-an-rdp-service", "set-listener-port", Wire),
    ("closed-on-negotiation", "try-another-client", Wire),
    ("closed-on-negotiation", "restart-services", Wire),
    ("nla-required", "repair-rdp-file", Wire),
    ("nla-required", "try-another-client", Wire),
    ("nla-required", "allow-nla-off", Wire),
    ("tls-required", "try-another-client", Wire),
    ("standard-security-only", "require-nla", Other("it takes TLS: require-tls, which comes first, mends it")),
    ("certificate-missing", "start-services", Logs),
    ("certificate-missing", "repair-machine-keys-access", Logs),
    ("certificate-missing", "renew-rdp-certificate", Logs),
    ("certificate-missing", "replace-rdp-key-container", Logs),
    ("client-certificate-required", "try-another-client", Wire),
    ("negotiation-disabled", "require-nla", Other("it takes TLS: require-tls, which comes first, mends it")),
    ("entra-authentication-required", "repair-rdp-file", Wire),
    ("entra-authentication-required", "try-another-client", Wire),
    ("broken-negotiation", "try-another-client", Wire),
    ("broken-negotiation", "restart-services", Wire),
    ("tls-blocked-on-path", "exempt-from-inspection", Wire),
    ("tls-blocked-on-path", "try-another-client", Wire),
    ("one-client-fails", "try-another-client", Wire),
    ("tls-version-mismatch", "enable-tls12", Wire),
    ("tls-cipher-mismatch", "reset-cipher-order", Wire),
    ("tls13-refused", "disable-tls13", Wire),
    ("tls13-refused", "exempt-from-inspection", Person),
    ("tls13-refused", "try-another-client", Wire),
    ("connections-refused-at-times", "try-another-client", Wire),
    ("handshakes-fail-at-times", "restart-services", Wire),
    ("handshakes-fail-at-times", "try-another-client", Wire),
    ("server-name-refused", "try-another-client", Wire),
    ("server-tls-setup-failed", "correct-xrdp-tls", Wire),
    ("server-tls-setup-failed", "try-another-client", Wire),
    ("certificate-key-mismatch", "renew-rdp-certificate", Wire),
    ("certificate-key-mismatch", "bind-certificate", Wire),
    ("credssp-error-status", "restart-services", Wire),
    ("credssp-error-status", "try-another-client", Wire),
    ("path-mtu-black-hole", "lower-interface-mtu", Wire),
    ("path-mtu-black-hole", "try-another-client", Wire),
    ("packet-loss", "try-another-client", Wire),
    ("high-latency", "try-another-client", Wire),
    ("unstable-path", "try-another-client", Wire),
    ("low-bandwidth", "try-another-client", Wire),
    ("tls-stalled", "restart-services", Wire),
    ("tls-stalled", "try-another-client", Wire),
    ("tls-intercepted", "exempt-from-inspection", Person),
    ("tls-refused", "reset-cipher-order", Wire),
    ("tls-refused", "enable-tls12", Wire),
    ("tls-refused", "renew-rdp-certificate", Wire),
    ("certificate-expired", "repair-machine-keys-access", PREPARES),
    (
        "certificate-not-yet-valid",
        "correct-clock",
        Other("no state records the clock, and a certificate that begins later stays so"),
    ),
    ("certificate-untrusted", "bind-certificate", Wire),
    ("machine-renamed", "repair-machine-keys-access", PREPARES),
    ("clock-skew", "correct-clock", Logs),
    ("host-was-off", "wake-host", Logs),
    ("credssp-unpatched", "install-update", Wire),
    ("credssp-unpatched", "allow-encryption-oracle", Wire),
    ("credssp-broken", "restart-services", Wire),
    ("credssp-broken", "try-another-client", Wire),
    ("settings-refused", "restart-services", Wire),
    ("settings-refused", "try-another-client", Wire),
    ("setup-fails-at-times", "restart-services", Wire),
    ("setup-fails-at-times", "try-another-client", Wire),
    ("ntlm-blocked", "register-spn", Wire),
    ("ntlm-blocked", "try-another-client", Wire),
    ("edition-without-remote-desktop", "upgrade-edition", Person),
    ("service-crashing", "start-services", Logs),
    ("service-crashing", "install-update", Logs),
    (
        "certificate-renewal-failing",
        "replace-rdp-key-container",
        Other("a container that is damaged shows in entries of logs alone"),
    ),
    (
        "certificate-renewal-failing",
        "renew-rdp-certificate",
        Other("it is tried again; that it failed shows in entries of logs alone"),
    ),
    ("outstanding-connections-limit", "open-firewall-for-rdp", Logs),
    ("outstanding-connections-limit", "raise-outstanding-connections", Logs),
    ("brute-force-flood", "limit-rdp-addresses", Logs),
    ("logon-right-missing", "grant-remote-desktop-logon", Logs),
    ("rdp-file-signature-broken", "fetch-rdp-file-again", Person),
    ("brute-force-flood", "require-nla", Logs),
    ("spn-missing", "register-spn", Logs),
    ("encryption-oracle-policy", "install-update", Person),
    (
        "encryption-oracle-policy",
        "allow-encryption-oracle",
        Elsewhere("it is the host that lacks the update; that a value lets the client in shows at the next attempt"),
    ),
    (
        "key-container-orphaned",
        "renew-rdp-certificate",
        Other("it follows replace-rdp-key-container: by itself it leaves the foreign key where it is"),
    ),
    ("credssp-client-refused", "install-update", Person),
    ("update-regression", "install-update", Person),
    ("client-update-regression", "install-update", Person),
];

/// True for a question that recorded settings answer: the registry, services, key files and `.rdp` files.
fn of_settings(need: &Need) -> bool {
    let place = need.as_key().or(need.as_service());
    place.is_some() || [Need::KEY_FOLDER, Need::RDP_FILE, Need::PORTS, Need::FILES].contains(need)
}

/// True for a question that any record of a machine answers.
fn of_records(need: &Need) -> bool {
    of_settings(need) || [Need::HOST_LOG, Need::ACCESS_TRACE].contains(need)
}

fn presences(cause: &Cause) -> impl Iterator<Item = &Proof> {
    cause.proofs.iter().filter(|proof| matches!(proof.shows, Shows::Presence(_)))
}

/// True if settings alone can show this cause.
pub(super) fn shown_by_settings(cause: &Cause) -> bool {
    presences(cause).any(|proof| proof.needs.iter().all(of_settings))
}

/// True if logs can show this cause, with settings or without.
pub(super) fn shown_by_logs(cause: &Cause) -> bool {
    presences(cause).any(|proof| proof.needs.iter().all(of_records))
}
