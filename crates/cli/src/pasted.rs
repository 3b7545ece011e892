//! Bytes that somebody pasted or piped, as text: UTF-8, UTF-16 as Windows writes it, and the code pages of Windows.
//!
//! Without a mark at its beginning nothing says which of them a file is in. Each guess here rests on what only that one
//! looks like, and a wrong one loses a few letters, never the ASCII between them.

use encoding_rs::{GBK, WINDOWS_1251, WINDOWS_1252};

/// How many bytes are looked at for a guess.
const LOOKED_AT: usize = 64 * 1024;

/// True if it is no text at all: an image, a log of Windows, a program. A log with a few zeros in it is one.
pub fn binary(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let control = |byte: &u8| *byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r' | 0x1B);
    start.iter().filter(|byte| control(byte)).count() * 10 > start.len() && !wide(start)
}

/// The text of some bytes.
pub fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => words(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => words(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => without_mark(bytes),
    }
}

fn words(bytes: &[u8], join: fn([u8; 2]) -> u16) -> String {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|two| join([two[0], two[1]])).collect();
    String::from_utf16_lossy(&words)
}

/// How many zeros stand at the even and at the odd places: ASCII in UTF-16 has one in every second byte.
fn zeros(start: &[u8]) -> (usize, usize) {
    let count = |odd: usize| start.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    (count(0), count(1))
}

/// It is UTF-16, with its mark or by its zeros.
fn wide(start: &[u8]) -> bool {
    let ((even, odd), many) = (zeros(start), start.len() / 4);
    let marked = matches!(start, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    marked || start.len() >= 4 && even.max(odd) > many && even.min(odd) <= many / 4
}

fn without_mark(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    if wide(start) {
        let (even, odd) = zeros(start);
        return words(bytes, if odd > even { u16::from_le_bytes } else { u16::from_be_bytes });
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let high = start.iter().filter(|byte| **byte >= 0x80).count();
    if high == 0 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let page = match () {
        () if chinese(start) => GBK,
        () if cyrillic(start) => WINDOWS_1251,
        () => WINDOWS_1252,
    };
    page.decode_without_bom_handling(bytes).0.into_owned()
}

/// Runs of bytes above ASCII, in order.
fn runs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii).filter(|run| !run.is_empty())
}

/// Every run is made of pairs of the common signs of GBK, and some of them are no Cyrillic letters.
fn chinese(bytes: &[u8]) -> bool {
    let pair = |two: &[u8]| matches!(two, [0xA1..=0xA3 | 0xB0..=0xF7, 0xA1..=0xFE]);
    let all = runs(bytes).all(|run| run.len() % 2 == 0 && run.chunks(2).all(pair));
    all && runs(bytes).flatten().filter(|byte| **byte < 0xC0).count() * 8 > runs(bytes).flatten().count()
}

/// Whole words of letters above ASCII; in western languages they stand alone among others.
fn cyrillic(bytes: &[u8]) -> bool {
    let (all, long) = runs(bytes)
        .fold((0, 0), |(all, long), run| (all + run.len(), if run.len() >= 3 { long + run.len() } else { long }));
    long * 2 > all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, write: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(write).collect()
    }

    #[test]
    fn text_of_windows_is_read_as_it_is_written() {
        assert_eq!(decoded(b"0x904"), "0x904");
        assert_eq!(decoded(&[0xFF, 0xFE, b'7', 0]), "7");
        assert_eq!(decoded(&[0xFE, 0xFF, 0, b'7']), "7");
        assert_eq!(decoded(&[0xEF, 0xBB, 0xBF, b'7']), "7");
    }

    #[test]
    fn utf_16_is_known_without_its_mark() {
        let text = "Fehlercode: 0x904\r\nErweiterter Fehlercode: 0x7";
        assert_eq!(decoded(&utf_16(text, u16::to_le_bytes)), text);
        assert_eq!(decoded(&utf_16(text, u16::to_be_bytes)), text);
    }

    #[test]
    fn code_pages_are_told_apart() {
        for (text, page) in [
            ("Die angeforderte Funktion wird nicht unterstützt. Für später.", WINDOWS_1252),
            ("Une erreur interne s'est produite à l'étage", WINDOWS_1252),
            ("Произошла внутренняя ошибка. Код: 0x904", WINDOWS_1251),
            ("出现身份验证错误。要求的函数不受支持。CredSSP", GBK),
            ("远程桌面 错误代码: 0x904", GBK),
        ] {
            assert_eq!(decoded(&page.encode(text).0), text);
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        assert!(binary(&[0, 1, 2, 3, b'a', 0, 0, 7].repeat(100)));
        assert!(!binary(b"\x1b[31ma log\twith a few\0 zeros in it\r\n"));
        assert!(!binary(&utf_16("Fehlercode: 0x904", u16::to_le_bytes)) && !binary("内部错误".as_bytes()));
    }

    #[test]
    fn anything_else_is_read_as_far_as_it_goes() {
        assert_eq!(decoded(&[]), "");
        for byte in 0..=u8::MAX {
            let _ = decoded(&[byte, b'0', b'x', b'9', byte, byte, byte]);
        }
    }
}
