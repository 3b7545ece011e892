//! What each layer of a connection looks like without names. Every function returns as many bytes as it was given.

use std::net::IpAddr;

use super::names::Names;
use crate::bytes::Reader;
use crate::certificate::Certificate;
use crate::credssp::{self, TsRequest};
use crate::foreign::ForeignService;
use crate::ntlm::Challenge;
use crate::x224;
use crate::{certificate, der, inspection, ntlm};

/// TPKT, X.224 and negotiation: nothing in the first 19 bytes of an answer can name anybody.
pub(crate) const CONFIRM: usize = 19;
/// `OBJECT IDENTIFIER`.
const OID: u8 = 6;
/// The bit of a DER tag that says that its value is a list of elements.
const CONSTRUCTED: u8 = 0x20;
/// How deep we follow DER.
const DEPTH: usize = 16;

/// Bytes to be changed in a few places.
struct Copy<'a> {
    original: &'a [u8],
    changed: Vec<u8>,
}

impl<'a> Copy<'a> {
    /// Nothing changes but what is put.
    fn of(original: &'a [u8]) -> Self {
        Self { original, changed: original.to_vec() }
    }

    /// Nothing stays but what is put.
    fn zeros(original: &'a [u8]) -> Self {
        Self { original, changed: vec![0; original.len()] }
    }

    /// Puts `new` where `part`, a part of the original, is.
    fn put(&mut self, part: &'a [u8], new: &[u8]) {
        let start = part.as_ptr().addr().saturating_sub(self.original.as_ptr().addr());
        let place = self.changed.iter_mut().skip(start).take(part.len());
        place.zip(new).for_each(|(byte, new)| *byte = *new);
    }

    fn blank(&mut self, part: &'a [u8]) {
        self.put(part, &vec![0; part.len()]);
    }

    fn keep(&mut self, part: &'a [u8]) {
        self.put(part, part);
    }

    /// Blanks `list` but for the tags and lengths of the DER elements in it, and tells these elements.
    fn open(&mut self, list: &'a [u8]) -> Vec<(u8, &'a [u8])> {
        self.blank(list);
        let mut reader = Reader::new(list);
        let mut elements = Vec::new();
        loop {
            let start = reader.rest();
            let Some((tag, value)) = element(&mut reader) else { return elements };
            let header = start.len().saturating_sub(reader.rest().len()).saturating_sub(value.len());
            self.keep(start.get(..header).unwrap_or_default());
            elements.push((tag, value));
        }
    }
}

/// Letters and digits become `x`, and so does what is not ASCII; punctuation stays. Framing that is broken stays broken.
pub(crate) fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if byte.is_ascii_alphanumeric() || !byte.is_ascii() { b'x' } else { *byte }).collect()
}

/// The first `count` bytes and zeros.
pub(crate) fn head(bytes: &[u8], count: usize) -> Vec<u8> {
    bytes.iter().enumerate().map(|(at, byte)| if at < count { *byte } else { 0 }).collect()
}

/// What a server says before TLS is up: an answer to the Connection Request, a flight, or another service's greeting.
pub(crate) fn raw(stream: &[u8], expects_confirm: bool, names: &mut Names) -> Vec<u8> {
    if !expects_confirm {
        return flight(stream, names);
    }
    match x224::framing(stream) {
        x224::Framing::Incomplete => head(stream, CONFIRM),
        x224::Framing::NotTpkt => greeting(stream),
        x224::Framing::Complete(length) => {
            let (answer, behind) = stream.split_at(length.min(stream.len()));
            [head(answer, CONFIRM), flight(behind, names)].concat()
        }
    }
}

/// Keeps what names the service and masks the rest.
pub(crate) fn greeting(bytes: &[u8]) -> Vec<u8> {
    let word = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    let kept = match ForeignService::recognise(bytes) {
        Some(ForeignService::Ssh) => word,
        Some(ForeignService::Vnc | ForeignService::Http) => 12,
        Some(ForeignService::Tls) => 7,
        Some(ForeignService::Smtp | ForeignService::Ftp | ForeignService::Mail) => 4,
        Some(ForeignService::Telnet) => 3,
        None => 0,
    };
    let html = [&b"<!DOCTYPE HTML"[..], b"<HTML"].into_iter();
    let html =
        html.filter(|tag| bytes.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))).map(<[u8]>::len);
    let kept = html.max().unwrap_or(kept);
    let mut copy = Copy { original: bytes, changed: masked(bytes) };
    copy.keep(bytes.get(..kept).unwrap_or(bytes));
    bytes.windows(4).filter(|word| word.eq_ignore_ascii_case(b"SMTP")).for_each(|word| copy.keep(word));
    copy.changed
}

/// TLS records: headers, alerts, ServerHello and the structure of certificates stay.
fn flight(bytes: &[u8], names: &mut Names) -> Vec<u8> {
    let mut copy = Copy::zeros(bytes);
    let mut fragments = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Ok(header) = reader.take(5, "record") {
        let &[kind, 3, _, high, low] = header else {
            copy.put(header, &masked(header));
            break;
        };
        copy.keep(header);
        let size = usize::from(u16::from_be_bytes([high, low])).min(reader.rest().len());
        let Ok(fragment) = reader.take(size, "fragment") else { break };
        match kind {
            21 => copy.keep(fragment.get(..2).unwrap_or(fragment)),
            22 => fragments.push(fragment),
            _ => {}
        }
    }
    let rest = reader.rest();
    copy.put(rest, &masked(rest));
    let mut handshake = messages(&fragments.concat(), names).into_iter();
    for fragment in fragments {
        let new: Vec<u8> = handshake.by_ref().take(fragment.len()).collect();
        copy.put(fragment, &new);
    }
    copy.changed
}

fn messages(handshake: &[u8], names: &mut Names) -> Vec<u8> {
    let mut copy = Copy::zeros(handshake);
    let mut reader = Reader::new(handshake);
    while let Ok(header) = reader.take(4, "message") {
        copy.keep(header);
        let size = Reader::new(header.get(1..).unwrap_or_default()).u24_be("size").unwrap_or(0);
        let Ok(body) = reader.take(size, "body") else { break };
        match header.first() {
            Some(2) => copy.keep(body),
            Some(11) => copy.put(body, &chain(body, names)),
            _ => {}
        }
    }
    copy.changed
}

fn chain(body: &[u8], names: &mut Names) -> Vec<u8> {
    let mut copy = Copy::zeros(body);
    let mut reader = Reader::new(body);
    if let Ok(size) = reader.take(3, "list") {
        copy.keep(size);
    }
    while let Ok(header) = reader.take(3, "certificate") {
        copy.keep(header);
        let size = Reader::new(header).u24_be("size").unwrap_or(0);
        let Ok(der) = reader.take(size, "certificate") else { break };
        copy.put(der, &certificate(der, names));
    }
    copy.changed
}

/// What a server says through the tunnel: a `TSRequest`.
pub(crate) fn credssp(stream: &[u8], names: &mut Names) -> Vec<u8> {
    match credssp::framing(stream) {
        credssp::Framing::Complete(length) => {
            let (request, behind) = stream.split_at(length.min(stream.len()));
            let redacted = ts_request(request, names).unwrap_or_else(|| broken(request));
            [redacted, vec![0; behind.len()]].concat()
        }
        credssp::Framing::Incomplete => broken(stream),
        // `x` begins no `TSRequest` either, but a length that cannot be has to stay
        credssp::Framing::NotTsRequest if stream.first() == Some(&der::SEQUENCE) => broken(stream),
        credssp::Framing::NotTsRequest => masked(stream),
    }
}

/// The outer tag and length, and bytes that are no field.
fn broken(bytes: &[u8]) -> Vec<u8> {
    let header = match bytes.get(1) {
        Some(first) if first & 0x80 != 0 => 2_usize.saturating_add(usize::from(first & 0x7F).min(4)),
        _ => 2,
    };
    bytes.iter().enumerate().map(|(at, byte)| if at < header { *byte } else { 0xFF }).collect()
}

fn ts_request(bytes: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    TsRequest::decode(bytes).ok()?;
    let mut copy = Copy::zeros(bytes);
    let fields = copy.open(bytes).first()?.1;
    for (tag, value) in copy.open(fields) {
        match tag {
            0xA0 | 0xA4 => numbers(value, &mut copy),
            0xA1 => tokens(value, &mut copy, names),
            _ => {}
        }
    }
    TsRequest::decode(&copy.changed).ok()?;
    Some(copy.changed)
}

fn numbers<'a>(value: &'a [u8], copy: &mut Copy<'a>) {
    for (tag, number) in copy.open(value) {
        if tag == der::INTEGER && number.len() <= 8 {
            copy.keep(number);
        }
    }
}

/// Every token of `negoTokens`; what stands beside them goes.
fn tokens<'a>(value: &'a [u8], copy: &mut Copy<'a>, names: &mut Names) {
    for (_, list) in copy.open(value) {
        for (_, entry) in copy.open(list) {
            for (_, token) in copy.open(entry) {
                for (_, message) in copy.open(token) {
                    copy.put(message, &nego_token(message, names));
                }
            }
        }
    }
}

/// A CHALLENGE with other names; nothing but the signature if it is a broken one, zeros if it is none. The wrapper of SPNEGO, the server's random bytes and whatever
/// stands between the fields go.
fn nego_token(token: &[u8], names: &mut Names) -> Vec<u8> {
    let start = ntlm::begins(token).unwrap_or(token.len());
    let (wrapper, message) = token.split_at(start);
    let challenge = challenge(message, names).filter(|new| Challenge::decode(new).is_ok());
    [vec![0; wrapper.len()], challenge.unwrap_or_else(|| broken_challenge(message))].concat()
}

/// A message of a type that does not exist.
fn broken_challenge(message: &[u8]) -> Vec<u8> {
    message.iter().enumerate().map(|(at, byte)| if at < 8 { *byte } else { 0xFF }).collect()
}

fn challenge(message: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    Challenge::decode(message).ok()?;
    let mut copy = Copy::zeros(message);
    let target = ntlm_field(message, 12)?;
    copy.put(target, &utf16(target, names));
    let mut pairs = Reader::new(ntlm_field(message, 40)?);
    while let Ok(header) = pairs.take(4, "AV_PAIR") {
        copy.keep(header);
        let &[id, _, low, high] = header else { break };
        let Ok(value) = pairs.take(u16::from_le_bytes([low, high]).into(), "AV_PAIR value") else { break };
        match id {
            1..=5 => copy.put(value, &utf16(value, names)),
            7 => copy.keep(value.get(..8).unwrap_or(value)),
            _ => {}
        }
    }
    // signature, type, TargetName, flags; TargetInfo; version
    copy.keep(message.get(..24)?);
    copy.keep(message.get(40..48)?);
    if message.get(23)? & 0x02 != 0 {
        copy.keep(message.get(48..56).unwrap_or_default());
    }
    Some(copy.changed)
}

fn ntlm_field(message: &[u8], at: usize) -> Option<&[u8]> {
    let mut reader = Reader::new(message.get(at..)?);
    let size = usize::from(reader.u16_le("size").ok()?);
    reader.u16_le("room").ok()?;
    let start = usize::try_from(reader.u32_le("start").ok()?).ok()?;
    if size == 0 {
        return message.get(..0);
    }
    message.get(start..start.checked_add(size)?)
}

fn utf16(value: &[u8], names: &mut Names) -> Vec<u8> {
    let units = value.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(u16::from_le_bytes);
    let mut new = match char::decode_utf16(units).collect::<Result<String, _>>() {
        Ok(name) => names.text(&name).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Err(_) => [b'x', 0].repeat(value.len() / 2),
    };
    new.resize(value.len(), 0);
    new
}

/// A certificate without names, serial number, signature and the key itself: by each of these it would be found in public logs, and
/// with it the names. Zeros for what is no certificate.
pub(crate) fn certificate(der: &[u8], names: &mut Names) -> Vec<u8> {
    let zeros = || vec![0; der.len()];
    if der.len() > certificate::LIMIT || Certificate::read(der).is_none() {
        return zeros();
    }
    let renamed = renamed_certificate(der, names).filter(|new| Certificate::read(new).is_some()).unwrap_or_else(zeros);
    names.renamed_certificate(der, &renamed);
    renamed
}

fn renamed_certificate(der: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    let mut copy = Copy::of(der);
    let mut outer = Reader::new(der);
    let (_, whole) = element(&mut outer)?;
    copy.blank(outer.rest());
    let mut parts = elements(whole);
    let (_, signed) = parts.next()?;
    parts.next()?;
    let (_, signature) = parts.next()?;
    copy.blank(signature.get(1..)?);
    let mut fields = elements(signed).peekable();
    fields.next_if(|(tag, _)| *tag == 0xA0);
    let (_, serial) = fields.next()?;
    copy.put(serial, &vec![1; serial.len()]);
    fields.next()?;
    // of one that TLS inspection made, the product stays
    let inspected =
        Certificate::read(der).is_some_and(|certificate| inspection::product(&certificate.issuer).is_some());
    let rename = if inspected { Names::issuer } else { Names::text };
    leaves(fields.next()?.1, &mut copy, (&mut *names, rename), 0);
    fields.next()?;
    leaves(fields.next()?.1, &mut copy, (&mut *names, rename), 0);
    let mut key_parts = elements(fields.next()?.1);
    key_parts.next()?;
    public_key(key_parts.next()?.1, &mut copy, names);
    for (tag, field) in fields {
        if tag != 0xA3 {
            copy.blank(field);
            continue;
        }
        for (_, list) in copy.open(field) {
            for (_, extension) in copy.open(list) {
                rename_extension(extension, &mut copy, names);
            }
        }
    }
    Some(copy.changed)
}

/// A public key of the same kind and size, which nobody has: of RSA the exponent stays and the modulus goes, of a point its form.
fn public_key<'a>(bits: &'a [u8], copy: &mut Copy<'a>, names: &mut Names) {
    let Some((_, key)) = bits.split_first() else { return };
    if let Some((0x30, list)) = elements(key).next() {
        for (number, (_, integer)) in copy.open(list).into_iter().enumerate() {
            match number {
                0 => copy.put(integer, &key_material(integer, names)),
                _ if integer.len() <= 4 => copy.keep(integer),
                _ => {}
            }
        }
    } else if let Some((2..=4, point)) = key.split_first() {
        copy.put(point, &key_material(point, names));
    } else {
        copy.blank(key);
    }
}

/// As many bytes that are no key: zeros at the beginning stay, ones follow, and a number in the last four bytes tells keys apart.
fn key_material(material: &[u8], names: &mut Names) -> Vec<u8> {
    let zeros = material.iter().take_while(|byte| **byte == 0).count();
    let (head, body) = material.split_at(zeros);
    let Some((ones, number)) = body.split_last_chunk::<4>() else { return material.iter().map(|_| 0).collect() };
    let known = ones.iter().all(|byte| *byte == 0xFF).then(|| u32::from_be_bytes(*number));
    let number = names.key(body, known);
    [head, &vec![0xFF; ones.len()], &number.to_be_bytes()].concat()
}

/// `Extension`: identifier, perhaps `critical`, value.
fn rename_extension<'a>(extension: &'a [u8], copy: &mut Copy<'a>, names: &mut Names) {
    let parts = copy.open(extension);
    let id = parts.first().filter(|(tag, _)| *tag == OID).map_or(&[][..], |(_, id)| id);
    for (tag, part) in parts {
        match (tag, id) {
            // identifier and `critical`; keyUsage, basicConstraints, extKeyUsage
            (OID | 1, _) | (_, [0x55, 0x1D, 15 | 19 | 37]) => copy.keep(part),
            // subjectAltName, issuerAltName
            (_, [0x55, 0x1D, 17 | 18]) => alternatives(part, copy, names),
            _ => {}
        }
    }
}

fn alternatives<'a>(value: &'a [u8], copy: &mut Copy<'a>, names: &mut Names) {
    for (_, list) in copy.open(value) {
        for (tag, name) in copy.open(list) {
            alternative(tag, name, copy, names);
        }
    }
}

fn alternative<'a>(tag: u8, name: &'a [u8], copy: &mut Copy<'a>, names: &mut Names) {
    match tag {
        0x81 | 0x82 | 0x86 => copy.put(name, &string(0x16, name, (names, Names::text))),
        0x87 => copy.put(name, &address(name, names)),
        _ if tag & CONSTRUCTED != 0 => leaves(name, copy, (names, Names::text), 0),
        _ => copy.blank(name),
    }
}

fn address(bytes: &[u8], names: &mut Names) -> Vec<u8> {
    let octets = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    match octets.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).map(|address| names.address(address)) {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => address.octets().to_vec(),
        Err(_) => vec![0; bytes.len()],
    }
}

/// How names are renamed, and which way.
type Renaming<'n> = (&'n mut Names, fn(&mut Names, &str) -> String);

/// Renames every string inside; object identifiers stay.
fn leaves<'a>(bytes: &'a [u8], copy: &mut Copy<'a>, (names, rename): Renaming<'_>, depth: usize) {
    for (tag, value) in copy.open(bytes) {
        match tag {
            OID => copy.keep(value),
            _ if tag & CONSTRUCTED != 0 && depth < DEPTH => {
                leaves(value, copy, (&mut *names, rename), depth.saturating_add(1));
            }
            _ => copy.put(value, &string(tag, value, (&mut *names, rename))),
        }
    }
}

/// A string of ASN.1: BMPString is UTF-16 big endian, the others contain ASCII or UTF-8 in practice.
fn string(tag: u8, value: &[u8], (names, rename): Renaming<'_>) -> Vec<u8> {
    if tag == 0x1E {
        let swap = |bytes: &[u8]| -> Vec<u8> { bytes.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect() };
        return swap(&utf16(&swap(value), names));
    }
    match (tag, std::str::from_utf8(value)) {
        (0x0C | 0x12..=0x14 | 0x16 | 0x19..=0x1B, Ok(text)) => rename(names, text).into_bytes(),
        _ => vec![b'x'; value.len()],
    }
}

/// The elements of DER one after the other, as far as they can be read.
fn elements(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || element(&mut reader))
}

fn element<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let mut ahead = reader.clone();
    let tag = ahead.u8("tag").ok()?;
    let size = der::length(&mut ahead, "length", certificate::LIMIT).ok()?;
    let value = ahead.take(size, "value").ok()?;
    *reader = ahead;
    Some((tag, value))
}
