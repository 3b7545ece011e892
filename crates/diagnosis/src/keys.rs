//! The machine's certificates and private keys, as recorded.

use evidence::fact::Fact;
use evidence::key_names::{
    LEGACY_PROVIDERS, MACHINE_KEYS, bare, is_cng, key_digits, own_key_file_name, split_key_name,
};
use evidence::moment::moment;
use evidence::printable::printable;
use evidence::security::{NETWORK_SERVICE, READ, allows};
use evidence::state::{
    CRYPTOGRAPHY, KeyFile, LISTENER, LogEvent, POLICY, ROOT, RegistryData, STORE_MY, STORE_REMOTE_DESKTOP,
    StoredCertificate,
};
use evidence::{Because, Role, SubjectId};
use time::OffsetDateTime;

use crate::case::{Case, Seen};
use crate::cause::Confidence;

/// Store of the certificates that Windows makes for Remote Desktop.
pub const REMOTE_DESKTOP: &str = "Remote Desktop";
/// Store of the machine's own certificates.
const MY: &str = "My";
/// Folder of CNG keys.
const KEYS: &str = "Keys";
/// `CERT_NCRYPT_KEY_SPEC`: marks a CNG key.
const NEWER_KEY: u32 = u32::MAX;
/// True for a key of a legacy provider, false for a CNG key, `None` where it cannot be told.
pub fn legacy(certificate: &StoredCertificate) -> Option<bool> {
    let provider = certificate.provider.as_deref()?;
    if is_cng(provider) || matches!(certificate.key_spec, Some(0 | NEWER_KEY)) {
        return Some(false);
    }
    LEGACY_PROVIDERS.iter().any(|known| known.eq_ignore_ascii_case(provider)).then_some(true)
}

/// Location of a certificate's key.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyPlace<'a> {
    /// The key is in this file.
    There(Seen<&'a KeyFile>),
    /// The key is missing: all files of the folder were listed, and none has this name.
    Gone(Seen<String>),
}

impl KeyPlace<'_> {
    /// True if the key is there, and the rights on its file let `TermService` read it.
    pub fn is_readable(&self) -> bool {
        let Self::There(file) = self else { return false };
        file.value.security.as_deref().and_then(|security| allows(security, NETWORK_SERVICE, READ)) == Some(true)
    }

    /// Gives the reason why `TermService` cannot use the key, and how sure that is; `None` where nothing shows it.
    pub fn out_of_reach(&self) -> Option<(Because, Confidence)> {
        match self {
            Self::There(file) => Some((closed(*file)?, Confidence::Proven)),
            Self::Gone(name) => {
                let text = format!(
                    "its key would lie in MachineKeys as {}, and no such file is there",
                    printable(&name.value)
                );
                Some((name.because(text), Confidence::Likely))
            }
        }
    }
}

/// Gives the reason if the rights on a key file do not let `TermService` in.
fn closed(file: Seen<&KeyFile>) -> Option<Because> {
    let security = file.value.security.as_deref()?;
    let text = || format!("NETWORK SERVICE may not read the key file {}: {security}", printable(&file.value.name));
    (!allows(security, NETWORK_SERVICE, READ)?).then(|| file.because(text()))
}

impl<'a> Case<'a> {
    /// Iterates over the certificates in the machine's stores, of each store by its newest list.
    pub fn stored_certificates(self) -> impl Iterator<Item = Seen<&'a StoredCertificate>> + 'a {
        let list = |path: &str| self.key(path).and_then(|key| self.source_of(key.id));
        let lists = [(MY, list(STORE_MY)), (REMOTE_DESKTOP, list(STORE_REMOTE_DESKTOP))];
        let all = self.machine().into_iter().flat_map(|machine| {
            machine.seen(|fact| if let Fact::StoredCertificate(certificate) = fact { Some(certificate) } else { None })
        });
        all.filter(move |seen| {
            let list = lists.iter().find(|(store, _)| *store == seen.value.store).and_then(|(_, source)| *source);
            list.is_none() || self.source_of(seen.id) == list
        })
    }

    /// Iterates over the authorities that the client's machine trusts, where exactly one client was recorded.
    pub fn trusted_by_client(self) -> impl Iterator<Item = Seen<&'a StoredCertificate>> + 'a {
        let recorded = |id: &SubjectId| {
            let who = &self.evidence.subjects[*id];
            who.role == Role::Client && who.address.is_none()
        };
        let mut clients = (0..self.evidence.subjects.len()).filter(recorded);
        let only = clients.next().filter(|_| clients.next().is_none());
        only.into_iter().flat_map(move |subject| {
            Self { subject, ..self }.seen(|fact| match fact {
                Fact::StoredCertificate(certificate) if certificate.store == ROOT => Some(certificate),
                _ => None,
            })
        })
    }

    /// Iterates over the private key files in the folder of legacy providers, and the folder itself.
    pub fn machine_keys(self) -> impl Iterator<Item = Seen<&'a KeyFile>> + 'a {
        self.key_files(MACHINE_KEYS)
    }

    /// Iterates over the files of a key folder by its newest list: files of an older list may be gone, or have other
    /// rights.
    fn key_files(self, folder: &'static str) -> impl Iterator<Item = Seen<&'a KeyFile>> + 'a {
        let all = self.machine().into_iter().flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::KeyFile(file) if file.folder.eq_ignore_ascii_case(folder) => Some(file),
                _ => None,
            })
        });
        let all: Vec<Seen<&KeyFile>> = all.collect();
        let list = all.iter().rfind(|seen| seen.value.name == ".").and_then(|list| self.source_of(list.id));
        all.into_iter().filter(move |seen| list.is_none() || self.source_of(seen.id) == list)
    }

    /// Returns that folder's own entry, present if it could be listed.
    pub fn key_folder(self) -> Option<Seen<&'a KeyFile>> {
        self.machine_keys().filter(|seen| seen.value.name == ".").last()
    }

    /// Returns Remote Desktop's key file that is the machine's own by its name; `None` also where that cannot be told.
    pub fn own_key_file(self) -> Option<Seen<&'a KeyFile>> {
        let name = self.own_key_name()?.value;
        self.machine_keys().find(|seen| seen.value.name.eq_ignore_ascii_case(&name))
    }

    /// Returns the name of that file on this machine.
    pub fn own_key_name(self) -> Option<Seen<String>> {
        let guid = self.machine_guid()?;
        Some(Seen { value: own_key_file_name(guid.value)?, id: guid.id })
    }

    /// Returns the MachineGuid, with which the names of its key files end; some write it in braces.
    fn machine_guid(self) -> Option<Seen<&'a str>> {
        let guid = self.text(CRYPTOGRAPHY, "MachineGuid")?;
        Some(Seen { value: bare(guid.value?)?, id: guid.id })
    }

    /// True if a file with this name lies in either folder of keys.
    pub fn has_key_file(self, name: &str) -> bool {
        let mut files = self.machine_keys().chain(self.key_files(KEYS));
        files.any(|seen| seen.value.name.eq_ignore_ascii_case(name))
    }

    /// Locates the key of a certificate of a legacy provider. A file with another machine's MachineGuid is not its own,
    /// and whether it still leads to the key is not known.
    pub fn key_of(self, certificate: &StoredCertificate) -> Option<KeyPlace<'a>> {
        let of_machine = legacy(certificate) == Some(true) && certificate.machine_key != Some(false);
        let container = certificate.container.as_deref().filter(|_| of_machine)?;
        let digits = key_digits(container)?;
        let name = format!("{digits}_{}", self.machine_guid()?.value);
        // a container may also be named by its unique name, which is that of the file
        let called =
            |file: &KeyFile| [name.as_str(), container].iter().any(|known| file.name.eq_ignore_ascii_case(known));
        if let Some(file) = self.machine_keys().find(|seen| called(seen.value)) {
            return Some(KeyPlace::There(file));
        }
        let foreign =
            |file: &KeyFile| split_key_name(&file.name).is_some_and(|(own, _)| own.eq_ignore_ascii_case(&digits));
        let elsewhere = self.machine_keys().any(|seen| foreign(seen.value));
        let folder = self.key_folder().filter(|seen| seen.value.left_out == 0 && !elsewhere)?;
        Some(KeyPlace::Gone(Seen { value: name, id: folder.id }))
    }

    /// Returns the thumbprint of the certificate bound to the listener, `Some(None)` where none is.
    pub fn bound_thumbprint(self) -> Option<Seen<Option<String>>> {
        self.listener_thumbprint("SSLCertificateSHA1Hash")
    }

    /// Returns the thumbprint of the template certificate that the listener uses, where a policy names a template and
    /// nothing is bound.
    pub fn template_thumbprint(self) -> Option<Seen<String>> {
        // Microsoft's text of the policy: a chosen certificate takes precedence over it
        self.bound_thumbprint()?.value.is_none().then_some(())?;
        self.value(POLICY, "CertTemplateName")?.value?;
        let named = self.listener_thumbprint("TemplateCertificate")?;
        Some(Seen { value: named.value?, id: named.id })
    }

    /// Returns the thumbprint of the certificate that somebody or a policy chose instead of Windows' own.
    pub fn configured_thumbprint(self) -> Option<String> {
        self.bound_thumbprint()?.value.or_else(|| self.template_thumbprint().map(|seen| seen.value))
    }

    fn listener_thumbprint(self, name: &str) -> Option<Seen<Option<String>>> {
        let value = self.value(LISTENER, name)?;
        let bound = value.value.and_then(|data| match data {
            RegistryData::Binary(hex) => Some(hex.to_ascii_lowercase()),
            _ => None,
        });
        Some(Seen { value: bound.filter(|hex| hex.chars().any(|digit| digit != '0')), id: value.id })
    }

    /// Returns the certificate that the listener shows, according to the records: the bound one, else the one from a
    /// template, else the one that Windows made.
    pub fn listener_certificate(self) -> Option<Seen<&'a StoredCertificate>> {
        self.bound_thumbprint()?;
        match self.configured_thumbprint() {
            Some(thumbprint) => self.stored(&thumbprint),
            None if self.windows_own_certificate() == Some(true) => self.made_by_windows(),
            None => None,
        }
    }

    /// Finds the certificate with this thumbprint in any store of the machine.
    pub fn stored(self, thumbprint: &str) -> Option<Seen<&'a StoredCertificate>> {
        self.stored_certificates().find(|seen| seen.value.sha1.eq_ignore_ascii_case(thumbprint))
    }

    /// Returns the certificate that Windows made for Remote Desktop, on which the listener falls back: the one that the
    /// listener names as such, else the newest.
    pub fn made_by_windows(self) -> Option<Seen<&'a StoredCertificate>> {
        let own = |seen: &Seen<&StoredCertificate>| {
            seen.value.store == REMOTE_DESKTOP && seen.value.subject == seen.value.issuer
        };
        let mut made = self.stored_certificates().filter(own);
        match self.listener_thumbprint("SelfSignedCertificate").and_then(|seen| seen.value) {
            Some(named) => made.find(|seen| seen.value.sha1.eq_ignore_ascii_case(&named)),
            None => made.max_by_key(|seen| moment(&seen.value.not_after)),
        }
    }

    /// Returns the listener's certificate where no handshake was seen: one that the host shows outweighs one in its
    /// store.
    pub fn recorded_certificate(self) -> Option<Seen<&'a StoredCertificate>> {
        self.listener_certificate().filter(|_| self.not_after().is_none())
    }

    /// False if an entry of Remote Connection Manager names another certificate than the one chosen now. Its binary
    /// part holds the thumbprint.
    pub fn may_be_about_configured(self, event: &LogEvent) -> bool {
        let named = event.data.get("Binary").filter(|hex| hex.len() == 40);
        named.zip(self.configured_thumbprint()).is_none_or(|(named, chosen)| named.eq_ignore_ascii_case(&chosen))
    }

    /// Returns when it was recorded, but no later than the attempt: later changes of the machine are not known.
    pub fn recorded_at(self, id: usize) -> OffsetDateTime {
        self.time_of(id).min(self.context.at)
    }

    /// True if the listener uses the certificate that Windows makes; `None` where that was not read: a group policy may
    /// make it use one from a template.
    pub fn windows_own_certificate(self) -> Option<bool> {
        let none_bound = self.bound_thumbprint()?.value.is_none();
        if !none_bound {
            return Some(false);
        }
        let template = self.value(POLICY, "CertTemplateName")?.value.is_some();
        let enrolled = self.value(LISTENER, "TemplateCertificate")?.value.is_some();
        Some(!template && !enrolled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Sketch, key_file, machine, stored};
    use evidence::state::{RegistryKey, State};

    const GUID: &str = "11111111-2222-3333-4444-555555555555";
    const CONTAINER: &str = "{0B6A1F2E-1111-4222-8333-123456789ABC}";

    fn certificate() -> StoredCertificate {
        StoredCertificate { container: Some(CONTAINER.to_owned()), ..stored("My") }
    }

    fn folder(left_out: u64, file: Option<&str>) -> Sketch {
        let machine = machine().value(CRYPTOGRAPHY, "MachineGuid", RegistryData::Text(GUID.to_owned()));
        let folder = machine.recorded(Fact::KeyFile(KeyFile { left_out, ..key_file(".", None) }));
        file.into_iter().fold(folder, |folder, name| folder.recorded(Fact::KeyFile(key_file(name, None))))
    }

    #[test]
    fn a_key_is_gone_only_from_a_folder_that_was_listed_whole() {
        let gone = |sketch: &Sketch, certificate: &StoredCertificate| {
            sketch.with_case(|case| case.key_of(certificate).map(|place| matches!(place, KeyPlace::Gone(_))))
        };
        let own = format!("50DD7F001693C375A50CBF792350ACDE_{GUID}");
        assert_eq!(gone(&folder(0, Some(&own)), &certificate()), Some(false));
        assert_eq!(gone(&folder(0, None), &certificate()), Some(true));
        assert_eq!(gone(&folder(1, None), &certificate()), None);
        assert_eq!(gone(&machine(), &certificate()), None);
        // or it has the name of the file itself
        let unique = StoredCertificate { container: Some(own.to_lowercase()), ..certificate() };
        assert_eq!(gone(&folder(0, Some(&own)), &unique), Some(false));
        let foreign = "50dd7f001693c375a50cbf792350acde_99999999-2222-3333-4444-555555555555";
        assert_eq!(gone(&folder(0, Some(foreign)), &certificate()), None);
        let newer = Some("Microsoft Software Key Storage Provider".to_owned());
        for elsewhere in [
            StoredCertificate { provider: newer, ..certificate() },
            StoredCertificate { provider: Some("Another Provider".to_owned()), ..certificate() },
            StoredCertificate { provider: None, ..certificate() },
            StoredCertificate { key_spec: Some(0), ..certificate() },
            StoredCertificate { machine_key: Some(false), ..certificate() },
            StoredCertificate { container: None, ..certificate() },
        ] {
            assert_eq!(gone(&folder(0, None), &elsewhere), None, "{elsewhere:?}");
        }
    }

    /// Files of an older recording may be gone or have other rights: the newer one counts, whichever was read first.
    #[test]
    fn of_two_recordings_the_newer_counts() {
        let rights = ["D:(A;;FA;;;SY)", "D:(A;;FR;;;NS)"];
        let recording = |number: usize, thumbprint: &str| State {
            computer: Some("SERVER01".to_owned()),
            taken_at: Some(format!("2026-11-{:02}T09:00:00Z", 19 + number)),
            registry: vec![
                RegistryKey {
                    path: CRYPTOGRAPHY.to_owned(),
                    exists: true,
                    values: [("MachineGuid".to_owned(), RegistryData::Text(format!("{{{GUID}}}")))].into(),
                },
                RegistryKey { path: STORE_MY.to_owned(), exists: true, values: std::collections::BTreeMap::new() },
            ],
            key_files: vec![
                key_file(".", None),
                key_file(&format!("{}{GUID}", evidence::key_names::RDP_KEY), Some(rights[number])),
            ],
            certificates: vec![StoredCertificate { sha1: thumbprint.repeat(20), ..stored("My") }],
            ..State::default()
        };
        for (first, second) in [(0, 1), (1, 0)] {
            let mut evidence = evidence::Evidence::default();
            let names = ["aa", "bb"];
            for number in [first, second] {
                let state = recording(number, names[number]);
                state.observe(&mut evidence, evidence::Source::File(number + 1), OffsetDateTime::UNIX_EPOCH);
            }
            let evidence = evidence.into_order();
            let sketch = machine();
            let case = Case { evidence: &evidence, subject: 0, context: sketch.context() };
            assert_eq!(case.own_key_file().unwrap().value.security.as_deref(), Some(rights[1]));
            assert!(case.stored(&"aa".repeat(20)).is_none() && case.stored(&"bb".repeat(20)).is_some());
        }
    }

    fn made(thumbprint: &str, issuer: &str, name: &str) -> StoredCertificate {
        let (sha1, issuer, subject) = (thumbprint.repeat(20), issuer.to_owned(), name.to_owned());
        StoredCertificate { sha1, subject, issuer, ..stored(REMOTE_DESKTOP) }
    }

    fn shown(sketch: &Sketch) -> Option<String> {
        sketch.with_case(|case| case.listener_certificate().map(|seen| seen.value.sha1[..2].to_owned()))
    }

    #[test]
    fn which_certificate_the_listener_shows() {
        let binary = |digits: &str| RegistryData::Binary(digits.repeat(20));
        let image = made("cc", "CN=IMAGE", "CN=IMAGE");
        let image = StoredCertificate { not_after: "2030-01-01T00:00:00Z".to_owned(), ..image };
        let issued = made("dd", "CN=Corp CA", "CN=SERVER01");
        let issued = StoredCertificate { not_after: "2031-01-01T00:00:00Z".to_owned(), ..issued };
        let of_template = StoredCertificate { sha1: "ee".repeat(20), ..stored("My") };
        let base = || {
            let all = [made("aa", "CN=SERVER01", "CN=SERVER01"), image.clone(), issued.clone(), of_template.clone()];
            let machine = machine().dword(LISTENER, "PortNumber", 3389).absent(POLICY);
            all.into_iter().fold(machine, |sketch, one| sketch.recorded(Fact::StoredCertificate(one)))
        };
        assert_eq!(shown(&base()).as_deref(), Some("cc"));
        let own = base().value(LISTENER, "SelfSignedCertificate", binary("AA"));
        assert_eq!(shown(&own).as_deref(), Some("aa"));
        // a certificate that is not in the store is not replaced by a guess
        assert_eq!(shown(&own.value(LISTENER, "SelfSignedCertificate", binary("bb"))), None);
        let named = RegistryData::Text("RemoteDesktopComputer".to_owned());
        let policy = base().value(POLICY, "CertTemplateName", named);
        assert_eq!(shown(&policy), None);
        let enrolled = policy.value(LISTENER, "TemplateCertificate", binary("ee"));
        assert_eq!(shown(&enrolled).as_deref(), Some("ee"));
        assert_eq!(shown(&base().value(LISTENER, "TemplateCertificate", binary("ee"))), None);
        let bound = enrolled.value(LISTENER, "SSLCertificateSHA1Hash", binary("dd"));
        assert_eq!(shown(&bound).as_deref(), Some("dd"));
    }
}
