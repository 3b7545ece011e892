//! The first screen of a report: what is broken, why, how sure that is, what to do now, and what proves it.
//!
//! It is data here, so that the terminal ([`super::human_screen`]) and the HTML page open with the same words. Each
//! part says how many rows it may take and how soon it may be left out. Nothing is lost by that: the whole report and
//! the JSON have it.

use diagnosis::cause::{Cause, Confidence, Severity};
use diagnosis::fixes::Safety;
use diagnosis::fixes::change::{Change, Machine};
use diagnosis::printable::counted;
use diagnosis::report::{Diagnosis, Finding, Outcome, StageResult, Verdict};
use diagnosis::{Role, Stage, causes, fixes};

use super::scripts::{self, Script};
use super::words::{self, capital};
use super::{captured, human_timeline, machines, subject_words};

/// Look of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As any text.
    Plain,
    /// The heading.
    Strong,
    /// The verdict on a sound host.
    Good,
    /// The verdict where nothing could be told.
    Doubtful,
    /// The verdict on a faulty host.
    Bad,
}

/// Part of the screen: a sentence or two, and perhaps a command below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Words before the text, with their colon; empty for none.
    pub(super) label: String,
    /// The text.
    pub(super) text: String,
    /// Look.
    pub(super) tone: Tone,
    /// Most rows of text.
    pub(super) rows: usize,
    /// 0 for what has to be said; the highest goes first where there is no room.
    pub(super) spare: u8,
    /// True if an empty row goes before it, where there is room.
    pub(super) apart: bool,
    /// The command below it.
    pub(super) script: Option<Script>,
}

impl Part {
    fn new(label: &str, text: &str) -> Self {
        let (label, text) = (label.to_owned(), text.to_owned());
        Self { label, text, tone: Tone::Plain, rows: 2, spare: 0, apart: false, script: None }
    }

    fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    fn rows(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }

    fn apart(self) -> Self {
        Self { apart: true, ..self }
    }

    fn script(self, script: Option<Script>) -> Self {
        Self { script, ..self }
    }
}

/// Most machines or addresses on the screen.
const MACHINES: usize = 5;
/// Most lines of the timeline on it.
const HAPPENED: usize = 4;
/// Names of causes in a list.
const NAMES: usize = 4;

/// Returns the parts of the first screen, in order.
pub(super) fn parts(diagnosis: &Diagnosis) -> Vec<Part> {
    let mut parts = vec![Part::new("", &words::title(diagnosis)).tone(Tone::Strong).rows(1)];
    parts.push(verdict(diagnosis));
    parts.extend(words::control(diagnosis).map(|text| Part::new("Control", &text).spare(2)));
    parts.extend(ladder(diagnosis));
    let faults: Vec<&Finding> =
        diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory).collect();
    if let Some(first) = faults.first() {
        parts.extend(reasons(diagnosis, first));
        parts.extend(actions(diagnosis, first));
    } else {
        parts.extend(next(diagnosis));
    }
    parts.extend(others(&faults));
    parts.extend(open(diagnosis));
    parts.extend(aside(diagnosis));
    parts
}

fn verdict(diagnosis: &Diagnosis) -> Part {
    Part::new("", &words::verdict(diagnosis)).tone(tone(diagnosis.verdict)).rows(3)
}

/// Returns the look of a verdict.
pub(super) fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Healthy => Tone::Good,
        Verdict::Faulty => Tone::Bad,
        Verdict::Undetermined => Tone::Doubtful,
    }
}

/// Tells the rungs of one host in a line, or each of several machines in its own.
fn ladder(diagnosis: &Diagnosis) -> Vec<Part> {
    let told = machines::told(diagnosis);
    // the name that was looked up is no machine beside its address
    // nor is whoever wrote an .rdp file that is in order
    let counts = |machine: &&machines::Machine<'_>| {
        !(machine.only_name || machine.who.role == Role::Client && machine.outcome == Outcome::Passed)
    };
    let several = told.iter().filter(counts).count() > 1;
    if told.is_empty() {
        return Vec::new();
    }
    if !several {
        return vec![Part::new("", &format!("  {}", rungs(diagnosis)))];
    }
    let told: Vec<machines::Machine<'_>> =
        told.into_iter().filter(|machine| !machine.only_name || machine.outcome == Outcome::Failed).collect();
    let row = |machine: &machines::Machine<'_>| {
        format!("{} {}: {}", words::mark(machine.outcome), machines::name(machine.who), machine.text)
    };
    let mut rows: Vec<String> = told.iter().take(MACHINES).map(row).collect();
    rows.extend(machines::rest(&told[told.len().min(MACHINES)..]));
    let spare = |number: usize| u8::from(number != 0);
    let part = |(number, row): (usize, &String)| Part::new("", &format!("  {row}")).rows(1).spare(spare(number));
    rows.iter().enumerate().map(part).collect()
}

/// Writes the rungs of the only host: `ok name, tcp, x224 · FAIL tls: reset without an answer`.
fn rungs(diagnosis: &Diagnosis) -> String {
    let of = |outcome| diagnosis.stages.iter().filter(move |rung| rung.outcome == outcome);
    let passed: Vec<&str> = of(Outcome::Passed).map(|rung| rung.stage.word()).collect();
    let passed = (!passed.is_empty()).then(|| format!("{} {}", words::mark(Outcome::Passed), passed.join(", ")));
    let told = |rung: &StageResult| format!("{} {}: {}", words::mark(rung.outcome), rung.stage.word(), rung.text);
    let broken: Vec<String> = of(Outcome::Failed).chain(of(Outcome::Degraded)).map(told).collect();
    let mut groups: Vec<String> = passed.into_iter().chain(broken).collect();
    // what was read says more than that it was read
    let records = diagnosis.stages.len() == 1 && diagnosis.stages[0].stage >= Stage::Host;
    if records && groups.len() == 1 {
        groups = diagnosis.stages.iter().map(told).collect();
    }
    if groups.is_empty() {
        groups.extend(diagnosis.stages.first().map(told));
    }
    groups.join(" · ")
}

/// Says what was seen, and how sure the finding is.
fn reasons(diagnosis: &Diagnosis, finding: &Finding) -> Vec<Part> {
    let sure = match finding.confidence {
        Confidence::Proven => "nothing else explains what was seen",
        Confidence::Likely => "this fits best, but something else is still possible",
        Confidence::Possible => "one explanation among several",
    };
    let whose = subject_words::whose(diagnosis, finding.subject).map_or(String::new(), |name| format!(", {name}"));
    let explained = words::consequences(diagnosis, finding).join(" ");
    let text = format!("{}{whose} ({}): {sure}. {explained}", finding.cause, words::rank(finding));
    let mut seen: Vec<&str> = finding.because.iter().map(|because| because.text.as_str()).collect();
    let all = seen.len();
    seen.truncate(2);
    let more = if all > 2 { format!("; and {} more", all - 2) } else { String::new() };
    vec![Part::new("Seen", &format!("{}{more}", seen.join("; "))).spare(3), Part::new("How sure", text.trim_end())]
}

/// Says what to do now and what proves it. A fix comes first only where the fault is proven and no other would mend it.
fn actions(diagnosis: &Diagnosis, finding: &Finding) -> Vec<Part> {
    let Some(cause) = finding.cause_here() else { return Vec::new() };
    let (fix, proof) = (fix(diagnosis, finding, &cause), proof(diagnosis, finding, &cause));
    let remedy = |label| Part::new(label, cause.page.how_to_fix).rows(3);
    // what a record shows is the fault itself; what a connection shows can have several reasons
    let known = cause.stage >= Stage::Host && finding.fixes.len() == 1;
    let mut parts = match (finding.confidence, finding.fixes.len()) {
        (Confidence::Proven, 0) => vec![remedy("Do now"), proof("To confirm")],
        (Confidence::Proven, 1) if known => vec![fix("Do now"), proof("To confirm")],
        (Confidence::Proven, _) => vec![proof("Do now: look"), remedy("Then").spare(2), fix("The first fix to try")],
        (_, 0) => vec![proof("Do now: prove it"), remedy("Only if that agrees")],
        _ => vec![proof("Do now: prove it"), fix("Only if that agrees")],
    };
    if let Some(first) = parts.first_mut() {
        first.apart = true;
    }
    // a command whose result nobody can read proves nothing
    let proves =
        parts.iter().position(|part| part.script.as_ref().is_some_and(|script| script.name.starts_with("prove-")));
    if let Some(place) = proves {
        parts.insert(place + 1, Part::new("Look for", cause.page.confirm).rows(3).spare(1));
    }
    parts.extend(words::beware(finding).map(|text| Part::new("Beware", &capital(&text)).rows(1).spare(4)));
    parts
}

/// Returns the first fix of a finding, behind a label that is still to be given.
fn fix<'a>(diagnosis: &'a Diagnosis, finding: &'a Finding, cause: &'a Cause) -> impl Fn(&str) -> Part {
    let fix = finding.fixes.first().and_then(|id| fixes::find(id));
    move |label| {
        let Some(fix) = fix else { return Part::new(label, cause.page.how_to_fix).rows(3) };
        let script = scripts::of_fix(diagnosis, finding, cause, fix);
        let cuts = if fix.changes().any(Change::cuts_sessions) {
            "; it cuts every session"
        } else if fix.safety == Safety::Weakening {
            "; it lowers security, so only for a short time"
        } else {
            ""
        };
        let replace = script.replace.as_deref().map_or(String::new(), |words| format!(" Replace {words}."));
        let text = format!("{} ({}{cuts}), {}.{replace}", fix.title, fix.safety.word(), fix.place.words());
        let own = match fix.place.machine {
            Machine::Xrdp => "sudo rdpdoctor fix",
            Machine::Gnome => "rdpdoctor fix",
            _ => return Part::new(label, &text).rows(3).script(Some(script)),
        };
        // whom to let in, somebody has to say
        let whom =
            if fix.changes().any(|change| *change == Change::OpenLinuxFirewall) { " --addresses WHOM" } else { "" };
        let text = format!(
            "{text} There `{own} --for {}{whom}` shows the change; --apply makes it, `rdpdoctor undo` goes back.",
            finding.cause
        );
        Part::new(label, &text).rows(5).script(Some(script))
    }
}

/// Returns the command that proves a finding, behind a label that is still to be given.
fn proof<'a>(diagnosis: &'a Diagnosis, finding: &'a Finding, cause: &'a Cause) -> impl Fn(&str) -> Part {
    let own = diagnosis.next.first().filter(|next| next.splits.first() == Some(&finding.cause));
    // files that were not read yet are at hand, and the machine may be far away
    let own = own.filter(|next| words::place_and_command(&next.command).0.is_none());
    move |label| match own {
        Some(next) => Part::new("Do now", &words::sentence(&next.why)).script(Some(scripts::of_next(1, next))),
        None => Part::new("", &format!("{label} {}:", words::prove_place(cause)))
            .rows(1)
            .script(Some(scripts::of_proof(diagnosis, finding, cause))),
    }
}

/// Says what to look at next, where no fault was found.
fn next(diagnosis: &Diagnosis) -> Option<Part> {
    let next = diagnosis.next.first()?;
    let place = words::place_and_command(&next.command).0;
    let place = place.map_or(String::new(), |place| format!(", {place}"));
    let more = diagnosis.next.len() - 1;
    let more = if more > 0 {
        format!(" ({} in --full.)", counted(more, "further step", "further steps"))
    } else {
        String::new()
    };
    let text = format!("{}{more}", words::sentence(&next.why));
    Some(Part::new(&format!("Do now{place}"), &text).rows(4).apart().script(Some(scripts::of_next(1, next))))
}

/// Names the other faults, each once.
fn others(faults: &[&Finding]) -> Option<Part> {
    let first = faults.first()?;
    let mut told: Vec<(&str, usize)> = Vec::new();
    for finding in &faults[1..] {
        match told.iter_mut().find(|(cause, _)| *cause == finding.cause) {
            Some((_, times)) => *times += 1,
            None => told.push((&finding.cause, 1)),
        }
    }
    let names: Vec<String> = told
        .iter()
        .map(|(cause, times)| match (times, *cause == first.cause) {
            (times, true) => format!("{cause} ({times} more)"),
            (1, _) => (*cause).to_owned(),
            (times, _) => format!("{cause} ({times} times)"),
        })
        .collect();
    (!names.is_empty()).then(|| Part::new("Also wrong", &format!("{}.", few(&names, 2 * NAMES))).rows(3))
}

/// Names what else it may be: nothing, if a fault is proven.
fn open(diagnosis: &Diagnosis) -> Option<Part> {
    let proven = diagnosis
        .findings
        .first()
        .is_some_and(|first| first.severity < Severity::Advisory && first.confidence == Confidence::Proven);
    if diagnosis.verdict == Verdict::Healthy || diagnosis.unknown.is_empty() || proven || words::only_unread(diagnosis)
    {
        return None;
    }
    let (mut here, mut later) = words::open_here(diagnosis);
    let blocked = diagnosis.findings.first().is_some_and(|first| first.severity == Severity::Blocking);
    if blocked {
        // what only hampers a connection, or lies behind where it broke, does not explain that it broke
        here.retain(|id| causes::find(id).is_none_or(|cause| cause.severity == Severity::Blocking));
        later = None;
    }
    let later = later
        .map(|(stage, count)| format!("{} in the steps after {}", counted(count, "cause", "causes"), stage.word()));
    let here = (!here.is_empty()).then(|| few(&here, NAMES));
    let text = here.into_iter().chain(later).collect::<Vec<_>>().join("; ");
    if text.is_empty() {
        return None;
    }
    let label = if blocked { "It may also be" } else { "Not ruled out" };
    Some(Part::new(label, &format!("{text}.")).spare(1))
}

fn few<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let left = names.len().saturating_sub(most);
    if left > 0 { format!("{} and {left} more", shown.join(", ")) } else { shown.join(", ") }
}

/// Tells what changes no verdict but has to be said.
fn aside(diagnosis: &Diagnosis) -> Vec<Part> {
    let mut parts = Vec::new();
    let notices = words::notices(diagnosis);
    if let Some(first) = notices.first() {
        let more = if notices.len() > 1 { format!(" ({} more in --full)", notices.len() - 1) } else { String::new() };
        parts.push(Part::new("Note", &format!("{first}{more}")).spare(2));
    }
    let advice: Vec<String> = advice(diagnosis);
    if let Some(first) = advice.first() {
        let more: Vec<&str> = advice[1..].iter().filter_map(|text| text.split(':').next()).collect();
        let more = if more.is_empty() { String::new() } else { format!("; also {}", few(&more, NAMES)) };
        parts.push(Part::new("Worth knowing", &format!("{first}{more}")).spare(5));
    }
    // advice for another server than Windows has to say why
    let advised = diagnosis.findings.first().filter(|first| first.advice.is_some());
    if let Some(first) = advised.and_then(|_| words::servers(diagnosis).into_iter().next()) {
        parts.push(Part::new("Server", &first).spare(4));
    }
    if let Some(first) = words::paths(diagnosis).first() {
        parts.push(Part::new("Path", &format!("{first}.")).spare(3));
    }
    if let Some(first) = captured::lines(diagnosis, usize::MAX).first() {
        parts.push(Part::new("Captured", first).spare(6));
    }
    let unread = machines::unread(diagnosis);
    if let Some((what, why)) = unread.first() {
        let more = if unread.len() > 1 { format!(" (and {} more)", unread.len() - 1) } else { String::new() };
        parts.push(Part::new("Not read, or in part", &format!("{what}{more}: {why}")).rows(3).spare(1));
    }
    if let Some(time) = words::judged_for(diagnosis) {
        parts.push(Part::new("", &format!("{}.", capital(&time))).spare(3));
    }
    let happened = human_timeline::lines(diagnosis, HAPPENED);
    let text: Vec<String> = happened.iter().map(|(lead, text)| format!("{}  {text}", lead.trim_end())).collect();
    if !text.is_empty() {
        parts.push(Part::new(words::TIMELINE, "").rows(1).spare(8).apart());
        parts.extend(text.iter().map(|line| Part::new("", line).rows(1).spare(8)));
    }
    parts
}

/// Lists advisory findings, one line for each cause.
fn advice(diagnosis: &Diagnosis) -> Vec<String> {
    let mut told: Vec<(&str, String)> = Vec::new();
    for finding in diagnosis.findings.iter().filter(|finding| finding.severity == Severity::Advisory) {
        if !told.iter().any(|(cause, _)| *cause == finding.cause) {
            told.push((&finding.cause, format!("{}: {}", finding.cause, words::first_reason(finding))));
        }
    }
    // another machine than the one that was meant matters more than anything else
    told.sort_by_key(|(cause, _)| *cause != "name-points-elsewhere");
    told.into_iter().map(|(_, text)| text).collect()
}
