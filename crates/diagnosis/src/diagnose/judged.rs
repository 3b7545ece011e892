//! Judges every cause for every machine that it is about.

use std::borrow::Cow;
use std::collections::BTreeSet;

use evidence::{Evidence, Role, Stage, SubjectId};

use super::contradicted::weighed;
use super::{Present, for_client};
use crate::case::{Case, Context};
use crate::cause::{Cause, Judgement};
use crate::need::{Answers, Need};
use crate::report::UnknownCause;

/// Name of the measurement that would decide about a client's way through a gateway.
const THROUGH_GATEWAY: &str = "the same questions, put through the gateway";

/// True if the cause lies in a machine's own settings and records, not on the way to it.
fn lies_inside(cause: &Cause) -> bool {
    matches!(cause.stage, Stage::Host | Stage::Client)
}

/// Lists the subjects that a cause is judged for. A cause in a machine's settings is judged for the machine; one on the
/// way for each address. A proof at an address sees its machine as well; a machine without a known address is judged by
/// itself.
pub(super) fn subjects(evidence: &Evidence, cause: &Cause, context: &Context) -> Vec<SubjectId> {
    let of = |id: &SubjectId| evidence.subjects[*id].role == cause.role;
    let (mut addresses, machines): (Vec<_>, Vec<_>) =
        (0..evidence.subjects.len()).filter(of).partition(|id| evidence.subjects[*id].address.is_some());
    if lies_inside(cause) || addresses.is_empty() {
        return machines;
    }
    let seen_by =
        |subject: &SubjectId| Case { evidence, subject: *subject, context }.machine().map(|case| case.subject);
    let met: BTreeSet<_> = addresses.iter().filter_map(seen_by).collect();
    addresses.extend(machines.into_iter().filter(|machine| !met.contains(machine)));
    addresses
}

/// Judgements of one cause for all machines: where it is present, and of the others only that there are some.
#[derive(Default)]
pub(super) struct OfCause<'a> {
    pub(super) present: Vec<Present<'a>>,
    /// Needs of the first machine where it is open.
    pub(super) unknown: Option<UnknownCause>,
    pub(super) absent: bool,
}

/// Judges machine after machine, so that the answers of one are all that is kept.
pub(super) fn judged<'a>(
    causes: &[&'static Cause],
    evidence: &'a Evidence,
    context: &Context,
    contexts: &'a [Cow<'a, Context>],
) -> Vec<OfCause<'a>> {
    let mut judged: Vec<OfCause<'a>> = causes.iter().map(|_| OfCause::default()).collect();
    let asked = Asked::of(causes, evidence, context);
    let (addresses, machines): (Vec<_>, Vec<_>) =
        (0..evidence.subjects.len()).partition(|id| evidence.subjects[*id].address.is_some());
    for subject in addresses.into_iter().chain(machines) {
        let case = Case { evidence, subject, context: &contexts[subject] };
        let (behind_gateway, mut answers) = (case.behind_gateway(), Answers::default());
        for (cause, told) in causes.iter().zip(&mut judged).filter(|(cause, _)| asked.has(cause, subject)) {
            let open = |needs| UnknownCause { cause: cause.id.to_owned(), needs };
            if !lies_inside(cause) && behind_gateway {
                told.unknown.get_or_insert_with(|| open(vec![THROUGH_GATEWAY.to_owned()]));
                continue;
            }
            match cause.judge_with(case, &mut answers) {
                Judgement::Present { severity, confidence, because } => {
                    let severity = for_client(cause, case, severity);
                    let confidence = weighed(case, severity, confidence, &because);
                    told.present.push(Present { cause, case, severity, confidence, because });
                }
                Judgement::Absent => told.absent = true,
                Judgement::Unknown => {
                    let needs = || cause.open(case).into_iter().map(Need::words).collect();
                    told.unknown.get_or_insert_with(|| open(needs()));
                }
            }
        }
    }
    judged
}

/// Machines of which each group of causes is asked: those of one role, inside machines or on the way to them.
struct Asked(Vec<((Role, bool), Vec<bool>)>);

impl Asked {
    fn of(causes: &[&Cause], evidence: &Evidence, context: &Context) -> Self {
        let mut groups: Vec<((Role, bool), Vec<bool>)> = Vec::new();
        for cause in causes {
            let group = (cause.role, lies_inside(cause));
            if groups.iter().all(|(known, _)| *known != group) {
                let mut asked = vec![false; evidence.subjects.len()];
                for subject in subjects(evidence, cause, context) {
                    asked[subject] = true;
                }
                groups.push((group, asked));
            }
        }
        Self(groups)
    }

    fn has(&self, cause: &Cause, subject: SubjectId) -> bool {
        let group = (cause.role, lies_inside(cause));
        self.0.iter().any(|(known, asked)| *known == group && asked[subject])
    }
}
