//! Working folder that is removed with its test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// Returns a number that no other caller in this process gets.
pub fn number() -> usize {
    NUMBER.fetch_add(1, Ordering::SeqCst)
}

/// An empty folder, removed on drop.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = env::temp_dir().join(format!("rdpdoctor-real-{}-{}", process::id(), number()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.file(name);
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // anything that cannot be removed is in the system's temporary folder
        let _ = fs::remove_dir_all(&self.0);
    }
}
