//! Printing of a report, and saving of its commands (`--save-commands`).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use collect::evidence::regular;
use diagnosis::Diagnosis;
use report::format::{Format, Style};
use report::scripts::{self, MARK, Script};

use crate::output_file::OutputFile;
use crate::{FAILED, terminal};

/// Bytes at the beginning of a file in which our mark stands.
const BEGINNING: usize = 256;

/// Prints a report, saves its commands if a folder is named for them, and returns the exit status. A report is always
/// printed: where something beside it failed (`failure`, or the saving), that is told behind it and the status is that
/// of a failure, unless the format has statuses of its own.
pub fn print(
    diagnosis: &Diagnosis,
    format: &Format,
    style: Style,
    folder: Option<&Path>,
    failure: Option<anyhow::Error>,
) -> anyhow::Result<u8> {
    let saved = folder.map(|folder| save(folder, &scripts::all(diagnosis)));
    let style = Style { saved: matches!(saved, Some(Ok(_))), ..style };
    terminal::hand_out(&format.print(diagnosis, style))?;
    if let (Some(Ok(count)), Some(folder)) = (&saved, folder) {
        let written = if *count == 1 { "1 script was".to_owned() } else { format!("{count} scripts were") };
        terminal::complain(&format!("{written} written to {}", folder.display()));
    }
    let failures: Vec<anyhow::Error> = failure.into_iter().chain(saved.and_then(Result::err)).collect();
    for failure in &failures {
        terminal::complain(&format!("error: {failure:#}"));
    }
    match format.status {
        // what its line says of the host and the status have to agree; the failure stands on standard error
        Some(status) => Ok(status(diagnosis, style)),
        None if failures.is_empty() => Ok(diagnosis.verdict.status()),
        None => Ok(FAILED),
    }
}

/// Names the files that were given in the commands of a report, so that these can be run as they stand.
pub fn name_files(diagnosis: &mut Diagnosis, paths: &[PathBuf], from_client: &[PathBuf]) {
    /// Most paths in a command.
    const MOST: usize = 8;
    if paths.len() + from_client.len() > MOST {
        return;
    }
    let listed = |paths: &[PathBuf]| paths.iter().map(|path| quoted(path)).collect::<Option<Vec<_>>>();
    let (Some(own), Some(client)) = (listed(paths), listed(from_client)) else { return };
    let client = if client.is_empty() { String::new() } else { format!("--from-client {}", client.join(" ")) };
    let given = [own.join(" "), client].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let only = if let [only] = diagnosis.files.as_slice() { Some(only.clone()) } else { None };
    for next in &mut diagnosis.next {
        let with = if paths.is_empty() { "--with " } else { "" };
        for place in only.iter().map(String::as_str).chain(["PATH…"]) {
            let place = if next.command.contains(&format!("{with}{place}")) {
                format!("{with}{place}")
            } else {
                place.to_owned()
            };
            let stands = next.command.starts_with("rdpdoctor ") && next.command.contains(&format!(" {place}"));
            if stands {
                next.command = next.command.replacen(&place, &given, 1);
                break;
            }
        }
    }
}

/// Writes a path as a shell takes it; `None` for one that no quoting of ours is sure to keep.
fn quoted(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/\\:._-+=@".contains(letter);
    match text {
        "" => None,
        _ if text.chars().all(plain) && !text.starts_with('-') => Some(text.to_owned()),
        // both shells take these between single quotes as they are
        _ if text.chars().any(|letter| letter == '\'' || letter.is_control()) => None,
        _ if text.starts_with('-') => None,
        _ => Some(format!("'{text}'")),
    }
}

/// Writes scripts to a folder, which is made if it is not there, and returns how many. A file that somebody else wrote
/// is never replaced.
fn save(folder: &Path, scripts: &[Script]) -> anyhow::Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    for script in scripts {
        let path = folder.join(&script.name);
        let saved = OutputFile { path: &path, inputs: &[], kept: &kept }.write(script.text().as_bytes());
        saved.with_context(|| format!("write the script {}", path.display()))?;
    }
    Ok(scripts.len())
}

/// Says why a file that exists may not be replaced by a script: it is none of ours.
fn kept(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut beginning = Vec::new();
    let read = regular(path).map(|file| file.take(BEGINNING as u64).read_to_end(&mut beginning));
    let ours = read.is_ok() && String::from_utf8_lossy(&beginning).contains(MARK);
    (!ours).then(|| "it exists, and another program wrote it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_a_shell_takes_it() {
        let written = |text: &str| quoted(Path::new(text));
        assert_eq!(written("logs/System.evtx").as_deref(), Some("logs/System.evtx"));
        assert_eq!(written("my logs").as_deref(), Some("'my logs'"));
        assert_eq!(written("$(x)").as_deref(), Some("'$(x)'"));
        for odd in ["", "it's", "-rf", "a\nb"] {
            assert_eq!(written(odd), None, "{odd:?}");
        }
    }
}
