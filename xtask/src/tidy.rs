//! House rules that can be counted, over every file that git knows or would add.

mod book;
mod causes;
mod comments;
mod doors;
mod imports;
mod manifests;
mod markdown;
mod rust;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// A file of the project.
pub struct File {
    /// Path from the project's folder, with `/`.
    pub path: String,
    pub text: String,
}

/// Description of a fault, with its place.
pub type Complaint = String;

/// Most lines of a document.
const LONGEST: [(&str, usize); 2] = [("README.md", 150), ("ARCHITECTURE.md", 200)];

/// Judges all files.
pub fn run(root: &Path) -> Result<bool> {
    let paths = listed(root)?;
    // files that are not text are not judged
    let read = |path: &String| Some(File { path: path.clone(), text: fs::read_to_string(root.join(path)).ok()? });
    let files: Vec<File> = paths.iter().filter_map(read).collect();

    let mut complaints: Vec<Complaint> = files.iter().flat_map(judge).collect();
    complaints.extend(markdown::broken_links(&files, &paths));
    complaints.extend(book::unmarked(&files));
    complaints.extend(imports::judge(&files));
    complaints.extend(doors::unused(&files));
    let (missing, note) = causes::without_scenario(&files);
    complaints.extend(missing);
    for line in complaints.iter().chain(&note) {
        println!("{line}");
    }
    println!("{} files, {} complaints", files.len(), complaints.len());
    Ok(complaints.is_empty())
}

fn listed(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let text = shell::capture(command)?;
    let paths: Vec<String> =
        text.split_terminator('\0').filter(|path| root.join(path).exists()).map(str::to_owned).collect();
    if paths.is_empty() {
        bail!("git lists no files");
    }
    Ok(paths)
}

/// Applies the rules for one file alone.
fn judge(file: &File) -> Vec<Complaint> {
    let mut complaints = foreign_words(file);
    complaints.extend(too_long(file));
    if file.path.ends_with(".rs") {
        complaints.extend(rust::judge(file));
        complaints.extend(comments::judge(file));
        complaints.extend(doors::judge(file));
    }
    if file.path.ends_with("Cargo.toml") {
        complaints.extend(manifests::without_reason(file));
    }
    complaints
}

fn too_long(file: &File) -> Option<Complaint> {
    let (_, limit) = LONGEST.iter().find(|(path, _)| *path == file.path)?;
    let lines = file.text.lines().count();
    (lines > *limit).then(|| format!("{}: {lines} lines, at most {limit}", file.path))
}

/// Finds paths of one machine, and hosts of package registries.
fn foreign_words(file: &File) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if names_a_machine_path(line) {
            complaints.push(format!("{}:{number}: a path of one machine", file.path));
        }
        if registry_hosts().iter().any(|host| line.contains(host)) {
            complaints.push(format!("{}:{number}: the host of a package registry", file.path));
        }
    }
    complaints
}

fn names_a_machine_path(line: &str) -> bool {
    ["root", "home", "work", "farm"].iter().any(|folder| {
        line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|letter| !letter.is_alphanumeric() && !"_.-".contains(letter))
        })
    })
}

/// Returns the hosts, assembled from pieces so that this file passes its own check.
fn registry_hosts() -> Vec<String> {
    let hosts = [
        ("deb", "debian.org"),
        ("security", "debian.org"),
        ("registry", "npmjs.org"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("index", "crates.io"),
        ("static", "crates.io"),
        ("static", "rust-lang.org"),
    ];
    hosts.iter().map(|(host, domain)| format!("{host}.{domain}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn paths_of_a_machine_are_found_and_others_are_not() {
        for (before, after, found) in [
            ("see ", "root", true),
            ("", "home", true),
            ("(", "work", true),
            ("docs", "home", false),
            ("..", "root", false),
        ] {
            let line = format!("{before}/{after}/x");
            assert_eq!(!judge(&file("a.txt", &line)).is_empty(), found, "{line}");
        }
    }

    #[test]
    fn registry_hosts_are_found() {
        for host in registry_hosts() {
            assert_eq!(judge(&file("a.txt", &format!("\nhttps://{host}/x"))).len(), 1, "{host}");
        }
        assert!(judge(&file("a.txt", "published on crates.io")).is_empty());
    }

    #[test]
    fn documents_have_a_length() {
        assert!(judge(&file("README.md", &"x\n".repeat(150))).is_empty());
        assert_eq!(judge(&file("README.md", &"x\n".repeat(151))).len(), 1);
    }
}
