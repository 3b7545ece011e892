//! Firewall rules as PowerShell prints them: `Get-NetFirewallRule` as a list or as a table, also with what
//! `Get-NetFirewallPortFilter` says of each rule behind it, or with ports as columns of a `Select-Object`.
//!
//! The labels are English on every Windows. A rule is read as one of netsh (the module above), which has the same
//! under other names. Without its ports a rule may be for any: only those that Windows itself brings for Remote Desktop
//! have ports that cannot be changed.
//!
//! Source: outputs in public repositories; Microsoft: Get-NetFirewallRule.

use std::io::{BufRead, BufReader, Read};

use super::{LIMITED, List, Rule};
use crate::evidence::kind::Kind;
use crate::evidence::reader::{Access, Piece, ReadError, Reader, Source};
use crate::evidence::text;

pub(in crate::evidence) const READER: Reader =
    Reader { kind: Kind::FirewallRules, recognises, read: Access::Stream(read) };

/// Labels and columns that are read, each with the label that netsh has for it.
const LABELS: [(&str, &str); 14] = [
    ("Name", "Id"),
    ("DisplayName", "Rule Name"),
    ("Enabled", "Enabled"),
    ("Direction", "Direction"),
    ("Profile", "Profiles"),
    ("Action", "Action"),
    ("PolicyStoreSourceType", "Rule source"),
    ("Protocol", "Protocol"),
    ("LocalPort", "LocalPort"),
    ("RemotePort", "RemotePort"),
    ("LocalAddress", "LocalIP"),
    ("RemoteAddress", "RemoteIP"),
    ("Program", "Program"),
    ("Service", "Service"),
];
/// Rules that Windows brings for the service of Remote Desktop, with their protocols; their port is fixed.
const OWN: [(&str, &str); 3] = [
    ("RemoteDesktop-UserMode-In-TCP", "TCP"),
    ("RemoteDesktop-UserMode-In-UDP", "UDP"),
    ("RemoteDesktop-In-TCP", "TCP"),
];
/// Command that writes such a list with everything in it.
const COMMAND: &str = "netsh advfirewall firewall show rule name=all verbose";
/// Most bytes of a line, and most columns of a table.
const LINE: u64 = 32 * 1024;
const COLUMNS: usize = 64;

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let list = |wanted: &str| text.lines().filter_map(labelled).any(|(label, _)| label == wanted);
    // the names of columns stand over dashes
    let mut lines = text.lines().peekable();
    let mut table = || {
        lines.next().map(|line| {
            let dashes = lines.peek().is_some_and(|next| next.starts_with("--"));
            dashes && columns(line).is_some()
        })
    };
    list("Enabled") && list("Direction") && list("Action") || std::iter::from_fn(&mut table).any(|found| found)
}

/// Splits a line of a list into a label that is known, by netsh's name, and what it says.
fn labelled(line: &str) -> Option<(&'static str, &str)> {
    let (label, said) = line.split_once(" :").or_else(|| line.split_once(':'))?;
    let known = LABELS.iter().find(|(known, _)| *known == label.trim_end())?.1;
    Some((known, said.trim()))
}

/// The columns of a table by its first line: where each begins, and its label if it is known.
fn columns(line: &str) -> Option<Vec<(usize, Option<&'static str>)>> {
    let mut columns = Vec::new();
    for word in line.split_whitespace().take(COLUMNS) {
        let at = word.as_ptr() as usize - line.as_ptr() as usize;
        columns.push((at, LABELS.iter().find(|(known, _)| *known == word).map(|(_, label)| *label)));
    }
    let has = |wanted: &str| columns.iter().any(|(_, label)| *label == Some(wanted));
    (has("Enabled") && has("Direction") && has("Action")).then_some(columns)
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut lines = BufReader::new(text::Utf8::new(source));
    let (mut list, mut rule, mut line) = (List::default(), Rule::new(), Vec::new());
    let mut table: Option<Vec<(usize, Option<&'static str>)>> = None;
    loop {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{FEFF}').trim_end();
        if let Some(columns) = columns(text) {
            table = Some(columns);
        } else if let Some(columns) = &table {
            if !text.trim_matches([' ', '-']).is_empty() {
                take(&mut list, row(text, columns));
            }
        } else if let Some((label, said)) = labelled(text) {
            // a label that is there already begins the next rule; ports follow the rule that they belong to
            if rule.contains_key(label) {
                take(&mut list, std::mem::take(&mut rule));
            }
            rule.insert(label, said.to_owned());
        }
    }
    take(&mut list, rule);
    list.state(name, true, COMMAND).map(|state| vec![Piece::State(Box::new(state))])
}

/// Reads a row of a table. A value that was cut off (`…`) is as unknown as one that is not there.
fn row(text: &str, columns: &[(usize, Option<&'static str>)]) -> Rule {
    let mut rule = Rule::new();
    for (number, (start, label)) in columns.iter().enumerate() {
        let end = columns.get(number + 1).map_or(text.len(), |next| next.0).min(text.len());
        let said = text.get(*start..end).unwrap_or_default().trim();
        if let Some(label) = label.filter(|_| !said.is_empty() && !said.ends_with("...") && !said.ends_with('…')) {
            rule.insert(label, said.to_owned());
        }
    }
    rule
}

/// Takes a rule, in netsh's words.
fn take(list: &mut List, mut rule: Rule) {
    if !rule.contains_key("Direction") {
        return;
    }
    let word = |rule: &mut Rule, label: &'static str, words: &[(&str, &str)]| {
        if let Some(said) = rule.get_mut(label)
            && let Some((_, known)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(said))
        {
            (*known).clone_into(said);
        }
    };
    word(&mut rule, "Enabled", &[("True", "Yes"), ("1", "Yes"), ("False", "No"), ("2", "No")]);
    word(&mut rule, "Direction", &[("Inbound", "In"), ("1", "In"), ("Outbound", "Out"), ("2", "Out")]);
    word(&mut rule, "Action", &[("2", "Allow"), ("4", "Block")]);
    word(&mut rule, "Profiles", &[("Any", "Domain,Private,Public"), ("0", "Domain,Private,Public")]);
    word(&mut rule, "Rule source", &[("GroupPolicy", "Group Policy Setting")]);
    for said in rule.values_mut() {
        // a list of values
        if let Some(inner) = said.strip_prefix('{').and_then(|said| said.strip_suffix('}')) {
            *said = inner.to_owned();
        }
    }
    let id = rule.remove("Id").unwrap_or_default();
    let own = OWN.iter().find(|(name, _)| *name == id);
    if let Some((_, protocol)) = own {
        for (label, said) in [("Protocol", *protocol), ("LocalPort", "3389"), ("Service", "termservice")] {
            rule.entry(label).or_insert_with(|| said.to_owned());
        }
    }
    // whatever is not there may limit the rule
    if ["Protocol", "LocalPort", "RemoteIP", "Program", "Service"].iter().any(|label| !rule.contains_key(label)) {
        rule.insert(LIMITED, String::new());
    }
    rule.entry("Rule source").or_insert_with(|| "Local Setting".to_owned());
    rule.entry("Rule Name").or_insert(id);
    list.rule = rule;
    list.close();
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use evidence::firewall::{self, Profile, Verdict};
    use evidence::state::RegistryData;

    use super::*;

    const PORTS: [(&str, &str); 4] =
        [("Protocol", "TCP"), ("LocalPort", "3389"), ("RemotePort", "Any"), ("IcmpType", "Any")];
    const WHO: [(&str, &str); 3] = [("RemoteAddress", "Any"), ("Program", "Any"), ("Service", "termservice")];

    fn rule(name: &str, changed: &[(&str, &str)], more: &[(&str, &str)]) -> String {
        let usual = [
            ("Name", name),
            ("DisplayName", name),
            ("Description", "Allows traffic: Enabled or not"),
            ("Enabled", "True"),
            ("Profile", "Any"),
            ("Platform", "{}"),
            ("Direction", "Inbound"),
            ("Action", "Allow"),
            ("PolicyStoreSource", "PersistentStore"),
            ("PolicyStoreSourceType", "Local"),
        ];
        let said =
            |label: &str, usual| changed.iter().find(|(known, _)| *known == label).map_or(usual, |(_, said)| *said);
        let line = |(label, said): (&str, &str)| format!("{label:<30}: {said}\r\n");
        let own: String = usual.iter().map(|(label, usual)| line((label, said(label, usual)))).collect();
        format!("\r\n{own}\r\n{}", more.iter().map(|one| line(*one)).collect::<String>())
    }

    fn others() -> String {
        let ports = [("Protocol", "UDP"), ("LocalPort", "5353")];
        (0..60).map(|number| rule(&format!("other-{number}"), &[], &[ports.as_slice(), &WHO].concat())).collect()
    }

    /// UTF-16 with a mark, as PowerShell writes it into a file.
    fn wide(text: &str) -> Vec<u8> {
        [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    }

    fn state(text: &str) -> Result<evidence::state::State, String> {
        assert!(recognises(text.as_bytes()) && recognises(&wide(text)[..wide(text).len().min(4096)]));
        let pieces = read(&mut Cursor::new(wide(text)), "rules.txt").map_err(|error| error.to_string())?;
        let [Piece::State(state)] = &pieces[..] else { panic!("{pieces:?}") };
        Ok((**state).clone())
    }

    fn verdict(text: &str) -> Verdict {
        let state = state(text).unwrap();
        let written = |data: &RegistryData| if let RegistryData::Text(text) = data { text.clone() } else { panic!() };
        let rules: Vec<_> = state.registry.iter().flat_map(|key| key.values.values()).map(written).collect();
        let rules: Vec<_> = rules.iter().filter_map(|text| firewall::Rule::parse(text)).collect();
        firewall::judge(&rules, 3389, Profile::Public)
    }

    #[test]
    fn rules_with_their_ports_are_judged_as_those_of_the_registry() {
        let all = [PORTS.as_slice(), &WHO].concat();
        let with = |changed: &[(&str, &str)]| format!("{}{}", others(), rule("RDP", changed, &all));
        assert_eq!(verdict(&with(&[])), Verdict::Open);
        assert_eq!(verdict(&with(&[("Action", "Block")])), Verdict::Blocked("RDP".to_owned()));
        assert_eq!(verdict(&with(&[("Enabled", "False")])), Verdict::NoRule(Some("RDP is off".to_owned())));
        assert_eq!(verdict(&with(&[("Direction", "Outbound")])), Verdict::NoRule(None));
        assert!(matches!(verdict(&with(&[("Profile", "Domain, Private")])), Verdict::NoRule(_)));
    }

    /// Such a list can prove nothing but what Windows' own rules are.
    #[test]
    fn rules_without_their_ports_may_be_for_any() {
        let ports = [("Protocol", "UDP"), ("LocalPort", "5353")];
        let plain = rule("something", &[], &[]);
        assert_eq!(verdict(&format!("{}{plain}", others())), Verdict::Scoped("something".to_owned()));
        let block = rule("something", &[("Action", "Block")], &[]);
        assert_eq!(verdict(&format!("{}{block}", others())), Verdict::NoRule(None));
        let other = rule("something", &[("Action", "Block")], &[ports.as_slice(), &WHO].concat());
        assert_eq!(verdict(&format!("{}{other}", others())), Verdict::NoRule(None));
        let own = rule("RemoteDesktop-UserMode-In-TCP", &[("Enabled", "False")], &[]);
        assert!(matches!(verdict(&format!("{}{own}", others())), Verdict::NoRule(_)));
    }

    #[test]
    fn a_table_is_read_by_its_columns() {
        let row = |name: &str, enabled: &str, action: &str, port: &str| {
            format!("{name:<30} {enabled:<7} {:<9} {action:<6} TCP      {port:<9} Any\r\n", "Inbound")
        };
        let head = format!(
            "{:<30} {:<7} {:<9} {:<6} Protocol LocalPort RemoteAddress\r\n{}\r\n",
            "DisplayName",
            "Enabled",
            "Direction",
            "Action",
            "-".repeat(30)
        );
        let rows: String = (0..60).map(|number| row(&format!("other {number}"), "True", "Allow", "80")).collect();
        let table = |last: &str| format!("\r\n{head}{rows}{last}");
        // program and service are not in it
        assert_eq!(verdict(&table(&row("RDP", "True", "Allow", "3389"))), Verdict::Scoped("RDP".to_owned()));
        assert_eq!(
            verdict(&table(&row("RDP", "False", "Allow", "3389"))),
            Verdict::NoRule(Some("RDP is off".to_owned()))
        );
        assert!(matches!(verdict(&table(&row("cut off…", "True", "Allow", "80"))), Verdict::NoRule(None)));
    }

    #[test]
    fn a_part_of_the_list_tells_what_its_rules_are_and_proves_nothing() {
        let off = rule("Remote Desktop - User Mode (TCP-In)", &[("Enabled", "False")], &[]);
        let why = state(&off).unwrap_err();
        assert!(
            why.contains("a list of 1 firewall rules, not of all; Remote Desktop - User Mode (TCP-In) is off"),
            "{why}"
        );
    }

    #[test]
    fn another_text_is_not_taken_for_it() {
        assert!(!recognises(b"Name : x\nEnabled : True\n") && !recognises(b"Enabled the Direction of Action"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&mut Cursor::new(format!("{}{text}", others())), "x");
            let _ = read(&mut Cursor::new(format!("Name Enabled Direction Action\n{text}")), "x");
        }
    }
}
