//! A certificate without names, which is still one.

use std::net::IpAddr;

use super::copy::{Copy, Part, PartReader, elements, utf16};
use super::names::Names;
use crate::certificate::Certificate;
use crate::{certificate, der, inspection};

/// `OBJECT IDENTIFIER`.
const OID: u8 = 6;
/// The bit of a DER tag that says that its value is a list of elements.
const CONSTRUCTED: u8 = 0x20;
/// Most bytes of the identifier of an algorithm; those of the registered ones have nine.
const LONGEST_OID: usize = 10;
/// How deep we follow DER.
const DEPTH: usize = 16;

/// A certificate without names, serial number, signature and the key itself: by each of these it would be found in
/// public logs, and with it the names. Zeros for anything that is no certificate.
pub(crate) fn renamed_certificate(der: &[u8], names: &mut Names) -> Vec<u8> {
    let zeros = || vec![0; der.len()];
    if der.len() > certificate::LIMIT || Certificate::read(der).is_none() {
        return zeros();
    }
    let renamed = renamed(der, names).filter(|new| Certificate::read(new).is_some()).unwrap_or_else(zeros);
    names.renamed_certificate(der, &renamed);
    renamed
}

fn renamed(der: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    let mut copy = Copy::of(der);
    let mut outer = PartReader::new(Part::whole(der));
    let (_, whole) = outer.element()?;
    copy.blank(outer.rest());
    let mut parts = elements(whole);
    let (_, signed) = parts.next()?;
    algorithm(parts.next()?.1, &mut copy, 0);
    let (_, signature) = parts.next()?;
    copy.blank(signature.behind(1)?);
    let mut fields = elements(signed).peekable();
    fields.next_if(|(tag, _)| *tag == 0xA0);
    let (_, serial) = fields.next()?;
    copy.put(serial, &vec![1; serial.bytes.len()]);
    algorithm(fields.next()?.1, &mut copy, 0);
    // of one that TLS inspection made, the product stays
    let inspected =
        Certificate::read(der).is_some_and(|certificate| inspection::product(&certificate.issuer).is_some());
    let rename = if inspected { Names::issuer } else { Names::text };
    leaves(fields.next()?.1, &mut copy, (&mut *names, rename), 0);
    fields.next()?;
    leaves(fields.next()?.1, &mut copy, (&mut *names, rename), 0);
    let mut key_parts = elements(fields.next()?.1);
    algorithm(key_parts.next()?.1, &mut copy, 0);
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

/// An `AlgorithmIdentifier` with the parameters that algorithms have: identifiers, small numbers and nothing. Whatever
/// else stands in them becomes zeros.
fn algorithm(list: Part<'_>, copy: &mut Copy<'_>, depth: usize) {
    for (tag, value) in elements(list) {
        let kept = match tag {
            OID => value.bytes.len() <= LONGEST_OID,
            der::INTEGER => value.bytes.len() <= 4,
            _ => false,
        };
        if tag & CONSTRUCTED != 0 && depth < DEPTH {
            algorithm(value, copy, depth.saturating_add(1));
        } else if !kept {
            copy.blank(value);
        }
    }
}

/// A public key of the same kind and size, which nobody has: of RSA the exponent stays and the modulus goes, of a point
/// its form.
fn public_key(bits: Part<'_>, copy: &mut Copy<'_>, names: &mut Names) {
    let Some(key) = bits.behind(1) else { return };
    if let Some((der::SEQUENCE, list)) = elements(key).next() {
        for (number, (_, integer)) in copy.open(list).into_iter().enumerate() {
            match number {
                0 => copy.put(integer, &key_material(integer.bytes, names)),
                _ if integer.bytes.len() <= 4 => copy.keep(integer),
                _ => {}
            }
        }
    } else if let (Some(2..=4), Some(point)) = (key.bytes.first(), key.behind(1)) {
        copy.put(point, &key_material(point.bytes, names));
    } else {
        copy.blank(key);
    }
}

/// As many bytes that are no key: zeros at the beginning stay, ones follow, and a number in the last four bytes tells
/// keys apart.
fn key_material(material: &[u8], names: &mut Names) -> Vec<u8> {
    let zeros = material.iter().take_while(|byte| **byte == 0).count();
    let (head, body) = material.split_at(zeros);
    let Some((ones, number)) = body.split_last_chunk::<4>() else { return material.iter().map(|_| 0).collect() };
    let known = ones.iter().all(|byte| *byte == 0xFF).then(|| u32::from_be_bytes(*number));
    let number = names.key(body, known);
    [head, &vec![0xFF; ones.len()], &number.to_be_bytes()].concat()
}

/// `Extension`: identifier, perhaps `critical`, value.
fn rename_extension(extension: Part<'_>, copy: &mut Copy<'_>, names: &mut Names) {
    let parts = copy.open(extension);
    let id = parts.first().filter(|(tag, _)| *tag == OID).map_or(&[][..], |(_, id)| id.bytes);
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

fn alternatives(value: Part<'_>, copy: &mut Copy<'_>, names: &mut Names) {
    for (_, list) in copy.open(value) {
        for (tag, name) in copy.open(list) {
            alternative(tag, name, copy, names);
        }
    }
}

fn alternative(tag: u8, name: Part<'_>, copy: &mut Copy<'_>, names: &mut Names) {
    match tag {
        0x81 | 0x82 | 0x86 => copy.put(name, &string(0x16, name.bytes, (names, Names::text))),
        0x87 => copy.put(name, &address(name.bytes, names)),
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
fn leaves(list: Part<'_>, copy: &mut Copy<'_>, (names, rename): Renaming<'_>, depth: usize) {
    for (tag, value) in copy.open(list) {
        match tag {
            OID => copy.keep(value),
            _ if tag & CONSTRUCTED != 0 && depth < DEPTH => {
                leaves(value, copy, (&mut *names, rename), depth.saturating_add(1));
            }
            _ => copy.put(value, &string(tag, value.bytes, (&mut *names, rename))),
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
