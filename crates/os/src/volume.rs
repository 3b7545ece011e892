//! Drives and their space.

use std::io;
use std::ptr::null_mut;

use windows_sys::Win32::Storage::FileSystem::{GetDiskFreeSpaceExW, GetDriveTypeW, GetLogicalDrives};

use crate::wide::{outcome, wide};

/// `DRIVE_FIXED` (winbase.h): a disk of the machine's own, and no stick, share or CD.
const FIXED: u32 = 3;

/// Lists the letters of the machine's own disks, such as `C:`.
pub fn fixed() -> io::Result<Vec<String>> {
    // SAFETY: the call takes nothing
    let drives = unsafe { GetLogicalDrives() };
    if drives == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut letters = Vec::new();
    for (bit, letter) in ('A'..='Z').enumerate().filter(|(bit, _)| drives & (1 << bit) != 0) {
        debug_assert!(bit < 26, "the alphabet has 26 letters");
        let root = wide(format!("{letter}:\\"))?;
        // SAFETY: `root` ends with a zero
        if unsafe { GetDriveTypeW(root.as_ptr()) } == FIXED {
            letters.push(format!("{letter}:"));
        }
    }
    Ok(letters)
}

/// Returns the bytes that are free, and all bytes, of a drive such as `C:`.
pub fn space(drive: &str) -> io::Result<(u64, u64)> {
    let (root, mut size, mut free) = (wide(format!("{drive}\\"))?, 0, 0);
    // SAFETY: `root` ends with a zero, both numbers are written before the call returns, and the other is optional
    outcome(unsafe { GetDiskFreeSpaceExW(root.as_ptr(), null_mut(), &raw mut size, &raw mut free) })?;
    Ok((free, size))
}
