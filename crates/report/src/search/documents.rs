//! Everything that can be explained, as documents to search.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use diagnosis::cause::Cause;
use diagnosis::claims::Claim;
use diagnosis::codes::Entry;
use diagnosis::fixes::{Fix, Given, Safety, powershell};
use diagnosis::{causes, claims, codes, fixes};
use serde::Deserialize;

use super::{Document, Index};
use crate::guides::{self, Guide};

/// Phrases by id, for things without such a list of their own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keywords {
    cause: BTreeMap<String, Vec<String>>,
    fix: BTreeMap<String, Vec<String>>,
}

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/keywords.toml")).expect("a test reads the shipped keywords")
});

/// Indexes causes, fixes, claims and guides.
pub fn book() -> Index {
    Index::new(documents())
}

/// Iterates over causes, fixes, claims and guides.
pub fn documents() -> impl Iterator<Item = Document> {
    let causes = causes::ALL.iter().map(|cause| of_cause(cause));
    let fixes = fixes::ALL.iter().map(|fix| of_fix(fix));
    let book = causes.chain(fixes).chain(claims::all().iter().map(of_claim)).chain(guides::ALL.iter().map(of_guide));
    // a code without phrases of its own is found by its number or name
    book.chain(codes::all().filter(|entry| !entry.code.keywords.is_empty()).map(of_code))
}

fn phrases(keywords: &BTreeMap<String, Vec<String>>, id: &str) -> String {
    keywords.get(id).map(|phrases| phrases.join(", ")).unwrap_or_default()
}

fn of_cause(cause: &Cause) -> Document {
    let page = &cause.page;
    let codes = cause.codes.iter().map(|code| format!("{code:#x}")).collect::<Vec<_>>().join(" ");
    let text =
        [page.what_happens, page.why, page.confirm, page.how_to_fix, &page.references.join(" "), &codes].join(" ");
    Document {
        kind: "cause",
        id: cause.id.to_owned(),
        title: cause.title.to_owned(),
        text,
        keywords: phrases(&KEYWORDS.cause, cause.id),
    }
}

/// Makes the document of a fix; of a refused one the title alone, so that its page's advice is not met first.
fn of_fix(fix: &Fix) -> Document {
    let text = match fix.safety {
        Safety::Refused => String::new(),
        _ => [fix.reason, &Given::NOTHING.fill(&powershell::texts(fix).join(" ")), fix.undo].join(" "),
    };
    Document {
        kind: "fix",
        id: fix.id.to_owned(),
        title: fix.title.to_owned(),
        text,
        keywords: phrases(&KEYWORDS.fix, fix.id),
    }
}

fn of_claim(claim: &Claim) -> Document {
    let parts = [Some(claim.why.as_str()), claim.instead.as_deref(), claim.beware.as_deref()];
    Document {
        kind: "claim",
        id: claim.id.clone(),
        title: claim.claim.clone(),
        text: parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
        keywords: claim.keywords.join(", "),
    }
}

fn of_code(entry: Entry) -> Document {
    Document {
        kind: "code",
        id: entry.id(),
        title: entry.code.meaning.clone(),
        text: entry.code.note.clone().unwrap_or_default(),
        keywords: entry.code.keywords.join(", "),
    }
}

fn of_guide(guide: &Guide) -> Document {
    Document {
        kind: "guide",
        id: guide.id.to_owned(),
        title: guide.title.to_owned(),
        text: guide.about.to_owned(),
        keywords: guide.keywords.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_those_of_something_that_is_there() {
        for id in KEYWORDS.cause.keys() {
            assert!(causes::find(id).is_some(), "no cause {id}");
        }
        for id in KEYWORDS.fix.keys() {
            assert!(fixes::find(id).is_some(), "no fix {id}");
        }
        let comma = |phrases: &Vec<String>| phrases.iter().any(|phrase| phrase.contains(','));
        assert!(!KEYWORDS.cause.values().chain(KEYWORDS.fix.values()).any(comma), "a comma parts phrases");
        assert!(!claims::all().iter().any(|claim| comma(&claim.keywords)), "a comma parts phrases");
    }

    #[test]
    fn whatever_has_a_title_of_its_own_is_found_by_it() {
        let index = book();
        for document in documents() {
            let hits = index.find(&document.title, 3);
            let found = hits.iter().any(|hit| (hit.kind, &hit.id) == (document.kind, &document.id));
            assert!(found, "{} {}: {hits:?}", document.kind, document.id);
        }
    }
}
