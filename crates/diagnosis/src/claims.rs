//! What circulates about 0x904 and its relatives, judged: 44 claims, as data.
//!
//! A claim names the causes and fixes that it is about, and never the other way round, so that adding one touches one file
//! (`data/claims.toml`, which says what its fields mean).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

static CLAIMS: LazyLock<Vec<Claim>> =
    LazyLock::new(|| parse(include_str!("../data/claims.toml")).expect("a test reads the shipped claims"));

/// What is to be said first about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds.
    True,
    /// Something in it holds.
    Partly,
    /// It does not hold.
    False,
    /// Whether or not anything in it holds, following it does harm.
    Dangerous,
    /// Nothing was found that shows it.
    Unproven,
}

impl Verdict {
    /// The word in reports and pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::Partly => "partly",
            Self::False => "false",
            Self::Dangerous => "dangerous",
            Self::Unproven => "unproven",
        }
    }

    /// As a sentence.
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

/// A claim, and what is to be thought of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its public name, `c01` to `c44`, never reused.
    pub id: String,
    /// As it circulates, in our words.
    pub claim: String,
    /// What is to be said first.
    pub verdict: Verdict,
    /// What not to do, as an imperative. It is there if following the claim does harm; a claim can be false, or partly true, and
    /// harmful besides.
    pub beware: Option<String>,
    /// What is right and wrong about it.
    pub why: String,
    /// What to do.
    pub instead: Option<String>,
    /// Where that comes from, in words.
    pub sources: Vec<String>,
    /// The causes that it is about.
    #[serde(default)]
    pub causes: Vec<String>,
    /// The fixes that are right.
    #[serde(default)]
    pub fixes: Vec<String>,
    /// The fix that it asks for and that is refused.
    pub refused: Option<String>,
    /// The client's codes (`discReason`) that it is about.
    #[serde(default)]
    pub codes: Vec<u32>,
    /// The Windows events that it is about.
    #[serde(default)]
    pub events: Vec<u32>,
    /// Phrases as people type them.
    pub keywords: Vec<String>,
}

impl Claim {
    /// True if following it does harm.
    pub fn harmful(&self) -> bool {
        self.beware.is_some()
    }

    /// The fixes that it speaks of, right or refused.
    fn names_fix(&self, id: &str) -> bool {
        self.fixes.iter().any(|fix| fix == id) || self.refused.as_deref() == Some(id)
    }
}

/// A file of claims.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    claim: Vec<Claim>,
}

fn parse(text: &str) -> Result<Vec<Claim>, toml::de::Error> {
    toml::from_str::<Written>(text).map(|written| written.claim)
}

/// Every claim, by id.
pub fn all() -> &'static [Claim] {
    &CLAIMS
}

/// The claim of this id: `c15`, `C15`, and `c1` for `c01`.
pub fn find(id: &str) -> Option<&'static Claim> {
    let number = |id: &str| id.strip_prefix(['c', 'C']).and_then(|digits| digits.parse::<u8>().ok());
    let wanted = number(id)?;
    all().iter().find(|claim| number(&claim.id) == Some(wanted))
}

/// The claims about a cause.
pub fn about_cause(id: &str) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.causes.iter().any(|cause| cause == id))
}

/// The claims about a fix, right or refused.
pub fn about_fix(id: &str) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.names_fix(id))
}

/// The claims about a code of the client.
pub fn about_code(code: u32) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.codes.contains(&code))
}

/// The claims about an event of Windows.
pub fn about_event(number: u32) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.events.contains(&number))
}

/// The claims that ask for a refused fix.
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
