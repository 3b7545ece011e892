//! The project's own tasks. Start with `test.rs`, the whole judgement; each other module is one task or a part of one.

mod bench;
mod generate;
mod licences;
mod packages;
mod policy;
mod python;
mod release;
mod scaffold;
mod shell;
mod soak;
mod spdx;
mod test;
mod tidy;
mod windows;

use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
usage: cargo xtask TASK

  test             everything that a change must pass; the seconds of each step
  windows [--release]  the program for Windows, tried under Wine; prints its path last
  release          the program as people get it: hardened, without paths of this computer; prints its path last
  licences         licences and bans of all dependencies (the list: xtask/licences.txt)
  tidy             the house rules that can be counted
  gen [--check]    write the generated files, or only compare them
  new cause NAME   begin a cause: its file, its place in the list, its scenario
  new fix NAME     begin a fix: its file and its place in the list
  soak healthy     10,000 generated healthy hosts, none of which may be blamed; the tests make 500
  soak witness     2,000 generated hosts, judged by another client as well; the tests make 24
  soak repair      10,000 random plans with faults; a real run, killed at each call that changes something
  soak fuzz        10,000,000 executions of each fuzz target (cargo-fuzz)
  bench one        the time to a verdict beside sslscan, sslyze and nmap, on xrdp and FreeRDP shadow
  bench judge      the time to observe, plan and judge one recorded host, and its allocations
  bench grow       how time and memory grow with each kind of input: exponent and peak, and the limits
  bench evtx       the time to read a large event log beside the evtx crate and python-evtx

test obeys CARGO_BUILD_JOBS; with RDPDOCTOR_TEST_FULL=1 nothing may be skipped";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) => ExitCode::from(1),
        Some(Err(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(3)
        }
    }
}

/// Runs the task, true if nothing is wrong; `None` if there is no such task.
fn dispatch(words: &[&str]) -> Option<Result<bool>> {
    Some(match words {
        ["test"] => test::run(),
        ["windows"] => shell::in_root(|root| windows::run(root, windows::Profile::Dev)),
        ["windows", "--release"] => shell::in_root(|root| windows::run(root, windows::Profile::Release)),
        ["release"] => shell::in_root(release::run),
        ["licences"] => shell::in_root(licences::run),
        ["tidy"] => shell::in_root(tidy::run),
        ["gen"] => shell::in_root(generate::write),
        ["gen", "--check"] => shell::in_root(generate::check),
        ["bench", "one"] => shell::in_root(bench::one),
        ["bench", "judge"] => shell::in_root(bench::judge),
        ["bench", "grow"] => shell::in_root(bench::grow),
        ["bench", "evtx"] => shell::in_root(bench::evtx),
        ["new", kind, name] => {
            let kind = scaffold::Kind::named(kind)?;
            shell::in_root(|root| scaffold::add(root, kind, name))
        }
        ["soak", name] => {
            let soak = soak::Soak::named(name)?;
            shell::in_root(|root| soak.run(root))
        }
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_use_is_no_task() {
        for words in [
            &[][..],
            &["tests"],
            &["gen", "--force"],
            &["new", "cause"],
            &["new", "stage", "x"],
            &["soak"],
            &["soak", "x"],
        ] {
            assert!(dispatch(words).is_none(), "{words:?}");
        }
    }
}
