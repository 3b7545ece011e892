//! Faults of a path, made by a kernel: every one that can be told, and the same path without it.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::support::ask::{Told, ask_from};
use crate::support::folder::Folder;
use crate::support::satellite::{self, Satellite};
use crate::support::way::{self, CLIENT, HOST, HOST_6, Way};
use crate::support::xrdp::{self, Xrdp};
use crate::support::{certificate, programs, root};

/// Rows at a time: most of their time is waiting.
const AT_A_TIME: usize = 8;
/// Most connections to a healthy host, where nobody asked for more.
const MOST_OF_HEALTHY: u64 = 4;

/// Fault of the path.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Nothing,
    /// A rule of the near router for what it forwards.
    Forward(&'static str),
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

use Fault::{BothWays, Forward, FromHost, Narrow, Nothing, Sky, Slow, ToHost};

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
}

const fn row(name: &'static str, fault: Fault, one_of: &'static [&'static str]) -> Row {
    Row { name, fault, ipv6: false, options: &[], one_of, says: "" }
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
}

const LOSS: &[&str] = &["packet-loss"];
const HOLE: &[&str] = &["path-mtu-black-hole"];
const UNREACHABLE: &[&str] = &["host-unreachable"];

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
    row("hole both ways at 1400", BothWays(1400), HOLE).says("of 1400 bytes from this computer to 10.98.22.1"),
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
        let said = told.report["findings"].to_string().contains(self.says);
        let wrong = [(expected, "not as expected"), (few, "asked too often"), (said, "the reason lacks its words")];
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

/// Each row once, or as often as `RDPDOCTOR_TIMES` says.
#[test]
fn every_fault_of_a_path_is_told() {
    if !able() {
        return;
    }
    assert!(
        ROWS.iter().all(|row| !matches!(row.fault, Forward(rule) if rule.contains("saddr") && !rule.contains(CLIENT)))
    );
    let times = std::env::var("RDPDOCTOR_TIMES").map_or(1, |times| times.parse().unwrap());
    let wrong = check((0..times).flat_map(|time| (1 + time * 100..).zip(ROWS)));
    let runs = ROWS.len() * usize::try_from(times).unwrap();
    assert!(wrong.is_empty(), "{} of {runs} runs are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every cause that only a kernel can make is expected by a row.
#[test]
fn every_cause_of_the_path_has_a_row() {
    let causes = diagnosis::causes::ALL.iter().filter(|cause| diagnosis::stage::path::lies_on_the_path(cause));
    let causes: BTreeSet<_> = causes.map(|cause| cause.id).collect();
    let expected: BTreeSet<_> = ROWS.iter().flat_map(|row| row.one_of).copied().collect();
    let without: Vec<_> = causes.difference(&expected).collect();
    assert!(without.is_empty(), "no row expects {without:?}");
}
