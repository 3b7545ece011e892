//! Searches causes, fixes, claims and guides by words. Pure; an index is made in milliseconds.
//!
//! The weight of a hit is that of BM25F: rare words count for more than frequent ones, a word in a title or a keyword
//! for more than one in the text, and long texts are not favoured. On top of that a keyword phrase that is in the query
//! as a whole counts once more. Words are compared by their stems (`search/words.rs`); an unknown word stands for those
//! that are one or two typing errors away.

mod documents;
mod words;

pub use documents::{book, documents};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use words::compounds;
pub use words::terms;

/// Letters of a query that are read.
pub const LONGEST_QUERY: usize = 512;
/// Words of a query that are looked up.
const MOST_TERMS: usize = 48;
/// Rate at which a repeated word counts for less.
const SATURATION: f64 = 1.2;
/// Influence of a field's length.
const LENGTH: f64 = 0.5;
/// Weight of a phrase that is in the query as a whole, beside its words.
const PHRASE: f64 = 0.75;
/// Weight of two words written as one, in the query or in the document.
const COMPOUND: f64 = 0.8;

/// Most typing errors of a name that is recognised.
const MISTAKES: usize = 3;
/// How many similar names are offered.
const SIMILAR: usize = 3;
/// Words that stand in every question, whatever it is about.
const EVERYWHERE: [&str; 48] = [
    "error",
    "code",
    "extend",
    "message",
    "fail",
    "problem",
    "remote",
    "desktop",
    "rdp",
    "connect",
    "session",
    "server",
    "client",
    "window",
    "computer",
    "pc",
    "service",
    "user",
    "host",
    "system",
    "network",
    "issue",
    "work",
    "get",
    "try",
    "help",
    "fix",
    "please",
    "happen",
    "show",
    "say",
    "always",
    "suddenly",
    "anymor",
    "since",
    "using",
    "via",
    "microsoft",
    "why",
    "remotedesktop",
    "only",
    "over",
    "make",
    "new",
    "just",
    "errorcode",
    "extended",
    "now",
];
/// Their terms.
static SAYS_NOTHING: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| EVERYWHERE.iter().flat_map(|word| terms(word)).collect());

/// Document that can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Kind: `cause`, `fix`, `claim`, `guide`, …
    pub kind: &'static str,
    /// Name among its kind.
    pub id: String,
    /// Title, read first.
    pub title: String,
    /// Everything else.
    pub text: String,
    /// Phrases that people type, separated by commas.
    pub keywords: String,
}

/// Document that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Kind of document.
    pub kind: &'static str,
    /// Name among its kind.
    pub id: String,
    /// Title, read first.
    pub title: String,
    /// Score: more is better; comparable within one index only.
    pub score: f64,
    /// Share of the query that it covers, from 0 to 1; rare words count for more. Near 0 it matched by accident.
    pub covered: f64,
    /// Share of the query that its best keyword phrase is, where the whole phrase is in the query; 0 where none is.
    pub phrase: f64,
    /// Share of the query's telling words that its name, title and keywords hold, from 0 to 1. A word that its text
    /// mentions in passing is none of them; words that stand in every question are not counted.
    pub subject: f64,
    /// Words that it has in common with the query.
    pub matched: Vec<String>,
}

/// Field of a document.
type Field = fn(&Document) -> &str;

/// Count of each term.
type Counts = BTreeMap<String, f64>;

/// Fields of a document, with the weight of a word in them.
const FIELDS: [(Field, f64); 4] = [(|d| &d.id, 2.0), (|d| &d.title, 2.5), (|d| &d.keywords, 3.0), (|d| &d.text, 1.0)];

/// Index of documents by their words.
#[derive(Debug)]
pub struct Index {
    documents: Vec<Document>,
    /// For each term the documents that have it, with its weight.
    postings: BTreeMap<String, Vec<(usize, f64)>>,
    /// For each document its keyword phrases, as terms.
    phrases: Vec<Vec<BTreeSet<String>>>,
    /// For each document the terms of its name, title and keywords.
    subjects: Vec<BTreeSet<String>>,
}

impl Index {
    /// Indexes these documents.
    pub fn new(documents: impl IntoIterator<Item = Document>) -> Self {
        let documents: Vec<Document> = documents.into_iter().collect();
        let fields: Vec<[Counts; 4]> =
            documents.iter().map(|document| FIELDS.map(|(field, _)| counted(field(document)))).collect();
        let mut postings: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
        let lengths = lengths(&fields);
        for (number, fields) in fields.iter().enumerate() {
            for (term, weight) in weighed(fields, &lengths) {
                postings.entry(term).or_default().push((number, weight));
            }
        }
        let phrases = documents.iter().map(|document| document.keywords.split(',').map(phrase).collect()).collect();
        let subjects = fields.into_iter().map(|[id, title, keywords, _]| [id, title, keywords]);
        let subjects = subjects.map(|fields| fields.into_iter().flat_map(BTreeMap::into_keys).collect()).collect();
        Self { documents, postings, phrases, subjects }
    }

    /// Finds the documents that fit best, the best first; equal ones by kind and id. Only the beginning of a long query
    /// is read.
    pub fn find(&self, query: &str, limit: usize) -> Vec<Hit> {
        let end = query.char_indices().nth(LONGEST_QUERY).map_or(query.len(), |(at, _)| at);
        let asked = self.asked(&query[..end]);
        let whole: f64 = asked.iter().map(|(term, share)| share * self.rarity(term)).sum();
        let mut found: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        let mut phrases: BTreeMap<usize, f64> = BTreeMap::new();
        for (term, share) in &asked {
            let worth = share * self.rarity(term);
            for (number, weight) in self.postings.get(term).into_iter().flatten() {
                let (score, covered) = found.entry(*number).or_default();
                *score += worth * weight / (SATURATION + weight);
                *covered += worth / whole;
            }
        }
        for (number, (score, _)) in &mut found {
            let phrase = self.best_phrase(*number, &asked);
            *score += PHRASE * phrase;
            phrases.insert(*number, phrase / whole);
        }
        let telling = self.telling(&asked, &query[..end]);
        let mut hits: Vec<Hit> = found
            .into_iter()
            .map(|(number, (s, c))| self.hit(number, s, c, phrases[&number], self.subject(number, &telling)))
            .collect();
        // only what is shown says by which words it was found
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (a.kind, &a.id).cmp(&(b.kind, &b.id))));
        hits.truncate(limit);
        for hit in &mut hits {
            hit.matched = self.matched(hit, &asked, &query[..end]);
        }
        hits
    }

    /// The words of the query that a document has, as they were typed; of a misspelt query the terms that stand for
    /// them.
    fn matched(&self, hit: &Hit, asked: &Counts, query: &str) -> Vec<String> {
        let has = |term: &String| {
            let having = self.postings.get(term).into_iter().flatten();
            having.map(|(number, _)| &self.documents[*number]).any(|one| (one.kind, &one.id) == (hit.kind, &hit.id))
        };
        let typed = query.split_whitespace().map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()));
        let words: Vec<String> = typed.filter(|word| terms(word).iter().any(has)).map(str::to_lowercase).collect();
        if words.is_empty() { asked.keys().filter(|term| has(term)).cloned().collect() } else { words }
    }

    fn hit(&self, number: usize, score: f64, covered: f64, phrase: f64, subject: f64) -> Hit {
        let Document { kind, id, title, .. } = &self.documents[number];
        Hit {
            kind,
            id: id.clone(),
            title: title.clone(),
            score,
            covered: covered.min(1.0),
            phrase,
            subject,
            matched: Vec::new(),
        }
    }

    /// Returns the terms to look up, each with its share: 1 as typed, less for a guess at a typing error. An unknown
    /// word without a guess stays, as an uncovered part of the query.
    fn asked(&self, query: &str) -> Counts {
        let typed: Vec<String> = terms(query).into_iter().take(MOST_TERMS).collect();
        let mut asked = BTreeMap::new();
        let mut add = |term: String, share: f64| {
            let entry: &mut f64 = asked.entry(term).or_default();
            *entry = entry.max(share);
        };
        for compound in compounds(&typed).filter(|term| self.postings.contains_key(term)) {
            add(compound, COMPOUND);
        }
        for term in typed {
            if self.postings.contains_key(&term) {
                add(term, 1.0);
            } else {
                let (near, share) = words::near(&term, self.postings.keys().map(String::as_str));
                if near.is_empty() {
                    add(term, 1.0);
                }
                for term in near {
                    add(term, share);
                }
            }
        }
        asked
    }

    /// Weight of a term: high if few documents have it.
    fn rarity(&self, term: &str) -> f64 {
        let with = count(self.postings.get(term).map_or(0, Vec::len));
        let all = count(self.documents.len());
        ((all - with + 0.5) / (with + 0.5)).ln_1p()
    }

    /// The telling words of a query with their shares and weights: no words of every question, no numbers that are
    /// nowhere, and no two words read as one.
    fn telling<'a>(&self, asked: &'a Counts, query: &str) -> Vec<(&'a String, f64, f64)> {
        let joined: BTreeSet<String> = compounds(&terms(query)).collect();
        let counts = |term: &String| telling(term) || digits(term) && self.postings.contains_key(term);
        let telling = asked.iter().filter(|(term, _)| counts(term) && !joined.contains(*term));
        telling.map(|(term, share)| (term, *share, self.rarity(term))).collect()
    }

    /// How much of these words a document is about; 0 where there are none.
    fn subject(&self, number: usize, telling: &[(&String, f64, f64)]) -> f64 {
        let all: f64 = telling.iter().map(|(_, _, worth)| worth).sum();
        let about = telling.iter().filter(|(term, _, _)| self.subjects[number].contains(*term));
        let told: f64 = about.map(|(_, share, worth)| share * worth).sum();
        if all > 0.0 { told / all } else { 0.0 }
    }

    /// Weight of the best phrase of a document that is in the query as a whole.
    fn best_phrase(&self, number: usize, asked: &Counts) -> f64 {
        let whole = self.phrases[number].iter().filter_map(|phrase| {
            let shares = phrase.iter().map(|term| asked.get(term).map(|share| share * self.rarity(term)));
            shares.sum::<Option<f64>>()
        });
        whole.fold(0.0, f64::max)
    }
}

/// Returns the known names that a misspelt one may stand for, the nearest first: those of which a part between hyphens,
/// or the whole, is at most a third of its letters away, or begins with it.
pub fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name: String = name.to_lowercase().chars().take(LONGEST_QUERY).collect();
    let allowed = (name.chars().count() / 3).min(MISTAKES);
    let near = known.filter_map(|known| {
        let whole = strsim::osa_distance(&name, known);
        let parts = known.split('-').map(|part| strsim::osa_distance(&name, part) + 1);
        let begins = (name.chars().count() > 2 && known.starts_with(&name)).then_some(1);
        let errors = parts.chain([whole]).chain(begins).min()?;
        (errors <= allowed).then_some((errors, known.len(), known))
    });
    let mut near: Vec<(usize, usize, &str)> = near.collect();
    near.sort_unstable();
    near.into_iter().take(SIMILAR).map(|(_, _, known)| known).collect()
}

/// True if a term says what a question is about: it is no word of every question, and no number.
pub fn telling(term: &str) -> bool {
    !SAYS_NOTHING.contains(term) && !digits(term)
}

/// True for a number, and for the number of an update.
fn digits(term: &str) -> bool {
    let term = term.strip_prefix("kb").unwrap_or(term);
    term.bytes().all(|byte| byte.is_ascii_digit())
}

/// Counts the terms of a text. Two words in a row count as one word as well.
fn counted(text: &str) -> Counts {
    let typed = terms(text);
    let mut counted: Counts = BTreeMap::new();
    for compound in compounds(&typed) {
        counted.insert(compound, COMPOUND);
    }
    for term in typed {
        *counted.entry(term).or_default() += 1.0;
    }
    counted
}

/// Returns the average length of each field.
fn lengths(documents: &[[Counts; 4]]) -> [f64; 4] {
    let mut sums = [0; 4];
    for fields in documents {
        for (sum, field) in sums.iter_mut().zip(fields) {
            *sum += field.len();
        }
    }
    sums.map(|sum| (count(sum) / count(documents.len().max(1))).max(1.0))
}

/// Weighs each term of a document, over its fields.
fn weighed(fields: &[Counts; 4], lengths: &[f64; 4]) -> Counts {
    let mut weights = BTreeMap::new();
    for ((field, usual), (_, boost)) in fields.iter().zip(lengths).zip(FIELDS) {
        let norm = 1.0 - LENGTH + LENGTH * count(field.len()) / usual;
        for (term, times) in field {
            *weights.entry(term.clone()).or_default() += boost * times / norm;
        }
    }
    weights
}

fn phrase(text: &str) -> BTreeSet<String> {
    terms(text).into_iter().collect()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(id: &str, title: &str, keywords: &str) -> Document {
        Document {
            kind: "cause",
            id: id.to_owned(),
            title: title.to_owned(),
            text: String::new(),
            keywords: keywords.to_owned(),
        }
    }

    fn first(documents: &[Document], query: &str) -> Option<String> {
        Index::new(documents.to_vec()).find(query, 1).pop().map(|hit| hit.id)
    }

    fn some() -> Vec<Document> {
        vec![
            document("port-closed", "nothing listens on the port", "connection refused"),
            document("certificate-expired", "the certificate has expired", ""),
            document("c15", "Rename MachineKeys and reboot", "rename MachineKeys"),
            document("other", "Keys of the certificate, after a reboot", ""),
        ]
    }

    #[test]
    fn words_are_found_by_stem_typing_error_and_compound() {
        for (query, id) in [
            ("expiring certificates", "certificate-expired"),
            ("certificat expred", "certificate-expired"),
            ("machine keys", "c15"),
            ("machinekeys", "c15"),
            ("MACHINEKEYS renaming", "c15"),
            ("conection refusd", "port-closed"),
        ] {
            assert_eq!(first(&some(), query).as_deref(), Some(id), "{query}");
        }
        assert_eq!(first(&some(), "xylophone"), None);
        let covered = |query: &str| Index::new(some()).find(query, 1)[0].covered;
        assert!(covered("rename MachineKeys") > 0.99 && covered("xylophone quartet reboot") < 0.4);
        assert_eq!(first(&some(), ""), None);
    }

    #[test]
    fn a_phrase_that_is_there_as_a_whole_counts_more_than_its_words() {
        let documents = [document("a", "x", "red house, blue"), document("b", "x", "red, house blue")];
        assert_eq!(first(&documents, "red house").as_deref(), Some("a"));
        assert_eq!(first(&documents, "blue house").as_deref(), Some("b"));
    }

    #[test]
    fn a_misspelt_name_has_similar_ones_and_another_word_has_none() {
        let known = ["certificate-expired", "certificate-weak", "port-closed", "listener-silent"];
        let found = |name: &str| similar(name, known.into_iter());
        assert_eq!(found("certificate-expird"), ["certificate-expired"]);
        assert_eq!(found("expird"), ["certificate-expired"]);
        assert_eq!(found("Port"), ["port-closed"]);
        assert_eq!(found("certificate"), ["certificate-weak", "certificate-expired"]);
        assert!(found("banana").is_empty() && found("").is_empty());
    }

    #[test]
    fn a_hit_is_about_what_its_title_says_and_not_about_what_its_text_mentions() {
        let index = Index::new(some());
        let subject =
            |query: &str, id: &str| index.find(query, 9).into_iter().find(|hit| hit.id == id).map(|hit| hit.subject);
        assert!(subject("expired certificate", "certificate-expired").unwrap() > 0.9);
        assert!(subject("expired xylophone", "certificate-expired").unwrap() < 0.6);
        assert_eq!(
            subject("rdp session keys", "c15").map(|share| share > 0.9),
            Some(true),
            "words of every question do not count"
        );
    }

    #[test]
    fn a_long_query_is_cut_and_equal_hits_have_an_order() {
        assert_eq!(Index::new(some()).find(&("ä".repeat(10_000) + " expired"), 9), []);
        let twins = [document("b", "same", ""), document("a", "same", "")];
        let ids: Vec<_> = Index::new(twins).find("same", 9).into_iter().map(|hit| hit.id).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_panics(query in ".{0,600}", texts in prop::collection::vec(".{0,40}", 0..6)) {
            let documents = texts.iter().map(|text| Document { text: text.clone(), ..document(text, text, text) });
            Index::new(documents).find(&query, 5);
        }

        #[test]
        fn the_order_of_documents_does_not_matter(
            order in Just(some()).prop_shuffle(),
            query in prop::sample::select(vec!["reboot the certificate", "keys", "port conection", "rename machine keys"]),
        ) {
            prop_assert_eq!(Index::new(order).find(query, 9), Index::new(some()).find(query, 9));
        }
    }
}
