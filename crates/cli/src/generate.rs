//! `rdpdoctor generate`: what `cargo xtask gen` writes to files, from the same code that makes reports.

use std::collections::BTreeMap;

use diagnosis::Diagnosis;
use report::explain::Answer;
use report::{book, comparison, watch};

use crate::arguments::Generated;
use crate::{HEALTHY, manual, terminal};

/// Runs the command and returns the exit status.
pub fn run(files: Generated) -> anyhow::Result<u8> {
    let texts = match files {
        Generated::Book => book::pages(),
        Generated::Man => BTreeMap::from([("rdpdoctor.1".to_owned(), manual::page()?)]),
        Generated::Completions => manual::completion_files()?,
        Generated::Schema => BTreeMap::from([
            ("rdpdoctor-1.schema.json".to_owned(), Diagnosis::json_schema()),
            ("rdpdoctor-state-1.schema.json".to_owned(), evidence::state::json_schema()),
            ("rdpdoctor-bundle-1.schema.json".to_owned(), evidence::bundle::json_schema()),
            ("rdpdoctor-compare-1.schema.json".to_owned(), comparison::json_schema()),
            ("rdpdoctor-watch-1.schema.json".to_owned(), watch::json_schema()),
            ("rdpdoctor-explain-1.schema.json".to_owned(), Answer::json_schema()),
        ]),
    };
    terminal::print(&(serde_json::to_string(&texts)? + "\n"))?;
    Ok(HEALTHY)
}
