//! `cargo xtask release`: the program as people get it, without the paths of whoever built it; and what is looked at in
//! every program that is built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Flags for C code, which is that of ring: a canary on each stack frame that holds an array, and checked copies. They
/// need optimisation, which this profile has.
const C_FLAGS: &str = "-fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE";

/// Builds it and looks at it; prints its path last.
pub fn run(root: &Path) -> Result<bool> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo"))).context("find the home of cargo")?;
    let mut flags: Vec<String> = [(root, "rdpdoctor"), (cargo_home.as_path(), "cargo")]
        .iter()
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()))
        .collect();
    flags.extend(env::var("RUSTFLAGS").ok());
    let mut command = shell::cargo(root, &["build", "--release", "-p", "rdpdoctor"]);
    command.env("RUSTFLAGS", flags.join(" "));
    let own = env::var("CFLAGS").unwrap_or_default();
    command.env("CFLAGS", format!("{own} {C_FLAGS} -ffile-prefix-map={}=cargo", cargo_home.display()));
    shell::stream(command)?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = target.join("release/rdpdoctor");
    hardened(&program)?;
    let bytes = std::fs::read(&program).with_context(|| format!("read {}", program.display()))?;
    without_keys(&bytes)?;
    for path in [root, cargo_home.as_path()] {
        let path = path.display().to_string();
        if bytes.windows(path.len()).any(|window| window == path.as_bytes()) {
            bail!("the program holds a path of this computer: {path}");
        }
    }
    println!("{}", program.display());
    Ok(true)
}

/// Looks at what holds in every profile: loaded at any address, tables read-only once it runs, no code on the stack.
pub fn hardened(program: &Path) -> Result<()> {
    let mut command = Command::new("readelf");
    command.args(["-hldW"]).arg(program).env("LC_ALL", "C");
    let text = shell::capture(command).context("readelf, which comes with the linker")?;
    let missing = missing(&text);
    if missing.is_empty() { Ok(()) } else { bail!("{}: {}", program.display(), missing.join("; ")) }
}

/// Refuses a program that holds a private key as PEM; the words that begin one, which our readers know, are none.
pub fn without_keys(program: &[u8]) -> Result<()> {
    const END: &[u8] = b"PRIVATE KEY-----";
    const LINE: usize = 40;
    let in_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    let ends = program.windows(END.len()).enumerate().filter(|(_, window)| *window == END);
    for (place, _) in ends {
        let behind = program[place + END.len()..].iter().skip_while(|byte| b"\r\n".contains(byte));
        if behind.take_while(|byte| in_key(byte)).count() >= LINE {
            bail!("the program holds a private key");
        }
    }
    Ok(())
}

/// Lists what a program lacks, by the words of readelf.
fn missing(told: &str) -> Vec<&'static str> {
    let line = |words: &[&str]| told.lines().any(|line| words.iter().all(|word| line.contains(word)));
    let stack = told.lines().find(|line| line.contains("GNU_STACK"));
    let flags = stack.and_then(|line| line.split_whitespace().nth(6));
    [
        (line(&["Type:", "DYN"]), "it is not position independent"),
        (line(&["GNU_RELRO"]) && line(&["BIND_NOW"]), "its tables stay writable (full RELRO is missing)"),
        (flags.is_some_and(|flags| !flags.contains('E')), "its stack may hold code"),
        (!line(&["TEXTREL"]), "its code is changed when it is loaded"),
    ]
    .into_iter()
    .filter(|(holds, _)| !holds)
    .map(|(_, words)| words)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "  Type:      DYN (Position-Independent Executable file)\n  GNU_RELRO  0x1 0x2 0x3 0x4 0x5 R 0x1\n  \
                         GNU_STACK 0x000000 0x0 0x0 0x000000 0x000000 RW  0\n 0x1e (FLAGS)   BIND_NOW\n";

    #[test]
    fn a_key_is_found_and_its_first_words_alone_are_none() {
        let line = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQ";
        for end in ["\n", "\r\n"] {
            let key = format!("\0-----BEGIN RSA PRIVATE KEY-----{end}{line}{end}\0");
            assert!(without_keys(key.as_bytes()).is_err());
        }
        assert!(without_keys(b"-----BEGIN PRIVATE KEY-----\n\0-----BEGIN PRIVATE KEY-----, see there").is_ok());
    }

    #[test]
    fn what_a_program_lacks_is_told() {
        assert_eq!(missing(SOUND), [""; 0]);
        assert_eq!(missing(&SOUND.replace("DYN", "EXEC")), ["it is not position independent"]);
        assert_eq!(missing(&SOUND.replace("BIND_NOW", "")), ["its tables stay writable (full RELRO is missing)"]);
        assert_eq!(missing(&SOUND.replace("RW ", "RWE")), ["its stack may hold code"]);
        assert_eq!(missing(&format!("{SOUND} (TEXTREL)")), ["its code is changed when it is loaded"]);
        assert_eq!(missing("").len(), 3);
    }
}
