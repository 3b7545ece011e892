//! The answer on a dozen lines: what it says, what it comes from, what to do next. Everything else is behind `--full`.

use diagnosis::codes::{Mark, Sureness};

use super::human::{MATCHED, decimal, nothing, unknown, well};
use super::{Answer, Explained, Topic};
use crate::format::Style;
use crate::human::{Paper, clipped};
use crate::words::capital;

/// The most lines.
const LINES: usize = 12;
/// How many causes are given with their reasons.
const REASONED: usize = 2;
/// How many others are named in a line.
const NAMED: usize = 6;

/// The answer on at most a dozen lines.
pub(super) fn render(answer: &Answer, style: Style) -> String {
    let mut paper = Paper::new(style);
    let Some(first) = answer.topics.iter().find(|topic| !topic.entries.is_empty()) else {
        return unanswered(answer, paper);
    };
    let entry = &first.entries[0];
    let head = head(&paper, first, entry, style.width);
    let body = body(entry, style);
    let tail = tail(answer, first, style);
    let room = LINES.saturating_sub(1 + body.len() + tail.len()).max(1);
    paper.line(&head);
    for line in body.meaning.iter().chain(&note(first, entry, style, room)).chain(&body.rest).chain(&tail) {
        paper.line(line);
    }
    paper.text()
}

fn unanswered(answer: &Answer, mut paper: Paper) -> String {
    match answer.topics.first() {
        Some(topic) => {
            let mut close = topic.clone();
            // numbers that are near explain nothing; two are enough for a typing error
            close.nearest.truncate(2);
            unknown(&mut paper, &close);
        }
        None => nothing(&mut paper, answer),
    }
    paper.text()
}

/// Lines below the head, except the note.
struct Body {
    meaning: Vec<String>,
    rest: Vec<String>,
}

impl Body {
    fn len(&self) -> usize {
        self.meaning.len() + self.rest.len()
    }
}

fn head(paper: &Paper, topic: &Topic, entry: &Explained, width: usize) -> String {
    let read = entry.read_as.as_ref().map(|words| format!(", {words}")).unwrap_or_default();
    let number = entry.number.filter(|_| entry.kind == "code").map(|n| decimal(n, &topic.text)).unwrap_or_default();
    let name = entry.name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
    let words = if topic.by_words {
        format!(", found by the words: {}", topic.matched.iter().take(MATCHED).cloned().collect::<Vec<_>>().join(", "))
    } else {
        String::new()
    };
    let behind = format!(" ({}{number}{name}{read}){words}", entry.title);
    let room = width.max(40).saturating_sub(entry.id.chars().count());
    format!("{}{}", paper.bold(&entry.id), clipped(&behind, room, 1).concat())
}

/// At most so many lines of a paragraph, behind a first word; a longer one ends at a word, with `…`.
fn lines(first: &str, text: &str, style: Style, most: usize) -> Vec<String> {
    let lead = first.chars().count();
    let rows = clipped(text, style.width.max(40).saturating_sub(lead), most);
    let behind = |(number, row): (usize, String)| {
        if number == 0 { format!("{first}{row}") } else { format!("{}{row}", " ".repeat(lead)) }
    };
    rows.into_iter().enumerate().map(behind).collect()
}

fn meaning(entry: &Explained) -> String {
    let cause = entry.kind == "cause";
    let normal = well(entry);
    let weak = |words: &&str| [Mark::Mem, Mark::Inf].iter().any(|mark| mark.words() == *words);
    let doubts: Vec<&str> = entry.sources.iter().map(String::as_str).filter(weak).collect();
    let low = entry.confidence == Some(Sureness::Low);
    let unsure = match (entry.weak && !cause, doubts.is_empty()) {
        (true, false) => {
            let partly = if doubts.len() < entry.sources.len() { "partly " } else { "" };
            format!(" ({partly}{})", doubts.join("; "))
        }
        (true, true) if low => " (unconfirmed)".to_owned(),
        _ => String::new(),
    };
    let text = entry.meaning.trim_end_matches('.');
    // names of programs keep their small letters
    let program = text.split(' ').next().is_some_and(|first| entry.title.ends_with(&format!(" {first}")));
    format!("{}{normal}{unsure}.", if program { text.to_owned() } else { capital(text) })
}

fn body(entry: &Explained, style: Style) -> Body {
    let mut rest = Vec::new();
    match entry.kind.as_str() {
        "fix" => rest.extend(lines("  against: ", &names(entry.causes.iter().map(|near| &near.id)), style, 1)),
        "cause" | "claim" => rest.extend(lines("  fixes:   ", &entry.fixes.join(", "), style, 1)),
        _ => {
            for (number, cause) in entry.causes.iter().take(REASONED).enumerate() {
                let lead = if number == 0 { "  causes:  " } else { "           " };
                rest.extend(lines(lead, &format!("{}: {}", cause.id, cause.why), style, 1));
            }
            if entry.causes.len() > REASONED {
                let others = names(entry.causes[REASONED..].iter().take(NAMED).map(|cause| &cause.id));
                rest.extend(lines("           also ", &others, style, 1));
            }
        }
    }
    rest.retain(|line| !line.trim_end().ends_with(':'));
    if let Some(next) = entry.next.first().filter(|_| entry.kind != "fix") {
        rest.push(format!("  next:    {}", next.command));
        // of a cause it says by what the command is read
        let most = if entry.kind == "cause" { 2 } else { 1 };
        rest.extend(lines("           ", &next.why, style, most));
    }
    Body { meaning: lines("  ", &meaning(entry), style, 2), rest }
}

fn note(topic: &Topic, entry: &Explained, style: Style, room: usize) -> Vec<String> {
    let text = [topic.remark.as_deref(), entry.note.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let client = entry.client.as_ref().map(|client| format!("Clients: {client}. ")).unwrap_or_default();
    let not = entry.not.first().filter(|_| text.is_empty()).map(|not| format!("Is not: {not}.")).unwrap_or_default();
    let text = format!("{client}{text}{not}");
    if text.is_empty() { Vec::new() } else { lines("  ", &text, style, room) }
}

/// Lists other meanings, other topics, and how to see all.
fn tail(answer: &Answer, first: &Topic, style: Style) -> Vec<String> {
    let mut tail = Vec::new();
    let others: Vec<&String> = first.entries.iter().skip(1).map(|entry| &entry.id).collect();
    if !others.is_empty() {
        let more = others.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let lead = if first.parts.is_empty() { "Or: " } else { "By themselves: " };
        tail.extend(lines(lead, &format!("{}{more}", names(others.into_iter().take(NAMED))), style, 1));
    }
    let also = answer.topics.iter().filter(|topic| !std::ptr::eq(*topic, first));
    let also: Vec<String> = also
        .filter_map(|topic| topic.entries.first())
        .map(|entry| {
            let what = if entry.kind == "claim" { format!("{}) (", entry.title) } else { String::new() };
            format!("{} ({what}{})", entry.id, entry.meaning.trim_end_matches('.'))
        })
        .collect();
    if !also.is_empty() {
        tail.extend(lines("Also in it: ", &also.join("; "), style, 2));
    }
    let unknown: Vec<&str> =
        answer.topics.iter().filter(|one| one.entries.is_empty()).map(|one| one.text.as_str()).collect();
    if !unknown.is_empty() {
        tail.extend(lines("Not known here: ", &format!("{}.", unknown.join(", ")), style, 1));
    }
    tail.extend(lines("", "More: the same with --full; an id alone is explained too.", style, 2));
    tail
}

fn names<'a>(all: impl Iterator<Item = &'a String>) -> String {
    all.map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::explain;

    fn ids() -> impl Iterator<Item = String> {
        let ids = diagnosis::codes::all().map(diagnosis::codes::Entry::id);
        let causes = diagnosis::causes::ALL.iter().map(|cause| cause.id.to_owned());
        let fixes = diagnosis::fixes::ALL.iter().map(|fix| fix.id.to_owned());
        let claims = diagnosis::claims::all().iter().map(|claim| claim.id.clone());
        let messages = crate::messages::all().iter().filter_map(|message| message.id.clone());
        ids.chain(causes).chain(fixes).chain(claims).chain(messages)
    }

    #[test]
    fn whatever_is_known_fits_on_a_dozen_lines() {
        for id in ids() {
            for width in [80, 100] {
                let text = render(&explain(&id).unwrap(), Style { width, ..Style::default() });
                assert!(text.lines().count() <= LINES, "{id} at {width}:\n{text}");
                assert!(text.contains(&id) && text.lines().count() >= 3, "{id}:\n{text}");
            }
        }
    }
}
