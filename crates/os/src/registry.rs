//! The registry, as 64-bit programs see it.

use std::io;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_NO_MORE_ITEMS, ERROR_PATH_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, KEY_READ, KEY_WOW64_64KEY, RegCloseKey, RegEnumKeyExW, RegEnumValueW,
    RegOpenKeyExW, RegQueryInfoKeyW,
};

use crate::wide::wide;

/// Most values, and most keys below a key, that are read.
const MOST: u32 = 100_000;
/// Most bytes of a value.
const LARGEST: u32 = 16 * 1024 * 1024;
/// Units of the longest name of a key, with the zero that ends it (Windows documents 255 characters).
const KEY_NAME: usize = 256;
/// Units of the longest name of a value, with the zero that ends it (16,383 characters).
const VALUE_NAME: usize = 16_384;

/// Value of a key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its name; empty for the key's default value.
    pub name: String,
    /// Type: `REG_SZ` 1, `REG_DWORD` 4 and so on.
    pub kind: u32,
    /// Content, as the type has it.
    pub data: Vec<u8>,
}

/// Reads all values of a key, such as `HKLM\SOFTWARE\Microsoft`; `None` if there is no such key.
pub fn values(path: &str) -> io::Result<Option<Vec<Value>>> {
    Key::open(path)?.map(|key| key.values()).transpose()
}

/// Lists the keys right below a key; `None` if there is no such key.
pub fn children(path: &str) -> io::Result<Option<Vec<String>>> {
    Key::open(path)?.map(|key| key.children()).transpose()
}

/// Open key, closed with this value.
struct Key(HKEY);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by `open` and is closed only here
        unsafe { RegCloseKey(self.0) };
    }
}

impl Key {
    fn open(path: &str) -> io::Result<Option<Self>> {
        let (root, rest) = path.split_once('\\').unwrap_or((path, ""));
        let root = match root {
            "HKLM" => HKEY_LOCAL_MACHINE,
            "HKCU" => HKEY_CURRENT_USER,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither below HKLM nor below HKCU")),
        };
        let (rest, mut key) = (wide(rest)?, null_mut());
        // SAFETY: `rest` ends with a zero, and `key` is written before the call returns
        let answer = unsafe { RegOpenKeyExW(root, rest.as_ptr(), 0, KEY_READ | KEY_WOW64_64KEY, &raw mut key) };
        match answer {
            ERROR_SUCCESS => Ok(Some(Self(key))),
            ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND => Ok(None),
            other => Err(error(other)),
        }
    }

    /// Returns the bytes of its largest value.
    fn largest(&self) -> io::Result<u32> {
        let mut bytes = 0;
        // SAFETY: the handle is open; all other places are optional and null
        let answer = unsafe {
            RegQueryInfoKeyW(
                self.0,
                null_mut(),
                null_mut(),
                null(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                &raw mut bytes,
                null_mut(),
                null_mut(),
            )
        };
        done(answer)?;
        Ok(bytes)
    }

    fn values(&self) -> io::Result<Vec<Value>> {
        let size = self.largest()?;
        if size > LARGEST {
            return Err(io::Error::other(format!("a value of {size} bytes, more than {LARGEST}")));
        }
        let (mut name, mut data) = (vec![0_u16; VALUE_NAME], vec![0_u8; size as usize]);
        let mut values = Vec::new();
        for index in 0..=MOST {
            let (mut letters, mut bytes, mut kind) = (VALUE_NAME as u32, size, 0);
            // SAFETY: the handle is open, and both places are as long as the call is told
            let answer = unsafe {
                RegEnumValueW(
                    self.0,
                    index,
                    name.as_mut_ptr(),
                    &raw mut letters,
                    null(),
                    &raw mut kind,
                    data.as_mut_ptr(),
                    &raw mut bytes,
                )
            };
            if answer == ERROR_NO_MORE_ITEMS {
                return Ok(values);
            }
            // a value that grew meanwhile does not fit: then the key counts as unread
            done(answer)?;
            let (name, data) = (name.get(..letters as usize), data.get(..bytes as usize));
            let (Some(name), Some(data)) = (name, data) else {
                return Err(io::Error::other("a value is longer than Windows said"));
            };
            values.push(Value { name: String::from_utf16_lossy(name), kind, data: data.to_vec() });
        }
        Err(io::Error::other(format!("more than {MOST} values")))
    }

    fn children(&self) -> io::Result<Vec<String>> {
        let mut name = vec![0_u16; KEY_NAME];
        let mut names = Vec::new();
        for index in 0..=MOST {
            let mut letters = KEY_NAME as u32;
            // SAFETY: the handle is open, `name` is as long as the call is told, and the other places are optional
            let answer = unsafe {
                RegEnumKeyExW(
                    self.0,
                    index,
                    name.as_mut_ptr(),
                    &raw mut letters,
                    null(),
                    null_mut(),
                    null_mut(),
                    null_mut(),
                )
            };
            if answer == ERROR_NO_MORE_ITEMS {
                return Ok(names);
            }
            done(answer)?;
            names.push(String::from_utf16_lossy(name.get(..letters as usize).unwrap_or_default()));
        }
        Err(io::Error::other(format!("more than {MOST} keys")))
    }
}

fn done(answer: u32) -> io::Result<()> {
    if answer == ERROR_SUCCESS { Ok(()) } else { Err(error(answer)) }
}

fn error(code: u32) -> io::Error {
    io::Error::from_raw_os_error(code.cast_signed())
}
