//! Kinds of evidence files.

use std::fmt;

/// Kind of an evidence file; its words are part of the published manifest of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A zip of other evidence.
    Bundle,
    /// A state in our own form.
    RecordedState,
    /// A hive of a machine's or a user's registry.
    RegistryHive,
    /// An export of the registry.
    RegistryExport,
    /// An event log of Windows.
    EventLog,
    /// Entries of event logs as text, CSV, XML or JSON.
    ExportedEvents,
    /// The log of the Windows Firewall.
    FirewallLog,
    /// A list of firewall rules as text.
    FirewallRules,
    /// The settings of the firewall's profiles as text.
    FirewallProfiles,
    /// A report of group policies.
    PolicyReport,
    /// A log of xrdp or of its manager of sessions.
    XrdpLog,
    /// The settings of an xrdp, with what they lead to.
    XrdpSettings,
    /// The settings of the machine's own GNOME Remote Desktop, with what they lead to.
    GnomeSettings,
    /// A log of FreeRDP or guacd.
    ClientLog,
    /// An export of systemd's journal.
    Journal,
    /// The record of a probe.
    Transcript,
    /// Captured packets.
    Capture,
    /// A capture in our own form, without its packets.
    RecordedCapture,
    /// A recording of accesses.
    ProcessMonitor,
    /// A recording of accesses in Process Monitor's own format.
    ProcessMonitorLog,
    /// An `.rdp` file.
    RdpFile,
    /// The output of the script for Windows.
    ScriptOutput,
    /// Facts of a mounted disk itself, beside its files.
    WindowsDisk,
}

impl Kind {
    /// Returns its words, for people and manifests.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::RecordedState => "recorded state",
            Self::RegistryHive => "registry hive",
            Self::RegistryExport => "registry export",
            Self::EventLog => "event log",
            Self::ExportedEvents => "exported events",
            Self::FirewallLog => "firewall log",
            Self::FirewallRules => "list of firewall rules",
            Self::FirewallProfiles => "firewall profiles",
            Self::PolicyReport => "report of group policies",
            Self::XrdpLog => "log of xrdp",
            Self::XrdpSettings => "settings of xrdp",
            Self::GnomeSettings => "settings of GNOME Remote Desktop",
            Self::ClientLog => "log of a client",
            Self::Journal => "journal",
            Self::Transcript => "transcript",
            Self::Capture => "capture",
            Self::RecordedCapture => "recorded capture",
            Self::ProcessMonitor => "Process Monitor CSV",
            Self::ProcessMonitorLog => "Process Monitor log",
            Self::RdpFile => ".rdp file",
            Self::ScriptOutput => "output of the script",
            Self::WindowsDisk => "Windows disk",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
