//! Plans and outcomes in words.

use std::path::PathBuf;

use evidence::printable::{counted, printable};
use evidence::state::{LinuxFirewall, UFW};
use repair::journal::Journal;
use repair::place::Place;
use repair::plan::Step;

use super::patient::{FIREWALL, Found, Probed};
use super::verified::set_of_rules;
use super::{Planned, journals};
use crate::arguments::{FixOptions, LinuxServer};

/// Says that nothing is to be done, and what would take a person.
pub fn nothing(found: &Found, planned: &Planned, outside: Option<&Probed>) -> String {
    let server = found.server.name();
    let mut lines = vec![if found.faults.is_empty() {
        format!("{server} on {}: its files show no fault{}", printable(&found.title), seen(found, outside))
    } else if !planned.missing.is_empty() && planned.by_hand.is_empty() {
        format!("{server} on {}: nothing to do for what was asked.", printable(&found.title))
    } else {
        "There is nothing that this program can do for what was asked.".to_owned()
    }];
    lines.extend(left_over(&planned.by_hand, &planned.missing, &found.unread));
    lines.extend(found.by_person.iter().cloned());
    lines.join("\n") + "\n"
}

/// Says how far it is to be believed that files show no fault.
fn seen(found: &Found, outside: Option<&Probed>) -> String {
    let address = found.server.address();
    let port = address.port();
    let usual = if found.server.is_inside_alone() {
        format!(
            " It is set to listen for clients on this machine alone (port in [Globals] of {}): nobody else reaches it. \
             Where that is not wanted, `port=3389` and a restart of xrdp let others come.",
            found.server.settings()
        )
    } else if port == 3389 {
        String::new()
    } else {
        format!(" Clients name its port: HOST:{port}.")
    };
    match outside.map(|probed| probed.faults.as_deref()) {
        Some(Some([])) => {
            let open = found.by_person.is_empty() && !found.may_be_shut();
            let rest = if open { " Nothing to do." } else { "" };
            format!(", and a probe of port {port} gets through.{rest}{usual}{}", may_be_kept_out(found, port))
        }
        Some(Some(faults)) => {
            let faults = faults.join(", ");
            format!(", but a probe of port {port} sees {faults}: `rdpdoctor diagnose {address}` tells of it.")
        }
        Some(None) => format!(", and a probe of port {port} could not tell. Whether there is one is not known."),
        None if !found.unread.is_empty() => {
            ", as far as they could be read. Whether there is one is not known.".to_owned()
        }
        None if !found.by_person.is_empty() => ".".to_owned(),
        None => format!(". Nothing to do.{usual}"),
    }
}

/// Names rules that may keep some out, of which a probe from this machine itself shows nothing.
fn may_be_kept_out(found: &Found, port: u16) -> String {
    let some = |firewall: &&LinuxFirewall| firewall.may_keep_some_out(port);
    let rules: Vec<String> = found.firewalls.iter().filter(some).map(set_of_rules).collect();
    match rules.as_slice() {
        [] => String::new(),
        _ => format!(
            " But {} may keep some out of that port: a probe from this machine itself passes no firewall.{}",
            rules.join(" and "),
            if found.may_be_shut() { " Whether clients get in is not known." } else { "" }
        ),
    }
}

/// Says that a run was cut off, and what can become of it.
pub fn cut_off(open: &Journal) -> String {
    format!(
        "an earlier run was cut off ({}): `rdpdoctor undo` takes it back, `rdpdoctor fix --finish` finishes it",
        journals::number(open)
    )
}

/// Says which causes take a person, which were asked for and are not there, and what was not read.
pub fn left_over(by_hand: &[(String, String)], missing: &[String], unread: &[String]) -> Vec<String> {
    let by_hand =
        by_hand.iter().map(|(cause, because)| format!("By hand: {cause}: {} ({})", printable(because), next(cause)));
    let found = if unread.is_empty() { "Not found here" } else { "Not found in what could be read" };
    let missing = missing.iter().map(|cause| format!("{found}: {cause}"));
    let unread = unread.iter().map(|what| format!("Not read: {}", printable(what)));
    by_hand.chain(missing).chain(unread).collect()
}

/// Says where to go on with a cause that takes a person.
fn next(cause: &str) -> String {
    if cause == FIREWALL && cfg!(target_os = "linux") {
        return format!("say whom to let in: `rdpdoctor fix --for {cause} --addresses 192.0.2.0/24`");
    }
    format!("`rdpdoctor explain {cause}`")
}

/// Writes a plan like a difference: now and then, place by place.
pub fn plan(planned: &Planned, found: &Found, elsewhere: bool) -> String {
    let plan = &planned.plan;
    let server = found.server.name();
    let mut lines = vec![format!("Plan for {server} on {}:", printable(&found.title)), String::new()];
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
    lines.extend(plan.restarts.iter().filter(|_| !elsewhere).map(|service| restart(service)));
    lines.extend(planned.restarts_by_hand.iter().cloned());
    if plan.restarts.is_empty() && planned.restarts_by_hand.is_empty() && !elsewhere {
        lines.push("Nothing has to be restarted: it acts with the next connection.".to_owned());
    }
    if elsewhere {
        lines.push("These are the files of another machine or another xrdp: nothing is restarted, and new files go beside its xrdp.ini.".to_owned());
    }
    lines.push(format!(
        "{} in all; each is written down first, and `rdpdoctor undo` brings back what was there.",
        counted(plan.steps.len(), "change", "changes")
    ));
    lines.extend(left_over(&planned.by_hand, &planned.missing, &found.unread));
    lines.extend(found.by_person.iter().cloned());
    lines.extend(planned.later.iter().map(|fault| {
        let (cause, because) = (&fault.cause, printable(&fault.because));
        format!("Then there is {cause}: {because}. This plan does not mend that: `rdpdoctor explain {cause}`")
    }));
    lines.join("\n") + "\n"
}

/// Says that a service is restarted, which those who use it notice.
pub fn restart(service: &str) -> String {
    format!("Then {} is restarted, if it runs: connections through it end.", printable(service))
}

fn step(step: &Step) -> Vec<String> {
    let mut lines = vec![
        format!("  {}", place(&step.place)),
        format!("    - {}", printable(&step.before.words())),
        format!("    + {}", printable(&step.after.words())),
    ];
    // measured with ufw 0.36
    if matches!(&step.place, Place::Opening { tool, rules, .. } if tool == UFW && rules.iter().any(|rule| rule.ahead_of.is_some()))
    {
        lines.push(
            "    For a rule ahead of others ufw writes its chains anew. Those for limits may keep one rule more each when \
             it is taken back; these let nobody in and keep nobody out."
                .to_owned(),
        );
    }
    lines
}

fn place(place: &Place) -> String {
    printable(&place.to_string())
}

/// Says how the plan that was shown is carried out: that one, where it was kept.
pub fn how_to_apply(options: &FixOptions) -> String {
    let text = |path: &PathBuf| printable(&path.display().to_string());
    let mut words = vec!["rdpdoctor fix".to_owned()];
    words.extend(options.path.as_ref().map(text));
    words.extend(options.server.map(|server| match server {
        LinuxServer::Xrdp => "--server xrdp".to_owned(),
        LinuxServer::Gnome => "--server gnome".to_owned(),
    }));
    if let Some(plan) = options.save.as_ref().or(options.from.as_ref()) {
        words.push(format!("--from {}", text(plan)));
    } else {
        words.extend(options.causes.iter().map(|cause| format!("--for {cause}")));
        words.extend(options.only.iter().map(|fix| format!("--only {fix}")));
        words.extend((!options.addresses.is_empty()).then(|| format!("--addresses {}", options.addresses.join(" "))));
    }
    format!("Nothing was changed. To make the changes: {} --apply\n", words.join(" "))
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
