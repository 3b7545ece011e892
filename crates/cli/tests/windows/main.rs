//! The program for Windows, tried under Wine beside this one: the same words, the same reports, the same diagnoses.
//!
//! `cargo xtask windows` builds it and tells the tests where it is (`RDPDOCTOR_TEST_EXE`), and what runs it
//! (`RDPDOCTOR_TEST_WINE`). That it runs under Wine does not show that it runs on Windows.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod console;
mod files;
mod hosts;
mod planted;
mod program;
mod registry;
mod this_client;
mod this_computer;

use program::Program;

#[test]
fn it_says_the_same_words() {
    let Some(windows) = Program::for_windows() else { return };
    for words in [
        &["--version"][..],
        &["explain", "0x904", "0x7"],
        &["explain", "certificate-expired", "--format", "json"],
        &["explain", "no such thing as this"],
        &["collect", "--as", "powershell"],
        &["man"],
        &["explain", "Fehler 0x904 – Переподключение 重新连接"],
    ] {
        let (here, there) = (Program::here().run(words), windows.run(words));
        assert_eq!(there, here, "{words:?}");
        assert!(!here.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn wrong_use_is_told_apart_from_what_could_not_be_told() {
    let Some(windows) = Program::for_windows() else { return };
    assert_eq!(windows.run(&["diagnose"]).status, Some(3));
    let missing = windows.run(&["inspect", "no-such-file.evtx"]);
    assert_eq!(missing.status, Some(3));
    assert!(missing.stderr.contains("there is no such file or folder"), "{missing:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let Some(windows) = Program::for_windows() else { return };
    let (status, complaint) = windows.run_without_reader(&["lab"]);
    assert_eq!((status, complaint.as_str()), (Some(0), ""));
}
