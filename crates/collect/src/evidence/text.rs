//! Text as programs of Windows write it: UTF-8 or UTF-16, with or without a mark.

use std::borrow::Cow;

use super::ReadError;

/// The text of these bytes. UTF-16 without a mark is known by its zeros, as long as it begins in ASCII.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map(Cow::Owned).map_err(|_| ReadError::Contents("its UTF-16 is damaged".to_owned()))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => wide(bytes, u16::from_be_bytes),
        _ => {
            let text = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
            let text =
                str::from_utf8(text).map_err(|_| ReadError::Contents("it is neither UTF-8 nor UTF-16".to_owned()));
            text.map(Cow::Borrowed)
        }
    }
}

/// The text at the beginning of a file, as far as it is some.
pub(super) fn beginning(head: &[u8]) -> String {
    // the head may end within a character
    let decoded = (0..4).find_map(|cut| decode(head.get(..head.len().checked_sub(cut)?)?).ok());
    decoded.map(Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_in_all_its_forms() {
        let text = "{\"computer\": \"B\u{FC}RO\u{1F680}\"}";
        let units = || text.encode_utf16();
        let (little, big): (Vec<u8>, Vec<u8>) =
            (units().flat_map(u16::to_le_bytes).collect(), units().flat_map(u16::to_be_bytes).collect());
        let forms = [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            [b"\xFF\xFE", little.as_slice()].concat(),
            [b"\xFE\xFF", big.as_slice()].concat(),
            little,
            big,
        ];
        for form in forms {
            assert_eq!(decode(&form).unwrap(), text, "{form:?}");
            assert!(beginning(&form[..form.len() - 1]).starts_with("{\"computer\""), "{form:?}");
        }
        assert!(decode(b"caf\xE9").is_err());
        assert!(decode(b"\xFF\xFE\x00\xD8").is_err());
        assert_eq!(decode(b"").unwrap(), "");
    }
}
