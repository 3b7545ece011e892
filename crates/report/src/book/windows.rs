//! Page about what was seen of Windows, and how: from the proofs of the causes, and from the rows that a test plants
//! under Wine.

use std::collections::BTreeSet;

use diagnosis::cause::{Cause, Shows};
use diagnosis::causes;
use diagnosis::need::Need;
use serde::Deserialize;

use super::GENERATED;

/// Rows that are planted under Wine.
const UNDER_WINE: &str = include_str!("../../data/under-wine.toml");

/// File of those rows; of each row the page needs no more.
#[derive(Deserialize)]
struct Rows {
    planted: Vec<Row>,
    lies: Vec<Lie>,
}

#[derive(Deserialize)]
struct Row {
    cause: String,
}

/// Part of Windows that Wine does not play honestly.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lie {
    part: String,
    answer: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test looks for them"))]
    names: Vec<String>,
    held: Option<String>,
}

fn rows() -> Rows {
    toml::from_str(UNDER_WINE).expect("a test reads the file")
}

/// Returns the causes that were found live on the machine that Wine plays.
fn under_wine() -> BTreeSet<String> {
    rows().planted.into_iter().map(|row| row.cause).collect()
}

/// Writes the rows of what Wine does not play honestly.
fn lies() -> String {
    let row = |Lie { part, answer, held, .. }: Lie| {
        let here = held.map_or_else(
            || "is not used".to_owned(),
            |held| {
                let (file, test) = held.split_once("::").unwrap_or((&held, ""));
                format!("is read, and proves nothing where it fails: test `{test}` in `crates/{file}`")
            },
        );
        format!("| {part} | {answer} | {here} |\n")
    };
    rows().lies.into_iter().map(row).collect()
}

/// True for what no question is put for but by reading a machine; the resolver of this computer is always asked.
fn is_recorded(need: Need) -> bool {
    !need.has_question() && need != Need::NAME
}

/// True if a cause can be shown by what was recorded of a machine (`recorded`), or else by questions alone.
fn shown(cause: &Cause, recorded: bool) -> bool {
    let proofs = cause.proofs.iter().filter(|proof| matches!(proof.shows, Shows::Presence(_)));
    let mut proofs = proofs.filter(|proof| !proof.needs.is_empty());
    proofs.any(|proof| proof.needs.iter().any(|need| is_recorded(*need)) == recorded)
}

/// Writes the page.
pub(super) fn page() -> String {
    let live = under_wine();
    let word = |yes: bool| if yes { "yes" } else { "–" };
    let rows = causes::ALL.iter().map(|cause| {
        let (wire, recorded) = (word(shown(cause, false)), word(shown(cause, true)));
        let under_wine = word(live.contains(cause.id));
        format!("| [{0}](causes/{0}.md) | {wire} | {recorded} | {under_wine} | never |\n", cause.id)
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "{GENERATED}# What was seen of Windows, and how\n\nThis project has no Windows. No cause was ever seen by it on a real Windows machine, and \
         `rdpdoctor.exe` was only run under Wine. How each of the {} causes was seen instead:\n\n\
         - **over the wire**: a proof asks the host itself, and was tried against the hosts of the lab, against other servers, or on broken networks;\n\
         - **recorded state**: a proof reads what was recorded of a machine (registry, services, keys, logs, captures, files), and was tried on states \
         that tests write and on published files;\n\
         - **live under Wine**: `rdpdoctor.exe` read it from the machine that Wine plays, where a test had planted it with `reg.exe` and read it \
         back ({} causes, `crates/report/data/under-wine.toml`).\n\n\
         | cause | over the wire | recorded state | live under Wine | on real Windows |\n|---|---|---|---|---|\n{}\n\
         ## Where Wine is no proof\n\nSome parts of Windows are there under Wine by name alone: they say yes without an \
         effect, or say nothing. A test that rested on them would show nothing, and neither would it on a Windows on which \
         they are broken. `rdpdoctor.exe` runs no other program and asks no WMI, so that a broken one keeps it from \
         nothing; which profile the network has it does not ask either, so no rule of the firewall is judged by it.\n\n\
         | part of Windows | under Wine 8 | in rdpdoctor.exe |\n|---|---|---|\n{}",
        causes::ALL.len(),
        live.len(),
        rows.concat(),
        lies(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_causes_that_there_are_were_planted_each_once() {
        assert_eq!(under_wine().len(), rows().planted.len());
        for id in under_wine() {
            let cause = causes::find(&id).unwrap_or_else(|| panic!("{id} is no cause"));
            assert!(shown(cause, true), "{id} is not shown by what was recorded");
        }
    }

    /// Code that reads a living Windows, without its comments.
    fn live() -> String {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let files = |folder: &str| {
            let entries = std::fs::read_dir(crates.join(folder)).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect::<Vec<_>>()
        };
        let named = ["collect/src/local.rs", "collect/src/local/live.rs", "collect/src/names/windows.rs"];
        let all =
            [files("os/src"), files("collect/src/evidence/windows"), named.map(|file| crates.join(file)).to_vec()];
        let text: String = all.concat().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_lies_under_wine_is_not_used_or_a_test_holds_it() {
        let (live, crates) = (live(), Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        let rows = rows().lies;
        assert!(live.contains("RegOpenKeyExW") && rows.len() > 10, "{}", live.len());
        for Lie { part, names, held: by, .. } in rows {
            let met: Vec<&String> = names.iter().filter(|name| live.contains(name.as_str())).collect();
            assert!(!names.is_empty() && met.is_empty() == by.is_none(), "{part}: {met:?}");
            let Some(by) = by else { continue };
            let (file, test) = by.split_once("::").unwrap();
            let code = std::fs::read_to_string(crates.join(file)).unwrap();
            assert!(
                code.contains(&format!("#[test]\n    fn {test}()")) || code.contains(&format!("#[test]\nfn {test}()")),
                "{part}"
            );
        }
    }

    #[test]
    fn every_cause_is_shown_in_some_way() {
        for cause in causes::ALL {
            assert!(shown(cause, true) || shown(cause, false), "{}", cause.id);
        }
    }
}
