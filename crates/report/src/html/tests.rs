use super::super::sample::diagnosis;
use super::super::xml::well_formed;
use super::*;

/// Names that a hostile machine may give itself.
const HOSTILE: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' style='position:fixed",
    "</style></title><!--",
    "a\u{202e}b\u{1b}[31m\u{0}\u{ffff}\n",
];

#[test]
fn whatever_a_machine_says_stays_text() {
    let tags = |page: &str| page.matches('<').count();
    let usual = tags(&render(&diagnosis("server")));
    for words in HOSTILE {
        let page = render(&diagnosis(words));
        assert!(well_formed(&page), "{page}");
        assert_eq!(tags(&page), usual, "{words:?} made a tag:\n{page}");
        assert!(page.contains(&text(words)) && !page.contains(words), "{words:?} stands as it was:\n{page}");
        assert!(page.chars().all(|c| c == '\n' || printable(&c.to_string()) == c.to_string()), "{page}");
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = render(&diagnosis("http://192.0.2.7/a.js"));
    for words in ["src=", "url(", "@import", "<script", "<link", "<iframe", "<form", "href=\"http"] {
        assert!(!page.contains(words), "{words}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'"), "{page}");
}

#[test]
fn it_says_what_the_words_for_a_terminal_say() {
    let mut report = diagnosis("server");
    report.next.push(diagnosis::report::Next {
        command: "rdpdoctor diagnose server".to_owned(),
        splits: Vec::new(),
        why: "because".to_owned(),
    });
    let page = render(&report);
    for words in [
        &words::verdict(&report),
        "private-key-unusable",
        "blocking, likely",
        "rename the MachineKeys folder",
        "To go back: ",
        "Because.",
        "observation-1",
        "Exit status 1: a fault was found.",
    ] {
        assert!(page.contains(&text(words)), "{words}");
    }
}

/// The page opens with what a terminal shows first, and its commands stand whole.
#[test]
fn it_opens_with_the_first_screen() {
    let page = render(&diagnosis("server"));
    let top = page.split("<h2>").next().unwrap();
    for part in screen::parts(&diagnosis("server")).iter().filter(|part| part.tone != screen::Tone::Strong) {
        assert!(top.contains(&text(&part.text)), "{part:?}");
        for line in part.script.iter().flat_map(|script| &script.lines) {
            assert!(top.contains(&text(line)), "{line}");
        }
    }
    assert!(top.contains("Do now: prove it on the host") && top.contains("Only if that agrees"), "{top}");
}

#[test]
fn every_observation_that_a_finding_cites_is_on_the_page() {
    let mut report = diagnosis("server");
    let first = report.observations[0].clone();
    let more = (2..=3000).map(|id| diagnosis::report::ReportObservation { id, ..first.clone() });
    report.observations.extend(more);
    report.findings[0].because[0].observation = 2900;
    let page = render(&report);
    assert!(page.contains("id=\"observation-2900\"") && !page.contains("id=\"observation-2901\""));
    assert!(page.contains("1999 more of these are in the JSON report"));
}

#[test]
fn a_long_value_is_cut_and_says_so() {
    let mut report = diagnosis("server");
    report.observations[0].value = "é".repeat(70_000).into();
    let page = render(&report);
    assert!(page.len() < 100_000 && page.contains("(70000 characters, which the JSON report has)"));
}
