use std::collections::BTreeMap;

use super::bounds::{KEPT, ROOM, Room};
use super::*;

fn entry(second: u32, provider: &str, id: u32) -> LogEvent {
    let at = format!("2026-11-21T{:02}:{:02}:{:02}Z", second / 3600 % 24, second / 60 % 60, second % 60);
    let data = BTreeMap::from([("0".to_owned(), format!("connection {second}"))]);
    let (channel, provider) = ("System".to_owned(), provider.to_owned());
    LogEvent { at, channel, provider, id, record: second.into(), activity: None, data }
}

fn span() -> LogSpan {
    let (from, until) = ("2026-01-01T00:00:00Z".to_owned(), "2026-11-21T23:59:00Z".to_owned());
    LogSpan { channel: "System".to_owned(), from, until, records: 9, damaged: false, left_out: 0, left_out_until: None }
}

fn state(events: Vec<LogEvent>) -> State {
    State { schema: SCHEMA.to_owned(), logs: vec![span()], events, ..State::default() }
}

/// As from a log: the newest of each kind are kept, the others counted and named; the rest stays in its order.
#[test]
fn the_newest_entries_of_each_kind_are_kept() {
    let many = (0..2000).rev().map(|second| entry(second, "TermDD", 56));
    let few = (0..9).map(|second| entry(second, "TermDD", 50));
    let other = (0..900).map(|second| entry(second, "Another", second));
    let read = State::parse(&state(many.chain(few).chain(other).collect()).to_json()).unwrap();
    let of = |id: u32| read.events.iter().filter(|event| event.provider == "TermDD" && event.id == id).count();
    assert_eq!((of(56), of(50), read.events.len()), (KEPT, 9, 2 * KEPT + 9));
    assert_eq!((read.events[0].record, read.events[KEPT - 1].record), (1999, 1500));
    assert_eq!(read.logs[0].left_out, 1900);
    let until = "2026-11-21T00:24:59Z";
    assert_eq!(read.logs[0].left_out_until.as_deref(), Some(until));
    let [unread] = &read.unread[..] else { panic!("{:?}", read.unread) };
    assert!(unread.what == "event log System", "{unread:?}");
    assert!(unread.why.starts_with("1900 older entries, up to 2026-11-21 00:24:59 UTC, were left out"), "{unread:?}");
    assert_eq!(read.redacted().unread, read.unread);
    assert_eq!(State::parse(&read.to_json()), Ok(read), "what was cut stays as it is");
}

/// Entries left out earlier, and undated ones, count as well: only after the newest of all is the log complete.
#[test]
fn what_is_left_out_adds_up() {
    let known = |left_out: u64, until: Option<&str>| {
        let span = LogSpan { left_out, left_out_until: until.map(str::to_owned), ..span() };
        let events = (0..600).map(|second| entry(second, "TermDD", 56)).collect();
        let read = State::parse(&State { logs: vec![span], ..state(events) }.to_json()).unwrap();
        (read.logs[0].left_out, read.logs[0].left_out_until.clone())
    };
    let own = || Some("2026-11-21T00:01:39Z".to_owned());
    assert_eq!(known(0, None), (100, own()));
    assert_eq!(known(7, Some("2026-11-20T00:00:00Z")), (107, own()));
    assert_eq!(known(7, Some("2026-11-22T00:00:00Z")), (107, Some("2026-11-22T00:00:00Z".to_owned())));
    assert_eq!(known(7, None), (107, None));
    let undated = |second| LogEvent { at: "x".to_owned(), ..entry(second, "TermDD", 56) };
    let read = State::parse(&state((0..600).map(undated).collect()).to_json()).unwrap();
    assert_eq!((read.logs[0].left_out, &read.logs[0].left_out_until), (600, &None), "they may be of any time");
    assert!(read.unread[0].why.starts_with("600 older entries (or without a time) were left out"), "{:?}", read.unread);
    assert!(read.events.is_empty());
    // a log whose period is not known is said once to lack some
    let events = (0..600).map(|second| entry(second, "TermDD", 56)).collect();
    let read = State::parse(&State { logs: Vec::new(), ..state(events) }.to_json()).unwrap();
    assert!(read.unread.len() == 1 && read.unread[0].why.starts_with("older entries were"), "{:?}", read.unread);
}

/// However much there is of anything, it takes no more room than there is, and the state says how much was left out.
#[test]
fn no_section_is_endless() {
    let key = |number: usize| RegistryKey { path: format!("HKLM\\{number}"), exists: false, values: BTreeMap::new() };
    let unread = |number: usize| Unread { what: number.to_string(), why: "x".to_owned() };
    let file = |number: usize| FileVersion { name: number.to_string(), version: None, exists: true };
    let many = State {
        registry: (0..60_000).map(key).collect(),
        unread: (0..60_000).map(unread).collect(),
        files: (0..60_000).map(file).collect(),
        ..state((0..60_000).map(|second| entry(second, "TermDD", 56)).collect())
    };
    let read = State::parse(&many.to_json()).unwrap();
    // the words and the counts of what was left out come beside it: a hundred kilobytes at most
    assert!(read.weight() <= ROOM + 100_000 && many.weight() > 4 * ROOM, "{}", read.weight());
    let told = |what: &str| read.unread.iter().any(|unread| unread.what == what && unread.why.contains("left out"));
    assert!(told("registry keys") || told("files"), "{:?}", &read.unread[read.unread.len() - 4..]);
    assert!(told("event log System"));
}

/// A key that does not fit was not read; it is not absent.
#[test]
fn a_key_that_is_too_large_is_named() {
    let values = BTreeMap::from([("a".to_owned(), RegistryData::Text("x".repeat(ROOM)))]);
    let key = RegistryKey { path: LISTENER.to_owned(), exists: true, values };
    let small = RegistryKey { path: LSA.to_owned(), exists: false, values: BTreeMap::new() };
    let read = State::parse(&State { registry: vec![key, small.clone()], ..state(Vec::new()) }.to_json()).unwrap();
    assert_eq!(read.registry, [small]);
    assert!(read.unread[0].what == LISTENER && read.unread[0].why.starts_with("left out"), "{:?}", read.unread);
}

/// A truncated list shows of nothing that it is absent.
#[test]
fn what_was_left_out_is_not_absent() {
    let store = |path: &str| RegistryKey { path: path.to_owned(), exists: true, values: BTreeMap::new() };
    let file =
        |name: String| KeyFile { name, folder: "MachineKeys".to_owned(), size: None, security: None, left_out: 0 };
    let listed = |files: usize, certificates: usize| {
        let state = State {
            registry: vec![store(STORE_MY), store(LSA)],
            key_files: [".".to_owned()].into_iter().chain((0..files).map(|n| n.to_string())).map(file).collect(),
            certificates: vec![crate::sketch::stored("My"); certificates],
            ..state(Vec::new())
        };
        let read = State::parse(&state.to_json()).unwrap();
        (read.registry.iter().any(|key| key.path == STORE_MY), read.key_files[0].left_out)
    };
    assert_eq!(listed(9, 9), (true, 0));
    let (known, left_out) = listed(60_000, 0);
    assert!(known && left_out > 0, "{left_out}");
    assert_eq!(listed(0, 20_000), (false, 0));
}

/// The more machines there are, the fewer entries each of them keeps; none of them is lost.
#[test]
fn many_machines_share_the_room() {
    let mut room = Room::default();
    let mut states: Vec<State> = Vec::new();
    for _ in 0..40 {
        let mut new =
            State::parse(&state((0..1000).map(|second| entry(second, "TermDD", 56)).collect()).to_json()).unwrap();
        if !room.fits(&mut new) {
            let mut all: Vec<&mut State> = states.iter_mut().collect();
            all.push(&mut new);
            room.shrink(&mut all);
        }
        states.push(new);
    }
    let weight: usize = states.iter().map(State::weight).sum();
    let kept: Vec<usize> = states.iter().map(|state| state.events.len()).collect();
    assert!(weight <= ROOM && kept.iter().all(|count| (100..KEPT).contains(count)), "{weight} {kept:?}");
    assert!(states.iter().all(|state| state.logs[0].left_out + state.events.len() as u64 == 1000));
    assert!(states.iter().all(|state| state.unread.len() == 1), "{:?}", states[0].unread);
    // nothing older than the last one left out is kept
    let until = |state: &State| state.logs[0].left_out_until.clone().unwrap();
    assert!(states.iter().all(|state| state.events.iter().all(|event| event.at > until(state))));
}

#[test]
fn what_no_machine_has_is_refused_in_words() {
    let parse = |fields: &str| State::parse(&format!(r#"{{"schema": "rdpdoctor-state/1", {fields}}}"#));
    let name = |length: usize| parse(&format!(r#""computer": "{}""#, "x".repeat(length)));
    assert!(name(255).is_ok());
    assert!(name(256).unwrap_err().to_string().contains("the name of the computer has 256 characters"));
    let fields = (0..5000).map(|number| format!(r#""{number}": "x""#)).collect::<Vec<_>>().join(",");
    let event = format!(r#""events": [{{"at": "", "channel": "", "provider": "", "id": 1, "data": {{{fields}}}}}]"#);
    assert!(parse(&event).unwrap_err().to_string().contains("more than 4000 values of one thing"));
    // many texts in many values count as many things
    let texts = format!(r#"{{"texts": [{}]}}"#, vec![r#""""#; 1000].join(","));
    let values = (0..101).map(|number| format!(r#""{number}": {texts}"#)).collect::<Vec<_>>().join(",");
    let key = format!(r#""registry": [{{"path": "HKLM", "exists": true, "values": {{{values}}}}}]"#);
    assert!(parse(&key).unwrap_err().to_string().contains("more than 100000 values of one thing"));
    // an invalid date says nothing about the time
    let read = parse(r#""taken_at": "garbage""#).unwrap();
    assert_eq!(read.taken_at, None);
    assert!(read.unread[0].why.contains("\"garbage\" is no date"), "{:?}", read.unread);
    let long = parse(&format!(r#""part": "{}""#, "x".repeat(100_000))).unwrap_err().to_string();
    assert!(long.len() < 400, "{}", long.len());
}

#[test]
fn a_newer_form_is_told_from_another() {
    let of = |schema: &str| State::parse(&format!(r#"{{"registry": 7, "schema": "{schema}"}}"#));
    assert_eq!(of("rdpdoctor-state/2"), Err(StateError::Version("rdpdoctor-state/2".to_owned())));
    assert_eq!(of("another/1"), Err(StateError::Schema("another/1".to_owned())));
    assert!(matches!(of(SCHEMA), Err(StateError::Invalid(_))));
    assert_eq!(State::parse("{}"), Err(StateError::Schema(String::new())));
}
