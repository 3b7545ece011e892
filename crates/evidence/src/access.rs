//! Watched accesses to files and registry keys (Process Monitor): which of them matter, what was asked for, and who was
//! refused.
//!
//! A healthy Windows refuses much: programs ask for more than they need and then again for less, and ordinary users may
//! not read the machine's keys. So a refusal counts only of a service that has to get in, and only if the same
//! recording shows what that service was granted and does not show that it got in otherwise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key_names::RDP_KEY;

pub use crate::section::accesses::{AccessTrace, RefusedAccess};

/// A place at which a refusal matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A key file of the container of Remote Desktop.
    RdpKeyFile,
    /// A folder of the machine's private keys, or any other file in it.
    KeyFolder,
    /// The listener's registry key, its values and its subkeys.
    Listener,
    /// The store of certificates that Windows makes for Remote Desktop.
    CertificateStore,
    /// A file of Remote Desktop itself.
    Component,
}

/// Kind of access that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// Reading data, nothing more.
    Read,
    /// Writing into existing data.
    Write,
    /// Creating something.
    Create,
    /// Deleting, changing rights, or everything at once: a program refused that often asks again for less.
    More,
    /// Attributes or existence only, no data.
    Attributes,
}

/// Process Monitor's result for a granted access.
pub const GRANTED: &str = "SUCCESS";
/// Result: refused for lack of rights.
pub const ACCESS_DENIED: &str = "ACCESS DENIED";
/// Result: refused by a write-protected volume.
pub const WRITE_PROTECTED: &str = "MEDIA WRITE PROTECTED";
/// Result: refused by a full volume.
pub const DISK_FULL: &str = "DISK FULL";
/// Results that are refusals. A name that is not found is normal.
pub const REFUSALS: &[&str] = &[ACCESS_DENIED, WRITE_PROTECTED, DISK_FULL, "SHARING VIOLATION"];

/// Services that need access, where several share one program.
pub(crate) const SERVICES: &[&str] = &["TermService", "SessionEnv", "CryptSvc", "KeyIso"];
/// Service groups in which they ran with others before each service had a process of its own.
const GROUPS: &[&str] = &["termsvcs", "NetworkService", "netsvcs"];
/// Beginnings of the names of service accounts, in the languages we know: refusals of other accounts are not ours.
const AUTHORITIES: &[&str] = &["nt authority\\", "nt-autorität\\", "autorite nt\\"];

const KEY_FOLDERS: &[&str] = &[r"\microsoft\crypto\rsa\machinekeys", r"\microsoft\crypto\keys"];
const MACHINE_WIDE: &[&str] = &[r"\programdata\", r"\all users\application data\"];
/// Files of Remote Desktop itself.
pub(crate) const COMPONENTS: &[&str] = &["termsrv.dll", "rdpcorets.dll", "sessenv.dll", "umrdp.dll"];

impl Place {
    /// Classifies a path as Process Monitor writes it; `None` if it does not matter.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.to_lowercase();
        if path.starts_with(r"hklm\") {
            return Self::of_key(&path);
        }
        if let Some((_, name)) = path.rsplit_once(r"\windows\system32\") {
            return COMPONENTS.contains(&name).then_some(Self::Component);
        }
        if !MACHINE_WIDE.iter().any(|folder| path.contains(folder)) {
            return None;
        }
        let rest = KEY_FOLDERS.iter().find_map(|folder| Some(path.split_once(folder)?.1))?;
        match rest.strip_prefix('\\') {
            None => rest.is_empty().then_some(Self::KeyFolder),
            Some(name) if name.starts_with(RDP_KEY) => Some(Self::RdpKeyFile),
            Some(_) => Some(Self::KeyFolder),
        }
    }

    fn of_key(path: &str) -> Option<Self> {
        let below = |rest: &str| rest.is_empty() || rest.starts_with('\\');
        if let Some(rest) = path.strip_prefix(r"hklm\software\microsoft\systemcertificates\remote desktop") {
            return below(rest).then_some(Self::CertificateStore);
        }
        let rest = path.strip_prefix(r"hklm\system\")?.split_once('\\')?.1;
        let rest = rest.strip_prefix(r"control\terminal server\winstations\rdp-tcp")?;
        below(rest).then_some(Self::Listener)
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::RdpKeyFile => "the key file",
            Self::KeyFolder => "the folder of private keys",
            Self::Listener => "the listener's key",
            Self::CertificateStore => "the store",
            Self::Component => "the component",
        }
    }
}

impl Asked {
    /// Classifies an operation by its details; `None` where they do not tell.
    pub fn of(operation: &str, detail: &str) -> Option<Self> {
        match operation {
            "ReadFile" | "RegQueryValue" | "RegEnumValue" | "RegEnumKey" | "QueryDirectory" => Some(Self::Read),
            "WriteFile" | "RegSetValue" | "RegDeleteValue" => Some(Self::Write),
            "RegCreateKey" | "CreateFile" | "RegOpenKey" => {
                let wanted = between(detail, "Desired Access: ", ", Disposition: ")?.to_ascii_lowercase();
                let makes = operation == "RegCreateKey" || between(detail, "Disposition: ", ",") == Some("Create");
                Some(Self::of_rights(&wanted, makes))
            }
            _ => Some(Self::Attributes),
        }
    }

    fn of_rights(wanted: &str, makes: bool) -> Self {
        let any = |words: &[&str]| words.iter().any(|word| wanted.contains(word));
        let beyond = ["all access", "delete", "write dac", "write owner", "access system security", "maximum allowed"];
        if any(&beyond) {
            Self::More
        } else if makes {
            Self::Create
        } else if any(&["generic write", "read/write", "write data", "append", "set value", "create sub key"])
            || wanted.split(',').any(|right| right.trim() == "write")
        {
            Self::Write
        } else if any(&["generic read", "read data", "query value", "enumerate sub"])
            || wanted.split(',').any(|right| right.trim() == "read")
        {
            Self::Read
        } else {
            Self::Attributes
        }
    }

    /// True if it is about data, so that being granted it shows more than existence.
    pub fn is_data(self) -> bool {
        self != Self::Attributes
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::More => "change or delete",
            Self::Attributes => "look at",
        }
    }
}

fn between<'a>(text: &'a str, from: &str, until: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    Some(rest.split_once(until).map_or(rest, |(found, _)| found).trim())
}

/// Names the service by its command line; `None` if the program needs no access, `Some(None)` if it may be one of ours.
pub fn service(process: &str, command_line: Option<&str>) -> Option<Option<&'static str>> {
    if process.eq_ignore_ascii_case("lsass.exe") {
        return Some(None);
    }
    if !process.eq_ignore_ascii_case("svchost.exe") {
        return None;
    }
    let Some(line) = command_line.filter(|line| !line.trim().is_empty()) else { return Some(None) };
    let mut words = line.split_whitespace();
    let mut after = |flag: &str| words.by_ref().find(|word| word.eq_ignore_ascii_case(flag)).and_then(|_| words.next());
    let group = after("-k");
    let known = |list: &[&'static str], name: &str| list.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
    match after("-s") {
        Some(name) => known(SERVICES, name).map(Some),
        None => known(GROUPS, group?).map(|_| None),
    }
}

/// True if the program acted as itself or for a system account: for an ordinary user a refusal is normal.
pub fn acts_for_the_system(detail: &str) -> bool {
    let Some(account) = between(detail, "Impersonating: ", ",") else { return true };
    let account = account.to_lowercase();
    AUTHORITIES.iter().any(|authority| account.starts_with(authority)) && !account.ends_with("anonymous logon")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_machines_own_places_matter() {
        for (path, expected) in [
            (r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys", Some(Place::KeyFolder)),
            (r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\0a_1", Some(Place::KeyFolder)),
            (
                r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\F686aace6942fb7f7ceb231212eef4a4_1",
                Some(Place::RdpKeyFile),
            ),
            (r"C:\ProgramData\Microsoft\Crypto\Keys\f686aace6942fb7f7ceb231212eef4a4_1", Some(Place::RdpKeyFile)),
            (r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeysOld\a", None),
            (r"C:\Users\a\AppData\Roaming\Microsoft\Crypto\Keys\a", None),
            (r"HKLM\System\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp", Some(Place::Listener)),
            (
                r"HKLM\SYSTEM\ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp\PortNumber",
                Some(Place::Listener),
            ),
            (r"HKLM\SYSTEM\ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp-2", None),
            (
                r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates\AB",
                Some(Place::CertificateStore),
            ),
            (r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Root", None),
            (r"C:\Windows\System32\termsrv.dll", Some(Place::Component)),
            (r"C:\Windows\System32\kernel32.dll", None),
            ("", None),
        ] {
            assert_eq!(Place::of(path), expected, "{path}");
        }
    }

    #[test]
    fn what_was_asked_stands_in_the_details() {
        let open = |access: &str, disposition: &str| {
            let detail = format!("Desired Access: {access}, Disposition: {disposition}, Options: Non-Directory File");
            Asked::of("CreateFile", &detail)
        };
        assert_eq!(open("Generic Read", "Open"), Some(Asked::Read));
        assert_eq!(open("Read Data/List Directory, Synchronize", "Open"), Some(Asked::Read));
        assert_eq!(open("Generic Read/Write", "Open"), Some(Asked::Write));
        assert_eq!(open("Generic Read/Write, Delete", "Open"), Some(Asked::More));
        assert_eq!(open("Generic Write", "Create"), Some(Asked::Create));
        assert_eq!(open("Read Attributes", "Open"), Some(Asked::Attributes));
        assert_eq!(Asked::of("CreateFile", ""), None);
        assert_eq!(Asked::of("RegOpenKey", "Desired Access: Read"), Some(Asked::Read));
        assert_eq!(Asked::of("RegOpenKey", "Desired Access: Maximum Allowed"), Some(Asked::More));
        assert_eq!(Asked::of("RegCreateKey", "Desired Access: Read/Write"), Some(Asked::Create));
        assert_eq!(Asked::of("QueryOpen", ""), Some(Asked::Attributes));
    }

    #[test]
    fn only_services_that_have_to_get_in_count() {
        assert_eq!(service("lsass.exe", None), Some(None));
        assert_eq!(service("SVCHOST.EXE", Some("svchost.exe -k termsvcs -s TermService")), Some(Some("TermService")));
        assert_eq!(service("svchost.exe", Some("svchost.exe -k netsvcs -p -s wuauserv")), None);
        assert_eq!(service("svchost.exe", Some("svchost.exe -k NetworkService")), Some(None));
        assert_eq!(service("svchost.exe", Some("svchost.exe -k LocalService")), None);
        assert_eq!(service("svchost.exe", None), Some(None));
        assert_eq!(service("explorer.exe", None), None);
    }

    #[test]
    fn whoever_is_impersonated_has_to_be_of_the_system() {
        assert!(acts_for_the_system("Desired Access: Generic Read"));
        assert!(acts_for_the_system(r"a, Impersonating: NT AUTHORITY\NETWORK SERVICE, OpenResult: Opened"));
        assert!(acts_for_the_system(r"a, Impersonating: NT-AUTORITÄT\NETZWERKDIENST"));
        assert!(!acts_for_the_system(r"a, Impersonating: CORP\alice"));
        assert!(!acts_for_the_system(r"a, Impersonating: NT AUTHORITY\ANONYMOUS LOGON"));
    }
}
