//! Text of files that may hold bytes of another encoding, such as ISO 8859-1: a byte that is no UTF-8 becomes a letter
//! of its own, which goes back to that byte. So one line of a file can be changed and all others stay as they are.

/// Letter for the byte 0: those of bytes from 0x80 on are for private use.
const FIRST: u32 = 0x10_FF00;

/// Reads bytes as text. [`bytes`] gives back the same bytes, whatever they are.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match byte(letter) {
                // who writes such a letter itself gets it back by its bytes
                Some(_) => text.extend(letter.encode_utf8(&mut [0; 4]).bytes().filter_map(letter_of)),
                None => text.push(letter),
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(letter_of));
    }
    text
}

/// Returns the bytes of a text that [`text`] has read.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match byte(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// Returns the byte that a letter stands for.
pub fn byte(letter: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(letter).checked_sub(FIRST)?).ok()?;
    (!byte.is_ascii()).then_some(byte)
}

fn letter_of(byte: u8) -> Option<char> {
    char::from_u32(FIRST + u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        for own in [&b"ls_title=B\xFCro"[..], "Büro \u{10FFFC}\u{10FF7F}".as_bytes(), b"\xE2\x82", &all] {
            assert_eq!(bytes(&text(own)), own);
        }
        assert_eq!((text("Büro".as_bytes()).as_str(), text(b"B\xFCro").chars().count()), ("Büro", 4));
    }
}
