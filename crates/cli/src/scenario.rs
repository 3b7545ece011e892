//! Lab scenarios, diagnosed: shown by `demo` and judged by the tests.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use collect::probe::{self, Probe};
use collect::resolve::Resolver;
use diagnosis::Context;
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, ProfileSource, Symptom, Target, TimeSource};
use lab::{Lab, Scenario};
use time::OffsetDateTime;
use wire::transcript::NameAnswer;
use wire::x224::{Preconnection, RoutingToken};

/// Scenario whose hosts are running, ready to be diagnosed.
pub struct Staged {
    /// Running hosts; they stop when this is dropped.
    pub lab: Lab,
    /// Probe that looks at them.
    pub probe: Probe,
}

/// Answers the scenario's name as the scenario says.
struct Scripted(NameAnswer);

impl Resolver for Scripted {
    fn resolve(&self, _: &Target) -> NameAnswer {
        self.0.clone()
    }
}

/// Finds a scenario by its name; the error names those that may have been meant.
pub fn named(name: &str) -> anyhow::Result<Scenario> {
    Scenario::find(name).ok_or_else(|| {
        let all = Scenario::all();
        let near = report::search::similar(name, all.iter().map(|scenario| scenario.name.as_str()));
        let near = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(" or ")) };
        anyhow!("there is no scenario {name:?}; {near}`rdpdoctor lab` lists them")
    })
}

/// Starts the hosts of a scenario and sets up the probe that it asks for.
pub fn stage(scenario: &Scenario) -> anyhow::Result<Staged> {
    let lab = Lab::start(scenario).with_context(|| format!("start the scenario {}", scenario.name))?;
    let addresses = lab.addresses();
    let first = addresses.first().ok_or_else(|| anyhow!("the scenario has no host"))?;
    let asked = scenario.ask.host.as_ref().map_or(first.to_string(), |host| format!("{host}:{}", lab.port));
    let target = Target::parse(&asked).map_err(|error| anyhow!("the scenario's host {asked:?}: {error}"))?;
    let mut probe = Probe::new(context(scenario, target.clone())?, target);
    probe.resolver = Arc::new(Scripted(answer(scenario, addresses)));
    Ok(Staged { lab, probe })
}

fn context(scenario: &Scenario, target: Target) -> anyhow::Result<Context> {
    let ask = &scenario.ask;
    let profile = match (&ask.profile_text, &ask.profile) {
        (Some(text), _) => ClientProfile::parse(text)?,
        (None, Some(name)) => ClientProfile::find(name)?,
        (None, None) => ClientProfile::find(evidence::profile::DEFAULT)?,
    };
    Ok(Context {
        target: Some(target),
        profile,
        profile_source: ProfileSource::Option,
        at: crate::diagnose::truncated(OffsetDateTime::now_utc()),
        at_source: TimeSource::Attempt,
        symptom: ask.code.map(|code| Symptom { code, extended: ask.extended }),
        capabilities: probe::capabilities(),
        require_trust: ask.require_trust,
        gateway: None,
        routing: Routing {
            token: ask.routing_token.as_deref().and_then(RoutingToken::parse),
            user: ask.user.clone(),
            preconnection: ask.preconnection.as_deref().and_then(Preconnection::parse),
            ..Routing::default()
        },
        thorough: ask.thorough,
        on_linux: false,
    })
}

fn answer(scenario: &Scenario, addresses: Vec<std::net::SocketAddr>) -> NameAnswer {
    match scenario.resolver.answer {
        None => NameAnswer::Addresses(addresses),
        // the numbers of glibc
        Some(lab::scenario::NameAnswer::NotFound) => NameAnswer::NotFound { code: -2 },
        Some(lab::scenario::NameAnswer::TryAgain) => NameAnswer::TryAgain { code: -3 },
        Some(lab::scenario::NameAnswer::Nobodys) => NameAnswer::Addresses(vec![([0, 0, 0, 0], 3389).into()]),
        Some(lab::scenario::NameAnswer::Failed) => NameAnswer::Failed { code: -4 },
    }
}
