//! Reads an `.rdp` file, verifies its signature, and writes it back as it was.
#![no_main]

use evidence::rdp_file::{RdpFile, RdpFileRecord, RdpSettings};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = RdpFile::recognises(bytes);
    let Ok(file) = RdpFile::parse(bytes) else { return };
    assert_eq!(RdpFile::parse(&file.encode()).as_ref(), Ok(&file));
    let record = RdpFileRecord::of("x.rdp", &file);
    let settings = RdpSettings(&record);
    let _ = (settings.target(), settings.gateway());
});
