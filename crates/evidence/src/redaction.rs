//! A recorded state without names of people, machines and domains, addresses and passwords: see [`wire::redaction`].
//!
//! What stays, and why it can name nobody:
//!
//! * numbers of the registry, sizes, counts, dates; what is no date is taken out;
//! * texts that are one of a list: the keys that readers look up and the names of values in them, providers, channels,
//!   services, editions, cipher suites, settings of `.rdp` files. What is not on the list becomes `(redacted)`, also a
//!   text that merely looks harmless;
//! * the parts of a firewall rule, a security descriptor and an entry of a log by which they are judged; addresses and
//!   accounts in them become others;
//! * names of machines, people and domains as pseudonyms, GUIDs, SIDs and thumbprints as numbered ones, so that what
//!   was equal stays equal: the name of a key file still ends in the MachineGuid, the bound thumbprint is still that of
//!   the stored certificate, a key's container still leads to its file;
//! * ActivityIDs are numbered as well. They are chance, but they would tie what is redacted to the log that it comes
//!   from.
//!
//! A diagnosis comes out the same, which tests hold over every kind of state.

mod access;
mod event;
mod firewall;
mod reason;
mod registry;
mod secrets;
mod security;

use wire::redaction::Names;

use crate::key_names::{
    self, CNG_PROVIDERS, LEGACY_PROVIDERS, MACHINE_KEYS, OTHER_PROVIDERS, RDP_CONTAINER, RDP_KEY, is_cng,
};
use crate::moment::{moment, rfc3339};
use crate::rdp_file::{self, ENTRA, RdpFileRecord, RdpSetting, RdpSignature, Signer};
use crate::state::{
    FileVersion, KeyFile, LogSpan, PROGRAMS, SCHEMA, SERVICES, Service, State, StoredCertificate, Unread, Volume,
    bounds,
};
use crate::target::{Host, Target};

pub use crate::printable::REDACTED;

/// Accounts that services run as on every machine.
const ACCOUNTS: &[&str] =
    &["LocalSystem", r"NT AUTHORITY\NetworkService", r"NT AUTHORITY\LocalService", r"NT AUTHORITY\SYSTEM"];
/// Programs that services run.
const IMAGES: &[&str] = &[
    r"%SystemRoot%\System32\svchost.exe",
    r"C:\Windows\System32\svchost.exe",
    r"%SystemRoot%\System32\lsass.exe",
    r"C:\Windows\System32\lsass.exe",
];
/// Object identifiers of algorithms.
const ALGORITHMS: &[&str] = &["1.2.840.113549.1.1.", "1.3.14.3.2.", "1.2.840.10045.4.", "1.2.840.10045.2.", "1.3.101."];
/// Object identifiers in general use: extended key usages of PKIX and Microsoft. Others may be an organisation's own.
const USAGES: &[&str] = &["1.3.6.1.5.5.7.3.", "2.5.29.37.", "1.3.6.1.4.1.311.10.3.", "1.3.6.1.4.1.311.20.2."];

impl State {
    /// Returns the state without names.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut names = Names::default();
        let _ = self.renamed(&mut names);
        names.settle();
        self.renamed(&mut names)
    }

    /// Redacts with pseudonyms shared with transcripts, captures and other states.
    #[must_use]
    pub fn renamed(&self, names: &mut Names) -> Self {
        // every field by name, so that a new one has to be decided about
        let Self {
            schema: _,
            part,
            taken_at,
            computer,
            registry,
            services,
            certificates,
            key_files,
            logs,
            events,
            files,
            volumes,
            rdp_files,
            traces,
            refused,
            unread,
        } = self;
        Self {
            schema: SCHEMA.to_owned(),
            part: *part,
            taken_at: taken_at.as_deref().map(date),
            computer: computer.as_deref().map(|name| names.text(name)),
            registry: registry::renamed(registry, names),
            services: services.iter().map(|service| renamed_service(service, names)).collect(),
            certificates: certificates.iter().map(|one| renamed_certificate(one, names)).collect(),
            key_files: key_files.iter().map(|file| renamed_key(file, names)).collect(),
            logs: logs.iter().map(renamed_log).collect(),
            events: events.iter().map(|event| event::renamed(event, names)).collect(),
            files: files.iter().map(renamed_file).collect(),
            volumes: volumes.iter().map(renamed_volume).collect(),
            rdp_files: rdp_files.iter().map(|file| renamed_rdp_file(file, names)).collect(),
            traces: traces.clone(),
            refused: refused.iter().map(|one| access::renamed(one, names)).collect(),
            unread: unread
                .iter()
                .map(|one| derived(one, logs).unwrap_or_else(|| reason::renamed(one, names)))
                .collect(),
        }
    }
}

/// Returns the text if it is on the list. Its case is kept: some of it is compared with case.
fn one_of(list: &[&str], text: &str) -> Option<String> {
    list.iter().any(|known| known.eq_ignore_ascii_case(text)).then(|| text.to_owned())
}

/// Returns the text if it is on the list, else the placeholder. Empty stays empty.
fn kept(list: &[&str], text: &str) -> String {
    if text.is_empty() { String::new() } else { one_of(list, text).unwrap_or_else(|| REDACTED.to_owned()) }
}

/// Returns a date in its usual form; anything that is no date is redacted.
fn date(text: &str) -> String {
    let usual = moment(text).map(rfc3339);
    usual.filter(|date| moment(date).is_some()).unwrap_or_else(|| REDACTED.to_owned())
}

fn renamed_service(service: &Service, names: &mut Names) -> Service {
    let Service { name, exists, start, running, image, account } = service;
    let program = |image: &str| {
        let end = image.to_ascii_lowercase().find(".exe").map_or(image.len(), |at| at + 4);
        kept(IMAGES, image.get(..end).unwrap_or(image).trim_matches('"'))
    };
    Service {
        name: kept(SERVICES, name),
        exists: *exists,
        start: *start,
        running: *running,
        image: image.as_deref().map(program),
        account: account.as_deref().map(|account| one_of(ACCOUNTS, account).unwrap_or_else(|| names.person(account))),
    }
}

fn renamed_certificate(certificate: &StoredCertificate, names: &mut Names) -> StoredCertificate {
    let StoredCertificate {
        store,
        sha1,
        subject,
        issuer,
        not_before,
        not_after,
        has_key,
        container,
        provider,
        machine_key,
        key_spec,
        usages,
        names: for_names,
        key_algorithm,
        key_bits,
        signature_algorithm,
    } = certificate;
    StoredCertificate {
        store: kept(&["Remote Desktop", "My"], store),
        sha1: names.thumbprint(sha1),
        subject: common_name(subject, names),
        issuer: common_name(issuer, names),
        not_before: date(not_before),
        not_after: date(not_after),
        has_key: *has_key,
        container: container.as_deref().map(|name| renamed_container(name, names)),
        provider: provider.as_deref().map(renamed_provider),
        machine_key: *machine_key,
        key_spec: *key_spec,
        usages: usages.iter().map(|usage| object_identifier(usage)).collect(),
        names: for_names.as_ref().map(|list| list.iter().map(|name| names.place(name)).collect()),
        key_algorithm: key_algorithm.as_deref().map(algorithm),
        key_bits: *key_bits,
        signature_algorithm: signature_algorithm.as_deref().map(algorithm),
    }
}

/// Renames a container that is not on every machine, like the digits in its file's name.
fn renamed_container(name: &str, names: &mut Names) -> String {
    let known = one_of(&[RDP_CONTAINER], name).or_else(|| name.is_empty().then(String::new));
    let pseudonym = |digits: String| names.key_name(&digits);
    known.or_else(|| key_names::key_digits(name).map(pseudonym)).unwrap_or_else(|| REDACTED.to_owned())
}

/// Keeps only the kind of a provider that does not come with Windows.
fn renamed_provider(name: &str) -> String {
    let known = one_of(LEGACY_PROVIDERS, name).or_else(|| one_of(OTHER_PROVIDERS, name));
    let other = || if is_cng(name) { format!("{REDACTED} {CNG_PROVIDERS}") } else { kept(&[], name) };
    known.unwrap_or_else(other)
}

/// `rsa`, `ec`, or an object identifier below those of PKCS #1, OIW, X9.62 and RFC 8410.
fn algorithm(name: &str) -> String {
    let last = ALGORITHMS.iter().find_map(|start| name.strip_prefix(start));
    let short = |last: &str| last.len() <= 3 && last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if last.is_some_and(short) { name.to_owned() } else { kept(&["rsa", "ec"], name) }
}

/// Keeps the common name alone, as a pseudonym: the rest tells a person's place and employer.
fn common_name(name: &str, names: &mut Names) -> String {
    let parts = || name.split(',').map(str::trim_start);
    let common = parts().find_map(|part| {
        let (kind, value) = part.split_once('=')?;
        kind.eq_ignore_ascii_case("CN").then_some(value)
    });
    let inspected = wire::inspection::product(name).is_some();
    let mut renamed = |value| if inspected { names.issuer(value) } else { names.text(value) };
    common.map_or_else(String::new, |value| format!("CN={}", renamed(value)))
}

fn object_identifier(usage: &str) -> String {
    let remote_desktop = wire::certificate::EKU_REMOTE_DESKTOP;
    let last = USAGES.iter().find_map(|start| usage.strip_prefix(start));
    let known = last.is_some_and(|last| last.len() <= 2 && last.bytes().all(|digit| digit.is_ascii_digit()));
    let microsoft = ["10.3.12", "20.2.2"].iter().any(|end| usage.strip_prefix("1.3.6.1.4.1.311.") == Some(end));
    if known || microsoft || usage == remote_desktop || usage == "2.5.29.37.0" {
        usage.to_owned()
    } else {
        REDACTED.to_owned()
    }
}

fn renamed_key(file: &KeyFile, names: &mut Names) -> KeyFile {
    let KeyFile { name, folder, size, security, left_out } = file;
    let own = name.get(..RDP_KEY.len()).filter(|start| start.eq_ignore_ascii_case(RDP_KEY));
    KeyFile {
        name: match (own, key_names::split_key_name(name)) {
            (Some(start), _) => format!("{RDP_KEY}{}", names.identifier(&name[start.len()..])),
            (None, Some((digits, rest))) => format!("{}_{}", names.key_name(digits), names.identifier(rest)),
            (None, None) => kept(&["."], name),
        },
        folder: kept(&[MACHINE_KEYS, "Keys"], folder),
        size: *size,
        security: security.as_deref().map(|text| security::renamed(text, names)),
        left_out: *left_out,
    }
}

fn renamed_log(log: &LogSpan) -> LogSpan {
    let LogSpan { channel, from, until, records, damaged, left_out, left_out_until } = log;
    LogSpan {
        channel: event::channel(channel),
        from: date(from),
        until: date(until),
        records: *records,
        damaged: *damaged,
        left_out: *left_out,
        left_out_until: left_out_until.as_deref().map(date),
    }
}

fn renamed_file(file: &FileVersion) -> FileVersion {
    let FileVersion { name, version, exists } = file;
    FileVersion { name: kept(PROGRAMS, name), version: version.as_deref().map(number_of_version), exists: *exists }
}

/// Four numbers, one of them too large for an address.
fn number_of_version(text: &str) -> String {
    let parts: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([one, two, three, four]) if [one, two, three, four].into_iter().any(|part| *part > 255) => {
            format!("{one}.{two}.{three}.{four}")
        }
        _ => REDACTED.to_owned(),
    }
}

/// Rebuilds the reason for a log's gaps from its stretch, which has no names but that of its channel.
fn derived(unread: &Unread, logs: &[LogSpan]) -> Option<Unread> {
    let log = logs.iter().find(|log| bounds::left_out(log).as_ref() == Some(unread))?;
    bounds::left_out(&renamed_log(log))
}

fn renamed_volume(volume: &Volume) -> Volume {
    let Volume { name, free, size } = volume;
    let letter = matches!(name.as_bytes(), [letter, b':'] | [letter, b':', b'\\'] if letter.is_ascii_alphabetic());
    Volume { name: if letter { name.clone() } else { REDACTED.to_owned() }, free: *free, size: *size }
}

fn renamed_rdp_file(file: &RdpFileRecord, names: &mut Names) -> RdpFileRecord {
    let RdpFileRecord { name, settings, signature } = file;
    let name = match name.to_ascii_lowercase().strip_suffix(".rdp") {
        Some(stem) => format!("{}.rdp", names.text(name.get(..stem.len()).unwrap_or_default())),
        None => names.text(name),
    };
    RdpFileRecord {
        name,
        settings: settings.iter().map(|setting| renamed_setting(setting, names)).collect(),
        signature: renamed_signature(signature, names),
    }
}

fn renamed_setting(setting: &RdpSetting, names: &mut Names) -> RdpSetting {
    let RdpSetting { name, kind, value } = setting;
    let known = rdp_file::known(name);
    let number = |text: &str| text.len() <= 12 && text.trim().parse::<i64>().is_ok();
    let value = match (known, value.as_deref()) {
        (Some(known), Some(text)) if known.shown && known.kind == 'i' => number(text).then(|| text.to_owned()),
        (Some(known), Some(text)) if known.shown && known.name == "signscope" => Some(setting_list(text)),
        // nobody's name: only that it is one of Entra
        (Some(known), Some(text)) if known.name == "username" && text == ENTRA => Some(text.to_owned()),
        (Some(known), Some(text)) if known.shown => Some(destination(text, names)),
        _ => None,
    };
    RdpSetting {
        name: known.map_or(REDACTED, |known| known.name).to_owned(),
        kind: if matches!(kind, 'i' | 's' | 'b') { *kind } else { '?' },
        value,
    }
}

/// Renames where a connection goes; anything that is no target is redacted.
fn destination(text: &str, names: &mut Names) -> String {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return String::new();
    }
    let Ok(target) = Target::parse(trimmed) else { return REDACTED.to_owned() };
    let host = match &target.host {
        Host::Name(_) => {
            let end = format!(":{}", target.port);
            names.text(trimmed.strip_suffix(&end).unwrap_or(trimmed))
        }
        Host::Address(address) => names.address(*address).to_string(),
        Host::Zoned(address, _) => names.address((*address).into()).to_string(),
    };
    if !trimmed.ends_with(&format!(":{}", target.port)) {
        return host;
    }
    if host.contains(':') { format!("[{host}]:{}", target.port) } else { format!("{host}:{}", target.port) }
}

fn setting_list(text: &str) -> String {
    let names: Vec<String> = text.split(',').map(setting_name).collect();
    names.join(",")
}

fn setting_name(name: &str) -> String {
    rdp_file::known(name.trim()).map_or(REDACTED, |known| known.name).to_owned()
}

fn renamed_signature(signature: &RdpSignature, names: &mut Names) -> RdpSignature {
    let list = |settings: &[String]| settings.iter().map(|name| setting_name(name)).collect();
    match signature {
        RdpSignature::Unsigned => RdpSignature::Unsigned,
        RdpSignature::Broken { missing } => RdpSignature::Broken { missing: list(missing) },
        RdpSignature::Unverifiable { why } => RdpSignature::Unverifiable { why: names.prose(why) },
        RdpSignature::Valid(Signer { subject, issuer, not_before, not_after, scope, outside, contradicted }) => {
            RdpSignature::Valid(Signer {
                subject: common_name(subject, names),
                issuer: common_name(issuer, names),
                not_before: date(not_before),
                not_after: date(not_after),
                scope: list(scope),
                outside: list(outside),
                contradicted: list(contradicted),
            })
        }
    }
}
