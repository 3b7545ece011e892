//! `fix` and `inspect` of an xrdp by its files alone: what is changed lies in what was named, and nothing is lost.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Folder with the files of a test, and the journals beside them.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-xrdp-files-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(fs::canonicalize(folder).unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn write(&self, path: &str, text: &str) -> String {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        let output = command.args(arguments).env("XDG_STATE_HOME", self.path("state")).output().unwrap();
        (output.status.code(), text(&output))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn ini(more: &str) -> String {
    format!("; xrdp.ini\n[Globals]\nport=3389\n{more}[Logging]\nLogFile=xrdp.log\n")
}

/// Settings whose certificate and key are nowhere on any machine.
fn stale() -> String {
    ini("security_layer=tls\ncertificate=/nowhere/rdpdoctor/cert.pem\nkey_file=/nowhere/rdpdoctor/key.pem\n")
}

/// Files whose names a new key could take in the folder of this machine's own xrdp.
fn own_files() -> Vec<PathBuf> {
    let names = fs::read_dir("/etc/xrdp").into_iter().flatten().flatten().map(|entry| entry.path());
    names.filter(|path| path.to_string_lossy().contains("rdpdoctor")).collect()
}

/// A copy in another folder may be that of any machine: what this one has at the same paths says nothing about it.
#[test]
fn of_a_copied_ini_only_its_own_folder_is_looked_at() {
    let folder = Folder::new("copied");
    let key = folder.write("etc/key.pem", "no key");
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let settings = |key: &str| ini(&format!("security_layer=tls\nruntime_user=nobody\ncertificate=\nkey_file={key}\n"));
    let named = folder.write("copy/xrdp.ini", &settings(&key));
    let (status, plan) = folder.run(&["fix", &named]);
    assert!(status == Some(2) && plan.contains("as far as they could be read"), "{plan}");
    let (_, report) = folder.run(&["inspect", &named]);
    assert!(report.contains("this xrdp.ini may be a copy"), "{report}");
    // a link leads nowhere else either
    std::os::unix::fs::symlink(&key, folder.path("copy/key.pem")).unwrap();
    folder.write("copy/xrdp.ini", &settings(folder.path("copy/key.pem").to_str().unwrap()));
    let (status, plan) = folder.run(&["fix", &named]);
    assert!(status == Some(2) && plan.contains("as far as they could be read"), "{plan}");
    // the same file in its place is that of a machine
    fs::create_dir_all(folder.path("root/etc/xrdp")).unwrap();
    let placed = folder.write("root/etc/xrdp/xrdp.ini", &settings("/etc/xrdp/gone.pem"));
    let (status, plan) = folder.run(&["fix", &placed]);
    assert!(status == Some(1) && plan.contains("certificate-binding-stale"), "{plan}");
}

#[test]
fn new_files_go_beside_the_ini_that_was_named() {
    let folder = Folder::new("lone");
    let stale = || stale().replace("/nowhere/rdpdoctor", folder.path("lone").to_str().unwrap());
    let named = folder.write("lone/xrdp.ini", &stale());
    let (own, key) = (own_files(), folder.path("lone/rdpdoctor-key.pem"));
    let (status, plan) = folder.run(&["fix", &named]);
    assert_eq!(status, Some(1), "{plan}");
    assert!(plan.contains(key.to_str().unwrap()) && !plan.contains(" /etc/xrdp"), "{plan}");
    let (status, applied) = folder.run(&["fix", &named, "--apply", "--yes"]);
    assert_eq!(status, Some(2), "{applied}");
    assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
    let changed = fs::read_to_string(&named).unwrap();
    assert!(changed.contains(&format!("key_file={}\n", key.display())), "{changed}");
    assert_eq!(own_files(), own, "the machine's own xrdp is none of it");
    assert_eq!(folder.run(&["undo", "--yes"]).0, Some(0));
    assert!(fs::read_to_string(&named).unwrap() == stale() && !key.exists());
}

#[test]
fn new_files_of_a_mounted_machine_go_below_its_root() {
    let folder = Folder::new("mounted");
    folder.write("root/etc/xrdp/xrdp.ini", &stale());
    let (_, plan) = folder.run(&["fix", folder.path("root").to_str().unwrap()]);
    assert!(plan.contains(folder.path("root/etc/xrdp/rdpdoctor-key.pem").to_str().unwrap()), "{plan}");
    assert!(plan.contains("+ /etc/xrdp/rdpdoctor-key.pem"), "as that machine names it: {plan}");
}

#[test]
fn nothing_outside_of_what_was_named_is_changed() {
    let folder = Folder::new("outside");
    let named = folder.write("lone/xrdp.ini", &ini("security_layer=rdp\n"));
    let other = folder.write("other/xrdp.ini", &ini("security_layer=rdp\n"));
    let plan = folder.path("plan.json").to_str().unwrap().to_owned();
    assert_eq!(folder.run(&["fix", &named, "--only", "offer-tls-in-xrdp", "--save", &plan]).0, Some(1));
    let (status, foreign) = folder.run(&["fix", &other, "--from", &plan, "--apply", "--yes"]);
    assert!(status == Some(3) && foreign.contains("does not lie in"), "{foreign}");
    folder.write("plan.json", &fs::read_to_string(&plan).unwrap().replace("/lone/", "/other/"));
    let (status, edited) = folder.run(&["fix", &named, "--from", &plan, "--apply", "--yes"]);
    assert!(status == Some(3) && edited.contains("does not lie in"), "{edited}");
    assert!(Path::new(&other).exists() && fs::read_to_string(&other).unwrap().contains("security_layer=rdp"));
    // a folder whose settings are those of another one
    fs::create_dir_all(folder.path("root/etc/xrdp")).unwrap();
    std::os::unix::fs::symlink(&other, folder.path("root/etc/xrdp/xrdp.ini")).unwrap();
    let (status, linked) = folder.run(&["fix", folder.path("root").to_str().unwrap()]);
    assert!(status == Some(3) && linked.contains("is a link to"), "{linked}");
}

/// Root of a machine whose xrdp may not read its key, with the layer of security that hides it.
fn hidden(folder: &Folder) -> String {
    folder.write("root/etc/passwd", "root:x:0:0::/:/bin/sh\nxrdp:x:64102:64105::/:/bin/false\n");
    folder.write("root/etc/group", "root:x:0:\nxrdp:x:64105:\n");
    for name in ["cert.pem", "key.pem"] {
        let path = folder.write(&format!("root/etc/ssl/{name}"), "");
        let mode = if name == "key.pem" { 0o600 } else { 0o644 };
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let settings = "security_layer=rdp\nruntime_user=xrdp\ncertificate=/etc/ssl/cert.pem\nkey_file=/etc/ssl/key.pem\n";
    folder.write("root/etc/xrdp/xrdp.ini", &ini(settings));
    folder.write("root/etc/xrdp/sesman.ini", "[Globals]\n");
    folder.path("root").to_str().unwrap().to_owned()
}

/// xrdp takes nothing behind `#` or `;`, and one that was built for a folder names its files as they lie there.
#[test]
fn comments_and_prefixes_are_no_faults() {
    let folder = Folder::new("comments");
    let root = hidden(&folder);
    let settings =
        "certificate=/etc/ssl/cert.pem # ours\nkey_file=/etc/ssl/key.pem;old\nssl_protocols=TLSv1.2;TLSv1.3\n";
    folder.write("root/etc/xrdp/xrdp.ini", &format!("\u{FEFF}{}", ini(settings)).replace("; xrdp.ini\n", ""));
    let own = folder.path("own").to_str().unwrap().to_owned();
    let local = format!("certificate={own}/etc/xrdp/c.pem\nkey_file={own}/etc/xrdp/k.pem\n");
    folder.write("own/etc/xrdp/xrdp.ini", &ini(&local));
    for file in ["c.pem", "k.pem"] {
        folder.write(&format!("own/etc/xrdp/{file}"), "");
    }
    for name in [root, own] {
        let (_, told) = folder.run(&["inspect", &name, "--full"]);
        for wrong in ["which is not there", "tls-version-mismatch (", "port-closed ("] {
            assert!(!told.contains(wrong), "{wrong}: {told}");
        }
    }
}

#[test]
fn a_fault_that_a_setting_hides_is_planned_with_it() {
    let folder = Folder::new("hidden");
    let root = hidden(&folder);
    let (status, plan) = folder.run(&["fix", &root]);
    assert_eq!(status, Some(1), "{plan}");
    for line in ["standard-security-only: ", "private-key-unusable: ", "security_layer", "rdpdoctor-key.pem"] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    // whoever mends one is told of the other
    let (_, one) = folder.run(&["fix", &root, "--for", "standard-security-only"]);
    assert!(one.contains("Then there is private-key-unusable: ") && !one.contains("rdpdoctor-key.pem"), "{one}");
    let key = folder.path("root/etc/ssl/key.pem");
    fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (_, sound) = folder.run(&["fix", &root]);
    assert!(sound.contains("standard-security-only: ") && !sound.contains("may not read"), "{sound}");
}

#[test]
fn reading_the_journals_makes_nothing_and_a_run_is_found_by_its_number() {
    let folder = Folder::new("journals");
    let reading: [&[&str]; 5] =
        [&["history"], &["confirm", "1234-5678"], &["undo"], &["undo", "1"], &["fix", "--finish"]];
    for (arguments, status) in reading.into_iter().zip([0, 3, 0, 3, 3]) {
        let told = folder.run(arguments);
        assert_eq!(told.0, Some(status), "{arguments:?}: {}", told.1);
        assert!(!folder.path("state").exists(), "{arguments:?}");
    }
    let named = folder.write("lone/xrdp.ini", &ini("security_layer=rdp\n"));
    assert_eq!(folder.run(&["fix", &named, "--only", "offer-tls-in-xrdp", "--apply", "--yes"]).0, Some(2));
    let (_, history) = folder.run(&["history"]);
    assert!(history.contains("0001") && history.contains(&named), "{history}");
    for none in ["2", "+1", "../1", ""] {
        assert_eq!(folder.run(&["undo", none, "--yes"]).0, Some(3), "{none}");
    }
    assert_eq!(folder.run(&["undo", "1", "--yes"]).0, Some(0));
    assert!(fs::read_to_string(&named).unwrap().contains("security_layer=rdp"));
}

#[test]
fn a_folder_with_the_ini_in_it_is_taken_and_a_cause_that_is_not_there_is_named() {
    let folder = Folder::new("folder");
    folder.write("lone/xrdp.ini", &ini("security_layer=rdp\ncertificate=\nkey_file=\n"));
    let named = folder.path("lone").to_str().unwrap().to_owned();
    let (status, plan) = folder.run(&["fix", &named, "--only", "offer-tls-in-xrdp"]);
    assert!(status == Some(1) && plan.contains("security_layer"), "{plan}");
    let (status, none) = folder.run(&["fix", &named, "--for", "certificate-key-mismatch"]);
    // certificate and key lie outside of the folder, where nobody looks
    assert!(status == Some(2) && none.contains("Not found in what could be read: certificate-key-mismatch"), "{none}");
    assert!(none.contains("Not read: /etc/xrdp/key.pem"), "{none}");
}

/// Whoever may not look at the files does not call them sound.
#[test]
fn what_this_account_may_not_read_is_not_sound() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;

    let folder = Folder::new("shut");
    let pair = "certificate=/etc/xrdp/shut/cert.pem\nkey_file=/etc/xrdp/shut/key.pem\n";
    folder.write("root/etc/xrdp/xrdp.ini", &ini(&format!("security_layer=tls\n{pair}")));
    folder.write("root/etc/xrdp/sesman.ini", "[Globals]\n");
    folder.write("root/etc/xrdp/shut/cert.pem", "");
    let shut = folder.path("root/etc/xrdp/shut");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let root = folder.path("root").to_str().unwrap().to_owned();
    let administrator = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0;
    for more in [&[][..], &["--for", "private-key-unusable"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        command.args(["fix", &root]).args(more).env("XDG_STATE_HOME", folder.path("state"));
        if administrator {
            command.uid(65534);
        }
        let output = command.output().unwrap();
        let told = text(&output);
        assert!(output.status.code() == Some(2) && told.contains("sudo"), "{told}");
        for file in ["/etc/xrdp/shut/cert.pem", "/etc/xrdp/shut/key.pem"] {
            assert!(told.contains(&format!("Not read: {file}: ")), "{told}");
        }
        assert!(!told.contains("Nothing to do") && !told.contains("Not found here"), "{told}");
    }
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o755)).unwrap();
}

/// An xrdp whose settings name no port listens on nothing, whatever else is wrong.
#[test]
fn settings_without_a_port_are_not_put_down_to_a_file_that_is_not_there() {
    let folder = Folder::new("no-port");
    let missing = folder.path("root").to_str().unwrap().to_owned();
    for text in [stale().replace("[Globals]", "[ Globals ]"), stale().replace("port=3389", "port=abc")] {
        folder.write("root/etc/xrdp/xrdp.ini", &text.replace("/nowhere/rdpdoctor", "/etc/xrdp"));
        let (_, report) = folder.run(&["inspect", &missing, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let found: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
        assert_eq!(found[0]["cause"], "port-closed", "{report}");
        assert!(found.iter().all(|one| !one["root_of"].to_string().contains("port-closed")), "{report}");
    }
}

/// Without a line xrdp has no certificate, no key, or no TLS at all; an empty line stands for what it comes with.
#[test]
fn a_line_that_is_not_there_is_no_usual_value() {
    let folder = Folder::new("no-line");
    let root = folder.path("root").to_str().unwrap().to_owned();
    let pair = ["certificate=/etc/xrdp/cert.pem\n", "key_file=/etc/xrdp/key.pem\n"];
    folder.write("root/etc/xrdp/sesman.ini", "[Globals]\n");
    let request = "req -x509 -newkey rsa:2048 -nodes -days 300 -subj /CN=server -keyout key.pem -out cert.pem";
    let made = Command::new("openssl").args(request.split(' ')).current_dir(folder.path("root/etc/xrdp")).output();
    assert!(made.unwrap().status.success());
    let found = |lines: &[&str]| {
        folder.write("root/etc/xrdp/xrdp.ini", &ini(&lines.concat()));
        let (_, report) = folder.run(&["inspect", &root, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let all = report["findings"].as_array().unwrap().iter();
        all.filter(|one| one["severity"] != "advisory").map(|one| one["cause"].to_string()).collect::<Vec<_>>()
    };
    let layer = "security_layer=tls\n";
    assert_eq!(found(&[layer, pair[0], pair[1]]), Vec::<String>::new());
    assert_eq!(found(&[layer, "certificate=\nkey_file=\n"]), Vec::<String>::new());
    assert_eq!(found(&[layer, pair[0]])[0], "\"certificate-binding-stale\"");
    assert_eq!(found(&[layer, pair[1]])[0], "\"certificate-binding-stale\"");
    assert_eq!(found(&[pair[0], pair[1]])[0], "\"standard-security-only\"");
}

#[test]
fn several_settings_are_several_machines_and_borrow_no_name() {
    let folder = Folder::new("several");
    folder.write("all/a/xrdp.ini", &ini("security_layer=rdp\n"));
    let stale = stale().replace("/nowhere/rdpdoctor", folder.path("all/b").to_str().unwrap());
    folder.write("all/b/xrdp.ini", &stale);
    folder.write("all/c/etc/xrdp/xrdp.ini", "; xrdp.ini\n[Globals]\nport=abc\nsecurity_layer=tls\n");
    let (_, report) = folder.run(&["inspect", folder.path("all").to_str().unwrap(), "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let found = report["findings"].to_string();
    for cause in ["standard-security-only", "certificate-binding-stale", "port-closed"] {
        assert!(found.contains(cause), "{cause}: {found}");
    }
    let (_, one) = folder.run(&["inspect", folder.path("all/a").to_str().unwrap(), "--format", "json"]);
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    let own = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = one["subjects"].to_string();
    assert!(own.trim().is_empty() || !name.contains(own.trim()), "{name}");
}

/// Returns the commands of a fix that change something, for this file instead of the machine's own.
fn printed(folder: &Folder, fix: &str, file: &str) -> Vec<String> {
    let (_, text) = folder.run(&["explain", fix, "--full"]);
    let lines = text.lines().map(str::trim).filter(|line| line.contains("sed -i"));
    lines.map(|line| line.replace("/etc/xrdp/xrdp.ini", file)).collect()
}

/// Commands that people copy do the same whether a line is there, twice, in other letters, or not at all.
#[test]
fn printed_commands_work_with_and_without_the_line() {
    let folder = Folder::new("printed");
    let other = "[Xorg]\nport=-1\nssl_protocols=no\nkey_file=none\n";
    let cases = [
        ("set-xrdp-tls-versions", "ssl_protocols", "TLSv1.2, TLSv1.3"),
        ("set-xrdp-ciphers", "tls_ciphers", "DEFAULT"),
        ("offer-tls-in-xrdp", "security_layer", "negotiate"),
        ("set-xrdp-port", "port", "3389"),
    ];
    for shell in ["sh", "bash"] {
        for (fix, name, value) in cases {
            for line in ["", &format!("{name}=x\n"), &format!("{} = x\n{name}=y\n", name.to_uppercase())] {
                let text = format!("; first\n[globals]\nbitmap_cache=true\n{line}; last\n{other}");
                let file = folder.write("xrdp.ini", &text);
                let commands = printed(&folder, fix, &file);
                assert_eq!(commands.len(), 1, "{fix}: {commands:?}");
                assert!(Command::new(shell).args(["-c", &commands[0]]).status().unwrap().success());
                let now = format!("; first\n[globals]\n{name}={value}\nbitmap_cache=true\n; last\n{other}");
                assert_eq!(fs::read_to_string(&file).unwrap(), now, "{fix} in {shell}: {line:?}");
            }
        }
        for (lines, swapped) in [
            ("", ("/etc/xrdp/key.pem", "/etc/xrdp/cert.pem")),
            ("certificate=/a/b c.pem\nkey_file=/k\n", ("/k", "/a/b c.pem")),
            ("key_file=/k\n", ("/k", "/etc/xrdp/cert.pem")),
            ("certificate=\n", ("/etc/xrdp/key.pem", "/etc/xrdp/cert.pem")),
        ] {
            let file = folder.write("xrdp.ini", &format!("[Globals]\nport=1\n{lines}{other}"));
            let commands = printed(&folder, "swap-xrdp-files", &file);
            assert!(Command::new(shell).args(["-c", &commands[0]]).status().unwrap().success());
            let (certificate, key) = swapped;
            let now = format!("[Globals]\ncertificate={certificate}\nkey_file={key}\nport=1\n{other}");
            assert_eq!(fs::read_to_string(&file).unwrap(), now, "{shell}: {lines:?}");
        }
    }
}

/// Advice for an xrdp speaks of its own settings.
#[test]
fn an_xrdp_is_told_in_its_own_words() {
    let folder = Folder::new("words");
    let file = folder
        .write("etc/xrdp/xrdp.ini", &ini("security_layer=negotiate\ncertificate=\nkey_file=\nssl_protocols=TLS1.2\n"));
    let (_, report) = folder.run(&["inspect", &file, "--full"]);
    assert!(report.contains("tls-version-mismatch") && report.contains("ssl_protocols"), "{report}");
    assert!(report.contains("rdpdoctor fix --for tls-version-mismatch"), "{report}");
    for words in ["Windows 7", "Server 2008", "SCHANNEL", "KB3080079"] {
        assert!(!report.contains(words), "{words}: {report}");
    }
    let log =
        folder.write("xrdp.log", "[20261120-08:01:02] [ERROR] Cannot read private key file /k: Permission denied\n");
    let (_, report) = folder.run(&["inspect", &log, "--full"]);
    assert!(report.contains("its times have no zone") && !report.contains("wevtutil"), "{report}");
}
