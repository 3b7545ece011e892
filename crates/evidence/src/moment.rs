//! Moments as RFC 3339 text and back.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Parses RFC 3339 text; `None` also for a time that no clock of a machine was set to ([`is_from_a_clock`]).
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(time::UtcOffset::UTC)?;
    is_from_a_clock(at).then_some(at)
}

/// True for a time that a machine may have recorded. Zero of FILETIME is 1601, zero of Unix 1970: both are what stands
/// where no time was written. Years far away are damage, and leave no room to reckon with.
pub fn is_from_a_clock(at: OffsetDateTime) -> bool {
    (1980..=9000).contains(&at.year())
}

/// Writes a recorded time for people: without the fraction of its second. Text that is no time stays as it is.
pub fn whole_second(text: &str) -> String {
    match (moment(text), text.split_once('.')) {
        (Some(_), Some((second, fraction))) => {
            format!("{second}{}", fraction.trim_start_matches(|letter: char| letter.is_ascii_digit()))
        }
        _ => text.to_owned(),
    }
}

/// Formats a date as RFC 3339.
pub fn rfc3339(date: OffsetDateTime) -> String {
    date.format(&Rfc3339).unwrap_or_else(|_| date.to_string())
}

#[cfg(test)]
mod whole_seconds {
    use super::{moment, whole_second};

    #[test]
    fn what_no_clock_showed_is_no_moment() {
        for text in ["1601-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"] {
            assert_eq!(moment(text), None, "{text}");
        }
        assert!(moment("2000-01-01T00:00:00Z").is_some());
    }

    #[test]
    fn a_time_for_people_has_no_fraction() {
        assert_eq!(whole_second("2018-07-31T01:05:41.923479Z"), "2018-07-31T01:05:41Z");
        assert_eq!(whole_second("2018-07-31T01:05:41.9+02:00"), "2018-07-31T01:05:41+02:00");
        for text in ["2018-07-31T01:05:41Z", "1.2.3", ""] {
            assert_eq!(whole_second(text), text);
        }
    }
}
