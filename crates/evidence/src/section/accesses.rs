//! Watched accesses to files and registry keys. In a redacted state the place stays, and of a path only the part that
//! tells where in that place it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Count, Section, Turn};
use crate::access::{Asked, COMPONENTS, Place, REFUSALS, SERVICES};
use crate::key_names::RDP_KEY;
use crate::moment::moment;
use crate::printable::printable;
use crate::redaction::{REDACTED, kept, one_of};

/// A recording of accesses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessTrace {
    /// Accesses in it, by any program to any place.
    pub records: u64,
    /// Lines of it that could not be read.
    #[serde(default)]
    pub malformed: u64,
    /// Refusals at places that matter that were left out, because there were too many.
    #[serde(default)]
    pub left_out: u64,
}

/// Access that was refused at a place that matters; equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedAccess {
    /// Name of the program, such as `lsass.exe`.
    pub process: String,
    /// Process id.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Service that the program runs, where that was recorded.
    #[serde(default)]
    pub service: Option<String>,
    /// Kind of place that was refused.
    pub place: Place,
    /// Path of the file, key or value.
    pub path: String,
    /// Operation, such as `CreateFile`.
    pub operation: String,
    /// Kind of access asked for; null where that was not recorded.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// Result, in the words of Process Monitor.
    pub result: String,
    /// Time of the first one as recorded: RFC 3339, UTC, or the time of day alone, in the machine's own time zone.
    #[serde(default)]
    pub clock: Option<String>,
    /// Number of equal refusals.
    pub count: u64,
    /// True if the same process was granted an access to the same place in the same recording: then this is no fault.
    pub granted: bool,
    /// True if the recording shows any access that this program was granted; if not, nothing can be concluded.
    pub comparable: bool,
}

impl RefusedAccess {
    /// Says for a report which access was refused.
    pub fn words(&self) -> String {
        let who = self.service.as_ref().map_or(String::new(), |service| format!(" ({service})"));
        let asked = self.asked.map_or("open", Asked::words);
        let times = if self.count > 1 { format!(", {} times", self.count) } else { String::new() };
        let clock = self.clock.as_ref().map_or(String::new(), |clock| format!(" at {clock}"));
        let dated = self.clock.as_deref().is_some_and(|clock| moment(clock).is_some());
        let undated = if dated { "" } else { ", in a recording without a date" };
        printable(&format!(
            "{}{who} was refused to {asked} {} {}: {} on {}{times}{clock}{undated}",
            self.process,
            self.place.words(),
            self.path,
            self.result,
            self.operation
        ))
    }

    /// Returns the name of the file, or the last part of a key.
    pub fn name(&self) -> &str {
        self.path.rsplit('\\').next().unwrap_or_default()
    }
}

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

impl Section for AccessTrace {
    const FACT: &'static str = "access.trace";
    const TITLE: &'static str = "recordings of accesses";
    const COUNT: Option<Count> = Some(Count::Records(["recorded access", "recorded accesses"]));

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        let Self { records: _, malformed: _, left_out: _ } = self;
        self.clone()
    }

    fn records(&self) -> u64 {
        self.records
    }
}

impl Section for RefusedAccess {
    const FACT: &'static str = "access.refused";
    const TITLE: &'static str = "refused accesses";
    const TURN: Turn = Turn::Second;

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
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
        } = self;
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

/// Keeps a moment, and a time of day with colons, such as `9:00:01.1234567 AM`; other forms could be addresses.
fn time_of_day(text: &str) -> String {
    if moment(text).is_some() {
        return text.to_owned();
    }
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
        let access = RefusedAccess { place, ..sketch::refused(path, Asked::Read, "ACCESS DENIED") };
        let renamed = |access: &RefusedAccess| access.renamed(&mut Names::default(), &[]);
        let once = renamed(&access);
        assert_eq!(renamed(&once), once, "twice");
        assert_eq!(Place::of(&once.path), Some(place), "{}", once.path);
        once.path
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
