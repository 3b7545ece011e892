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
}

#[derive(Deserialize)]
struct Row {
    cause: String,
}

/// Returns the causes that were found live on the machine that Wine plays.
fn under_wine() -> BTreeSet<String> {
    let rows: Rows = toml::from_str(UNDER_WINE).expect("a test reads the file");
    rows.planted.into_iter().map(|row| row.cause).collect()
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
         | cause | over the wire | recorded state | live under Wine | on real Windows |\n|---|---|---|---|---|\n{}",
        causes::ALL.len(),
        live.len(),
        rows.concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_causes_that_there_are_were_planted_each_once() {
        let rows: Rows = toml::from_str(UNDER_WINE).unwrap();
        assert_eq!(under_wine().len(), rows.planted.len());
        for id in under_wine() {
            let cause = causes::find(&id).unwrap_or_else(|| panic!("{id} is no cause"));
            assert!(shown(cause, true), "{id} is not shown by what was recorded");
        }
    }

    #[test]
    fn every_cause_is_shown_in_some_way() {
        for cause in causes::ALL {
            assert!(shown(cause, true) || shown(cause, false), "{}", cause.id);
        }
    }
}
