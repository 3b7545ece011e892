//! The firewall of a host with Linux that lets nobody in to a real xrdp, by each tool that may be in charge: opened for
//! one address by that tool, met by a client in another network namespace, and closed again to the byte.

use crate::repair::inside;
use crate::support::programs;

/// A sound xrdp, a client behind a cable that has two addresses, and what is done with each firewall.
const WORDS: &str = r#"
usermod -aG ssl-cert xrdp; start
unshare -n sleep 600 & client=$!
for i in $(seq 100); do [ "$(readlink /proc/$client/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.05; done
ip link add host type veth peer name client
ip link set client netns $client
ip addr add 10.213.9.1/24 dev host; ip link set host up
away() { nsenter -t $client -n "$@"; }
away ip addr add 10.213.9.2/24 dev client; away ip addr add 10.213.9.3/24 dev client; away ip link set client up
meets() {
  away ip route replace 10.213.9.1/32 dev client src "10.213.9.$2"
  for i in $(seq 3); do away timeout 2 bash -c '</dev/tcp/10.213.9.1/3389' 2>/dev/null && { echo "$1=in"; return; }; done
  echo "$1=out"
}
rules() { nft -s list ruleset 2>/dev/null | sha256sum; }
ufw_on() { ufw --force enable; } >/dev/null
# a rule ahead of another one, once, puts the chains for limits in the order that ufw leaves behind any such rule
ufw_order() { ufw deny 9/tcp; ufw insert 1 allow 8/tcp; ufw delete allow 8/tcp; ufw delete deny 9/tcp; } >/dev/null
# kills its parent with signal 9 where the tool changes something, before, behind or in the middle of it
mkdir -p /run/deadly; export real=$PATH
deadly() {
  cat > "/run/deadly/$1" <<END
#!/bin/bash
export PATH=\$real
change=; for word; do [[ \$word == $2 ]] && change=1; [[ \$word == --datadir=* ]] && change= && break; done
[ -n "\$change" ] || exec $1 "\$@"
$3
kill -9 \$PPID; sleep 0.2
END
  chmod 755 "/run/deadly/$1"
}
killed() {
  for next in finish undo; do
    echo "[$1 $next]"; before=$(hash); rules=$(rules)
    PATH=/run/deadly:$PATH "$program" fix --addresses 10.213.9.2 --apply --yes >/dev/null 2>&1; echo "killed=$?"
    "$program" fix --addresses 10.213.9.2 --apply --yes 2>&1 | grep -o 'an earlier run was cut off'
    if [ $next = finish ]; then
      "$program" fix --finish; echo "finish=$?"; meets finished 2
    fi
    "$program" undo --yes >/dev/null; echo "undo=$?"; same undone; meets undone 2; echo "[]"
  done
}
same() { [ "$before" = "$(hash)" ] && [ "$rules" = "$(rules)" ]; echo "$1=$?"; }
opened() {
  before=$(hash); rules=$(rules)
  meets before 2
  "$program" fix; echo "alone=$?"
  "$program" fix --addresses 10.213.9.2 >/run/plan; echo "plan=$?"; cat /run/plan; same planned
  "$program" fix --addresses 10.213.9.2 --apply --yes; echo "apply=$?"
  meets after 2; meets other 3
  "$program" fix | grep -q firewall-blocks-rdp; echo "told-after=$?"
  "$program" undo --yes; echo "undo=$?"; same undone; meets undone 2
  "$program" history
  # nobody confirms
  "$program" fix --addresses 10.213.9.2 --apply --yes --confirm-within 2s >/dev/null; echo "waits=$?"
  for i in $(seq 200); do [ "$before" = "$(hash)" ] && [ "$rules" = "$(rules)" ] && break; sleep 0.1; done
  same reverted; meets reverted 2
}
"#;

/// Lines that every firewall has to bring about.
const LINES: &[&str] = &[
    "before=out",
    "By hand: firewall-blocks-rdp",
    "alone=1",
    "plan=1",
    "planned=0",
    "keeps 10.213.9.2 from port 3389 any more; a probe from this machine itself gets through, which passes no firewall",
    "apply=0",
    "after=in",
    "other=out",
    "told-after=1",
    "undo=0",
    "undone=0",
    "undone=out",
    "open-linux-firewall-for-rdp: undone",
    "waits=0",
    "reverted=0",
    "reverted=out",
];

fn opened(tools: &[&str], script: &str, more: &[&str]) {
    if !programs(tools) {
        return;
    }
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    for line in LINES.iter().chain(more) {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}

#[test]
fn ufw_has_no_rule_for_the_port() {
    let script = "ufw_on; ufw allow 22/tcp >/dev/null; opened";
    opened(&["ufw", "nft", "nsenter"], script, &["ufw has no rule that lets anybody in to port 3389"]);
}

/// Leaves out whom another rule keeps out: the new one comes right before the one that is for everybody.
#[test]
fn ufw_has_a_rule_that_keeps_everybody_out() {
    let script = "ufw_on; ufw_order; ufw deny from 10.213.9.3 >/dev/null; ufw reject 3389/tcp >/dev/null
        opened
        \"$program\" fix --addresses 10.213.9.0/24 fd00::/8 --apply --yes >/dev/null; echo \"network=$?\"
        meets within 2; meets barred 3; ufw status numbered
        # without the program
        sh \"$(ls -d /var/lib/rdpdoctor/0* | tail -1)/restore.sh\" >/dev/null; echo \"script=$?\"
        [ \"$before\" = \"$(hash)\" ]; echo \"restored=$?\"; meets restored 2
        cat /etc/ufw/user.rules | grep tuple";
    let more = [
        "rule 2 of ufw refuses every connection",
        "Those for limits may keep one rule more each",
        "network=2",
        "within=in",
        "barred=out",
        "script=0",
        "restored=out",
        "restored=0",
    ];
    opened(&["ufw", "nft", "nsenter"], script, &more);
}

/// Starts firewalld with a bus of its own.
const FIREWALLD: &str = "mkdir -p /run/dbus; dbus-daemon --system --fork
    firewalld --nofork --nopid >/run/firewalld.log 2>&1 & daemon=$!
    for i in $(seq 200); do firewall-cmd --state >/dev/null 2>&1 && break; sleep 0.1; done
";

#[test]
fn firewalld_has_no_rule_for_the_port() {
    let script = "opened; firewall-cmd --zone=public --list-all; ls /etc/firewalld/zones; kill $daemon";
    let more = ["firewalld's zone public has no rule that lets anybody in to port 3389"];
    opened(&["firewalld", "dbus-daemon", "nft", "nsenter"], &[FIREWALLD, script].concat(), &more);
}

/// A zone that somebody has changed before keeps its file, and one of the rules keeps everybody out.
#[test]
fn firewalld_has_a_rule_that_keeps_everybody_out() {
    let script = "for how in '' --permanent; do
            firewall-cmd $how --add-rich-rule='rule family=\"ipv4\" port port=\"3389\" protocol=\"tcp\" drop' >/dev/null
            firewall-cmd $how --add-service=http >/dev/null
        done
        firewall-cmd --add-port=8443/tcp >/dev/null
        opened; firewall-cmd --query-port=8443/tcp && echo runtime-kept; kill $daemon";
    let more = ["firewalld's zone public drops every connection to port 3389", "runtime-kept"];
    opened(&["firewalld", "dbus-daemon", "nft", "nsenter"], &[FIREWALLD, script].concat(), &more);
}

#[test]
fn a_chain_of_nftables_keeps_everybody_out() {
    let script = "nft add table inet filter
        nft add chain inet filter input '{ type filter hook input priority 0 ; policy drop ; }'
        nft add rule inet filter input ct state established,related accept
        nft add rule inet filter input iifname lo accept; opened";
    let more = ["the chain inet filter input of nftables has no rule that lets anybody in to port 3389"];
    opened(&["nft", "nsenter"], script, &more);
}

/// Rules of others beside those of ufw, whatever comes first: those that shut all out are opened too, and those that
/// may keep the address out are told.
#[test]
fn another_chain_beside_ufw() {
    if !programs(&["ufw", "nft", "nsenter"]) {
        return;
    }
    let script = r#"ufw_on
        chain() { nft add table "$1" "$2"; nft add chain "$1" "$2" own "{ type filter hook $3 priority -200 ; }"; }
        repair() { "$program" fix --addresses "$@" --apply --yes; echo "fix=$?"; meets met 2; }
        back() { "$program" undo --yes >/dev/null; nft delete table "$1" "$2"; }
        before=$(hash); rules=$(rules)
        echo "[some]"; chain inet pre prerouting; nft add rule inet pre own ip saddr 10.213.9.2 tcp dport 3389 drop
        repair 10.213.9.2; back inet pre
        echo "[others]"; chain inet pre prerouting; nft add rule inet pre own ip saddr 10.213.9.3 tcp dport 3389 drop
        repair 10.213.9.2; back inet pre
        echo "[all]"; chain inet pre prerouting; nft add rule inet pre own tcp dport 3389 drop
        own=$(rules); repair 10.213.9.2
        "$program" undo --yes >/dev/null; [ "$own" = "$(rules)" ]; echo "back=$?"; nft delete table inet pre
        echo "[limit]"; chain ip last input; nft add rule ip last own tcp dport 3389 limit rate over 1/hour burst 1 packets drop
        repair 10.213.9.2; back ip last
        echo "[answers]"; chain inet back output; nft add rule inet back own oifname != lo tcp sport 3389 drop
        repair 10.213.9.2; back inet back
        echo "[policy]"; chain inet back output; nft add rule inet back own tcp dport 3389 accept
        nft add rule inet back own oifname lo accept
        nft chain inet back own '{ policy drop ; }'; repair 10.213.9.2; back inet back
        echo "[six]"; chain ip6 last input; nft add rule ip6 last own ip6 saddr fd00::2 drop
        repair 10.213.9.2 fd00::2; back ip6 last
        echo "[four]"; chain ip6 last input; nft add rule ip6 last own ip6 saddr fd00::2 drop
        repair 10.213.9.2; back ip6 last
        [ "$before" = "$(hash)" ] && [ "$rules" = "$(rules)" ]; echo "undone=$?"; echo "[]""#;
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    let open = ["Repaired: firewall-blocks-rdp: nothing in the rules", "fix=0", "met=in"];
    let shut = ["Applied, not yet visible: firewall-blocks-rdp", "fix=2", "met=out"];
    let some = ["chain own of table inet pre may still keep 10.213.9.2 out"];
    let limit = ["chain own of table ip last may still keep 10.213.9.2 out", "Applied, not yet visible", "fix=2"];
    let back = ["chain own of table inet back may still keep 10.213.9.2 out"];
    let six = ["chain own of table ip6 last may still keep 10.213.9.2, fd00::2 out", "fix=2", "met=in"];
    for (name, lines) in [
        ("some", [&shut[..], &some].concat()),
        ("others", open.to_vec()),
        ("all", [&open[..], &["back=0"]].concat()),
        ("limit", limit.to_vec()),
        ("answers", [&shut[..], &back].concat()),
        ("policy", [&shut[..], &back].concat()),
        ("six", six.to_vec()),
        ("four", [&open[..], &["undone=0"]].concat()),
    ] {
        for line in lines {
            assert!(part(&told, name).contains(line), "{name}: {line:?} is missing: {told}");
        }
    }
}

/// A table of nftables beside firewalld that shuts all out takes a rule of its own.
#[test]
fn another_table_beside_firewalld() {
    let script = "nft add table inet own
        nft add chain inet own input '{ type filter hook input priority -5 ; }'
        nft add rule inet own input iifname lo accept
        nft add rule inet own input tcp dport 3380-3400 reject; opened; kill $daemon";
    let more = ["2 changes in all"];
    opened(&["firewalld", "dbus-daemon", "nft", "nsenter"], &[FIREWALLD, script].concat(), &more);
}

/// A probe from this machine itself passes no firewall, and is no proof that clients get through.
#[test]
fn rules_that_may_keep_some_out_are_named() {
    if !programs(&["nft", "nsenter"]) {
        return;
    }
    let script = r#"nft add table inet own
        nft add chain inet own in '{ type filter hook input priority 0 ; }'
        told() { echo "[$1]"; nft add rule inet own in $2; "$program" fix; echo "fix=$?"; meets met 2; nft flush chain inet own in; }
        told all 'iifname != "lo" tcp dport 3389 drop'
        told card 'iifname "host" tcp dport 3389 drop'
        told range 'tcp dport >= 1024 tcp dport != 8080 iifname "host" drop'
        told other 'iifname "host" tcp dport 8080 drop'
        nft add chain inet own out '{ type filter hook output priority 0 ; }'
        nft add rule inet own out oifname != lo tcp sport 3389 drop; told answers 'tcp dport 8080 drop'; echo "[]""#;
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    let may = "chain in of table inet own may keep some out of that port";
    let back = "chain out of table inet own may keep some out of that port";
    let unknown = "Whether clients get in is not known.";
    for (name, lines) in [
        ("all", ["By hand: firewall-blocks-rdp", "", "fix=1", "met=out"]),
        ("card", [may, unknown, "fix=2", "met=out"]),
        ("range", [may, unknown, "fix=2", "met=out"]),
        ("other", ["gets through. Nothing to do.", "", "fix=0", "met=in"]),
        ("answers", [back, unknown, "fix=2", "met=out"]),
    ] {
        for line in lines {
            assert!(part(&told, name).contains(line), "{name}: {line:?} is missing: {told}");
        }
    }
    assert!(!part(&told, "other").contains("may keep"), "{told}");
}

/// Tables of the older iptables, which nft does not list, are read as well.
#[test]
fn tables_of_the_older_iptables() {
    if !programs(&["iptables-legacy", "nft", "nsenter"]) {
        return;
    }
    let script = r#"own() { for rule in "-i lo -j ACCEPT" "-p tcp -m tcp --dport 22 -j ACCEPT" "$@"; do iptables-legacy -A INPUT $rule; done; }
        told() { "$program" fix; "$program" fix --addresses 10.213.9.2 2>&1; echo "fix=$?"; meets "$1" 2; iptables-legacy -F; }
        iptables-legacy -A INPUT -p tcp --dport 3389 -j DROP; told shut
        echo "[open]"; own "-p tcp --dport 3389 -j ACCEPT" "-p tcp -j DROP"; told open
        echo "[policy]"; own; iptables-legacy -P INPUT DROP; told policy; echo "[]""#;
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    let blocked = ["firewall-blocks-rdp", "ip filter INPUT", "iptables"];
    for line in blocked.iter().chain(&["shut=out"]) {
        assert!(told.split("[open]").next().unwrap().contains(line), "{line:?} is missing: {told}");
    }
    for line in blocked.iter().chain(&["policy=out"]) {
        assert!(part(&told, "policy").contains(line), "{line:?} is missing: {told}");
    }
    let open = part(&told, "open");
    assert!(open.contains("open=in") && !open.contains("firewall"), "{told}");
}

fn part<'t>(told: &'t str, name: &str) -> &'t str {
    told.split_once(&format!("[{name}]")).unwrap().1.split("\n[").next().unwrap()
}

fn killed(tool: &str, script: &str) {
    if !programs(&[tool, "nft", "nsenter"]) {
        return;
    }
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    let all = ["killed=137", "an earlier run was cut off", "undo=0", "undone=0", "undone=out"];
    for how in ["before", "half", "behind"] {
        for (next, more) in [("finish", &["Repaired", "finish=0", "finished=in"][..]), ("undo", &[])] {
            for line in all.iter().chain(more) {
                assert!(part(&told, &format!("{how} {next}")).contains(line), "{how} {next} {line}: {told}");
            }
        }
    }
}

/// Kills the program with signal 9 in the middle of a change of ufw; the next run finishes or takes back.
#[test]
fn killed_while_ufw_changes() {
    let script = r#"ufw_on; ufw_order; ufw deny from 10.213.9.3 >/dev/null; ufw reject 3389/tcp >/dev/null
        deadly ufw allow ':'; killed before
        deadly ufw allow 'ufw "$@" >/dev/null; iptables -D ufw-user-input -s 10.213.9.2/32 -p tcp -m tcp --dport 3389 -j ACCEPT'
        killed half
        deadly ufw allow 'ufw "$@" >/dev/null'; killed behind"#;
    killed("ufw", script);
}

/// Likewise with firewalld, which changes what is in force and what is kept one after the other.
#[test]
fn killed_while_firewalld_changes() {
    let script = r#"
        deadly firewall-cmd '--add-rich-rule=*' ':'; killed before
        deadly firewall-cmd '--add-rich-rule=*' 'firewall-cmd "$@"'; killed half
        deadly firewall-cmd '--permanent' '[[ "$*" == *add-rich* ]] || exec firewall-cmd "$@"; firewall-cmd "$@"'; killed behind
        kill $daemon"#;
    killed("firewalld", &[FIREWALLD, script].concat());
}

/// A firewall that lets somebody in is no fault, and neither is one that is switched off.
#[test]
fn near_misses() {
    if !programs(&["ufw", "nft", "nsenter"]) {
        return;
    }
    let script = "state() { \"$program\" fix >/run/told; echo \"$1=$?\"; grep firewall /run/told; }
        state off; ufw --force enable >/dev/null; ufw allow from 10.213.9.0/24 to any port 3389 >/dev/null; state some
        ufw --force reset >/dev/null; ufw --force enable >/dev/null
        sed -i '/^# End required lines/a -A ufw-before-input -p tcp --dport 3389 -j ACCEPT' /etc/ufw/before.rules; ufw reload
        state hand; meets hand 2
        \"$program\" fix --addresses 0.0.0.0/0 2>&1; echo \"wide=$?\"";
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    for line in ["off=0", "some=0", "hand=0", "hand=in", "wide=3"] {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
    assert!(!told.contains("firewall-blocks-rdp"), "{told}");
}
