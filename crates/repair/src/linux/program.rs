//! Programs of the system that are run for a hand: each ends in time, and says no more than it may.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Most bytes of what a program says.
const LIMIT: u64 = 4 * 1024 * 1024;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs a program that has to end in time; true if it ended well.
pub(super) fn run(command: &mut Command, patience: Duration) -> Result<bool, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let program = name(command);
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    ended(&mut child, patience).map_err(|why| format!("{program} {why}"))
}

/// Runs a program that has to end well and in time, and returns what it says.
pub(super) fn told(command: &mut Command, patience: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let program = name(command);
    let mut child = command.spawn().map_err(|error| format!("run {program}: {error}"))?;
    let output = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output?.take(LIMIT).read_to_string(&mut text).ok()?;
        Some(text)
    });
    let ended = ended(&mut child, patience).map_err(|why| format!("{program} {why}"))?;
    let text = reader.join().ok().flatten().filter(|_| ended);
    text.ok_or_else(|| {
        let arguments: Vec<_> = command.get_args().map(|one| one.to_string_lossy()).collect();
        format!("{program} {}: it failed", arguments.join(" "))
    })
}

fn name(command: &Command) -> String {
    command.get_program().display().to_string()
}

/// Waits for a process that has to end in time, and ends it otherwise; true if it ended well.
fn ended(child: &mut Child, patience: Duration) -> Result<bool, String> {
    let mut status = None;
    let ended = reached(patience, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("did not end within {} s", patience.as_secs()));
    }
    Ok(status.is_some_and(|status| status.success()))
}

/// Looks until something holds; false if it never did in time.
pub(super) fn reached(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if began.elapsed() >= patience {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let short = Duration::from_millis(30);
        let hangs = || {
            let mut hangs = Command::new("sleep");
            hangs.arg("1000");
            hangs
        };
        assert!(run(&mut hangs(), short).unwrap_err().contains("did not end"));
        assert!(told(&mut hangs(), short).unwrap_err().contains("did not end"));
        let long = Duration::from_mins(1);
        assert_eq!(run(&mut Command::new("true"), long), Ok(true));
        assert_eq!(run(&mut Command::new("false"), long), Ok(false));
        assert!(run(&mut Command::new("/no/such/program"), long).is_err());
        assert_eq!(told(Command::new("echo").arg("x"), long), Ok("x\n".to_owned()));
        assert!(told(&mut Command::new("false"), long).unwrap_err().contains("it failed"));
    }
}
