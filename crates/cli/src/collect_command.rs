//! `rdpdoctor collect`: evidence files as one bundle, without names; or a script that reads a machine where nothing can
//! run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use collect::evidence::{Gathered, Kind, Piece, bundle, gather, is_bundle, is_evidence, redacted, script};
use evidence::bundle::{LeftOut, Manifest};
use evidence::moment::moment;
use evidence::printable::printable;
use evidence::state::{SCHEMA, State, Unread};
use report::door;
use time::OffsetDateTime;

use crate::arguments::{CollectOptions, SummaryFormat};
use crate::diagnose::truncated;
use crate::output_file::OutputFile;
use crate::this_computer::{self, ELSEWHERE};
use crate::{HEALTHY, UNDETERMINED, reading, terminal};

/// Most files, and most left-out items, that are listed one by one in words.
const TOLD: usize = 40;

/// Runs the command and returns the exit status.
pub fn run(options: &CollectOptions) -> anyhow::Result<u8> {
    if options.script.is_some() {
        terminal::print(&script::powershell())?;
        return Ok(HEALTHY);
    }
    if let (Some(first), None) = (options.inputs().next(), &options.output) {
        bail!("name the file to write as well: rdpdoctor collect {} -o bundle.zip", first.display());
    }
    let Some(output) = options.output.as_deref() else {
        bail!("name the file to write: rdpdoctor collect -o bundle.zip; {ELSEWHERE}");
    };
    if output == Path::new("-") {
        bail!("a bundle is not written to standard output: name a file for it");
    }
    let inputs: Vec<&Path> = options.inputs().collect();
    let file = OutputFile { path: output, inputs: &inputs, kept: &|path| kept(path, options.force) };
    // before the reading, which may take long
    file.allowed()?;
    let gathered = if inputs.is_empty() {
        this_computer::gathered(truncated(OffsetDateTime::now_utc()), options.part.part())?
    } else {
        reading::shown(|| gather(&options.paths).with_client(&options.from_client))
    };
    if gathered.pieces.is_empty() {
        bail!("nothing to collect: {}", reasons(&gathered));
    }
    let collected = Collected::of(&gathered, options.keep_names);
    let (bytes, manifest) = bundle(&collected.pieces, &collected.left_out, collected.made_at, !options.keep_names);
    file.write(&bytes).with_context(|| format!("write bundle {}", output.display()))?;
    read_back(output, &manifest)?;
    let in_part = read_in_part(&gathered);
    let text = match options.format {
        SummaryFormat::Human => door::text(&words(output, &manifest, &gathered, &in_part)),
        SummaryFormat::Json => door::json(&manifest.to_json()),
    };
    terminal::hand_out(&text)?;
    Ok(if manifest.left_out.is_empty() && in_part.is_empty() { HEALTHY } else { UNDETERMINED })
}

/// Lists files that were read only in part, by their names.
fn read_in_part(gathered: &Gathered) -> Vec<String> {
    let reasons = gathered.pieces.iter().flat_map(|(path, _, piece)| {
        let reasons = match piece {
            Piece::State(state) => {
                state.unread.iter().map(|unread| format!("{}: {}", unread.what, unread.why)).collect()
            }
            Piece::Capture(capture) => capture.notes.clone(),
            Piece::Transcript(_) => Vec::new(),
        };
        reasons.into_iter().map(move |why| format!("  {}: {}", path.display(), printable(&why)))
    });
    reasons.collect()
}

/// Contents of a bundle.
struct Collected {
    pieces: Vec<Piece>,
    left_out: Vec<LeftOut>,
    made_at: OffsetDateTime,
}

impl Collected {
    /// Collects the pieces. The list of unread items goes into the bundle too, and is redacted the same way.
    fn of(gathered: &Gathered, keep_names: bool) -> Self {
        let unread =
            Piece::State(Box::new(State { schema: SCHEMA.to_owned(), unread: left_out(gathered), ..State::default() }));
        let mut pieces: Vec<_> =
            gathered.pieces.iter().map(|(path, kind, piece)| (path.clone(), *kind, piece.clone())).collect();
        pieces.push((PathBuf::new(), Kind::RecordedState, unread));
        let mut pieces = if keep_names {
            pieces.into_iter().map(|(_, _, piece)| without_secrets(piece)).collect()
        } else {
            redacted(&pieces)
        };
        let left_out = match pieces.pop() {
            Some(Piece::State(state)) => state.unread,
            _ => Vec::new(),
        };
        let left_out = left_out.into_iter().map(|unread| LeftOut { what: unread.what, why: unread.why }).collect();
        Self { pieces, left_out, made_at: made_at(gathered) }
    }
}

/// Removes passwords, which have no place in a bundle even if names have.
fn without_secrets(piece: Piece) -> Piece {
    match piece {
        Piece::State(state) => Piece::State(Box::new(state.without_secrets())),
        other => other,
    }
}

/// Returns when the evidence was gathered: a bundle made from another keeps that one's time.
fn made_at(gathered: &Gathered) -> OffsetDateTime {
    let [(_, manifest)] = gathered.bundles.as_slice() else { return truncated(OffsetDateTime::now_utc()) };
    let inside = format!("{}: ", gathered.bundles[0].0.display());
    let alone = gathered.pieces.iter().all(|(path, ..)| path.display().to_string().starts_with(&inside));
    let told = moment(&manifest.made_at).filter(|_| alone);
    told.unwrap_or_else(|| truncated(OffsetDateTime::now_utc()))
}

/// Lists items that bundles among the files lack, and items that could not be read now, by file names alone.
fn left_out(gathered: &Gathered) -> Vec<Unread> {
    let before = gathered.bundles.iter().flat_map(|(_, manifest)| &manifest.left_out);
    let before = before.map(|left_out| Unread { what: left_out.what.clone(), why: left_out.why.clone() });
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let now = gathered.unread.iter().map(|(path, why)| Unread { what: name(path), why: why.clone() });
    before.chain(now).collect()
}

fn reasons(gathered: &Gathered) -> String {
    let unread = gathered.unread.iter().map(|(path, why)| format!("{}: {}", path.display(), printable(why)));
    let reasons: Vec<String> = unread.take(8).collect();
    if reasons.is_empty() {
        "no file there is of a kind that this program knows".to_owned()
    } else {
        reasons.join("; ")
    }
}

/// Says why a file that exists may not be replaced by a bundle: only another bundle may, if that is wanted.
fn kept(output: &Path, force: bool) -> Option<String> {
    let shown = output.display();
    if !force {
        return Some(format!("{shown} exists already: name another file, or say --force to replace it"));
    }
    // files that are read beside a hive are named by nobody
    if is_evidence(output) {
        return Some(format!("{shown} is evidence itself: name another file for the bundle"));
    }
    let foreign = || format!("{shown} is no bundle of this program, and --force replaces nothing else");
    (!is_bundle(output)).then(foreign)
}

/// Reads the bundle back: if that fails, better to know now than when it has been sent.
fn read_back(output: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let again = gather(&[output.to_owned()]);
    let same = again.bundles.first().is_some_and(|(_, read)| read == manifest);
    if same && again.unread.is_empty() && again.pieces.len() == manifest.files.len() {
        return Ok(());
    }
    Err(anyhow!("the bundle was written and does not read back: {}", reasons(&again)))
}

/// Describes a bundle for people. They see the names of their own files, which the bundle itself may not have.
fn words(output: &Path, manifest: &Manifest, gathered: &Gathered, in_part: &[String]) -> String {
    let mut lines = vec![format!("{}, {}:", output.display(), redaction(manifest))];
    let width = manifest.files.iter().map(|file| file.path.chars().count()).max().unwrap_or_default();
    let files = manifest.files.iter();
    lines.extend(told(files.map(|file| format!("  {:width$}  {}, {} bytes", file.path, file.kind, file.bytes))));
    let left_out = left_out(gathered);
    let mut left: Vec<(&str, &str)> = left_out.iter().map(|left| (left.what.as_str(), left.why.as_str())).collect();
    // unread items are followed by those that did not fit into the bundle
    left.extend(manifest.left_out.iter().skip(left.len()).map(|left| (left.what.as_str(), left.why.as_str())));
    if !left.is_empty() {
        lines.push("Left out:".to_owned());
    }
    lines.extend(told(left.into_iter().map(|(what, why)| format!("  {}: {}", printable(what), printable(why)))));
    if !in_part.is_empty() {
        lines.push("Read in part:".to_owned());
    }
    lines.extend(told(in_part.iter().cloned()));
    if gathered.passed_over > 0 {
        let passed_over = gathered.passed_over;
        lines.push(format!("{passed_over} other files are of no kind that says something about Remote Desktop."));
    }
    lines.join("\n") + "\n"
}

/// Returns the first of these lines, and counts the rest.
fn told(lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = lines.len().saturating_sub(TOLD);
    let mut told: Vec<String> = lines.take(TOLD).collect();
    told.extend((more > 0).then(|| format!("  and {more} more, which --format json tells")));
    told
}

fn redaction(manifest: &Manifest) -> &'static str {
    if manifest.redacted { "names and addresses replaced" } else { "with all names and addresses" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_lists_are_cut_and_counted() {
        let lines = |count: usize| told((0..count).map(|number| number.to_string()));
        assert_eq!(lines(TOLD).last().unwrap(), "39");
        assert_eq!(lines(TOLD + 2).last().unwrap(), "  and 2 more, which --format json tells");
    }
}
