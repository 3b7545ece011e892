//! NTLM's first two messages: the NEGOTIATE that a probe sends and the CHALLENGE in which a host introduces itself.
//!
//! Source: [MS-NLMP] 2.2.1.1, 2.2.1.2, 2.2.2.1 (AV_PAIR), 2.2.2.10 (VERSION).

use time::OffsetDateTime;

use crate::bytes::{DecodeError, Reader};

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// The most AV pairs that we read. Windows sends seven.
const AV_PAIR_LIMIT: usize = 32;
/// The most characters that we keep of a name. A DNS name has at most 255.
const NAME_LIMIT: usize = 256;

/// `NEGOTIATE_UNICODE | OEM | REQUEST_TARGET | SIGN | NTLM | ALWAYS_SIGN | EXTENDED_SESSIONSECURITY | VERSION | 128 |
/// KEY_EXCH | 56`, without names: it says nothing about this computer or its user.
const NEGOTIATE_FLAGS: u32 = 0xE208_8217;

/// The 40 bytes of a NEGOTIATE message without domain and workstation.
pub fn negotiate() -> Vec<u8> {
    let mut message = Vec::with_capacity(40);
    message.extend_from_slice(SIGNATURE);
    message.extend_from_slice(&1_u32.to_le_bytes());
    message.extend_from_slice(&NEGOTIATE_FLAGS.to_le_bytes());
    message.extend_from_slice(&[0; 16]);
    // version 10.0.19041, NTLMSSP revision 15: what Windows clients of today say
    message.extend_from_slice(&[10, 0, 0x61, 0x4A, 0, 0, 0, 15]);
    message
}

/// `VERSION` of [MS-NLMP] 2.2.2.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowsVersion {
    /// Major version, 10 for everything since Windows 10.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// Build number, such as 20348 for Windows Server 2022.
    pub build: u16,
}

/// Contents of a CHALLENGE. Nothing here is a secret; the server challenge itself is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `TargetName`: the domain of a member, the computer otherwise.
    pub target: Option<String>,
    /// `MsvAvNbComputerName`.
    pub netbios_computer: Option<String>,
    /// `MsvAvNbDomainName`.
    pub netbios_domain: Option<String>,
    /// `MsvAvDnsComputerName`.
    pub dns_computer: Option<String>,
    /// `MsvAvDnsDomainName`.
    pub dns_domain: Option<String>,
    /// `MsvAvDnsTreeName`.
    pub dns_tree: Option<String>,
    /// `MsvAvTimestamp`: the host's clock, as 100 ns since 1601-01-01 UTC (FILETIME).
    pub timestamp: Option<u64>,
    /// `Version`; absent or all zero on some servers that are not Windows.
    pub version: Option<WindowsVersion>,
    /// Fault of it, if it has one.
    pub flaw: Option<ChallengeFlaw>,
}

/// Fault of a CHALLENGE that can be read. What each client makes of it is not said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeFlaw {
    /// It has no `TargetInfo`. [MS-NLMP] 3.1.5.1.2: who seals, as CredSSP does, answers none such; nor does
    /// xfreerdp 2.11.
    NoTargetInfo,
    /// Its flags agree to no NTLM, or to no set of characters ([MS-NLMP] 2.2.2.5); the flags.
    Flags(u32),
    /// Its flags agree to no key of 128 bits, which we asked for; the flags. [MS-NLMP] 3.1.5.1.2 with its note on
    /// `ClientRequire128bitEncryption`: Windows 7 and later go on with none such.
    ShortKey(u32),
    /// `MsvAvNbComputerName` or `MsvAvNbDomainName` is not there at all, not even empty ([MS-NLMP] 2.2.2.1).
    NoNames,
    /// It comes with SPNEGO's `accept-completed`, though nobody has proved anything yet (RFC 4178 section 4.2.2).
    Completed,
}

/// `NTLMSSP_NEGOTIATE_NTLM` ([MS-NLMP] 2.2.2.5).
const NTLM: u32 = 0x0000_0200;
/// `NTLMSSP_NEGOTIATE_128`.
const KEY_128: u32 = 0x2000_0000;
/// `NTLMSSP_NEGOTIATE_UNICODE` and `NTLM_NEGOTIATE_OEM`: one of them has to be.
const CHARACTERS: u32 = 0x0000_0003;

/// Seconds from 1601-01-01 to 1970-01-01.
const FILETIME_EPOCH: i64 = 11_644_473_600;

/// A FILETIME (100 ns since 1601-01-01 UTC) as a date, or `None` outside the years that a date can have.
pub fn filetime(ticks: u64) -> Option<OffsetDateTime> {
    // logs ask for two of them in each entry, and 128 bits divide slowly
    let (seconds, rest) = (ticks / 10_000_000, ticks % 10_000_000);
    let seconds = i64::try_from(seconds).ok()?.checked_sub(FILETIME_EPOCH)?;
    let rest = u32::try_from(rest).ok()?.checked_mul(100)?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.replace_nanosecond(rest).ok()
}

/// A FILETIME as nanoseconds since 1970-01-01 UTC, also beyond the years that a date can have.
pub fn unix_nanoseconds(ticks: u64) -> i128 {
    // both numbers are far below what an i128 holds
    i128::from(ticks).saturating_mul(100).saturating_sub(i128::from(FILETIME_EPOCH).saturating_mul(1_000_000_000))
}

/// A date as FILETIME, or `None` before 1601.
pub fn to_filetime(date: OffsetDateTime) -> Option<u64> {
    let since = date.unix_timestamp_nanos().checked_add(i128::from(FILETIME_EPOCH).checked_mul(1_000_000_000)?)?;
    u64::try_from(since.checked_div(100)?).ok()
}

/// Where an NTLM message begins in a token.
pub fn begins(token: &[u8]) -> Option<usize> {
    token.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)
}

impl Challenge {
    /// Finds the CHALLENGE in a token, which may be raw NTLM or wrapped in SPNEGO, and reads it.
    pub fn find(token: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(token.get(begins(token).unwrap_or(0)..).unwrap_or_default())
    }

    /// Reads a CHALLENGE message.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(message);
        let signature = reader.take(8, "NTLM signature")?;
        if signature != SIGNATURE {
            return Err(DecodeError::Invalid {
                what: "NTLM signature",
                at: 0,
                value: signature.first().copied().unwrap_or(0).into(),
            });
        }
        let kind = reader.u32_le("NTLM message type")?;
        if kind != 2 {
            return Err(reader.invalid("NTLM message type", kind));
        }
        let target = field(message, &mut reader, "TargetName")?;
        let flags = reader.u32_le("NegotiateFlags")?;
        reader.take(16, "ServerChallenge and Reserved")?;
        let pairs = field(message, &mut reader, "TargetInfo")?;
        let mut challenge = Self { target: text(target), ..Self::default() };
        if flags & 0x0200_0000 != 0
            && let Ok(version) = reader.take(8, "Version")
            && let [major, minor, low, high, ..] = *version
            && (major, minor, low, high) != (0, 0, 0, 0)
        {
            challenge.version = Some(WindowsVersion { major, minor, build: u16::from_le_bytes([low, high]) });
        }
        let named = challenge.read_pairs(pairs)?;
        challenge.flaw = if pairs.is_empty() {
            Some(ChallengeFlaw::NoTargetInfo)
        } else if flags & NTLM == 0 || flags & CHARACTERS == 0 {
            Some(ChallengeFlaw::Flags(flags))
        } else if !named {
            Some(ChallengeFlaw::NoNames)
        } else {
            (flags & KEY_128 == 0).then_some(ChallengeFlaw::ShortKey(flags))
        };
        Ok(challenge)
    }

    /// Reads the pairs; true if both names of NetBIOS are among them, be they empty.
    fn read_pairs(&mut self, bytes: &[u8]) -> Result<bool, DecodeError> {
        let mut reader = Reader::new(bytes);
        let (mut computer, mut domain) = (false, false);
        for _ in 0..AV_PAIR_LIMIT {
            if reader.is_empty() {
                break;
            }
            let id = reader.u16_le("AvId")?;
            let size = reader.u16_le("AvLen")?;
            let value = reader.take(size.into(), "AV_PAIR value")?;
            computer |= id == 1;
            domain |= id == 2;
            match id {
                0 => break,
                1 => self.netbios_computer = text(value),
                2 => self.netbios_domain = text(value),
                3 => self.dns_computer = text(value),
                4 => self.dns_domain = text(value),
                5 => self.dns_tree = text(value),
                7 => self.timestamp = Some(Reader::new(value).u64_le("MsvAvTimestamp")?),
                _ => {}
            }
        }
        Ok(computer && domain)
    }

    /// The message as a server sends it (lab, tests).
    pub fn encode(&self, server_challenge: [u8; 8]) -> Vec<u8> {
        let target = utf16(self.target.as_deref().unwrap_or_default());
        let mut pairs = Vec::new();
        let names =
            [&self.netbios_domain, &self.netbios_computer, &self.dns_domain, &self.dns_computer, &self.dns_tree];
        for (id, name) in [2_u16, 1, 4, 3, 5].into_iter().zip(names) {
            if let Some(name) = name {
                pair(&mut pairs, id, &utf16(name));
            }
        }
        if let Some(timestamp) = self.timestamp {
            pair(&mut pairs, 7, &timestamp.to_le_bytes());
        }
        pair(&mut pairs, 0, &[]);
        let mut message = Vec::new();
        message.extend_from_slice(SIGNATURE);
        message.extend_from_slice(&2_u32.to_le_bytes());
        fields(&mut message, target.len(), 56);
        message.extend_from_slice(&0xE28A_8215_u32.to_le_bytes());
        message.extend_from_slice(&server_challenge);
        message.extend_from_slice(&[0; 8]);
        fields(&mut message, pairs.len(), target.len().saturating_add(56));
        let version = self.version.unwrap_or(WindowsVersion { major: 0, minor: 0, build: 0 });
        message.extend_from_slice(&[version.major, version.minor]);
        message.extend_from_slice(&version.build.to_le_bytes());
        message.extend_from_slice(&[0, 0, 0, 15]);
        message.extend(target);
        message.extend(pairs);
        message
    }
}

fn field<'a>(message: &'a [u8], reader: &mut Reader<'_>, what: &'static str) -> Result<&'a [u8], DecodeError> {
    let size = usize::from(reader.u16_le(what)?);
    reader.u16_le(what)?;
    let start = usize::try_from(reader.u32_le(what)?).unwrap_or(usize::MAX);
    if size == 0 {
        return Ok(&[]);
    }
    let left = message.len().saturating_sub(start);
    message.get(start..start.saturating_add(size)).ok_or(DecodeError::Truncated { what, at: start, needed: size, left })
}

fn text(value: &[u8]) -> Option<String> {
    let units = value.chunks_exact(2).take(NAME_LIMIT).map(|pair| match *pair {
        [low, high] => u16::from_le_bytes([low, high]),
        _ => 0,
    });
    let name: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!name.is_empty()).then_some(name)
}

fn utf16(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn pair(pairs: &mut Vec<u8>, id: u16, value: &[u8]) {
    pairs.extend_from_slice(&id.to_le_bytes());
    pairs.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    pairs.extend_from_slice(value);
}

fn fields(message: &mut Vec<u8>, size: usize, start: usize) {
    let size = u16::try_from(size).unwrap_or(u16::MAX).to_le_bytes();
    message.extend_from_slice(&size);
    message.extend_from_slice(&size);
    message.extend_from_slice(&u32::try_from(start).unwrap_or(u32::MAX).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_negotiate_message_has_40_bytes_and_no_names() {
        assert_eq!(negotiate().len(), 40);
        assert_eq!(negotiate()[16..32], [0; 16]);
    }

    #[test]
    fn filetime_meets_the_unix_epoch() {
        assert_eq!(filetime(116_444_736_000_000_000), Some(OffsetDateTime::UNIX_EPOCH));
        assert_eq!(to_filetime(OffsetDateTime::UNIX_EPOCH), Some(116_444_736_000_000_000));
        assert_eq!(filetime(u64::MAX), None);
    }

    #[test]
    fn an_anonymous_challenge_is_read() {
        let challenge = Challenge { flaw: Some(ChallengeFlaw::NoNames), ..Challenge::default() };
        assert_eq!(Challenge::decode(&challenge.encode([1; 8])), Ok(challenge));
    }

    #[test]
    fn a_challenge_that_lacks_what_clients_need_is_read_and_marked() {
        let named =
            Challenge { netbios_computer: Some("A".into()), netbios_domain: Some("B".into()), ..Challenge::default() };
        let message = named.encode([0; 8]);
        let flaw = |message: &[u8]| Challenge::decode(message).unwrap().flaw;
        assert_eq!(flaw(&message), None);
        let flags = |flags: u32| {
            let mut changed = message.clone();
            changed[20..24].copy_from_slice(&flags.to_le_bytes());
            flaw(&changed)
        };
        assert_eq!(flags(0), Some(ChallengeFlaw::Flags(0)));
        assert_eq!(flags(0xE28A_8035), Some(ChallengeFlaw::Flags(0xE28A_8035)), "no NTLM");
        assert_eq!(flags(0xE28A_8234), Some(ChallengeFlaw::Flags(0xE28A_8234)), "no characters");
        assert_eq!(flags(0xE28A_8236), None, "characters of the machine are enough");
        assert_eq!(flags(0xC28A_8235), Some(ChallengeFlaw::ShortKey(0xC28A_8235)));
        let mut empty = message.clone();
        empty[40..48].fill(0);
        assert_eq!(flaw(&empty), Some(ChallengeFlaw::NoTargetInfo));
        // pairs that are there and empty are there
        let at = message.windows(6).position(|six| six == [1, 0, 2, 0, b'A', 0]).unwrap();
        let mut unnamed = message.clone();
        unnamed[at + 2] = 0;
        unnamed.drain(at + 4..at + 6);
        unnamed[40] -= 2;
        assert_eq!(flaw(&unnamed), None);
        let mut absent = message;
        absent[at] = 9;
        assert_eq!(flaw(&absent), Some(ChallengeFlaw::NoNames));
    }

    #[test]
    fn endless_pairs_end() {
        let challenge = Challenge { netbios_computer: Some("A".into()), ..Challenge::default() };
        let mut message = challenge.encode([0; 8]);
        let start = message.len() - 4;
        message.truncate(start);
        for _ in 0..1000 {
            message.extend_from_slice(&[9, 0, 0, 0]);
        }
        let size = u16::try_from(message.len() - 56).unwrap().to_le_bytes();
        message[40..42].copy_from_slice(&size);
        assert_eq!(Challenge::decode(&message).unwrap().netbios_computer.as_deref(), Some("A"));
    }

    proptest::proptest! {
        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = Challenge::decode(&bytes);
            let _ = Challenge::find(&bytes);
        }

        #[test]
        fn challenges_survive_the_round_trip(
            names in proptest::array::uniform6(proptest::option::of("[A-Za-z0-9.-]{1,40}")),
            timestamp: Option<u64>,
            build in 1_u16..,
        ) {
            let [target, netbios_computer, netbios_domain, dns_computer, dns_domain, dns_tree] = names;
            let version = Some(WindowsVersion { major: 10, minor: 0, build });
            let named = netbios_computer.is_some() && netbios_domain.is_some();
            let flaw = (!named).then_some(ChallengeFlaw::NoNames);
            let challenge = Challenge {
                target, netbios_computer, netbios_domain, dns_computer, dns_domain, dns_tree, timestamp, version, flaw,
            };
            proptest::prop_assert_eq!(Challenge::find(&challenge.encode([7; 8])), Ok(challenge));
        }
    }
}
