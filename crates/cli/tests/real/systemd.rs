//! A real systemd, as the first process of namespaces of its own with the units of xrdp alone: it restarts xrdp, and
//! keeps the guard that takes changes back.

use crate::repair::inside;
use crate::support::programs;

/// Starts systemd with a tree of control groups of its own, and gives words for what runs in its namespaces.
const SYSTEMD: &str = r#"
group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/rdpdoctor-test-$(tr -d - </proc/sys/kernel/random/uuid)
mkdir "$group" && echo $$ > "$group/cgroup.procs" || exit 98
cat > /run/boot.sh <<'END'
mount -t tmpfs rw /sys/fs && mkdir /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 98
# nothing of the machine itself: units that are asked for, and no others
for wants in /lib/systemd/system/*.wants; do mount -t tmpfs none "$wants"; done
rm -rf /etc/systemd/system/*.wants
for unit in sysinit basic empty; do printf '[Unit]\nDefaultDependencies=no\n' > "/etc/systemd/system/$unit.target"; done
exec /lib/systemd/systemd --system --unit=empty.target --show-status=no --log-target=null
END
unshare --mount --pid --fork --mount-proc --cgroup --kill-child bash /run/boot.sh >/run/boot.log 2>&1 &
outer=$!
for i in $(seq 100); do [ -S /run/systemd/private ] && break; sleep 0.1; done
init=$(ps -o pid= --ppid $outer | tr -d ' ')
on() { timeout -k 1 60 nsenter -t "$init" -m -p -C -- "$@"; }
down() {
  kill -9 $outer; wait $outer 2>/dev/null
  echo $$ > "${group%/*}/cgroup.procs"; sleep 0.2
  find "$group" -depth -type d -exec rmdir {} \;
}
"#;

#[test]
fn systemd_restarts_xrdp_and_keeps_the_guard() {
    if !programs(&["nsenter", "/lib/systemd/systemd", "systemctl", "systemd-run"]) {
        return;
    }
    let script = r#"
        on systemctl start xrdp; echo "start=$?"; up 3389; main() { on systemctl show -P MainPID xrdp; }
        before=$(hash); first=$(main)
        on "$program" fix --apply --yes | grep -o Repaired; [ "$first" != "$(main)" ]; echo "restarted=$?"
        up 3389; wire after; on "$program" undo --yes >/dev/null; echo "undo=$?"; [ "$before" = "$(hash)" ]; echo "differs=$?"
        # killed, it is started again; nobody confirms
        on "$program" fix --apply --yes --confirm-within 8s >/dev/null; echo "apply=$?"
        unit=$(on systemctl list-units --no-legend --plain 'rdpdoctor-guard-*' | awk '{ print $1; exit }')
        guard() { on systemctl show -P MainPID "$unit"; }
        one=$(guard); on systemctl kill -s KILL "$unit"
        for i in $(seq 60); do two=$(guard); [ "${two:-0}" != 0 ] && [ "$two" != "$one" ] && break; sleep 0.1; done
        [ "${two:-0}" != 0 ] && [ "$two" != "$one" ]; echo "again=$?"; [ "$before" = "$(hash)" ]; echo "meanwhile=$?"
        for i in $(seq 400); do [ "$before" = "$(hash)" ] && break; sleep 0.05; done
        [ "$before" = "$(hash)" ]; echo "back=$?"; down"#;
    let Some(told) = inside(&[SYSTEMD, script].concat()) else { return };
    for line in [
        "start=0",
        "Repaired\nrestarted=0\n",
        "after=healthy",
        "undo=0\ndiffers=0\n",
        "apply=0\nagain=0\nmeanwhile=1\nback=0\n",
    ] {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}
