//! The entries of Windows event logs that mean something for Remote Desktop: by provider and id, never by text, which
//! depends on version and language. What is not in the table is counted and not kept.

use crate::state::Part;

/// The client's own log.
pub const CLIENT_CHANNEL: &str = "Microsoft-Windows-TerminalServices-RDPClient/Operational";

/// The log for everything that has none of its own.
pub const SYSTEM: &str = "System";
/// What Remote Connection Manager tells administrators.
pub const RCM_ADMIN: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Admin";

/// RdpCoreTS, the protocol on the host.
pub const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
/// Remote Connection Manager: listener, certificate, licences.
pub const RCM: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
/// Local Session Manager: logons and sessions.
pub const LSM: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager";
/// Schannel, the TLS of Windows; newer versions put `Microsoft-Windows-` before it.
pub const SCHANNEL: &str = "Schannel";
/// The local security authority, of CredSSP on a client.
pub const LSA: &str = "LsaSrv";
/// The service control manager.
pub const SERVICES: &str = "Service Control Manager";
/// The audit log.
pub const SECURITY: &str = "Microsoft-Windows-Security-Auditing";
/// The client.
pub const CLIENT: &str = "Microsoft-Windows-TerminalServices-ClientActiveXCore";
/// The driver of the older protocol stack.
pub const DRIVER: &str = "TermDD";

/// One kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The provider, or the end of its name.
    pub provider: &'static str,
    /// The id.
    pub id: u32,
    /// Of which part of the machine it speaks.
    pub part: Part,
    /// What it says.
    pub meaning: &'static str,
    /// It belongs to connections that work, or end as they should.
    pub normal: bool,
}

/// The provider's rows: id, what it says, and whether that is normal.
type Rows = &'static [(u32, &'static str, bool)];

const TABLE: &[(&str, Part, Rows)] = &[
    (
        CORE,
        Part::Host,
        &[
            (65, "a connection was created", true),
            (66, "a connection was given to a session", true),
            (97, "an error in the stream of the protocol", false),
            (98, "a TCP connection was set up", true),
            (99, "a TCP connection could not be set up", false),
            (102, "the server ended the main connection", true),
            (103, "the reason for the end of the connection", true),
            (131, "a connection arrived", true),
            (135, "a tunnel over UDP was set up", true),
            (139, "the security layer met an error and ended the connection", false),
            (140, "wrong user name or password (NLA)", false),
            (141, "a performance counter was started", true),
            (142, "the other end had closed the connection", true),
            (143, "the other end had closed the connection", true),
            (148, "a channel was closed", true),
            (226, "a state ended early, as at every connection that breaks off", true),
            (227, "a step failed, as at every connection that breaks off", true),
        ],
    ),
    (
        RCM,
        Part::Host,
        &[
            (258, "the listener listens", true),
            (259, "the listener stopped", false),
            (260, "the listener could not begin to listen", false),
            (261, "the listener received a connection", true),
            (262, "the listener stopped", false),
            (1006, "many connections that were not completed: an attack is possible", false),
            (1012, "too many failed logons in one connection", false),
            (1036, "a session could not be made", false),
            (1050, "the listener's security settings contradict each other", false),
            (1051, "the certificate that was chosen cannot be used", false),
            (1052, "the certificate expires soon", false),
            (1053, "the name in the certificate is another", false),
            (1054, "the certificate is not meant for servers", false),
            (1055, "the private key of the chosen certificate cannot be used; the default one is", false),
            (1056, "a new self-signed certificate was made, as Windows does by itself", true),
            (1057, "a self-signed certificate could not be made", false),
            (1058, "the expired self-signed certificate could not be replaced", false),
            (1059, "the usages of the certificate do not fit", false),
            (1063, "a certificate from a template was installed", true),
            (1064, "a certificate from the template could not be had", false),
            (1065, "the certificate from the template could not be had or renewed", false),
            (1066, "the name TERMSRV could not be registered for Kerberos", false),
            (1067, "the name TERMSRV could not be registered for Kerberos", false),
            (1068, "the licensing mode is not set", false),
            (1069, "the grace period of licensing is over, and no licence server was set", false),
            (1149, "the network authentication succeeded", true),
            (1158, "a connection was accepted", true),
        ],
    ),
    (
        LSM,
        Part::Host,
        &[
            (21, "the logon succeeded", true),
            (22, "the shell was started", true),
            (23, "the session was logged off", true),
            (24, "the session was disconnected", true),
            (25, "the session was reconnected", true),
            (32, "the session failed", false),
            (33, "the session failed", false),
            (34, "the session failed", false),
            (35, "the session failed", false),
            (36, "the session failed", false),
            (39, "the session was disconnected by another one", true),
            (40, "the session was disconnected", true),
        ],
    ),
    (
        SCHANNEL,
        Part::Host,
        &[
            (36870, "the private key of the server's certificate could not be used", false),
            (36871, "a TLS credential could not be made", false),
            (36872, "the server has no certificate that fits", false),
            (36874, "the client and the server have no cipher suite in common", false),
            (36886, "the server has no default certificate that fits", false),
            (36887, "the other end sent a fatal TLS alert", false),
            (36888, "a fatal TLS alert was sent", false),
        ],
    ),
    (SECURITY, Part::Host, &[(4625, "a logon failed", false)]),
    (
        SERVICES,
        Part::Host,
        &[(7031, "a service ended unexpectedly", false), (7034, "a service ended unexpectedly", false)],
    ),
    (
        DRIVER,
        Part::Host,
        &[
            (50, "a component of the protocol met an error in its stream", false),
            (56, "the security layer met an error and disconnected the client", false),
        ],
    ),
    (
        LSA,
        Part::Client,
        &[(6041, "as a client, this machine met a host without the CredSSP update, which its policy refuses", false)],
    ),
    (
        CLIENT,
        Part::Client,
        &[
            (226, "a state ended early, as at every connection that breaks off", true),
            (1007, "the name of the host could not be resolved", false),
            (1009, "the credentials were not taken", false),
            (1015, "the connection could not be restored", false),
            (1017, "no licence could be had", false),
            (1024, "the client tries to connect", true),
            (1025, "the client is connected", true),
            (1026, "the client was disconnected", true),
            (1027, "the host has logged the user on", true),
            (1028, "the host speaks TLS", true),
            (1102, "a tunnel over UDP was begun", true),
            (1103, "a tunnel over UDP was set up", true),
            (1105, "a tunnel over UDP was closed, as at every end", true),
        ],
    ),
];

/// Where a provider writes: its name as it stands here, its whole names, and its channels.
///
/// Source: the names of providers and channels are those of Windows itself (`wevtutil el`, `wevtutil ep`) as documents give
/// them; a channel that a machine does not have is no error.
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

/// Every kind of entry.
pub fn all() -> impl Iterator<Item = Known> {
    TABLE.iter().flat_map(|(provider, part, rows)| {
        rows.iter().map(|(id, meaning, normal)| Known { provider, id: *id, part: *part, meaning, normal: *normal })
    })
}

/// The kind of an entry of this provider with this id.
pub fn find(provider: &str, id: u32) -> Option<Known> {
    let rows = TABLE.iter().filter(|(known, ..)| ends_with(provider, known));
    let mut found = rows.flat_map(|(provider, part, rows)| {
        let row = rows.iter().filter(|(known, ..)| *known == id);
        row.map(|(id, meaning, normal)| Known { provider, id: *id, part: *part, meaning, normal: *normal })
    });
    found.next()
}

/// True if a provider's name is this one or ends like it, whatever the case: `Schannel` is also `Microsoft-Windows-Schannel`.
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
        // the same number means another thing of another provider
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
        for (provider, _, rows) in TABLE {
            for (number, (id, ..)) in rows.iter().enumerate() {
                assert!(rows[number + 1..].iter().all(|(other, ..)| other != id), "{provider} {id}");
            }
        }
    }
}
