//! The two programs: this one, and the one for Windows.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// Times that a program is run where Wine ends it before it has said anything.
const TRIES: usize = 3;

/// Words and status of a program that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    pub status: Option<i32>,
}

impl Said {
    /// Tells whether Wine ended the program: its server does so with status 1 where it loses touch with a process, as
    /// happened once on a loaded machine. With that status this program has found a fault, and says which.
    fn is_end_by_wine(&self) -> bool {
        self.status == Some(1) && self.stdout.is_empty() && self.stderr.is_empty()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), status: output.status.code() }
    }
}

/// A program, with what comes before its arguments and the folder in which it runs.
pub struct Program {
    words: Vec<OsString>,
    folder: PathBuf,
}

impl Program {
    /// Returns the program that these tests were built with.
    pub fn here() -> Self {
        Self { words: vec![env!("CARGO_BIN_EXE_rdpdoctor").into()], folder: std::env::temp_dir() }
    }

    /// Returns the program for Windows, if it was made; says why not otherwise, or fails where skips are forbidden.
    pub fn for_windows() -> Option<Self> {
        let words: Option<Vec<_>> =
            ["RDPDOCTOR_TEST_WINE", "RDPDOCTOR_TEST_EXE"].into_iter().map(std::env::var_os).collect();
        if words.is_none() {
            let reason = "no program for Windows was made (cargo xtask windows)";
            assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
            eprintln!("skipped: {reason}");
        }
        Some(Self { words: words?, folder: std::env::temp_dir() })
    }

    /// Runs a program that comes with Wine.
    pub fn wine(&self, words: &[&str]) -> Said {
        let mut command = Command::new(&self.words[0]);
        command.args(words).stdin(Stdio::null()).output().unwrap().into()
    }

    /// Lets it run in this folder.
    #[must_use]
    pub fn within(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..self }
    }

    /// Runs it to its end; anew where Wine ended it.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let mut tries = (0..TRIES).map(|_| Said::from(self.command(arguments).output().unwrap()));
        tries.find(|said| !said.is_end_by_wine()).unwrap_or_else(|| panic!("Wine ended each of {TRIES}: {arguments:?}"))
    }

    /// Runs it to its end with these variables, and nothing that says whether there are colours.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        command.env_remove("NO_COLOR").envs(variables.iter().copied());
        command.output().unwrap().into()
    }

    /// Starts it, with its words to be read at its end.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it with a standard output that nobody reads; returns its status and what it complained of.
    pub fn run_without_reader(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        (child.wait().unwrap().code(), complaint)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).args(arguments).current_dir(&self.folder);
        command.env("COLUMNS", "100").env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }
}
