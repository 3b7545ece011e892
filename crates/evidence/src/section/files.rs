//! Files whose version matters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::Section;
use crate::places::PROGRAMS;
use crate::redaction::{REDACTED, kept};

/// File with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileVersion {
    /// Name, such as `termsrv.dll`.
    pub name: String,
    /// Version, such as `10.0.20348.1`; null where the file has none, or is missing.
    pub version: Option<String>,
    /// True if it exists.
    pub exists: bool,
}

impl Section for FileVersion {
    const FACT: &'static str = "file.version";
    const TITLE: &'static str = "files";

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        let FileVersion { name, version, exists } = self;
        Self { name: kept(PROGRAMS, name), version: version.as_deref().map(number_of_version), exists: *exists }
    }
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
