//! Finds the project's folder, and runs other programs in it.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a task with the project's folder.
pub fn in_root<T>(task: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    task(&root()?)
}

/// Returns the project's folder: the parent of this package's, which cargo names, else the working directory.
pub fn root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    match package.as_deref().and_then(Path::parent) {
        Some(root) => Ok(root.to_path_buf()),
        None => env::current_dir().context("find the working directory"),
    }
}

/// True if nothing may be skipped.
pub fn full() -> bool {
    env::var_os("RDPDOCTOR_TEST_FULL").is_some_and(|value| value == "1")
}

/// Prepares cargo in the project's folder, without the variables that `cargo run` set about this package: build scripts
/// that watch them (ring's does) would run again.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    of(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root, arguments)
}

/// Prepares a program of Rust's in the project's folder, like [`cargo`].
pub fn of(program: impl AsRef<OsStr>, root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let told = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_BIN_")
        });
        if told {
            command.env_remove(name);
        }
    }
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a program whose output goes straight through.
pub fn stream(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", words(&command)))?;
    if !status.success() {
        bail!("{}: {status}", words(&command));
    }
    Ok(())
}

/// Runs a program and hands on each line of its output; its complaints go straight through.
pub fn watch(mut command: Command, mut line: impl FnMut(&str)) -> Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("start {}", words(&command)))?;
    let output = child.stdout.take().context("the output of a program that was started with a pipe")?;
    for bytes in BufReader::new(output).split(b'\n') {
        line(&String::from_utf8_lossy(&bytes.with_context(|| format!("read the output of {}", words(&command)))?));
    }
    let status = child.wait().with_context(|| format!("wait for {}", words(&command)))?;
    if !status.success() {
        bail!("{}: {status}", words(&command));
    }
    Ok(())
}

/// Runs a program and returns its output; its complaints go straight through.
pub fn capture(mut command: Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("start {}", words(&command)))?;
    if !output.status.success() {
        bail!("{}: {}", words(&command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("read the output of {}", words(&command)))
}

/// True if a program of this name is there; administrators' programs count.
pub fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(administrators).any(|folder| folder.join(name).is_file())
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
