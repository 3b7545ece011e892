//! From what was read to evidence, a piece after the other.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use evidence::observe::{moment, named_gateways, observe_capture, observe_cut, observe_into, observe_passed_over};
use evidence::printable::printable;
use evidence::state::{Part, State, Unread};
use evidence::{Evidence, Source};
use time::OffsetDateTime;

use super::machines::{self, Machines};
use super::{Gathered, Kind, Piece, bound};

/// Knowledge of all the pieces that each of them needs.
struct Owners {
    /// Numbers of those that add nothing, from 0, each with the reason.
    passed_over: BTreeMap<usize, String>,
    machines: Machines,
    gateways: BTreeSet<String>,
}

impl Gathered {
    /// Iterates over what was left out when the bundles were made.
    fn left_out(&self) -> impl Iterator<Item = (PathBuf, String)> {
        self.bundles.iter().flat_map(|(path, manifest)| {
            let left_out = manifest.left_out.iter();
            left_out.map(|left_out| {
                let what = format!("{}: {}", path.display(), printable(&left_out.what));
                (PathBuf::from(what), format!("left out of the bundle: {}", printable(&left_out.why)))
            })
        })
    }

    /// Collects the gateways that `.rdp` files among them name, in whatever order the files come.
    fn gateways(&self) -> BTreeSet<String> {
        let states = self.pieces.iter().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => Some(&**state),
            Piece::Transcript(_) | Piece::Capture(_) => None,
        });
        states.flat_map(named_gateways).collect()
    }

    /// Adds all of it to the evidence. `at` is when it was read, for contents without a time.
    pub fn observe(&self, evidence: &mut Evidence, at: OffsetDateTime) {
        self.observe_each(&self.owners(), &self.pieces, evidence, at);
    }

    /// Turns all of it into evidence as [`Gathered::observe`] does, and lets go of each piece as soon as it is
    /// observed, because many take much memory.
    pub fn into_evidence(mut self, at: OffsetDateTime) -> Evidence {
        let mut evidence = Evidence::default();
        let owners = self.owners();
        let pieces = std::mem::take(&mut self.pieces);
        self.observe_each(&owners, pieces, &mut evidence, at);
        evidence
    }

    fn owners(&self) -> Owners {
        let passed_over = machines::passed_over(&self.pieces);
        let machines = Machines::of_pieces(&self.pieces, &passed_over);
        Owners { passed_over, machines, gateways: self.gateways() }
    }

    fn observe_each<P: Borrow<(PathBuf, Kind, Piece)>>(
        &self,
        owners: &Owners,
        pieces: impl IntoIterator<Item = P>,
        evidence: &mut Evidence,
        at: OffsetDateTime,
    ) {
        let Owners { passed_over, machines, gateways } = owners;
        let mut unread: Vec<(PathBuf, String)> = self.unread.iter().cloned().chain(self.left_out()).collect();
        bound(&mut unread);
        for (number, piece) in (1..).zip(pieces) {
            let (path, _, piece) = piece.borrow();
            evidence.files.push(path.display().to_string());
            match piece {
                Piece::State(_) if passed_over.contains_key(&(number - 1)) => {
                    unread.push((path.clone(), passed_over[&(number - 1)].clone()));
                }
                Piece::State(state) => {
                    let computer = machines.of(path, state);
                    state.observe_as(computer.as_deref(), evidence, Source::File(number), at);
                }
                Piece::Transcript(transcript) => observe_into(transcript, evidence),
                Piece::Capture(capture) => {
                    let more = observe_capture(&capture.seen, gateways, Source::File(number), evidence);
                    unread.extend(capture.notes.iter().cloned().chain(more).map(|why| (path.clone(), why)));
                    if let Some(why) = &capture.cut {
                        let until = capture.seen.until.map_or(at, moment);
                        let what = path.display().to_string();
                        observe_cut(&what, why, until, Source::File(number), evidence);
                    }
                }
            }
        }
        let unread = unread.into_iter().map(|(path, why)| Unread { what: path.display().to_string(), why });
        let rest =
            State { unread: unread.collect(), computer: machines.below(Path::new(""), Part::Host), ..State::default() };
        if !rest.unread.is_empty() {
            rest.observe(evidence, Source::File(0), at);
        }
        self.say_passed_over(evidence, at);
    }

    fn say_passed_over(&self, evidence: &mut Evidence, at: OffsetDateTime) {
        if self.passed_over == 0 {
            return;
        }
        let more = self.passed_over.saturating_sub(self.passed_over_names.len());
        let rest = (more > 0).then(|| format!("{more} more"));
        let names: Vec<String> = self.passed_over_names.iter().cloned().chain(rest).collect();
        let several = if self.passed_over == 1 { "1 file" } else { &format!("{} files", self.passed_over) };
        let why = format!("of no kind that this program knows: {}{}", names.join(", "), self.kinds_passed_over());
        observe_passed_over(several, &why, at, Source::File(0), evidence);
    }

    /// Says what is known of the files that were passed over, as `; 3 of them: compressed by xz: unpack it first`.
    pub(super) fn kinds_passed_over(&self) -> String {
        let told = self.passed_over_kinds.iter().map(|(words, count)| format!("; {count} of them: {words}"));
        told.collect::<Vec<_>>().concat()
    }
}
