//! The types of a diagnosis, which are the published JSON (`rdpdoctor/1`).

use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

pub use crate::ladder::{Ladder, Outcome, StageResult};
pub use crate::ladder::{Survey, SurveyedFlags, SurveyedNegotiation, SurveyedProtocols, SurveyedVersion};
pub use evidence::captured::{CapturedConnection, CapturedTransport};
use evidence::{Because, Role, Stage, SubjectId, TimeSource};

use crate::cause::{Cause, Confidence, Page, Severity};
use crate::order::OrderedStep;
use crate::path::Share;
use crate::server::Program;
use crate::server::advice::Advice;
use crate::timeline::TimelineEntry;
pub use crate::value::Value;

/// Measurements that the caller took of its own run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Run {
    /// Duration in seconds.
    pub seconds: f64,
    /// True if it was stopped before it was done.
    pub interrupted: bool,
}

/// Name and version of the report's schema.
pub const SCHEMA: &str = "rdpdoctor/1";

/// Complete report.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// `rdpdoctor/1`; fields are only ever added within a version.
    pub schema: String,
    /// Version of the program.
    pub tool: String,
    /// Time of the attempt, RFC 3339, UTC.
    pub at: String,
    /// Origin of that time: without a probe it is a guess, unless somebody named it.
    pub at_source: TimeSource,
    /// Duration of the run.
    pub seconds: f64,
    /// TCP connections made or tried.
    pub connections: usize,
    /// True if the run was stopped before it was done.
    pub interrupted: bool,
    /// Host that was asked about.
    pub target: Option<ReportTarget>,
    /// Machines and addresses in the report.
    pub subjects: Vec<ReportSubject>,
    /// Programs that serve Remote Desktop at the addresses, guessed where their answers tell something.
    pub servers: Vec<ReportServer>,
    /// Figures of the way to the addresses, where packets were counted (`--path`, or after a first sign).
    pub measured_paths: Vec<ReportPath>,
    /// Machines on the way to the addresses, where they were looked for (`--path`, on Linux).
    pub ways: Vec<ReportWay>,
    /// Client that has to get through.
    pub client: ReportClient,
    /// Code that the client showed.
    pub symptom: Option<ReportSymptom>,
    /// Overall verdict.
    pub verdict: Verdict,
    /// Last stage that passed.
    pub reached: Option<Stage>,
    /// Findings, the most likely root first.
    pub findings: Vec<Finding>,
    /// Causes still compatible with the evidence, and what would decide them.
    pub unknown: Vec<UnknownCause>,
    /// Causes shown to be absent, in the connections that were made and the records that were read: another machine
    /// behind the same address may have them.
    pub ruled_out: Vec<String>,
    /// Stages of the connection, per subject.
    pub stages: Vec<StageResult>,
    /// Gateway that the client goes through: a direct test then says nothing against the host.
    pub gateway: Option<ReportGateway>,
    /// Notices that the client will give for its `.rdp` files; they change no verdict.
    pub notices: Vec<Because>,
    /// Everything that was seen.
    pub observations: Vec<ReportObservation>,
    /// Files that were read: the first is the source `file/1`.
    pub files: Vec<String>,
    /// File names as they are, for addresses, in which every odd letter is escaped; never to be printed.
    #[serde(skip)]
    pub paths: Vec<String>,
    /// Next measurements, best first.
    pub next: Vec<Next>,
    /// Order in which to try fixes and measurements, best first: each as long as the one before did not help. Empty
    /// unless several causes are in question.
    pub order: Vec<OrderedStep>,
    /// Result of the same probe against a host that is known to work, if one was named.
    pub control: Option<Control>,
    /// Everything that the hosts accept, if that was asked for (`--thorough`).
    pub surveys: Vec<Survey>,
    /// Timeline of event logs, captures and the probe, old to new, of each kind the newest 500; empty where it would
    /// hold only a probe, or a single captured connection.
    pub timeline: Vec<TimelineEntry>,
}

/// Overall verdict: faulty, healthy, or neither shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every stage up to `reached` passed, no fault was found, and no code was given.
    Healthy,
    /// At least one blocking or degrading finding.
    Faulty,
    /// Neither.
    Undetermined,
}

impl Verdict {
    /// Returns the exit status; 3 is wrong use, or a failure of our own.
    pub fn status(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Faulty => 1,
            Self::Undetermined => 2,
        }
    }
}

/// Host that was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportTarget {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Machine or address in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportSubject {
    /// Number, by which the rest of the report refers to it.
    pub id: SubjectId,
    /// Part that it plays.
    pub role: Role,
    /// Name by which it was asked for.
    pub name: Option<String>,
    /// Address, without the port.
    pub address: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Client that it is judged for, where that is not the report's: the one captured at it.
    pub client: Option<String>,
}

/// Client that has to get through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportClient {
    /// Id of its profile.
    pub profile: String,
    /// Name in reports.
    pub name: String,
    /// Origin of the profile: `default`, `option`, `rdp-file` for one that an `.rdp` file changes, `evidence` for a
    /// client that was captured or whose own registry was recorded, or `this-computer` for the one that the program
    /// ran on, by its own registry.
    pub source: String,
}

/// Program that serves Remote Desktop at an address, guessed from its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportServer {
    /// Subject that it answers for.
    pub subject: SubjectId,
    /// Kind of it.
    pub program: Program,
    /// Name of it in a sentence.
    pub name: String,
    /// Confidence in the guess; never `proven`.
    pub confidence: Confidence,
    /// Observation that the guess rests on.
    pub because: Because,
}

/// Figures of the way to an address, as the system of this computer counted them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReportPath {
    /// Subject that it leads to.
    pub subject: SubjectId,
    /// Connections whose packets were counted.
    pub connections: usize,
    /// Shortest round trip, in milliseconds; `null` where too few were timed.
    pub round_trip_milliseconds: Option<f64>,
    /// Packets to the host that were lost.
    pub lost_to_host: Share,
    /// Packets from the host that were lost: acknowledgements of those that reached it.
    pub lost_from_host: Share,
}

/// Machines on the way to an address, as packets met them that can come only so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportWay {
    /// Subject that it leads to.
    pub subject: SubjectId,
    /// Distance of what answers at its end: the host, or a machine in its place; `null` where nothing does.
    pub hops: Option<u8>,
    /// Answer there: `accepted`, `refused` or `unreachable`.
    pub answer: Option<String>,
    /// Routers that answered, the nearest first; others send no ICMP.
    pub routers: Vec<ReportRouter>,
}

/// Routers at one distance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportRouter {
    /// Distance: 1 is the first router.
    pub hop: u8,
    /// Addresses: more than one where the way changes from packet to packet.
    pub addresses: Vec<String>,
}

/// Gateway on the client's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportGateway {
    /// Name, where the file has it.
    pub host: Option<String>,
}

/// Code that the client showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportSymptom {
    /// Error code.
    pub code: u32,
    /// Extended error code.
    pub extended: Option<u32>,
}

/// Cause that is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Public name of the cause.
    pub cause: String,
    /// Subject at which it was found.
    pub subject: SubjectId,
    /// Effect on the connection.
    pub severity: Severity,
    /// Confidence in it.
    pub confidence: Confidence,
    /// Stage at which it lies.
    pub stage: Stage,
    /// Completes "the connection fails because …".
    pub title: String,
    /// Reasons, each citing an observation.
    pub because: Vec<Because>,
    /// True or false where the client's code is known to come or not to come from this; null otherwise.
    pub explains_symptom: Option<bool>,
    /// Other findings that it brings about.
    pub root_of: Vec<String>,
    /// Fixes, best first.
    pub fixes: Vec<String>,
    /// Advice for the server that most likely answers, where that is none of Windows: it goes before the cause's own.
    pub advice: Option<Advice>,
    /// Claims about the cause, judged: `rdpdoctor explain c15` shows one.
    pub claims: Vec<String>,
}

/// Cause that is neither shown nor ruled out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnknownCause {
    /// Public name of the cause.
    pub cause: String,
    /// Questions that were not answered.
    pub needs: Vec<String>,
}

/// Fact as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReportObservation {
    /// Number, by which reasons cite it.
    pub id: usize,
    /// Name of the fact.
    pub fact: String,
    /// Subject of the fact.
    pub subject: SubjectId,
    /// Source: `resolver`, `datagram`, `hops`, or `probe/` and the number of the connection, or `file/` and that of the
    /// file.
    pub source: String,
    /// The number of the file that it comes from, from 1.
    #[serde(skip)]
    pub file: Option<usize>,
    /// Time of the observation, RFC 3339, UTC.
    pub at: String,
    /// Value of the fact.
    #[schemars(with = "serde_json::Value")]
    pub value: Value,
    /// The fact itself, where reports tell it in words; the value is for programs.
    #[serde(skip)]
    pub told: Option<Told>,
}

/// A fact that reports tell in words.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Something could not be read.
    Unread {
        /// The file, or the part of it.
        what: String,
        /// The reason.
        why: String,
    },
    /// The leaf certificate's `notAfter`, UTC.
    CertificateUntil(OffsetDateTime),
    /// A connection was captured.
    Connection(CapturedConnection),
    /// A UDP transport was asked for in a capture.
    Transport(CapturedTransport),
    /// Our own words failed with a host of our own making.
    RehearsalFailed,
    /// This computer itself refused to connect, with its reason.
    NotTried(String),
    /// The signature of an `.rdp` file covers all that decides, and holds.
    SignatureIntact {
        /// The file.
        file: String,
        /// The signer, as its certificate names it.
        signer: String,
    },
}

/// Measurement that would tell more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Next {
    /// Command, and where to run it.
    #[serde(rename = "do")]
    pub command: String,
    /// Causes that its result decides between.
    pub splits: Vec<String>,
    /// Purpose of the measurement.
    pub why: String,
}

/// Result of the same probe against a host that is known to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Control {
    /// Host that was probed.
    pub target: ReportTarget,
    /// Verdict on it.
    pub verdict: Verdict,
    /// Last stage that it passed.
    pub reached: Option<Stage>,
    /// True if it fails at a stage at which the target fails, in the same way.
    pub same_failure: bool,
    /// TCP connections made to it or tried; they are not among those of the report.
    pub connections: usize,
    /// Conclusion, in words.
    pub meaning: String,
}

impl Finding {
    /// Returns its cause, with the advice that fits the server at hand.
    pub fn cause_here(&self) -> Option<Cause> {
        let cause = *crate::causes::find(&self.cause)?;
        let Some(Advice { confirm, command, how_to_fix }) = self.advice else { return Some(cause) };
        let why = crate::server::advice::why(&cause).unwrap_or(cause.page.why);
        Some(Cause { page: Page { why, confirm, command, how_to_fix, ..cause.page }, ..cause })
    }
}

impl Diagnosis {
    /// True for a gateway: facts about it are about no host.
    pub fn is_gateway(&self, subject: SubjectId) -> bool {
        self.subjects.get(subject).is_some_and(|who| who.role == Role::Gateway)
    }

    /// Returns this computer's own reason for which nothing reached the subject; `None` if something did.
    pub fn not_tried(&self, subject: SubjectId) -> Option<&str> {
        let skipped =
            |stage: &StageResult| matches!(stage.stage, Stage::Name | Stage::Tcp) && stage.outcome == Outcome::Skipped;
        self.stages.iter().find(|stage| stage.subject == subject && skipped(stage))?;
        self.observations.iter().filter(|seen| seen.subject == subject).find_map(|seen| match &seen.told {
            Some(Told::NotTried(why)) => Some(why.as_str()),
            _ => None,
        })
    }

    /// Writes the report as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only string keys")
    }

    /// Returns the published JSON Schema of the report.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Self);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
        text.push('\n');
        text
    }
}
