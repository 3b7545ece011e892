//! `.rdp` files: of each the part that is kept, its settings without private ones and the verdict on its signature.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::bounded;
use super::logs::LogSpan;
use super::thing::{Count, Section, Turn};
use crate::printable::printable;
use crate::rdp_file::{Line, RdpFile, known, same_name, signature};
use crate::redaction::{REDACTED, common_name, date};
use crate::target::{Host, Target};

/// An `.rdp` file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RdpFileRecord {
    /// Name, without folders.
    pub name: String,
    /// Settings, in order.
    #[serde(deserialize_with = "bounded::parts")]
    pub settings: Vec<RdpSetting>,
    /// Verdict on its signature.
    pub signature: RdpSignature,
}

/// A setting of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RdpSetting {
    /// Name of the setting.
    pub name: String,
    /// `i`, `s` or `b`; anything else for a line that is malformed.
    pub kind: char,
    /// Value; null where it is private or may be (user names, tokens, passwords, unknown texts), and where it does not
    /// fit its kind.
    pub value: Option<String>,
}

/// Verdict on a file's signature. Whether its signer is trusted is not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum RdpSignature {
    /// The file has none.
    Unsigned,
    /// The signed settings are unchanged.
    Valid(Signer),
    /// The signed settings were changed.
    Broken {
        /// Settings that were signed and are no longer in the file.
        #[serde(deserialize_with = "bounded::parts")]
        missing: Vec<String>,
    },
    /// It could not be verified.
    Unverifiable {
        /// Reason, in words.
        why: String,
    },
}

/// Signer of a file, and the settings it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signer {
    /// Subject of the signer's certificate.
    pub subject: String,
    /// Issuer of that certificate.
    pub issuer: String,
    /// `notBefore` of that certificate, RFC 3339, UTC.
    pub not_before: String,
    /// `notAfter` of that certificate, RFC 3339, UTC.
    pub not_after: String,
    /// Settings that are signed.
    #[serde(deserialize_with = "bounded::parts")]
    pub scope: Vec<String>,
    /// Settings of the file that decide about the connection and are not signed.
    #[serde(deserialize_with = "bounded::parts")]
    pub outside: Vec<String>,
    /// Signed settings that a further line of the file contradicts: which of the two counts is not known.
    #[serde(deserialize_with = "bounded::parts")]
    pub contradicted: Vec<String>,
}

impl RdpFileRecord {
    /// Makes the record of a file of this name.
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

    /// True if it has lines of this name with different values.
    pub fn contradicts_itself(&self, name: &str) -> bool {
        let lines = || self.settings.iter().filter(|setting| same_name(&setting.name, name));
        lines()
            .next()
            .is_some_and(|first| lines().any(|other| (other.kind, &other.value) != (first.kind, &first.value)))
    }
}

/// Keeps a malformed line that names a deciding setting: how the client reads it is not known.
fn broken(text: &str) -> Option<RdpSetting> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let known = known(name).filter(|known| known.decides)?;
    Some(RdpSetting {
        name: known.name.to_owned(),
        kind: rest.chars().next().filter(char::is_ascii_alphabetic).unwrap_or('?'),
        value: None,
    })
}

/// Beginning of the name of a Microsoft Entra user.
pub(crate) const ENTRA: &str = "AzureAD\\";

/// Returns the value, if it may be kept; of a user name only that it is an Entra one.
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

impl Section for RdpFileRecord {
    const FACT: &'static str = "rdp.file";
    const TITLE: &'static str = ".rdp files";
    const TURN: Turn = Turn::Second;
    const COUNT: Option<Count> = Some(Count::Things([".rdp file", ".rdp files"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let RdpFileRecord { name, settings, signature } = self;
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
}

fn renamed_setting(setting: &RdpSetting, names: &mut Names) -> RdpSetting {
    let RdpSetting { name, kind, value } = setting;
    let known = known(name);
    // no such setting has more digits than a port; a telephone number has
    let number = |text: &str| text.len() <= 6 && text.trim().parse::<i32>().is_ok_and(|number| number.abs() < 100_000);
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
    known(name.trim()).map_or(REDACTED, |known| known.name).to_owned()
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
    fn redirections_keep_their_names_and_no_text() {
        let text = "redirectclipboard:i:1\nredirectprinters:i:0\ndrivestoredirect:s:D:secret\nodd:i:1\n";
        let record = RdpFileRecord::of("x.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
        let renamed = record.renamed(&mut Names::default(), &[]);
        let told: Vec<_> = renamed.settings.iter().map(|one| (one.name.as_str(), one.value.as_deref())).collect();
        let kept = [("redirectclipboard", Some("1")), ("redirectprinters", Some("0")), ("drivestoredirect", None)];
        assert_eq!(told, [&kept[..], &[(REDACTED, None)]].concat());
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
