//! Services of the machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Count, Section};
use crate::places::{SERVICES, XRDP_SERVICES};
use crate::redaction::{REDACTED, kept, one_of};

/// Service that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Name, not the title.
    pub name: String,
    /// True if it is installed.
    pub exists: bool,
    /// `Start`: 2 automatic, 3 manual, 4 disabled.
    pub start: Option<u32>,
    /// True if it runs; null where only its settings were read.
    pub running: Option<bool>,
    /// `ImagePath`.
    #[serde(default)]
    pub image: Option<String>,
    /// `ObjectName`: account that it runs as.
    #[serde(default)]
    pub account: Option<String>,
}

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

impl Section for Service {
    const FACT: &'static str = "service";
    const TITLE: &'static str = "services";
    const COUNT: Option<Count> = Some(Count::Things(["service", "services"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Service { name, exists, start, running, image, account } = self;
        let program = |image: &str| {
            let end = image.to_ascii_lowercase().find(".exe").map_or(image.len(), |at| at + 4);
            kept(IMAGES, image.get(..end).unwrap_or(image).trim_matches('"'))
        };
        Service {
            name: one_of(&XRDP_SERVICES, name).unwrap_or_else(|| kept(SERVICES, name)),
            exists: *exists,
            start: *start,
            running: *running,
            image: image.as_deref().map(program),
            account: account
                .as_deref()
                .map(|account| one_of(ACCOUNTS, account).unwrap_or_else(|| names.person(account))),
        }
    }

    fn remove_secrets(&mut self) {
        without_arguments(self);
    }
}

/// Removes arguments, except of Windows' own programs, which name a group of services (`-k termsvcs`).
fn without_arguments(service: &mut Service) {
    let Some(image) = &mut service.image else { return };
    let Some(end) = image.to_ascii_lowercase().find(".exe").map(|at| at + 4) else { return };
    let end = end + usize::from(image.get(end..).is_some_and(|rest| rest.starts_with('"')));
    let own = IMAGES.iter().any(|known| image.get(..end).is_some_and(|program| program.eq_ignore_ascii_case(known)));
    let group = || image.get(end..).unwrap_or_default().split_whitespace().all(|word| word.len() <= 40);
    if !own && image.len() > end || !group() {
        image.truncate(end);
        image.push(' ');
        image.push_str(REDACTED);
    }
}
