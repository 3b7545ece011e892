//! The names of key files and key containers.

use md5::{Digest, Md5};

use crate::redaction::REDACTED;

/// Beginning of the names of key files of Remote Desktop's container (`TSSecKeySet1`).
pub const RDP_KEY: &str = "f686aace6942fb7f7ceb231212eef4a4_";
/// Folder of keys of legacy providers.
pub const MACHINE_KEYS: &str = "MachineKeys";
/// Container of Remote Desktop's key.
pub const RDP_CONTAINER: &str = "TSSecKeySet1";
/// Digits in a file name that was made from a container's name.
const DIGITS: usize = 32;

/// Returns the beginning of the file name in which a legacy provider keeps this container: MD5 of the name in lower
/// case and a zero byte, as four numbers of 32 bits, least byte first. `None` for a name of which that is not known.
///
/// Source: known from practice, not from a specification; it yields the names that documents give for known containers.
/// A redacted container is named after the substitute for these digits, so that it still leads to its file.
pub fn key_digits(container: &str) -> Option<String> {
    if container.is_empty() || container == REDACTED || !container.is_ascii() {
        return None;
    }
    if container.len() == DIGITS && container.starts_with("00000000000000000000") {
        return Some(container.to_owned());
    }
    let digest = Md5::new().chain_update(container.to_ascii_lowercase()).chain_update([0]).finalize();
    let bytes: Vec<u8> = digest.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
    Some(wire::hex::encode(&bytes))
}

/// Splits the name of such a file into the digits and the rest, the MachineGuid.
pub fn split_key_name(name: &str) -> Option<(&str, &str)> {
    let (digits, rest) = name.split_once('_')?;
    let hexadecimal = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.then_some((digits, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents give these names for keys that every Windows has.
    #[test]
    fn the_file_of_a_container_is_known() {
        for (container, digits) in [
            (RDP_CONTAINER, "f686aace6942fb7f7ceb231212eef4a4"),
            ("iisConfigurationKey", "6de9cb26d2b98c01ec4e9e8b34824aa2"),
            ("NetFrameworkConfigurationKey", "d6d986f09a1ee04e24c949879fdb506c"),
            ("iisWasKey", "76944fb33636aeddb9590521c2e8815a"),
            ("Microsoft Internet Information Server", "c2319c42033a5ca7f44e731bfd3fa2b5"),
            ("MS IIS DCOM Server", "7a436fe806e483969f48a894af2fe9a1"),
        ] {
            assert_eq!(key_digits(container).as_deref(), Some(digits), "{container}");
        }
        assert_eq!(format!("{}_", key_digits(RDP_CONTAINER).unwrap()), RDP_KEY);
        let redacted = format!("{:032}", 3);
        assert_eq!(key_digits(&redacted), Some(redacted));
        assert_eq!([key_digits(""), key_digits(REDACTED), key_digits("Schlüssel")], [None, None, None]);
    }
}
