//! `inspect` without a path on Linux: the machine's own xrdp and GNOME Remote Desktop in namespaces of their own,
//! broken in turn. What is named is what is broken, in the words of that system.

use crate::repair::inside;
use crate::support::programs;

/// Names the causes that keep somebody out, and looks for words that belong to Windows in what a person reads.
const WORDS: &str = r#"
usermod -aG ssl-cert xrdp
first() {
  python3 -c 'import json, sys
found = [one["cause"] for one in json.load(sys.stdin)["findings"] if one["severity"] != "advisory"]
print(" ".join(found))'
}
here() {
  echo "$1=$("$program" inspect --format json | first)"
  "$program" inspect --full | grep -iE 'powershell|registry|schannel|termservice|HKLM' && echo "foreign-words=$1"
}
stop() { /etc/init.d/xrdp stop >/dev/null 2>&1; while pgrep -x xrdp >/dev/null; do sleep 0.1; done; }
"#;

fn told(script: &str) -> Option<String> {
    if !programs(&["python3"]) {
        return None;
    }
    let told = inside(&format!("{WORDS}{script}"))?;
    assert!(!told.contains("foreign-words"), "{told}");
    Some(told)
}

fn all(told: &str, lines: &[&str]) {
    for line in lines {
        // others may stand below it
        let is = |one: &str| one == *line || one.starts_with(&format!("{line} "));
        assert!(told.lines().any(is), "{line:?} is missing: {told}");
    }
}

#[test]
fn files_of_xrdp() {
    let script = "start; here sound
        chmod 600 /etc/ssl/private/ssl-cert-snakeoil.key; here key; chmod 640 /etc/ssl/private/ssl-cert-snakeoil.key
        ini key_file /etc/xrdp/gone.pem; here path
        give other.crt 644 root; give server.key 640 xrdp
        ini certificate /etc/xrdp/other.crt; ini key_file /etc/xrdp/server.key; here other
        give expired.crt 644 root; ini certificate /etc/xrdp/expired.crt; here expired";
    let Some(told) = told(script) else { return };
    let lines = [
        "sound=",
        "key=private-key-unusable",
        "path=certificate-binding-stale",
        "other=certificate-key-mismatch",
        "expired=certificate-expired",
    ];
    all(&told, &lines);
}

#[test]
fn processes_and_ports() {
    if !programs(&["python3", "pgrep"]) {
        return;
    }
    let script = r#"start; here sound; stop; here stopped
        python3 -c 'import socket, time; s = socket.create_server(("", 3389)); time.sleep(600)' & up 3389
        here taken
        "$program" inspect | grep -o 'python3[^ ]* listens on port 3389'
        kill $!; wait $! 2>/dev/null"#;
    let Some(told) = told(script) else { return };
    all(&told, &["sound=", "stopped=service-stopped", "taken=listener-port-taken"]);
    assert!(told.contains("listens on port 3389"), "{told}");
}

#[test]
fn settings_of_gnome_remote_desktop() {
    if !programs(&["gsettings"]) {
        return;
    }
    let script = r#"
        export GSETTINGS_BACKEND=keyfile XDG_CONFIG_HOME=/run/settings HOME=/run/home
        mkdir -p /run/settings /run/home; rm /etc/xrdp/xrdp.ini
        put() { gsettings set org.gnome.desktop.remote-desktop.rdp "$1" "$2"; }
        if gsettings list-schemas | grep -q '^org.gnome.desktop.remote-desktop.rdp$'; then
          give expired.crt 644 root; give other.crt 644 root; give server.key 600 root
          put enable true; here unset
          put tls-cert /etc/xrdp/gone.crt; put tls-key /etc/xrdp/server.key; here path
          put tls-cert /etc/xrdp/other.crt; here other
          put tls-cert /etc/xrdp/expired.crt; here expired
        else echo no-schema; fi"#;
    let Some(told) = told(script) else { return };
    if told.contains("no-schema") {
        return;
    }
    let lines = [
        "unset=certificate-binding-stale",
        "path=certificate-binding-stale",
        "other=certificate-key-mismatch",
        "expired=certificate-expired",
    ];
    all(&told, &lines);
}

/// Both ends of one machine are one finding: the key that xrdp may not read, and the TLS that is missing for it.
#[test]
fn the_probe_and_the_machine_are_one() {
    let script = r#"start; chmod 600 /etc/ssl/private/ssl-cert-snakeoil.key
        "$program" collect -o /run/own.zip --keep-names >/dev/null; echo "collected=$?"
        echo "found=$("$program" diagnose 127.0.0.1 --with /run/own.zip --format json | first)""#;
    let Some(told) = told(script) else { return };
    let found = told.lines().find_map(|line| line.strip_prefix("found=")).unwrap_or_default();
    let causes: Vec<&str> = found.split_whitespace().collect();
    assert_eq!(causes.first(), Some(&"private-key-unusable"), "{told}");
    assert_eq!(causes.iter().filter(|cause| **cause == "private-key-unusable").count(), 1, "{told}");
}
