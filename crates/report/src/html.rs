//! The report as one page of HTML: no script, no network, for light and dark screens, phones and paper.
//!
//! Everything that a machine can choose passes [`text`]; the page itself forbids a browser to load or run anything. It
//! is well-formed XML as well, so that any XML parser checks it.

mod evidence;
mod findings;

use std::fmt::{self, Write};

use diagnosis::TimeSource;
use diagnosis::printable::printable;
use diagnosis::report::{Diagnosis, Verdict};

use super::door::Door;
use super::format::Format;
use super::xml::escaped;
use super::{human_timeline, screen, survey_words, words};

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "html",
    about: "one page for a browser or paper: no script, nothing from the network",
    render: |diagnosis, _| render(diagnosis),
    door: Door::Text,
    status: None,
    failure: None,
};

/// Content security policy: the page may do nothing but apply its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("html.css");

fn render(diagnosis: &Diagnosis) -> String {
    let mut page = Page(String::from("<!DOCTYPE html>\n"));
    page.open("html lang=\"en\"");
    page.head(diagnosis);
    page.open("body");
    page.header(diagnosis);
    page.open("main");
    page.screen(diagnosis);
    page.ladder(diagnosis);
    page.findings(diagnosis);
    page.notices(diagnosis);
    page.timeline(diagnosis);
    page.surveys(diagnosis);
    page.not_seen(diagnosis);
    page.next(diagnosis);
    page.evidence(diagnosis);
    page.close("main");
    page.footer(diagnosis);
    page.close("body");
    page.close("html");
    page.0
}

/// Escapes text so that it cannot become a tag, hide itself or reverse other text.
fn text(text: &str) -> String {
    escaped(&printable(text))
}

/// Page under construction. Tags are ours; texts pass [`text`].
struct Page(String);

impl Page {
    fn markup(&mut self, markup: fmt::Arguments<'_>) {
        writeln!(self.0, "{markup}").expect("writing to a String cannot fail");
    }

    /// Opens a tag, with its attributes.
    fn open(&mut self, tag: &str) {
        self.markup(format_args!("<{tag}>"));
    }

    fn close(&mut self, name: &str) {
        self.markup(format_args!("</{name}>"));
    }

    /// Adds an element that holds text alone.
    fn element(&mut self, tag: &str, words: &str) {
        self.raw(tag, &text(words));
    }

    /// Adds an element whose contents are safe already.
    fn raw(&mut self, tag: &str, inside: &str) {
        let name = tag.split(' ').next().unwrap_or(tag);
        self.markup(format_args!("<{tag}>{inside}</{name}>"));
    }

    /// Adds lines to copy.
    fn commands<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        let lines: Vec<String> = lines.into_iter().map(text).collect();
        self.raw("pre", &lines.join("\n"));
    }

    fn list<'a>(&mut self, items: impl IntoIterator<Item = &'a str>) {
        self.open("ul");
        for item in items {
            self.element("li", item);
        }
        self.close("ul");
    }

    /// Adds a table with its heads; wide ones scroll by themselves, also by keyboard.
    fn table(&mut self, class: &str, label: &str, heads: &[(&str, &str)], rows: impl FnOnce(&mut Self)) {
        let label = text(label);
        self.open(&format!("div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\""));
        self.open(&format!("table class=\"{class}\""));
        self.open("thead");
        self.open("tr");
        for (class, head) in heads {
            self.element(&format!("th scope=\"col\" class=\"{class}\""), head);
        }
        self.close("tr");
        self.close("thead");
        self.open("tbody");
        rows(self);
        self.close("tbody");
        self.close("table");
        self.close("div");
    }

    fn section(&mut self, heading: &str, inside: impl FnOnce(&mut Self)) {
        self.open("section");
        self.element("h2", heading);
        inside(self);
        self.close("section");
    }

    /// Adds a part that is folded until it is needed. `long`: not for paper.
    fn details(&mut self, long: bool, summary: &str, inside: impl FnOnce(&mut Self)) {
        self.open(if long { "details class=\"long\"" } else { "details" });
        self.element("summary", summary);
        inside(self);
        self.close("details");
    }

    fn head(&mut self, diagnosis: &Diagnosis) {
        self.open("head");
        self.markup(format_args!("<meta charset=\"utf-8\"/>"));
        self.markup(format_args!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>"));
        self.markup(format_args!("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"));
        self.markup(format_args!("<meta name=\"referrer\" content=\"no-referrer\"/>"));
        self.element("title", &format!("{}: {}", words::target(diagnosis), verdict_word(diagnosis.verdict)));
        self.raw("style", STYLE);
        self.close("head");
    }

    fn header(&mut self, diagnosis: &Diagnosis) {
        self.open("header");
        let attempt = (diagnosis.at_source == TimeSource::Attempt)
            .then(|| format!("; the attempt: {} UTC", human_timeline::second(&diagnosis.at)));
        let program = format!("rdpdoctor {}{}", diagnosis.tool, attempt.unwrap_or_default());
        self.element("p class=\"program\"", &program);
        self.element("h1", &words::title(diagnosis));
        if let Some(time) = words::judged_for(diagnosis) {
            self.element("p", &time);
        }
        self.close("header");
    }

    /// Adds the first screen, as a terminal shows it; the heading stands above already.
    fn screen(&mut self, diagnosis: &Diagnosis) {
        let word = verdict_word(diagnosis.verdict);
        self.open(&format!("section class=\"verdict {}\" aria-label=\"Verdict\"", word.to_lowercase()));
        self.element("p class=\"word\"", word);
        for part in screen::parts(diagnosis).iter().filter(|part| part.tone != screen::Tone::Strong) {
            let label = if part.label.is_empty() {
                String::new()
            } else {
                format!("<span class=\"label\">{}:</span> ", text(&part.label))
            };
            self.raw("p", &format!("{label}{}", text(&part.text)));
            if let Some(script) = &part.script {
                self.commands(script.lines.iter().map(String::as_str));
            }
        }
        self.close("section");
    }

    fn ladder(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.stages.is_empty() {
            return;
        }
        let heads = [("", "Result"), ("", "Stage"), ("number", "Time"), ("", "What was seen")];
        self.section("The way of the connection", |page| {
            page.table("ladder", "The way of the connection", &heads, |page| page.rungs(diagnosis));
            for server in words::servers(diagnosis) {
                page.element("p", &format!("The server: {server}."));
            }
            for path in words::paths(diagnosis) {
                page.element("p", &format!("The path: {path}."));
            }
            for way in words::ways(diagnosis) {
                page.element("p", &format!("The machines on the way: {way}."));
            }
        });
    }

    fn rungs(&mut self, diagnosis: &Diagnosis) {
        let mut before = None;
        for stage in &diagnosis.stages {
            if let Some(whose) = words::above_rung(diagnosis, stage, before) {
                self.open("tr");
                self.element("th class=\"group\" colspan=\"4\" scope=\"colgroup\"", &whose);
                self.close("tr");
            }
            before = Some(stage.subject);
            self.open(&format!("tr class=\"{}\"", stage.outcome.word()));
            self.raw("td", &format!("<span class=\"mark\">{}</span>", words::mark(stage.outcome)));
            self.element("th scope=\"row\"", stage.stage.word());
            self.element("td class=\"number\"", &words::took(stage));
            self.element("td", &stage.text);
            self.close("tr");
        }
    }

    fn notices(&mut self, diagnosis: &Diagnosis) {
        let notices = words::notices(diagnosis);
        if !notices.is_empty() {
            self.section("Notes", |page| page.list(notices.iter().map(String::as_str)));
        }
    }

    fn timeline(&mut self, diagnosis: &Diagnosis) {
        let lines = human_timeline::lines(diagnosis, human_timeline::LINES);
        if lines.is_empty() {
            return;
        }
        let all = human_timeline::all(diagnosis);
        self.section(words::TIMELINE, |page| {
            page.moments(lines.iter().filter(|(lead, _)| !lead.trim().is_empty()));
            if all.len() > lines.len() {
                page.details(true, &format!("All {} lines", all.len()), |page| page.moments(all.iter()));
            }
        });
    }

    fn moments<'a>(&mut self, lines: impl Iterator<Item = &'a (String, String)>) {
        self.table("timeline", words::TIMELINE, &[("", "When"), ("", "What")], |page| {
            for (when, what) in lines {
                page.open("tr");
                page.element("td class=\"time\"", when.trim());
                page.element("td", what);
                page.close("tr");
            }
        });
    }

    fn surveys(&mut self, diagnosis: &Diagnosis) {
        for survey in &diagnosis.surveys {
            let heading = words::survey(diagnosis, survey);
            self.section(&heading, |page| {
                page.pairs(&heading, [("", "What"), ("", "Answer")], survey_words::lines(survey).into_iter());
            });
        }
    }

    /// Adds a table of names and texts.
    fn pairs<'a>(&mut self, label: &str, heads: [(&str, &str); 2], rows: impl Iterator<Item = (&'a str, String)>) {
        self.table("pairs", label, &heads, |page| {
            for (name, words) in rows {
                page.open("tr");
                page.element("th scope=\"row\"", name);
                page.element("td", &words);
                page.close("tr");
            }
        });
    }

    fn footer(&mut self, diagnosis: &Diagnosis) {
        let verdict = diagnosis.verdict;
        self.open("footer");
        self.element("p", &words::cost(diagnosis));
        self.element("p", &format!("Exit status {}: {}.", verdict.status(), words::status(verdict)));
        self.close("footer");
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "Healthy",
        Verdict::Faulty => "Faulty",
        Verdict::Undetermined => "Undetermined",
    }
}

#[cfg(test)]
mod tests;
