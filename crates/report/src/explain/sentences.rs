//! Interprets the sentences and updates in a text, as topics.

use std::collections::HashSet;

use diagnosis::printable::printable;
use diagnosis::regressions::{self, Regression};
use diagnosis::{causes, codes};

use super::about::About;
use super::said::{FAILS, Said, said};
use super::tokens::Tokens;
use super::{DIAGNOSE, Explained, Found, Measurement, Neighbour, Topic, named};
use crate::messages::{self, Message};
use crate::words::capital;

/// Score of a sentence of each rank, from 0 to 100.
const SCORES: [u8; 5] = [0, 34, 56, 78, 88];
/// How much less a sentence says that was found by its telling words.
const NEAR: u8 = 10;
/// Score of a fault in a file that was pasted whole.
const FILE: u8 = 90;
/// Score of the number of an update.
const UPDATE: u8 = 57;
/// How much of the line in which a sentence stands is repeated.
const SHOWN: usize = 100;

/// Every sentence and update in a text.
pub(super) fn found(question: &str, tokens: &Tokens, about: &About) -> Vec<Found> {
    let lines: Vec<&str> = question.lines().collect();
    let line = |at: usize| lines.get(at).map_or("", |line| line.trim()).chars().take(SHOWN).collect::<String>();
    let mut found: Vec<Found> = said(tokens, about).iter().map(|said| topic(said, &line(said.line))).collect();
    let mut seen = HashSet::new();
    let updates =
        tokens.iter().filter(|word| word.len() >= 8 && word.starts_with("kb") && seen.insert(word.to_owned()));
    found.extend(updates.filter_map(|word| {
        let entry = update(word)?;
        Some(Found { score: UPDATE, topic: named::topic(&word.to_uppercase(), vec![entry]) })
    }));
    found.extend(begun(tokens).filter(|_| !about.foreign));
    found.extend(function(tokens).filter(|_| about.ours));
    found.extend(rdp_file(question));
    found
}

/// Tells the faults of a pasted `.rdp` file, by the rules that `inspect` judges it by.
fn rdp_file(question: &str) -> Option<Found> {
    let faults = diagnosis::rdp_file_faults(question);
    let first = faults.first()?;
    let mut topic = named::topic(first, named::by_exact_id("rdp-file-misconfigured").into_iter().collect());
    let told = faults.iter().map(|fault| capital(fault)).collect::<Vec<_>>().join(". ");
    topic.remark = Some(printable(&format!("{told}.")));
    Some(Found { score: FILE, topic })
}

/// The first word that begins as the numbers of a message do, and is no number of its own.
fn begun(tokens: &Tokens) -> Option<Found> {
    let hexadecimal = |rest: &str| rest.len() >= 3 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let begin = |message: &'static Message| message.begins.iter().map(move |begin| (begin.as_str(), message));
    let known: Vec<(&str, &Message)> = messages::all().iter().flat_map(begin).collect();
    let of = |word: &str| {
        let begins = |(begin, _): &&(&str, &Message)| word.strip_prefix(begin).is_some_and(hexadecimal);
        known.iter().find(begins).map(|(_, message)| *message)
    };
    let (word, message) = tokens.iter().find_map(|word| of(word).map(|message| (word, message)))?;
    let score = SCORES.get(usize::from(message.rank)).copied().unwrap_or_default();
    Some(Found { score, topic: named::topic(&word.to_uppercase(), entries(message)) })
}

/// The first name of a function in a line that tells of an error, as the part of a program that it belongs to.
fn function(tokens: &Tokens) -> Option<Found> {
    let fails = |at: &usize| FAILS.contains(&tokens.get(*at));
    let failing: HashSet<usize> = (0..tokens.len()).filter(fails).map(|at| tokens.line(at)).collect();
    let begin = |message: &'static Message| message.functions.iter().map(move |begin| (begin.as_str(), message));
    let known: Vec<(&str, &Message)> = messages::all().iter().flat_map(begin).collect();
    let of = |at: usize| {
        let name = Some(tokens.get(at)).filter(|word| word.contains('_') && failing.contains(&tokens.line(at)))?;
        known.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, message)| (name, *message))
    };
    let (name, message) = (0..tokens.len()).find_map(of)?;
    let score = SCORES.get(usize::from(message.rank)).copied().unwrap_or_default();
    Some(Found { score, topic: named::topic(name, entries(message)) })
}

/// The entries that a sentence or symptom leads to.
fn entries(message: &'static Message) -> Vec<Explained> {
    match &message.id {
        Some(_) => vec![self::message(message)],
        None => message.to.iter().filter_map(|id| named::by_exact_id(id)).collect(),
    }
}

/// A symptom that a question tells of in words of its own.
pub(super) fn symptom(message: &'static Message, question: &str) -> Topic {
    let mut topic = named::topic(&question.trim().chars().take(SHOWN).collect::<String>(), entries(message));
    topic.remark =
        Some("It was recognised by everyday words: if it is another question, paste the message itself.".to_owned());
    topic
}

/// A dialog in another language.
pub(super) fn dialog(message: &'static Message, question: &str) -> Topic {
    let mut topic = named::topic(&question.trim().chars().take(SHOWN).collect::<String>(), entries(message));
    topic.remark = Some("It was recognised by its telling words: compare the rest of it.".to_owned());
    topic
}

fn topic(said: &Said, line: &str) -> Found {
    let message = said.message;
    let entries = entries(message);
    let by_telling_words = "It was recognised by its telling words: compare the rest of it.";
    let unattested = "This wording of the language is not from a source; it was recognised by its telling words.";
    let remark = match (said.exact, message.attested) {
        (false, _) => Some(by_telling_words),
        (true, false) => Some(unattested),
        (true, true) => None,
    };
    let score = SCORES.get(usize::from(message.rank)).copied().unwrap_or_default();
    let score = if said.exact { score } else { score.saturating_sub(NEAR) };
    let mut topic = named::topic(&printable(line), entries);
    topic.remark = remark.map(str::to_owned);
    Found { score, topic }
}

/// Summarises an entry by its id.
fn see(id: &str) -> Option<Neighbour> {
    let code = codes::by_id(id).map(|entry| entry.code.meaning.clone());
    let meaning = code
        .or_else(|| messages::find(id).map(|message| message.meaning.clone()))
        .or_else(|| causes::find(id).map(|cause| cause.title.to_owned()))?;
    Some(Neighbour { id: id.to_owned(), meaning, why: String::new() })
}

/// A sentence with an answer of its own.
pub(super) fn message(message: &'static Message) -> Explained {
    let title = |id: &str| causes::find(id).map_or("", |cause| cause.title).to_owned();
    let links = message.causes.iter();
    let mut next: Vec<Measurement> = Vec::new();
    if let (Some(command), Some(why)) = (&message.run, &message.why) {
        next.push(Measurement { command: command.clone(), why: why.clone() });
    } else if !message.causes.is_empty() {
        let why = "Shows which step of the connection breaks, and what is ruled out.".to_owned();
        next.push(Measurement { command: DIAGNOSE.to_owned(), why });
    }
    let weak = message.confidence == codes::Sureness::Low;
    Explained {
        note: message.note.clone(),
        normal: message.normal(),
        causes: links
            .map(|link| Neighbour { id: link.to.clone(), meaning: title(&link.to), why: link.why.clone() })
            .collect(),
        confused: message.see.iter().filter_map(|id| see(id)).collect(),
        next,
        sources: message.sources.clone(),
        confidence: Some(message.confidence),
        weak,
        ..named::blank(
            "message",
            message.id.as_deref().unwrap_or_default(),
            &if message.program.is_empty() { "symptom".to_owned() } else { format!("message of {}", message.program) },
            message.meaning.clone(),
        )
    }
}

/// An update of Windows that is known to break Remote Desktop, or to cure it.
pub(super) fn update(name: &str) -> Option<Explained> {
    let name = name.to_uppercase();
    let rows: Vec<&Regression> =
        regressions::all().iter().filter(|row| row.introduced == name || row.cured == name).collect();
    let first = rows.first()?;
    let machine =
        if first.harms_host() { "the machine that people connect to" } else { "the machine that people connect from" };
    let cures = first.cured == name;
    let meaning = if cures {
        format!("it cures what {} brought on {machine}: {}", first.introduced, first.breaks)
    } else {
        format!("since this update, on {machine}: {}", first.breaks)
    };
    let place = |row: &&Regression| {
        format!("{} {}.{} to before {}.{}", row.introduced, row.build, row.from, row.build, row.until)
    };
    let builds: Vec<String> = rows.iter().map(place).collect();
    let cure = if cures { String::new() } else { format!("{} cures it. ", first.cured) };
    let until = first.until_then.as_ref().map(|text| format!("{text} ")).unwrap_or_default();
    let note = format!("{cure}{until}Builds: {}. What is known as of {}.", builds.join("; "), regressions::as_of());
    let cause = if first.harms_host() { "update-regression" } else { "client-update-regression" };
    let title = causes::find(cause).map_or("", |cause| cause.title).to_owned();
    Some(Explained {
        note: Some(note),
        causes: vec![Neighbour {
            id: cause.to_owned(),
            meaning: title,
            why: "the machine runs such a build".to_owned(),
        }],
        next: vec![Measurement {
            command: "Get-ComputerInfo -Property OsBuildNumber, WindowsUBR".to_owned(),
            why: "Shows build and revision (PowerShell on that machine, only reads).".to_owned(),
        }],
        sources: rows
            .iter()
            .map(|row| row.source.clone())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect(),
        confidence: Some(if first.inferred { codes::Sureness::Low } else { codes::Sureness::Medium }),
        weak: first.inferred,
        ..named::blank("update", &format!("update/{name}"), "update of Windows", meaning)
    })
}
