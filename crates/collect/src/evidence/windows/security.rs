//! Converts security descriptors on a disk (self-relative, [MS-DTYP] 2.4.6) to their text form (2.5.1).

use crate::evidence::hive::{u16_at, u32_at};

/// `SE_DACL_PRESENT`.
const PRESENT: u16 = 0x4;
/// `SE_DACL_PROTECTED`: nothing is inherited.
const PROTECTED: u16 = 0x1000;
/// Flags of an entry, in the order of their text.
const FLAGS: [(u8, &str); 5] = [(0x1, "OI"), (0x2, "CI"), (0x4, "NP"), (0x8, "IO"), (0x10, "ID")];
/// Accounts with a short name.
const ACCOUNTS: [(&str, &str); 9] = [
    ("S-1-1-0", "WD"),
    ("S-1-3-0", "CO"),
    ("S-1-5-6", "SU"),
    ("S-1-5-11", "AU"),
    ("S-1-5-18", "SY"),
    ("S-1-5-19", "LS"),
    ("S-1-5-20", "NS"),
    ("S-1-5-32-544", "BA"),
    ("S-1-5-32-545", "BU"),
];

/// Returns owner, group and access list as SDDL; `None` if these bytes are no security descriptor.
pub(super) fn sddl(bytes: &[u8]) -> Option<String> {
    let control = u16_at(bytes, 2).filter(|_| bytes.first() == Some(&1))?;
    let mut text = String::new();
    for (letter, at) in [("O:", 4), ("G:", 8)] {
        let offset = u32_at(bytes, at)? as usize;
        if offset != 0 {
            text.extend([letter, &sid(bytes.get(offset..)?)?]);
        }
    }
    let list = u32_at(bytes, 16)? as usize;
    if control & PRESENT == 0 || list == 0 {
        return Some(text + "D:NO_ACCESS_CONTROL");
    }
    let protected = if control & PROTECTED != 0 { "P" } else { "" };
    Some(format!("{text}D:{protected}{}", entries(bytes.get(list..)?)?))
}

fn entries(list: &[u8]) -> Option<String> {
    let mut rest = list.get(8..)?;
    let mut text = String::new();
    for _ in 0..u16_at(list, 4)? {
        let (kind, flags, size) = (*rest.first()?, *rest.get(1)?, usize::from(u16_at(rest, 2)?));
        let entry = rest.get(..size).filter(|entry| entry.len() >= 8)?;
        let letter = match kind {
            0 => "A",
            1 => "D",
            // types that Windows does not use for files are kept, and judged by nobody
            _ => "XA",
        };
        let flags: String = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, word)| *word).collect();
        let rights = format!("{:#x}", u32_at(entry, 4)?);
        text.extend(["(", letter, ";", &flags, ";", &rights, ";;;", &sid(entry.get(8..)?)?, ")"]);
        rest = rest.get(size..)?;
    }
    Some(text)
}

fn sid(bytes: &[u8]) -> Option<String> {
    let authority = bytes.get(2..8)?.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let count = usize::from(*bytes.get(1).filter(|_| bytes.first() == Some(&1))?);
    let parts = (0..count.min(15)).map(|part| u32_at(bytes, 8 + part * 4));
    let parts = parts.collect::<Option<Vec<u32>>>()?;
    let text = parts.iter().fold(format!("S-1-{authority}"), |text, part| format!("{text}-{part}"));
    let short = ACCOUNTS.iter().find(|(sid, _)| *sid == text);
    Some(short.map_or(text, |(_, short)| (*short).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(parts: &[u32]) -> Vec<u8> {
        let mut bytes = vec![1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, 5];
        bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    }

    fn descriptor(list: &[(u8, u32, &[u32])]) -> Vec<u8> {
        let owner = account(&[18]);
        let mut entries = Vec::new();
        for (kind, mask, who) in list {
            let who = account(who);
            entries.extend([*kind, 0x10, u8::try_from(who.len() + 8).unwrap(), 0]);
            entries.extend([&mask.to_le_bytes()[..], &who].concat());
        }
        let mut bytes = vec![1, 0, 0x04, 0x90];
        let at = 20 + u32::try_from(owner.len()).unwrap();
        bytes.extend([20, 0, 0, at].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(owner);
        bytes.extend([2, 0, u8::try_from(entries.len() + 8).unwrap(), 0, u8::try_from(list.len()).unwrap(), 0, 0, 0]);
        bytes.extend(entries);
        bytes
    }

    #[test]
    fn the_rights_on_a_key() {
        let bytes = descriptor(&[(0, 0x0012_0089, &[20]), (1, 0x001F_01FF, &[32, 545])]);
        assert_eq!(sddl(&bytes).unwrap(), "O:SYD:P(A;ID;0x120089;;;NS)(D;ID;0x1f01ff;;;BU)");
        assert_eq!(evidence::security::allows(&sddl(&bytes).unwrap(), &["NS"], 1), Some(true));
    }

    #[test]
    fn other_bytes_are_none() {
        assert_eq!(sddl(b""), None);
        assert_eq!(sddl(&[7; 40]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, at in 0_usize..80, byte: u8) {
            drop(sddl(&bytes));
            if let Some(first) = bytes.first_mut() { *first = 1; }
            drop(sddl(&bytes));
            let mut whole = descriptor(&[(0, 1, &[20])]);
            let length = whole.len();
            whole[at % length] = byte;
            drop(sddl(&whole));
        }
    }
}
