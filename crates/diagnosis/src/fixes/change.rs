//! Steps of a fix as data: what is looked at, what a person is asked, what is changed and where.
//!
//! A change says what it does, never how: [`super::powershell`] writes it as a command, [`super::apply`] does it to a
//! recorded state. Texts may hold placeholders such as `{host}`, which [`super::Given`] fills.

/// Where the steps of a fix are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// On which machine.
    pub machine: Machine,
    /// As whom.
    pub rights: Rights,
    /// From the machine's console, or another way in than Remote Desktop: the steps may end every session.
    pub console: bool,
    /// Anything else to know about it, with the comma or semicolon before it.
    pub note: &'static str,
}

/// A machine on which something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// The host.
    Host,
    /// The client.
    Client,
    /// The machine that the finding is about, in words.
    Concerned(&'static str),
    /// The host, where it is xrdp that serves.
    Xrdp,
    /// The host, where it is GNOME Remote Desktop that serves.
    Gnome,
    /// A machine that is neither host nor client, or a device, in words.
    Other(&'static str),
    /// None: the fix is refused.
    None,
}

/// The rights that steps take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Those of an administrator, asked for and given (elevated).
    Elevated,
    /// Those of whoever uses the machine, or of a kind of their own that the place names.
    Own,
}

impl Place {
    /// On the host, as an administrator, from its console.
    pub const HOST_CONSOLE: Self = Self { machine: Machine::Host, rights: Rights::Elevated, console: true, note: "" };
    /// On the host with xrdp, as root, by another way in than Remote Desktop.
    pub const XRDP: Self = Self { machine: Machine::Xrdp, rights: Rights::Elevated, console: true, note: "" };
    /// As the person whose desktop GNOME serves, by another way in than that.
    pub const GNOME: Self = Self { machine: Machine::Gnome, rights: Rights::Own, console: true, note: "" };
    /// Nowhere: the fix is refused.
    pub const NOWHERE: Self = Self::own(Machine::None);

    /// On a machine, with no more than one's own rights.
    pub const fn own(machine: Machine) -> Self {
        Self { machine, rights: Rights::Own, console: false, note: "" }
    }

    /// On a machine, as an administrator.
    pub const fn elevated(machine: Machine) -> Self {
        Self { machine, rights: Rights::Elevated, console: false, note: "" }
    }

    /// Adds what else is to be known.
    #[must_use]
    pub const fn noted(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// Returns it in words: `on the host's console, as administrator`.
    pub fn words(self) -> String {
        let machine = match (self.machine, self.console) {
            (Machine::Host, true) => "on the host's console",
            (Machine::Host, false) => "on the host",
            (Machine::Xrdp, _) => "in a shell on the host with xrdp, not through Remote Desktop",
            (Machine::Gnome, _) => "in a shell of the person whose desktop GNOME serves, not through Remote Desktop",
            (Machine::Client, _) => "on the client",
            (Machine::Concerned(words) | Machine::Other(words), _) => words,
            (Machine::None, _) => "nowhere",
        };
        let rights = match (self.rights, self.machine) {
            (Rights::Elevated, Machine::Xrdp) => ", as root",
            (Rights::Elevated, _) => ", as administrator",
            (Rights::Own, _) => "",
        };
        format!("{machine}{rights}{}", self.note)
    }
}

/// A step of a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Shows what is there, or keeps a copy of it, before something is changed.
    Read(&'static [Look]),
    /// Something for a person, as a sentence.
    Ask(&'static str),
    /// Something that a person has to make sure of before the steps behind it are done, as a sentence.
    Stop(&'static str),
    /// Changes, done one after the other.
    Change(&'static [Change]),
    /// Changes that a person decides about, by what the steps before have shown; the sentence says when, and names
    /// them.
    Decide(&'static str, &'static [Change]),
    /// The steps of another fix, by its id, with the sentence that says so.
    Then(&'static str, &'static str),
    /// A step with a remark beside it.
    Remarked(&'static Step, &'static str),
}

/// A look at what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Gives a registry key the short name `$k`, which the steps behind it use.
    Name(&'static str),
    /// A registry value.
    Value {
        /// The key's path, from the root.
        key: &'static str,
        /// The value's name.
        name: &'static str,
        /// It is missing on most machines, which is no error.
        rare: bool,
    },
    /// Values of a registry key, side by side.
    Values(&'static str, &'static [&'static str]),
    /// A command that only reads, or writes a copy of what it has read.
    Line(&'static str),
}

/// A change of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Sets a registry value.
    SetValue(Value),
    /// Removes a registry value.
    DeleteValue {
        /// The key's path, from the root.
        key: &'static str,
        /// The value's name.
        name: &'static str,
        /// It is missing on most machines, which is no error.
        rare: bool,
    },
    /// Sets how a service is started, where it is disabled.
    Enable {
        /// The service.
        service: &'static str,
        /// `Start`: 2 automatic, 3 manual.
        start: u32,
    },
    /// Starts services that do not run.
    Start(&'static [&'static str]),
    /// Stops services and those that depend on them.
    Stop(&'static [&'static str]),
    /// Restarts a service; those that depend on it stop.
    Restart(&'static str),
    /// Takes denials of accounts off the rights of something.
    RemoveDenials(Secured, &'static [Account]),
    /// Gives accounts rights on something, beside those that there are.
    Grant(Secured, &'static [(Account, Access)]),
    /// Moves the key files of Remote Desktop's container out of the folder of keys, into this one.
    MoveKeyFiles(&'static str),
    /// Removes the certificates that Windows made for Remote Desktop from their store.
    RemoveOwnCertificates,
    /// Has the listener use the certificate `{thumbprint}` of the machine's own store.
    BindCertificate,
    /// Switches a rule of the firewall on for `{addresses}`, beside those that it has; one that lets in any address is
    /// limited to them.
    OpenFirewall(&'static str),
    /// Corrects a numeric setting of the `.rdp` file `{file}`.
    CorrectRdpSetting {
        /// The setting's name.
        name: &'static str,
        /// The value that is wrong.
        from: u32,
        /// The one that is right.
        to: u32,
    },
    /// Signs the `.rdp` file `{file}` with the certificate `{thumbprint}`.
    SignRdpFile,
    /// Empties the resolver's cache.
    ForgetNames,
    /// Runs a program of Windows.
    Run(Run),
    /// Sets a setting of xrdp in the section `Globals` of its `xrdp.ini`.
    SetXrdp {
        /// The setting's name.
        name: &'static str,
        /// The value that it is to have.
        value: &'static str,
    },
    /// Makes the account that xrdp runs as, `{user}`, a member of the group `{group}`, which may read its key.
    JoinKeyGroup,
    /// Gives the files of xrdp's certificate and key that it may not read to the own group of its account, to read.
    ShareKey,
    /// Exchanges the paths of xrdp's certificate and key.
    SwapXrdpFiles,
    /// Sets the path of xrdp's key, or of its certificate, to that of the recorded file that fits the other one.
    UseFittingFile,
    /// Makes a new key ([`NEW_KEY`]) and its certificate ([`NEW_CERTIFICATE`]), which vouches for itself.
    MakeXrdpCertificate,
    /// Sets a setting of GNOME Remote Desktop (`org.gnome.desktop.remote-desktop.rdp`).
    SetGnome {
        /// The setting's name.
        name: &'static str,
        /// The value that it is to have.
        value: &'static str,
    },
    /// Exchanges the paths of GNOME Remote Desktop's certificate and key.
    SwapGnomeFiles,
    /// Makes a new key ([`NEW_GNOME_KEY`]) and its certificate ([`NEW_GNOME_CERTIFICATE`]), which vouches for itself.
    MakeGnomeCertificate,
    /// Switches GNOME Remote Desktop off and on again, if it is on: it looks for its certificate when it is switched
    /// on.
    RestartGnome,
    /// Lets `{addresses}` in to `{port}` by the tool that is in charge of the firewall of a host with Linux.
    OpenLinuxFirewall,
    /// Restarts a service of Linux, if it runs.
    RestartUnit(&'static str),
}

/// Place of a certificate that is made for xrdp.
pub const NEW_CERTIFICATE: &str = "/etc/xrdp/rdpdoctor-cert.pem";
/// Place of its key.
pub const NEW_KEY: &str = "/etc/xrdp/rdpdoctor-key.pem";
/// Place of a certificate that is made for GNOME Remote Desktop, where it keeps its own files.
pub const NEW_GNOME_CERTIFICATE: &str = "~/.local/share/gnome-remote-desktop/rdpdoctor-cert.pem";
/// Place of its key.
pub const NEW_GNOME_KEY: &str = "~/.local/share/gnome-remote-desktop/rdpdoctor-key.pem";

/// A registry value that is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// The key's path, from the root.
    pub key: &'static str,
    /// The value's name.
    pub name: &'static str,
    /// Data that it is to hold.
    pub data: Data,
    /// Part that is missing on most machines, and is made.
    pub missing: Missing,
    /// It is set only where it holds one of these; empty: whatever it holds.
    pub from: &'static [Data],
}

/// Data of a registry value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_SZ`.
    Text(&'static str),
    /// `REG_EXPAND_SZ`.
    Expandable(&'static str),
}

/// Part of a registry value that is missing on most machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing.
    Nothing,
    /// The value.
    Value,
    /// Its key as well.
    Key,
}

/// Something with rights of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// The key file of Remote Desktop that bears this machine's number; in commands `$key`.
    RdpKey,
    /// The folder of keys, without what lies in it; in commands `$folder`.
    KeyFolder,
}

/// An account that every Windows has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// `SYSTEM`.
    System,
    /// `NETWORK SERVICE`.
    NetworkService,
    /// The group of administrators.
    Administrators,
    /// Everyone.
    Everyone,
}

impl Account {
    /// Returns its security identifier.
    pub const fn sid(self) -> &'static str {
        match self {
            Self::System => "S-1-5-18",
            Self::NetworkService => "S-1-5-20",
            Self::Administrators => "S-1-5-32-544",
            Self::Everyone => "S-1-1-0",
        }
    }

    /// Returns its two letters in the text form of a security descriptor.
    pub const fn letters(self) -> &'static str {
        match self {
            Self::System => "SY",
            Self::NetworkService => "NS",
            Self::Administrators => "BA",
            Self::Everyone => "WD",
        }
    }
}

/// Rights of an account on a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Full,
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
}

/// A program of Windows, and what it is known to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The command.
    pub line: &'static str,
    /// The changes that it makes, as far as they are recorded in a state.
    pub does: &'static [Change],
}

impl Change {
    /// Sets a number, whatever is there.
    pub const fn dword(key: &'static str, name: &'static str, number: u32) -> Self {
        Self::SetValue(Value { key, name, data: Data::Dword(number), missing: Missing::Nothing, from: &[] })
    }

    /// Sets a number where one of those that do harm is there.
    pub const fn dword_from(key: &'static str, name: &'static str, from: &'static [Data], number: u32) -> Self {
        Self::SetValue(Value { key, name, data: Data::Dword(number), missing: Missing::Nothing, from })
    }

    /// Sets a number in a key or value that is missing on most machines.
    pub const fn dword_made(key: &'static str, name: &'static str, number: u32, missing: Missing) -> Self {
        Self::SetValue(Value { key, name, data: Data::Dword(number), missing, from: &[] })
    }

    /// Runs a program of which nothing is known that a state records.
    pub const fn run(line: &'static str) -> Self {
        Self::Run(Run { line, does: &[] })
    }

    /// True if it ends sessions of Remote Desktop.
    pub fn cuts_sessions(&self) -> bool {
        matches!(self, Self::Stop(_) | Self::Restart(_) | Self::RestartUnit(_) | Self::RestartGnome)
    }

    /// True if it mends only the certificate that Windows makes for itself, or its key.
    pub fn is_of_windows_own(&self) -> bool {
        matches!(
            self,
            Self::RemoveOwnCertificates
                | Self::MoveKeyFiles(_)
                | Self::RemoveDenials(Secured::RdpKey, _)
                | Self::Grant(Secured::RdpKey, _)
        )
    }

    /// True if it takes an administrator.
    pub fn takes_administrator(&self) -> bool {
        match self {
            Self::SetValue(Value { key, .. }) | Self::DeleteValue { key, .. } => key.starts_with("HKLM"),
            Self::CorrectRdpSetting { .. }
            | Self::SignRdpFile
            | Self::Run(_)
            | Self::SetGnome { .. }
            | Self::SwapGnomeFiles
            | Self::MakeGnomeCertificate
            | Self::RestartGnome => false,
            _ => true,
        }
    }
}

impl Step {
    /// Returns the changes that it makes or that a person may decide to make.
    pub fn changes(&self) -> &'static [Change] {
        match self {
            Self::Change(changes) | Self::Decide(_, changes) => changes,
            Self::Remarked(step, _) => step.changes(),
            Self::Read(_) | Self::Ask(_) | Self::Stop(_) | Self::Then(..) => &[],
        }
    }
}

/// Stops and starts what serves Remote Desktop, so that a new certificate or key comes into use.
pub const RESTART: &[Change] =
    &[Change::Restart("SessionEnv"), Change::Restart("TermService"), Change::Start(&["UmRdpService"])];
/// Stops and starts the listener alone, so that its settings come into use.
pub const RESTART_LISTENER: &[Change] = &[Change::Restart("TermService"), Change::Start(&["UmRdpService"])];
