//! `rdpdoctor sign`: publishers' signatures for `.rdp` files.

use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use evidence::moment::rfc3339;
use evidence::printable::{counted, printable};
use repair::file;
use repair::publisher::{BYTES_LIMIT, Publisher, is_pfx, needs_password};
use repair::sign::{Place, SignError, Signed, sign};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::arguments::{SignOptions, SummaryFormat};
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};

/// Variable of the environment that may hold the password of the key.
pub const PASSWORD_VARIABLE: &str = "RDPDOCTOR_KEY_PASSWORD";
/// Most bytes of a password on standard input.
const PASSWORD_LIMIT: u64 = 4096;
/// Most files of one run.
const FILES_LIMIT: usize = 100_000;
/// Most folders that a file may lie in.
const DEPTH_LIMIT: usize = 32;
/// Most signed files that are listed in words; the others are counted.
const TOLD: usize = 12;

/// Signed or refused file: its path, and how it went.
type Outcome = (PathBuf, Result<Signed, SignError>);

/// Runs the command and returns the exit status.
pub fn run(options: &SignOptions) -> anyhow::Result<u8> {
    let publisher = publisher(options)?;
    publisher.check(OffsetDateTime::now_utc()).context("use this certificate")?;
    let files = listed(&options.paths)?;
    if files.is_empty() {
        bail!("there is no .rdp file in {}", options.paths[0].display());
    }
    let progress = terminal::progress();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (number, (path, inside)) in (1..).zip(&files) {
        if number % 100 == 0 {
            progress(&format!("signed {number} of {} files", files.len()));
        }
        outcomes.push((path.clone(), signed(&publisher, path, inside, options)));
    }
    terminal::clear_progress();
    let text = match options.format {
        SummaryFormat::Human => words(&publisher, &outcomes, options.check),
        SummaryFormat::Json => serde_json::to_string_pretty(&document(&publisher, &outcomes))? + "\n",
    };
    terminal::print(&text)?;
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
    Ok(if failed == 0 {
        HEALTHY
    } else if failed < outcomes.len() {
        UNDETERMINED
    } else {
        FAILED
    })
}

fn signed(publisher: &Publisher, path: &Path, inside: &Path, options: &SignOptions) -> Result<Signed, SignError> {
    if options.check {
        return sign(publisher, path, Place::Nowhere);
    }
    let Some(folder) = &options.output else { return sign(publisher, path, Place::Here) };
    let place = folder.join(inside);
    fs::create_dir_all(place.parent().unwrap_or(folder))?;
    sign(publisher, path, Place::At(&place))
}

/// Lists the files to sign, each with its path inside the folder that was named.
fn listed(paths: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?;
        if metadata.is_dir() {
            walk(path, path, 0, &mut files)?;
        } else {
            files.push((path.clone(), path.file_name().map(PathBuf::from).unwrap_or_default()));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Collects the `.rdp` files of a folder and of the folders in it. Links are left alone.
fn walk(folder: &Path, top: &Path, depth: usize, files: &mut Vec<(PathBuf, PathBuf)>) -> anyhow::Result<()> {
    let list = || format!("list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(list)? {
        let entry = entry.with_context(list)?;
        let (kind, path) = (entry.file_type().with_context(list)?, entry.path());
        if kind.is_dir() && depth < DEPTH_LIMIT {
            walk(&path, top, depth + 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("rdp")) {
            if files.len() == FILES_LIMIT {
                bail!("there are more than {FILES_LIMIT} files: name fewer folders");
            }
            files.push((path.clone(), path.strip_prefix(top).unwrap_or(&path).to_owned()));
        }
    }
    Ok(())
}

fn publisher(options: &SignOptions) -> anyhow::Result<Publisher> {
    let read = |path: &Path| file::read(path, BYTES_LIMIT).with_context(|| format!("read {}", path.display()));
    let key = read(&options.key)?;
    let shown = || format!("read {}", options.key.display());
    if is_pfx(&key) {
        // many a PFX has an empty password, but for that somebody has to say so
        return Publisher::from_pfx(&key, &password(options)?).with_context(shown);
    }
    let certificates = options.certificate.as_deref().map_or_else(|| Ok(key.clone()), read)?;
    let password = if needs_password(&key) { Some(password(options)?) } else { None };
    Publisher::from_pem(&certificates, &key, password.as_deref()).with_context(|| match &options.certificate {
        Some(certificate) => format!("read {} and {}", options.key.display(), certificate.display()),
        None => format!("{} (its certificate may be in another file: --certificate FILE)", shown()),
    })
}

/// Asks for the password where it was said to be: standard input, the environment, else the terminal.
fn password(options: &SignOptions) -> anyhow::Result<String> {
    if options.password_stdin {
        let mut text = String::new();
        std::io::stdin().take(PASSWORD_LIMIT).read_to_string(&mut text).context("read the password")?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        return Err(anyhow!(
            "{} is encrypted: give its password with --password-stdin or in {PASSWORD_VARIABLE}",
            options.key.display()
        ));
    }
    rpassword::prompt_password(format!("Password of {}: ", printable(&options.key.display().to_string())))
        .context("read the password")
}

fn words(publisher: &Publisher, outcomes: &[Outcome], check: bool) -> String {
    let mut lines = Vec::new();
    let mut done = 0;
    for (path, outcome) in outcomes {
        let path = printable(&path.display().to_string());
        match outcome {
            Err(why) => lines.push(format!("{path}: not signed: {}", printable(&why.to_string()))),
            Ok(signed) => {
                done += 1;
                if done <= TOLD {
                    lines.extend(told(&path, signed));
                }
            }
        }
    }
    if done > TOLD {
        lines.push(format!("and {} more", counted(done - TOLD, "file", "files")));
    }
    let failed = outcomes.len() - done;
    let did = if check { "can be signed; nothing was written" } else { "signed" };
    lines.push(String::new());
    lines.push(format!("{} {did}{}.", counted(done, "file", "files"), not_signed(failed)));
    let certificate = &publisher.certificate;
    let until = certificate.not_after.date();
    lines.push(format!("Publisher: {}, valid until {until}", printable(&certificate.subject)));
    if certificate.self_issued {
        lines.push("It vouches for itself: clients trust it only once it is installed there as trusted.".to_owned());
    }
    if done > 0 {
        lines.push(format!(
            "For clients that should not ask any more, its SHA-1 thumbprint goes into the policy \"Specify SHA1\n\
             thumbprints of certificates representing trusted .rdp publishers\": {}",
            certificate.sha1.to_uppercase()
        ));
    }
    lines.join("\n") + "\n"
}

fn not_signed(failed: usize) -> String {
    if failed == 0 { String::new() } else { format!(", {failed} not") }
}

fn told(path: &str, signed: &Signed) -> Vec<String> {
    let again = if signed.had_one { " again" } else { "" };
    let shown = |path: &Path| printable(&path.display().to_string());
    let mut lines = vec![match (&signed.path, &signed.kept) {
        (None, _) => format!("{path}: can be signed{again}"),
        (Some(_), Some(kept)) => format!("{path}: signed{again}; as it was: {}", shown(kept)),
        (Some(place), None) if shown(place) == path => format!("{path}: signed{again}"),
        (Some(place), None) => format!("{path}: signed{again} as {}", shown(place)),
    }];
    if signed.was_broken {
        lines.push(
            "  BEWARE: it was changed after it had been signed. Compare it with what was published before anybody uses it."
                .to_owned(),
        );
    }
    if !signed.signer.outside.is_empty() {
        lines.push(format!("  not protected by a signature, as with rdpsign: {}", signed.signer.outside.join(", ")));
    }
    lines
}

fn document(publisher: &Publisher, outcomes: &[Outcome]) -> Value {
    let certificate = &publisher.certificate;
    let files: Vec<Value> = outcomes
        .iter()
        .map(|(path, outcome)| match outcome {
            Ok(signed) => json!({
                "path": path.display().to_string(),
                "signed": true,
                "written": signed.path.as_ref().map(|path| path.display().to_string()),
                "kept": signed.kept.as_ref().map(|path| path.display().to_string()),
                "had_signature": signed.had_one,
                "was_broken": signed.was_broken,
                "scope": signed.signer.scope,
                "outside": signed.signer.outside,
            }),
            Err(why) => json!({ "path": path.display().to_string(), "signed": false, "why": why.to_string() }),
        })
        .collect();
    json!({
        "schema": "rdpdoctor-sign/1",
        "publisher": {
            "subject": certificate.subject,
            "not_after": rfc3339(certificate.not_after),
            "sha1": certificate.sha1,
            "sha256": certificate.sha256,
        },
        "files": files,
    })
}
