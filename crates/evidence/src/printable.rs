//! Makes text from untrusted machines safe to print.

use std::fmt::Write;

use crate::lossless;

/// Placeholder for a text that was taken out.
pub const REDACTED: &str = "(redacted)";

/// Replaces control characters, terminal escapes, marks that reorder or hide text, and bytes that are no text by their
/// code in braces.
///
/// Names in certificates and CHALLENGEs are chosen by the machine under diagnosis; they must not be able to paint the
/// administrator's terminal.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if let Some(byte) = lossless::byte(c) {
            write!(safe, "{{0x{byte:02X}}}").expect("writing to a String cannot fail");
        } else if hidden(c) {
            write!(safe, "{{U+{:04X}}}", u32::from(c)).expect("writing to a String cannot fail");
        } else {
            safe.push(c);
        }
        safe
    })
}

/// True for control characters, line breaks, what Unicode calls default ignorable, and noncharacters: none has a
/// shape of its own.
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
                | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Counts with the right word: `1 file`, `2 files`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_reordering_marks_are_shown_not_obeyed() {
        assert_eq!(printable("SRV\u{1b}[31m"), "SRV{U+001B}[31m");
        assert_eq!(printable("a\u{202E}b\r\n"), "a{U+202E}b{U+000D}{U+000A}");
        assert_eq!(printable("a\u{FE0F}\u{E0100}\u{3164}"), "a{U+FE0F}{U+E0100}{U+3164}");
        assert_eq!(printable(&lossless::text(b"B\xFCro")), "B{0xFC}ro");
        assert_eq!(printable("Büro-Server"), "Büro-Server");
    }
}
