//! Settings of GNOME Remote Desktop, and what they lead to: those of a person, as `gsettings` prints them, and the file
//! of the machine's own service (remote login). Its credentials are never read.
//!
//! Source: the schema org.gnome.desktop.remote-desktop.rdp, and `src/grd-settings-system.c` of GNOME Remote Desktop for
//! the names in the file, which is a key file of GLib.

use std::fs;
use std::path::{Path, PathBuf};

use evidence::ini;
use evidence::state::{GRD_CONF, GSETTINGS, GnomeRemoteDesktop, SCHEMA, State, XrdpFile};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, bytes};
use super::text;
use super::xrdp::pair;
use super::xrdp::reach::Machine;

pub(super) const READER: Reader = Reader { kind: Kind::GnomeSettings, recognises, read: Access::Place(read) };

/// Schema of the settings of a person.
pub(crate) const RDP_SCHEMA: &str = "org.gnome.desktop.remote-desktop.rdp";
/// Account of the machine's own service.
const ACCOUNT: &str = "gnome-remote-desktop";
/// Group of the settings in its file.
const GROUP: &str = "RDP";
/// Most bytes of the file.
const LIMIT: u64 = 1024 * 1024;

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let group = || text.lines().any(|line| line.trim() == "[RDP]");
    ["tls-cert=", "tls-key="].iter().any(|name| text.lines().any(|line| line.trim().starts_with(name))) && group()
}

/// Returns the settings of the machine's own service below its root, if there are any.
pub(super) fn below(root: &Path) -> Option<PathBuf> {
    let path = root.join(GRD_CONF.trim_start_matches('/'));
    fs::symlink_metadata(&path).is_ok_and(|about| about.is_file()).then_some(path)
}

/// Returns the root of the machine that the file belongs to, and whether it lies in its place there.
fn root_of(path: &Path) -> (PathBuf, bool) {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let root = path.ancestors().nth(3).filter(|root| root.join(GRD_CONF.trim_start_matches('/')) == path);
    root.map_or_else(|| (PathBuf::from("/"), false), |root| (root.to_owned(), true))
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    let bytes = bytes(path, LIMIT)?;
    let text = text::decode(&bytes)?;
    // GLib takes them together
    if ini::sections(&text, GROUP) > 1 {
        return Err(ReadError::Contents(format!("it has the section [{GROUP}] more than once")));
    }
    let (root, in_place) = root_of(path);
    let machine = Machine::at(&root);
    let set = |name: &str| {
        let value = ini::read(&text, GROUP, name).map_err(ReadError::Contents)?;
        Ok::<_, ReadError>(value.map(|value| value.trim().to_owned()))
    };
    let settings = Settings {
        place: machine.path_of(path),
        // as the service takes it where it is not set
        enabled: set("enabled")?.is_none_or(|value| value == "true"),
        port: set("port")?.and_then(|value| value.parse().ok()),
        certificate: set("tls-cert")?.unwrap_or_default(),
        key: set("tls-key")?.unwrap_or_default(),
    };
    let computer = if in_place { machine.name() } else { None };
    let gnome = vec![settings.judged(&machine, Some(ACCOUNT))];
    Ok(Piece::State(Box::new(State { schema: SCHEMA.to_owned(), computer, gnome, ..State::default() })))
}

/// Settings as they are written.
struct Settings {
    place: String,
    enabled: bool,
    port: Option<u16>,
    certificate: String,
    key: String,
}

impl Settings {
    /// Looks at the files that they name, as this account would.
    fn judged(self, machine: &Machine, user: Option<&str>) -> GnomeRemoteDesktop {
        let account = user.and_then(|user| machine.account(user));
        let file = |path: &str| match path {
            "" => XrdpFile {
                path: String::new(),
                instead_of: None,
                place: None,
                exists: Some(false),
                readable: None,
                contents: None,
                group: None,
                by_mode_alone: false,
                mode: None,
            },
            path => machine.file(path, account.as_ref()),
        };
        let (mut certificate, mut key) = (file(&self.certificate), file(&self.key));
        let pair = pair::read(machine, &mut certificate, &mut key);
        GnomeRemoteDesktop {
            settings: self.place,
            enabled: self.enabled,
            port: self.port,
            user: user.map(str::to_owned),
            certificate,
            key,
            subject: pair.subject,
            not_before: pair.not_before,
            not_after: pair.not_after,
            key_matches: pair.key_matches,
            signature: pair.signature,
            locked: Vec::new(),
        }
    }
}

/// Reads the settings of a person, as `gsettings list-recursively` prints them; `None` where this machine has no such
/// schema.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn of_person(text: &str, machine: &Machine, user: Option<&str>) -> Option<GnomeRemoteDesktop> {
    let set = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(RDP_SCHEMA)?.trim_start().split_once(' '));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    };
    let enabled = set("enable")? == "true";
    let path = |name: &str| set(name).and_then(unquoted).unwrap_or_default();
    // with its type before it: `uint16 3389`
    let port = set("port").and_then(|value| value.rsplit(' ').next()?.parse().ok());
    let place = GSETTINGS.to_owned();
    let settings = Settings { place, enabled, port, certificate: path("tls-cert"), key: path("tls-key") };
    Some(settings.judged(machine, user))
}

/// Reads a text of GVariant: between single quotes, or double ones where it holds a single one.
fn unquoted(value: &str) -> Option<String> {
    let quote = value.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
    let inside = value.get(1..)?.strip_suffix(quote)?;
    let mut letters = inside.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(text)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_person_as_gsettings_prints_them() {
        let machine = Machine::at(Path::new("/nowhere"));
        let text = "org.gnome.desktop.remote-desktop.rdp enable true\n\
                    org.gnome.desktop.remote-desktop.rdp port uint16 3390\n\
                    org.gnome.desktop.remote-desktop.rdp tls-cert '/srv/a b/tls.crt'\n\
                    org.gnome.desktop.remote-desktop.rdp tls-key ''\n";
        let told = of_person(text, &machine, Some("somebody")).unwrap();
        assert_eq!((told.enabled, told.port, told.settings.as_str()), (true, Some(3390), GSETTINGS));
        assert_eq!(told.certificate.path, "/srv/a b/tls.crt");
        assert_eq!((told.key.path.as_str(), told.key.exists), ("", Some(false)));
        assert_eq!(of_person("No such schema", &machine, None), None);
    }

    #[test]
    fn texts_of_gvariant() {
        for (written, text) in [("'/a'", "/a"), (r"'a\'b\\'", r"a'b\"), (r#""it's""#, "it's"), ("''", "")] {
            assert_eq!(unquoted(written).as_deref(), Some(text), "{written}");
        }
        for broken in ["", "'", "/a", r"'\'"] {
            assert_eq!(unquoted(broken), None, "{broken}");
        }
    }

    #[test]
    fn the_file_of_the_service() {
        let root = std::env::temp_dir().join(format!("rdpdoctor-grd-{}", std::process::id()));
        let folder = root.join("etc/gnome-remote-desktop");
        fs::create_dir_all(&folder).unwrap();
        fs::write(root.join("etc/hostname"), "desk\n").unwrap();
        let text = "[RDP]\nenabled=true\ntls-cert=/no/cert.pem\ntls-key=/no/key.pem\n";
        fs::write(folder.join("grd.conf"), text).unwrap();
        assert!(recognises(text.as_bytes()) && !recognises(b"[RDP]\nport=1\n"));
        let gathered = crate::evidence::gather(std::slice::from_ref(&root));
        fs::remove_dir_all(&root).unwrap();
        let (_, kind, Piece::State(state)) = &gathered.pieces[0] else { panic!("{gathered:?}") };
        assert_eq!((*kind, state.computer.as_deref()), (Kind::GnomeSettings, Some("desk")));
        let told = &state.gnome[0];
        assert_eq!((told.settings.as_str(), told.enabled, told.user.as_deref()), (GRD_CONF, true, Some(ACCOUNT)));
        assert_eq!((told.certificate.exists, told.key_matches), (Some(false), None));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, value in "[\\\\'\"a]{0,8}") {
            let _ = of_person(&text, &Machine::at(Path::new("/nowhere")), None);
            let _ = (unquoted(&value), recognises(text.as_bytes()));
        }
    }
}
