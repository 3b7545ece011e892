//! The version in a program file: the `VS_FIXEDFILEINFO` in its resources.
//!
//! The structure begins with a number of its own (`0xFEEF04BD`) after the name `VS_VERSION_INFO`, so the file is
//! searched for both instead of walking its resource tree.

use std::io::{self, Read};

use crate::evidence::hive::u32_at;

/// Most bytes of a program that are searched.
const LIMIT: u64 = 24 * 1024 * 1024;
/// `VS_VERSION_INFO` and the zero that ends it, in UTF-16.
const NAME: [u8; 32] = *b"V\0S\0_\0V\0E\0R\0S\0I\0O\0N\0_\0I\0N\0F\0O\0\0\0";
/// First number of the structure.
const SIGNATURE: u32 = 0xFEEF_04BD;

/// Finds the version of the file; `None` where it has none.
pub(super) fn version(program: impl Read) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    program.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(find(&bytes))
}

fn find(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(b"MZ") {
        return None;
    }
    let names = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).take(16);
    names.map(|(at, _)| at + NAME.len()).find_map(|at| {
        // padding to a multiple of four comes in between
        let start = (at..at + 4).find(|start| u32_at(bytes, *start) == Some(SIGNATURE))?;
        let (high, low) = (u32_at(bytes, start + 8)?, u32_at(bytes, start + 12)?);
        Some(format!("{}.{}.{}.{}", high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(signature: u32) -> Vec<u8> {
        let numbers = [0, signature, 0x1_0000, 10 << 16, (20_348 << 16) + 859];
        let structure = numbers.into_iter().flat_map(u32::to_le_bytes).skip(2);
        b"MZ".iter().copied().chain([9; 100]).chain(NAME).chain(structure).collect()
    }

    #[test]
    fn the_version_is_found() {
        assert_eq!(find(&program(SIGNATURE)).as_deref(), Some("10.0.20348.859"));
    }

    #[test]
    fn what_has_none_has_none() {
        assert_eq!(find(&program(1)), None);
        assert_eq!(find(&program(SIGNATURE)[..140]), None);
        assert_eq!(find(b"text"), None);
    }
}
