//! Whatever people type leads to the right entry first. The list (`searches.toml`) was written before the search.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use report::explain::explain;
use report::search;
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

#[test]
fn what_people_type_leads_to_the_right_entry_first() {
    let searches: Searches = toml::from_str(include_str!("searches.toml")).unwrap();
    let index = search::book();
    let mut wrong = Vec::new();
    for search in &searches.search {
        if search.kind.as_deref() == Some("code") {
            let id = search.first.strip_prefix("code:").unwrap();
            let answer = explain(&search.query).unwrap();
            let topic = answer.topics.first();
            let found = topic.and_then(|topic| topic.entries.first()).map(|entry| entry.id.clone());
            // of a pair the first number was asked for
            let right = found.as_deref() == Some(id)
                || topic.is_some_and(|topic| topic.parts.first().is_some_and(|part| part == id));
            println!("{}  {:60} {found:?}", if right { "right  " } else { "WRONG  " }, search.query);
            if !right {
                wrong.push(format!("{}: not {id} but {found:?}", search.query));
            }
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
    println!("{} searches, {} wrong", searches.search.len(), wrong.len());
    assert!(searches.search.len() >= 30);
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

/// A refused fix must not come before the claim that says why.
#[test]
fn who_asks_for_harm_finds_the_warning() {
    let index = search::book();
    for claim in diagnosis::claims::all().iter().filter(|claim| claim.harmful()) {
        let first = index.find(&claim.claim, 1).pop().unwrap();
        assert_eq!((first.kind, &first.id), ("claim", &claim.id), "{}", claim.claim);
    }
}

/// `explain` gives the same first entry: numbers in a question of words do not mislead it.
#[test]
fn explain_finds_what_the_search_finds() {
    let searches: Searches = toml::from_str(include_str!("searches.toml")).unwrap();
    let mut wrong = Vec::new();
    for search in searches.search.iter().filter(|search| search.kind.is_none()) {
        let answer = explain(&search.query).unwrap();
        let found: Vec<_> = answer.topics.iter().filter_map(|topic| topic.entries.first()).collect();
        // a code that is named leads to its cause; a claim may follow the code that it is about
        let right = found.iter().any(|entry| {
            let cause = entry.causes.first().map(|cause| format!("cause:{}", cause.id));
            format!("{}:{}", entry.kind, entry.id) == search.first || cause.as_ref() == Some(&search.first)
        });
        if !right {
            let found: Vec<_> = found.iter().map(|entry| &entry.id).collect();
            wrong.push(format!("{}: not {} but {found:?}", search.query, search.first));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
