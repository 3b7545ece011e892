//! Causes proved from a Windows disk that a test makes: hives, key folder and all.

use std::fs;
use std::path::PathBuf;

use diagnosis::diagnose::{Run, diagnose};
use diagnosis::evidence::Evidence;
use diagnosis::state::RegistryData;
use diagnosis::{Capabilities, ClientProfile, Context, Severity};

use super::hive::build::{Node, wide};
use super::{Gathered, gather};

const GUID: &str = "11111111-2222-3333-4444-555555555555";
const T: &str = r"ControlSet001\Control\Terminal Server";
const L: &str = r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp";
const TLS12: &str = r"ControlSet001\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
const FIREWALL: &str = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy";
const WINDOWS: &str = r"Microsoft\Windows NT\CurrentVersion";
const STORE: &str = r"Microsoft\SystemCertificates";
const RULE: &str = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|";

/// A Windows disk.
struct Disk {
    system: Node,
    software: Node,
    keys: Vec<String>,
}

/// Server 2019 with Remote Desktop on, as it should be.
fn healthy() -> Disk {
    let mut system = Node::new("ROOT");
    system.dword("Select", "Current", 1).dword(T, "fDenyTSConnections", 0).dword(T, "TSUserEnabled", 0);
    let listener = [
        ("fEnableWinStation", 1),
        ("LanAdapter", 0),
        ("PortNumber", 3389),
        ("SecurityLayer", 2),
        ("UserAuthentication", 1),
        ("MinEncryptionLevel", 2),
        ("fLogonDisabled", 0),
    ];
    for (name, number) in listener {
        system.dword(L, name, number);
    }
    for service in ["TermService", "SessionEnv", "KeyIso", "CryptSvc"] {
        system.dword(&format!(r"ControlSet001\Services\{service}"), "Start", 3);
    }
    let library = r"%SystemRoot%\System32\termsrv.dll";
    system.text(r"ControlSet001\Services\TermService\Parameters", "ServiceDll", library);
    for profile in ["DomainProfile", "StandardProfile", "PublicProfile"] {
        system.dword(&format!(r"{FIREWALL}\{profile}"), "EnableFirewall", 1);
    }
    system.text(&format!(r"{FIREWALL}\FirewallRules"), "RemoteDesktop-UserMode-In-TCP", RULE);
    let mut software = Node::new("ROOT");
    software.at("Policies");
    software.text(WINDOWS, "EditionID", "ServerStandard").text(WINDOWS, "CurrentBuildNumber", "17763");
    software.text(r"Microsoft\Cryptography", "MachineGuid", GUID);
    store(&mut software, "Remote Desktop", 1);
    software.at(&format!(r"{STORE}\MY\Certificates"));
    Disk { system, software, keys: vec![format!("f686aace6942fb7f7ceb231212eef4a4_{GUID}")] }
}

/// Puts a certificate with such a key into a store; returns its thumbprint.
fn store(software: &mut Node, store: &str, key_spec: u32) -> String {
    let der = rcgen::generate_simple_self_signed(["server01".to_owned()]).unwrap().cert.der().to_vec();
    let strings = wide("TSSecKeySet1\0Provider\0");
    let record = [28, 28 + 26, 1, 0x20, 0, 0, key_spec]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .chain(strings)
        .collect::<Vec<u8>>();
    let property = |id: u32, data: &[u8]| {
        [&id.to_le_bytes(), &1_u32.to_le_bytes(), &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
    };
    let blob = [property(2, &record), property(32, &der)].concat();
    let thumbprint = wire::certificate::Certificate::read(&der).unwrap().sha1;
    let path = format!(r"{STORE}\{store}\Certificates\{thumbprint}");
    software.set(&path, "Blob", &RegistryData::Binary(wire::hex::encode(&blob)));
    thumbprint
}

impl Disk {
    fn mounted(&self, test: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("rdpdoctor-disk-{test}-{}", std::process::id()));
        let (config, keys) =
            (root.join("windows/System32/CONFIG"), root.join("ProgramData/Microsoft/Crypto/RSA/MachineKeys"));
        fs::create_dir_all(&config).unwrap();
        fs::create_dir_all(&keys).unwrap();
        fs::write(config.join("SYSTEM"), self.system.hive()).unwrap();
        fs::write(config.join("software"), self.software.hive()).unwrap();
        self.keys.iter().for_each(|name| fs::write(keys.join(name), b"key").unwrap());
        // what does not matter is not looked at
        fs::write(root.join("pagefile.sys"), b"regf").unwrap();
        root
    }

    /// The causes that are found on it, blocking and degrading ones.
    fn causes(&self, test: &str, client: &str) -> Vec<String> {
        let root = self.mounted(test);
        let gathered = gather(std::slice::from_ref(&root));
        fs::remove_dir_all(&root).unwrap();
        assert!(gathered.unread.is_empty(), "{:?}", gathered.unread);
        let kinds: Vec<_> = gathered.pieces.iter().map(|(_, kind, _)| *kind).collect();
        assert_eq!(kinds, ["Windows disk", "registry hive", "registry hive"]);
        let found = causes(&gathered, client);
        let redacted = super::redaction::redacted(&gathered.pieces);
        let names = gathered.pieces.into_iter().map(|(path, kind, _)| (path, kind));
        let pieces = names.zip(redacted).map(|((path, kind), piece)| (path, kind, piece)).collect();
        assert_eq!(causes(&Gathered { pieces, ..Gathered::default() }, client), found, "redacted");
        found
    }
}

fn causes(gathered: &Gathered, client: &str) -> Vec<String> {
    let at = time::macros::datetime!(2026-11-21 09:00 UTC);
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, at);
    let context = Context {
        target: None,
        profile: ClientProfile::find(client).unwrap(),
        profile_source: "default",
        at,
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        thorough: false,
        gateway: None,
    };
    let found = diagnose(&evidence, &context, Run::default()).findings;
    found.into_iter().filter(|found| found.severity < Severity::Advisory).map(|found| found.cause).collect()
}

#[test]
fn a_healthy_disk_has_no_finding() {
    assert_eq!(healthy().causes("healthy", "mstsc-11"), [""; 0]);
}

/// One change, one finding.
#[test]
fn each_fault_is_found_alone() {
    type Change = fn(&mut Disk);
    let faults: [(&str, Change); 15] = [
        ("remote-desktop-disabled", |disk| {
            _ = disk.software.dword(r"Policies\Microsoft\Windows NT\Terminal Services", "fDenyTSConnections", 1);
        }),
        ("listener-disabled", |disk| _ = disk.system.dword(L, "fEnableWinStation", 0)),
        ("service-stopped", |disk| _ = disk.system.dword(r"ControlSet001\Services\KeyIso", "Start", 4)),
        ("logons-disabled", |disk| _ = disk.system.dword(L, "fLogonDisabled", 1)),
        ("listener-patched", |disk| {
            _ = disk.system.text(r"ControlSet001\Services\TermService\Parameters", "ServiceDll", r"C:\x\rdpwrap.dll");
        }),
        ("firewall-blocks-rdp", |disk| _ = disk.system.dword(L, "PortNumber", 3390)),
        ("edition-without-remote-desktop", |disk| _ = disk.software.text(WINDOWS, "EditionID", "Core")),
        ("tls12-disabled", |disk| _ = disk.system.dword(TLS12, "Enabled", 0)),
        ("cipher-order-policy", |disk| {
            let suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
            _ = disk.software.text(r"Policies\Microsoft\Cryptography\Configuration\SSL\00010002", "Functions", suites);
        }),
        ("security-layer-inconsistent", |disk| _ = disk.system.dword(L, "SecurityLayer", 0)),
        ("fips-mode-forced", |disk| {
            disk.system.dword(r"ControlSet001\Control\Lsa\FIPSAlgorithmPolicy", "Enabled", 1);
            disk.system.dword(L, "UserAuthentication", 0).dword(L, "SecurityLayer", 0);
        }),
        ("certificate-binding-stale", |disk| {
            _ = disk.system.set(L, "SSLCertificateSHA1Hash", &RegistryData::Binary("ab".repeat(20)));
        }),
        ("certificate-key-wrong-type", |disk| {
            let thumbprint = store(&mut disk.software, "MY", 2);
            disk.system.set(L, "SSLCertificateSHA1Hash", &RegistryData::Binary(thumbprint));
        }),
        ("key-container-orphaned", |disk| disk.keys = vec!["f686aace6942fb7f7ceb231212eef4a4_99999999".to_owned()]),
        ("credssp-client-refused", |disk| {
            let path = r"Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters";
            _ = disk.software.dword(path, "AllowEncryptionOracle", 0);
        }),
    ];
    for (cause, change) in faults {
        let mut disk = healthy();
        change(&mut disk);
        // a client without the update of 2018 is the one that a strict host refuses
        let client = if cause == "credssp-client-refused" { "mstsc-7" } else { "mstsc-11" };
        assert_eq!(disk.causes(cause, client), [cause]);
    }
}
