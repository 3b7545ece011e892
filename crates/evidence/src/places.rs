//! Places that readers look up on a machine: registry keys, certificate stores, services.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Part that the machine plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The machine to connect to.
    #[default]
    Host,
    /// The machine that connects.
    Client,
}

/// `Control\Terminal Server`: the host's own settings.
pub const TERMINAL_SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server";
/// The listener's own key.
pub const LISTENER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
/// Group policy for both, which wins over them.
pub const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";
/// Schannel itself: which events it logs.
pub const SCHANNEL_SETTINGS: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL";
/// The protocols of Schannel; below it `TLS 1.2\Server` and so on.
pub const SCHANNEL: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols";
/// Settings of the local security authority.
pub const LSA: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa";
/// Settings of NTLM, among them whom this machine may show itself to by it.
pub const NTLM: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0";
/// The web proxy of the person who is logged on. Of its many settings only those of `PROXY_VALUES` are read.
pub const PROXY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings";
/// Values of [`PROXY`] that are read.
const PROXY_VALUES: &[&str] = &["AutoConfigURL", "AutoDetect", "ProxyEnable", "ProxyOverride", "ProxyServer"];
/// The policy for cipher suites.
pub const CIPHER_POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002";
/// CredSSP's settings on a client and on a host.
pub const CREDSSP: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters";
/// Edition, version and build of Windows.
pub const WINDOWS: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
/// Logon settings. Only `WinStationsDisabled` is read of them, because a password may stand beside it.
pub const WINLOGON: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon";
/// The machine's name.
pub const COMPUTER_NAME: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName";
/// Names by which DNS knows the machine: `NV Hostname` is the configured one, `Hostname` the one in force since it
/// started.
pub const TCPIP: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters";
/// Key of the MachineGuid, which makes the names of key files the machine's own.
pub const CRYPTOGRAPHY: &str = r"HKLM\SOFTWARE\Microsoft\Cryptography";
/// The firewall's rules, one value each.
pub const FIREWALL_RULES: &str =
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules";
/// Firewall rules from device management (MDM, such as Intune).
pub const FIREWALL_MDM_RULES: &str =
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\FirewallRules";
/// Firewall rules from group policies.
pub const FIREWALL_POLICY_RULES: &str = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\FirewallRules";
/// FIPS mode.
pub const FIPS: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy";
/// Parameters of TermService, with the library that it runs.
pub const TERMSERVICE: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\TermService\Parameters";
/// Key that is there as long as the servicing of components waits for a restart.
pub const RESTART_SERVICING: &str =
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending";
/// Key that is there as long as Windows Update waits for a restart.
pub const RESTART_UPDATE: &str =
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired";
/// The machine's own certificates, among them one bound to the listener.
pub const STORE_MY: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates";
/// Certificates that Windows made for Remote Desktop.
pub const STORE_REMOTE_DESKTOP: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates";

/// Components that lie between the network's adapters and the rest of Windows, a key each: the class of network
/// services among the setup classes of devices.
pub const FILTERS: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Network\{4D36E974-E325-11CE-BFC1-08002BE10318}";

/// Authorities that an administrator or a policy made this machine trust, and some of Windows itself.
pub const STORES_ROOT: &[&str] = &[
    r"HKLM\SOFTWARE\Microsoft\SystemCertificates\ROOT\Certificates",
    r"HKLM\SOFTWARE\Policies\Microsoft\SystemCertificates\Root\Certificates",
    r"HKLM\SOFTWARE\Microsoft\EnterpriseCertificates\Root\Certificates",
];
/// Name of that store, in [`crate::state::StoredCertificate::store`].
pub const ROOT: &str = "Root";

/// Every registry key that a reader looks up: one that is listed here and missing from a state was not read.
pub const KEYS: &[&str] = &[
    TERMINAL_SERVER,
    LISTENER,
    r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations",
    r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\RCM\Licensing Core",
    POLICY,
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\Client",
    SCHANNEL_SETTINGS,
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Server",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.1\Server",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.3\Server",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Client",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.1\Client",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client",
    r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.3\Client",
    LSA,
    NTLM,
    FIPS,
    CIPHER_POLICY,
    CREDSSP,
    WINDOWS,
    WINLOGON,
    COMPUTER_NAME,
    TCPIP,
    CRYPTOGRAPHY,
    TERMSERVICE,
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile",
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile",
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\PublicProfile",
    FIREWALL_RULES,
    FIREWALL_MDM_RULES,
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\DomainProfile",
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\StandardProfile",
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\PublicProfile",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\PrivateProfile",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\PublicProfile",
    FIREWALL_POLICY_RULES,
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile\Services\RemoteDesktop",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile\Services\RemoteDesktop",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile\GloballyOpenPorts\List",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile\GloballyOpenPorts\List",
    RESTART_SERVICING,
    RESTART_UPDATE,
    STORE_MY,
    STORE_REMOTE_DESKTOP,
    r"HKCU\Software\Microsoft\Terminal Server Client",
    r"HKCU\Software\Microsoft\Terminal Server Client\Default",
    r"HKCU\Software\Policies\Microsoft\Windows NT\Terminal Services",
    r"HKCU\Software\Policies\Microsoft\Windows NT\Terminal Services\Client",
    PROXY,
];

/// True for a key of [`KEYS`] that says something about a machine as the client of others. The firewall's are among
/// them, and with these the listener's, whose port decides about incoming rules.
pub fn is_of_client(path: &str) -> bool {
    let alone = [POLICY, LISTENER, LSA, NTLM, CIPHER_POLICY, CREDSSP, WINDOWS];
    let among = ["\\FirewallPolicy\\", "\\WindowsFirewall"].iter().any(|part| path.contains(part));
    path.starts_with("HKCU\\") || path.ends_with("\\Client") || among || alone.contains(&path)
}

/// Keys of which only these values are read: a password may stand beside them, or much that concerns nobody.
pub const IN_PART: &[(&str, &[&str])] = &[(WINLOGON, &["WinStationsDisabled"]), (PROXY, PROXY_VALUES)];

/// True if a reader keeps this value of a key of [`KEYS`].
pub fn takes(path: &str, value: &str) -> bool {
    let part = IN_PART.iter().find(|(key, _)| path.eq_ignore_ascii_case(key));
    part.is_none_or(|(_, values)| values.iter().any(|known| value.eq_ignore_ascii_case(known)))
}

/// Programs whose version matters.
pub const PROGRAMS: &[&str] = &["termsrv.dll", "mstsc.exe", "mstscax.dll"];

/// Services without which there is no Remote Desktop, and the firewall's own.
pub const SERVICES: &[&str] =
    &["TermService", "SessionEnv", "UmRdpService", "CertPropSvc", "KeyIso", "CryptSvc", "RpcSs", "MpsSvc"];

/// Services of xrdp on Linux: itself, and its manager of sessions.
pub const XRDP_SERVICES: [&str; 2] = ["xrdp", "xrdp-sesman"];
