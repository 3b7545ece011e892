//! Recorded states, each sound but for one thing, and which fix is to mend it.

use std::collections::BTreeMap;

use evidence::key_names::{RDP_KEY, key_digits};
use evidence::moment::rfc3339;
use evidence::rdp_file::{RdpFile, RdpFileRecord, RdpSignature};
use evidence::sketch::{gnome, key_file, stored, xrdp};
use evidence::state::{
    CIPHER_POLICY, COMPUTER_NAME, CRYPTOGRAPHY, Contents, FIPS, FIREWALL_RULES, Fate, GnomeRemoteDesktop, KEYS,
    LISTENER, LinuxFirewall, Part, RegistryData, RegistryKey, STORE_MY, STORE_REMOTE_DESKTOP, Service, State,
    StoredCertificate, TERMINAL_SERVER, TERMSERVICE, WINDOWS, WINLOGON, Xrdp,
};
use time::Duration;

use crate::sketch::NOW;

/// A cause, a fix that it names, and the states that show how the one mends the other.
pub(super) struct Pair {
    pub(super) cause: &'static str,
    pub(super) fix: &'static str,
    /// After the fix the cause is ruled out; else nothing shows it any more, and what would rule it out is not
    /// recorded.
    pub(super) ruled_out: bool,
    /// The cause is judged at an address that was probed, for the name that was typed.
    pub(super) probed: bool,
    /// Each time the machine that is changed, then others beside it.
    pub(super) states: fn() -> Vec<Vec<State>>,
}

/// After the fix the cause is ruled out.
const fn ruled_out(cause: &'static str, fix: &'static str, states: fn() -> Vec<Vec<State>>) -> Pair {
    Pair { cause, fix, ruled_out: true, probed: false, states }
}

/// After the fix nothing shows the cause.
const fn not_shown(cause: &'static str, fix: &'static str, states: fn() -> Vec<Vec<State>>) -> Pair {
    Pair { ruled_out: false, ..ruled_out(cause, fix, states) }
}

pub(super) const SHOWN: &[Pair] = &[
    ruled_out("remote-desktop-disabled", "enable-remote-desktop", || {
        one(sound().dword(TERMINAL_SERVER, "fDenyTSConnections", 1))
    }),
    ruled_out("listener-disabled", "enable-listener", || one(sound().dword(LISTENER, "fEnableWinStation", 0))),
    ruled_out("listener-disabled", "listen-on-all-adapters", || one(sound().dword(LISTENER, "LanAdapter", 2))),
    ruled_out("logons-disabled", "allow-logons", logons_disabled),
    ruled_out("service-stopped", "start-services", service_stopped),
    not_shown("firewall-blocks-rdp", "open-firewall-for-rdp", rule_is_off),
    ruled_out("certificate-binding-stale", "clear-certificate-binding", || one(sound().bound(GONE))),
    ruled_out("certificate-binding-stale", "bind-certificate", || one(sound().issued(NEW).bound(GONE))),
    ruled_out("certificate-key-wrong-type", "bind-certificate", || one(signature_only().issued(NEW))),
    ruled_out("certificate-key-wrong-type", "clear-certificate-binding", || one(signature_only())),
    not_shown("key-container-orphaned", "replace-rdp-key-container", || one(cloned())),
    ruled_out("machine-keys-unwritable", "repair-machine-keys-access", || one(folder_closed())),
    not_shown("certificate-renewal-failing", "repair-machine-keys-access", || one(folder_closed())),
    ruled_out("tls12-disabled", "enable-tls12", tls12_is_off),
    ruled_out("client-tls12-disabled", "enable-tls12", || one(client().dword(TLS12_CLIENT, "Enabled", 0))),
    ruled_out("cipher-order-policy", "reset-cipher-order", || {
        one(sound().text(CIPHER_POLICY, "Functions", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384_P384"))
    }),
    ruled_out("security-layer-inconsistent", "require-tls", || one(sound().dword(LISTENER, "SecurityLayer", 0))),
    not_shown("standard-security-only", "require-tls", || {
        one(sound().dword(LISTENER, "SecurityLayer", 0).dword(LISTENER, "UserAuthentication", 0))
    }),
    not_shown("negotiation-disabled", "require-tls", || {
        one(sound().dword(LISTENER, "fAllowSecProtocolNegotiation", 0))
    }),
    ruled_out("fips-mode-forced", "require-tls", || {
        one(sound().dword(FIPS, "Enabled", 1).dword(LISTENER, "SecurityLayer", 0).dword(
            LISTENER,
            "UserAuthentication",
            0,
        ))
    }),
    ruled_out("listener-patched", "repair-system-files", || {
        one(sound().text(TERMSERVICE, "ServiceDll", r"%ProgramFiles%\wrapper\wrapper.dll"))
    }),
    not_shown("private-key-unusable", "repair-machine-keys-access", key_closed),
    not_shown("private-key-unusable", "replace-rdp-key-container", key_closed),
    not_shown("private-key-unusable", "renew-rdp-certificate", || one(key_gone())),
    not_shown("certificate-expired", "renew-rdp-certificate", || one(own(|made| made.not_after = days(-1)))),
    not_shown("certificate-expired", "bind-certificate", || {
        one(sound().with(issued(OLD, |old| old.not_after = days(-1))).bound(OLD).issued(NEW))
    }),
    not_shown("certificate-not-yet-valid", "renew-rdp-certificate", || one(own(|made| made.not_before = days(1)))),
    not_shown("certificate-not-yet-valid", "bind-certificate", || {
        one(sound().with(issued(OLD, |old| old.not_before = days(1))).bound(OLD).issued(NEW))
    }),
    Pair {
        probed: true,
        ..not_shown("certificate-name-mismatch", "bind-certificate", || {
            one(sound()
                .with(issued(OLD, |old| old.names = Some(vec!["server02.corp.example".to_owned()])))
                .bound(OLD)
                .issued(NEW))
        })
    },
    not_shown("certificate-wrong-usage", "bind-certificate", || {
        one(sound().with(issued(OLD, for_clients)).bound(OLD).issued(NEW))
    }),
    not_shown("certificate-wrong-usage", "renew-rdp-certificate", || one(own(for_clients))),
    not_shown("certificate-weak", "renew-rdp-certificate", || one(own(|made| made.key_bits = Some(1024)))),
    not_shown("certificate-weak", "bind-certificate", || {
        one(sound().with(issued(OLD, |old| old.key_bits = Some(1024))).bound(OLD).issued(NEW))
    }),
    not_shown("machine-renamed", "renew-rdp-certificate", || one(renamed())),
    not_shown("machine-renamed", "replace-rdp-key-container", || one(renamed())),
    not_shown("private-key-unusable", "let-xrdp-read-its-key", || {
        linux(|xrdp| (xrdp.key.readable, xrdp.key.group) = (Some(false), Some("ssl-cert".to_owned())))
    }),
    not_shown("private-key-unusable", "share-key-with-xrdp", || {
        linux(|xrdp| (xrdp.key.readable, xrdp.key.by_mode_alone) = (Some(false), true))
    }),
    not_shown("private-key-unusable", "swap-xrdp-files", || {
        linux(|xrdp| {
            for file in [&mut xrdp.certificate, &mut xrdp.key] {
                file.contents = Some(Contents::Counterpart);
            }
        })
    }),
    not_shown("tls-version-mismatch", "set-xrdp-tls-versions", || {
        linux(|xrdp| xrdp.ssl_protocols = Some("TLS1.2".to_owned()))
    }),
    not_shown("server-tls-setup-failed", "set-xrdp-ciphers", || {
        linux(|xrdp| xrdp.tls_ciphers = Some("HIHG".to_owned()))
    }),
    not_shown("certificate-expired", "use-fitting-xrdp-file", || {
        linux(|xrdp| {
            let pair = ["/etc/xrdp/c.pem", "/etc/xrdp/k.pem"].map(|path| Some(path.to_owned()));
            [xrdp.fitting_certificate, xrdp.fitting_key] = pair;
            xrdp.not_after = Some(days(-1));
        })
    }),
    not_shown("private-key-unusable", "make-xrdp-certificate", || linux(|xrdp| xrdp.key.readable = Some(false))),
    not_shown("private-key-unusable", "use-fitting-xrdp-file", || {
        linux(|xrdp| {
            (xrdp.key.contents, xrdp.fitting_key) = (Some(Contents::Empty), Some("/etc/xrdp/k.pem".to_owned()));
        })
    }),
    not_shown("certificate-binding-stale", "use-fitting-xrdp-file", || {
        linux(|xrdp| {
            (xrdp.certificate.exists, xrdp.fitting_certificate) = (Some(false), Some("/etc/xrdp/c.pem".to_owned()));
        })
    }),
    not_shown("certificate-key-mismatch", "use-fitting-xrdp-file", || {
        linux(|xrdp| (xrdp.key_matches, xrdp.fitting_key) = (Some(false), Some("/etc/xrdp/k.pem".to_owned())))
    }),
    not_shown("certificate-binding-stale", "make-xrdp-certificate", || linux(|xrdp| xrdp.key.exists = Some(false))),
    not_shown("certificate-key-mismatch", "make-xrdp-certificate", || linux(|xrdp| xrdp.key_matches = Some(false))),
    not_shown("certificate-expired", "make-xrdp-certificate", || linux(|xrdp| xrdp.not_after = Some(days(-1)))),
    not_shown("standard-security-only", "offer-tls-in-xrdp", || {
        linux(|xrdp| xrdp.security_layer = Some("rdp".to_owned()))
    }),
    not_shown("firewall-blocks-rdp", "open-linux-firewall-for-rdp", || {
        let firewall =
            LinuxFirewall { tool: "ufw".to_owned(), part: "IPv4".to_owned(), otherwise: Fate::Drop, rules: Vec::new() };
        linux(|_| {})
            .into_iter()
            .map(|mut states| {
                states[0].linux_firewalls.push(firewall.clone());
                states
            })
            .collect()
    }),
    not_shown("port-closed", "set-xrdp-port", || linux(|xrdp| xrdp.port = Some("33x9".to_owned()))),
    not_shown("private-key-unusable", "make-gnome-certificate", || desktop(|gnome| gnome.key.readable = Some(false))),
    not_shown("private-key-unusable", "swap-gnome-files", || {
        desktop(|gnome| {
            for file in [&mut gnome.certificate, &mut gnome.key] {
                file.contents = Some(Contents::Counterpart);
            }
        })
    }),
    not_shown("tls-cipher-mismatch", "make-xrdp-certificate", || {
        linux(|xrdp| xrdp.signature = Some("ed25519".to_owned()))
    }),
    not_shown("tls-cipher-mismatch", "make-gnome-certificate", || {
        desktop(|gnome| gnome.signature = Some("ed25519".to_owned()))
    }),
    not_shown("certificate-binding-stale", "make-gnome-certificate", || {
        desktop(|gnome| gnome.key.exists = Some(false))
    }),
    not_shown("certificate-key-mismatch", "make-gnome-certificate", || {
        desktop(|gnome| gnome.key_matches = Some(false))
    }),
    not_shown("certificate-expired", "make-gnome-certificate", || desktop(|gnome| gnome.not_after = Some(days(-1)))),
    ruled_out("rdp-file-misconfigured", "repair-rdp-file", without_credssp),
    ruled_out("rdp-file-signature-broken", "sign-rdp-file", signature_broken),
];

/// Fixes that mend a cause which does not name them: they do the same beside what they are for.
pub(super) const CROSSES: &[(&str, &str)] = &[
    // the listener goes over to another certificate, or to another key
    ("certificate-expired", "clear-certificate-binding"),
    ("certificate-expired", "replace-rdp-key-container"),
    ("certificate-not-yet-valid", "clear-certificate-binding"),
    ("certificate-not-yet-valid", "replace-rdp-key-container"),
    ("certificate-weak", "clear-certificate-binding"),
    ("certificate-weak", "replace-rdp-key-container"),
    ("certificate-wrong-usage", "clear-certificate-binding"),
    ("certificate-wrong-usage", "replace-rdp-key-container"),
    // Windows' own certificate is no longer in use
    ("certificate-renewal-failing", "bind-certificate"),
    ("cipher-order-policy", "bind-certificate"),
    ("key-container-orphaned", "bind-certificate"),
    ("machine-renamed", "bind-certificate"),
    ("private-key-unusable", "bind-certificate"),
    ("firewall-blocks-rdp", "enable-remote-desktop"),
    ("firewall-blocks-rdp", "limit-rdp-addresses"),
    // the two agree again, on less security
    ("security-layer-inconsistent", "allow-nla-off"),
    // whatever restarts TermService starts it
    ("service-stopped", "clear-certificate-binding"),
    ("service-stopped", "enable-listener"),
    ("service-stopped", "listen-on-all-adapters"),
    ("service-stopped", "renew-rdp-certificate"),
    ("service-stopped", "repair-machine-keys-access"),
    ("service-stopped", "replace-rdp-key-container"),
    ("service-stopped", "restart-services"),
    ("service-stopped", "set-listener-port"),
];

/// The first byte of the thumbprint of the certificate that is to be bound.
pub(super) const NEW: &str = "ab";
const OLD: &str = "cd";
const GONE: &str = "ef";
const GUID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_GUID: &str = "99999999-2222-3333-4444-555555555555";
const RULE: &str = concat!(
    r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|",
    r"App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|"
);
const KEY_RIGHTS: &str = "O:SYG:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)(A;;FA;;;BA)";
const FOLDER_RIGHTS: &str = "O:SYG:SYD:PAI(A;;FA;;;BA)(A;;0x12019f;;;WD)";
const TLS12_SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
const TLS12_CLIENT: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client";

fn one(machine: State) -> Vec<Vec<State>> {
    vec![vec![machine]]
}

fn days(number: i64) -> String {
    rfc3339(NOW + Duration::days(number))
}

/// Words with which the sketches below make a state.
trait Sketched: Sized {
    fn value(self, path: &str, name: &str, data: RegistryData) -> Self;
    fn absent(self, path: &str) -> Self;
    fn service(self, name: &str, start: u32, running: bool) -> Self;
    fn with(self, certificate: StoredCertificate) -> Self;
    fn key(self, name: &str, rights: &str) -> Self;

    fn dword(self, path: &str, name: &str, number: u32) -> Self {
        self.value(path, name, RegistryData::Dword(number))
    }

    fn text(self, path: &str, name: &str, text: &str) -> Self {
        self.value(path, name, RegistryData::Text(text.to_owned()))
    }

    fn bound(self, thumbprint: &str) -> Self {
        self.value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary(thumbprint.repeat(20)))
    }

    /// A certificate from an authority, with a key that may be read.
    fn issued(self, thumbprint: &str) -> Self {
        self.with(issued(thumbprint, |_| {}))
    }
}

impl Sketched for State {
    fn value(mut self, path: &str, name: &str, data: RegistryData) -> Self {
        let known = self.registry.iter().position(|key| key.path == path);
        let at = known.unwrap_or_else(|| {
            self.registry.push(RegistryKey { path: path.to_owned(), exists: true, values: BTreeMap::new() });
            self.registry.len() - 1
        });
        self.registry[at].exists = true;
        self.registry[at].values.insert(name.to_owned(), data);
        self
    }

    fn absent(mut self, path: &str) -> Self {
        self.registry.push(RegistryKey { path: path.to_owned(), exists: false, values: BTreeMap::new() });
        self
    }

    fn service(mut self, name: &str, start: u32, running: bool) -> Self {
        self.services.retain(|service| service.name != name);
        let (name, start, running) = (name.to_owned(), Some(start), Some(running));
        self.services.push(Service { name, exists: true, start, running, image: None, account: None });
        self
    }

    fn with(mut self, certificate: StoredCertificate) -> Self {
        if certificate.store == "My" {
            let digits = key_digits(certificate.container.as_deref().unwrap()).unwrap();
            self = self.key(&format!("{digits}_{GUID}"), KEY_RIGHTS);
        }
        self.certificates.push(certificate);
        self
    }

    fn key(mut self, name: &str, rights: &str) -> Self {
        self.key_files.retain(|file| file.name != name);
        self.key_files.push(key_file(name, Some(rights)));
        self
    }
}

fn issued(thumbprint: &str, change: impl FnOnce(&mut StoredCertificate)) -> StoredCertificate {
    let mut certificate = StoredCertificate {
        sha1: thumbprint.repeat(20),
        subject: "CN=server01.corp.example".to_owned(),
        issuer: "CN=Corp Example Issuing CA".to_owned(),
        names: Some(vec!["server01.corp.example".to_owned()]),
        container: Some(format!("le-{thumbprint}")),
        ..stored("My")
    };
    change(&mut certificate);
    certificate
}

/// A server with Linux whose xrdp is sound but for this.
fn linux(change: fn(&mut Xrdp)) -> Vec<Vec<State>> {
    let mut xrdp = xrdp();
    change(&mut xrdp);
    let taken_at = Some(rfc3339(NOW));
    one(State { computer: Some("SERVER01".to_owned()), taken_at, xrdp: vec![xrdp], ..State::default() })
}

/// A desktop of GNOME that is sound but for this.
fn desktop(change: fn(&mut GnomeRemoteDesktop)) -> Vec<Vec<State>> {
    let mut gnome = gnome();
    change(&mut gnome);
    let taken_at = Some(rfc3339(NOW));
    one(State { computer: Some("SERVER01".to_owned()), taken_at, gnome: vec![gnome], ..State::default() })
}

/// A server on which nothing is wrong.
pub(super) fn sound() -> State {
    let blank = State { computer: Some("SERVER01".to_owned()), taken_at: Some(rfc3339(NOW)), ..State::default() };
    let mut state = blank
        .dword(TERMINAL_SERVER, "fDenyTSConnections", 0)
        .dword(TERMINAL_SERVER, "TSUserEnabled", 0)
        .dword(LISTENER, "fEnableWinStation", 1)
        .dword(LISTENER, "LanAdapter", 0)
        .dword(LISTENER, "PortNumber", 3389)
        .dword(LISTENER, "SecurityLayer", 2)
        .dword(LISTENER, "UserAuthentication", 1)
        .dword(LISTENER, "MinEncryptionLevel", 2)
        .dword(LISTENER, "fLogonDisabled", 0)
        .text(WINLOGON, "WinStationsDisabled", "0")
        .text(WINDOWS, "CurrentBuildNumber", "17763")
        .text(WINDOWS, "EditionID", "ServerStandard")
        .text(CRYPTOGRAPHY, "MachineGuid", GUID)
        .text(COMPUTER_NAME, "ComputerName", "SERVER01")
        .text(TERMSERVICE, "ServiceDll", r"%SystemRoot%\System32\termsrv.dll")
        .text(FIREWALL_RULES, "RemoteDesktop-UserMode-In-TCP", RULE)
        .dword(FIPS, "Enabled", 0)
        .key(".", FOLDER_RIGHTS)
        .key(&format!("{RDP_KEY}{GUID}"), KEY_RIGHTS)
        .with(stored("Remote Desktop"));
    for store in [STORE_MY, STORE_REMOTE_DESKTOP] {
        state.registry.push(RegistryKey { path: store.to_owned(), exists: true, values: BTreeMap::new() });
    }
    state = looked_up(state);
    for service in ["TermService", "SessionEnv", "UmRdpService", "CertPropSvc", "KeyIso", "CryptSvc", "MpsSvc"] {
        state = state.service(service, if matches!(service, "CryptSvc" | "MpsSvc") { 2 } else { 3 }, true);
    }
    state
}

/// A client on which nothing is wrong.
pub(super) fn client() -> State {
    let blank = State { part: Part::Client, computer: Some("CLIENT01".to_owned()), ..State::default() };
    looked_up(blank.text(WINDOWS, "CurrentBuildNumber", "19045").text(WINDOWS, "EditionID", "Professional"))
}

/// Every other key that readers look up is not there.
fn looked_up(state: State) -> State {
    let known: Vec<String> = state.registry.iter().map(|key| key.path.clone()).collect();
    KEYS.iter().filter(|path| !known.iter().any(|known| known == *path)).fold(state, |state, path| state.absent(path))
}

fn logons_disabled() -> Vec<Vec<State>> {
    let set = |path: &str, name: &str, number| vec![sound().dword(path, name, number)];
    vec![
        set(TERMINAL_SERVER, "TSServerDrainMode", 1),
        set(TERMINAL_SERVER, "tsserverdrainmode", 2),
        set(TERMINAL_SERVER, "TSUserEnabled", 1),
        set(TERMINAL_SERVER, "TSEnabled", 0),
        set(LISTENER, "fLogonDisabled", 1),
        vec![sound().text(WINLOGON, "WinStationsDisabled", "1")],
    ]
}

fn service_stopped() -> Vec<Vec<State>> {
    let services =
        [("TermService", 4, false), ("TermService", 3, false), ("SessionEnv", 4, false), ("CryptSvc", 4, true)];
    services.into_iter().map(|(name, start, running)| vec![sound().service(name, start, running)]).collect()
}

fn rule_is_off() -> Vec<Vec<State>> {
    let off = RULE.replace("TRUE", "FALSE");
    let scoped = off.replace("Name=", "RA4=10.0.0.0/255.0.0.0|Name=");
    [off, scoped]
        .into_iter()
        .map(|rule| vec![sound().text(FIREWALL_RULES, "RemoteDesktop-UserMode-In-TCP", &rule)])
        .collect()
}

fn signature_only() -> State {
    sound().with(issued(OLD, |old| old.key_spec = Some(2))).bound(OLD)
}

/// An image that was copied with its certificate, and got a number of its own.
fn cloned() -> State {
    let mut state = sound().key(&format!("{RDP_KEY}{OTHER_GUID}"), KEY_RIGHTS);
    state.key_files.retain(|file| file.name != format!("{RDP_KEY}{GUID}"));
    state
}

fn folder_closed() -> State {
    sound().key(".", "O:SYG:SYD:PAI(A;;FR;;;BA)(A;;FR;;;WD)")
}

fn tls12_is_off() -> Vec<Vec<State>> {
    let off = |name, number| vec![sound().dword(TLS12_SERVER, name, number)];
    vec![off("Enabled", 0), off("DisabledByDefault", 1)]
}

fn key_closed() -> Vec<Vec<State>> {
    let closed = ["O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)", "O:SYG:SYD:PAI(D;;FR;;;S-1-5-20)(A;;FR;;;NS)(A;;FA;;;SY)"];
    closed.into_iter().map(|rights| vec![sound().key(&format!("{RDP_KEY}{GUID}"), rights)]).collect()
}

fn key_gone() -> State {
    let mut state = sound();
    state.key_files.retain(|file| !file.name.starts_with(RDP_KEY));
    state
}

/// The certificate that Windows made, with something wrong.
fn own(change: impl FnOnce(&mut StoredCertificate)) -> State {
    let mut state = sound();
    change(&mut state.certificates[0]);
    state
}

fn for_clients(certificate: &mut StoredCertificate) {
    certificate.usages = vec!["1.3.6.1.5.5.7.3.2".to_owned()];
}

fn renamed() -> State {
    sound().text(COMPUTER_NAME, "ComputerName", "SERVER07")
}

fn without_credssp() -> Vec<Vec<State>> {
    let file = |text: &str| RdpFileRecord::of("server.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
    let mut client = client();
    client.rdp_files = vec![file("full address:s:server01\nEnableCredSspSupport:i:0")];
    vec![vec![client, sound()]]
}

fn signature_broken() -> Vec<Vec<State>> {
    let file = RdpFile::parse(b"full address:s:server01\nprompt for credentials:i:1").unwrap();
    let broken = |missing: &[&str]| {
        let signature = RdpSignature::Broken { missing: missing.iter().map(|&name| name.to_owned()).collect() };
        let mut client = client().with(issued(NEW, |_| {}));
        client.rdp_files = vec![RdpFileRecord { signature, ..RdpFileRecord::of("server.rdp", &file) }];
        vec![client]
    };
    vec![broken(&[]), broken(&["server port"])]
}
