//! Sentences that programs show or log, and what each says (`data/messages/*.toml`).
//!
//! A `[[message]]` has an answer of its own; a `[[lead]]` says the same as an entry that is there anyway: a code, a
//! cause.
//!
//!   id        of a message its name; `list` is what stands before it (message, avd)
//!   to        of a lead the ids of entries, the one that is meant first
//!   says      texts by which it is known, in any spelling of capitals and signs; `*` stands for a few words
//!   begins    beginnings of words that are followed by digits, such as the numbers of Entra's refusals
//!   functions beginnings of names of functions, which a log puts before its sentences: they count in lines that tell
//!             of an error, where Remote Desktop is named
//!   part      true for the part of a program that a line of its log belongs to, and for lines that say nothing: any
//!             other sentence says more
//!   topics    words of people who have no message: each is a list of words that all have to be there, `|` between
//!             words of which one is enough, and `(not)` for any word that tells of trouble; they count where Remote
//!             Desktop is named
//!   concepts  words of `data/glossary.toml` that all have to be there, in whatever language: a dialog that is known by
//!             none of its sentences
//!   alone     true where the words of a topic are enough, without Remote Desktop being named
//!   rank      1: it hardly says what is wrong, 2: it narrows it, 3 (usual): it says so, 4: it names the cause
//!   generic   other programs say so too: it counts only where nothing speaks of another program
//!   normal    true where it says that something is as it should be: the output of a command on a sound machine
//!   without   texts with which it says something else, wherever they stand
//!   attested  false where the words are not from a source, as in a language that was put together from memory
//!   run, why  a command that helps or tells more, and what it is for

use std::sync::LazyLock;

use serde::Deserialize;

use diagnosis::codes::{Link, Sureness};

const FILES: &[&str] = &[
    include_str!("../data/messages/mstsc.toml"),
    include_str!("../data/messages/languages.toml"),
    include_str!("../data/messages/languages-logon.toml"),
    include_str!("../data/messages/languages-linux.toml"),
    include_str!("../data/messages/dialogs.toml"),
    include_str!("../data/messages/freerdp.toml"),
    include_str!("../data/messages/linux-hosts.toml"),
    include_str!("../data/messages/clients.toml"),
    include_str!("../data/messages/programs.toml"),
    include_str!("../data/messages/components.toml"),
    include_str!("../data/messages/azure.toml"),
    include_str!("../data/messages/entra.toml"),
    include_str!("../data/messages/services.toml"),
    include_str!("../data/messages/events.toml"),
    include_str!("../data/messages/event-texts.toml"),
    include_str!("../data/messages/event-tables.toml"),
    include_str!("../data/messages/names.toml"),
    include_str!("../data/messages/policies.toml"),
    include_str!("../data/messages/roles.toml"),
    include_str!("../data/messages/rdp-settings.toml"),
    include_str!("../data/messages/outputs.toml"),
    include_str!("../data/messages/outputs-well.toml"),
    include_str!("../data/messages/symptoms.toml"),
];

static ALL: LazyLock<Vec<Message>> =
    LazyLock::new(|| FILES.iter().flat_map(|text| parse(text).expect("a test reads the shipped messages")).collect());

/// A sentence with an answer of its own, or one that leads to an entry.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a statement of its own in the data")]
pub struct Message {
    /// Its public name, such as `message/xrdp-key-unreadable`; of a lead nothing.
    pub id: Option<String>,
    /// Entries that say the same, the one that is meant first; of a message nothing.
    pub to: Vec<String>,
    /// The program that says it.
    pub program: String,
    /// Texts by which it is known.
    pub says: Vec<String>,
    /// Beginnings of words that are followed by digits, in lower case.
    pub begins: Vec<String>,
    /// Beginnings of names of functions, in lower case.
    pub functions: Vec<String>,
    /// Words by which a symptom is known.
    pub topics: Vec<String>,
    /// Words of the glossary by which a dialog in another language is known.
    pub concepts: Vec<String>,
    /// Its words are enough where Remote Desktop is not named.
    pub alone: bool,
    /// It is only the part of a program that a line belongs to.
    pub part: bool,
    /// How much it says, from 1 to 4.
    pub rank: u8,
    /// Other programs say so too.
    pub generic: bool,
    /// Whether it says that something is as it should be.
    pub tells: Tells,
    /// Texts with which it says something else.
    pub without: Vec<String>,
    /// The words are from a source.
    pub attested: bool,
    /// Meaning, as a clause.
    pub meaning: String,
    /// Further facts, in sentences.
    pub note: Option<String>,
    /// A command that helps or tells more.
    pub run: Option<String>,
    /// Purpose of the command.
    pub why: Option<String>,
    /// Causes that lead to it, the likeliest first.
    pub causes: Vec<Link>,
    /// Entries that belong to it.
    pub see: Vec<String>,
    /// Where it comes from, in words.
    pub sources: Vec<String>,
    /// How sure it is.
    pub confidence: Sureness,
}

/// Sort of news that a sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Something is wrong, or may be.
    Trouble,
    /// Something is as it should be.
    Health,
}

impl Message {
    /// True if it says that something is as it should be.
    pub fn normal(&self) -> bool {
        self.tells == Tells::Health
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    message: Vec<Own>,
    #[serde(default)]
    lead: Vec<Lead>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a statement of its own in the data")]
struct Own {
    id: String,
    #[serde(default = "own_list")]
    list: String,
    #[serde(default)]
    program: String,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    begins: Vec<String>,
    #[serde(default)]
    functions: Vec<String>,
    #[serde(default)]
    part: bool,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    alone: bool,
    #[serde(default = "usual_rank")]
    rank: u8,
    #[serde(default)]
    generic: bool,
    #[serde(default)]
    normal: bool,
    #[serde(default)]
    without: Vec<String>,
    meaning: String,
    note: Option<String>,
    run: Option<String>,
    why: Option<String>,
    #[serde(default)]
    causes: Vec<Link>,
    #[serde(default)]
    see: Vec<String>,
    sources: Vec<String>,
    #[serde(default = "usual_confidence")]
    confidence: Sureness,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lead {
    to: Vec<String>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    concepts: Vec<String>,
    #[serde(default)]
    alone: bool,
    #[serde(default = "usual_rank")]
    rank: u8,
    #[serde(default)]
    generic: bool,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default = "yes")]
    attested: bool,
}

fn own_list() -> String {
    "message".to_owned()
}

fn usual_rank() -> u8 {
    3
}

fn usual_confidence() -> Sureness {
    Sureness::Medium
}

fn yes() -> bool {
    true
}

fn parse(text: &str) -> Result<Vec<Message>, toml::de::Error> {
    let written: Written = toml::from_str(text)?;
    Ok(written.message.into_iter().map(Own::into).chain(written.lead.into_iter().map(Lead::into)).collect())
}

impl From<Own> for Message {
    fn from(own: Own) -> Self {
        Self {
            id: Some(format!("{}/{}", own.list, own.id)),
            to: Vec::new(),
            program: own.program,
            says: own.says,
            begins: own.begins,
            functions: own.functions,
            part: own.part,
            topics: own.topics,
            concepts: Vec::new(),
            alone: own.alone,
            rank: own.rank,
            generic: own.generic,
            tells: if own.normal { Tells::Health } else { Tells::Trouble },
            without: own.without,
            attested: true,
            meaning: own.meaning,
            note: own.note,
            run: own.run,
            why: own.why,
            causes: own.causes,
            see: own.see,
            sources: own.sources,
            confidence: own.confidence,
        }
    }
}

impl From<Lead> for Message {
    fn from(lead: Lead) -> Self {
        Self {
            id: None,
            to: lead.to,
            program: String::new(),
            says: lead.says,
            begins: Vec::new(),
            functions: Vec::new(),
            part: false,
            topics: lead.topics,
            concepts: lead.concepts,
            alone: lead.alone,
            rank: lead.rank,
            generic: lead.generic,
            tells: Tells::Trouble,
            without: lead.without,
            attested: lead.attested,
            meaning: String::new(),
            note: None,
            run: None,
            why: None,
            causes: Vec::new(),
            see: Vec::new(),
            sources: Vec::new(),
            confidence: Sureness::High,
        }
    }
}

/// Every sentence that is known, in the order of its files.
pub fn all() -> &'static [Message] {
    &ALL
}

/// The message of this id, however its letters are written.
pub fn find(id: &str) -> Option<&'static Message> {
    all().iter().find(|message| message.id.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use diagnosis::{causes, codes};

    fn known(id: &str) -> bool {
        causes::find(id).is_some() || codes::by_id(id).is_some() || find(id).is_some()
    }

    #[test]
    fn every_file_can_be_read() {
        for text in FILES {
            assert!(!parse(text).unwrap().is_empty());
        }
    }

    #[test]
    fn every_link_leads_somewhere_and_no_lead_to_a_fix() {
        for message in all() {
            for to in message.to.iter().chain(&message.see) {
                assert!(known(to), "{:?} {:?}: {to}", message.id, message.says.first());
            }
            for link in &message.causes {
                assert!(causes::find(&link.to).is_some() && !link.why.is_empty(), "{:?}: {}", message.id, link.to);
            }
            assert_eq!(message.id.is_some(), message.to.is_empty(), "{message:?}");
        }
    }

    #[test]
    fn a_message_says_what_it_means_and_where_that_comes_from() {
        let mut ids = std::collections::BTreeSet::new();
        for message in all() {
            let known_by = [&message.says, &message.topics, &message.concepts, &message.begins, &message.functions]
                .iter()
                .any(|words| !words.is_empty());
            assert!((1..=4).contains(&message.rank) && known_by, "{message:?}");
            let Some(id) = &message.id else { continue };
            assert!(ids.insert(id.to_lowercase()), "{id} is there twice");
            assert!(!message.meaning.is_empty() && !message.meaning.ends_with('.'), "{id}");
            assert!(message.note.as_ref().is_none_or(|note| note.ends_with('.')), "{id}");
            assert!(!message.sources.is_empty(), "{id}");
            assert!(
                message.says.is_empty() || message.generic || !message.program.is_empty() || !message.topics.is_empty()
            );
            assert_eq!(message.run.is_some(), message.why.is_some(), "{id}");
            // what is as it should be says little, so that whatever is not stands before it, and has no cause
            assert!(!message.normal() || message.rank == 1 && message.causes.is_empty(), "{id}");
        }
    }
}
