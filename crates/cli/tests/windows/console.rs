//! Manners of a program in a console, as people expect them: long paths, colours only where they are wanted, Ctrl-C.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::files::Folder;
use crate::program::{Program, Said};

/// Longest path that programs of old could have (`MAX_PATH`).
const MAX_PATH: usize = 260;

#[test]
fn paths_may_be_longer_than_programs_of_old_could_take() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("long-paths");
    let deep =
        ["ordner ", "папка ", "文件夹 "].map(|start| start.repeat(30).trim_end().chars().take(70).collect::<String>());
    let deep = deep.join("/");
    fs::create_dir_all(folder.0.join(&deep)).unwrap();
    let seed = folder.0.join(folder.seeds("evidence").remove(0));
    let (file, bundle) = (format!("{deep}/state.json"), format!("{deep}/bundle.zip"));
    fs::copy(seed, folder.0.join(&file)).unwrap();
    assert!(folder.0.join(&file).to_str().unwrap().chars().count() > MAX_PATH);
    let windows = windows.within(&folder.0);
    let read = windows.run(&["inspect", &file, "--format", "json"]);
    assert!(read.stdout.contains(r#"\\state.json""#) && read.status != Some(3), "{read:?}");
    let written = windows.run(&["collect", &file, "-o", &bundle]);
    assert!(written.status.is_some_and(|status| status != 3), "{written:?}");
    assert!(fs::metadata(folder.0.join(&bundle)).is_ok_and(|about| about.len() > 0), "{written:?}");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("colours");
    let file = folder.seeds("evidence").remove(0);
    let windows = windows.within(&folder.0);
    let coloured = |variables: &[(&str, &str)]| {
        let said = windows.run_with(variables, &["inspect", &file]);
        assert!(said.status.is_some_and(|status| status < 3), "{said:?}");
        said.stdout.contains('\u{1b}')
    };
    // the output is a pipe
    assert!(!coloured(&[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

/// A host takes the connection and says nothing, so that the program waits. Wine makes Ctrl-C of SIGINT.
#[test]
fn ctrl_c_ends_a_diagnosis_with_what_is_known() {
    let Some(windows) = Program::for_windows() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let words = ["diagnose", &address, "--timeout", "60s", "--format", "json", "--without-own-settings"];
    let running = windows.start(&words);
    let _held = silent.accept().unwrap();
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
    let said: Said = running.wait_with_output().unwrap().into();
    let report: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((said.status, &report["interrupted"]), (Some(2), &true.into()), "{said:?}");
}
