//! Whether a fix helps a server of Linux as its settings and files are.

use evidence::Because;
use evidence::state::{Contents, NO_GLOBALS, XrdpFile};

use crate::case::Case;
use crate::cause::Cause;
use crate::fixes::Fix;
use crate::fixes::change::{Change, Machine};
use crate::linux::foreign_key;
use crate::xrdp::names_no_suite;

/// True if all that a fix changes is of use against a finding for these reasons.
pub(super) fn helps(case: Case<'_>, of: &Cause, because: &[Because], fix: &Fix) -> bool {
    let cited = |id: usize| because.iter().any(|reason| reason.observation == id);
    let gnome = case.gnome().find(|seen| cited(seen.id)).map(|seen| seen.value);
    if fix.place.machine == Machine::Gnome && gnome.is_some_and(|gnome| !gnome.locked.is_empty()) {
        return false;
    }
    let xrdp = case.xrdp().map(|seen| seen.value);
    let pair = gnome.map(|gnome| [&gnome.certificate, &gnome.key]);
    let pair = pair.or_else(|| xrdp.map(|xrdp| [&xrdp.certificate, &xrdp.key]));
    let Some(files) = pair else { return true };
    let shut: Vec<&&XrdpFile> = files.iter().filter(|file| file.readable == Some(false)).collect();
    let usable = files.iter().all(|file| file.contents.is_none_or(|contents| contents == Contents::Sound));
    let swapped = files.iter().all(|file| file.contents == Some(Contents::Counterpart));
    let fitting = xrdp.is_some_and(|xrdp| xrdp.fitting_key.is_some() || xrdp.fitting_certificate.is_some());
    let headless = xrdp.is_some_and(|xrdp| xrdp.lacks.iter().any(|part| part == NO_GLOBALS));
    fix.changes().all(|change| match change {
        Change::JoinKeyGroup => usable && !shut.is_empty() && shut.iter().all(|file| file.group.is_some()),
        Change::ShareKey => usable && !shut.is_empty() && shut.iter().all(|file| file.by_mode_alone),
        Change::SwapXrdpFiles | Change::SwapGnomeFiles => swapped,
        Change::UseFittingFile => fitting,
        Change::SetXrdp { name: "tls_ciphers", .. } => !headless && xrdp.is_some_and(names_no_suite),
        // there is no place for it
        Change::SetXrdp { .. } if headless => false,
        // suites may be to blame instead
        Change::MakeXrdpCertificate | Change::MakeGnomeCertificate => {
            of.id != "tls-cipher-mismatch" || foreign_key(case).is_some()
        }
        _ => true,
    })
}
