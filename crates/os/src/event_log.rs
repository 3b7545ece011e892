//! Event logs: their size, and a copy as a file.

use std::io;
use std::path::Path;

use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EVT_VARIANT, EvtClose, EvtExportLog, EvtExportLogChannelPath, EvtGetLogInfo, EvtLogFileSize,
    EvtOpenChannelPath, EvtOpenLog, EvtVarTypeUInt64,
};

use crate::wide::{outcome, wide};

/// Open log, closed with this value.
struct Log(EVT_HANDLE);

impl Drop for Log {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by `size` and is closed only here
        unsafe { EvtClose(self.0) };
    }
}

/// Returns the bytes of the log of this channel.
pub fn size(channel: &str) -> io::Result<u64> {
    let name = wide(channel)?;
    // SAFETY: a session of 0 is this machine, and `name` ends with a zero
    let log = Log(unsafe { EvtOpenLog(0, name.as_ptr(), EvtOpenChannelPath) });
    if log.0 == 0 {
        return Err(failure());
    }
    let mut answer = EVT_VARIANT::default();
    let (bytes, mut used) = (size_of::<EVT_VARIANT>() as u32, 0);
    // SAFETY: the log is open, and the place is as long as the call is told
    outcome(unsafe { EvtGetLogInfo(log.0, EvtLogFileSize, bytes, &raw mut answer, &raw mut used) })?;
    if answer.Type != EvtVarTypeUInt64.cast_unsigned() {
        return Err(io::Error::other("Windows does not tell its size"));
    }
    // SAFETY: the type says that the number is what was written
    Ok(unsafe { answer.Anonymous.UInt64Val })
}

/// Writes all entries of a channel to a new file, as an event log of its own.
pub fn export(channel: &str, file: &Path) -> io::Result<()> {
    let (name, query, file) = (wide(channel)?, wide("*")?, wide(file)?);
    // SAFETY: a session of 0 is this machine, and all texts end with a zero
    let answer = unsafe { EvtExportLog(0, name.as_ptr(), query.as_ptr(), file.as_ptr(), EvtExportLogChannelPath) };
    if answer == 0 { Err(failure()) } else { Ok(()) }
}

/// Returns the last error; Wine fails without one.
fn failure() -> io::Error {
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(0) { io::Error::other("the system gives no reason") } else { error }
}
