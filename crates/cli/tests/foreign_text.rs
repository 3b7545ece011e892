//! Texts of strangers in every field of what is read: no format passes on what a terminal or a viewer would obey.

#![allow(clippy::unwrap_used)]

#[path = "../../collect/tests/redaction/full.rs"]
mod full;
#[path = "../../collect/tests/redaction/linux.rs"]
mod linux;

use diagnosis::diagnose::Run;
use diagnosis::{Context, diagnose};
use evidence::observe::{observe, observe_capture};
use evidence::printable::hidden;
use evidence::profile::{ClientProfile, DEFAULT, ProfileSource};
use evidence::rdp_file::Routing;
use evidence::state::State;
use evidence::{Evidence, Source, TimeSource};
use report::format::Style;
use report::formats;
use serde_json::Value;
use time::macros::datetime;

/// Commands of a terminal in both forms, a bell, overwriting, reordered and hidden text, the ends of texts in HTML,
/// XML, CSV and monitoring.
const FOREIGN: &str =
    "\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}[8m\u{9b}31m\r\u{0}\u{202e}\u{2066}\u{e0041}</script><b a='\">]]>|&\n=1";

/// Colours of reports.
const OWN: [&str; 5] = ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[1m", "\u{1b}[0m"];

fn context() -> Context {
    Context {
        target: None,
        profile: ClientProfile::find(DEFAULT).unwrap(),
        profile_source: ProfileSource::Default,
        at: datetime!(2026-11-21 09:00 UTC),
        at_source: TimeSource::Option,
        symptom: None,
        capabilities: collect::probe::capabilities(),
        require_trust: true,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
    }
}

/// Prints what follows from the evidence in every format, and looks at each.
fn assert_tame(evidence: &Evidence, place: &str) {
    let mut report = diagnose(evidence, &context(), Run::default());
    report.paths.push(format!("folder/{FOREIGN}"));
    report.files.push(format!("folder/{FOREIGN}"));
    for format in formats::ALL {
        for (colour, full) in [(false, false), (true, true)] {
            let text = format.print(&report, Style { colour, width: 100, full, ..Style::default() });
            let text = text.as_str();
            let plain = OWN.iter().fold(text.to_owned(), |text, own| text.replace(own, ""));
            let wild = |letter: char| hidden(letter) && letter != '\n';
            let told = |text: &str| text.find(wild).map(|at| text[..at].chars().rev().take(60).collect::<String>());
            assert_eq!(told(if colour { &plain } else { text }), None, "{place} in {} (reversed)", format.id);
            match format.id {
                "json" | "jsonl" | "sarif" => drop(serde_json::from_str::<Value>(text).unwrap()),
                "html" | "junit" => assert!(!text.contains("</script><b") && !text.contains("]]>|"), "{place}: {text}"),
                "nagios" => assert_eq!((text.lines().count(), text.matches('|').count()), (1, 1), "{place}: {text}"),
                _ => {}
            }
        }
    }
}

/// Lists the places of all texts in JSON, as pointers (RFC 6901).
fn texts(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(pointer.to_owned()),
        Value::Array(list) => {
            for (number, inside) in list.iter().enumerate() {
                texts(inside, &format!("{pointer}/{number}"), found);
            }
        }
        Value::Object(map) => {
            for (name, inside) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                texts(inside, &format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
}

fn observed(state: &State) -> Evidence {
    let mut evidence = Evidence::default();
    state.observe(&mut evidence, Source::File(1), context().at);
    evidence.into_order()
}

#[test]
fn no_field_of_a_state_reaches_a_terminal() {
    let whole: Value = serde_json::from_str(&full::state().to_json()).unwrap();
    let mut places = Vec::new();
    texts(&whole, "", &mut places);
    let foreign = |place: &str, kept: bool| match whole.pointer(place) {
        Some(Value::String(text)) if kept => Value::String(format!("{text}{FOREIGN}")),
        _ => Value::String(FOREIGN.to_owned()),
    };
    for kept in [false, true] {
        // what has to be a number, a name of ours or a date is refused
        let read = |place: &&String| {
            let mut changed = whole.clone();
            *changed.pointer_mut(place).unwrap() = foreign(place, kept);
            State::parse(&changed.to_string()).is_ok()
        };
        let read: Vec<&String> = places.iter().filter(read).collect();
        assert!(places.len() > 400 && read.len() * 2 > places.len(), "{} of {}", read.len(), places.len());
        for several in read.chunks(8) {
            let mut changed = whole.clone();
            for place in several {
                *changed.pointer_mut(place).unwrap() = foreign(place, kept);
            }
            assert_tame(&observed(&State::parse(&changed.to_string()).unwrap()), &format!("{several:?}"));
        }
    }
}

#[test]
fn no_text_of_a_host_reaches_a_terminal() {
    let addresses = ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    let transcript = full::transcript(FOREIGN, addresses, &[]);
    assert_tame(&observe(&transcript).into_order(), "a transcript");
    let mut evidence = Evidence::default();
    let capture = full::capture(FOREIGN, addresses, &[]);
    observe_capture(&capture.seen, &std::collections::BTreeSet::new(), Source::File(1), &mut evidence);
    assert_tame(&evidence.into_order(), "a capture");
}
