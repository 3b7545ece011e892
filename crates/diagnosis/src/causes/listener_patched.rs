//! `listener-patched`: the Remote Desktop service runs something other than Windows' own library.

use crate::case::Case;
use crate::cause::{Because, Cause, Confidence, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;
use crate::state::{TERMSERVICE, WINDOWS};

pub const CAUSE: Cause = Cause {
    id: "listener-patched",
    title: "the service of Remote Desktop is set to run another library than Windows' own",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::Key(TERMSERVICE)], holds: another },
        Proof { shows: Shows::Absence, needs: &[Need::Key(TERMSERVICE)], holds: windows_own },
    ],
    explains: &[],
    page: Page {
        what_happens: "Remote Desktop stops working after an update: connections are refused or dropped, or the service crashes.",
        why: "A tool that adds sessions or makes Home a host puts its own library before termsrv.dll and finds places in it by their \
              offsets. After an update they are others.",
        confirm: "ServiceDll has to be %SystemRoot%\\System32\\termsrv.dll. A termsrv.dll that was itself changed does not show here; \
                  sfc finds it.",
        command: "(Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters').ServiceDll; \
                  Get-AuthenticodeSignature \"$env:SystemRoot\\System32\\termsrv.dll\" | Select-Object Status,SignerCertificate",
        how_to_fix: "Remove that tool with its own uninstaller, set ServiceDll back, and check the system's files.",
        references: &["Microsoft: sfc, System File Checker"],
    },
    fixes: &["repair-system-files"],
};

/// Returns a path in the one form in which paths are compared: lower case, without `\\?\` and the like, `..` resolved.
pub(crate) fn plain(path: &str) -> String {
    let path = path.trim().trim_matches('"').to_ascii_lowercase().replace('/', r"\");
    let path = [r"\\?\", r"\\.\", r"\??\"].iter().find_map(|mark| path.strip_prefix(mark)).unwrap_or(&path);
    let mut parts: Vec<&str> = Vec::new();
    for (number, part) in path.split('\\').enumerate() {
        match part {
            ".." if parts.len() > 1 => drop(parts.pop()),
            "." => {}
            // the first may be empty: \systemroot
            "" if number > 0 => {}
            _ => parts.push(part),
        }
    }
    parts.join(r"\")
}

/// True if the path is one of Windows' own library, in any spelling; `None` where that depends on which folder is
/// Windows' own.
pub(crate) fn own(path: &str, root: Option<&str>) -> Option<bool> {
    let path = plain(path);
    // without a folder it is searched for in System32 among others
    if path == "termsrv.dll" {
        return None;
    }
    let Some(place) = path.strip_suffix(r"\system32\termsrv.dll") else { return Some(false) };
    let root = root.map(|root| root.trim().trim_end_matches('\\').to_ascii_lowercase());
    let named = ["%systemroot%", "%windir%", r"\systemroot"].contains(&place) || root.as_deref() == Some(place);
    let usual = place.get(1..) == Some(r":\windows");
    match (named || usual && root.is_none(), root) {
        (true, _) => Some(true),
        // the usual folder on another drive than Windows' own: a letter may have changed
        (false, Some(_)) if !usual => Some(false),
        (false, _) => None,
    }
}

/// The library that TermService loads, and whether it is Windows' own.
fn library(case: Case<'_>) -> Option<(Option<bool>, Because)> {
    let seen = case.text(TERMSERVICE, "ServiceDll")?;
    let root = case.text(WINDOWS, "SystemRoot").and_then(|seen| seen.value);
    let path = seen.value?;
    Some((own(path, root), seen.because(format!("TermService runs {path}"))))
}

fn another(case: Case<'_>) -> Option<Ground> {
    let (own, because) = library(case)?;
    match own {
        Some(true) => None,
        Some(false) => Some(Ground::on(vec![because])),
        // Windows may have been installed into a folder of another name
        None => Some(Ground::on(vec![because]).confidence(Confidence::Possible).severity(Severity::Advisory)),
    }
}

fn windows_own(case: Case<'_>) -> Option<Ground> {
    let (own, because) = library(case)?;
    (own == Some(true)).then(|| Ground::on(vec![because]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, machine};
    use crate::state::RegistryData;

    fn runs(path: &str) -> Sketch {
        machine().value(TERMSERVICE, "ServiceDll", RegistryData::Text(path.to_owned()))
    }

    #[test]
    fn present() {
        let patched = || Expect::Present(Severity::Degrading, Confidence::Proven);
        runs(r"%ProgramFiles%\RDP Wrapper\rdpwrap.dll").check(&CAUSE, patched());
        let copy = runs(r"D:\copy\System32\termsrv.dll");
        copy.value(WINDOWS, "SystemRoot", RegistryData::Text(r"C:\Windows".to_owned())).check(&CAUSE, patched());
        // `..` leads elsewhere
        runs(r"%SystemRoot%\System32\..\Temp\termsrv.dll").check(&CAUSE, patched());
    }

    #[test]
    fn near_miss_a_windows_in_a_folder_of_another_name() {
        let winnt = || runs(r"C:\WINNT\System32\termsrv.dll");
        winnt().check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        winnt().value(WINDOWS, "SystemRoot", RegistryData::Text(r"C:\WINNT".to_owned())).check(&CAUSE, Expect::Absent);
        // the usual folder of another drive: the letter may have changed, and it may be another library
        let other = runs(r"C:\Windows\System32\termsrv.dll");
        let other = other.value(WINDOWS, "SystemRoot", RegistryData::Text(r"D:\Windows".to_owned()));
        other.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn near_miss_windows_own_however_it_is_written() {
        runs(r"%SystemRoot%\System32\termsrv.dll").check(&CAUSE, Expect::Absent);
        for path in [
            r"C:\WINDOWS\system32\termsrv.dll",
            r"\\?\C:\Windows\System32\termsrv.dll",
            r"\??\C:\Windows\System32\termsrv.dll",
            r"%SystemRoot%\System32\..\System32\termsrv.dll",
            r"\SystemRoot\.\System32\\termsrv.dll",
            "%windir%/System32/termsrv.dll",
        ] {
            runs(path).check(&CAUSE, Expect::Absent);
            let root = RegistryData::Text(r"C:\Windows".to_owned());
            runs(path).value(WINDOWS, "SystemRoot", root).check(&CAUSE, Expect::Absent);
        }
        runs("termsrv.dll").check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().absent(TERMSERVICE).check(&CAUSE, Expect::Unknown);
    }
}
