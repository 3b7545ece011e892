//! Reading files while somebody waits: a line that says how far it is, and Ctrl-C that ends it with what is known.

use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use collect::evidence::reading::Reading;

use crate::terminal;

/// Time after which a reading is one that somebody waits for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two lines.
const BETWEEN: Duration = Duration::from_millis(200);
/// Exit status of a program that SIGINT ended.
const KILLED: i32 = 130;

/// Does work that reads files, with a line of progress.
pub fn shown<T>(work: impl FnOnce() -> T) -> T {
    watched(&Reading::default(), "", work)
}

/// Does work that reads files, with a line of progress. Ctrl-C or SIGTERM ends the reading and not the program; a
/// second one ends the program. True if it was ended so.
pub fn until_stopped<T>(work: impl FnOnce() -> T) -> (T, bool) {
    let reading = Reading::default();
    let signalled = reading.clone();
    // where no handler can be had, Ctrl-C ends the program as it does any other
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            loop {
                stopped().await;
                if signalled.ended() {
                    terminal::clear_progress();
                    process::exit(KILLED);
                }
                signalled.end();
            }
        });
    });
    let result = watched(&reading, "; Ctrl-C ends it with what is known", work);
    let stopped = reading.ended();
    // from here on nothing is read, and the next signal ends the program
    reading.end();
    (result, stopped)
}

/// Waits for Ctrl-C or, as a service manager and `timeout` send it, SIGTERM.
pub async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut ended) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = ended.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Does the work on this thread, while another tells how far it is.
fn watched<T>(reading: &Reading, hint: &str, work: impl FnOnce() -> T) -> T {
    if !terminal::shows_progress() {
        return reading.within(work);
    }
    thread::scope(|scope| {
        let (done, waits) = mpsc::channel::<()>();
        scope.spawn(move || {
            let (began, say) = (Instant::now(), terminal::progress());
            let mut pause = PATIENCE;
            while waits.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = BETWEEN;
                say(&line(reading.so_far(), began.elapsed(), hint));
            }
            terminal::clear_progress();
        });
        let result = reading.within(work);
        drop(done);
        result
    })
}

/// Says how much was read, and how fast.
fn line((files, bytes): (u64, u64), time: Duration, hint: &str) -> String {
    let mebibytes = bytes >> 20;
    let rate = u128::from(mebibytes) * 1000 / time.as_millis().max(1);
    let several = if files == 1 { "" } else { "s" };
    format!("reading: {mebibytes} MiB of {files} file{several}, {rate} MiB/s{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_and_how_fast() {
        let line = |files, bytes, time| line((files, bytes), Duration::from_millis(time), "");
        assert_eq!(line(1, 3 << 30, 1500), "reading: 3072 MiB of 1 file, 2048 MiB/s");
        assert_eq!(line(70_000, 5 << 20, 10_000), "reading: 5 MiB of 70000 files, 0 MiB/s");
        assert_eq!(line(0, 0, 0), "reading: 0 MiB of 0 files, 0 MiB/s");
    }
}
