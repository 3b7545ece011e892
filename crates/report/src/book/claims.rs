//! Pages of the claims, and references to them on other pages.

use std::fmt::Write;

use diagnosis::claims::Claim;
use diagnosis::{causes, claims, fixes};

use super::super::words;
use super::{GENERATED, list as bullets, marked, titled, with_code};

/// Returns the index, and a page for each claim: a page of its own keeps its address when a claim is reworded.
pub(super) fn pages() -> impl Iterator<Item = (String, String)> {
    let page = |claim: &Claim| (format!("claims/{}.md", claim.id), page(claim));
    claims::all().iter().map(page).chain([("claims/README.md".to_owned(), index())])
}

/// Writes a line for each of these claims, for the page of the thing that they are about.
pub(super) fn list<'a>(claims: impl Iterator<Item = &'a Claim>) -> String {
    let line = |claim: &Claim| {
        format!("- [{0}](../claims/{0}.md) ({1}): {2}.\n", claim.id, claim.verdict.word(), with_code(&claim.claim))
    };
    claims.map(line).collect()
}

/// Says what to do instead of a refused fix.
pub(super) fn instead(refused: &str) -> String {
    let mut text = String::new();
    for claim in claims::asking_for(refused) {
        let words = claim.instead.as_deref().map(with_code).unwrap_or_default();
        write!(text, "{words}\n\n{}", right_fixes(claim)).expect("writing to a String cannot fail");
    }
    text.trim_end().to_owned() + "\n"
}

fn index() -> String {
    let row = |claim: &Claim| {
        let harm = if claim.harmful() { "yes" } else { "" };
        format!("| [{0}]({0}.md) | {1} | {2} | {harm} |\n", claim.id, with_code(&claim.claim), claim.verdict.word())
    };
    format!(
        "{GENERATED}# Claims\n\nWhat circulates about 0x904 and its relatives, judged. *Dangerous* is said of a claim where the harm is \
         what matters; others, whatever is true of them, can do harm as well.\n\nOne by its name, or by its words:\n\n    \
         rdpdoctor explain c15\n    rdpdoctor explain \"rename MachineKeys\"\n\n\
         | | it is said | verdict | does harm |\n|---|---|---|---|\n{}",
        claims::all().iter().map(row).collect::<String>()
    )
}

fn page(claim: &Claim) -> String {
    let (word, words) = (claim.verdict.word(), claim.verdict.words());
    let beware = claim.beware.as_ref().map(|text| format!("\n**Beware: {}.**\n", with_code(text))).unwrap_or_default();
    let title = format!(
        "{GENERATED}# {}\n\nIt is said: {}.\n\n**{}**: {words}.\n{beware}",
        claim.id,
        with_code(&claim.claim),
        words::capital(word)
    );
    let instead = claim.instead.as_deref().map(|text| marked(&(with_code(text) + "\n"))).unwrap_or_default();
    let sections = [
        ("Why", with_code(&claim.why) + "\n"),
        (if claim.harmful() { "Instead" } else { "What to do" }, instead),
        ("Fixes", right_fixes(claim)),
        ("Refused", refused_fix(claim)),
        ("Causes", about_causes(claim)),
        ("Codes and events", codes(claim)),
        ("Sources", bullets(&claim.sources)),
    ];
    titled(title, &sections)
}

fn right_fixes(claim: &Claim) -> String {
    let fixes = claim.fixes.iter().filter_map(|id| fixes::find(id));
    joined(
        fixes.map(|fix| format!("[{0}](../fixes/{0}.md) ({1}): {2}", fix.id, fix.safety.word(), with_code(fix.title))),
    )
}

fn refused_fix(claim: &Claim) -> String {
    let fix = claim.refused.as_deref().and_then(fixes::find);
    joined(fix.iter().map(|fix| format!("[{0}](../fixes/{0}.md): {1}", fix.id, with_code(fix.title))))
}

fn about_causes(claim: &Claim) -> String {
    let causes = claim.causes.iter().filter_map(|id| causes::find(id));
    joined(causes.map(|cause| format!("[{0}](../causes/{0}.md): {1}", cause.id, with_code(cause.title))))
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.fold(String::new(), |text, item| text + "- " + &item + "\n")
}

fn codes(claim: &Claim) -> String {
    let codes = claim.codes.iter().map(|code| format!("{code:#X}").replacen("0X", "0x", 1));
    let events = claim.events.iter().map(|event| format!("event {event}"));
    let all: Vec<_> = codes.chain(events).collect();
    if all.is_empty() { String::new() } else { all.join(", ") + "\n" }
}

#[cfg(test)]
mod tests {
    use super::super::NEVER_RUN;

    #[test]
    fn a_claim_has_its_page_and_pages_name_their_claims() {
        let pages = super::super::pages();
        assert_eq!(pages.keys().filter(|path| path.starts_with("claims/c")).count(), 44);
        let page = &pages["claims/c15.md"];
        for words in ["**Dangerous**", "Beware: do not rename", "../fixes/rename-machine-keys.md", "../causes/private"]
        {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(pages["causes/private-key-unusable.md"].contains("](../claims/c15.md) (dangerous)"));
        assert!(pages["fixes/renew-rdp-certificate.md"].contains("](../claims/c12.md)"));
        let refused = &pages["fixes/rename-machine-keys.md"];
        assert!(refused.contains("## Instead") && refused.contains("repair-machine-keys-access"), "{refused}");
        assert!(!refused.contains("```"), "{refused}");
    }

    #[test]
    fn a_command_for_windows_is_marked() {
        let pages = super::super::pages();
        assert!(pages["claims/c13.md"].contains(NEVER_RUN));
        assert!(!pages["claims/c18.md"].contains(NEVER_RUN), "a command of ours was run");
    }
}
