//! Finds causes, fixes, claims and guides by id, and by words that people type.

use std::sync::LazyLock;

use diagnosis::cause::{Cause, Severity};
use diagnosis::claims::Claim;
use diagnosis::codes::{Entry, Reading};
use diagnosis::fixes::{Fix, Given, Safety, powershell};
use diagnosis::{causes, claims, codes, fixes};

use super::about::About;
use super::trouble::states_trouble;
use super::{Explained, Measurement, Neighbour, Topic, sentences};
use crate::guides::{self, Guide};
use crate::messages;
use crate::search::{self, Index, LONGEST_QUERY};
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
const FITS: f64 = 2.6;
/// Ids of one text that are explained.
const MOST: usize = 8;
/// Letters of the longest id.
const LONGEST_ID: usize = 80;
/// Up to this many words a question was typed by somebody who looks for something; more are a pasted message.
const TYPED: usize = 9;
/// How much of a pasted message a hit has to answer. The tests of pastes measure it: nothing about other things may
/// have one.
const COVERED_OF_MESSAGE: f64 = 0.65;
/// Share of the telling words of a question that a hit has to be about: that its text mentions them is not enough.
const SUBJECT: f64 = 0.5;
/// Up to this many words a question is the name of something, and what is about all of it is its answer.
const NAME: usize = 3;
const OF_NAME: f64 = 0.65;
/// Share of a question of everyday words that a hit has to cover, and share that one phrase of the hit has to be.
const EVERYDAY: f64 = 0.9;
const OF_PHRASE: f64 = 0.2;
/// Share of a question that a phrase of a fix has to be where one word is telling: "how to enable remote desktop".
const WHOLE: f64 = 0.45;
/// Words of the field, as stems, that no everyday sentence has.
const FIELD: [&str; 36] = [
    "tls",
    "tls1",
    "ssl",
    "ntlm",
    "kerbero",
    "spn",
    "setspn",
    "cipher",
    "handshake",
    "machinekey",
    "machin",
    "keycontainer",
    "f686aace",
    "winsx",
    "sfc",
    "dism",
    "gpo",
    "schannel",
    "mslicens",
    "securitylayer",
    "certlm",
    "certutil",
    "w32tm",
    "nxdomain",
    "servfail",
    "procmon",
    "winevent",
    "fips",
    "smartcard",
    "keyset",
    "sysprep",
    "mtu",
    "cve",
    "kdc",
    "icacl",
    "redact",
];
/// How well a hit has to fit a pasted message.
const FITS_MESSAGE: f64 = 9.0;

/// Explains every word that is the id of a cause or a fix.
pub(super) fn by_id(question: &str) -> Vec<Topic> {
    let words = question.split(|letter: char| letter.is_whitespace() || ",;()\"'`".contains(letter));
    // ids are words joined by hyphens, numbers of claims, and lists with a name
    let could = |word: &&str| word.len() <= LONGEST_ID && (word.contains(['-', '/']) || word.len() == 3);
    let words = words.filter(could);
    let mut topics: Vec<Topic> = Vec::new();
    for word in words.map(|word| word.trim_end_matches(['.', ':']).to_lowercase()) {
        if topics.len() < MOST && !topics.iter().any(|topic| topic.text == word) {
            // codes are found where numbers and their context are read
            let found = by_exact_id(&word).filter(|found| found.number.is_none() || found.kind == "update");
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

/// The search by words: asked where nothing in the question was an id, a name, a sentence or a known number. One topic,
/// with the best hit first, or none. A fix is an answer to who asks how to do it, never to a message.
pub(super) fn by_words(question: &str, about: &About) -> Option<Topic> {
    searched(question, about, false)
}

/// Searches by words, or for what stands `beside` an answer by name, where one telling word more is enough.
fn searched(question: &str, about: &About, beside: bool) -> Option<Topic> {
    if about.foreign {
        return None;
    }
    let message = pasted(question);
    // the search reads no more, so no more of it is compared with what was found
    let question = question.char_indices().nth(LONGEST_QUERY).map_or(question, |(end, _)| &question[..end]);
    let (covered, fits) = if message { (COVERED_OF_MESSAGE, FITS_MESSAGE) } else { (COVERED, FITS) };
    let hits = INDEX.find(question, HITS).into_iter();
    // of a single word the field may have many entries, so that none of them fits well
    let single = |hit: &search::Hit| !question.trim().contains(char::is_whitespace) && hit.subject >= OF_NAME;
    let fits = |hit: &search::Hit| hit.covered >= covered && (hit.score >= fits || single(hit));
    let trouble = message || states_trouble(question);
    let hits = hits.filter(|hit| fits(hit) && !(trouble && hit.kind == "fix"));
    // one word says what is meant, and not what somebody wants to do or to believe
    let one = search::terms(question).iter().filter(|term| search::telling(term)).count() < 2;
    let enough = |hit: &search::Hit| match hit.kind {
        "claim" => (!one || !about.ours) && hit.subject >= CLAIMED,
        "fix" => (!one || hit.phrase >= WHOLE) && hit.subject >= SUBJECT,
        _ => hit.subject >= SUBJECT,
    };
    // so is a guide for whoever tells of trouble, unless its own words for that are there
    let vague = |hit: &search::Hit| (one || hit.kind == "guide") && trouble && !beside;
    let named = |hit: &search::Hit| hit.kind != "guide" && called(hit, question);
    let alone = |hit: &search::Hit| !vague(hit) || hit.phrase >= OF_PHRASE || named(hit);
    let hits: Vec<_> = hits.filter(|hit| enough(hit) && alone(hit) && carries(hit, about, question)).collect();
    let matched = hits.first().map(|hit| hit.matched.clone()).unwrap_or_default();
    let entries: Vec<Explained> = hits.iter().filter_map(|hit| by_exact_id(&hit.id)).collect();
    let text: String = question.trim().chars().take(super::REPEATED).collect();
    (!entries.is_empty()).then(|| Topic { by_words: true, matched, ..topic(&text, entries) })
}

/// True if a telling word of the question is in the name of what was found: of one word alone, that something mentions
/// it is not enough.
fn called(hit: &search::Hit, question: &str) -> bool {
    let name = search::terms(&hit.id);
    // of a misspelt word what it stands for
    let words = search::terms(question).into_iter().chain(search::terms(&hit.matched.join(" ")));
    words.into_iter().any(|term| search::telling(&term) && name.contains(&term))
}

/// True if the words carry this hit: Remote Desktop is named, or one of the field's own words; else the hit has to have
/// nearly all of them, and a phrase of it has to be there whole. A fix changes a machine, so everyday words never lead
/// to one.
fn carries(hit: &search::Hit, about: &About, question: &str) -> bool {
    let named = matches!(hit.kind, "cause" | "guide" | "code") && hit.subject >= OF_NAME;
    let short = question.split_whitespace().count() <= NAME;
    let single = !question.trim().contains(char::is_whitespace) && called(hit, question);
    let name =
        named && short && (hit.phrase >= OF_PHRASE || single) && !(hit.kind == "guide" && states_trouble(question));
    about.ours
        || name
        || search::terms(question).iter().any(|term| FIELD.contains(&term.as_str()))
        || hit.kind != "fix" && hit.covered >= EVERYDAY && hit.phrase >= OF_PHRASE
}

/// A text that somebody pasted: longer than what people type, or a sentence about something that went wrong.
fn pasted(question: &str) -> bool {
    const WENT_WRONG: [&str; 14] = [
        "error",
        "failed",
        "could not",
        "couldn't",
        "cannot",
        "can't",
        "unable",
        "disconnected",
        "ended",
        "denied",
        "refused",
        "terminated",
        "lost",
        "failure",
    ];
    let question = question.trim();
    let words = question.split_whitespace().take(TYPED + 1).count();
    if words > TYPED || question.contains('\n') {
        return true;
    }
    let lower = question.to_lowercase();
    let wrong = words > 4 && WENT_WRONG.iter().any(|word| lower.contains(word));
    wrong || words > 4 && question.ends_with(['.', '!'])
}

/// The guides that are nearest to words of which nothing is known; none where they share hardly a word.
pub(super) fn guides_near(question: &str) -> Option<Topic> {
    if pasted(question) {
        return None;
    }
    let hits = INDEX.find(question, HITS * 4).into_iter().filter(|hit| hit.kind == "guide" && hit.score >= FITS);
    let near = hits.take(2).filter_map(|hit| {
        let guide = guides::ALL.iter().find(|guide| guide.id == hit.id)?;
        Some(Neighbour { id: guide.id.to_owned(), meaning: guide.title.to_owned(), why: "a guide".to_owned() })
    });
    let nearest: Vec<Neighbour> = near.collect();
    let text: String = question.trim().chars().take(super::REPEATED).collect();
    (!nearest.is_empty()).then(|| Topic { nearest, ..topic(&text, Vec::new()) })
}

/// Finds what the words of a typed question lead to beside a name in it: "rdp wrapper" is a cause by its name, and a
/// guide.
pub(super) fn typed(question: &str, told: &[Topic], about: &About) -> Option<Topic> {
    let names = told.first().is_some_and(|topic| topic.entries.first().is_some_and(|entry| entry.number.is_none()));
    if pasted(question) || !names {
        return None;
    }
    let found = searched(question, about, true)?;
    let first = &found.entries.first()?.id;
    let said = told.iter().any(|topic| topic.entries.first().is_some_and(|entry| entry.id == *first));
    let kind = &found.entries.first()?.kind;
    (!said && matches!(kind.as_str(), "cause" | "guide")).then_some(found)
}

/// Finds the claim that a code and a few words are about, such as "0x904 write protected media".
pub(super) fn claimed(question: &str) -> Option<Topic> {
    let names_a_code =
        |word: &str| ["code", "error", "extend", "event"].iter().any(|part| word.to_lowercase().contains(part));
    let words = question.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic) && !names_a_code(word));
    let words = words.take(MOST_WORDS + 1).count();
    if !(2..=MOST_WORDS).contains(&words) {
        return None;
    }
    let first = INDEX.find(question, 1).pop()?;
    let known =
        claims::find(&first.id).filter(|_| first.kind == "claim" && first.covered >= CLAIMED && first.score >= FITS)?;
    Some(Topic { by_words: true, matched: first.matched, ..topic(&known.id, vec![claim(known)]) })
}

static INDEX: LazyLock<Index> = LazyLock::new(|| Index::new(search::documents()));

/// Explains the thing of this id; the one place that knows which kinds of things have ids.
pub(super) fn by_exact_id(id: &str) -> Option<Explained> {
    let of_code = || codes::by_id(id).map(|entry| super::explained(&Reading { entry, read_as: None }));
    let of_guide = || guides::ALL.iter().find(|guide| guide.id == id).map(guide);
    causes::find(id)
        .map(cause)
        .or_else(|| fixes::find(id).map(fix))
        .or_else(|| claims::find(id).map(claim))
        .or_else(of_guide)
        // reading the messages takes time, and all their ids have a list before them
        .or_else(|| messages::find(Some(id).filter(|id| id.contains('/'))?).map(sentences::message))
        .or_else(|| sentences::update(id.get(..7)?.eq_ignore_ascii_case("update/").then(|| &id[7..])?))
        .or_else(of_code)
}

pub(super) fn topic(text: &str, entries: Vec<Explained>) -> Topic {
    Topic {
        text: diagnosis::printable::printable(text),
        by_words: false,
        matched: Vec::new(),
        entries,
        parts: Vec::new(),
        remark: None,
        nearest: Vec::new(),
    }
}

pub(super) fn blank(kind: &str, id: &str, title: &str, meaning: String) -> Explained {
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
        next: next(cause),
        sources: page.references.iter().map(|&text| text.to_owned()).collect(),
        ..blank("cause", cause.id, "cause", format!("{}: {}", sort(cause.severity), cause.title))
    }
}

/// Lists what tells whether this is the cause: a probe first where one can see it, else the command that confirms it.
fn next(cause: &Cause) -> Vec<Measurement> {
    let measurement = |command: &str, why: &str| Measurement { command: command.to_owned(), why: why.to_owned() };
    let confirm = measurement(
        &Given::NOTHING.fill(cause.page.command),
        &format!("{} (PowerShell, only reads)", cause.page.confirm),
    );
    if cause.shows_to_a_probe() {
        return vec![measurement(super::DIAGNOSE, "Shows whether this is the fault of a host."), confirm];
    }
    let of_file = cause.page.command.contains("FILE.rdp");
    let (command, why) = if of_file {
        ("rdpdoctor inspect FILE.rdp", "Shows what the file asks for, and whether its signature is intact.")
    } else {
        (
            "rdpdoctor inspect FOLDER",
            "Reads copies of the machine's logs and settings, and says whether this is in them.",
        )
    };
    let inspect = measurement(command, why);
    if of_file { vec![inspect, confirm] } else { vec![confirm, inspect] }
}

/// Names the kind of a cause, so that looking one up does not read like a verdict.
fn sort(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "a cause of connections that fail",
        Severity::Degrading => "a cause of connections that are slow, warned of or unsafe",
        Severity::Advisory => "no fault by itself, and worth knowing",
    }
}

fn fix(fix: &'static Fix) -> Explained {
    let helped = causes::ALL.iter().filter(|cause| cause.fixes.contains(&fix.id));
    let sentence = |text: &str| format!("{}.", text.trim_end_matches('.'));
    let note = match fix.safety {
        Safety::Refused => {
            format!("Refused: {} If it was done: {}", sentence(fix.reason), sentence(&Given::NOTHING.fill(fix.undo)))
        }
        safety => format!(
            "{}: {} Where: {} Then: {} To go back: {}",
            capital(safety.word()),
            sentence(fix.reason),
            sentence(&fix.place.words()),
            sentence(&Given::NOTHING.fill(fix.verify)),
            sentence(&Given::NOTHING.fill(fix.undo))
        ),
    };
    let title = if fix.safety == Safety::Refused { "refused fix" } else { "fix" };
    Explained {
        note: Some(note),
        causes: helped.map(|cause| of_cause(cause, "it helps against this")).collect(),
        claims: ids(claims::about_fix(fix.id)),
        steps: powershell::lines(fix, &Given::NOTHING),
        ..blank("fix", fix.id, title, fix.title.to_owned())
    }
}

fn of_cause(cause: &Cause, why: &str) -> Neighbour {
    Neighbour { id: cause.id.to_owned(), meaning: cause.title.to_owned(), why: why.to_owned() }
}

fn claim(claim: &'static Claim) -> Explained {
    let mut note = claim.why.clone();
    if let Some(instead) = &claim.instead {
        note = format!("{note} Instead: {instead}");
    }
    // the verdict first: whoever reads one line must not take the advice for ours
    let verdict = claim.verdict.words();
    let warned = claim.beware.as_ref().map(|beware| format!("{beware} ({verdict})"));
    let meaning = format!("{}: \"{}\"", warned.as_deref().unwrap_or(verdict), claim.claim);
    let causes = claim.causes.iter().filter_map(|id| causes::find(id));
    Explained {
        note: Some(note),
        causes: causes.map(|cause| of_cause(cause, "the claim is about this")).collect(),
        fixes: claim.fixes.clone(),
        sources: claim.sources.clone(),
        ..blank("claim", &claim.id, &format!("claim: {}", claim.verdict.word()), meaning)
    }
}

fn guide(guide: &'static Guide) -> Explained {
    let place = format!("Read it with: rdpdoctor explain {} --full.", guide.id);
    let meaning = format!("{}: {}", guide.title, guide.about);
    let lines = guide.text.lines().map(str::to_owned).collect();
    Explained { note: Some(place), steps: lines, ..blank("guide", guide.id, "guide", meaning) }
}
