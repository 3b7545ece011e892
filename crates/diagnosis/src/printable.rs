//! Makes text from untrusted machines safe to print.

use std::fmt::Write;

/// Replaces control characters, terminal escapes and marks that reorder or hide text by their code in braces.
///
/// Names in certificates and CHALLENGEs are chosen by the machine under diagnosis; they must not be able to paint the
/// administrator's terminal.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if hidden(c) {
            write!(safe, "{{U+{:04X}}}", u32::from(c)).expect("writing to a String cannot fail");
        } else {
            safe.push(c);
        }
        safe
    })
}

fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_reordering_marks_are_shown_not_obeyed() {
        assert_eq!(printable("SRV\u{1b}[31m"), "SRV{U+001B}[31m");
        assert_eq!(printable("a\u{202E}b\r\n"), "a{U+202E}b{U+000D}{U+000A}");
        assert_eq!(printable("Büro-Server"), "Büro-Server");
    }
}
