//! Moments as RFC 3339 text and back.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Parses RFC 3339 text.
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(time::UtcOffset::UTC)
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
    use super::whole_second;

    #[test]
    fn a_time_for_people_has_no_fraction() {
        assert_eq!(whole_second("2018-07-31T01:05:41.923479Z"), "2018-07-31T01:05:41Z");
        assert_eq!(whole_second("2018-07-31T01:05:41.9+02:00"), "2018-07-31T01:05:41+02:00");
        for text in ["2018-07-31T01:05:41Z", "1.2.3", ""] {
            assert_eq!(whole_second(text), text);
        }
    }
}
