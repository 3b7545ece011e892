//! Symptoms in everyday words, of people who have no message to paste.
//!
//! A symptom is known by words that all have to be there (`topics` of `messages.rs`). They count where Remote Desktop
//! is named; of a symptom that stands `alone` they have to be nearly all that the question says. Where a question says
//! no more than that something about Remote Desktop does not work, that is its symptom.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::about::About;
use super::tokens::Tokens;
use super::trouble::{nothing_wrong, states_trouble};
use crate::messages::{self, Message};
use crate::search::{telling, terms};

/// Most words of a question that somebody typed; a longer text was pasted.
const TYPED: usize = 24;
/// Share of the telling words that a symptom has to have where Remote Desktop is named.
const OURS: f64 = 0.25;
/// Share that it has to have where nothing is named.
const ALONE: f64 = 0.9;
/// Words for where and with what somebody connects, as stems: they say nothing about what is wrong.
const PLACES: [&str; 32] = [
    "azur",
    "aws",
    "ec2",
    "gcp",
    "vm",
    "virtual",
    "mac",
    "macos",
    "macbook",
    "linux",
    "ubuntu",
    "debian",
    "fedora",
    "iphon",
    "ipad",
    "android",
    "phon",
    "laptop",
    "24h2",
    "23h2",
    "25h2",
    "365",
    "cloud",
    "remmina",
    "freerdp",
    "xfreerdp",
    "mremoteng",
    "guacamol",
    "xrdp",
    "gnom",
    "app",
    "machin",
];
/// Place of a word that tells of trouble, whichever it is: "cannot" and the like are no stems.
const NOT: &str = "(not)";

/// Words of which one is enough, each as its stems.
type Slot = Vec<Vec<String>>;

struct Known {
    message: &'static Message,
    slots: Vec<Slot>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let word = |text: &str| if text == NOT { vec![NOT.to_owned()] } else { terms(text) };
    let slot = |text: &str| text.split('|').map(word).filter(|stems| !stems.is_empty()).collect::<Slot>();
    let one = |message: &'static Message, topic: &str| Known {
        message,
        slots: topic.split_whitespace().map(slot).filter(|slot| !slot.is_empty()).collect(),
    };
    messages::all().iter().flat_map(|message| message.topics.iter().map(move |topic| one(message, topic))).collect()
});

/// Finds the symptom that a question tells of: the one with most of its words, and of equal ones the first.
pub(super) fn symptom(question: &str, tokens: &Tokens, about: &About) -> Option<&'static Message> {
    if tokens.len() > TYPED || about.foreign || nothing_wrong(tokens) {
        return None;
    }
    let mut asked: BTreeSet<String> = terms(question).into_iter().collect();
    let content: Vec<String> = asked
        .iter()
        .filter(|term| telling(term) && !(about.ours && PLACES.contains(&term.as_str())))
        .cloned()
        .collect();
    if states_trouble(question) {
        asked.insert(NOT.to_owned());
    }
    let mut best: Option<(usize, usize, &'static Message)> = None;
    for known in KNOWN.iter() {
        let Some(words) = words(known, &asked) else { continue };
        let has = content.iter().filter(|term| words.contains(term.as_str())).count();
        let enough = match (about.ours, known.message.rank) {
            // what says little is no answer to a question that says more
            (true, 1) => 1.0,
            (true, _) => OURS,
            (false, _) => ALONE,
        };
        let fits = (about.ours || known.message.alone) && share(has, content.len()) >= enough;
        let key = (has, known.slots.len());
        if fits && best.is_none_or(|(most, slots, _)| key > (most, slots)) {
            best = Some((key.0, key.1, known.message));
        }
    }
    best.map(|(_, _, message)| message)
}

/// The words of a symptom that a question has, or nothing where one is missing.
fn words<'a>(known: &'a Known, asked: &BTreeSet<String>) -> Option<BTreeSet<&'a str>> {
    let mut words = BTreeSet::new();
    for slot in &known.slots {
        let held: Vec<&Vec<String>> =
            slot.iter().filter(|stems| stems.iter().all(|stem| asked.contains(stem))).collect();
        if held.is_empty() {
            return None;
        }
        words.extend(held.into_iter().flatten().map(String::as_str));
    }
    Some(words)
}

fn share(part: usize, whole: usize) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { count(part) / count(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<&'static str> {
        let tokens = Tokens::of(text);
        symptom(text, &tokens, &About::of(text, &tokens))?.id.as_deref()
    }

    #[test]
    fn a_symptom_needs_all_its_words_and_remote_desktop() {
        assert_eq!(first("copy paste does not work in rdp"), Some("message/session-clipboard"));
        assert_eq!(first("paste does not work in rdp"), None);
        assert_eq!(first("copy paste does not work in my editor"), None);
    }

    #[test]
    fn one_that_stands_alone_is_nearly_all_that_is_said() {
        assert_eq!(first("logs me out immediately"), Some("message/logged-off-at-once"));
        assert_eq!(first("the shop's website logs me out immediately after the payment"), None);
    }

    #[test]
    fn another_program_or_a_pasted_text_has_no_symptom() {
        assert_eq!(first("docker disconnects every few minutes"), None);
        assert_eq!(first(&"rdp sound and ".repeat(9)), None);
        assert_eq!(first("no problem with the sound in rdp"), None);
    }
}
