//! Sections of a recorded state. Everything about one stands in its file: what is recorded, which fact it becomes, how
//! it is bounded, redacted and counted. A new section is its file here and its line in `sections`: the fields of a
//! [`State`](crate::state::State), the variants of a [`Fact`](crate::Fact), and all that is done to every section
//! follow from the list.

pub mod accesses;
pub mod adapters;
pub(crate) mod bounded;
pub(crate) mod budget;
pub mod certificates;
pub mod counts;
pub mod credentials;
pub mod events;
pub mod files;
pub mod filters;
pub mod gnome;
pub mod key_files;
pub mod linux_firewalls;
pub mod logs;
pub mod newest;
pub mod ports;
pub mod rdp_files;
pub mod registry;
pub mod services;
pub(crate) mod tally;
pub mod thing;
pub mod unread;
pub mod volumes;
pub mod xrdp;

/// Lists the sections, in the order of a state's fields, and hands the list to the macro `$take`: the documentation of
/// the field, its name, the variant of the fact, and the type of the things in it.
macro_rules! sections {
    ($take:ident) => {
        $take! {
            /// Registry keys that were looked up.
            registry: RegistryKey(crate::section::registry::RegistryKey),
            /// Services that were looked up.
            services: Service(crate::section::services::Service),
            /// Certificates in the machine's stores.
            certificates: StoredCertificate(crate::section::certificates::StoredCertificate),
            /// Private key files.
            key_files: KeyFile(crate::section::key_files::KeyFile),
            /// Periods that event logs cover.
            logs: LogSpan(crate::section::logs::LogSpan),
            /// Entries of event logs that mean something for Remote Desktop.
            events: LogEvent(crate::section::events::LogEvent),
            /// Counts of entries of which more were read than are kept.
            counts: EntryCount(crate::section::counts::EntryCount),
            /// Files whose version matters.
            files: FileVersion(crate::section::files::FileVersion),
            /// Volumes.
            volumes: Volume(crate::section::volumes::Volume),
            /// TCP ports on which programs of the machine listen.
            ports: ListeningPort(crate::section::ports::ListeningPort),
            /// Network adapters.
            adapters: NetworkAdapter(crate::section::adapters::NetworkAdapter),
            /// Drivers that see every packet, on a machine with Windows: also those of Windows itself.
            filters: NetworkFilter(crate::section::filters::NetworkFilter),
            /// Credentials that a person has saved for hosts: their names alone.
            credentials: SavedCredential(crate::section::credentials::SavedCredential),
            /// `.rdp` files.
            rdp_files: RdpFile(crate::section::rdp_files::RdpFileRecord),
            /// Recordings of accesses to files and registry keys.
            traces: AccessTrace(crate::section::accesses::AccessTrace),
            /// Accesses refused in them, at places that matter for Remote Desktop.
            refused: RefusedAccess(crate::section::accesses::RefusedAccess),
            /// xrdp, on a machine with Linux.
            xrdp: Xrdp(crate::section::xrdp::Xrdp),
            /// GNOME Remote Desktop, on a machine with Linux.
            gnome: GnomeRemoteDesktop(crate::section::gnome::GnomeRemoteDesktop),
            /// Firewalls of a machine with Linux.
            linux_firewalls: LinuxFirewall(crate::section::linux_firewalls::LinuxFirewall),
            /// Evidence that could not be read, and why.
            unread: Unread(crate::section::unread::Unread),
        }
    };
}
pub(crate) use sections;
