//! Registry keys that were looked up. In a redacted state numbers stay, and texts if they are on a list.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use wire::redaction::Names;
use wire::tls::suite;

use super::bounded::{List, Map};
use super::logs::LogSpan;
use super::thing::{Count, Section};
use crate::places::{
    CIPHER_POLICY, COMPUTER_NAME, CRYPTOGRAPHY, FIREWALL_MDM_RULES, FIREWALL_POLICY_RULES, FIREWALL_RULES, KEYS,
    LISTENER, STORE_MY, STORE_REMOTE_DESKTOP, STORES_ROOT, TCPIP, TERMSERVICE, WINDOWS, WINLOGON,
};
use crate::redaction::{REDACTED, firewall, one_of, secret};
use crate::windows::{known_edition, plain_path, windows_own_library};

/// Registry key that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryKey {
    /// Path from the root, with `CurrentControlSet` for the control set in use.
    pub path: String,
    /// True if it exists.
    pub exists: bool,
    /// All its values, by name; of Winlogon a single one.
    #[serde(default, deserialize_with = "values")]
    pub values: BTreeMap<String, RegistryData>,
}

/// Value of a registry key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistryData {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_SZ`, `REG_EXPAND_SZ`.
    Text(String),
    /// `REG_MULTI_SZ`.
    Texts(#[serde(deserialize_with = "texts")] Vec<String>),
    /// Anything else, hexadecimal.
    Binary(String),
}

/// Value names that Windows and its policies give, and nobody else.
const VALUES: &str = include_str!("../../data/registry-values.txt");
/// Beginning of the placeholder for a name; a number and a bracket follow.
const NAMELESS: &str = "(redacted ";

/// Words in the names of Windows' editions.
const PRODUCT: &[&str] = &[
    "Windows",
    "Server",
    "Pro",
    "Home",
    "Enterprise",
    "Education",
    "Standard",
    "Datacenter",
    "Essentials",
    "Foundation",
    "Evaluation",
    "LTSC",
    "LTSB",
    "N",
    "KN",
    "for",
    "Workstations",
    "Single",
    "Language",
    "Azure",
    "Edition",
    "Multi-Session",
    "Core",
    "IoT",
    "R2",
    "7",
    "8",
    "8.1",
    "10",
    "11",
    "2008",
    "2012",
    "2016",
    "2019",
    "2021",
    "2022",
    "2024",
    "2025",
    "Professional",
    "Ultimate",
    "(TM)",
    "Hyper-V",
    "Storage",
    "MultiPoint",
    "Premium",
    "Starter",
    "Virtual",
    "Desktops",
];

/// Values of the listener that name a certificate.
const THUMBPRINTS: &[&str] = &["SSLCertificateSHA1Hash", "SelfSignedCertificate", "TemplateCertificate"];
/// End of keys that hold ports opened by a group policy.
const OPEN_PORTS: &str = r"\globallyopenports\list";
/// End of the path of Windows' own library.
const LIBRARY: &str = r"\System32\termsrv.dll";

/// Most values of a registry key, and texts of a value.
const MOST_VALUES: usize = 100_000;

/// Deserialises values of a registry key, at most [`MOST_VALUES`] of them and of the texts in them.
fn values<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, RegistryData>, D::Error> {
    let parts = |value: &RegistryData| if let RegistryData::Texts(texts) = value { texts.len() } else { 0 };
    from.deserialize_map(Map(MOST_VALUES, parts, PhantomData))
}

/// Deserialises texts of a registry value, with a limit.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_seq(List(MOST_VALUES, PhantomData))
}

impl Section for RegistryKey {
    const FACT: &'static str = "registry.key";
    const TITLE: &'static str = "registry keys";
    const COUNT: Option<Count> = Some(Count::Things(["registry key", "registry keys"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Self { path, exists, values } = self;
        Self {
            path: one_of(KEYS, path).unwrap_or_else(|| REDACTED.to_owned()),
            exists: *exists,
            values: renamed_values(path, values, names),
        }
    }

    fn remove_secrets(&mut self) {
        self.values.iter_mut().filter(|(name, _)| secret(name)).for_each(|(_, data)| blank(data));
    }

    fn label(&self) -> Option<&str> {
        Some(&self.path)
    }

    const TELLS_STORES: bool = true;
}

fn blank(data: &mut RegistryData) {
    match data {
        RegistryData::Dword(_) | RegistryData::Qword(_) => {}
        RegistryData::Text(text) if text.is_empty() => {}
        RegistryData::Text(text) => REDACTED.clone_into(text),
        RegistryData::Texts(texts) => texts.iter_mut().for_each(|text| REDACTED.clone_into(text)),
        RegistryData::Binary(hex) => hex.clear(),
    }
}

fn renamed_values(
    path: &str,
    values: &BTreeMap<String, RegistryData>,
    names: &mut Names,
) -> BTreeMap<String, RegistryData> {
    let rules =
        [FIREWALL_RULES, FIREWALL_POLICY_RULES, FIREWALL_MDM_RULES].iter().any(|key| key.eq_ignore_ascii_case(path));
    let stays = |name: &str| {
        let known = VALUES.lines().any(|known| known.eq_ignore_ascii_case(name));
        known || rules && firewall::own(name) || number_of(name).is_some()
    };
    let mut free = (1..).filter(|number| !values.contains_key(&nameless(*number)));
    let renamed = values.iter().map(|(name, data)| {
        let renamed = if stays(name) { name.clone() } else { nameless(free.next().unwrap_or(0)) };
        let data = match data {
            RegistryData::Text(port) if path.to_ascii_lowercase().ends_with(OPEN_PORTS) => {
                RegistryData::Text(open_port(port))
            }
            _ if rules => renamed_rule(data, names),
            _ => renamed_data(path, name, data, names),
        };
        (renamed, data)
    });
    renamed.collect()
}

/// Redacts an older exception of a group policy, `3389:TCP:scope:enabled:name`, dropping its scope.
fn open_port(text: &str) -> String {
    let mut parts = text.split(':');
    let port = parts.next().filter(|port| port.parse::<u16>().is_ok());
    let protocol = parts.next().and_then(|protocol| one_of(&["TCP", "UDP"], protocol));
    let state = if text.to_ascii_lowercase().contains(":enabled:") { "enabled" } else { "disabled" };
    port.zip(protocol).map_or_else(
        || placeholder(text),
        |(port, protocol)| format!("{port}:{protocol}:{REDACTED}:{state}:{REDACTED}"),
    )
}

fn nameless(number: usize) -> String {
    format!("{NAMELESS}{number})")
}

/// Returns the number of a name's placeholder.
fn number_of(name: &str) -> Option<usize> {
    let number = name.strip_prefix(NAMELESS)?.strip_suffix(')')?.parse().ok()?;
    (nameless(number) == name).then_some(number)
}

fn renamed_rule(data: &RegistryData, names: &mut Names) -> RegistryData {
    match data {
        RegistryData::Text(rule) => RegistryData::Text(firewall::renamed(rule, names)),
        other => without_text(other),
    }
}

/// Returns a value of the same kind without its content, unless that is a number.
fn without_text(data: &RegistryData) -> RegistryData {
    match data {
        RegistryData::Dword(_) | RegistryData::Qword(_) => data.clone(),
        RegistryData::Text(text) => RegistryData::Text(placeholder(text)),
        RegistryData::Texts(texts) => RegistryData::Texts(texts.iter().map(|text| placeholder(text)).collect()),
        RegistryData::Binary(_) => RegistryData::Binary(String::new()),
    }
}

fn placeholder(text: &str) -> String {
    if text.is_empty() { String::new() } else { REDACTED.to_owned() }
}

fn renamed_data(path: &str, name: &str, data: &RegistryData, names: &mut Names) -> RegistryData {
    let of = |key: &str, value: &str| key.eq_ignore_ascii_case(path) && value.eq_ignore_ascii_case(name);
    match data {
        RegistryData::Binary(hex) if THUMBPRINTS.iter().any(|value| of(LISTENER, value)) => {
            RegistryData::Binary(names.thumbprint(hex))
        }
        RegistryData::Texts(suites) if of(CIPHER_POLICY, "Functions") => {
            RegistryData::Texts(suites.iter().map(|name| cipher_suite(name)).collect())
        }
        RegistryData::Text(text) => {
            RegistryData::Text(renamed_text(of, text, names).unwrap_or_else(|| placeholder(text)))
        }
        other => without_text(other),
    }
}

/// Renames a text that matters for a diagnosis; `None` for any other.
fn renamed_text(of: impl Fn(&str, &str) -> bool, text: &str, names: &mut Names) -> Option<String> {
    let any = |key: &str, values: &[&str]| values.iter().any(|value| of(key, value));
    if of(CRYPTOGRAPHY, "MachineGuid") {
        return Some(names.identifier(text));
    }
    if any(COMPUTER_NAME, &["ComputerName"])
        || any(TCPIP, &["Hostname", "NV Hostname", "Domain", "NV Domain", "DhcpDomain"])
    {
        return Some(names.text(text));
    }
    if any(TCPIP, &["NameServer", "DhcpNameServer"]) {
        return Some(
            text.split([' ', ','])
                .map(|one| names.address_text(one).unwrap_or_else(|| placeholder(one)))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    if of(CIPHER_POLICY, "Functions") {
        return Some(text.split(',').map(|name| cipher_suite(name.trim())).collect::<Vec<_>>().join(","));
    }
    if of(TERMSERVICE, "ServiceDll") {
        return library(text, names);
    }
    if of(WINDOWS, "SystemRoot") {
        let usual = windows_own_library(&format!("{text}{LIBRARY}"), None) == Some(true);
        return Some(if usual { text.to_owned() } else { names.text(text) });
    }
    if of(WINDOWS, "EditionID") {
        return known_edition(text).map(str::to_owned);
    }
    let text = text.trim();
    let number = |most: usize| text.len() <= most && text.bytes().all(|digit| digit.is_ascii_digit());
    let release = || text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'H');
    let kept = any(WINDOWS, &["CurrentBuild", "CurrentBuildNumber"]) && number(6)
        || any(WINDOWS, &["ReleaseId", "DisplayVersion"]) && release()
        || of(WINDOWS, "CurrentVersion") && ["6.1", "6.2", "6.3", "10.0"].contains(&text)
        || of(WINDOWS, "InstallationType") && ["Client", "Server", "Server Core"].contains(&text)
        || of(WINDOWS, "ProductName") && text.split(' ').all(|word| one_of(PRODUCT, word).is_some())
        || of(WINLOGON, "WinStationsDisabled") && number(1);
    kept.then(|| text.to_owned())
}

/// Keeps the path of Windows' own library, in whatever folder its Windows lies.
fn library(text: &str, names: &mut Names) -> Option<String> {
    // the parts that `..` leads back from may name somebody
    let text = &plain_path(text);
    if let Some(own) = windows_own_library(text, None) {
        return own.then(|| text.clone());
    }
    let folder = text.len().checked_sub(LIBRARY.len()).and_then(|end| text.get(..end));
    Some(folder.map_or_else(|| text.clone(), |folder| format!("{}{LIBRARY}", names.text(folder))))
}

/// Keeps a suite with a registered name, also with a curve behind it.
fn cipher_suite(name: &str) -> String {
    let plain = ["_P256", "_P384", "_P521"].iter().find_map(|curve| name.strip_suffix(curve));
    let known = name.is_empty() || suite::code(plain.unwrap_or(name)).is_some();
    if known { name.to_owned() } else { REDACTED.to_owned() }
}

/// Keys that are present where all certificates below them were read.
const STORES: [&str; 2] = [STORE_MY, STORE_REMOTE_DESKTOP];

/// Takes back that stores were read whole: a truncated list shows of no certificate that it is absent.
pub(crate) fn forget_stores(registry: &mut Vec<RegistryKey>) {
    let store = |path: &str| STORES.iter().chain(STORES_ROOT).any(|store| path.eq_ignore_ascii_case(store));
    registry.retain(|key| !store(&key.path));
}
