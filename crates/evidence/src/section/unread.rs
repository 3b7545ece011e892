//! Evidence that could not be read, and why. In a redacted state our own words stay, and so do the places that every
//! Windows has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::{self, LogSpan, left_out};
use super::thing::Section;
use crate::places::{KEYS, PROGRAMS, SERVICES, STORES_ROOT};
use crate::redaction::one_of;

/// Value with the number of the control set in use.
const SELECT: &str = r"Select\Current";
/// Files that every Windows has, by their full names.
const FILES: &[&str] =
    &["SYSTEM", "SOFTWARE", "DEFAULT", "NTUSER.DAT", "System.evtx", "Security.evtx", "Application.evtx"];

/// Evidence that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Name of the evidence.
    pub what: String,
    /// Reason, in words.
    pub why: String,
}

impl Section for Unread {
    const FACT: &'static str = "unread";
    const TITLE: &'static str = "reasons why something was not read";

    fn renamed(&self, names: &mut Names, logs: &[LogSpan]) -> Self {
        derived(self, logs).unwrap_or_else(|| renamed(self, names))
    }
}

/// Rebuilds the reason for a log's gaps from its stretch, which has no names but that of its channel.
fn derived(unread: &Unread, logs: &[LogSpan]) -> Option<Unread> {
    let log = logs.iter().find(|log| left_out(log).as_ref() == Some(unread))?;
    left_out(&log.nameless())
}

fn renamed(unread: &Unread, names: &mut Names) -> Unread {
    let Unread { what, why } = unread;
    let known = one_of(PROGRAMS, what).or_else(|| one_of(FILES, what));
    let log = || {
        let name = what.strip_prefix("event log ")?;
        Some(format!("event log {}", logs::channel(name)))
    };
    let service = || {
        let name = what.strip_prefix("the service ")?;
        Some(format!("the service {}", one_of(SERVICES, name)?))
    };
    Unread { what: known.or_else(log).or_else(service).unwrap_or_else(|| words(what, names)), why: words(why, names) }
}

/// Renames words, but keeps the known registry keys in them.
fn words(text: &str, names: &mut Names) -> String {
    let mut renamed = String::with_capacity(text.len());
    let (mut done, mut quoted) = (0, false);
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        quoted ^= matches!(c, '"' | '\'' | '`');
        let begins = text[..at].chars().next_back().is_none_or(|before| !belongs(before));
        let known = if begins && !quoted { key(&text[at..]) } else { None };
        let Some(length) = known else {
            at += c.len_utf8();
            continue;
        };
        renamed.push_str(&names.prose(&text[done..at]));
        renamed.push_str(&text[at..at + length]);
        at += length;
        if let Some(thumbprint) = thumbprint(&text[at..]) {
            renamed.push('\\');
            renamed.push_str(&names.thumbprint(thumbprint));
            at += 1 + thumbprint.len();
        }
        done = at;
    }
    renamed.push_str(&names.prose(&text[done..]));
    renamed
}

/// Returns the length of the longest known key at the beginning of the text.
fn key(text: &str) -> Option<usize> {
    let known = KEYS.iter().chain(STORES_ROOT).chain([&SELECT]);
    let ends = |rest: &str| rest.chars().next().is_none_or(|next| !belongs(next)) || thumbprint(rest).is_some();
    let here = known.filter(|key| {
        text.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key)) && ends(&text[key.len()..])
    });
    here.map(|key| key.len()).max()
}

/// Returns a certificate's thumbprint, which names its key below that of its store.
fn thumbprint(behind: &str) -> Option<&str> {
    let digits = behind.strip_prefix('\\')?.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    (digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(digits)
}

fn belongs(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '\\' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: &str, why: &str) -> Unread {
        let mut names = Names::default();
        let unread = Unread { what: what.to_owned(), why: why.to_owned() };
        let _ = names.text("SELECT");
        let _ = renamed(&unread, &mut names);
        names.settle();
        let once = renamed(&unread, &mut names);
        assert_eq!(renamed(&once, &mut names), once);
        once
    }

    /// Our own words and the places that every Windows has pass; names do not, wherever they stand.
    #[test]
    fn our_own_words_pass() {
        for (what, why) in [
            (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "the cell at 0xd2a58 is no cell in use"),
            ("SYSTEM", r"registry hive: a SYSTEM hive without Select\Current: the control set in use is not known"),
            (
                "SOFTWARE",
                r"registry hive: HKLM\SOFTWARE\Microsoft\Cryptography: read at 0x5d3f58: the file ends before",
            ),
            ("the end of the hive", "cut off: 5000000 of 12800000 bytes"),
            (
                "event log System",
                "older entries were left out: of each kind the newest are kept, at most 500, and fewer where there are many",
            ),
            (r"HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates", "it is no certificate that can be read"),
        ] {
            assert_eq!(told(what, why), Unread { what: what.to_owned(), why: why.to_owned() });
        }
    }

    #[test]
    fn names_do_not() {
        let thumbprint = "AB".repeat(20);
        let own = format!(r"HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\{thumbprint}");
        let told = |what: &str, why: &str| format!("{:?}", told(what, why));
        let of = told(&own, "it is no certificate that can be read");
        assert!(of.contains("Certificates") && !of.contains(&thumbprint), "{of}");
        for (what, why, secret) in [
            (r"HKLM\SYSTEM\CurrentControlSet\Services\Secretive", "x", "Secretive"),
            ("Secretive.evtx", "x", "Secretive"),
            ("x", r#"it names "HKLM\SOFTWARE\Microsoft\Cryptography""#, "Cryptography"),
            ("x", r"C:\Users\alice\Select\Current: it is not there", "alice"),
            ("event log Secretive", "x", "Secretive"),
        ] {
            assert!(!told(what, why).contains(secret), "{what} {why}");
        }
    }
}
