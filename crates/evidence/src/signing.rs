//! Prepares an `.rdp` file for its signature, and puts that in.
//!
//! Microsoft documents neither the format nor the list of signed settings. Names, spelling and order in [`SIGNED`] are
//! those of the `signscope` lines of published files: [MS-RDWR] section 4, Remote Desktop Web Access; the settings
//! that none of these has stand where public programs put them whose files mstsc takes. The form of the signed text is
//! that of [`crate::rdp_file`]'s reader.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::printable::printable;
use crate::rdp_file::signature::{HEADER, signed_bytes};
use crate::rdp_file::{Encoding, Line, RdpFile, same_name};

/// Settings that are signed, as a `signscope` spells them and in its order, with their type.
pub const SIGNED: &[(&str, char)] = &[
    ("Full Address", 's'),
    ("Alternate Full Address", 's'),
    ("PCB", 's'),
    ("Use Redirection Server Name", 'i'),
    ("Server Port", 'i'),
    ("Negotiate Security Layer", 'i'),
    ("EnableCredSspSupport", 'i'),
    ("DisableConnectionSharing", 'i'),
    ("AutoReconnection Enabled", 'i'),
    ("GatewayHostname", 's'),
    ("GatewayUsageMethod", 'i'),
    ("GatewayProfileUsageMethod", 'i'),
    ("GatewayCredentialsSource", 'i'),
    ("Support URL", 's'),
    ("PromptCredentialOnce", 'i'),
    ("Require pre-authentication", 'i'),
    ("Pre-authentication server address", 's'),
    ("Alternate Shell", 's'),
    ("Shell Working Directory", 's'),
    ("RemoteApplicationProgram", 's'),
    ("RemoteApplicationExpandWorkingdir", 's'),
    ("RemoteApplicationMode", 'i'),
    ("RemoteApplicationGuid", 's'),
    ("RemoteApplicationName", 's'),
    ("RemoteApplicationIcon", 's'),
    ("RemoteApplicationFile", 's'),
    ("RemoteApplicationFileExtensions", 's'),
    ("RemoteApplicationCmdLine", 's'),
    ("RemoteApplicationExpandCmdLine", 's'),
    ("Prompt For Credentials", 'i'),
    ("Authentication Level", 'i'),
    ("AudioMode", 'i'),
    ("RedirectDrives", 'i'),
    ("RedirectPrinters", 'i'),
    ("RedirectCOMPorts", 'i'),
    ("RedirectSmartCards", 'i'),
    ("RedirectPOSDevices", 'i'),
    ("RedirectClipboard", 'i'),
    ("DevicesToRedirect", 's'),
    ("DrivesToRedirect", 's'),
    ("LoadBalanceInfo", 's'),
    ("RedirectDirectX", 'i'),
    ("RDGIsKDCProxy", 'i'),
    ("KDCProxyName", 's'),
    ("EventLogUploadAddress", 's'),
];

/// Characters of Base64 in a line of the signature; rdpsign puts two spaces where such a line would end.
const BASE64_LINE: usize = 64;

/// Reason why a file is not signed as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsignable {
    /// No `full address`.
    #[error("it names no computer (full address:s:…)")]
    NoAddress,
    /// Two lines of a setting that is signed: which of them a client obeys is not known.
    #[error("it has {0} more than once: leave one line of it")]
    Repeated(String),
    /// A line that a client may take for a setting that is signed, and that has not its type.
    #[error("its line of {0} is malformed: write {0}:{1}:…")]
    Malformed(String, char),
    /// A character that some clients take for the end of a line or of a value, or pass over.
    #[error("a line of it has a control character or an invisible mark, which clients read differently")]
    Hidden,
    /// A setting whose value does not fit its type.
    #[error("its line of {0} is no number")]
    NoNumber(String),
    /// Bytes that are no characters in its encoding.
    #[error("its text is damaged: some bytes are no characters")]
    Damaged,
    /// More to sign than a reader takes.
    #[error("{0}")]
    TooLarge(String),
}

/// File that is ready for its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToSign {
    file: RdpFile,
    /// Bytes that the signature is over.
    pub content: Vec<u8>,
}

impl ToSign {
    /// Prepares a file: takes an old signature out, adds the `alternate full address` that a client compares with the
    /// address, and lists what is signed. The text becomes UTF-16 with a byte order mark, as mstsc itself writes it.
    pub fn of(file: &RdpFile) -> Result<Self, Unsignable> {
        let own = |line: &&Line| !["signature", "signscope"].iter().any(|name| is_of(line, name));
        let mut lines: Vec<Line> = file.lines.iter().filter(own).map(trimmed).collect();
        if lines.iter().any(|line| line.text().contains(char::REPLACEMENT_CHARACTER)) {
            return Err(Unsignable::Damaged);
        }
        // a carriage return, a NUL or a byte order mark within a line: some clients go on behind it, some stop
        if lines.iter().any(|line| printable(&line.text()) != line.text()) {
            return Err(Unsignable::Hidden);
        }
        let value = |name: &str| lines.iter().find(|line| is_of(line, name)).and_then(value_of);
        let address = value("full address").filter(|text| !text.is_empty()).ok_or(Unsignable::NoAddress)?.to_owned();
        if value("alternate full address").is_none() {
            lines.push(setting("alternate full address", address));
        }
        let mut scope = Vec::new();
        for (name, kind) in SIGNED {
            let named: Vec<&Line> = lines.iter().filter(|line| is_of(line, name)).collect();
            match named.as_slice() {
                [] => {}
                [Line::Setting { kind: 'i', value, .. }] if *kind == 'i' && value.trim().parse::<i32>().is_err() => {
                    return Err(Unsignable::NoNumber(name.to_lowercase()));
                }
                [Line::Setting { kind: found, .. }] if found == kind => scope.push(*name),
                [_] => return Err(Unsignable::Malformed(name.to_lowercase(), *kind)),
                _ => return Err(Unsignable::Repeated(printable(&name.to_lowercase()))),
            }
        }
        let scope = scope.join(",");
        let mut file = RdpFile { encoding: Encoding::Utf16 { mark: true, big: false }, lines };
        let content = signed_bytes(&file, &scope).map_err(Unsignable::TooLarge)?;
        file.lines.push(setting("signscope", scope));
        Ok(Self { file, content })
    }

    /// Puts in the signature, a detached CMS `SignedData` over the content.
    pub fn with(mut self, signed_data: &[u8]) -> RdpFile {
        let length = u32::try_from(signed_data.len()).unwrap_or(u32::MAX);
        let header: Vec<u8> = [HEADER.0, HEADER.1, length].iter().flat_map(|number| number.to_le_bytes()).collect();
        let text = STANDARD.encode([header.as_slice(), signed_data].concat());
        let spaced: Vec<&str> = (0..text.len())
            .step_by(BASE64_LINE)
            .map(|start| &text[start..text.len().min(start + BASE64_LINE)])
            .collect();
        self.file.lines.push(setting("signature", spaced.join("  ") + "  "));
        self.file
    }
}

/// True if a client may take the line for this setting.
fn is_of(line: &Line, name: &str) -> bool {
    match line {
        Line::Setting { name: known, .. } => same_name(known, name),
        Line::Other(text) => text.split_once(':').is_some_and(|(known, _)| same_name(known, name)),
    }
}

fn value_of(line: &Line) -> Option<&str> {
    if let Line::Setting { value, .. } = line { Some(value) } else { None }
}

fn setting(name: &str, value: String) -> Line {
    Line::Setting { name: name.to_owned(), kind: 's', value }
}

/// Takes blanks from both ends: whether they belong to what is signed is not known.
fn trimmed(line: &Line) -> Line {
    Line::parse(line.text().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> RdpFile {
        RdpFile::parse(text.as_bytes()).unwrap()
    }

    fn text(content: &[u8]) -> String {
        let units: Vec<u16> = content.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16(&units).unwrap()
    }

    /// Scopes of published files: two of [MS-RDWR] section 4, and those of Remote Desktop Web Access for a desktop
    /// behind a gateway and for a program.
    const PUBLISHED: [&str; 4] = [
        "Full Address,Alternate Full Address,Use Redirection Server Name,Server Port,GatewayUsageMethod,\
         GatewayProfileUsageMethod,GatewayCredentialsSource,PromptCredentialOnce,Authentication Level,RedirectDrives,\
         RedirectPrinters,RedirectCOMPorts,RedirectSmartCards,RedirectClipboard,DevicesToRedirect,DrivesToRedirect,\
         LoadBalanceInfo",
        "Full Address,Alternate Full Address,Use Redirection Server Name,Server Port,GatewayUsageMethod,\
         GatewayProfileUsageMethod,GatewayCredentialsSource,PromptCredentialOnce,Alternate Shell,\
         RemoteApplicationProgram,RemoteApplicationMode,RemoteApplicationName,RemoteApplicationCmdLine,\
         Authentication Level,RedirectDrives,RedirectPrinters,RedirectCOMPorts,RedirectSmartCards,RedirectClipboard,\
         DevicesToRedirect,DrivesToRedirect,LoadBalanceInfo",
        "Full Address,Alternate Full Address,Use Redirection Server Name,Server Port,GatewayHostname,\
         GatewayUsageMethod,GatewayProfileUsageMethod,GatewayCredentialsSource,PromptCredentialOnce,RedirectDrives,\
         RedirectPrinters,RedirectCOMPorts,RedirectSmartCards,RedirectClipboard,DevicesToRedirect,DrivesToRedirect,\
         LoadBalanceInfo",
        "Full Address,Alternate Full Address,Use Redirection Server Name,Server Port,GatewayUsageMethod,\
         GatewayProfileUsageMethod,GatewayCredentialsSource,PromptCredentialOnce,Alternate Shell,\
         RemoteApplicationProgram,RemoteApplicationMode,RemoteApplicationName,RemoteApplicationCmdLine,RedirectDrives,\
         RedirectPrinters,RedirectCOMPorts,RedirectSmartCards,RedirectClipboard,DevicesToRedirect,DrivesToRedirect,\
         LoadBalanceInfo",
    ];

    #[test]
    fn what_is_signed_has_the_order_and_the_spelling_of_published_files() {
        for scope in PUBLISHED {
            // in small letters and the other way round, as nobody signs it
            let settings = scope.rsplit(',').map(|name| {
                let kind = SIGNED.iter().find(|(known, _)| *known == name).unwrap().1;
                let value = if kind == 'i' { "1" } else { "a.corp.example" };
                format!("{}:{kind}:{value}\r\n", name.to_lowercase())
            });
            let ready = ToSign::of(&file(&settings.collect::<String>())).unwrap();
            let content = text(&ready.content);
            assert!(content.starts_with("full address:s:a.corp.example\r\nalternate full address:s:"), "{content}");
            assert!(content.ends_with(&format!("signscope:s:{scope}\r\n\0")), "{content}");
        }
    }

    #[test]
    fn the_alternate_address_is_added_and_the_old_signature_goes() {
        let ready =
            ToSign::of(&file("Full Address:s: a \nsignscope:s:x\nsignature:s:AA==\nscreen mode id:i:2\n")).unwrap();
        assert_eq!(
            text(&ready.content),
            "Full Address:s: a\r\nalternate full address:s: a\r\nsignscope:s:Full Address,Alternate Full Address\r\n\0"
        );
        let signed = ready.with(&[0; 100]);
        let lines: Vec<String> = signed.lines.iter().map(Line::text).collect();
        assert_eq!(lines.len(), 5);
        let value = lines[4].strip_prefix("signature:s:AQABAAEAAABkAAAA").unwrap();
        assert_eq!((value.len(), value.matches("  ").count()), (64 * 2 + 24 - 16 + 6, 3), "{value}");
        assert_eq!(signed.encode()[..2], [0xFF, 0xFE]);
    }

    #[test]
    fn a_file_that_may_be_read_in_two_ways_is_not_signed() {
        let refused = |text: &str| ToSign::of(&file(text)).unwrap_err();
        assert_eq!(refused("server port:i:1\n"), Unsignable::NoAddress);
        assert_eq!(refused("full address:s:\n"), Unsignable::NoAddress);
        assert_eq!(refused("full address:s:a\nFULL ADDRESS:s:b\n"), Unsignable::Repeated("full address".to_owned()));
        assert_eq!(
            refused("full address:s:a\nserver port:s:1\n"),
            Unsignable::Malformed("server port".to_owned(), 'i')
        );
        assert_eq!(
            refused("full address:s:a\nserver port=1: \nserver port:1\n"),
            Unsignable::Malformed("server port".to_owned(), 'i')
        );
        assert_eq!(
            refused("full address:s:a\nserver port:i:99999999999\n"),
            Unsignable::NoNumber("server port".to_owned())
        );
        for hidden in [
            "full address:s:good\rfull address:s:evil\n",
            "full address:s:good\0.evil\n",
            "full address:s:a\n\u{feff}full address:s:b\n",
        ] {
            assert_eq!(refused(hidden), Unsignable::Hidden, "{hidden:?}");
        }
        let damaged = RdpFile::parse(b"\xFF\xFEf\0u\0l\0l\0 \0a\0d\0d\0r\0e\0s\0s\0:\0s\0:\0\x00\xD8").unwrap();
        assert_eq!(ToSign::of(&damaged), Err(Unsignable::Damaged));
    }
}
