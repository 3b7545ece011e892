//! Updates of Windows that are known to break Remote Desktop, as data (`data/regressions.toml`, which says what its fields mean).

use std::sync::LazyLock;

use evidence::Role;
use evidence::state::WINDOWS;
use serde::Deserialize;

use crate::case::{Case, Seen};
use crate::cause::{Confidence, Ground};

static TABLE: LazyLock<Table> =
    LazyLock::new(|| parse(include_str!("../data/regressions.toml")).expect("a test reads the shipped regressions"));

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The month up to which it was kept.
    as_of: String,
    regression: Vec<Regression>,
}

/// An update that breaks Remote Desktop, and the one that cures it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// The machine on which it does harm.
    pub role: HarmedRole,
    /// It is about Windows Server only.
    pub server: bool,
    /// `CurrentBuildNumber`.
    pub build: u32,
    /// The first revision (`UBR`) with it.
    pub from: u32,
    /// The first revision without it again.
    pub until: u32,
    /// Revisions between the two of another origin.
    #[serde(default)]
    pub except: Vec<u32>,
    /// The update that brought it.
    pub introduced: String,
    /// The update that cured it.
    pub cured: String,
    /// What fails, as a clause.
    pub breaks: String,
    /// Where that comes from, in words.
    pub source: String,
    /// What helps until the cure is installed, in sentences.
    pub until_then: Option<String>,
    /// A revision of it was worked out and not read in a history.
    #[serde(default)]
    pub inferred: bool,
}

/// The machine on which an update does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HarmedRole {
    /// The machine that is to be controlled.
    Host,
    /// The machine that wants to connect.
    Client,
}

impl HarmedRole {
    fn role(self) -> Role {
        match self {
            Self::Host => Role::Host,
            Self::Client => Role::Client,
        }
    }
}

fn parse(text: &str) -> Result<Table, toml::de::Error> {
    toml::from_str(text)
}

/// The month up to which the table was kept, in words.
pub fn as_of() -> &'static str {
    &TABLE.as_of
}

/// Every regression that is known.
pub fn all() -> &'static [Regression] {
    &TABLE.regression
}

/// Which Windows a machine runs: what the table is asked for.
struct Release {
    build: Seen<u32>,
    revision: u32,
    server: bool,
}

impl Release {
    fn of(case: Case<'_>) -> Option<Self> {
        let revision = case.number(WINDOWS, "UBR")?.value?;
        // a machine whose edition is not known is no server: a row about servers then says nothing
        let edition = case.text(WINDOWS, "EditionID")?.value;
        Some(Self { build: case.build()?, revision, server: edition.is_some_and(|name| name.starts_with("Server")) })
    }

    fn concerns(&self, row: &Regression, role: Role) -> bool {
        row.role.role() == role && row.build == self.build.value && (self.server || !row.server)
    }
}

/// The regression that the machine's Windows carries.
pub(crate) fn carried(case: Case<'_>, role: Role) -> Option<Ground> {
    let release = Release::of(case)?;
    let spans = |row: &&Regression| (row.from..row.until).contains(&release.revision);
    let row = all()
        .iter()
        .filter(|row| release.concerns(row, role) && !row.except.contains(&release.revision))
        .find(spans)?;
    let Regression { introduced, from, breaks, cured, until, build, .. } = row;
    let text = format!(
        "it runs {build}.{}; from {introduced} ({build}.{from}) on {breaks}; {cured} ({build}.{until}) cures it",
        release.revision
    );
    let ground = Ground::on(vec![release.build.because(text)]);
    Some(if row.inferred { ground.confidence(Confidence::Likely) } else { ground })
}

/// The machine's Windows is past a regression that is known of its build, and in no other.
pub(crate) fn cured(case: Case<'_>, role: Role) -> Option<Ground> {
    let release = Release::of(case)?;
    let rows = || all().iter().filter(|row| release.concerns(row, role));
    let past = rows().any(|row| release.revision >= row.until);
    let within = rows().any(|row| (row.from..row.until).contains(&release.revision));
    let text = format!(
        "it runs {}.{}, which is past the regressions that were known of it in {}, and in none",
        release.build.value,
        release.revision,
        as_of()
    );
    (past && !within).then(|| Ground::on(vec![release.build.because(text)]))
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
