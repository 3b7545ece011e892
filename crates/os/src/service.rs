//! The service control manager.

use std::io;
use std::ptr::null;

use windows_sys::Win32::Foundation::ERROR_SERVICE_DOES_NOT_EXIST;
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, OpenSCManagerW, OpenServiceW, QueryServiceStatusEx, SC_HANDLE, SC_MANAGER_CONNECT,
    SC_STATUS_PROCESS_INFO, SERVICE_QUERY_STATUS, SERVICE_RUNNING, SERVICE_STATUS_PROCESS,
};

use crate::wide::{outcome, wide};

/// Handle of the manager or of a service, closed with this value.
struct Handle(SC_HANDLE);

impl Handle {
    fn of(handle: SC_HANDLE) -> io::Result<Self> {
        if handle.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(handle)) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by a call of this file and is closed only here
        unsafe { CloseServiceHandle(self.0) };
    }
}

/// True if the service of this name runs; `None` if there is none.
pub fn running(name: &str) -> io::Result<Option<bool>> {
    // SAFETY: two nulls name this machine and its usual database
    let manager = Handle::of(unsafe { OpenSCManagerW(null(), null(), SC_MANAGER_CONNECT) })?;
    let name = wide(name)?;
    // SAFETY: the manager is open, and `name` ends with a zero
    let service = match Handle::of(unsafe { OpenServiceW(manager.0, name.as_ptr(), SERVICE_QUERY_STATUS) }) {
        Err(error) if error.raw_os_error() == Some(ERROR_SERVICE_DOES_NOT_EXIST.cast_signed()) => return Ok(None),
        other => other?,
    };
    let mut status = SERVICE_STATUS_PROCESS::default();
    let (size, mut needed) = (size_of::<SERVICE_STATUS_PROCESS>() as u32, 0);
    // SAFETY: the service is open, and the place is as long as the call is told
    let answer = unsafe {
        QueryServiceStatusEx(service.0, SC_STATUS_PROCESS_INFO, (&raw mut status).cast(), size, &raw mut needed)
    };
    outcome(answer)?;
    Ok(Some(status.dwCurrentState == SERVICE_RUNNING))
}
