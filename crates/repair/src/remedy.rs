//! From a fix as data to the steps of a plan, for the xrdp or the GNOME Remote Desktop at hand.

mod firewall;

use std::path::{Path, PathBuf};

use diagnosis::fixes::change::{Change, NEW_CERTIFICATE, NEW_GNOME_CERTIFICATE, NEW_GNOME_KEY, NEW_KEY};
use diagnosis::fixes::{Fix, Given};
use evidence::lossless;
use evidence::state::{GNOME_FILES, GnomeRemoteDesktop, LinuxFirewall, Xrdp, XrdpFile};
use thiserror::Error;

use crate::hand::Hand;
use crate::place::{GNOME, Held, Kept, Place};
use crate::plan::{After, NewFile, Plan, Refusal, SCHEMA, Step};

/// Section with the settings of xrdp itself.
const GLOBALS: &str = "Globals";
/// Most names that are tried for a new file.
const NAMES: u32 = 100;

/// Reason why a fix cannot be planned here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unplanned {
    /// One of its changes is none that this program makes.
    #[error("{0} has a step that this program cannot do here: `rdpdoctor explain {0}` has the commands")]
    NoHand(&'static str),
    /// Nobody knows which group would help.
    #[error(
        "no group is known that may read the key, or could: `--only make-xrdp-certificate` makes another key instead"
    )]
    NoGroup,
    /// Nobody said whom the firewall is to let in.
    #[error(
        "whom the firewall is to let in is not for this program to decide: name the addresses, such as \
         `--addresses 192.0.2.0/24`, or choose other causes with --for"
    )]
    NoAddresses,
    /// The rules of the firewall leave no place for one more.
    #[error(
        "{0}: rules that are for some alone, or that iptables keeps, stand there: `rdpdoctor explain open-linux-firewall-for-rdp` has the commands"
    )]
    Firewall(String),
    /// The machine could not be read.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Server that is to be repaired.
#[derive(Debug, Clone, Copy)]
pub enum Server<'a> {
    /// xrdp, with its settings as they were read.
    Xrdp(&'a Xrdp),
    /// GNOME Remote Desktop of the person who runs this, with the folder of its own files and its settings.
    Gnome(&'a Path, &'a GnomeRemoteDesktop),
}

/// The server with its machine.
#[derive(Debug)]
pub struct Patient<'a> {
    /// Root of its machine: `/`, or where its disk is mounted.
    pub root: &'a Path,
    /// The server.
    pub server: Server<'a>,
    /// Name of the machine.
    pub name: &'a str,
    /// Machine, as the journals know machines.
    pub origin: &'a str,
    /// Its firewall, as it was read.
    pub firewalls: &'a [LinuxFirewall],
    /// Port that the server is to be reached on.
    pub port: u16,
}

/// Plans these fixes, each change once. A setting that already holds what it is to hold is no step.
pub fn plan(patient: &Patient<'_>, fixes: &[&'static Fix], given: &Given, hand: &dyn Hand) -> Result<Plan, Unplanned> {
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        origin: patient.origin.to_owned(),
        fixes: fixes.iter().map(|fix| fix.id.to_owned()).collect(),
        ..Plan::default()
    };
    let made = Made::choose(patient, hand);
    for fix in fixes {
        for change in fix.changes() {
            if *change == Change::OpenLinuxFirewall {
                plan.steps.extend(firewall::opened(patient, given, hand, fix.id)?);
            }
            for (place, after) in places(patient, change, given, (&made, hand)).ok_or(Unplanned::NoHand(fix.id))?? {
                let step = Step::new(hand, place, after, fix.id)?;
                let done = matches!(&step.after, After::Held { held } if *held == step.before);
                let planned = plan.steps.iter().any(|known| known.place == step.place);
                if !done && !planned {
                    plan.steps.push(step);
                }
            }
            let restarted = match change {
                Change::RestartUnit(service) => service,
                Change::RestartGnome => GNOME,
                _ => continue,
            };
            plan.restarts.retain(|known| known != restarted);
            plan.restarts.push(restarted.to_owned());
        }
    }
    Ok(plan)
}

/// Places of a new key and its certificate, as the machine itself names them: beside its `xrdp.ini`, wherever that
/// lies, or among the files of GNOME Remote Desktop. Files that are there stay.
struct Made {
    certificate: String,
    key: String,
}

impl Made {
    fn choose(patient: &Patient<'_>, hand: &dyn Hand) -> Self {
        let named = |usual: &str, number: u32| {
            let stem = Path::new(usual).file_stem().unwrap_or_default().to_string_lossy();
            let name = if number == 1 { format!("{stem}.pem") } else { format!("{stem}-{number}.pem") };
            patient.folder().join(name).display().to_string()
        };
        let free = |path: &str| hand.read(&Place::file(patient.real(path))) == Ok(Held::Absent);
        let numbered = |number| Self { certificate: named(NEW_CERTIFICATE, number), key: named(NEW_KEY, number) };
        let mut both = (1..NAMES).map(numbered).filter(|made| free(&made.certificate) && free(&made.key));
        both.next().unwrap_or_else(|| numbered(1))
    }
}

type Changed = Vec<(Place, After)>;

/// Returns the places that a change makes hold something else; `None` for a change that is none of ours.
fn places(
    patient: &Patient<'_>,
    change: &Change,
    given: &Given,
    (made, hand): (&Made, &dyn Hand),
) -> Option<Result<Changed, Unplanned>> {
    let text = |text: &str| After::Held { held: Kept::Text { text: text.to_owned() } };
    Some(Ok(match change {
        Change::SetXrdp { name, value } => {
            let new = match *value {
                NEW_CERTIFICATE => made.certificate.clone(),
                NEW_KEY => made.key.clone(),
                value => given.fill(value),
            };
            vec![(patient.setting(name)?, text(&new))]
        }
        Change::SwapXrdpFiles => {
            let Server::Xrdp(xrdp) = patient.server else { return None };
            vec![
                (patient.setting("certificate")?, text(&xrdp.key.path)),
                (patient.setting("key_file")?, text(&xrdp.certificate.path)),
            ]
        }
        Change::UseFittingFile => {
            let Server::Xrdp(xrdp) = patient.server else { return None };
            let fitting = [("certificate", &xrdp.fitting_certificate), ("key_file", &xrdp.fitting_key)];
            let set = fitting.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
            let steps: Changed =
                set.map(|(name, path)| Some((patient.setting(name)?, text(path)))).collect::<Option<_>>()?;
            if steps.is_empty() {
                return None;
            }
            steps
        }
        Change::ShareKey => return Some(patient.shared(hand)),
        Change::JoinKeyGroup => match patient.membership() {
            Some(place) => vec![(place, After::Held { held: Kept::Present })],
            None => return Some(Err(Unplanned::NoGroup)),
        },
        Change::SetGnome { name, value } => {
            let path = match *value {
                NEW_GNOME_CERTIFICATE => &made.certificate,
                NEW_GNOME_KEY => &made.key,
                _ => return None,
            };
            vec![(Place::Gnome { name: (*name).to_owned() }, text(path))]
        }
        Change::SwapGnomeFiles => {
            let Server::Gnome(_, gnome) = patient.server else { return None };
            let exchanged = GNOME_FILES.into_iter().zip([&gnome.key.path, &gnome.certificate.path]);
            exchanged.map(|(name, path)| (Place::Gnome { name: name.to_owned() }, text(path))).collect()
        }
        Change::MakeXrdpCertificate | Change::MakeGnomeCertificate => {
            let new = || patient.new_file();
            vec![
                (Place::file(patient.real(&made.key)), After::NewKey(new())),
                (Place::file(patient.real(&made.certificate)), After::NewCertificate(new())),
            ]
        }
        Change::RestartUnit(_) | Change::RestartGnome | Change::OpenLinuxFirewall => Vec::new(),
        _ => return None,
    }))
}

impl Patient<'_> {
    /// Returns where a path of the machine is for this program.
    fn real(&self, path: &str) -> PathBuf {
        let path = named(path);
        self.root.join(path.strip_prefix("/").unwrap_or(&path))
    }

    /// Returns the folder for new files.
    fn folder(&self) -> &Path {
        match self.server {
            Server::Xrdp(xrdp) => Path::new(&xrdp.file).parent().unwrap_or(Path::new("/")),
            Server::Gnome(data, _) => data,
        }
    }

    /// Returns the account that reads a key by its group; the others own theirs.
    fn reader(&self) -> Option<&str> {
        match self.server {
            Server::Xrdp(xrdp) => xrdp.user.as_deref().filter(|user| *user != "root"),
            Server::Gnome(..) => None,
        }
    }

    /// Returns the place of a setting of xrdp itself.
    fn setting(&self, name: &str) -> Option<Place> {
        let Server::Xrdp(xrdp) = self.server else { return None };
        Some(Place::Ini { path: self.real(&xrdp.file), section: GLOBALS.to_owned(), name: name.to_owned() })
    }

    /// Returns the rights by which xrdp's own group may read the files that it may not.
    fn shared(&self, hand: &dyn Hand) -> Result<Changed, Unplanned> {
        let Server::Xrdp(xrdp) = self.server else { return Err(Unplanned::NoGroup) };
        let user = self.reader().ok_or(Unplanned::NoGroup)?;
        let own = self.alone(user).ok_or(Unplanned::NoGroup)?;
        let shut = [&xrdp.key, &xrdp.certificate].into_iter().filter(|file| file.readable == Some(false));
        let share = |file: &XrdpFile| {
            let path = self.real(file.place.as_deref().unwrap_or(&file.path));
            let place = Place::Rights { path, folder: self.real("/etc"), user: user.to_owned() };
            let held = hand.read(&place).map_err(|why| Refusal::Unread(place.to_string(), why))?;
            let Held::Rights { mode, uid, .. } = held else { return Err(Unplanned::NoGroup) };
            Ok((place, After::Held { held: Kept::Rights { mode: mode & !0o030 | 0o040, uid, gid: own } }))
        };
        let mut changes: Vec<(Place, After)> = shut.map(share).collect::<Result<_, _>>()?;
        // both may lie in one file
        changes.dedup_by(|one, other| one.0 == other.0);
        Ok(changes)
    }

    /// Returns the number of a user's own group, if nobody else is in it.
    fn alone(&self, user: &str) -> Option<u32> {
        let list = |name: &str| Some(lossless::text(&crate::file::read(&self.real(name), 4 * 1024 * 1024).ok()?));
        crate::groups::own(&list("/etc/passwd")?, &list("/etc/group")?, user)
    }

    /// Returns the membership that lets xrdp read its key.
    fn membership(&self) -> Option<Place> {
        let Server::Xrdp(xrdp) = self.server else { return None };
        let shut = |file: &&XrdpFile| file.readable == Some(false);
        let file = [&xrdp.key, &xrdp.certificate].into_iter().find(shut)?;
        let (group, user) = (file.group.clone()?, xrdp.user.clone()?);
        Some(Place::Member { folder: self.real("/etc"), group, user })
    }

    /// Returns how a new file is to be: its owner is whoever runs this, and xrdp may read it by its own group.
    fn new_file(&self) -> NewFile {
        let group = self.reader().and_then(|user| self.own_group(user));
        let mode = if group.is_some() { 0o640 } else { 0o600 };
        NewFile { name: self.name.to_owned(), mode, uid: owner(), gid: group.unwrap_or_else(owners_group) }
    }

    /// Finds the number of a user's own group.
    fn own_group(&self, user: &str) -> Option<u32> {
        let passwd = crate::file::read(&self.real("/etc/passwd"), 4 * 1024 * 1024).ok()?;
        let passwd = lossless::text(&passwd);
        let mut fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = fields.find(|fields| fields.first() == Some(&user))?;
        found.get(3)?.parse().ok()
    }
}

/// Returns the path that a text names, by its bytes.
#[cfg(unix)]
fn named(path: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;

    std::ffi::OsString::from_vec(lossless::bytes(path)).into()
}

#[cfg(not(unix))]
fn named(path: &str) -> PathBuf {
    path.into()
}

#[cfg(unix)]
fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn owners_group() -> u32 {
    rustix::process::getegid().as_raw()
}

#[cfg(not(unix))]
fn owner() -> u32 {
    0
}

#[cfg(not(unix))]
fn owners_group() -> u32 {
    0
}
