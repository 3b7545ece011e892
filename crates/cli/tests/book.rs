//! Commands in the book are accepted by the program, and its guides are those that a search finds.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use rdpdoctor_cli::arguments::Arguments;
use report::guides;

/// Commands that the parser does not know yet: they are counted and not parsed.
const TO_COME: &[&str] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page of the book and the README, by path.
fn pages() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("docs/book")];
    let mut pages = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The commands of this program in a page: lines of code blocks, and code within the text.
fn commands(text: &str) -> Vec<&str> {
    let mut block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        block ^= fence;
        let parts: Vec<&str> =
            if block || line.starts_with("    ") { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        found.extend(parts.into_iter().map(str::trim).filter(|part| part.starts_with("rdpdoctor ")));
    }
    found
}

/// Splits a command into words as a shell would, without a comment or what the shell itself takes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, ' ') => words.push(String::new()),
            (None, '#' | '>' | '|' | '&' | ';') if words.last().is_some_and(String::is_empty) => break,
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_book_is_one_that_the_program_takes() {
    let (mut parsed, mut to_come, mut wrong) = (0, 0, Vec::new());
    for (path, text) in pages() {
        for command in commands(&text) {
            let words = words(command);
            if words.get(1).is_some_and(|word| TO_COME.contains(&word.as_str())) {
                println!("to come: {command}");
                to_come += 1;
            } else if let Err(error) = Arguments::try_parse_from(&words) {
                let why = error.to_string();
                wrong.push(format!("{}: {command}: {}", path.display(), why.lines().next().unwrap_or_default()));
            } else {
                parsed += 1;
            }
        }
    }
    println!("{parsed} commands parsed, {to_come} to come");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(parsed >= 20, "only {parsed} commands were found");
}

#[test]
fn every_guide_that_a_search_finds_is_in_the_book() {
    let index = fs::read_to_string(root().join("docs/book/README.md")).unwrap();
    for guide in guides::ALL {
        let page = fs::read_to_string(root().join(format!("docs/book/{}.md", guide.id))).unwrap_or_default();
        assert_eq!(page.lines().next(), Some(format!("# {}", guide.title).as_str()), "{}", guide.id);
        assert!(index.contains(&format!("[{}]({}.md)", guide.title, guide.id)), "{}: in the index", guide.id);
    }
}

#[test]
fn a_command_is_taken_as_a_shell_would() {
    assert_eq!(words("rdpdoctor lab 'a b' > out   # why"), ["rdpdoctor", "lab", "a b"]);
    assert_eq!(commands("see `rdpdoctor man`\n    rdpdoctor demo\n```\nrdpdoctor lab\n```\n`lab`").len(), 3);
}
