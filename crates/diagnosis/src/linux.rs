//! Servers of Linux whose settings were read, xrdp and GNOME Remote Desktop, and the faults that their own files,
//! processes and ports show.
//!
//! Measured with xrdp 0.9.21: a key or certificate that it cannot read leaves it with Standard RDP Security
//! (`negotiate`) or with nothing (`tls`); one that it can read and not use has it select TLS and hang up. With GNOME
//! Remote Desktop 43.3: without a certificate and key that it can read it does not listen, and with the key of another
//! certificate its handshakes end with an alert.

mod files;
mod firewall;
#[cfg(test)]
mod tests;

use evidence::printable::printable;
use evidence::state::{
    GSETTINGS, GnomeRemoteDesktop, ListeningPort, NO_LOG, NO_LOG_TO_WRITE, NO_SESMAN, Xrdp, XrdpFile,
};
use evidence::{Because, Fact};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Severity};
use crate::xrdp::{Layer, layer, wanted};
pub(crate) use files::{expired, foreign_key, mismatched, missing, unreadable, unusable};
pub(crate) use firewall::{may_shut, port, shut};

/// Port of RDP, where no other is set.
const RDP: u16 = 3389;
/// Beginning of the name of the process of GNOME Remote Desktop; Linux cuts it.
const GNOME_PROCESS: &str = "gnome-remote-de";

impl<'a> Case<'a> {
    /// Iterates over the settings of GNOME Remote Desktop on the machine: a person's and those of its own service.
    pub fn gnome(self) -> impl Iterator<Item = Seen<&'a GnomeRemoteDesktop>> + 'a {
        self.of_machine(|fact| if let Fact::GnomeRemoteDesktop(gnome) = fact { Some(gnome) } else { None })
    }

    /// True if settings of a server of Linux were read on the machine.
    pub fn is_linux(self) -> bool {
        self.xrdp().is_some() || self.gnome().next().is_some()
    }
}

/// Server by its settings.
#[derive(Debug, Clone, Copy)]
enum Server<'a> {
    Xrdp(&'a Xrdp),
    Gnome(&'a GnomeRemoteDesktop),
}

impl<'a> Server<'a> {
    fn name(self) -> &'static str {
        match self {
            Self::Xrdp(_) => "xrdp",
            Self::Gnome(_) => "GNOME Remote Desktop",
        }
    }

    fn user(self) -> Option<&'a str> {
        match self {
            Self::Xrdp(xrdp) => xrdp.user.as_deref(),
            Self::Gnome(gnome) => gnome.user.as_deref(),
        }
    }

    fn files(self) -> [(&'static str, &'a XrdpFile); 2] {
        let (certificate, key) = match self {
            Self::Xrdp(xrdp) => (&xrdp.certificate, &xrdp.key),
            Self::Gnome(gnome) => (&gnome.certificate, &gnome.key),
        };
        [("certificate", certificate), ("private key", key)]
    }

    fn key_matches(self) -> Option<bool> {
        match self {
            Self::Xrdp(xrdp) => xrdp.key_matches,
            Self::Gnome(gnome) => gnome.key_matches,
        }
    }

    fn signature(self) -> Option<&'a str> {
        match self {
            Self::Xrdp(xrdp) => xrdp.signature.as_deref(),
            Self::Gnome(gnome) => gnome.signature.as_deref(),
        }
    }

    fn not_after(self) -> Option<&'a str> {
        match self {
            Self::Xrdp(xrdp) => xrdp.not_after.as_deref(),
            Self::Gnome(gnome) => gnome.not_after.as_deref(),
        }
    }

    /// True if it is to serve connections with its certificate.
    fn uses_certificate(self) -> bool {
        match self {
            Self::Xrdp(xrdp) => layer(xrdp) != Layer::Plain,
            Self::Gnome(gnome) => gnome.enabled,
        }
    }

    /// Weighs a certificate or key that it cannot use: GNOME lets nobody in then, and xrdp those who take Standard RDP
    /// Security, unless it is set to TLS alone.
    fn weighed(self, case: Case<'_>, ground: Ground) -> Ground {
        let either = matches!(self, Self::Xrdp(xrdp) if layer(xrdp) == Layer::Either);
        let plain = either && case.context.profile.standard_security;
        ground.severity(if plain { Severity::Degrading } else { Severity::Blocking })
    }
}

fn servers(case: Case<'_>) -> impl Iterator<Item = Seen<Server<'_>>> {
    let xrdp = case.xrdp().map(|seen| Seen { value: Server::Xrdp(seen.value), id: seen.id });
    xrdp.into_iter().chain(case.gnome().map(|seen| Seen { value: Server::Gnome(seen.value), id: seen.id }))
}

/// True if one of these reasons is what was read of a machine with Linux.
pub(crate) fn shows(case: Case<'_>, because: &[Because]) -> bool {
    let fact = |id: usize| case.evidence.observations.get(id.wrapping_sub(1)).map(|seen| &seen.fact);
    let own = |fact: &Fact| match fact {
        Fact::Xrdp(_) | Fact::GnomeRemoteDesktop(_) | Fact::LinuxFirewall(_) => true,
        Fact::ListeningPort(_) | Fact::Service(_) | Fact::Volume(_) => case.is_linux(),
        _ => false,
    };
    because.iter().any(|reason| fact(reason.observation).is_some_and(own))
}

/// True if one of these reasons is what the settings of GNOME Remote Desktop say.
pub(crate) fn shows_gnome(case: Case<'_>, because: &[Because]) -> bool {
    let fact = |id: usize| case.evidence.observations.get(id.wrapping_sub(1)).map(|seen| &seen.fact);
    because.iter().any(|reason| matches!(fact(reason.observation), Some(Fact::GnomeRemoteDesktop(_))))
}

/// True if one of these reasons is what a person's own settings of GNOME Remote Desktop say, and not those of the
/// machine's own service.
pub(crate) fn shows_gnome_of_person(case: Case<'_>, because: &[Because]) -> bool {
    let own = |fact: &Fact| matches!(fact, Fact::GnomeRemoteDesktop(gnome) if gnome.settings == GSETTINGS);
    let fact = |id: usize| case.evidence.observations.get(id.wrapping_sub(1)).map(|seen| &seen.fact);
    because.iter().any(|reason| fact(reason.observation).is_some_and(own))
}

/// Titles for what is read on Linux, where those of the causes speak of what Windows has or a probe sees.
const TITLES: &[(&str, &str)] = &[
    ("private-key-unusable", "the server cannot use its private key or its certificate"),
    ("certificate-binding-stale", "the certificate or the private key that the server is to use is not there"),
    ("certificate-key-mismatch", "the server's private key is not that of its certificate"),
    ("tls-cipher-mismatch", "the key of the server's certificate is of a kind that the client does not take"),
    (
        "server-tls-setup-failed",
        "the list of ciphers in the server's settings names none, so that every handshake fails",
    ),
    ("port-closed", "the port in the server's settings is none, so it listens on nothing that anybody expects"),
    ("firewall-blocks-rdp", "the firewall of the host lets nobody in to the port of the server"),
    ("service-stopped", "the server does not run, or the part of it that starts sessions"),
    ("listener-port-taken", "another program holds the port of the server"),
];

/// Returns the title of a finding that was read on Linux, where that of Windows does not fit.
pub(crate) fn title(case: Case<'_>, (of, severity): (&Cause, Severity), because: &[Because]) -> Option<&'static str> {
    if of.id == "firewall-blocks-rdp" && severity == Severity::Advisory && shows(case, because) {
        return Some("the firewall of the host may keep some out of the port of the server");
    }
    let own = TITLES.iter().find(|(id, _)| *id == of.id).map(|(_, title)| *title);
    own.filter(|_| shows(case, because))
}

/// True if the process that holds the port has this name.
fn runs(port: &ListeningPort, name: &str) -> bool {
    port.process.as_deref() == Some(name)
}

/// Finds a listening port.
fn holder(case: Case<'_>, which: impl Fn(&ListeningPort) -> bool) -> Option<Seen<&ListeningPort>> {
    case.ports().find(|seen| which(seen.value))
}

/// GNOME Remote Desktop is all that is set up, it is switched off, and nothing listens.
pub(crate) fn switched_off(case: Case<'_>) -> Option<Ground> {
    let seen = case.gnome().last()?;
    let port = seen.value.port.unwrap_or(RDP);
    let off = case.gnome().all(|seen| !seen.value.enabled) && case.xrdp().is_none();
    let heard = holder(case, |one| one.port == port || one.port == RDP || runs(one, GNOME_PROCESS)).is_some();
    let text = format!("RDP is switched off in GNOME Remote Desktop, and nothing listens on port {port}");
    (off && !heard && !case.answered_since(seen.id)).then(|| Ground::on(vec![seen.because(text)]))
}

/// No process of xrdp runs, and nothing is known to listen on its ports; or the part that starts sessions does not run.
pub(crate) fn stopped(case: Case<'_>) -> Option<Ground> {
    let [itself, manager] = evidence::state::XRDP_SERVICES.map(|name| case.service(name));
    let settings = case.xrdp()?;
    let away = itself.filter(|seen| seen.value.running == Some(false));
    if let Some(seen) = away {
        let ports = wanted(settings.value);
        // where none is set, one that listens there may be a newer version that has its own
        let usual = if settings.value.port.is_none() { vec![RDP] } else { ports.clone() };
        let silent = !usual.is_empty() && holder(case, |one| usual.contains(&one.port)).is_none();
        let on =
            if ports.is_empty() { String::new() } else { format!(", which is to listen on port {}", listed(&ports)) };
        let text = format!("no process of xrdp runs{on}");
        let why = cannot_start(case).map_or_else(Vec::new, |ground| ground.because);
        let because = [vec![seen.because(text)], why].concat();
        return (silent && !case.answered_since(seen.id)).then(|| Ground::on(because));
    }
    itself.filter(|seen| seen.value.running == Some(true))?;
    let seen = manager.filter(|seen| seen.value.running == Some(false))?;
    let text = "xrdp runs and xrdp-sesman does not: whoever logs on gets no session";
    Some(Ground::on(vec![seen.because(text)]).severity(Severity::Degrading))
}

/// xrdp, or the part of it that starts sessions, does not start with what is there: an account, its settings, a place
/// for its log. What runs has started before that, or makes do.
pub(crate) fn cannot_start(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp()?;
    let xrdp = seen.value;
    let runs = |name: &str| case.service(name).is_some_and(|seen| seen.value.running == Some(true));
    let [itself, manager] = evidence::state::XRDP_SERVICES;
    let lacks = |part: &str| xrdp.lacks.iter().any(|one| one == part);
    let user = xrdp.user.as_deref().map(printable);
    let likely = |text: String| Ground::on(vec![seen.because(text)]).confidence(Confidence::Likely);
    if runs(itself) || case.at_addresses().any(Case::tcp_accepted) {
        let text = format!("xrdp-sesman does not start without {NO_SESMAN}: whoever logs on gets no session");
        return (lacks(NO_SESMAN) && !runs(manager)).then(|| likely(text).severity(Severity::Degrading));
    }
    let file = printable(&xrdp.file);
    Some(likely(match user {
        Some(user) if xrdp.account_exists == Some(false) => {
            format!("xrdp is to run as {user}, an account that the machine's /etc/passwd does not have")
        }
        Some(user) if xrdp.file_readable == Some(false) => {
            format!("xrdp is to run as {user}, which may not read {file}: it does not start")
        }
        Some(user) if lacks(NO_LOG_TO_WRITE) => {
            format!(
                "xrdp is to run as {user}, which may not write the log that LogFile in {file} names: it does not start"
            )
        }
        _ if lacks(NO_LOG) => format!("{file} has no {NO_LOG}: xrdp does not start without"),
        _ if lacks(NO_SESMAN) => {
            let text = format!("xrdp-sesman does not start without {NO_SESMAN}: whoever logs on gets no session");
            return Some(likely(text).severity(Severity::Degrading));
        }
        _ => return None,
    }))
}

/// xrdp and its manager of sessions run.
pub(crate) fn running(case: Case<'_>) -> Option<Ground> {
    let runs = |name: &str| case.service(name).is_some_and(|seen| seen.value.running == Some(true));
    evidence::state::XRDP_SERVICES.into_iter().all(runs).then(Ground::nothing)
}

fn listed(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// Servers for RDP: with one of them on the port, clients get in, if not to xrdp.
const SERVERS: [&str; 4] = [GNOME_PROCESS, "freerdp-shadow-", "krdpserver", "weston"];
/// Programs that hand on what comes to a port: what for, only their owner knows.
const RELAYS: [&str; 3] = ["systemd", "docker-proxy", "sshd"];

/// Another program holds a port of xrdp, and xrdp does not.
pub(crate) fn port_taken(case: Case<'_>) -> Option<Ground> {
    let settings = case.xrdp()?;
    let port = wanted(settings.value).into_iter().find(|port| {
        let held = |by_xrdp: bool| {
            let of = |one: &ListeningPort| one.port == *port && one.process.is_some() && runs(one, "xrdp") == by_xrdp;
            holder(case, of).is_some()
        };
        held(false) && !held(true)
    })?;
    let seen = holder(case, |one| one.port == port && one.process.is_some())?;
    let name = seen.value.process.as_deref()?;
    let text = format!("{} listens on port {port}, which xrdp.ini gives to xrdp", printable(name));
    let ground = Ground::on(vec![seen.because(text), settings.because("xrdp cannot listen there as well")]);
    Some(match name {
        _ if SERVERS.contains(&name) => ground.severity(Severity::Advisory),
        _ if RELAYS.contains(&name) => ground.confidence(Confidence::Possible),
        _ => ground,
    })
}

/// xrdp holds each of its ports.
pub(crate) fn port_held(case: Case<'_>) -> Option<Ground> {
    let ports = wanted(case.xrdp()?.value);
    let held = |port: &u16| holder(case, |one| one.port == *port && runs(one, "xrdp")).is_some();
    (!ports.is_empty() && ports.iter().all(held)).then(Ground::nothing)
}
