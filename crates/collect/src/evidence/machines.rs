//! Decides which machine a piece is about, where it does not say so itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use evidence::key_names::bare;
use evidence::moment::moment;
use evidence::state::{CRYPTOGRAPHY, Part, RegistryData, State, Unread};
use evidence::windows::{NETBIOS, netbios};
use time::{Date, OffsetDateTime, Time};

use super::kind::Kind;
use super::reader::Piece;

/// Machines that the pieces name, and in which folders.
#[derive(Default)]
pub(super) struct Machines {
    /// Full names by their first label: the one that counts, and the others that mean the same machine.
    names: BTreeMap<String, Vec<String>>,
    folders: BTreeMap<PathBuf, BTreeSet<(bool, String)>>,
    /// Names by the MachineGuid that something with a name gives, in small letters.
    guids: BTreeMap<String, BTreeSet<String>>,
    /// Labels of settings of xrdp that are told apart by their path.
    apart: BTreeMap<PathBuf, String>,
}

impl Machines {
    /// Learns which machines the pieces name, but for those that make no machine of their own ([`passed_over`]).
    pub(super) fn of_pieces(pieces: &[(PathBuf, Kind, Piece)], passed_over: &BTreeMap<usize, String>) -> Self {
        let mut machines = Self { apart: apart(pieces), ..Self::default() };
        for (number, (path, _, piece)) in pieces.iter().enumerate() {
            let Piece::State(state) = piece else { continue };
            if passed_over.contains_key(&number) {
                continue;
            }
            let name = match (machines.apart.get(path), &state.computer) {
                (Some(label), _) => label.clone(),
                (None, Some(name)) => machines.learned(name),
                (None, None) => continue,
            };
            if let Some(guid) = guid(state) {
                machines.guids.entry(guid).or_default().insert(name.clone());
            }
            for folder in path.ancestors().skip(1).chain([Path::new("")]) {
                let here = machines.folders.entry(folder.to_owned()).or_default();
                here.insert((state.part == Part::Client, name.clone()));
            }
        }
        machines
    }

    /// Learns a name, and returns the one by which its machine is known.
    fn learned(&mut self, name: &str) -> String {
        let alike = self.names.entry(netbios(name)).or_default();
        if alike.len() < ALIKE && !alike.iter().any(|known| same_machine(known, name)) {
            alike.push(name.to_owned());
        }
        self.known_as(name)
    }

    /// Returns the name of the machine that a piece is about. A log or a hive alone may not tell: then it is that with
    /// the same MachineGuid, wherever it lies, or else that of its neighbours, in the nearest folder where a machine of
    /// this part is named. With several, or where their MachineGuid is another one, it is not known.
    pub(super) fn of(&self, path: &Path, state: &State) -> Option<String> {
        if let Some(label) = self.apart.get(path) {
            return Some(label.clone());
        }
        if let Some(name) = &state.computer {
            return Some(self.known_as(name));
        }
        let guid = guid(state);
        let mut same = guid.as_ref().and_then(|guid| self.guids.get(guid)).into_iter().flatten();
        if let (Some(name), None) = (same.next(), same.next()) {
            return Some(name.clone());
        }
        let part = |folder: &Path| {
            self.folders.get(folder)?.iter().find(|(client, _)| *client == (state.part == Part::Client))
        };
        let folder = path.ancestors().skip(1).find(|folder| part(folder).is_some())?;
        let name = self.below(folder, state.part)?;
        let others = self.guids.values().any(|names| names.contains(&name));
        (guid.is_none() || !others).then_some(name)
    }

    /// Returns the only machine of this part below a folder.
    pub(super) fn below(&self, folder: &Path, part: Part) -> Option<String> {
        let mut names = self.folders.get(folder)?.iter().filter(|(client, _)| *client == (part == Part::Client));
        names.next().filter(|_| names.next().is_none()).map(|(_, name)| name.clone())
    }

    /// Returns one name for one machine: its log has the full one, its registry the NetBIOS name, in capitals and cut.
    fn known_as(&self, name: &str) -> String {
        let alike = self.names.get(&netbios(name)).into_iter().flatten();
        alike.clone().find(|known| same_machine(known, name)).map_or_else(|| name.to_owned(), String::clone)
    }
}

/// Returns the MachineGuid of a state, in small letters; one that was redacted is none.
fn guid(state: &State) -> Option<String> {
    let key = state.registry.iter().find(|key| key.path.eq_ignore_ascii_case(CRYPTOGRAPHY))?;
    let (_, data) = key.values.iter().find(|(name, _)| name.eq_ignore_ascii_case("MachineGuid"))?;
    let RegistryData::Text(text) = data else { return None };
    let text = bare(text)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (digits && text.len() == GUID).then(|| text.to_ascii_lowercase())
}

/// Finds settings of xrdp that would be taken for those of one machine, and labels each by its path: a machine has one
/// xrdp. Those without a name are such where there are several, and those of files where several have one name, as
/// copies of a disk have.
fn apart(pieces: &[(PathBuf, Kind, Piece)]) -> BTreeMap<PathBuf, String> {
    let settings: Vec<(&Path, Kind, &State)> = pieces
        .iter()
        .filter_map(|(path, kind, piece)| match piece {
            Piece::State(state) if !state.xrdp.is_empty() => Some((path.as_path(), *kind, &**state)),
            _ => None,
        })
        .collect();
    let mut files: BTreeMap<(bool, String), usize> = BTreeMap::new();
    let of = |state: &State| state.computer.as_ref().map(|name| (state.part == Part::Client, name.to_lowercase()));
    for name in settings.iter().filter(|(_, kind, _)| *kind == Kind::XrdpSettings).filter_map(|(.., state)| of(state)) {
        *files.entry(name).or_default() += 1;
    }
    let several = |(_, kind, state): &&(&Path, Kind, &State)| match of(state) {
        None => settings.len() > 1,
        Some(name) => *kind == Kind::XrdpSettings && files.get(&name).is_some_and(|count| *count > 1),
    };
    settings.iter().filter(several).map(|(path, ..)| ((*path).to_owned(), label(path))).collect()
}

/// Returns the path as a name, its end where it is long.
fn label(path: &Path) -> String {
    let path = path.display().to_string();
    let more = path.chars().count().saturating_sub(LABEL);
    if more == 0 { path } else { format!("…{}", path.chars().skip(more).collect::<String>()) }
}

/// States of one folder by the name that they give.
type ByName<'a> = BTreeMap<&'a str, Pieces<'a>>;
/// States, each with the number of its piece.
type Pieces<'a> = Vec<(usize, &'a State)>;
/// First and last moment.
type Period = (OffsetDateTime, OffsetDateTime);

/// Finds the logs that make no machine of their own beside another, by the number of their piece, with the reason: one
/// that holds nothing about Remote Desktop, and one under a name that ends, in the same folder, before the entries
/// under the only other name begin. Setup names a machine anew, and an image of a disk keeps the logs of another.
pub(super) fn passed_over(pieces: &[(PathBuf, Kind, Piece)]) -> BTreeMap<usize, String> {
    let named: Vec<(usize, &Path, String, &State)> = pieces
        .iter()
        .enumerate()
        .filter_map(|(number, (path, _, piece))| match piece {
            Piece::State(state) => Some((number, path.as_path(), netbios(state.computer.as_deref()?), &**state)),
            Piece::Transcript(_) | Piece::Capture(_) => None,
        })
        .collect();
    let telling: BTreeSet<(bool, &str)> = named
        .iter()
        .filter(|(.., state)| !only_logs(state) || !state.events.is_empty())
        .map(|(.., name, state)| (state.part == Part::Client, name.as_str()))
        .collect();
    let mut folders: BTreeMap<(Option<&Path>, bool), ByName<'_>> = BTreeMap::new();
    let mut passed = BTreeMap::new();
    for (number, path, name, state) in &named {
        let client = state.part == Part::Client;
        let others = telling.iter().any(|(other, _)| *other == client);
        if others && !telling.contains(&(client, name.as_str())) {
            let what = state.computer.as_deref().unwrap_or_default();
            passed.insert(*number, format!("not taken: it names \"{what}\", and holds nothing about Remote Desktop"));
            continue;
        }
        folders.entry((path.parent(), client)).or_default().entry(name).or_default().push((*number, state));
    }
    for names in folders.values().filter(|names| names.len() > 1) {
        passed.extend(earlier_names(names));
    }
    passed
}

/// Finds the logs of one folder under names that end before the next name begins, with the reason: all names have to
/// follow one another, and the numbers of their records as well. A hive beside them has the present name and no time.
fn earlier_names(names: &ByName<'_>) -> Vec<(usize, String)> {
    let mut spans: Vec<_> = names.values().map(|pieces| (period(pieces), pieces)).collect();
    spans.sort_by_key(|(period, _)| *period);
    let follows = |pair: &[(Option<Period>, &Pieces<'_>)]| {
        let times = pair[0].0.zip(pair[1].0);
        times.is_some_and(|(one, next)| one.1 < next.0) && numbered_on(pair[0].1, pair[1].1)
    };
    let Some(((_, last), earlier)) = spans.split_last() else { return Vec::new() };
    // of a hive only one name is known, the present one
    let logs_alone = earlier.iter().all(|(_, pieces)| pieces.iter().all(|(_, state)| only_logs(state)));
    if !logs_alone || !spans.windows(2).all(follows) {
        return Vec::new();
    }
    let now = last.iter().find_map(|(_, state)| state.computer.as_deref()).unwrap_or_default();
    let pieces = earlier.iter().flat_map(|(_, pieces)| pieces.iter());
    let passed = pieces.map(|(number, state)| {
        let was = state.computer.as_deref().unwrap_or_default();
        let why = format!("it names \"{was}\", and ends before the entries of \"{now}\" begin");
        (*number, format!("not taken: {why}: an earlier name, or another machine"))
    });
    passed.collect()
}

/// True unless an entry under the later name has a number that entries under the earlier one already had: a log numbers
/// its entries onwards, whatever the machine is called.
fn numbered_on(earlier: &Pieces<'_>, later: &Pieces<'_>) -> bool {
    let entries = |pieces: &Pieces<'_>| {
        let events = pieces.iter().flat_map(|(_, state)| &state.events).filter(|event| event.record > 0);
        events.map(|event| (event.channel.to_lowercase(), event.record)).collect::<Vec<_>>()
    };
    let mut highest = BTreeMap::new();
    for (channel, record) in entries(earlier) {
        let most = highest.entry(channel).or_insert(record);
        *most = record.max(*most);
    }
    entries(later).into_iter().all(|(channel, record)| highest.get(&channel).is_none_or(|most| record > *most))
}

/// True if a state has event logs and nothing else.
fn only_logs(state: &State) -> bool {
    if state.logs.is_empty() {
        return false;
    }
    let logs = State {
        schema: state.schema.clone(),
        part: state.part,
        taken_at: state.taken_at.clone(),
        computer: state.computer.clone(),
        logs: state.logs.clone(),
        events: state.events.clone(),
        counts: state.counts.clone(),
        unread: state.unread.clone(),
        ..State::default()
    };
    logs == *state
}

/// Returns the first and the last moment of the logs among these; `None` where there are none.
fn period(pieces: &Pieces<'_>) -> Option<Period> {
    let logs = || pieces.iter().filter(|(_, state)| only_logs(state)).flat_map(|(_, state)| &state.logs);
    let from = logs().filter_map(|log| moment(&log.from)).min()?;
    Some((from, logs().filter_map(|log| moment(&log.until)).max()?))
}

/// Attributes everything on one disk to one machine, whatever its logs say: it may have been renamed, or the disk
/// copied. The registry has its present name; without one the newest log has.
pub(super) fn of_one_disk(pieces: &mut [(PathBuf, Kind, Piece)]) {
    let states = || {
        pieces.iter().filter_map(|(_, kind, piece)| match piece {
            Piece::State(state) => Some((*kind, &**state)),
            Piece::Transcript(_) | Piece::Capture(_) => None,
        })
    };
    let named = || states().filter(|(_, state)| state.computer.is_some());
    let registry = named().find(|(kind, _)| *kind == Kind::RegistryHive);
    let newest = || named().max_by_key(|(_, state)| state.newest(OffsetDateTime::new_utc(Date::MAX, Time::MIDNIGHT)));
    let Some(name) = registry.or_else(newest).and_then(|(_, state)| state.computer.clone()) else { return };
    for (_, _, piece) in pieces {
        let Piece::State(state) = piece else { continue };
        if let Some(other) = state.computer.as_ref().filter(|other| !same_machine(other, &name)) {
            let what = state.logs.first().map_or("this file".to_owned(), |log| format!("event log {}", log.channel));
            let why = format!("it names \"{other}\", and the machine is \"{name}\": it was renamed, or this is a copy");
            state.unread.push(Unread { what, why });
        } else if state.computer.is_some() {
            continue;
        }
        state.computer = Some(name.clone());
    }
}

/// Characters of a GUID without braces.
const GUID: usize = 36;
/// Most characters of a path that is a label.
const LABEL: usize = 200;
/// Most machines with one first label that are told apart.
const ALIKE: usize = 64;

/// True if both name one machine: equal, or one is the first label of the other, cut.
pub(super) fn same_machine(one: &str, other: &str) -> bool {
    let cut = |name: &str| !name.contains('.') && name.chars().count() <= NETBIOS;
    one.to_lowercase() == other.to_lowercase() || ((cut(one) || cut(other)) && netbios(one) == netbios(other))
}

#[cfg(test)]
mod tests {
    use evidence::Evidence;
    use evidence::state::RegistryKey;
    use time::OffsetDateTime;

    use super::super::Gathered;
    use super::*;

    fn piece(path: &str, computer: Option<&str>) -> (PathBuf, Kind, Piece) {
        let state = State { computer: computer.map(str::to_owned), ..State::default() };
        (PathBuf::from(path), Kind::RegistryHive, Piece::State(Box::new(state)))
    }

    /// Names of the machines, as the evidence has them after these files.
    fn machines(pieces: &[(&str, Option<&str>)]) -> Vec<Option<String>> {
        let pieces = pieces.iter().map(|(path, computer)| piece(path, *computer)).collect();
        let mut evidence = Evidence::default();
        Gathered { pieces, ..Gathered::default() }.observe(&mut evidence, OffsetDateTime::UNIX_EPOCH);
        evidence.subjects.into_iter().map(|subject| subject.name).collect()
    }

    #[test]
    fn what_names_no_machine_is_of_the_one_that_lies_beside_it() {
        let two = [("a/SYSTEM", Some("ONE")), ("a/SOFTWARE", None), ("b/SYSTEM", Some("TWO")), ("b/SOFTWARE", None)];
        assert_eq!(machines(&two), [Some("ONE".to_owned()), Some("TWO".to_owned())]);
    }

    /// A piece with this MachineGuid, by its last digit.
    fn marked(path: &str, computer: Option<&str>, digit: char) -> (PathBuf, Kind, Piece) {
        let text = format!("5C1BD2E7-0A1B-4C3D-9E8F-00112233445{digit}");
        let values = [("MachineGuid".to_owned(), RegistryData::Text(text))].into();
        let key = RegistryKey { path: CRYPTOGRAPHY.to_owned(), exists: true, values };
        let computer = computer.map(str::to_owned);
        let state = State { computer, registry: vec![key], ..State::default() };
        (PathBuf::from(path), Kind::RegistryHive, Piece::State(Box::new(state)))
    }

    #[test]
    fn a_hive_is_of_the_machine_with_its_machine_guid() {
        let name = |name: &str| Some(name.to_owned());
        let two = || vec![marked("a/state.json", Some("ONE"), '1'), marked("b/state.json", Some("TWO"), '2')];
        let with = |more: (PathBuf, Kind, Piece)| told([two(), vec![more]].concat()).0;
        assert_eq!(with(marked("c/SOFTWARE", None, '2')), [name("ONE"), name("TWO")]);
        // beside one machine, and of the other
        assert_eq!(with(marked("a/SOFTWARE", None, '2')), [name("ONE"), name("TWO")]);
        // of neither
        assert_eq!(with(marked("a/SOFTWARE", None, '3')), [name("ONE"), name("TWO"), None]);
        assert_eq!(with(piece("a/SOFTWARE", None)), [name("ONE"), name("TWO")]);
    }

    fn xrdp(path: &str, computer: Option<&str>) -> (PathBuf, Kind, Piece) {
        let settings = evidence::sketch::xrdp();
        let state = State { computer: computer.map(str::to_owned), xrdp: vec![settings], ..State::default() };
        (PathBuf::from(path), Kind::XrdpSettings, Piece::State(Box::new(state)))
    }

    #[test]
    fn each_xrdp_is_one_machine() {
        let name = |name: &str| Some(name.to_owned());
        let [one, two] = ["a/xrdp.ini", "b/xrdp.ini"];
        assert_eq!(told(vec![xrdp(one, None)]).0, [None]);
        assert_eq!(told(vec![xrdp(one, None), xrdp(two, None)]).0, [name(one), name(two)]);
        assert_eq!(told(vec![xrdp(one, Some("web")), xrdp(two, Some("WEB"))]).0, [name(one), name(two)]);
        assert_eq!(told(vec![xrdp(one, Some("web")), xrdp(two, None)]).0, [name("web"), name(two)]);
        assert_eq!(told(vec![xrdp(one, Some("web")), xrdp(two, Some("db"))]).0, [name("web"), name("db")]);
        // what lies beside one is about the same machine, and a single one is of the machine that is named beside it
        assert_eq!(told(vec![xrdp(one, None), piece("a/x.log", None), xrdp(two, None)]).0, [name(one), name(two)]);
        assert_eq!(told(vec![xrdp("a/xrdp.ini", None), piece("a/state.json", Some("web"))]).0, [name("web")]);
        let long = format!("{}/xrdp.ini", "é".repeat(300));
        assert!(label(Path::new(&long)).ends_with("é/xrdp.ini") && label(Path::new(&long)).chars().count() == 201);
    }

    #[test]
    fn with_two_machines_beside_it_nobody_knows_whose_it_is() {
        let mixed = [("a/SYSTEM1", Some("ONE")), ("a/SYSTEM2", Some("TWO")), ("a/SOFTWARE", None)];
        assert_eq!(machines(&mixed), [Some("ONE".to_owned()), Some("TWO".to_owned()), None]);
    }

    /// Log of this machine, of these hours, with an entry that matters or without.
    fn log(path: &str, computer: &str, hours: (u8, u8), telling: bool) -> (PathBuf, Kind, Piece) {
        let at = |hour: u8| format!("2026-11-21T{hour:02}:00:00Z");
        let span = serde_json::json!({"channel": "System", "from": at(hours.0), "until": at(hours.1), "records": 9});
        let record = u64::from(hours.1);
        let entry = serde_json::json!({
            "at": at(hours.1), "channel": "System", "provider": "Schannel", "id": 36870, "record": record
        });
        let events: Vec<_> = telling.then(|| serde_json::from_value(entry).unwrap()).into_iter().collect();
        let logs = vec![serde_json::from_value(span).unwrap()];
        let state = State { computer: Some(computer.to_owned()), logs, events, ..State::default() };
        (PathBuf::from(path), Kind::EventLog, Piece::State(Box::new(state)))
    }

    /// Names of the machines, and how much was passed over with a word.
    fn told(pieces: Vec<(PathBuf, Kind, Piece)>) -> (Vec<Option<String>>, usize) {
        let passed = passed_over(&pieces).len();
        let mut evidence = Evidence::default();
        Gathered { pieces, ..Gathered::default() }.observe(&mut evidence, OffsetDateTime::UNIX_EPOCH);
        (evidence.subjects.into_iter().map(|subject| subject.name).collect(), passed)
    }

    #[test]
    fn a_log_that_adds_nothing_makes_no_second_machine() {
        let one = || Some("SERVER01".to_owned());
        let quiet = || log("a/dhcp.evtx", "WIN-SETUP", (1, 2), false);
        assert_eq!(told(vec![piece("a/state.json", Some("SERVER01")), quiet()]), (vec![one()], 1));
        assert_eq!(told(vec![quiet()]), (vec![Some("WIN-SETUP".to_owned())], 0));
        // of the same machine it tells what its log does not hold
        assert_eq!(told(vec![piece("a", Some("SERVER01")), log("b", "server01.corp.example", (1, 2), false)]).1, 0);
    }

    #[test]
    fn a_name_that_ends_before_the_other_begins_is_an_earlier_one() {
        let two = |earlier, later| {
            told(vec![
                log("a/Security.evtx", "WIN-SETUP", earlier, true),
                log("a/System.evtx", "SERVER01", later, true),
            ])
        };
        assert_eq!(two((1, 2), (3, 9)), (vec![Some("SERVER01".to_owned())], 1));
        assert_eq!(two((1, 4), (3, 9)).1, 0);
        // beside the registry, which has the present name, and under several names one after another
        let setup = || log("a/Security.evtx", "WIN-SETUP", (1, 2), true);
        let now = || log("a/System.evtx", "SERVER01", (6, 9), true);
        assert_eq!(told(vec![piece("a/SYSTEM", Some("SERVER01")), setup(), now()]).1, 1);
        assert_eq!(told(vec![setup(), log("a/x.evtx", "WIN-NEXT", (3, 4), true), now()]).1, 2);
        assert_eq!(told(vec![setup(), log("a/x.evtx", "WIN-NEXT", (3, 7), true), now()]).1, 0);
        // of another machine, whose log counts its entries anew
        let mut other = now();
        let Piece::State(state) = &mut other.2 else { panic!() };
        state.events[0].record = 1;
        assert_eq!(told(vec![setup(), other]).1, 0);
        // in folders of their own they are two
        let apart = vec![log("a/System.evtx", "ONE", (1, 2), true), log("b/System.evtx", "TWO", (3, 9), true)];
        assert_eq!(told(apart).0.len(), 2);
    }

    #[test]
    fn the_log_and_the_registry_name_one_machine_differently() {
        let cut = [("a", Some("TERMINAL-SERVER")), ("b", Some("terminal-server-07.corp.example"))];
        assert_eq!(machines(&cut), [Some("TERMINAL-SERVER".to_owned())]);
        let two = [("a", Some("web.corp.example")), ("b", Some("web.other.example"))];
        assert_eq!(machines(&two).len(), 2);
    }
}
