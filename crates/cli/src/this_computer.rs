//! This computer itself as evidence, where it can be read.

use collect::evidence::Gathered;
use evidence::state::Part;
#[cfg(windows)]
use evidence::state::State;
use time::OffsetDateTime;

/// Way to read a Windows machine on which this program does not run.
pub const ELSEWHERE: &str =
    "for another Windows machine, `rdpdoctor collect --as powershell` prints a script that reads it";

/// Reads this computer, which plays this part. `now` is when.
#[cfg(windows)]
pub fn gathered(now: OffsetDateTime, part: Part) -> anyhow::Result<Gathered> {
    let state = collect::local::this_computer(evidence::moment::rfc3339(now));
    Ok(Gathered::of_this_computer(State { part, ..state }))
}

/// Says that this computer cannot be read, and what can.
#[cfg(not(windows))]
pub fn gathered(_: OffsetDateTime, _: Part) -> anyhow::Result<Gathered> {
    anyhow::bail!("only a computer with Windows can be read itself: name files or folders; {ELSEWHERE}")
}
