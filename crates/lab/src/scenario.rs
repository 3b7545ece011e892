//! A scenario: hosts, how their diagnosis is asked for, and what it has to say.

use serde::Deserialize;

use crate::error::ScenarioError;
use crate::host::Host;

/// Name and text of every file in `scenarios/`, sorted by name.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Hosts with their faults, and what a good diagnosis says about them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// Fault, in words.
    pub title: String,
    /// Expected diagnosis.
    pub expect: Expect,
    /// How the diagnosis is asked for.
    #[serde(default)]
    pub ask: Ask,
    /// Answer of the resolver.
    #[serde(default, rename = "name")]
    pub resolver: Resolver,
    /// The hosts, in the order in which the name's addresses are listed. Without any table there is one healthy host.
    #[serde(default = "one_healthy_host", rename = "host")]
    pub hosts: Vec<Host>,
}

/// Expected diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The verdict.
    pub verdict: ExpectedVerdict,
    /// All blocking and degrading causes, the root first.
    pub findings: Vec<String>,
    /// The causes on further addresses, where the order across subjects does not matter.
    #[serde(default)]
    pub also: Vec<String>,
    /// Advisory causes that have to be among those found; others do not matter.
    #[serde(default)]
    pub advisory: Vec<String>,
    /// The cause from which this scenario differs in one fact.
    #[serde(default)]
    pub near_miss_of: Option<String>,
}

/// The verdict of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedVerdict {
    /// Nothing wrong as far as the logon prompt.
    Healthy,
    /// At least one blocking or degrading finding.
    Faulty,
    /// Neither a fault nor health could be shown.
    Undetermined,
}

/// How the diagnosis is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ask {
    /// The name that is typed; absent for the first host's address.
    pub host: Option<String>,
    /// The name of a client profile that comes with the program.
    pub profile: Option<String>,
    /// A client profile, as TOML.
    pub profile_text: Option<String>,
    /// The client refuses a host that it does not trust.
    pub require_trust: bool,
    /// The routing token of the client's `.rdp` file (`loadbalanceinfo`).
    pub routing_token: Option<String>,
    /// The user that the client's `.rdp` file names (`username`).
    pub user: Option<String>,
    /// The preconnection blob of the client's `.rdp` file (`pcb`).
    pub preconnection: Option<String>,
    /// Survey the host as well.
    pub thorough: bool,
    /// The error code that the user reports.
    pub code: Option<u32>,
    /// Its extended error code.
    pub extended: Option<u32>,
}

/// Answer of the resolver to the name that is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resolver {
    /// The failure; absent for the addresses of the hosts.
    pub answer: Option<NameAnswer>,
}

/// How a resolver fails, or misleads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameAnswer {
    /// `EAI_NONAME`: there is no such name.
    NotFound,
    /// `EAI_AGAIN`: no name server answered.
    TryAgain,
    /// `EAI_FAIL`: the name server failed for good.
    Failed,
    /// The address of no machine, 0.0.0.0, as filters answer.
    Nobodys,
}

fn one_healthy_host() -> Vec<Host> {
    vec![Host::default()]
}

impl Scenario {
    /// Every scenario that comes with the lab, sorted by name.
    pub fn all() -> Vec<Self> {
        EMBEDDED
            .iter()
            .map(|(name, text)| Self::parse(name, text).expect("a test reads every embedded scenario"))
            .collect()
    }

    /// The scenario of this name.
    pub fn find(name: &str) -> Option<Self> {
        let (name, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(name, text).expect("a test reads every embedded scenario"))
    }

    /// Reads a scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let failed = |reason: String| ScenarioError { name: name.to_owned(), reason };
        let mut scenario: Self = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
        name.clone_into(&mut scenario.name);
        scenario.contradiction().map_or(Ok(scenario), |words| Err(failed(words.to_owned())))
    }

    /// True if a host of it speaks TLS below 1.2 or has a key of 1024 bits, which takes the feature `legacy-tls`.
    pub fn needs_legacy_tls(&self) -> bool {
        self.hosts.iter().any(Host::needs_legacy_tls)
    }

    fn contradiction(&self) -> Option<&'static str> {
        let faults = !self.expect.findings.is_empty();
        if self.hosts.is_empty() {
            return Some("there is no host");
        }
        if self.hosts.iter().any(|host| host.tls.min > host.tls.max) {
            return Some("a host's oldest TLS version is newer than its newest");
        }
        let known = |suite: &String| wire::tls::suite::code(suite).is_some();
        if !self.hosts.iter().flat_map(|host| &host.tls.suites).all(known) {
            return Some("a suite has no registered name");
        }
        if self.ask.profile.is_some() && self.ask.profile_text.is_some() {
            return Some("both a profile's name and its text are given");
        }
        match self.expect.verdict {
            ExpectedVerdict::Faulty if !faults => Some("a faulty host has a finding"),
            ExpectedVerdict::Healthy | ExpectedVerdict::Undetermined if faults || !self.expect.also.is_empty() => {
                Some("a host with a finding is faulty")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_embedded_scenario_is_read_and_its_name_is_its_own() {
        for (name, text) in EMBEDDED {
            Scenario::parse(name, text).unwrap();
        }
        let titles: BTreeSet<_> = Scenario::all().into_iter().map(|scenario| scenario.title).collect();
        let names: BTreeSet<_> = EMBEDDED.iter().map(|(name, _)| name).collect();
        assert_eq!((names.len(), titles.len()), (EMBEDDED.len(), EMBEDDED.len()));
    }

    #[test]
    fn every_cause_of_the_skeleton_has_a_scenario_and_a_near_miss() {
        let all = Scenario::all();
        for cause in [
            "name-not-found",
            "host-unreachable",
            "port-filtered",
            "port-closed",
            "not-an-rdp-service",
            "closed-on-negotiation",
            "nla-required",
            "standard-security-only",
            "private-key-unusable",
            "tls-version-mismatch",
            "certificate-expired",
            "clock-skew",
            "credssp-unpatched",
        ] {
            assert!(all.iter().any(|s| s.expect.findings == [cause]), "no scenario of {cause} alone");
            let near = |s: &&Scenario| s.expect.near_miss_of.as_deref() == Some(cause);
            let misses: Vec<_> = all.iter().filter(near).collect();
            assert!(!misses.is_empty(), "no near miss of {cause}");
            assert!(misses.iter().all(|s| !s.expect.findings.contains(&cause.to_owned())), "{cause} is no near miss");
        }
        let healthy = all.iter().filter(|scenario| scenario.name.starts_with("healthy-"));
        assert!(healthy.clone().count() >= 12);
        assert!(healthy.clone().all(|scenario| scenario.expect.verdict == ExpectedVerdict::Healthy));
    }

    #[test]
    fn names_are_those_of_examples() {
        for scenario in Scenario::all() {
            let example = |name: &String| name.ends_with(".example");
            assert!(scenario.ask.host.iter().all(example), "{}", scenario.name);
            assert!(scenario.hosts.iter().all(|host| example(&host.credssp.dns_computer)), "{}", scenario.name);
        }
    }

    #[test]
    fn what_is_unknown_or_contradicts_itself_is_refused() {
        let expect = "title = 't'\n[expect]\nverdict = 'healthy'\nfindings = []\n";
        assert!(Scenario::parse("a", expect).is_ok());
        for (text, words) in [
            ("[[host]]\nadress = '127.0.0.2'", "unknown field"),
            ("[[host]]\n[host.tls]\nmin = '1.3'\nmax = '1.2'", "newer than its newest"),
            ("[[host]]\n[host.tls]\nmin = '0.9'", "TLS version"),
            ("[[host]]\n[host.tls]\nsuites = ['NULL']", "no registered name"),
            ("[ask]\nprofile = 'a'\nprofile_text = 'b'", "both a profile's name"),
            ("[[host]]\n[host.credssp]\nfault = { play = 'xyz' }", "no bytes"),
        ] {
            let error = Scenario::parse("a", &format!("{expect}{text}")).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let faulty = "title = 't'\n[expect]\nverdict = 'faulty'\nfindings = []\n";
        assert!(Scenario::parse("a", faulty).is_err());
    }
}
