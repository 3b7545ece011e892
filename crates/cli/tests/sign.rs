//! `rdpdoctor sign` as people use it: files and folders, passwords, what is told, what is left alone.

#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

const PASSWORD: &str = "correct horse";

/// Folder with a PFX and files to sign, removed at its end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    fn new(name: &str) -> Self {
        let scratch = Self(std::env::temp_dir().join(format!("rdpdoctor-sign-cli-{}-{name}", std::process::id())));
        std::fs::create_dir_all(scratch.0.join("share/deep")).unwrap();
        let password = format!("pass:{PASSWORD}");
        let request = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=Publisher -keyout key -out cert";
        let export = "pkcs12 -export -inkey key -in cert -out pfx -passout";
        let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        for arguments in [words(request), [words(export), vec![&password]].concat()] {
            let done = Command::new("openssl").args(&arguments).current_dir(&scratch.0).output().unwrap();
            assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        }
        let put = |name: &str, text: &str| std::fs::write(scratch.0.join(name), text).unwrap();
        put("share/a.rdp", "full address:s:a.corp.example\r\nserver port:i:3389\r\n");
        put("share/deep/b.RDP", "full address:s:b.corp.example\r\nenablerdsaadauth:i:1\r\n");
        put("share/notes.txt", "full address:s:c.corp.example\r\n");
        scratch
    }

    /// Runs the program in the folder, with this on its standard input: exit status, output and complaints.
    fn run(&self, arguments: &str, input: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        command.arg("sign").args(arguments.split(' ')).current_dir(&self.0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // a program that needs no input may be gone already
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, complaints) = (text(output.stdout), text(output.stderr));
        assert!(!out.contains(PASSWORD) && !complaints.contains(PASSWORD), "{out}{complaints}");
        (output.status.code().unwrap(), out, complaints)
    }

    /// Returns what `inspect` prints of a file, as one line.
    fn inspected(&self, name: &str) -> String {
        let mut inspect = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        let output = inspect.args(["inspect", name]).current_dir(&self.0).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }
}

#[test]
fn a_folder_is_signed_elsewhere_or_in_place_and_inspect_takes_it() {
    let scratch = Scratch::new("folder");
    let before = scratch.read("share/a.rdp");
    let (status, text, _) = scratch.run("share --key pfx --password-stdin --check", PASSWORD);
    assert!(status == 0 && text.contains("2 files can be signed; nothing was written."), "{text}");
    assert_eq!(scratch.read("share/a.rdp"), before);
    let (status, text, _) = scratch.run("share --key pfx --password-stdin --output out --format json", PASSWORD);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, told["schema"].as_str()), (0, Some("rdpdoctor-sign/1")));
    assert_eq!(told["files"][1]["outside"][0], "enablerdsaadauth");
    assert_eq!(scratch.read("share/a.rdp"), before);
    let (status, text, _) = scratch.run("share --key key --certificate cert", "");
    assert!(status == 0 && text.contains("share/a.rdp: signed; as it was: share/a.rdp.bak"), "{text}");
    assert_eq!((scratch.read("share/a.rdp"), scratch.read("share/a.rdp.bak")), (scratch.read("out/a.rdp"), before));
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    let output = inspect.args(["inspect", "share/deep/b.RDP", "--format", "json"]).current_dir(&scratch.0).output();
    let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0), "{report}");
    assert!(report["notices"].to_string().contains("b.RDP is signed by CN=Publisher"), "{report}");
}

#[test]
fn an_intact_signature_is_told_and_a_changed_file_is_to_be_fetched_again() {
    let scratch = Scratch::new("intact");
    let (status, ..) = scratch.run("share/a.rdp --key key --certificate cert", "");
    assert_eq!(status, 0);
    let text = scratch.inspected("share/a.rdp");
    assert!(text.contains("The signature of a.rdp is intact") && text.contains("CN=Publisher"), "{text}");
    // the file is UTF-16
    let mut changed = scratch.read("share/a.rdp");
    let utf16: Vec<u8> = "a.corp".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = changed.windows(utf16.len()).position(|bytes| bytes == utf16).unwrap();
    changed[at] = b'x';
    std::fs::write(scratch.0.join("share/a.rdp"), changed).unwrap();
    let text = scratch.inspected("share/a.rdp");
    assert!(!text.contains("is intact") && text.contains("Get the .rdp file from its publisher again"), "{text}");
    assert!(!text.contains("Sign the .rdp file again"), "{text}");
    // one line that nobody signed is no longer all of it
    let text = scratch.inspected("share/notes.txt");
    assert!(!text.contains("is intact"), "{text}");
}

#[test]
fn what_cannot_be_signed_is_told_and_stays_as_it_is() {
    let scratch = Scratch::new("refused");
    std::fs::write(scratch.0.join("share/bad.rdp"), "server port:i:3389\r\n").unwrap();
    let (status, text, _) = scratch.run("share --key key --certificate cert", "");
    let why = "share/bad.rdp: not signed: it names no computer (full address:s:…)";
    assert!(status == 2 && text.contains(why) && text.contains("2 files signed, 1 not."), "{text}");
    assert_eq!(scratch.read("share/bad.rdp"), b"server port:i:3389\r\n");
    let (status, ..) = scratch.run("share/bad.rdp --key key --certificate cert", "");
    assert_eq!(status, 3);
}

#[test]
fn a_wrong_key_or_password_is_a_clear_error_before_any_file_is_touched() {
    let scratch = Scratch::new("wrong");
    for (arguments, input, words) in [
        ("share --key pfx", "", "give its password with --password-stdin"),
        ("share --key pfx --password-stdin", "wrong", "the password is wrong, or the file is damaged"),
        ("share --key key", "", "there is no certificate in it"),
        ("share --key cert --certificate cert", "", "there is no private key in it"),
        ("share --key missing", "", "read missing"),
        ("share/deep/nothing --key key --certificate cert", "", "look at share/deep/nothing"),
    ] {
        let (status, _, complaint) = scratch.run(arguments, input);
        assert!(status == 3 && complaint.contains(words), "{arguments}: {complaint}");
    }
    assert!(!scratch.0.join("share/a.rdp.bak").exists());
}
