//! Puts a name, a version and a manifest into the program for Windows; does nothing for other systems.

use std::env;
use std::io;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=windows.manifest");
    if env::var_os("CARGO_CFG_TARGET_OS").is_none_or(|system| system != "windows") {
        return Ok(());
    }
    let mut resource = winresource::WindowsResource::new();
    resource.set_manifest_file("windows.manifest");
    resource.set("ProductName", "rdpdoctor").set("FileDescription", "Finds out why Remote Desktop connections fail");
    resource.set("InternalName", "rdpdoctor").set("OriginalFilename", "rdpdoctor.exe");
    resource.compile()
}
