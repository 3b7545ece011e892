//! Every two causes: one address has both and both are found, the root first, or there is a reason why it cannot.
//!
//! The reasons are few, and none of them is believed:
//!
//! - *never gets that far*: the one ends the connection before the other can be seen. How far a connection gets, and
//!   how little of its evidence shows a cause, is measured with the cause alone.
//! - *one end*: both end the connection at the same point, and it ends once.
//! - *same field*: both need a value of their own of one field. `pairs.toml` names it, and the two parts disagree
//!   there.

#![cfg(feature = "legacy-tls")]
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use diagnosis::cause::{Cause, Severity};
use diagnosis::diagnose::Run;
use diagnosis::stage::naming::takes_a_name_server;
use diagnosis::stage::path::lies_on_the_path;
use diagnosis::{Context, Diagnosis, causes};
use evidence::fact::{Fact, Handshake, Introduction};
use evidence::observe::observe;
use evidence::{Evidence, Role, Stage};
use lab::Scenario;
use rdpdoctor_cli::scenario::stage;
use serde::Deserialize;
use toml::{Table, Value};
use wire::machine::{ConnectionSequenceAnswer, X224Answer};

/// Short, because a fault that ends in silence costs all of it, and so does each of its pairs.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Probes at a time: most of a probe is waiting.
const AT_A_TIME: usize = 6;

/// Causes that one address alone cannot have.
const OF_SEVERAL: [&str; 3] = ["split-answers", "ipv6-path-broken", "connections-refused-at-times"];

/// Fields of a scenario by their paths, such as `host.tls.min`.
type Fields = BTreeMap<String, Value>;
/// Two causes in the order of their names.
type Pair = (String, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    client: BTreeMap<String, String>,
    part: BTreeMap<String, Table>,
    same_field: BTreeMap<String, String>,
    pair: BTreeMap<String, Table>,
}

fn written() -> Written {
    toml::from_str(include_str!("pairs.toml")).unwrap()
}

/// A point on the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    Name,
    Tcp,
    Request,
    Answer,
    Hello,
    Handshake,
    Certificate,
    Introduction,
    TsRequest,
    Names,
}

impl Point {
    const ALL: [Self; 10] = [
        Self::Name,
        Self::Tcp,
        Self::Request,
        Self::Answer,
        Self::Hello,
        Self::Handshake,
        Self::Certificate,
        Self::Introduction,
        Self::TsRequest,
        Self::Names,
    ];

    /// Returns where a connection is when this is seen.
    fn of(fact: &Fact) -> Self {
        match fact {
            Fact::NameAnswer(_) => Self::Name,
            Fact::TcpAnswer(_) | Fact::Path(_) | Fact::RehearsalFailed => Self::Tcp,
            // without TLS the settings follow the answer; behind TLS its own facts have got further
            Fact::X224Answer { answer: X224Answer::Server(_) | X224Answer::Malformed { .. }, .. }
            | Fact::Settings { answer: ConnectionSequenceAnswer::Settings(_), .. } => Self::Answer,
            Fact::X224Answer { .. } | Fact::TlsAnswer { direct: true, .. } => Self::Request,
            Fact::TlsAnswer { answer: Handshake::Accepted { .. }, .. } => Self::Handshake,
            Fact::TlsAnswer { .. } | Fact::ClientCertificateRequested => Self::Hello,
            Fact::CredsspAnswer(
                Introduction::Challenge(_) | Introduction::Refused { .. } | Introduction::Rejected(_),
            ) => Self::TsRequest,
            // the lab refuses settings behind TLS alone
            Fact::CredsspAnswer(_) | Fact::CredsspVersionAnswer { .. } | Fact::Settings { .. } => Self::Introduction,
            other if other.name().starts_with("certificate.") => Self::Certificate,
            _ => Self::Names,
        }
    }
}

/// Flattens the tables of a scenario and of its host, no others.
fn flat(table: &Table, path: &str, depth: usize, fields: &mut Fields) {
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) if depth > 0 => flat(inner, &path, depth - 1, fields),
            _ => drop(fields.insert(path, value.clone())),
        }
    }
}

fn fields(table: &Table) -> Fields {
    let mut fields = Fields::new();
    flat(table, "", 2, &mut fields);
    fields
}

/// Returns the fields in which two parts disagree.
fn conflicts(one: &Fields, other: &Fields) -> BTreeSet<String> {
    let disagree = one.iter().filter(|(path, value)| other.get(*path).is_some_and(|theirs| theirs != *value));
    disagree.map(|(path, _)| path.clone()).collect()
}

/// Builds the scenario of these fields; later ones win.
fn scenario(written: &Written, name: &str, all: &[&Fields]) -> Scenario {
    let mut root: Table =
        toml::from_str("title = 't'\nask.host = 'server01.corp.example'\n[expect]\nverdict = 'healthy'\nfindings = []")
            .unwrap();
    let mut merged = Fields::new();
    for fields in all {
        merged.extend((*fields).clone());
    }
    for (path, value) in merged {
        let (path, value) = match (path.as_str(), value.as_str()) {
            ("client", Some(client)) => ("ask.profile_text".to_owned(), written.client[client].clone().into()),
            _ => (path, value),
        };
        let mut table = &mut root;
        let (tables, key) = path.rsplit_once('.').unwrap_or(("", &path));
        for step in tables.split('.') {
            table = table.entry(step).or_insert_with(|| Table::new().into()).as_table_mut().unwrap();
        }
        table.insert(key.to_owned(), value);
    }
    if let Some(host) = root.remove("host") {
        root.insert("host".to_owned(), vec![host].into());
    }
    Scenario { name: name.to_owned(), ..root.try_into().unwrap() }
}

struct Told {
    evidence: Evidence,
    context: Context,
    diagnosis: Diagnosis,
}

fn diagnose(scenario: &Scenario) -> Told {
    let mut staged = stage(scenario).unwrap();
    staged.probe.budget.timeout = TIMEOUT;
    let (transcript, run) = rdpdoctor_cli::diagnose::drive(&staged.probe).unwrap();
    let evidence = observe(&transcript);
    let context = staged.probe.context.clone();
    Told { diagnosis: diagnosis::diagnose(&evidence, &context, run), evidence, context }
}

/// Works on each item, several at a time.
fn each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(&T) -> R + Sync) -> Vec<(T, R)> {
    let (queue, done) = (Mutex::new(items), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(item) = queue.lock().unwrap().pop() else { return };
                    let result = work(&item);
                    done.lock().unwrap().push((item, result));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// Evidence of a cause alone.
struct Alone {
    /// Earliest point whose evidence shows it.
    seen: Point,
    /// Last point that a connection reaches.
    reach: Point,
}

/// Returns the evidence up to a point.
fn until(evidence: &Evidence, point: Point) -> Evidence {
    let mut cut = Evidence { subjects: evidence.subjects.clone(), ..Evidence::default() };
    for seen in evidence.observations.iter().filter(|seen| Point::of(&seen.fact) <= point) {
        cut.observe(seen.subject, seen.source, seen.at, seen.took, seen.fact.clone());
    }
    cut
}

fn alone(cause: &str, told: &Told) -> Alone {
    let found = |point: &Point| {
        let report = diagnosis::diagnose(&until(&told.evidence, *point), &told.context, Run::default());
        report.findings.iter().any(|finding| finding.cause == cause)
    };
    let seen = Point::ALL.into_iter().find(found);
    let found: Vec<_> = told.diagnosis.findings.iter().map(|finding| &finding.cause).collect();
    let seen = seen.unwrap_or_else(|| panic!("{cause} alone is not found, but {found:?}"));
    let reach = told.evidence.observations.iter().map(|seen| Point::of(&seen.fact)).max().unwrap();
    Alone { seen, reach }
}

fn measured(written: &Written) -> BTreeMap<String, Alone> {
    let parts = written.part.iter().map(|(cause, part)| (cause.clone(), fields(part))).collect();
    let told = each(parts, |(cause, part)| diagnose(&scenario(written, cause, &[part])));
    told.into_iter().map(|((cause, _), told)| (cause.clone(), alone(&cause, &told))).collect()
}

/// Returns why two causes exclude each other by how far a connection gets.
fn excluded(one: &Alone, other: &Alone) -> Option<&'static str> {
    if one.reach < other.seen || other.reach < one.seen {
        return Some("never gets that far");
    }
    (one.reach == other.reach && one.reach < Point::Names).then_some("one end")
}

fn pair(text: &str, between: &str) -> (Pair, [String; 2]) {
    let (first, second) = text.split_once(between).unwrap_or_else(|| panic!("{text:?} has no {between:?}"));
    let written = [first.trim().to_owned(), second.trim().to_owned()];
    let [mut one, mut other] = written.clone();
    if one > other {
        std::mem::swap(&mut one, &mut other);
    }
    ((one, other), written)
}

/// Builds the table: each pair with its reason, or `None` where both can be.
fn table(written: &Written, objections: &mut Vec<String>) -> BTreeMap<Pair, Option<String>> {
    let alone = measured(written);
    let same: BTreeMap<_, _> = written.same_field.iter().map(|(text, field)| (pair(text, "+").0, field)).collect();
    let mut left: BTreeSet<_> = same.keys().cloned().chain(written.pair.keys().map(|text| pair(text, ">").0)).collect();
    let mut table = BTreeMap::new();
    for (one, measured) in &alone {
        for (other, theirs) in alone.iter().filter(|(other, _)| *other > one) {
            let key = (one.clone(), other.clone());
            let reason = excluded(measured, theirs).map(str::to_owned);
            let named = left.remove(&key);
            let field = same.get(&key);
            match (&reason, field) {
                (Some(reason), _) if named => objections.push(format!("{one} + {other}: listed, but {reason}")),
                (None, None) if !named => {
                    let disagree = conflicts(&fields(&written.part[one]), &fields(&written.part[other]));
                    objections.push(format!("{one} + {other}: missing; the parts disagree in {disagree:?}"));
                }
                (None, Some(field)) => {
                    let disagree = conflicts(&fields(&written.part[one]), &fields(&written.part[other]));
                    if !disagree.contains(*field) {
                        objections.push(format!("{one} + {other}: they agree in {field}"));
                    }
                }
                _ => {}
            }
            table.insert(key, reason.or(field.map(|field| format!("same field: {field}"))));
        }
    }
    objections.extend(left.iter().map(|pair| format!("{pair:?}: listed twice, or no causes")));
    table
}

/// Says what is wrong with the diagnosis of a pair.
fn objection([root, second]: &[String; 2], diagnosis: &Diagnosis) -> Option<String> {
    let place = |cause: &str| diagnosis.findings.iter().position(|finding| finding.cause == cause);
    let found: Vec<_> =
        diagnosis.findings.iter().map(|f| format!("{} {:?} {:?}", f.cause, f.severity, f.confidence)).collect();
    let others = diagnosis.findings.iter().filter(|f| f.severity < Severity::Advisory);
    if others.into_iter().any(|finding| finding.cause != *root && finding.cause != *second) {
        return Some(format!("more than both is found: {found:?}"));
    }
    match (place(root), place(second)) {
        (Some(first), Some(second)) if first < second => None,
        (Some(_), Some(_)) => Some(format!("the root is not first: {found:?}")),
        _ => Some(format!("not both are found: {found:?}")),
    }
}

/// Set RDPDOCTOR_TABLE to print the table.
#[test]
fn every_two_causes_are_found_together_or_exclude_one_another() {
    let written = written();
    // a fault inside a machine is no fault of a connection that could hide another one
    // what a path does to packets takes a kernel, and what name servers say one of these: no host can play either
    let inside = |stage| matches!(stage, Stage::Host | Stage::Client);
    let played = |cause: &Cause| !lies_on_the_path(cause) && !takes_a_name_server(cause);
    let of_hosts = |cause: &&&Cause| !inside(cause.stage) && played(cause);
    let wire = || causes::ALL.iter().filter(of_hosts).filter(|cause| !OF_SEVERAL.contains(&cause.id));
    let ids: BTreeSet<_> = wire().map(|cause| cause.id.to_owned()).collect();
    assert_eq!(written.part.keys().cloned().collect::<BTreeSet<_>>(), ids);
    assert!(wire().all(|cause| matches!(cause.role, Role::Host | Role::Resolver)));
    let mut objections = Vec::new();
    let table = table(&written, &mut objections);
    assert_eq!(table.len(), ids.len() * (ids.len() - 1) / 2);
    let pairs = written.pair.iter().map(|(text, set)| (pair(text, ">"), fields(set))).collect();
    let told = each(pairs, |((_, causes), set)| {
        let [one, other] = causes.each_ref().map(|cause| fields(&written.part[cause]));
        let open: Vec<_> = conflicts(&one, &other).into_iter().filter(|path| !set.contains_key(path)).collect();
        if !open.is_empty() {
            return Some(format!("the parts disagree in {open:?}"));
        }
        objection(causes, &diagnose(&scenario(&written, &causes.join(" and "), &[&one, &other, set])).diagnosis)
    });
    let wrong = told
        .iter()
        .filter_map(|((((_, _), causes), _), words)| Some(format!("{}: {}", causes.join(" > "), words.as_ref()?)));
    objections.extend(wrong);
    objections.sort();
    if std::env::var_os("RDPDOCTOR_TABLE").is_some() {
        let line = |((one, other), reason): (&Pair, &Option<String>)| {
            format!("{one} + {other}: {}\n", reason.as_deref().unwrap_or("both"))
        };
        rdpdoctor_cli::terminal::complain(&table.iter().map(line).collect::<String>());
    }
    assert!(objections.is_empty(), "{} objections:\n  {}", objections.len(), objections.join("\n  "));
}
