//! `cargo xtask windows`: the program for Windows, built with a toolchain and in a folder of its own, and tried under
//! Wine.
//!
//! rustup's toolchain has no library for Windows here, and Debian's `rustc-web` comes with its source: so the library
//! is built together with the program (`-Zbuild-std`). The target is Windows 7 and newer; a program for Windows 10 and
//! newer imports a DLL that Wine 8 does not have.

mod binary;
mod wine;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::packages::{self, Part};
use crate::shell;

pub const RUSTC: &str = "/usr/bin/rustc";
pub const CARGO: &str = "/usr/bin/cargo";
/// Oldest Rust with which the project compiles.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");
/// File of the library's source.
pub const LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
/// Beginning of the names of all programs that make programs for Windows.
const TOOLS: &str = "x86_64-w64-mingw32-";
pub const LINKER: &str = "x86_64-w64-mingw32-gcc";
/// Debian puts it into no folder of programs.
pub const WINE: &str = "/usr/lib/wine/wine64";

const TARGET: &str = "x86_64-win7-windows-gnu";
/// Parts of Rust's library that are built: `test` for tests that run under Wine.
const PARTS: &str = "-Zbuild-std=std,panic_unwind,test";
/// Folder of all that is built here, below the project's `target`.
const FOLDER: &str = "target/windows";

/// Profile that the program is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As all tests are.
    Dev,
    /// As people get it.
    Release,
}

/// A program for Windows that was built and looked at, and the Wine that runs it.
pub struct Program {
    path: PathBuf,
    wine: wine::Wine,
}

impl Program {
    /// Lists the variables by which tests find it.
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("RDPDOCTOR_TEST_EXE", self.path.clone()), ("RDPDOCTOR_TEST_WINE", self.wine.script().to_owned())]
    }
}

/// Builds the program, runs the tests that use it, and prints its path last.
pub fn run(root: &Path, profile: Profile) -> Result<bool> {
    let missing: Vec<_> = packages::missing().into_iter().filter(|package| package.part == Part::Windows).collect();
    if !missing.is_empty() {
        if !packages::can_install() {
            bail!("not installed (that needs root and apt-get):\n{}", packages::reasons(&missing));
        }
        packages::install(&missing)?;
    }
    let program = make(root, profile)?;
    let mut tests = shell::cargo(root, &["test", "-p", "rdpdoctor", "--test", "windows"]);
    tests.envs(program.variables()).env("RDPDOCTOR_TEST_FULL", "1");
    shell::stream(tests)?;
    println!("{}", program.path.display());
    Ok(true)
}

/// Builds the program, looks at it from outside, and prepares Wine to run it.
pub fn make(root: &Path, profile: Profile) -> Result<Program> {
    let version = toolchain(root)?;
    println!("{version} of Debian, for {TARGET}");
    let path = build(root, profile)?;
    println!("{}", binary::judge(&path, profile)?);
    let wine = wine::Wine::prepare(&root.join(FOLDER))?;
    wrappers(root, &wine)?;
    Ok(Program { path, wine })
}

/// Runs the tests of the wrappers over Windows' own functions, which only a program for Windows can call.
fn wrappers(root: &Path, wine: &wine::Wine) -> Result<()> {
    let arguments = ["test", "--locked", "-p", "os", "--target", TARGET, "--target-dir", FOLDER, PARTS];
    let mut tests = rust(root, CARGO, &arguments);
    tests.env(format!("CARGO_TARGET_{}_RUNNER", TARGET.replace('-', "_").to_uppercase()), wine.script());
    shell::stream(tests)
}

/// Returns the version of the compiler; an error if it is another one than Debian's, or too old.
fn toolchain(root: &Path) -> Result<String> {
    let told = shell::capture(rust(root, RUSTC, &["-vV"]))?;
    let sysroot = shell::capture(rust(root, RUSTC, &["--print", "sysroot"]))?;
    if !is_new_enough(&told) {
        bail!(
            "{RUSTC} is older than Rust {OLDEST}: apt-get update && apt-get install rustc-web cargo-web rust-web-src"
        );
    }
    if Path::new(sysroot.trim()) != Path::new("/usr") || !Path::new(LIBRARY).is_file() {
        bail!("{RUSTC} is not Debian's own with the sources of its library (sysroot {})", sysroot.trim());
    }
    Ok(told.lines().next().unwrap_or_default().to_owned())
}

/// True for what a compiler that is new enough for the project tells of itself.
fn is_new_enough(told: &str) -> bool {
    let release = told.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or_default();
    let numbers = |text: &str| -> Vec<u32> { text.split(['.', '-']).map_while(|part| part.parse().ok()).collect() };
    numbers(release) >= numbers(OLDEST)
}

/// True if Debian's compiler is there and new enough: Debian 12 came with an older one, which its updates replace. Its
/// cargo and the sources of its library have to be of the same version.
pub fn has_compiler() -> bool {
    let told = Command::new(RUSTC).arg("-vV").output();
    told.is_ok_and(|told| is_new_enough(&String::from_utf8_lossy(&told.stdout)))
}

/// Prepares a program of that toolchain. Nothing of the toolchain that runs this task may reach it.
fn rust(root: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = shell::of(program, root, arguments);
    for (name, _) in std::env::vars_os() {
        let foreign = name.to_str().is_some_and(|name| {
            ["RUSTUP", "RUSTC", "RUSTDOC", "RUSTFLAGS", "CARGO_BUILD_", "CARGO_ENCODED_", "CARGO_TARGET_", "LD_LIBRARY"]
                .iter()
                .any(|start| name.starts_with(start))
                || name == "CARGO"
        });
        if foreign && name != "CARGO_BUILD_JOBS" {
            command.env_remove(name);
        }
    }
    let variable = TARGET.replace('-', "_");
    command.env("RUSTC", RUSTC).env("RUSTDOC", "/usr/bin/rustdoc").env("RUSTC_BOOTSTRAP", "1");
    command.env(format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()), LINKER);
    command.env(format!("CC_{variable}"), LINKER).env(format!("AR_{variable}"), format!("{TOOLS}ar"));
    command.env("CROSS_COMPILE", TOOLS);
    command
}

/// Builds the program and returns its path; a warning is an error, as on Linux.
fn build(root: &Path, profile: Profile) -> Result<PathBuf> {
    let mut arguments = vec!["build", "--locked", "-p", "rdpdoctor", "--target", TARGET, "--target-dir", FOLDER, PARTS];
    arguments.extend(["--message-format", "json"]);
    if profile == Profile::Release {
        arguments.push("--release");
    }
    let (mut path, mut warnings) = (None, 0);
    let built = shell::watch(rust(root, CARGO, &arguments), |line| {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        if let Some(binary) = message["executable"].as_str() {
            path = Some(PathBuf::from(binary));
        }
        let own = message["package_id"].as_str().is_some_and(|id| id.contains(&format!("{}/", root.display())));
        let level = message["message"]["level"].as_str().unwrap_or_default();
        if level == "error" || level == "warning" && own {
            print!("{}", message["message"]["rendered"].as_str().unwrap_or_default());
            warnings += 1;
        }
    });
    built?;
    if warnings > 0 {
        bail!("{warnings} warnings in the code for Windows");
    }
    path.context("cargo built no program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_compiler_is_none() {
        let told = |release: &str| format!("rustc {release}\nbinary: rustc\nrelease: {release}\n");
        assert!(is_new_enough(&told(OLDEST)) && is_new_enough(&told("1.999.0")));
        assert!(!is_new_enough(&told("1.85.0")) && !is_new_enough("") && !is_new_enough("release: x"));
    }
}
