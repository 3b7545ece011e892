//! Faults of a network, made by a kernel.

use crate::support::ask::{Told, ask_from};
use crate::support::folder::Folder;
use crate::support::network::{self, HOST, NOBODY, Network};
use crate::support::xrdp::{self, Xrdp};
use crate::support::{certificate, programs, root};

/// Runs a client in one namespace and xrdp in another, with this rule between them, and asks.
fn through(rule: Option<&str>, target: &str) -> Option<Told> {
    if !programs(&[network::PROGRAMS, xrdp::PROGRAMS].concat()) || !root() {
        return None;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _xrdp = Xrdp::inside(&network.host.name, HOST, &folder, &certificate::healthy(&folder));
    if let Some(rule) = rule {
        network.filter(rule);
    }
    Some(ask_from(Some(&network.client.name), &folder, target, &[]))
}

#[test]
fn a_cable_without_faults() {
    let Some(told) = through(None, HOST) else { return };
    told.expect(0, "healthy", &[]);
}

#[test]
fn a_filter_that_drops() {
    let Some(told) = through(Some("tcp dport 3389 drop"), HOST) else { return };
    told.expect(1, "faulty", &["port-filtered"]);
    told.keep("port-filtered");
}

#[test]
fn a_filter_that_refuses() {
    let Some(told) = through(Some("tcp dport 3389 reject with tcp reset"), HOST) else { return };
    told.expect(1, "faulty", &["port-closed"]);
}

#[test]
fn a_filter_that_says_unreachable() {
    let Some(told) = through(Some("tcp dport 3389 reject with icmp type host-unreachable"), HOST) else { return };
    told.expect(1, "faulty", &["host-unreachable"]);
}

#[test]
fn an_address_that_nobody_has() {
    let Some(told) = through(None, NOBODY) else { return };
    // the neighbour table gives up after three seconds, within the time of the stage
    told.expect(1, "faulty", &["host-unreachable"]);
}

#[test]
fn an_address_without_a_route() {
    let Some(told) = through(None, "10.77.0.1") else { return };
    told.expect(1, "faulty", &["host-unreachable"]);
}

/// Without any network the computer itself is at fault, and no host is blamed.
#[test]
fn a_computer_without_a_network_blames_no_host() {
    if !programs(&["unshare"]) || !root() {
        return;
    }
    for host in ["192.0.2.7", "server.corp.example"] {
        for (format, status, words) in [("human", 2, "it has no network"), ("nagios", 3, "RDP UNKNOWN")] {
            let mut alone = std::process::Command::new("unshare");
            alone.args(["--net", env!("CARGO_BIN_EXE_rdpdoctor"), "diagnose", host, "--format", format]);
            let output = alone.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(status), "{text}");
            let blamed = ["host-unreachable (", "name-server-unreachable (", "no DNS server"];
            assert!(text.contains(words) && !blamed.iter().any(|words| text.contains(words)), "{text}");
        }
    }
}

/// A filter that resets every segment that begins like a ClientHello. A hello whose first byte travels alone passes, so
/// the host's key is not to blame.
#[test]
fn a_filter_of_client_hellos_does_not_blame_the_key() {
    let rule = "tcp dport 3389 @ih,0,16 0x1603 reject with tcp reset";
    let Some(told) = through(Some(rule), HOST) else { return };
    told.expect(1, "faulty", &["tls-blocked-on-path"]);
    told.keep("client-hellos-reset");
}

/// A filter that silently drops such segments.
#[test]
fn a_filter_that_drops_client_hellos_does_not_blame_the_key() {
    let Some(told) = through(Some("tcp dport 3389 @ih,0,16 0x1603 drop"), HOST) else { return };
    told.expect(1, "faulty", &["tls-blocked-on-path"]);
}

/// Large packets are lost, as in a tunnel with a small MTU where ICMP is filtered: X.224 passes, the certificate does
/// not.
#[test]
fn answers_that_are_too_large_for_the_way() {
    if !programs(&[network::PROGRAMS, xrdp::PROGRAMS].concat()) || !root() {
        return;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _xrdp = Xrdp::inside(&network.host.name, HOST, &folder, &certificate::healthy(&folder));
    network.lose_large_answers();
    let told = ask_from(Some(&network.client.name), &folder, HOST, &[]);
    told.expect(1, "faulty", &["path-mtu-black-hole"]);
    assert_eq!(told.reached(), "x224");
}

/// Of two machines behind one address one is closed, whichever is met first: neither is the port called closed, nor
/// the host healthy.
#[test]
fn every_second_connection_is_refused() {
    for turn in [0, 1] {
        let syn = "tcp dport 3389 tcp flags & (syn | ack) == syn";
        let Some(told) = through(Some(&format!("{syn} numgen inc mod 2 == {turn} reject with tcp reset")), HOST) else {
            return;
        };
        told.expect(1, "faulty", &["connections-refused-at-times"]);
        assert_eq!(told.report["findings"][0]["confidence"], "proven", "{:#}", told.report["findings"]);
    }
}
