//! Credential Manager: the names of what the person who runs the program has saved. A secret that comes along is wiped
//! at once.

use std::io;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::ERROR_NOT_FOUND;
use windows_sys::Win32::Security::Credentials::{CREDENTIALW, CredEnumerateW, CredFree};

use crate::wide::{outcome, read, wide};

/// Most units of a name (`CRED_MAX_GENERIC_TARGET_NAME_LENGTH`, wincred.h).
const NAME: usize = 32_767;

/// List that Windows has allocated, wiped and freed with this value.
struct List {
    first: *mut *mut CREDENTIALW,
    count: usize,
}

impl List {
    fn entries(&self) -> impl Iterator<Item = *mut CREDENTIALW> {
        // SAFETY: the call that made the list says that it has this many entries
        (0..self.count).map(|number| unsafe { self.first.add(number).read() })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        for entry in self.entries() {
            // SAFETY: every entry is a credential until the list is freed
            let (secret, length) = unsafe { ((*entry).CredentialBlob, (*entry).CredentialBlobSize as usize) };
            if !secret.is_null() {
                // SAFETY: the credential says how long its secret is
                unsafe { secret.write_bytes(0, length) };
            }
        }
        // SAFETY: the list came from `CredEnumerateW` and is freed only here
        unsafe { CredFree(self.first.cast()) };
    }
}

/// Lists the names of saved credentials that begin like this, such as `TERMSRV/`.
pub fn names(start: &str) -> io::Result<Vec<String>> {
    let (filter, mut count, mut first) = (wide(format!("{start}*"))?, 0, null_mut());
    // SAFETY: `filter` ends with a zero, and both places are written before the call returns
    match outcome(unsafe { CredEnumerateW(filter.as_ptr(), 0, &raw mut count, &raw mut first) }) {
        Err(error) if error.raw_os_error() == Some(ERROR_NOT_FOUND.cast_signed()) => return Ok(Vec::new()),
        other => other?,
    }
    let list = List { first, count: count as usize };
    Ok(list.entries().map(name).collect())
}

/// Reads the name of a credential.
fn name(entry: *mut CREDENTIALW) -> String {
    // SAFETY: the entry is a credential, and its list is not freed yet
    let text = unsafe { (*entry).TargetName };
    // SAFETY: the name of a credential ends with a zero
    unsafe { read(text, NAME) }
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Security::Credentials::{CRED_PERSIST_SESSION, CRED_TYPE_GENERIC, CredDeleteW, CredWriteW};

    use super::*;

    #[test]
    fn names_that_begin_so_are_listed_and_no_others() {
        let start = format!("RDPDOCTOR-TEST-{}/", std::process::id());
        let (mut target, mut secret) = (wide(format!("{start}server01")).unwrap(), *b"planted");
        let mut user = wide("somebody").unwrap();
        let credential = CREDENTIALW {
            Type: CRED_TYPE_GENERIC,
            TargetName: target.as_mut_ptr(),
            UserName: user.as_mut_ptr(),
            CredentialBlob: secret.as_mut_ptr(),
            CredentialBlobSize: secret.len() as u32,
            Persist: CRED_PERSIST_SESSION,
            ..CREDENTIALW::default()
        };
        assert_eq!(names(&start).unwrap(), Vec::<String>::new());
        // SAFETY: all that the credential points to outlives the call
        outcome(unsafe { CredWriteW(&raw const credential, 0) }).unwrap();
        let told = names(&start);
        // SAFETY: `target` ends with a zero
        outcome(unsafe { CredDeleteW(target.as_ptr(), CRED_TYPE_GENERIC, 0) }).unwrap();
        assert_eq!(told.unwrap(), [format!("{start}server01")]);
        assert_eq!(names(&start).unwrap(), Vec::<String>::new());
    }
}
