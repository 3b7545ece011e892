//! Writes the tables of codes as JSON: a program that is started to look up one number reads all of them, and JSON is
//! read several times as fast as TOML.

#![allow(clippy::disallowed_methods, reason = "the program is built with files, and runs without them")]

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var(name).map_err(io::Error::other);
    let tables = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("data/codes");
    let out = variable("OUT_DIR")?;
    println!("cargo::rerun-if-changed={}", tables.display());
    for entry in fs::read_dir(tables)? {
        let table = entry?.path();
        let text = fs::read_to_string(&table)?;
        let value: serde_json::Value =
            toml::from_str(&text).map_err(|error| io::Error::other(format!("{}: {error}", table.display())))?;
        let name = table.file_stem().unwrap_or_default();
        fs::write(Path::new(&out).join(name).with_extension("json"), value.to_string())?;
    }
    Ok(())
}
