//! Readers that others wrote, in Python: their results are compared with ours.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a script of this folder on a file and returns its output, or `None`, with a message, where Python or the reader
/// is missing, which is a failure if everything is to be tested.
pub fn read(script: &str, library: &str, file: &Path, input: &str) -> Option<String> {
    let python = std::env::var_os("RDPDOCTOR_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let there = Command::new(&python).args(["-c", &format!("import {library}")]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        let reason = format!("{} has no {library}", Path::new(&python).display());
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
        eprintln!("skipped: {reason}");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../collect/tests/independent").join(script);
    let mut reader = Command::new(&python)
        .arg(script)
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{library} could not read {}", file.display());
    Some(String::from_utf8(output.stdout).unwrap())
}
