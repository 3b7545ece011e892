//! Reads a report as JSON that anybody may have made, and compares it with itself and with an empty one: what is told
//! is safe to print, and a report is like itself.
#![no_main]

use diagnosis::compare::{Likeness, Side, compare};

const EMPTY: &str = r#"{"schema":"rdpdoctor/1","at":"1970-01-01T00:00:00Z","verdict":"undetermined","target":null,"client":null,"reached":null}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(side) = Side::read(text) else { return };
    let empty = Side::read(EMPTY).expect("a report with nothing in it is one");
    assert_ne!(compare(&side, &side).result, Likeness::Different);
    for comparison in [compare(&side, &empty), compare(&empty, &side)] {
        let told = report::comparison::json(&comparison);
        assert!(
            !told.as_str().chars().any(|character| evidence::printable::hidden(character) && character != '\n'),
            "{}",
            told.as_str()
        );
    }
});
