//! What has a name of its own: causes and fixes by their ids. Everything beside codes joins here, in three places: kinds
//! of things that have an id (`by_exact_id`), claims about a code (`claims_about`), the search by words (`by_words`).

use super::{Explained, Measurement, Neighbour, Topic};
use crate::cause::Cause;
use crate::codes::{self, Entry};
use crate::fixes::Fix;
use crate::{causes, fixes};

/// How many ids of one text are explained.
const MOST: usize = 8;

/// Every word that is the id of a cause or a fix.
pub(super) fn by_id(question: &str) -> Vec<Topic> {
    let words = question.split(|letter: char| letter.is_whitespace() || ",;()\"'`".contains(letter));
    let mut topics: Vec<Topic> = Vec::new();
    for word in words.map(|word| word.trim_end_matches(['.', ':']).to_lowercase()) {
        if topics.len() < MOST && !topics.iter().any(|topic| topic.text == word) {
            topics.extend(by_exact_id(&word).map(|entry| topic(&word, vec![entry])));
        }
    }
    topics
}

/// The ids of the claims that speak of a code.
pub(super) fn claims_about(_entry: Entry) -> Vec<String> {
    Vec::new()
}

/// The search by words: asked where nothing in the question was an id, a name or a known number. One topic, with the best hit
/// first, or none.
pub(super) fn by_words(_question: &str) -> Option<Topic> {
    None
}

/// The one place that knows which kinds of things have an id.
fn by_exact_id(id: &str) -> Option<Explained> {
    causes::find(id).map(cause).or_else(|| fixes::find(id).map(fix))
}

fn topic(text: &str, entries: Vec<Explained>) -> Topic {
    Topic { text: crate::printable::printable(text), entries, parts: Vec::new(), remark: None, nearest: Vec::new() }
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
    let helped = helped.map(|cause| Neighbour {
        id: cause.id.to_owned(),
        meaning: cause.title.to_owned(),
        why: "it helps against this".to_owned(),
    });
    let sentence = |text: &str| format!("{}.", text.trim_end_matches('.'));
    Explained {
        note: Some(format!(
            "{}: {} Where: {} Then: {} To go back: {}",
            fix.safety.word(),
            sentence(fix.reason),
            sentence(fix.place),
            sentence(fix.verify),
            sentence(fix.undo)
        )),
        causes: helped.collect(),
        steps: fix.steps.iter().map(|&step| step.to_owned()).collect(),
        ..blank("fix", fix.id, "fix", fix.title.to_owned())
    }
}
