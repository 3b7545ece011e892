//! Commands of a report as small scripts: on the first screen a long one is a file name, and `--save-commands` writes
//! the file.

use std::collections::BTreeSet;

use diagnosis::cause::{Cause, Confidence, Severity};
use diagnosis::fixes;
use diagnosis::fixes::change::Step;
use diagnosis::fixes::{Fix, powershell};
use diagnosis::report::{Diagnosis, Finding, Next};

use super::{door, words};

/// First words of every script, by which one of ours is known from a file that somebody else wrote.
pub const MARK: &str = "# written by rdpdoctor";

/// Ending of a script for PowerShell.
const POWERSHELL: &str = "ps1";

/// Commands that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// File name, such as `prove-port-closed.ps1`: letters, digits, `-` and one dot.
    pub name: String,
    /// Where it is run, and what to know before.
    pub about: String,
    /// The commands, one a line; sentences are comments.
    pub lines: Vec<String>,
    /// Words in capitals that have to be replaced, with what goes there; `None` where nothing has to be.
    pub replace: Option<String>,
    /// Those words alone.
    pub words: Vec<&'static str>,
}

impl Script {
    /// Returns the only line, if it is a command.
    pub(super) fn only_line(&self) -> Option<&str> {
        match self.lines.as_slice() {
            [only] => Some(only).filter(|line| !line.starts_with('#')).map(String::as_str),
            _ => None,
        }
    }

    /// True if it is words for a person alone.
    pub(super) fn is_words(&self) -> bool {
        self.lines.iter().all(|line| line.starts_with('#'))
    }

    /// Returns the text of its file.
    pub fn text(&self) -> String {
        // without the mark, Windows PowerShell takes the file for the machine's old code page
        let mark = if self.is_powershell() { "\u{feff}" } else { "" };
        let mut lines = vec![format!("{MARK}: {}", self.name), format!("# {}", self.about)];
        lines.extend(self.replace.as_ref().map(|words| format!("# Replace {words}.")));
        for word in self.words.iter().filter(|_| self.is_powershell()) {
            // the second half apart, so that replacing the word leaves this comparison false
            let (first, second) = word.split_at(word.len() / 2);
            let stop = format!("throw 'replace {word} in this script first'");
            lines.push(format!("if ('{word}' -eq '{first}'+'{second}') {{ {stop} }}"));
        }
        lines.extend(self.lines.iter().cloned());
        format!("{mark}{}\n", door::text(&lines.join("\n")).as_str())
    }

    fn is_powershell(&self) -> bool {
        self.name.rsplit_once('.').is_some_and(|(_, ending)| ending == POWERSHELL)
    }
}

/// Lists every command of a report as a script, each once: proofs and fixes of its findings, and its next steps.
pub fn all(diagnosis: &Diagnosis) -> Vec<Script> {
    let mut scripts = Vec::new();
    for finding in diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory) {
        let Some(cause) = finding.cause_here() else { continue };
        scripts.push(of_proof(diagnosis, finding, &cause));
        let fixes = finding.fixes.iter().filter_map(|id| fixes::find(id));
        scripts.extend(fixes.map(|fix| of_fix(diagnosis, finding, &cause, fix)).filter(|script| !script.is_words()));
    }
    scripts.extend((1..).zip(&diagnosis.next).map(|(number, next)| of_next(number, next)));
    let mut names = BTreeSet::new();
    scripts.retain(|script| names.insert(script.name.clone()));
    scripts
}

/// Returns the command that proves a cause.
pub(super) fn of_proof(diagnosis: &Diagnosis, finding: &Finding, cause: &Cause) -> Script {
    let given = words::given(diagnosis, finding, cause);
    Script {
        name: format!("prove-{}.{}", cause.id, ending(cause.page.command)),
        about: format!("{}: {}", words::capital(&words::prove_place(cause)), cause.page.confirm),
        lines: vec![given.fill(cause.page.command)],
        replace: given.missing([cause.page.command]),
        words: given.missing_words([cause.page.command]),
    }
}

/// Returns the steps of a fix.
pub(super) fn of_fix(diagnosis: &Diagnosis, finding: &Finding, cause: &Cause, fix: &Fix) -> Script {
    let given = words::given(diagnosis, finding, cause);
    let sure = if finding.confidence == Confidence::Proven {
        String::new()
    } else {
        format!(" Only if prove-{} shows that {}.", cause.id, finding.title)
    };
    let (texts, lines) = (powershell::texts(fix), powershell::lines(fix, &given));
    // what stands in a remark alone is replaced by whoever follows the remark
    let run: Vec<&str> =
        texts.iter().zip(&lines).filter(|(_, line)| !line.starts_with('#')).map(|(text, _)| text.as_str()).collect();
    Script {
        name: format!("fix-{}.{}", fix.id, if fix.is_of_linux() { "sh" } else { POWERSHELL }),
        about: format!(
            "{}, {} ({}).{sure} Read it line by line before you run it.",
            fix.title,
            fix.place.words(),
            words::safety(fix)
        ),
        replace: given.missing(run.iter().copied()),
        words: given.missing_words(run),
        lines: with_stops(fix, lines),
    }
}

/// Ends a script where a person has to make sure of something: what is only a remark would be passed over.
fn with_stops(fix: &Fix, lines: Vec<String>) -> Vec<String> {
    const STOP: &str = "throw 'Make sure of the line above, then delete this line and run the script again.'";
    let stops = |step: &Step| matches!(step, Step::Stop(_));
    let with = |(step, line): (&Step, String)| [Some(line), stops(step).then(|| STOP.to_owned())];
    fix.steps.iter().zip(lines).flat_map(with).flatten().collect()
}

/// Returns the command of a next step, by its number from 1.
pub(super) fn of_next(number: usize, next: &Next) -> Script {
    let (place, command) = words::place_and_command(&next.command);
    let place = place.map_or(String::new(), |place| format!("{}: ", words::capital(place)));
    Script {
        name: format!("next-{number}.{}", ending(command)),
        about: format!("{place}{}", words::sentence(&next.why)),
        lines: vec![command.to_owned()],
        replace: None,
        words: Vec::new(),
    }
}

/// Returns the ending of a script: our own program and the tools of Unix need no PowerShell.
fn ending(command: &str) -> &'static str {
    if command.starts_with("rdpdoctor ") || words::of_unix(command) { "sh" } else { POWERSHELL }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use diagnosis::causes;

    #[test]
    fn a_script_says_where_it_runs_and_what_to_replace() {
        let mut report = sample::diagnosis("server01");
        report.findings[0].cause = "brute-force-flood".to_owned();
        report.findings[0].fixes = vec!["open-firewall-for-rdp".to_owned()];
        let scripts = all(&report);
        let names: Vec<&str> = scripts.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names, ["prove-brute-force-flood.ps1", "fix-open-firewall-for-rdp.ps1"]);
        let text = scripts[1].text();
        assert!(text.contains("Replace ADMIN-SUBNET with the addresses that may connect"), "{text}");
        assert!(text.contains("if ('ADMIN-SUBNET' -eq 'ADMIN-'+'SUBNET') { throw"), "{text}");
        assert!(text.contains("Only if prove-brute-force-flood shows that"), "{text}");
        // what anybody does with it: the guard has to let that through
        let replaced = text.replace("ADMIN-SUBNET", "192.0.2.0/24");
        assert!(replaced.contains("if ('192.0.2.0/24' -eq 'ADMIN-'+'SUBNET')"), "{replaced}");
    }

    #[test]
    fn a_script_ends_where_a_person_has_to_make_sure() {
        let mut report = sample::diagnosis("server01");
        report.findings[0].fixes = vec!["renew-rdp-certificate".to_owned(), "set-listener-port".to_owned()];
        let scripts = all(&report);
        let lines = |name: &str| &scripts.iter().find(|script| script.name == name).unwrap().lines;
        let renew = lines("fix-renew-rdp-certificate.ps1");
        let asked = renew.iter().position(|line| line.contains("stop here")).unwrap();
        assert!(renew[asked].starts_with('#') && renew[asked + 1].starts_with("throw '"), "{renew:?}");
        let removed = renew.iter().position(|line| line.contains("Remove-Item")).unwrap();
        assert!(asked + 1 < removed, "{renew:?}");
        assert!(!lines("fix-set-listener-port.ps1").iter().any(|line| line.starts_with("throw")));
    }

    #[test]
    fn a_name_is_a_file_name_everywhere() {
        let plain = |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter));
        let mut report = sample::diagnosis("words");
        for cause in causes::ALL {
            report.findings[0].cause = cause.id.to_owned();
            report.findings[0].fixes = cause.fixes.iter().map(|id| (*id).to_owned()).collect();
            for script in all(&report) {
                assert!(plain(&script.name) && script.name.matches('.').count() == 1, "{}", script.name);
                assert!(script.lines.iter().all(|line| !line.contains('\n')), "{}", script.name);
                assert!(script.text().contains(MARK), "{}", script.name);
            }
        }
    }

    /// The tools of Unix in a file for PowerShell would be no command there.
    #[test]
    fn a_proof_for_unix_is_no_powershell() {
        let mut report = sample::diagnosis("words");
        report.findings[0].cause = "server-tls-setup-failed".to_owned();
        report.findings[0].fixes.clear();
        assert_eq!(all(&report)[0].name, "prove-server-tls-setup-failed.sh");
        assert!(!all(&report)[0].about.contains("PowerShell"), "{}", all(&report)[0].about);
    }
}
