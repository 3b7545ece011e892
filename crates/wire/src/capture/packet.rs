//! A captured packet down to its TCP segment or UDP datagram.
//!
//! Sources: the tcpdump.org list of link types, IEEE 802.1Q, RFC 791, RFC 8200, RFC 9293, RFC 768.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::bytes::{DecodeError, Reader};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86DD;
/// 802.1Q, 802.1ad and its forerunner.
const ETHERTYPES_VLAN: [u16; 3] = [0x8100, 0x88A8, 0x9100];
/// More tags than any network nests.
const TAGS: usize = 4;
/// More extension headers than any stack sends.
const EXTENSIONS: usize = 8;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;

/// What a captured packet begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Four bytes that name the family, in the byte order of whoever wrote them (BSD loopback).
    Loopback,
    /// Ethernet.
    Ethernet,
    /// IP at once, of either version.
    Raw,
    /// Linux "cooked" capture, version 1.
    Cooked1,
    /// Linux "cooked" capture, version 2.
    Cooked2,
}

impl Link {
    /// The link type of a registered number.
    pub fn of(number: i32) -> Option<Self> {
        Some(match number {
            0 | 108 => Self::Loopback,
            1 => Self::Ethernet,
            // 12 and 14 are what old systems wrote for 101; 228 and 229 name the version
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::Cooked1,
            276 => Self::Cooked2,
            _ => return None,
        })
    }
}

/// A packet of TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What it carries.
    pub carried: Carried<'a>,
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// The contents of a UDP datagram.
    Udp(&'a [u8]),
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the byte that is expected next; meaningless without ACK.
    pub acknowledgement: u32,
    /// The flags.
    pub flags: Flags,
    /// The bytes of it that were captured.
    pub payload: &'a [u8],
    /// Bytes of it that were not: packets are cut at a length that whoever captured has chosen.
    pub missing: usize,
}

/// The flags of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// FIN.
    pub const FIN: u8 = 1;
    /// SYN.
    pub const SYN: u8 = 2;
    /// RST.
    pub const RST: u8 = 4;
    /// ACK.
    pub const ACK: u8 = 16;

    /// True if this flag is set.
    pub const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// Reads a packet; `None` for one that is neither TCP nor UDP over IP, and for all but the first fragment.
pub fn read(link: Link, bytes: &[u8]) -> Result<Option<Packet<'_>>, DecodeError> {
    let mut reader = Reader::new(bytes);
    match link {
        Link::Ethernet => {
            reader.take(12, "Ethernet addresses")?;
            tagged(&mut reader)
        }
        Link::Cooked1 => {
            reader.take(14, "cooked header")?;
            tagged(&mut reader)
        }
        Link::Cooked2 => {
            let kind = reader.u16_be("cooked protocol")?;
            reader.take(18, "cooked header")?;
            if ETHERTYPES_VLAN.contains(&kind) {
                reader.take(2, "VLAN tag")?;
                return tagged(&mut reader);
            }
            network(kind, &mut reader)
        }
        Link::Loopback => {
            reader.take(4, "loopback family")?;
            internet(&mut reader)
        }
        Link::Raw => internet(&mut reader),
    }
}

fn tagged<'a>(reader: &mut Reader<'a>) -> Result<Option<Packet<'a>>, DecodeError> {
    for _ in 0..TAGS {
        let kind = reader.u16_be("EtherType")?;
        if !ETHERTYPES_VLAN.contains(&kind) {
            return network(kind, reader);
        }
        reader.take(2, "VLAN tag")?;
    }
    Ok(None)
}

fn network<'a>(kind: u16, reader: &mut Reader<'a>) -> Result<Option<Packet<'a>>, DecodeError> {
    if matches!(kind, ETHERTYPE_IPV4 | ETHERTYPE_IPV6) { internet(reader) } else { Ok(None) }
}

/// IP of the version that its first four bits say.
fn internet<'a>(reader: &mut Reader<'a>) -> Result<Option<Packet<'a>>, DecodeError> {
    match reader.rest().first().map(|byte| byte >> 4) {
        Some(4) => version_4(reader),
        Some(6) => version_6(reader),
        _ => Ok(None),
    }
}

fn version_4<'a>(reader: &mut Reader<'a>) -> Result<Option<Packet<'a>>, DecodeError> {
    let header = usize::from(reader.u8("IPv4 header length")? & 0x0F).saturating_mul(4);
    reader.take(1, "IPv4 service")?;
    let total = usize::from(reader.u16_be("IPv4 total length")?);
    reader.take(2, "IPv4 identification")?;
    let fragment = reader.u16_be("IPv4 fragment")? & 0x1FFF;
    reader.take(1, "IPv4 time to live")?;
    let protocol = reader.u8("IPv4 protocol")?;
    reader.take(2, "IPv4 checksum")?;
    let from = Ipv4Addr::from(reader.u32_be("IPv4 source")?);
    let to = Ipv4Addr::from(reader.u32_be("IPv4 destination")?);
    if header < 20 {
        return Err(reader.invalid("IPv4 header length", u8::try_from(header).unwrap_or(0)));
    }
    reader.take(header.saturating_sub(20), "IPv4 options")?;
    if fragment != 0 {
        return Ok(None);
    }
    transport(protocol, from.into(), to.into(), reader, total.checked_sub(header))
}

fn version_6<'a>(reader: &mut Reader<'a>) -> Result<Option<Packet<'a>>, DecodeError> {
    reader.take(4, "IPv6 flow")?;
    let announced = usize::from(reader.u16_be("IPv6 payload length")?);
    let mut next = reader.u8("IPv6 next header")?;
    reader.take(1, "IPv6 hop limit")?;
    let from = address_6(reader, "IPv6 source")?;
    let to = address_6(reader, "IPv6 destination")?;
    let start = reader.at();
    for _ in 0..EXTENSIONS {
        match next {
            // hop-by-hop, routing, destination options
            0 | 43 | 60 => {
                next = reader.u8("IPv6 extension")?;
                let size = usize::from(reader.u8("IPv6 extension length")?);
                reader.take(size.saturating_mul(8).saturating_add(6), "IPv6 extension")?;
            }
            44 => {
                next = reader.u8("IPv6 fragment")?;
                reader.take(1, "IPv6 fragment")?;
                if reader.u16_be("IPv6 fragment offset")? & 0xFFF8 != 0 {
                    return Ok(None);
                }
                reader.take(4, "IPv6 fragment")?;
            }
            _ => break,
        }
    }
    let left = announced.checked_sub(reader.at().saturating_sub(start));
    transport(next, from.into(), to.into(), reader, left.filter(|_| announced != 0))
}

fn address_6(reader: &mut Reader<'_>, what: &'static str) -> Result<Ipv6Addr, DecodeError> {
    let bytes: [u8; 16] = reader.take(16, what)?.try_into().expect("take returned 16 bytes");
    Ok(bytes.into())
}

/// `announced` is what the IP header says of the length from here on; a card that cuts segments itself may leave 0 there.
fn transport<'a>(
    protocol: u8,
    from: IpAddr,
    to: IpAddr,
    reader: &mut Reader<'a>,
    announced: Option<usize>,
) -> Result<Option<Packet<'a>>, DecodeError> {
    let start = reader.at();
    if !matches!(protocol, PROTOCOL_TCP | PROTOCOL_UDP) {
        return Ok(None);
    }
    let from = SocketAddr::new(from, reader.u16_be("source port")?);
    let to = SocketAddr::new(to, reader.u16_be("destination port")?);
    let carried = if protocol == PROTOCOL_UDP {
        reader.take(4, "UDP length and checksum")?;
        let announced = announced.map(|total| total.saturating_sub(8));
        Carried::Udp(bounded(reader.rest(), announced).0)
    } else {
        Carried::Tcp(segment(reader, start, announced)?)
    };
    Ok(Some(Packet { from, to, carried }))
}

fn segment<'a>(reader: &mut Reader<'a>, start: usize, announced: Option<usize>) -> Result<Segment<'a>, DecodeError> {
    let sequence = reader.u32_be("TCP sequence number")?;
    let acknowledgement = reader.u32_be("TCP acknowledgement number")?;
    let header = usize::from(reader.u8("TCP data offset")? >> 4).saturating_mul(4);
    let flags = Flags(reader.u8("TCP flags")?);
    reader.take(6, "TCP window, checksum and urgent pointer")?;
    let options = header.checked_sub(20).ok_or_else(|| reader.invalid("TCP data offset", 0_u8))?;
    reader.take(options, "TCP options")?;
    let used = reader.at().saturating_sub(start);
    let (payload, missing) = bounded(reader.rest(), announced.map(|total| total.saturating_sub(used)));
    Ok(Segment { sequence, acknowledgement, flags, payload, missing })
}

/// What is there of `announced` bytes, without padding behind them; and how many are not.
fn bounded(rest: &[u8], announced: Option<usize>) -> (&[u8], usize) {
    match announced {
        Some(size) => (rest.get(..size).unwrap_or(rest), size.saturating_sub(rest.len())),
        None => (rest, 0),
    }
}
