//! The answer as published JSON, `rdpdoctor-explain/1`.

use diagnosis::Role;
use diagnosis::codes::Sureness;
use schemars::JsonSchema;
use serde::Serialize;

/// Name and version of the answer's schema.
pub const SCHEMA: &str = "rdpdoctor-explain/1";

/// Answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Answer {
    /// `rdpdoctor-explain/1`; fields are only ever added within a version.
    pub schema: String,
    /// Version of the program.
    pub tool: String,
    /// Question, made safe to print, its first 200 characters.
    pub asked: String,
    /// True if anything in it is known.
    pub known: bool,
    /// Topics found in it, in its order.
    pub topics: Vec<Topic>,
}

/// Thing that was found in the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Topic {
    /// Text as written, made safe to print.
    pub text: String,
    /// True if it was found by words, not by a name or a number; the entries are then hits, the best first.
    pub by_words: bool,
    /// Words by which it was found, where it was.
    pub matched: Vec<String>,
    /// Possible meanings, the likeliest first; empty where it is not known.
    pub entries: Vec<Explained>,
    /// Ids of the single numbers of a pair.
    pub parts: Vec<String>,
    /// Remark about the pair.
    pub remark: Option<String>,
    /// Known codes near to an unknown number; they explain nothing.
    pub nearest: Vec<Neighbour>,
}

/// A code, an event, a message, an update, a cause, a fix, a claim or a guide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explained {
    /// `code`, `pair`, `event`, `message`, `update`, `cause`, `fix`, `claim` or `guide`; more may come.
    pub kind: String,
    /// Public name, which can be asked for.
    pub id: String,
    /// Kind of code, or the title of a cause or fix.
    pub title: String,
    /// Number; a negative one as its 32 bits.
    pub number: Option<u32>,
    /// Second number of a pair.
    pub extended: Option<u32>,
    /// Name in its specification or documentation.
    pub name: Option<String>,
    /// How the number was unwrapped, where it is not the code's own.
    pub read_as: Option<String>,
    /// Meaning, as a clause.
    pub meaning: String,
    /// Further facts, in sentences.
    pub note: Option<String>,
    /// Places where people see it.
    pub shown: Option<String>,
    /// Clients that show it, where not mstsc.
    pub client: Option<String>,
    /// Step of a connection: a stage of the report, or `logon`, `licence`, `session`, `gateway`, `client` or `host`.
    pub stage: Option<String>,
    /// True if it also appears where nothing is wrong.
    pub normal: bool,
    /// For an event: its place.
    pub event: Option<EventPlace>,
    /// Meanings that people wrongly give it.
    pub not: Vec<String>,
    /// Causes that lead to it, the likeliest first.
    pub causes: Vec<Neighbour>,
    /// Fixes that help.
    pub fixes: Vec<String>,
    /// Claims that are about it.
    pub claims: Vec<String>,
    /// Codes that it is confused with, and the codes that a cause produces.
    pub confused: Vec<Neighbour>,
    /// Commands and steps, one a line.
    pub steps: Vec<String>,
    /// Next measurements, best first.
    pub next: Vec<Measurement>,
    /// Sources of the facts, in words; "from memory, not checked" and "inferred" among them.
    pub sources: Vec<String>,
    /// Confidence in the facts.
    pub confidence: Option<Sureness>,
    /// True if part of it is unchecked or unconfirmed.
    pub weak: bool,
}

/// Place of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EventPlace {
    /// Machine whose log has it.
    pub side: Role,
    /// Name of the log.
    pub log: String,
    /// Name of the provider.
    pub provider: String,
}

/// Related entry, with the relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Neighbour {
    /// Public name.
    pub id: String,
    /// Meaning of the entry.
    pub meaning: String,
    /// Relation to this one; empty for a number that is only near.
    pub why: String,
}

/// Measurement that would tell more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Measurement {
    /// Command, in which HOST and CODE are to be replaced.
    #[serde(rename = "do")]
    pub command: String,
    /// Purpose of the measurement.
    pub why: String,
}

impl Answer {
    /// Writes the answer as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("an answer has only string keys")
    }

    /// Returns the published JSON Schema of the answer.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Self);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
        text.push('\n');
        text
    }
}
