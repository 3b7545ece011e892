//! The settings of the firewall's profiles, as `netsh advfirewall show allprofiles` prints them on an English Windows.
//!
//! They become values of the machine's own keys for them. Policies, which win over them, are not in it.
//!
//! Source: outputs in public repositories; each profile has a heading, and each setting a line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use evidence::state::{RegistryData, RegistryKey, SCHEMA, State, Unread};

use crate::evidence::kind::Kind;
use crate::evidence::reader::{Access, Piece, ReadError, Reader, Source};
use crate::evidence::text;

pub(in crate::evidence) const READER: Reader =
    Reader { kind: Kind::FirewallProfiles, recognises, read: Access::Stream(read) };

/// Headings, each with the name of the profile's key.
const HEADINGS: [(&str, &str); 3] = [
    ("Domain Profile Settings", "DomainProfile"),
    ("Private Profile Settings", "StandardProfile"),
    ("Public Profile Settings", "PublicProfile"),
];
/// Key above those of the profiles.
const KEYS: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
/// Most bytes of a line, and most lines.
const LINE: u64 = 4096;
const LINES: usize = 1_000;

fn heading(line: &str) -> Option<&'static str> {
    let line = line.trim().trim_end_matches(':');
    HEADINGS.iter().find(|(heading, _)| *heading == line).map(|(_, key)| *key)
}

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let begins = |words: &str| text.lines().any(|line| line.starts_with(words));
    text.lines().any(|line| heading(line).is_some()) && begins("State") && begins("Firewall Policy")
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut lines = BufReader::new(text::Utf8::new(source));
    let mut profiles: BTreeMap<&'static str, BTreeMap<String, RegistryData>> = BTreeMap::new();
    let (mut line, mut profile) = (Vec::new(), None);
    for _ in 0..LINES {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{FEFF}').trim_end();
        profile = heading(text).or(profile);
        let Some(profile) = profile else { continue };
        let mut set = |name: &str, number: u32| {
            profiles.entry(profile).or_default().insert(name.to_owned(), RegistryData::Dword(number));
        };
        let said = |label: &str| text.strip_prefix(label).map(str::trim);
        match said("State") {
            Some("ON") => set("EnableFirewall", 1),
            Some("OFF") => set("EnableFirewall", 0),
            _ => {}
        }
        for policy in said("Firewall Policy").into_iter().flat_map(|policies| policies.split(',')).take(2) {
            match policy.trim() {
                "AllowInbound" => set("DefaultInboundAction", 0),
                "BlockInbound" => set("DefaultInboundAction", 1),
                "BlockInboundAlways" => {
                    set("DefaultInboundAction", 1);
                    set("DoNotAllowExceptions", 1);
                }
                _ => {}
            }
        }
    }
    if profiles.is_empty() {
        return Err(ReadError::Contents("it has none of the firewall's profiles".to_owned()));
    }
    let key = |(name, values): (&str, _)| RegistryKey { path: format!(r"{KEYS}\{name}"), exists: true, values };
    let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
    state.registry.extend(profiles.into_iter().map(key));
    let why = "partly read: the rules and what group policies set are not in it";
    state.unread.push(Unread { what: name.to_owned(), why: why.to_owned() });
    Ok(vec![Piece::State(Box::new(state))])
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// As netsh prints them, of one profile.
    fn profile(name: &str, state: &str, policy: &str) -> String {
        format!(
            "\r\n{name} Profile Settings: \r\n{}\r\nState                                 {state}\r\nFirewall Policy                       \
             {policy}\r\nLocalFirewallRules                    N/A (GPO-store only)\r\nRemoteManagement                      \
             Disable\r\n\r\nLogging:\r\nLogDroppedConnections                 Disable\r\n",
            "-".repeat(70)
        )
    }

    fn told(text: String) -> Vec<(String, String, u32)> {
        assert!(recognises(text.as_bytes()));
        let pieces = read(&mut Cursor::new(text), "profiles.txt").unwrap();
        let [Piece::State(state)] = &pieces[..] else { panic!("{pieces:?}") };
        assert!(state.unread[0].why.starts_with("partly read"));
        let number = |data: &RegistryData| if let RegistryData::Dword(number) = data { *number } else { panic!() };
        let values = state.registry.iter().flat_map(|key| key.values.iter().map(move |value| (key, value)));
        let name = |key: &RegistryKey| key.path.rsplit('\\').next().unwrap_or_default().to_owned();
        values.map(|(key, (value, data))| (name(key), value.clone(), number(data))).collect()
    }

    #[test]
    fn each_profile_is_read_as_the_registry_has_it() {
        let all = [
            profile("Domain", "ON", "BlockInbound,AllowOutbound"),
            profile("Private", "OFF", "AllowInbound,AllowOutbound"),
            profile("Public", "ON", "BlockInboundAlways,AllowOutbound"),
            "Ok.\r\n".to_owned(),
        ];
        let value = |profile: &str, name: &str, number| (profile.to_owned(), name.to_owned(), number);
        let expected = [
            value("DomainProfile", "DefaultInboundAction", 1),
            value("DomainProfile", "EnableFirewall", 1),
            value("PublicProfile", "DefaultInboundAction", 1),
            value("PublicProfile", "DoNotAllowExceptions", 1),
            value("PublicProfile", "EnableFirewall", 1),
            value("StandardProfile", "DefaultInboundAction", 0),
            value("StandardProfile", "EnableFirewall", 0),
        ];
        assert_eq!(told(all.concat()), expected);
        assert_eq!(told(profile("Public", "ON", "NotConfigured")), [value("PublicProfile", "EnableFirewall", 1)]);
    }

    #[test]
    fn another_text_is_not_taken_for_it() {
        assert!(!recognises(b"State ON\nFirewall Policy BlockInbound\n"));
        assert!(!recognises("Domänenprofileinstellungen:\nStatus EIN\n".as_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&mut Cursor::new(format!("Domain Profile Settings:\n{text}")), "x");
        }
    }
}
