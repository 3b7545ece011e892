//! The whole answer in words, for a terminal: the likeliest meaning in full, every other one in short. Without `full`,
//! the answer is that of `brief.rs`.

use diagnosis::codes::Sureness;

use super::{Answer, Explained, Neighbour, Topic, brief};
use crate::format::Style;
use crate::human::{Paper, wrap};
use crate::words::{STEPS, capital};

/// Causes that are given with their reasons; the others by name only.
const REASONED: usize = 3;
/// Further causes that are named; the JSON has them all.
const NAMED: usize = 7;
/// How many of the words are named by which something was found.
pub(super) const MATCHED: usize = 5;
/// Short entries after a full one, and claims that are named.
const SHORT: usize = 8;

/// The answer in words: on a dozen lines, or with `full` everything that there is.
pub fn render(answer: &Answer, style: Style) -> String {
    if !style.full {
        return brief::render(answer, style);
    }
    let mut paper = Paper::new(style);
    for (number, topic) in answer.topics.iter().enumerate() {
        if number > 0 {
            paper.blank();
        }
        render_topic(&mut paper, topic);
    }
    if answer.topics.is_empty() {
        nothing(&mut paper, answer);
    }
    paper.text()
}

/// Nothing in the question is known.
pub(super) fn nothing(paper: &mut Paper, answer: &Answer) {
    let asked: String = answer.asked.split_whitespace().collect::<Vec<_>>().join(" ");
    paper.wrapped("", &format!("Nothing is known about \"{asked}\"."));
    paper.wrapped(
        "",
        "Ask for a code (0x904, 2308/7), a name (STATUS_LOGON_FAILURE), an event (event 1026), a cause, a fix or a claim, or say in words what happens.",
    );
}

fn render_topic(paper: &mut Paper, topic: &Topic) {
    let Some((first, others)) = topic.entries.split_first() else { return unknown(paper, topic) };
    if topic.by_words {
        let matched = topic.matched.iter().take(MATCHED).map(String::as_str).collect::<Vec<_>>().join(", ");
        paper.wrapped("", &format!("Found by words ({matched}), the best first:"));
    } else if !others.is_empty() && topic.parts.is_empty() {
        paper.wrapped("", &format!("{} can be {} things; the likeliest first.", topic.text, topic.entries.len()));
    }
    full(paper, topic, first);
    if let Some(remark) = &topic.remark {
        paper.wrapped("  note:   ", remark);
    }
    for other in others.iter().take(SHORT) {
        short(paper, other);
    }
    if others.len() > SHORT {
        paper.wrapped("  and ", &ids(others[SHORT..].iter().map(|other| &other.id)));
    }
}

pub(super) fn unknown(paper: &mut Paper, topic: &Topic) {
    paper.wrapped("", &format!("{} is not known here.", topic.text));
    for near in &topic.nearest {
        paper.wrapped("  nearest known: ", &format!("{}: {}", near.id, near.meaning));
    }
    if topic.nearest.iter().any(|near| near.why.is_empty()) {
        paper.wrapped("  ", "These are only similar numbers. Check for a typo.");
    }
}

/// The end of a meaning where nothing is wrong.
pub(super) fn well(entry: &Explained) -> &'static str {
    match (entry.normal, entry.kind.as_str()) {
        (false, _) => "",
        (true, "message") => ": that is as it should be",
        (true, _) => "; this is normal",
    }
}

fn full(paper: &mut Paper, topic: &Topic, entry: &Explained) {
    let read = entry.read_as.as_ref().map(|words| format!(", {words}")).unwrap_or_default();
    let number = entry.number.filter(|_| entry.kind == "code").map(|n| decimal(n, &topic.text)).unwrap_or_default();
    let name = entry.name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
    titled(paper, entry, &format!("{number}{name}{read}"));
    paper.wrapped("  ", &format!("{}{}.", capital(&entry.meaning), well(entry)));
    if let Some(client) = &entry.client {
        paper.wrapped("  client: ", &format!("{client}."));
    }
    if let Some(note) = &entry.note {
        paper.wrapped("  ", note);
    }
    for (number, not) in entry.not.iter().enumerate() {
        paper.wrapped(if number == 0 { "  is not: " } else { "          " }, not);
    }
    if let (Some(shown), Some(stage)) = (&entry.shown, &entry.stage) {
        paper.wrapped("  shown:  ", &format!("{shown}; stage: {stage}"));
    }
    match entry.kind.as_str() {
        "fix" => named(paper, "  against: ", &entry.causes),
        "cause" => named(paper, "  leads to: ", &entry.causes),
        "claim" => named(paper, "  causes: ", &entry.causes),
        _ => causes(paper, &entry.causes),
    }
    if !entry.fixes.is_empty() {
        paper.wrapped("  fixes:  ", &entry.fixes.join(", "));
    }
    if !entry.claims.is_empty() {
        let more = entry.claims.len().saturating_sub(SHORT);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        paper.wrapped("  claims: ", &format!("{}{more}", ids(entry.claims.iter().take(SHORT))));
    }
    confused(paper, entry);
    let guide = entry.kind == "guide";
    if !entry.steps.is_empty() {
        paper.line(&if guide { String::new() } else { format!("  steps, {STEPS}:") });
    }
    for step in &entry.steps {
        paper.line(&if guide { step.clone() } else { format!("          {step}") });
    }
    for next in &entry.next {
        paper.wrapped("  next:   ", &next.why);
        paper.line(&format!("          {}", next.command));
    }
    source(paper, entry);
}

/// Writes the id, in bold, and what it is.
fn titled(paper: &mut Paper, entry: &Explained, more: &str) {
    let text = format!("{} ({}{more})", entry.id, entry.title);
    for (number, row) in wrap(&text, paper.width() - 4).into_iter().enumerate() {
        let row = match row.strip_prefix(&entry.id) {
            Some(behind) if number == 0 => format!("{}{behind}", paper.bold(&entry.id)),
            _ => format!("    {row}"),
        };
        paper.line(&row);
    }
}

fn confused(paper: &mut Paper, entry: &Explained) {
    if entry.kind == "cause" {
        return named(paper, "  codes:  ", &entry.confused);
    }
    // "is not" has said it already, so no second line
    let said = |near: &&Neighbour| {
        !entry.not.iter().any(|not| near.id.rsplit('/').next().is_some_and(|number| not.contains(number)))
    };
    let near: Vec<String> =
        entry.confused.iter().filter(said).map(|near| format!("{} ({})", near.id, near.why)).collect();
    if !near.is_empty() {
        paper.wrapped("  see:    ", &near.join("; "));
    }
}

pub(super) fn decimal(number: u32, asked: &str) -> String {
    if number < 10 {
        return String::new();
    }
    let text = if number > 0x8000_0000 { number.cast_signed().to_string() } else { number.to_string() };
    if text == asked { String::new() } else { format!(", decimal {text}") }
}

fn causes(paper: &mut Paper, causes: &[Neighbour]) {
    for (number, cause) in causes.iter().take(REASONED).enumerate() {
        let lead = if number == 0 { "  causes: " } else { "          " };
        paper.wrapped(lead, &format!("{}: {}", cause.id, cause.why));
    }
    if causes.len() > REASONED {
        let rest = &causes[REASONED..];
        let more = rest.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        paper.wrapped("          ", &format!("also: {}{more}", ids(rest.iter().take(NAMED).map(|cause| &cause.id))));
    }
}

/// Names neighbours whose relation the lead has said.
fn named(paper: &mut Paper, lead: &str, neighbours: &[Neighbour]) {
    if !neighbours.is_empty() {
        paper.wrapped(lead, &ids(neighbours.iter().map(|near| &near.id)));
    }
}

fn ids<'a>(all: impl Iterator<Item = &'a String>) -> String {
    all.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn source(paper: &mut Paper, entry: &Explained) {
    if entry.sources.is_empty() {
        return;
    }
    let sure = entry.confidence.map(|sure| format!(" (confidence {})", Sureness::word(sure))).unwrap_or_default();
    paper.wrapped("  source: ", &format!("{}{sure}", entry.sources.join("; ")));
}

/// Explains why an entry is not sure.
fn doubt(entry: &Explained) -> String {
    if entry.confidence == Some(Sureness::Low) {
        return format!("{}; confidence low", entry.sources.join("; "));
    }
    entry.sources.join("; ")
}

fn short(paper: &mut Paper, entry: &Explained) {
    let weak = if entry.weak { format!(" ({})", doubt(entry)) } else { String::new() };
    let client = entry.client.as_ref().map(|client| format!("; {client}")).unwrap_or_default();
    let shown = entry
        .shown
        .as_ref()
        .filter(|_| client.is_empty())
        .map(|shown| format!("; shown in {shown}"))
        .unwrap_or_default();
    let read = entry.read_as.as_ref().map(|words| format!(", {words}")).unwrap_or_default();
    titled(paper, entry, &read);
    paper.wrapped("  ", &format!("{}{weak}{client}{shown}.", capital(&entry.meaning)));
}
