//! `rdpdoctor collect`: evidence files as one bundle, without names; or a script that reads a machine where nothing can
//! run.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use collect::evidence::{Gathered, Kind, Piece, bundle, gather, redacted, script};
use evidence::bundle::{LeftOut, Manifest};
use evidence::moment::moment;
use evidence::printable::printable;
use evidence::state::{Part, SCHEMA, State, Unread};
use time::OffsetDateTime;

use crate::arguments::{CollectOptions, SummaryFormat};
use crate::diagnose::truncated;
use crate::this_computer::{self, ELSEWHERE};
use crate::{HEALTHY, UNDETERMINED, terminal};

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
    let here = options.inputs().next().is_none();
    allowed(output, options)?;
    let gathered = if here {
        this_computer::gathered(truncated(OffsetDateTime::now_utc()), Part::Host)?
    } else {
        gather(&options.paths).with_client(&options.from_client)
    };
    if gathered.pieces.is_empty() {
        bail!("nothing to collect: {}", reasons(&gathered));
    }
    let collected = Collected::of(&gathered, options.keep_names);
    let (bytes, manifest) = bundle(&collected.pieces, &collected.left_out, collected.made_at, !options.keep_names);
    write(output, &bytes, options.force).with_context(|| format!("write bundle {}", output.display()))?;
    read_back(output, &manifest)?;
    let in_part = read_in_part(&gathered);
    let text = match options.format {
        SummaryFormat::Human => words(output, &manifest, &gathered, &in_part),
        SummaryFormat::Json => manifest.to_json(),
    };
    terminal::print(&text)?;
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

/// Refuses to replace evidence, any other file unless that is wanted, and anything that is not a file: the bundle is
/// renamed into its place, and that would destroy a device or a pipe.
fn allowed(output: &Path, options: &CollectOptions) -> anyhow::Result<()> {
    let shown = output.display();
    if output == Path::new("-") {
        bail!("a bundle is not written to standard output: name a file for it");
    }
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if of_the_system(&fs::canonicalize(folder).unwrap_or_default()) {
        bail!("{shown} is a place of the system itself: name a file elsewhere for the bundle");
    }
    let Ok(own) = fs::symlink_metadata(output) else { return Ok(()) };
    // the target of a link decides; a link that leads nowhere is only a link
    let kind = fs::metadata(output).unwrap_or(own).file_type();
    if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
        bail!("{shown} is neither a file nor a folder but a device, a pipe or the like: name a file for the bundle");
    }
    let place = fs::canonicalize(output).with_context(|| format!("look at {shown}"))?;
    for input in options.inputs() {
        let input = fs::canonicalize(input).unwrap_or_else(|_| input.to_owned());
        if place.starts_with(&input) {
            bail!("{shown} is itself among what is to be collected: name another file for the bundle");
        }
    }
    if place.is_dir() {
        bail!("{shown} is a folder: name a file for the bundle");
    }
    if !options.force {
        bail!("{shown} exists already: name another file, or say --force to replace it");
    }
    // files that are read beside a hive, or through a link, are named by nobody
    if collect::evidence::is_evidence(&place) {
        bail!("{shown} is evidence itself: name another file for the bundle");
    }
    Ok(())
}

/// True for a folder of devices and the like, also where a device stands for a file (`/dev/stdout`).
fn of_the_system(folder: &Path) -> bool {
    ["/dev", "/proc", "/sys"].iter().any(|system| folder.starts_with(system))
}

/// Writes a file completely or not at all: beside its place first, then into it in one step. A link is replaced, not
/// followed.
fn write(output: &Path, bytes: &[u8], force: bool) -> std::io::Result<()> {
    let mut name = output.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".{}.part", std::process::id()));
    let part = output.with_file_name(name);
    let place = || {
        if force {
            return fs::rename(&part, output);
        }
        // a hard link fails if a file has appeared meanwhile, which renaming would replace
        fs::hard_link(&part, output).or_else(|_| new_file(output, bytes))
    };
    let written = new_file(&part, bytes).and_then(|()| place());
    // after renaming it is gone, and after a failure it should be
    let _ = fs::remove_file(&part);
    written
}

fn new_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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
    fn no_bundle_goes_where_devices_are() {
        assert!(of_the_system(Path::new("/dev")) && of_the_system(Path::new("/proc/self/fd")));
        assert!(!of_the_system(Path::new("/devices")) && !of_the_system(Path::new("/srv/dev")));
    }

    #[test]
    fn endless_lists_are_cut_and_counted() {
        let lines = |count: usize| told((0..count).map(|number| number.to_string()));
        assert_eq!(lines(TOLD).last().unwrap(), "39");
        assert_eq!(lines(TOLD + 2).last().unwrap(), "  and 2 more, which --format json tells");
    }
}
