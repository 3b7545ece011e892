//! The rights with which this program runs.

use std::io;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::wide::outcome;

/// Token of this program, closed with this value.
struct Token(HANDLE);

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by `is_elevated` and is closed only here
        unsafe { CloseHandle(self.0) };
    }
}

/// True if this program has an administrator's whole rights.
pub fn is_elevated() -> io::Result<bool> {
    // SAFETY: the call takes nothing, and its answer needs no closing
    let own = unsafe { GetCurrentProcess() };
    let mut token = null_mut();
    // SAFETY: `token` is written before the call returns
    outcome(unsafe { OpenProcessToken(own, TOKEN_QUERY, &raw mut token) })?;
    let token = Token(token);
    let mut elevation = TOKEN_ELEVATION::default();
    let (size, mut needed) = (size_of::<TOKEN_ELEVATION>() as u32, 0);
    // SAFETY: the token is open, and the place is as long as the call is told
    let answer =
        unsafe { GetTokenInformation(token.0, TokenElevation, (&raw mut elevation).cast(), size, &raw mut needed) };
    outcome(answer)?;
    Ok(elevation.TokenIsElevated != 0)
}
