//! Pages of the book about codes: one for each family, and their list.

use std::collections::BTreeMap;
use std::fmt::Write;

use diagnosis::codes;
use diagnosis::codes::{Code, Entry, Family, Form, Mark, Sureness};

use super::book::{GENERATED, NEVER_RUN, prose, with_code};
use super::words::capital;

/// Returns every page: its path within the book, and its text.
pub(super) fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::from([("codes/README.md".to_owned(), index())]);
    pages.extend(codes::families().iter().map(|family| (path(family), page(family))));
    pages
}

fn path(family: &Family) -> String {
    format!("codes/{}.md", family.id)
}

/// Links to a code in the book, from a folder beside `codes`.
pub(super) fn link(entry: Entry) -> String {
    let text = entry.family.form.write(entry.code.number);
    format!("[{text}](../{}#{})", path(entry.family), anchor(entry))
}

/// Returns the anchor that Markdown makes of the heading.
fn anchor(entry: Entry) -> String {
    heading(entry).to_lowercase().replace(' ', "-")
}

fn heading(entry: Entry) -> String {
    let number = entry.family.form.write(entry.code.number);
    entry.code.extended.map_or(number.clone(), |extended| format!("{number} with 0x{extended:X}"))
}

fn index() -> String {
    let row = |family: &Family| {
        format!("| [{}]({}.md) | {} | {} |\n", family.title, family.id, family.codes.len(), prose(&family.shown))
    };
    let rows: String = codes::families().iter().map(row).collect();
    format!(
        "{GENERATED}# Codes\n\n`rdpdoctor explain CODE` finds a code in every list, in hexadecimal, decimal, negative, as an HRESULT, in a pasted \
         message or an event. A number means something only within its list: the same number is another thing in another one. \
         What nobody has checked is marked as such. rdpdoctor was never run on real Windows.\n\n| list | codes | where it is shown |\n|---|---|---|\n{rows}"
    )
}

fn page(family: &'static Family) -> String {
    let usual = usual(family);
    let mut text = format!(
        "{GENERATED}# {}\n\n{}\n\nShown in {}.\n\nSource, where a line says nothing else: {}.\n\n{}",
        family.title,
        prose(&family.about),
        prose(&family.shown),
        source(usual),
        table(family, usual)
    );
    for code in &family.codes {
        let entry = Entry { family, code };
        if detailed(entry) {
            text.push_str(&details(entry));
        }
    }
    let checks = family.codes.iter().filter_map(|code| code.check.as_ref());
    if checks.into_iter().any(|check| check.contains('`')) {
        write!(text, "\n{NEVER_RUN}").expect("writing to a String cannot fail");
    }
    text
}

type Source<'a> = (&'a [Mark], Sureness);

/// Returns the source of most codes of a family.
fn usual(family: &Family) -> Source<'_> {
    let each = family.codes.iter().map(|code| (&code.sources[..], code.confidence));
    each.clone().max_by_key(|one| each.clone().filter(|other| other == one).count()).unwrap_or((&[], Sureness::Low))
}

fn source((marks, sure): Source<'_>) -> String {
    let words: Vec<_> = marks.iter().map(|mark| mark.words()).collect();
    format!("{} (confidence {})", words.join("; "), sure.word())
}

fn table(family: &'static Family, usual: Source<'_>) -> String {
    let decimal = family.form != Form::Decimal && !family.events;
    let mut text = if decimal { "| code | decimal |".to_owned() } else { "| code |".to_owned() };
    text.push_str(" name | it says | stage |\n");
    text.push_str(if decimal { "|---|---|---|---|---|\n" } else { "|---|---|---|---|\n" });
    for code in &family.codes {
        let entry = Entry { family, code };
        let number = heading(entry);
        let number = if detailed(entry) { format!("[{number}](#{})", anchor(entry)) } else { number };
        let second = if decimal { format!(" {} |", code.number) } else { String::new() };
        let name = code.name.as_deref().map_or(String::new(), |name| format!("`{name}`"));
        let row = format!("| {number} |{second} {name} | {} | {} |\n", says(code, usual), code.step.word());
        text.push_str(&row);
    }
    text
}

fn says(code: &Code, usual: Source<'_>) -> String {
    let mut text = prose(&code.meaning);
    if code.normal {
        text.push_str("; this is normal");
    }
    if let Some(client) = &code.client {
        write!(text, "; {}", prose(client)).expect("writing to a String cannot fail");
    }
    let own = (&code.sources[..], code.confidence);
    if own != usual {
        write!(text, " ({})", source(own)).expect("writing to a String cannot fail");
    }
    text
}

/// True if there is more to say than a line of the table.
fn detailed(entry: Entry) -> bool {
    let code = entry.code;
    let texts = [&code.note, &code.check].into_iter().any(Option::is_some);
    texts || !(entry.causes().is_empty() && code.fixes.is_empty() && code.confused.is_empty() && code.not.is_empty())
}

fn details(entry: Entry) -> String {
    let code = entry.code;
    let mut text = format!("\n## {}\n\n{}.", heading(entry), capital(&prose(&code.meaning)));
    for more in [&code.note, &code.check].into_iter().flatten() {
        write!(text, " {}", with_code(more)).expect("writing to a String cannot fail");
    }
    text.push('\n');
    if let (Some(log), Some(provider)) = (&code.log, &code.provider) {
        write!(text, "\nLog: {}. Provider: {}.\n", prose(log), prose(provider))
            .expect("writing to a String cannot fail");
    }
    let causes = entry.causes().iter().map(|link| (format!("[{0}](../causes/{0}.md)", link.to), &link.why));
    list(&mut text, "It is not:", code.not.iter().map(|not| prose(not)));
    list(&mut text, "Causes, the likeliest first:", causes.map(|(to, why)| format!("{to}: {}", prose(why))));
    list(&mut text, "Fixes:", code.fixes.iter().map(|fix| format!("[{fix}](../fixes/{fix}.md)")));
    let confused = code.confused.iter().filter_map(|near| Some((codes::by_id(&near.to)?, &near.why)));
    let confused = confused.map(|(other, why)| format!("{} ({}): {}", near(other), other.family.singular, prose(why)));
    list(&mut text, "Not to be confused with:", confused);
    text
}

/// Links to a code of this or another page: its details, or the page where it has none.
fn near(entry: Entry) -> String {
    if detailed(entry) {
        return link(entry).replace("../codes/", "");
    }
    format!("[{}]({}.md)", entry.family.form.write(entry.code.number), entry.family.id)
}

fn list(text: &mut String, lead: &str, items: impl Iterator<Item = String>) {
    for (number, item) in items.enumerate() {
        if number == 0 {
            write!(text, "\n{lead}\n\n").expect("writing to a String cannot fail");
        }
        writeln!(text, "- {item}").expect("writing to a String cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_on_the_page_of_its_family() {
        let pages = pages();
        for entry in codes::all() {
            let page = &pages[&path(entry.family)];
            assert!(page.contains(&prose(&entry.code.meaning)) && page.contains(&heading(entry)), "{}", entry.id());
            assert!(
                !entry.weak()
                    || page.contains("from memory, not checked")
                    || page.contains("confidence low")
                    || page.contains("inferred")
            );
        }
        assert_eq!(pages.len(), codes::families().len() + 1);
    }

    #[test]
    fn a_link_leads_to_a_heading() {
        let pages = pages();
        for entry in codes::all().filter(|entry| detailed(*entry)) {
            let page = &pages[&path(entry.family)];
            assert!(page.contains(&format!("\n## {}\n", heading(entry))), "{}", entry.id());
        }
        assert_eq!(link(codes::find("disconnect", 0x904).unwrap()), "[0x904](../codes/disconnect.md#0x904)");
        assert_eq!(anchor(codes::pair(0x904, 7).unwrap()), "0x904-with-0x7");
    }
}
