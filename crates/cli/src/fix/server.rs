//! A server for RDP on Linux that is repaired: its settings, and where a client on the machine itself reaches it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

#[cfg(target_os = "linux")]
use collect::local::linux::xrdp_listens;
use diagnosis::fixes::Fix;
use diagnosis::fixes::change::Machine;
use evidence::printable::printable;
use evidence::state::{GnomeRemoteDesktop, Xrdp};

use super::gnome;

/// Port of Remote Desktop where nothing else is set.
const PORT: u16 = 3389;
/// Time in which this machine takes a connection to itself.
const TAKEN: Duration = Duration::from_secs(1);

/// Settings of a server.
pub enum Server {
    /// Of an xrdp.
    Xrdp(Box<Xrdp>),
    /// Of a GNOME Remote Desktop.
    Gnome(Box<GnomeRemoteDesktop>),
}

impl Server {
    /// Returns its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Xrdp(_) => "xrdp",
            Self::Gnome(_) => "GNOME Remote Desktop",
        }
    }

    /// Returns where its settings are.
    pub fn settings(&self) -> String {
        match self {
            Self::Xrdp(xrdp) => printable(&xrdp.file),
            Self::Gnome(gnome) => printable(&gnome.settings),
        }
    }

    /// True if this fix is one for it.
    pub fn is_mended_by(&self, fix: &Fix) -> bool {
        fix.place.machine
            == match self {
                Self::Xrdp(_) => Machine::Xrdp,
                Self::Gnome(_) => Machine::Gnome,
            }
    }

    /// True if it is set to listen for clients on its own machine alone.
    pub fn is_inside_alone(&self) -> bool {
        matches!(self, Self::Xrdp(xrdp) if diagnosis::xrdp::is_inside_alone(xrdp))
    }

    /// Returns the port of [`Self::address`].
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// Returns where a client on this machine reaches it: where it listens, or else where its settings have it listen.
    pub fn address(&self) -> SocketAddr {
        let mut sockets = match self {
            Self::Xrdp(xrdp) => {
                let listens = xrdp_listens();
                if listens.is_empty() { diagnosis::xrdp::sockets(xrdp) } else { listens }
            }
            Self::Gnome(_) => gnome::gnome_port().map(|port| (Ipv4Addr::LOCALHOST, port).into()).into_iter().collect(),
        };
        // where others come too, before what is for this machine alone
        sockets.sort_by_key(|socket| socket.ip().is_loopback());
        let near = sockets.into_iter().flat_map(|socket| {
            let ip = match socket.ip() {
                every if every.is_unspecified() => vec![IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()],
                ip => vec![ip],
            };
            ip.into_iter().map(move |ip| SocketAddr::new(ip, socket.port()))
        });
        let near: Vec<SocketAddr> = near.collect();
        let taken = |socket: &&SocketAddr| TcpStream::connect_timeout(socket, TAKEN).is_ok();
        match near.as_slice() {
            [] => (Ipv4Addr::LOCALHOST, PORT).into(),
            // GNOME's takes one client at a time, which this would be
            [only] => *only,
            [first, ..] => *near.iter().find(taken).unwrap_or(first),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn xrdp_listens() -> Vec<SocketAddr> {
    Vec::new()
}
