//! Explains codes, events, causes and fixes: from what somebody typed or pasted to an [`Answer`], and the answer in
//! words.
//!
//! `read.rs` finds numbers and words, `event.rs` reads events as XML, `context.rs` interprets the words beside numbers,
//! `about.rs` decides what the text speaks of, `trouble.rs` whether it tells of trouble, `names.rs` knows the names of
//! codes, `numbering.rs` whose numbers they may be, `find.rs` decides what is meant; `tokens.rs` and `said.rs` find
//! sentences, `dialogs.rs` dialogs in other languages, `symptoms.rs` everyday words, `sentences.rs` interprets all
//! three; `named.rs` knows everything with a name of its own, `human.rs` writes the answer for a terminal. Each thing
//! found has a score: the one that says most leads. No machine is asked anything.

mod about;
mod answer;
mod brief;
mod context;
mod dialogs;
mod event;
mod find;
pub mod human;
mod named;
mod names;
mod numbering;
mod read;
mod said;
mod sentences;
mod symptoms;
mod tokens;
mod trouble;

use thiserror::Error;

pub use answer::{Answer, EventPlace, Explained, Measurement, Neighbour, SCHEMA, Topic};

use diagnosis::codes::{Entry, Reading, Step};
use diagnosis::fixes::Given;
use diagnosis::printable::printable;
use diagnosis::{Role, Stage, causes};

use about::About;
use tokens::Tokens;
use trouble::nothing_wrong;

/// Most bytes of a question that are read.
pub const LIMIT: usize = 2 * 1024 * 1024;
/// Score up to which a sentence says hardly anything.
const LITTLE: u8 = 34;
/// How many topics an answer has.
const MOST: usize = 8;
/// How many of a topic's first entries count as told.
const LEAD: usize = 3;
/// Up to this many words a question was typed and not pasted, and names in it are ids.
const MOST_TYPED: usize = 12;
/// Command that measures.
const DIAGNOSE: &str = "rdpdoctor diagnose HOST";
/// Characters of a question that an answer repeats.
const REPEATED: usize = 200;

/// Reason why a question cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuestionError {
    /// It is empty.
    #[error(
        "read the question: it is empty; name a code, an event, a cause, a fix or a claim, or say in words what happens"
    )]
    Empty,
    /// It is too long.
    #[error("read the question: more than {LIMIT} bytes")]
    TooLong,
}

/// Answers a question: numbers, names, pasted text, an event as XML, an id.
///
/// Everything in it that says something becomes a topic, the one that says most first. Only where nothing else is found
/// are its words looked up in what the program knows; below a measured threshold nothing is known.
pub fn explain(question: &str) -> Result<Answer, QuestionError> {
    if question.len() > LIMIT {
        return Err(QuestionError::TooLong);
    }
    if !question.chars().any(char::is_alphanumeric) {
        return Err(QuestionError::Empty);
    }
    let asked: String = question.trim().chars().take(REPEATED).collect();
    let tokens = Tokens::of(question);
    let mut found: Vec<Found> = Vec::new();
    if tokens.len() <= MOST_TYPED {
        found.extend(named::by_id(question).into_iter().map(|topic| Found { score: 100, topic }));
    }
    let about = About::of(question, &tokens);
    let subjects = find::subjects(question, &about);
    // a pair by itself, such as 0x904/7, is looked up without the sentences
    if tokens.iter().any(|word| !word.starts_with(|letter: char| letter.is_ascii_digit())) {
        found.extend(sentences::found(question, &tokens, &about));
    }
    found.extend(subjects.iter().map(|subject| Found { score: subject.score, topic: topic(subject) }));
    found.sort_by_key(|found| std::cmp::Reverse(found.score));
    // a dialog that is put together says more than a sentence that says hardly anything
    let little = found.first().is_some_and(|best| best.score <= LITTLE && !normal(&best.topic));
    if little && let Some(message) = dialogs::dialog(question, &about) {
        found.insert(0, Found { score: LITTLE, topic: sentences::dialog(message, question) });
    }
    // a sound output beside words of trouble: the words are the question
    let well = found.first().is_some_and(|best| normal(&best.topic));
    if well
        && trouble::states_trouble(question)
        && let Some(message) = symptoms::symptom(question, &tokens, &about)
    {
        found.insert(0, Found { score: LITTLE, topic: sentences::symptom(message, question) });
    }
    let mut topics = merged(found);
    if topics.iter().all(|topic| topic.entries.is_empty()) {
        let dialog = || dialogs::dialog(question, &about).map(|message| sentences::dialog(message, question));
        let symptom = symptoms::symptom(question, &tokens, &about).map(|message| sentences::symptom(message, question));
        let symptom = dialog().or(symptom);
        let by_words = || named::by_words(question, &about).filter(|_| !nothing_wrong(&tokens));
        if let Some(found) = symptom.or_else(by_words) {
            // "ports 443 3391" is no question about codes
            topics.retain(|topic| topic.text.starts_with("0x"));
            topics.insert(0, found);
        } else if topics.is_empty() {
            topics.extend(named::guides_near(question));
        }
    } else {
        topics.extend(named::claimed(question));
        topics.extend(named::typed(question, &topics, &about));
    }
    Ok(Answer {
        schema: SCHEMA.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        asked: printable(&asked),
        known: topics.iter().any(|topic| !topic.entries.is_empty()),
        topics,
    })
}

/// True if it says that something is as it should be: the output of a command, not an event of a sound connection.
fn normal(topic: &Topic) -> bool {
    topic.entries.first().is_some_and(|entry| entry.normal && entry.kind == "message")
}

/// Something that was found, and how much it says, from 0 to 100.
struct Found {
    score: u8,
    topic: Topic,
}

/// Beginning of the ids of codes that a dialog of the client shows.
const DIALOG: &str = "disconnect/";

/// The topics in their order, each answer once: what a later one adds to an earlier one is left out.
fn merged(found: Vec<Found>) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for Found { topic, .. } in found {
        let first = topic.entries.first().map(|entry| &entry.id);
        let told = |earlier: &Topic| {
            let ids: Vec<&String> = earlier.entries.iter().take(LEAD).map(|entry| &entry.id).collect();
            first.is_some_and(|first| ids.contains(&first))
        };
        // a dialog that shows its codes has a first sentence that it shares with other codes
        let same_dialog = |earlier: &Topic| {
            let shows_code = earlier.parts.iter().any(|part| part.starts_with(DIALOG));
            let sentence = !topic.text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-');
            shows_code && sentence && first.is_some_and(|first| first.starts_with(DIALOG))
        };
        if topics.len() < MOST && !topics.iter().any(|earlier| told(earlier) || same_dialog(earlier)) {
            topics.push(topic);
        }
    }
    topics
}

fn topic(subject: &find::Subject) -> Topic {
    let mut entries: Vec<Explained> = subject.readings.iter().map(explained).collect();
    if let [code, extended] = subject.parts.as_slice() {
        let [code, extended] = [code, extended].map(|entry| entry.code.number);
        for entry in &mut entries {
            name_both(entry, code, extended);
        }
    }
    let near = |entry: &Entry| Neighbour { id: entry.id(), meaning: entry.code.meaning.clone(), why: String::new() };
    Topic {
        text: printable(&subject.text),
        by_words: false,
        matched: Vec::new(),
        entries,
        parts: subject.parts.iter().map(|entry| entry.id()).collect(),
        remark: subject.remark.map(str::to_owned),
        nearest: subject.nearest.iter().map(near).collect(),
    }
}

/// Puts both numbers of the message into the commands.
fn name_both(entry: &mut Explained, code: u32, extended: u32) {
    for next in entry.next.iter_mut().filter(|next| next.command.starts_with(DIAGNOSE)) {
        next.command = format!("{DIAGNOSE} --code 0x{code:X} --extended 0x{extended:X}");
    }
}

fn explained(reading: &Reading) -> Explained {
    let entry = reading.entry;
    let code = entry.code;
    let kind = match (entry.family.events, code.extended) {
        (true, _) => "event",
        (_, Some(_)) => "pair",
        _ => "code",
    };
    let place = code.side.zip(code.log.clone()).zip(code.provider.clone());
    Explained {
        kind: kind.to_owned(),
        id: entry.id(),
        title: entry.family.singular.clone(),
        number: Some(code.number),
        extended: code.extended,
        name: code.name.clone(),
        read_as: reading.read_as.clone(),
        meaning: code.meaning.clone(),
        note: code.note.clone(),
        shown: Some(if code.client.is_some() {
            "the message of that client".to_owned()
        } else {
            entry.family.shown.clone()
        }),
        client: code.client.clone(),
        stage: Some(code.step.word().to_owned()),
        normal: code.normal,
        event: place.map(|((side, log), provider)| EventPlace { side, log, provider }),
        not: code.not.clone(),
        causes: led_to(entry),
        fixes: code.fixes.clone(),
        claims: named::claims_about(entry),
        confused: confused(entry),
        steps: Vec::new(),
        next: next(entry),
        sources: code.sources.iter().map(|mark| mark.words().to_owned()).collect(),
        confidence: Some(code.confidence),
        weak: entry.weak(),
    }
}

fn led_to(entry: Entry) -> Vec<Neighbour> {
    let title = |id: &str| causes::find(id).map_or("", |cause| cause.title);
    let links = entry.causes().iter();
    links
        .map(|link| Neighbour { id: link.to.clone(), meaning: title(&link.to).to_owned(), why: link.why.clone() })
        .collect()
}

fn confused(entry: Entry) -> Vec<Neighbour> {
    let meaning = |id: &str| diagnosis::codes::by_id(id).map_or("", |other| other.code.meaning.as_str());
    let links = entry.code.confused.iter();
    links
        .map(|link| Neighbour { id: link.to.clone(), meaning: meaning(&link.to).to_owned(), why: link.why.clone() })
        .collect()
}

/// Suggests what to run or look at next; nothing where nothing is wrong.
fn next(entry: Entry) -> Vec<Measurement> {
    let code = entry.code;
    let mut next = Vec::new();
    if let (Some(log), Some(provider)) = (&code.log, &code.provider) {
        let filter = format!("@{{LogName='{log}'; ProviderName='{provider}'; Id={}}}", code.number);
        next.push(Measurement {
            command: format!("Get-WinEvent -MaxEvents 20 -FilterHashtable {filter}"),
            why: format!(
                "Shows these events on the {} (PowerShell, only reads).",
                code.side.map_or("machine", Role::word)
            ),
        });
    }
    if code.normal || entry.family.events && code.causes.is_empty() {
        return next;
    }
    next.extend(licensing(code.step));
    let number = entry.family.form.write(code.number);
    let options = match code.extended {
        Some(extended) => format!(" --code {number} --extended 0x{extended:X}"),
        None if entry.family.symptom => format!(" --code {number}"),
        None if entry.family.id == "extended" => format!(" --code CODE --extended {number}"),
        None if matches!(entry.family.id.as_str(), "freerdp" | "xfreerdp-exit") => " --client freerdp3".to_owned(),
        None => String::new(),
    };
    let usual = || why_diagnose(code.step).to_owned();
    let why = code.check.clone().unwrap_or_else(usual);
    next.push(Measurement { command: format!("{DIAGNOSE}{options}"), why });
    next
}

/// Measures what the host says of its licensing, which no probe can see.
fn licensing(step: Step) -> Option<Measurement> {
    let cause = causes::find("licensing-grace-expired").filter(|_| step == Step::Licence)?;
    Some(Measurement {
        command: Given::NOTHING.fill(cause.page.command),
        why: "Shows what the session host says of its licensing (PowerShell on it, only reads).".to_owned(),
    })
}

fn why_diagnose(step: Step) -> &'static str {
    match (step.stage(), step) {
        (Some(Stage::Name), _) => "Asks the same resolver and shows what it says.",
        (Some(_), _) => "Shows which step of the connection breaks, and what is ruled out.",
        (None, Step::Gateway) => "Looks at the host without the gateway, from where that is possible.",
        (None, Step::Client) => "Shows whether the host is sound up to the logon prompt.",
        (None, _) => "Shows whether all before the logon is sound; what comes after it is not tried.",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_code_explains_itself() {
        for entry in diagnosis::codes::all() {
            let answer = explain(&entry.id()).unwrap();
            let first = &answer.topics[0].entries[0];
            assert_eq!((first.id.clone(), answer.topics.len()), (entry.id(), 1));
            assert!(first.normal || !first.next.is_empty(), "{}: no next measurement", entry.id());
            for next in &first.next {
                let typed = next.command.contains("--code").then(|| next.command.split(' ').collect::<Vec<_>>());
                let at =
                    |typed: &[&str]| typed.iter().position(|word| *word == "--code").map(|at| typed[at + 1].to_owned());
                let code = typed.as_deref().and_then(at).filter(|code| code != "CODE");
                assert!(code.is_none_or(|code| diagnosis::symptom::parse_code(&code).is_ok()), "{}", next.command);
            }
        }
    }

    #[test]
    fn causes_and_fixes_are_explained_by_their_ids() {
        for id in causes::ALL.iter().map(|cause| cause.id).chain(diagnosis::fixes::ALL.iter().map(|fix| fix.id)) {
            let answer = explain(id).unwrap();
            assert_eq!((answer.known, answer.topics[0].entries[0].id.as_str()), (true, id));
        }
    }

    #[test]
    fn an_unknown_number_is_not_explained() {
        let answer = explain("0xDEADBEEF").unwrap();
        assert!(!answer.known && answer.topics[0].entries.is_empty() && !answer.topics[0].nearest.is_empty());
        assert!(!explain("no such thing").unwrap().known);
    }

    #[test]
    fn a_question_has_to_be_one_and_has_a_limit() {
        assert_eq!(explain(" \n\u{202e}-"), Err(QuestionError::Empty));
        assert_eq!(explain(&"7".repeat(LIMIT + 1)), Err(QuestionError::TooLong));
        assert!(explain(&"7 ".repeat(LIMIT / 2)).is_ok_and(|answer| answer.topics.len() == 1));
    }

    #[test]
    fn the_next_command_names_both_numbers() {
        let command = |text: &str| explain(text).unwrap().topics[0].entries[0].next[0].command.clone();
        assert_eq!(command("904/7"), "rdpdoctor diagnose HOST --code 0x904 --extended 0x7");
        assert_eq!(command("0x3 0x9"), "rdpdoctor diagnose HOST --code 0x3 --extended 0x9");
        assert_eq!(command("ext 9"), "rdpdoctor diagnose HOST --code CODE --extended 0x9");
        assert_eq!(command("0x204"), "rdpdoctor diagnose HOST --code 0x204");
    }

    fn words(question: &str, full: bool) -> String {
        human::render(&explain(question).unwrap(), crate::format::Style { width: 100, full, ..Default::default() })
    }

    #[test]
    fn the_pair_is_told_in_25_lines() {
        let text = words("0x904 0x7", true);
        assert!(text.lines().count() <= 25 && text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "2308",
            "closed the TCP connection",
            "the 7 is not a proven verdict of the server",
            "is not: by itself an expired certificate",
            "port: that gives 0x204",
            "rdpdoctor diagnose HOST --code 0x904 --extended 0x7",
            "inferred",
        ] {
            assert!(flowing.contains(said), "{said} is missing:\n{text}");
        }
        insta::assert_snapshot!("pair", text);
    }

    #[test]
    fn answers_read_as_they_should() {
        let asked = ["7", "1026", "-1073741715", "0xDEADBEEF", "0x507", "port-closed", "wake-host", "no such thing"];
        let text: Vec<String> =
            asked.iter().map(|question| format!("> explain {question}\n{}", words(question, false))).collect();
        insta::assert_snapshot!("answers", text.join("\n"));
    }

    #[test]
    fn weak_facts_say_so_in_the_answer() {
        let explained = &explain("disconnect/0x507").unwrap().topics[0].entries[0];
        assert!(explained.weak && explained.sources == ["from memory, not checked"]);
        let pair = &explain("0x904 0x7").unwrap().topics[0].entries[0];
        assert!(pair.weak && pair.sources.iter().any(|source| source == "inferred"));
    }

    proptest! {
        /// Whatever is pasted gets an answer, with nothing in it that paints a terminal.
        #[test]
        fn anything_can_be_asked(text in "(?s).{0,80}") {
            if let Ok(answer) = explain(&text) {
                let style = crate::format::Style { width: 60, ..Default::default() };
                let words = human::render(&answer, style);
                let hidden = |letter: char| letter != '\n' && printable(&letter.to_string()) != letter.to_string();
                prop_assert!(!words.chars().any(hidden), "{words:?}");
            }
        }

        #[test]
        fn any_event_can_be_pasted(id in "[0-9]{0,6}", data in "(?s)[^<]{0,20}", provider in "[A-Za-z'\"-]{0,20}") {
            let xml = format!("<Event x><Provider Name='{provider}'/><EventID>{id}</EventID><Data>{data}</Data><Binary>{data}</Binary>");
            prop_assert!(explain(&xml).is_ok());
        }
    }
}
