//! Files that are made from something else: each has a path and a way to make its text.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::policy::Policy;
use crate::shell;

struct Generator {
    path: &'static str,
    text: fn(&Path) -> Result<String>,
}

const GENERATORS: [Generator; 8] = [
    Generator { path: "deny.toml", text: |root| Ok(Policy::read(root)?.deny_toml()) },
    Generator { path: "docs/schema/rdpdoctor-1.schema.json", text: schema },
    Generator { path: "docs/man/rdpdoctor.1", text: |root| printed(root, &["man"]) },
    Generator { path: "docs/completions/rdpdoctor.bash", text: |root| printed(root, &["completions", "bash"]) },
    Generator { path: "docs/completions/_rdpdoctor", text: |root| printed(root, &["completions", "zsh"]) },
    Generator { path: "docs/completions/rdpdoctor.fish", text: |root| printed(root, &["completions", "fish"]) },
    Generator { path: "docs/completions/_rdpdoctor.ps1", text: |root| printed(root, &["completions", "powershell"]) },
    Generator { path: "docs/completions/rdpdoctor.elv", text: |root| printed(root, &["completions", "elvish"]) },
];

/// What `rdpdoctor` prints, run as people get it.
fn printed(root: &Path, arguments: &[&str]) -> Result<String> {
    shell::capture(shell::cargo(root, &[&["run", "--quiet", "-p", "rdpdoctor", "--"], arguments].concat()))
}

/// The published schema, from the types that the report is made of.
fn schema(root: &Path) -> Result<String> {
    let text = printed(root, &["schema"])?;
    let value: serde_json::Value = serde_json::from_str(&text).context("`rdpdoctor schema` printed no JSON")?;
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// Writes all of them.
pub fn write(root: &Path) -> Result<bool> {
    each(|generator| {
        let text = (generator.text)(root)?;
        let path = root.join(generator.path);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(true);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("create the folder of {}", generator.path))?;
        }
        fs::write(&path, text).with_context(|| format!("write {}", generator.path))?;
        println!("wrote {}", generator.path);
        Ok(true)
    })
}

/// Compares all of them.
pub fn check(root: &Path) -> Result<bool> {
    each(|generator| {
        let wanted = (generator.text)(root)?;
        let found = fs::read_to_string(root.join(generator.path)).unwrap_or_default();
        let hint = difference(&found, &wanted);
        if let Some(hint) = &hint {
            println!("{} is out of date (`cargo xtask gen` writes it): {hint}", generator.path);
        }
        Ok(hint.is_none())
    })
}

/// All are tried, even after one has failed.
fn each(work: impl Fn(&Generator) -> Result<bool>) -> Result<bool> {
    let mut good = true;
    for generator in &GENERATORS {
        good &= work(generator).unwrap_or_else(|error| {
            println!("{}: {error:#}", generator.path);
            false
        });
    }
    Ok(good)
}

/// The first line that differs.
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
    fn the_first_difference_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n").unwrap(), "line 2: `b` should be `c`");
        assert_eq!(difference("", "a\n").unwrap(), "line 1: `(the end)` should be `a`");
        assert_eq!(difference("a", "a\n").unwrap(), "the ends of the lines differ");
    }
}
