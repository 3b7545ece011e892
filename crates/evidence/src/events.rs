//! The entries of Windows event logs that mean something for Remote Desktop: by provider and id, never by text, which
//! depends on version and language. What is not in the table is counted and not kept. What an entry says stands in the
//! lists of codes, `data/codes/event-*.toml`; here is which of them a log is searched for, and which are the normal
//! ones.

use crate::codes;
use crate::state::{LogEvent, Part};

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

/// Kind of entry that means something for Remote Desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Provider, or the end of its name.
    pub provider: &'static str,
    /// Event id.
    pub id: u32,
    /// Part of the machine that it is about.
    pub part: Part,
    /// True if it belongs to connections that work, or end normally.
    pub normal: bool,
    /// List of codes in which it stands.
    list: &'static str,
}

impl Known {
    /// Returns its meaning, in the words of its list in `data/codes`.
    pub fn meaning(self) -> &'static str {
        codes::find(self.list, self.id).map_or("", |entry| &entry.code.meaning)
    }
}

/// Entries of one provider, by their ids.
struct Kinds {
    provider: &'static str,
    part: Part,
    /// List of codes that has them, with their meanings.
    list: &'static str,
    /// Ids that belong to connections that work, or end normally.
    normal: &'static [u32],
    /// All other ids.
    trouble: &'static [u32],
}

const TABLE: &[Kinds] = &[
    Kinds {
        provider: CORE,
        part: Part::Host,
        list: "event-rdpcorets",
        normal: &[65, 66, 98, 102, 103, 131, 135, 141, 142, 143, 148, 226, 227],
        trouble: &[97, 99, 139, 140],
    },
    Kinds {
        provider: RCM,
        part: Part::Host,
        list: "event-rcm",
        normal: &[258, 261, 1056, 1063, 1149, 1158],
        trouble: &[
            259, 260, 262, 1006, 1012, 1036, 1050, 1051, 1052, 1053, 1054, 1055, 1057, 1058, 1059, 1062, 1064, 1065,
            1066, 1067, 1068, 1069, 1128,
        ],
    },
    Kinds {
        provider: LSM,
        part: Part::Host,
        list: "event-lsm",
        normal: &[21, 22, 23, 24, 25, 39, 40],
        trouble: &[32, 33, 34, 35, 36],
    },
    Kinds {
        provider: SCHANNEL,
        part: Part::Host,
        list: "event-schannel",
        normal: &[],
        trouble: &[36870, 36871, 36872, 36874, 36886, 36887, 36888],
    },
    Kinds { provider: SECURITY, part: Part::Host, list: "event-security", normal: &[], trouble: &[4625] },
    Kinds { provider: SERVICES, part: Part::Host, list: "event-system", normal: &[], trouble: &[7031, 7034] },
    Kinds { provider: DRIVER, part: Part::Host, list: "event-termdd", normal: &[], trouble: &[50, 56] },
    Kinds { provider: LSA, part: Part::Client, list: "event-system", normal: &[], trouble: &[6041] },
    Kinds {
        provider: CLIENT,
        part: Part::Client,
        list: "event-client",
        normal: &[226, 1024, 1025, 1026, 1027, 1028, 1102, 1103, 1105],
        trouble: &[1007, 1009, 1015, 1017],
    },
];

/// Where a provider writes: its name as used here, its full names, and its channels.
///
/// Source: providers and channels are named as Windows lists them (`wevtutil el`, `wevtutil ep`) and documents give
/// them; a channel that a machine lacks is no error.
pub const CHANNELS: &[(&str, &[&str], &[&str])] = &[
    (CORE, &[CORE], &["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"]),
    (RCM, &[RCM], &[SYSTEM, RCM_ADMIN, "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational"]),
    (LSM, &[LSM], &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"]),
    (SCHANNEL, &[SCHANNEL, "Microsoft-Windows-Schannel"], &[SYSTEM]),
    (SECURITY, &[SECURITY], &["Security"]),
    (SERVICES, &[SERVICES], &[SYSTEM]),
    (DRIVER, &[DRIVER], &[SYSTEM]),
    (LSA, &[LSA, "Microsoft-Windows-LsaSrv"], &[SYSTEM]),
    (CLIENT, &[CLIENT], &[CLIENT_CHANNEL]),
];

/// Iterates over every kind of entry.
pub fn all() -> impl Iterator<Item = Known> {
    TABLE.iter().flat_map(|kinds| {
        let Kinds { provider, part, list, normal, trouble } = *kinds;
        let known = move |normal| move |id: &u32| Known { provider, id: *id, part, normal, list };
        normal.iter().map(known(true)).chain(trouble.iter().map(known(false)))
    })
}

/// Finds the kind of entry of this provider and id.
pub fn find(provider: &str, id: u32) -> Option<Known> {
    let kinds = TABLE.iter().filter(|kinds| ends_with(provider, kinds.provider));
    let mut found = kinds.filter_map(|Kinds { provider, part, list, normal, trouble }| {
        let normal = normal.contains(&id);
        (normal || trouble.contains(&id)).then_some(Known { provider, id, part: *part, normal, list })
    });
    found.next()
}

/// Returns the meaning of an entry; for Schannel, on the side of a connection that it is about.
pub fn meaning(event: &LogEvent, known: Known) -> &'static str {
    if known.id == KEY_UNUSABLE && as_client(event, known) {
        return "the private key of a client credential could not be used";
    }
    known.meaning()
}

/// True if Schannel's entry is about this machine as client of some server, not about a connection to this host.
pub fn as_client(event: &LogEvent, known: Known) -> bool {
    known.provider == SCHANNEL && event.data.values().any(|value| value.eq_ignore_ascii_case("client"))
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
            let (_, names, channels) = CHANNELS.iter().find(|(provider, ..)| *provider == known.provider).unwrap();
            assert!(!channels.is_empty() && names.iter().all(|name| find(name, known.id) == Some(known)), "{known:?}");
        }
    }

    #[test]
    fn no_kind_stands_there_twice() {
        for kinds in TABLE {
            let ids: Vec<u32> = [kinds.normal, kinds.trouble].concat();
            for (number, id) in ids.iter().enumerate() {
                assert!(!ids[number + 1..].contains(id), "{} {id}", kinds.provider);
            }
        }
    }

    /// The meaning of an entry is written once: in its list, for the same provider and part.
    #[test]
    fn every_kind_stands_in_its_list() {
        for kinds in TABLE {
            for id in kinds.normal.iter().chain(kinds.trouble) {
                let entry = codes::find(kinds.list, *id).unwrap_or_else(|| panic!("{} {id}", kinds.list));
                let provider = entry.code.provider.as_deref().unwrap_or_default();
                assert!(ends_with(provider, kinds.provider), "{provider} is not {} ({id})", kinds.provider);
                assert_eq!(find(kinds.provider, *id).unwrap().meaning(), entry.code.meaning);
                let side = if kinds.part == Part::Host { codes::Side::Host } else { codes::Side::Client };
                assert_eq!(entry.code.side, Some(side), "{} {id}", kinds.list);
            }
        }
        assert_eq!(find(SCHANNEL, 36874).unwrap().meaning(), "client and host have no cipher suite in common");
    }
}
