//! The handed cases: each text of the folder that RDPDOCTOR_TEST_CASES names gets its right answer (`cases.toml`).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::PathBuf;

use report::explain::explain;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    first: Vec<String>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
}

/// The folder of the texts; without it the test is skipped, with the reason, unless skips are forbidden.
fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("RDPDOCTOR_TEST_CASES") else {
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none(), "RDPDOCTOR_TEST_CASES names no folder");
        println!("skipped: RDPDOCTOR_TEST_CASES names no folder of handed cases");
        return None;
    };
    Some(PathBuf::from(folder).join("text"))
}

#[test]
fn every_handed_text_is_answered_right() {
    let Some(folder) = folder() else { return };
    let cases: Cases = toml::from_str(include_str!("cases.toml")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases.case {
        let text = std::fs::read_to_string(folder.join(format!("{}.txt", case.name))).unwrap();
        let answer = explain(&text).unwrap();
        let ids: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.entries).map(|entry| &entry.id).collect();
        let json = answer.to_json();
        let right = ids.first().is_some_and(|first| case.first.contains(first))
            && case.says.iter().all(|words| json.contains(words))
            && !ids.iter().any(|id| case.never.contains(id));
        if !right {
            let unsaid: Vec<_> = case.says.iter().filter(|words| !json.contains(*words)).collect();
            wrong.push(format!("{}: not {:?} but {:?}; does not say {unsaid:?}", case.name, case.first, ids));
        }
    }
    println!("{} handed texts, {} wrong", cases.case.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
