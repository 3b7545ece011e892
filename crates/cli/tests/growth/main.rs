//! How time and memory grow with what is read: every kind of input, made as bad as its kind can be, at three sizes.
//!
//! The tests give each the address space that a small machine has. `cargo xtask bench grow` prints the table, with the
//! exponent of the growth and the peak of memory, and fails where one is above its limit.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_possible_truncation)]

mod binary;
#[path = "../real/support/folder.rs"]
#[allow(dead_code, reason = "it is that of the tests on real servers")]
mod folder;
mod measured;
mod records;
mod texts;

use std::path::Path;

use folder::Folder;
use measured::{Measured, inside, measured};

/// Input of a kind, in a folder of its own: makes it, this many times as large as the smallest.
pub struct Kind {
    /// Format and the field that grows.
    name: &'static str,
    /// Writes it, and returns the arguments of the program, in which paths are relative to the folder.
    make: fn(&Path, usize) -> Vec<String>,
}

/// Address space that the program may use, in KiB.
const SPACE: u64 = 256 * 1024;
/// Most memory that it may ever have used at once, in KiB.
const PEAK: u64 = 64 * 1024;
/// Highest exponent of growth between the second size and the third.
const EXPONENT: f64 = 1.15;
/// CPU seconds below which a time says nothing about growth.
const FLOOR: f64 = 0.25;

/// Kinds that are refused or tell nothing even at their smallest, because they are damaged or without an end.
const REFUSED: [&str; 5] = [
    "script's output: small objects",
    "script's output: marks",
    "hive: pages of its log",
    "hive: small pages of its log",
    "capture: one long connection",
];

fn kinds() -> impl Iterator<Item = &'static Kind> {
    texts::KINDS.iter().chain(records::KINDS).chain(binary::KINDS)
}

/// Writes bytes that are named by one argument behind the command.
fn one(folder: &Path, name: &str, bytes: &[u8]) -> Vec<String> {
    std::fs::write(folder.join(name), bytes).unwrap();
    words(&["inspect", name])
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs a kind at a size; returns what it took.
fn run(kind: &Kind, size: usize, space: Option<u64>) -> Measured {
    let folder = Folder::new();
    let arguments = (kind.make)(folder.path(), size);
    measured(folder.path(), &arguments, space)
}

/// The largest of each kind: it is read or refused, never aborted for lack of memory.
#[test]
fn every_reader_keeps_within_the_memory_of_a_small_machine() {
    for kind in kinds() {
        let took = run(kind, 100, Some(SPACE));
        assert!(matches!(took.status, Some(0..=3)), "{}: {:?}\n{}", kind.name, took.status, took.complaint);
        assert!(!took.complaint.contains("allocation"), "{}: {}", kind.name, took.complaint);
        assert!(took.peak <= PEAK, "{}: {} KiB", kind.name, took.peak);
    }
}

/// A limit that nothing reaches would prove nothing.
#[test]
fn the_limit_of_the_address_space_is_one() {
    let folder = Folder::new();
    let took = measured(folder.path(), &words(&["--version"]), Some(1024));
    assert!(!matches!(took.status, Some(0..=3)), "{:?}", took.status);
    assert!(inside(folder.path(), &words(&["--version"]), None).status().unwrap().success());
}

/// The smallest sizes alone, where nobody asks for all: that each kind is understood.
#[test]
fn time_and_memory_grow_no_faster_than_the_input() {
    let mut above = Vec::new();
    println!("{:<34} {:>9} {:>9} {:>9} {:>8} {:>9}", "input", "1x", "10x", "100x", "exponent", "peak");
    let asked = std::env::var("RDPDOCTOR_GROW").ok();
    let sizes: &[usize] = if asked.is_some() { &[1, 10, 100] } else { &[1] };
    let only = asked.filter(|only| only != "all").unwrap_or_default();
    for kind in kinds().filter(|kind| kind.name.contains(&only)) {
        let took: Vec<Measured> = sizes.iter().map(|size| run(kind, *size, None)).collect();
        let peak = took.iter().map(|took| took.peak).max().unwrap_or_default();
        let growth = took.get(2).filter(|last| last.cpu >= FLOOR).map(|last| (last.cpu / took[1].cpu).log10());
        let times = took.iter().map(|took| format!(" {:>7.3} s", took.cpu)).collect::<Vec<_>>().concat();
        let told = growth.map_or("-".to_owned(), |growth| format!("{growth:.2}"));
        println!("{:<34}{times} {told:>8} {:>5} MiB", kind.name, peak / 1024);
        // a kind that is not understood is no measurement of its reader
        let read = took[0].read && matches!(took[0].status, Some(0..=2)) || REFUSED.contains(&kind.name);
        let ended = took.iter().all(|took| matches!(took.status, Some(0..=3)));
        if !read || !ended || peak > PEAK || growth.is_some_and(|growth| growth > EXPONENT) {
            above.push(kind.name);
        }
    }
    assert!(above.is_empty(), "above the limits, or not understood: {above:?}");
}
