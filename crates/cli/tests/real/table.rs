//! Servers and proxies in many configurations: what is told of each, and where another client gets.

use crate::client::{CLIENTS, reach_the_prompt};
use crate::support::ask::ask;
use crate::support::folder::Folder;

/// Most connections that any host gets, and a healthy one.
const MOST: u64 = 16;
const MOST_OF_HEALTHY: u64 = 4;

/// A configuration, with what has to be told of it.
pub struct Row {
    pub server: &'static str,
    pub configuration: &'static str,
    pub verdict: &'static str,
    /// Causes of which the first finding is one; empty where there is none to be.
    pub one_of: &'static [&'static str],
}

impl Row {
    /// Asks the server on this port as a current mstsc and lets the witness try it, prints the line of the table, and
    /// returns how the two or the expectation disagree.
    pub fn check(&self, folder: &Folder, port: u16) -> Option<String> {
        let client = &CLIENTS[0];
        let told = ask(folder, &format!("127.0.0.1:{port}"), &["--client", client.profile]);
        let witness = reach_the_prompt(port, None, client);
        let at = witness.as_ref().map_or_else(Clone::clone, |()| "at the prompt".to_owned());
        let (causes, connections) = (told.causes(), told.connections());
        let all = told.report["findings"].as_array().unwrap().iter();
        let blocked = all.clone().any(|finding| finding["severity"] == "blocking");
        let told_so: Vec<_> = all.filter(|finding| finding["severity"] != "advisory").collect();
        let sure: Vec<_> = told_so.iter().map(|finding| finding["confidence"].as_str().unwrap()).collect();
        let verdict = told.verdict();
        let line = format!(
            "| {} | {} | {verdict} | {} {} | {connections} | {at} |",
            self.server,
            self.configuration,
            causes.join(", "),
            sure.join(", ")
        );
        eprintln!("{line}");
        let expected = verdict == self.verdict
            && (self.one_of.is_empty() == causes.is_empty())
            && causes.first().is_none_or(|cause| self.one_of.contains(cause));
        let lawful = if witness.is_ok() { !blocked } else { verdict != "healthy" };
        let bounded = connections <= if verdict == "healthy" { MOST_OF_HEALTHY } else { MOST };
        let wrong = [(expected, "not as expected"), (lawful, "the witness disagrees"), (bounded, "asked too often")];
        let wrong: Vec<_> = wrong.iter().filter(|(right, _)| !right).map(|(_, words)| *words).collect();
        (!wrong.is_empty()).then(|| format!("{}: {line}", wrong.join(", ")))
    }
}

/// Fails with everything that disagreed.
pub fn none_wrong(rows: impl IntoIterator<Item = Option<String>>) {
    let wrong: Vec<_> = rows.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} lines are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
