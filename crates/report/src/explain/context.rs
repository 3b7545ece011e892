//! Reads the words beside numbers: which list is meant, which number is the extended one, which is no code at all.

use std::collections::HashSet;

use diagnosis::codes;
use diagnosis::codes::{Family, readings};

use super::read::{Number, Read};

/// Numbers beyond which each distinct one is looked at only once.
const MANY: usize = 16;
/// Words beside a number up to which all of them are taken to say what is meant.
const FEW_WORDS: usize = 3;
/// Words from which on one or two digits are no code by themselves: "windows 11".
const SOME_WORDS: usize = 2;

/// Beginnings of "extended" in the languages of mstsc's dialog.
const EXTENDED: [&str; 18] = [
    "extend",
    "erweitert",
    "étend",
    "etend",
    "estend",
    "amplia",
    "estes",
    "rozszerz",
    "расширен",
    "扩展",
    "擴充",
    "延伸",
    "拡張",
    "확장",
    "uitgebreid",
    "utökad",
    "rozšířen",
    "genişletil",
];
/// Parts of words that mark the number behind them as a code.
const LABELS: [&str; 16] = [
    "code", "reason", "error", "alert", "status", "value", "fehler", "grund", "erreur", "raison", "errore", "codice",
    "código", "codigo", "motivo", "错误",
];

/// Meaning of the words beside the numbers.
pub(super) struct Context {
    /// Families that have a word of their own in the text.
    pub(super) families: Vec<&'static Family>,
    /// True if it is about an event.
    pub(super) event: bool,
    /// True if there are so few words that all of them are meant.
    pub(super) few: bool,
}

impl Context {
    /// Interprets the words of a text.
    pub(super) fn of(read: &Read) -> Self {
        let words: Vec<&str> = read.lower.split(|c: char| !c.is_alphanumeric() && !"_-".contains(c)).collect();
        // providers are joined to other words by hyphens and slashes
        let named = |family: &&Family| {
            let parts = family.words.iter();
            parts.clone().any(|word| words.contains(&word.as_str()))
                || family.events && parts.clone().any(|word| word.len() > 3 && read.lower.contains(word.as_str()))
        };
        let mut families: Vec<_> = codes::families().iter().filter(named).collect();
        let provider = families.iter().any(|family| family.events);
        let event = provider || words.iter().any(|word| matches!(*word, "event" | "eventid" | "event-id" | "ereignis"));
        if event && !provider {
            families.extend(codes::families().iter().filter(|family| family.events));
        }
        Self { families, event, few: read.words.len() <= FEW_WORDS }
    }

    /// True if this family is named.
    pub(super) fn names(&self, family: &Family) -> bool {
        self.families.iter().any(|named| named.id == family.id)
    }
}

/// Lists the numbers that can be codes: beside words only those marked as such, because digits can be anything.
pub(super) fn candidates<'a>(read: &'a Read, context: &Context) -> Vec<&'a Number> {
    let mut all: Vec<&Number> = read.numbers.iter().collect();
    if all.len() > MANY {
        let mut seen = HashSet::new();
        all.retain(|number| seen.insert(number.text.as_str()));
    }
    if context.event {
        return all;
    }
    let marked = |number: &Number| {
        let beside = !number.before.chars().any(char::is_alphanumeric) && read.numbers.len() > 1;
        number.hex || number.text.starts_with('-') || labelled(number) || extended(number) || beside
    };
    let named = !context.families.is_empty() && context.few;
    let alone = (read.words.len() < SOME_WORDS || named) && !all.iter().any(|number| number.hex);
    // SecurityLayer=0 is a setting
    let setting =
        |number: &Number| number.value == 0 && !number.hex && !read.words.is_empty() && read.numbers.len() == 1;
    let kept = all.iter().copied().filter(|number| marked(number) || alone && !setting(number));
    let kept: Vec<&Number> = kept.collect();
    if !kept.is_empty() {
        return kept;
    }
    // better than nothing, if it is a code
    all.retain(|number| number.text.len() > 2 && !readings(number.value).is_empty());
    all
}

/// True if the text calls it the extended code.
pub(super) fn extended(number: &Number) -> bool {
    EXTENDED.iter().any(|word| number.before.contains(word))
        || number.before.split_whitespace().next_back() == Some("ext")
}

/// True if the word before it calls it a code.
pub(super) fn labelled(number: &Number) -> bool {
    let mut words = number.before.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.next_back().is_some_and(|word| LABELS.iter().any(|label| word.contains(label)))
}
