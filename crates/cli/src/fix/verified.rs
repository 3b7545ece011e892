//! Whether changes helped: by the files and rules as they are now, and by a probe where the server runs here.

use evidence::printable::printable;
use evidence::state::{FIREWALLD, LinuxFirewall, UFW};

use super::gnome;
use super::patient::{FIREWALL, Fault, Found, Patient, Probed, Way};

/// How well the changes helped.
pub enum Verdict {
    /// The causes are gone.
    Repaired(String),
    /// Nothing shows them any more, but nobody could see it from outside.
    NotVisible(String),
    /// A cause is still there, or another one came.
    NoHelp(String),
}

impl Patient {
    /// Looks whether the causes are gone: in the files and rules as they were `found` since, and by a probe where it
    /// runs here. `allowed` are the addresses that the firewall was to let in, `waits` says what has to be restarted by
    /// hand first.
    pub fn verify(
        &self,
        found: &Found,
        (causes, allowed): (&[String], &[String]),
        before: Option<&Probed>,
        waits: Option<&str>,
    ) -> anyhow::Result<Verdict> {
        let of_firewall = |cause: &&String| *cause == FIREWALL;
        let still = |fault: &&Fault| causes.contains(&fault.cause) && (allowed.is_empty() || fault.cause != FIREWALL);
        if let Some(still) = found.faults.iter().find(still) {
            return Ok(Verdict::NoHelp(format!("{} is still there", still.cause)));
        }
        let rest: Vec<&str> = found.faults.iter().map(|fault| fault.cause.as_str()).collect();
        let also = if rest.is_empty() { String::new() } else { format!("; there is also {}", rest.join(", ")) };
        let firewall = causes.iter().any(|cause| cause == FIREWALL).then(|| Self::let_in(found, allowed));
        // a probe from here does not meet the firewall
        let behind: Vec<&str> = causes.iter().filter(|cause| !of_firewall(cause)).map(String::as_str).collect();
        let verdict = match waits {
            Some(waits) => {
                let behind = behind.join(", ");
                Verdict::NotVisible(format!("its files no longer show {behind}. {}{also}", waits.trim_end_matches('.')))
            }
            None => self.verified(found, &behind.join(", "), before, &also)?,
        };
        Ok(match (firewall, verdict) {
            (None, verdict) => verdict,
            (Some(rules), verdict) if behind.is_empty() => {
                let seen = match verdict {
                    Verdict::Repaired(_) => "a probe from this machine itself gets through, which passes no firewall",
                    _ => "a probe from this machine itself does not tell of the firewall",
                };
                match rules {
                    Ok(told) => Verdict::Repaired(format!("{FIREWALL}: {told}; {seen}{also}")),
                    Err(told) => Verdict::NotVisible(format!("{FIREWALL}: {told}; {seen}{also}")),
                }
            }
            (Some(Ok(told)), Verdict::Repaired(gone)) => Verdict::Repaired(format!("{gone}; {FIREWALL}: {told}")),
            (Some(Err(told)), Verdict::Repaired(gone)) => Verdict::NotVisible(format!("{gone}; {FIREWALL}: {told}")),
            (Some(Ok(told) | Err(told)), Verdict::NotVisible(gone)) => {
                Verdict::NotVisible(format!("{gone}; {FIREWALL}: {told}"))
            }
            (Some(_), no_help @ Verdict::NoHelp(_)) => no_help,
        })
    }

    /// Follows the addresses through all rules of this machine: what is known, or what may still keep them out.
    fn let_in(found: &Found, allowed: &[String]) -> Result<String, String> {
        let port = found.server.port();
        let whom = printable(&allowed.join(", "));
        if allowed.is_empty() {
            return Err("whom it lets in is not known".to_owned());
        }
        if let Some(unread) = &found.firewall_unread {
            return Err(format!("not judged whether {whom} gets in: {}", printable(unread)));
        }
        let in_the_way = |firewall: &&LinuxFirewall| {
            allowed.iter().any(|from| firewall.meets(from) && !firewall.lets_in(port, from))
        };
        let left: Vec<String> = found.firewalls.iter().filter(in_the_way).map(set_of_rules).collect();
        if left.is_empty() {
            return Ok(format!("nothing in the rules of this machine keeps {whom} from port {port} any more"));
        }
        Err(format!(
            "the rules that were to come are there, but {} may still keep {whom} out: connect from there to see",
            left.join(" and ")
        ))
    }

    /// Looks by a probe whether causes are gone that the files no longer show.
    fn verified(&self, found: &Found, causes: &str, before: Option<&Probed>, also: &str) -> anyhow::Result<Verdict> {
        let not_visible = |what: &str| {
            Ok(Verdict::NotVisible(format!("its files no longer show {causes}; {what} to see it work{also}")))
        };
        if matches!(&self.way, Way::Gnome(folder) if gnome::without_credentials(folder)) {
            return not_visible("set a user name and a password");
        }
        let Some(after) = self.probed_anew(&found.server) else {
            let start = format!("start {}", found.server.name());
            return not_visible(if self.elsewhere() { "start that machine" } else { &start });
        };
        let known = before.and_then(|before| before.faults.clone()).unwrap_or_default();
        Ok(match after.faults {
            Some(faults) if faults.is_empty() => {
                Verdict::Repaired(format!("{causes}: gone, and a probe gets through{also}"))
            }
            Some(faults) if faults.iter().all(|fault| known.contains(fault)) && faults.len() < known.len() => {
                Verdict::Repaired(format!("{causes}: gone; a probe still sees {}", faults.join(", ")))
            }
            Some(faults) => Verdict::NoHelp(format!("a probe sees {}", faults.join(", "))),
            None => Verdict::NotVisible(format!("its files no longer show {causes}, but a probe could not tell{also}")),
        })
    }
}

/// Names a set of rules as its tool does.
pub fn set_of_rules(firewall: &LinuxFirewall) -> String {
    let part = printable(&firewall.part);
    match (firewall.tool.as_str(), firewall.part.split(' ').collect::<Vec<_>>().as_slice()) {
        (UFW, _) => format!("ufw's rules for {part}"),
        (FIREWALLD, _) => format!("firewalld's zone {part}"),
        (_, [family, table, chain]) => printable(&format!("chain {chain} of table {family} {table}")),
        _ => part,
    }
}
