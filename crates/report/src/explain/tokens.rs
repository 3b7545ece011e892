//! Text to words, for comparing sentences: in lower case, without accents and signs, whatever stood between them.
//!
//! Scripts that set no blanks between words give pairs of neighbouring letters, so that a sentence is found inside
//! another.

/// Two words that others write as one.
const ONE_WORD: [(&str, &str); 7] = [
    ("user", "name"),
    ("smart", "card"),
    ("log", "in"),
    ("log", "on"),
    ("sign", "in"),
    ("time", "out"),
    ("can", "not"),
];
/// Words that say what another one says: what one version of a client calls a logon, the next calls a sign-in.
const SPELT: [(&str, &str); 8] = [
    ("login", "logon"),
    ("signin", "logon"),
    ("cant", "cannot"),
    ("licence", "license"),
    ("licences", "licenses"),
    ("licencing", "licensing"),
    ("authorised", "authorized"),
    ("unauthorised", "unauthorized"),
];

/// The words of a text, each with the line that it stands in.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    text: String,
    /// Where each word begins and ends in `text`, and its line.
    spans: Vec<(usize, usize, usize)>,
}

impl Tokens {
    /// The words of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut tokens = Self { text: String::with_capacity(text.len()), spans: Vec::with_capacity(text.len() / 6) };
        let mut line = 0;
        let mut start = 0;
        let mut last: Option<char> = None;
        for letter in text.chars() {
            if letter == '\n' {
                line += 1;
            }
            if letter.is_ascii_alphanumeric() {
                tokens.text.push(letter.to_ascii_lowercase());
                last = Some(letter);
                continue;
            }
            if unspaced(letter) {
                tokens.end(&mut start, line);
                if let Some(before) = last.filter(|before| unspaced(*before)) {
                    tokens.text.push(before);
                    tokens.text.push(letter);
                    tokens.end(&mut start, line);
                }
            } else if letter.is_alphanumeric() || letter == '_' {
                fold(letter, &mut tokens.text);
            } else if !silent(letter) {
                // lines of one sentence may be wrapped, so they part words and no more
                tokens.end(&mut start, if letter == '\n' { line - 1 } else { line });
            }
            if !silent(letter) {
                last = Some(letter);
            }
        }
        tokens.end(&mut start, line);
        tokens
    }

    fn end(&mut self, start: &mut usize, line: usize) {
        if self.text.len() > *start {
            let ended = &self.text[*start..];
            let mut line = line;
            // the two stand beside each other in the text
            if let Some(&before) = self.spans.last()
                && ONE_WORD.contains(&(&self.text[before.0..before.1], ended))
            {
                (*start, line) = (before.0, before.2);
                self.spans.pop();
            }
            if let Some((_, usual)) = SPELT.iter().find(|(word, _)| *word == &self.text[*start..]) {
                self.text.truncate(*start);
                self.text.push_str(usual);
            }
            self.spans.push((*start, self.text.len(), line));
            *start = self.text.len();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The word at this place; nothing behind the last.
    pub(super) fn get(&self, at: usize) -> &str {
        self.spans.get(at).map_or("", |&(start, end, _)| &self.text[start..end])
    }

    /// The line of the word at this place.
    pub(super) fn line(&self, at: usize) -> usize {
        self.spans.get(at).map_or(0, |span| span.2)
    }

    /// Every word, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().map(|&(start, end, _)| &self.text[start..end])
    }
}

/// A letter of a script without blanks between words: Chinese, Japanese, Thai.
pub(super) fn unspaced(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{0E00}'..='\u{0E7F}')
}

/// Signs inside words, and what cannot be seen.
fn silent(letter: char) -> bool {
    matches!(letter, '\'' | '’' | '‘' | '`' | '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{300}'..='\u{36F}')
}

/// In lower case, without the marks of Latin letters.
pub(super) fn fold(letter: char, into: &mut String) {
    for letter in letter.to_lowercase() {
        let plain = match letter {
            'ä' | 'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' => 'a',
            'ö' | 'ó' | 'ô' | 'ò' | 'õ' | 'ø' => 'o',
            'ü' | 'ù' | 'ú' | 'û' => 'u',
            'é' | 'è' | 'ê' | 'ë' | 'ę' => 'e',
            'í' | 'ì' | 'î' | 'ï' | 'ı' => 'i',
            'ç' | 'ć' => 'c',
            'ñ' | 'ń' => 'n',
            'ś' | 'ş' => 's',
            'ź' | 'ż' => 'z',
            'ł' => 'l',
            'ğ' => 'g',
            'ё' => 'е',
            'ß' => {
                into.push_str("ss");
                continue;
            }
            // full-width letters and digits
            '\u{FF10}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
            // what is left of a letter with its mark set apart
            '\u{300}'..='\u{36F}' => continue,
            other => other,
        };
        into.push(plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        Tokens::of(text).iter().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_alike_however_they_are_written() {
        assert_eq!(words("Can't connect: REMOTE\n\"Désktop\"!"), ["cannot", "connect", "remote", "desktop"]);
        assert_eq!(words("can\u{2019}t e\u{301}tendu"), ["cannot", "etendu"]);
        assert_eq!(words("[ERROR] nla_recv_pdu:x"), ["error", "nla_recv_pdu", "x"]);
        assert_eq!(words("内部错误。0x904"), ["内部", "部错", "错误", "0x904"]);
        assert_eq!(words("0x9\u{200b}04"), ["0x904"]);
        assert_eq!(words("Log in, sign-in, logon; can not"), ["logon", "logon", "logon", "cannot"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn every_word_knows_its_line() {
        let tokens = Tokens::of("one\ntwo three\r\n\nfour");
        let lines: Vec<usize> = (0..tokens.len()).map(|at| tokens.line(at)).collect();
        assert_eq!(lines, [0, 1, 1, 3]);
        assert_eq!((tokens.get(9), tokens.line(9)), ("", 0));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).{0,200}") {
            let tokens = Tokens::of(&text);
            for at in 0..tokens.len() {
                prop_assert!(!tokens.get(at).is_empty());
            }
        }
    }
}
