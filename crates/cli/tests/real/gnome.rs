//! A real GNOME Remote Desktop in a mount namespace and a session of its own: broken, repaired with the program alone,
//! proven by a probe and by another client, and taken back, the values of its settings as well.

use std::process::Command;

use crate::support::certificate;
use crate::support::folder::Folder;
use crate::support::{command, programs, root};

/// Programs that these tests need.
const PROGRAMS: &[&str] = &[
    "xrdp",
    "grdctl",
    "mutter",
    "pipewire",
    "wireplumber",
    "dbus-run-session",
    "gsettings",
    "openssl",
    "unshare",
    "ss",
    "xfreerdp",
    "Xvfb",
];

/// Gives the namespace places for a person and a running session, and words for what follows.
const PRELUDE: &str = r#"
set -u
for folder in /run /root /home /etc/xrdp; do mount -t tmpfs rw "$folder" || exit 99; done
ip link set lo up
mkdir -m 700 /run/session
export HOME=/root XDG_RUNTIME_DIR=/run/session GSETTINGS_BACKEND=keyfile LIBGL_ALWAYS_SOFTWARE=1
export XDG_STATE_HOME=/run/state
unset XDG_DATA_HOME XDG_CONFIG_HOME DISPLAY WAYLAND_DISPLAY
cat > /run/inside.sh <<'INSIDE'
set -u
grd() { grdctl --headless rdp "$@" 2>/dev/null; }
setting() { gsettings get org.gnome.desktop.remote-desktop.rdp "$1"; }
own=$HOME/.local/share/gnome-remote-desktop
# every file of the person but what the session itself keeps
hash() {
  (cd "$HOME"; find . -path ./.cache -prune -o -type f -print0 | sort -z |
    xargs -0 -r stat -c '%n %a %u %g'
   find . -path ./.cache -prune -o -type f -print0 | sort -z | xargs -0 -r sha256sum
   setting tls-cert; setting tls-key; setting enable) | sha256sum
}
give() { cp "$files/$1" "$HOME/$1"; chmod "$2" "$HOME/$1"; }
pipewire >/dev/null 2>&1 &
wireplumber >/dev/null 2>&1 &
mutter --headless --wayland --no-x11 --virtual-monitor 800x600 >/dev/null 2>&1 &
for i in $(seq 100); do [ -e "$XDG_RUNTIME_DIR/pipewire-0" ] && [ -e "$XDG_RUNTIME_DIR/wayland-0" ] && break; sleep 0.1; done
mkfifo /run/screen; Xvfb -displayfd 9 -noreset -nolisten tcp 9>/run/screen >/dev/null 2>&1 & screen=$!
trap 'kill $screen; wait $screen' EXIT
read -r display </run/screen
start() { /usr/libexec/gnome-remote-desktop-daemon --headless --rdp-port 3399 >/run/daemon.log 2>&1 & }
# looks until the port is in this state; GNOME takes it up a moment after its settings
listens() { for i in $(seq 100); do ss -Hltn | grep -q ':3399 '; [ $? = "$1" ] && return; sleep 0.1; done; echo "never-listens=$1"; }
wire() {
  for i in $(seq 20); do
    verdict=$("$program" diagnose 127.0.0.1:3399 --format json | tr -d '\n' | sed 's/.*"verdict": *"\([a-z]*\)".*/\1/')
    [ "$verdict" = "$2" ] && break; sleep 0.3
  done
  echo "$1=$verdict"
}
# FreeRDP as another client: it names its account, or fails
client() {
  for i in $(seq 10); do
    HOME=$(mktemp -d -p /run) DISPLAY=":$display" timeout 30 xfreerdp /v:127.0.0.1:3399 /u:user /p:secret /sec:nla /cert:ignore \
      +auth-only >/run/client.log 2>&1
    if [ $? = 0 ]; then got=in; else got=out; fi
    [ "$got" = "$2" ] && break; sleep 0.3
  done
  echo "$1=$got"
}
"#;

/// Steps of every case: found, planned without a change, repaired, seen from outside, taken back.
const STEPS: &str = r#"
before=$(hash)
"$program" fix >/run/plan; echo "plan=$?"; cat /run/plan
[ "$before" = "$(hash)" ]; echo "plan-changed=$?"
"$program" fix --apply --yes; echo "apply=$?"
setting tls-cert
wire wire-after healthy
client client-after in
"$program" fix >/dev/null; echo "plan-after=$?"
"$program" undo --yes >/dev/null; echo "undo=$?"
[ "$before" = "$(hash)" ]; echo "differs=$?"
"$program" history
"#;

/// Runs a script in namespaces and a session of its own; `None` where that is not possible here.
fn inside(script: &str) -> Option<String> {
    if !(programs(PROGRAMS) && root()) {
        return None;
    }
    let folder = Folder::new();
    certificate::expired(&folder);
    certificate::with_key(&folder, "other", &["rsa:2048"]);
    certificate::with_key(&folder, "ed25519", &["ed25519"]);
    certificate::with_key(&folder, "p521", &["ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"]);
    let program = env!("CARGO_BIN_EXE_rdpdoctor");
    let head = format!("export program={program} files={}\n", folder.path().display());
    let tail = "\nINSIDE\nexec dbus-run-session -- bash /run/inside.sh\n";
    let mut unshare: Command = command(None, "unshare");
    unshare.args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c"]);
    let output = unshare.arg([&head, PRELUDE, script, tail].concat()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("never-listens"), "{told}\n{complaints}");
    eprintln!("{told}\n{complaints}");
    Some(told)
}

/// Breaks it, and follows it through all steps.
fn repaired(breaking: &str, cause: &str) {
    by(breaking, cause, ("make-gnome-certificate", "/gnome-remote-desktop/rdpdoctor-cert.pem"));
}

/// Breaks it, and follows it through all steps; `set` is what its certificate is set to then.
fn by(breaking: &str, cause: &str, (fix, set): (&str, &str)) {
    let Some(told) = inside(&format!("{breaking}\n{STEPS}")) else { return };
    let lines = [
        "plan=1",
        &format!("\n{cause}: "),
        "plan-changed=0",
        &format!("Repaired: {cause}: gone, and a probe gets through"),
        "apply=0",
        set,
        "wire-after=healthy",
        "client-after=in",
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
fn a_certificate_that_has_expired() {
    let breaking = "give expired.crt 644; give server.key 600
        grd set-tls-cert $HOME/expired.crt; grd set-tls-key $HOME/server.key; grd set-credentials user secret; grd enable
        start; listens 0; wire wire-before faulty";
    repaired(breaking, "certificate-expired");
}

#[test]
fn a_key_that_is_gone() {
    let breaking = "give other.crt 644
        grd set-tls-cert $HOME/other.crt; grd set-tls-key $HOME/gone.key; grd set-credentials user secret; grd enable
        start; wire wire-before faulty; client client-before out";
    repaired(breaking, "certificate-binding-stale");
}

#[test]
fn a_key_of_another_certificate() {
    let breaking = "give other.crt 644; give server.key 600
        grd set-tls-cert $HOME/other.crt; grd set-tls-key $HOME/server.key; grd set-credentials user secret; grd enable
        start; wire wire-before faulty; client client-before out";
    repaired(breaking, "certificate-key-mismatch");
}

/// Clients keep the certificate that they know.
#[test]
fn a_certificate_and_a_key_that_are_exchanged() {
    let breaking = "give other.crt 644; give other.key 600
        grd set-tls-cert $HOME/other.key; grd set-tls-key $HOME/other.crt; grd set-credentials user secret; grd enable
        start; listens 0; client client-before out";
    by(breaking, "private-key-unusable", ("swap-gnome-files", "/other.crt'"));
}

/// Measured with version 43.3: with a key on Ed25519 nobody gets in, with one on P-521 only clients of other makes.
#[test]
fn a_key_that_clients_of_windows_do_not_take() {
    for (name, before) in [("ed25519", "out"), ("p521", "in")] {
        let breaking = format!(
            "give {name}.crt 644; give {name}.key 600; grd set-tls-cert $HOME/{name}.crt; grd set-tls-key $HOME/{name}.key
             grd set-credentials user secret; grd enable; start; listens 0; wire wire-before faulty; client client-before {before}"
        );
        repaired(&breaking, "tls-cipher-mismatch");
    }
}

/// Defaults that the machine has for everybody hold where a person has set nothing, and come back as such.
#[test]
fn defaults_of_the_machine_are_overruled_and_come_back() {
    let breaking = r#"mkdir -p /etc/glib-2.0; mount -t tmpfs rw /etc/glib-2.0; mkdir /etc/glib-2.0/settings
        give expired.crt 644; give server.key 600
        printf "[org/gnome/desktop/remote-desktop/rdp]
tls-cert='$HOME/expired.crt'
tls-key='$HOME/server.key'
"             >/etc/glib-2.0/settings/defaults
        grd set-credentials user secret; grd enable; start; listens 0; wire wire-before faulty"#;
    repaired(breaking, "certificate-expired");
}

/// Nothing that a person sets has an effect then: the plan is none, and says why.
#[test]
fn settings_that_are_locked_are_left_to_whoever_locked_them() {
    let script = r#"mkdir -p /etc/glib-2.0; mount -t tmpfs rw /etc/glib-2.0; mkdir /etc/glib-2.0/settings
        give expired.crt 644; give server.key 600
        printf "[org/gnome/desktop/remote-desktop/rdp]
tls-cert='$HOME/expired.crt'
tls-key='$HOME/server.key'
"             >/etc/glib-2.0/settings/defaults
        grd set-credentials user secret; grd enable; start; listens 0; before=$(hash)
        "$program" fix --save /run/kept.plan >/dev/null; echo "kept=$?"
        echo /org/gnome/desktop/remote-desktop/rdp/tls-cert >/etc/glib-2.0/settings/locks
        "$program" fix; echo "plan=$?"; "$program" fix --apply --yes; echo "apply=$?"
        "$program" fix --from /run/kept.plan --apply --yes; echo "late=$?"
        [ "$before" = "$(hash)" ]; echo "changed=$?"; setting tls-cert"#;
    let Some(told) = inside(script) else { return };
    let by_hand = "By hand: certificate-expired: the certificate ";
    let lines = [
        "kept=1",
        by_hand,
        "has locked tls-cert (dconf)",
        "plan=1",
        "apply=1",
        // a plan from before: it is written, read back, and taken back
        "It failed: ",
        "Everything is as before",
        "late=1",
        "changed=0",
        "/expired.crt was valid until",
        "/expired.crt'",
    ];
    for line in lines {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

/// Nobody invents a user name or a password; and what is sound or switched off is left alone.
#[test]
fn credentials_are_told_and_not_invented_and_a_sound_one_is_left_alone() {
    let script = r#"
        give other.crt 644; give other.key 600
        grd set-tls-cert $HOME/other.crt; grd set-tls-key $HOME/other.key; grd set-credentials user secret
        echo "-- off"; "$program" fix --server gnome; echo "off=$?"
        grd enable; start; listens 0; before=$(hash)
        echo "-- sound"; "$program" fix --apply --yes; echo "sound=$?"
        [ "$before" = "$(hash)" ]; echo "changed=$?"
        echo "; xrdp.ini" > /etc/xrdp/xrdp.ini
        echo "-- both"; "$program" fix 2>&1; echo "both=$?"; rm /etc/xrdp/xrdp.ini
        grd clear-credentials; before=$(hash)
        echo "-- without"; "$program" fix --apply --yes; echo "without=$?"
        [ "$before" = "$(hash)" ]; echo "invented=$?"
    "#;
    let Some(told) = inside(script) else { return };
    let part = |from: &str, to: &str| {
        let begin = told.find(from).unwrap_or_else(|| panic!("{from}: {told}"));
        told[begin..begin + told[begin..].find(to).unwrap_or_else(|| panic!("{to}: {told}"))].to_owned()
    };
    let off = part("-- off", "off=2");
    assert!(off.contains("switched off") && off.contains("grdctl rdp enable"), "{off}");
    let sound = part("-- sound", "sound=0");
    assert!(sound.contains("no fault") && !sound.contains("set-credentials"), "{sound}");
    let both = part("-- both", "both=3");
    assert!(both.contains("say which with --server"), "{both}");
    let without = part("-- without", "without=2");
    assert!(without.contains("set-credentials") && without.contains("Nobody can invent"), "{without}");
    assert!(told.contains("changed=0") && told.contains("invented=0"), "{told}");
}
