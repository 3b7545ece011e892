//! Splits text into terms: lower-case words without endings, with synonyms made one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Letters of a word that count.
const LONGEST: usize = 40;

/// Words that carry no meaning for a search.
const EMPTY: &[&str] = &[
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "cannot",
    "cant", "could", "das", "der", "die", "do", "does", "doesnt", "due", "ein", "eine", "for", "from", "had", "has",
    "have", "how", "i", "if", "in", "into", "is", "ist", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our",
    "set", "so", "still", "t", "than", "that", "the", "their", "then", "there", "they", "this", "to", "turn", "und",
    "was", "we", "what", "when", "which", "while", "who", "why", "will", "with", "would", "you", "your", "switch",
];

/// Groups of synonyms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    same: Vec<Vec<String>>,
}

/// Maps a stem to the stem of the group's first word.
static SAME: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let written: Written =
        toml::from_str(include_str!("../../data/synonyms.toml")).expect("a test reads the shipped synonyms");
    let pairs = written.same.into_iter().flat_map(|group| {
        let first = stem(group.first().map_or("", String::as_str));
        group.into_iter().map(move |word| (stem(&word), first.clone()))
    });
    pairs.collect()
});

/// Returns the terms of a text, in order. `MachineKeys` gives `machine` and `key`; numbers such as `1.2` and `0x904`
/// stay whole.
pub fn terms(text: &str) -> Vec<String> {
    let words = split(text);
    let full = words.iter().filter(|word| !EMPTY.contains(&word.as_str()));
    full.map(|word| term(word)).collect()
}

/// Joins neighbours into one word. A full stop in a number is dropped: `tls` and `1.2` give `tls12`.
pub fn compounds(terms: &[String]) -> impl Iterator<Item = String> {
    terms.windows(2).map(|pair| pair.concat().replace('.', "")).filter(|word| word.len() <= LONGEST)
}

/// Returns the stem, or its synonym.
fn term(word: &str) -> String {
    let stem = stem(word);
    SAME.get(&stem).cloned().unwrap_or(stem)
}

/// Finds the terms that are the fewest typing errors away from an unknown word, with their weight.
pub fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> (Vec<String>, f64) {
    let allowed = match word.chars().count() {
        0..4 => return (Vec::new(), 0.0),
        4..8 => 1,
        _ => 2,
    };
    // codes are right or wrong: 0x904 is not nearly 0x908
    if word.chars().any(|letter| letter.is_ascii_digit()) {
        return (Vec::new(), 0.0);
    }
    let known = known.map(|term| (term, term)).chain(SAME.iter().map(|(from, to)| (from.as_str(), to.as_str())));
    let mut near = Vec::new();
    let mut best = allowed;
    for (term, stands_for) in known.filter(|(term, _)| term.len().abs_diff(word.len()) <= 2 * allowed) {
        let errors = strsim::osa_distance(word, term);
        if errors < best {
            near.clear();
            best = errors;
        }
        if errors == best {
            near.push(stands_for.to_owned());
        }
    }
    (near, if best <= 1 { 0.7 } else { 0.5 })
}

/// Splits into lower-case words, also where `CamelCase` begins anew.
fn split(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().filter(|letter| !matches!(letter, '\'' | '’')).collect();
    let mut words = vec![String::new()];
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied().unwrap_or(' ');
        let after = letters.get(at + 1).copied().unwrap_or(' ');
        let decimal = letter == '.' && before.is_ascii_digit() && after.is_ascii_digit();
        let camel = letter.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && after.is_lowercase());
        if camel || !(letter.is_alphanumeric() || decimal) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() || decimal {
            push(words.last_mut().expect("there is always a word"), letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Adds a letter in lower case, without western European accents.
fn push(word: &mut String, letter: char) {
    if word.chars().count() >= LONGEST {
        return;
    }
    match letter.to_lowercase().next().unwrap_or(letter) {
        'ä' | 'à' | 'á' | 'â' => word.push('a'),
        'ö' | 'ó' | 'ô' => word.push('o'),
        'ü' | 'ù' | 'ú' => word.push('u'),
        'é' | 'è' | 'ê' => word.push('e'),
        'ç' => word.push('c'),
        'ß' => word.push_str("ss"),
        other => word.push(other),
    }
}

/// Strips English endings. Deliberately light: two words may keep different stems, but hardly two meanings get one.
fn stem(word: &str) -> String {
    if word.len() <= 3 || word.chars().any(|letter| letter.is_ascii_digit()) {
        return word.to_owned();
    }
    let singular = match word {
        _ if word.ends_with("ies") && word.len() > 4 => word[..word.len() - 3].to_owned() + "y",
        _ if word.ends_with("sses") => word[..word.len() - 2].to_owned(),
        _ if word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) => {
            word[..word.len() - 1].to_owned()
        }
        _ => word.to_owned(),
    };
    let verb = ["ing", "ed"].iter().find_map(|end| singular.strip_suffix(end)).filter(|rest| has_vowel(rest));
    let bare = verb.map_or(singular.as_str(), undoubled);
    let noun = bare.strip_suffix("ion").filter(|rest| rest.ends_with(['s', 't']) && rest.len() > 3).unwrap_or(bare);
    let stem = noun.strip_suffix('e').filter(|rest| rest.len() > 3).unwrap_or(noun);
    stem.to_owned()
}

fn has_vowel(rest: &str) -> bool {
    rest.len() >= 3 && rest.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// Turns `stopp` into `stop`; `install` and `access` keep their ends.
fn undoubled(word: &str) -> &str {
    let mut last = word.chars().rev();
    let (one, two) = (last.next(), last.next());
    let doubled = one == two && one.is_some_and(|letter| letter.is_ascii_alphabetic() && !"lsz".contains(letter));
    if doubled { &word[..word.len() - 1] } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_fall_away_alike() {
        for family in [
            &["renew", "renews", "renewing", "renewed"][..],
            &["expire", "expires", "expired", "expiring"],
            &["connect", "connection", "connections", "connected"],
            &["stop", "stops", "stopped", "stopping"],
            &["policy", "policies"],
            &["service", "services"],
            &["access", "accesses"],
            &["authenticate", "authentication"],
        ] {
            for word in family {
                assert_eq!(stem(word), stem(family[0]), "{word}");
            }
        }
        for [one, two] in [["server", "service"], ["port", "ports8"], ["nla", "nlas8"], ["status", "state"]] {
            assert_ne!(stem(one), stem(two));
        }
    }

    #[test]
    fn identifiers_and_numbers_are_words() {
        assert_eq!(terms("MachineKeys_old"), ["machin", "key", "old"]);
        assert_eq!(terms("TLS 1.2, 0x904; event 36870."), ["tls", "1.2", "0x904", "event", "36870"]);
        assert_eq!(terms("RDPClient fDenyTSConnections"), ["rdp", "client", "f", "deny", "ts", "connect"]);
        assert_eq!(terms("can't, doesn’t"), Vec::<String>::new());
        let typed = terms("tls 1.2");
        assert_eq!(compounds(&typed).collect::<Vec<_>>(), ["tls12"]);
    }

    #[test]
    fn other_words_for_the_same_thing_are_one() {
        assert_eq!(terms("Zertifikate abgelaufen"), terms("certificate expired"));
        let first = SAME.values().all(|word| SAME.get(word) == Some(word));
        assert!(first, "a word stands in two groups");
    }

    #[test]
    fn typing_errors_are_counted_by_the_length_of_the_word() {
        let known = ["encrypt", "network", "port"];
        let found = |word: &str| near(word, known.into_iter()).0;
        assert_eq!(found("encript"), ["encrypt"]);
        assert_eq!(found("netwrok"), ["network"]);
        assert_eq!(found("poort"), ["port"]);
        assert!(found("pot").is_empty() && found("netwo").is_empty() && found("0x9o4").is_empty());
    }
}
