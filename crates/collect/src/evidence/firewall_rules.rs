//! Firewall rules as `netsh advfirewall firewall show rule name=all verbose` prints them on an English Windows.
//!
//! They become values of the keys in which the registry keeps such rules, so that the same proofs read both. The
//! machine's own rules are taken only from a list that is whole: a rule that is not in a part of it may be there all
//! the same. Rules of group policies are taken where the list names some, and those of device management never are.
//!
//! Source: outputs in public repositories; every label begins its line, and what it says begins in the same column.

pub(super) mod powershell;
pub(super) mod profiles;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use evidence::state::{FIREWALL_POLICY_RULES, FIREWALL_RULES, RegistryData, RegistryKey, SCHEMA, State, Unread};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::FirewallRules, recognises, read: Access::Stream(read) };

/// Column in which what a label says begins.
const COLUMN: usize = 38;
/// Label with which a rule begins.
const NAME: &str = "Rule Name";
/// Labels that are read; others are passed over.
const LABELS: [&str; 15] = [
    NAME,
    "Enabled",
    "Direction",
    "Profiles",
    "LocalIP",
    "RemoteIP",
    "Protocol",
    "LocalPort",
    "RemotePort",
    "Program",
    "Service",
    "InterfaceTypes",
    "Security",
    "Rule source",
    "Action",
];
/// Words behind the last rule of a list that was not cut off.
const END: &str = "Ok.";
/// Every Windows comes with more rules than that, so a shorter list is one of some rules only.
const WHOLE: usize = 60;
/// Command that writes such a list.
const NETSH: &str = "netsh advfirewall firewall show rule name=all verbose";
/// Most rules of Remote Desktop that are told of a list that is not whole.
const TOLD: usize = 4;
/// Most rules that are kept.
const RULES: usize = 20_000;
/// Most bytes of a line. One that names a thousand addresses is shorter.
const LINE: u64 = 32 * 1024;
/// Most parts of a list of addresses or ports; a rule with more is kept as limited.
const PARTS: usize = 1_000;
/// Label that a rule has of which a limit is not shown.
pub(super) const LIMITED: &str = "Limited";
/// Field that stands for a limit that is not shown, or not understood.
const UNSHOWN: &str = "Unshown=1|";

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let has = |label: &str| text.lines().any(|line| labelled(line).is_some_and(|(known, _)| known == label));
    has(NAME) && has("Enabled") && has("Direction")
}

/// Splits a line into a label that is known and what it says. The description of a rule can have lines of its own, in
/// which anything may stand, but nothing in the column.
fn labelled(line: &str) -> Option<(&'static str, &str)> {
    let (label, _) = line.split_once(':')?;
    let label = LABELS.into_iter().find(|known| *known == label)?;
    let (before, said) = (line.get(label.len() + 1..COLUMN.min(line.len()))?, line.get(COLUMN.min(line.len())..)?);
    before.trim().is_empty().then_some((label, said.trim()))
}

/// A rule, by its labels.
pub(super) type Rule = BTreeMap<&'static str, String>;

/// A list of rules under construction.
#[derive(Default)]
pub(super) struct List {
    /// The rule that is being read.
    pub(super) rule: Rule,
    rules: usize,
    /// Words about the first few rules of Remote Desktop, for a list that is not whole.
    remote_desktop: Vec<String>,
    /// Inbound rules of the machine and of group policies, as the registry writes them.
    own: BTreeMap<String, RegistryData>,
    policy: BTreeMap<String, RegistryData>,
    /// True if it says of each rule who made it, as with `verbose`.
    verbose: bool,
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut lines = BufReader::new(text::Utf8::new(source));
    let (mut list, mut line, mut ended) = (List::default(), Vec::new(), false);
    loop {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{FEFF}').trim_end();
        ended |= text == END;
        if let Some((label, said)) = labelled(text) {
            if label == NAME {
                list.close();
            }
            list.rule.insert(label, said.to_owned());
        }
    }
    list.close();
    list.state(name, ended, NETSH).map(|state| vec![Piece::State(Box::new(state))])
}

impl List {
    /// Takes the rule that has been read.
    pub(super) fn close(&mut self) {
        let rule = std::mem::take(&mut self.rule);
        if rule.is_empty() {
            return;
        }
        self.rules += 1;
        self.note_remote_desktop(&rule);
        let source = rule.get("Rule source").map(String::as_str);
        self.verbose |= source.is_some();
        let by_policy = source.is_some_and(|source| source.starts_with("Group Policy"));
        let rules = if by_policy { &mut self.policy } else { &mut self.own };
        if rules.len() < RULES
            && let Some(text) = written(&rule)
        {
            rules.insert(format!("rule {}", self.rules), RegistryData::Text(text));
        }
    }

    /// Remembers whether a rule of Remote Desktop is on.
    fn note_remote_desktop(&mut self, rule: &Rule) {
        let said = |label: &str| rule.get(label).map_or("", String::as_str);
        let ours = said(NAME).to_ascii_lowercase().contains("remote desktop") || said("LocalPort") == "3389";
        if ours && said("Direction") == "In" && self.remote_desktop.len() < TOLD {
            let name: String = said(NAME).chars().take(80).collect();
            let state = if said("Enabled") == "Yes" { "on" } else { "off" };
            let action = if said("Action") == "Block" { " and blocks" } else { "" };
            self.remote_desktop.push(format!("{name} is {state}{action}"));
        }
    }

    /// Makes a state of the list, if it is whole. `of` is the command that writes such a list.
    pub(super) fn state(self, what: &str, ended: bool, of: &str) -> Result<State, ReadError> {
        let why = match (self.rules, ended) {
            (rules, _) if rules < WHOLE => {
                let told = self.remote_desktop.iter().fold(String::new(), |told, rule| told + "; " + rule);
                format!("a list of {rules} firewall rules, not of all{told}: write all of them ({of} > rules.txt)")
            }
            (rules, false) => format!(
                "a list of firewall rules that is cut off after {rules} of them: write it again ({of} > rules.txt)"
            ),
            (rules, true) if rules > RULES => format!("more than {RULES} firewall rules"),
            _ => return Ok(self.whole(what)),
        };
        Err(ReadError::Contents(why))
    }

    fn whole(self, what: &str) -> State {
        let key = |path: &str, values| RegistryKey { path: path.to_owned(), exists: true, values };
        let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
        state.registry.push(key(FIREWALL_RULES, self.own));
        if !self.policy.is_empty() {
            state.registry.push(key(FIREWALL_POLICY_RULES, self.policy));
        }
        let mut notes = vec![
            "partly read: a list of rules has neither the state of the profiles nor the rules of device management; netsh \
             advfirewall export rules.wfw has more",
        ];
        if !self.verbose {
            notes.push("written without verbose: which programs and services its rules are for is not in it");
        }
        state.unread.extend(notes.into_iter().map(|why| Unread { what: what.to_owned(), why: why.to_owned() }));
        state
    }
}

/// Writes an inbound rule as the registry does ([MS-GPFAS] 2.2.2); `None` for an outbound one.
fn written(rule: &Rule) -> Option<String> {
    let said = |label: &str| rule.get(label).map(String::as_str).filter(|said| !said.is_empty() && *said != "Any");
    if said("Direction") != Some("In") {
        return None;
    }
    let action = match said("Action") {
        Some("Allow") => "Allow",
        Some("Block") => "Block",
        _ => "ByPass",
    };
    let active = if said("Enabled") == Some("Yes") { "TRUE" } else { "FALSE" };
    let mut text = format!("v2.30|Action={action}|Active={active}|Dir=In|");
    // a bar would begin another field
    let mut field = |key: &str, value: &str| text.extend([key, "=", &value.replace('|', " "), "|"]);
    let profiles: Vec<&str> = said("Profiles").into_iter().flat_map(|all| all.split(',')).map(str::trim).collect();
    if profiles.len() < 3 {
        profiles.iter().take(2).for_each(|profile| field("Profile", profile));
    }
    if let Some(protocol) = said("Protocol") {
        field("Protocol", number(protocol));
    }
    let mut limited = rule.get("Rule source").is_none() || rule.contains_key(LIMITED);
    for (label, key) in [("LocalPort", "LPort"), ("RemotePort", "RPort"), ("LocalIP", "LA4"), ("RemoteIP", "RA4")] {
        let parts: Vec<&str> = said(label).into_iter().flat_map(|all| all.split(',')).map(str::trim).collect();
        limited |= parts.len() > PARTS;
        for part in parts.into_iter().take(PARTS) {
            let key = match key {
                "LA4" if part.contains(':') => "LA6",
                "RA4" if part.contains(':') => "RA6",
                key => key,
            };
            field(key, part);
        }
    }
    for (label, key) in [("Program", "App"), ("Service", "Svc"), ("InterfaceTypes", "IFType")] {
        if let Some(value) = said(label) {
            field(key, value);
        }
    }
    if let Some(security) = said("Security").filter(|security| *security != "NotRequired") {
        field("Security", security);
    }
    field("Name", said(NAME).unwrap_or_default());
    if limited {
        text.push_str(UNSHOWN);
    }
    Some(text)
}

/// Number of a protocol as the registry has it. One that has another name is neither TCP nor all.
fn number(protocol: &str) -> &str {
    match protocol {
        "TCP" => "6",
        "UDP" => "17",
        "ICMPv4" => "1",
        "ICMPv6" => "58",
        other if other.bytes().all(|byte| byte.is_ascii_digit()) => other,
        _ => "0",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use evidence::firewall::{self, Profile, Verdict};

    use super::*;

    fn line(label: &str, said: &str) -> String {
        format!("{:<COLUMN$}{said}\r\n", format!("{label}:"))
    }

    fn rule(name: &str, changed: &[(&str, &str)]) -> String {
        let usual = [
            ("Rule Name", name),
            ("Enabled", "Yes"),
            ("Direction", "In"),
            ("Profiles", "Domain,Private,Public"),
            ("Grouping", ""),
            ("LocalIP", "Any"),
            ("RemoteIP", "Any"),
            ("Protocol", "UDP"),
            ("LocalPort", "5353"),
            ("RemotePort", "Any"),
            ("Edge traversal", "No"),
            ("Program", r"C:\WINDOWS\system32\svchost.exe"),
            ("Service", "dnscache"),
            ("InterfaceTypes", "Any"),
            ("Security", "NotRequired"),
            ("Rule source", "Local Setting"),
            ("Action", "Allow"),
        ];
        let mut lines = String::new();
        for (label, usual) in usual {
            let said = changed.iter().find(|(known, _)| *known == label).map_or(usual, |(_, said)| *said);
            if said != "-" {
                lines += &line(label, said);
            }
        }
        format!("\r\n{}", lines.replacen("\r\n", &format!("\r\n{}\r\n", "-".repeat(70)), 1))
    }

    const REMOTE_DESKTOP: [(&str, &str); 3] = [("Protocol", "TCP"), ("LocalPort", "3389"), ("Service", "termservice")];

    fn list(rules: &[String]) -> String {
        let others: String = (0..WHOLE).map(|number| rule(&format!("other {number}"), &[])).collect();
        format!("{others}{}Ok.\r\n", rules.concat())
    }

    fn state(text: &str) -> Result<State, String> {
        assert!(recognises(text.as_bytes()));
        let pieces = read(&mut Cursor::new(text.to_owned()), "rules.txt").map_err(|error| error.to_string())?;
        let [Piece::State(state)] = &pieces[..] else { panic!("{pieces:?}") };
        Ok((**state).clone())
    }

    /// Judges the port in each kind of network.
    fn verdicts(rules: &[String]) -> [Verdict; 3] {
        let state = state(&list(rules)).unwrap();
        let text = |data: &RegistryData| if let RegistryData::Text(text) = data { text.clone() } else { panic!() };
        let rules: Vec<_> = state.registry.iter().flat_map(|key| key.values.values()).map(text).collect();
        let rules: Vec<_> = rules.iter().filter_map(|text| firewall::Rule::parse(text)).collect();
        Profile::ALL.map(|profile| firewall::judge(&rules, 3389, profile))
    }

    #[test]
    fn rules_are_judged_as_those_of_the_registry() {
        let with = |changed: &[(&'static str, &'static str)]| {
            let mut fields = REMOTE_DESKTOP.to_vec();
            fields.splice(0..0, changed.iter().copied());
            rule("Remote Desktop - User Mode (TCP-In)", &fields)
        };
        let name = || "Remote Desktop - User Mode (TCP-In)".to_owned();
        let all = |verdict: fn(String) -> Verdict| Profile::ALL.map(|_| verdict(name()));
        assert_eq!(verdicts(&[with(&[])]), Profile::ALL.map(|_| Verdict::Open));
        assert_eq!(verdicts(&[with(&[("RemoteIP", "LocalSubnet")])]), all(Verdict::Scoped));
        assert_eq!(verdicts(&[with(&[("RemoteIP", "10.0.0.0/8,2001:db8::/32")])]), all(Verdict::Scoped));
        assert_eq!(verdicts(&[with(&[]), with(&[("Action", "Block")])]), all(Verdict::Blocked));
        assert_eq!(verdicts(&[with(&[("Security", "Authenticate")])]), all(Verdict::Secure));
        let off = Profile::ALL.map(|_| Verdict::NoRule(Some(format!("{} is off", name()))));
        assert_eq!(verdicts(&[with(&[("Enabled", "No")])]), off);
        assert_eq!(verdicts(&[with(&[("Direction", "Out")])]), Profile::ALL.map(|_| Verdict::NoRule(None)));
        let domain = verdicts(&[with(&[("Profiles", "Domain,Private")])]);
        assert_eq!(domain[..2], [Verdict::Open, Verdict::Open]);
        assert!(matches!(domain[2], Verdict::NoRule(_)));
        // rules for every port and every protocol have no line for ports
        let any = rule("any", &[("Protocol", "Any"), ("LocalPort", "-"), ("RemotePort", "-"), ("Service", "-")]);
        assert_eq!(verdicts(&[any]), Profile::ALL.map(|_| Verdict::Open));
    }

    #[test]
    fn without_the_program_a_rule_may_be_limited() {
        let fields: Vec<_> = [("Program", "-"), ("Service", "-"), ("Rule source", "-"), ("Security", "-")].into();
        let short = rule("RDP", &[fields, REMOTE_DESKTOP[..2].to_vec()].concat());
        assert_eq!(verdicts(&[short]), Profile::ALL.map(|_| Verdict::Scoped("RDP".to_owned())));
    }

    #[test]
    fn rules_of_a_policy_are_kept_apart_and_those_unseen_stay_unknown() {
        let by_policy = rule("RDP", &[REMOTE_DESKTOP.to_vec(), vec![("Rule source", "Group Policy Setting")]].concat());
        let paths = |state: State| state.registry.into_iter().map(|key| key.path).collect::<Vec<_>>();
        assert_eq!(paths(state(&list(&[by_policy])).unwrap()), [FIREWALL_RULES, FIREWALL_POLICY_RULES]);
        let none = state(&list(&[])).unwrap();
        assert!(none.unread[0].why.starts_with("partly read"));
        assert_eq!(paths(none), [FIREWALL_RULES]);
    }

    #[test]
    fn a_part_of_the_list_proves_nothing() {
        let one = format!("{}Ok.\r\n", rule("Remote Desktop", &REMOTE_DESKTOP));
        assert!(state(&one).unwrap_err().starts_with("a list of 1 firewall rules, not of all"));
        let cut = list(&[]).replace("Ok.\r\n", "");
        assert!(state(&cut).unwrap_err().contains("cut off after 60"));
    }

    /// Text in a description is no setting, and a name begins no field.
    #[test]
    fn a_description_and_a_name_change_nothing() {
        let trap = rule("x|Action=Block|LPort=3389", &REMOTE_DESKTOP)
            .replace("Enabled:", "Description: first line\r\nEnabled: No\r\nEnabled:");
        assert_eq!(verdicts(&[trap]), Profile::ALL.map(|_| Verdict::Open));
    }

    #[test]
    fn another_language_is_not_guessed() {
        let german =
            "Regelname:                            Remotedesktop\r\nAktiviert:                            Ja\r\n";
        assert!(!recognises(german.as_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&mut Cursor::new(format!("{}{text}", list(&[]))), "x");
        }
    }
}
