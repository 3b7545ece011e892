//! Names through the C library's own resolver.

use crate::support::ask::ask_from;
use crate::support::folder::Folder;
use crate::support::name_server::{self, BROKEN, DUAL, GONE, REFUSED, SILENT, STALE, TWO};
use crate::support::network::{self, HOST, HOST_TOO, Network};
use crate::support::xrdp::{self, Xrdp};
use crate::support::{certificate, programs, root};

/// No test of its own: the name server of the other tests, which runs where they start it.
#[test]
fn name_server() {
    name_server::serve();
}

#[test]
fn names_that_do_not_resolve() {
    if !programs(network::PROGRAMS) || !root() {
        return;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _server = name_server::start(&network, &folder.file("names.out"));
    let ask = |name| ask_from(Some(&network.client.name), &folder, name, &[]);

    let gone = ask(GONE);
    gone.expect(1, "faulty", &["name-not-found"]);
    gone.keep("name-not-found");
    // EAI_AGAIN: the name may well exist
    for (name, code) in [(BROKEN, "SERVFAIL (RCODE 2)"), (REFUSED, "REFUSED (RCODE 5)")] {
        let told = ask(name);
        told.expect(1, "faulty", &["name-server-failure"]);
        let because = told.report["findings"][0]["because"][0]["text"].as_str().unwrap();
        assert!(because.contains(code) && because.contains(name), "{because}");
    }
    let silent = ask(SILENT);
    silent.expect(1, "faulty", &["name-server-unreachable"]);
    assert_eq!(silent.report["findings"][0]["confidence"], "proven");
}

#[test]
fn one_of_two_addresses_refuses() {
    if !programs(&[network::PROGRAMS, xrdp::PROGRAMS].concat()) || !root() {
        return;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _server = name_server::start(&network, &folder.file("names.out"));
    let _xrdp = Xrdp::inside(&network.host.name, HOST, &folder, &certificate::healthy(&folder));
    let told = ask_from(Some(&network.client.name), &folder, TWO, &[]);
    told.expect(1, "faulty", &["split-answers", "port-closed"]);
    assert_eq!(told.report["findings"][0]["root_of"][0], "port-closed", "one finding about the name");
    let findings = told.report["findings"].as_array().unwrap();
    let closed = findings.iter().find(|finding| finding["cause"] == "port-closed").unwrap();
    assert_eq!(closed["severity"], "degrading", "the other address answers");
    let subject = usize::try_from(closed["subject"].as_u64().unwrap()).unwrap();
    assert_eq!(told.report["subjects"][subject]["address"], HOST_TOO);
    assert_eq!(told.reached(), "sequence");
    told.keep("two-addresses-one-refuses");
}

#[test]
fn one_of_two_addresses_drops_or_is_nobodys() {
    if !programs(&[network::PROGRAMS, xrdp::PROGRAMS].concat()) || !root() {
        return;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _server = name_server::start(&network, &folder.file("names.out"));
    let _xrdp = Xrdp::inside(&network.host.name, HOST, &folder, &certificate::healthy(&folder));
    network.filter(&format!("ip daddr {HOST_TOO} tcp dport 3389 drop"));
    let dropped = ask_from(Some(&network.client.name), &folder, TWO, &[]);
    dropped.expect(1, "faulty", &["split-answers", "port-filtered"]);
    assert_eq!(dropped.report["findings"][0]["root_of"][0], "port-filtered");
    // the neighbour table finds nobody; until it gives up, that is silence
    let stale = ask_from(Some(&network.client.name), &folder, STALE, &[]);
    assert_eq!((stale.status, stale.causes()[0]), (Some(1), "split-answers"), "{:#}", stale.report["findings"]);
    assert_eq!(stale.causes().len(), 2, "{:#}", stale.report["findings"]);
    assert_eq!(stale.reached(), "sequence", "the address that works is not lost in it");
}

#[test]
fn a_dead_ipv6_address_beside_a_sound_ipv4_one() {
    if !programs(&[network::PROGRAMS, xrdp::PROGRAMS].concat()) || !root() {
        return;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _server = name_server::start(&network, &folder.file("names.out"));
    let _xrdp = Xrdp::inside(&network.host.name, HOST, &folder, &certificate::healthy(&folder));
    // it listens with IPv4 alone, which is no fault
    let refuses = ask_from(Some(&network.client.name), &folder, DUAL, &[]);
    refuses.expect(0, "healthy", &[]);
    network.filter("meta nfproto ipv6 tcp dport 3389 drop");
    let told = ask_from(Some(&network.client.name), &folder, DUAL, &[]);
    told.expect(1, "faulty", &["ipv6-path-broken", "port-filtered"]);
    assert_eq!(told.report["findings"][0]["root_of"][0], "port-filtered");
    let words = told.words();
    assert!(words.contains("ipv6-path-broken") && words.contains("fd98:7::2 does not answer"), "{words}");
    assert!(words.contains("A client with Happy Eyeballs (RFC 8305) goes on"), "{words}");
}
