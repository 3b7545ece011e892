//! Long counts: the same code as in the tests, with larger numbers.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::shell;

/// One of them.
pub struct Soak {
    name: &'static str,
    /// What is counted, and the variable that says how many.
    variable: &'static str,
    count: &'static str,
    /// The arguments of `cargo test`.
    test: &'static [&'static str],
}

const ALL: [Soak; 1] = [Soak {
    name: "healthy",
    variable: "RDPDOCTOR_HEALTHY_HOSTS",
    count: "10000",
    test: &["-p", "diagnosis", "--test", "healthy", "--", "--nocapture"],
}];

impl Soak {
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|soak| soak.name == name)
    }

    /// Runs it and prints the seconds, without those for building it.
    pub fn run(&self, root: &Path) -> Result<bool> {
        let building: Vec<&str> =
            self.test.iter().copied().take_while(|word| *word != "--").chain(["--no-run"]).collect();
        shell::stream(shell::cargo(root, &[&["test", "--quiet"], &building[..]].concat()))?;
        let mut command = shell::cargo(root, &[&["test", "--quiet"], self.test].concat());
        command.env(self.variable, self.count);
        let began = Instant::now();
        let result = shell::stream(command);
        println!("{} {}: {:.1} s", self.count, self.name, began.elapsed().as_secs_f64());
        result.map(|()| true)
    }
}
