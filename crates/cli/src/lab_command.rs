//! `rdpdoctor lab`: faulty hosts to try tools on.

use anyhow::{Context as _, anyhow};
use diagnosis::{Stage, causes};
use lab::scenario::Expect;
use lab::{Lab, Scenario};

use crate::arguments::LabOptions;
use crate::{HEALTHY, terminal};

/// Runs the command and returns the exit status.
pub fn run(options: &LabOptions) -> anyhow::Result<u8> {
    if options.scenarios.is_empty() {
        return list();
    }
    // all of them run before one is printed: if one fails, no address is shown at which nobody listens any more
    let scenarios = options.scenarios.iter().map(|name| named(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let running = scenarios.into_iter().map(started).collect::<anyhow::Result<Vec<_>>>()?;
    for (scenario, lab) in &running {
        terminal::print(&described(scenario, lab))?;
    }
    terminal::print("Running until Ctrl-C.\n")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(tokio::signal::ctrl_c()).context("wait for Ctrl-C")?;
    Ok(HEALTHY)
}

fn named(name: &str) -> anyhow::Result<Scenario> {
    Scenario::find(name).ok_or_else(|| anyhow!("there is no scenario {name:?}; `rdpdoctor lab` lists them"))
}

fn started(scenario: Scenario) -> anyhow::Result<(Scenario, Lab)> {
    let lab = Lab::start(&scenario).with_context(|| format!("start the scenario {}", scenario.name))?;
    Ok((scenario, lab))
}

/// Prints the scenarios by the step of the connection at which each is broken, with their numbers.
fn list() -> anyhow::Result<u8> {
    let scenarios = Scenario::all();
    let mut text = String::new();
    for stage in Stage::ALL.into_iter().map(Some).chain([None]) {
        let here: Vec<&Scenario> = scenarios.iter().filter(|scenario| broken_at(scenario) == stage).collect();
        if !here.is_empty() {
            let title = stage.map_or("no fault, or none that shows", Stage::word);
            text.extend([title, &format!(" ({})\n", here.len())]);
            text.extend(here.into_iter().map(line));
            text.push('\n');
        }
    }
    text.push_str(&scenarios.len().to_string());
    text += " scenarios. `rdpdoctor lab NAME…` runs some of them until Ctrl-C.\n";
    terminal::print(&text)?;
    Ok(HEALTHY)
}

/// The step of the first cause that a diagnosis is expected to find, or of the cause that a near miss is about.
fn broken_at(scenario: &Scenario) -> Option<Stage> {
    let Expect { findings, advisory, near_miss_of, .. } = &scenario.expect;
    let cause = findings.first().or(near_miss_of.as_ref()).or(advisory.first())?;
    causes::find(cause).map(|cause| cause.stage)
}

fn line(scenario: &Scenario) -> String {
    let missing = scenario.needs_legacy_tls() && !cfg!(feature = "legacy-tls");
    let legacy = if missing { " (not in this build: needs OpenSSL)" } else { "" };
    format!("  {:<58} {}{legacy}\n", scenario.name, scenario.title)
}

fn described(scenario: &Scenario, lab: &Lab) -> String {
    let client = scenario.ask.profile.as_ref().map(|profile| format!(" --client {profile}")).unwrap_or_default();
    let commands = lab.addresses().into_iter().map(|address| format!("  rdpdoctor diagnose {address}{client}\n"));
    let name = scenario.ask.host.as_ref();
    let note =
        name.map(|host| format!("  (the scenario is about the name {host}; an address stands in for it here)\n"));
    format!("{}: {}\n{}{}", scenario.name, scenario.title, commands.collect::<String>(), note.unwrap_or_default())
}
