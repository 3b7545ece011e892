//! Checks that every cause that a probe can see has a faulty host in the lab that shows it.

use super::{Complaint, File};

const CAUSES: &str = "crates/diagnosis/src/causes/";
/// Tests of what a kernel does to a path, and of what name servers say.
const ROWS: [&str; 3] =
    ["crates/cli/tests/real/path.rs", "crates/cli/tests/real/dns.rs", "crates/cli/tests/real/network.rs"];
const SCENARIOS: &str = "crates/lab/scenarios/";
/// Text in a cause's file that other files in the folder do not have.
const DECLARATION: &str = "const CAUSE: Cause";

/// Stages inside a machine: their causes show in its records, in the cause's own tests, not on the wire.
const INSIDE: [&str; 2] = ["stage: Stage::Host,", "stage: Stage::Client,"];

/// Finds causes that no scenario expects; a note if there is nothing to compare yet.
pub fn without_scenario(files: &[File]) -> (Vec<Complaint>, Option<String>) {
    let inside = |folder: &str, end: &str| -> Vec<(String, &str)> {
        let names = files.iter().filter_map(|file| {
            let name = file.path.strip_prefix(folder)?.strip_suffix(end)?;
            (!name.contains('/')).then(|| (name.replace('_', "-"), file.text.as_str()))
        });
        names.collect()
    };
    let (mut causes, scenarios) = (inside(CAUSES, ".rs"), inside(SCENARIOS, ".toml"));
    // a cause of the path takes a kernel, and one of a name a name server: its test there is its scenario
    let played = |name: &str| {
        let mut rows = files.iter().filter(|file| ROWS.contains(&file.path.as_str()));
        rows.any(|file| file.text.contains(&format!("\"{name}\"")))
    };
    causes.retain(|(name, _)| !played(name) || scenarios.iter().any(|(_, text)| expects(text, name)));
    causes.retain(|(_, text)| text.contains(DECLARATION) && !INSIDE.iter().any(|stage| text.contains(stage)));
    if causes.is_empty() || scenarios.is_empty() {
        return (Vec::new(), Some(format!("note: no causes or no scenarios yet ({CAUSES}, {SCENARIOS})")));
    }
    let unseen = causes.iter().filter(|(cause, _)| !scenarios.iter().any(|(_, text)| expects(text, cause)));
    (unseen.map(|(cause, _)| format!("cause {cause}: no scenario in {SCENARIOS} expects it")).collect(), None)
}

/// True if the cause is in the scenario's `findings = […]`, or in `advisory = […]`.
fn expects(scenario: &str, cause: &str) -> bool {
    ["findings", "advisory"].iter().any(|list| stands_in(list, scenario, cause))
}

fn stands_in(list: &str, scenario: &str, cause: &str) -> bool {
    let from = scenario.lines().position(|line| line.split('=').next().unwrap_or_default().trim() == list);
    let Some(from) = from else { return false };
    let list: String = scenario.lines().skip(from).collect();
    list.split(']').next().is_some_and(|list| list.contains(&format!("\"{cause}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(scenario: &str) -> Vec<Complaint> {
        let file = |path: String, text: &str| File { path, text: text.to_owned() };
        let files = [
            file(format!("{CAUSES}mod.rs"), ""),
            file(format!("{CAUSES}sketch.rs"), ""),
            file(format!("{CAUSES}port_closed.rs"), DECLARATION),
            file(format!("{SCENARIOS}x.toml"), scenario),
        ];
        without_scenario(&files).0
    }

    #[test]
    fn a_cause_needs_a_scenario_that_expects_it() {
        assert!(complaints("[expect]\nfindings = [\"port-closed\"]\n").is_empty());
        assert!(complaints("findings = [\n  \"other\",\n  \"port-closed\",\n]\n").is_empty());
        assert!(complaints("findings = []\nadvisory = [\"port-closed\"]\n").is_empty());
        for not in [
            "",
            "# findings = [\"port-closed\"]\n",
            "findings = []\nnear_miss_of = \"port-closed\"\n",
            "findings = [\"port-closed-too\"]\n",
        ] {
            assert_eq!(complaints(not).len(), 1, "{not}");
        }
    }

    #[test]
    fn nothing_to_compare_is_a_note() {
        let (complaints, note) = without_scenario(&[]);
        assert!(complaints.is_empty() && note.is_some());
    }
}
