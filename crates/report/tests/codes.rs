//! Knows every code of a list that others keep, by number and by name. The list is not part of the project:
//! `RDPDOCTOR_TEST_DATA` names the folder in which `codes.json` lies. Without it the test says so and passes; with
//! `RDPDOCTOR_TEST_FULL=1` it fails instead.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::Path;

use evidence::codes;
use report::explain::explain;

/// Lists of the file, and the families that they are.
const LISTS: [(&str, &str); 4] =
    [("discReason", "disconnect"), ("extended", "extended"), ("errinfo", "errinfo"), ("gateway", "proxy")];

#[test]
fn every_code_of_the_list_is_known() {
    let Some(folder) = std::env::var_os("RDPDOCTOR_TEST_DATA") else {
        let full = std::env::var_os("RDPDOCTOR_TEST_FULL").is_some_and(|value| value == "1");
        assert!(!full, "RDPDOCTOR_TEST_DATA is not set");
        eprintln!("skipped: RDPDOCTOR_TEST_DATA is not set, so there is no codes.json");
        return;
    };
    // from the project's folder, as cargo starts tests in that of the crate
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(folder).join("codes.json")).unwrap();
    let lists: BTreeMap<String, Vec<(u32, String)>> = serde_json::from_str(&text).unwrap();
    let mut known = 0;
    for (list, family) in LISTS {
        for (number, name) in &lists[list] {
            let entry = codes::find(family, *number).unwrap_or_else(|| panic!("{list}: {number:#x} is not known"));
            assert_eq!(entry.code.name.as_ref(), Some(name), "{}", entry.id());
            for asked in [format!("{number:#x}"), number.to_string(), name.clone()] {
                let answer = explain(&asked).unwrap();
                let found = answer.topics.iter().flat_map(|topic| &topic.entries).any(|found| found.id == entry.id());
                assert!(found, "{asked} does not lead to {}", entry.id());
            }
            known += 1;
        }
    }
    assert_eq!(known, lists.values().map(Vec::len).sum::<usize>(), "a list has no family");
    assert!(known > 200, "{known} codes are few");
}
