//! Reads an event log. Whatever is in it, what is kept of it is bounded.
#![no_main]

use std::io::Cursor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(state) = collect::evidence::event_log(Cursor::new(bytes)) else { return };
    assert!(state.events.iter().flat_map(|event| event.data.values()).map(String::len).sum::<usize>() < 32 << 20);
});
