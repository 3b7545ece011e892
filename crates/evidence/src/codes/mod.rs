//! Numbers and names that Remote Desktop shows: what each means, where it is shown, how sure that is, and what it leads
//! to.
//!
//! The tables are data, `data/codes/*.toml`: one file for each family, that is, for each list in which a number has one
//! meaning. A new code is a new `[[code]]` in the file of its family; a new family is a new file with its line in
//! `FILES`.

mod entry;
mod number;
mod table;

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use entry::{AttemptStep, Content, EntryKind, Level, Progress};
pub use number::{Reading, readings};

use crate::{Role, Stage};

/// Names a table, `data/codes/NAME.toml`, which `build.rs` has written as JSON.
macro_rules! table {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".json"))
    };
}

/// Tables of the families, in the order in which a number without context is most likely meant.
const FILES: &[&str] = &[
    table!("pair"),
    table!("disconnect"),
    table!("gateway"),
    table!("extended"),
    table!("event-client"),
    table!("event-schannel"),
    table!("event-rcm"),
    table!("event-rdpcorets"),
    table!("errinfo"),
    table!("hresult"),
    table!("ntstatus"),
    table!("proxy"),
    table!("win32"),
    table!("negotiation"),
    table!("licence"),
    table!("tls-alert"),
    table!("event-lsm"),
    table!("event-termdd"),
    table!("event-security"),
    table!("event-system"),
    table!("authorisation"),
    table!("rdstls"),
    table!("fatal-error"),
    table!("logon-error"),
    table!("licence-transition"),
    table!("event-gateway"),
    table!("event-broker"),
    table!("event-avd"),
    table!("event-ntlm"),
    table!("event-licensing"),
    table!("event-programs"),
    table!("freerdp"),
    table!("xfreerdp-exit"),
    table!("errno"),
    table!("kerberos"),
    table!("guacamole"),
];

static FAMILIES: LazyLock<Vec<Family>> =
    LazyLock::new(|| FILES.iter().map(|text| table::parse(text).expect("a test reads every table")).collect());

/// List in which a number has one meaning.
#[derive(Debug)]
pub struct Family {
    /// Public name, never reused.
    pub id: String,
    /// Heading of its page.
    pub title: String,
    /// Noun for one of its codes.
    pub singular: String,
    /// Where people see its codes.
    pub shown: String,
    /// Description of the list.
    pub about: String,
    /// Words that, beside a number, show that this list is meant.
    pub words: Vec<String>,
    /// Notation of its numbers.
    pub form: Form,
    /// True if `diagnose --code` takes its numbers.
    pub symptom: bool,
    /// True for a list of events: numbers are decimal, beside a provider.
    pub events: bool,
    /// True if its numbers count only where something names the list: a bare 131 is no exit status.
    pub named: bool,
    /// Its codes.
    pub codes: Vec<Code>,
}

/// Meaning of one number, or of a pair of numbers.
#[derive(Debug)]
pub struct Code {
    /// The number; a negative one as its 32 bits.
    pub number: u32,
    /// Second number of a pair.
    pub extended: Option<u32>,
    /// Name in its specification or documentation.
    pub name: Option<String>,
    /// Meaning, as a clause.
    pub meaning: String,
    /// Phrases that people type: the gist of a message in few words.
    pub keywords: Vec<String>,
    /// Further facts, in sentences.
    pub note: Option<String>,
    /// Clients that show it, where not mstsc.
    pub client: Option<String>,
    /// Step of a connection at which it arises.
    pub step: Step,
    /// Sources of the facts.
    pub sources: Vec<Mark>,
    /// Confidence in the facts.
    pub confidence: Sureness,
    /// True if it also appears where nothing is wrong.
    pub normal: bool,
    /// True if it shows that something failed, and hardly what: anything else in the same text tells more.
    pub vague: bool,
    /// For an event: the machine whose log has it.
    pub side: Option<Role>,
    /// For an event: the log.
    pub log: Option<String>,
    /// For an event: the provider.
    pub provider: Option<String>,
    /// For an event: how logs, redaction and attempts treat its entries.
    pub entry: EntryKind,
    /// For an event: family of the numbers in its data.
    pub carries: Option<String>,
    /// Meanings that people wrongly give it.
    pub not: Vec<String>,
    /// Next thing to look at, in sentences.
    pub check: Option<String>,
    /// Causes that lead to it, the likeliest first, with the reason.
    pub causes: Vec<Link>,
    /// Fixes that help where no cause names them.
    pub fixes: Vec<String>,
    /// Ids of codes that it is confused with, and the difference.
    pub confused: Vec<Link>,
}

/// Reference to another entry, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Id of a cause or a code.
    pub to: String,
    /// Reason for the reference.
    pub why: String,
}

/// Notation of a family's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `0x904`.
    Hex,
    /// `0xC000006D`.
    Hex8,
    /// `1026`, and `-7` for what is negative in 32 bits.
    Decimal,
}

impl Form {
    /// Writes the number in this notation.
    pub fn write(self, number: u32) -> String {
        match self {
            Self::Hex => format!("0x{number:X}"),
            Self::Hex8 => format!("0x{number:08X}"),
            Self::Decimal => number.cast_signed().to_string(),
        }
    }
}

/// Kind of source of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mark {
    /// A document of Microsoft.
    Ms,
    /// The reference of the Windows API.
    W32,
    /// Microsoft's open protocol specifications.
    Spec,
    /// An RFC.
    Rfc,
    /// The source of FreeRDP.
    Fr,
    /// Lists of the client's texts that others keep.
    List,
    /// The source or the documentation of the program that says it.
    Prog,
    /// The message tables and manifests of Windows, as public collections list them.
    Tab,
    /// A public issue thread.
    Iss,
    /// A first-hand report.
    Field,
    /// General knowledge that nobody has checked.
    Mem,
    /// Drawn from the rules of the protocol or from other facts.
    Inf,
}

impl Mark {
    /// Names the kind of source, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ms => "a document of Microsoft",
            Self::W32 => "Microsoft's reference of the Windows API",
            Self::Spec => "Microsoft's protocol specifications",
            Self::Rfc => "RFC 8446 and older RFCs",
            Self::Fr => "the source of FreeRDP",
            Self::List => "the texts of the client, as lists of others keep them",
            Self::Prog => "the source or documentation of that program",
            Self::Tab => "the message tables of Windows",
            Self::Iss => "public issue threads",
            Self::Field => "first-hand reports",
            Self::Mem => "from memory, not checked",
            Self::Inf => "inferred",
        }
    }

    /// True if nobody has looked it up.
    pub fn weak(self) -> bool {
        matches!(self, Self::Mem | Self::Inf)
    }
}

/// Confidence in a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sureness {
    /// Documented, or seen by several people.
    High,
    /// Evidence is consistent but incomplete.
    Medium,
    /// Unconfirmed.
    Low,
}

impl Sureness {
    /// Names the confidence in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// Step of a connection at which a code arises: a [`Stage`], or one that a probe does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// [`Stage::Name`].
    Name,
    /// [`Stage::Tcp`].
    Tcp,
    /// [`Stage::X224`].
    X224,
    /// [`Stage::Tls`].
    Tls,
    /// [`Stage::Certificate`].
    Certificate,
    /// [`Stage::Credssp`].
    Credssp,
    /// The logon itself.
    Logon,
    /// The exchange of licences.
    Licence,
    /// The session, or its end.
    Session,
    /// A gateway on the way.
    Gateway,
    /// Inside the client.
    Client,
    /// Inside the host, at no particular step.
    Host,
}

impl Step {
    /// Returns the rung of the ladder, where a probe reaches this step.
    pub fn stage(self) -> Option<Stage> {
        Some(match self {
            Self::Name => Stage::Name,
            Self::Tcp => Stage::Tcp,
            Self::X224 => Stage::X224,
            Self::Tls => Stage::Tls,
            Self::Certificate => Stage::Certificate,
            Self::Credssp => Stage::Credssp,
            Self::Logon | Self::Licence | Self::Session | Self::Gateway | Self::Client | Self::Host => return None,
        })
    }

    /// Names it as the ladder does, or similarly.
    pub fn word(self) -> &'static str {
        match self {
            Self::Logon => "logon",
            Self::Licence => "licence",
            Self::Session => "session",
            Self::Gateway => "gateway",
            Self::Client => "client",
            Self::Host => "host",
            _ => self.stage().map_or("", Stage::word),
        }
    }
}

/// Code together with its family.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Family of the code.
    pub family: &'static Family,
    /// The code itself.
    pub code: &'static Code,
}

impl Entry {
    /// Returns its public name, such as `disconnect/0x904`, `event-client/1026` or `pair/0x904/0x7`.
    pub fn id(self) -> String {
        let extended = self.code.extended.map(|number| format!("/0x{number:X}")).unwrap_or_default();
        format!("{}/{}{extended}", self.family.id, self.family.form.write(self.code.number))
    }

    /// True if part of it is unchecked or unconfirmed.
    pub fn weak(self) -> bool {
        self.code.confidence == Sureness::Low || self.code.sources.iter().any(|mark| mark.weak())
    }

    /// Returns the causes that lead to it; a pair without any of its own has those of its first number.
    pub fn causes(self) -> &'static [Link] {
        if self.code.causes.is_empty() && self.code.extended.is_some() {
            return find("disconnect", self.code.number).map_or(&[], |first| &first.code.causes);
        }
        &self.code.causes
    }
}

/// Returns every family, in the order of `FILES`.
pub fn families() -> &'static [Family] {
    &FAMILIES
}

/// Finds the family of this id.
pub fn family(id: &str) -> Option<&'static Family> {
    families().iter().find(|family| family.id == id)
}

/// Iterates over every code.
pub fn all() -> impl Iterator<Item = Entry> {
    families().iter().flat_map(|family| family.codes.iter().map(move |code| Entry { family, code }))
}

/// Finds the code of this number in the family of this id.
pub fn find(id: &str, number: u32) -> Option<Entry> {
    let family = family(id)?;
    let code = family.codes.iter().find(|code| code.number == number && code.extended.is_none())?;
    Some(Entry { family, code })
}

/// Finds the pair of these numbers, where the two together have a meaning.
pub fn pair(number: u32, extended: u32) -> Option<Entry> {
    all().find(|entry| entry.code.number == number && entry.code.extended == Some(extended))
}

/// Finds the code of this id, however its numbers are written.
pub fn by_id(id: &str) -> Option<Entry> {
    let mut parts = id.split('/');
    let family = parts.next()?.to_ascii_lowercase();
    let number = crate::symptom::parse_code(parts.next()?).ok()?;
    match (parts.next(), parts.next()) {
        (None, _) => find(&family, number),
        (Some(extended), None) if family == "pair" => pair(number, crate::symptom::parse_code(extended).ok()?),
        _ => None,
    }
}

/// Finds a number that a client shows as its error code: a disconnect reason, a gateway's, or an HRESULT.
pub fn shown_by_client(number: u32) -> Option<Entry> {
    ["disconnect", "gateway", "hresult"].into_iter().find_map(|family| find(family, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_can_be_read() {
        for text in FILES {
            let family = table::parse(text).unwrap();
            assert!(!family.codes.is_empty() && !family.shown.is_empty() && !family.about.is_empty(), "{}", family.id);
        }
    }
}
