//! Checks that links between our own documents lead somewhere.

use std::collections::BTreeMap;

use super::{Complaint, File};

/// Finds links to missing files and headings. Pages elsewhere are not asked.
pub fn broken_links(files: &[File], paths: &[String]) -> Vec<Complaint> {
    let documents: BTreeMap<&str, &str> = files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .map(|file| (file.path.as_str(), file.text.as_str()))
        .collect();
    let mut complaints = Vec::new();
    for (path, text) in &documents {
        for (number, target) in links(text) {
            if let Some(why) = broken(path, &target, &documents, paths) {
                complaints.push(format!("{path}:{number}: link to `{target}`: {why}"));
            }
        }
    }
    complaints
}

fn broken(from: &str, target: &str, documents: &BTreeMap<&str, &str>, paths: &[String]) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { Some(from.to_owned()) } else { resolve(from, file) };
    let Some(path) = path else { return Some("leads out of the project") };
    let folder = format!("{path}/");
    if !path.is_empty() && !paths.iter().any(|known| *known == path || known.starts_with(&folder)) {
        return Some("no such file");
    }
    let text = documents.get(path.as_str())?;
    let found = heading.is_empty() || anchors(text).iter().any(|anchor| anchor == heading);
    (!found).then_some("no such heading")
}

/// Returns the path from the project's folder.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Iterates over the lines outside code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        code ^= fence;
        !code && !fence
    })
}

/// Finds `[words](target)` and `[name]: target`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // inline code is between the odd back quotes
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let inline = line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split_once(')'));
        found.extend(inline.map(|(target, _)| (number, bare(target))));
        if let Some((_, target)) = line.split_once("]: ").filter(|_| line.starts_with('[')) {
            found.push((number, bare(target)));
        }
    }
    found
}

/// Strips a title and angle brackets.
fn bare(target: &str) -> String {
    let first = target.split_whitespace().next().unwrap_or_default();
    first.trim_start_matches('<').trim_end_matches('>').to_owned()
}

/// Returns the names under which headings can be linked to: lower case, words joined by `-`, a number if it comes
/// again.
fn anchors(text: &str) -> Vec<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let titles = headings.filter_map(|rest| rest.trim_start_matches('#').strip_prefix(' '));
    let mut anchors = Vec::new();
    for title in titles {
        let kept = title.trim().chars().filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter));
        let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let before = times.entry(anchor.clone()).or_default();
        anchors.push(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
        *before += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<Complaint> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [file("docs/a.md", text), file("docs/b.md", "# One\n## Two, `three`\n# One\n"), file("c.rs", "")];
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        broken_links(&files, &paths)
    }

    #[test]
    fn links_that_lead_somewhere_are_quiet() {
        for good in [
            "b.md",
            "../c.rs",
            "b.md#one",
            "b.md#two-three",
            "b.md#one-1",
            "../docs",
            "https://a.b/c",
            "#here",
            "<b.md>",
        ] {
            assert_eq!(complaints(&format!("# Here\n[x]({good})")), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn broken_links_are_found_with_their_line() {
        assert_eq!(complaints("\nsee [x](d.md)."), ["docs/a.md:2: link to `d.md`: no such file"]);
        assert_eq!(complaints("[x]: b.md#four"), ["docs/a.md:1: link to `b.md#four`: no such heading"]);
        for bad in ["#gone", "b.md#one-2", "../../c.rs", "b.md/c"] {
            assert_eq!(complaints(&format!("![x]({bad} \"title\")")).len(), 1, "{bad}");
        }
    }

    #[test]
    fn code_is_not_searched() {
        assert!(complaints("```\n[x](d.md)\n```\n`[x](d.md)` and `a[0](1)`").is_empty());
    }
}
