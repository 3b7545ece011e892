//! The answer: the published JSON, `rdpdoctor-explain/1`.

use diagnosis::codes::{Side, Sureness};
use schemars::JsonSchema;
use serde::Serialize;

/// The name and version of the answer's schema.
pub const SCHEMA: &str = "rdpdoctor-explain/1";

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Answer {
    /// `rdpdoctor-explain/1`; fields are only ever added within a version.
    pub schema: String,
    /// The version of the program.
    pub tool: String,
    /// What was asked, made safe to print, the first 200 characters.
    pub asked: String,
    /// Something of it is known.
    pub known: bool,
    /// What was found in it, in its order.
    pub topics: Vec<Topic>,
}

/// Something that was found in the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Topic {
    /// As it was written, made safe to print.
    pub text: String,
    /// It was found by its words, not by a name or a number; the entries are hits, the best first.
    pub by_words: bool,
    /// The words by which it was found, where it was.
    pub matched: Vec<String>,
    /// What it can be, the likeliest first; empty where it is not known.
    pub entries: Vec<Explained>,
    /// The ids of what the numbers of a pair are by themselves.
    pub parts: Vec<String>,
    /// What has to be known about the pair.
    pub remark: Option<String>,
    /// Known codes near to a number that is not known; they explain nothing.
    pub nearest: Vec<Neighbour>,
}

/// A code, an event, a message, an update, a cause, a fix, a claim or a guide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explained {
    /// `code`, `pair`, `event`, `message`, `update`, `cause`, `fix`, `claim` or `guide`; more may come.
    pub kind: String,
    /// Its public name, which can be asked for.
    pub id: String,
    /// What kind of code it is, or what a cause or fix is called.
    pub title: String,
    /// The number; a negative one as it stands in 32 bits.
    pub number: Option<u32>,
    /// The second number of a pair.
    pub extended: Option<u32>,
    /// The name in its specification or documentation.
    pub name: Option<String>,
    /// How the number had to be read, where it is not the code's own.
    pub read_as: Option<String>,
    /// What it says, as a clause.
    pub meaning: String,
    /// What else has to be known, in sentences.
    pub note: Option<String>,
    /// Where people meet it.
    pub shown: Option<String>,
    /// The clients that show it, where it is not mstsc.
    pub client: Option<String>,
    /// The step of a connection: a stage of the report, or `logon`, `licence`, `session`, `gateway`, `client` or `host`.
    pub stage: Option<String>,
    /// It is met where nothing is wrong.
    pub normal: bool,
    /// Of an event: where it stands.
    pub event: Option<EventPlace>,
    /// What it does not mean.
    pub not: Vec<String>,
    /// Causes that it leads to, the likeliest first.
    pub causes: Vec<Neighbour>,
    /// Fixes that help.
    pub fixes: Vec<String>,
    /// Claims that speak of it.
    pub claims: Vec<String>,
    /// Codes with which it is confused, and the codes that a cause produces.
    pub confused: Vec<Neighbour>,
    /// Commands and steps, each on a line of its own.
    pub steps: Vec<String>,
    /// The next measurements, best first.
    pub next: Vec<Measurement>,
    /// Where the facts come from, in words; "from memory, not checked" and "inferred" among them.
    pub sources: Vec<String>,
    /// How sure the facts are.
    pub confidence: Option<Sureness>,
    /// Nobody has checked part of it, or it is little more than hearsay.
    pub weak: bool,
}

/// Where an event stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EventPlace {
    /// Whose log.
    pub side: Side,
    /// The log.
    pub log: String,
    /// The provider.
    pub provider: String,
}

/// Something else, and what it has to do with this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Neighbour {
    /// Its public name.
    pub id: String,
    /// What it is.
    pub meaning: String,
    /// What it has to do with this; empty for a number that is only near.
    pub why: String,
}

/// A measurement that would tell more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Measurement {
    /// The command; HOST and CODE are to be replaced.
    #[serde(rename = "do")]
    pub command: String,
    /// Why.
    pub why: String,
}

impl Answer {
    /// The answer as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("an answer has only string keys")
    }

    /// The published JSON Schema of the answer.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Self);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
        text.push('\n');
        text
    }
}
