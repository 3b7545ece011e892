//! Drives one `wire` machine over one socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use diagnosis::stage::rung::NO_NETWORK;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};
use wire::figures::TcpFigures;
use wire::layer::{Layers, Received};
use wire::machine::{Action, ConnectFailure, Conversation, ConversationPlan, End, Event, TlsFailure};
use wire::stage::begins_record;
use wire::tls::{HelloShape, TlsOffer};
use wire::transcript::Entry;

use super::meter::{self, Meter, Unmeasured};
use super::micros;
use super::outlet::{Layer, Outlet, Step};
use super::tls;

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// First bytes of a peer that are kept, to say what came instead of TLS.
const FIRST: usize = 64;
/// Raw bytes of a TLS stack that a transcript keeps; replay does not need them.
const TUNNEL_KEPT: usize = 64 * 1024;
/// Most raw bytes of a TLS handshake: more than any real chain of certificates.
const TUNNEL_LIMIT: usize = 512 * 1024;

/// Pieces in which a request is sent to count packets.
const PIECES: usize = 16;
/// Time for which acknowledgements of pieces are waited for in all; what is left then goes out at once.
const PIECES_TIME: Duration = Duration::from_millis(1500);
/// Pause between two looks whether a piece was acknowledged.
const LOOK: Duration = Duration::from_millis(1);
/// Pause between two looks for what a router says.
const LOOK_FOR_ROUTER: Duration = Duration::from_millis(20);

/// Opens a connection, does what the machine says until it ends or `left` is over, and returns all that happened. The
/// connection, if there was one, is returned too: our side of it is closed, the peer's perhaps not yet.
pub async fn converse(
    address: SocketAddr,
    plan: &ConversationPlan,
    left: Duration,
    outlet: &dyn Outlet,
    has_network: &(dyn Fn() -> bool + Sync),
) -> (Vec<(Duration, Entry)>, Option<TcpStream>) {
    let mut driver = Driver::new(plan, left, outlet);
    let mut connection = None;
    let deadline = driver.deadline();
    match timeout_at(deadline, meter::connect(address, plan.path)).await {
        Err(_) => drop(driver.tell(Event::Time)),
        // a refused SYN is ECONNREFUSED; this one was accepted, and reset before we could look
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => driver.reset_at_once(),
        // the routing table of a computer without a network says nothing about a host
        Ok(Err(error)) if error.kind() == io::ErrorKind::NetworkUnreachable && !has_network() => {
            drop(driver.tell(Event::ConnectFailed(ConnectFailure::Other(NO_NETWORK.to_owned()))));
        }
        Ok(Err(error)) => drop(driver.tell(Event::ConnectFailed(connect_failure(&error)))),
        Ok(Ok(mut stream)) => {
            // every write is a segment of its own; an error here would only make segments merge
            let _ = stream.set_nodelay(true);
            driver.meter = meter::meter(&stream);
            driver.run(&mut stream).await;
            connection = Some(stream).filter(|_| plan.path.hops == 0);
        }
    }
    (driver.entries, connection)
}

/// Waits until the peer shows that it has noticed our end of a connection: by its farewell, or its own end.
pub async fn noticed(mut connection: TcpStream) {
    // a farewell is TLS' `close_notify`, encrypted: whatever comes now has no other meaning to anybody
    let _ = connection.read(&mut [0; 1]).await;
}

/// Does the same over an established connection.
pub async fn converse_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    plan: &ConversationPlan,
    left: Duration,
    outlet: &dyn Outlet,
) -> Vec<(Duration, Entry)> {
    let mut driver = Driver::new(plan, left, outlet);
    driver.run(&mut stream).await;
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

struct Driver<'a> {
    outlet: &'a dyn Outlet,
    machine: Conversation,
    shape: HelloShape,
    /// The peer's request for a certificate has been told.
    requested: bool,
    entries: Vec<(Duration, Entry)>,
    began: Instant,
    end: Instant,
    layers: Layers,
    /// Raw bytes of the layers that the transcript has.
    kept: usize,
    /// Raw bytes that the layers were given since the topmost began.
    raw: usize,
    /// The first of them.
    first: Vec<u8>,
    /// The request goes out in pieces.
    pieces: bool,
    /// Machines that the hello can come to; 0 for all.
    hops: u8,
    meter: Box<dyn Meter>,
    /// The figures when the connection was there.
    connected: TcpFigures,
}

impl<'a> Driver<'a> {
    fn new(plan: &ConversationPlan, left: Duration, outlet: &'a dyn Outlet) -> Self {
        let began = Instant::now();
        let machine = Conversation::new(plan.clone());
        let shape = plan.shape.clone();
        Self {
            outlet,
            machine,
            shape,
            requested: false,
            entries: Vec::new(),
            began,
            end: began + left,
            layers: Layers::default(),
            kept: 0,
            raw: 0,
            first: Vec::new(),
            pieces: plan.path.pieces,
            hops: plan.path.hops,
            meter: Box::new(Unmeasured),
            connected: TcpFigures::default(),
        }
    }

    fn now(&self) -> Duration {
        micros(self.began.elapsed())
    }

    /// Returns the machine's deadline, but never later than the end of the whole run.
    fn deadline(&self) -> Instant {
        let own = self.machine.deadline().map_or(self.began, |deadline| self.began + deadline);
        own.min(self.end)
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        let now = self.now();
        self.entries.push((now, Entry::Event(event.clone())));
        self.machine.handle(now, event)
    }

    /// Returns the event for an end by the peer; inside a TLS stack's handshake the bytes it sent before matter.
    fn closed(&self, end: End) -> Event {
        if self.layers.rising() {
            return Event::TlsFailed(TlsFailure::Closed { end, bytes: self.raw });
        }
        Event::Closed(end)
    }

    /// Returns the event for an error of the socket: nearly always a reset. Where the hello may not come far, it is the
    /// word of a router, and nothing else will come.
    fn lost(&mut self, error: &io::Error) -> Event {
        if self.hops == 0 || error.kind() != io::ErrorKind::HostUnreachable {
            return self.closed(End::Rst);
        }
        self.entries.push((self.now(), Entry::Expired));
        Event::Time
    }

    fn reset_at_once(&mut self) {
        let actions = self.tell(Event::Connected);
        let lost =
            actions.into_iter().filter_map(|action| if let Action::Send(bytes) = action { Some(bytes) } else { None });
        let now = self.now();
        self.entries.extend(lost.map(|bytes| (now, Entry::Sent(bytes))));
        self.tell(Event::Closed(End::Rst));
    }

    /// Returns the event for what came out of the layers, or for the peer's word that nothing more will.
    fn said(&self, plain: Vec<u8>) -> Option<Event> {
        if !plain.is_empty() {
            return Some(Event::Bytes(plain));
        }
        self.layers.ended().then(|| self.closed(End::Fin))
    }

    async fn run(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        self.connected = self.meter.read().unwrap_or_default();
        let mut actions = self.tell(Event::Connected);
        if let Some(event) = self.write(stream, Layer::Connected, Vec::new()).await {
            actions.extend(self.tell(event));
        }
        let mut buffer = vec![0; CHUNK];
        loop {
            while !actions.is_empty() {
                actions = self.act(stream, actions).await;
            }
            if self.machine.ended() {
                return;
            }
            self.meter.acknowledge();
            // a peer that keeps sending would otherwise never let a time-out happen
            let late = Instant::now() >= self.deadline();
            let event = match self.receive(stream, &mut buffer).await {
                Err(_) => Some(Event::Time),
                Ok(_) if late => Some(Event::Time),
                Ok(Ok(0)) => Some(self.closed(End::Fin)),
                Ok(Ok(count)) if !self.layers.is_empty() => self.through_layers(stream, &buffer[..count]).await,
                Ok(Ok(count)) => Some(Event::Bytes(buffer[..count].to_vec())),
                Ok(Err(error)) => Some(self.lost(&error)),
            };
            actions = event.map_or_else(Vec::new, |event| self.tell(event));
        }
    }

    /// Waits for bytes. Where the hello may not come far, it looks meanwhile for what a router says.
    async fn receive(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        buffer: &mut [u8],
    ) -> Result<io::Result<usize>, Elapsed> {
        loop {
            let deadline = self.deadline();
            let until = if self.hops > 0 { deadline.min(Instant::now() + LOOK_FOR_ROUTER) } else { deadline };
            match timeout_at(until, stream.read(buffer)).await {
                Err(_) if until < deadline => {
                    if let Some(error) = self.meter.error() {
                        return Ok(Err(error));
                    }
                }
                other => return other,
            }
        }
    }

    async fn act(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), actions: Vec<Action>) -> Vec<Action> {
        let mut further = Vec::new();
        // behind the negotiation comes the hello
        if self.hops > 0 && self.machine.outcome().x224.is_some() {
            self.meter.limit_hops(self.hops);
        }
        for action in actions {
            let event = match action {
                Action::Send(bytes) => self.send(stream, bytes).await,
                Action::UpgradeTls(offer) => self.upgrade(stream, offer).await,
                Action::Close if self.hops > 0 => {
                    self.measure();
                    self.meter.limit_hops(0);
                    None
                }
                Action::Close => {
                    self.measure();
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

    /// Sends the machine's output; returns an event if the connection is gone.
    async fn send(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: Vec<u8>) -> Option<Event> {
        self.entries.push((self.now(), Entry::Sent(bytes.clone())));
        if std::mem::take(&mut self.pieces) {
            return self.send_in_pieces(stream, &bytes).await;
        }
        if self.layers.is_empty() {
            return self.write(stream, Layer::Bare, bytes).await;
        }
        for step in self.outlet.pass(Layer::Plain, bytes) {
            let lost = match step {
                Step::Write(bytes) => match self.layers.send(bytes) {
                    Ok(raw) => self.write(stream, Layer::Tunnel, raw).await,
                    Err(words) => Some(Event::TlsFailed(TlsFailure::Own(words))),
                },
                #[cfg(test)]
                step => self.take_step(stream, step).await,
            };
            if lost.is_some() {
                return lost;
            }
        }
        None
    }

    /// Sends a request piece by piece, each once the one before was acknowledged: one packet is on the way at a time.
    async fn send_in_pieces(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        bytes: &[u8],
    ) -> Option<Event> {
        let until = (Instant::now() + PIECES_TIME).min(self.deadline());
        for piece in bytes.chunks(bytes.len().div_ceil(PIECES).max(1)) {
            let lost = self.write(stream, Layer::Bare, piece.to_vec()).await;
            if lost.is_some() {
                return lost;
            }
            while Instant::now() < until && self.meter.read().is_some_and(|figures| figures.unacknowledged > 0) {
                tokio::time::sleep(LOOK).await;
            }
        }
        None
    }

    /// Notes what the system has counted of the connection.
    fn measure(&mut self) {
        let Some(figures) = self.meter.read() else { return };
        let syn_again = self.connected.again;
        let syn_rtt = if syn_again == 0 { self.connected.rtt } else { 0 };
        let now = self.now();
        self.entries.push((now, Entry::Figures(TcpFigures { syn_again, syn_rtt, ..figures })));
    }

    async fn write(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        layer: Layer,
        raw: Vec<u8>,
    ) -> Option<Event> {
        for step in self.outlet.pass(layer, raw) {
            let lost = self.take_step(stream, step).await;
            if lost.is_some() {
                return lost;
            }
        }
        None
    }

    async fn take_step(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), step: Step) -> Option<Event> {
        match step {
            Step::Write(raw) => match timeout_at(self.deadline(), stream.write_all(&raw)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(self.lost(&error)),
                Err(_) => Some(Event::Time),
            },
            #[cfg(test)]
            Step::Wait(time) => {
                tokio::time::sleep(time).await;
                None
            }
            #[cfg(test)]
            Step::Close => {
                let _ = stream.shutdown().await;
                None
            }
        }
    }

    async fn upgrade(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), offer: TlsOffer) -> Option<Event> {
        match tls::open(offer, &self.shape) {
            Ok(tunnel) => {
                self.layers.push(tunnel);
                self.raw = 0;
                self.first.clear();
            }
            Err(words) => return Some(Event::TlsFailed(TlsFailure::Own(words))),
        }
        self.flush(stream).await
    }

    /// Sends the output of the layers.
    async fn flush(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<Event> {
        let raw = match self.layers.output() {
            Ok(raw) => raw,
            Err(words) => return Some(Event::TlsFailed(TlsFailure::Own(words))),
        };
        if raw.is_empty() {
            return None;
        }
        self.keep(&raw, Entry::TunnelSent);
        self.write(stream, Layer::Tunnel, raw).await
    }

    fn keep(&mut self, raw: &[u8], entry: fn(Vec<u8>) -> Entry) {
        let room = TUNNEL_KEPT.saturating_sub(self.kept).min(raw.len());
        if room > 0 {
            self.kept += room;
            self.entries.push((self.now(), entry(raw[..room].to_vec())));
        }
    }

    /// Feeds raw bytes to the layers and returns the resulting event.
    async fn through_layers(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        raw: &[u8],
    ) -> Option<Event> {
        self.raw += raw.len();
        self.first.extend(raw.iter().take(FIRST.saturating_sub(self.first.len())));
        self.keep(raw, Entry::TunnelReceived);
        let Received { bytes, up, requested } = self.layers.receive(raw);
        if requested && !self.requested {
            self.requested = true;
            self.tell(Event::CertificateRequested);
        }
        // alerts and the client's last flight go out even if reading failed
        let lost = self.flush(stream).await;
        match (bytes, up) {
            // a stack has no words for what is none of its own
            (Err(TlsFailure::Peer(_)), _)
                if self.layers.rising() && self.first.first().is_some_and(|first| !begins_record(*first)) =>
            {
                Some(Event::TlsFailed(TlsFailure::NotTls(std::mem::take(&mut self.first))))
            }
            (Err(failure), _) => Some(Event::TlsFailed(failure)),
            (Ok(plain), Some(up)) => {
                let mut actions = self.tell(up);
                while !actions.is_empty() {
                    actions = self.act(stream, actions).await;
                }
                self.said(plain)
            }
            (Ok(plain), None) if !self.layers.rising() && (!plain.is_empty() || self.layers.ended()) => {
                self.said(plain)
            }
            _ if self.raw > TUNNEL_LIMIT => {
                Some(Event::TlsFailed(TlsFailure::Peer("more bytes than any handshake has".to_owned())))
            }
            _ => lost,
        }
    }
}
