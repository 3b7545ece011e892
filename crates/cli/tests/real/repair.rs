//! A real xrdp in a mount namespace of its own, with its init script: broken, repaired with the program alone, proven
//! by a probe, and taken back to the byte.

use std::process::Command;

use crate::support::certificate;
use crate::support::folder::Folder;
use crate::support::{command, programs, root};

/// Programs that these tests need.
const PROGRAMS: &[&str] = &["xrdp", "openssl", "unshare", "usermod", "ss", "start-stop-daemon"];

/// Gives the namespace a copy of /etc that may be changed and that nobody else changes, places for a running machine,
/// and words for what follows.
const PRELUDE: &str = r#"
set -u
scratch=$(mktemp -d) && mount -t tmpfs scratch "$scratch" && mkdir "$scratch/etc" || exit 99
cp -a /etc/. "$scratch/etc/" && chmod --reference=/etc "$scratch/etc" || exit 99
mount --bind "$scratch/etc" /etc || exit 99
for folder in /run /var/lib /var/log; do mount -t tmpfs rw "$folder" || exit 99; done
chmod 1777 /var/log
ip link set lo up
unset XDG_STATE_HOME
hash() {
  (cd /etc; find . -xdev -print0 | sort -z | xargs -0 stat -c '%n %F %a %u %g %N'
   find . -xdev -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum
}
up() { for i in $(seq 100); do ss -Hltn | grep -q ":$1 " && return; sleep 0.1; done; echo "not-up=$1"; }
start() { /etc/init.d/xrdp start >/dev/null 2>&1; up "${1:-3389}"; }
ini() { sed -i "/^\[Globals\]/,/^\[/s|^$1=.*|$1=$2|" /etc/xrdp/xrdp.ini; }
give() { cp "$files/$1" "/etc/xrdp/$1"; chmod "$2" "/etc/xrdp/$1"; chgrp "$3" "/etc/xrdp/$1"; }
wire() { echo "$1=$("$program" diagnose "127.0.0.1:${2:-3389}" --format json | tr -d '\n' | sed 's/.*"verdict": *"\([a-z]*\)".*/\1/')"; }
inspect() { "$program" inspect /etc/xrdp/xrdp.ini --format json | tr -d '\n' | grep -o '"cause": *"[a-z0-9-]*"' | head -1 | sed 's/.*: *"//; s/"//'; }
"#;

/// Steps of every case: found, planned without a change, repaired, seen from outside, taken back.
const STEPS: &str = r#"
before=$(hash)
wire wire-before "$port"
echo "found=$(inspect)"
"$program" fix >/dev/null; echo "plan=$?"
[ "$before" = "$(hash)" ]; echo "plan-changed=$?"
"$program" fix --apply --yes; echo "apply=$?"
up 3389
wire wire-after
"$program" fix >/dev/null; echo "plan-after=$?"
"$program" undo --yes >/dev/null; echo "undo=$?"
[ "$before" = "$(hash)" ]; echo "differs=$?"
"$program" history
"#;

/// Runs a script in namespaces of its own; `None` where that is not possible here.
fn inside(script: &str) -> Option<String> {
    if !(programs(PROGRAMS) && root()) {
        return None;
    }
    let folder = Folder::new();
    certificate::expired(&folder);
    certificate::with_key(&folder, "other", &["rsa:2048"]);
    let head = format!("program={}\nfiles={}\nport=3389\n", env!("CARGO_BIN_EXE_rdpdoctor"), folder.path().display());
    let mut unshare: Command = command(None, "unshare");
    unshare.args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c"]);
    let output = unshare.arg([&head, PRELUDE, script].concat()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!told.contains("not-up"), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    eprintln!("{told}");
    Some(told)
}

/// Breaks xrdp, and follows it through all steps.
fn repaired(breaking: &str, cause: &str, fix: &str) {
    let Some(told) = inside(&format!("{breaking}\n{STEPS}")) else { return };
    let lines = [
        "wire-before=faulty",
        &format!("found={cause}"),
        "plan=1",
        "plan-changed=0",
        &format!("Repaired: {cause}: gone, and a probe gets through"),
        "apply=0",
        "wire-after=healthy",
        "plan-after=0",
        "undo=0",
        "differs=0",
        &format!("{fix}: undone"),
    ];
    for line in lines {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

#[test]
fn the_stock_install_that_is_broken_out_of_the_box() {
    repaired("start", "private-key-unusable", "let-xrdp-read-its-key");
}

#[test]
fn a_key_that_no_group_may_read() {
    let breaking = "give other.crt 644 root; give other.key 600 root
        ini certificate /etc/xrdp/other.crt; ini key_file /etc/xrdp/other.key; start";
    repaired(breaking, "private-key-unusable", "make-xrdp-certificate");
}

#[test]
fn a_path_that_leads_nowhere() {
    let breaking = "give other.key 640 xrdp
        ini certificate /etc/xrdp/gone.crt; ini key_file /etc/xrdp/other.key; start";
    repaired(breaking, "certificate-binding-stale", "make-xrdp-certificate");
}

#[test]
fn a_key_of_another_certificate() {
    let breaking = "give other.crt 644 root; give server.key 640 xrdp
        ini certificate /etc/xrdp/other.crt; ini key_file /etc/xrdp/server.key; start";
    repaired(breaking, "certificate-key-mismatch", "make-xrdp-certificate");
}

#[test]
fn a_certificate_that_has_expired() {
    let breaking = "give expired.crt 644 root; give server.key 640 xrdp
        ini certificate /etc/xrdp/expired.crt; ini key_file /etc/xrdp/server.key; start";
    repaired(breaking, "certificate-expired", "make-xrdp-certificate");
}

#[test]
fn no_tls_by_its_settings() {
    repaired("usermod -aG ssl-cert xrdp; ini security_layer rdp; start", "standard-security-only", "offer-tls-in-xrdp");
}

#[test]
fn a_port_that_is_none() {
    repaired("usermod -aG ssl-cert xrdp; ini port 99999; start 34463", "port-closed", "set-xrdp-port");
}

/// A healthy one is left alone, also when somebody insists.
#[test]
fn a_sound_xrdp_is_left_alone() {
    let script = "usermod -aG ssl-cert xrdp; start; wire wire; before=$(hash)
        \"$program\" fix --apply --yes; echo \"fix=$?\"; [ \"$before\" = \"$(hash)\" ]; echo \"differs=$?\"
        ls /var/lib/rdpdoctor 2>/dev/null | wc -l";
    let Some(told) = inside(script) else { return };
    for line in ["wire=healthy", "show no fault. Nothing to do.", "fix=0", "differs=0"] {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

/// A file on which another one is mounted, as in a container, cannot be replaced: it is changed in its place.
#[test]
fn a_bind_mounted_file_is_changed_in_its_place() {
    let mounted = "cp -p /etc/group /run/group; mount --bind /run/group /etc/group; start";
    repaired(mounted, "private-key-unusable", "let-xrdp-read-its-key");
}

/// Whatever is in the way: an error that says so, and everything as before.
#[test]
fn what_is_in_the_way_is_said_and_nothing_is_half_done() {
    let script = r#"
        start
        before=$(hash)
        "$program" fix --save /run/plan.json >/dev/null 2>&1; echo "saved=$?"
        # nobody agreed
        "$program" fix --apply </dev/null 2>&1 | grep error; [ "$before" = "$(hash)" ] || echo CHANGED
        # a disk that is read only
        mount -o remount,ro /etc
        "$program" fix --apply --yes 2>&1 | grep -E 'It failed|error|as before'; echo "ro=${PIPESTATUS[0]}"
        mount -o remount,rw /etc; [ "$before" = "$(hash)" ] || echo CHANGED
        # a journal that finds no room
        mount -t tmpfs -o size=4k small /var/lib
        "$program" fix --apply --yes 2>&1 | grep error; echo "full=${PIPESTATUS[0]}"; umount /var/lib
        [ "$before" = "$(hash)" ] || echo CHANGED
        # a link where the settings were
        mv /etc/group /etc/group.real; ln -s group.real /etc/group
        "$program" fix --apply --yes 2>&1 | grep error; echo "link=${PIPESTATUS[0]}"
        rm /etc/group; mv /etc/group.real /etc/group; [ "$before" = "$(hash)" ] || echo CHANGED
        # a plan of another time
        usermod -aG ssl-cert xrdp; cp /etc/xrdp/xrdp.ini /run/xrdp.ini
        "$program" fix --from /run/plan.json --apply --yes 2>&1 | grep error; echo "old=${PIPESTATUS[0]}"
        gpasswd -d xrdp ssl-cert >/dev/null 2>&1
        "$program" fix --from /run/plan.json --apply --yes | tail -1; echo "from=${PIPESTATUS[0]}"
        # a journal that somebody edited
        journal=$(ls -d /var/lib/rdpdoctor/0*/ | tail -1)journal.jsonl
        sed -i 's/ssl-cert/ssl-curt/' "$journal"
        "$program" undo --yes 2>&1 | grep -o 'line [0-9]* was changed'; echo "edited=${PIPESTATUS[0]}"
        sed -i 's/ssl-curt/ssl-cert/' "$journal"
        "$program" undo --yes | tail -1; echo "undo=${PIPESTATUS[0]}"
    "#;
    let Some(told) = inside(script) else { return };
    assert!(!told.contains("CHANGED"), "{told}");
    let lines = [
        "saved=1",
        "nobody is there to ask",
        "ro=1",
        "Everything is as before",
        "full=3",
        "link=3",
        "old=3",
        "is not any more as it was when the plan was made",
        "from=0",
        "line 2 was changed",
        "edited=3",
        "undo=0",
    ];
    for line in lines {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}
