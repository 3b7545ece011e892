//! `rdpdoctor lab`: faulty hosts to try tools on.

use anyhow::{Context as _, anyhow};
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

fn list() -> anyhow::Result<u8> {
    let lines = Scenario::all().into_iter().map(|scenario| {
        let legacy = if scenario.needs_legacy_tls() && !cfg!(feature = "legacy-tls") {
            " (not in this build: needs OpenSSL)"
        } else {
            ""
        };
        format!("{:<60} {}{legacy}\n", scenario.name, scenario.title)
    });
    terminal::print(&lines.collect::<String>())?;
    Ok(HEALTHY)
}

fn described(scenario: &Scenario, lab: &Lab) -> String {
    let client = scenario.ask.profile.as_ref().map(|profile| format!(" --client {profile}")).unwrap_or_default();
    let commands = lab.addresses().into_iter().map(|address| format!("  rdpdoctor diagnose {address}{client}\n"));
    let name = scenario.ask.host.as_ref();
    let note =
        name.map(|host| format!("  (the scenario is about the name {host}; an address stands in for it here)\n"));
    format!("{}: {}\n{}{}", scenario.name, scenario.title, commands.collect::<String>(), note.unwrap_or_default())
}
