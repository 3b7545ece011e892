//! TCP: sockets that accept, refuse or drop connections, and clients that nobody gets round to.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde::Deserialize;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::LabError;

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 128;
/// Connections that a queue of length 0 takes at most before Linux drops SYNs; it takes one.
const FILLERS: usize = 8;
/// How long a connection on loopback can take before it has been dropped.
const DROPPED_AFTER: Duration = Duration::from_millis(200);

/// Treatment of TCP connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpMode {
    /// Accepts and serves them.
    #[default]
    Accept,
    /// Answers the SYN with RST: the port is bound, nobody listens.
    Refuse,
    /// Drops the SYN: the listener's queue is full, and Linux then stays silent. (Other systems answer with RST.)
    Filter,
    /// The network cannot be reached. The kernel answers ENETUNREACH to a TCP connection to a multicast address without
    /// sending a packet, on every system and without rights; so the address of such a host is always 224.0.0.1.
    Unreachable,
    /// Accepts, then FIN at once.
    Close,
    /// Accepts, then RST at once.
    Reset,
    /// Accepts and says nothing.
    Silent,
}

/// Treatment of connections that an overloaded host does not get round to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neglect {
    /// Says nothing.
    #[default]
    Silent,
    /// FIN on the request.
    Close,
    /// RST at once.
    Reset,
    /// Negotiates, then RST on the ClientHello, as a service that is only just starting.
    ResetHello,
    /// Negotiates, then alert `handshake_failure` on the ClientHello, as a machine of a farm with other TLS settings.
    AlertHello,
    /// Does everything, but answers alert `handshake_failure` to what offers TLS 1.3, as an older machine of a farm.
    #[serde(rename = "refuse-tls-1.3")]
    RefuseTls13,
    /// Does everything but answer behind TLS: FIN on a client's first words there.
    CloseBehindTls,
    /// Does everything but take NTLM, as a machine of a farm with another policy: `STATUS_NTLM_BLOCKED`.
    RefuseNtlm,
    /// Leaves the connection to a web server, as a balancer with a wrong target.
    Http,
}

/// A bound port.
#[derive(Debug)]
pub(crate) enum Door {
    /// Accepts connections.
    Open(TcpListener),
    /// Bound, so that nobody else takes the port; nobody listens.
    Closed { _reserved: Socket },
    /// Listens with a full queue: further SYNs are dropped.
    Full { _listener: Socket, _queue: Vec<TcpStream> },
    /// There is no socket: the address cannot be reached.
    Nowhere,
}

/// Binds `address` without listening. Port 0 finds a free one.
pub(crate) fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Makes a bound socket do what `mode` says.
pub(crate) fn open(socket: Socket, address: SocketAddr, mode: TcpMode) -> Result<Door, LabError> {
    let failed = |source| LabError::Bind { address, source };
    match mode {
        TcpMode::Accept | TcpMode::Close | TcpMode::Reset | TcpMode::Silent => {
            socket.listen(BACKLOG).map_err(failed)?;
            Ok(Door::Open(socket.into()))
        }
        TcpMode::Refuse => Ok(Door::Closed { _reserved: socket }),
        TcpMode::Filter => {
            socket.listen(0).map_err(failed)?;
            Ok(Door::Full { _listener: socket, _queue: fill(address)? })
        }
        TcpMode::Unreachable => Ok(Door::Nowhere),
    }
}

/// Connects until a connection no longer comes about.
fn fill(address: SocketAddr) -> Result<Vec<TcpStream>, LabError> {
    let mut queue = Vec::new();
    while queue.len() < FILLERS {
        match TcpStream::connect_timeout(&address, DROPPED_AFTER) {
            Ok(stream) => queue.push(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut && !queue.is_empty() => return Ok(queue),
            Err(source) => return Err(LabError::Bind { address, source }),
        }
    }
    Err(LabError::QueueNeverFull(address))
}
