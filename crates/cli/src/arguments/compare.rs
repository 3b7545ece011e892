//! Options of `compare`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use evidence::Target;

use super::values::{SummaryFormat, client_help, parse_target, parse_time};

/// Options of `compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Only differences that matter to a client are told, the gravest first. Of one host at two times (the same name and \
    port) a renewed certificate counts; of two hosts it does not.\n\n\
    Exit status: 0 no difference that matters, 1 differences, 2 could not tell, 3 wrong use or our own failure.\n\n\
    Examples:\n  rdpdoctor compare works.corp.example fails.corp.example\n  \
    rdpdoctor compare last-month.json server.corp.example\n  rdpdoctor compare before.json after.json --format json"
)]
pub struct CompareOptions {
    /// The one that works: HOST or HOST:PORT, or the file of a report (diagnose --format json) or a transcript
    #[arg(value_name = "WORKING", value_parser = parse_side)]
    pub working: CompareSide,
    /// The one that does not, named in the same way
    #[arg(value_name = "BROKEN", value_parser = parse_side)]
    pub broken: CompareSide,
    /// The client that has to get through: a profile, or a file with one
    #[arg(long, value_name = "PROFILE|FILE", help = client_help())]
    pub client: Option<String>,
    /// Time for the first look at a host; further questions for a finding may take as long again
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub timeout: Duration,
    /// How to print the comparison
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub format: SummaryFormat,
}

/// One of the two that are compared.
#[derive(Debug, Clone)]
pub enum CompareSide {
    /// A host to diagnose now.
    Host(Target),
    /// The file of a report or a transcript.
    File(PathBuf),
}

/// Reads a file's path, or else a target. A file is what exists as one, or has the parts of a path.
fn parse_side(text: &str) -> Result<CompareSide, String> {
    let path = Path::new(text);
    let ends = ["json", "txt"].iter().any(|end| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(end)));
    if ends || text.contains(['/', '\\']) || path.is_file() {
        return Ok(CompareSide::File(path.to_owned()));
    }
    parse_target(text).map(CompareSide::Host)
}
