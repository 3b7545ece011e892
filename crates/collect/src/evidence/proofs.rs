//! Causes proved from a Windows disk that a test makes: hives, event logs, key folder and all. `SHOWN` says how each
//! cause in a machine's own files is proved, so that a gap is seen.

use std::fs;
use std::path::PathBuf;

use diagnosis::diagnose::{Run, diagnose};
use diagnosis::{Capabilities, Context};
use evidence::events::{CORE, EVENT_LOG, LSA, NETLOGON, RCM, RCM_ADMIN, SCHANNEL, SECURITY, SERVICES, SYSTEM};
use evidence::rdp_file::Routing;
use evidence::state::RegistryData;
use evidence::{ClientProfile, Evidence, ProfileSource, Stage};
use time::OffsetDateTime;

use super::evtx::sample::{Line, Sample};
use super::kind::Kind;
use super::{Gathered, gather};
use evidence::hive::sketch::{Node, wide};

/// Provider that Windows uses for Remote Desktop's key.
const LEGACY: &str = "Microsoft Enhanced Cryptographic Provider v1.0";
const GUID: &str = "11111111-2222-3333-4444-555555555555";
const T: &str = r"ControlSet001\Control\Terminal Server";
const L: &str = r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp";
const TLS12: &str = r"ControlSet001\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
const FIREWALL: &str = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy";
const WINDOWS: &str = r"Microsoft\Windows NT\CurrentVersion";
const STORE: &str = r"Microsoft\SystemCertificates";
const RULE: &str = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|";

const RDP_CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
/// Time at which the disk is looked at.
const AT: OffsetDateTime = time::macros::datetime!(2026-11-21 09:00 UTC);

/// A Windows disk under construction.
struct Disk {
    system: Node,
    software: Node,
    keys: Vec<String>,
    logs: Vec<Log>,
}

/// Event log: its channel, and its entries: provider, id, seconds before the disk was looked at, and the value; of
/// several, with bars between them.
struct Log(&'static str, &'static str, Vec<(u16, u64, &'static str)>);

impl Log {
    fn bytes(&self) -> Vec<u8> {
        let field = match self.1 {
            CORE => "IPString",
            SECURITY => "LogonType|Status|SubStatus|TargetUserName|TargetDomainName|IpAddress",
            SERVICES => "param1|param2|Binary",
            _ => "param1",
        };
        let sample = Sample { provider: self.1, channel: self.0, computer: "server01.corp.example", field };
        let now = u64::try_from(AT.unix_timestamp()).unwrap();
        let line = |(number, (id, before, text)): (u8, &(u16, u64, &str))| Line {
            id: *id,
            at: now - before,
            activity: [number; 16],
            text: (*text).to_owned(),
        };
        sample.log(&[(1..).zip(&self.2).map(line).collect()])
    }

    fn file(&self) -> String {
        format!("{}.evtx", self.0.replace('/', "%4"))
    }
}

/// Server 2019 with Remote Desktop on, without a fault.
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
    system.text(r"ControlSet001\Control\ComputerName\ComputerName", "ComputerName", "SERVER01");
    for service in ["TermService", "SessionEnv", "KeyIso", "CryptSvc", "MpsSvc"] {
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
    store(&mut software, "Remote Desktop", "TSSecKeySet1", 1);
    software.at(&format!(r"{STORE}\MY\Certificates"));
    // every host's logs are full of these: a renewed certificate, a listener, dropped connections
    let logs = vec![
        Log(SYSTEM, RCM, vec![(1056, 40 * 86_400, ""), (9999, 60, "")]),
        Log(RCM_ADMIN, RCM, vec![(258, 40 * 86_400, ""), (258, 60, "")]),
        Log(RDP_CORE, CORE, vec![(131, 86_400, ""), (226, 86_400, ""), (143, 30, "")]),
    ];
    Disk { system, software, keys: vec![format!("f686aace6942fb7f7ceb231212eef4a4_{GUID}")], logs }
}

/// Puts a certificate with such a key of a legacy provider into a store; returns its thumbprint.
fn store(software: &mut Node, store: &str, container: &str, key_spec: u32) -> String {
    let der = rcgen::generate_simple_self_signed(["server01".to_owned()]).unwrap().cert.der().to_vec();
    let strings = wide(&format!("{container}\0{LEGACY}\0"));
    let behind = 28 + u32::try_from(wide(container).len()).unwrap() + 2;
    let record = [28, behind, 1, 0x20, 0, 0, key_spec]
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
        let logs = root.join("windows/System32/winevt/logs");
        fs::create_dir_all(&logs).unwrap();
        self.logs.iter().for_each(|log| fs::write(logs.join(log.file()), log.bytes()).unwrap());
        // irrelevant files are not looked at
        fs::write(root.join("pagefile.sys"), b"regf").unwrap();
        root
    }

    /// Adds an entry this many seconds before the disk was looked at.
    fn logged(&mut self, channel: &'static str, provider: &'static str, entries: &[(u16, u64, &'static str)]) {
        self.logs.retain(|log| log.0 != channel);
        self.logs.push(Log(channel, provider, entries.to_vec()));
    }

    /// Writes an audit log, in place of that of Remote Connection Manager for administrators, with one refused logon
    /// through Remote Desktop.
    fn refused(&mut self, status: &'static str) {
        self.logs.retain(|log| log.0 != RCM_ADMIN);
        self.logs.push(Log("Security", SECURITY, vec![(4625, 60, status)]));
    }

    /// Lists the causes that are found when it is the disk of a client.
    fn causes_of_client(&self, test: &str) -> Vec<String> {
        let root = self.mounted(test);
        let gathered = gather(&[]).with_client(std::slice::from_ref(&root));
        fs::remove_dir_all(&root).unwrap();
        assert!(gathered.unread.is_empty(), "{:?}", gathered.unread);
        causes(&gathered, "mstsc-11")
    }

    /// Lists the causes that are found on it.
    fn causes(&self, test: &str, client: &str) -> Vec<String> {
        let root = self.mounted(test);
        let gathered = gather(std::slice::from_ref(&root));
        fs::remove_dir_all(&root).unwrap();
        assert!(gathered.unread.is_empty(), "{:?}", gathered.unread);
        let kinds: Vec<_> = gathered.pieces.iter().map(|(_, kind, _)| *kind).collect();
        assert_eq!(
            kinds,
            [&[Kind::WindowsDisk, Kind::RegistryHive, Kind::RegistryHive][..], &[Kind::EventLog; 3]].concat()
        );
        let found = causes(&gathered, client);
        let redacted = super::redaction::redacted(&gathered.pieces);
        let names = gathered.pieces.into_iter().map(|(path, kind, _)| (path, kind));
        let pieces = names.zip(redacted).map(|((path, kind), piece)| (path, kind, piece)).collect();
        assert_eq!(causes(&Gathered { pieces, ..Gathered::default() }, client), found, "redacted");
        found
    }
}

/// Lists the causes that are found in it.
fn causes(gathered: &Gathered, client: &str) -> Vec<String> {
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, AT);
    // a machine may be a host and, by an entry of its log, a client of others
    let hosts = evidence.hosts().count();
    let one = evidence.subjects.windows(2).all(|two| two[0].name == two[1].name) && hosts <= 1;
    assert!(one && evidence.subjects.len() <= 2, "disk, hives and logs are of one machine: {:?}", evidence.subjects);
    let context = Context {
        target: None,
        profile: ClientProfile::find(client).unwrap(),
        profile_source: ProfileSource::Default,
        at: AT,
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        gateway: None,
    };
    let found = diagnose(&evidence, &context, Run::default()).findings;
    found.into_iter().map(|found| found.cause).collect()
}

#[test]
fn a_healthy_disk_has_no_finding() {
    assert_eq!(healthy().causes("healthy", "mstsc-11"), [""; 0]);
}

type Change = fn(&mut Disk);

/// Changes of hives, each with the one cause that must be found.
const IN_HIVES: &[(&str, Change)] = &[
    ("remote-desktop-disabled", |disk| {
        _ = disk.software.dword(r"Policies\Microsoft\Windows NT\Terminal Services", "fDenyTSConnections", 1);
    }),
    ("listener-disabled", |disk| _ = disk.system.dword(L, "fEnableWinStation", 0)),
    ("service-stopped", |disk| _ = disk.system.dword(r"ControlSet001\Services\TermService", "Start", 4)),
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
    // the certificate is there, but the file of its key is not
    ("certificate-binding-stale", |disk| {
        let thumbprint = store(&mut disk.software, "MY", "{0B6A1F2E-1111-4222-8333-123456789ABC}", 1);
        disk.system.set(L, "SSLCertificateSHA1Hash", &RegistryData::Binary(thumbprint));
    }),
    ("private-key-unusable", |disk| disk.keys = vec![format!("6de9cb26d2b98c01ec4e9e8b34824aa2_{GUID}")]),
    ("certificate-key-wrong-type", |disk| {
        let thumbprint = store(&mut disk.software, "MY", "TSSecKeySet1", 2);
        disk.system.set(L, "SSLCertificateSHA1Hash", &RegistryData::Binary(thumbprint));
    }),
    ("key-container-orphaned", |disk| disk.keys = vec!["f686aace6942fb7f7ceb231212eef4a4_99999999".to_owned()]),
    ("update-regression", |disk| {
        disk.software.text(WINDOWS, "CurrentBuildNumber", "26100").dword(WINDOWS, "UBR", 3476);
    }),
    ("standard-security-only", |disk| {
        disk.system.dword(L, "SecurityLayer", 0).dword(L, "UserAuthentication", 0);
    }),
    ("negotiation-disabled", |disk| _ = disk.system.dword(L, "fAllowSecProtocolNegotiation", 0)),
    ("credssp-client-refused", |disk| {
        let path = r"Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters";
        _ = disk.software.dword(path, "AllowEncryptionOracle", 0);
    }),
];

/// Changes of event logs, each with its cause.
const IN_LOGS: &[(&str, Change)] = &[
    ("outstanding-connections-limit", |disk| disk.logged(RCM_ADMIN, RCM, &[(1006, 120, "")])),
    ("licensing-grace-expired", |disk| disk.logged(RCM_ADMIN, RCM, &[(1069, 3600, "")])),
    ("spn-missing", |disk| disk.logged(SYSTEM, RCM, &[(1067, 3600, "1355"), (9999, 60, "")])),
    ("service-crashing", |disk| disk.logged(SYSTEM, SERVICES, &[(7034, 120, "Remote Desktop Services")])),
    ("host-was-off", |disk| disk.logged(SYSTEM, EVENT_LOG, &[(6008, 60, "")])),
    ("brute-force-flood", |disk| disk.logged(RDP_CORE, CORE, &[(140, 300, "203.0.113.7"); 120])),
    ("encryption-oracle-policy", |disk| disk.logged(SYSTEM, LSA, &[(6041, 120, "TERMSRV/old-server 4")])),
    ("certificate-renewal-failing", |disk| disk.logged(SYSTEM, RCM, &[(1058, 600, "access denied")])),
    ("private-key-unusable", |disk| disk.logged(SYSTEM, SCHANNEL, &[(36870, 60, "server")])),
    ("service-stopped", |disk| {
        let stopped = "Remotedesktopdienste|beendet|5400650072006D0053006500720076006900630065002F0031000000";
        disk.logged(SYSTEM, SERVICES, &[(7036, 60, stopped)]);
    }),
    ("service-stopped", |disk| disk.logged(SYSTEM, SERVICES, &[(7000, 60, "Remote Desktop Services|%%1069")])),
    ("trust-broken", |disk| disk.logged(SYSTEM, NETLOGON, &[(3210, 60, "CORP")])),
    ("trust-broken", |disk| disk.refused("10|0xc000018d|0x0|user.alpha|CORP|192.0.2.9")),
    ("account-locked", |disk| disk.refused("10|0xc0000234|0x0|user.alpha|CORP|192.0.2.9")),
    ("account-disabled", |disk| disk.refused("10|0xc000006e|0xc0000072|user.alpha|CORP|192.0.2.9")),
    ("account-expired", |disk| disk.refused("10|0xc0000193|0x0|user.alpha|CORP|192.0.2.9")),
    ("account-restricted", |disk| disk.refused("10|0xc000006e|0x0|user.alpha|CORP|192.0.2.9")),
    ("logon-hours", |disk| disk.refused("10|0xc000006e|0xc000006f|user.alpha|CORP|192.0.2.9")),
    ("workstation-restricted", |disk| disk.refused("10|0xc000006e|0xc0000070|user.alpha|CORP|192.0.2.9")),
    ("password-expired", |disk| disk.refused("10|0xc000006e|0xc0000071|user.alpha|CORP|192.0.2.9")),
    ("logon-right-missing", |disk| disk.refused("10|0xc000015b|0x0|user.alpha|CORP|192.0.2.9")),
    ("logon-failure", |disk| disk.refused("10|0xc000006d|0xc000006a|user.alpha|CORP|192.0.2.9")),
];

/// Changes on the disk of a client, each with its cause.
const OF_CLIENT: &[(&str, Change)] = &[
    ("client-tls12-disabled", |disk| {
        _ = disk.system.dword(&TLS12.replace("Server", "Client"), "Enabled", 0);
    }),
    ("client-update-regression", |disk| {
        disk.software.text(WINDOWS, "CurrentBuildNumber", "26100").dword(WINDOWS, "UBR", 7623);
        disk.software.text(WINDOWS, "EditionID", "Professional");
    }),
];

#[test]
fn each_fault_of_a_client_is_found_alone() {
    // faults that keep others from connecting to it do not matter for a client
    let mut off = healthy();
    off.system.dword(T, "fDenyTSConnections", 1);
    assert_eq!(off.causes_of_client("client"), [""; 0]);
    for (cause, change) in OF_CLIENT {
        let mut disk = healthy();
        change(&mut disk);
        assert_eq!(disk.causes_of_client(cause), [*cause]);
    }
}

#[test]
fn each_fault_is_found_alone() {
    for (cause, change) in IN_HIVES.iter().chain(IN_LOGS) {
        let mut disk = healthy();
        change(&mut disk);
        // a client without the update of 2018 is the one that a strict host refuses
        let client = if *cause == "credssp-client-refused" { "mstsc-7" } else { "mstsc-11" };
        // the listener is set to Standard RDP Security, which is the trouble with FIPS mode
        let also: &[&str] = if *cause == "fips-mode-forced" { &["standard-security-only"] } else { &[] };
        assert_eq!(disk.causes(cause, client), [also, &[*cause]].concat());
    }
}

/// Way in which a cause is proved from a disk.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    /// By a hive, in `IN_HIVES`.
    Hive,
    /// By an event log, in `IN_LOGS`.
    Log,
    /// By a hive of a client, in `OF_CLIENT`.
    ClientHive,
    /// By an `.rdp` file, in `tests/rdp_files.rs`.
    RdpFile,
    /// By a recorded state only, for this reason.
    StateAlone(&'static str),
}

/// Every cause that shows in a machine's own files, and how.
const SHOWN: &[(&str, Shown)] = &[
    ("certificate-key-wrong-type", Shown::Hive),
    ("certificate-renewal-failing", Shown::Log),
    ("certificate-binding-stale", Shown::Hive),
    (
        "machine-keys-unwritable",
        Shown::StateAlone("only a driver for NTFS shows the rights on a folder, which a test cannot make"),
    ),
    ("key-container-orphaned", Shown::Hive),
    ("encryption-oracle-policy", Shown::Log),
    ("edition-without-remote-desktop", Shown::Hive),
    ("remote-desktop-disabled", Shown::Hive),
    ("listener-disabled", Shown::Hive),
    ("service-stopped", Shown::Hive),
    ("service-crashing", Shown::Log),
    ("host-was-off", Shown::Log),
    ("account-locked", Shown::Log),
    ("account-disabled", Shown::Log),
    ("account-expired", Shown::Log),
    ("account-restricted", Shown::Log),
    ("logon-hours", Shown::Log),
    ("workstation-restricted", Shown::Log),
    ("password-expired", Shown::Log),
    ("logon-right-missing", Shown::Log),
    ("trust-broken", Shown::Log),
    ("logon-failure", Shown::Log),
    ("logons-disabled", Shown::Hive),
    ("firewall-blocks-rdp", Shown::Hive),
    ("tls12-disabled", Shown::Hive),
    ("cipher-order-policy", Shown::Hive),
    ("security-layer-inconsistent", Shown::Hive),
    ("fips-mode-forced", Shown::Hive),
    ("outstanding-connections-limit", Shown::Log),
    ("brute-force-flood", Shown::Log),
    ("licensing-grace-expired", Shown::Log),
    ("listener-patched", Shown::Hive),
    ("spn-missing", Shown::Log),
    ("rdp-file-misconfigured", Shown::RdpFile),
    ("rdp-file-signature-broken", Shown::RdpFile),
    ("update-regression", Shown::Hive),
    ("client-tls12-disabled", Shown::ClientHive),
    ("client-update-regression", Shown::ClientHive),
];

/// The list and the proofs agree, and at least twenty are by a hive or a log.
#[test]
fn it_is_said_how_each_cause_is_shown() {
    let known = |id: &str| diagnosis::causes::find(id).is_some();
    assert!(SHOWN.iter().all(|(id, _)| known(id)), "a cause that does not exist");
    let shown = |how: &Shown| SHOWN.iter().filter(|(_, shown)| shown == how).map(|(id, _)| *id).collect::<Vec<_>>();
    for (how, proofs) in [(Shown::Hive, IN_HIVES), (Shown::Log, IN_LOGS), (Shown::ClientHive, OF_CLIENT)] {
        let here = |id: &&str| proofs.iter().any(|(cause, _)| cause == id);
        assert!(shown(&how).iter().all(here), "{how:?}: {:?}", shown(&how));
    }
    // causes of other parts that a disk shows as well
    let more = [
        "credssp-client-refused",
        "private-key-unusable",
        "standard-security-only",
        "negotiation-disabled",
        // by states of a machine that was read live, in their own files
        "listener-port-taken",
        "disk-full",
        "reboot-pending",
        "system-files-damaged",
        "outbound-firewall-blocks",
        "stale-saved-credential",
        "network-filter-present",
        // by captures, in tests/captures/many.rs
        "one-client-fails",
    ];
    let inside = |cause: &diagnosis::cause::Cause| matches!(cause.stage, Stage::Host | Stage::Client);
    for cause in diagnosis::causes::ALL.iter().filter(|cause| inside(cause)) {
        let listed = more.contains(&cause.id) || SHOWN.iter().any(|(id, _)| *id == cause.id);
        assert!(listed, "nothing says how {} is shown", cause.id);
    }
    for (cause, _) in IN_HIVES.iter().chain(IN_LOGS).chain(OF_CLIENT) {
        assert!(more.contains(cause) || SHOWN.iter().any(|(id, _)| id == cause), "{cause} is shown and not listed");
    }
    assert!(shown(&Shown::Hive).len() + shown(&Shown::Log).len() >= 20);
}
