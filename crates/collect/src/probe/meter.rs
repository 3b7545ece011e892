//! Figures that the operating system keeps of a connection, and the size of its segments; on systems other than Linux
//! nothing is known of the one, and nothing can be asked of the other.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};
use wire::figures::TcpFigures;
use wire::machine::PathPlan;

/// Reader of the figures of one connection.
pub(super) trait Meter: Send {
    /// Returns what the system knows now.
    fn read(&self) -> Option<TcpFigures>;
}

/// Meter of a connection that no system counts.
pub(super) struct Unmeasured;

impl Meter for Unmeasured {
    fn read(&self) -> Option<TcpFigures> {
        None
    }
}

/// Connects with the segments that the plan asks for.
pub(super) async fn connect(address: SocketAddr, path: PathPlan) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if path.segment > 0 {
        limit_segments(&socket, path.segment)?;
    }
    socket.connect(address).await
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::{AsFd, OwnedFd};

    use super::{Meter, TcpFigures, TcpSocket, TcpStream, io};

    /// A second descriptor of the socket; it goes with the meter.
    struct Kernel(OwnedFd);

    impl Meter for Kernel {
        fn read(&self) -> Option<TcpFigures> {
            TcpFigures::of_linux(&os::tcp::info(&self.0).ok()?)
        }
    }

    pub(in crate::probe) fn meter(stream: &TcpStream) -> Box<dyn Meter> {
        match stream.as_fd().try_clone_to_owned() {
            Ok(socket) => Box::new(Kernel(socket)),
            Err(_) => Box::new(super::Unmeasured),
        }
    }

    pub(super) fn limit_segments(socket: &TcpSocket, bytes: u16) -> io::Result<()> {
        os::tcp::limit_segments(socket, bytes)
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use super::{Meter, TcpSocket, TcpStream, Unmeasured, io};

    pub(in crate::probe) fn meter(_: &TcpStream) -> Box<dyn Meter> {
        Box::new(Unmeasured)
    }

    pub(super) fn limit_segments(_: &TcpSocket, _: u16) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
use linux::limit_segments;
#[cfg(target_os = "linux")]
pub(super) use linux::meter;
#[cfg(not(target_os = "linux"))]
use others::limit_segments;
#[cfg(not(target_os = "linux"))]
pub(super) use others::meter;
