//! The names of key files and key containers.

use md5::{Digest, Md5};

use crate::printable::REDACTED;

/// Beginning of the names of key files of Remote Desktop's container (`TSSecKeySet1`).
pub const RDP_KEY: &str = "f686aace6942fb7f7ceb231212eef4a4_";
/// Folder of keys of legacy providers.
pub const MACHINE_KEYS: &str = "MachineKeys";
/// Container of Remote Desktop's key.
pub const RDP_CONTAINER: &str = "TSSecKeySet1";
/// Legacy providers (`CryptoAPI`) of Windows itself that keep a machine's RSA keys in that folder.
pub const LEGACY_PROVIDERS: &[&str] = &[
    "Microsoft Base Cryptographic Provider v1.0",
    "Microsoft Enhanced Cryptographic Provider v1.0",
    "Microsoft Enhanced RSA and AES Cryptographic Provider",
    "Microsoft Strong Cryptographic Provider",
    "Microsoft RSA SChannel Cryptographic Provider",
];
/// Provider of keys in the TPM, a CNG provider with a name of its own.
const TPM_PROVIDER: &str = "Microsoft Platform Crypto Provider";
/// Other providers of keys that come with Windows.
pub const OTHER_PROVIDERS: &[&str] = &[
    "Microsoft DH SChannel Cryptographic Provider",
    "Microsoft Software Key Storage Provider",
    TPM_PROVIDER,
    "Microsoft Smart Card Key Storage Provider",
    "Microsoft Base Smart Card Crypto Provider",
];
/// Part of the names of all other CNG providers.
pub const CNG_PROVIDERS: &str = "Key Storage Provider";

/// True for a provider of CNG keys, by its name.
pub fn is_cng(provider: &str) -> bool {
    provider.to_ascii_lowercase().contains(&CNG_PROVIDERS.to_ascii_lowercase())
        || provider.eq_ignore_ascii_case(TPM_PROVIDER)
}

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

/// Returns how the key file of Remote Desktop is called on the machine with this number (`MachineGuid`).
pub fn own_key_file_name(machine_guid: &str) -> Option<String> {
    Some(format!("{RDP_KEY}{}", bare(machine_guid)?))
}

/// Returns a machine's number (`MachineGuid`) without the braces that some write around it; `None` where nothing is
/// left.
pub fn bare(machine_guid: &str) -> Option<&str> {
    let bare = machine_guid.trim().trim_start_matches('{').trim_end_matches('}');
    (!bare.is_empty()).then_some(bare)
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
