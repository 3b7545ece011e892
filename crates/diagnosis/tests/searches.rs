//! What people type leads to the right entry first. The list (`searches.toml`) was written before the search.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use diagnosis::search;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Searches {
    search: Vec<Search>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    first: String,
    kind: Option<String>,
}

/// Entries for tables that are not in the index yet.
const CODES: usize = 7;

#[test]
fn what_people_type_leads_to_the_right_entry_first() {
    let searches: Searches = toml::from_str(include_str!("searches.toml")).unwrap();
    let index = search::book();
    let (mut skipped, mut wrong) = (0, Vec::new());
    for search in &searches.search {
        if search.kind.as_deref() == Some("code") {
            assert!(search.first.starts_with("code:"), "{}", search.query);
            println!("skipped  {:60} {}", search.query, search.first);
            skipped += 1;
            continue;
        }
        let hits = index.find(&search.query, 3);
        let found: Vec<_> = hits.iter().map(|hit| format!("{}:{} {:.1}", hit.kind, hit.id, hit.score)).collect();
        let right = hits.first().is_some_and(|hit| format!("{}:{}", hit.kind, hit.id) == search.first);
        println!("{}  {:60} {}", if right { "right  " } else { "WRONG  " }, search.query, found.join(", "));
        if !right {
            wrong.push(format!("{}: not {} but {}", search.query, search.first, found.join(", ")));
        }
    }
    println!("{} searches, {skipped} skipped, {} wrong", searches.search.len(), wrong.len());
    assert!(searches.search.len() - skipped >= 30);
    assert_eq!(skipped, CODES, "codes that are skipped");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_documents_does_not_matter() {
    let searches: Searches = toml::from_str(include_str!("searches.toml")).unwrap();
    let mut documents: Vec<_> = search::documents().collect();
    documents.reverse();
    let (index, reversed) = (search::book(), search::Index::new(documents));
    for search in &searches.search {
        assert_eq!(index.find(&search.query, 9), reversed.find(&search.query, 9), "{}", search.query);
    }
}

/// A fix that is refused must not come before the claim that says why.
#[test]
fn who_asks_for_harm_finds_the_warning() {
    let index = search::book();
    for claim in diagnosis::claims::all().iter().filter(|claim| claim.harmful()) {
        let first = index.find(&claim.claim, 1).pop().unwrap();
        assert_eq!((first.kind, &first.id), ("claim", &claim.id), "{}", claim.claim);
    }
}
