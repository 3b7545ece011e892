//! Counts the tests that skip themselves: to cargo they have passed, and their words are only shown if asked for.

use std::collections::BTreeMap;

/// Beginning of the line in which a test says why it skips itself.
const MARK: &str = "skipped: ";

/// Reader of the output of `cargo test -- --show-output`.
#[derive(Default)]
pub struct Skips {
    /// Names of tests by the reason that they give.
    found: BTreeMap<String, Vec<String>>,
    /// True between the words of the tests that passed and the count of a test program.
    hidden: bool,
    test: String,
}

impl Skips {
    /// Takes a line of output; true if people should see it. The words of tests that passed are for the count alone.
    pub fn shown(&mut self, line: &str) -> bool {
        if line == "successes:" {
            self.hidden = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.hidden = false;
        }
        if !self.hidden {
            return true;
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            name.clone_into(&mut self.test);
        } else if let Some(reason) = line.strip_prefix(MARK) {
            let tests = self.found.entry(reason.to_owned()).or_default();
            if !tests.contains(&self.test) {
                tests.push(self.test.clone());
            }
        }
        false
    }

    /// Counts the tests.
    pub fn count(&self) -> usize {
        let mut tests: Vec<&String> = self.found.values().flatten().collect();
        tests.sort_unstable();
        tests.dedup();
        tests.len()
    }

    /// Returns a line for each reason, with the tests that gave it.
    pub fn lines(&self) -> Vec<String> {
        let line = |(reason, tests): (&String, &Vec<String>)| format!("skipped: {reason}: {}", tests.join(", "));
        self.found.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test real::one ... ok
test real::two ... ok
test bad ... FAILED

successes:

---- real::one stdout ----
skipped: no folder

---- real::two stdout ----
words of its own
skipped: no folder
skipped: no program


successes:
    real::one
    real::two

failures:

---- bad stdout ----
skipped: this one failed

failures:
    bad

test result: FAILED. 2 passed; 1 failed
";

    #[test]
    fn a_test_that_skips_itself_is_counted_once() {
        let mut skips = Skips::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| skips.shown(line)).collect();
        assert_eq!(skips.count(), 2);
        assert_eq!(skips.lines(), ["skipped: no folder: real::one, real::two", "skipped: no program: real::two"]);
        assert!(shown.contains(&"---- bad stdout ----") && shown.contains(&"skipped: this one failed"), "{shown:?}");
        assert!(!shown.contains(&"words of its own"), "{shown:?}");
        assert!(shown.last().is_some_and(|line| line.starts_with("test result")));
    }

    #[test]
    fn without_a_skip_nothing_is_said() {
        let mut skips = Skips::default();
        assert!(skips.shown("test a ... ok") && !skips.shown("successes:"));
        assert_eq!((skips.count(), skips.lines().len()), (0, 0));
    }
}
