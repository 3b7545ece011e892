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
    let mut running = Vec::new();
    for name in &options.scenarios {
        let scenario =
            Scenario::find(name).ok_or_else(|| anyhow!("there is no scenario {name:?}; `rdpdoctor lab` lists them"))?;
        let lab = Lab::start(&scenario).with_context(|| format!("start the scenario {name}"))?;
        terminal::print(&described(&scenario, &lab))?;
        running.push(lab);
    }
    terminal::print("Running until Ctrl-C.\n")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(tokio::signal::ctrl_c()).context("wait for Ctrl-C")?;
    Ok(HEALTHY)
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
