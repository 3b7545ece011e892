//! Decides what a text speaks of: Remote Desktop, another program, or nothing in particular. A number or an everyday
//! word is only told as ours where the words around it carry that.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use diagnosis::codes::{self, Code, Entry};

use super::tokens::Tokens;
use crate::search::terms;

/// Words of `data/subjects.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subjects {
    foreign: HashSet<String>,
    foreign_in_two: Pairs,
    foreign_begins: Vec<String>,
    foreign_ports: HashSet<String>,
    ours: HashSet<String>,
    ours_in_two: Pairs,
    perhaps_in_two: Pairs,
    perhaps: HashSet<String>,
    neutral: HashSet<String>,
}

/// Two words that stand beside each other: to the second one all that can stand before it.
#[derive(Deserialize)]
#[serde(from = "Vec<String>")]
struct Pairs(HashMap<String, Vec<String>>);

impl From<Vec<String>> for Pairs {
    fn from(written: Vec<String>) -> Self {
        let mut pairs: HashMap<String, Vec<String>> = HashMap::new();
        for (first, second) in written.iter().filter_map(|two| two.split_once(' ')) {
            pairs.entry(second.to_owned()).or_default().push(first.to_owned());
        }
        Self(pairs)
    }
}

impl Pairs {
    fn has(&self, before: &str, word: &str) -> bool {
        self.0.get(word).is_some_and(|firsts| firsts.iter().any(|first| first == before))
    }
}

static SUBJECTS: LazyLock<Subjects> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/subjects.toml")).expect("a test reads it"));

/// Share of the words beside the number of an event that have to be about it.
const OF_EVENT: usize = 3;
/// Up to this many words the whole text is what stands beside a number.
const SHORT: usize = 40;
/// Bytes of a text whose words are compared with an entry.
const COMPARED: usize = 2_000;

/// Subject of a text, as far as its words say it.
#[derive(Debug, Default)]
pub(super) struct About {
    /// Another program is named, and Remote Desktop is not.
    pub(super) foreign: bool,
    /// Remote Desktop is named, or a part of it.
    pub(super) ours: bool,
    /// The words that stand beside any number left out, as stems; of a long text none.
    content: HashSet<String>,
    /// There are more words than can be compared with one entry.
    long: bool,
}

impl About {
    /// Looks at the words of a text.
    pub(super) fn of(text: &str, tokens: &Tokens) -> Self {
        let named = Named::in_words(tokens);
        let other = named.foreign || shares(tokens) || text.split_whitespace().any(names_port);
        let long = tokens.len() > SHORT;
        Self {
            foreign: other && !named.ours,
            ours: named.ours || named.perhaps,
            content: if long { HashSet::new() } else { content(text) },
            long,
        }
    }

    /// True if nothing but words that stand beside any number is there, or Remote Desktop is named.
    pub(super) fn bare(&self) -> bool {
        self.ours || !self.long && self.content.is_empty()
    }

    /// True if the words beside a number carry this meaning of it; `beside` is its line, for a long text.
    pub(super) fn carries(&self, entry: Entry, beside: &str) -> bool {
        if self.bare() {
            return true;
        }
        let near;
        let content = if self.long {
            near = content(beside);
            &near
        } else {
            &self.content
        };
        let known = words_of(entry);
        let shared = content.iter().filter(|term| known.contains(*term)).count();
        shared > 0 && (!entry.family.events || shared * OF_EVENT >= content.len()) || content.is_empty()
    }
}

/// The words of a text that say something, as stems.
fn content(text: &str) -> HashSet<String> {
    let end = (0..=text.len().min(COMPARED)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let number = |term: &str| term.starts_with(|letter: char| letter.is_ascii_digit()) || term.chars().count() < 2;
    terms(&text[..end]).into_iter().filter(|term| !SUBJECTS.neutral.contains(term) && !number(term)).collect()
}

/// The words of a code, as stems.
fn words_of(entry: Entry) -> HashSet<String> {
    let Code { meaning, note, keywords, provider, name, .. } = entry.code;
    let parts = [note, provider, name].into_iter().flatten().map(String::as_str);
    let mut text = String::from(meaning);
    for part in parts.chain(keywords.iter().map(String::as_str)).chain(entry.family.words.iter().map(String::as_str)) {
        text.push(' ');
        text.push_str(part);
    }
    content(&text)
}

/// The events of the providers that a text names, in lower case; `Some` of nothing where it names only others.
pub(super) fn provided(lower: &str) -> Option<Vec<&'static str>> {
    // those of lines without numbers are names of programs
    let ours = codes::all().filter(|entry| entry.family.events && entry.family.id != "event-programs");
    let ours = ours.filter_map(|entry| entry.code.provider.as_deref().zip(Some(entry.family.words.is_empty())));
    let ours: BTreeSet<(&str, bool)> = ours.collect();
    let mut named: Vec<&'static str> = Vec::new();
    let words: HashSet<&str> =
        lower.split(|letter: char| !letter.is_alphanumeric() && !"-_.".contains(letter)).collect();
    for (provider, single) in ours {
        let whole = provider.to_ascii_lowercase();
        let tail = whole.rsplit_once("windows-").map_or(whole.as_str(), |(_, tail)| tail);
        // Security-Kerberos is called Kerberos; the lists have words of their own
        let last = tail.rsplit('-').next().unwrap_or(tail);
        let named_so = if tail.contains(' ') {
            lower.contains(tail)
        } else {
            [whole.as_str(), tail].iter().any(|name| words.contains(name))
                || single && last.len() > 5 && words.contains(last)
        };
        if named_so && !named.contains(&provider) {
            named.push(provider);
        }
    }
    let microsoft = words.iter().any(|word| word.len() > 18 && word.starts_with("microsoft-windows-"));
    let source = ["source:", "quelle:", "provider:", "providername:"].iter().any(|label| lower.contains(label));
    (!named.is_empty() || microsoft || source).then_some(named)
}

/// Programs that the words of a text name.
#[derive(Default)]
struct Named {
    ours: bool,
    perhaps: bool,
    foreign: bool,
}

impl Named {
    fn in_words(tokens: &Tokens) -> Self {
        let known = &*SUBJECTS;
        let mut named = Self::default();
        let mut before = "";
        for word in tokens.iter() {
            // a name of theirs in the source code has their name as a part: `xrdp_wm_log_msg`
            let ours = known.ours_in_two.has(before, word) || word.split('_').any(|part| known.ours.contains(part));
            named.ours |= ours;
            named.perhaps |= known.perhaps_in_two.has(before, word) || known.perhaps.contains(word);
            let begins = |begin: &String| word.starts_with(begin.as_str());
            named.foreign |= before == "port" && known.foreign_ports.contains(word)
                || known.foreign.contains(word)
                || known.foreign_in_two.has(before, word)
                || known.foreign_begins.iter().any(begins);
            before = word;
        }
        named
    }
}

/// True for words of `net` about file shares: "System error 1326 has occurred".
fn shares(tokens: &Tokens) -> bool {
    let words = |at: usize| (0..5).map(move |offset| tokens.get(at + offset));
    (0..tokens.len()).any(|at| {
        let fits =
            |(word, wanted): (&str, &str)| if wanted == "0" { word.parse::<u32>().is_ok() } else { word == wanted };
        words(at).zip(["system", "error", "0", "has", "occurred"]).all(fits)
    })
}

/// An address with the port of another service: `127.0.0.1:5432`, `db.example:3306`.
fn names_port(word: &str) -> bool {
    let Some((host, port)) = word.trim_end_matches([':', ',', '.']).rsplit_once(':') else { return false };
    let port = port.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let host = host.rsplit(['/', '@']).next().unwrap_or_default();
    let host = host.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    SUBJECTS.foreign_ports.contains(port) && (host.contains('.') || host == "localhost") && !host.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> About {
        About::of(text, &Tokens::of(text))
    }

    #[test]
    fn a_text_is_ours_foreign_or_neither() {
        assert!(about("rdp error 7").ours && about("error 7 on the terminal server").ours);
        assert!(about("psql: error 7").foreign && !about("psql: error 7").ours);
        assert!(!about("rdp through ssh").foreign, "Remote Desktop is named");
        let neither = about("error 7 of the dishwasher");
        assert!(!neither.ours && !neither.foreign && !neither.bare());
        assert!(about("what does error code 7 mean").bare());
    }

    #[test]
    fn words_carry_the_entry_that_they_are_about() {
        let refused = codes::find("win32", 5).unwrap();
        assert!(about("error 5 access denied").carries(refused, ""));
        assert!(!about("error 5 of the dishwasher").carries(refused, ""));
        let event = codes::find("event-rcm", 1149).unwrap();
        assert!(!about("event 1149 backup finished on the second tape drive").carries(event, ""));
    }

    #[test]
    fn a_provider_is_known_by_its_name_and_another_one_is_another() {
        let named = |text: &str| provided(&text.to_lowercase());
        assert_eq!(named("event 41 Kernel-Power"), Some(vec!["Microsoft-Windows-Kernel-Power"]));
        assert_eq!(named("event 4 Kerberos"), Some(vec!["Microsoft-Windows-Security-Kerberos"]));
        assert_eq!(named("event 131 Microsoft-Windows-AppXDeployment-Server"), Some(Vec::new()));
        assert_eq!(named("Source: Application Error Event ID: 1000"), Some(Vec::new()));
        assert_eq!(named("event 41"), None);
    }
}
