//! Words that an administrator would not say, in anything that a report or a page says.

use diagnosis::fixes::{Given, powershell};
use diagnosis::{causes, fixes};

/// Turns of phrase that read like a translation.
const ODD: [&str; 13] = [
    " anew",
    "whom ",
    "vouch",
    "breaks off",
    "broken off",
    "broke off",
    "comes about",
    "as one does",
    "in the client's stead",
    "of its own making",
    "without a word",
    "goes along with",
    " bears ",
];

/// Lists every text of the causes and fixes, with its place.
fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for cause in causes::ALL {
        let page = &cause.page;
        let all = [cause.title, page.what_happens, page.why, page.confirm, page.how_to_fix];
        texts.extend(all.map(|text| (cause.id.to_owned(), text.to_owned())));
    }
    for fix in fixes::ALL {
        let own = [fix.title, fix.reason, fix.verify, fix.undo].map(str::to_owned);
        let steps = powershell::lines(fix, &Given::NOTHING);
        let steps = steps.into_iter().filter(|line| line.starts_with('#'));
        texts.extend(own.into_iter().chain(steps).map(|text| (fix.id.to_owned(), text)));
    }
    texts
}

#[test]
fn nobody_has_to_read_a_sentence_twice() {
    let allowed = |id: &str, text: &str, odd: &str| {
        // a person, in a sentence about what this program cannot see
        odd == "whom " && (text.contains("not whom that client trusts") || id == "firewall-blocks-rdp")
    };
    let mut found = Vec::new();
    for (id, text) in texts() {
        for odd in ODD.into_iter().filter(|odd| text.contains(odd) && !allowed(&id, &text, odd)) {
            found.push(format!("{id}: {odd:?} in {text:?}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// "The connection fails because …", and a sentence that is read aloud in one breath.
#[test]
fn every_title_completes_the_sentence() {
    for cause in causes::ALL {
        let title = cause.title;
        assert!(!title.ends_with('.') && title.chars().count() <= 115, "{}: {title}", cause.id);
        let begins = title.split(' ').next().unwrap_or_default();
        let name = ["Windows", "Remote", "TLS"].contains(&begins);
        assert!(name || begins.starts_with(char::is_lowercase), "{}: {title}", cause.id);
    }
}
