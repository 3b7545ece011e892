//! A comparison in words, and as the published JSON.

use diagnosis::Stage;
use diagnosis::compare::{Compared, Comparison, Difference, Likeness, SCHEMA};
use diagnosis::printable::counted;
use diagnosis::report::Verdict;

use super::door::colour::{GREEN, RED, YELLOW};
use super::door::{Door, Outward};
use super::format::Style;
use super::human::Paper;
use super::human_timeline::second;
use super::words::{capital, reached_words, sentence, severity_word};

/// Most codes of one difference that are named.
const CODES: usize = 4;

/// Writes a comparison for a terminal.
pub fn human(comparison: &Comparison, style: Style) -> Outward {
    let mut page = Paper::new(style);
    page.wrapped("working: ", &who(&comparison.working));
    page.wrapped("broken:  ", &who(&comparison.broken));
    page.blank();
    let (colour, conclusion) = conclusion(comparison);
    let conclusion = page.paint(colour, &conclusion);
    page.line(&conclusion);
    for (number, difference) in comparison.differences.iter().enumerate() {
        page.blank();
        let title = format!("{}. {}", number + 1, title(difference));
        let title = page.bold(&title);
        page.line(&title);
        page.wrapped("   working: ", &difference.working);
        page.wrapped("   broken:  ", &difference.broken);
        page.wrapped("   ", &sentence(&difference.meaning));
        if let Some(explains) = explains(difference) {
            page.wrapped("   ", &explains);
        }
    }
    let notes = notes(comparison);
    if !notes.is_empty() {
        page.blank();
    }
    for note in notes {
        page.wrapped("note: ", &note);
    }
    Door::Painted.out(&page.text(), style.colour)
}

/// Writes a comparison as JSON, schema `rdpdoctor-compare/1`.
pub fn json(comparison: &Comparison) -> Outward {
    let text = serde_json::to_string_pretty(comparison).expect("a comparison has only string keys");
    Door::Json.out(&(text + "\n"), false)
}

/// Returns the published JSON Schema of a comparison.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Comparison);
    serde_json::to_string_pretty(&schema).expect("a schema has only string keys") + "\n"
}

/// Returns the page of the book about the JSON: the words before its fields.
pub(super) fn about_json() -> String {
    format!(
        "# A comparison as JSON\n\n`rdpdoctor compare WORKING BROKEN --format json` prints one object. Within `{SCHEMA}` fields are only \
         ever added, so a reader has to skip what it does not know. The whole schema: \
         [rdpdoctor-compare-1.schema.json](../schema/rdpdoctor-compare-1.schema.json).\n\n## The comparison\n\n"
    )
}

/// Says which of the two it is, when, and how it fares.
fn who(side: &Compared) -> String {
    let target = side.target.as_ref();
    let host =
        target.map_or("evidence from files".to_owned(), |target| format!("{} port {}", target.host, target.port));
    let reached = side.reached.map_or("no stage passed", reached_words);
    let verdict = match side.verdict {
        Verdict::Healthy => "healthy",
        Verdict::Faulty => "faulty",
        Verdict::Undetermined => "undetermined",
    };
    format!("{host}, {} UTC: {verdict}, {reached}", second(&side.at))
}

fn conclusion(comparison: &Comparison) -> (&'static str, String) {
    match comparison.result {
        Likeness::Different => {
            let count = counted(comparison.differences.len(), "difference that matters", "differences that matter");
            (RED, format!("{}:", capital(&count)))
        }
        Likeness::Same => (GREEN, "No difference that matters.".to_owned()),
        Likeness::Undetermined if [&comparison.working, &comparison.broken].into_iter().all(unheard) => {
            (YELLOW, "Neither of them answered, so there is nothing to compare.".to_owned())
        }
        Likeness::Undetermined => (YELLOW, "No difference was seen, but too little was seen to say so.".to_owned()),
    }
}

/// True if not even a connection came about.
fn unheard(side: &Compared) -> bool {
    side.reached.is_none_or(|reached| reached < Stage::Tcp)
}

fn title(difference: &Difference) -> String {
    let name = match difference.aspect.as_str() {
        "finding" => match difference.explains.first() {
            Some(cause) => format!("the fault {cause}"),
            None => "a fault of the working one alone".to_owned(),
        },
        "stage" => format!("the stage {}", difference.stage.word()),
        "answer-time" => format!("the time of the stage {}", difference.stage.word()),
        aspect => aspect.replace('-', " ").replace("tls", "TLS").replace("tcp", "TCP").replace("credssp", "CredSSP"),
    };
    format!("{} ({})", capital(&name), severity_word(difference.severity))
}

/// Says which causes, and which codes of clients, a difference explains.
fn explains(difference: &Difference) -> Option<String> {
    let codes: Vec<String> = difference.codes.iter().take(CODES).map(|code| format!("{code:#x}")).collect();
    let shown = if codes.is_empty() { String::new() } else { format!(", which mstsc shows as {}", codes.join(", ")) };
    match (difference.explains.as_slice(), difference.would_explain.as_slice()) {
        ([], []) => None,
        ([], would) => {
            Some(format!("If a client fails at the broken one, this would explain: {}{shown}.", would.join(", ")))
        }
        (found, _) => Some(format!("It explains what was found there: {}{shown}.", found.join(", "))),
    }
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let mut notes = Vec::new();
    if comparison.working.verdict == Verdict::Faulty {
        notes.push("the one that was named as working is itself faulty.".to_owned());
    }
    if comparison.broken.verdict == Verdict::Healthy {
        notes.push("no fault was found at the one that was named as broken.".to_owned());
    }
    if let Some(words) = &comparison.one_machine {
        notes.push(format!(
            "both are one machine, as far as was seen: {words}. If two are meant, a forward or a record leads to the \
             wrong one."
        ));
    }
    if !comparison.shared.is_empty() {
        notes.push(format!("both have: {}.", comparison.shared.join(", ")));
    }
    if comparison.working.client != comparison.broken.client {
        let (one, other) = (&comparison.working.client, &comparison.broken.client);
        notes.push(format!("they were judged for different clients: {one}, and {other}."));
    }
    for (side, words) in [(&comparison.working, "working"), (&comparison.broken, "broken")] {
        if side.interrupted {
            notes.push(format!("the run at the {words} one was stopped before it was done."));
        }
    }
    if !comparison.not_compared.is_empty() {
        let stages: Vec<&str> = comparison.not_compared.iter().map(|stage| stage.word()).collect();
        notes.push(format!("not compared, because only one of them got there: {}.", stages.join(", ")));
    }
    notes
}
