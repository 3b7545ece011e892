//! Section of findings: what was seen, what follows, what to do, how safe that is and how to go back.

use diagnosis::cause::{Cause, Severity};
use diagnosis::fixes::{Fix, Given, powershell};
use diagnosis::report::{Diagnosis, Finding};
use diagnosis::{claims, fixes};

use super::{Page, text};
use crate::words::{capital, sentence};
use crate::{subject_words, words};

impl Page {
    pub(super) fn findings(&mut self, diagnosis: &Diagnosis) {
        let (advice, faults): (Vec<&Finding>, Vec<&Finding>) =
            diagnosis.findings.iter().partition(|finding| finding.severity == Severity::Advisory);
        if !faults.is_empty() {
            self.section("Findings", |page| faults.iter().for_each(|finding| page.finding(diagnosis, finding)));
        }
        if !advice.is_empty() {
            self.section(words::ADVICE, |page| advice.iter().for_each(|finding| page.advice(diagnosis, finding)));
        }
    }

    /// Adds an advisory finding in one line; the rest unfolds.
    fn advice(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        self.open("details class=\"card advisory\"");
        let whose = subject_words::whose(diagnosis, finding.subject).map_or(String::new(), |name| format!(" ({name})"));
        let (cause, seen) = (text(&finding.cause), text(&format!("{}{whose}", words::first_reason(finding))));
        self.raw("summary", &format!("<span class=\"cause\">{cause}</span>: {seen}"));
        self.told(diagnosis, finding);
        self.close("details");
    }

    fn finding(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        let severity = words::severity_word(finding.severity);
        self.open(&format!("article class=\"card finding {severity}\""));
        self.element("h3", &finding.cause);
        self.told(diagnosis, finding);
        self.close("article");
    }

    fn told(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        let whose = subject_words::whose(diagnosis, finding.subject)
            .map_or(String::new(), |name| format!(" <span class=\"whose\">{}</span>", text(&name)));
        self.raw("p", &format!("<span class=\"rank\">{}</span>{whose}", text(&words::rank(finding))));
        self.element("p class=\"title\"", &sentence(&finding.title));
        self.seen(finding);
        for consequence in words::consequences(diagnosis, finding) {
            self.element("p", &consequence);
        }
        if let Some(cause) = &finding.cause_here() {
            let given = words::given(diagnosis, finding, cause);
            self.cause(finding, cause, &given);
            self.fixes(finding, &given);
        }
        self.claims(finding);
    }

    fn fixes(&mut self, finding: &Finding, given: &Given) {
        let fixes: Vec<&Fix> = finding.fixes.iter().filter_map(|id| fixes::find(id)).collect();
        if let Some((first, others)) = fixes.split_first() {
            self.fix(first, given);
            for fix in others {
                self.details(false, &format!("Another way: {}", fix.title), |page| page.fix(fix, given));
            }
        }
    }

    fn seen(&mut self, finding: &Finding) {
        self.element("h4", "Seen");
        self.open("ul");
        for because in &finding.because {
            let number = because.observation;
            let link = format!("<a href=\"#observation-{number}\">observation {number}</a>");
            self.raw("li", &format!("{} ({link})", text(&because.text)));
        }
        self.close("ul");
    }

    fn cause(&mut self, finding: &Finding, cause: &Cause, given: &Given) {
        self.element("h4", "Why");
        self.element("p", cause.page.why);
        self.element("h4", "What to do");
        self.element("p", cause.page.how_to_fix);
        if let Some(warning) = words::beware(finding) {
            self.element("p class=\"beware\"", &format!("Beware: {warning}"));
        }
        self.element("h4", "Proof");
        self.element("p", &format!("Prove it {}:", words::prove_place(cause)));
        self.commands([given.fill(cause.page.command).as_str()]);
    }

    fn fix(&mut self, fix: &Fix, given: &Given) {
        self.open("div class=\"fix\"");
        self.element("h4", "Fix");
        self.element("p class=\"name\"", &sentence(fix.title));
        self.element("p", &sentence(&words::safety(fix)));
        self.element("p", &format!("{}; {}:", capital(&fix.place.words()), words::STEPS));
        let steps = powershell::lines(fix, given);
        self.commands(steps.iter().map(String::as_str));
        self.element("p", &format!("Fixed when: {}", sentence(&given.fill(fix.verify))));
        self.element("p", &format!("To go back: {}", sentence(&given.fill(fix.undo))));
        self.close("div");
    }

    /// Adds the claims that circulate about the cause, judged.
    fn claims(&mut self, finding: &Finding) {
        let claims: Vec<_> = finding.claims.iter().filter_map(|id| claims::find(id)).collect();
        if claims.is_empty() {
            return;
        }
        self.details(true, &format!("What circulates about it ({})", claims.len()), |page| {
            page.open("ul");
            for claim in claims {
                let instead = claim.instead.as_ref().map_or(String::new(), |instead| format!(" Instead: {instead}"));
                let judged = format!("{}: {}", claim.verdict.word(), claim.claim);
                page.raw(
                    "li",
                    &format!("<code>{}</code> {}{}", text(&claim.id), text(&sentence(&judged)), text(&instead)),
                );
            }
            page.close("ul");
        });
    }
}
