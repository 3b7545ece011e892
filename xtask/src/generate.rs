//! Generated files: each generator has a folder and a way to make the texts of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::policy::Policy;
use crate::shell;

/// Paths within the generator's folder, and texts.
type Texts = BTreeMap<String, String>;

struct Generator {
    /// Folder, from the project's; empty for that itself.
    folder: &'static str,
    /// Parts of that folder in which nothing else may be: leftovers are removed.
    owned: &'static [&'static str],
    texts: fn(&Path) -> Result<Texts>,
}

const GENERATORS: [Generator; 5] = [
    Generator {
        folder: "",
        owned: &[],
        texts: |root| Ok(Texts::from([("deny.toml".into(), Policy::read(root)?.deny_toml())])),
    },
    Generator { folder: "docs/schema", owned: &[""], texts: |root| printed(root, "schema") },
    Generator { folder: "docs/man", owned: &[""], texts: |root| printed(root, "man") },
    Generator { folder: "docs/completions", owned: &[""], texts: |root| printed(root, "completions") },
    Generator {
        folder: "docs/book",
        owned: &["causes", "claims", "codes", "fixes"],
        texts: |root| printed(root, "book"),
    },
];

/// Returns the files that the program prints from its own declarations.
fn printed(root: &Path, files: &str) -> Result<Texts> {
    let text = shell::capture(shell::cargo(root, &["run", "--quiet", "-p", "rdpdoctor", "--", "generate", files]))?;
    serde_json::from_str(&text).with_context(|| format!("read what `rdpdoctor generate {files}` printed"))
}

/// Generated file that is out of date.
#[derive(Debug, PartialEq, Eq)]
enum Stale {
    /// Missing or different; the whole new text.
    Text(String),
    /// No longer generated.
    Leftover,
}

/// Writes all of them, and removes leftovers.
pub fn write(root: &Path) -> Result<bool> {
    each(root, |name, stale| {
        let path = root.join(name);
        match stale {
            Stale::Text(text) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).with_context(|| format!("create the folder of {name}"))?;
                }
                fs::write(&path, text).with_context(|| format!("write {name}"))?;
                println!("wrote {name}");
            }
            Stale::Leftover => {
                fs::remove_file(&path).with_context(|| format!("remove {name}"))?;
                println!("removed {name}");
            }
        }
        Ok(true)
    })
}

/// Compares all of them.
pub fn check(root: &Path) -> Result<bool> {
    each(root, |name, stale| {
        let why = match stale {
            Stale::Text(text) => {
                difference(&fs::read_to_string(root.join(name)).unwrap_or_default(), &text).unwrap_or_default()
            }
            Stale::Leftover => "nothing makes it any more".to_owned(),
        };
        println!("{name} is out of date (`cargo xtask gen` mends it): {why}");
        Ok(false)
    })
}

/// Works on every stale file. All generators are tried, even after one has failed.
fn each(root: &Path, work: impl Fn(&str, Stale) -> Result<bool>) -> Result<bool> {
    let mut good = true;
    for generator in &GENERATORS {
        let stale = (generator.texts)(root).and_then(|texts| stale(root, generator, texts));
        let done = stale
            .and_then(|stale| stale.into_iter().try_fold(true, |good, (name, stale)| Ok(work(&name, stale)? && good)));
        good &= done.unwrap_or_else(|error| {
            println!("{}: {error:#}", if generator.folder.is_empty() { "deny.toml" } else { generator.folder });
            false
        });
    }
    Ok(good)
}

/// Returns the differences from `texts`, with paths from the project's folder.
fn stale(root: &Path, generator: &Generator, texts: Texts) -> Result<BTreeMap<String, Stale>> {
    let full = |path: &str| {
        [generator.folder, path].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
    };
    let wanted: Texts = texts.into_iter().map(|(path, text)| (full(&path), text)).collect();
    let mut there = BTreeSet::new();
    for owned in generator.owned {
        there.extend(files(root, &full(owned))?);
    }
    let mut stale: BTreeMap<String, Stale> =
        there.into_iter().filter(|name| !wanted.contains_key(name)).map(|name| (name, Stale::Leftover)).collect();
    for (name, text) in wanted {
        if !fs::read_to_string(root.join(&name)).is_ok_and(|old| old == text) {
            stale.insert(name, Stale::Text(text));
        }
    }
    Ok(stale)
}

/// Lists the files of a folder, which need not exist.
fn files(root: &Path, folder: &str) -> Result<Vec<String>> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&path).with_context(|| format!("list {folder}"))?;
    let names = entries.filter_map(Result::ok).filter(|entry| entry.path().is_file());
    Ok(names.map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy())).collect())
}

/// Returns the first line that differs.
fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let (mut old, mut new) = (found.lines(), wanted.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => {}
            (None, None) => break,
            (old, new) => {
                let [old, new] = [old, new].map(|line| line.unwrap_or("(the end)").trim());
                return Some(format!("line {number}: `{old}` should be `{new}`"));
            }
        }
    }
    Some("the ends of the lines differ".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_different_or_left_over_is_stale() {
        let root = std::env::temp_dir().join(format!("rdpdoctor-xtask-generate-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (path, text) in [("docs/a/same", "x"), ("docs/a/other", "old"), ("docs/a/gone", ""), ("docs/guide", "")] {
            write(path, text);
        }
        let generator = Generator { folder: "docs", owned: &["a"], texts: |_| Ok(Texts::new()) };
        let texts = [("a/same", "x"), ("a/other", "new"), ("a/added", "y")];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let found = stale(&root, &generator, Texts::from(texts)).unwrap();
        fs::remove_dir_all(&root).unwrap();
        let wanted = [
            ("docs/a/added", Stale::Text("y".to_owned())),
            ("docs/a/gone", Stale::Leftover),
            ("docs/a/other", Stale::Text("new".to_owned())),
        ];
        assert_eq!(found, BTreeMap::from(wanted.map(|(path, stale)| (path.to_owned(), stale))));
    }

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n").unwrap(), "line 2: `b` should be `c`");
        assert_eq!(difference("", "a\n").unwrap(), "line 1: `(the end)` should be `a`");
        assert_eq!(difference("a", "a\n").unwrap(), "the ends of the lines differ");
    }
}
