//! Watched accesses without names: the place stays, and of a path only the part that tells where in that place it is.

use wire::redaction::Names;

use super::{REDACTED, kept, one_of};
use crate::access::{COMPONENTS, Place, REFUSALS, RefusedAccess, SERVICES};
use crate::key_names::RDP_KEY;

const PROCESSES: &[&str] = &["lsass.exe", "svchost.exe"];
const OPERATIONS: &[&str] = &[
    "CreateFile",
    "ReadFile",
    "WriteFile",
    "QueryDirectory",
    "RegOpenKey",
    "RegCreateKey",
    "RegQueryValue",
    "RegEnumValue",
    "RegEnumKey",
    "RegSetValue",
    "RegDeleteValue",
];
/// Folders of keys on every Windows that uses the default drive.
const KEYS: &str = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
const LISTENER: &str = r"HKLM\System\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const STORE: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop";
const CERTIFICATES: &str = r"\certificates\";

pub(super) fn renamed(access: &RefusedAccess, names: &mut Names) -> RefusedAccess {
    let RefusedAccess {
        process,
        pid,
        service,
        place,
        path,
        operation,
        asked,
        result,
        clock,
        count,
        granted,
        comparable,
    } = access;
    RefusedAccess {
        process: kept(PROCESSES, process),
        pid: *pid,
        service: service.as_deref().map(|name| kept(SERVICES, name)),
        place: *place,
        path: renamed_path(*place, path, names),
        operation: kept(OPERATIONS, operation),
        asked: *asked,
        result: kept(REFUSALS, result),
        clock: clock.as_deref().map(time_of_day),
        count: *count,
        granted: *granted,
        comparable: *comparable,
    }
}

fn renamed_path(place: Place, path: &str, names: &mut Names) -> String {
    let last = path.rsplit('\\').next().unwrap_or_default();
    match place {
        Place::RdpKeyFile => {
            let own = last.get(..RDP_KEY.len()).filter(|start| start.eq_ignore_ascii_case(RDP_KEY));
            let rest = own.map_or(REDACTED, |start| &last[start.len()..]);
            let rest = if rest == REDACTED { rest.to_owned() } else { names.identifier(rest) };
            format!(r"{KEYS}\{RDP_KEY}{rest}")
        }
        Place::KeyFolder => beneath(KEYS, path, &["MachineKeys", "Keys"]),
        Place::Listener => beneath(LISTENER, path, &["RDP-Tcp"]),
        Place::CertificateStore if path.to_lowercase().contains(CERTIFICATES) => {
            format!(r"{STORE}\Certificates\{}", names.thumbprint(last))
        }
        Place::CertificateStore => beneath(STORE, path, &["Remote Desktop"]),
        Place::Component => {
            format!(r"C:\Windows\System32\{}", one_of(COMPONENTS, last).unwrap_or_else(|| REDACTED.to_owned()))
        }
    }
}

/// Returns the place itself, or a nameless path inside it.
fn beneath(place: &str, path: &str, itself: &[&str]) -> String {
    let last = path.rsplit('\\').next().unwrap_or_default();
    if one_of(itself, last).is_some() { place.to_owned() } else { format!(r"{place}\{REDACTED}") }
}

/// Keeps a time of day with colons, such as `9:00:01.1234567 AM`; other forms could be addresses.
fn time_of_day(text: &str) -> String {
    let plain = text.strip_suffix(" AM").or_else(|| text.strip_suffix(" PM")).unwrap_or(text);
    let (time, fraction) = plain.split_once(['.', ',']).unwrap_or((plain, ""));
    let digits = |part: &str, most: usize| part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = time.split(':').collect();
    let clock = parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && digits(part, 2));
    if clock && digits(fraction, 9) { text.to_owned() } else { REDACTED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch;

    fn path(place: Place, path: &str) -> String {
        let access = RefusedAccess { place, ..sketch::refused(path, crate::access::Asked::Read, "ACCESS DENIED") };
        let renamed = renamed(&access, &mut Names::default());
        assert_eq!(super::renamed(&renamed, &mut Names::default()), renamed, "twice");
        assert_eq!(Place::of(&renamed.path), Some(place), "{}", renamed.path);
        renamed.path
    }

    #[test]
    fn a_path_says_where_it_lies_and_names_nobody() {
        let keys = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
        assert!(!path(Place::RdpKeyFile, &format!(r"{keys}\{RDP_KEY}1234-planted")).contains("planted"));
        assert_eq!(path(Place::KeyFolder, keys), keys);
        assert_eq!(path(Place::KeyFolder, &format!(r"{keys}\planted")), format!(r"{keys}\{REDACTED}"));
        assert!(!path(Place::CertificateStore, &format!(r"{STORE}\Certificates\5D5D")).contains("5D5D"));
        assert_eq!(path(Place::Listener, &format!(r"{LISTENER}\planted")), format!(r"{LISTENER}\{REDACTED}"));
        assert_eq!(path(Place::Component, r"C:\Windows\System32\termsrv.dll"), r"C:\Windows\System32\termsrv.dll");
    }

    #[test]
    fn a_clock_tells_no_more_than_the_time() {
        for kept in ["09:00:01.1234567", "9:00:01,12 AM"] {
            assert_eq!(time_of_day(kept), kept);
        }
        for taken_out in ["09:00 planted", "10.177.166.155", "10:11:12::1", "2001:db8::7", ""] {
            assert_eq!(time_of_day(taken_out), REDACTED);
        }
    }
}
