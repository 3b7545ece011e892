//! Dialogs of the client in other languages, by what they tell: the words of the glossary (`data/glossary.toml`), as
//! `concepts` of `messages.rs` put them together.
//!
//! Nobody has every sentence of every language, and its words change with the version of Windows. So where no sentence
//! is known, a text that names Remote Desktop or a remote computer is the dialog whose concepts it has all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::about::About;
use super::tokens::{fold, unspaced};
use crate::messages::{self, Message};

/// Most letters of a text that are looked at.
const LONGEST: usize = 1_500;
/// Concepts that say that a text is about Remote Desktop.
const OURS: [&str; 4] = ["desktop", "computer", "nla", "lsa"];
/// Concepts whose opposite is good news: a negation right before them takes them back.
const STATES: [&str; 3] = ["expired", "locked", "disabled"];
/// The concept of words that negate.
const NOT: &str = "(not)";
/// How many letters before a state are searched for a negation.
const BEFORE: usize = 12;
/// Up to this length a word is no beginning of others.
const SHORT: usize = 3;
/// From this length on a word is itself also behind others.
const COMPOUND: usize = 8;
/// Fewest concepts that make a dialog.
const FEWEST: usize = 2;

/// Words by language.
type Words = BTreeMap<String, Vec<String>>;
type Glossary = BTreeMap<String, Words>;

/// The words of each concept by language, folded as texts are. A blank behind a word says that it stands alone.
static WORDS: LazyLock<Vec<(String, Words)>> = LazyLock::new(|| {
    let glossary: Glossary = toml::from_str(include_str!("../../data/glossary.toml")).expect("a test reads it");
    let folded = |word: &String| {
        let mut word = plain(word);
        if word.len() <= SHORT && word.is_ascii() && !word.ends_with(' ') {
            word.push(' ');
        }
        word
    };
    let words = |(language, words): (String, Vec<String>)| (language, words.iter().map(folded).collect());
    glossary.into_iter().map(|(concept, languages)| (concept, languages.into_iter().map(words).collect())).collect()
});

/// Every dialog that is put together from concepts, with these.
static DIALOGS: LazyLock<Vec<(&'static Message, Vec<&'static str>)>> = LazyLock::new(|| {
    let one = |message: &'static Message| {
        message.concepts.iter().map(move |concepts| (message, concepts.split_whitespace().collect()))
    };
    messages::all().iter().flat_map(one).collect()
});

/// Finds the dialog that a text in another language shows: the one with most concepts, and of equal ones the first.
pub(super) fn dialog(text: &str, about: &About) -> Option<&'static Message> {
    if about.foreign {
        return None;
    }
    let told = concepts(text);
    // English words begin as those of other languages do, and English has its sentences and its symptoms
    let other_letters = || text.chars().any(|letter| letter.is_alphabetic() && !letter.is_ascii());
    let named = told.values().any(|told| OURS.iter().any(|concept| told.contains(concept)));
    if !(named || about.ours && other_letters()) {
        return None;
    }
    // words of two languages make no sentence
    let whole = |wanted: &&(&Message, Vec<&str>)| {
        let all = |told: &BTreeSet<&str>| wanted.1.iter().all(|concept| told.contains(concept));
        wanted.1.len() >= FEWEST && told.values().any(all)
    };
    let mut best: Option<&(&'static Message, Vec<&str>)> = None;
    for dialog in DIALOGS.iter().filter(whole) {
        if best.is_none_or(|best| best.1.len() < dialog.1.len()) {
            best = Some(dialog);
        }
    }
    best.map(|(message, _)| *message)
}

/// The concepts that a text names, by language.
fn concepts(text: &str) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let text = plain(&text.chars().take(LONGEST).collect::<String>()) + " ";
    let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (concept, languages) in WORDS.iter() {
        for (language, words) in languages {
            if words.iter().any(|word| places(&text, word).any(|at| !taken_back(&text[..at], concept, language))) {
                told.entry(language).or_default().insert(concept);
            }
        }
    }
    told
}

/// True for a state behind a negation: "not expired" tells of no trouble.
fn taken_back(before: &str, concept: &str, language: &str) -> bool {
    let negations = || WORDS.iter().find(|(known, _)| known == NOT).and_then(|(_, words)| words.get(language));
    let start = before.char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    // the blank before a whole word stays
    let near = &before[start..];
    STATES.contains(&concept)
        && negations().is_some_and(|words| words.iter().any(|word| places(near, word).next().is_some()))
}

/// Finds where a word of the text begins so; in scripts that set no blanks, or join particles to words, where it is in
/// it, and so a long one, which German and Dutch put behind others.
fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let joined = word.chars().any(|letter| unspaced(letter) || hangul(letter)) || word.len() >= COMPOUND;
    let begins = move |at: &usize| text[..*at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
    text.match_indices(word).map(|(at, _)| at).filter(move |at| joined || begins(at))
}

/// The text in lower case, without marks of letters, with single blanks between words and none inside of scripts that
/// set none.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() {
            // a blank between two such letters was set for looks
            if unspaced(letter) && plain.strip_suffix(' ').is_some_and(|before| before.ends_with(unspaced)) {
                plain.pop();
            }
            match letter {
                'й' | 'Й' => plain.push('и'),
                _ => fold(letter, &mut plain),
            }
        } else if !matches!(letter, '\u{300}'..='\u{36F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}')
            && !plain.ends_with(' ')
        {
            plain.push(' ');
        }
    }
    plain
}

fn hangul(letter: char) -> bool {
    matches!(letter, '\u{AC00}'..='\u{D7AF}' | '\u{1100}'..='\u{11FF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::tokens::Tokens;

    fn to(text: &str) -> Option<&'static str> {
        let message = dialog(text, &About::of(text, &Tokens::of(text)))?;
        message.to.first().or(message.id.as_ref()).map(String::as_str)
    }

    /// None of these sentences is in the lists of sentences.
    #[test]
    fn a_dialog_is_known_by_its_concepts_in_every_language() {
        for (text, right) in [
            ("Escritorio remoto: el certificado del equipo ha caducado", "certificate-expired"),
            ("Das Zertifikat des Remotecomputers ist abgelaufen", "certificate-expired"),
            ("Brak dostępnych serwerów licencji Pulpitu zdalnego", "errinfo/0x101"),
            ("远程计算机的密码已过期", "password-expired"),
            ("リモート コンピューターの証明書の有効期限が切れています", "certificate-expired"),
            ("원격 컴퓨터의 인증서가 만료되었습니다", "certificate-expired"),
        ] {
            assert_eq!(to(text), Some(right), "{text}: {:?}", concepts(text));
        }
    }

    #[test]
    fn what_is_not_about_remote_desktop_is_no_dialog() {
        for text in [
            "El certificado de la página ha caducado",
            "Das Kennwort Ihres Postfachs ist abgelaufen",
            "无法连接打印机",
            "RDP error – is my internet too slow?",
            "We’ve now installed the RDP licence server – works great",
            "RDP session – I refuse to give access to my colleague",
            "How do I set the password of my remote PC to never expire?",
            "Escritorio remoto: introduzca sus credenciales. Nombre de usuario:",
            "Conexión remota: no puedo iniciar sesión en Facebook, mi cuenta está bloqueada",
            "El certificado del escritorio remoto no ha caducado",
            "远程桌面的密码没有过期",
        ] {
            assert_eq!(to(text), None, "{text}");
        }
    }

    #[test]
    fn every_concept_of_a_dialog_is_in_the_glossary() {
        for (message, concepts) in DIALOGS.iter() {
            for concept in concepts {
                assert!(WORDS.iter().any(|(known, _)| known == concept), "{:?}: {concept}", message.to);
            }
        }
    }
}
