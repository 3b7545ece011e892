//! Reads captures (pcap in both byte orders, with micro- and nanoseconds; pcapng) block by block, however large they
//! are.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use pcap_parser::{Block, PcapBlockOwned, PcapError, PcapHeader, create_reader};
use wire::capture::{Link, Seen, Table, packet};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};

/// Size of the first buffer, and the most that a block may need. The largest packet that tools write has 256 KiB.
const BUFFER: usize = 256 * 1024;
const LARGEST: usize = 16 * 1024 * 1024;
/// Most bytes that a packet that was cut at the end of the file leaves there.
const LAST: usize = 320 * 1024;
/// Type of the Packet Block, which nobody writes since 2004 (pcapng, section 4.10).
const OBSOLETE_PACKET: u32 = 2;
/// Most interfaces of a section that are told apart.
const INTERFACES: usize = 4096;

pub(super) const READER: Reader = Reader { kind: Kind::Capture, recognises, read: Access::Stream(read) };

/// Contents of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// Connections in it.
    pub seen: Seen,
    /// Packets that were read.
    pub packets: u64,
    /// Notes about what could not be read of it, a line each.
    pub notes: Vec<String>,
    /// Where it breaks off, if its last packet is cut: it was stopped there, and everything before it is whole.
    pub cut: Option<String>,
}

fn recognises(head: &[u8]) -> bool {
    let magic = head.get(..4).unwrap_or_default();
    let pcap = [[0xA1, 0xB2, 0xC3, 0xD4], [0xD4, 0xC3, 0xB2, 0xA1], [0xA1, 0xB2, 0x3C, 0x4D], [0x4D, 0x3C, 0xB2, 0xA1]];
    magic == [0x0A, 0x0D, 0x0D, 0x0A] || pcap.iter().any(|known| magic == known)
}

fn read(source: &mut dyn Source, _: &str) -> Result<Vec<Piece>, ReadError> {
    let capture = read_from(source)?;
    Ok(vec![Piece::Capture(Box::new(capture))])
}

/// Reads a capture to its end, or to where it is damaged.
pub fn read_from(file: impl Read) -> Result<Capture, ReadError> {
    let file = std::io::BufReader::with_capacity(BUFFER, file);
    let mut blocks =
        create_reader(BUFFER, file).map_err(|error| ReadError::Contents(format!("its header: {}", words(&error))))?;
    let mut reading = Reading::default();
    let mut cut = false;
    let ended = loop {
        match blocks.next() {
            Ok((size, block)) => {
                reading.block(&block);
                blocks.consume(size);
                continue;
            }
            Err(PcapError::Eof) => break None,
            Err(PcapError::Incomplete(_)) => {}
            Err(PcapError::BufferTooSmall) => {
                let size = blocks.data().len().max(BUFFER).saturating_mul(2);
                if size > LARGEST || !blocks.grow(size) {
                    break Some("a block is larger than any packet".to_owned());
                }
            }
            Err(PcapError::UnexpectedEof) => {
                // a length that is damaged in the middle swallows more than a packet
                cut = blocks.data().len() <= LAST;
                break Some("it ends inside a packet".to_owned());
            }
            Err(error) => break Some(words(&error)),
        }
        if blocks.refill().is_err() {
            break Some("the file could not be read further".to_owned());
        }
    };
    Ok(reading.finish(ended, cut))
}

/// Returns the words of an error, without the bytes that it quotes.
fn words(error: &PcapError<&[u8]>) -> String {
    match error {
        PcapError::NomError(_, kind) | PcapError::OwnedNomError(_, kind) => format!("a damaged block ({kind:?})"),
        PcapError::Incomplete(_) | PcapError::Eof | PcapError::UnexpectedEof => "it is cut off".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// Way in which the packets of an interface are to be read.
#[derive(Debug, Clone, Copy)]
struct Interface {
    number: i32,
    /// Units of a time stamp in a second; `None` where they are too small to be counted.
    resolution: Option<u64>,
    /// Seconds to add to it.
    offset: i64,
}

#[derive(Debug, Default)]
struct Reading {
    table: Table,
    interfaces: Vec<Interface>,
    packets: u64,
    /// Longest packet of those that are truncated, and how many are.
    longest_cut: u32,
    cut: u64,
    malformed: u64,
    strange: BTreeMap<i32, u64>,
    homeless: u64,
}

impl Reading {
    fn block(&mut self, block: &PcapBlockOwned<'_>) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.interfaces = vec![legacy(header)],
            PcapBlockOwned::Legacy(packet) => {
                let units = self.interfaces.first().and_then(|interface| interface.resolution).unwrap_or(1_000_000);
                let ticks = u64::from(packet.ts_sec).saturating_mul(units).saturating_add(packet.ts_usec.into());
                self.packet(0, ticks, packet.data, packet.caplen, packet.origlen);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(description)) if self.interfaces.len() < INTERFACES => {
                self.interfaces.push(Interface {
                    number: description.linktype.0,
                    resolution: resolution(description.if_tsresol),
                    offset: description.ts_offset(),
                });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                self.packet(packet.if_id, ticks, packet.data, packet.caplen, packet.origlen);
            }
            // simple packets have no time, so such a capture cannot be judged by its clock
            PcapBlockOwned::NG(Block::SimplePacket(_)) => self.homeless += 1,
            // packets of the format before 2004
            PcapBlockOwned::NG(Block::Unknown(unknown)) if unknown.block_type == OBSOLETE_PACKET => self.homeless += 1,
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn packet(&mut self, interface: u32, ticks: u64, data: &[u8], captured: u32, original: u32) {
        let place = usize::try_from(interface).unwrap_or(usize::MAX);
        let Some(interface) = self.interfaces.get(place).copied() else {
            self.homeless += 1;
            return;
        };
        self.packets += 1;
        if captured < original {
            self.cut += 1;
            self.longest_cut = self.longest_cut.max(captured);
        }
        // the packet may be followed by padding
        let data = data.get(..usize::try_from(captured).unwrap_or(usize::MAX)).unwrap_or(data);
        let Some(link) = Link::of(interface.number) else {
            if self.strange.len() < 64 || self.strange.contains_key(&interface.number) {
                *self.strange.entry(interface.number).or_default() += 1;
            }
            return;
        };
        match packet::read(link, data) {
            Ok(Some(packet)) => match interface.time(ticks) {
                Some(at) => self.table.take(at, &packet),
                None => self.homeless += 1,
            },
            Ok(None) => {}
            // a packet truncated inside its headers is counted as truncated
            Err(_) if captured < original => {}
            Err(_) => self.malformed += 1,
        }
    }

    fn finish(self, ended: Option<String>, at_its_end: bool) -> Capture {
        let mut notes = Vec::new();
        let read = format!("{} packets before it were read", self.packets);
        let ended = ended.map(|why| format!("{why}; {read}"));
        let (cut, damaged) = if at_its_end { (ended, None) } else { (None, ended) };
        notes.extend(damaged);
        if self.cut > 0 {
            notes.push(format!("{} of {} packets are cut at {} bytes", self.cut, self.packets, self.longest_cut));
        }
        for (number, count) in &self.strange {
            notes.push(format!("{count} packets of link type {number}, which this program cannot read"));
        }
        if self.table.fragments() > 0 {
            let count = self.table.fragments();
            notes.push(format!(
                "{count} packets are later fragments of others, which this program does not put together"
            ));
        }
        if self.malformed > 0 {
            notes.push(format!("{} packets make no sense", self.malformed));
        }
        if self.homeless > 0 {
            notes.push(format!("{} packets without a time or an interface", self.homeless));
        }
        let seen = self.table.finish();
        if seen.foreign > 0 {
            let (several, verb) = if seen.foreign == 1 { ("connection", "begins") } else { ("connections", "begin") };
            notes.push(format!("{} {several} to port 3389 {verb} with no Connection Request", seen.foreign));
        }
        // only other evidence can tell that a gateway is among these connections
        if seen.connections.is_empty() && seen.transports.is_empty() && seen.tunnels.is_empty() {
            notes.push(format!("no Remote Desktop in {} packets", self.packets));
        }
        Capture { seen, packets: self.packets, notes, cut }
    }
}

fn legacy(header: &PcapHeader) -> Interface {
    let resolution = Some(if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 });
    // the upper bits may announce a checksum after each packet
    Interface { number: header.network.0 & 0xFFFF, resolution, offset: 0 }
}

/// Returns the units in a second by the option `if_tsresol` (pcapng, section 4.2): the upper bit chooses powers of two
/// or of ten.
fn resolution(option: u8) -> Option<u64> {
    let exponent = u32::from(option & 0x7F);
    if option & 0x80 == 0 { 10_u64.checked_pow(exponent) } else { 1_u64.checked_shl(exponent) }
}

impl Interface {
    /// Converts a time stamp to the time since 1970. One before that becomes 1970.
    fn time(self, ticks: u64) -> Option<Duration> {
        let units = self.resolution?;
        let seconds = (ticks / units).saturating_add_signed(self.offset);
        let rest = u128::from(ticks % units) * 1_000_000_000 / u128::from(units);
        Some(Duration::new(seconds, u32::try_from(rest).unwrap_or(0)))
    }
}
