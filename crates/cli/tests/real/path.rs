//! Faults of a path, made by a kernel: every one that can be told, and the same path without it.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::support::ask::{Told, ask_from};
use crate::support::datagram;
use crate::support::folder::Folder;
use crate::support::satellite::{self, Satellite};
use crate::support::way::{self, CLIENT, HOST, HOST_6, Machine, Way};
use crate::support::xrdp::{self, Xrdp};
use crate::support::{certificate, programs, root};

/// Cause that is only told, and has a test of its own.
const UDP_BLOCKED: &str = "udp-blocked";
/// Rows at a time: most of their time is waiting.
const AT_A_TIME: usize = 8;
/// Most connections to a healthy host, where nobody asked for more.
const MOST_OF_HEALTHY: u64 = 4;

/// Milliseconds there and back to a host that is far away.
const FAR: u32 = 100;

/// Fault of the path.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Nothing,
    /// A rule of the near router for what it forwards.
    Forward(&'static str),
    /// A rule of some machine for packets at this hook of its kernel.
    At(Machine, &'static str, &'static str),
    /// A rule of the near router for what it forwards, where no router tells that a time to live is over.
    Quiet(&'static str),
    /// The cable in the middle has this MTU, and everyone is told.
    Narrow(u16),
    /// The host is not told.
    FromHost(u16),
    /// The near router drops the client's larger packets. Were the cable narrow for the host as well, that would be
    /// told, and from then on ask the client for small segments.
    ToHost(u16),
    /// Neither is told.
    BothWays(u16),
    /// Kilobits per second from the host.
    Slow(u32),
    /// Packets take so many milliseconds each way, and so many tenths of a per cent are lost.
    Sky(u32, u32),
}

use Fault::{At, BothWays, Forward, FromHost, Narrow, Nothing, Quiet, Sky, Slow, ToHost};
use Machine::{Far, Host, Near};

/// A path, and what has to be told of it.
struct Row {
    name: &'static str,
    fault: Fault,
    ipv6: bool,
    options: &'static [&'static str],
    /// Causes of which the first finding is one; empty for a healthy path.
    one_of: &'static [&'static str],
    /// Words of a reason.
    says: &'static str,
    /// Words that no reason may have; empty for none.
    never: &'static str,
}

const fn row(name: &'static str, fault: Fault, one_of: &'static [&'static str]) -> Row {
    Row { name, fault, ipv6: false, options: &[], one_of, says: "", never: "" }
}

impl Row {
    const fn measured(self) -> Self {
        Self { options: &["--path"], ..self }
    }

    const fn v6(self) -> Self {
        Self { ipv6: true, ..self }
    }

    const fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    const fn never(self, never: &'static str) -> Self {
        Self { never, ..self }
    }
}

const LOSS: &[&str] = &["packet-loss"];
const HOLE: &[&str] = &["path-mtu-black-hole"];
const UNREACHABLE: &[&str] = &["host-unreachable"];
const BLOCKED: &[&str] = &["tls-blocked-on-path"];
/// Rules for a ClientHello in one piece, and for all that a client says behind its Connection Request.
const RESET: &str = "tcp dport 3389 @ih,0,16 0x1603 reject with tcp reset";
const DROP: &str = "tcp dport 3389 @ih,0,16 0x1603 drop";
const RESET_ALL: &str = "tcp dport 3389 ct original bytes > 400 reject with tcp reset";
/// Beginning of the words that put the blame on a machine on the way.
const BETWEEN: &str = "so a machine at most";
const FIRST_HOP: &str = "so a machine at most 1 hop away may have done it, on this computer or before its first router";
const SECOND_HOP: &str =
    "so a machine at most 2 hops away may have done it, in or behind 10.98.20.1; the host is 3 hops away";
const SECOND_HOP_6: &str =
    "so a machine at most 2 hops away may have done it, in or behind fd98:20::1; the host is 3 hops away";
const AT_THE_END: &str = "there the host is, which did it itself, or the last machine before it";

const ROWS: &[Row] = &[
    row("no fault", Nothing, &[]),
    row("no fault, IPv6", Nothing, &[]).v6(),
    row("no fault, measured", Nothing, &[]).measured(),
    row("no fault, measured, IPv6", Nothing, &[]).measured().v6(),
    row("180 ms with 0.5 % loss", Sky(90, 5), &[]),
    row("180 ms with 0.5 % loss, measured", Sky(90, 5), &[]).measured(),
    row("600 ms", Sky(300, 0), &["high-latency"]),
    row("loss of 10 % there", Forward("ip saddr 10.98.20.2 numgen inc mod 10 == 0 drop"), LOSS).measured(),
    row("loss of 25 % there", Forward("ip saddr 10.98.20.2 numgen inc mod 4 == 0 drop"), LOSS).measured(),
    row("loss of 30 % there", Forward("ip saddr 10.98.20.2 numgen inc mod 10 { 0, 3, 7 } drop"), LOSS).measured(),
    row("loss of 10 % back", Forward("ip daddr 10.98.20.2 numgen inc mod 10 == 0 drop"), LOSS).measured(),
    row("loss of 25 % back", Forward("ip daddr 10.98.20.2 numgen inc mod 4 == 0 drop"), LOSS).measured(),
    row("loss of 30 % back", Forward("ip daddr 10.98.20.2 numgen inc mod 10 { 0, 3, 7 } drop"), LOSS).measured(),
    row("filtered", Forward("tcp dport 3389 drop"), &["port-filtered"]),
    row("refused", Forward("tcp dport 3389 reject with tcp reset"), &["port-closed"]),
    row("host unreachable", Forward("tcp dport 3389 reject with icmp type host-unreachable"), UNREACHABLE),
    row("net unreachable", Forward("tcp dport 3389 reject with icmp type net-unreachable"), UNREACHABLE),
    row("prohibited", Forward("tcp dport 3389 reject with icmp type admin-prohibited"), UNREACHABLE),
    row("payload dropped", Forward("ip saddr 10.98.20.2 tcp flags & psh == psh drop"), &["listener-silent"]),
    row("hello reset", Forward("tcp dport 3389 @ih,0,16 0x1603 reject with tcp reset"), &["tls-blocked-on-path"]),
    row("hello dropped", Forward("tcp dport 3389 @ih,0,16 0x1603 drop"), &["tls-blocked-on-path"]),
    row("stall after 1500 bytes", Forward("ip daddr 10.98.20.2 ct bytes > 1500 drop"), &["tls-stalled"]),
    row("three packets a second", Forward("limit rate over 3/second drop"), &["packet-loss", "unstable-path"])
        .measured(),
    row("256 kbit/s", Slow(256), &["low-bandwidth"]),
    row("MTU 576, told", Narrow(576), &[]).measured(),
    row("MTU 1280, told", Narrow(1280), &[]).measured(),
    row("MTU 1400, told", Narrow(1400), &[]).measured(),
    row("MTU 1280, told, IPv6", Narrow(1280), &[]).measured().v6(),
    row("MTU 1400, told, IPv6", Narrow(1400), &[]).measured().v6(),
    row("hole from the host at 576", FromHost(576), HOLE).says("of 576 bytes from 10.98.22.1:3389 to this"),
    row("hole from the host at 1280", FromHost(1280), HOLE).says("of 1280 bytes from 10.98.22.1:3389 to this"),
    row("hole from the host at 1400", FromHost(1400), HOLE).says("of 1400 bytes from 10.98.22.1:3389 to this"),
    row("hole from the host at 1280, IPv6", FromHost(1280), HOLE).v6().says("of 1280 bytes from [fd98:22::1]:3389 to"),
    row("hole from the host at 1400, IPv6", FromHost(1400), HOLE).v6().says("of 1400 bytes from [fd98:22::1]:3389 to"),
    row("hole from the host at 1420, IPv6", FromHost(1420), HOLE).v6().says("of 1420 bytes from [fd98:22::1]:3389 to"),
    row("hole to the host at 576", ToHost(576), HOLE).measured().says("of 576 bytes from this computer to 10.98.22.1"),
    row("hole to the host at 1280", ToHost(1280), HOLE)
        .measured()
        .says("of 1280 bytes from this computer to 10.98.22.1"),
    row("hole to the host at 1400", ToHost(1400), HOLE)
        .measured()
        .says("of 1400 bytes from this computer to 10.98.22.1"),
    row("hole to the host at 1280, IPv6", ToHost(1280), HOLE).measured().v6().says("of 1280 bytes from this computer"),
    row("hole to the host at 1400, IPv6", ToHost(1400), HOLE).measured().v6().says("of 1400 bytes from this computer"),
    row("hole to the host at 1420, IPv6", ToHost(1420), HOLE).measured().v6().says("of 1420 bytes from this computer"),
    row("hello reset before the near router", At(Near, "prerouting", RESET), BLOCKED).measured().says(FIRST_HOP),
    row("hello reset by the near router", At(Near, "forward", RESET), BLOCKED).measured().says(SECOND_HOP),
    row("hello reset before the far router", At(Far, "prerouting", RESET), BLOCKED).measured().says(SECOND_HOP),
    // from here it cannot be told from the host
    row("hello reset by the far router", At(Far, "forward", RESET), BLOCKED).measured().says(AT_THE_END).never(BETWEEN),
    row("hello reset by the host", At(Host, "input", RESET), BLOCKED).measured().says(AT_THE_END).never(BETWEEN),
    row("every hello reset by the near router", At(Near, "forward", RESET_ALL), &["private-key-unusable"])
        .measured()
        .says(SECOND_HOP),
    row("every hello reset by the host", At(Host, "input", RESET_ALL), &["private-key-unusable"])
        .measured()
        .says(AT_THE_END)
        .never(BETWEEN),
    row("hello dropped by the near router", At(Near, "forward", DROP), BLOCKED).measured().says(SECOND_HOP),
    row("hello dropped before the far router", At(Far, "prerouting", DROP), BLOCKED).measured().says(SECOND_HOP),
    row("hello dropped by the host", At(Host, "input", DROP), BLOCKED).measured().says(AT_THE_END).never(BETWEEN),
    row("hello reset, quiet routers", Quiet(RESET), BLOCKED).measured().never(BETWEEN),
    row("hello dropped, quiet routers", Quiet(DROP), BLOCKED).measured().never(BETWEEN),
    row("hello reset by the near router, IPv6", At(Near, "forward", RESET), BLOCKED).measured().v6().says(SECOND_HOP_6),
    row("hello dropped by the near router, IPv6", At(Near, "forward", DROP), BLOCKED)
        .measured()
        .v6()
        .says(SECOND_HOP_6),
    row("filtered, measured", Forward("tcp dport 3389 drop"), &["port-filtered"])
        .measured()
        .says("the router 10.98.20.1, 1 hop away, still answered for SYNs to it"),
    row("prohibited, measured", Forward("tcp dport 3389 reject with icmp type admin-prohibited"), UNREACHABLE)
        .measured()
        .says("10.98.20.1, 1 hop away, says so (ICMP type 3, code 13)"),
    // without --path there is no time for the other direction, once answers from the host are lost
    row("hole both ways at 1400", BothWays(1400), HOLE).says("packets of 1400 bytes from 10.98.22.1"),
];

impl Row {
    fn ask(&self, seed: u32) -> Told {
        let folder = Folder::new();
        if let Sky(delay, loss) = self.fault {
            let sky = Satellite::new(&folder, delay, loss, seed);
            let identity = certificate::healthy(&folder);
            let _xrdp = Xrdp::inside(&sky.host.name, satellite::HOST, &folder, &identity);
            return ask_from(Some(&sky.client.name), &folder, satellite::HOST, self.options);
        }
        let way = Way::new();
        let _xrdp = Xrdp::everywhere(&way.host.name, &folder, &certificate::large(&folder));
        match self.fault {
            Nothing | Sky(..) => {}
            Forward(rule) => way.forward(rule),
            At(machine, hook, rule) => way.apply(machine, hook, rule),
            Quiet(rule) => {
                way.forward(rule);
                way.keep_quiet();
            }
            Narrow(mtu) => way.narrow(mtu),
            FromHost(mtu) => {
                way.narrow(mtu);
                way.silence(true);
            }
            ToHost(mtu) => way.forward(&format!("iifname up0 meta length > {mtu} drop")),
            BothWays(mtu) => {
                way.narrow(mtu);
                way.silence(true);
                way.silence(false);
            }
            Slow(rate) => way.slow_down(rate),
        }
        ask_from(Some(&way.client.name), &folder, if self.ipv6 { HOST_6 } else { HOST }, self.options)
    }

    /// Asks, prints the line of the table, and returns how it disagrees with what is expected.
    fn check(&self, seed: u32) -> Option<String> {
        let began = Instant::now();
        let told = self.ask(seed);
        told.keep(&format!("{}-{seed}", self.name.replace(['/', ' '], "-")));
        let (causes, connections) = (told.causes(), told.connections());
        let seconds = began.elapsed().as_secs_f64();
        let line =
            format!("| {} | {} | {} | {connections} | {seconds:.1} s |", self.name, told.verdict(), causes.join(", "));
        eprintln!("{line}");
        let expected = match causes.first() {
            None => self.one_of.is_empty() && told.verdict() == "healthy",
            Some(first) => self.one_of.contains(first),
        };
        // where a packet is lost by chance, more are counted before the way is called sound
        let most = if matches!(self.fault, Sky(_, 1..)) { 16 } else { MOST_OF_HEALTHY };
        let few = !self.one_of.is_empty() || !self.options.is_empty() || connections <= most;
        let findings = told.report["findings"].to_string();
        let said = findings.contains(self.says) && (self.never.is_empty() || !findings.contains(self.never));
        let wrong = [(expected, "not as expected"), (few, "asked too often"), (said, "the reason has other words")];
        let wrong: Vec<_> = wrong.iter().filter(|(right, _)| !right).map(|(_, words)| *words).collect();
        (!wrong.is_empty()).then(|| format!("{}: {line}\n{:#}", wrong.join(", "), told.report["findings"]))
    }
}

/// Checks these rows, some at a time.
fn check(rows: impl Iterator<Item = (u32, &'static Row)>) -> Vec<String> {
    let (open, wrong) = (Mutex::new(rows.collect::<Vec<_>>()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((seed, row)) = open.lock().unwrap().pop() else { return };
            let checked = catch_unwind(|| row.check(seed));
            wrong.lock().unwrap().extend(checked.unwrap_or_else(|_| Some(format!("{} panicked", row.name))));
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    wrong.into_inner().unwrap()
}

fn able() -> bool {
    programs(&[way::PROGRAMS, satellite::PROGRAMS, xrdp::PROGRAMS].concat()) && root()
}

/// Each row once, or as often as `RDPDOCTOR_TIMES` says; with `RDPDOCTOR_ROW` those whose name holds it.
#[test]
fn every_fault_of_a_path_is_told() {
    if !able() {
        return;
    }
    assert!(
        ROWS.iter().all(|row| !matches!(row.fault, Forward(rule) if rule.contains("saddr") && !rule.contains(CLIENT)))
    );
    let times = std::env::var("RDPDOCTOR_TIMES").map_or(1, |times| times.parse().unwrap());
    let named = std::env::var("RDPDOCTOR_ROW").unwrap_or_default();
    let rows: Vec<_> = ROWS.iter().filter(|row| row.name.contains(&named)).collect();
    assert!(!rows.is_empty(), "no row is called {named}");
    let wrong = check((0..times).flat_map(|time| (1 + time * 100..).zip(rows.iter().copied())));
    let runs = rows.len() * usize::try_from(times).unwrap();
    assert!(wrong.is_empty(), "{} of {runs} runs are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rounds of a healthy host without CredSSP: TCP, the negotiation, TLS, and the settings that show that it goes on, in
/// each of two connections.
const ROUNDS: u32 = 8;

/// The time is that of the rounds of the protocols, and little more; it is printed as a share of theirs.
#[test]
fn a_healthy_host_far_away_takes_two_connections() {
    if !able() {
        return;
    }
    let folder = Folder::new();
    let sky = Satellite::new(&folder, FAR / 2, 0, 1);
    let identity = certificate::healthy(&folder);
    let _xrdp = Xrdp::inside(&sky.host.name, satellite::HOST, &folder, &identity);
    let told = ask_from(Some(&sky.client.name), &folder, satellite::HOST, &[]);
    told.expect(0, "healthy", &[]);
    assert_eq!(told.connections(), 2);
    let times = told.report["seconds"].as_f64().unwrap() / (f64::from(ROUNDS * FAR) / 1000.0);
    eprintln!("{FAR} ms there and back: {times:.2} times the time of {ROUNDS} rounds");
}

/// The machines between, as a healthy host shows them; and a transcript without names shows the same.
#[test]
fn the_machines_on_the_way_are_told() {
    if !able() {
        return;
    }
    let folder = Folder::new();
    let way = Way::new();
    let _xrdp = Xrdp::everywhere(&way.host.name, &folder, &certificate::large(&folder));
    for (host, routers) in [(HOST, ["10.98.20.1", "10.98.21.1"]), (HOST_6, ["fd98:20::1", "fd98:21::1"])] {
        let told = ask_from(Some(&way.client.name), &folder, host, &["--path"]);
        told.expect(0, "healthy", &[]);
        let way = &told.report["ways"][0];
        assert_eq!((&way["hops"], &way["answer"]), (&3.into(), &"accepted".into()), "{way}");
        let said = way["routers"].as_array().unwrap().iter().map(|router| router["addresses"][0].as_str().unwrap());
        assert_eq!(said.collect::<Vec<_>>(), routers);
    }
    let told = ask_from(Some(&way.client.name), &folder, HOST, &[]);
    assert_eq!(told.report["ways"].as_array().unwrap().len(), 0, "nobody asked for them");
    way.forward(RESET);
    let told = ask_from(Some(&way.client.name), &folder, HOST, &["--path"]);
    told.expect(1, "faulty", BLOCKED);
    assert!(told.connections() <= 40, "{}", told.connections());
    told.keep("client-hellos-reset-by-a-router");
}

/// No test of its own: the host of the next one, which runs where it is started.
#[test]
fn host_of_datagrams() {
    datagram::serve();
}

/// Whatever UDP is, the host is healthy: a refusal is told, an offer rules it out, and silence says nothing.
#[test]
fn a_transport_over_udp() {
    if !able() {
        return;
    }
    let folder = Folder::new();
    let way = Way::new();
    let _xrdp = Xrdp::everywhere(&way.host.name, &folder, &certificate::large(&folder));
    let ask = |options: &[&str], answer: Option<&str>| {
        let told = ask_from(Some(&way.client.name), &folder, HOST, options);
        told.expect(0, "healthy", &[]);
        assert_eq!(told.fact("udp.answer").and_then(|value| value.as_str()), answer);
        let found = told.report["findings"].as_array().unwrap().iter().any(|one| one["cause"] == UDP_BLOCKED);
        let ruled_out = told.report["ruled_out"].as_array().unwrap().iter().any(|cause| cause == UDP_BLOCKED);
        (found, ruled_out)
    };
    assert_eq!(ask(&[], None), (false, false), "nobody asked for it");
    assert_eq!(ask(&["--path"], Some("refused")), (true, false));
    {
        let _offers = datagram::start(&way.host, HOST, &folder.file("datagrams.out"));
        assert_eq!(ask(&["--path"], Some("accepted")), (false, true));
    }
    way.forward("udp dport 3389 drop");
    assert_eq!(ask(&["--path"], Some("silent")), (false, false));
}

/// Every cause that only a kernel can make is expected by a row.
#[test]
fn every_cause_of_the_path_has_a_row() {
    let causes = diagnosis::causes::ALL.iter().filter(|cause| diagnosis::stage::path::lies_on_the_path(cause));
    let causes: BTreeSet<_> = causes.map(|cause| cause.id).collect();
    let rows = ROWS.iter().flat_map(|row| row.one_of).copied();
    let expected: BTreeSet<_> = rows.chain([UDP_BLOCKED]).collect();
    let without: Vec<_> = causes.difference(&expected).collect();
    assert!(without.is_empty(), "no row expects {without:?}");
}
