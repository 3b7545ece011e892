//! `rdpdoctor demo`: a faulty host on this computer, diagnosed.

use diagnosis::cause::Severity;
use diagnosis::report::Diagnosis;
use evidence::observe::observe;
use lab::Scenario;
use report::formats;

use crate::arguments::DemoOptions;
use crate::{FAILED, HEALTHY, UNDETERMINED, diagnose, report_output, scenario, terminal};

/// Scenario that is shown by default: the likeliest reason for 0x904/0x7.
pub const DEFAULT: &str = "demo";

/// Runs the command and returns the exit status.
pub fn run(options: &DemoOptions) -> anyhow::Result<u8> {
    let scenario = scenario::named(&options.scenario)?;
    let mut staged = scenario::stage(&scenario)?;
    staged.probe.progress = terminal::progress();
    // a program that reads the report reads nothing else
    let human = options.format.id == formats::ALL[0].id;
    if human {
        terminal::print(&format!("Scenario {}: {}.\n\n", scenario.name, scenario.title))?;
    }
    let (transcript, run) = diagnose::drive(&staged.probe)?;
    terminal::clear_progress();
    let report = diagnosis::diagnose(&observe(&transcript), &staged.probe.context, run);
    let style = terminal::style(options.full);
    let printed = report_output::print(&report, options.format, style, options.save_commands.as_deref(), None)?;
    let found = report.findings.iter().find(|finding| finding.severity < Severity::Advisory);
    let found = found.map(|finding| finding.cause.as_str());
    let expected = scenario.expect.findings.first().map(String::as_str);
    let words = match expected {
        Some(cause) if found == expected => format!("\nThe scenario's fault is {cause}: found.\n"),
        Some(cause) => format!("\nThe scenario's fault is {cause}: NOT found.\n"),
        None => aside(&scenario, &report),
    };
    if human {
        terminal::print(&words)?;
    }
    Ok(match printed {
        FAILED => FAILED,
        _ if found == expected => HEALTHY,
        _ => UNDETERMINED,
    })
}

/// Tells of a scenario without a fault: what is only worth knowing in it, if there is such a thing.
fn aside(scenario: &Scenario, report: &Diagnosis) -> String {
    let Some(cause) = scenario.expect.advisory.first() else {
        return "\nThe scenario has no fault that a probe can name.\n".to_owned();
    };
    let found = if report.findings.iter().any(|finding| finding.cause == *cause) { "found" } else { "NOT found" };
    format!("\nThe scenario shows {cause}, which is worth knowing and no fault by itself: {found}.\n")
}
