//! Labels of names and their pseudonyms.
//!
//! A pseudonym is as long as its label in every encoding, and has a form that hardly any name has: `x`, repeated, and a
//! number (`xxxx0`, `XXX12`). A label of this form is taken for a pseudonym and stays as it is, so that what is
//! redacted does not change when it is redacted again.

use std::collections::{BTreeMap, BTreeSet};

/// The filling of a pseudonym and its ten digits, one list for each width that a character has in UTF-8. None of
/// these letters is mapped to another by IDNA, none has another case, and few names have any but the first.
const LETTERS: [[char; 11]; 4] = [
    ['x', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    ['ѯ', 'ѡ', 'ѣ', 'ѥ', 'ѧ', 'ѩ', 'ѫ', 'ѭ', 'ѱ', 'ѳ', 'ѵ'],
    ['ᛪ', 'ᚠ', 'ᚢ', 'ᚦ', 'ᚨ', 'ᚱ', 'ᚲ', 'ᚷ', 'ᚹ', 'ᚺ', 'ᚾ'],
    ['𐍇', '𐌰', '𐌱', '𐌲', '𐌳', '𐌴', '𐌵', '𐌶', '𐌷', '𐌸', '𐌹'],
];
/// NetBIOS cuts names to so many characters ([MS-NBTE] 2.2.1): two labels that agree so far still do so afterwards.
const NETBIOS: usize = 15;

/// The widths of the characters of a label: what its pseudonym has to have as well.
type Shape = Vec<usize>;

/// Labels that have been met, and the number of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    /// In lower case, in the order met.
    waiting: Vec<String>,
    known: BTreeSet<String>,
    numbers: BTreeMap<String, usize>,
    taken: BTreeMap<Shape, BTreeSet<usize>>,
    /// Below this every number of a shape is taken.
    free: BTreeMap<Shape, usize>,
    settled: bool,
}

impl Labels {
    /// True if this label has a pseudonym of its own.
    pub(super) fn knows(&self, label: &str) -> bool {
        self.numbers.contains_key(&label.to_lowercase())
    }

    /// Returns the pseudonym of a label; before everything has been met, something of the same length.
    pub(super) fn rename(&mut self, label: &str) -> String {
        // a digit may stay, and is no pseudonym for a letter: a name would become a number
        let mut letters = label.chars();
        if let (Some(letter), None) = (letters.next(), letters.next()) {
            return if letter.is_ascii_digit() { label.to_owned() } else { masked(letter).to_string() };
        }
        let end = label.char_indices().nth(NETBIOS).map_or(label.len(), |(at, _)| at);
        let (head, tail) = label.split_at(end);
        let renamed = self.part(head, &head.to_lowercase());
        if tail.is_empty() { renamed } else { renamed + &self.part(tail, &label.to_lowercase()) }
    }

    /// Returns the pseudonym of a part of a label, which is known by `key`.
    fn part(&mut self, part: &str, key: &str) -> String {
        match pseudonym(part) {
            Pseudonym::None => {}
            Pseudonym::Masked => return part.to_owned(),
            Pseudonym::Numbered(number) => {
                self.taken.entry(shape(part)).or_default().insert(number);
                return part.to_owned();
            }
        }
        if let Some(number) = self.numbers.get(key) {
            return spell(part, *number);
        }
        if self.settled {
            let number = self.give(key, part, self.numbers.len());
            return spell(part, number);
        }
        if self.known.insert(key.to_owned()) {
            self.waiting.push(key.to_owned());
        }
        spell(part, 0)
    }

    /// Gives every label that has been met its number.
    pub(super) fn settle(&mut self) {
        self.settled = true;
        self.known = BTreeSet::new();
        for (order, key) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let start = key.char_indices().nth(NETBIOS).map_or(0, |(at, _)| at);
            let part = key.get(start..).unwrap_or_default().to_owned();
            self.give(&key, &part, order);
        }
    }

    /// The number that is wanted, if its pseudonym is free, or the first that is; labels of one or two letters run out
    /// of them, and then share.
    fn give(&mut self, key: &str, part: &str, wanted: usize) -> usize {
        let shape = shape(part);
        let room = room(shape.len());
        let taken = self.taken.entry(shape.clone()).or_default();
        let free = self.free.entry(shape).or_default();
        let number = if wanted < room && !taken.contains(&wanted) {
            wanted
        } else {
            while taken.contains(free) {
                *free = free.saturating_add(1);
            }
            if *free < room { *free } else { wanted.checked_rem(room).unwrap_or(0) }
        };
        taken.insert(number);
        self.numbers.insert(key.to_owned(), number);
        number
    }
}

fn shape(label: &str) -> Shape {
    label.chars().map(char::len_utf8).collect()
}

/// How many pseudonyms there are for labels of so many characters: at least one `x`, from four characters on two.
fn room(characters: usize) -> usize {
    let digits = match characters {
        0..=2 => 1,
        3 => 2,
        more => more.saturating_sub(2).min(9),
    };
    10_usize.saturating_pow(u32::try_from(digits).unwrap_or(9))
}

/// `number` in the letters of the label's own widths, filled up on the left.
fn spell(label: &str, number: usize) -> String {
    let mut left = Some(number);
    let reversed: Vec<char> = label
        .chars()
        .rev()
        .map(|c| {
            let place = left.map_or(0, |left| left.checked_rem(10).unwrap_or(0).saturating_add(1));
            left = left.and_then(|left| left.checked_div(10)).filter(|left| *left > 0);
            lettered(c, place)
        })
        .collect();
    reversed.into_iter().rev().collect()
}

/// The letter with which pseudonyms are filled up, in the place of this one.
fn masked(c: char) -> char {
    lettered(c, 0)
}

/// A letter of pseudonyms, as wide as this one.
fn lettered(c: char, place: usize) -> char {
    let letters = LETTERS.get(c.len_utf8().saturating_sub(1));
    let letter = letters.and_then(|letters| letters.get(place)).copied().unwrap_or('x');
    if c.is_ascii_uppercase() { letter.to_ascii_uppercase() } else { letter }
}

/// As what a label is taken.
enum Pseudonym {
    /// It is the label of a name.
    None,
    /// It consists of `x` alone.
    Masked,
    /// It has this number.
    Numbered(usize),
}

fn pseudonym(label: &str) -> Pseudonym {
    let lower: String = label.chars().map(|c| c.to_ascii_lowercase()).collect();
    let places: Option<Vec<usize>> = lower.chars().map(place).collect();
    let Some(places) = places else { return Pseudonym::None };
    let digits = places.iter().skip_while(|place| **place == 0);
    let mut number = None;
    for place in digits {
        let Some(digit) = place.checked_sub(1) else { return Pseudonym::None };
        let next = number.unwrap_or(0_usize).checked_mul(10).and_then(|number| number.checked_add(digit));
        let Some(next) = next else { return Pseudonym::None };
        number = Some(next);
    }
    match number {
        None => Pseudonym::Masked,
        Some(number) if number < room(places.len()) && spell(&lower, number) == lower => Pseudonym::Numbered(number),
        Some(_) => Pseudonym::None,
    }
}

/// The place of a letter of pseudonyms in its list.
fn place(c: char) -> Option<usize> {
    LETTERS.iter().find_map(|letters| letters.iter().position(|letter| *letter == c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(labels: &[&str]) -> Vec<String> {
        let mut all = Labels::default();
        for label in labels {
            let _ = all.rename(label);
        }
        all.settle();
        labels.iter().map(|label| all.rename(label)).collect()
    }

    #[test]
    fn a_pseudonym_is_its_own() {
        for label in ["x", "7", "xx", "x0", "X9", "x12", "xx0", "XXX99", "xxxx", "xxxxxxxxxxxxx12", "ᛪᚠ", "ѯѯѡ"]
        {
            assert_eq!(renamed(&[label]), [label]);
        }
        for label in ["a", "y0", "x250", "x86-64", "xen", "x01", "0", "00", "12", "xx-0", "1xx", "xyz", "ѯx-"] {
            assert_eq!(renamed(&[label]) == [label], label == "0", "{label}");
        }
    }

    #[test]
    fn no_label_gets_the_pseudonym_of_another() {
        assert_eq!(renamed(&["xx0", "abc", "xx1", "abd"]), ["xx0", "xx2", "xx1", "xx3"]);
        assert_eq!(renamed(&["abc", "abd", "abcd", "ABC"]), ["xx0", "xx1", "xxx2", "XX0"]);
    }

    #[test]
    fn widths_stay_in_every_encoding() {
        for name in ["zürich", "東京-01", "𝒳y", "Ω", "ÅB"] {
            let new = renamed(&[name]).remove(0);
            assert_ne!(new, name);
            assert_eq!((new.len(), new.encode_utf16().count()), (name.len(), name.encode_utf16().count()), "{new}");
            assert_eq!(renamed(&[&new]), [new.as_str()]);
        }
        for (letters, width) in LETTERS.iter().zip(1..) {
            assert!(letters.iter().all(|c| c.len_utf8() == width && c.to_lowercase().eq([*c])), "{letters:?}");
        }
    }

    #[test]
    fn what_netbios_cuts_still_begins_alike() {
        let new = renamed(&["TERMINALSERVER-0001", "TERMINALSERVER-", "terminalserver-0002"]);
        assert!(new[0].starts_with(&new[1]) && new[2].starts_with(&new[1].to_lowercase()), "{new:?}");
        assert_ne!(new[0].to_lowercase(), new[2]);
    }

    proptest::proptest! {
        #[test]
        fn twice_is_once(labels in proptest::collection::vec("[a-cxX0-1ü東-]{1,18}", 1..40)) {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let once = renamed(&labels);
            let again: Vec<&str> = once.iter().map(String::as_str).collect();
            assert_eq!(renamed(&again), once);
        }

        #[test]
        fn different_labels_stay_different(labels in proptest::collection::btree_set("[a-dx0-9-]{4,6}", 1..90)) {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let new = renamed(&labels);
            assert_eq!(new.iter().collect::<BTreeSet<_>>().len(), labels.len(), "{labels:?} {new:?}");
        }
    }
}
