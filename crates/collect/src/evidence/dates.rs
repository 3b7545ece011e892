//! Times in texts that programs of Windows write in the way of the user's country, without a zone.
//!
//! Whether the day or the month comes first is known where one of them is above twelve, or by a mark of the twelve-hour
//! clock, which goes with the American order. A zone is not in such a text: it is taken as UTC, and that is said.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// Order of the parts of dates, as far as those of a file show it.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is seen or not, whatever the others are")]
pub(super) struct Dates {
    first_is_day: bool,
    second_is_day: bool,
    twelve_hours: bool,
    ambiguous: bool,
    without_zone: bool,
    zone: Option<Zone>,
}

/// Zone of the machine that wrote the texts: how many seconds its clocks were before UTC at a Unix time.
pub(super) type Zone = fn(i64) -> Option<i32>;

/// A date as it is written.
struct Written {
    numbers: [u32; 3],
    /// The year stands first.
    year_first: bool,
    separator: char,
    time: Time,
    offset: Option<UtcOffset>,
    twelve_hours: bool,
}

/// Note on times without a zone.
const ZONE: &str = "its times have no zone and were taken as UTC: for exact times export the log itself (wevtutil epl LOG \
                    FILE.evtx), or as XML (wevtutil qe LOG /f:xml)";
/// Note on dates whose order is not known.
const ORDER: &str =
    "whether the day or the month comes first in its dates is not known; the day was taken to come first";

impl Dates {
    /// Takes times without a zone for those of this one, or of UTC where none is known.
    pub(super) fn of(zone: Option<Zone>) -> Self {
        Self { zone, ..Self::default() }
    }

    /// Looks at a date, before any is read.
    pub(super) fn see(&mut self, text: &str) {
        let Some(written) = written(text) else { return };
        self.twelve_hours |= written.twelve_hours;
        self.without_zone |= written.offset.is_none() && self.zone.is_none();
        if !written.year_first {
            self.first_is_day |= written.numbers[0] > 12 || written.separator == '.';
            self.second_is_day |= written.numbers[1] > 12;
            self.ambiguous = true;
        }
    }

    /// Reads a date by what all of them show.
    pub(super) fn read(&self, text: &str) -> Option<OffsetDateTime> {
        let Written { numbers: [one, two, three], year_first, time, offset, .. } = written(text)?;
        let month_first = self.second_is_day || self.twelve_hours && !self.first_is_day;
        let (year, month, day) = match (year_first, month_first) {
            (true, _) => (one, two, three),
            (false, true) => (three, one, two),
            (false, false) => (three, two, one),
        };
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
        let wall = PrimitiveDateTime::new(date, time);
        let offset = offset.or_else(|| local(wall, self.zone?)).unwrap_or(UtcOffset::UTC);
        wall.assume_offset(offset).checked_to_offset(UtcOffset::UTC)
    }

    /// Lists what has to be said about them.
    pub(super) fn notes(&self) -> impl Iterator<Item = &'static str> {
        self.notes_with(ZONE)
    }

    /// Lists what has to be said about them, with the words for times without a zone.
    pub(super) fn notes_with(&self, without_zone: &'static str) -> impl Iterator<Item = &'static str> {
        let order = self.ambiguous && !self.first_is_day && !self.second_is_day && !self.twelve_hours;
        [(self.without_zone, without_zone), (order, ORDER)].into_iter().filter(|(so, _)| *so).map(|(_, words)| words)
    }
}

/// Returns the offset that a clock on the wall had when it showed this. Of an hour that came twice it is one of both.
fn local(wall: PrimitiveDateTime, zone: Zone) -> Option<UtcOffset> {
    let unix = wall.assume_utc().unix_timestamp();
    let near = zone(unix)?;
    UtcOffset::from_whole_seconds(zone(unix - i64::from(near))?).ok()
}

/// Splits a date; `None` for anything else.
fn written(text: &str) -> Option<Written> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    // Windows puts marks of direction and narrow spaces into dates
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200E}' | '\u{200F}'))
        .map(|c| if matches!(c, '\u{A0}' | '\u{202F}' | 'T' | ',') { ' ' } else { c })
        .collect();
    let mut words = text.split_whitespace();
    let date = words.next()?;
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '/' | '.' | '-') {
        return None;
    }
    let parts: Vec<&str> = date.trim_end_matches(separator).split(separator).collect();
    let [one, two, three] = parts[..] else { return None };
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 4);
    let numbers = [number(one)?, number(two)?, number(three)?];
    let clock = words.next().unwrap_or("00:00:00");
    let mark = words.next().unwrap_or_default();
    let (clock, offset) = zone(clock, mark)?;
    let twelve_hours = matches!(mark.to_ascii_uppercase().as_str(), "AM" | "PM");
    let mut time = clock_time(clock)?;
    if twelve_hours {
        let afternoon = mark.eq_ignore_ascii_case("PM");
        let hour = time.hour() % 12 + if afternoon { 12 } else { 0 };
        time = time.replace_hour(hour).ok()?;
    }
    Some(Written { numbers, year_first: one.len() == 4, separator, time, offset, twelve_hours })
}

/// Takes the zone off a clock, or reads it behind it.
fn zone<'a>(clock: &'a str, mark: &str) -> Option<(&'a str, Option<UtcOffset>)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, Some(UtcOffset::UTC)));
    }
    let at = clock.rfind(['+', '-']);
    let (clock, written) = at.map_or((clock, mark), |at| clock.split_at(at));
    let Some(sign) = written.chars().next().filter(|sign| matches!(sign, '+' | '-')) else {
        return Some((clock, (mark == "UTC").then_some(UtcOffset::UTC)));
    };
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = (digits.get(..2)?.parse::<i8>().ok()?, digits.get(2..4).unwrap_or("00").parse::<i8>().ok()?);
    let factor = if sign == '-' { -1 } else { 1 };
    Some((clock, Some(UtcOffset::from_hms(factor * hours, factor * minutes, 0).ok()?)))
}

fn clock_time(clock: &str) -> Option<Time> {
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let rest = parts.next().unwrap_or("0");
    let (second, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Time::from_hms_nano(hour, minute, second.parse().ok()?, digits.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use evidence::moment::rfc3339;

    use super::*;

    fn read(texts: &[&str]) -> (Vec<Option<String>>, usize) {
        let mut dates = Dates::default();
        for text in texts {
            dates.see(text);
        }
        (texts.iter().map(|text| dates.read(text).map(rfc3339)).collect(), dates.notes().count())
    }

    #[test]
    fn the_order_is_taken_from_all_dates() {
        let told = |texts: &[&str]| {
            let (read, notes) = read(texts);
            (read[0].clone().unwrap_or_default(), notes)
        };
        assert_eq!(told(&["11/3/2026 7:05:33 PM"]), ("2026-11-03T19:05:33Z".to_owned(), 1));
        assert_eq!(told(&["03/11/2026 19:05:33", "20/11/2026 10:00:00"]), ("2026-11-03T19:05:33Z".to_owned(), 1));
        assert_eq!(told(&["11/03/2026 19:05:33", "11/20/2026 10:00:00"]), ("2026-11-03T19:05:33Z".to_owned(), 1));
        assert_eq!(told(&["03/11/2026 19:05:33"]), ("2026-11-03T19:05:33Z".to_owned(), 2));
        assert_eq!(told(&["03.11.2026 19:05:33"]), ("2026-11-03T19:05:33Z".to_owned(), 1));
        assert_eq!(told(&["11/3/2026 12:05:33 AM"]), ("2026-11-03T00:05:33Z".to_owned(), 1));
    }

    #[test]
    fn a_zone_is_heeded() {
        for text in
            ["2026-11-03T19:05:33.1234567Z", "2026-11-03T21:05:33.1234567+02:00", "2026-11-03 14:05:33.1234567 -0500"]
        {
            assert_eq!(read(&[text]), (vec![Some("2026-11-03T19:05:33.1234567Z".to_owned())], 0), "{text}");
        }
        assert_eq!(read(&["2026-11-03T19:05:33.000"]).1, 1);
    }

    #[test]
    fn times_of_a_machine_whose_zone_is_known() {
        // an hour before UTC, and two from the first second of April 2026 on
        let zone: Zone = |unix| Some(if unix < 1_775_005_200 { 3600 } else { 7200 });
        let mut dates = Dates::of(Some(zone));
        dates.see("2026-03-01 12:00:00");
        let read = |text| dates.read(text).map(rfc3339).unwrap();
        assert_eq!(read("2026-03-01 12:00:00"), "2026-03-01T11:00:00Z");
        assert_eq!(read("2026-05-01 12:00:00"), "2026-05-01T10:00:00Z");
        assert_eq!(read("2026-04-01 01:59:59"), "2026-04-01T00:59:59Z");
        assert_eq!(read("2026-04-01T12:00:00+0000"), "2026-04-01T12:00:00Z");
        assert_eq!(dates.notes().count(), 0);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "Information", "13/13/2026 10:00:00", "2026-11-03T25:00:00Z", "1/2/3/4", "٣/١١/٢٠٢٦"] {
            assert_eq!(read(&[text]).0, [None], "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, digits in "[0-9/.:TZ+ -]{0,30}") {
            let _ = (read(&[&text]), read(&[&digits]));
        }
    }
}
