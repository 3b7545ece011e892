//! Names in the words of programs and systems.

use super::names::{Names, belongs, is_label, pieces};

/// The words that programs and systems use in their messages; whatever else stands in free text is taken for a name.
const WORDS: &str = include_str!("../../data/words.txt");

/// Signs that part words from each other as spaces do.
const SEPARATORS: [char; 6] = [',', ';', '=', '<', '>', '|'];
/// The most digits of a number that stays one in free text; of a longer one none stays.
const DIGITS: usize = 12;
/// The most digits of a number that stays as it is: a code, a port, a count.
const COUNT: usize = 6;

impl Names {
    /// Replaces names in the words of a program: addresses, whatever is quoted or has the form of a host name, and
    /// every word that is none of those that programs use, or that was met elsewhere as a name.
    pub fn prose(&mut self, words: &str) -> String {
        let mut renamed = String::with_capacity(words.len());
        for (number, quoted) in words.split(['"', '\'', '`']).enumerate() {
            if number > 0 {
                renamed.push('"');
            }
            let parts = quoted.split_inclusive(|c: char| c.is_whitespace() || SEPARATORS.contains(&c));
            let parts: Vec<&str> = parts.collect();
            for (at, word) in parts.iter().enumerate() {
                if counts_bytes(parts.get(at..).unwrap_or_default()) {
                    renamed.push_str(word);
                    continue;
                }
                let new = self.address_in(word).unwrap_or_else(|| self.word(word, number % 2 == 1));
                renamed.push_str(&new);
            }
        }
        renamed
    }

    /// A word that is an address, perhaps with signs about it, with another in its place.
    fn address_in(&mut self, word: &str) -> Option<String> {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '[' | ']' | ':'));
        let inner = inner.trim_end_matches(':');
        let address = self.address_text(inner).filter(|_| inner.contains(['.', ':']))?;
        Some(word.replacen(inner, &address, 1))
    }

    fn word(&mut self, word: &str, quoted: bool) -> String {
        if like_a_telephone_number(word) {
            return word.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        }
        let is_name = |names: &Self, piece: &str| names.labels.knows(piece) || !is_word(piece);
        // of labels with dots between them all are names if one is: which of them are numbers cannot be seen afterwards
        let with_a_name = |names: &Self| pieces(word).any(|piece| is_label(piece) && is_name(names, piece));
        let told = quoted || names_somebody(word) || dotted(word).is_some() && with_a_name(self);
        let renamed = pieces(word).map(|piece| {
            if is_label(piece) && (told || is_name(self, piece)) { self.label(piece) } else { piece.to_owned() }
        });
        renamed.collect()
    }
}

/// True for a word that programs use, a number, and a code in hexadecimal.
fn is_word(piece: &str) -> bool {
    let code = piece
        .strip_prefix("0x")
        .is_some_and(|digits| (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let number = piece.len() <= DIGITS && piece.bytes().all(|digit| digit.is_ascii_digit());
    code || number || WORDS.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(piece))
}

/// True for a word with the form of a host name, an address or a user name; a version (`1.2`, `TLSv1.3`) has none.
fn names_somebody(word: &str) -> bool {
    let inner = trimmed(word);
    let host = dotted(word).is_some_and(|labels| {
        labels.last().is_some_and(|last| last.chars().any(char::is_alphabetic)) || labels.len() == 4
    });
    let colons = inner.bytes().filter(|byte| *byte == b':').count();
    host || like_an_address(inner) || colons > 1 || inner.contains(['@', '\\', '/'])
}

/// True if the first word is a number of bytes, as in `5000 of 6000 bytes`.
fn counts_bytes(words: &[&str]) -> bool {
    let word = |at: usize| words.get(at).map_or("", |word| word.trim());
    let number = !word(0).is_empty() && word(0).bytes().all(|digit| digit.is_ascii_digit());
    number && (word(1) == "bytes" || word(1) == "of" && word(3) == "bytes")
}

/// True for nothing but digits and the signs that part them in telephone numbers: with a plus sign before them, or more
/// digits than a code or a count has. A date (`2026-11-21`) is none.
fn like_a_telephone_number(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_ascii_digit() && c != '+');
    let digits = inner.bytes().filter(u8::is_ascii_digit).count();
    let only = inner.bytes().all(|byte| byte.is_ascii_digit() || b"+-/()".contains(&byte));
    let parts: Vec<usize> = inner.split('-').map(str::len).collect();
    only && digits > 0 && parts != [4, 2, 2] && (inner.starts_with('+') || digits > COUNT)
}

/// Three or more numbers of a byte with dots between them, also several such in a row (`10.0.0.1-10.0.0.9`): the
/// beginning of an address, or more than one. Of a version this makes no difference where its numbers have one digit.
fn like_an_address(word: &str) -> bool {
    let numbers = || word.split(['.', '-']);
    word.matches('.').count() > 1 && numbers().all(|number| number.parse::<u8>().is_ok())
}

/// Splits a word at its dots, if it has some and something between all of them.
fn dotted(word: &str) -> Option<Vec<&str>> {
    let labels: Vec<&str> = trimmed(word).split('.').collect();
    (labels.len() > 1 && labels.iter().all(|label| !label.is_empty())).then_some(labels)
}

/// A word without the signs about it.
fn trimmed(word: &str) -> &str {
    word.trim_matches(|c| !belongs(c))
}

#[cfg(test)]
mod tests {
    use super::super::names::tests::renamed;
    use super::*;

    #[test]
    fn prose_keeps_its_words_and_versions() {
        let prose =
            "srv: not valid for \"one two\" at 10.0.0.5, fe80::1 or a.b.corp; TLS 1.2 was offered (TLSv1.3), alice";
        let new = renamed(&["srv", prose], Names::prose).remove(1);
        assert!(new.contains("TLS 1.2 was offered (TLSv1.3)") && new.contains("not valid for"), "{new}");
        assert!(new.contains(" 192.0.2.1, 2001:db8::2 "), "{new}");
        for name in ["srv", "one", "two", "10.0.0.5", "fe80::1", "a.b", "alice"] {
            assert!(!new.contains(name), "{name} in {new}");
        }
    }

    /// A machine that is called like a word of a message is still a name.
    #[test]
    fn a_word_that_is_a_name_elsewhere_goes() {
        let mut names = Names::default();
        let _ = names.text("Server");
        names.settle();
        assert_eq!(names.prose("the server chose"), "the xxxxx0 chose");
    }

    /// Known numbers become letters: that may not change what a word is.
    #[test]
    fn what_looks_like_another_thing_afterwards_is_stable() {
        for words in ["b.1.2.3", "\"b.1.2.3\"", "-.1.2.3", "at 10.20.30>40, or 10.20.s0.40", "--.30", "30.q and q.30"] {
            renamed(&["q.30", words], Names::prose);
            renamed(&[words], Names::prose);
            renamed(&[words], Names::place);
        }
    }

    /// However addresses are strung together, none is left, whole or in part.
    #[test]
    fn no_address_is_left_in_prose() {
        for words in [
            "10.77.88.99,10.77.88.100",
            "10.77.88.99-10.77.88.100",
            "at 10.77.88.99;10.77.88.99",
            "10.77.88.99.5",
            "from=10.77.88.99>10.77.88.100",
            "in 10.77.88",
            "10.77.88.99|x",
            "<10.77.88.99>",
            "10.77.88.0/24",
        ] {
            let new = renamed(&[words], Names::prose).remove(0);
            assert!(!["77", "88", "99", "100"].iter().any(|part| new.contains(part)), "{words}: {new}");
        }
        let versions = "10.0.20348, 0.1.0";
        assert_eq!(renamed(&[versions], Names::prose), [versions]);
    }

    proptest::proptest! {
        #[test]
        fn any_prose_is_stable(words in "[a-c0-9'\"./:@x server]{0,40}", met in "[a-c0-3.>-]{0,8} [a-c0-3.>-]{0,8}") {
            renamed(&[&words], Names::prose);
            renamed(&[&words], Names::place);
            renamed(&[&met], Names::prose);
            renamed(&[&met, &words], Names::prose);
        }
    }
}
