//! Reports of the group policies that apply to a machine: `gpresult` as XML (`/x`), as HTML (`/h`) and as text (`/v`).
//!
//! Their settings become values of the keys that policies write, so that the same proofs read both. Only keys are made
//! of which a report has a value: whatever a report does not name stays unknown. Policies of the user are left out.
//!
//! Sources: reports in public repositories (namespaces and elements of the XML, its security options among them; lines
//! of the text). Of the HTML no real file was seen, but public scripts that read such files agree on its form: the
//! mark, UTF-16, `Computer Details` and `User Details` as the outermost headings, and a row with the policy (a `span`
//! or link with `gpmc_settingName` and a long description among its attributes), what it is set to and the policy
//! object, below it a table of labels and choices. Some scripts took over the frame alone, so that the mark does not
//! make a report. Names and values of the policies are those of TerminalServer.admx, CredSsp.admx and
//! CipherSuiteOrder.admx: the names and `SSL (TLS 1.0)` stand in public lists of policies, the numbers of the choices
//! are from memory.

use std::collections::BTreeMap;
use std::io::Read;

use evidence::state::{CIPHER_POLICY, CREDSSP, FIPS, KEYS, POLICY, RegistryData, RegistryKey, SCHEMA, State, Unread};
use quick_xml::Reader as Xml;
use quick_xml::events::Event;

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source, TEXT};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::PolicyReport, recognises, read: Access::Stream(read) };

/// Namespace of the XML.
const NAMESPACE: &str = "http://www.microsoft.com/GroupPolicy/Rsop";
/// Mark of the HTML.
const HTML: &str = "gpmc_report";
/// Headings of the HTML and of the text, behind which the policies of the user stand.
const USER: [&str; 3] = ["User Details", "User Settings", "USER SETTINGS"];
/// Deepest element that is looked at, and most letters of a text.
const DEPTH: usize = 32;
const LONGEST: usize = 16 * 1024;

/// A policy that is looked for, by its English name, with the value that it writes.
struct Policy {
    name: &'static str,
    key: &'static str,
    value: &'static str,
    writes: Writes,
}

/// Data that a policy writes where it is enabled.
enum Writes {
    /// The first number where it is enabled, the second where it is disabled.
    Switch(u32, u32),
    /// The number of the choice.
    Choice(&'static [(&'static str, u32)]),
    /// The text that was typed.
    Text,
}

const POLICIES: [Policy; 9] = [
    Policy {
        name: "Allow users to connect remotely by using Remote Desktop Services",
        key: POLICY,
        value: "fDenyTSConnections",
        writes: Writes::Switch(0, 1),
    },
    Policy {
        name: "Require user authentication for remote connections by using Network Level Authentication",
        key: POLICY,
        value: "UserAuthentication",
        writes: Writes::Switch(1, 0),
    },
    Policy {
        name: "Require use of specific security layer for remote (RDP) connections",
        key: POLICY,
        value: "SecurityLayer",
        writes: Writes::Choice(&[("RDP", 0), ("Negotiate", 1), ("SSL", 2), ("SSL (TLS 1.0)", 2)]),
    },
    Policy {
        name: "Set client connection encryption level",
        key: POLICY,
        value: "MinEncryptionLevel",
        writes: Writes::Choice(&[("Low Level", 1), ("Client Compatible", 2), ("High Level", 3)]),
    },
    Policy {
        name: "Server authentication certificate template",
        key: POLICY,
        value: "CertTemplateName",
        writes: Writes::Text,
    },
    Policy {
        name: "Set the Remote Desktop licensing mode",
        key: POLICY,
        value: "LicensingMode",
        writes: Writes::Choice(&[("Per Device", 2), ("Per User", 4)]),
    },
    Policy {
        name: "Use the specified Remote Desktop license servers",
        key: POLICY,
        value: "LicenseServers",
        writes: Writes::Text,
    },
    Policy {
        name: "Encryption Oracle Remediation",
        key: CREDSSP,
        value: "AllowEncryptionOracle",
        writes: Writes::Choice(&[("Force Updated Clients", 0), ("Mitigated", 1), ("Vulnerable", 2)]),
    },
    Policy { name: "SSL Cipher Suite Order", key: CIPHER_POLICY, value: "Functions", writes: Writes::Text },
];

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    text.contains(NAMESPACE) || text.contains(HTML) || text.contains("Group Policy Result tool")
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut bytes = Vec::new();
    if source.take(TEXT + 1).read_to_end(&mut bytes)? as u64 > TEXT {
        return Err(ReadError::Contents(format!("more than {TEXT} bytes")));
    }
    let text = text::decode(&bytes)?;
    let text = text.trim_start_matches('\u{FEFF}');
    let mut values = Values::default();
    let whole = if text.contains(NAMESPACE) {
        values.xml(text)
    } else if text.contains(HTML) {
        values.html(text)
    } else {
        values.text(text)
    };
    let again = "in a console of an administrator: gpresult /scope computer /x policies.xml /f";
    match whole {
        Whole::NoComputer => Err(ReadError::Contents(format!("it has no policies of the computer; write it {again}"))),
        Whole::NamesAlone => {
            Err(ReadError::Contents(format!("it names policies, and not what they set; write it {again}")))
        }
        Whole::Read => Ok(vec![Piece::State(Box::new(values.state(name)))]),
    }
}

/// Whether a report has the policies of the computer.
enum Whole {
    Read,
    NoComputer,
    NamesAlone,
}

/// Values by the paths of their keys.
#[derive(Default)]
struct Values(BTreeMap<&'static str, BTreeMap<String, RegistryData>>);

/// Parts of the element that is being read.
#[derive(Default)]
struct Draft {
    name: String,
    state: String,
    /// Names and texts of its values, the choice of a list among them.
    chosen: Vec<String>,
    path: String,
    value: String,
    data: Option<RegistryData>,
}

impl Values {
    /// Sets a value of a key that is looked at; the first wins, because it has the highest precedence.
    fn set(&mut self, key: &'static str, name: &str, data: RegistryData) {
        self.0.entry(key).or_default().entry(name.to_owned()).or_insert(data);
    }

    /// Takes a value by its path below HKEY_LOCAL_MACHINE.
    fn raw(&mut self, path: &str, name: &str, data: RegistryData) {
        let path = path.trim().trim_start_matches('\\');
        let policies = |key: &&&str| *key == &CREDSSP || key.starts_with(r"HKLM\SOFTWARE\Policies\");
        let same = |key: &&&str| key.get(5..).is_some_and(|rest| rest.eq_ignore_ascii_case(path));
        if let Some(key) = KEYS.iter().filter(policies).find(same) {
            self.set(key, name, data);
        }
    }

    /// Takes a security option: its path is that of its value, below `MACHINE`. Only FIPS mode has a key of its own: of
    /// keys that have other values as well, a report tells too little.
    fn option(&mut self, path: &str, data: RegistryData) {
        let below = path.trim().strip_prefix("MACHINE").map(|rest| rest.trim_start_matches('\\'));
        let Some((key, name)) = below.and_then(|below| below.rsplit_once('\\')) else { return };
        if FIPS.get(5..).is_some_and(|known| known.eq_ignore_ascii_case(key.trim_end_matches('\\'))) {
            self.set(FIPS, name, data);
        }
    }

    /// Takes a policy by its name.
    fn policy(&mut self, name: &str, state: &str, chosen: &[String]) {
        let Some(policy) = POLICIES.iter().find(|policy| policy.name == name.trim()) else { return };
        let enabled = match state.trim() {
            "Enabled" => true,
            "Disabled" => false,
            _ => return,
        };
        let data = match &policy.writes {
            Writes::Switch(on, off) => Some(RegistryData::Dword(if enabled { *on } else { *off })),
            Writes::Choice(choices) => {
                let number = |text: &String| choices.iter().find(|(choice, _)| *choice == text.trim());
                chosen.iter().find_map(number).map(|(_, number)| RegistryData::Dword(*number))
            }
            Writes::Text => chosen
                .iter()
                .map(|text| text.trim())
                .find(|text| !text.is_empty() && !text.ends_with(':'))
                .map(|text| RegistryData::Text(text.to_owned())),
        };
        if let Some(data) = data.filter(|_| enabled || matches!(policy.writes, Writes::Switch(..))) {
            self.set(policy.key, policy.value, data);
        }
    }

    fn xml(&mut self, text: &str) -> Whole {
        let mut reader = Xml::from_str(text);
        let (mut stack, mut draft): (Vec<String>, Draft) = (Vec::new(), Draft::default());
        let mut computer = false;
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) if stack.len() < DEPTH => {
                    let name = start.local_name().as_ref().to_owned();
                    computer |= name == "ComputerResults";
                    if matches!(name.as_str(), "Policy" | "RegistrySetting" | "SecurityOptions") {
                        draft = Draft::default();
                    }
                    stack.push(name);
                }
                Ok(Event::End(_)) => {
                    let ended = stack.pop();
                    if stack.iter().any(|name| name == "ComputerResults") {
                        self.ended(ended.as_deref().unwrap_or_default(), &mut draft);
                    }
                }
                Ok(Event::Text(said)) => {
                    draft.said(&stack, said.as_ref().trim());
                }
                // what is damaged or deeper than any report ends it, and what was read stays
                Ok(Event::Start(_) | Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if computer { Whole::Read } else { Whole::NoComputer }
    }

    fn ended(&mut self, element: &str, draft: &mut Draft) {
        match element {
            "SecurityOptions" => {
                if let Some(data) = draft.data.take() {
                    self.option(&draft.path, data);
                }
            }
            "Policy" => self.policy(&draft.name, &draft.state, &draft.chosen),
            "Value" => {
                if let Some(data) = draft.data.take() {
                    self.raw(&draft.path, &draft.value, data);
                }
            }
            _ => {}
        }
    }

    /// Reads the texts between the tags: a policy stands in a cell of its own, behind it what it is set to and by whom,
    /// and where it has a choice the words for it and the choice.
    fn html(&mut self, text: &str) -> Whole {
        let mut cells = cells(text).peekable();
        let (mut computer, mut open): (bool, Option<(String, String, Vec<String>)>) = (false, None);
        while let Some(cell) = cells.next() {
            computer |= matches!(cell.as_str(), "Computer Details" | "Computer Settings");
            let ends = USER.contains(&cell.as_str());
            if ends || POLICIES.iter().any(|policy| policy.name == cell) {
                if let Some((name, state, chosen)) = open.take() {
                    self.policy(&name, &state, chosen.get(2..).unwrap_or_default());
                }
                if ends && computer {
                    break;
                }
                let state = cells.next_if(|next| matches!(next.as_str(), "Enabled" | "Disabled"));
                open = state.map(|state| (cell, state, Vec::new()));
            } else if let Some((.., chosen)) = &mut open
                && chosen.len() < 3
            {
                chosen.push(cell);
            }
        }
        if let Some((name, state, chosen)) = open.take() {
            self.policy(&name, &state, chosen.get(2..).unwrap_or_default());
        }
        if computer { Whole::Read } else { Whole::NoComputer }
    }

    /// Reads `Folder Id: PATH\VALUE` and the bytes behind it.
    fn text(&mut self, text: &str) -> Whole {
        let (mut computer, mut templates, mut path) = (false, false, None);
        for line in text.lines() {
            let line = line.trim();
            if USER.contains(&line) {
                break;
            }
            computer |= line == "COMPUTER SETTINGS";
            templates |= line == "Administrative Templates";
            if let Some(id) = line.strip_prefix("Folder Id:") {
                path = Some(id.trim());
            } else if let Some(bytes) = line.strip_prefix("Value:")
                && let Some((key, name)) = path.take().and_then(|path| path.rsplit_once('\\'))
                && let Some(data) = data(bytes)
            {
                self.raw(key, name, data);
            }
        }
        match (computer, templates) {
            (false, _) => Whole::NoComputer,
            (true, false) => Whole::NamesAlone,
            (true, true) => Whole::Read,
        }
    }

    fn state(self, what: &str) -> State {
        let key = |(path, values): (&str, _)| RegistryKey { path: path.to_owned(), exists: true, values };
        let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
        state.registry.extend(self.0.into_iter().map(key));
        let why = "partly read: what the machine sets by itself, its security options other than FIPS mode and the policies of \
                   the user are not taken from a report of policies";
        state.unread.push(Unread { what: what.to_owned(), why: why.to_owned() });
        state
    }
}

impl Draft {
    /// Takes a text by the elements that it stands in.
    fn said(&mut self, stack: &[String], said: &str) {
        let names: Vec<&str> = stack.iter().rev().take(3).map(String::as_str).collect();
        let said: String = said.chars().take(LONGEST).collect();
        let within = stack.iter().any(|name| name == "Policy");
        match names.as_slice() {
            ["Name", "Policy", ..] => self.name = said,
            ["State", "Policy", ..] => self.state = said,
            ["KeyName", "SecurityOptions", ..] | ["KeyPath", "RegistrySetting", ..] => self.path = said,
            ["Name", "Value", "RegistrySetting"] => self.value = said,
            ["SettingNumber", "SecurityOptions", ..] | ["Number", "Value", "RegistrySetting"] => {
                self.data = said.parse().ok().map(RegistryData::Dword);
            }
            ["String", "Value", "RegistrySetting"] => self.data = Some(RegistryData::Text(said)),
            ["Name", "Value", _] | ["Value", ..] if within && !said.is_empty() && self.chosen.len() < 8 => {
                self.chosen.push(said);
            }
            _ => {}
        }
    }
}

/// The texts of an HTML between its tags, without blanks at their ends; no tag is longer than any. Descriptions in the
/// attributes of a tag may have tags of their own, so a text begins behind the last end of one.
fn cells(html: &str) -> impl Iterator<Item = String> {
    let texts = html.split('<').filter_map(|part| part.rsplit_once('>').map(|(_, text)| text.trim()));
    texts.filter(|text| !text.is_empty()).map(|text| {
        let text: String = text.chars().take(LONGEST).collect();
        text.replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&nbsp;", " ")
            .replace("&amp;", "&")
            .trim()
            .to_owned()
    })
}

/// Reads bytes in decimal: four are a number, more a text in UTF-16.
fn data(text: &str) -> Option<RegistryData> {
    let bytes: Vec<u8> = text.split(',').take(LONGEST).map(|byte| byte.trim().parse().ok()).collect::<Option<_>>()?;
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(RegistryData::Dword(u32::from_le_bytes(four)));
    }
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    Some(RegistryData::Text(text.trim_end_matches('\0').to_owned()))
}

#[cfg(test)]
mod tests;
