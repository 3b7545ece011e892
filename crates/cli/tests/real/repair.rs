//! A real xrdp in a mount namespace of its own, with its init script: broken, repaired with the program alone, proven
//! by a probe and by another client, and taken back to the byte.

use std::process::Command;

use crate::support::certificate;
use crate::support::folder::Folder;
use crate::support::{command, programs, root};

/// Programs that these tests need.
const PROGRAMS: &[&str] = &["xrdp", "openssl", "unshare", "usermod", "ss", "start-stop-daemon", "xfreerdp", "Xvfb"];

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
# FreeRDP as another client: it names its account, or fails. `trusting` is a certificate that it trusts, and then it also
# looks at the name and the dates; without one it takes any certificate.
mkfifo /run/screen; Xvfb -displayfd 9 -noreset -nolisten tcp 9>/run/screen >/dev/null 2>&1 & screen=$!
trap 'kill $screen; wait $screen' EXIT
read -r display </run/screen; export DISPLAY=":$display"
set_to() { sed -n "/^\[Globals\]/,/^\[/s|^$1=||p" /etc/xrdp/xrdp.ini; }
client() {
  if [ -n "$strict" ]; then
    HOME=$(mktemp -d -p /run) SSL_CERT_FILE=$(set_to certificate) \
      timeout 30 xfreerdp "/v:$(cat /etc/hostname)" /u:x /p:x /sec:tls /cert:deny +auth-only >/dev/null 2>&1
  else HOME=$(mktemp -d -p /run) timeout 30 xfreerdp /v:127.0.0.1 /u:x /p:x /sec:tls /cert:ignore +auth-only >/dev/null 2>&1
  fi
  if [ $? = 0 ]; then echo "$1=in"; else echo "$1=out"; fi
}
inspect() { "$program" inspect /etc/xrdp/xrdp.ini --format json | tr -d '\n' | grep -o '"cause": *"[a-z0-9-]*"' | head -1 | sed 's/.*: *"//; s/"//'; }
"#;

/// Steps of every case: found, planned without a change, repaired, seen from outside, taken back.
const STEPS: &str = r#"
# the name in a new certificate leads here
echo "127.0.0.1 $(cat /etc/hostname)" >> /etc/hosts
before=$(hash)
wire wire-before "$port"
client client-before
echo "found=$(inspect)"
"$program" fix >/dev/null; echo "plan=$?"
[ "$before" = "$(hash)" ]; echo "plan-changed=$?"
"$program" fix --apply --yes; echo "apply=$?"
up 3389
wire wire-after
client client-after
"$program" fix >/dev/null; echo "plan-after=$?"
"$program" undo --yes >/dev/null; echo "undo=$?"
[ "$before" = "$(hash)" ]; echo "differs=$?"
up "${undone:-3389}"; client client-undone
"$program" history
"#;

/// Runs a script in namespaces of its own; `None` where that is not possible here.
pub fn inside(script: &str) -> Option<String> {
    if !(programs(PROGRAMS) && root()) {
        return None;
    }
    let folder = Folder::new();
    certificate::expired(&folder);
    certificate::with_key(&folder, "other", &["rsa:2048"]);
    let head =
        format!("program={}\nfiles={}\nport=3389\nstrict=\n", env!("CARGO_BIN_EXE_rdpdoctor"), folder.path().display());
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
    // a client that looks at dates and names knows whether a new certificate is a good one
    let strict = if fix == "make-xrdp-certificate" { "yes" } else { "" };
    let Some(told) = inside(&format!("strict={strict}\n{breaking}\n{STEPS}")) else { return };
    let lines = [
        "wire-before=faulty",
        "client-before=out",
        &format!("found={cause}"),
        "plan=1",
        "plan-changed=0",
        &format!("Repaired: {cause}: gone, and a probe gets through"),
        "apply=0",
        "wire-after=healthy",
        "client-after=in",
        "plan-after=0",
        "undo=0",
        "differs=0",
        "client-undone=out",
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
    repaired(breaking, "private-key-unusable", "share-key-with-xrdp");
}

#[test]
fn a_path_that_leads_nowhere() {
    let breaking = "give other.key 640 xrdp
        ini certificate /etc/xrdp/gone.crt; ini key_file /etc/xrdp/other.key; start";
    repaired(breaking, "certificate-binding-stale", "make-xrdp-certificate");
}

/// A path that was mistyped is put right where the file that fits lies beside it.
#[test]
fn a_key_or_a_certificate_beside_a_mistyped_path() {
    let pair = "give other.crt 644 root; give other.key 640 xrdp";
    for (certificate, key) in [("other", "othr"), ("othr", "other")] {
        let set = format!("ini certificate /etc/xrdp/{certificate}.crt; ini key_file /etc/xrdp/{key}.key; start");
        repaired(&format!("{pair}; {set}"), "certificate-binding-stale", "use-fitting-xrdp-file");
    }
    let set = "give server.key 640 xrdp; ini certificate /etc/xrdp/other.crt; ini key_file /etc/xrdp/server.key; start";
    repaired(&format!("{pair}; {set}"), "certificate-key-mismatch", "use-fitting-xrdp-file");
}

/// One that was started by hand, without a file that names its process, runs all the same; whoever started it restarts
/// it.
#[test]
fn an_xrdp_that_was_started_by_hand() {
    let script = r#"
        start; rm /run/xrdp/xrdp.pid
        "$program" fix --apply --yes; echo "apply=$?"; wire waits
        kill "$(pgrep -o -x xrdp)"; while pgrep -x xrdp >/dev/null; do sleep 0.05; done
        start; rm /run/xrdp/xrdp.pid; wire restarted; "$program" fix; echo "then=$?"
        ini security_layer rdp; "$program" fix --apply --yes; echo "live=$?"
    "#;
    let Some(told) = inside(script) else { return };
    let lines = [
        "xrdp was started by hand, so it is not restarted by this program",
        "Applied, not yet visible: its files no longer show private-key-unusable",
        "apply=2",
        "waits=faulty",
        "restarted=healthy",
        "then=0",
        "Nothing has to be restarted: it acts with the next connection.",
        "Repaired: standard-security-only",
        "live=0",
    ];
    for line in lines {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
    assert!(!told.contains("xrdp does not run here"), "{told}");
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
    repaired("usermod -aG ssl-cert xrdp; ini port 99999; undone=34463; start 34463", "port-closed", "set-xrdp-port");
}

/// A healthy one is left alone, also when somebody insists.
#[test]
fn a_sound_xrdp_is_left_alone() {
    let script = "usermod -aG ssl-cert xrdp; start; wire wire; before=$(hash)
        \"$program\" fix --apply --yes; echo \"fix=$?\"; [ \"$before\" = \"$(hash)\" ]; echo \"differs=$?\"
        ls /var/lib/rdpdoctor 2>/dev/null | wc -l";
    let Some(told) = inside(script) else { return };
    for line in
        ["wire=healthy", "show no fault, and a probe of port 3389 gets through. Nothing to do.", "fix=0", "differs=0"]
    {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

/// One that somebody started as root reads every key, and a restart by its script would make another server of it.
#[test]
fn with_the_rights_of_root_it_is_judged_by_these() {
    let script = r#"/usr/sbin/xrdp-sesman >/dev/null 2>&1; /usr/sbin/xrdp >/dev/null 2>&1; up 3389; wire first
        "$program" fix --apply --yes; echo "sound=$?"
        ini security_layer rdp; "$program" fix --apply --yes; wire last
        ps -C xrdp -o user=,args= | sort -u"#;
    let Some(told) = inside(script) else { return };
    for line in ["first=healthy", "last=healthy", "root     /usr/sbin/xrdp"] {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
    for wrong in ["private-key-unusable", "xrdp     /usr/sbin/xrdp", "sound=1"] {
        assert!(!told.contains(wrong), "{wrong:?}: {told}");
    }
}

/// One that listens at one address alone, or on a port of its command line, is probed there.
#[test]
fn where_it_listens_is_where_it_is_probed() {
    let script = r#"usermod -aG ssl-cert xrdp; ip addr add 10.55.0.1/32 dev lo
        repair() {
          echo "[$1]"; "$program" fix >/dev/null; echo "sound=$?"
          before=$(hash); ini security_layer rdp; "$program" fix --apply --yes; echo "apply=$?"; up "$3"
          "$program" diagnose "$2:$3" >/dev/null; echo "wire=$?"; "$program" undo --yes; ini security_layer negotiate
          [ "$before" = "$(hash)" ]; echo "differs=$?"; /etc/init.d/xrdp stop >/dev/null 2>&1
        }
        ini port tcp://10.55.0.1:3389; start; repair address 10.55.0.1 3389
        ini port 3389; grep -v XRDP_OPTIONS /etc/default/xrdp >/run/default; cp /run/default /etc/default/xrdp
        echo 'XRDP_OPTIONS="-p 3391"' >>/etc/default/xrdp; start 3391; repair option 127.0.0.1 3391; echo "[]""#;
    let Some(told) = inside(script) else { return };
    for name in ["address", "option"] {
        let part = told.split_once(&format!("[{name}]")).unwrap().1.split("\n[").next().unwrap();
        let gone = "Repaired: standard-security-only: gone, and a probe gets through";
        for line in ["sound=0", gone, "apply=0", "wire=0", "Undone", "differs=0"] {
            assert!(part.contains(line), "{name}: {line:?} is missing: {told}");
        }
    }
}

/// A file on which another one is mounted, as in a container, cannot be replaced: it is changed in its place.
#[test]
fn a_bind_mounted_file_is_changed_in_its_place() {
    let mounted = "cp -p /etc/group /run/group; mount --bind /run/group /etc/group; start";
    repaired(mounted, "private-key-unusable", "let-xrdp-read-its-key");
}

/// A weaker setting goes by itself when its time is over, also where its guard was killed.
#[test]
fn a_weaker_setting_is_a_lease() {
    let script = r#"
        usermod -aG ssl-cert xrdp; ini security_layer rdp; start
        "$program" fix --save /run/plan.json >/dev/null 2>&1
        ini security_layer tls; sed -i 's/"text": "rdp"/"text": "tls"/' /run/plan.json; before=$(hash)
        weaker() { "$program" fix --from /run/plan.json --apply --yes "$@" 2>&1; }
        weaker | grep -o 'would be weaker'; echo "alone=${PIPESTATUS[0]}"
        [ "$before" = "$(hash)" ]; echo "alone-changed=$?"
        weaker --lease=5s | grep -o 'nothing keeps it'; set_to security_layer
        for i in $(seq 200); do [ "$(set_to security_layer)" = tls ] && break; sleep 0.05; done
        [ "$before" = "$(hash)" ]; echo "ended=$?"
        weaker --lease=5s >/dev/null; set_to security_layer
        for guard in $(grep -lz '^guard$' /proc/[0-9]*/cmdline | cut -d/ -f3); do kill -9 "$guard"; done
        for i in $(seq 200); do "$program" undo 2>&1 </dev/null | grep -q 'it is taken back' && break; sleep 0.05; done
        [ "$before" = "$(hash)" ]; echo "killed=$?"
        "$program" history
    "#;
    let Some(told) = inside(script) else { return };
    let lines = [
        "would be weaker\nalone=3\nalone-changed=0\n",
        "nothing keeps it\nnegotiate\nended=0\n",
        "negotiate\nkilled=0\n",
    ];
    for line in lines {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

/// The session from which somebody repairs may end in the middle: its guard is in none of it, and takes back in time.
#[test]
fn a_guard_outlives_the_session() {
    let script = r#"
        start; before=$(hash)
        setsid bash -c '"$program" fix --apply --yes --confirm-within 3s | grep -o Repaired
          for i in $(seq 200); do
            guard=$(grep -lz "^guard$" /proc/[0-9]*/cmdline | cut -d/ -f3)
            [ "$(ps -o sid= -p "$guard" | tr -d " ")" != $$ ] && break; sleep 0.05
          done
          echo "left=$?"; kill -9 0'
        for i in $(seq 400); do [ "$before" = "$(hash)" ] && break; sleep 0.05; done
        [ "$before" = "$(hash)" ]; echo "back=$?"
    "#;
    let Some(told) = inside(&format!("export program\n{script}")) else { return };
    assert!(told.contains("Repaired\nleft=0\nback=0\n"), "{told}");
}

/// Where systemd runs, it restarts xrdp and keeps the guard; a stand-in tells what it was asked.
#[test]
fn systemd_is_asked_where_it_runs() {
    let script = r#"
        start; mkdir -p /run/systemd/system /run/bin; before=$(hash)
        cat > /run/bin/systemctl <<'END'
#!/bin/sh
echo "systemctl $*" >> /run/told
[ "$2" = is-active ] && exit 0
SYSTEMCTL_SKIP_REDIRECT=1 _SYSTEMCTL_SKIP_REDIRECT=1 exec "/etc/init.d/$3" "$2" >/dev/null 2>&1
END
        cat > /run/bin/systemd-run <<'END'
#!/bin/sh
echo "systemd-run $*" | sed 's| -- .*/| -- |' >> /run/told
while [ "$1" != -- ]; do shift; done; shift
"$@" >/dev/null 2>&1 &
END
        chmod 755 /run/bin/*; export PATH=/run/bin:$PATH
        "$program" fix --apply --yes --confirm-within 3s | grep -o Repaired
        for i in $(seq 400); do [ "$before" = "$(hash)" ] && break; sleep 0.05; done
        [ "$before" = "$(hash)" ]; echo "back=$?"; cat /run/told
    "#;
    let Some(told) = inside(script) else { return };
    for line in [
        "Repaired\nback=0\n",
        "systemd-run --quiet --collect --property=Restart=on-abnormal --unit=rdpdoctor-guard-0001 -- ",
        "systemctl --no-ask-password restart xrdp",
    ] {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

/// Whoever gets in from the agreed address keeps the change; the program's own probe does not.
#[test]
fn the_log_of_xrdp_confirms() {
    let script = r#"
        ip addr add 192.0.2.9/32 dev lo; ini security_layer rdp; usermod -aG ssl-cert xrdp; start
        "$program" fix --apply --yes --confirm-within 2s --confirm-from 127.0.0.1 2>&1 | grep -o 'shows nothing'
        "$program" fix --apply --yes --confirm-within 3s --confirm-from 192.0.2.9 | grep -o 'Or connect from'
        for i in $(seq 400); do [ "$(set_to security_layer)" = rdp ] && break; sleep 0.05; done
        echo "nobody=$(set_to security_layer)"
        "$program" fix --apply --yes --confirm-within 10m --confirm-from 192.0.2.9 >/dev/null
        HOME=$(mktemp -d -p /run) timeout 30 xfreerdp /v:192.0.2.9 /u:x /p:x /sec:tls /cert:ignore +auth-only >/dev/null 2>&1
        guards() { grep -lz '^guard$' /proc/[0-9]*/cmdline 2>/dev/null; }
        for i in $(seq 400); do [ -z "$(guards)" ] && break; sleep 0.05; done
        echo "guards=$(guards | wc -l) in=$(set_to security_layer)"
    "#;
    let Some(told) = inside(script) else { return };
    let lines = ["shows nothing", "Or connect from\nnobody=rdp\n", "guards=0 in=negotiate\n"];
    for line in lines {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
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
