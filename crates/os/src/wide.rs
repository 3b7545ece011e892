//! Text as Windows takes it: UTF-16 that ends with a zero.

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt;

/// Returns the text with the zero that ends it; an error if a zero is within, for the rest would not be seen.
pub(crate) fn wide(text: impl AsRef<OsStr>) -> io::Result<Vec<u16>> {
    let mut units: Vec<u16> = text.as_ref().encode_wide().collect();
    if units.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a zero within a name"));
    }
    units.push(0);
    Ok(units)
}

/// Reads text of at most `most` units that ends with a zero; empty for null.
///
/// # Safety
///
/// `text` is null or leads to units that end with a zero.
pub(crate) unsafe fn read(text: *const u16, most: usize) -> String {
    let mut units = Vec::new();
    while units.len() < most && !text.is_null() {
        // SAFETY: the zero was not met yet
        match unsafe { text.add(units.len()).read() } {
            0 => break,
            unit => units.push(unit),
        }
    }
    String::from_utf16_lossy(&units)
}

/// Returns the outcome of a call that says with a number other than zero that it went well.
pub(crate) fn outcome(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
