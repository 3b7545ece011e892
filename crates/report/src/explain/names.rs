//! Codes by their names: those of the specifications, whole or without their beginning, and numbers that a library
//! packed.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use diagnosis::codes;
use diagnosis::codes::{Entry, Reading};

use super::find::{Subject, plain};
use super::read::Number;

/// Score of a name from a specification.
const NAME: u8 = 72;
/// Score of a TLS alert that a client's library packed into a number of its own.
const ALERT: u8 = 64;
/// Names of codes that are words of English, in lower case.
const ENGLISH: [&str; 1] = ["unsupported"];
/// Base of the numbers of Kerberos in the table of MIT krb5, -1765328384.
const KERBEROS: u32 = 0x96C7_3A00;
/// How many alerts of one text are told.
const MOST: usize = 8;

/// The names of the specifications, in lower case, whole and without their beginning.
struct Names {
    whole: HashMap<String, Vec<Entry>>,
    ends: HashMap<String, Vec<Entry>>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { whole: HashMap::new(), ends: HashMap::new() };
    for entry in codes::all() {
        let Some(name) = entry.code.name.as_ref().map(|name| name.to_ascii_lowercase()) else { continue };
        // without ERRINFO_, STATUS_ and the like
        for (at, _) in name.match_indices('_').filter(|_| !entry.family.named) {
            let end = &name[at + 1..];
            if end.len() >= 8 && end.contains('_') {
                names.ends.entry(end.to_owned()).or_default().push(entry);
            }
        }
        // without disconnectReason, exDiscReason
        if let Some(at) = name.find("reason").map(|at| at + "reason".len()).filter(|at| name.len() >= at + 8) {
            names.ends.entry(name[at..].to_owned()).or_default().push(entry);
        }
        names.whole.entry(name).or_default().push(entry);
    }
    names
});

/// Finds a code's id or a specification's name, complete or without its prefix.
pub(super) fn named(word: &str) -> Option<Subject> {
    let subject = |readings| Subject { text: word.to_owned(), readings, ..Subject::default() };
    if word.contains('/')
        && let Some(entry) = codes::by_id(word)
    {
        return Some(subject(vec![plain(entry)]).weighed(100));
    }
    // a name may stand behind that of its list: ExtendedDisconnectReasonCode.exDiscReasonNoInfo
    let wanted = word.rsplit(['.', ':']).next().unwrap_or(word).to_ascii_lowercase();
    if wanted.len() < 4 {
        return None;
    }
    let found = NAMES.whole.get(&wanted).or_else(|| NAMES.ends.get(&wanted))?;
    // a name that is a word of English is meant where it is written as a name
    let plain_word = ENGLISH.contains(&wanted.as_str());
    if plain_word && word.chars().any(char::is_lowercase) {
        return None;
    }
    // CONNECT_FAILED is too short to be one of them for sure
    Some(subject(found.iter().copied().map(plain).collect()).weighed(NAME))
}

/// The alerts of TLS in packed numbers of OpenSSL: `error:14094410:` and `error:0A000410:` are 1000 and the alert.
pub(super) fn packed(text: &str) -> Vec<Subject> {
    let lower = text.to_ascii_lowercase();
    let numbers = lower.match_indices("error:").filter_map(|(at, found)| {
        let digits = lower.get(at + found.len()..at + found.len() + 8)?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        let reason = match (value >> 24, value >> 23) {
            (0x14, _) => value & 0xFFF,
            (_, 20) => value & 0x7F_FFFF,
            _ => return None,
        };
        Some((digits.to_owned(), reason.checked_sub(1000)?))
    });
    let mut seen = HashSet::new();
    let alerts = numbers.take(4_000).filter(|(digits, _)| seen.insert(digits.clone())).filter_map(|(digits, alert)| {
        let entry = codes::find("tls-alert", alert)?;
        let read_as = Some(format!("alert {alert} in the number {digits} of OpenSSL"));
        let subject = Subject { text: digits, readings: vec![Reading { entry, read_as }], ..Subject::default() };
        Some(subject.weighed(ALERT))
    });
    alerts.take(MOST).collect()
}

/// Reads a gateway's short number, as some write it.
pub(super) fn in_gateway(number: &Number) -> Option<Reading> {
    let entry = codes::find("gateway", 0x300_0000_u32.checked_add(number.value)?)?;
    Some(Reading { entry, read_as: Some(format!("0x3000000 and {:#x}", number.value)) })
}

/// Reads a number that Kerberos has on the wire, as the events of a domain controller show it: `Failure Code: 0x18`.
pub(super) fn in_kerberos(number: &Number) -> Option<Reading> {
    let entry = codes::find("kerberos", KERBEROS.checked_add(number.value)?)?;
    Some(Reading { entry, read_as: Some(format!("{} in the protocol", number.value)) })
}

/// Lists the codes whose numbers are nearest, and those that differ in one digit.
pub(super) fn nearest(number: u32) -> Vec<Entry> {
    let mut known: Vec<Entry> = codes::all()
        .filter(|entry| !entry.family.events && !entry.family.named && entry.code.extended.is_none())
        .collect();
    let slip = |entry: &Entry| {
        let (one, other) = (format!("{number:X}"), format!("{:X}", entry.code.number));
        let differ = one.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count();
        !(one.len() == other.len() && one.len() > 2 && differ == 1)
    };
    known.sort_by_cached_key(|entry| (slip(entry), entry.code.number.abs_diff(number)));
    known.truncate(if known.first().is_some_and(slip) { 1 } else { 3 });
    known
}
