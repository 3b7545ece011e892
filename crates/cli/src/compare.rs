//! `rdpdoctor compare`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use collect::probe::Probe;
use diagnosis::Context;
use diagnosis::compare::{Side, compare};
use diagnosis::diagnose::Run;
use evidence::observe::observe;
use report::comparison;
use time::OffsetDateTime;
use wire::transcript::Transcript;

use crate::arguments::{CompareOptions, CompareSide, SummaryFormat};
use crate::{diagnose, pasted, terminal};

/// Most bytes of a report or a transcript that are read.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Runs the command and returns the exit status.
pub fn run(options: &CompareOptions) -> anyhow::Result<u8> {
    let context = diagnose::plain_context(options.client.as_deref(), OffsetDateTime::now_utc())?;
    // files first: where one cannot be read, nobody has to be asked
    let read = |side: &CompareSide| match side {
        CompareSide::File(path) => read(path, &context).map(Some),
        CompareSide::Host(_) => Ok(None),
    };
    let (working, broken) = (read(&options.working)?, read(&options.broken)?);
    let probe = |side: &CompareSide| match side {
        CompareSide::File(_) => None,
        CompareSide::Host(target) => {
            let context = Context { target: Some(target.clone()), ..context.clone() };
            let mut probe = Probe::new(context, target.clone());
            probe.budget.timeout = options.timeout;
            probe.progress = terminal::progress();
            Some(probe)
        }
    };
    let (first, mut second) = (probe(&options.working), probe(&options.broken));
    if let (Some(first), Some(second)) = (&first, &mut second) {
        second.progress = Arc::clone(&first.progress);
    }
    let run = diagnose::drive_all(first.iter().chain(&second))?;
    terminal::clear_progress();
    let seen = |probe: Probe| {
        let evidence = observe(&probe.seen());
        Side::of(&diagnosis::diagnose(&evidence, &probe.context, run))
    };
    let (working, broken) = (working.or_else(|| first.map(seen)), broken.or_else(|| second.map(seen)));
    let (Some(working), Some(broken)) = (working, broken) else { bail!("two are compared") };
    let comparison = compare(&working, &broken);
    let text = match options.format {
        SummaryFormat::Human => comparison::human(&comparison, terminal::style(true)),
        SummaryFormat::Json => comparison::json(&comparison),
    };
    terminal::hand_out(&text)?;
    Ok(comparison.result.status())
}

/// Reads a report or a transcript, which PowerShell writes as UTF-16.
fn read(path: &Path, context: &Context) -> anyhow::Result<Side> {
    let bytes = collect::evidence::bytes(path, LIMIT).with_context(|| format!("read {}", path.display()))?;
    let text = pasted::decoded(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return Side::read(text).with_context(|| format!("read {}", path.display()));
    }
    let transcript: Transcript = text
        .parse()
        .with_context(|| format!("{} is neither a report (diagnose --format json) nor a transcript", path.display()))?;
    let (evidence, context) = diagnose::of_transcript(&transcript, context)?;
    Ok(Side::of(&diagnosis::diagnose(&evidence, &context, Run::default())))
}
