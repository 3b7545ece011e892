//! The stages `host` and `client`: the settings and records of a machine. A probe cannot ask for them, so no question
//! here is ever put.

use evidence::events::ends_with;
use evidence::moment::moment;
use evidence::printable::{counted, printable};
use evidence::rdp_file::{RdpFileRecord, RdpSettings};
use evidence::section::thing::Count;
use evidence::state::{
    EntryCount, FileVersion, ListeningPort, LogEvent, LogSpan, NetworkFilter, RegistryData, RegistryKey,
    SavedCredential, Service, Volume,
};
use evidence::telling::counts;
use evidence::{Fact, Stage};
use time::{Duration, OffsetDateTime};

use super::room::{Room, Whose};
use crate::case::{Case, NEAR, Seen};
use crate::need::{Kind, Need, Of};
use crate::stage::rung::{Outcome, Rung};

/// Place on the ladder of a host's records.
pub const HOST: Room = Room { stage: Stage::Host, of: Whose::Machine, rung };
/// Place on the ladder of a client's records.
pub const CLIENT: Room = Room { stage: Stage::Client, of: Whose::Client, rung };

static CLIENTS: Kind = Kind {
    name: "captured-clients",
    words: |_| "how the clients of a captured host fared, counted".to_owned(),
    answered: |case, _| case.seen(|fact| matches!(fact, Fact::CapturedClients(_)).then_some(())).next().is_some(),
    asking: None,
};

static KEY: Kind = Kind {
    name: "registry-key",
    words: |of| format!("the registry key {}", of.place()),
    answered: |case, of| case.key(of.place()).is_some(),
    asking: None,
};

static SERVICE: Kind = Kind {
    name: "service",
    words: |of| format!("the service {}", of.place()),
    answered: |case, of| case.service(of.place()).is_some(),
    asking: None,
};

static KEY_FOLDER: Kind = Kind {
    name: "key-folder",
    words: |_| "the machine's folder of private keys".to_owned(),
    answered: |case, _| case.key_folder().is_some(),
    asking: None,
};

static HOST_LOG: Kind = Kind {
    name: "host-log",
    words: |_| "the host's own event logs of the time of the attempt".to_owned(),
    answered: |case, _| case.logs_near(case.context.at).next().is_some(),
    asking: None,
};

static ACCESS_TRACE: Kind = Kind {
    name: "access-trace",
    words: |_| "a recording of what was refused to the host's services".to_owned(),
    answered: |case, _| case.access_traces().next().is_some(),
    asking: None,
};

static RDP_FILE: Kind = Kind {
    name: "rdp-file",
    words: |_| "an .rdp file of the client".to_owned(),
    answered: |case, _| case.rdp_files().next().is_some(),
    asking: None,
};

static LINUX: Kind = Kind {
    name: "linux-server",
    words: |_| "the settings of xrdp or GNOME Remote Desktop, on the host itself".to_owned(),
    answered: |case, _| case.is_linux(),
    asking: None,
};

static PORTS: Kind = Kind {
    name: "listening-ports",
    words: |_| "the ports on which programs of the machine listen".to_owned(),
    answered: |case, _| case.ports().next().is_some(),
    asking: None,
};

static VOLUMES: Kind = Kind {
    name: "volumes",
    words: |_| "the space on the machine's disks".to_owned(),
    answered: |case, _| case.volumes().next().is_some(),
    asking: None,
};

static FILES: Kind = Kind {
    name: "files",
    words: |_| "the versions of the files of Remote Desktop".to_owned(),
    answered: |case, _| case.file_versions().next().is_some(),
    asking: None,
};

static CREDENTIALS: Kind = Kind {
    name: "saved-credentials",
    words: |_| "the names of the credentials that are saved on the client".to_owned(),
    answered: |case, _| case.saved_credentials().next().is_some(),
    asking: None,
};

static FILTERS: Kind = Kind {
    name: "network-filters",
    words: |_| "the drivers between the network adapters and the programs of the machine".to_owned(),
    answered: |case, _| case.network_filters().next().is_some(),
    asking: None,
};

static TRUST_STORE: Kind = Kind {
    name: "trust-store",
    words: |_| "whom the client trusts".to_owned(),
    answered: |case, _| case.trusted_by_client().next().is_some(),
    asking: None,
};

impl Need {
    /// Counts of the clients of a captured host, with each that never came through.
    pub const CAPTURED_CLIENTS: Self = Self::new(&CLIENTS, Of::Nothing);

    /// Folder of private keys: its files, and who may write there.
    pub const KEY_FOLDER: Self = Self::new(&KEY_FOLDER, Of::Nothing);
    /// Logs of the machine of the time of the attempt.
    pub const HOST_LOG: Self = Self::new(&HOST_LOG, Of::Nothing);
    /// Recording of accesses that were refused to its services.
    pub const ACCESS_TRACE: Self = Self::new(&ACCESS_TRACE, Of::Nothing);
    /// An `.rdp` file of the client.
    pub const RDP_FILE: Self = Self::new(&RDP_FILE, Of::Nothing);
    /// Settings of a server of Linux, xrdp or GNOME Remote Desktop, with its certificate and key.
    pub const LINUX: Self = Self::new(&LINUX, Of::Nothing);
    /// Ports on which programs of the machine listen.
    pub const PORTS: Self = Self::new(&PORTS, Of::Nothing);
    /// Space on the machine's disks.
    pub const VOLUMES: Self = Self::new(&VOLUMES, Of::Nothing);
    /// Versions of the files of Remote Desktop.
    pub const FILES: Self = Self::new(&FILES, Of::Nothing);
    /// Names of the credentials that are saved on the client.
    pub const CREDENTIALS: Self = Self::new(&CREDENTIALS, Of::Nothing);
    /// Drivers between the adapters and the programs of the machine.
    pub const FILTERS: Self = Self::new(&FILTERS, Of::Nothing);
    /// Stores of authorities that the client trusts.
    pub const TRUST_STORE: Self = Self::new(&TRUST_STORE, Of::Nothing);

    /// Asks for a registry key of the machine.
    pub const fn key(path: &'static str) -> Self {
        Self::new(&KEY, Of::Place(path))
    }

    /// Asks for a service of the machine.
    pub const fn service(name: &'static str) -> Self {
        Self::new(&SERVICE, Of::Place(name))
    }

    /// Returns the registry key that is asked for.
    pub fn as_key(self) -> Option<&'static str> {
        self.of_kind(&KEY).then(|| self.of.place())
    }

    /// True for what a machine with Windows alone has.
    pub fn is_of_windows(self) -> bool {
        let other = [Self::KEY_FOLDER, Self::FILES, Self::ACCESS_TRACE, Self::FILTERS].contains(&self);
        other || self.as_key().is_some() || self.as_service().is_some()
    }

    /// Returns the service that is asked for.
    pub fn as_service(self) -> Option<&'static str> {
        self.of_kind(&SERVICE).then(|| self.of.place())
    }
}

impl<'a> Case<'a> {
    /// Asks for a registry key of the machine.
    pub fn key(self, path: &str) -> Option<Seen<&'a RegistryKey>> {
        let machine = self.machine()?;
        let path = path.to_owned();
        machine.last(move |fact| match fact {
            Fact::RegistryKey(key) if key.path.eq_ignore_ascii_case(&path) => Some(key),
            _ => None,
        })
    }

    /// Returns a registry value of the machine: `None` if its key was not looked up, `Some(None)` if the value is
    /// missing. Names of keys and values ignore case.
    pub fn value(self, path: &str, name: &str) -> Option<Seen<Option<&'a RegistryData>>> {
        let key = self.key(path)?;
        let found = key.value.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        Some(Seen { value: found.map(|(_, data)| data), id: key.id })
    }

    /// Returns a registry value as a number, see [`Case::value`].
    pub fn number(self, path: &str, name: &str) -> Option<Seen<Option<u32>>> {
        let value = self.value(path, name)?;
        let number =
            value.value.and_then(|data| if let RegistryData::Dword(number) = data { Some(*number) } else { None });
        Some(Seen { value: number, id: value.id })
    }

    /// Asks for a service of the machine.
    pub fn service(self, name: &str) -> Option<Seen<&'a Service>> {
        let machine = self.machine()?;
        let name = name.to_owned();
        machine.last(move |fact| match fact {
            Fact::Service(service) if service.name.eq_ignore_ascii_case(&name) => Some(service),
            _ => None,
        })
    }

    /// Iterates over the things of the machine that `pick` takes.
    pub(crate) fn of_machine<T: 'a>(self, pick: fn(&'a Fact) -> Option<T>) -> impl Iterator<Item = Seen<T>> + 'a {
        self.machine().into_iter().flat_map(move |machine| machine.seen(pick))
    }

    /// Iterates over the ports on which programs of the machine listen.
    pub fn ports(self) -> impl Iterator<Item = Seen<&'a ListeningPort>> + 'a {
        self.of_machine(|fact| if let Fact::ListeningPort(port) = fact { Some(port) } else { None })
    }

    /// Iterates over the machine's volumes.
    pub fn volumes(self) -> impl Iterator<Item = Seen<&'a Volume>> + 'a {
        self.of_machine(|fact| if let Fact::Volume(volume) = fact { Some(volume) } else { None })
    }

    /// Iterates over the machine's files whose version matters.
    pub fn file_versions(self) -> impl Iterator<Item = Seen<&'a FileVersion>> + 'a {
        self.of_machine(|fact| if let Fact::FileVersion(file) = fact { Some(file) } else { None })
    }

    /// Iterates over the drivers between the adapters and the programs of the machine.
    pub fn network_filters(self) -> impl Iterator<Item = Seen<&'a NetworkFilter>> + 'a {
        self.of_machine(|fact| if let Fact::NetworkFilter(filter) = fact { Some(filter) } else { None })
    }

    /// Iterates over the credentials that are saved on the machine.
    pub fn saved_credentials(self) -> impl Iterator<Item = Seen<&'a SavedCredential>> + 'a {
        self.of_machine(|fact| if let Fact::SavedCredential(saved) = fact { Some(saved) } else { None })
    }

    /// Iterates over the machine's `.rdp` files.
    pub fn rdp_files(self) -> impl Iterator<Item = Seen<&'a RdpFileRecord>> + 'a {
        self.of_machine(|fact| if let Fact::RdpFile(file) = fact { Some(file) } else { None })
    }

    /// Iterates over entries of the machine's logs from this provider with one of these ids, old to new. Providers are
    /// compared by the end of their name, ignoring case: `Schannel` is also `Microsoft-Windows-Schannel`.
    pub fn events(self, provider: &'a str, ids: &'a [u32]) -> impl Iterator<Item = Seen<&'a LogEvent>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::LogEvent(event) if ids.contains(&event.id) && ends_with(&event.provider, provider) => Some(event),
                _ => None,
            })
        })
    }

    /// Iterates over counts of entries of this provider with one of these ids, of which more were read than are kept.
    pub fn counts(self, provider: &'a str, ids: &'a [u32]) -> impl Iterator<Item = Seen<&'a EntryCount>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::EntryCount(count) if ids.contains(&count.id) && ends_with(&count.provider, provider) => {
                    Some(count)
                }
                _ => None,
            })
        })
    }

    /// Iterates over the machine's logs that cover this moment.
    pub fn logs_of(self, at: OffsetDateTime) -> impl Iterator<Item = Seen<&'a LogSpan>> + 'a {
        self.logs_within(at, Duration::ZERO)
    }

    /// Iterates over the machine's logs that cover a time near this moment: a log ends with its newest entry, which may
    /// be the very one about the attempt.
    pub fn logs_near(self, at: OffsetDateTime) -> impl Iterator<Item = Seen<&'a LogSpan>> + 'a {
        self.logs_within(at, NEAR)
    }

    fn logs_within(self, at: OffsetDateTime, margin: Duration) -> impl Iterator<Item = Seen<&'a LogSpan>> + 'a {
        let covers = move |log: &LogSpan| match (moment(&log.from), moment(&log.until)) {
            (Some(from), Some(until)) => (from.saturating_sub(margin)..=until.saturating_add(margin)).contains(&at),
            _ => false,
        };
        let machine = self.machine().into_iter();
        machine.flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::LogSpan(log) if covers(log) => Some(log),
                _ => None,
            })
        })
    }

    /// Iterates over those [`Case::events`] that were written at most `window` before the attempt, or [`NEAR`] after
    /// it.
    pub fn recent(
        self,
        provider: &'a str,
        ids: &'a [u32],
        window: Duration,
    ) -> impl Iterator<Item = Seen<&'a LogEvent>> + 'a {
        let at = self.context.at;
        self.events(provider, ids).filter(move |seen| (-NEAR..=window).contains(&(at - self.time_of(seen.id))))
    }
}

/// Builds a rung; `None` where nothing was recorded of a machine. `unseen` is the text for a stage of which nothing was
/// seen.
fn rung(case: Case<'_>) -> Option<Rung> {
    let mut parts: Vec<(Count, u64)> = Vec::new();
    for (count, of) in counts() {
        let read = case.seen(of).map(|seen| seen.value).fold(0, u64::saturating_add);
        match parts.iter_mut().find(|(known, _)| *known == count) {
            // entries of a log count even where its period was not recorded
            Some((_, most)) => *most = read.max(*most),
            None => parts.push((count, read)),
        }
    }
    parts.sort_by_key(|(count, _)| matches!(count, Count::Records(_)));
    let said = parts.into_iter().filter(|(_, read)| *read > 0).map(|(count, read)| {
        let (Count::Things([one, several]) | Count::Records([one, several])) = count;
        counted(usize::try_from(read).unwrap_or(usize::MAX), one, several)
    });
    let said: Vec<_> = said.collect();
    let file = only_rdp_file(case).map_or(String::new(), |words| format!("; {words}"));
    (!said.is_empty()).then(|| (Outcome::Passed, None, format!("read: {}{file}", said.join(", "))))
}

/// Says where the only `.rdp` file leads, and what it sets that matters to a connection.
fn only_rdp_file(case: Case<'_>) -> Option<String> {
    let files = || case.seen(|fact| if let Fact::RdpFile(file) = fact { Some(file) } else { None });
    let file = files().next().filter(|_| files().count() == 1)?.value;
    let settings = RdpSettings(file);
    let target = match settings.target() {
        Some(Ok(target)) => format!("to {target}"),
        Some(Err(_)) => "to an address that is not valid".to_owned(),
        None => "to no address".to_owned(),
    };
    let gateway = settings.gateway().map(|gateway| {
        let name = gateway.host.map_or("a gateway".to_owned(), |host| format!("the gateway {host}"));
        format!("through {name}")
    });
    let credssp = settings.without_credssp().then(|| "CredSSP switched off".to_owned());
    let trust = settings.requires_trust().then(|| "refuses a host that it does not trust".to_owned());
    let said: Vec<String> = [Some(target), gateway, credssp, trust].into_iter().flatten().collect();
    Some(format!("{} leads {}", printable(&file.name), said.join(", ")))
}
