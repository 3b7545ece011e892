//! Names through the C library's own resolver.

use crate::support::ask::ask_from;
use crate::support::folder::Folder;
use crate::support::name_server::{self, BROKEN, GONE, SILENT, TWO};
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
    ask(BROKEN).expect(1, "faulty", &["name-server-unreachable"]);
    ask(SILENT).expect(1, "faulty", &["name-server-unreachable"]);
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
    told.expect(1, "faulty", &["port-closed"]);
    assert_eq!(told.report["findings"][0]["severity"], "degrading", "the other address answers");
    let subject = usize::try_from(told.report["findings"][0]["subject"].as_u64().unwrap()).unwrap();
    assert_eq!(told.report["subjects"][subject]["address"], HOST_TOO);
    assert_eq!(told.reached(), "sequence");
    told.keep("two-addresses-one-refuses");
}
