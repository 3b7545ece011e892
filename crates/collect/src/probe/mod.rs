//! The live probe: holds an interview with each address of a target, one connection at a time per address.
//!
//! [`diagnosis::interview`] says which questions come when and for how long; this drives them over sockets.

mod connection;
mod datagram;
mod dns;
mod hops;
mod meter;
mod naming;
#[cfg(feature = "legacy-tls")]
mod openssl;
mod outlet;
mod rehearsal;
mod signature;
mod tls;

#[cfg(test)]
mod mutants;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diagnosis::case::{Capabilities, Context};
pub use diagnosis::interview::Budget;
use diagnosis::interview::{Ask, Interview, same_words};
use diagnosis::stage::addresses::is_nobodys;
use evidence::profile::ClientProfile;
use evidence::target::{Host, Target};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use wire::machine::{ConversationPlan, Event};
use wire::transcript::{
    ConnectionRecord, DatagramRecord, Entry, HopsRecord, NameAnswer, NameLookup, Record, Transcript,
};

use crate::resolve::{Resolver, SystemResolver};
use outlet::{Direct, Outlet};

/// Receiver of progress while a probe runs: one line for people.
pub type Progress = dyn Fn(&str) + Send + Sync;

/// Probe of one target.
#[derive(Clone)]
pub struct Probe {
    /// Host and port.
    pub target: Target,
    /// Client it is judged for; the planner asks only what matters to that client.
    pub context: Context,
    /// Limits of the run.
    pub budget: Budget,
    /// Captured clients at hosts: where the probe meets such a host, it asks what matters to that client.
    pub clients: Vec<(SocketAddr, ClientProfile)>,
    /// Resolver of the name.
    pub resolver: Arc<dyn Resolver>,
    /// Receiver of progress.
    pub progress: Arc<Progress>,
    /// Transcript as it grows; readable at any time, so that an interrupted run can report what it knows.
    pub transcript: Arc<Mutex<Transcript>>,
    /// Filter between the machines and the sockets.
    outlet: Arc<dyn Outlet>,
}

/// Returns which questions this build can ask.
pub fn capabilities() -> Capabilities {
    Capabilities { openssl: cfg!(feature = "legacy-tls") }
}

impl Probe {
    /// Begins the questioning of one address.
    pub fn new(context: Context, target: Target) -> Self {
        let transcript = Transcript {
            at: context.at,
            tool: concat!("rdpdoctor/", env!("CARGO_PKG_VERSION")).to_owned(),
            host: target.host.to_string(),
            port: target.port,
            records: Vec::new(),
        };
        Self {
            target,
            context,
            budget: Budget::default(),
            clients: Vec::new(),
            resolver: Arc::new(SystemResolver),
            progress: Arc::new(|_| {}),
            transcript: Arc::new(Mutex::new(transcript)),
            outlet: Arc::new(Direct),
        }
    }

    /// Returns everything seen so far.
    pub fn seen(&self) -> Transcript {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks until no answer can change the verdict, or the budget is spent.
    pub async fn run(&self) -> Transcript {
        let began = Instant::now();
        let (mut led, late) = self.resolve(began).await;
        if matches!(self.target.host, Host::Name(_)) {
            led.retain(|address| !is_nobodys(address));
        }
        let addresses = chosen(&led, chance());
        let mut doubted = addresses.is_empty();
        let spent = Arc::new(AtomicUsize::new(0));
        // one task per address: addresses wait for each other no more than the client would
        let mut tasks = Vec::new();
        for address in addresses {
            let one = Asking { probe: self.clone(), address, began, spent: Arc::clone(&spent) };
            tasks.push(tokio::spawn(async move { one.run().await }));
        }
        for task in tasks {
            // a task that panicked has left its records behind; the others go on
            doubted |= task.await.unwrap_or_default();
        }
        self.ask_names(began, &spent, doubted, late).await;
        self.seen()
    }

    /// Resolves the name, once more if the resolver says that it could not answer now; returns the addresses, and
    /// whether it failed or took long.
    async fn resolve(&self, began: Instant) -> (Vec<SocketAddr>, bool) {
        if matches!(self.target.host, Host::Name(_)) {
            (self.progress)(&format!("resolving {}", self.target.host));
        }
        let mut late = false;
        loop {
            let start = micros(began.elapsed());
            let answer = self.look_up_once(began).await;
            let took = micros(began.elapsed()).saturating_sub(start);
            let addresses = if let NameAnswer::Addresses(list) = &answer { list.clone() } else { Vec::new() };
            let again = matches!(answer, NameAnswer::TryAgain { .. }) && !late && took < share(self.budget.timeout, 3);
            late |= took >= LATE || again;
            if !matches!(self.target.host, Host::Address(_)) {
                let lookup = NameLookup { start, took, answer };
                self.change(|transcript| transcript.records.push(Record::Name(lookup)));
            }
            if !again {
                return (addresses, late);
            }
        }
    }

    async fn look_up_once(&self, began: Instant) -> NameAnswer {
        let (target, resolver) = (self.target.clone(), Arc::clone(&self.resolver));
        let lookup = tokio::task::spawn_blocking(move || resolver.resolve(&target));
        let answer = match timeout_at(began + share(self.budget.timeout, NAME_TENTHS), lookup).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => NameAnswer::Silent,
        };
        // without a network, the resolver's answer says nothing about a name or a name server
        let known = matches!(answer, NameAnswer::Addresses(_)) || self.resolver.has_network();
        if known { answer } else { NameAnswer::NoNetwork }
    }

    fn change(&self, change: impl FnOnce(&mut Transcript)) {
        change(&mut self.transcript.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Tenths of the time-out for the resolver: by default it goes on to a second name server after five seconds on Linux
/// (resolv.conf(5)), and clients wait for that.
const NAME_TENTHS: u32 = 6;
/// Time from which a resolver took so long that its name servers are asked why.
const LATE: Duration = Duration::from_secs(2);
/// Most addresses of one name that are asked in a run.
const ASKED: usize = 8;

/// Chooses the addresses to ask: all, or of many the first, which a client tries first, and of each further part of the
/// list one by chance. A fault at any of them is then met sooner or later.
fn chosen(addresses: &[SocketAddr], chance: [u8; 32]) -> Vec<SocketAddr> {
    if addresses.len() <= ASKED {
        return addresses.to_vec();
    }
    let part = |number: usize| number * addresses.len() / ASKED;
    let one = |number: usize| {
        let (begin, length) = (part(number), part(number + 1) - part(number));
        let by_chance = if number == 0 { 0 } else { usize::from(chance[number]) % length };
        addresses[begin + by_chance]
    };
    (0..ASKED).map(one).collect()
}

/// Truncates to whole microseconds, which a transcript keeps.
fn micros(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

/// Returns this many tenths of a time-out.
fn share(timeout: Duration, tenths: u32) -> Duration {
    timeout * tenths / 10
}

/// Questioning of one address.
struct Asking {
    probe: Probe,
    address: SocketAddr,
    began: Instant,
    spent: Arc<AtomicUsize>,
}

impl Asking {
    /// Holds the interview, then rehearses what was said before a host is blamed for its answers. Returns whether the
    /// name may be at fault that led here.
    async fn run(&self) -> bool {
        let mut interview = self.interview();
        self.hold(&mut interview, Interview::next).await;
        if self.probe.budget.path && self.trace(&mut interview).await {
            self.hold(&mut interview, Interview::next_by_hops).await;
        }
        for plan in interview.to_rehearse() {
            if !rehearsal::passes(plan, &*self.probe.outlet).await {
                self.probe.change(|transcript| self.take_back(transcript, plan));
            }
        }
        if self.probe.budget.path && interview.was_let_in() {
            self.knock_by_datagram().await;
        }
        let typed = self.probe.target.name().unwrap_or_default();
        interview.doubts_the_name(typed.strip_suffix('.').unwrap_or(typed))
    }

    /// Asks until no answer can change the verdict, or the budget is spent.
    async fn hold(&self, interview: &mut Interview, next: fn(&mut Interview, Duration, [u8; 32]) -> Option<Ask>) {
        let mut last = None;
        while let Some(ask) = next(interview, self.began.elapsed(), chance()) {
            pause(self.began + ask.not_before, last.take().filter(|_| ask.once_noticed)).await;
            let left = ask.until.saturating_sub(self.began.elapsed());
            if left.is_zero() || self.spent.fetch_add(1, Ordering::Relaxed) >= ask.connections {
                break;
            }
            let (record, connection) = self.ask(ask, left).await;
            last = connection;
            interview.told(&record);
            self.probe.change(|transcript| transcript.records.push(Record::Connection(record)));
        }
    }

    /// Looks for the routers on the way. Returns whether it could.
    async fn trace(&self, interview: &mut Interview) -> bool {
        let start = micros(self.began.elapsed());
        let left = self.probe.longest().saturating_sub(start);
        let spent = self.spent.load(Ordering::Relaxed);
        if left.is_zero() || spent + hops::MOST_ACCEPTED > self.probe.budget.connections_with_path() {
            return false;
        }
        (self.probe.progress)(&format!("asking {}: the routers on the way", self.address));
        let Some(tries) = hops::trace(self.address, left).await else { return false };
        let took = micros(self.began.elapsed()).saturating_sub(start);
        let record = HopsRecord { start, took, address: self.address, tries };
        self.spent.fetch_add(record.accepted(), Ordering::Relaxed);
        interview.told_of_hops(&record);
        self.probe.change(|transcript| transcript.records.push(Record::Hops(record)));
        true
    }

    /// Asks once for a transport over UDP, which no connection needs.
    async fn knock_by_datagram(&self) {
        let start = micros(self.began.elapsed());
        let patience = datagram::PATIENCE.min(self.probe.longest().saturating_sub(start));
        if patience.is_zero() {
            return;
        }
        (self.probe.progress)(&format!("asking {}: one datagram", self.address));
        let [a, b, c, d, ..] = chance();
        let answer = datagram::ask(self.address, u32::from_be_bytes([a, b, c, d]), patience).await;
        let took = micros(self.began.elapsed()).saturating_sub(start);
        let record = DatagramRecord { start, took, address: self.address, answer };
        self.probe.change(|transcript| transcript.records.push(Record::Datagram(record)));
    }

    fn interview(&self) -> Interview {
        let probe = &self.probe;
        let client = probe.clients.iter().find(|(host, _)| *host == self.address).map(|(_, client)| client.clone());
        Interview::new(probe.context.clone(), probe.budget, probe.context.at, self.address, self.name(), client)
    }

    /// Notes the failed rehearsal in every record of this address with the same words.
    fn take_back(&self, transcript: &mut Transcript, plan: &ConversationPlan) {
        let same = |record: &&mut ConnectionRecord| record.address == self.address && same_words(&record.plan, plan);
        for record in transcript.connections_mut().filter(same) {
            let at = record.entries.last().map_or(Duration::ZERO, |(at, _)| *at);
            record.entries.push((at, Entry::Event(Event::RehearsalFailed)));
        }
    }

    /// Makes one connection and returns its record, and the connection itself while the host holds its end of it.
    async fn ask(&self, ask: Ask, left: Duration) -> (ConnectionRecord, Option<TcpStream>) {
        (self.probe.progress)(&format!("asking {}: {}", self.address, ask.words));
        let start = micros(self.began.elapsed());
        let (outlet, network) = (&*self.probe.outlet, || self.probe.resolver.has_network());
        let (entries, connection) = connection::converse(self.address, &ask.plan, left, outlet, &network).await;
        (ConnectionRecord { address: self.address, start, survey: ask.survey, plan: ask.plan, entries }, connection)
    }
}

/// Waits until a moment, or until the host has noticed the end of this connection.
async fn pause(over: Instant, last: Option<TcpStream>) {
    match last {
        Some(last) => drop(timeout_at(over, connection::noticed(last)).await),
        None => sleep_until(over).await,
    }
}

/// Draws random bytes for a ClientHello. They protect nothing: none of our own handshakes is ever finished.
fn chance() -> [u8; 32] {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 32];
    if ring::rand::SystemRandom::new().fill(&mut bytes).is_err() {
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos().to_le_bytes();
        bytes[..now.len()].copy_from_slice(&now);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that serves one client at a time has to be done with the last one.
    #[test]
    fn a_pause_ends_once_the_host_has_noticed_our_end_and_not_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (hour, moment) = (Duration::from_hours(1), Duration::from_millis(20));
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (theirs, _) = listener.accept().await.unwrap();
            let mut waiting = std::pin::pin!(pause(Instant::now() + hour, Some(ours)));
            assert!(timeout_at(Instant::now() + moment, &mut waiting).await.is_err(), "the host has not noticed");
            drop(theirs);
            waiting.await;
            let none = timeout_at(Instant::now() + moment, pause(Instant::now() + hour, None)).await;
            assert!(none.is_err(), "nothing ends it before its time");
        });
    }

    #[test]
    fn of_many_addresses_any_may_be_asked() {
        let all: Vec<SocketAddr> = (1..=19).map(|last| SocketAddr::from(([192, 0, 2, last], 3389))).collect();
        assert_eq!(chosen(&all[..ASKED], [0; 32]), all[..ASKED]);
        let mut met = std::collections::BTreeSet::new();
        for chance in 0..=255 {
            let asked = chosen(&all, [chance; 32]);
            assert_eq!((asked.len(), asked[0]), (ASKED, all[0]));
            assert!(asked.is_sorted() && asked.windows(2).all(|pair| pair[0] != pair[1]), "{asked:?}");
            met.extend(asked);
        }
        // only the second stays behind the first, which a client prefers
        assert_eq!(met.len(), all.len() - 1);
    }
}
