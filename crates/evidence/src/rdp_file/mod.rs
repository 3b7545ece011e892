//! `.rdp` files: bytes to settings and back.
//!
//! A file is lines of `name:type:value` in UTF-16LE (as mstsc writes them), UTF-8 or Windows-1252. Every line is kept,
//! even if it is no setting, so that a file can be written back as it was. Which of two lines of one name a client
//! obeys is not documented; both are kept, and readers of one value take the first.

mod settings;
pub(crate) mod signature;

pub(crate) use crate::section::rdp_files::ENTRA;
pub use crate::section::rdp_files::{RdpFileRecord, RdpSetting, RdpSignature, Signer};
pub use settings::{Gateway, GatewayUse, KNOWN, Known, RdpSettings, known};

use thiserror::Error;
use wire::x224::{Preconnection, RoutingToken};

/// Most bytes of a file.
pub const BYTES_LIMIT: usize = 1024 * 1024;
/// Most lines of a file.
pub const LINES_LIMIT: usize = 4000;

/// Encoding of a file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16.
    Utf16 {
        /// True if a byte order mark comes first.
        mark: bool,
        /// True if the larger half of each unit comes first.
        big: bool,
    },
    /// UTF-8.
    Utf8 {
        /// True if a byte order mark comes first.
        mark: bool,
    },
    /// Windows-1252: anything that is not UTF-8.
    Ansi,
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `name:type:value`, each as written.
    Setting {
        /// Name before the first colon.
        name: String,
        /// `i` (number), `s` (text) or `b` (bytes).
        kind: char,
        /// Value behind the second colon.
        value: String,
    },
    /// Anything else.
    Other(String),
}

/// Parsed `.rdp` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdpFile {
    /// Encoding of its text.
    pub encoding: Encoding,
    /// Its lines, without line ends.
    pub lines: Vec<Line>,
}

/// Reason why bytes are no `.rdp` file that we read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RdpFileError {
    /// Too many bytes.
    #[error("more than {BYTES_LIMIT} bytes")]
    Bytes,
    /// Too many lines.
    #[error("more than {LINES_LIMIT} lines")]
    Lines,
    /// No line is a setting.
    #[error("no line is a setting of an .rdp file (name:type:value)")]
    NoSetting,
}

impl RdpFile {
    /// Reads a file. It counts as one if any line is a setting.
    pub fn parse(bytes: &[u8]) -> Result<Self, RdpFileError> {
        if bytes.len() > BYTES_LIMIT {
            return Err(RdpFileError::Bytes);
        }
        let (encoding, text) = decode(bytes);
        // some programs write the terminating NUL of their text: it belongs to no value
        let text = text.trim_end_matches('\0');
        let mut pieces: Vec<&str> = text.split('\n').take(LINES_LIMIT + 2).collect();
        if pieces.last() == Some(&"") {
            pieces.pop();
        }
        if pieces.len() > LINES_LIMIT {
            return Err(RdpFileError::Lines);
        }
        let file = Self { encoding, lines: pieces.into_iter().map(Line::parse).collect() };
        if file.settings().next().is_none() { Err(RdpFileError::NoSetting) } else { Ok(file) }
    }

    /// True if a file that begins like this is an `.rdp` file: half of its lines are settings, one of them a known one.
    pub fn recognises(head: &[u8]) -> bool {
        let (_, text) = decode(head);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(Line::parse).collect();
        let names = || lines.iter().filter_map(Line::name);
        names().count() * 2 >= lines.len() && names().any(settings::is_known)
    }

    /// Encodes the file, every line ended by CR LF.
    pub fn encode(&self) -> Vec<u8> {
        let text: String = self.lines.iter().map(|line| line.text() + "\r\n").collect();
        match self.encoding {
            Encoding::Utf16 { mark, big } => {
                let text = if mark { format!("\u{FEFF}{text}") } else { text };
                let bytes: fn(u16) -> [u8; 2] = if big { u16::to_be_bytes } else { u16::to_le_bytes };
                text.encode_utf16().flat_map(bytes).collect()
            }
            Encoding::Utf8 { mark } => {
                let mark: &[u8] = if mark { "\u{FEFF}".as_bytes() } else { &[] };
                [mark, text.as_bytes()].concat()
            }
            Encoding::Ansi => text.chars().map(|c| to_ansi(c).unwrap_or(b'?')).collect(),
        }
    }

    /// Iterates over its settings in order: name, type and value.
    pub fn settings(&self) -> impl Iterator<Item = (&str, char, &str)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Setting { name, kind, value } => Some((name.as_str(), *kind, value.as_str())),
            Line::Other(_) => None,
        })
    }

    /// Iterates over the lines of one setting in order. Names ignore case.
    pub fn lines_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.name().is_some_and(|known| same_name(known, name)))
    }

    /// Reads what a client sends in clear so that a balancer or a host of many targets finds the right one.
    pub fn routing(&self) -> Routing {
        let value = |name| self.value(name).map(str::trim).filter(|value| !value.is_empty());
        let token = value("loadbalanceinfo").map(|text| RoutingToken::parse(text).ok_or("loadbalanceinfo"));
        let blob = value("pcb").map(|text| Preconnection::parse(text).ok_or("pcb"));
        let user = value("username").and_then(printable_ascii);
        let differ = |name: &&str| {
            let mut lines = self.lines_of(name).map(Line::text);
            let first = lines.next();
            lines.any(|line| Some(line) != first)
        };
        Routing {
            user: user.map(str::to_owned),
            ambiguous: ["loadbalanceinfo", "pcb"].into_iter().filter(differ).collect(),
            unsendable: token
                .iter()
                .filter_map(|it| it.as_ref().err())
                .chain(blob.iter().filter_map(|it| it.as_ref().err()))
                .copied()
                .collect(),
            token: token.and_then(Result::ok),
            preconnection: blob.and_then(Result::ok),
        }
    }

    /// Returns the value of a setting's first line.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.settings().find(|(known, _, _)| same_name(known, name)).map(|(_, _, value)| value)
    }
}

impl Line {
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim_end_matches('\r');
        let other = || Self::Other(text.to_owned());
        let Some((name, rest)) = text.split_once(':') else { return other() };
        match rest.split_once(':') {
            Some((kind @ ("i" | "s" | "b"), value)) if !name.trim().is_empty() => Self::Setting {
                name: name.to_owned(),
                kind: if kind == "i" {
                    'i'
                } else if kind == "s" {
                    's'
                } else {
                    'b'
                },
                value: value.to_owned(),
            },
            _ => other(),
        }
    }

    /// Returns the name, if it is a setting.
    pub fn name(&self) -> Option<&str> {
        if let Self::Setting { name, .. } = self { Some(name) } else { None }
    }

    /// Returns the line as written, without its end.
    pub fn text(&self) -> String {
        match self {
            Self::Setting { name, kind, value } => format!("{name}:{kind}:{value}"),
            Self::Other(text) => text.clone(),
        }
    }
}

/// Returns the name as it can stand in a request; `None` where it has characters of which nobody documents how a client
/// writes them there.
fn printable_ascii(name: &str) -> Option<&str> {
    name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ').then_some(name)
}

/// Words of a file that lead a client to its target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// `loadbalanceinfo`: the routing token ([MS-RDPBCGR] 2.2.1.1).
    pub token: Option<RoutingToken>,
    /// `pcb`: the preconnection blob ([MS-RDPEPS] 2.2.1.2).
    pub preconnection: Option<Preconnection>,
    /// `username`, by which some balancers find the machine of a user; a client sends it in clear, see
    /// [`Routing::cookie`].
    pub user: Option<String>,
    /// Names of settings that stand there more than once with different values: the first is sent, and which one a
    /// client sends is not documented.
    pub ambiguous: Vec<&'static str>,
    /// Names of settings that cannot be sent as they are: too long, or with characters that a request cannot hold.
    pub unsendable: Vec<&'static str>,
}

impl Routing {
    /// Most characters of a user's name that mstsc sends in `Cookie: mstshash=`.
    const COOKIE_MOST: usize = 9;

    /// Returns what stands in `Cookie: mstshash=`, of nine characters at most as mstsc sends it; `None` without a user.
    pub fn cookie(&self) -> Option<String> {
        self.user.as_ref().map(|user| user.chars().take(Self::COOKIE_MOST).collect())
    }

    /// True if what leads the client to its target was not sent for sure as the client sends it.
    pub fn doubtful(&self) -> bool {
        !self.unsendable.is_empty() || !self.ambiguous.is_empty()
    }
}

pub(crate) fn same_name(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

fn decode(bytes: &[u8]) -> (Encoding, String) {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    // every setting's name begins with an ASCII letter
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return (Encoding::Utf16 { mark: true, big: false }, wide(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => return (Encoding::Utf16 { mark: true, big: true }, wide(rest, u16::from_be_bytes)),
        [first, 0, ..] if *first != 0 => {
            return (Encoding::Utf16 { mark: false, big: false }, wide(bytes, u16::from_le_bytes));
        }
        [0, first, ..] if *first != 0 => {
            return (Encoding::Utf16 { mark: false, big: true }, wide(bytes, u16::from_be_bytes));
        }
        _ => {}
    }
    let (mark, rest) = match bytes.strip_prefix("\u{FEFF}".as_bytes()) {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    match str::from_utf8(rest) {
        Ok(text) => (Encoding::Utf8 { mark }, text.to_owned()),
        // a byte order mark that no UTF-8 follows is ordinary text
        Err(_) => (Encoding::Ansi, bytes.iter().map(|byte| from_ansi(*byte)).collect()),
    }
}

/// Encodes text as UTF-16LE, without a byte order mark.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Characters of Windows-1252 at 0x80 to 0x9F; its five gaps are control characters, as in browsers.
const ANSI: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

fn from_ansi(byte: u8) -> char {
    match byte {
        0x80..=0x9F => ANSI[usize::from(byte) - 0x80],
        other => char::from(other),
    }
}

fn to_ansi(c: char) -> Option<u8> {
    let listed = (0x80_u8..).zip(ANSI).find(|(_, known)| *known == c).map(|(byte, _)| byte);
    listed.or_else(|| u8::try_from(u32::from(c)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "screen mode id:i:2\r\nfull address:s:server:3390\r\nno setting\r\nusername:s:Jörg\r\n";

    fn lines() -> Vec<Line> {
        RdpFile::parse(TEXT.as_bytes()).unwrap().lines
    }

    #[test]
    fn every_encoding_is_read_and_written_back() {
        let wide = utf16(TEXT);
        let big: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let ansi: Vec<u8> = TEXT.chars().map(|c| to_ansi(c).unwrap()).collect();
        for (bytes, encoding) in [
            ([&[0xFF, 0xFE], wide.as_slice()].concat(), Encoding::Utf16 { mark: true, big: false }),
            ([&[0xFE, 0xFF], big.as_slice()].concat(), Encoding::Utf16 { mark: true, big: true }),
            (big, Encoding::Utf16 { mark: false, big: true }),
            (wide, Encoding::Utf16 { mark: false, big: false }),
            (["\u{FEFF}", TEXT].concat().into_bytes(), Encoding::Utf8 { mark: true }),
            (TEXT.as_bytes().to_vec(), Encoding::Utf8 { mark: false }),
            (ansi, Encoding::Ansi),
        ] {
            let file = RdpFile::parse(&bytes).unwrap();
            assert_eq!(file, RdpFile { encoding, lines: lines() });
            assert_eq!(file.encode(), bytes, "{encoding:?}");
            assert!(RdpFile::recognises(&bytes), "{encoding:?}");
        }
    }

    #[test]
    fn values_may_hold_colons_and_both_of_two_lines_are_kept() {
        let file = RdpFile::parse(b"Full Address:s:[2001:db8::7]:3390\nfull address:s:other\nx:q:1").unwrap();
        assert_eq!(file.value("full address"), Some("[2001:db8::7]:3390"));
        assert_eq!(file.lines_of("full address").count(), 2);
        assert_eq!(file.lines[2], Line::Other("x:q:1".to_owned()));
    }

    /// Some programs write the terminating NUL of their text.
    #[test]
    fn the_nul_at_the_end_belongs_to_no_value() {
        let text = "full address:s:server\r\nenablecredsspsupport:i:0\0\0";
        for bytes in [text.as_bytes().to_vec(), utf16(text)] {
            let file = RdpFile::parse(&bytes).unwrap();
            assert_eq!(file.value("enablecredsspsupport"), Some("0"));
        }
    }

    #[test]
    fn what_leads_to_the_target_is_read_and_what_cannot_be_sent_is_named() {
        let routing = |text: &str| RdpFile::parse(text.as_bytes()).unwrap().routing();
        let token = "tsv://MS Terminal Services Plugin.1.Desktops";
        let both = routing(&format!("LoadBalanceInfo:s:{token}\r\npcb:s:0a1b;EnhancedMode=1\r\n"));
        assert_eq!(both.token.as_ref().map(RoutingToken::as_str), Some(token));
        assert_eq!(both.preconnection.as_ref().map(Preconnection::as_str), Some("0a1b;EnhancedMode=1"));
        assert_eq!(both.unsendable, [] as [&str; 0]);
        assert_eq!(routing("loadbalanceinfo:s: \r\nfull address:s:a"), Routing::default());
        let long = routing(&format!("loadbalanceinfo:s:{}\npcb:s:a\u{1}b", "x".repeat(300)));
        assert_eq!((long.token, long.preconnection), (None, None));
        assert_eq!(long.unsendable, ["loadbalanceinfo", "pcb"]);
    }

    #[test]
    fn a_user_is_sent_as_mstsc_sends_it() {
        let cookie = |user: &str| RdpFile::parse(format!("username:s:{user}").as_bytes()).unwrap().routing().cookie();
        assert_eq!(cookie("alice").as_deref(), Some("alice"));
        assert_eq!(cookie("administrator").as_deref(), Some("administr"));
        assert_eq!((cookie(""), cookie("Jörg"), cookie("a\u{1}b")), (None, None, None));
    }

    #[test]
    fn what_stands_there_twice_is_named_only_if_it_differs() {
        let ambiguous = |text: &str| RdpFile::parse(text.as_bytes()).unwrap().routing().ambiguous;
        assert_eq!(ambiguous("loadbalanceinfo:s:tsv://a\nloadbalanceinfo:s:tsv://b\npcb:s:a"), ["loadbalanceinfo"]);
        assert_eq!(ambiguous("loadbalanceinfo:s:tsv://a\nloadbalanceinfo:s:tsv://a"), [] as [&str; 0]);
    }

    #[test]
    fn limits_hold() {
        assert_eq!(RdpFile::parse(&vec![b'a'; BYTES_LIMIT + 1]), Err(RdpFileError::Bytes));
        assert_eq!(RdpFile::parse("a:i:1\n".repeat(LINES_LIMIT + 1).as_bytes()), Err(RdpFileError::Lines));
        assert!(RdpFile::parse("a:i:1\n".repeat(LINES_LIMIT).as_bytes()).is_ok());
        assert_eq!(RdpFile::parse(b""), Err(RdpFileError::NoSetting));
        assert_eq!(RdpFile::parse(b"# a note"), Err(RdpFileError::NoSetting));
    }

    #[test]
    fn other_text_is_not_taken_for_one() {
        for text in
            ["{\"schema\":1}", "rdpdoctor transcript 1\n", "a:i:1\n", "", "note\nnote\nnote\nfull address:s:x\n"]
        {
            assert!(!RdpFile::recognises(text.as_bytes()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = RdpFile::recognises(&bytes);
            if let Ok(file) = RdpFile::parse(&bytes) {
                let _ = RdpFileRecord::of("x.rdp", &file);
                let again = RdpFile::parse(&file.encode()).unwrap();
                proptest::prop_assert_eq!(again, file);
            }
        }

        #[test]
        fn what_is_written_is_read(lines in proptest::collection::vec("[a-z][a-z ]{0,8}:[isb]:[^\r\n]{0,9}", 1..9)) {
            let file = RdpFile::parse(lines.join("\n").as_bytes()).unwrap();
            proptest::prop_assert_eq!(RdpFile::parse(&file.encode()), Ok(file));
        }
    }
}
