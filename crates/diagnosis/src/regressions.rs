//! Windows updates that are known to break Remote Desktop, as data (`data/regressions.toml`, whose head explains the
//! fields).

use std::sync::LazyLock;

use evidence::Role;
use evidence::state::WINDOWS;
use serde::Deserialize;

use crate::case::{Case, Seen};
use crate::cause::Ground;

static REGRESSIONS: LazyLock<Vec<Regression>> =
    LazyLock::new(|| parse(include_str!("../data/regressions.toml")).expect("a test reads the shipped regressions"));

/// Update that breaks Remote Desktop, and the one that cures it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// Machine on which it does harm.
    pub role: HarmedRole,
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
}

/// Machine on which an update does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HarmedRole {
    /// The machine to connect to.
    Host,
    /// The machine that connects.
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

fn parse(text: &str) -> Result<Vec<Regression>, toml::de::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        regression: Vec<Regression>,
    }
    toml::from_str::<Written>(text).map(|written| written.regression)
}

/// Returns every known regression.
pub fn all() -> &'static [Regression] {
    &REGRESSIONS
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

    fn concerns(&self, row: &Regression, role: Role) -> bool {
        row.role.role() == role && row.build == self.build.value && (self.server || !row.server)
    }
}

/// Finds the regression that the machine's Windows has.
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
    Some(Ground::on(vec![release.build.because(text)]))
}

/// Shows that the machine's Windows is past every known regression of its build.
pub(crate) fn cured(case: Case<'_>, role: Role) -> Option<Ground> {
    let release = Release::of(case)?;
    let newest = all().iter().filter(|row| release.concerns(row, role)).map(|row| row.until).max()?;
    let text = format!(
        "it runs {}.{}, which is past every regression that is known of it",
        release.build.value, release.revision
    );
    (release.revision >= newest).then(|| Ground::on(vec![release.build.because(text)]))
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
