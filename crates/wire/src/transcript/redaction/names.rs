//! Pseudonyms for names, addresses of documentation for addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::inspection;

/// Labels that say nothing about anybody.
const PUBLIC: &[&str] =
    &["com", "net", "org", "local", "localhost", "lan", "internal", "example", "invalid", "test", "corp", "workgroup"];

/// The digits of a pseudonym, one list for each width that a character has in UTF-8, so that a pseudonym is as long as
/// its label in every encoding.
const DIGITS: [&str; 4] = [
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяѐёђѓ",
    "０１２３４５６７８９ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗𝐚𝐛𝐜𝐝𝐞𝐟𝐠𝐡𝐢𝐣𝐤𝐥𝐦𝐧𝐨𝐩𝐪𝐫𝐬𝐭𝐮𝐯𝐰𝐱𝐲𝐳",
];
const BASE: usize = 36;
/// The place of `x` among the digits: what a pseudonym is filled up with.
const FILL: usize = 33;
/// How many pseudonyms are tried for one label. Names of one letter run out of them; then two share one.
const TRIES: usize = 2000;

/// What has been met, and what each becomes.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Labels in lower case, in the order met.
    met: Vec<String>,
    /// Their numbers, once all have been met.
    numbers: BTreeMap<String, usize>,
    addresses: Vec<IpAddr>,
}

impl Names {
    /// Gives every label that has been met its pseudonym; none is the name of another.
    pub(super) fn settle(&mut self) {
        let labels: BTreeSet<String> = self.met.iter().cloned().collect();
        let mut taken = BTreeSet::new();
        for (order, label) in self.met.iter().enumerate() {
            let free = |number: &usize| {
                let pseudonym = spell(label, *number);
                !taken.contains(&pseudonym) && !labels.contains(&pseudonym) && !PUBLIC.contains(&pseudonym.as_str())
            };
            let number = (order..order.saturating_add(TRIES)).find(free).unwrap_or(order);
            taken.insert(spell(label, number));
            self.numbers.insert(label.clone(), number);
        }
    }

    /// Replaces every label of a name; what stands between labels stays. The length stays too, in every encoding.
    pub(super) fn text(&mut self, name: &str) -> String {
        let mut renamed = String::with_capacity(name.len());
        for piece in pieces(name) {
            if is_label(piece) { renamed.push_str(&self.label(piece)) } else { renamed.push_str(piece) }
        }
        renamed
    }

    fn label(&mut self, label: &str) -> String {
        let key = label.to_lowercase();
        if PUBLIC.contains(&key.as_str()) || inspection::is_word(&key) {
            return label.to_owned();
        }
        if let Some(number) = self.numbers.get(&key) {
            return spell(label, *number);
        }
        if !self.met.contains(&key) {
            self.met.push(key);
        }
        spell(label, 0)
    }

    /// Replaces names in the words of a program: whatever is quoted or has the form of a host name or an address, and
    /// every label that was met elsewhere.
    pub(super) fn prose(&mut self, words: &str) -> String {
        let mut renamed = String::with_capacity(words.len());
        for (number, quoted) in words.split(['"', '\'', '`']).enumerate() {
            if number > 0 {
                renamed.push('"');
            }
            for word in quoted.split_inclusive(char::is_whitespace) {
                let told = number % 2 == 1 || names_somebody(word);
                for piece in pieces(word) {
                    let known = self.numbers.contains_key(&piece.to_lowercase());
                    if is_label(piece) && (told || known) {
                        renamed.push_str(&self.label(piece));
                    } else {
                        renamed.push_str(piece);
                    }
                }
            }
        }
        renamed
    }

    /// The address of documentation that stands for this one; loopback stays.
    pub(super) fn address(&mut self, address: IpAddr) -> IpAddr {
        if address.is_loopback() {
            return address;
        }
        let number = self.addresses.iter().position(|known| *known == address).unwrap_or_else(|| {
            self.addresses.push(address);
            self.addresses.len().saturating_sub(1)
        });
        let [high, low] = u16::try_from(number.saturating_add(1)).unwrap_or(u16::MAX).to_be_bytes();
        match address {
            IpAddr::V4(_) if high == 0 => Ipv4Addr::new(192, 0, 2, low).into(),
            // RFC 2544: for benchmarks, as unreachable as the former
            IpAddr::V4(_) => Ipv4Addr::new(198, 18, high, low).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from_be_bytes([high, low])).into(),
        }
    }

    pub(super) fn socket(&mut self, address: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.address(address.ip()), address.port())
    }
}

/// Labels and what stands between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| belongs(c) != belongs(first)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

/// Letters, digits, hyphen, underscore, and everything that is not ASCII.
fn belongs(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

fn is_label(piece: &str) -> bool {
    piece.chars().next().is_some_and(belongs)
}

/// True for a word with the form of a host name, an address or a user name; a version (`1.2`, `TLSv1.3`) has none.
fn names_somebody(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let labels: Vec<&str> = inner.split('.').collect();
    let last_is_text = labels.last().is_some_and(|label| label.chars().any(char::is_alphabetic));
    let dotted =
        labels.len() > 1 && labels.iter().all(|label| !label.is_empty()) && (last_is_text || labels.len() == 4);
    let colons = inner.bytes().filter(|byte| *byte == b':').count();
    dotted || colons > 1 || inner.contains(['@', '\\', '/'])
}

/// `number` in the characters of the label's own widths, filled up on the left.
fn spell(label: &str, number: usize) -> String {
    let mut left = number;
    let mut first = true;
    let reversed: Vec<char> = label
        .chars()
        .rev()
        .map(|c| {
            let digit = if left == 0 && !first { FILL } else { left.checked_rem(BASE).unwrap_or(0) };
            left = left.checked_div(BASE).unwrap_or(0);
            first = false;
            let list = DIGITS.get(c.len_utf8().saturating_sub(1)).copied().unwrap_or_default();
            let pseudonym = list.chars().nth(digit).unwrap_or('x');
            if c.is_ascii_uppercase() { pseudonym.to_ascii_uppercase() } else { pseudonym }
        })
        .collect();
    reversed.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(names: &[&str]) -> Vec<String> {
        let mut all = Names::default();
        for name in names {
            let _ = all.text(name);
        }
        all.settle();
        names.iter().map(|name| all.text(name)).collect()
    }

    #[test]
    fn every_label_becomes_one_of_its_own() {
        assert_eq!(
            renamed(&["srv.corp.example", "srv01", "SRV01", "a", "7"]),
            ["xx0.corp.example", "xxxx1", "XXXx1", "2", "3"]
        );
        assert_eq!(renamed(&["x1", "ab"]), ["x0", "x2"], "no pseudonym is the name of another");
    }

    #[test]
    fn widths_stay_in_every_encoding() {
        for name in ["zürich", "東京-01", "𝒳y", "Ω", "ÅB"] {
            let new = renamed(&[name]).remove(0);
            assert_ne!(new, name);
            assert_eq!((new.len(), new.encode_utf16().count()), (name.len(), name.encode_utf16().count()), "{new}");
        }
        for (list, width) in DIGITS.iter().zip(1..) {
            assert!(list.chars().count() == BASE && list.chars().all(|c| c.len_utf8() == width), "{list}");
        }
    }

    #[test]
    fn prose_keeps_its_words_and_versions() {
        let mut names = Names::default();
        let _ = names.text("srv");
        names.settle();
        let prose = "srv: not valid for \"one two\" at 10.0.0.5, fe80::1 or a.b.corp; TLS 1.2 was offered (TLSv1.3)";
        let new = names.prose(prose);
        assert!(new.contains("TLS 1.2 was offered (TLSv1.3)") && new.contains("not valid for"), "{new}");
        for name in ["srv", "one", "two", "10.0.0.5", "fe80::1", "a.b"] {
            assert!(!new.contains(name), "{name} in {new}");
        }
    }
}
