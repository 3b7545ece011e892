//! Options of `diagnose --watch`.

use std::time::Duration;

use clap::Args;

/// Shortest interval: a host is not to be flooded.
const SHORTEST: Duration = Duration::from_millis(100);
/// Longest time that can be named.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// Options of `diagnose --watch`.
#[derive(Debug, Args)]
pub struct WatchOptions {
    /// Repeat every INTERVAL (5s if none) until it is broken for good, the time of --for is over, or Ctrl-C; tell when
    /// it broke, what was different then and what came back (as human, json or jsonl). Exit status: 0 always up, 1 it
    /// was down, 2 could not tell
    #[arg(
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5s",
        value_parser = parse_long,
        conflicts_with_all = ["replay", "control", "transcript", "with", "from_client", "thorough", "save_commands", "code"]
    )]
    pub watch: Option<Duration>,
    /// End the watch after this time, such as 90s, 30m, 8h or 2d
    #[arg(long = "for", value_name = "TIME", requires = "watch", value_parser = parse_long)]
    pub watch_for: Option<Duration>,
    /// Take the host for broken for good after this time without an answer (10m if none), and end the watch
    #[arg(long, value_name = "TIME", requires = "watch", value_parser = parse_long)]
    pub give_up: Option<Duration>,
}

/// Reads `500ms`, `5s`, `30m`, `8h` or `2d`; from 100 ms to 30 days.
fn parse_long(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "write a time such as 5s, 30m, 8h or 2d".to_owned())?;
    let seconds = |unit: u64| number.checked_mul(unit).map(Duration::from_secs);
    let time = match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" | "" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => return Err("the unit is one of ms, s, m, h, d".to_owned()),
    };
    let allowed = SHORTEST..=LONGEST;
    time.filter(|time| allowed.contains(time)).ok_or_else(|| "not between 100ms and 30d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_have_units_and_limits() {
        assert_eq!(parse_long("8h"), Ok(Duration::from_hours(8)));
        assert_eq!(parse_long("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "s", "99ms", "31d", "-1s", "1.5s", "1w", "99999999999999999999d"] {
            assert!(parse_long(wrong).is_err(), "{wrong}");
        }
    }
}
