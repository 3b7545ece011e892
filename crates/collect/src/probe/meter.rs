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

    /// Has the system acknowledge at once what has come, where it can: a peer may hold back what it has to say until
    /// then, as long as systems wait with it.
    fn acknowledge(&self) {}

    /// Has the packets come to no more than so many machines, and tells at once that one did not come through; 0 ends
    /// that, and has the connection end with a reset.
    fn limit_hops(&self, _hops: u8) {}

    /// Takes the error of the connection, such as what a router says of its packets: that wakes no reader.
    fn error(&self) -> Option<io::Error> {
        None
    }
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

    /// A second descriptor of the socket, which goes with the meter, and whether it is of IPv6.
    struct Kernel {
        socket: OwnedFd,
        ipv6: bool,
    }

    impl Meter for Kernel {
        fn read(&self) -> Option<TcpFigures> {
            TcpFigures::of_linux(&os::tcp::info(&self.socket).ok()?)
        }

        fn error(&self) -> Option<io::Error> {
            os::icmp::take_error(&self.socket)
        }

        fn limit_hops(&self, hops: u8) {
            // an option that is not taken leaves a connection like any other, which proves nothing
            let _ = os::icmp::limit_hops(&self.socket, self.ipv6, hops);
            let _ = if hops > 0 {
                os::icmp::report_errors(&self.socket, self.ipv6)
            } else {
                os::icmp::reset_at_close(&self.socket)
            };
        }

        fn acknowledge(&self) {
            // without it the peer's next words only come later
            let _ = os::tcp::acknowledge_at_once(&self.socket);
        }
    }

    pub(in crate::probe) fn meter(stream: &TcpStream) -> Box<dyn Meter> {
        match stream.as_fd().try_clone_to_owned() {
            Ok(socket) => {
                let ipv6 = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_ipv6());
                Box::new(Kernel { socket, ipv6 })
            }
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
