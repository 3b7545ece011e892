//! Laws that hold for all tables together.

use evidence::codes::*;

use crate::{causes, fixes};

fn same_number(one: &str, other: &str) -> impl Iterator<Item = (Entry, Entry)> {
    let family = family(one).unwrap();
    let entries = family.codes.iter().map(move |code| Entry { family, code });
    entries.filter_map(move |entry| Some((entry, find(other, entry.code.number)?)))
}

#[test]
fn an_id_belongs_to_one_code_and_leads_to_it() {
    let mut ids = std::collections::BTreeSet::new();
    for entry in all() {
        let id = entry.id();
        let found = by_id(&id).unwrap_or_else(|| panic!("{id} does not lead anywhere"));
        assert!(std::ptr::eq(found.code, entry.code), "{id} is there twice");
        assert!(ids.insert(id.clone()), "{id} is there twice");
        let names = all().filter(|other| entry.code.name.is_some() && other.code.name == entry.code.name);
        assert_eq!(names.count().max(1), 1, "{id}: its name is there twice");
    }
}

#[test]
fn every_link_leads_somewhere_and_says_why() {
    for entry in all() {
        let id = entry.id();
        let mut seen = Vec::new();
        for link in &entry.code.causes {
            assert!(causes::find(&link.to).is_some(), "{id}: no cause {}", link.to);
            assert!(!seen.contains(&&link.to) && !link.why.is_empty(), "{id}: {}", link.to);
            seen.push(&link.to);
        }
        for fix in &entry.code.fixes {
            assert!(fixes::find(fix).is_some(), "{id}: no fix {fix}");
        }
        for link in &entry.code.confused {
            let other = by_id(&link.to).unwrap_or_else(|| panic!("{id}: no code {}", link.to));
            assert_eq!(other.id(), link.to, "{id}: write the id as it is");
            assert!(!std::ptr::eq(other.code, entry.code) && !link.why.is_empty(), "{id}: confused with itself");
        }
        if let Some(carried) = &entry.code.carries {
            assert!(family(carried).is_some() && entry.family.events, "{id}: carries {carried}");
        }
    }
}

/// `Cause::codes` and the tables agree on which code a client shows because of a cause.
#[test]
fn causes_and_disconnect_reasons_agree() {
    for cause in causes::ALL {
        for &number in cause.codes {
            let entry = find("disconnect", number).unwrap_or_else(|| panic!("{}: {number:#x} is not known", cause.id));
            let linked = entry.code.causes.iter().any(|link| link.to == cause.id);
            assert!(linked, "{} does not lead to {}", entry.id(), cause.id);
        }
    }
    for code in &family("disconnect").unwrap().codes {
        for link in &code.causes {
            let cause = causes::find(&link.to).unwrap();
            assert!(
                cause.codes.contains(&code.number),
                "{:#x} leads to {}, which does not name it",
                code.number,
                cause.id
            );
        }
    }
    for entry in all().filter(|entry| entry.code.extended.is_some()) {
        let first = find("disconnect", entry.code.number).unwrap();
        for link in entry.causes() {
            assert!(first.code.causes.iter().any(|other| other.to == link.to), "{}: {}", entry.id(), link.to);
        }
    }
}

/// Extended codes are the server's own: where both lists have a number, its meaning is equal or more precise.
#[test]
fn extended_codes_and_errinfo_agree() {
    let known_to_differ = [
        (1, "the client's list does not say by whom"),
        (2, "the client's list does not say by whom"),
        (4, "the client's list speaks of the logon, the protocol of the session"),
    ];
    let mut compared = 0;
    for (extended, errinfo) in same_number("extended", "errinfo") {
        let number = extended.code.number;
        compared += 1;
        assert_eq!(extended.code.normal || number == 0, errinfo.code.normal, "{number:#x}");
        if number != 0 && !known_to_differ.iter().any(|(known, _)| *known == number) {
            assert_eq!(extended.code.meaning, errinfo.code.meaning, "{number:#x}");
        }
    }
    assert_eq!(compared, 25);
}

#[test]
fn hresults_agree_with_what_they_wrap() {
    for code in &family("hresult").unwrap().codes {
        assert_ne!(code.number >> 28, 0xD, "0x{:X} is an NTSTATUS", code.number);
        if code.number >> 16 == 0x8007 {
            let wrapped = find("win32", code.number & 0xFFFF).unwrap();
            assert_eq!(wrapped.code.meaning, code.meaning);
        }
    }
    for code in &family("ntstatus").unwrap().codes {
        assert_eq!(code.number >> 30, 3, "0x{:X} is no error", code.number);
        let found = readings(code.number | 0x1000_0000);
        assert!(found.iter().any(|reading| std::ptr::eq(reading.entry.code, code)), "0x{:X}", code.number);
    }
    for (proxy, win32) in same_number("proxy", "win32") {
        assert!(proxy.code.confused.iter().any(|link| link.to == win32.id()), "{}", proxy.id());
    }
}

/// RDSTLS uses Win32 numbers, and a logon status has one meaning in every list.
#[test]
fn one_status_has_one_meaning() {
    let suffix = |entry: Entry| {
        let name = entry.code.name.as_deref()?;
        ["STATUS_", "SSL_ERR_", "RDSTLS_RESULT_"].iter().find_map(|start| name.strip_prefix(start))
    };
    for one in all() {
        for other in all().filter(|other| suffix(one).is_some() && suffix(*other) == suffix(one)) {
            assert!(
                one.code.meaning == other.code.meaning || suffix(one) == Some("ACCOUNT_RESTRICTION"),
                "{} and {}",
                one.id(),
                other.id()
            );
        }
    }
}

#[test]
fn the_alerts_are_those_of_the_decoder() {
    let known =
        (0..=u8::MAX).filter(|&number| wire::tls::alert::Alert { level: 2, description: number }.name().is_some());
    let listed: Vec<u32> = family("tls-alert").unwrap().codes.iter().map(|code| code.number).collect();
    assert_eq!(known.map(u32::from).collect::<Vec<_>>(), listed);
}

#[test]
fn every_event_says_where_it_stands() {
    for entry in all() {
        let code = entry.code;
        let placed = code.log.is_some() && code.provider.is_some() && code.side.is_some();
        assert_eq!(placed, entry.family.events, "{}", entry.id());
    }
}

/// A fact that nobody has looked up never passes as sure, and its words say so.
#[test]
fn weak_facts_are_shown_as_such() {
    for entry in all() {
        let code = entry.code;
        assert!(!code.sources.is_empty(), "{}: no source", entry.id());
        let only_weak = code.sources.iter().all(|mark| mark.weak());
        assert!(!only_weak || code.confidence > Sureness::High, "{}: sure of what nobody checked", entry.id());
        assert!(
            code.sources
                .iter()
                .all(|mark| mark.weak() == (mark.words().contains("memory") || mark.words() == "inferred"))
        );
    }
    for number in [0x207, 0x507, 0x516, 0x803] {
        let entry = find("disconnect", number).unwrap();
        assert!(entry.weak() && entry.code.client.is_some(), "{number:#x}");
    }
}

#[test]
fn meanings_are_clauses_and_notes_are_sentences() {
    for entry in all() {
        let meaning = &entry.code.meaning;
        assert!(!meaning.is_empty() && !meaning.ends_with('.') && meaning.is_ascii(), "{}", entry.id());
        let sentences = [&entry.code.note, &entry.code.check];
        for text in sentences.into_iter().flatten() {
            assert!(text.ends_with('.') && text.is_ascii(), "{}: {text}", entry.id());
        }
        for text in entry.code.causes.iter().chain(&entry.code.confused).map(|link| &link.why).chain(&entry.code.not) {
            assert!(!text.ends_with('.') && !text.contains('%') && !text.starts_with("not "), "{}: {text}", entry.id());
        }
    }
}
