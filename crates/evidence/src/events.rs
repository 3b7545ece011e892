//! Entries of Windows event logs that mean something for Remote Desktop: by provider and id, never by text, which
//! depends on version and language. Each kind is declared once, by a `[[code]]` with a `level` in
//! `data/codes/event-*.toml`; entries of any other kind are counted and not kept.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::Role;
use crate::codes::{self, AttemptStep, Code, Content, Level};
use crate::places::Part;

/// The client's own log.
pub const CLIENT_CHANNEL: &str = "Microsoft-Windows-TerminalServices-RDPClient/Operational";

/// The log for everything that has none of its own.
pub const SYSTEM: &str = "System";
/// The log in which Remote Connection Manager informs administrators.
pub const RCM_ADMIN: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Admin";

/// Provider RdpCoreTS, the protocol on the host.
pub const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
/// Provider Remote Connection Manager: listener, certificate, licences.
pub const RCM: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
/// Provider Local Session Manager: logons and sessions.
pub const LSM: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager";
/// Provider Schannel, the TLS of Windows; newer versions put `Microsoft-Windows-` before it.
pub const SCHANNEL: &str = "Schannel";
/// Schannel's entry about a private key.
const KEY_UNUSABLE: u32 = 36870;
/// Provider of the local security authority: CredSSP on a client.
pub const LSA: &str = "LsaSrv";
/// Provider of the service control manager.
pub const SERVICES: &str = "Service Control Manager";
/// Provider of the audit log.
pub const SECURITY: &str = "Microsoft-Windows-Security-Auditing";
/// Provider of the client.
pub const CLIENT: &str = "Microsoft-Windows-TerminalServices-ClientActiveXCore";
/// Provider of the older protocol stack's driver.
pub const DRIVER: &str = "TermDD";

/// Provider of Kerberos on any machine.
pub const KERBEROS: &str = "Kerberos";
/// Provider of group policy.
pub const GROUP_POLICY: &str = "Microsoft-Windows-GroupPolicy";
/// Provider of a machine's secure channel to its domain.
pub const NETLOGON: &str = "NETLOGON";
/// Provider of the RD Gateway.
pub const GATEWAY: &str = "Microsoft-Windows-TerminalServices-Gateway";
/// Provider of the part of a session host that asks the connection broker.
pub const BROKER: &str = "Microsoft-Windows-TerminalServices-SessionBroker-Client";
/// Provider of the log service: starts and stops of Windows.
pub const EVENT_LOG: &str = "EventLog";
/// Provider of shutdowns that somebody asked for.
pub const USER32: &str = "User32";
/// Provider of the kernel's power management.
pub const KERNEL_POWER: &str = "Microsoft-Windows-Kernel-Power";

/// Kind of entry that means something for Remote Desktop, declared by a `[[code]]` with a `level`.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Provider, or the end of its name.
    pub provider: &'static str,
    /// Event id.
    pub id: u32,
    /// Part of the machine that it is about.
    pub part: Part,
    /// True if it belongs to connections that work, or end normally.
    pub normal: bool,
    code: &'static Code,
}

impl Known {
    fn of(code: &'static Code) -> Option<Self> {
        let level = code.entry.level?;
        let written = code.provider.as_deref()?;
        let (provider, ..) = places().find(|(provider, ..)| ends_with(written, provider))?;
        let part = match code.side? {
            // a gateway's log is that of the machine on which it runs
            Role::Host | Role::Gateway => Part::Host,
            Role::Client => Part::Client,
            Role::Resolver | Role::Elsewhere | Role::Path => return None,
        };
        Some(Self { provider, id: code.number, part, normal: level == Level::Normal, code })
    }

    /// Returns its meaning, in the words of its list in `data/codes`.
    pub fn meaning(self) -> &'static str {
        &self.code.meaning
    }

    /// Returns its part in a connection attempt; `None` for an entry about no single connection.
    pub fn attempt(self) -> Option<&'static AttemptStep> {
        self.code.entry.attempt.as_ref()
    }

    /// Returns the content of a field, where this kind of entry or its list declares it.
    pub fn field(self, name: &str) -> Option<Content> {
        let entry = &self.code.entry;
        let number = name.len() <= 2 && !name.is_empty() && name.bytes().all(|digit| digit.is_ascii_digit());
        let numbered = || number.then_some(entry.numbered.unwrap_or(Content::Number));
        entry.fields.get(name).copied().or_else(numbered)
    }
}

/// Every kind, by provider in the order of [`CHANNELS`], normal ones first, by number.
static TABLE: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let place = |known: &Known| places().position(|(provider, ..)| *provider == known.provider);
    let events = codes::families().iter().filter(|family| family.events);
    let mut table: Vec<Known> = events.flat_map(|family| &family.codes).filter_map(Known::of).collect();
    table.sort_by_key(|known| (place(known), !known.normal, known.id));
    table
});
/// Every kind by number, because logs ask for each of their entries.
static BY_ID: LazyLock<BTreeMap<u32, Vec<Known>>> = LazyLock::new(|| {
    let mut by_id: BTreeMap<u32, Vec<Known>> = BTreeMap::new();
    TABLE.iter().for_each(|known| by_id.entry(known.id).or_default().push(*known));
    by_id
});

/// Name of a provider as used here, its full names, and its channels.
pub type Place = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Where a provider writes: its name as used here, its full names, and its channels.
///
/// Source: providers and channels are named as Windows lists them (`wevtutil el`, `wevtutil ep`) and documents give
/// them; a channel that a machine lacks is no error.
pub const CHANNELS: &[Place] = &[
    (CORE, &[CORE], &["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"]),
    (RCM, &[RCM], &[SYSTEM, RCM_ADMIN, "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational"]),
    (LSM, &[LSM], &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"]),
    (SCHANNEL, &[SCHANNEL, "Microsoft-Windows-Schannel"], &[SYSTEM]),
    (SECURITY, &[SECURITY], &["Security"]),
    (SERVICES, &[SERVICES], &[SYSTEM]),
    (DRIVER, &[DRIVER], &[SYSTEM]),
    (LSA, &[LSA, "Microsoft-Windows-LsaSrv"], &[SYSTEM]),
    (CLIENT, &[CLIENT], &[CLIENT_CHANNEL]),
    (GATEWAY, &[GATEWAY], &["Microsoft-Windows-TerminalServices-Gateway/Operational"]),
    (BROKER, &[BROKER], &["Microsoft-Windows-TerminalServices-SessionBroker-Client/Operational"]),
    (KERBEROS, &[KERBEROS, "Microsoft-Windows-Security-Kerberos"], &[SYSTEM]),
    (GROUP_POLICY, &[GROUP_POLICY], &[SYSTEM]),
    (NETLOGON, &[NETLOGON], &[SYSTEM]),
    (EVENT_LOG, &[EVENT_LOG], &[SYSTEM]),
    (USER32, &[USER32], &[SYSTEM]),
    (KERNEL_POWER, &[KERNEL_POWER], &[SYSTEM]),
];

/// Programs with logs of their own, whose lines have no ids: the numbers of their kinds are ours, from 90001 on. The
/// form is that of [`CHANNELS`].
pub const PROGRAMS: &[Place] = &[
    ("Windows Firewall log", &["Windows Firewall log"], &["pfirewall.log"]),
    ("xrdp", &["xrdp"], &["xrdp.log"]),
    ("xrdp-sesman", &["xrdp-sesman"], &["xrdp-sesman.log"]),
    ("gnome-remote-desktop", &["gnome-remote-desktop"], &["journal"]),
    ("FreeRDP", &["FreeRDP"], &["FreeRDP"]),
    ("guacd", &["guacd"], &["guacd"]),
];

/// Iterates over all places where a provider or another program writes.
pub fn places() -> impl Iterator<Item = &'static Place> {
    CHANNELS.iter().chain(PROGRAMS)
}

/// Iterates over every kind of entry.
pub fn all() -> impl Iterator<Item = Known> {
    TABLE.iter().copied()
}

/// Finds the kind of entry of this provider and id.
pub fn find(provider: &str, id: u32) -> Option<Known> {
    // a name of ours is the same one, which is sooner seen
    let named = |known: &&Known| std::ptr::eq(provider, known.provider) || ends_with(provider, known.provider);
    BY_ID.get(&id)?.iter().find(named).copied()
}

/// True unless the entry is one of a kind that a log is full of and that has nothing to do with Remote Desktop: logons
/// of services and over the network, of which only type 10 (and 12, with cached credentials) is Remote Desktop's alone.
pub fn matters(provider: &str, id: u32, fields: &BTreeMap<String, String>) -> bool {
    const LOGON: u32 = 4624;
    const CHECKED: u32 = 4776;
    match id {
        CHECKED if ends_with(provider, SECURITY) => fields
            .get("Status")
            .is_some_and(|status| !status.trim_start_matches("0x").trim_matches(['0', ' ']).is_empty()),
        LOGON if ends_with(provider, SECURITY) => {
            fields.get("LogonType").is_some_and(|kind| matches!(kind.trim(), "10" | "12"))
        }
        7000 | 7009 | 7011 | 7036 if ends_with(provider, SERVICES) => service(fields).is_some(),
        _ => true,
    }
}

/// True for a kind of which every entry matters: not those of which a log is full and some are of Remote Desktop.
pub fn each_matters(id: u32) -> bool {
    !matches!(id, 4624 | 4776 | 7000 | 7009 | 7011 | 7036)
}

/// Returns the fields by which [`matters`] decides; none where it looks at all of them.
pub fn decided_by(id: u32) -> &'static [&'static str] {
    match id {
        4624 => &["LogonType"],
        4776 => &["Status"],
        _ => &[],
    }
}

/// Returns the field with the address and the field with the way of a logon, for entries that refuse one: of them also
/// those that are not kept are counted by address, way and minute, because their rate is what tells a flood.
pub fn counted_by(known: Known) -> Option<(&'static str, Option<&'static str>)> {
    match (known.provider, known.id) {
        (SECURITY, 4625) => Some(("IpAddress", Some("LogonType"))),
        (CORE, 140) => Some(("IPString", None)),
        _ => None,
    }
}

/// Titles by which Windows names services in entries in English, and their names.
pub(crate) const TITLES: &[(&str, &str)] = &[
    ("Remote Desktop Services", "TermService"),
    ("Remote Desktop Configuration", "SessionEnv"),
    ("Remote Desktop Services UserMode Port Redirector", "UmRdpService"),
    ("Certificate Propagation", "CertPropSvc"),
    ("CNG Key Isolation", "KeyIso"),
    ("Cryptographic Services", "CryptSvc"),
    ("Remote Procedure Call (RPC)", "RpcSs"),
    ("Windows Defender Firewall", "MpsSvc"),
    ("Windows Firewall", "MpsSvc"),
];

/// Returns the service that an entry of the service control manager names, if Remote Desktop needs it, and the state
/// that it came into (`SERVICE_STATUS` of the Windows API: 1 stopped, 4 running), where the entry tells. Its binary
/// part has both as UTF-16 text (`TermService/4`), whatever the language; its title is in the language of Windows.
pub fn service(fields: &BTreeMap<String, String>) -> Option<(&'static str, Option<u32>)> {
    let binary = fields.get("Binary").and_then(|binary| binary_text(binary));
    if let Some(text) = binary {
        let (name, state) = text.split_once('/').map_or((text.as_str(), None), |(name, state)| (name, Some(state)));
        let known = crate::places::SERVICES.iter().find(|known| known.eq_ignore_ascii_case(name));
        if let Some(known) = known {
            return Some((known, state.and_then(|state| state.parse().ok())));
        }
    }
    let titled = |value: &String| {
        let title =
            TITLES.iter().find(|(title, name)| [title, name].iter().any(|known| value.eq_ignore_ascii_case(known)));
        title.map(|(_, name)| *name)
    };
    // in English a state says what the binary part would
    let state = match fields.get("param2").map(|state| state.trim().to_ascii_lowercase()).as_deref() {
        Some("stopped") => Some(1),
        Some("running") => Some(4),
        _ => None,
    };
    fields.values().find_map(titled).map(|name| (name, state))
}

/// Reads the first text of a binary part: UTF-16, little-endian, in hexadecimal.
fn binary_text(hexadecimal: &str) -> Option<String> {
    const LONGEST: usize = 64;
    let bytes = hexadecimal.as_bytes();
    let units = bytes.chunks_exact(4).take(LONGEST).map(|four| {
        let text = std::str::from_utf8(four).ok()?;
        u16::from_str_radix(text, 16).ok().map(u16::swap_bytes)
    });
    let units: Option<Vec<u16>> = units.take_while(|unit| *unit != Some(0)).collect();
    String::from_utf16(&units?).ok().filter(|text| !text.is_empty())
}

/// Returns the meaning of an entry with these fields; for Schannel, on the side of a connection that it is about.
pub fn meaning(fields: &BTreeMap<String, String>, known: Known) -> &'static str {
    if known.id == KEY_UNUSABLE && as_client(fields, known) {
        return "the private key of a client credential could not be used";
    }
    known.meaning()
}

/// True if Schannel's entry is about this machine as client of some server, not about a connection to this host.
pub fn as_client(fields: &BTreeMap<String, String>, known: Known) -> bool {
    known.provider == SCHANNEL && fields.values().any(|value| value.eq_ignore_ascii_case("client"))
}

/// True if a provider's name is this one or ends with it, ignoring case: `Schannel` is also
/// `Microsoft-Windows-Schannel`.
pub fn ends_with(name: &str, end: &str) -> bool {
    let start = name.len().checked_sub(end.len());
    start.is_some_and(|start| name.get(start..).is_some_and(|tail| tail.eq_ignore_ascii_case(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_known_by_provider_and_id() {
        assert_eq!(find("Microsoft-Windows-Schannel", 36870).unwrap().provider, SCHANNEL);
        assert!(find("schannel", 36870).is_some());
        assert!(find("Another", 36870).is_none());
        assert!(find(SCHANNEL, 1).is_none());
        // the same number means something else for another provider
        assert_eq!(find(CORE, 226).unwrap().part, Part::Host);
        assert_eq!(find(CLIENT, 226).unwrap().part, Part::Client);
    }

    #[test]
    fn of_every_provider_the_channels_are_known() {
        for known in all() {
            let (_, names, channels) = places().find(|(provider, ..)| *provider == known.provider).unwrap();
            let found = |name: &&str| find(name, known.id).is_some_and(|found| std::ptr::eq(found.code, known.code));
            assert!(!channels.is_empty() && names.iter().all(found), "{known:?}");
        }
    }

    /// A kind that is declared and cannot be searched for would be missing without a word.
    #[test]
    fn every_declared_kind_is_searched_for_once() {
        let declared = codes::families().iter().filter(|family| family.events).flat_map(|family| &family.codes);
        let mut seen = std::collections::BTreeSet::new();
        for code in declared.filter(|code| code.entry.level.is_some()) {
            let known = Known::of(code).unwrap_or_else(|| panic!("{:?} {}", code.provider, code.number));
            assert!(seen.insert((known.provider, known.id)), "{known:?} is declared twice");
            let logs = places().find(|(provider, ..)| *provider == known.provider).unwrap().2;
            assert!(code.log.as_deref().is_some_and(|log| logs.contains(&log)), "{known:?}: {:?}", code.log);
        }
        assert_eq!(seen.len(), all().count());
        assert_eq!(find(SCHANNEL, 36874).unwrap().meaning(), "client and host have no cipher suite in common");
    }

    #[test]
    fn logons_of_services_do_not_matter() {
        let logon = |kind: &str| BTreeMap::from([("LogonType".to_owned(), kind.to_owned())]);
        assert!(matters(SECURITY, 4624, &logon("10")) && !matters(SECURITY, 4624, &logon("5")));
        assert!(matters(SECURITY, 4625, &logon("3")) && matters(LSM, 4624, &logon("5")));
        assert!(!matters(SECURITY, 4624, &BTreeMap::new()));
        let checked = |status: &str| BTreeMap::from([("Status".to_owned(), status.to_owned())]);
        assert!(matters(SECURITY, 4776, &checked("0xc000006a")) && !matters(SECURITY, 4776, &checked("0x0")));
        assert!(!matters(SECURITY, 4776, &BTreeMap::new()));
    }

    /// The binary part counts in every language; a service that Remote Desktop does not need is not kept.
    #[test]
    fn a_service_is_known_by_the_binary_part() {
        let fields = |binary: &str, title: &str| {
            let pairs = [("Binary", binary), ("param1", title)];
            BTreeMap::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
        };
        let stopped = "5400650072006D0053006500720076006900630065002F0031000000";
        assert_eq!(service(&fields(stopped, "Remotedesktopdienste")), Some(("TermService", Some(1))));
        assert_eq!(service(&fields("", "Cryptographic Services")), Some(("CryptSvc", None)));
        let english = BTreeMap::from([("param1", "TermService"), ("param2", "stopped")]);
        let english = english.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        assert_eq!(service(&english), Some(("TermService", Some(1))));
        let update = "77007500610075007300650072007600";
        assert_eq!(service(&fields(update, "Windows Update")), None);
        assert!(!matters(SERVICES, 7036, &fields(update, "Windows Update")));
        assert!(matters(SERVICES, 7036, &fields(stopped, "")) && matters(SERVICES, 7034, &fields(update, "")));
        assert_eq!(service(&fields("54zz", "")), None);
    }

    /// Levels as the manifest of Remote Connection Manager (Windows 10, build 17134) and entries of healthy hosts have
    /// them.
    #[test]
    fn what_windows_calls_information_is_no_failure() {
        let informational: &[(&str, &[u32])] = &[
            (RCM, &[258, 259, 261, 262, 1149, 1158]),
            (LSM, &[21, 22, 23, 24, 25, 32, 34, 39, 40]),
            (CORE, &[65, 66, 98, 102, 103, 131, 135, 141, 148, 153]),
            (SECURITY, &[4624, 4778, 4779]),
            (SERVICES, &[7036]),
            (EVENT_LOG, &[6005, 6006]),
            (USER32, &[1074]),
        ];
        for (provider, ids) in informational {
            for id in *ids {
                assert!(find(provider, *id).is_some_and(|known| known.normal), "{provider} {id} is told as a failure");
            }
        }
    }

    /// A declaration that nothing reads is a mistake in its place.
    #[test]
    fn only_kinds_that_are_kept_say_more() {
        let codes = codes::families().iter().flat_map(|family| &family.codes);
        for code in codes.filter(|code| code.entry.level.is_none()) {
            assert!(code.entry.attempt.is_none(), "{:?} {}", code.provider, code.number);
        }
        let begun = all().filter(|known| known.attempt().is_some_and(|step| step.begins));
        assert!(begun.filter_map(Known::attempt).all(|step| step.reached.is_some()));
    }
}
