//! Drives one `wire` machine over one socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use wire::machine::{Action, ConnectFailure, Conversation, ConversationPlan, End, Event, TlsFailure};
use wire::tls::TlsOffer;
use wire::transcript::Entry;

use super::micros;
use super::tls::{self, Tunnel};

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// Raw bytes of a TLS stack that a transcript keeps; replay does not need them.
const TUNNEL_KEPT: usize = 64 * 1024;
/// Raw bytes that a TLS handshake may have: more than any real chain of certificates.
const TUNNEL_LIMIT: usize = 512 * 1024;

/// True if the peer reset the connection in this entry.
pub fn is_reset(entry: &Entry) -> bool {
    matches!(entry, Entry::Event(Event::Closed(End::Rst) | Event::TlsFailed(TlsFailure::Closed { end: End::Rst, .. })))
}

/// Opens a connection, does what the machine says until it ends or `left` is over, and returns all that happened.
pub async fn converse(address: SocketAddr, plan: &ConversationPlan, left: Duration) -> Vec<(Duration, Entry)> {
    let began = Instant::now();
    let mut driver = Driver {
        machine: Conversation::new(plan.clone()),
        entries: Vec::new(),
        began,
        end: began + left,
        tunnel: None,
        kept: 0,
        raw: 0,
    };
    let deadline = driver.deadline();
    match timeout_at(deadline, TcpStream::connect(address)).await {
        Err(_) => drop(driver.tell(Event::Time)),
        // a refused SYN is ECONNREFUSED; this one was accepted, and reset before we could look
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => driver.reset_at_once(),
        Ok(Err(error)) => drop(driver.tell(Event::ConnectFailed(connect_failure(&error)))),
        Ok(Ok(stream)) => {
            // every write is a segment of its own; an error here would only make segments merge
            let _ = stream.set_nodelay(true);
            driver.run(stream).await;
        }
    }
    driver.entries
}

fn connect_failure(error: &io::Error) -> ConnectFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectFailure::Refused,
        io::ErrorKind::TimedOut => ConnectFailure::TimedOut,
        io::ErrorKind::NetworkUnreachable => ConnectFailure::NetworkUnreachable,
        io::ErrorKind::HostUnreachable => ConnectFailure::HostUnreachable,
        _ => ConnectFailure::Other(error.to_string()),
    }
}

struct Driver {
    machine: Conversation,
    entries: Vec<(Duration, Entry)>,
    began: Instant,
    end: Instant,
    tunnel: Option<Box<dyn Tunnel>>,
    /// Raw bytes of the TLS stack that the transcript has.
    kept: usize,
    /// Raw bytes that the TLS stack was given.
    raw: usize,
}

impl Driver {
    fn now(&self) -> Duration {
        micros(self.began.elapsed())
    }

    /// The machine's deadline, never behind the end of the whole run.
    fn deadline(&self) -> Instant {
        let own = self.machine.deadline().map_or(self.began, |deadline| self.began + deadline);
        own.min(self.end)
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        let now = self.now();
        self.entries.push((now, Entry::Event(event.clone())));
        self.machine.handle(now, event)
    }

    /// The peer ended the connection; inside a handshake of a TLS stack the bytes that it sent in it matter.
    fn closed(&self, end: End) -> Event {
        match &self.tunnel {
            Some(tunnel) if tunnel.up().is_none() => Event::TlsFailed(TlsFailure::Closed { end, bytes: self.raw }),
            _ => Event::Closed(end),
        }
    }

    fn reset_at_once(&mut self) {
        let actions = self.tell(Event::Connected);
        let lost =
            actions.into_iter().filter_map(|action| if let Action::Send(bytes) = action { Some(bytes) } else { None });
        let now = self.now();
        self.entries.extend(lost.map(|bytes| (now, Entry::Sent(bytes))));
        self.tell(Event::Closed(End::Rst));
    }

    async fn run(&mut self, mut stream: TcpStream) {
        let mut actions = self.tell(Event::Connected);
        let mut buffer = vec![0; CHUNK];
        loop {
            while !actions.is_empty() {
                actions = self.act(&mut stream, actions).await;
            }
            if self.machine.ended() {
                return;
            }
            let event = match timeout_at(self.deadline(), stream.read(&mut buffer)).await {
                Err(_) => Some(Event::Time),
                Ok(Ok(0)) => Some(self.closed(End::Fin)),
                Ok(Ok(count)) if self.tunnel.is_some() => self.through_tunnel(&mut stream, &buffer[..count]).await,
                Ok(Ok(count)) => Some(Event::Bytes(buffer[..count].to_vec())),
                Ok(Err(_)) => Some(self.closed(End::Rst)),
            };
            actions = event.map_or_else(Vec::new, |event| self.tell(event));
        }
    }

    async fn act(&mut self, stream: &mut TcpStream, actions: Vec<Action>) -> Vec<Action> {
        let mut further = Vec::new();
        for action in actions {
            let event = match action {
                Action::Send(bytes) => self.send(stream, bytes).await,
                Action::UpgradeTls(offer) => self.upgrade(stream, offer).await,
                Action::Close => {
                    // the peer may have closed already
                    let _ = timeout(Duration::from_millis(100), stream.shutdown()).await;
                    None
                }
            };
            if let Some(event) = event {
                further.extend(self.tell(event));
            }
        }
        further
    }

    /// Sends what the machine wants sent; an event if the connection is gone.
    async fn send(&mut self, stream: &mut TcpStream, bytes: Vec<u8>) -> Option<Event> {
        let raw = match &mut self.tunnel {
            None => bytes.clone(),
            Some(tunnel) => match tunnel.write(&bytes) {
                Ok(()) => tunnel.take_output(),
                Err(words) => return Some(Event::TlsFailed(TlsFailure::Own(words))),
            },
        };
        self.entries.push((self.now(), Entry::Sent(bytes)));
        self.write(stream, &raw).await
    }

    async fn write(&mut self, stream: &mut TcpStream, raw: &[u8]) -> Option<Event> {
        match timeout_at(self.deadline(), stream.write_all(raw)).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(self.closed(End::Rst)),
            Err(_) => Some(Event::Time),
        }
    }

    async fn upgrade(&mut self, stream: &mut TcpStream, offer: TlsOffer) -> Option<Event> {
        match tls::open(offer) {
            Ok(tunnel) => self.tunnel = Some(tunnel),
            Err(words) => return Some(Event::TlsFailed(TlsFailure::Own(words))),
        }
        self.flush(stream).await
    }

    /// Sends what the TLS stack wants sent.
    async fn flush(&mut self, stream: &mut TcpStream) -> Option<Event> {
        let raw = self.tunnel.as_mut().map(|tunnel| tunnel.take_output()).unwrap_or_default();
        if raw.is_empty() {
            return None;
        }
        self.keep(&raw, Entry::TunnelSent);
        self.write(stream, &raw).await
    }

    fn keep(&mut self, raw: &[u8], entry: fn(Vec<u8>) -> Entry) {
        let room = TUNNEL_KEPT.saturating_sub(self.kept).min(raw.len());
        if room > 0 {
            self.kept += room;
            self.entries.push((self.now(), entry(raw[..room].to_vec())));
        }
    }

    /// Hands raw bytes to the TLS stack and says what came of it.
    async fn through_tunnel(&mut self, stream: &mut TcpStream, raw: &[u8]) -> Option<Event> {
        self.raw += raw.len();
        self.keep(raw, Entry::TunnelReceived);
        let tunnel = self.tunnel.as_mut()?;
        let was_up = tunnel.up().is_some();
        let result = tunnel.read(raw);
        let up = tunnel.up();
        // alerts and the client's last flight go out even if reading failed
        let lost = self.flush(stream).await;
        match (result, up) {
            (Err(failure), _) => Some(Event::TlsFailed(failure)),
            (Ok(plain), Some(up)) if !was_up => {
                let mut actions = self.tell(up);
                while !actions.is_empty() {
                    actions = self.act(stream, actions).await;
                }
                (!plain.is_empty()).then_some(Event::Bytes(plain))
            }
            (Ok(plain), Some(_)) if !plain.is_empty() => Some(Event::Bytes(plain)),
            _ if self.raw > TUNNEL_LIMIT => {
                Some(Event::TlsFailed(TlsFailure::Peer("more bytes than any handshake has".to_owned())))
            }
            _ => lost,
        }
    }
}
