//! The sentences of `messages.rs` in a text: word for word, or by their telling words.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use super::about::About;
use super::tokens::Tokens;
use super::trouble::nothing_wrong;
use crate::messages::{self, Message};

/// How many words a `*` can stand for.
const GAP: usize = 16;
/// How much of the weight of a sentence a line has to hold to be it. A test measures how near texts about other things
/// come.
const NEAR: f64 = 0.8;
/// Share that is enough where Remote Desktop is named.
const NEAR_OURS: f64 = 0.7;
/// The least weight of what they have in common, so that short sentences of common words are found word for word alone.
const WEIGHT: f64 = 9.0;
/// The fewest words that they have in common.
const WORDS: usize = 4;
/// Up to this many words a sentence is short.
const SHORT: usize = 6;
/// Different lines that are compared by their telling words.
const LINES: usize = 4_000;
/// Words of a line that are compared.
const LONGEST: usize = 160;
/// Up to this many words a sentence can be one that anybody says; how common its words are then, on average, among the
/// sentences that are known (the logarithm of one in how many has the word).
const FEW: usize = 4;
const EVERYDAY: f64 = 4.5;
/// Words of a line of a log that tells of an error.
pub(super) const FAILS: [&str; 9] =
    ["error", "fatal", "failed", "fail", "cannot", "unable", "invalid", "disconnect", "refused"];
/// How many sentences of one text are told.
const MOST: usize = 12;

/// Programs whose sentences are told by their telling words alone only where the program is named: others say nearly
/// the same.
const NAMED: [&str; 7] = ["guacd", "guacamole", "remmina", "rdesktop", "krdc", "krdp", "ironrdp"];
/// Beginnings of words in the logs of programs, with the program: their lines are near to no sentence of another one.
const LOGS: [(&str, &str); 6] = [
    ("xrdp_", "xrdp"),
    ("libxrdp", "xrdp"),
    ("sesman_", "xrdp"),
    ("freerdp_", "freerdp"),
    ("winpr_", "freerdp"),
    ("guacd", "guac"),
];
/// In a text about another program, sentences of fewer words count for nothing.
const SURE: usize = 8;
/// A sentence that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Message that was found.
    pub(super) message: &'static Message,
    /// The line that it begins in.
    pub(super) line: usize,
    /// It stands there word for word.
    pub(super) exact: bool,
    /// How many words it has: of two that are found, the longer one says more.
    pub(super) words: usize,
    /// Place of its pattern among all.
    number: usize,
}

struct Pattern {
    message: &'static Message,
    /// Programs of which it is a sentence, as far as they are in [`NAMED`].
    programs: Vec<&'static str>,
    /// Runs of words, with a gap between each two.
    runs: Vec<Vec<String>>,
    words: usize,
    /// Each of its words once, with its weight.
    weights: Vec<(String, f64)>,
    /// The weight of all of them.
    whole: f64,
}

impl Pattern {
    fn holds(&self, word: &str) -> bool {
        self.weights.iter().any(|(other, _)| other == word)
    }

    fn weight(&self, word: &str) -> f64 {
        self.weights.iter().find(|(other, _)| other == word).map_or(0.0, |(_, weight)| *weight)
    }
}

struct Patterns {
    all: Vec<Pattern>,
    /// The rarest word of the first run, and where it stands in it.
    anchors: HashMap<String, Vec<(usize, usize)>>,
    /// The sentences by their rarest word: without it a line says something else.
    telling: HashMap<String, Vec<usize>>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

impl Patterns {
    fn new() -> Self {
        let one = |message: &'static Message, text: &str| {
            let runs: Vec<Vec<String>> = text.split('*').map(run_of).filter(|run| !run.is_empty()).collect();
            let distinct: BTreeSet<&String> = runs.iter().flatten().collect();
            let weights = distinct.into_iter().map(|word| (word.clone(), 0.0)).collect();
            let names =
                |name: &&&str| message.program.to_lowercase().contains(**name) || text.to_lowercase().contains(**name);
            let programs = NAMED.iter().filter(names).copied().collect();
            Pattern { message, programs, words: runs.iter().map(Vec::len).sum(), runs, weights, whole: 0.0 }
        };
        let mut all: Vec<Pattern> = messages::all()
            .iter()
            .flat_map(|message| message.says.iter().map(move |text| one(message, text)))
            .collect();
        let mut having: HashMap<String, u32> = HashMap::new();
        for (word, _) in all.iter().flat_map(|pattern| &pattern.weights) {
            *having.entry(word.clone()).or_default() += 1;
        }
        let sentences = f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX));
        let (mut anchors, mut telling) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (number, pattern) in all.iter_mut().enumerate() {
            for (word, weight) in &mut pattern.weights {
                *weight = having.get(word).map_or(0.0, |having| (sentences / f64::from(*having)).ln());
            }
            pattern.whole = pattern.weights.iter().map(|(_, weight)| weight).sum();
            let Some(first) = pattern.runs.first() else { continue };
            let weight = |word: &str| pattern.weight(word);
            let rarest = first.iter().enumerate().max_by(|a, b| weight(a.1).total_cmp(&weight(b.1)));
            if let Some((at, word)) = rarest {
                anchors.entry(word.clone()).or_default().push((number, at));
            }
            let rarest = pattern.weights.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            if let Some((word, _)) = rarest {
                telling.entry(word.clone()).or_default().push(number);
            }
        }
        Self { all, anchors, telling }
    }

    /// The sentences that stand there word for word.
    fn exact(&self, tokens: &Tokens, about: &About) -> Vec<Said> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (at, word) in tokens.iter().enumerate() {
            for &(number, offset) in self.anchors.get(word).into_iter().flatten() {
                let Some(start) = at.checked_sub(offset) else { continue };
                let pattern = &self.all[number];
                if !seen.contains(&number)
                    && stands(pattern, tokens, start)
                    && !taken_back(pattern, tokens)
                    && (about.ours || !self.everyday(number) || fills(pattern, tokens, start))
                {
                    seen.insert(number);
                    found.push(Said {
                        line: tokens.line(start),
                        exact: true,
                        words: pattern.words,
                        message: pattern.message,
                        number,
                    });
                }
            }
        }
        found
    }

    /// True if another one that was found has all its words in it, and says that they are as they should be: the name
    /// of a setting leads nowhere where its value is the right one.
    fn as_it_should_be(&self, said: &Said, found: &[Said]) -> bool {
        let [run] = self.all[said.number].runs.as_slice() else { return false };
        let holds =
            |other: &Said| self.all[other.number].runs.iter().any(|runs| runs.windows(run.len()).any(|w| w == run));
        found.iter().any(|other| other.message.normal() && other.words > said.words && holds(other))
    }

    /// True if it is short and made of words that many sentences have, so that anybody can say it about anything.
    fn everyday(&self, number: usize) -> bool {
        let pattern = &self.all[number];
        let words = f64::from(u32::try_from(pattern.words).unwrap_or(u32::MAX));
        pattern.words <= FEW && !pattern.message.generic && pattern.whole < EVERYDAY * words
    }

    /// The sentences whose telling words stand in one line, or in two that follow each other.
    fn near(&self, tokens: &Tokens, about: &About) -> Vec<Said> {
        let mut found: Vec<Said> = Vec::new();
        let mut seen = HashSet::new();
        let lines = lines(tokens);
        let named: Vec<&str> = NAMED.into_iter().filter(|name| tokens.iter().any(|word| word.contains(name))).collect();
        // a line without a telling word is none of the sentences
        let telling: Vec<bool> = tokens.iter().map(|word| self.telling.contains_key(word)).collect();
        let tells = |(start, end): (usize, usize)| telling[start..end].contains(&true);
        for window in 0..lines.len().min(LINES) {
            let (start, end) = lines[window];
            let next = lines.get(window + 1).map_or(end, |line| line.1);
            for end in [end, next].map(|end| end.min(start + LONGEST)) {
                let words = || (start..end).map(|at| tokens.get(at)).collect::<Vec<&str>>();
                if !tells((start, end)) || !seen.insert(words()) {
                    continue;
                }
                let hit = self.nearest(&words(), &named, about).map(|number| Said {
                    message: self.all[number].message,
                    line: tokens.line(start),
                    exact: false,
                    words: self.all[number].words,
                    number,
                });
                found.extend(hit);
            }
        }
        found
    }

    fn nearest(&self, words: &[&str], named: &[&str], about: &About) -> Option<usize> {
        let shares = self.shares(words).into_iter();
        let enough = if about.ours { NEAR_OURS } else { NEAR };
        let of_named = |number: usize| {
            let programs = &self.all[number].programs;
            programs.is_empty() || programs.iter().any(|program| named.contains(program))
        };
        let begins = |(begin, _): &&(&str, &str)| words.iter().any(|word| word.starts_with(begin));
        let log = LOGS.iter().find(begins).map(|(_, program)| *program);
        let of_log =
            |number: usize| log.is_none_or(|program| self.all[number].message.program.to_lowercase().contains(program));
        // somebody else's line has the words of a sentence by chance, and more beside them
        let nothing_else = |number: usize| {
            let pattern = &self.all[number];
            let spoken = words.iter().filter(|word| word.starts_with(char::is_alphabetic));
            let (own, strange): (Vec<&str>, Vec<&str>) = spoken.partition(|word| pattern.holds(word));
            strange.len() * 2 <= own.len()
        };
        let fits = |number: usize| {
            of_named(number) && of_log(number) && (about.ours || !self.everyday(number) && nothing_else(number))
        };
        let near = shares.filter(|(number, share)| *share >= enough && fits(*number));
        let best = near.max_by(|a, b| {
            let (one, other) = (self.all[a.0].whole, self.all[b.0].whole);
            a.1.total_cmp(&b.1).then(one.total_cmp(&other)).then(b.0.cmp(&a.0))
        });
        best.map(|(number, _)| number)
    }

    /// How much of each sentence's weight is in these words, where its telling word is among them and they have enough
    /// in common to be compared at all.
    fn shares(&self, words: &[&str]) -> Vec<(usize, f64)> {
        let distinct: HashSet<&str> = words.iter().copied().collect();
        let told = distinct.iter().filter_map(|word| self.telling.get(*word)).flatten();
        let share = |number: &usize| {
            let pattern = &self.all[*number];
            // a line that is much longer has its words by chance
            if words.len() > 2 * pattern.words + 12 {
                return None;
            }
            let (mut weight, mut common) = (0.0, 0);
            for (_, one) in pattern.weights.iter().filter(|(word, _)| distinct.contains(word.as_str())) {
                weight += one;
                common += 1;
            }
            // without one of its words a short sentence says something else, such as that it can connect; very few
            // words stand somewhere in many a line
            let enough = match pattern.weights.len() {
                WORDS => usize::MAX,
                short @ WORDS..=SHORT => short,
                _ => WORDS,
            };
            let compared = weight >= WEIGHT && common >= enough;
            compared.then(|| (*number, weight / pattern.whole.max(f64::MIN_POSITIVE)))
        };
        told.filter_map(share).collect()
    }
}

/// True if words stand somewhere with which it says something else (`without` of its message).
fn taken_back(pattern: &Pattern, tokens: &Tokens) -> bool {
    let has = |run: &[String]| !run.is_empty() && (0..tokens.len()).any(|at| run_at(run, tokens, at));
    pattern.message.without.iter().any(|text| has(&run_of(text)))
}

/// The words of a text, or of a part of one.
fn run_of(text: &str) -> Vec<String> {
    Tokens::of(text).iter().map(str::to_owned).collect()
}

/// These words stand there from this place on.
fn run_at(run: &[String], tokens: &Tokens, at: usize) -> bool {
    run.iter().enumerate().all(|(offset, word)| tokens.get(at + offset) == word)
}

/// The pattern stands there from this word on.
fn stands(pattern: &Pattern, tokens: &Tokens, start: usize) -> bool {
    let mut at = start;
    for (number, run) in pattern.runs.iter().enumerate() {
        let room = if number == 0 { 0 } else { GAP };
        let Some(found) = (at..=at + room).find(|&at| run_at(run, tokens, at)) else { return false };
        at = found + run.len();
    }
    true
}

/// True if it is at least half of the words of the line that it begins in.
fn fills(pattern: &Pattern, tokens: &Tokens, start: usize) -> bool {
    let line = tokens.line(start);
    let word = |at: &usize| tokens.line(*at) == line && tokens.get(*at).starts_with(char::is_alphabetic);
    let before = (0..start).rev().take_while(|at| tokens.line(*at) == line).filter(word).count();
    let behind = (start..tokens.len()).take_while(|at| tokens.line(*at) == line).filter(word).count();
    pattern.words * 2 >= before + behind
}

/// Where each line that has words begins and ends among them.
fn lines(tokens: &Tokens) -> Vec<(usize, usize)> {
    let mut lines: Vec<(usize, usize)> = Vec::new();
    let mut last = usize::MAX;
    for at in 0..tokens.len() {
        match lines.last_mut() {
            Some(line) if tokens.line(at) == last => line.1 = at + 1,
            _ => lines.push((at, at + 1)),
        }
        last = tokens.line(at);
    }
    lines
}

/// The sentences in a text: those that stand there word for word, and if there is none, those whose telling words do.
pub(super) fn said(tokens: &Tokens, about: &About) -> Vec<Said> {
    let mut found = PATTERNS.exact(tokens, about);
    found.retain(|said| !about.foreign || !said.message.generic && said.words >= SURE);
    // the part of a program alone says less than a sentence that is nearly there
    let little = found.iter().all(|said| said.message.part);
    if little && !about.foreign && !nothing_wrong(tokens) {
        let mut near = PATTERNS.near(tokens, about);
        // an event is known by its own words alone: others say as well that a session was disconnected
        let of_event = |message: &Message| message.to.first().is_some_and(|id| id.starts_with("event-"));
        near.retain(|said| !said.message.generic && !of_event(said.message) && !said.message.normal());
        found.extend(near);
    }
    let all = found.clone();
    found.retain(|said| !PATTERNS.as_it_should_be(said, &all));
    // lines that say nothing do not speak for a line beside them that tells of an error
    let usual = |line: usize| all.iter().any(|said| said.message.normal() && said.line == line);
    let fails = |at: usize| FAILS.contains(&tokens.get(at)) && !usual(tokens.line(at));
    if (0..tokens.len()).any(fails) {
        found.retain(|said| !(said.message.part && said.message.normal()));
    }
    // the rank first, then what is wrong before what is not, then the longer one
    found.sort_by_key(|said| {
        let Message { rank, part, .. } = said.message;
        (std::cmp::Reverse((rank, !said.message.normal(), !part, said.words)), said.line)
    });
    let mut seen = HashSet::new();
    found.retain(|said| seen.insert(std::ptr::from_ref(said.message)));
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_in(text: &str) -> Vec<Said> {
        let tokens = Tokens::of(text);
        said(&tokens, &About::of(text, &tokens))
    }

    fn first(text: &str) -> Option<(&'static Message, bool)> {
        said_in(text).first().map(|said| (said.message, said.exact))
    }

    #[test]
    fn a_sentence_is_found_with_a_few_words_changed() {
        let text = "The remote computer has disconnected the session because there was an error in the licensing protocol, sorry.";
        let (message, exact) = first(text).unwrap();
        assert_eq!((message.to.first().map(String::as_str), exact), (Some("disconnect/0x808"), false));
        let changed = "Remote Desktop License Servers to provide a license are not available, no session";
        let (message, exact) = first(changed).unwrap();
        assert_eq!((message.to.first().map(String::as_str), exact), (Some("errinfo/0x101"), false));
    }

    /// How near texts about other things come to a sentence: the threshold stands above the nearest.
    #[test]
    fn texts_about_other_things_stay_below_the_threshold() {
        #[derive(serde::Deserialize)]
        struct Pastes {
            paste: Vec<Paste>,
        }
        #[derive(serde::Deserialize)]
        struct Paste {
            text: String,
            first: Vec<String>,
        }
        let mut nearest = (0.0, String::new());
        for file in [include_str!("../../tests/pastes.toml"), include_str!("../../tests/variants.toml")] {
            let pastes = toml::from_str::<Pastes>(file).unwrap().paste;
            for paste in pastes.into_iter().filter(|paste| paste.first.is_empty()) {
                let tokens = Tokens::of(&paste.text);
                if About::of(&paste.text, &tokens).foreign {
                    continue;
                }
                let words: Vec<&str> = tokens.iter().collect();
                let share = PATTERNS.shares(&words).into_iter().map(|(_, share)| share).fold(0.0, f64::max);
                if share > nearest.0 {
                    nearest = (share, paste.text);
                }
            }
        }
        assert!(nearest.0 < NEAR, "{nearest:?}");
    }

    #[test]
    fn a_sentence_that_anybody_says_is_not_ours_in_a_text_about_another_program() {
        assert!(first("connect: Connection refused").is_some());
        assert!(first("psql: Connection refused").is_none() && first("db.example:5432: Connection refused").is_none());
        assert!(first("port 22: Connection refused").is_none() && first("rdp after ssh: Connection refused").is_some());
    }
}
