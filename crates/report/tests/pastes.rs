//! Pasted texts get the right answer first (`pastes.toml`, whose head explains the fields), and texts that have nothing
//! to do with Remote Desktop get none.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use report::explain::{Answer, explain};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pastes {
    paste: Vec<Paste>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paste {
    text: String,
    first: Vec<String>,
    source: String,
}

/// How an answer compares with the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    /// The right one is in it, and not first.
    Partly,
    Unknown,
    Wrong,
}

fn pastes(text: &str) -> Vec<Paste> {
    toml::from_str::<Pastes>(text).unwrap().paste
}

/// The ids of the answer, in their order, and whether the first is a fix.
fn told(answer: &Answer) -> (Vec<String>, bool) {
    let entries: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.entries).collect();
    let fix = entries.first().is_some_and(|entry| entry.kind == "fix");
    (entries.iter().map(|entry| entry.id.clone()).collect(), fix)
}

fn judge(answer: &Answer, right: &[String]) -> Verdict {
    let (ids, _) = told(answer);
    match (ids.first(), right) {
        (None, []) => Verdict::Right,
        (None, _) => Verdict::Unknown,
        (Some(first), right) if right.contains(first) => Verdict::Right,
        (Some(_), right) if ids.iter().any(|id| right.contains(id)) => Verdict::Partly,
        (Some(_), _) => Verdict::Wrong,
    }
}

#[test]
fn what_people_paste_is_answered_right() {
    let pastes = pastes(include_str!("pastes.toml"));
    assert!(pastes.iter().filter(|paste| !paste.first.is_empty()).count() >= 60);
    are_answered_right(&pastes);
}

#[test]
fn variants_are_answered_right() {
    are_answered_right(&pastes(include_str!("variants.toml")));
}

#[track_caller]
fn are_answered_right(pastes: &[Paste]) {
    let (mut counts, mut fixes) = ([0; 4], 0);
    for paste in pastes {
        assert!(!paste.source.is_empty());
        let answer = explain(&paste.text).unwrap();
        let (ids, fix) = told(&answer);
        let verdict = judge(&answer, &paste.first);
        counts[verdict as usize] += 1;
        fixes += usize::from(fix);
        if verdict != Verdict::Right {
            let start: String = paste.text.trim().chars().take(70).collect();
            println!("{verdict:?}: {start:?}: not {:?} but {:?}", paste.first, &ids[..ids.len().min(4)]);
        }
    }
    let [right, partly, unknown, wrong] = counts;
    println!(
        "{} pastes: {right} right, {partly} partly, {unknown} unknown, {wrong} wrong; {fixes} fixes first",
        pastes.len()
    );
    assert_eq!((wrong, fixes), (0, 0), "a wrong first answer is worse than none");
    assert!(right * 10 >= pastes.len() * 9, "{right} right of {}", pastes.len());
    let unrelated: Vec<_> = pastes.iter().filter(|paste| paste.first.is_empty()).collect();
    let silent = unrelated.iter().filter(|paste| !explain(&paste.text).unwrap().known).count();
    assert_eq!((silent, unrelated.len() >= 10), (unrelated.len(), true));
}
