//! Claims that circulate about 0x904 and its relatives, judged: 44 of them, as data.
//!
//! A claim names the causes and fixes that it is about, never the other way round, so that adding one touches one file
//! (`data/claims.toml`, whose head explains the fields).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

static CLAIMS: LazyLock<Vec<Claim>> =
    LazyLock::new(|| parse(include_str!("../data/claims.toml")).expect("a test reads the shipped claims"));

/// Verdict on a claim, the first thing to say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is true.
    True,
    /// Part of it is true.
    Partly,
    /// It is false.
    False,
    /// Following it does harm, whether or not part of it is true.
    Dangerous,
    /// No evidence for it was found.
    Unproven,
}

impl Verdict {
    /// Returns the word in reports and pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::Partly => "partly",
            Self::False => "false",
            Self::Dangerous => "dangerous",
            Self::Unproven => "unproven",
        }
    }

    /// Returns the verdict as a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::True => "it holds",
            Self::Partly => "something in it holds",
            Self::False => "it does not hold",
            Self::Dangerous => "following it does harm",
            Self::Unproven => "nothing was found that shows it",
        }
    }
}

/// Claim with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Public name, `c01` to `c44`, never reused.
    pub id: String,
    /// The claim as it circulates, in our words.
    pub claim: String,
    /// Verdict on it.
    pub verdict: Verdict,
    /// Harmful step to avoid, as an imperative. Present if following the claim does harm; a claim can be false, or
    /// partly true, and harmful besides.
    pub beware: Option<String>,
    /// Explanation of what is right and wrong about it.
    pub why: String,
    /// Advice for what to do instead.
    pub instead: Option<String>,
    /// Sources, in words.
    pub sources: Vec<String>,
    /// Causes that it is about.
    #[serde(default)]
    pub causes: Vec<String>,
    /// Fixes that are right.
    #[serde(default)]
    pub fixes: Vec<String>,
    /// Fix that it asks for and that is refused.
    pub refused: Option<String>,
    /// Client codes (`discReason`) that it is about.
    #[serde(default)]
    pub codes: Vec<u32>,
    /// Windows events that it is about.
    #[serde(default)]
    pub events: Vec<u32>,
    /// Phrases that people type.
    pub keywords: Vec<String>,
}

impl Claim {
    /// True if following it does harm.
    pub fn harmful(&self) -> bool {
        self.beware.is_some()
    }

    /// True if it names this fix, as right or refused.
    fn names_fix(&self, id: &str) -> bool {
        self.fixes.iter().any(|fix| fix == id) || self.refused.as_deref() == Some(id)
    }
}

/// File of claims, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    claim: Vec<Claim>,
}

fn parse(text: &str) -> Result<Vec<Claim>, toml::de::Error> {
    toml::from_str::<Written>(text).map(|written| written.claim)
}

/// Returns every claim, by id.
pub fn all() -> &'static [Claim] {
    &CLAIMS
}

/// Finds the claim of this id: `c15`, `C15`, and `c1` for `c01`.
pub fn find(id: &str) -> Option<&'static Claim> {
    let number = |id: &str| id.strip_prefix(['c', 'C']).and_then(|digits| digits.parse::<u8>().ok());
    let wanted = number(id)?;
    all().iter().find(|claim| number(&claim.id) == Some(wanted))
}

/// Iterates over the claims about a cause.
pub fn about_cause(id: &str) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.causes.iter().any(|cause| cause == id))
}

/// Iterates over the claims about a fix, right or refused.
pub fn about_fix(id: &str) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.names_fix(id))
}

/// Iterates over the claims about a client's code.
pub fn about_code(code: u32) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.codes.contains(&code))
}

/// Iterates over the claims about a Windows event.
pub fn about_event(number: u32) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.events.contains(&number))
}

/// Iterates over the claims that ask for a refused fix.
pub fn asking_for(refused: &str) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.refused.as_deref() == Some(refused))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixes::Safety;
    use crate::{causes, fixes};

    #[test]
    fn there_are_44_with_ids_of_their_own() {
        let ids: Vec<_> = all().iter().map(|claim| claim.id.clone()).collect();
        let wanted: Vec<_> = (1..=44).map(|number| format!("c{number:02}")).collect();
        assert_eq!(ids, wanted);
        assert_eq!(find("C7").map(|claim| claim.id.as_str()), Some("c07"));
        assert!([find("c0"), find("c45"), find("15"), find("c+7x"), find("")].iter().all(Option::is_none));
    }

    #[test]
    fn every_claim_is_complete() {
        for claim in all() {
            let texts = [Some(&claim.claim), Some(&claim.why), claim.instead.as_ref(), claim.beware.as_ref()];
            let clean = |text: &String| !text.is_empty() && text.trim() == text && !text.contains('\n');
            assert!(texts.into_iter().flatten().all(clean), "{}: a text", claim.id);
            assert!(!claim.sources.is_empty() && !claim.keywords.is_empty(), "{}: sources, keywords", claim.id);
            assert!(claim.verdict == Verdict::True || claim.instead.is_some(), "{}: and instead?", claim.id);
            assert!(!claim.harmful() || claim.instead.is_some(), "{}: harmful, and instead?", claim.id);
            assert!(claim.verdict != Verdict::Dangerous || claim.harmful(), "{}: beware of what?", claim.id);
            // with its lead and its link a warning stands on one line of 80 columns
            assert!(claim.beware.iter().all(|text| text.len() <= 46 && text.starts_with("do not ")), "{}", claim.id);
        }
    }

    #[test]
    fn every_link_leads_somewhere() {
        for claim in all() {
            for cause in &claim.causes {
                assert!(causes::find(cause).is_some(), "{}: no cause {cause}", claim.id);
            }
            for id in &claim.fixes {
                let fix = fixes::find(id);
                assert!(fix.is_some_and(|fix| fix.safety != Safety::Refused), "{}: fix {id}", claim.id);
            }
            if let Some(id) = &claim.refused {
                let fix = fixes::find(id);
                assert!(fix.is_some_and(|fix| fix.safety == Safety::Refused), "{}: refused {id}", claim.id);
            }
        }
    }

    #[test]
    fn codes_and_events_lead_to_their_claims() {
        assert!(about_code(0x1B07).map(|claim| &claim.id).eq(["c11"]));
        assert!(about_event(6041).map(|claim| &claim.id).eq(["c06"]));
        assert!(about_code(0x904).count() > 20 && about_code(0).next().is_none());
    }

    #[test]
    fn a_weakening_fix_is_never_the_first_that_a_claim_names() {
        for claim in all() {
            let first = claim.fixes.first().and_then(|id| fixes::find(id));
            assert!(first.is_none_or(|fix| fix.safety != Safety::Weakening), "{}", claim.id);
        }
    }

    #[test]
    fn a_cause_that_is_often_blamed_has_its_warning() {
        let warned = |cause: &str| about_cause(cause).find(|claim| claim.harmful()).map(|claim| claim.id.as_str());
        assert_eq!(warned("private-key-unusable"), Some("c15"));
        assert_eq!(warned("port-filtered"), Some("c16"));
        assert_eq!(warned("nla-required"), Some("c31"));
        assert_eq!(warned("port-closed"), None);
    }
}
