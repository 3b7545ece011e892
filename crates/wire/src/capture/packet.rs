//! A captured packet down to its TCP segment or UDP datagram.
//!
//! Headers that mirror ports and providers put around packets (VLAN, PPPoE, MPLS, GRE, VXLAN, IP in IP) are taken off.
//!
//! Sources: the tcpdump.org list of link types, IEEE 802.1Q, RFC 2516 (PPPoE), RFC 3032 (MPLS), RFC 2784 and 2890
//! (GRE), RFC 7348 (VXLAN), RFC 791, RFC 8200, RFC 4302 (AH), RFC 792, RFC 4443, RFC 9293, RFC 768.

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
const ETHERTYPES_MPLS: [u16; 2] = [0x8847, 0x8848];
/// A session of PPPoE.
const ETHERTYPE_PPPOE: u16 = 0x8864;
/// Ethernet within GRE.
const ETHERTYPE_BRIDGED: u16 = 0x6558;
/// More labels than any network stacks.
const LABELS: usize = 8;
/// More packets within packets than anybody packs.
const DEPTH: usize = 4;
const PORT_VXLAN: u16 = 4789;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_GRE: u8 = 47;
const PROTOCOL_AH: u8 = 51;
const PROTOCOL_ICMP_6: u8 = 58;
/// IP of either version within IP.
const PROTOCOLS_IP: [u8; 2] = [4, 41];

/// First header of a captured packet.
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
    /// Payload.
    pub carried: Carried<'a>,
}

/// Payload of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// The contents of a UDP datagram.
    Udp(&'a [u8]),
    /// Word by ICMP that a TCP segment was not delivered. The packet's addresses are those of that segment.
    Undelivered {
        /// The number of the segment's first byte.
        sequence: u32,
        /// Meaning for a client.
        failure: Unreachable,
    },
    /// A later fragment of a packet of IP: what it carries is not known by itself. The ports are 0.
    Fragment,
}

/// Why a segment was not delivered, as ICMP says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// No way to the network.
    Network,
    /// No way to the host or the port, or forbidden.
    Host,
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

/// Reads a packet; `None` for one that carries nothing of what is watched.
pub fn read(link: Link, bytes: &[u8]) -> Result<Option<Packet<'_>>, DecodeError> {
    let mut reader = Reader::new(bytes);
    match link {
        Link::Ethernet => ethernet(&mut reader, 0),
        Link::Cooked1 => {
            reader.take(14, "cooked header")?;
            tagged(&mut reader, 0)
        }
        Link::Cooked2 => {
            let kind = reader.u16_be("cooked protocol")?;
            reader.take(18, "cooked header")?;
            if ETHERTYPES_VLAN.contains(&kind) {
                reader.take(2, "VLAN tag")?;
                return tagged(&mut reader, 0);
            }
            network(kind, &mut reader, 0)
        }
        Link::Loopback => {
            reader.take(4, "loopback family")?;
            internet(&mut reader, 0)
        }
        Link::Raw => internet(&mut reader, 0),
    }
}

fn ethernet<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
    reader.take(12, "Ethernet addresses")?;
    tagged(reader, depth)
}

fn tagged<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
    for _ in 0..TAGS {
        let kind = reader.u16_be("EtherType")?;
        if !ETHERTYPES_VLAN.contains(&kind) {
            return network(kind, reader, depth);
        }
        reader.take(2, "VLAN tag")?;
    }
    Ok(None)
}

fn network<'a>(kind: u16, reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
    match kind {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => internet(reader, depth),
        ETHERTYPE_PPPOE => {
            reader.take(6, "PPPoE header")?;
            // the protocols of PPP for IP of both versions
            match reader.u16_be("PPP protocol")? {
                0x0021 | 0x0057 => internet(reader, depth),
                _ => Ok(None),
            }
        }
        kind if ETHERTYPES_MPLS.contains(&kind) => {
            for _ in 0..LABELS {
                let label = reader.u32_be("MPLS label")?;
                if label & 0x100 != 0 {
                    return internet(reader, depth);
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// IP of the version that its first four bits say.
fn internet<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
    match reader.rest().first().map(|byte| byte >> 4) {
        _ if depth > DEPTH => Ok(None),
        Some(4) => version_4(reader, depth),
        Some(6) => version_6(reader, depth),
        _ => Ok(None),
    }
}

fn version_4<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
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
    let ends = (from.into(), to.into());
    if fragment != 0 {
        return Ok(Some(later_fragment(ends)));
    }
    transport(protocol, ends, reader, total.checked_sub(header), depth)
}

fn later_fragment((from, to): (IpAddr, IpAddr)) -> Packet<'static> {
    Packet { from: SocketAddr::new(from, 0), to: SocketAddr::new(to, 0), carried: Carried::Fragment }
}

fn version_6<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
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
                    return Ok(Some(later_fragment((from.into(), to.into()))));
                }
                reader.take(4, "IPv6 fragment")?;
            }
            _ => break,
        }
    }
    let left = announced.checked_sub(reader.at().saturating_sub(start));
    transport(next, (from.into(), to.into()), reader, left.filter(|_| announced != 0), depth)
}

fn address_6(reader: &mut Reader<'_>, what: &'static str) -> Result<Ipv6Addr, DecodeError> {
    let bytes: [u8; 16] = reader.take(16, what)?.try_into().expect("take returned 16 bytes");
    Ok(bytes.into())
}

/// `announced` is what the IP header says of the length from here on; a card that cuts segments itself may leave 0
/// there.
fn transport<'a>(
    protocol: u8,
    (from, to): (IpAddr, IpAddr),
    reader: &mut Reader<'a>,
    announced: Option<usize>,
    depth: usize,
) -> Result<Option<Packet<'a>>, DecodeError> {
    let start = reader.at();
    let within = depth.saturating_add(1);
    match protocol {
        PROTOCOL_TCP | PROTOCOL_UDP => {}
        PROTOCOL_AH if depth <= DEPTH => {
            let next = reader.u8("AH next header")?;
            let words = usize::from(reader.u8("AH length")?).saturating_add(2);
            reader.take(words.saturating_mul(4).saturating_sub(2), "AH")?;
            let used = reader.at().saturating_sub(start);
            let left = announced.map(|total| total.saturating_sub(used));
            return transport(next, (from, to), reader, left, within);
        }
        PROTOCOL_GRE => return generic_routing(reader, within),
        PROTOCOL_ICMP | PROTOCOL_ICMP_6 => return undelivered(protocol, reader),
        inner if PROTOCOLS_IP.contains(&inner) => return internet(reader, within),
        _ => return Ok(None),
    }
    let from = SocketAddr::new(from, reader.u16_be("source port")?);
    let to = SocketAddr::new(to, reader.u16_be("destination port")?);
    let carried = if protocol == PROTOCOL_UDP {
        reader.take(4, "UDP length and checksum")?;
        // the flag says that the number of the network is valid, as it is in every packet of VXLAN
        if to.port() == PORT_VXLAN && reader.rest().first() == Some(&0x08) && depth <= DEPTH {
            reader.take(8, "VXLAN header")?;
            return ethernet(reader, within);
        }
        let announced = announced.map(|total| total.saturating_sub(8));
        Carried::Udp(bounded(reader.rest(), announced).0)
    } else {
        Carried::Tcp(segment(reader, start, announced)?)
    };
    Ok(Some(Packet { from, to, carried }))
}

/// Reads the payload of GRE. Its first bits say which words of four bytes follow: checksum, key, number.
fn generic_routing<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Option<Packet<'a>>, DecodeError> {
    let flags = reader.u16_be("GRE flags")?;
    let kind = reader.u16_be("GRE protocol")?;
    let words = [0x8000, 0x2000, 0x1000].into_iter().filter(|flag| flags & flag != 0).count();
    reader.take(words.saturating_mul(4), "GRE options")?;
    match (flags & 7, kind) {
        (0, ETHERTYPE_BRIDGED) if depth <= DEPTH => ethernet(reader, depth),
        (0, kind) => network(kind, reader, depth),
        _ => Ok(None),
    }
}

/// A "destination unreachable" about a TCP segment: it quotes the beginning of the packet that it is about.
fn undelivered<'a>(protocol: u8, reader: &mut Reader<'a>) -> Result<Option<Packet<'a>>, DecodeError> {
    let kind = reader.u8("ICMP type")?;
    let code = reader.u8("ICMP code")?;
    let failure = match (protocol, kind, code) {
        (PROTOCOL_ICMP, 3, 0 | 6 | 9 | 11) | (PROTOCOL_ICMP_6, 1, 0) => Unreachable::Network,
        (PROTOCOL_ICMP, 3, 1 | 2 | 3 | 7 | 10 | 12 | 13) | (PROTOCOL_ICMP_6, 1, 1..=6) => Unreachable::Host,
        _ => return Ok(None),
    };
    reader.take(6, "ICMP checksum and rest of its header")?;
    let quoted = reader.rest().first().map(|byte| byte >> 4);
    let (ends, inner) = match quoted {
        Some(4) => {
            let header = usize::from(reader.u8("quoted IPv4 header length")? & 0x0F).saturating_mul(4);
            reader.take(8, "quoted IPv4 header")?;
            let inner = reader.u8("quoted IPv4 protocol")?;
            reader.take(2, "quoted IPv4 checksum")?;
            let from = Ipv4Addr::from(reader.u32_be("quoted IPv4 source")?);
            let to = Ipv4Addr::from(reader.u32_be("quoted IPv4 destination")?);
            reader.take(header.saturating_sub(20), "quoted IPv4 options")?;
            ((IpAddr::from(from), IpAddr::from(to)), inner)
        }
        Some(6) => {
            reader.take(6, "quoted IPv6 header")?;
            let inner = reader.u8("quoted IPv6 next header")?;
            reader.take(1, "quoted IPv6 hop limit")?;
            let from = address_6(reader, "quoted IPv6 source")?;
            ((from.into(), address_6(reader, "quoted IPv6 destination")?.into()), inner)
        }
        _ => return Ok(None),
    };
    if inner != PROTOCOL_TCP {
        return Ok(None);
    }
    let from = SocketAddr::new(ends.0, reader.u16_be("quoted source port")?);
    let to = SocketAddr::new(ends.1, reader.u16_be("quoted destination port")?);
    let sequence = reader.u32_be("quoted TCP sequence number")?;
    Ok(Some(Packet { from, to, carried: Carried::Undelivered { sequence, failure } }))
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

/// Returns what was captured of `announced` bytes, without padding behind them, and how many were not.
fn bounded(rest: &[u8], announced: Option<usize>) -> (&[u8], usize) {
    match announced {
        Some(size) => (rest.get(..size).unwrap_or(rest), size.saturating_sub(rest.len())),
        None => (rest, 0),
    }
}
