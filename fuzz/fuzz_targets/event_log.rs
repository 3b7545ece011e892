//! Reads an event log. Whatever is in it, only a bounded part is kept.
#![no_main]

use std::io::Cursor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(states) = collect::evidence::event_log(Cursor::new(bytes)) else { return };
    let events = states.iter().flat_map(|state| &state.events);
    assert!(events.flat_map(|event| event.data.values()).map(String::len).sum::<usize>() < 8 << 20);
});
