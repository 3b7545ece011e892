//! Asks name servers about a name that may be at fault, and tries the addresses that they give.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diagnosis::naming;
use evidence::printable::printable;
use evidence::target::Host;
use tokio::time::{Instant, timeout_at};
use wire::dns::DnsQuestion;
use wire::transcript::{DnsLookup, NameAnswer, NameSettings, Record};

use super::{Asking, Probe, chance, dns, micros};

/// Longest time for the answers of all name servers, which are asked at once.
const PATIENCE: Duration = Duration::from_secs(2);

impl Probe {
    /// Asks the name servers that this computer is set up to use, and no others. `doubted` if clients are not led to
    /// the machine that they mean, as far as was seen: then addresses are tried to which they are not led. `late` if
    /// the resolver failed or took long.
    pub(super) async fn ask_names(&self, began: Instant, spent: &Arc<AtomicUsize>, doubted: bool, late: bool) {
        let Host::Name(name) = &self.target.host else { return };
        // this computer's own name, which no server has to know
        if name.eq_ignore_ascii_case("localhost") || !(doubted || late || self.context.thorough) {
            return;
        }
        if matches!(self.seen().name(), Some(lookup) if lookup.answer == NameAnswer::NoNetwork) {
            return;
        }
        let until = began + self.longest();
        let patience = PATIENCE.min(until.saturating_duration_since(Instant::now()));
        if patience < Duration::from_millis(1) {
            return;
        }
        let Some(settings) = self.read_settings(began, name.clone(), until).await else { return };
        (self.progress)(&format!("asking name servers for {name}"));
        for lookup in self.look_up(began, &settings, name, patience).await {
            self.change(|transcript| transcript.records.push(Record::Dns(lookup)));
        }
        if doubted {
            let tried = naming::elsewhere(&self.seen()).into_iter().map(|address| {
                let one = Asking { probe: self.clone(), address, began, spent: Arc::clone(spent) };
                tokio::spawn(async move { one.run_once().await })
            });
            for task in tried.collect::<Vec<_>>() {
                let _ = task.await;
            }
        }
    }

    pub(super) fn longest(&self) -> Duration {
        self.budget.longest(self.context.thorough)
    }

    async fn read_settings(&self, began: Instant, name: String, until: Instant) -> Option<NameSettings> {
        let (resolver, start) = (Arc::clone(&self.resolver), micros(began.elapsed()));
        let reading = tokio::task::spawn_blocking(move || resolver.settings(&name));
        let settings = timeout_at(until, reading).await.ok()?.ok()??;
        let settings = NameSettings { start, ..settings };
        self.change(|transcript| transcript.records.push(Record::Settings(settings.clone())));
        Some(settings)
    }

    /// Asks everything at once; the answers come in the order of the questions.
    async fn look_up(&self, began: Instant, settings: &NameSettings, name: &str, patience: Duration) -> Vec<DnsLookup> {
        let led = match self.seen().name().map(|lookup| &lookup.answer) {
            Some(NameAnswer::Addresses(list)) => list.iter().map(SocketAddr::ip).collect(),
            _ => Vec::new(),
        };
        let ask = |(server, question): (SocketAddr, DnsQuestion)| {
            tokio::spawn(async move {
                let start = micros(began.elapsed());
                let [high, low, ..] = chance();
                let answer = dns::ask(server, &question, u16::from_be_bytes([high, low]), patience).await;
                let took = micros(began.elapsed()).saturating_sub(start);
                DnsLookup { start, took, server, question, answer }
            })
        };
        let questions = naming::questions(settings, name, &led);
        let asked: Vec<_> = questions.into_iter().map(ask).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for task in asked {
            answers.extend(task.await);
        }
        answers
    }
}

impl Asking {
    /// Makes the first connection of an interview alone, as a test: whatever comes of it, nobody is blamed.
    async fn run_once(&self) {
        let mut interview = self.interview();
        let Some(ask) = interview.next(Duration::ZERO, chance()) else { return };
        let left = self.probe.longest().saturating_sub(self.began.elapsed());
        if left.is_zero() || self.spent.fetch_add(1, Ordering::Relaxed) >= ask.connections {
            return;
        }
        let (record, _) = self.ask(ask, left).await;
        self.probe.change(|transcript| transcript.records.push(Record::Connection(record)));
    }

    /// Name under which its host is known; `None` where an address was typed.
    pub(super) fn name(&self) -> Option<String> {
        let target = &self.probe.target;
        (!matches!(target.host, Host::Address(_))).then(|| printable(&target.host.to_string()))
    }
}
