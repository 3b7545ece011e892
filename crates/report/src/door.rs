//! Lets a report out: what a terminal or a viewer would obey, and no reader would see, is shown and not passed on.
//!
//! Names and texts of machines are made printable where they enter a diagnosis; this is the last door of every format,
//! so that a text that was forgotten there (a path, a value, a subject) changes nothing either.

use std::fmt::Write as _;

use diagnosis::printable::{hidden, printable};

/// Text that went through the door; nothing else is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outward(String);

impl Outward {
    /// Returns the text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Door of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// [`json`].
    Json,
    /// [`text`].
    Text,
    /// [`text`], with the colours of a report.
    Painted,
}

impl Door {
    /// Lets text out; `colour` where the reader is a terminal that shows colours.
    pub(super) fn out(self, out: &str, colour: bool) -> Outward {
        match self {
            Self::Json => json(out),
            Self::Painted if colour => painted(out),
            Self::Text | Self::Painted => text(out),
        }
    }
}

/// Marks of the colours in a report on its way to the door, where each becomes a command (SGR, ECMA-48 8.3.117). They
/// are noncharacters of Unicode, so a terminal's own commands need not be let through for them.
pub(super) mod colour {
    /// Faults.
    pub const RED: &str = "\u{fdd0}";
    /// Health.
    pub const GREEN: &str = "\u{fdd1}";
    /// Doubt: could not tell, or in part.
    pub const YELLOW: &str = "\u{fdd2}";
    /// Headings.
    pub const BOLD: &str = "\u{fdd3}";
    /// End of any of these.
    pub const RESET: &str = "\u{fdd4}";
    /// All of them, with their commands.
    pub const ALL: [(&str, &str); 5] =
        [(RED, "\x1b[31m"), (GREEN, "\x1b[32m"), (YELLOW, "\x1b[33m"), (BOLD, "\x1b[1m"), (RESET, "\x1b[0m")];
}

/// Returns JSON in which every character that is not seen is an escape of JSON (RFC 8259 section 7): the same value, in
/// other bytes. Such characters stand in JSON only within texts.
pub fn json(text: &str) -> Outward {
    replaced(text, |letter| {
        let stays = letter == '\n' || !hidden(letter);
        (!stays).then(|| {
            letter.encode_utf16(&mut [0; 2]).iter().fold(String::new(), |mut escape, unit| {
                write!(escape, "\\u{unit:04x}").expect("writing to a String cannot fail");
                escape
            })
        })
    })
}

/// Returns text or markup in which every character that is not seen is its code in braces, but for line breaks
/// and tabs.
pub fn text(text: &str) -> Outward {
    replaced(text, instead)
}

/// Lets words for a terminal out; `colour` where it shows colours.
pub fn styled(text: &str, colour: bool) -> Outward {
    Door::Painted.out(text, colour)
}

/// Returns text as [`text`] does, with the colours of a report as commands of a terminal.
fn painted(text: &str) -> Outward {
    replaced(text, |letter| {
        let mark = colour::ALL.iter().find(|(mark, _)| mark.starts_with(letter));
        mark.map_or_else(|| instead(letter), |(_, command)| Some((*command).to_owned()))
    })
}

fn instead(letter: char) -> Option<String> {
    let stays = matches!(letter, '\n' | '\t') || !hidden(letter);
    (!stays).then(|| printable(letter.encode_utf8(&mut [0; 4])))
}

/// Replaces characters by what `instead` makes of each; `None` leaves it.
fn replaced(text: &str, instead: impl Fn(char) -> Option<String>) -> Outward {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match instead(letter) {
            Some(other) => out.push_str(&other),
            None => out.push(letter),
        }
    }
    Outward(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_no_command_but_the_colours_of_reports() {
        let commands = "ok\x1b]0;title\x07\x1b[2J\x1b[31m\r\n\u{9b}8m\u{202e}";
        let shown = "ok{U+001B}]0;title{U+0007}{U+001B}[2J{U+001B}[31m{U+000D}\n{U+009B}8m{U+202E}";
        assert_eq!((text(commands).as_str(), painted(commands).as_str()), (shown, shown));
        let red = format!("{}red{}\t|\n", colour::RED, colour::RESET);
        assert_eq!(painted(&red).as_str(), "\x1b[31mred\x1b[0m\t|\n");
        assert_eq!(text(&red).as_str(), "{U+FDD0}red{U+FDD4}\t|\n");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"\u{9b}": "\u{202e}\u{7f}\u{1b}\u{e0001}\n</script>"});
        let out = json(&serde_json::to_string_pretty(&value).unwrap());
        let out = out.as_str();
        assert!(out.chars().all(|letter| letter == '\n' || !hidden(letter)), "{out:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(out).unwrap(), value);
    }
}
