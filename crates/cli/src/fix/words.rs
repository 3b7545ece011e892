//! Plans and outcomes in words.

use evidence::printable::{counted, printable};
use repair::journal::Journal;
use repair::place::Place;
use repair::plan::Step;

use super::patient::Found;
use super::{Planned, journals};
use crate::arguments::FixOptions;

/// Says that nothing is to be done, and what would take a person.
pub fn nothing(found: &Found, planned: &Planned) -> String {
    let mut lines = vec![if found.faults.is_empty() {
        format!("xrdp on {}: its files show no fault. Nothing to do.", printable(&found.title))
    } else if !planned.missing.is_empty() && planned.by_hand.is_empty() {
        format!("xrdp on {}: nothing to do for what was asked.", printable(&found.title))
    } else {
        "There is nothing that this program can do for what was asked.".to_owned()
    }];
    lines.extend(left_over(&planned.by_hand, &planned.missing));
    lines.join("\n") + "\n"
}

/// Says which causes take a person, and which were asked for and are not there.
pub fn left_over(by_hand: &[String], missing: &[String]) -> Vec<String> {
    let by_hand = by_hand.iter().map(|cause| format!("By hand: {cause} (`rdpdoctor explain {cause}`)"));
    by_hand.chain(missing.iter().map(|cause| format!("Not found here: {cause}"))).collect()
}

/// Writes a plan like a difference: now and then, place by place.
pub fn plan(planned: &Planned, found: &Found, elsewhere: bool) -> String {
    let plan = &planned.plan;
    let mut lines = vec![format!("Plan for xrdp on {}:", printable(&found.title)), String::new()];
    for fault in planned.mended.iter().filter(|fault| plan.causes.contains(&fault.cause)) {
        lines.push(format!("{}: {}", fault.cause, printable(&fault.because)));
    }
    for fix in plan.fixes.iter().filter_map(|id| diagnosis::fixes::find(id)) {
        lines.push(String::new());
        lines.push(format!("{} ({}, {})", fix.title, fix.id, fix.safety.word()));
        lines.push(format!("  {}", fix.reason));
        lines.extend(plan.steps.iter().filter(|step| step.fix == fix.id).flat_map(step));
    }
    lines.push(String::new());
    for service in plan.restarts.iter().filter(|_| !elsewhere) {
        lines.push(format!("Then {service} is restarted, if it runs: connections through it end."));
    }
    if elsewhere {
        lines.push("These are the files of another machine or another xrdp: nothing is restarted, and new files go beside its xrdp.ini.".to_owned());
    }
    lines.push(format!(
        "{} in all; each is written down first, and `rdpdoctor undo` brings back what was there.",
        counted(plan.steps.len(), "change", "changes")
    ));
    lines.extend(left_over(&planned.by_hand, &planned.missing));
    lines.extend(planned.later.iter().map(|fault| {
        let (cause, because) = (&fault.cause, printable(&fault.because));
        format!("Then there is {cause}: {because}. This plan does not mend that: `rdpdoctor explain {cause}`")
    }));
    lines.join("\n") + "\n"
}

fn step(step: &Step) -> Vec<String> {
    vec![
        format!("  {}", place(&step.place)),
        format!("    - {}", printable(&step.before.words())),
        format!("    + {}", printable(&step.after.words())),
    ]
}

fn place(place: &Place) -> String {
    printable(&place.to_string())
}

/// Says how the plan is carried out.
pub fn how_to_apply(options: &FixOptions) -> String {
    let path =
        options.path.as_ref().map_or(String::new(), |path| format!(" {}", printable(&path.display().to_string())));
    format!("Nothing was changed. To make the changes: rdpdoctor fix{path} --apply\n")
}

/// Says that it is done, and how to go back.
pub fn done(outcome: &str, told: &str, journal: &Journal) -> String {
    format!(
        "{outcome}: {told}.\nTo go back: rdpdoctor undo (run {}; without rdpdoctor: sh {}/restore.sh)\n",
        journals::number(journal),
        printable(&journal.folder.display().to_string())
    )
}

/// Says what could not be taken back.
pub fn stuck(why: &str, left: &[String], journal: &Journal) -> String {
    let mut lines = vec![format!("It failed: {}. Not everything is as before:", printable(why))];
    lines.extend(left.iter().map(|line| format!("  {}", printable(line))));
    lines.push(format!(
        "Put it right and try `rdpdoctor undo` again, or put the copies back: sh {}/restore.sh",
        printable(&journal.folder.display().to_string())
    ));
    lines.join("\n") + "\n"
}
