//! Two diagnoses side by side: a host that works and one that does not, or one host at two times. Only differences
//! that matter to a client are told, each with what it explains.

mod aspects;
mod saved;
mod side;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use evidence::Stage;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cause::Severity;
use crate::causes;
use crate::report::{Outcome, ReportTarget, Verdict};
use aspects::{Aspect, Pair};
use side::Found;

pub use side::{Side, SideError};

/// Name and version of the schema of a comparison.
pub const SCHEMA: &str = "rdpdoctor-compare/1";

/// Seconds from which an answer is slow; round trips and busy processors do not reach them.
const SLOW: f64 = 3.0;
/// Multiple of the other's time from which one is slower.
const FACTOR: f64 = 3.0;

/// Causes that a run rules out for the client that it judges for, and that another client may meet.
const OF_CLIENT: [&str; 6] = [
    "certificate-name-mismatch",
    "certificate-weak",
    "credssp-client-refused",
    "nla-required",
    "tls-cipher-mismatch",
    "tls-version-mismatch",
];

/// Comparison of two reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comparison {
    /// `rdpdoctor-compare/1`; fields are only ever added within a version.
    pub schema: String,
    /// Version of the program.
    pub tool: String,
    /// The one that works.
    pub working: Compared,
    /// The one that does not.
    pub broken: Compared,
    /// True if both are one host by the name and port that were asked for: then they are two times of it.
    pub same_host: bool,
    /// Sign that two that were asked for apart are one machine; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_machine: Option<String>,
    /// Conclusion.
    pub result: Likeness,
    /// Differences that matter, the one that explains most first.
    pub differences: Vec<Difference>,
    /// Causes that were found in both, which therefore do not tell them apart.
    pub shared: Vec<String>,
    /// Stages that only one of them got to, so that nothing there could be compared.
    pub not_compared: Vec<Stage>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Compared {
    /// Host that was asked about; null for evidence from files.
    pub target: Option<ReportTarget>,
    /// Time of the attempt.
    pub at: String,
    /// Client that it was judged for.
    pub client: String,
    /// Verdict on it.
    pub verdict: Verdict,
    /// Last stage that it passed.
    pub reached: Option<Stage>,
    /// True if its run was stopped before it was done.
    pub interrupted: bool,
}

/// Conclusion of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Likeness {
    /// Nothing that matters differs.
    Same,
    /// Something that matters differs.
    Different,
    /// Nothing differs as far as was seen, and that was not enough: a run was stopped, or told too little.
    Undetermined,
}

impl Likeness {
    /// Returns the exit status; 3 is wrong use, or a failure of our own.
    pub fn status(self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Different => 1,
            Self::Undetermined => 2,
        }
    }
}

/// Difference that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Public name of what differs: `tls-version`, `certificate-names`, `answer-time` …, `finding` for a fault that
    /// only one has, or `stage` for a stage that only one passes.
    pub aspect: String,
    /// Stage at which it lies.
    pub stage: Stage,
    /// Effect of the gravest fault that it explains; `advisory` where it explains none that was found.
    pub severity: Severity,
    /// Words for the one that works.
    pub working: String,
    /// Words for the one that does not.
    pub broken: String,
    /// Consequence for clients.
    pub meaning: String,
    /// Causes found only at the one that does not work, which it explains.
    pub explains: Vec<String>,
    /// Causes that it would explain if a client fails there, likeliest first.
    pub would_explain: Vec<String>,
    /// Codes that clients show for all these causes (`discReason`), without repetition.
    pub codes: Vec<u32>,
}

/// Compares two reports. Pure.
pub fn compare(working: &Side, broken: &Side) -> Comparison {
    let same_host = match (&working.target, &broken.target) {
        (Some(one), Some(other)) => one.host.eq_ignore_ascii_case(&other.host) && one.port == other.port,
        _ => false,
    };
    let pair = Pair { working, broken, same_host };
    let one_machine = if same_host { None } else { one_machine(working, broken) };
    let differences = differences(&pair);
    let told_nothing = |side: &Side| side.stages.is_empty() || !side.was_heard();
    let unclear = |side: &Side| side.interrupted || side.verdict == Verdict::Undetermined || told_nothing(side);
    let result = match differences.is_empty() {
        false => Likeness::Different,
        true if unclear(working) || unclear(broken) => Likeness::Undetermined,
        true => Likeness::Same,
    };
    let shared = working.faults().filter(|found| broken.has(&found.cause)).map(|found| found.cause.clone());
    Comparison {
        schema: SCHEMA.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        working: compared(working),
        broken: compared(broken),
        same_host,
        one_machine,
        result,
        differences,
        shared: shared.collect::<BTreeSet<_>>().into_iter().collect(),
        not_compared: not_compared(&pair),
    }
}

/// Says what only one machine has: its own name in its domain, or a certificate of its own making. A farm may share an
/// issued one.
fn one_machine(working: &Side, broken: &Side) -> Option<String> {
    let only = |side: &Side, fact| {
        let texts = side.texts(fact);
        if texts.len() == 1 { texts.first().map(|text| (*text).to_owned()) } else { None }
    };
    let both = |fact| only(working, fact).filter(|text| only(broken, fact).as_ref() == Some(text));
    let own = |side: &Side| side.values("certificate.self_issued") == [Value::Bool(true)];
    let named = both("ntlm.dns_computer").filter(|name| name.contains('.') && both("ntlm.computer").is_some());
    let certified = || both("certificate.sha256").filter(|_| own(working) && own(broken));
    let certified =
        || certified().map(|print| format!("both show the certificate that a machine made itself ({print:.16}…)"));
    named.map(|name| format!("both call themselves {name}")).or_else(certified)
}

fn compared(side: &Side) -> Compared {
    let Side { target, at, client, verdict, reached, interrupted, .. } = side;
    let (target, at, client) = (target.clone(), at.clone(), client.clone());
    Compared { target, at, client, verdict: *verdict, reached: *reached, interrupted: *interrupted }
}

/// Lists what differs, the gravest first.
fn differences(pair: &Pair<'_>) -> Vec<Difference> {
    let own: Vec<&Found> = pair.broken.faults().filter(|found| !pair.working.has(&found.cause)).collect();
    let mut left: Vec<&Found> = own.clone();
    let mut listed = Vec::new();
    for aspect in aspects::ALL {
        let Some(said) = (aspect.unlike)(pair) else { continue };
        let comes_from = |found: &&Found| {
            aspect.causes.contains(&found.cause.as_str()) || aspect.whole_stage && found.stage == aspect.stage
        };
        let explained: Vec<&Found> = own.iter().copied().filter(comes_from).collect();
        left.retain(|found| !comes_from(found));
        listed.push(of_aspect(pair, aspect, said, &explained));
    }
    listed.extend(slower(pair.working, pair.broken, SLOW));
    listed.extend(left.into_iter().map(|found| of_finding(pair, found)));
    let cured = pair.working.faults().filter(|found| !pair.broken.has(&found.cause));
    listed.extend(cured.map(|found| cured_finding(pair, found)));
    listed.extend(of_stage(pair, &listed));
    listed.sort_by_key(|difference| (difference.severity, difference.stage));
    listed
}

fn of_aspect(
    pair: &Pair<'_>,
    aspect: &Aspect,
    (working, broken): (String, String),
    explained: &[&Found],
) -> Difference {
    let explains: Vec<String> = explained.iter().map(|found| found.cause.clone()).collect();
    let open =
        aspect.causes.iter().filter(|cause| OF_CLIENT.contains(cause) || !pair.broken.ruled_out.contains(**cause));
    let would_explain: Vec<String> = open.map(|cause| (*cause).to_owned()).collect();
    Difference {
        aspect: aspect.id.to_owned(),
        stage: aspect.stage,
        severity: explained.iter().map(|found| found.severity).min().unwrap_or(Severity::Advisory),
        working,
        broken,
        meaning: aspect.meaning.to_owned(),
        codes: codes(if explains.is_empty() { &would_explain } else { &explains }),
        explains,
        would_explain,
    }
}

/// Lists the stages that both pass and for which the broken one takes far longer, and so many seconds or more.
pub(crate) fn slower(working: &Side, broken: &Side, from: f64) -> impl Iterator<Item = Difference> {
    let took = |side: &Side, stage| side.stages.get(&stage).filter(|seen| seen.passed()).and_then(|seen| seen.seconds);
    Stage::ALL.into_iter().filter_map(move |stage| {
        let (working, broken) = (took(working, stage)?, took(broken, stage)?);
        (broken >= from && broken >= working * FACTOR).then(|| Difference {
            aspect: "answer-time".to_owned(),
            stage,
            severity: Severity::Advisory,
            working: format!("answers within {:.1} s", working.max(0.1)),
            broken: format!("answers after {broken:.1} s"),
            meaning: "a client that waits less long than that gives up, and each connection is slow".to_owned(),
            explains: Vec::new(),
            would_explain: Vec::new(),
            codes: Vec::new(),
        })
    })
}

/// Returns the codes that clients show for these causes.
fn codes(causes: &[String]) -> Vec<u32> {
    let all: BTreeSet<u32> =
        causes.iter().filter_map(|id| causes::find(id)).flat_map(|cause| cause.codes.iter().copied()).collect();
    all.into_iter().collect()
}

/// Makes a difference of a fault that only the broken one has.
fn of_finding(pair: &Pair<'_>, found: &Found) -> Difference {
    let ruled_out = pair.working.ruled_out.contains(&found.cause);
    Difference {
        aspect: "finding".to_owned(),
        stage: found.stage,
        severity: found.severity,
        working: if ruled_out { "does not have this fault" } else { "this fault was not found" }.to_owned(),
        broken: found.title.clone(),
        meaning: "a fault that only the broken one has".to_owned(),
        explains: vec![found.cause.clone()],
        would_explain: Vec::new(),
        codes: codes(std::slice::from_ref(&found.cause)),
    }
}

/// Makes a difference of a fault that only the working one has: it keeps nobody out by itself.
fn cured_finding(pair: &Pair<'_>, found: &Found) -> Difference {
    let ruled_out = pair.broken.ruled_out.contains(&found.cause);
    let meaning = if pair.same_host { "it is no longer found" } else { "it explains nothing of the broken one" };
    Difference {
        aspect: "finding".to_owned(),
        stage: found.stage,
        severity: Severity::Advisory,
        working: format!("{} ({})", found.title, found.cause),
        broken: if ruled_out { "does not have this fault" } else { "this fault was not found" }.to_owned(),
        meaning: format!("a fault that only the working one has: {meaning}"),
        explains: Vec::new(),
        would_explain: Vec::new(),
        codes: Vec::new(),
    }
}

/// Makes a difference of the first stage that only the working one passes, where nothing else tells of it.
fn of_stage(pair: &Pair<'_>, listed: &[Difference]) -> Option<Difference> {
    let good = |outcome| matches!(outcome, Outcome::Passed | Outcome::Degraded);
    let lost = |stage: &Stage| {
        let (working, broken) = (pair.working.stages.get(stage)?, pair.broken.stages.get(stage)?);
        (good(working.outcome) && broken.outcome == Outcome::Failed).then_some((*stage, working, broken))
    };
    let (stage, working, broken) = Stage::ALL.iter().find_map(lost)?;
    listed.iter().all(|difference| difference.stage != stage).then(|| Difference {
        aspect: "stage".to_owned(),
        stage,
        severity: Severity::Blocking,
        working: working.text.clone(),
        broken: broken.text.clone(),
        meaning: "the broken one gets no further, for a reason that no cause names".to_owned(),
        explains: Vec::new(),
        would_explain: Vec::new(),
        codes: Vec::new(),
    })
}

/// Lists the stages that one of them passed and the other never came to.
fn not_compared(pair: &Pair<'_>) -> Vec<Stage> {
    let seen =
        |side: &Side, stage: &Stage| side.stages.get(stage).is_some_and(|passed| passed.outcome != Outcome::Skipped);
    // a name is looked up only where one was typed, and settings are told only where a host lets anyone so far
    let compared = |stage: &&Stage| (Stage::Tcp..=Stage::Credssp).contains(*stage);
    let one_sided = |stage: &&Stage| seen(pair.working, stage) != seen(pair.broken, stage);
    Stage::ALL.iter().filter(compared).filter(one_sided).copied().collect()
}
