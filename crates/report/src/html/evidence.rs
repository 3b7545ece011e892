//! Sections about the evidence: observations, open questions, next measurements.

use std::collections::BTreeSet;

use diagnosis::report::{Diagnosis, ReportObservation, Value};

use super::{Page, text};
use crate::words::sentence;
use crate::{captured, words};

/// Most observations on the page, besides those that a finding cites: a browser has to stay quick.
const OBSERVATIONS: usize = 1000;
/// Most characters of one value.
const VALUE: usize = 2000;

impl Page {
    pub(super) fn not_seen(&mut self, diagnosis: &Diagnosis) {
        let (ruled_out, not_seen) = (words::ruled_out(diagnosis), words::not_seen(diagnosis));
        if ruled_out.is_none() && not_seen.is_none() {
            return;
        }
        self.section("What was not seen", |page| {
            if let Some(words) = ruled_out {
                page.element("p", &format!("Ruled out: {words}"));
            }
            if let Some((what, words)) = not_seen {
                page.element("p", &format!("{what}: {words}"));
            }
            page.open_causes(diagnosis);
        });
    }

    fn open_causes(&mut self, diagnosis: &Diagnosis) {
        let label = format!("What would decide them ({})", diagnosis.unknown.len());
        self.details(true, &label, |page| {
            let rows = diagnosis.unknown.iter().map(|open| (open.cause.as_str(), open.needs.join("; ")));
            page.pairs("Causes that are still open", [("", "Cause"), ("", "It takes")], rows);
        });
    }

    pub(super) fn next(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.next.is_empty() {
            return;
        }
        self.section("Next", |page| {
            page.open("ol");
            for next in &diagnosis.next {
                page.open("li");
                page.element("p", &sentence(&next.why));
                page.commands([next.command.as_str()]);
                page.close("li");
            }
            page.close("ol");
        });
    }

    pub(super) fn evidence(&mut self, diagnosis: &Diagnosis) {
        self.section("Evidence", |page| {
            page.machines(diagnosis);
            let captured = captured::lines(diagnosis, usize::MAX);
            page.titled("Captured", captured.iter().map(String::as_str));
            let unread = words::unread(diagnosis);
            page.titled("Not read", unread.iter().map(String::as_str));
            if !diagnosis.observations.is_empty() {
                let label = format!("Everything that was seen ({})", diagnosis.observations.len());
                page.details(true, &label, |page| page.observations(diagnosis));
            }
        });
    }

    fn titled<'a>(&mut self, heading: &str, lines: impl ExactSizeIterator<Item = &'a str>) {
        if lines.len() > 0 {
            self.element("h3", heading);
            self.list(lines);
        }
    }

    /// Adds the machines, the client and the files.
    fn machines(&mut self, diagnosis: &Diagnosis) {
        self.open("dl");
        for subject in &diagnosis.subjects {
            let port = subject.port.map(|port| format!("port {port}"));
            let parts = [subject.name.clone(), subject.address.clone(), port];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let role = subject.role.word();
            self.pair(
                &format!("{role} {}", subject.id),
                &if parts.is_empty() { "-".to_owned() } else { parts.join(", ") },
            );
        }
        self.pair("client profile", &format!("{} ({})", diagnosis.client.profile, diagnosis.client.source));
        if let Some(symptom) = words::symptom(diagnosis) {
            self.pair("code of the client", &symptom.to_string());
        }
        for (number, file) in (1..).zip(&diagnosis.files) {
            self.pair(&format!("file/{number}"), file);
        }
        self.close("dl");
    }

    fn pair(&mut self, name: &str, value: &str) {
        self.element("dt", name);
        self.element("dd", value);
    }

    fn observations(&mut self, diagnosis: &Diagnosis) {
        let cited: BTreeSet<usize> =
            diagnosis.findings.iter().flat_map(|finding| &finding.because).map(|because| because.observation).collect();
        let shown = |(number, seen): &(usize, &ReportObservation)| *number < OBSERVATIONS || cited.contains(&seen.id);
        let rows: Vec<_> = diagnosis.observations.iter().enumerate().filter(shown).collect();
        let left_out = diagnosis.observations.len() - rows.len();
        let heads = [("number", "Number"), ("", "Fact"), ("", "Of"), ("", "Source"), ("", "When"), ("", "Value")];
        self.table("evidence", "Everything that was seen", &heads, |page| {
            for (_, seen) in &rows {
                page.observation(seen);
            }
        });
        if left_out > 0 {
            self.element("p", &format!("{left_out} more of these are in the JSON report"));
        }
    }

    fn observation(&mut self, seen: &ReportObservation) {
        self.open(&format!("tr id=\"observation-{}\"", seen.id));
        self.element("td class=\"number\"", &seen.id.to_string());
        self.element("th scope=\"row\"", &seen.fact);
        self.element("td", &seen.subject.to_string());
        self.element("td", &seen.source);
        self.element("td class=\"time\"", &seen.at);
        self.raw("td class=\"value\"", &format!("<code>{}</code>", text(&short(&seen.value))));
        self.close("tr");
    }
}

/// Shortens a value to one readable line.
fn short(value: &Value) -> String {
    let whole = if let Value::Text(text) = value {
        text.to_string()
    } else {
        serde_json::to_string(value).expect("the names of its objects are text")
    };
    let count = whole.chars().count();
    if count <= VALUE {
        return whole;
    }
    let cut: String = whole.chars().take(VALUE).collect();
    format!("{cut}… ({count} characters, which the JSON report has)")
}
