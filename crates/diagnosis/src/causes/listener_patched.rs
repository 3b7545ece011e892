//! `listener-patched`: the Remote Desktop service runs something other than Windows' own library.

use evidence::state::{TERMSERVICE, WINDOWS};
use evidence::windows::windows_own_library;
use evidence::{Because, Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "listener-patched",
    title: "the Remote Desktop service is set to run a library that is not Windows' own",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(TERMSERVICE)], holds: another },
        Proof { shows: Shows::Absence, needs: &[Need::key(TERMSERVICE)], holds: windows_own },
    ],
    explains: &[],
    page: Page {
        what_happens: "Remote Desktop stops working after an update: connections are refused or dropped, or the service crashes.",
        why: "A tool that adds sessions, or turns Home into a host, loads its own library before termsrv.dll and \
              patches it at fixed offsets. An update moves them.",
        confirm: "ServiceDll must be %SystemRoot%\\System32\\termsrv.dll. This does not show a termsrv.dll that was \
                  itself changed; sfc finds that.",
        command: "(Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters').ServiceDll; \
                  Get-AuthenticodeSignature \"$env:SystemRoot\\System32\\termsrv.dll\" | Select-Object Status,SignerCertificate",
        how_to_fix: "Remove that tool with its own uninstaller, set ServiceDll back, and check the system files.",
        references: &["Microsoft: sfc, System File Checker"],
    },
    fixes: &["repair-system-files"],
};

/// The library that TermService loads, and whether it is Windows' own.
fn library(case: Case<'_>) -> Option<(Option<bool>, Because)> {
    let seen = case.text(TERMSERVICE, "ServiceDll")?;
    let root = case.text(WINDOWS, "SystemRoot").and_then(|seen| seen.value);
    let path = seen.value?;
    Some((windows_own_library(path, root), seen.because(format!("TermService runs {path}"))))
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
    let (own, _) = library(case)?;
    (own == Some(true)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::state::RegistryData;

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
