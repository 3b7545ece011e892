//! The beginning of a UDP transport: SYN and SYN+ACK of RDPEUDP.
//!
//! Source: [MS-RDPEUDP] 2.2.2.1 (header), 2.2.2.5 (SYN data), 2.2.2.8 (correlation id), 2.2.2.9 (SYN data, extended),
//! 3.1.5.1.1 (how a SYN is made), 4.1.1 (its padding). Big endian.

use crate::bytes::{DecodeError, Reader};

const FLAG_SYN: u16 = 0x0001;
const FLAG_ACK: u16 = 0x0004;
const FLAG_SYN_LOSSY: u16 = 0x0200;
const FLAG_CORRELATION_ID: u16 = 0x0800;
const FLAG_SYN_EXTENDED: u16 = 0x1000;
/// The sizes in bytes that a side may name as its largest datagram.
const MTU: std::ops::RangeInclusive<u16> = 1132..=1232;

/// The size of a SYN, which is filled with zeros: the largest datagram that there is.
const SIZE: u16 = 1232;
/// Datagrams that we say we have room for.
const WINDOW: u16 = 64;

/// Outcome of one SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramAnswer {
    /// A SYN+ACK: the host offers a transport over UDP.
    Accepted,
    /// A datagram that is none.
    Odd,
    /// ICMP: nobody has the port.
    Refused,
    /// ICMP, or this computer: there is no way to the host.
    Unreachable,
    /// Nothing in time.
    Silent,
    /// We could not ask.
    OwnFailure,
}

/// A datagram that begins a UDP transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syn {
    /// True for the host's answer.
    pub acknowledges: bool,
    /// A transport that may lose datagrams.
    pub lossy: bool,
    /// `uUdpVer`, if it names one: 1, 2, or 0x0101 for RDPEUDP2.
    pub version: Option<u16>,
}

impl Syn {
    /// The datagram that asks for a reliable transport of version 1; `sequence` is by chance.
    pub fn request(sequence: u32) -> Vec<u8> {
        let header = [&u32::MAX.to_be_bytes()[..], &WINDOW.to_be_bytes(), &FLAG_SYN.to_be_bytes()].concat();
        let data = [&sequence.to_be_bytes()[..], &SIZE.to_be_bytes(), &SIZE.to_be_bytes()].concat();
        let mut datagram = [header, data].concat();
        datagram.resize(SIZE.into(), 0);
        datagram
    }

    /// Reads a datagram; an error for one that is no SYN.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let source = reader.u32_be("snSourceAck")?;
        reader.take(2, "uReceiveWindowSize")?;
        let flags = reader.u16_be("uFlags")?;
        let has = |flag: u16| flags & flag != 0;
        let acknowledges = has(FLAG_ACK);
        // a SYN acknowledges nothing yet; other datagrams may have any first bytes
        if !has(FLAG_SYN) || !acknowledges && source != u32::MAX {
            return Err(reader.invalid("uFlags", flags));
        }
        reader.take(4, "snInitialSequenceNumber")?;
        for what in ["uUpStreamMtu", "uDownStreamMtu"] {
            let size = reader.u16_be(what)?;
            if !MTU.contains(&size) {
                return Err(reader.invalid(what, size));
            }
        }
        if has(FLAG_CORRELATION_ID) {
            reader.take(32, "uCorrelationId")?;
        }
        let version = if has(FLAG_SYN_EXTENDED) {
            let named = reader.u16_be("uSynExFlags")? & 1 != 0;
            Some(reader.u16_be("uUdpVer")?).filter(|_| named)
        } else {
            None
        };
        Ok(Self { acknowledges, lossy: has(FLAG_SYN_LOSSY), version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: [u8; 20] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 64, 0x10, 1, 1, 2, 3, 4, 4, 0xD0, 4, 0xD0, 0, 1, 1, 1];

    #[test]
    fn a_syn_is_known_by_its_shape() {
        let syn = Syn { acknowledges: false, lossy: false, version: Some(0x0101) };
        assert_eq!(Syn::decode(&SYN), Ok(syn));
        let mut answer = SYN;
        answer[..4].copy_from_slice(&[1, 2, 3, 4]);
        assert!(Syn::decode(&answer).is_err(), "a SYN acknowledges nothing");
        answer[7] = 5;
        assert_eq!(Syn::decode(&answer), Ok(Syn { acknowledges: true, ..syn }));
        answer[12] = 9;
        assert!(Syn::decode(&answer).is_err(), "no such MTU");
    }

    #[test]
    fn our_own_is_a_syn_of_full_size() {
        let own = Syn::request(7);
        assert_eq!((own.len(), &own[8..12]), (1232, &[0, 0, 0, 7][..]));
        assert_eq!(Syn::decode(&own), Ok(Syn { acknowledges: false, lossy: false, version: None }));
    }

    proptest::proptest! {
        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = Syn::decode(&bytes);
        }
    }
}
