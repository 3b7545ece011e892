//! Looks at the program for Windows from outside: its size, the DLLs that it wants, what its resources say.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Profile, TOOLS};
use crate::shell;

/// Most bytes of the program that people get.
const SIZE: u64 = 12_000_000;
/// DLLs that every Windows since 7 has; names that begin with `api-ms-win-` are Windows' own too.
const OF_WINDOWS: &[&str] = &[
    "advapi32.dll",
    "bcrypt.dll",
    "crypt32.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "secur32.dll",
    "shell32.dll",
    "user32.dll",
    "userenv.dll",
    "version.dll",
    "wevtapi.dll",
    "ws2_32.dll",
];
/// Functions that succeed under Wine and do nothing there, or answer what is not so; `CoCreateInstance` leads to the
/// firewall's, the network list's and WMI's objects, which do. A test that passes with one of them means nothing, so
/// the program may want none of them. `EvtOpenLog` fails there and says so: the tests see that such a log is unread.
const LYING: &[&str] = &[
    "CoCreateInstance",
    "CreateTransaction",
    "CryptAcquireCertificatePrivateKey",
    "EnumDependentServicesA",
    "EnumDependentServicesW",
    "EvtQuery",
    "NCryptCreatePersistedKey",
    "NCryptOpenKey",
    "ReadEventLogA",
    "ReadEventLogW",
    "RegOpenKeyTransactedW",
    "ReportEventA",
    "ReportEventW",
    "SetFileSecurityW",
    "SetNamedSecurityInfoW",
];
/// Words of the manifest that must have got into the program.
const MANIFEST: &[&str] = &["asInvoker", "longPathAware", "activeCodePage"];

/// Says in a line what was found; an error if the program wants what not every Windows has.
pub fn judge(path: &Path, profile: Profile) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let mut dump = Command::new(format!("{TOOLS}objdump"));
    dump.arg("-p").arg(path);
    let dump = shell::capture(dump)?;
    let lying = lying(&dump);
    if !lying.is_empty() {
        bail!("the program wants functions that nothing can rest on under Wine: {lying:?}");
    }
    let wanted = imports(&dump);
    let known = |name: &str| name.starts_with("api-ms-win-") || OF_WINDOWS.contains(&name);
    let foreign: Vec<&String> = wanted.iter().filter(|name| !known(name)).collect();
    if wanted.is_empty() || !foreign.is_empty() {
        bail!("the program wants DLLs that not every Windows has: {foreign:?} of {wanted:?}");
    }
    let size = bytes.len() as u64;
    if profile == Profile::Release && size > SIZE {
        bail!("the program has {size} bytes, more than {SIZE}");
    }
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    if let Some(lacks) = MANIFEST.iter().find(|word| !has(word.as_bytes())) {
        bail!("the program's manifest does not say {lacks}");
    }
    let title: Vec<u8> = "ProductVersion".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if !has(&title) {
        bail!("the program does not tell its version as Windows shows it");
    }
    Ok(format!("{:.1} MB; imports {}", size as f64 / 1e6, wanted.join(", ")))
}

/// Lists the DLLs that a dump of a program names, in lower case and in order.
fn imports(dump: &str) -> Vec<String> {
    let names = dump.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let mut names: Vec<String> = names.map(|name| name.trim().to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    names
}

/// Lists those of [`LYING`] that a dump names: the last word of a line is a function.
fn lying(dump: &str) -> Vec<&str> {
    let functions = dump.lines().filter_map(|line| line.split_whitespace().next_back());
    functions.filter(|function| LYING.contains(function)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_lie_are_seen() {
        let dump = |name: &str| {
            format!("\tDLL Name: wevtapi.dll\n\tvma:  Hint/Ord Member-Name Bound-To\n\td3a6c\t   25  {name}\n")
        };
        assert_eq!(lying(&dump("EvtQuery")), ["EvtQuery"]);
        assert!(lying(&dump("EvtExportLog")).is_empty() && lying(&dump("EvtQueryX")).is_empty());
    }

    #[test]
    fn imports_are_read_from_a_dump() {
        let dump = "The Import Tables\n\tDLL Name: KERNEL32.dll\n\tvma: x\n\tDLL Name: ADVAPI32.dll\n\tDLL Name: KERNEL32.dll\n";
        assert_eq!(imports(dump), ["advapi32.dll", "kernel32.dll"]);
        assert!(imports("file format pei-x86-64").is_empty());
    }
}
