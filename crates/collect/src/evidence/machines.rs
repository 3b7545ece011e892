//! Decides which machine a piece is about, where it does not say so itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use evidence::state::{Part, State, Unread};
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
}

impl Machines {
    pub(super) fn of_pieces(pieces: &[(PathBuf, Kind, Piece)]) -> Self {
        let mut machines = Self::default();
        for (path, _, piece) in pieces {
            let Piece::State(state) = piece else { continue };
            let Some(name) = &state.computer else { continue };
            let alike = machines.names.entry(netbios(name)).or_default();
            if alike.len() < ALIKE && !alike.iter().any(|known| same_machine(known, name)) {
                alike.push(name.clone());
            }
            let name = machines.known_as(name);
            for folder in path.ancestors().skip(1).chain([Path::new("")]) {
                let here = machines.folders.entry(folder.to_owned()).or_default();
                here.insert((state.part == Part::Client, name.clone()));
            }
        }
        machines
    }

    /// Returns the name of the machine that a piece is about. A log or a hive alone may not tell: then it is that of
    /// its neighbours, in the nearest folder where a machine of this part is named. With several, it is not known.
    pub(super) fn of(&self, path: &Path, state: &State) -> Option<String> {
        if let Some(name) = &state.computer {
            return Some(self.known_as(name));
        }
        let part = |folder: &Path| {
            self.folders.get(folder)?.iter().find(|(client, _)| *client == (state.part == Part::Client))
        };
        let folder = path.ancestors().skip(1).find(|folder| part(folder).is_some())?;
        self.below(folder, state.part)
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

    #[test]
    fn with_two_machines_beside_it_nobody_knows_whose_it_is() {
        let mixed = [("a/SYSTEM1", Some("ONE")), ("a/SYSTEM2", Some("TWO")), ("a/SOFTWARE", None)];
        assert_eq!(machines(&mixed), [Some("ONE".to_owned()), Some("TWO".to_owned()), None]);
    }

    #[test]
    fn the_log_and_the_registry_name_one_machine_differently() {
        let cut = [("a", Some("TERMINAL-SERVER")), ("b", Some("terminal-server-07.corp.example"))];
        assert_eq!(machines(&cut), [Some("TERMINAL-SERVER".to_owned())]);
        let two = [("a", Some("web.corp.example")), ("b", Some("web.other.example"))];
        assert_eq!(machines(&two).len(), 2);
    }
}
