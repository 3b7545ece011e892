//! A running scenario.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{SockRef, Socket};
use time::OffsetDateTime;

use crate::certificate::Identity;
use crate::connection;
use crate::error::LabError;
use crate::host::{Host, TcpMode};
use crate::scenario::Scenario;
use crate::stage::tcp::{self, Door};
use crate::stage::tls::Acceptor;
use crate::stage::{self, Ending};
use crate::stop::Stop;
use crate::transport::Transport;

/// Ports that are tried until one is free on every address.
const TRIES: usize = 50;
/// How long a host that serves one client at a time needs to recover.
const RECOVERY: Duration = Duration::from_millis(100);
/// The kernel answers a TCP connection to it with ENETUNREACH by itself.
const UNREACHABLE: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// The hosts of a scenario, running until this value is dropped.
pub struct Lab {
    /// The port, the same on every host.
    pub port: u16,
    hosts: Vec<Running>,
    stop: Arc<Stop>,
}

struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    /// Keeps the port of a host that does not accept.
    _door: Option<Door>,
    thread: Option<JoinHandle<()>>,
}

/// State that the threads of a host share.
struct Service {
    host: Host,
    acceptor: Option<Acceptor>,
    stop: Arc<Stop>,
    accepted: AtomicUsize,
    single: Mutex<Single>,
}

/// Who is being served by a host that serves one client at a time.
#[derive(Default)]
struct Single {
    busy: bool,
    closed: Option<Instant>,
}

impl Lab {
    /// Starts the hosts of a scenario, on one port that is free on all of their addresses.
    pub fn start(scenario: &Scenario) -> Result<Self, LabError> {
        let stop = Arc::new(Stop::default());
        let services: Vec<_> =
            scenario.hosts.iter().map(|host| Service::new(host, stop.clone())).collect::<Result<_, _>>()?;
        let (port, sockets) = common_port(&scenario.hosts)?;
        let mut lab = Self { port, hosts: Vec::new(), stop };
        for (service, socket) in services.into_iter().zip(sockets) {
            // dropping the lab ends those that run already
            lab.hosts.push(Running::start(service, socket, port)?);
        }
        Ok(lab)
    }

    /// Where the hosts are, in the order of the scenario.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.hosts.iter().map(|host| host.address).collect()
    }

    /// How many TCP connections this host has accepted so far; those that it reset at once count.
    pub fn connections(&self, host: usize) -> usize {
        self.hosts.get(host).map_or(0, |host| host.service.accepted.load(Ordering::SeqCst))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.stop();
        for host in &mut self.hosts {
            let Some(thread) = host.thread.take() else { continue };
            // wakes the thread that waits for a connection; if even that fails, it is left behind rather than waited
            // for
            if TcpStream::connect_timeout(&host.address, Duration::from_secs(1)).is_ok() {
                let _ = thread.join();
            }
        }
    }
}

/// One bound socket for every host, `None` for those that cannot be reached, all on one port.
fn common_port(hosts: &[Host]) -> Result<(u16, Vec<Option<Socket>>), LabError> {
    for _ in 0..TRIES {
        let mut port = 0;
        let mut sockets = Vec::new();
        for host in hosts {
            let bound = (host.tcp != TcpMode::Unreachable).then(|| bind(host.address, port)).transpose();
            match bound {
                Ok(Some((socket, found))) => {
                    port = found;
                    sockets.push(Some(socket));
                }
                Ok(None) => sockets.push(None),
                Err(LabError::Bind { source, .. }) if port != 0 && source.kind() == io::ErrorKind::AddrInUse => break,
                Err(error) => return Err(error),
            }
        }
        if sockets.len() == hosts.len() {
            // 3389 where there is nothing to bind
            return Ok((if port == 0 { 3389 } else { port }, sockets));
        }
    }
    Err(LabError::NoCommonPort)
}

fn bind(address: IpAddr, port: u16) -> Result<(Socket, u16), LabError> {
    let address = SocketAddr::new(address, port);
    let failed = |source| LabError::Bind { address, source };
    let socket = tcp::bind(address).map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let port = bound.as_socket().map_or(port, |bound| bound.port());
    Ok((socket, port))
}

impl Running {
    fn start(service: Service, socket: Option<Socket>, port: u16) -> Result<Self, LabError> {
        let mode = service.host.tcp;
        let service = Arc::new(service);
        let Some(socket) = socket else {
            let address = SocketAddr::new(UNREACHABLE.into(), port);
            return Ok(Self { address, service, _door: None, thread: None });
        };
        let address = SocketAddr::new(service.host.address, port);
        match tcp::open(socket, address, mode)? {
            Door::Open(listener) => {
                let accepting = service.clone();
                let thread = thread::Builder::new().name(format!("lab {address}"));
                let thread = thread.spawn(move || accepting.accept(&listener)).map_err(LabError::Thread)?;
                Ok(Self { address, service, _door: None, thread: Some(thread) })
            }
            door => Ok(Self { address, service, _door: Some(door), thread: None }),
        }
    }
}

impl Service {
    fn new(host: &Host, stop: Arc<Stop>) -> Result<Self, LabError> {
        let acceptor = if host.speaks_tls() {
            let identity = Identity::new(&host.certificate, OffsetDateTime::now_utc())?;
            Some(Acceptor::new(&host.tls, host.needs_legacy_tls(), &identity)?)
        } else {
            None
        };
        Ok(Self { host: host.clone(), acceptor, stop, accepted: AtomicUsize::new(0), single: Mutex::default() })
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if self.stop.stopped() {
                return;
            }
            match accepted {
                Ok((stream, _)) => self.clone().welcome(stream),
                // no descriptors left: they come back when connections end
                Err(_) => drop(self.stop.pause(Duration::from_millis(10))),
            }
        }
    }

    fn welcome(self: Arc<Self>, stream: TcpStream) {
        let number = self.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        let banned = self.host.ban_after.is_some_and(|limit| number > limit);
        if banned || !self.claim() {
            return reset(&stream);
        }
        let service = self.clone();
        let thread = thread::Builder::new().name(format!("lab connection {number}"));
        if thread.spawn(move || service.run(stream, number)).is_err() {
            self.release();
        }
    }

    fn run(&self, stream: TcpStream, number: usize) {
        match self.stop.enter(&stream) {
            Ok(Some(id)) => {
                // a clone of the socket exists until `leave`: closing before would close nothing
                let transport = self.serve(stream, number);
                self.stop.leave(id);
                drop(transport);
            }
            Ok(None) | Err(_) => reset(&stream),
        }
        self.release();
    }

    fn serve(&self, stream: TcpStream, number: usize) -> io::Result<Transport> {
        let mut transport = Transport::new(stream, self.host.pace(), self.stop.clone())?;
        let served = if self.host.neglects.contains(&number) {
            stage::neglect(&self.host, self.acceptor.as_ref(), &mut transport)
        } else {
            connection::serve(&self.host, self.acceptor.as_ref(), &mut transport)
        };
        // an error is the client's doing: it has gone, or does not speak our language
        match served.unwrap_or(Ending::Close) {
            Ending::Close => transport.finish(),
            Ending::Reset => transport.prepare_reset()?,
        }
        Ok(transport)
    }

    /// True if this client may be served now.
    fn claim(&self) -> bool {
        if !self.host.one_client_at_a_time {
            return true;
        }
        let mut single = self.single.lock().unwrap_or_else(PoisonError::into_inner);
        let recovering = single.closed.is_some_and(|closed| closed.elapsed() < RECOVERY);
        let free = !single.busy && !recovering;
        single.busy |= free;
        free
    }

    fn release(&self) {
        *self.single.lock().unwrap_or_else(PoisonError::into_inner) =
            Single { busy: false, closed: Some(Instant::now()) };
    }
}

/// RST as soon as the stream is dropped.
fn reset(stream: &TcpStream) {
    // if it cannot be set, the peer has gone
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
