//! MCS Connect Initial and Connect Response, and the settings that client and server exchange in them.
//!
//! Sources: [MS-RDPBCGR] 2.2.1.3 and 2.2.1.4 (the settings), 2.2.1.4.1 (their blocks), T.125 section 7 (MCS, in BER),
//! T.124 section 8.7 (the conference around the settings, in PER). The settings are little endian.

use std::ops::Range;

use crate::bytes::{DecodeError, Reader};
use crate::der;
use crate::x224::{Framing, SecurityProtocols};

/// The most bytes of one message: more than TPKT can announce.
pub const LIMIT: usize = 64 * 1024;
/// The most static channels that a client may ask for ([MS-RDPBCGR] 2.2.1.3.4).
pub const CHANNELS_LIMIT: usize = 31;

/// TPKT version 3, an X.224 Data TPDU behind the length.
const TPKT_VERSION: u8 = 3;
const DATA: [u8; 3] = [2, 0xF0, 0x80];
/// `[APPLICATION 101]` and `[APPLICATION 102]`, the tags of the two messages.
const CONNECT_INITIAL: [u8; 2] = [0x7F, 0x65];
const CONNECT_RESPONSE: [u8; 2] = [0x7F, 0x66];
const BOOLEAN: u8 = 1;
const ENUMERATED: u8 = 10;
/// `DomainMCSPDU`: the choice of a Disconnect Provider Ultimatum, in the upper six bits.
const ULTIMATUM: u8 = 8;
/// The key of `ConnectData`: the object identifier 0.0.20.124.0.1, T.124 itself.
const T124: [u8; 7] = [0, 5, 0, 0x14, 0x7C, 0, 1];
/// A `ConferenceCreateRequest` up to the length of its user data, whose key is `Duca`.
const CREATE_REQUEST: [u8; 12] = [0, 8, 0, 0x10, 0, 1, 0xC0, 0, b'D', b'u', b'c', b'a'];
/// A `ConferenceCreateResponse`: choice, node, tag, result, and user data whose key is `McDn`.
const CREATE_RESPONSE: [u8; 13] = [0x14, 0x76, 0x0A, 1, 1, 0, 1, 0xC0, 0, b'M', b'c', b'D', b'n'];
/// Where the result stands in it.
const CONFERENCE_RESULT: usize = 5;

const CS_CORE: u16 = 0xC001;
const CS_SECURITY: u16 = 0xC002;
const CS_NET: u16 = 0xC003;
const SC_CORE: u16 = 0x0C01;
const SC_SECURITY: u16 = 0x0C02;
const SC_NET: u16 = 0x0C03;
const SC_MCS_MSGCHANNEL: u16 = 0x0C04;
const SC_MULTITRANSPORT: u16 = 0x0C08;

/// RDP 5.0 and later, as every client of today says.
const VERSION: u32 = 0x0008_0004;
/// 40, 128 and 56 bits, and FIPS: the methods of Standard RDP Security.
const ENCRYPTION_METHODS: u32 = 0x1B;

/// A client's opening of the connection sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectInitial {
    /// The security protocol that the server selected, which the client has to repeat.
    pub selected: SecurityProtocols,
    /// The static channels that it asks for: at most [`CHANNELS_LIMIT`] names of at most seven ASCII characters.
    pub channels: Vec<String>,
}

/// A server's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectResponse {
    /// `result` of T.125: 0 is success.
    pub result: u8,
    /// The byte that holds `result` of the conference in it (T.124): 0 is success; the number of a refusal stands in
    /// its upper half.
    pub conference: u8,
    /// `version` of the core data; [`version_words`] names it.
    pub version: Option<u32>,
    /// `clientRequestedProtocols`: the request as it arrived at the server.
    pub requested: Option<SecurityProtocols>,
    /// `earlyCapabilityFlags`.
    pub early_capabilities: Option<u32>,
    /// `encryptionMethod` and `encryptionLevel` of Standard RDP Security; both are 0 with TLS.
    pub encryption: Option<(u32, u32)>,
    /// The channel of input and output.
    pub io_channel: Option<u16>,
    /// The static channels, in the order in which they were asked for.
    pub channels: Vec<u16>,
    /// The message channel, if it has one (RDP 8 and later).
    pub message_channel: Option<u16>,
    /// The flags of its UDP transports, if it has any.
    pub multitransport: Option<u32>,
}

/// The version of RDP that core data name ([MS-RDPBCGR] 2.2.1.4.2), or the number.
pub fn version_words(version: u32) -> String {
    match version {
        0x0008_0001 => "RDP 4.0".to_owned(),
        0x0008_0004 => "RDP 5.0 to 8.1".to_owned(),
        0x0008_0005..=0x0008_0011 => format!("RDP 10.{}", version.saturating_sub(0x0008_0005)),
        _ => format!("version {version:#010x}"),
    }
}

/// A server's answer to a Connect Initial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceAnswer {
    /// A Connect Response.
    Response(ConnectResponse),
    /// A Disconnect Provider Ultimatum with its reason: 0 domain disconnected, 1 provider initiated, 3 user requested.
    Ultimatum(u8),
}

/// Finds the end of the first TPKT in `bytes`, whatever its size.
pub fn framing(bytes: &[u8]) -> Framing {
    match bytes {
        [] | [TPKT_VERSION] | [TPKT_VERSION, _] | [TPKT_VERSION, _, _] => Framing::Incomplete,
        [TPKT_VERSION, _, high, low, ..] => match usize::from(u16::from_be_bytes([*high, *low])) {
            0..=6 => Framing::NotTpkt,
            length if bytes.len() < length => Framing::Incomplete,
            length => Framing::Complete(length),
        },
        _ => Framing::NotTpkt,
    }
}

impl ConnectInitial {
    /// Writes the message as TPKT.
    pub fn encode(&self) -> Vec<u8> {
        let data = [self.core(), self.security(), self.network()].concat();
        let conference = [&CREATE_REQUEST[..], &per_length(data.len()), &data].concat();
        let connect_data = [&T124[..], &per_length(conference.len()), &conference].concat();
        let selector = der::encode(der::OCTET_STRING, &[1]);
        let content = [
            &selector[..],
            &selector,
            &der::encode(BOOLEAN, &[0xFF]),
            // channels, users, tokens, priorities, throughput, height, size of a message, version
            &domain_parameters([34, 2, 0, 1, 0, 1, 65_535, 2]),
            &domain_parameters([1, 1, 1, 1, 0, 1, 1056, 2]),
            &domain_parameters([65_535, 64_535, 65_535, 1, 0, 1, 65_535, 2]),
            &der::encode(der::OCTET_STRING, &connect_data),
        ]
        .concat();
        message(CONNECT_INITIAL, &content)
    }

    /// `TS_UD_CS_CORE` ([MS-RDPBCGR] 2.2.1.3.2): a client of 1024 by 768 points that calls itself after this program.
    fn core(&self) -> Vec<u8> {
        let mut name: Vec<u8> = "rdpdoctor".encode_utf16().flat_map(u16::to_le_bytes).collect();
        name.resize(32, 0);
        let body = [
            &VERSION.to_le_bytes()[..],
            // width, height, 8 bits a point, SASSequence
            &[0, 4, 0, 3, 1, 0xCA, 3, 0xAA],
            // keyboard: layout US; build 2600
            &0x0409_u32.to_le_bytes(),
            &2600_u32.to_le_bytes(),
            &name,
            // keyboard: enhanced 101, subtype, function keys; no input method
            &4_u32.to_le_bytes(),
            &0_u32.to_le_bytes(),
            &12_u32.to_le_bytes(),
            &[0; 64],
            // 8 bits a point, product, serial number, 16 bits a point of 15, 16 and 24
            &[1, 0xCA, 1, 0, 0, 0, 0, 0, 16, 0, 7, 0],
            // ERRINFO is understood; no product, no connection type
            &[1, 0],
            &[0; 64],
            &[0, 0],
            &self.selected.0.to_le_bytes(),
        ]
        .concat();
        block(CS_CORE, &body)
    }

    /// `TS_UD_CS_SEC` ([MS-RDPBCGR] 2.2.1.3.3): no methods where TLS encrypts.
    fn security(&self) -> Vec<u8> {
        let methods = if self.selected.tls() { 0 } else { ENCRYPTION_METHODS };
        block(CS_SECURITY, &[methods.to_le_bytes(), [0; 4]].concat())
    }

    /// `TS_UD_CS_NET` ([MS-RDPBCGR] 2.2.1.3.4).
    fn network(&self) -> Vec<u8> {
        let channels = self.channels.iter().take(CHANNELS_LIMIT);
        let mut body = u32::try_from(channels.len()).unwrap_or(0).to_le_bytes().to_vec();
        for channel in channels {
            let mut name: Vec<u8> = channel.bytes().take(7).collect();
            name.resize(8, 0);
            body.extend(name);
            // CHANNEL_OPTION_INITIALIZED
            body.extend(0x8000_0000_u32.to_le_bytes());
        }
        block(CS_NET, &body)
    }

    /// Reads what [`Self::encode`] writes, and what other clients send (lab).
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame);
        begin(&mut reader, CONNECT_INITIAL)?;
        for tag in [der::OCTET_STRING, der::OCTET_STRING, BOOLEAN, der::SEQUENCE, der::SEQUENCE, der::SEQUENCE] {
            skip(&mut reader, tag, "Connect Initial")?;
        }
        enter(&mut reader, der::OCTET_STRING, "userData")?;
        constant(&mut reader, &T124, "ConnectData")?;
        read_per_length(&mut reader, "connectPDU")?;
        constant(&mut reader, &CREATE_REQUEST, "ConferenceCreateRequest")?;
        let mut initial = Self { selected: SecurityProtocols::RDP, channels: Vec::new() };
        for (kind, at, body) in blocks(&mut reader)? {
            let mut block = Reader::new(body);
            match kind {
                CS_CORE if body.len() >= 212 => {
                    block.take(208, "core data")?;
                    initial.selected = SecurityProtocols(block.u32_le("serverSelectedProtocol")?);
                }
                CS_NET => {
                    let count = block.u32_le("channelCount")?;
                    if usize::try_from(count).map_or(true, |count| count > CHANNELS_LIMIT) {
                        return Err(DecodeError::Invalid { what: "channelCount", at, value: count.into() });
                    }
                    for _ in 0..count {
                        let name = block.take(8, "channel name")?;
                        block.take(4, "channel options")?;
                        let name = name.iter().take_while(|byte| **byte != 0);
                        initial.channels.push(name.map(|byte| char::from(*byte)).collect());
                    }
                }
                _ => {}
            }
        }
        Ok(initial)
    }
}

impl ConnectResponse {
    /// Writes the message as TPKT (lab, tests).
    pub fn encode(&self) -> Vec<u8> {
        let data = self.blocks();
        // the length of the connectPDU is 42 with every server of Microsoft, whatever follows; clients pass it over
        let mut conference = CREATE_RESPONSE;
        conference[CONFERENCE_RESULT] = self.conference;
        let connect_data = [&T124[..], &[42], &conference, &per_length(data.len()), &data].concat();
        let content = [
            der::encode(ENUMERATED, &[self.result]),
            der::encode(der::INTEGER, &[0]),
            domain_parameters([34, 3, 0, 1, 0, 1, 65_528, 2]),
            der::encode(der::OCTET_STRING, &connect_data),
        ]
        .concat();
        message(CONNECT_RESPONSE, &content)
    }

    fn blocks(&self) -> Vec<u8> {
        let mut blocks = Vec::new();
        if let Some(version) = self.version {
            let requested = self.requested.map(|protocols| protocols.0.to_le_bytes());
            // a field can only be there if those before it are
            let early = self.early_capabilities.filter(|_| requested.is_some()).map(u32::to_le_bytes);
            let fields = [Some(version.to_le_bytes()), requested, early];
            blocks.extend(block(SC_CORE, &fields.into_iter().flatten().flatten().collect::<Vec<u8>>()));
        }
        if let Some(io_channel) = self.io_channel {
            let channels = self.channels.iter().take(CHANNELS_LIMIT);
            let count = u16::try_from(channels.len()).unwrap_or(0);
            let mut body: Vec<u8> =
                [io_channel, count].into_iter().chain(channels.copied()).flat_map(u16::to_le_bytes).collect();
            // to a multiple of four
            body.resize(body.len().next_multiple_of(4), 0);
            blocks.extend(block(SC_NET, &body));
        }
        if let Some((method, level)) = self.encryption {
            blocks.extend(block(SC_SECURITY, &[method, level].map(u32::to_le_bytes).concat()));
        }
        if let Some(channel) = self.message_channel {
            blocks.extend(block(SC_MCS_MSGCHANNEL, &channel.to_le_bytes()));
        }
        if let Some(flags) = self.multitransport {
            blocks.extend(block(SC_MULTITRANSPORT, &flags.to_le_bytes()));
        }
        blocks
    }

    fn take(&mut self, kind: u16, at: usize, body: &[u8]) -> Result<(), DecodeError> {
        let mut block = Reader::new(body);
        match kind {
            SC_CORE => {
                self.version = Some(block.u32_le("version")?);
                self.requested = block.u32_le("clientRequestedProtocols").ok().map(SecurityProtocols);
                self.early_capabilities = block.u32_le("earlyCapabilityFlags").ok();
            }
            SC_SECURITY => {
                self.encryption = Some((block.u32_le("encryptionMethod")?, block.u32_le("encryptionLevel")?));
            }
            SC_NET => {
                self.io_channel = Some(block.u16_le("MCSChannelId")?);
                let count = block.u16_le("channelCount")?;
                if usize::from(count) > CHANNELS_LIMIT {
                    return Err(DecodeError::Invalid { what: "channelCount", at, value: count.into() });
                }
                self.channels = (0..count).map(|_| block.u16_le("channelIdArray")).collect::<Result<_, _>>()?;
            }
            SC_MCS_MSGCHANNEL => self.message_channel = Some(block.u16_le("MCSChannelID")?),
            SC_MULTITRANSPORT => self.multitransport = Some(block.u32_le("flags")?),
            // later versions may add blocks
            _ => {}
        }
        Ok(())
    }
}

impl SequenceAnswer {
    /// Reads one whole TPKT frame.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        if let [_, _, _, _, 2, 0xF0, 0x80, choice, reason] = *frame
            && choice >> 2 == ULTIMATUM
        {
            return Ok(Self::Ultimatum(((choice & 3) << 1) | (reason >> 7)));
        }
        let parts = Parts::read(frame)?;
        let (result, conference) = (parts.result, parts.conference);
        let mut response = ConnectResponse { result, conference, ..ConnectResponse::default() };
        for (kind, at, body) in parts.blocks {
            response.take(kind, at, body)?;
        }
        Ok(Self::Response(response))
    }
}

/// A block of settings: its type, where its body begins in the message, and the body.
pub(crate) type Block<'a> = (u16, usize, &'a [u8]);

/// How many bytes of the body of a server's block name nobody: not its random and its certificate, and nothing of a
/// block that we do not know.
pub(crate) fn kept_of(kind: u16) -> usize {
    match kind {
        SC_CORE => 12,
        SC_SECURITY => 8,
        SC_NET => CHANNELS_LIMIT.saturating_mul(2).saturating_add(4),
        SC_MCS_MSGCHANNEL => 2,
        SC_MULTITRANSPORT => 4,
        _ => 0,
    }
}

/// A Connect Response as far as its blocks.
pub(crate) struct Parts<'a> {
    result: u8,
    conference: u8,
    /// The blocks, if the result is success.
    pub(crate) blocks: Vec<Block<'a>>,
    /// Where values lie that nobody reads.
    pub(crate) unread: Vec<Range<usize>>,
}

impl<'a> Parts<'a> {
    /// Reads one whole TPKT frame.
    pub(crate) fn read(frame: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame);
        begin(&mut reader, CONNECT_RESPONSE)?;
        let size = enter(&mut reader, ENUMERATED, "result")?;
        if size != 1 {
            return Err(reader.invalid("size of the result", u64::try_from(size).unwrap_or(u64::MAX)));
        }
        let result = reader.u8("result")?;
        let called = skip(&mut reader, der::INTEGER, "calledConnectId")?;
        let parameters = skip(&mut reader, der::SEQUENCE, "domainParameters")?;
        let mut parts = Self { result, conference: 0, blocks: Vec::new(), unread: vec![called, parameters] };
        if result == 0 {
            enter(&mut reader, der::OCTET_STRING, "userData")?;
            parts.conference(&mut reader)?;
        } else {
            // a server that refuses need not say how it would have gone on
            parts.unread.push(skip(&mut reader, der::OCTET_STRING, "userData")?);
        }
        let end = reader.at();
        parts.unread.push(end..end.saturating_add(reader.rest().len()));
        Ok(parts)
    }

    fn conference(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        constant(reader, &T124, "ConnectData")?;
        read_per_length(reader, "connectPDU")?;
        constant(reader, CREATE_RESPONSE.get(..1).unwrap_or_default(), "ConferenceCreateResponse")?;
        reader.take(2, "nodeID")?;
        let size = reader.u8("tag")?;
        let tag = reader.at();
        reader.take(size.into(), "tag")?;
        self.unread.push(tag..reader.at());
        self.conference = reader.u8("result")?;
        constant(reader, CREATE_RESPONSE.get(6..).unwrap_or_default(), "userData of the conference")?;
        self.blocks = blocks(reader)?;
        Ok(())
    }
}

/// Reads the blocks of settings behind their common length.
fn blocks<'a>(reader: &mut Reader<'a>) -> Result<Vec<Block<'a>>, DecodeError> {
    let mut left = read_per_length(reader, "settings")?;
    let mut blocks = Vec::new();
    while left > 0 {
        let kind = reader.u16_le("type of the settings")?;
        let size = usize::from(reader.u16_le("length of the settings")?);
        let body = size.checked_sub(4).filter(|_| size <= left);
        let Some(body) = body else {
            return Err(reader.invalid("length of the settings", u64::try_from(size).unwrap_or(u64::MAX)));
        };
        left = left.saturating_sub(size);
        blocks.push((kind, reader.at(), reader.take(body, "settings")?));
    }
    Ok(blocks)
}

/// TPKT, X.224 Data, and the tag and length of the message; nothing may stand behind it.
fn begin(reader: &mut Reader<'_>, tag: [u8; 2]) -> Result<(), DecodeError> {
    reader.take(4, "TPKT header")?;
    constant(reader, &DATA, "X.224 Data")?;
    constant(reader, &tag, "MCS message")?;
    let size = der::length(reader, "MCS message", LIMIT)?;
    if size == reader.rest().len() {
        Ok(())
    } else {
        Err(reader.invalid("length of the MCS message", u64::try_from(size).unwrap_or(u64::MAX)))
    }
}

fn constant(reader: &mut Reader<'_>, expected: &[u8], what: &'static str) -> Result<(), DecodeError> {
    for byte in expected {
        let before = reader.clone();
        let found = reader.u8(what)?;
        if found != *byte {
            return Err(before.invalid(what, found));
        }
    }
    Ok(())
}

/// Reads tag and length of an element, and returns the length.
fn enter(reader: &mut Reader<'_>, tag: u8, what: &'static str) -> Result<usize, DecodeError> {
    constant(reader, &[tag], what)?;
    der::length(reader, what, LIMIT)
}

/// Passes over an element, and tells where its value lies.
fn skip(reader: &mut Reader<'_>, tag: u8, what: &'static str) -> Result<Range<usize>, DecodeError> {
    let size = enter(reader, tag, what)?;
    let start = reader.at();
    reader.take(size, what)?;
    Ok(start..reader.at())
}

/// X.691 section 10.9: one byte up to 127, two up to 16383.
fn read_per_length(reader: &mut Reader<'_>, what: &'static str) -> Result<usize, DecodeError> {
    match reader.u8(what)? {
        short @ 0..0x80 => Ok(short.into()),
        long @ 0x80..0xC0 => Ok(u16::from_be_bytes([long & 0x3F, reader.u8(what)?]).into()),
        fragmented => Err(reader.invalid(what, fragmented)),
    }
}

fn per_length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).min(0x3FFF).saturating_add(0x8000).to_be_bytes()
}

fn domain_parameters(values: [u16; 8]) -> Vec<u8> {
    let integers = values.into_iter().flat_map(|value| {
        let bytes = u32::from(value).to_be_bytes();
        // as few bytes as keep the number positive
        let start =
            bytes.iter().take(3).zip(bytes.iter().skip(1)).take_while(|(byte, next)| **byte == 0 && **next < 0x80);
        der::encode(der::INTEGER, bytes.get(start.count()..).unwrap_or_default())
    });
    der::encode(der::SEQUENCE, &integers.collect::<Vec<u8>>())
}

fn block(kind: u16, body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len().saturating_add(4)).unwrap_or(u16::MAX);
    [&kind.to_le_bytes()[..], &size.to_le_bytes(), body].concat()
}

fn message(tag: [u8; 2], content: &[u8]) -> Vec<u8> {
    // `der::header` writes one byte of a tag; these have two
    let header = [&tag[..1], &der::header(tag[1], content.len())].concat();
    let total = header.len().saturating_add(content.len()).saturating_add(7);
    let total = u16::try_from(total).unwrap_or(u16::MAX).to_be_bytes();
    [&[TPKT_VERSION, 0][..], &total, &DATA, &header, content].concat()
}

#[cfg(test)]
mod tests;
