//! Windows updates that are known to break Remote Desktop, as data (`data/regressions.toml`, whose head explains the
//! fields).

use std::sync::LazyLock;

use evidence::state::{Part, WINDOWS};
use serde::Deserialize;

use crate::case::{Case, Seen};
use crate::cause::{Confidence, Ground};

static TABLE: LazyLock<Table> =
    LazyLock::new(|| parse(include_str!("../data/regressions.toml")).expect("a test reads the shipped regressions"));

/// Table as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Month up to which it was kept, in words.
    as_of: String,
    regression: Vec<Regression>,
}

/// Update that breaks Remote Desktop, and the one that cures it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// Machine on which it does harm.
    pub role: Part,
    /// True if it is about Windows Server only.
    pub server: bool,
    /// `CurrentBuildNumber`.
    pub build: u32,
    /// First revision (`UBR`) with it.
    pub from: u32,
    /// First revision without it again.
    pub until: u32,
    /// Revisions between the two that do not have it.
    #[serde(default)]
    pub except: Vec<u32>,
    /// Update that brought it.
    pub introduced: String,
    /// Update that cured it.
    pub cured: String,
    /// Failure that it causes, as a clause.
    pub breaks: String,
    /// Source, in words.
    pub source: String,
    /// Advice until the cure is installed, in sentences.
    pub until_then: Option<String>,
    /// True if a revision of it was worked out and not read in a history.
    #[serde(default)]
    pub inferred: bool,
}

impl Regression {
    /// True if it harms the machine that people connect to; otherwise the one that they connect from.
    pub fn harms_host(&self) -> bool {
        self.role == Part::Host
    }
}

fn parse(text: &str) -> Result<Table, toml::de::Error> {
    toml::from_str(text)
}

/// Returns the month up to which the table was kept, in words.
pub fn as_of() -> &'static str {
    &TABLE.as_of
}

/// Returns every known regression.
pub fn all() -> &'static [Regression] {
    &TABLE.regression
}

/// Windows release of a machine, the key of the table.
struct Release {
    build: Seen<u32>,
    revision: u32,
    server: bool,
}

impl Release {
    fn of(case: Case<'_>) -> Option<Self> {
        let revision = case.number(WINDOWS, "UBR")?.value?;
        // an unknown edition counts as no server, so that a row about servers says nothing
        let edition = case.text(WINDOWS, "EditionID")?.value;
        Some(Self { build: case.build()?, revision, server: edition.is_some_and(|name| name.starts_with("Server")) })
    }

    fn concerns(&self, row: &Regression, part: Part) -> bool {
        row.role == part && row.build == self.build.value && (self.server || !row.server)
    }
}

/// Finds the regression that the machine's Windows has.
pub(crate) fn carried(case: Case<'_>, part: Part) -> Option<Ground> {
    let release = Release::of(case)?;
    let spans = |row: &&Regression| (row.from..row.until).contains(&release.revision);
    let row = all()
        .iter()
        .filter(|row| release.concerns(row, part) && !row.except.contains(&release.revision))
        .find(spans)?;
    let Regression { introduced, from, breaks, cured, until, build, .. } = row;
    let text = format!(
        "it runs {build}.{}; from {introduced} ({build}.{from}) on {breaks}; {cured} ({build}.{until}) cures it",
        release.revision
    );
    let ground = Ground::on(vec![release.build.because(text)]);
    Some(if row.inferred { ground.confidence(Confidence::Likely) } else { ground })
}

/// Shows that the machine's Windows is past a known regression of its build, and in no other.
pub(crate) fn cured(case: Case<'_>, part: Part) -> Option<Ground> {
    let release = Release::of(case)?;
    let rows = || all().iter().filter(|row| release.concerns(row, part));
    let behind = rows().any(|row| release.revision >= row.until);
    let within = rows().any(|row| (row.from..row.until).contains(&release.revision));
    let text = format!(
        "it runs {}.{}, which is past the regressions that were known of it in {}, and in none",
        release.build.value,
        release.revision,
        as_of()
    );
    (behind && !within).then(|| Ground::on(vec![release.build.because(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_used() {
        for row in all() {
            assert!(row.from < row.until, "{row:?}");
            assert!(row.except.iter().all(|revision| (row.from..row.until).contains(revision)), "{row:?}");
            let kb = |text: &str| text.strip_prefix("KB").is_some_and(|digits| digits.parse::<u32>().is_ok());
            assert!(kb(&row.introduced) && kb(&row.cured) && row.introduced != row.cured, "{row:?}");
            assert!(!row.breaks.ends_with('.') && !row.source.is_empty(), "{row:?}");
        }
    }
}
