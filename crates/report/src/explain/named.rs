//! Finds causes, fixes, claims and guides by id, and by words that people type.

use std::sync::LazyLock;

use diagnosis::cause::Cause;
use diagnosis::claims::Claim;
use diagnosis::codes::{Entry, Reading};
use diagnosis::fixes::{Fix, Safety};
use diagnosis::{causes, claims, codes, fixes};

use super::{Explained, Measurement, Neighbour, Topic};
use crate::guides::{self, Guide};
use crate::search::{self, Index};
use crate::words::capital;

/// Hits of a search that are shown.
const HITS: usize = 5;
/// Share of a question that a hit has to cover; below that it matched by accident.
const COVERED: f64 = 0.4;
/// Share that a claim has to cover where something else is known already.
const CLAIMED: f64 = 0.6;
/// Words from which on a question counts as a pasted message.
const MOST_WORDS: usize = 12;
/// Score that a hit has to reach; below that it shares only a common word with the question.
const FITS: f64 = 2.5;
/// Ids of one text that are explained.
const MOST: usize = 8;

/// Explains every word that is the id of a cause or a fix.
pub(super) fn by_id(question: &str) -> Vec<Topic> {
    let words = question.split(|letter: char| letter.is_whitespace() || ",;()\"'`".contains(letter));
    let mut topics: Vec<Topic> = Vec::new();
    for word in words.map(|word| word.trim_end_matches(['.', ':']).to_lowercase()) {
        if topics.len() < MOST && !topics.iter().any(|topic| topic.text == word) {
            // codes are found where numbers and their context are read
            let found = by_exact_id(&word).filter(|found| found.number.is_none());
            topics.extend(found.map(|entry| topic(&word, vec![entry])));
        }
    }
    topics
}

/// Lists the ids of the claims about a code.
pub(super) fn claims_about(entry: Entry) -> Vec<String> {
    let number = entry.code.number;
    match entry.family.id.as_str() {
        "disconnect" | "pair" | "gateway" => ids(claims::about_code(number)),
        _ if entry.family.events => ids(claims::about_event(number)),
        _ => Vec::new(),
    }
}

/// Lists ids, harmful claims first.
fn ids(claims: impl Iterator<Item = &'static Claim>) -> Vec<String> {
    let mut claims: Vec<&Claim> = claims.collect();
    claims.sort_by_key(|claim| !claim.harmful());
    claims.into_iter().map(|claim| claim.id.clone()).collect()
}

/// Searches by words, where nothing in the question was an id, a name or a known number. One topic, with the best hit
/// first, or none.
pub(super) fn by_words(question: &str) -> Option<Topic> {
    let hits = INDEX.find(question, HITS).into_iter().filter(|hit| hit.covered >= COVERED && hit.score >= FITS);
    let entries: Vec<Explained> = hits.filter_map(|hit| by_exact_id(&hit.id)).collect();
    let text: String = question.trim().chars().take(super::REPEATED).collect();
    (!entries.is_empty()).then(|| Topic { by_words: true, ..topic(&text, entries) })
}

/// Finds the claim that a code and a few words are about, such as "0x904 write protected media".
pub(super) fn claimed(question: &str) -> Option<Topic> {
    let names_a_code =
        |word: &str| ["code", "error", "extend", "event"].iter().any(|part| word.to_lowercase().contains(part));
    let words =
        question.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic) && !names_a_code(word)).count();
    let first = INDEX.find(question, 1).pop()?;
    let asked = (2..=MOST_WORDS).contains(&words) && first.kind == "claim";
    let known = claims::find(&first.id).filter(|_| asked && first.covered >= CLAIMED && first.score >= FITS)?;
    Some(Topic { by_words: true, ..topic(&known.id, vec![claim(known)]) })
}

static INDEX: LazyLock<Index> = LazyLock::new(|| Index::new(search::documents()));

/// Explains the thing of this id; the one place that knows which kinds of things have ids.
fn by_exact_id(id: &str) -> Option<Explained> {
    let of_code = || codes::by_id(id).map(|entry| super::explained(&Reading { entry, read_as: None }));
    let of_guide = || guides::ALL.iter().find(|guide| guide.id == id).map(guide);
    causes::find(id)
        .map(cause)
        .or_else(|| fixes::find(id).map(fix))
        .or_else(|| claims::find(id).map(claim))
        .or_else(of_guide)
        .or_else(of_code)
}

fn topic(text: &str, entries: Vec<Explained>) -> Topic {
    Topic {
        text: diagnosis::printable::printable(text),
        by_words: false,
        entries,
        parts: Vec::new(),
        remark: None,
        nearest: Vec::new(),
    }
}

fn blank(kind: &str, id: &str, title: &str, meaning: String) -> Explained {
    Explained {
        kind: kind.to_owned(),
        id: id.to_owned(),
        title: title.to_owned(),
        number: None,
        extended: None,
        name: None,
        read_as: None,
        meaning,
        note: None,
        shown: None,
        client: None,
        stage: None,
        normal: false,
        event: None,
        not: Vec::new(),
        causes: Vec::new(),
        fixes: Vec::new(),
        claims: Vec::new(),
        confused: Vec::new(),
        steps: Vec::new(),
        next: Vec::new(),
        sources: Vec::new(),
        confidence: None,
        weak: false,
    }
}

fn cause(cause: &'static Cause) -> Explained {
    let page = &cause.page;
    let produced = cause.codes.iter().filter_map(|&number| codes::find("disconnect", number));
    let produced = produced.map(|entry| Neighbour {
        id: entry.id(),
        meaning: entry.code.meaning.clone(),
        why: "a client can show it because of this".to_owned(),
    });
    let brought = cause.explains.iter().filter_map(|link| causes::find(link.cause));
    let brought = brought.map(|other| Neighbour {
        id: other.id.to_owned(),
        meaning: other.title.to_owned(),
        why: "this can bring it about".to_owned(),
    });
    Explained {
        note: Some(format!("{} {} {}", page.what_happens, page.why, page.how_to_fix)),
        stage: Some(cause.stage.word().to_owned()),
        causes: brought.collect(),
        claims: ids(claims::about_cause(cause.id)),
        fixes: cause.fixes.iter().map(|&fix| fix.to_owned()).collect(),
        confused: produced.collect(),
        next: vec![
            Measurement {
                command: "rdpdoctor diagnose HOST".to_owned(),
                why: "Shows whether this is the fault of a host.".to_owned(),
            },
            Measurement { command: page.command.to_owned(), why: format!("{} (PowerShell, only reads)", page.confirm) },
        ],
        sources: page.references.iter().map(|&text| text.to_owned()).collect(),
        ..blank("cause", cause.id, "cause", format!("the connection fails because {}", cause.title))
    }
}

fn fix(fix: &'static Fix) -> Explained {
    let helped = causes::ALL.iter().filter(|cause| cause.fixes.contains(&fix.id));
    let sentence = |text: &str| format!("{}.", text.trim_end_matches('.'));
    let note = match fix.safety {
        Safety::Refused => format!("Refused: {} If it was done: {}", sentence(fix.reason), sentence(fix.undo)),
        safety => format!(
            "{}: {} Where: {} Then: {} To go back: {}",
            capital(safety.word()),
            sentence(fix.reason),
            sentence(fix.place),
            sentence(fix.verify),
            sentence(fix.undo)
        ),
    };
    let title = if fix.safety == Safety::Refused { "refused fix" } else { "fix" };
    Explained {
        note: Some(note),
        causes: helped.map(|cause| of_cause(cause, "it helps against this")).collect(),
        claims: ids(claims::about_fix(fix.id)),
        steps: fix.steps.iter().map(|step| fixes::pasted(step)).collect(),
        ..blank("fix", fix.id, title, fix.title.to_owned())
    }
}

fn of_cause(cause: &Cause, why: &str) -> Neighbour {
    Neighbour { id: cause.id.to_owned(), meaning: cause.title.to_owned(), why: why.to_owned() }
}

fn claim(claim: &'static Claim) -> Explained {
    let mut note = format!("{}. {}", capital(claim.verdict.words()), claim.why);
    if let Some(instead) = &claim.instead {
        note = format!("{note} Instead: {instead}");
    }
    if let Some(beware) = &claim.beware {
        note = format!("{}. {note}", capital(beware));
    }
    let causes = claim.causes.iter().filter_map(|id| causes::find(id));
    Explained {
        note: Some(note),
        causes: causes.map(|cause| of_cause(cause, "the claim is about this")).collect(),
        fixes: claim.fixes.clone(),
        sources: claim.sources.clone(),
        ..blank("claim", &claim.id, &format!("claim: {}", claim.verdict.word()), claim.claim.clone())
    }
}

fn guide(guide: &'static Guide) -> Explained {
    let place = format!("In the book: docs/book/{}.md.", guide.id);
    let meaning = format!("{}: {}", guide.title, guide.about);
    Explained { note: Some(place), ..blank("guide", guide.id, "guide", meaning) }
}
