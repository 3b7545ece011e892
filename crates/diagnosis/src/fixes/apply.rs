//! Changes done to a recorded state: what a machine would be like after a fix, and after it was taken back.
//!
//! Only what the state records is changed. What was not read stays unread, and a change whose placeholder is not known,
//! such as the thumbprint of a certificate, does nothing.

use evidence::key_names::{MACHINE_KEYS, RDP_KEY, own_key_file_name};
use evidence::rdp_file::{RdpFileRecord, RdpSignature, Signer, known};
use evidence::state::{
    CRYPTOGRAPHY, Contents, FIREWALL_RULES, Fate, GnomeRemoteDesktop, KeyFile, LISTENER, LinuxFirewall, LinuxRule,
    RegistryData, RegistryKey, Service, State, StoredCertificate, Xrdp, XrdpFile,
};
use evidence::{firewall, security};

use super::change::{Access, Account, Change, Data, Missing, Secured, Step, Value};
use super::{Fix, Given, find};
use crate::keys::REMOTE_DESKTOP;

/// `Start` of a service that must not start.
const DISABLED: u32 = 4;

/// How to go back: what was there before a change.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "what was before is lost without it"]
pub struct Undo(Vec<Before>);

/// Something as it was, and its place in the state.
#[derive(Debug, PartialEq, Eq)]
enum Before {
    Key(usize, RegistryKey),
    Service(usize, Service),
    Rights(usize, KeyFile),
    RemovedKeyFile(usize, KeyFile),
    RemovedCertificate(usize, StoredCertificate),
    RdpFile(usize, RdpFileRecord),
    Xrdp(usize, Xrdp),
    Gnome(usize, GnomeRemoteDesktop),
    LinuxFirewall(usize, LinuxFirewall),
}

impl Undo {
    /// True if nothing that the state records was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a change that was made after these.
    pub fn then(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Takes the changes back, the last one first.
    pub fn undo(self, state: &mut State) {
        for before in self.0.into_iter().rev() {
            match before {
                Before::Key(at, key) => put(&mut state.registry, at, key),
                Before::Service(at, service) => put(&mut state.services, at, service),
                Before::Rights(at, file) => put(&mut state.key_files, at, file),
                Before::Xrdp(at, xrdp) => put(&mut state.xrdp, at, xrdp),
                Before::Gnome(at, gnome) => put(&mut state.gnome, at, gnome),
                Before::LinuxFirewall(at, firewall) => put(&mut state.linux_firewalls, at, firewall),
                Before::RdpFile(at, file) => put(&mut state.rdp_files, at, file),
                Before::RemovedKeyFile(at, file) => insert(&mut state.key_files, at, file),
                Before::RemovedCertificate(at, certificate) => insert(&mut state.certificates, at, certificate),
            }
        }
    }
}

/// A state that was changed otherwise meanwhile may be shorter.
fn put<T>(list: &mut [T], at: usize, before: T) {
    if let Some(now) = list.get_mut(at) {
        *now = before;
    }
}

fn insert<T>(list: &mut Vec<T>, at: usize, before: T) {
    list.insert(at.min(list.len()), before);
}

/// Does all changes of a fix, those that a person decides about as well, and those of a fix that is to follow.
pub fn apply_fix(fix: &Fix, given: &Given, state: &mut State) -> Undo {
    let mut undo = Undo::default();
    for step in fix.steps {
        for change in step.changes() {
            undo.then(apply(change, given, state));
        }
        let following = if let Step::Then(id, _) = step { find(id) } else { None };
        for change in following.iter().flat_map(|next| next.changes()) {
            undo.then(apply(change, given, state));
        }
    }
    undo
}

/// Does one change.
pub fn apply(change: &Change, given: &Given, state: &mut State) -> Undo {
    let mut before = Vec::new();
    match change {
        Change::SetValue(value) => set(value, &given.fill(value.key), state, &mut before),
        Change::DeleteValue { key, name, .. } => delete(&given.fill(key), name, state, &mut before),
        Change::Enable { service, start } => services(&[service], state, &mut before, |service| {
            service.start = if service.start == Some(DISABLED) { Some(*start) } else { service.start };
        }),
        Change::Start(names) => services(names, state, &mut before, started),
        Change::Stop(names) => services(names, state, &mut before, stopped),
        Change::Restart(name) => services(&[name], state, &mut before, |service| {
            stopped(service);
            started(service);
        }),
        Change::RemoveDenials(what, accounts) => {
            let accounts: Vec<_> = accounts.iter().map(|account| names(*account)).collect();
            rights(*what, state, &mut before, |sddl| security::without_denials(sddl, &accounts));
        }
        Change::Grant(what, grants) => {
            let grants: Vec<_> = grants.iter().map(|(account, access)| (names(*account), letters(*access))).collect();
            rights(*what, state, &mut before, |sddl| security::with_grants(sddl, &grants));
        }
        Change::MoveKeyFiles(_) => {
            let ours = |file: &KeyFile| {
                file.folder.eq_ignore_ascii_case(MACHINE_KEYS) && file.name.to_ascii_lowercase().starts_with(RDP_KEY)
            };
            remove(&mut state.key_files, &mut before, ours, Before::RemovedKeyFile);
        }
        Change::RemoveOwnCertificates => {
            let own = |known: &StoredCertificate| known.store == REMOTE_DESKTOP && known.subject == known.issuer;
            remove(&mut state.certificates, &mut before, own, Before::RemovedCertificate);
        }
        Change::BindCertificate => bind(given, state, &mut before),
        Change::OpenFirewall(rule) => open(rule, given, state, &mut before),
        Change::CorrectRdpSetting { name, from, to } => correct(name, (*from, *to), given, state, &mut before),
        Change::SignRdpFile => sign(given, state, &mut before),
        Change::SetXrdp { name, value } => xrdp(state, &mut before, |xrdp| set_xrdp(name, &given.fill(value), xrdp)),
        Change::JoinKeyGroup => xrdp(state, &mut before, |xrdp| let_read(xrdp, |file| file.group.take().is_some())),
        Change::ShareKey => {
            xrdp(state, &mut before, |xrdp| let_read(xrdp, |file| std::mem::take(&mut file.by_mode_alone)));
        }
        Change::SwapXrdpFiles => xrdp(state, &mut before, |xrdp| swap(&mut xrdp.certificate, &mut xrdp.key)),
        Change::UseFittingFile => xrdp(state, &mut before, use_fitting),
        Change::OpenLinuxFirewall => open_linux(given, state, &mut before),
        Change::SetGnome { name, value } => {
            gnome(state, &mut before, |gnome| set_gnome(name, value, gnome));
        }
        Change::SwapGnomeFiles => gnome(state, &mut before, |gnome| swap(&mut gnome.certificate, &mut gnome.key)),
        // no state records them
        Change::ForgetNames
        | Change::RestartUnit(_)
        | Change::MakeXrdpCertificate
        | Change::MakeGnomeCertificate
        | Change::RestartGnome => {}
        Change::Run(run) => {
            for change in run.does {
                before.extend(apply(change, given, state).0);
            }
        }
    }
    Undo(before)
}

/// Changes the keys of this path that were looked up.
fn keys(path: &str, state: &mut State, before: &mut Vec<Before>, change: impl Fn(&mut RegistryKey)) {
    let all = state.registry.iter_mut().enumerate();
    for (at, key) in all.filter(|(_, key)| key.path.eq_ignore_ascii_case(path)) {
        let was = key.clone();
        change(key);
        if *key != was {
            before.push(Before::Key(at, was));
        }
    }
}

fn set(value: &Value, path: &str, state: &mut State, before: &mut Vec<Before>) {
    keys(path, state, before, |key| {
        key.exists |= value.missing == Missing::Key;
        let name = named(key, value.name);
        let harmful = || key.values.get(&name).is_some_and(|now| value.from.iter().any(|from| same(*from, now)));
        if key.exists && (value.from.is_empty() || harmful()) {
            key.values.insert(name, recorded(value.data));
        }
    });
}

fn delete(path: &str, name: &str, state: &mut State, before: &mut Vec<Before>) {
    keys(path, state, before, |key| {
        let name = named(key, name);
        key.values.remove(&name);
    });
}

/// The name of a value as it is written in this key: names do not depend on case.
fn named(key: &RegistryKey, name: &str) -> String {
    key.values.keys().find(|known| known.eq_ignore_ascii_case(name)).map_or_else(|| name.to_owned(), String::clone)
}

fn recorded(data: Data) -> RegistryData {
    match data {
        Data::Dword(number) => RegistryData::Dword(number),
        Data::Text(text) | Data::Expandable(text) => RegistryData::Text(text.to_owned()),
    }
}

fn same(data: Data, now: &RegistryData) -> bool {
    match (data, now) {
        (Data::Dword(number), RegistryData::Dword(now)) => number == *now,
        (Data::Text(text) | Data::Expandable(text), RegistryData::Text(now)) => text == now.trim(),
        _ => false,
    }
}

fn services(names: &[&str], state: &mut State, before: &mut Vec<Before>, change: impl Fn(&mut Service)) {
    let all = state.services.iter_mut().enumerate();
    let wanted = |service: &Service| names.iter().any(|name| service.name.eq_ignore_ascii_case(name));
    for (at, service) in all.filter(|(_, service)| service.exists && wanted(service)) {
        let was = service.clone();
        change(service);
        if *service != was {
            before.push(Before::Service(at, was));
        }
    }
}

/// One that is disabled does not start; where only settings were read, nobody knows what runs.
fn started(service: &mut Service) {
    service.running = service.running.map(|running| running || service.start != Some(DISABLED));
}

fn stopped(service: &mut Service) {
    service.running = service.running.map(|_| false);
}

fn names(account: Account) -> [&'static str; 2] {
    [account.letters(), account.sid()]
}

fn letters(access: Access) -> &'static str {
    match access {
        Access::Full => "FA",
        Access::Read => "FR",
        Access::ReadWrite => "FRFW",
    }
}

fn rights(what: Secured, state: &mut State, before: &mut Vec<Before>, change: impl Fn(&str) -> Option<String>) {
    let name = match what {
        Secured::RdpKey => own_key_name(state),
        Secured::KeyFolder => Some(".".to_owned()),
    };
    let all = state.key_files.iter_mut().enumerate();
    let meant = |file: &KeyFile| {
        let named = name.as_ref().is_some_and(|name| file.name.eq_ignore_ascii_case(name));
        named && file.folder.eq_ignore_ascii_case(MACHINE_KEYS)
    };
    for (at, file) in all.filter(|(_, file)| meant(file)) {
        let changed = file.security.as_deref().and_then(&change);
        if changed.is_some() && changed != file.security {
            before.push(Before::Rights(at, file.clone()));
            file.security = changed;
        }
    }
}

/// How the key file is called that bears this machine's number.
fn own_key_name(state: &State) -> Option<String> {
    let key = state.registry.iter().rfind(|key| key.path.eq_ignore_ascii_case(CRYPTOGRAPHY))?;
    match key.values.get(&named(key, "MachineGuid"))? {
        RegistryData::Text(guid) => own_key_file_name(guid),
        _ => None,
    }
}

fn remove<T: Clone>(
    list: &mut Vec<T>,
    before: &mut Vec<Before>,
    goes: impl Fn(&T) -> bool,
    removed: fn(usize, T) -> Before,
) {
    while let Some(at) = list.iter().position(&goes) {
        before.push(removed(at, list.remove(at)));
    }
}

fn bind(given: &Given, state: &mut State, before: &mut Vec<Before>) {
    let Some(thumbprint) = &given.thumbprint else { return };
    keys(LISTENER, state, before, |key| {
        let name = named(key, "SSLCertificateSHA1Hash");
        key.values.insert(name, RegistryData::Binary(thumbprint.to_ascii_lowercase()));
    });
}

fn open(rule: &str, given: &Given, state: &mut State, before: &mut Vec<Before>) {
    if given.addresses.is_empty() {
        return;
    }
    keys(FIREWALL_RULES, state, before, |key| {
        let name = named(key, rule);
        if let Some(RegistryData::Text(text)) = key.values.get_mut(&name) {
            *text = firewall::opened(text, &given.addresses);
        }
    });
}

/// Lets these addresses in, before any other rule.
fn open_linux(given: &Given, state: &mut State, before: &mut Vec<Before>) {
    for (at, firewall) in state.linux_firewalls.iter_mut().enumerate() {
        let was = firewall.clone();
        let opened = given.addresses.iter().map(|from| LinuxRule {
            fate: Fate::Accept,
            ports: Vec::new(),
            from: Some(from.clone()),
            unclear: false,
            number: None,
        });
        firewall.rules.splice(0..0, opened);
        if *firewall != was {
            before.push(Before::LinuxFirewall(at, was));
        }
    }
}

/// Changes every xrdp.
fn xrdp(state: &mut State, before: &mut Vec<Before>, change: impl Fn(&mut Xrdp)) {
    for (at, xrdp) in state.xrdp.iter_mut().enumerate() {
        let was = xrdp.clone();
        change(xrdp);
        if *xrdp != was {
            before.push(Before::Xrdp(at, was));
        }
    }
}

/// Lets xrdp read each of its files that it may not, where this can help.
fn let_read(xrdp: &mut Xrdp, helps: impl Fn(&mut XrdpFile) -> bool) {
    for file in [&mut xrdp.certificate, &mut xrdp.key] {
        if file.readable == Some(false) && helps(file) {
            file.readable = Some(true);
        }
    }
}

/// File that was just made for a server.
fn made(path: &str) -> XrdpFile {
    XrdpFile {
        path: path.to_owned(),
        instead_of: None,
        place: Some(path.to_owned()),
        exists: Some(true),
        readable: Some(true),
        contents: Some(Contents::Sound),
        group: None,
        by_mode_alone: false,
        mode: Some(0o640),
    }
}

/// Changes every GNOME Remote Desktop.
fn gnome(state: &mut State, before: &mut Vec<Before>, change: impl Fn(&mut GnomeRemoteDesktop)) {
    for (at, gnome) in state.gnome.iter_mut().enumerate() {
        let was = gnome.clone();
        change(gnome);
        if *gnome != was {
            before.push(Before::Gnome(at, was));
        }
    }
}

fn set_gnome(name: &str, value: &str, gnome: &mut GnomeRemoteDesktop) {
    match name {
        "tls-cert" => {
            gnome.certificate = made(value);
            (gnome.not_before, gnome.not_after, gnome.key_matches, gnome.signature) = (None, None, None, None);
        }
        "tls-key" => gnome.key = made(value),
        _ => {}
    }
}

/// Exchanges the files: each then holds what the other setting asks for. Whether the two belong together is read anew.
fn swap(certificate: &mut XrdpFile, key: &mut XrdpFile) {
    std::mem::swap(certificate, key);
    for file in [certificate, key] {
        if file.contents == Some(Contents::Counterpart) {
            file.contents = Some(Contents::Sound);
        }
    }
}

/// Takes the files that fit; from when until when another certificate is valid is read anew.
fn use_fitting(xrdp: &mut Xrdp) {
    let (key, certificate) = (xrdp.fitting_key.take(), xrdp.fitting_certificate.take());
    if key.is_some() || certificate.is_some() {
        xrdp.key_matches = Some(true);
    }
    if let Some(path) = key {
        xrdp.key = made(&path);
    }
    if let Some(path) = certificate {
        xrdp.certificate = made(&path);
        (xrdp.not_before, xrdp.not_after, xrdp.signature) = (None, None, None);
    }
}

/// A new certificate and its key belong together; from when until when it is valid is not known before it is made.
fn set_xrdp(name: &str, value: &str, xrdp: &mut Xrdp) {
    match name {
        "port" => xrdp.port = Some(value.to_owned()),
        "ssl_protocols" => xrdp.ssl_protocols = Some(value.to_owned()),
        "tls_ciphers" => xrdp.tls_ciphers = Some(value.to_owned()),
        "security_layer" => xrdp.security_layer = Some(value.to_owned()),
        "certificate" => {
            xrdp.certificate = made(value);
            (xrdp.not_before, xrdp.not_after, xrdp.key_matches, xrdp.signature) = (None, None, None, None);
        }
        "key_file" => xrdp.key = made(value),
        _ => {}
    }
}

/// Changes the `.rdp` file that is meant, or each.
fn rdp_files(given: &Given, state: &mut State, before: &mut Vec<Before>, change: impl Fn(&mut RdpFileRecord)) {
    let meant = |file: &RdpFileRecord| given.file.as_ref().is_none_or(|name| file.name == *name);
    for (at, file) in state.rdp_files.iter_mut().enumerate().filter(|(_, file)| meant(file)) {
        let was = file.clone();
        change(file);
        if *file != was {
            before.push(Before::RdpFile(at, was));
        }
    }
}

fn correct(name: &str, (from, to): (u32, u32), given: &Given, state: &mut State, before: &mut Vec<Before>) {
    rdp_files(given, state, before, |file| {
        let wrong = |value: &Option<String>| value.as_ref().is_some_and(|text| text.trim().parse() == Ok(from));
        let mut changed = false;
        for setting in &mut file.settings {
            if setting.kind == 'i' && setting.name.trim().eq_ignore_ascii_case(name) && wrong(&setting.value) {
                setting.value = Some(to.to_string());
                changed = true;
            }
        }
        let covers = |signer: &Signer| signer.scope.iter().any(|scope| scope.trim().eq_ignore_ascii_case(name));
        if changed && matches!(&file.signature, RdpSignature::Valid(signer) if covers(signer)) {
            file.signature = RdpSignature::Broken { missing: Vec::new() };
        }
    });
}

/// Signs what decides about the connection, with a certificate of the state.
fn sign(given: &Given, state: &mut State, before: &mut Vec<Before>) {
    let Some(thumbprint) = &given.thumbprint else { return };
    let with = state.certificates.iter().find(|known| known.sha1.eq_ignore_ascii_case(thumbprint)).cloned();
    let Some(with) = with.filter(|known| known.has_key == Some(true)) else { return };
    rdp_files(given, state, before, |file| {
        let decides = |name: &str| known(name).is_some_and(|known| known.decides);
        let names = file.settings.iter().map(|setting| setting.name.clone());
        let scope: Vec<String> = names.filter(|name| decides(name)).collect();
        let contradicted = scope.iter().filter(|name| file.contradicts_itself(name)).cloned().collect();
        file.signature = RdpSignature::Valid(Signer {
            subject: with.subject.clone(),
            issuer: with.issuer.clone(),
            not_before: with.not_before.clone(),
            not_after: with.not_after.clone(),
            scope,
            outside: Vec::new(),
            contradicted,
        });
    });
}
