//! What is kept of a file: the settings without what is private, and what its signature is worth.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::known;
use super::{Line, RdpFile, signature};
use crate::printable::printable;

/// An `.rdp` file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RdpFileRecord {
    /// Its name, without folders.
    pub name: String,
    /// Its settings, in order.
    #[serde(deserialize_with = "crate::state::read::parts")]
    pub settings: Vec<RdpSetting>,
    /// What its signature is worth.
    pub signature: RdpSignature,
}

/// A setting of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RdpSetting {
    /// Its name.
    pub name: String,
    /// `i`, `s` or `b`; anything else in a line that is no setting by its form.
    pub kind: char,
    /// Its value; null where it is private or may be: user names, tokens, passwords, texts that we do not know; and where there
    /// is none of its kind.
    pub value: Option<String>,
}

/// What the signature of a file is worth. Whether its signer is trusted is not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum RdpSignature {
    /// It has none.
    Unsigned,
    /// The signed settings are those that were signed.
    Valid(Signer),
    /// They are not.
    Broken {
        /// Settings that were signed and are not in the file any more.
        #[serde(deserialize_with = "crate::state::read::parts")]
        missing: Vec<String>,
    },
    /// That cannot be told.
    Unverifiable {
        /// Why, in words.
        why: String,
    },
}

/// Who signed a file, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signer {
    /// The certificate's subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Its `notBefore`, RFC 3339, UTC.
    pub not_before: String,
    /// Its `notAfter`, RFC 3339, UTC.
    pub not_after: String,
    /// The settings that are signed.
    #[serde(deserialize_with = "crate::state::read::parts")]
    pub scope: Vec<String>,
    /// Settings of the file that decide about the connection and are not signed.
    #[serde(deserialize_with = "crate::state::read::parts")]
    pub outside: Vec<String>,
    /// Signed settings that a further line of the file contradicts: which of the two counts is not known.
    #[serde(deserialize_with = "crate::state::read::parts")]
    pub contradicted: Vec<String>,
}

impl RdpFileRecord {
    /// What is kept of a file of this name.
    pub fn of(name: &str, file: &RdpFile) -> Self {
        let settings = file.lines.iter().filter_map(|line| match line {
            Line::Setting { name, kind, value } => Some(RdpSetting {
                name: printable(name.trim()),
                kind: *kind,
                value: shown(name, *kind, value).map(printable),
            }),
            Line::Other(text) => broken(text),
        });
        Self { name: printable(name), settings: settings.collect(), signature: signature::verify(file) }
    }

    /// True if it has lines of this name that say different things.
    pub fn contradicts_itself(&self, name: &str) -> bool {
        let lines = || self.settings.iter().filter(|setting| super::same_name(&setting.name, name));
        lines()
            .next()
            .is_some_and(|first| lines().any(|other| (other.kind, &other.value) != (first.kind, &first.value)))
    }
}

/// A line that names a setting which decides and is none by its form: what the client makes of it is not known.
fn broken(text: &str) -> Option<RdpSetting> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let known = known(name).filter(|known| known.decides)?;
    Some(RdpSetting {
        name: known.name.to_owned(),
        kind: rest.chars().next().filter(char::is_ascii_alphabetic).unwrap_or('?'),
        value: None,
    })
}

/// What a name of a user of Microsoft Entra begins with.
pub(crate) const ENTRA: &str = "AzureAD\\";

/// The value, if it may be kept. Of a user's name only that it is one of Entra.
fn shown<'a>(name: &str, kind: char, value: &'a str) -> Option<&'a str> {
    let number = || value.trim().parse::<i64>().is_ok();
    let entra = || value.trim().get(..ENTRA.len()).is_some_and(|start| start.eq_ignore_ascii_case(ENTRA));
    match (kind, known(name)) {
        ('s', Some(known)) if known.name == "username" && entra() => Some(ENTRA),
        (_, Some(known)) if known.shown && known.kind == 's' && kind == 's' => Some(value),
        (_, Some(known)) if !known.shown => None,
        ('i', _) if number() => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_user_of_entra_only_that_is_kept() {
        let record = |text: &str| RdpFileRecord::of("x.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
        let value = |text: &str| record(text).settings[0].value.clone();
        assert_eq!(value("username:s:azuread\\jo@corp.example").as_deref(), Some("AzureAD\\"));
        assert_eq!(value("username:s:CORP\\jo"), None);
    }

    #[test]
    fn nothing_private_is_kept() {
        let text = "username:s:secret\ndomain:s:secret\npassword 51:b:secret\ngatewayaccesstoken:s:secret\n\
                    loadbalanceinfo:s:secret\npcb:s:secret\nodd:s:secret\nodd:i:secret\npassword 51:i:1234\n\
                    enablecredsspsupport:i:secret\nremoteapplicationprogram:s:secret\nfull address:b:secret\n\
                    USERNAME :s:secret\nfull address:s:server\nserver port:i:3390\n";
        let record = RdpFileRecord::of("x.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
        let told = format!("{record:?}{}", serde_json::to_string(&record).unwrap());
        assert!(!told.contains("secret") && !told.contains("1234"), "{told}");
        assert!(told.contains("\"server\"") && told.contains("3390"), "{told}");
        assert_eq!(record.settings.len(), 15);
    }

    #[test]
    fn a_line_without_its_form_is_kept_where_it_decides() {
        let text = "screen mode id:i:2\nserver port\nScreen Mode Id\nsecret\nfull address:s\nfull address:x:secret";
        let record = RdpFileRecord::of("x.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
        let told: Vec<_> =
            record.settings.iter().map(|one| (one.name.as_str(), one.kind, one.value.as_deref())).collect();
        let expected = [
            ("screen mode id", 'i', Some("2")),
            ("server port", '?', None),
            ("full address", 's', None),
            ("full address", 'x', None),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_line_that_says_the_same_is_no_contradiction() {
        let record = |text: &str| RdpFileRecord::of("x.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
        assert!(!record("server port:i:1\nServer Port:i:1").contradicts_itself("server port"));
        assert!(record("server port:i:1\nServer Port:i:2").contradicts_itself("server port"));
        assert!(!record("a:i:1").contradicts_itself("server port"));
    }
}
