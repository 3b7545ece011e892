//! Rules of the tool in charge of the firewall, ufw or firewalld, by its own commands: what is in force, and the files
//! in which the tool keeps its rules, which go back to the byte.
//!
//! Source: the manuals of ufw and firewall-cmd; what ufw 0.36 and firewalld 1.3 print and write.

use std::borrow::BorrowMut;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use evidence::lossless;
use evidence::state::{FIREWALLD, UFW};

use super::program::{run, told};
use super::{Patience, TEXT, file};
use crate::hand::Unread;
use crate::place::{Held, Opened, Place, RuleFile};

/// Most folders in one another that are copied.
const DEPTH: usize = 5;
/// Tries for a folder of one's own.
const NAMES: u32 = 100;

/// Rules of a tool.
pub(super) struct Opening<'a> {
    zone: Option<&'a str>,
    port: u16,
    rules: Vec<&'a Opened>,
    files: Vec<PathBuf>,
}

impl<'a> Opening<'a> {
    /// Takes apart the place of rules; what is passed to a tool is an address, a number or a name.
    pub(super) fn of(place: &'a Place) -> Result<Self, Unread> {
        let Place::Opening { tool, zone, port, rules } = place else {
            return Err(Unread(format!("{place} is no rule of a firewall")));
        };
        let letter = |letter: u8| letter.is_ascii_alphanumeric() || b"_-".contains(&letter);
        let named = zone.bytes().all(letter) && !zone.is_empty() && !zone.starts_with('-');
        let zone = match tool.as_str() {
            UFW if zone.is_empty() => None,
            FIREWALLD if named => Some(zone.as_str()),
            _ => return Err(Unread(format!("{place}: there is no such tool here"))),
        };
        if rules.is_empty() || *port == 0 || !rules.iter().all(|rule| is_network(&rule.from)) {
            return Err(Unread(format!("{place}: this is no address and no network")));
        }
        // ufw counts IPv6 behind IPv4: a number of the one must not move before it is used
        let mut rules: Vec<&Opened> = rules.iter().collect();
        rules.sort_by_key(|rule| !rule.from.contains(':'));
        Ok(Self { zone, port: *port, rules, files: place.files() })
    }

    /// Reads whether the rules are in force, and the files.
    pub(super) fn read(&self, patience: Patience) -> Result<Held, String> {
        let mut there = true;
        for rule in &self.rules {
            there &= self.in_force(rule, patience)?;
        }
        Ok(Held::Opening { there, files: self.files(Path::to_owned)? })
    }

    /// Brings the rules into force, or takes them out and their files back to what they were.
    pub(super) fn write(&self, there: bool, files: &[RuleFile], patience: Patience) -> Result<(), String> {
        for rule in &self.rules {
            let now = self.in_force(rule, patience)?;
            match self.zone {
                None if there && !now => {
                    ordered(self.ufw(None, rule), patience)?;
                    // one that stood in the file already is passed over
                    if !self.in_force(rule, patience)? {
                        ordered(Command::new("ufw").arg("reload"), patience)?;
                    }
                }
                // ufw itself would also write its chains for limits anew, with one rule more in each
                None if !there && now => {
                    let (program, rule) = self.in_kernel(rule);
                    ordered(Command::new(program).args(["-w", "-D"]).args(rule.split(' ')), patience)?;
                }
                None => {}
                Some(zone) => self.firewalld(zone, rule, (now, there), patience)?,
            }
        }
        // what the tool writes for a rule that comes is compared, and nothing is put in its place
        if there { Ok(()) } else { settle(files) }
    }

    /// Lets the tool write the rules into a copy of its files, and returns what they would be.
    pub(super) fn rehearse(&self, patience: Patience) -> Result<Held, String> {
        for rule in &self.rules {
            if self.in_force(rule, patience)? {
                return Err(format!("the rule for {} is there already, behind another one", rule.from));
            }
        }
        let copy = Copied::new()?;
        match self.zone {
            None => {
                copy.take("etc/ufw")?;
                copy.take("etc/default/ufw")?;
                // there its rules are in force nowhere
                let settings = copy.0.join("etc/ufw/ufw.conf");
                let text = crate::file::read(&settings, 1 << 20)
                    .map(|bytes| lossless::text(&bytes))
                    .map_err(|why| format!("read ufw.conf: {why}"))?;
                let off = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("ENABLED"))
                    .map(|line| format!("{line}\n"));
                let off = off.chain(["ENABLED=no\n".to_owned()]).collect::<String>();
                fs::write(&settings, lossless::bytes(&off))
                    .map_err(|why| format!("write a copy of ufw.conf: {why}"))?;
                fs::create_dir_all(copy.0.join("lib/ufw")).map_err(|why| format!("make a folder for ufw: {why}"))?;
                for rule in &self.rules {
                    ordered(self.ufw(Some(&copy.0), rule), patience)?;
                }
            }
            Some(zone) => {
                copy.take("etc/firewalld")?;
                for rule in &self.rules {
                    let mut command = Command::new("firewall-offline-cmd");
                    command.arg("--system-config").arg(copy.0.join("etc/firewalld"));
                    command.args([format!("--zone={zone}"), format!("--add-rich-rule={}", self.rich(rule))]);
                    ordered(&mut command, patience)?;
                }
            }
        }
        let place = |path: &Path| copy.0.join(path.strip_prefix("/").unwrap_or(path));
        Ok(Held::Opening { there: true, files: self.files(place)? })
    }

    /// Reads the files, each at the place that `at` says.
    fn files(&self, at: impl Fn(&Path) -> PathBuf) -> Result<Vec<RuleFile>, String> {
        let read = |path: &PathBuf| {
            let held = file::read(&at(path), TEXT).map_err(|why| format!("{}: {why}", path.display()))?;
            let Held::File { bytes, mode, uid, gid } = held else {
                return Ok(RuleFile { path: path.clone(), text: None, mode: 0, uid: 0, gid: 0 });
            };
            Ok(RuleFile { path: path.clone(), text: Some(lossless::text(&bytes)), mode, uid, gid })
        };
        self.files.iter().map(read).collect()
    }

    /// Makes a rule of firewalld be in force, and kept, or neither.
    fn firewalld(
        &self,
        zone: &str,
        rule: &Opened,
        (now, there): (bool, bool),
        patience: Patience,
    ) -> Result<(), String> {
        let zone = format!("--zone={zone}");
        let change = format!("--{}-rich-rule={}", if there { "add" } else { "remove" }, self.rich(rule));
        if now != there {
            ordered(Command::new("firewall-cmd").args([&zone, &change]), patience)?;
        }
        let question = format!("--query-rich-rule={}", self.rich(rule));
        if asks_firewalld(&["--permanent", &zone, &question], patience)? != there {
            ordered(Command::new("firewall-cmd").args(["--permanent", &zone, &change]), patience)?;
        }
        Ok(())
    }

    /// Returns a rule in the words of ufw.
    fn words(&self, rule: &Opened) -> Vec<String> {
        let port = self.port.to_string();
        ["allow", "proto", "tcp", "from", &rule.from, "to", "any", "port", &port].map(str::to_owned).to_vec()
    }

    /// Has ufw take a rule, ahead of the one that keeps everybody out; with `copy` in the files there.
    fn ufw(&self, copy: Option<&Path>, rule: &Opened) -> Command {
        let mut command = Command::new("ufw");
        if let Some(copy) = copy {
            command.arg(format!("--datadir={}", copy.display()));
        }
        if let Some(number) = rule.ahead_of {
            command.args(["insert", &number.to_string()]);
        }
        command.args(self.words(rule));
        command
    }

    /// Returns a rule in the language of firewalld.
    fn rich(&self, rule: &Opened) -> String {
        let family = if rule.from.contains(':') { "ipv6" } else { "ipv4" };
        let first = if rule.ahead_of.is_some() { "priority=\"-1\" " } else { "" };
        let (from, port) = (&rule.from, self.port);
        format!(
            "rule {first}family=\"{family}\" source address=\"{from}\" port port=\"{port}\" protocol=\"tcp\" accept"
        )
    }

    /// True if a rule is in force: with firewalld by its word, with ufw by that of the kernel.
    fn in_force(&self, rule: &Opened, patience: Patience) -> Result<bool, String> {
        if let Some(zone) = self.zone {
            let question = format!("--query-rich-rule={}", self.rich(rule));
            return asks_firewalld(&[&format!("--zone={zone}"), &question], patience);
        }
        let (program, own) = self.in_kernel(rule);
        let chain = own.split(' ').next().unwrap_or_default();
        let rules = told(Command::new(program).args(["-w", "-S", chain]), patience.command)?;
        Ok(rules.lines().any(|line| line.strip_prefix("-A ") == Some(own.as_str())))
    }

    /// Returns a rule of ufw as the kernel has it, with its chain first, and the program that lists it so.
    fn in_kernel(&self, rule: &Opened) -> (&'static str, String) {
        let (program, chain, whole) = if rule.from.contains(':') {
            ("ip6tables", "ufw6-user-input", "/128")
        } else {
            ("iptables", "ufw-user-input", "/32")
        };
        let whole = if rule.from.contains('/') { "" } else { whole };
        (program, format!("{chain} -s {}{whole} -p tcp -m tcp --dport {} -j ACCEPT", rule.from, self.port))
    }
}

/// Asks firewalld, which runs, whether something is so.
fn asks_firewalld(question: &[&str], patience: Patience) -> Result<bool, String> {
    if !run(Command::new("firewall-cmd").arg("--state"), patience.command)? {
        return Err("firewalld does not run".to_owned());
    }
    run(Command::new("firewall-cmd").args(question), patience.command)
}

fn ordered(mut command: impl BorrowMut<Command>, patience: Patience) -> Result<(), String> {
    let command = command.borrow_mut();
    let ended = run(command, patience.command)?;
    if ended { Ok(()) } else { Err(format!("{} refused the rule", command.get_program().display())) }
}

/// Puts files back as they were, where the tool left something else.
fn settle(files: &[RuleFile]) -> Result<(), String> {
    for one in files {
        let RuleFile { path, text, mode, uid, gid } = one;
        let held = text.as_ref().map_or(Held::Absent, |text| Held::File {
            bytes: lossless::bytes(text),
            mode: *mode,
            uid: *uid,
            gid: *gid,
        });
        let now = file::read(path, TEXT).map_err(|why| format!("{}: {why}", path.display()))?;
        if now != held {
            file::write(path, &held).map_err(|why| format!("{}: {why}", path.display()))?;
        }
    }
    Ok(())
}

/// True for an address, or a network whose address has nothing beyond its size: in the form in which tools keep it.
fn is_network(text: &str) -> bool {
    let (address, size) = text.split_once('/').map_or((text, None), |(address, size)| (address, Some(size)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let (bits, whole) = match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()) << 96, 32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    };
    let Some(size) = size else { return text == address.to_string() };
    let rest = |size: u32| if size == 0 { bits } else { bits.checked_shl(size).unwrap_or(0) };
    size.parse::<u32>().is_ok_and(|size| size < whole && rest(size) == 0 && text == format!("{address}/{size}"))
}

/// Folder with copies of a tool's files, which goes with this.
struct Copied(PathBuf);

impl Copied {
    fn new() -> Result<Self, String> {
        let base = std::env::temp_dir();
        let name = |number| base.join(format!("rdpdoctor-firewall-{}-{number}", std::process::id()));
        let made = |folder: &PathBuf| fs::DirBuilder::new().mode(0o700).create(folder).is_ok();
        let folder = (0..NAMES).map(name).find(made);
        folder.map(Self).ok_or_else(|| format!("{}: no folder can be made there", base.display()))
    }

    /// Copies a file, or a folder with what is in it.
    fn take(&self, path: &str) -> Result<(), String> {
        let mut left = vec![PathBuf::from(path)];
        while let Some(own) = left.pop() {
            let (from, to) = (Path::new("/").join(&own), self.0.join(&own));
            let failed = |why: io::Error| format!("copy {}: {why}", from.display());
            let about = fs::metadata(&from).map_err(failed)?;
            if about.is_dir() && own.components().count() < DEPTH {
                fs::create_dir_all(&to).map_err(failed)?;
                for entry in fs::read_dir(&from).map_err(failed)? {
                    left.push(own.join(entry.map_err(failed)?.file_name()));
                }
            } else if about.is_file() && about.len() <= TEXT {
                fs::create_dir_all(to.parent().unwrap_or(&self.0)).map_err(failed)?;
                fs::copy(&from, &to).map_err(failed)?;
            }
        }
        Ok(())
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tool: &str, zone: &str, from: &str) -> Place {
        let (tool, zone, from) = (tool.to_owned(), zone.to_owned(), from.to_owned());
        Place::Opening { tool, zone, port: 3389, rules: vec![Opened { from, ahead_of: None }] }
    }

    #[test]
    fn nothing_but_addresses_and_names_reaches_a_tool() {
        assert!(Opening::of(&place("ufw", "", "192.0.2.0/24")).is_ok());
        assert!(Opening::of(&place("firewalld", "public", "2001:db8::/32")).is_ok());
        for (tool, zone, from) in [
            ("ufw", "public", "192.0.2.7"),
            ("firewalld", "", "192.0.2.7"),
            ("firewalld", "--panic-on", "192.0.2.7"),
            ("sh", "", "192.0.2.7"),
            ("ufw", "", "any"),
            ("ufw", "", "192.0.2.7/24"),
            ("ufw", "", "192.0.2.0/032"),
            ("ufw", "", "192.0.2.7\" accept"),
        ] {
            assert!(Opening::of(&place(tool, zone, from)).is_err(), "{tool} {zone} {from}");
        }
    }
}
