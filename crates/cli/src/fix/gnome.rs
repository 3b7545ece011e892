//! GNOME Remote Desktop of the person who runs this: its settings, and what of it takes a person.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use collect::evidence::{Gathered, Kind, Piece};
#[cfg(target_os = "linux")]
pub use collect::local::linux::{gnome_of_person, gnome_port};
use evidence::printable::printable;
use evidence::state::{GnomeRemoteDesktop, SCHEMA, State};
#[cfg(not(target_os = "linux"))]
pub use nowhere::{gnome_of_person, gnome_port};

/// Least bytes of a file with credentials: its `[RDP]` alone has 6, and the name of the entry another 12.
const CREDENTIALS: u64 = 18;

/// Systems without GNOME.
#[cfg(not(target_os = "linux"))]
mod nowhere {
    use evidence::state::GnomeRemoteDesktop;

    pub fn gnome_of_person() -> std::io::Result<Option<GnomeRemoteDesktop>> {
        Ok(None)
    }

    pub fn gnome_port() -> Option<u16> {
        None
    }
}

/// Returns the folder with its own files, or the nearest one above that is there.
pub fn folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = named("HOME")?;
    let data = named("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    [data.join("gnome-remote-desktop"), data, home].into_iter().find_map(|path| std::fs::canonicalize(path).ok())
}

/// True if it is in use: it runs, or somebody has set it up.
pub fn in_use() -> bool {
    let set = |gnome: GnomeRemoteDesktop| gnome.enabled || !gnome.certificate.path.is_empty();
    gnome_port().is_some() || gnome_of_person().is_ok_and(|gnome| gnome.is_some_and(set))
}

/// Reads its settings and what they lead to, as one piece of evidence; `name` is that of the machine.
pub fn gathered(folder: &Path, name: Option<String>) -> anyhow::Result<(Gathered, GnomeRemoteDesktop)> {
    let told = gnome_of_person().map_err(|why| anyhow!("read the settings of GNOME Remote Desktop: {why}"))?;
    let gnome = told.ok_or_else(|| anyhow!("GNOME Remote Desktop is not installed here"))?;
    let state = State { schema: SCHEMA.to_owned(), computer: name, gnome: vec![gnome.clone()], ..State::default() };
    let mut gathered = Gathered::default();
    gathered.pieces.push((folder.to_owned(), Kind::RecordedState, Piece::State(Box::new(state))));
    Ok((gathered, gnome))
}

/// True if the file with its user name and password is too small to hold any. It is never read, and a keyring may hold
/// them instead.
pub fn without_credentials(folder: &Path) -> bool {
    let about = std::fs::symlink_metadata(folder.join("credentials.ini"));
    about.is_ok_and(|about| about.is_file() && about.len() < CREDENTIALS)
}

/// Says what of it nobody but a person can decide.
pub fn by_person(gnome: &GnomeRemoteDesktop, folder: &Path) -> Vec<String> {
    let whose = gnome.user.as_deref().map_or(String::new(), |user| format!(" of {}", printable(user)));
    let mut lines = Vec::new();
    if !gnome.enabled {
        lines.push(format!("It is switched off: in the session{whose}, `grdctl rdp enable` switches it on."));
    }
    if without_credentials(folder) {
        lines.push(format!(
            "It has no user name and password and lets nobody in until somebody sets them: in the session{whose}, \
             `grdctl rdp set-credentials USER PASSWORD` (with `--headless` behind grdctl where it serves without a \
             screen). Nobody can invent these for you."
        ));
    }
    lines
}
