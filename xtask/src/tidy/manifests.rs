//! Checks that every dependency line has its reason: a comment beside it or above it.

use super::{Complaint, File};

/// Dependencies that one comment above them may speak for.
const PER_COMMENT: usize = 3;

/// Finds the dependencies of one Cargo.toml without a reason. One that points to the workspace has its reason there;
/// one of our own crates needs none.
pub fn without_reason(file: &File) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut section = Section::Other;
    let mut spoken_for = 0;
    for (number, line) in (1..).zip(file.text.lines().map(str::trim)) {
        if line.starts_with('[') {
            section = Section::of(line);
            if !matches!(section, Section::OneDependency) || spoken_for > 0 || line.contains('#') {
                spoken_for = 0;
                continue;
            }
        } else if line.starts_with('#') {
            spoken_for = PER_COMMENT;
            continue;
        } else if line.is_empty() {
            spoken_for = 0;
            continue;
        } else if !matches!(section, Section::Dependencies) || !line.contains('=') {
            continue;
        }
        if !explains_itself(line) && spoken_for == 0 {
            complaints.push(format!("{}:{number}: a dependency without a reason: `{line}`", file.path));
        }
        spoken_for = spoken_for.saturating_sub(1);
    }
    complaints
}

fn explains_itself(line: &str) -> bool {
    let bare: String = line.chars().filter(|letter| !letter.is_whitespace()).collect();
    line.contains(" #") || bare.contains("workspace=true") || bare.contains("path=")
}

enum Section {
    /// `[dependencies]` and its kin: one dependency a line.
    Dependencies,
    /// `[dependencies.name]`.
    OneDependency,
    Other,
}

impl Section {
    fn of(header: &str) -> Self {
        let name = header.split(']').next().unwrap_or_default().trim_start_matches('[');
        if name.ends_with("dependencies") {
            Self::Dependencies
        } else if name.contains("dependencies.") {
            Self::OneDependency
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> usize {
        without_reason(&File { path: "Cargo.toml".to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn a_reason_stands_above_beside_or_in_the_workspace() {
        assert_eq!(
            lines("[dependencies]\n# why\na = \"1\"\nb = \"1\" # why\nc.workspace = true\nd = { workspace = true }\n"),
            0
        );
        assert_eq!(lines("[workspace.dependencies]\nours = { path = \"crates/ours\" }\n"), 0);
    }

    #[test]
    fn a_dependency_without_one_is_found() {
        assert_eq!(lines("[dependencies]\na = \"1\"\n"), 1);
        assert_eq!(lines("[dev-dependencies]\n# why\na = \"1\"\n\nb = \"1\"\n"), 1);
        assert_eq!(lines("[target.'cfg(unix)'.dependencies]\n# why\na = \"1\"\nb = \"1\"\nc = \"1\"\nd = \"1\"\n"), 1);
        assert_eq!(lines("[dependencies.a]\nversion = \"1\"\n"), 1);
    }

    #[test]
    fn other_sections_need_none() {
        assert_eq!(lines("[package]\nname = \"a\"\n[features]\nb = []\n[profile.dev]\nopt-level = 1\n"), 0);
        assert_eq!(lines("# why\n[dependencies.a]\nversion = \"1\"\n"), 0);
    }
}
