//! The registry of the machine that Wine plays: values are planted with reg.exe, read back, and taken out again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::program::Program;

/// Held by the test whose values are planted: all tests share one machine.
static PLANTING: Mutex<()> = Mutex::new(());

/// Values in the registry; they go with this value.
pub struct Planted<'a> {
    windows: &'a Program,
    /// Keys and values in the order in which they were planted; a key that is new has no value's name.
    made: Vec<(String, Option<String>)>,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Planted<'a> {
    pub fn new(windows: &'a Program) -> Self {
        // another test's failure is its own
        let alone = PLANTING.lock().unwrap_or_else(PoisonError::into_inner);
        Self { windows, made: Vec::new(), _alone: alone }
    }

    pub fn number(&mut self, key: &str, name: &str, number: u32) {
        self.add(key, name, "REG_DWORD", &number.to_string(), &format!("0x{number:x}"));
    }

    pub fn text(&mut self, key: &str, name: &str, text: &str) {
        self.add(key, name, "REG_SZ", text, text);
    }

    pub fn binary(&mut self, key: &str, name: &str, bytes: &[u8]) {
        let hex = wire::hex::encode(bytes).to_uppercase();
        self.add(key, name, "REG_BINARY", &hex, &hex);
    }

    /// Plants a value, and reads it back.
    fn add(&mut self, key: &str, name: &str, kind: &str, data: &str, wanted: &str) {
        let query = |value: &[&str]| {
            let said = self.windows.wine(&[&["reg", "query", key], value].concat());
            (said.status == Some(0)).then_some(said.stdout)
        };
        if query(&[]).is_none() {
            self.made.push((key.to_owned(), None));
        }
        let value = ["/v", name];
        assert_eq!(query(&value), None, "{key} has {name} already");
        self.made.push((key.to_owned(), Some(name.to_owned())));
        let said = self.windows.wine(&["reg", "add", key, "/v", name, "/t", kind, "/d", data, "/f"]);
        assert_eq!(said.status, Some(0), "{key}, {name}: {said:?}");
        let read = query(&value).filter(|told| told.contains(wanted));
        assert!(read.is_some(), "{key}, {name}: it was planted and is not there");
    }

    /// Counts what was planted.
    pub fn count(&self) -> usize {
        self.made.len()
    }

    /// Takes out again what was planted after so many, the last first.
    pub fn undo_to(&mut self, count: usize) {
        for (key, name) in self.made.drain(count..).rev() {
            let value: Vec<&str> = name.iter().flat_map(|name| ["/v", name]).collect();
            let _ = self.windows.wine(&[&["reg", "delete", &key][..], &value, &["/f"]].concat());
        }
    }
}

impl Drop for Planted<'_> {
    fn drop(&mut self) {
        self.undo_to(0);
    }
}
