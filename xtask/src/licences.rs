//! Licences and bans over `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::policy::Policy;
use crate::{shell, spdx};

/// Package whose default build must stay slim.
const BINARY: &str = "rdpdoctor";

/// Judges all dependencies of all features, and what the binary needs without any.
pub fn run(root: &Path) -> Result<bool> {
    let policy = Policy::read(root)?;
    let everything = Tree::load(root, &["--all-features"])?;
    let plain = Tree::load(root, &[])?;
    let mut complaints = everything.unlicensed(&policy)?;
    complaints.extend(everything.banned(&policy));
    complaints.extend(plain.not_optional(&policy)?);
    for complaint in &complaints {
        println!("{complaint}");
    }
    for (name, versions) in everything.twice() {
        println!("for information: {name} is there more than once: {}", versions.join(", "));
    }
    println!("{} packages, {} complaints", everything.packages.len(), complaints.len());
    Ok(complaints.is_empty())
}

struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// Ids of the packages it depends on outside its tests.
    needs: Vec<String>,
    /// Ids of all packages it depends on.
    needs_for_all: Vec<String>,
}

/// Dependencies as cargo resolved them.
struct Tree {
    packages: BTreeMap<String, Package>,
}

impl Tree {
    fn load(root: &Path, extra: &[&str]) -> Result<Self> {
        let arguments = [&["metadata", "--format-version", "1", "--locked"], extra].concat();
        let text = shell::capture(shell::cargo(root, &arguments))?;
        let metadata: Value = serde_json::from_str(&text).context("read cargo metadata")?;
        Self::parse(&metadata).context("cargo metadata lacks a field")
    }

    fn parse(metadata: &Value) -> Option<Self> {
        let mut packages = BTreeMap::new();
        for package in metadata["packages"].as_array()? {
            let word = |field: &str| package[field].as_str().map(str::to_owned);
            let (name, version, licence) = (word("name")?, word("version")?, word("license"));
            packages
                .insert(word("id")?, Package { name, version, licence, needs: Vec::new(), needs_for_all: Vec::new() });
        }
        for node in metadata["resolve"]["nodes"].as_array()? {
            let package = packages.get_mut(node["id"].as_str()?)?;
            for edge in node["deps"].as_array()? {
                let id = edge["pkg"].as_str()?.to_owned();
                if edge["dep_kinds"].as_array()?.iter().any(|kind| kind["kind"] != "dev") {
                    package.needs.push(id.clone());
                }
                package.needs_for_all.push(id);
            }
        }
        Some(Self { packages })
    }

    fn unlicensed(&self, policy: &Policy) -> Result<Vec<String>> {
        let mut complaints = Vec::new();
        for Package { name, version, licence, .. } in self.packages.values() {
            let Some(licence) = licence else {
                complaints.push(format!("{name} {version}: no licence is declared"));
                continue;
            };
            let passes = spdx::satisfied(licence, &|one| policy.allows(name, one));
            if !passes.with_context(|| format!("judge {name} {version}"))? {
                complaints.push(format!("{name} {version}: licence `{licence}` is not allowed"));
            }
        }
        Ok(complaints)
    }

    fn banned(&self, policy: &Policy) -> Vec<String> {
        let mut complaints = Vec::new();
        for ban in &policy.bans {
            for parent in self.parents(&ban.name) {
                if !ban.through.iter().any(|allowed| allowed == parent) {
                    complaints.push(format!("{} is banned ({}), but {parent} depends on it", ban.name, ban.reason));
                }
            }
        }
        complaints
    }

    fn parents(&self, name: &str) -> BTreeSet<&str> {
        let is_it = |id: &String| self.packages.get(id).is_some_and(|package| package.name == name);
        let parents = self.packages.values().filter(|package| package.needs_for_all.iter().any(is_it));
        parents.map(|package| package.name.as_str()).collect()
    }

    fn not_optional(&self, policy: &Policy) -> Result<Vec<String>> {
        let binary = self.packages.iter().find(|(_, package)| package.name == BINARY);
        let (start, _) = binary.with_context(|| format!("find the package {BINARY}"))?;
        let names = self.reachable(start);
        let there = policy.optional.iter().filter(|name| names.contains(name.as_str()));
        Ok(there.map(|name| format!("{name} is in the default build of {BINARY}")).collect())
    }

    fn reachable(&self, start: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::from([start]);
        let mut open = vec![start];
        while let Some(package) = open.pop().and_then(|id| self.packages.get(id)) {
            let news: Vec<&str> = package.needs.iter().map(String::as_str).filter(|id| !seen.contains(id)).collect();
            seen.extend(&news);
            open.extend(news);
        }
        seen.into_iter().filter_map(|id| self.packages.get(id)).map(|package| package.name.as_str()).collect()
    }

    fn twice(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in self.packages.values() {
            versions.entry(&package.name).or_default().push(&package.version);
        }
        versions.retain(|_, versions| versions.len() > 1);
        versions
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// rdpdoctor → a → b, and b again (newer) for rdpdoctor's tests.
    fn tree(licence_of_b: &str) -> Tree {
        let package =
            |id, name, version, licence| json!({"id": id, "name": name, "version": version, "license": licence});
        let edge = |id, kind: Value| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("0", "rdpdoctor", "1", "MIT"), package("1", "a", "1", "MIT"),
                package("2", "b", "1", licence_of_b), package("3", "b", "2", "MIT"), package("4", "c", "1", "MIT"),
            ],
            "resolve": {"nodes": [
                {"id": "0", "deps": [edge("1", Value::Null), edge("3", "dev".into()), edge("4", "dev".into())]},
                {"id": "1", "deps": [edge("2", Value::Null)]},
                {"id": "2", "deps": []}, {"id": "3", "deps": []}, {"id": "4", "deps": []},
            ]},
        });
        Tree::parse(&metadata).unwrap()
    }

    fn policy(optional: &str) -> Policy {
        let ban = |through: &[&str]| crate::policy::Ban {
            name: "b".into(),
            through: through.iter().map(|&name| name.to_owned()).collect(),
            reason: "old".into(),
        };
        Policy {
            allowed: vec!["MIT".into()],
            bans: vec![ban(&["a"])],
            optional: vec![optional.into()],
            ..Policy::default()
        }
    }

    #[test]
    fn a_licence_outside_the_list_is_named() {
        assert_eq!(tree("MIT OR X").unlicensed(&policy("")).unwrap(), Vec::<String>::new());
        assert_eq!(tree("X").unlicensed(&policy("")).unwrap(), ["b 1: licence `X` is not allowed"]);
    }

    #[test]
    fn a_ban_names_the_parent_that_is_not_listed() {
        assert_eq!(tree("MIT").banned(&policy("")), ["b is banned (old), but rdpdoctor depends on it"]);
    }

    #[test]
    fn what_only_tests_need_is_optional() {
        assert_eq!(tree("MIT").not_optional(&policy("c")).unwrap(), Vec::<String>::new());
        assert_eq!(tree("MIT").not_optional(&policy("b")).unwrap(), ["b is in the default build of rdpdoctor"]);
    }

    #[test]
    fn two_versions_are_reported() {
        assert_eq!(tree("MIT").twice(), BTreeMap::from([("b", vec!["1", "2"])]));
    }
}
