//! Captures that a test makes itself: a connection as packets, packets as a file.

use wire::tls::{ClientHello, Segments, TlsOffer};
use wire::x224::{ConnectionRequest, SecurityProtocols, ServerAnswer};

pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const FIN: u8 = 1;
pub const ACK: u8 = 16;

/// Packet: milliseconds since the beginning, and bytes.
pub type Frame = (u64, Vec<u8>);

/// Connection under construction; each call is one packet, some milliseconds after the one before.
#[derive(Clone)]
pub struct Talk {
    pub frames: Vec<Frame>,
    now: u64,
    numbers: [u32; 2],
    ports: [u16; 2],
    host: u8,
}

pub const CLIENT: usize = 0;
pub const HOST: usize = 1;

impl Talk {
    /// Begins one from 192.0.2.`port` % 256 to 192.0.2.7:3389.
    pub fn new(port: u16, sequence: u32) -> Self {
        let numbers = [sequence, sequence ^ 0x5555_0000];
        Self { frames: Vec::new(), now: 1_000, numbers, ports: [port, 3389], host: 7 }
    }

    /// Changes the destination to 192.0.2.`host`:`port`.
    pub fn to(mut self, host: u8, port: u16) -> Self {
        (self.host, self.ports[HOST]) = (host, port);
        self
    }

    pub fn after(mut self, milliseconds: u64) -> Self {
        self.now += milliseconds;
        self
    }

    pub fn packet(mut self, side: usize, flags: u8, payload: &[u8]) -> Self {
        let acknowledged = if flags & ACK == 0 { 0 } else { self.numbers[1 - side] };
        let ports = [self.ports[side], self.ports[1 - side]];
        let frame = frame(side, self.host, ports, self.numbers[side], acknowledged, flags, payload);
        self.frames.push((self.now, frame));
        self.now += 5;
        let counted = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.numbers[side] = self.numbers[side].wrapping_add(counted);
        self
    }

    pub fn opened(self) -> Self {
        self.packet(CLIENT, SYN, &[]).packet(HOST, SYN | ACK, &[]).packet(CLIENT, ACK, &[])
    }

    /// Sends bytes in segments of this many.
    pub fn says(mut self, side: usize, bytes: &[u8], segment: usize) -> Self {
        for piece in bytes.chunks(segment) {
            self = self.packet(side, ACK, piece);
        }
        self
    }

    pub fn asks(self, protocols: u32) -> Self {
        let request =
            ConnectionRequest { protocols: Some(SecurityProtocols(protocols)), ..ConnectionRequest::default() };
        self.says(CLIENT, &request.encode(), 1400)
    }

    pub fn answers(self, answer: &ServerAnswer) -> Self {
        self.says(HOST, &answer.encode(), 1400)
    }

    pub fn selects(self, protocol: u32) -> Self {
        self.answers(&ServerAnswer::Selected { protocol: SecurityProtocols(protocol), flags: 0 })
    }

    pub fn hello(self, offer: TlsOffer) -> Self {
        self.says(CLIENT, &ClientHello::of(offer, [7; 32]).encode(Segments::Whole).concat(), 100)
    }

    /// Sends a ClientHello that asks for a name.
    pub fn asks_for(self, name: &str) -> Self {
        let hello = ClientHello { server_name: Some(name.to_owned()), ..ClientHello::of(TlsOffer::PLAIN_12, [7; 32]) };
        self.says(CLIENT, &hello.encode(Segments::Whole).concat(), 100)
    }

    /// Sends a whole handshake of TLS 1.2 up to the host's ChangeCipherSpec.
    pub fn handshake(self, certificate: &[u8]) -> Self {
        self.hello(TlsOffer::PLAIN_12).goes_along(certificate)
    }

    /// Sends the answer to a ClientHello.
    pub fn goes_along(self, certificate: &[u8]) -> Self {
        let talk = self.says(HOST, &flight(certificate), 300);
        let changed = [record(20, &[1]), record(22, &[9; 40])].concat();
        let exchanged = [record(22, &[16, 0, 0, 1, 7]), changed.clone()].concat();
        talk.says(CLIENT, &exchanged, 1400).says(HOST, &changed, 1400)
    }

    pub fn closed(self) -> Self {
        self.packet(CLIENT, FIN | ACK, &[]).packet(HOST, FIN | ACK, &[]).packet(CLIENT, ACK, &[])
    }
}

pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3][..], &size, body].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn flight(certificate: &[u8]) -> Vec<u8> {
    let hello = [&[3, 3][..], &[9; 32], &[0], &[0xC0, 0x30], &[0]].concat();
    let size = |bytes: &[u8]| [&[0][..], &u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let messages = [message(2, &hello), message(11, &size(&size(certificate))), message(14, &[])].concat();
    record(22, &messages)
}

/// Builds Ethernet, IPv4, TCP.
fn frame(
    side: usize,
    host: u8,
    ports: [u16; 2],
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let client = if side == CLIENT { ports[0] } else { ports[1] };
    let addresses = [[192, 0, 2, 100 + u8::try_from(client % 100).unwrap()], [192, 0, 2, host]];
    let total = u16::try_from(40 + payload.len()).unwrap();
    let mut bytes = [&[0; 12][..], &[8, 0, 0x45, 0], &total.to_be_bytes(), &[0, 0, 0, 0, 64, 6, 0, 0]].concat();
    bytes.extend(addresses[side]);
    bytes.extend(addresses[1 - side]);
    bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(acknowledged.to_be_bytes());
    bytes.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
    bytes.extend(payload);
    // Ethernet pads short frames to its shortest
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

/// Kind of capture file.
#[derive(Clone, Copy, Debug)]
pub enum Container {
    Little,
    BigNanoseconds,
    NextGeneration,
}

/// Beginning of every made capture: 2026-11-21 09:00 UTC.
pub const BEGAN: u64 = 1_795_251_600;

/// Writes the file, with packets cut at `snap` bytes.
pub fn file(frames: &[Frame], container: Container, link: u16, snap: usize) -> Vec<u8> {
    let mut file = match container {
        Container::Little => {
            let version = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0];
            [&version[..], &u32::from(link).to_le_bytes()].concat()
        }
        Container::BigNanoseconds => {
            let version = [0xA1, 0xB2, 0x3C, 0x4D, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF];
            [&version[..], &u32::from(link).to_be_bytes()].concat()
        }
        Container::NextGeneration => {
            let section = [&[0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0][..], &[0xFF; 8]].concat();
            let interface = [&link.to_le_bytes()[..], &[0; 6]].concat();
            [block(0x0A0D_0D0A, &section), block(1, &interface)].concat()
        }
    };
    for (milliseconds, frame) in frames {
        file.extend(packet(BEGAN * 1000 + milliseconds, frame, container, snap));
    }
    file
}

fn packet(milliseconds: u64, frame: &[u8], container: Container, snap: usize) -> Vec<u8> {
    let kept = &frame[..frame.len().min(snap)];
    let number = |value: u64| u32::try_from(value).unwrap();
    let (seconds, rest) = (number(milliseconds / 1000), number(milliseconds % 1000));
    let sizes = [number(kept.len() as u64), number(frame.len() as u64)];
    match container {
        Container::Little => {
            let head = [seconds, rest * 1000, sizes[0], sizes[1]].map(u32::to_le_bytes);
            [head.as_flattened(), kept].concat()
        }
        Container::BigNanoseconds => {
            let head = [seconds, rest * 1_000_000, sizes[0], sizes[1]].map(u32::to_be_bytes);
            [head.as_flattened(), kept].concat()
        }
        Container::NextGeneration => {
            let ticks = milliseconds * 1000;
            let head = [0, number(ticks >> 32), number(ticks & 0xFFFF_FFFF), sizes[0], sizes[1]].map(u32::to_le_bytes);
            block(6, &[head.as_flattened(), kept].concat())
        }
    }
}

pub fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let size = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes()[..], &size, &body, &size].concat()
}
