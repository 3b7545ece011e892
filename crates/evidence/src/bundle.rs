//! Contents of a bundle of evidence (`rdpdoctor-bundle/1`): its `manifest.json`.
//!
//! A bundle holds our own extracts of logs, hives and captures, never the files themselves: a log or a hive holds names
//! and secrets in places that nobody has listed, so it cannot be redacted honestly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::printable::printable;

/// Name and version of the format.
pub const SCHEMA: &str = "rdpdoctor-bundle/1";
/// Name of the format, whatever its version.
const FORM: &str = "rdpdoctor-bundle/";
/// File of the bundle that lists its contents.
pub const MANIFEST: &str = "manifest.json";

/// List of a bundle's contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// `rdpdoctor-bundle/1`; fields are only ever added within a version.
    pub schema: String,
    /// Version of the program that wrote it.
    pub tool: String,
    /// When its contents were gathered, RFC 3339, UTC; kept when the bundle is redacted again.
    pub made_at: String,
    /// True if names, addresses, users and domains were replaced.
    pub redacted: bool,
    /// Files in it, besides this one.
    pub files: Vec<BundledFile>,
    /// Evidence that was meant to go into it and did not.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BundledFile {
    /// Path within the bundle.
    pub path: String,
    /// Kind of content: `recorded state`, `transcript` and so on.
    pub kind: String,
    /// SHA-256 of the contents, hexadecimal, lower case.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Evidence that was named but is not in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Name of the evidence.
    pub what: String,
    /// Reason, in words.
    pub why: String,
}

/// Reason why text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON of this format.
    #[error("its {MANIFEST} cannot be read: {0}")]
    Invalid(String),
    /// It has another version of the format.
    #[error("a bundle of the form {0:?}, which this version of the program does not know: it knows {SCHEMA:?}")]
    Version(String),
    /// It has another format.
    #[error("its {MANIFEST} is not that of a bundle of rdpdoctor")]
    Schema,
}

/// The one field that tells whether the others can be read.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    schema: String,
}

impl Manifest {
    /// Reads a manifest from JSON.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let invalid = |error: serde_json::Error| ManifestError::Invalid(printable(&error.to_string()));
        let form: Form = serde_json::from_str(text).map_err(invalid)?;
        match form.schema.as_str() {
            SCHEMA => serde_json::from_str(text).map_err(invalid),
            other if other.starts_with(FORM) => Err(ManifestError::Version(printable(other))),
            _ => Err(ManifestError::Schema),
        }
    }

    /// Writes it as JSON, with a line break at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has only string keys");
        text.push('\n');
        text
    }
}

/// Returns the published JSON Schema of a manifest.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Manifest);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = BundledFile {
            path: "state/1.json".into(),
            kind: "recorded state".into(),
            sha256: "0".repeat(64),
            bytes: 1,
        };
        let left_out = vec![LeftOut { what: "capture.pcap".into(), why: "empty".into() }];
        let (schema, made_at) = (SCHEMA.into(), "2026-11-21T09:00:00Z".into());
        Manifest { schema, tool: "0.1.0".into(), made_at, redacted: true, files: vec![file], left_out }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Manifest::parse(&manifest().to_json()), Ok(manifest()));
    }

    #[test]
    fn another_form_is_told_from_a_newer_one() {
        let of = |schema: &str| Manifest::parse(&Manifest { schema: schema.into(), ..manifest() }.to_json());
        assert_eq!(of("rdpdoctor-bundle/2"), Err(ManifestError::Version("rdpdoctor-bundle/2".into())));
        assert_eq!(of("rdpdoctor-bundle/1.1"), Err(ManifestError::Version("rdpdoctor-bundle/1.1".into())));
        assert_eq!(of("troubleshoot/1"), Err(ManifestError::Schema));
        assert_eq!(Manifest::parse("{}"), Err(ManifestError::Schema));
        assert!(matches!(Manifest::parse("{"), Err(ManifestError::Invalid(_))));
        // a newer version may look quite different; that it is newer can still be told
        assert!(matches!(
            Manifest::parse(r#"{"schema": "rdpdoctor-bundle/3", "files": 7}"#),
            Err(ManifestError::Version(_))
        ));
    }
}
