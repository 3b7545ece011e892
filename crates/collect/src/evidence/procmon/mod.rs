//! Recordings of Process Monitor, exported as CSV: accesses refused at places that matter, and to which program.
//!
//! Ten gigabytes are usual, so lines are read one by one and next to nothing is kept. The columns come in any order,
//! and a line has the time of day as its Windows writes it, without a date: it is kept as text, not turned into a
//! moment.

mod lines;
pub(super) mod pml;
#[cfg(test)]
mod pml_tests;
#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufReader, Read};

use evidence::access;
use evidence::access::{AccessTrace, Asked, GRANTED, Place, REFUSALS, RefusedAccess};
use evidence::state::{SCHEMA, State, Unread};

use super::kind::Kind;
use super::reader::{Access as Reads, Piece, ReadError, Reader, Source};
use super::text;
use lines::Lines;

pub(super) const READER: Reader = Reader { kind: Kind::ProcessMonitor, recognises, read: Reads::Stream(read) };

/// Most different accesses that are remembered of one kind of place, of which most are granted.
const REMEMBERED: usize = 2000;
/// Most refusals that are kept of one kind of place, so that one kind cannot hide another.
const KEPT: usize = 100;
/// Most refusals that are remembered of one kind of place, until it is known which of them were no fault.
const REFUSED: usize = 400;
/// Most bytes of a path; those of the places that matter are short.
const PATH: usize = 1024;
/// Most characters of any other text that is kept.
const TEXT: usize = 60;

fn recognises(head: &[u8]) -> bool {
    lines::columns(head).or_else(|| lines::columns(text::beginning(head).as_bytes())).is_some()
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    read_from(BufReader::new(source), name).map(|piece| vec![piece])
}

pub(super) fn read_from(input: impl Read, name: &str) -> Result<Piece, ReadError> {
    let (trace, lines) = Trace::read(text::Utf8::new(input))?;
    Ok(Piece::State(Box::new(trace.state(&lines, name))))
}

/// Process and path of an access, the path in lower case.
type Access = (String, Option<u32>, String);

/// Remembered outcome of an access.
#[derive(Default)]
struct Outcome {
    /// Refusals of it; a retry with other rights is another refusal.
    refused: Vec<RefusedAccess>,
    granted: bool,
}

/// Recording as read so far.
#[derive(Default)]
struct Trace {
    accesses: HashMap<Access, Outcome>,
    /// Number of accesses of each kind of place, and of refusals.
    remembered: HashMap<Place, (usize, usize)>,
    /// Accesses in the order in which they were met, so that a file always gives the same state.
    order: Vec<Access>,
    records: u64,
    left_out: u64,
    /// Programs of ours that were granted anything at all.
    granted: Vec<String>,
    /// Refusals without details of what was asked for.
    without_details: u64,
}

/// Access as a recording has it, in whichever format.
trait Recorded {
    fn process(&self) -> Cow<'_, str>;
    fn pid(&self) -> Option<u32>;
    fn command_line(&self) -> Option<Cow<'_, str>>;
    fn operation(&self) -> Cow<'_, str>;
    fn path(&self) -> Cow<'_, str>;
    fn result(&self) -> Cow<'_, str>;
    fn detail(&self) -> Option<Cow<'_, str>>;
    fn time(&self) -> Option<Cow<'_, str>>;
}

/// Findings of the reading itself.
struct Met {
    /// True if the recording tells what was asked for.
    details: bool,
    malformed: u64,
    first_malformed: Option<u64>,
    /// Reason why it ended early.
    cut: Option<String>,
}

impl Trace {
    fn read(input: impl Read) -> Result<(Self, Met), ReadError> {
        let mut lines = Lines::new(input)?;
        let (mut trace, mut cut) = (Self::default(), None);
        loop {
            match lines.next() {
                Ok(Some(line)) => trace.take(&line),
                Ok(None) => break,
                Err(error) => {
                    cut = Some(error.to_string());
                    break;
                }
            }
        }
        let (malformed, first_malformed) = lines.malformed();
        Ok((trace, Met { details: lines.columns.has_detail(), malformed, first_malformed, cut }))
    }

    fn take(&mut self, line: &impl Recorded) {
        self.records += 1;
        let (process, result) = (line.process(), line.result());
        let granted = result == GRANTED;
        if !granted && !REFUSALS.contains(&&*result) {
            return;
        }
        let Some(service) = access::service(&process, line.command_line().as_deref()) else { return };
        if granted && !self.granted.contains(&process.to_ascii_lowercase()) {
            self.granted.push(process.to_ascii_lowercase());
        }
        let path = line.path();
        let Some(place) = Place::of(&path).filter(|_| path.len() <= PATH) else { return };
        let (operation, detail) = (line.operation(), line.detail());
        let asked = Asked::of(&operation, detail.as_deref().unwrap_or_default());
        if granted {
            // without details it may have been more than a look
            if asked.is_none_or(Asked::is_data)
                && let Some(outcome) = self.remember(place, &process, line.pid(), &path)
            {
                outcome.granted = true;
            }
        } else if access::acts_for_the_system(detail.as_deref().unwrap_or_default()) {
            self.without_details += u64::from(asked.is_none());
            let access = RefusedAccess {
                process: short(&process),
                pid: line.pid(),
                service: service.map(str::to_owned),
                place,
                path: path.to_string(),
                operation: short(&operation),
                asked,
                result: result.into_owned(),
                clock: line.time().map(|time| short(&time)),
                count: 1,
                granted: false,
                comparable: false,
            };
            self.refuse(access, &path);
        }
    }

    /// Counts an access to nothing that matters; `granted` names a program of ours that was granted it.
    fn pass(&mut self, granted: Option<&str>) {
        self.records += 1;
        if let Some(process) =
            granted.filter(|process| !self.granted.iter().any(|known| known.eq_ignore_ascii_case(process)))
        {
            self.granted.push(process.to_ascii_lowercase());
        }
    }

    fn refuse(&mut self, access: RefusedAccess, path: &str) {
        let refusals = self.remembered.get(&access.place).map_or(0, |(_, refusals)| *refusals);
        let Some(outcome) = self.remember(access.place, &access.process, access.pid, path) else {
            self.left_out += 1;
            return;
        };
        let alike = |known: &RefusedAccess| {
            known.operation == access.operation && known.asked == access.asked && known.result == access.result
        };
        if let Some(known) = outcome.refused.iter_mut().find(|known| alike(known)) {
            known.count += 1;
        } else if refusals < REFUSED {
            let place = access.place;
            outcome.refused.push(access);
            self.remembered.entry(place).or_default().1 += 1;
        } else {
            self.left_out += 1;
        }
    }

    /// Returns the outcome so far; `None` for a new access where there are too many. Refusals after that are not kept,
    /// so one whose later success was forgotten never counts.
    fn remember(&mut self, place: Place, process: &str, pid: Option<u32>, path: &str) -> Option<&mut Outcome> {
        let key = (process.to_ascii_lowercase(), pid, path.to_lowercase());
        if !self.accesses.contains_key(&key) {
            let remembered = self.remembered.entry(place).or_default();
            if remembered.0 >= REMEMBERED {
                return None;
            }
            remembered.0 += 1;
            self.order.push(key.clone());
        }
        Some(self.accesses.entry(key).or_default())
    }

    fn state(mut self, met: &Met, what: &str) -> State {
        let mut all = Vec::new();
        for key in &self.order {
            let outcome = self.accesses.remove(key).unwrap_or_default();
            // the lost end may have the try that succeeded
            let comparable = met.cut.is_none() && self.granted.contains(&key.0);
            let judged = |access| RefusedAccess { granted: outcome.granted, comparable, ..access };
            all.extend(outcome.refused.into_iter().map(judged));
        }
        all.sort_by_key(|access| access.granted);
        let (mut refused, mut kept) = (Vec::new(), HashMap::<Place, usize>::new());
        for access in all {
            let kept = kept.entry(access.place).or_default();
            if *kept == KEPT {
                self.left_out += access.count;
            } else {
                *kept += 1;
                refused.push(access);
            }
        }
        let notes = self.notes(met, &refused);
        let trace = AccessTrace { records: self.records, malformed: met.malformed, left_out: self.left_out };
        State {
            schema: SCHEMA.to_owned(),
            traces: vec![trace],
            refused,
            unread: notes.into_iter().map(|why| Unread { what: what.to_owned(), why }).collect(),
            ..State::default()
        }
    }

    /// Lists what was not read, and what cannot be concluded.
    fn notes(&self, met: &Met, refused: &[RefusedAccess]) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = met.first_malformed {
            notes.push(format!(
                "{} lines of another form than the first one, the first of them line {first}",
                met.malformed
            ));
        }
        if let Some(why) = &met.cut {
            notes.push(format!("it was read as far as line {}: {why}", self.records + met.malformed + 1));
        }
        if self.left_out > 0 {
            notes.push(format!("{} refusals at more paths than are kept", self.left_out));
        }
        if refused.iter().any(|access| !access.comparable) {
            notes.push(
                "it shows refusals of a program and nothing that this program was granted, so a second try that succeeded \
                 cannot be told: record without a filter on the result"
                    .to_owned(),
            );
        }
        if self.without_details > 0 || !met.details {
            notes.push("without the column Detail it is not known what was asked for".to_owned());
        }
        notes
    }
}

/// Shortens a text that is kept.
fn short(text: &str) -> String {
    text.chars().take(TEXT).collect()
}
