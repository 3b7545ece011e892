//! Who may do what with a file.

use std::io;
use std::path::Path;
use std::ptr::null_mut;

use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, GetFileSecurityW, OWNER_SECURITY_INFORMATION,
};

use crate::wide::{outcome, wide};

/// Most bytes of a descriptor (a list of accesses has at most 64 KiB, [MS-DTYP] 2.4.5).
const LARGEST: u32 = 256 * 1024;

/// Reads owner, group and list of accesses of a file or folder, as a self-relative descriptor ([MS-DTYP] 2.4.6).
pub fn descriptor(path: &Path) -> io::Result<Vec<u8>> {
    let wanted = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let (path, mut size) = (wide(path)?, 0);
    // SAFETY: `path` ends with a zero, and a place of no bytes is not written to
    unsafe { GetFileSecurityW(path.as_ptr(), wanted, null_mut(), 0, &raw mut size) };
    if size == 0 || size > LARGEST {
        return Err(if size == 0 { io::Error::last_os_error() } else { io::Error::other("too large a descriptor") });
    }
    // the structure wants to stand on a multiple of eight
    let mut place = vec![0_u64; (size as usize).div_ceil(8)];
    // SAFETY: the place has at least `size` bytes, and `path` ends with a zero
    let answer = unsafe { GetFileSecurityW(path.as_ptr(), wanted, place.as_mut_ptr().cast(), size, &raw mut size) };
    outcome(answer)?;
    let bytes = place.iter().flat_map(|part| part.to_ne_bytes());
    Ok(bytes.take(size as usize).collect())
}
