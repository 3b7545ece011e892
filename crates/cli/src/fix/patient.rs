//! The server that is repaired: read before and after, by its files and, where it runs here, by a probe.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{anyhow, bail};
use collect::evidence::{Gathered, Piece, bytes, gather, is_own_xrdp, root_of_xrdp};
use collect::probe::Probe;
use diagnosis::Context;
use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::fixes::{self, Fix, Given};
use evidence::observe::observe;
use evidence::printable::printable;
use evidence::state::{IPTABLES, LinuxFirewall, NFTABLES, State, XRDP_INI, XRDP_SERVICES, Xrdp, XrdpFile};
use evidence::{Evidence, Target};
use repair::hand::{ByHand, Hand};
use repair::place::{Held, Place};
use repair::plan::{Plan, Step};
use repair::remedy;
use time::OffsetDateTime;

use super::server::Server;
use super::{gnome, journals};
use crate::arguments::FixOptions;
use crate::arguments::LinuxServer;
use crate::diagnose::{drive, plain_context, truncated};

/// Time for a probe of this machine itself.
const PROBE: Duration = Duration::from_secs(8);
/// Most bytes of a machine's name.
const NAME: u64 = 256;
/// Cause that no probe from the machine itself sees.
pub const FIREWALL: &str = "firewall-blocks-rdp";
/// Further probes where nothing listens yet, and the pause before each.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(300);

/// Way to a server.
pub(super) enum Way {
    /// The `xrdp.ini` of an xrdp, as it is found from here.
    Xrdp(PathBuf),
    /// The folder with the files of a GNOME Remote Desktop.
    Gnome(PathBuf),
}

/// The server on its machine.
pub struct Patient {
    pub(super) way: Way,
    /// Root of its files.
    pub root: PathBuf,
    /// Folder outside of which no file is changed: all of this machine, the mounted one, the folder of a lone
    /// `xrdp.ini`, or that of GNOME Remote Desktop.
    bound: PathBuf,
    /// Machine as the journals know it.
    pub origin: String,
}

/// State of it, and what is wrong.
pub struct Found {
    /// The server with its settings.
    pub server: Server,
    /// Name of its machine, as a certificate has it.
    pub name: String,
    /// Name of its machine, or the path of its settings where it has none.
    pub title: String,
    /// Causes that keep somebody out or will.
    pub faults: Vec<Fault>,
    /// Things of it that nobody but a person can decide, a sentence each.
    pub by_person: Vec<String>,
    /// Parts of it that were not read, each with the reason: of them nothing is known.
    pub unread: Vec<String>,
    /// Firewall of its machine, where that runs here.
    pub firewalls: Vec<LinuxFirewall>,
    /// Reason why that was not read.
    pub firewall_unread: Option<String>,
    /// Process of an xrdp that its unit or script would start with the rights of another account than it has: a restart
    /// would make another server of it.
    other_account: Option<ByHand>,
    gathered: Gathered,
    now: OffsetDateTime,
}

/// Cause that keeps somebody out or will.
#[derive(Clone)]
pub struct Fault {
    /// Its id.
    pub cause: String,
    /// Fixes that its finding lists.
    pub fixes: Vec<String>,
    /// Sentence that shows it.
    pub because: String,
}

impl Found {
    /// Returns the process of a service that no restart would bring back as it is.
    pub fn started_by_hand(&self, hand: &dyn Hand, service: &str) -> Option<ByHand> {
        hand.by_hand(service).or_else(|| self.other_account.clone().filter(|_| service == "xrdp"))
    }

    /// True if nobody can tell whether clients get in: the firewall was not read, or a rule of it keeps out whom its
    /// words do not say, or keeps answers back.
    pub fn may_be_shut(&self) -> bool {
        let port = self.server.port();
        // what somebody has written into the rules of a tool by hand may let them in as well
        let by_chain = |firewall: &&LinuxFirewall| matches!(firewall.tool.as_str(), NFTABLES | IPTABLES);
        let unknown = |firewall: &LinuxFirewall| firewall.keeps_unknown_out(port);
        self.firewall_unread.is_some() || self.firewalls.iter().filter(by_chain).any(unknown)
    }

    /// Returns the faults that its files would show after these fixes: one may hide another.
    pub fn after(&self, fixes: &[&'static Fix], given: &Given) -> anyhow::Result<Vec<Fault>> {
        let mut after = Gathered::default();
        after.pieces.extend(self.gathered.pieces.iter().filter_map(|(path, kind, piece)| {
            let Piece::State(state) = piece else { return None };
            let mut state = state.clone();
            for fix in fixes {
                // this is a copy: nobody goes back
                drop(fixes::apply::apply_fix(fix, given, &mut state));
            }
            Some((path.clone(), *kind, Piece::State(state)))
        }));
        judged(&after, self.now)
    }
}

/// Faults that a probe has seen; `None` where it could not tell.
pub struct Probed {
    pub faults: Option<Vec<String>>,
}

impl Patient {
    /// Finds the server: of this machine, or the one whose disk or `xrdp.ini` was named.
    pub fn of(options: &FixOptions) -> anyhow::Result<Self> {
        if options.path.is_some() || !cfg!(target_os = "linux") {
            return Self::at(options.path.as_deref());
        }
        let xrdp = Path::new(XRDP_INI).is_file();
        let server = match options.server {
            Some(server) => server,
            None => match (xrdp, gnome::in_use()) {
                (true, true) => bail!("there are xrdp and GNOME Remote Desktop here: say which with --server"),
                (false, true) => LinuxServer::Gnome,
                (_, false) => LinuxServer::Xrdp,
            },
        };
        match server {
            LinuxServer::Xrdp => Self::at(None),
            LinuxServer::Gnome => Self::gnome(),
        }
    }

    /// Finds the GNOME Remote Desktop of the person who runs this.
    fn gnome() -> anyhow::Result<Self> {
        let folder = gnome::folder().ok_or_else(|| anyhow!("HOME does not say whose desktop is meant"))?;
        let origin = journals::origin_of(Path::new("/"), &format!("GNOME {}", folder.display()));
        Ok(Self { way: Way::Gnome(folder.clone()), root: PathBuf::from("/"), bound: folder, origin })
    }

    /// Finds the xrdp of this machine, or the one whose disk or `xrdp.ini` was named.
    fn at(path: Option<&Path>) -> anyhow::Result<Self> {
        let ini = match path {
            None if cfg!(target_os = "linux") => PathBuf::from(XRDP_INI),
            None => bail!("this program repairs no running Windows yet: `rdpdoctor inspect` lists the commands"),
            Some(path) if path.is_dir() => {
                let usual = path.join(XRDP_INI.trim_start_matches('/'));
                let beside = path.join("xrdp.ini");
                if beside.is_file() && !usual.is_file() { beside } else { usual }
            }
            Some(path) => path.to_owned(),
        };
        if !ini.is_file() {
            bail!("{} is not there: this program repairs an xrdp, or a Windows on its mounted disk", ini.display());
        }
        let ini = std::fs::canonicalize(&ini)?;
        if let Some(folder) = path.filter(|path| path.is_dir())
            && !ini.starts_with(std::fs::canonicalize(folder)?)
        {
            bail!(
                "the xrdp.ini of {} is a link to {}, which is not in it: nothing is changed",
                folder.display(),
                ini.display()
            );
        }
        let root = root_of_xrdp(&ini);
        let (bound, named) = if root != Path::new("/") || is_own_xrdp(&ini) {
            (root.clone(), &root)
        } else {
            (ini.parent().unwrap_or(Path::new("/")).to_owned(), &ini)
        };
        let origin = journals::origin(named);
        Ok(Self { way: Way::Xrdp(ini), root, bound, origin })
    }

    /// True if its services do not run here.
    pub fn elsewhere(&self) -> bool {
        match &self.way {
            Way::Xrdp(ini) => self.root != Path::new("/") || !is_own_xrdp(ini),
            Way::Gnome(_) => false,
        }
    }

    /// Checks that a plan changes nothing outside of what was named.
    pub fn keeps(&self, plan: &Plan) -> anyhow::Result<()> {
        let inside = |file: &PathBuf| {
            let folder = file.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
            folder.is_some_and(|folder| folder.starts_with(&self.bound))
        };
        let outside = |step: &&Step| {
            let files = match step.place.files() {
                files if files.is_empty() => step.place.path().map(Path::to_owned).into_iter().collect(),
                files => files,
            };
            let ours = match self.way {
                Way::Xrdp(_) => !self.elsewhere() && !matches!(step.place, Place::Gnome { .. }),
                Way::Gnome(_) => matches!(step.place, Place::Gnome { .. }),
            };
            !files.iter().all(inside) || files.is_empty() && !ours
        };
        let Some(step) = plan.steps.iter().find(outside) else { return Ok(()) };
        let file = step.place.files().into_iter().next();
        let file = file.map_or_else(|| step.place.to_string(), |file| file.display().to_string());
        bail!(
            "{} would change {file}, which does not lie in {}, and only what was named is changed. Name the root of the \
             machine that the xrdp.ini belongs to (it has etc/xrdp/xrdp.ini), or choose others with --for or --only",
            step.fix,
            self.bound.display()
        )
    }

    /// Returns the hand on it.
    pub fn hand(&self) -> anyhow::Result<Box<dyn Hand>> {
        journals::hand(self.elsewhere())
    }

    /// Reads and judges its files.
    pub fn found(&self) -> anyhow::Result<Found> {
        let now = truncated(OffsetDateTime::now_utc());
        let ini = match &self.way {
            Way::Xrdp(ini) => ini,
            Way::Gnome(folder) => return Self::found_gnome(folder, now),
        };
        let (gathered, other_account) =
            if self.elsewhere() { (gather(std::slice::from_ref(ini)), None) } else { xrdp_here(ini) };
        let states = gathered.pieces.iter().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => Some(&**state),
            _ => None,
        });
        let mut xrdps = states.clone().filter_map(|state: &State| Some((state, state.xrdp.first()?)));
        let Some((state, xrdp)) = xrdps.next() else {
            let named = ini.display().to_string();
            let mut of_state = states.flat_map(|state| &state.unread).filter(|unread| unread.what == named);
            let why = of_state.next().map(|unread| unread.why.clone());
            let why = why.or_else(|| gathered.unread.first().map(|(_, why)| why.clone()));
            return Err(anyhow!("read {named}: {}", why.as_deref().unwrap_or("it is no xrdp.ini")));
        };
        let title = state.computer.clone().unwrap_or_else(|| ini.display().to_string());
        let name = state.computer.clone().unwrap_or_else(|| "xrdp".to_owned());
        // a link leads elsewhere than it is named: what is changed is the file itself
        let file = Path::new("/").join(ini.strip_prefix(&self.root).unwrap_or(ini));
        let xrdp = Xrdp { file: file.display().to_string(), ..xrdp.clone() };
        let of_state: Vec<_> = state.unread.iter().map(|unread| format!("{}: {}", unread.what, unread.why)).collect();
        let firewall_unread = of_state.iter().find(|line| line.starts_with("the firewall: ")).cloned();
        let firewalls = state.linux_firewalls.clone();
        let faults = judged(&gathered, now)?;
        let by_person = if self.elsewhere() { Vec::new() } else { self.by_person() };
        let of_files = gathered.unread.iter().map(|(path, why)| format!("{}: {why}", path.display()));
        let unread = unseen(&[&xrdp.certificate, &xrdp.key], of_state.into_iter().chain(of_files).collect());
        let server = Server::Xrdp(Box::new(xrdp));
        Ok(Found {
            server,
            name,
            title,
            faults,
            by_person,
            unread,
            firewalls,
            firewall_unread,
            other_account,
            gathered,
            now,
        })
    }

    fn found_gnome(folder: &Path, now: OffsetDateTime) -> anyhow::Result<Found> {
        let computer = bytes(Path::new("/etc/hostname"), NAME).ok().and_then(|name| String::from_utf8(name).ok());
        let computer = computer.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let name = computer.clone().unwrap_or_else(|| "gnome".to_owned());
        let (gathered, server) = gnome::gathered(folder, computer)?;
        let faults = judged(&gathered, now)?;
        let title = server.user.as_ref().map_or_else(|| name.clone(), |user| format!("{name}, of {user}"));
        let idle = (server.enabled && gnome::gnome_port().is_none()).then(|| idle("gnome-remote-desktop", "--user "));
        let by_person = idle.into_iter().chain(gnome::by_person(&server, folder)).collect();
        let unread = unseen(&[&server.certificate, &server.key], Vec::new());
        let firewalls = Vec::new();
        let firewall_unread = None;
        let (server, other_account) = (Server::Gnome(Box::new(server)), None);
        Ok(Found {
            server,
            name,
            title,
            faults,
            by_person,
            unread,
            firewalls,
            firewall_unread,
            other_account,
            gathered,
            now,
        })
    }

    /// Returns what is repaired, as the planner of repairs knows it.
    pub fn remedy<'a>(&'a self, found: &'a Found) -> remedy::Patient<'a> {
        let server = match (&found.server, &self.way) {
            (Server::Xrdp(xrdp), _) => remedy::Server::Xrdp(xrdp),
            (Server::Gnome(gnome), Way::Gnome(folder) | Way::Xrdp(folder)) => remedy::Server::Gnome(folder, gnome),
        };
        let (firewalls, port) = (&*found.firewalls, found.server.port());
        remedy::Patient { root: &self.root, server, name: &found.name, origin: &self.origin, firewalls, port }
    }

    /// Asks the machine as a client would; `None` where it does not run here.
    pub fn probed(&self, server: &Server) -> Option<Probed> {
        self.runs().then(|| Probed { faults: asked(server).ok().flatten() })
    }

    /// Asks a server whose settings have just changed: it may not listen at once, and GNOME's takes one client at a
    /// time.
    pub fn probed_anew(&self, server: &Server) -> Option<Probed> {
        let mut probed = self.probed(server)?;
        let passing = |fault: &String| matches!(server, Server::Gnome(_)) || fault == "port-closed";
        for _ in 0..TRIES {
            if !probed.faults.as_ref().is_none_or(|faults| faults.iter().any(passing)) {
                break;
            }
            std::thread::sleep(PAUSE);
            probed = self.probed(server)?;
        }
        Some(probed)
    }

    /// True if the server runs on this machine.
    fn runs(&self) -> bool {
        match self.way {
            Way::Xrdp(_) => !self.elsewhere() && self.service_runs("xrdp"),
            Way::Gnome(_) => gnome::gnome_port().is_some(),
        }
    }

    /// Takes restarts out of a plan that would reach nobody, and returns for each what a person has to do.
    pub fn by_hand(&self, found: &Found, plan: &mut Plan) -> anyhow::Result<Vec<String>> {
        let hand = self.hand()?;
        let mut left = Vec::new();
        plan.restarts.retain(|service| match found.started_by_hand(&*hand, service) {
            Some(own) => {
                left.push(started_by_hand(service, &own));
                false
            }
            None => true,
        });
        Ok(left)
    }

    fn service_runs(&self, name: &str) -> bool {
        let service = Place::Service { name: name.to_owned() };
        self.hand().is_ok_and(|hand| hand.read(&service) == Ok(Held::Running(true)))
    }

    /// Lists what of the xrdp of this machine takes a person, who starts its parts.
    fn by_person(&self) -> Vec<String> {
        XRDP_SERVICES.into_iter().filter(|name| !self.service_runs(name)).map(|name| idle(name, "")).collect()
    }
}

/// Adds to what was not read those files of which nobody could tell whether they are there, may be read and are of use.
fn unseen(files: &[&XrdpFile], mut unread: Vec<String>) -> Vec<String> {
    for file in files.iter().filter(|file| file.path.starts_with('/')) {
        let why = match (file.exists, file.readable, file.contents) {
            (None, ..) => "it could not be told whether it is there",
            (Some(true), None, _) => "it could not be told whether the server's account may read it",
            (Some(true), Some(true), None) => "it could not be told whether the server can use it",
            _ => continue,
        };
        let known = format!("{}: ", file.path);
        if !unread.iter().any(|line| line.starts_with(&known)) {
            unread.push(format!("{known}{why}"));
        }
    }
    unread
}

/// Reads the xrdp of this machine as it is now, and its process where it has another account than its unit or script
/// says.
#[cfg(target_os = "linux")]
fn xrdp_here(ini: &Path) -> (Gathered, Option<ByHand>) {
    let (state, process) = collect::local::linux::xrdp_of_this_computer(ini);
    let by_hand = process.map(|process| ByHand { process: process.number, line: process.line });
    (Gathered::default().with_this_computer("this computer", state), by_hand)
}

#[cfg(not(target_os = "linux"))]
fn xrdp_here(ini: &Path) -> (Gathered, Option<ByHand>) {
    (gather(std::slice::from_ref(&ini.to_owned())), None)
}

/// Says how a person restarts a service that was started by hand.
pub fn started_by_hand(service: &str, own: &ByHand) -> String {
    let ByHand { process, line } = own;
    format!(
        "{service} was started by hand, so it is not restarted by this program, and takes the changes only after \
         `sudo kill {process}` and `sudo {}`: connections through it end.",
        printable(line)
    )
}

/// Says that a service does not run, and how a person starts it.
fn idle(service: &str, how: &str) -> String {
    let start = format!("`systemctl {how}start {service}`");
    format!(
        "{service} does not run here, and is never started by this program: {start} does, or what started it before."
    )
}

/// Waits until the xrdp of this machine takes connections after a restart; `None` where none runs.
pub fn listens_again() -> Option<bool> {
    let patient = Patient::at(None).ok()?;
    let server = patient.found().ok()?.server;
    patient.runs().then(|| {
        (0..TRIES).any(|_| {
            let taken = TcpStream::connect_timeout(&server.address(), PROBE).is_ok();
            if !taken {
                std::thread::sleep(PAUSE);
            }
            taken
        })
    })
}

/// Judges what was read.
fn judged(gathered: &Gathered, now: OffsetDateTime) -> anyhow::Result<Vec<Fault>> {
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, now);
    let diagnosis = diagnosis::diagnose(&evidence.into_order(), &context(None, now)?, Run::default());
    let findings = diagnosis.findings.into_iter().filter(|finding| finding.severity < Severity::Advisory);
    let faults = findings.map(|finding| Fault {
        because: match finding.because.as_slice() {
            [] => finding.title,
            because => because.iter().map(|because| because.text.as_str()).collect::<Vec<_>>().join("; "),
        },
        cause: finding.cause,
        fixes: finding.fixes,
    });
    Ok(faults.collect())
}

/// Returns the faults of a probe; `None` where it could not tell.
fn asked(server: &Server) -> anyhow::Result<Option<Vec<String>>> {
    let target = Target::parse(&server.address().to_string()).map_err(|error| anyhow!("{error}"))?;
    let now = truncated(OffsetDateTime::now_utc());
    let context = context(Some(target.clone()), now)?;
    let mut probe = Probe::new(context.clone(), target);
    probe.budget.timeout = PROBE;
    let (transcript, run) = drive(&probe)?;
    let seen = diagnosis::diagnose(&observe(&transcript), &context, run);
    let faults = seen.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    let faults: Vec<String> = faults.map(|finding| finding.cause.clone()).collect();
    let told = !faults.is_empty() || seen.verdict == diagnosis::report::Verdict::Healthy;
    Ok(told.then_some(faults))
}

pub fn context(target: Option<Target>, at: OffsetDateTime) -> anyhow::Result<Context> {
    Ok(Context { target, at, ..plain_context(None, at)? })
}
