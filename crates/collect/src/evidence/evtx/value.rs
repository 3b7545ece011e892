//! Values of an entry as text ([MS-EVEN6] 2.2.12).

use std::fmt::Write;

use wire::ntlm::filetime;

/// Most characters of a value.
pub(super) const TEXT: usize = 512;

/// Decodes UTF-16 up to its first zero and at most [`TEXT`] characters.
pub(super) fn text(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units.take_while(|unit| *unit != 0)).take(TEXT).map(|c| c.unwrap_or('\u{FFFD}')).collect()
}

/// Formats a value as the event viewer shows it; `None` for nothing.
pub(super) fn shown(kind: u8, bytes: &[u8]) -> Option<String> {
    if kind & 0x80 != 0 {
        return list(kind & 0x7F, bytes);
    }
    let number = || -> Option<u64> {
        let mut wide = [0; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(wide))
    };
    let signed = || -> Option<i64> {
        let unused = 64_usize.checked_sub(bytes.len() * 8)?;
        Some(number()?.cast_signed().checked_shl(u32::try_from(unused).ok()?)? >> unused)
    };
    Some(match kind {
        0x00 => return None,
        0x01 => text(bytes),
        0x02 => bytes.iter().take_while(|byte| **byte != 0).take(TEXT).map(|byte| char::from(*byte)).collect(),
        0x03 | 0x05 | 0x07 | 0x09 => signed()?.to_string(),
        0x04 | 0x06 | 0x08 | 0x0A | 0x10 => number()?.to_string(),
        0x0D => (number()? != 0).to_string(),
        0x0F => guid(bytes)?,
        0x11 => evidence::moment::rfc3339(filetime(number()?)?),
        0x13 => sid(bytes)?,
        0x14 | 0x15 => format!("0x{:x}", number()?),
        _ => hexadecimal(bytes),
    })
}

/// Formats a list of strings, one after the other; anything else as its bytes.
fn list(kind: u8, bytes: &[u8]) -> Option<String> {
    if kind != 0x01 {
        return Some(hexadecimal(bytes)).filter(|text| !text.is_empty());
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let words: Vec<_> = units.split(|unit| *unit == 0).map(String::from_utf16_lossy).collect();
    let joined = words.join(" ").trim_end().chars().take(TEXT).collect::<String>();
    Some(joined).filter(|text| !text.is_empty())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().take(TEXT / 2).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

fn guid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let first = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let (second, third) = (u16::from_le_bytes([bytes[4], bytes[5]]), u16::from_le_bytes([bytes[6], bytes[7]]));
    let (fourth, rest) = (hexadecimal(&bytes[8..10]), hexadecimal(&bytes[10..]));
    Some(format!("{{{first:08x}-{second:04x}-{third:04x}-{fourth}-{rest}}}"))
}

fn sid(bytes: &[u8]) -> Option<String> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let authority = head[2..].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let parts = rest.chunks_exact(4).map(|part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
    Some(parts.fold(format!("S-{}-{authority}", head[0]), |text, part| format!("{text}-{part}")))
}

/// Newest moment that a date can have: the last microsecond of 9999, as a FILETIME.
const LAST_MOMENT: u64 = 2_650_467_743_999_999_990;

/// Truncates a FILETIME to microseconds; `None` if no date is that late.
pub fn dated(ticks: u64) -> Option<u64> {
    Some(ticks - ticks % 10).filter(|ticks| *ticks <= LAST_MOMENT)
}
