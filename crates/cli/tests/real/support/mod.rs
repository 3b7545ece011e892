//! Support of the tests: folders, certificates, servers, networks, and the question itself.

pub mod ask;
pub mod certificate;
pub mod datagram;
pub mod dnsmasq;
pub mod folder;
pub mod name_server;
pub mod network;
pub mod satellite;
pub mod server;
pub mod shadow;
pub mod way;
pub mod xrdp;

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// True if all these programs are there and the test may go on. Otherwise says what is missing.
pub fn programs(names: &[&str]) -> bool {
    let missing: Vec<_> = names.iter().copied().filter(|name| find(name).is_none()).collect();
    missing.is_empty() || skip(&format!("not installed: {}", missing.join(", ")))
}

/// True if the test runs as root, so that it can make networks, and may go on.
pub fn root() -> bool {
    let user = Command::new("id").arg("-u").output().unwrap();
    user.stdout == b"0\n" || skip("network namespaces need root")
}

/// Prints why the test does not run; fails where skips are forbidden.
fn skip(reason: &str) -> bool {
    assert!(env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
    eprintln!("skipped: {reason}");
    false
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // an ordinary person's PATH lacks the last two
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Builds a command by the full path of its program, in a network namespace or in the machine's own network.
pub fn command(inside: Option<&str>, program: &str) -> Command {
    let program = find(program).unwrap_or_else(|| program.into());
    let Some(namespace) = inside else { return Command::new(program) };
    let mut command = Command::new(find("ip").unwrap());
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

/// Runs a command to its end; it must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
