//! The machine's certificates and private keys, as they were recorded.

use time::OffsetDateTime;

use crate::case::{Case, Seen};
use crate::evidence::{Role, SubjectId};
use crate::fact::Fact;
use crate::state::{CRYPTOGRAPHY, KeyFile, LISTENER, POLICY, ROOT, RegistryData, StoredCertificate, moment};

/// How the names of key files begin that belong to the container of Remote Desktop (`TSSecKeySet1`).
pub const RDP_KEY: &str = "f686aace6942fb7f7ceb231212eef4a4_";
/// The store of the certificates that Windows makes for Remote Desktop.
pub const REMOTE_DESKTOP: &str = "Remote Desktop";
/// The folder of keys of legacy providers.
pub const MACHINE_KEYS: &str = "MachineKeys";

impl<'a> Case<'a> {
    /// The certificates in the machine's stores.
    pub fn stored_certificates(self) -> impl Iterator<Item = Seen<&'a StoredCertificate>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(|machine| {
            machine.seen(|fact| if let Fact::StoredCertificate(certificate) = fact { Some(certificate) } else { None })
        })
    }

    /// The authorities that the client's machine itself trusts, where one client was recorded and no other.
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

    /// The private key files in the folder of legacy providers, and the folder itself.
    pub fn machine_keys(self) -> impl Iterator<Item = Seen<&'a KeyFile>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(|machine| {
            machine.seen(|fact| match fact {
                Fact::KeyFile(file) if file.folder.eq_ignore_ascii_case(MACHINE_KEYS) => Some(file),
                _ => None,
            })
        })
    }

    /// That folder itself: it stands there if all of it was listed.
    pub fn key_folder(self) -> Option<Seen<&'a KeyFile>> {
        self.machine_keys().find(|seen| seen.value.name == ".")
    }

    /// The key file of Remote Desktop that is the machine's own by its name; `None` also where that cannot be told.
    pub fn own_key_file(self) -> Option<Seen<&'a KeyFile>> {
        let name = self.own_key_name()?.value;
        self.machine_keys().find(|seen| seen.value.name.eq_ignore_ascii_case(&name))
    }

    /// How that file is called on this machine.
    pub fn own_key_name(self) -> Option<Seen<String>> {
        let guid = self.text(CRYPTOGRAPHY, "MachineGuid")?;
        Some(Seen { value: format!("{RDP_KEY}{}", guid.value?), id: guid.id })
    }

    /// The thumbprint of the certificate that is bound to the listener, `Some(None)` where none is.
    pub fn bound_thumbprint(self) -> Option<Seen<Option<String>>> {
        let value = self.value(LISTENER, "SSLCertificateSHA1Hash")?;
        let bound = value.value.and_then(|data| match data {
            RegistryData::Binary(hex) => Some(hex.to_ascii_lowercase()),
            _ => None,
        });
        Some(Seen { value: bound.filter(|hex| hex.chars().any(|digit| digit != '0')), id: value.id })
    }

    /// The certificate that the listener shows, by what was recorded: the one that is bound, else the newest that Windows
    /// made.
    pub fn listener_certificate(self) -> Option<Seen<&'a StoredCertificate>> {
        let (bound, mut stored) = (self.bound_thumbprint()?.value, self.stored_certificates());
        if let Some(bound) = bound {
            return stored.find(|seen| seen.value.sha1.eq_ignore_ascii_case(&bound));
        }
        let made = stored.filter(|seen| seen.value.store == REMOTE_DESKTOP);
        made.filter(|_| self.windows_own_certificate() == Some(true)).max_by_key(|seen| moment(&seen.value.not_after))
    }

    /// The same where no handshake was seen: what the host shows counts before what lay in its store.
    pub fn recorded_certificate(self) -> Option<Seen<&'a StoredCertificate>> {
        self.listener_certificate().filter(|_| self.not_after().is_none())
    }

    /// When it was recorded, and no later than the attempt: what a machine did since is not known.
    pub fn recorded_at(self, id: usize) -> OffsetDateTime {
        self.time_of(id).min(self.context.at)
    }

    /// True if the listener uses the certificate that Windows makes; `None` where that was not read: a group policy may have
    /// it use one from a template.
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
