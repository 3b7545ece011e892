//! Values of options, and how they are read.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use evidence::profile::DEFAULT;
use evidence::{ClientProfile, Target};
use report::format::Format;
use report::formats;
use time::OffsetDateTime;

/// Format in which the contents of a bundle, what was signed, or a comparison, are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SummaryFormat {
    /// words for a terminal
    Human,
    /// JSON (of `collect` the bundle's manifest, schema rdpdoctor-bundle/1; of `sign`
    /// rdpdoctor-sign/1, of `compare` rdpdoctor-compare/1)
    Json,
}

/// Returns the help of `--client`, with the profiles that come with the program.
pub(super) fn client_help() -> String {
    let profiles: Vec<String> = ClientProfile::shipped().into_iter().map(|profile| profile.id).collect();
    format!(
        "The client that has to get through: {}, or a profile file (TOML); without it, the client that the evidence \
         tells of, else {DEFAULT}",
        profiles.join(", ")
    )
}

/// Parses the formats of the report, as they are listed there.
pub(super) fn format() -> impl TypedValueParser<Value = &'static Format> {
    let listed = formats::ALL.iter().map(|format| PossibleValue::new(format.id).help(format.about));
    PossibleValuesParser::new(listed).map(|id| formats::find(&id).expect("only listed values get this far"))
}

pub(super) fn parse_target(text: &str) -> Result<Target, String> {
    if text.to_ascii_lowercase().ends_with(".rdp") {
        return Err(format!("this is an .rdp file and no host: write --rdp {text}"));
    }
    Target::parse(text).map_err(|error| error.to_string())
}

/// Reads an address, or a network with its size, that stands for some and not for all.
pub(super) fn parse_network(text: &str) -> Result<String, String> {
    if repair::ratchet::is_narrow(text) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("it is no address, and no network of at most the size of 10.0.0.0/8, fd00::/8 or 2001::/16".to_owned())
}

pub(super) fn parse_code(text: &str) -> Result<u32, String> {
    let apart = text.split(|sign: char| sign.is_whitespace() || matches!(sign, ',' | '/' | ';'));
    let numbers: Vec<&str> = apart.filter(|word| evidence::symptom::parse_code(word).is_ok()).collect();
    if let [code, extended, ..] = numbers[..] {
        return Err(format!("these are two numbers: write --code {code} --extended {extended}"));
    }
    let code = evidence::symptom::parse_code(text).map_err(|error| error.to_string())?;
    // 904 is no code of the client and 0x904 is, as `explain` reads it
    let known = |code| evidence::codes::shown_by_client(code).is_some();
    let hex = u32::from_str_radix(text, 16).ok().filter(|hex| text.len() > 2 && !known(code) && known(*hex));
    Ok(hex.unwrap_or(code))
}

pub(super) fn parse_moment(text: &str) -> Result<OffsetDateTime, String> {
    // as a report writes it, and as people do
    let plain = text.trim().trim_end_matches("UTC").trim_end().replacen(' ', "T", 1);
    let written = [text.to_owned(), format!("{plain}Z"), format!("{plain}:00Z")];
    let read = written.iter().find_map(|text| evidence::moment::moment(text));
    read.ok_or_else(|| "write a time such as 2026-11-21T09:00:00Z or \"2026-11-21 09:00\" (UTC)".to_owned())
}

/// Reads `10s`, `500ms` or `2m`; from 100 ms to 10 minutes.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(100)..=Duration::from_mins(10), "not between 100ms and 10m")
}

/// Reads the time of a lease, from a second to a day.
pub(super) fn parse_lease(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_secs(1)..=Duration::from_hours(24), "not between 1s and 24h")
}

fn within(text: &str, allowed: RangeInclusive<Duration>, otherwise: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| "write a time such as 10s, 500ms or 2m".to_owned())?;
    let seconds = |unit: u64| number.checked_mul(unit).map(Duration::from_secs);
    let time = match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" | "" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(60 * 60),
        _ => return Err("the unit is one of ms, s, m, h".to_owned()),
    };
    time.filter(|time| allowed.contains(time)).ok_or_else(|| otherwise.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_pair_is_told_how_to_be_written() {
        for pair in ["0x904, extended 0x7", "0x904 0x7", "0x904,0x7", "0x904/0x7"] {
            let told = parse_code(pair).unwrap_err();
            assert!(told.ends_with("write --code 0x904 --extended 0x7"), "{pair}: {told}");
        }
        assert_eq!(parse_code("0x904"), Ok(0x904));
    }

    #[test]
    fn times_have_units_and_limits() {
        assert_eq!(parse_time("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["", "s", "10h", "0s", "99ms", "11m", "-1s", "1.5s", "99999999999999999999m"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_lease("24h"), Ok(Duration::from_hours(24)));
        for wrong in ["25h", "0", "500ms", "1d"] {
            assert!(parse_lease(wrong).is_err(), "{wrong}");
        }
    }
}
