//! `rdpdoctor lab`: faulty hosts to try tools on.

use anyhow::Context as _;
use diagnosis::{Stage, causes};
use lab::scenario::{Ask, Expect};
use lab::{Lab, Scenario};

use crate::arguments::LabOptions;
use crate::{HEALTHY, scenario, terminal};

/// Runs the command and returns the exit status.
pub fn run(options: &LabOptions) -> anyhow::Result<u8> {
    if options.scenarios.is_empty() {
        return if options.all { list() } else { faults() };
    }
    // all of them run before one is printed: if one fails, no address is shown at which nobody listens any more
    let scenarios = options.scenarios.iter().map(|name| scenario::named(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let running = scenarios.into_iter().map(started).collect::<anyhow::Result<Vec<_>>>()?;
    for (scenario, lab) in &running {
        terminal::print(&described(scenario, lab))?;
    }
    terminal::print("Running until Ctrl-C.\n")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(tokio::signal::ctrl_c()).context("wait for Ctrl-C")?;
    Ok(HEALTHY)
}

fn started(scenario: Scenario) -> anyhow::Result<(Scenario, Lab)> {
    let lab = Lab::start(&scenario).with_context(|| format!("start the scenario {}", scenario.name))?;
    Ok((scenario, lab))
}

/// Widest line of the short list.
const WIDE: usize = 98;

/// Prints the faults that have a scenario of their own name, by the step of the connection at which each breaks it.
fn faults() -> anyhow::Result<u8> {
    let scenarios = Scenario::all();
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let mut text = String::new();
    for stage in Stage::ALL {
        let here = scenarios.iter().filter(|scenario| broken_at(scenario) == Some(stage));
        let (mut line, mut lines) = (format!("{}:", stage.word()), Vec::new());
        for name in here.map(|scenario| scenario.name.as_str()).filter(|name| shows_fault(name, &names)) {
            if line.len() + name.len() + 1 > WIDE {
                lines.push(std::mem::replace(&mut line, " ".to_owned()));
            }
            line.extend([" ", name]);
        }
        lines.push(line);
        if lines.len() > 1 || lines[0].contains(' ') {
            text.extend(lines.into_iter().map(|line| line + "\n"));
        }
    }
    let count = scenarios.len();
    terminal::print(&format!(
        "{text}\n`rdpdoctor demo NAME` shows one and diagnoses it, `rdpdoctor lab NAME…` runs some until Ctrl-C.\n\
         All {count} scenarios, near misses among them, with what each is: rdpdoctor lab --all\n"
    ))?;
    Ok(HEALTHY)
}

/// True for the scenario that shows a fault: the one with its name, or the first of its variants where none has.
fn shows_fault(name: &str, all: &[&str]) -> bool {
    let variants = |cause: &str| name.strip_prefix(cause).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let cause =
        causes::ALL.iter().map(|cause| cause.id).filter(|cause| variants(cause)).max_by_key(|cause| cause.len());
    let Some(cause) = cause.filter(|_| !name.contains("near-miss")) else { return false };
    let of_cause =
        |other: &&&str| **other == cause || other.starts_with(&format!("{cause}-")) && !other.contains("near-miss");
    all.iter().find(of_cause).is_some_and(|first| *first == name)
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

/// The commands that show the fault. What a client of its own, what an `.rdp` file sends, or a name that no resolver
/// knows brings about is shown by `demo` alone, which brings them along.
fn described(scenario: &Scenario, lab: &Lab) -> String {
    let Ask {
        host,
        profile,
        profile_text,
        require_trust,
        routing_token,
        preconnection,
        user,
        thorough,
        code,
        extended,
    } = &scenario.ask;
    let mut text = format!("{}: {}\n", scenario.name, scenario.title);
    let own = profile_text.is_some() || routing_token.is_some() || preconnection.is_some() || user.is_some();
    let needs = match host {
        Some(host) if about_names(scenario) => Some(format!("the name {host}")),
        _ => own.then(|| "a client of its own".to_owned()),
    };
    let addresses = lab.addresses();
    if let Some(needs) = needs {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let addresses = addresses.join(" or ");
        text.extend([
            format!("  rdpdoctor demo {}\n", scenario.name),
            format!("  (the fault needs {needs}: asking {addresses} does not show it)\n"),
        ]);
        return text;
    }
    let mut options = profile.as_ref().map(|profile| format!(" --client {profile}")).unwrap_or_default();
    options += &code.map(|code| format!(" --code {code:#x}")).unwrap_or_default();
    options += &extended.map(|extended| format!(" --extended {extended:#x}")).unwrap_or_default();
    options += if *require_trust { " --require-trust" } else { "" };
    options += if *thorough { " --thorough" } else { "" };
    text.extend(addresses.into_iter().map(|address| format!("  rdpdoctor diagnose {address}{options}\n")));
    text.extend(host.iter().map(|host| format!("  (rdpdoctor demo {} asks by the name {host})\n", scenario.name)));
    text
}

/// True if the scenario is about the name that is typed: what it leads to, or what is made of it.
fn about_names(scenario: &Scenario) -> bool {
    let Expect { findings, advisory, near_miss_of, .. } = &scenario.expect;
    let causes = findings.iter().chain(near_miss_of).chain(advisory);
    scenario.resolver.answer.is_some()
        || broken_at(scenario) == Some(Stage::Name)
        || causes.into_iter().any(|cause| cause.contains("name"))
}
