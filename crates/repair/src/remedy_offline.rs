//! From a fix as data to the values of a Windows that does not run.
//!
//! Only what a hive holds is changed: services are not started, and take effect when that Windows starts.

use diagnosis::fixes::change::{Change, Data, Step, Value};
use diagnosis::fixes::{Fix, Given};

use crate::hive::{Image, Refusal};
use crate::offline::{HiveChange, ValueChange};
use crate::place::{Held, Kept};

/// `Start` of a service that must not start.
const DISABLED: u32 = 4;
/// Path of the keys of services.
const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";

/// Hive that is read for a plan, and the changes that it gets.
#[derive(Debug)]
pub struct OpenHive {
    /// Its contents, logs merged.
    pub image: Image,
    /// The changes so far.
    pub change: HiveChange,
}

/// Reason why a fix cannot be carried out on a disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    /// One of its changes is made nowhere in the registry, or in a hive that is not there.
    #[error("{0} takes the machine itself")]
    Machine(&'static str),
    /// The hive cannot be changed like that.
    #[error("{0}: {1}")]
    Hive(&'static str, Refusal),
}

/// Adds the changes of a fix to the hives, unless one of them cannot be made. Returns how many values it changes.
pub fn plan(fix: &'static Fix, given: &Given, hives: &mut [OpenHive]) -> Result<usize, NoWay> {
    let mut found: Vec<(usize, ValueChange)> = Vec::new();
    let decided = |step: &&Step| matches!(step, Step::Decide(..));
    let own = fix.steps.iter().filter(|step| !decided(step)).flat_map(Step::changes).map(|change| (change, true));
    // a change that a person decides about is made only where its own condition holds
    let decided = fix.steps.iter().filter(decided).flat_map(Step::changes).map(|change| (change, false));
    for (change, always) in own.chain(decided) {
        let Some((key, name, data, condition)) = wanted(change, given) else {
            if matches!(change, Change::Start(_) | Change::Restart(_) | Change::Stop(_) | Change::ForgetNames) {
                continue;
            }
            // with no addresses given the rule of the firewall stays as it is
            if matches!(change, Change::OpenFirewall(_)) && given.addresses.is_empty() || !always {
                continue;
            }
            return Err(NoWay::Machine(fix.id));
        };
        let hive = hives.iter().position(|hive| below(&hive.change.root, &key).is_some());
        let hive = hive.ok_or(NoWay::Machine(fix.id))?;
        let below = below(&hives[hive].change.root, &key).unwrap_or_default().to_owned();
        let before = match hives[hive].image.held(&below, name) {
            Ok(held) => held.map_or(Held::Absent, |data| Held::Value { kind: data.kind, data: data.bytes }),
            Err(Refusal::NoKey(_)) if condition.of_what_is_there() => continue,
            Err(why) => return Err(NoWay::Hive(fix.id, why)),
        };
        if !condition.holds(&before) || !always && !condition.of_what_is_there() || before == data {
            continue;
        }
        let (before, after) = (Kept::of(&before), Kept::of(&data));
        found.push((hive, ValueChange { key: below, name: name.to_owned(), before, after }));
    }
    let count = found.len();
    for (hive, value) in found {
        let same = |known: &ValueChange| known.key == value.key && known.name.eq_ignore_ascii_case(&value.name);
        if !hives[hive].change.values.iter().any(same) {
            hives[hive].change.values.push(value);
        }
    }
    Ok(count)
}

/// Condition under which a value is changed.
enum Condition {
    Always,
    /// It is there.
    There,
    /// It holds one of these.
    Holds(Vec<Held>),
}

impl Condition {
    fn holds(&self, before: &Held) -> bool {
        match self {
            Self::Always => true,
            Self::There => *before != Held::Absent,
            Self::Holds(these) => these.contains(before),
        }
    }

    /// True if nothing is done where nothing is there.
    fn of_what_is_there(&self) -> bool {
        !matches!(self, Self::Always)
    }
}

/// Returns key, name and contents of the value that a change is about; `None` if it is about none.
fn wanted(change: &Change, given: &Given) -> Option<(String, &'static str, Held, Condition)> {
    match change {
        Change::SetValue(Value { key, name, data, from, .. }) => {
            let these = || Condition::Holds(from.iter().map(|data| held(*data)).collect());
            let condition = if from.is_empty() { Condition::Always } else { these() };
            Some((given.fill(key), name, held(*data), condition))
        }
        Change::DeleteValue { key, name, .. } => Some((given.fill(key), name, Held::Absent, Condition::There)),
        Change::Enable { service, start } => {
            let disabled = Condition::Holds(vec![held(Data::Dword(DISABLED))]);
            Some((format!("{SERVICES}\\{service}"), "Start", held(Data::Dword(*start)), disabled))
        }
        _ => None,
    }
}

fn held(data: Data) -> Held {
    let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let (kind, data) = match data {
        Data::Dword(number) => (4, number.to_le_bytes().to_vec()),
        Data::Text(text) => (1, wide(text)),
        Data::Expandable(text) => (2, wide(text)),
    };
    Held::Value { kind, data }
}

/// Returns the path of a key below the root of a hive.
fn below<'a>(root: &str, key: &'a str) -> Option<&'a str> {
    let (start, rest) = key.split_at_checked(root.len())?;
    if start.eq_ignore_ascii_case(root) { rest.strip_prefix('\\') } else { None }
}
