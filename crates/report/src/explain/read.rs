//! Reads what people type or paste into numbers and words.
//!
//! Numbers are found in any language: everything that is not ASCII separates them, and digits of other scripts are
//! read. Dates, times, addresses, versions and GUIDs hold no codes and are left out.

/// How much of the text before a number is looked at, in bytes.
const BEFORE: usize = 160;
/// Most bytes in which numbers are joined to something else.
const LONGEST: usize = 80;
/// How many numbers of one text are looked at.
const MOST: usize = 4_000;
/// How many different words of one text are looked at.
const WORDS: usize = 40_000;

/// Number, and how it appeared in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    /// Text as written.
    pub(super) text: String,
    /// Value; a negative one as its 32 bits.
    pub(super) value: u32,
    /// Value in the other reading, for digits without `0x`.
    pub(super) as_hex: Option<u32>,
    /// True if it was written in hexadecimal.
    pub(super) hex: bool,
    /// True if it cannot be a word: `0x` in front, or only digits.
    pub(super) plain: bool,
    /// Text since the previous number, in lower case, as far as it is kept.
    pub(super) before: String,
    /// The text behind it, in lower case, as far as it is kept.
    pub(super) after: String,
}

impl Number {
    /// Returns the text before it in its own line.
    pub(super) fn line(&self) -> &str {
        self.before.rsplit('\n').next().unwrap_or_default()
    }

    /// The words before it in its own line, the nearest last.
    pub(super) fn words(&self) -> Vec<&str> {
        let letters = |letter: char| !letter.is_alphanumeric() && letter != '_';
        self.line().split(letters).filter(|word| !word.is_empty()).collect()
    }
}

/// Numbers and words of a text.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Numbers, in order.
    pub(super) numbers: Vec<Number>,
    /// Words, also those with digits in them, as they were written; each once.
    pub(super) words: Vec<String>,
    /// How many words there are.
    pub(super) count: usize,
    /// The whole text in lower case, with signs of other scripts as ASCII.
    pub(super) lower: String,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Read {
    let plain: String = text.chars().filter_map(plain).collect();
    let mut read = Read { lower: plain.to_lowercase(), ..Read::default() };
    let mut seen = std::collections::HashSet::new();
    let mut last = 0;
    for (start, chunk) in chunks(&plain) {
        let end = start + chunk.len();
        let full = read.numbers.len() >= MOST;
        let found = if full { Vec::new() } else { numbers(chunk, start) };
        if full && chunk.starts_with(|letter: char| letter.is_ascii_digit()) {
            continue;
        }
        if found.is_empty() {
            read.count += 1;
            if seen.len() < WORDS && seen.insert(chunk) {
                read.words.push(chunk.to_owned());
            }
            continue;
        }
        for (mut number, at) in found {
            number.before = end_of(&plain[last.min(at)..at]);
            number.after = start_of(&plain[at + number.text.len()..]);
            last = at + number.text.len();
            read.numbers.push(number);
        }
        last = last.max(end);
    }
    read
}

/// The last bytes, in lower case.
fn end_of(text: &str) -> String {
    let start =
        (text.len().saturating_sub(BEFORE)..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text[start..].to_lowercase()
}

/// The first bytes, in lower case.
fn start_of(text: &str) -> String {
    let end = (0..=text.len().min(BEFORE / 4)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text[..end].to_lowercase()
}

/// Returns the ASCII equivalent of a letter of another script; `None` for an invisible one.
fn plain(letter: char) -> Option<char> {
    Some(match letter {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0)?,
        '\u{660}'..='\u{669}' => digit(letter, '\u{660}')?,
        '\u{6F0}'..='\u{6F9}' => digit(letter, '\u{6F0}')?,
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{AD}'
        | '\u{61C}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' => {
            return None;
        }
        '\n' => '\n',
        _ if letter.is_control() => ' ',
        _ => letter,
    })
}

fn digit(letter: char, zero: char) -> Option<char> {
    char::from_digit(u32::from(letter) - u32::from(zero), 10)
}

/// Splits into runs of letters, digits and what joins them, without punctuation at their ends; each with its place.
fn chunks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let joins = |letter: char| letter.is_ascii_alphanumeric() || "_-.:/+\\@".contains(letter);
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].find(|letter: char| !letter.is_whitespace())?;
            let first = text[start..].chars().next()?;
            // a run is either of these, or of letters of another script
            let ends = |letter: char| joins(letter) != joins(first) || letter.is_whitespace();
            let end = text[start..].find(ends).map_or(text.len(), |length| start + length);
            at = end;
            let run = text[start..end].trim_end_matches([':', '.', '/', '-', '+', '\\', '@']);
            let run = run.trim_start_matches([':', '.', '/', '+', '\\', '@']);
            if run.chars().any(char::is_alphanumeric) {
                let skipped = text[start..end].find(run).unwrap_or(0);
                return Some((start + skipped, run));
            }
        }
    })
}

/// The numbers in a run, each with its place in the text.
fn numbers(chunk: &str, start: usize) -> Vec<(Number, usize)> {
    if chunk.len() > LONGEST || openssl(chunk) {
        return Vec::new();
    }
    if let Some(whole) = number(chunk) {
        return vec![(whole, start)];
    }
    // code:0x904 and the like; a time or an address begins with a digit
    if let Some((label, rest)) = chunk.rsplit_once(':')
        && (label.starts_with(|letter: char| letter.is_ascii_alphabetic())
            || label.starts_with("0x")
            || label.starts_with("0X"))
    {
        let mut found = numbers(label, start);
        found.extend(numbers(rest, start + label.len() + 1));
        return found;
    }
    for join in ['/', '-'] {
        let parts: Vec<&str> = chunk.split(join).collect();
        let read: Vec<Number> = parts.iter().filter_map(|part| number(part)).collect();
        let marked = read.iter().all(|number| number.text.starts_with("0x") || number.text.starts_with("0X"));
        // two numbers are a pair; three or more without 0x are a date
        if parts.len() == 2 && read.len() == 2 && (join == '/' || marked) {
            let second = start + parts[0].len() + 1;
            return read.into_iter().zip([start, second]).collect();
        }
    }
    Vec::new()
}

/// A packed error number of OpenSSL, which is looked at elsewhere: `error:14094410:SSL`.
fn openssl(chunk: &str) -> bool {
    let digits = chunk.to_ascii_lowercase();
    let digits = digits.strip_prefix("error:").map(|rest| rest.split(':').next().unwrap_or_default());
    digits.is_some_and(|digits| digits.len() == 8 && hexadecimal(digits).is_some())
}

fn number(text: &str) -> Option<Number> {
    let made = |value, as_hex, hex| Number {
        text: text.to_owned(),
        value,
        as_hex,
        hex,
        plain: !hex || text.starts_with("0x") || text.starts_with("0X"),
        before: String::new(),
        after: String::new(),
    };
    if text.len() > 20 {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return hexadecimal(digits.trim_end_matches(['L', 'l', 'u', 'U'])).map(|value| made(value, None, true));
    }
    if let Ok(value) = text.parse::<i64>() {
        let value = u32::try_from(value).or_else(|_| i32::try_from(value).map(i32::cast_unsigned)).ok();
        let as_hex = hexadecimal(text).filter(|_| text.len() <= 8);
        return value.or(as_hex).map(|value| made(value, as_hex, false));
    }
    let digits = text.strip_suffix(['h', 'H']).unwrap_or(text);
    let mixed = digits.bytes().any(|byte| byte.is_ascii_digit()) && (3..=8).contains(&digits.len());
    hexadecimal(digits).filter(|_| mixed).map(|value| made(value, None, true))
}

/// Reads hexadecimal digits, also 64 bits whose upper half only repeats the sign.
fn hexadecimal(digits: &str) -> Option<u32> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let wide = u64::from_str_radix(digits, 16).ok()?;
    u32::try_from(wide).ok().or_else(|| i32::try_from(wide.cast_signed()).ok().map(i32::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<u32> {
        read(text).numbers.iter().map(|number| number.value).collect()
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        for (text, expected) in [
            ("0x904 0x7", vec![0x904, 7]),
            ("2308/7", vec![2308, 7]),
            ("2308,7", vec![2308, 7]),
            ("0x904/0x7", vec![0x904, 7]),
            ("code 0x904 extended 0x7", vec![0x904, 7]),
            ("0X904:0x7", vec![0x904, 7]),
            ("-1073741715", vec![0xC000_006D]),
            ("\u{2212}1073741715", vec![0xC000_006D]),
            ("C000006D", vec![0xC000_006D]),
            ("0xFFFFFFFFC000006D", vec![0xC000_006D]),
            ("904h", vec![0x904]),
            ("(Code: 0x80090302)", vec![0x8009_0302]),
            ("Reason=2308", vec![2308]),
            ("Reason: 2308.", vec![2308]),
            ("code:0x904", vec![0x904]),
            ("错误代码：0x904扩展错误代码：0x7", vec![0x904, 7]),
            ("رمز ٢٣٠٨", vec![2308]),
            ("０ｘ９０４", vec![0x904]),
            ("0x9\u{200b}04", vec![0x904]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_times_addresses_versions_and_guids_hold_no_codes() {
        let text = "13/01/2026 2026-01-13T10:22:33Z 10:22:33 192.0.2.7:3389 [2001:db8::7] 10.0.26100 \
                    5c1bd2e7-0a1b-4c3d-9e8f-001122334455 KB5050094 99999999999 0x1FFFFFFFFF dead";
        assert_eq!(values(text), [0_u32; 0], "{:?}", read(text).numbers);
    }

    #[test]
    fn digits_alone_can_be_meant_as_hexadecimal() {
        let number = &read("904").numbers[0];
        assert_eq!((number.value, number.as_hex, number.hex), (904, Some(0x904), false));
    }
}
