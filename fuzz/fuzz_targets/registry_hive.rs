//! Reads a hive and a transaction log: four bytes say where one ends and the other begins.
#![no_main]

use std::io::Cursor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let length = u32::from_le_bytes(*length) as usize;
    let (hive, log) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    let _ = collect::evidence::registry_hive(Cursor::new(hive), vec![Cursor::new(log)]);
});
