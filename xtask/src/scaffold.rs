//! `cargo xtask new`: begins a cause or a fix from a template, and enters it into the list.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Kind of thing that can be begun, and where it goes.
pub struct Kind {
    word: &'static str,
    folder: &'static str,
    /// Word before the list's entries: `// causes: list`.
    plural: &'static str,
    /// Constant that each file declares.
    constant: &'static str,
    template: &'static str,
    /// Folder and template of its scenario.
    scenario: Option<(&'static str, &'static str)>,
}

const KINDS: [Kind; 2] = [
    Kind {
        word: "cause",
        folder: "crates/diagnosis/src/causes",
        plural: "causes",
        constant: "CAUSE",
        template: include_str!("../templates/cause.rs.txt"),
        scenario: Some(("crates/lab/scenarios", include_str!("../templates/scenario.toml.txt"))),
    },
    Kind {
        word: "fix",
        folder: "crates/diagnosis/src/fixes",
        plural: "fixes",
        constant: "FIX",
        template: include_str!("../templates/fix.rs.txt"),
        scenario: None,
    },
];

impl Kind {
    /// Finds the kind with this word.
    pub fn named(word: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.word == word)
    }
}

/// Writes the files and enters the name into the list. Writes nothing if anything is in the way.
pub fn add(root: &Path, kind: &Kind, name: &str) -> Result<bool> {
    check_name(name)?;
    let module = name.replace('-', "_");
    let list = format!("{}/mod.rs", kind.folder);
    let old = fs::read_to_string(root.join(&list)).with_context(|| format!("read {list}"))?;
    let with_module = insert(&old, &format!("// {}: modules", kind.plural), &format!("mod {module};"), &list)?;
    let entry = format!("&{module}::{},", kind.constant);
    let new = insert(&with_module, &format!("// {}: list", kind.plural), &entry, &list)?;

    let mut files = vec![(format!("{}/{module}.rs", kind.folder), kind.template)];
    files.extend(kind.scenario.map(|(folder, template)| (format!("{folder}/{name}.toml"), template)));
    if let Some((path, _)) = files.iter().find(|(path, _)| root.join(path).exists()) {
        bail!("{path} exists already");
    }
    for (path, template) in files {
        write(root, &path, &template.replace("{{name}}", name).replace("{{module}}", &module))?;
    }
    write(root, &list, &new)?;
    Ok(true)
}

fn write(root: &Path, path: &str, text: &str) -> Result<()> {
    let whole = root.join(path);
    if let Some(folder) = whole.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create the folder of {path}"))?;
    }
    fs::write(whole, text).with_context(|| format!("write {path}"))?;
    println!("wrote {path}");
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !begins || !name.split('-').all(is_word) {
        bail!("`{name}` is not kebab-case, such as port-closed");
    }
    Ok(())
}

/// Puts `entry` into the lines below `marker` (up to a blank line or the list's end), indented like it: to its sorted
/// place, or to the end of a list that has an order of its own.
fn insert(text: &str, marker: &str, entry: &str, path: &str) -> Result<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.trim() == marker);
    let at = at.with_context(|| format!("find the line `{marker}` in {path}"))?;
    let indent = &lines[at][..lines[at].len() - lines[at].trim_start().len()];
    let below = &lines[at + 1..];
    let end = below.iter().position(|line| matches!(line.trim().chars().next(), None | Some(']' | '}')));
    let block = &below[..end.unwrap_or(below.len())];
    if block.iter().any(|line| line.trim() == entry) {
        bail!("{path} has `{entry}` already");
    }
    let behind = block.iter().position(|line| line.trim() > entry).filter(|_| block.is_sorted());
    let place = behind.unwrap_or(block.len());
    let line = format!("{indent}{entry}");
    lines.insert(at + 1 + place, &line);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
// causes: modules
mod a_fault;
mod z_fault;

pub const CAUSES: &[&Cause] = &[
    // causes: list
    &a_fault::CAUSE,
    &z_fault::CAUSE,
];
";

    fn folder(test: &str) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("rdpdoctor-xtask-{test}-{}", std::process::id()));
        let causes = root.join("crates/diagnosis/src/causes");
        fs::create_dir_all(&causes).unwrap();
        fs::write(causes.join("mod.rs"), LIST).unwrap();
        root
    }

    #[test]
    fn a_cause_is_two_files_and_two_sorted_lines() {
        let root = folder("new");
        add(&root, Kind::named("cause").unwrap(), "port-closed").unwrap();
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let wanted = LIST
            .replace("mod z_fault", "mod port_closed;\nmod z_fault")
            .replace("    &z_fault", "    &port_closed::CAUSE,\n    &z_fault");
        assert_eq!(read("crates/diagnosis/src/causes/mod.rs"), wanted);
        assert!(read("crates/diagnosis/src/causes/port_closed.rs").contains("\"port-closed\""));
        assert!(read("crates/lab/scenarios/port-closed.toml").contains("\"port-closed\""));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_taken_name_changes_nothing() {
        let root = folder("taken");
        let error = add(&root, Kind::named("cause").unwrap(), "a-fault").unwrap_err();
        assert!(error.to_string().contains("already"), "{error}");
        assert_eq!(fs::read_to_string(root.join("crates/diagnosis/src/causes/mod.rs")).unwrap(), LIST);
        assert!(!root.join("crates/diagnosis/src/causes/a_fault.rs").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn names_are_kebab_case() {
        for good in ["port-closed", "tls", "a1-b2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Port", "port_closed", "-port", "port-", "a--b", "1st", "../x", "a b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_with_its_own_order_grows_at_its_end() {
        let text = "[\n  // x\n  &c,\n  &a,\n]\n";
        assert_eq!(insert(text, "// x", "&b,", "mod.rs").unwrap(), "[\n  // x\n  &c,\n  &a,\n  &b,\n]\n");
    }

    #[test]
    fn a_list_without_markers_is_an_error() {
        assert!(insert("mod a;\n", "// causes: modules", "mod b;", "mod.rs").is_err());
    }
}
