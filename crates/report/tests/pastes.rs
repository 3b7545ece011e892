//! Pasted texts get the right answer first (`pastes.toml`, whose head explains the fields), and texts that have nothing
//! to do with Remote Desktop get none.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use report::explain::{Answer, explain, human};
use report::format::Style;
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

/// Checks that an answer fits on a dozen lines, and that nothing in it is cut in mid-word.
#[track_caller]
fn fits(answer: &Answer) {
    for width in [80, 100] {
        let style = Style { width, ..Style::default() };
        let text = human::render(answer, style);
        assert!(text.lines().count() <= 12, "{} lines:\n{text}", text.lines().count());
        let whole = human::render(answer, Style { full: true, width: 100_000, ..style });
        for cut in text.lines().filter_map(|line| line.strip_suffix(" …")).filter(|_| answer.known) {
            let word = cut.split_whitespace().next_back().unwrap_or_default();
            let end = |rest: &str| !rest.starts_with(char::is_alphanumeric);
            let stands = whole.match_indices(word).any(|(at, _)| end(&whole[at + word.len()..]));
            assert!(stands || !whole.contains(word), "cut in mid-word: {word}\n{text}");
        }
    }
}

/// The dialog's first sentence belongs to several codes, and this one shows its own.
#[test]
fn a_dialog_with_its_codes_is_about_these_alone() {
    let dialog = "Remote Desktop Connection\nThis computer can't connect to the remote computer.\nTry connecting \
                  again. If the problem continues, contact the owner of the remote computer or your network \
                  administrator.\nError code: 0x904\nExtended error code: 0x7";
    let (ids, _) = told(&explain(dialog).unwrap());
    assert_eq!(ids.first().map(String::as_str), Some("pair/0x904/0x7"));
    assert!(!ids.iter().any(|id| id == "disconnect/0x704"), "{ids:?}");
}

#[test]
fn variants_are_answered_right() {
    are_answered_right(&pastes(include_str!("variants.toml")));
}

/// The first list was held out while the scoring was mended, the second was written afterwards: some answers are
/// missing.
#[test]
fn what_was_held_out_is_answered_right() {
    are_answered_right(&pastes(include_str!("heldout.toml")));
    are_answered_right(&pastes(include_str!("unseen.toml")));
}

/// Texts of public threads, written down before `explain` was tried on them.
#[test]
fn what_was_found_is_answered_right() {
    are_answered_right(&pastes(include_str!("found.toml")));
    are_answered_right(&pastes(include_str!("found-unseen.toml")));
    let fresh = [include_str!("fresh.toml"), include_str!("fresh-unseen.toml")];
    are_answered_right(&fresh.into_iter().flat_map(pastes).collect::<Vec<_>>());
}

/// Texts that nothing was changed for: the figures are what a stranger may expect. They may rise, and must not fall.
#[test]
fn what_nothing_was_changed_for_keeps_its_figure() {
    keeps(&pastes(include_str!("fresh-last.toml")), 31);
    keeps(&pastes(include_str!("gathered-fresh.toml")), 21);
}

/// Texts of every kind of program, written down and measured before they were answered.
#[test]
fn what_was_gathered_broadly_is_answered_right() {
    let files = [include_str!("broad.toml"), include_str!("broad-unseen.toml")];
    let later = [include_str!("broad-last.toml"), include_str!("broad-final.toml")];
    let files = files.into_iter().chain(later);
    are_answered_right(&files.flat_map(pastes).collect::<Vec<_>>());
}

/// Texts of rounds: each was written down and measured before it was answered. Their heads have the figures.
#[test]
fn what_was_gathered_in_rounds_is_answered_right() {
    let rounds = [include_str!("round-1.toml"), include_str!("round-2.toml")];
    let later = [include_str!("round-3.toml"), include_str!("round-4.toml"), include_str!("round-5.toml")];
    let last = [include_str!("round-6.toml"), include_str!("round-7.toml"), include_str!("round-8.toml")];
    let last = last.into_iter().chain([include_str!("round-9.toml")]);
    are_answered_right(&rounds.into_iter().chain(later).chain(last).flat_map(pastes).collect::<Vec<_>>());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    command: Vec<Command>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    text: String,
    well: bool,
    first: Vec<String>,
}

/// Outputs of commands: what is as it should be is said to be so and is headed by no failure, and the other outcome of
/// the same command leads to its cause.
#[test]
fn outputs_of_commands_are_told_as_what_they_are() {
    let mut wrong = Vec::new();
    let commands = toml::from_str::<Commands>(include_str!("commands.toml")).unwrap().command;
    assert!(commands.iter().filter(|command| command.well).count() >= 20 && commands.len() >= 45);
    for command in &commands {
        let answer = explain(&command.text).unwrap();
        fits(&answer);
        let first = answer.topics.first().and_then(|topic| topic.entries.first());
        let right = first.is_some_and(|entry| command.first.contains(&entry.id) && entry.normal == command.well);
        if !right {
            let told = first.map(|entry| (entry.id.as_str(), entry.normal));
            wrong.push(format!("{:?}: {told:?}, not {:?}", command.text.trim(), command.first));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Foreign {
    foreign: Vec<String>,
    bare: Vec<Bare>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare {
    text: String,
    first: Vec<String>,
}

/// Errors of other products are not known here; a line that names none of them is told as what it is.
#[test]
fn errors_of_other_products_get_no_answer() {
    let list: Foreign = toml::from_str(include_str!("foreign.toml")).unwrap();
    assert!(list.foreign.len() >= 50);
    let first = |text: &str| told(&explain(text).unwrap()).0.into_iter().next();
    let told: Vec<_> = list.foreign.iter().filter_map(|text| first(text).map(|id| format!("{id}: {text}"))).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    for bare in &list.bare {
        assert!(first(&bare.text).is_some_and(|id| bare.first.contains(&id)), "{}", bare.text);
    }
}

#[track_caller]
fn keeps(pastes: &[Paste], figure: usize) {
    let mut counts = [0; 4];
    for paste in pastes {
        let answer = explain(&paste.text).unwrap();
        fits(&answer);
        let (ids, fix) = told(&answer);
        assert!(!fix, "{}", paste.text);
        let verdict = judge(&answer, &paste.first);
        counts[verdict as usize] += 1;
        if verdict != Verdict::Right {
            println!("{verdict:?}: {:?}: not {:?} but {:?}", paste.source, paste.first, ids.first());
        }
    }
    let [right, partly, unknown, wrong] = counts;
    println!("{} pastes: {right} right, {partly} partly, {unknown} unknown, {wrong} wrong", pastes.len());
    assert!(right >= figure && wrong == 0, "{counts:?}");
}

/// Texts of public threads, most of them about Remote Desktop: the second list was written after the first one was
/// answered.
#[test]
fn what_was_posted_is_answered_right() {
    let files = [include_str!("posted.toml"), include_str!("posted-unseen.toml"), include_str!("posted-last.toml")];
    are_answered_right(&files.into_iter().flat_map(pastes).collect::<Vec<_>>());
}

/// Texts of public threads and pages, of programs and of everyday speech.
#[test]
fn what_was_gathered_is_answered_right() {
    are_answered_right(&pastes(include_str!("gathered.toml")));
}

/// Every third of them, which was held out while the others were answered, and those that were written down after both.
#[test]
fn what_was_gathered_and_kept_apart_is_answered_right() {
    are_answered_right(&pastes(include_str!("gathered-unseen.toml")));
    are_answered_right(&pastes(include_str!("gathered-last.toml")));
}

#[test]
fn unseen_everyday_sentences_are_answered_right_or_not_at_all() {
    are_answered_right(&pastes(include_str!("everyday-unseen.toml")));
}

/// Everyday words: the first list is of sentences that had a wrong answer or none, the second was written before the
/// thresholds for weak words.
#[test]
fn everyday_sentences_are_answered_right_or_not_at_all() {
    let files = [include_str!("reviewed.toml"), include_str!("everyday.toml")];
    are_answered_right(&files.into_iter().flat_map(pastes).collect::<Vec<_>>());
}

#[track_caller]
fn are_answered_right(pastes: &[Paste]) {
    let (mut counts, mut fixes) = ([0; 4], 0);
    for paste in pastes {
        assert!(!paste.source.is_empty());
        let answer = explain(&paste.text).unwrap();
        fits(&answer);
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
