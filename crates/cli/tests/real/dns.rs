//! Names whose name servers, hosts file or search suffixes lead clients elsewhere, and the tests of other addresses.

use crate::support::ask::{Told, ask_from};
use crate::support::folder::Folder;
use crate::support::name_server::{self, GARBAGE, LOOP, MANY};
use crate::support::network::{self, HOST, HOST_TOO, Network};
use crate::support::shadow::{self, Shadow};
use crate::support::xrdp::{self, Xrdp};
use crate::support::{certificate, dnsmasq, programs, root};

/// Name that most of these tests ask for.
const NAME: &str = "srv.lab.test";

/// Network with xrdp on the first address of the host; its second address refuses.
struct Stage {
    folder: Folder,
    network: Network,
    _xrdp: Xrdp,
}

impl Stage {
    fn new() -> Option<Self> {
        if !programs(&[network::PROGRAMS, xrdp::PROGRAMS, dnsmasq::PROGRAMS].concat()) || !root() {
            return None;
        }
        let (folder, network) = (Folder::new(), Network::new());
        let xrdp = Xrdp::inside(&network.host.name, HOST, &folder, &certificate::called(&folder, NAME));
        Some(Self { folder, network, _xrdp: xrdp })
    }

    fn ask(&self, name: &str, options: &[&str]) -> Told {
        ask_from(Some(&self.network.client.name), &self.folder, name, options)
    }

    fn dnsmasq(&self, address: &str, options: &[&str]) -> crate::support::server::Process {
        dnsmasq::start(&self.network, address, &self.folder, options)
    }
}

/// Returns how many name servers' answers the report has.
fn asked(told: &Told) -> usize {
    let seen = told.report["observations"].as_array().unwrap();
    seen.iter().filter(|observation| observation["fact"] == "name.dns").count()
}

#[test]
fn a_stale_hosts_entry() {
    let Some(stage) = Stage::new() else { return };
    let _dns = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST}")]);
    stage.network.hosts(&format!("{HOST_TOO} {NAME}\n"));
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["hosts-file-overrides-dns", "port-closed"]);
    assert_eq!(told.report["findings"][0]["root_of"][0], "port-closed");
    let because = told.report["findings"][0]["because"].to_string();
    for part in [
        "hosts file gives srv.lab.test the address 10.98.7.3",
        "the name server 10.98.7.2 gives srv.lab.test 10.98.7.2",
        "tested by this run: Remote Desktop answers at 10.98.7.2 itself",
        "logs on with NTLM, not with Kerberos",
        "the certificate is for srv.lab.test",
    ] {
        assert!(because.contains(part), "{part}: {because}");
    }
    // what was tried is on the first screen
    assert!(told.words().contains("tested by this run: Remote Desktop answers"), "{}", told.words());
    told.keep("stale-hosts-entry");
    // right again, no name server is asked, and it takes no more connections than by address
    stage.network.hosts(&format!("{HOST} {NAME}\n"));
    let sound = stage.ask(NAME, &[]);
    sound.expect(0, "healthy", &[]);
    let by_address = stage.ask(HOST, &[]);
    assert_eq!((asked(&sound), sound.connections()), (0, by_address.connections()));
    // an entry that differs and works is nobody's trouble, and told where all is asked for
    stage.network.hosts(&format!("{HOST} other.lab.test\n"));
    let sound = stage.ask("other.lab.test", &["--thorough"]);
    sound.expect(0, "healthy", &[]);
    assert!(asked(&sound) > 0);
}

#[test]
fn a_hosts_entry_that_dns_agrees_with_is_not_blamed() {
    let Some(stage) = Stage::new() else { return };
    let _dns = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST_TOO}")]);
    stage.network.hosts(&format!("{HOST_TOO} {NAME}\n"));
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["port-closed"]);
    assert!(asked(&told) > 0);
}

/// The wrong machine works and calls itself something else; the right one bears the name.
#[test]
fn a_hosts_entry_of_another_machine() {
    if !programs(&[shadow::PROGRAMS, &["unshare", "hostname"]].concat()) {
        return;
    }
    let Some(stage) = Stage::new() else { return };
    let _dns = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST}")]);
    let identity = certificate::healthy(&stage.folder);
    let _other = Shadow::inside(&stage.network.client.name, "old.lab.test", &stage.folder, &identity);
    stage.network.hosts(&format!("127.0.0.1 {NAME}\n"));
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["hosts-file-overrides-dns"]);
    let findings = told.report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["cause"] == "name-points-elsewhere"), "{findings:#?}");
}

/// A record that was left behind leads to another machine that works: told, and nobody is called faulty for an alias.
#[test]
fn a_record_of_another_machine() {
    if !programs(&[shadow::PROGRAMS, &["unshare", "hostname"]].concat()) {
        return;
    }
    let Some(stage) = Stage::new() else { return };
    let records = [&format!("--address=/{NAME}/127.0.0.1") as &str, "--ptr-record=1.0.0.127.in-addr.arpa,old.lab.test"];
    let _dns = stage.dnsmasq(HOST, &records);
    let identity = certificate::healthy(&stage.folder);
    let _other = Shadow::inside(&stage.network.client.name, "old.lab.test", &stage.folder, &identity);
    let told = stage.ask(NAME, &[]);
    told.expect(0, "healthy", &[]);
    let findings = told.report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["cause"] == "name-points-elsewhere").unwrap();
    let because = finding["because"].to_string();
    assert!(because.contains("it is no alias (CNAME)") && because.contains("old.lab.test (PTR)"), "{because}");
    // a machine that tells no domain may as well be an alias, also where somebody saw it fail
    let told = stage.ask(NAME, &["--code", "0x904"]);
    told.expect(2, "undetermined", &[]);
}

/// The old address leads to another machine that works, and a second name server knows the new one.
#[test]
fn a_stale_record_of_a_machine_that_works() {
    if !programs(&[shadow::PROGRAMS, &["unshare", "hostname"]].concat()) {
        return;
    }
    let Some(stage) = Stage::new() else { return };
    let _stale = stage.dnsmasq(HOST_TOO, &[&format!("--host-record={NAME},127.0.0.1")]);
    let _fresh = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST}")]);
    stage.network.resolver(&format!("nameserver {HOST_TOO}\nnameserver {HOST}\noptions timeout:1 attempts:1\n"));
    let identity = certificate::healthy(&stage.folder);
    let _other = Shadow::inside(&stage.network.client.name, "old.lab.test", &stage.folder, &identity);
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["split-answers"]);
    assert_eq!(told.report["findings"][0]["root_of"][0], "name-points-elsewhere");
    let because = told.report["findings"][0]["because"].to_string();
    for part in [
        "resolver gives srv.lab.test 127.0.0.1",
        "tested by this run: Remote Desktop answers at 10.98.7.2 itself",
        "the name server 10.98.7.2 gives srv.lab.test 10.98.7.2",
    ] {
        assert!(because.contains(part), "{part}: {because}");
    }
    told.keep("stale-record");
    // the fresh one first, and all is well
    stage.network.resolver(&format!("nameserver {HOST}\nnameserver {HOST_TOO}\noptions timeout:1 attempts:1\n"));
    stage.ask(NAME, &[]).expect(0, "healthy", &[]);
}

/// A filter answers with the address of no machine. Linux connects to itself on it, and the host that is there is not
/// taken for the one that is meant.
#[test]
fn a_filter_that_blocks_the_name() {
    let Some(stage) = Stage::new() else { return };
    let own = certificate::healthy(&stage.folder);
    let _own = Xrdp::inside(&stage.network.client.name, "127.0.0.1", &stage.folder, &own);
    let _filter = stage.dnsmasq(HOST_TOO, &[&format!("--address=/{NAME}/0.0.0.0")]);
    let _open = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST}")]);
    let servers = |list: &[&str]| {
        let list = list.iter().map(|server| format!("nameserver {server}\n")).collect::<Vec<_>>().concat();
        stage.network.resolver(&format!("{list}options timeout:1 attempts:1\n"));
    };
    servers(&[HOST_TOO]);
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["name-sinkholed"]);
    assert_eq!(told.connections(), 0);
    let because = told.report["findings"][0]["because"].to_string();
    assert!(because.contains("the name server 10.98.7.3 gives srv.lab.test 0.0.0.0"), "{because}");
    told.keep("name-sinkholed");
    servers(&[HOST_TOO, HOST]);
    stage.ask(NAME, &[]).expect(1, "faulty", &["split-answers", "name-sinkholed"]);
    servers(&[HOST]);
    stage.network.hosts(&format!("0.0.0.0 {NAME}\n"));
    stage.ask(NAME, &[]).expect(1, "faulty", &["hosts-file-overrides-dns", "name-sinkholed"]);
    // the computer itself may be meant
    stage.network.hosts(&format!("127.0.0.1 {NAME}\n"));
    let told = stage.ask(NAME, &[]);
    assert_eq!((told.status, told.causes()), (Some(0), vec![]), "{:#}", told.report["findings"]);
}

/// Two name servers: the first knows nothing of the name, or its address from outside.
#[test]
fn split_dns() {
    let Some(stage) = Stage::new() else { return };
    let _inside = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST}")]);
    let servers = format!("nameserver {HOST_TOO}\nnameserver {HOST}\noptions timeout:1 attempts:1\n");
    stage.network.resolver(&servers);
    {
        let _outside = stage.dnsmasq(HOST_TOO, &[]);
        let told = stage.ask(NAME, &[]);
        told.expect(1, "faulty", &["split-answers", "name-not-found"]);
        let because = told.report["findings"][0]["because"].to_string();
        assert!(because.contains("10.98.7.3 says that srv.lab.test does not exist"), "{because}");
        assert!(because.contains("tested by this run: Remote Desktop answers at 10.98.7.2 itself"), "{because}");
        told.keep("split-dns");
    }
    let _outside = stage.dnsmasq(HOST_TOO, &[&format!("--host-record={NAME},{HOST_TOO}")]);
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["split-answers", "port-closed"]);
    assert_eq!(told.report["findings"][0]["root_of"][0], "port-closed");
    // nobody knows it: nothing is split
    let gone = stage.ask("gone.lab.test", &[]);
    gone.expect(1, "faulty", &["name-not-found"]);
}

#[test]
fn a_search_suffix_that_catches_another_name() {
    let Some(stage) = Stage::new() else { return };
    let resolver = |search: &str| {
        let words = format!("nameserver {HOST}\nsearch {search}\noptions timeout:1 attempts:1\n");
        stage.network.resolver(&words);
    };
    let caught = format!("--host-record=srv.vpn.test,{HOST_TOO}");
    let records = [&caught as &str, &format!("--host-record={NAME},{HOST}"), "--address=/wild.test/10.98.7.3"];
    let _dns = stage.dnsmasq(HOST, &records);
    resolver("vpn.test lab.test");
    let told = stage.ask("srv", &[]);
    told.expect(1, "faulty", &["wrong-search-suffix", "port-closed"]);
    let words = told.words();
    assert!(words.contains("the search suffix vpn.test makes srv.vpn.test of srv"), "{words}");
    told.keep("search-suffix");
    // the right suffix first, and the whole name
    resolver("lab.test vpn.test");
    stage.ask("srv", &[]).expect(0, "healthy", &[]);
    resolver("vpn.test lab.test");
    stage.ask(NAME, &[]).expect(0, "healthy", &[]);
    // a wildcard alone is possible at most
    resolver("wild.test");
    let told = stage.ask("srv", &[]);
    told.expect(1, "faulty", &["port-closed", "wrong-search-suffix"]);
    assert_eq!(told.report["findings"][1]["confidence"], "possible");
}

#[test]
fn an_alias_that_leads_to_its_machine() {
    let Some(stage) = Stage::new() else { return };
    let _dns = stage.dnsmasq(HOST, &["--cname=rdp.lab.test,srv.lab.test", &format!("--host-record={NAME},{HOST_TOO}")]);
    let told = stage.ask("rdp.lab.test", &[]);
    told.expect(1, "faulty", &["port-closed"]);
    let answers = told.report["observations"].to_string();
    assert!(answers.contains(r#""aliases":["srv.lab.test"]"#), "{answers}");
}

/// The run ends, whatever a name server says, and nothing is taken for an answer.
#[test]
fn name_servers_that_answer_nonsense() {
    if !programs(network::PROGRAMS) || !root() {
        return;
    }
    let (folder, network) = (Folder::new(), Network::new());
    let _server = name_server::start(&network, &folder.file("names.out"));
    let ask = |name| ask_from(Some(&network.client.name), &folder, name, &[]);
    for name in [GARBAGE, LOOP] {
        let told = ask(name);
        assert_eq!(told.verdict(), "faulty", "{name}");
        assert!(told.causes()[0].starts_with("name-"), "{name}: {:?}", told.causes());
        assert!(told.report["observations"].to_string().contains(r#""answer":"unreadable""#), "{name}");
    }
    let told = ask(MANY);
    assert!(told.connections() <= 16, "{}", told.connections());
}

/// The first of two name servers drops every question, or one kind of them: clients wait, and get in.
#[test]
fn a_name_server_that_does_not_answer() {
    let Some(stage) = Stage::new() else { return };
    let _dns = stage.dnsmasq(HOST, &[&format!("--host-record={NAME},{HOST}")]);
    stage.network.resolver(&format!("nameserver {HOST_TOO}\nnameserver {HOST}\n"));
    stage.network.filter(&format!("ip daddr {HOST_TOO} udp dport 53 drop"));
    let told = stage.ask(NAME, &[]);
    told.expect(1, "faulty", &["name-server-silent"]);
    assert_eq!(told.reached(), "sequence", "{:#}", told.report["findings"]);
    let because = told.report["findings"][0]["because"].to_string();
    assert!(because.contains(&format!("the name server {HOST_TOO} does not answer")), "{because}");
    told.keep("name-server-silent");
}
