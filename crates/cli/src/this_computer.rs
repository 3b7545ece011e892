//! This computer itself as evidence, where it can be read.

use collect::evidence::Gathered;
use evidence::state::Part;
#[cfg(any(windows, target_os = "linux"))]
use evidence::state::State;
use time::OffsetDateTime;

/// Way to read a Windows machine on which this program does not run.
pub const ELSEWHERE: &str =
    "for another Windows machine, `rdpdoctor collect --as powershell` prints a script that reads it";

/// Name in reports of how this computer itself connects to others.
const OWN_SETTINGS: &str = "this computer's own settings";

/// True if it is among what was gathered.
pub fn is_client(gathered: &Gathered) -> bool {
    gathered.pieces.iter().any(|(path, ..)| path.as_os_str() == OWN_SETTINGS)
}

/// Adds how this computer itself connects to others, where that can be read. `now` is when.
#[cfg(windows)]
pub fn as_client(gathered: Gathered, now: OffsetDateTime) -> Gathered {
    gathered.with_this_computer(OWN_SETTINGS, collect::local::this_client(evidence::moment::rfc3339(now)))
}

/// Adds nothing: only Windows keeps settings for its client outside of `.rdp` files.
#[cfg(not(windows))]
pub fn as_client(gathered: Gathered, _: OffsetDateTime) -> Gathered {
    gathered
}

/// Reads this computer, which plays this part. `now` is when.
#[cfg(windows)]
pub fn gathered(now: OffsetDateTime, part: Part) -> anyhow::Result<Gathered> {
    let state = collect::local::this_computer(evidence::moment::rfc3339(now));
    Ok(Gathered::default().with_this_computer("this computer", State { part, ..state }))
}

/// Reads this computer as a host: its servers for RDP. `now` is when.
#[cfg(target_os = "linux")]
pub fn gathered(now: OffsetDateTime, part: Part) -> anyhow::Result<Gathered> {
    if part == Part::Client {
        anyhow::bail!("of a client with Linux there is nothing to read: name its log, or an .rdp file; {ELSEWHERE}");
    }
    let state = collect::local::linux::this_computer(evidence::moment::rfc3339(now));
    Ok(Gathered::default().with_this_computer("this computer", State { part, ..state }))
}

/// Says that this computer cannot be read, and what can.
#[cfg(not(any(windows, target_os = "linux")))]
pub fn gathered(_: OffsetDateTime, _: Part) -> anyhow::Result<Gathered> {
    anyhow::bail!("only a computer with Windows or Linux can be read itself: name files or folders; {ELSEWHERE}")
}
