//! `rdpdoctor inspect`: a diagnosis from evidence files, without a connection.

use std::io::ErrorKind;

use anyhow::anyhow;
use collect::evidence::{Gathered, Piece, gather};
use collect::probe;
use diagnosis::Context;
use diagnosis::diagnose::Run;
use evidence::rdp_file::Routing;
use evidence::{Symptom, Target, TimeSource};
use time::OffsetDateTime;

use crate::arguments::InspectOptions;
use crate::diagnose::{profile, truncated};
use crate::{reading, report_output, terminal, this_computer};

/// Runs the command and returns the exit status.
pub fn run(options: &InspectOptions) -> anyhow::Result<u8> {
    let named = || options.paths.iter().chain(&options.from_client);
    let here = named().next().is_none();
    // one file that is missing among others is said in the report
    if !here
        && named().all(|path| std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound))
    {
        let first = named().next().map_or(String::new(), |path| path.display().to_string());
        return Err(anyhow!("read {first}: there is no such file or folder"));
    }
    let now = truncated(OffsetDateTime::now_utc());
    let (profile, profile_source) = profile(options.client.as_deref())?;
    let (gathered, interrupted) = if here {
        (this_computer::gathered(now, options.part.part())?, false)
    } else {
        reading::until_stopped(|| gather(&options.paths).with_client(&options.from_client))
    };
    let (target, newest) = (target(&gathered), gathered.newest(now));
    let evidence = gathered.into_evidence(now).into_order();
    let (at, at_source) = match (options.at, newest) {
        (Some(at), _) => (at, TimeSource::Option),
        // the machine itself lives now, whatever its logs say, some of them without a zone
        (None, Some(at)) if !here => (at, TimeSource::Evidence),
        (None, _) => (now, TimeSource::Reading),
    };
    let context = Context {
        target,
        profile,
        profile_source,
        at,
        at_source,
        symptom: options.code.map(|code| Symptom { code, extended: options.extended }),
        capabilities: probe::capabilities(),
        require_trust: options.require_trust,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
    };
    let mut diagnosis = diagnosis::diagnose(&evidence, &context, Run { interrupted, ..Run::default() });
    report_output::name_files(&mut diagnosis, &options.paths, &options.from_client);
    let style = terminal::style(options.full);
    report_output::print(&diagnosis, options.format, style, options.save_commands.as_deref(), None)
}

/// Finds the target of a transcript among the files.
fn target(gathered: &Gathered) -> Option<Target> {
    gathered.pieces.iter().find_map(|(_, _, piece)| match piece {
        Piece::Transcript(transcript) => Target::parse(&crate::diagnose::host_and_port(transcript)).ok(),
        Piece::State(_) | Piece::Capture(_) => None,
    })
}
