//! The fixes: one file each, one explicit list.
//!
//! A fix says what it changes, how safe that is and why, how a probe verifies it and how it is undone. Its steps are
//! data ([`change`]): [`powershell`] writes them as commands, [`apply`] does them to a recorded state.
//! Nothing here is carried out.

pub mod apply;
pub mod change;
mod given;
#[cfg(test)]
mod laws;
pub mod powershell;
mod shell;

// fixes: modules
mod allow_encryption_oracle;
mod allow_logons;
mod allow_nla_off;
mod bind_certificate;
mod clear_certificate_binding;
mod correct_clock;
mod correct_xrdp_tls;
mod delete_licensing_grace;
mod delete_personal_certificates;
mod disable_antivirus;
mod disable_tls13;
mod enable_listener;
mod enable_remote_desktop;
mod enable_tls12;
mod exempt_from_inspection;
mod fetch_rdp_file_again;
mod find_program_on_port;
mod flush_dns;
mod grant_remote_desktop_logon;
mod ignore_server_identity;
mod install_update;
mod let_xrdp_read_its_key;
mod limit_rdp_addresses;
mod listen_on_all_adapters;
mod lower_interface_mtu;
mod make_gnome_certificate;
mod make_xrdp_certificate;
mod offer_tls_in_xrdp;
mod open_firewall_for_rdp;
mod open_linux_firewall_for_rdp;
mod raise_outstanding_connections;
mod register_spn;
mod reinstall_rdp_from_winsxs;
mod remove_hosts_entry;
mod remove_shell_extensions;
mod rename_machine_keys;
mod renew_rdp_certificate;
mod repair_machine_keys_access;
mod repair_rdp_file;
mod repair_system_files;
mod replace_rdp_key_container;
mod require_nla;
mod require_tls;
mod reset_cipher_order;
mod restart_services;
mod set_listener_port;
mod set_xrdp_ciphers;
mod set_xrdp_port;
mod set_xrdp_tls_versions;
mod share_key_with_xrdp;
mod sign_rdp_file;
mod start_services;
mod swap_gnome_files;
mod swap_xrdp_files;
mod try_another_client;
mod upgrade_edition;
mod use_fitting_xrdp_file;
mod wake_host;

use schemars::JsonSchema;
use serde::Serialize;

use change::{Change, Place, Step};
pub use given::Given;

/// How safe a fix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Meaning kept, reversible.
    Safe,
    /// Reversible; cuts sessions, restarts something, or keeps some clients out.
    Disruptive,
    /// Lowers security: only for a short time, as the last way.
    Weakening,
    /// Exact steps for a person.
    Manual,
    /// Does harm or mends nothing: without steps, and never offered. It is here to say why, and what to do instead.
    Refused,
}

impl Safety {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Disruptive => "disruptive",
            Self::Weakening => "weakening",
            Self::Manual => "manual",
            Self::Refused => "refused",
        }
    }
}

/// Something that helps.
#[derive(Debug)]
pub struct Fix {
    /// Its public name, never reused.
    pub id: &'static str,
    /// Its effect, as an imperative.
    pub title: &'static str,
    /// How safe it is.
    pub safety: Safety,
    /// Why it is that safe.
    pub reason: &'static str,
    /// Where the steps are done.
    pub place: Place,
    /// Everything that is looked at, asked and changed, in order.
    pub steps: &'static [Step],
    /// Sight of a probe when it has worked.
    pub verify: &'static str,
    /// How to go back.
    pub undo: &'static str,
}

impl Fix {
    /// Returns the changes that it makes, in order, those that a person decides about among them.
    pub fn changes(&self) -> impl Iterator<Item = &'static Change> + use<> {
        self.steps.iter().flat_map(Step::changes)
    }

    /// True if it mends a server of Linux, and no Windows.
    pub fn is_of_linux(&self) -> bool {
        matches!(self.place.machine, change::Machine::Xrdp | change::Machine::Gnome)
    }

    /// True if it mends what a name leads to: of no use to whoever goes by an address.
    pub fn is_about_names(&self) -> bool {
        self.changes().any(|change| *change == Change::ForgetNames)
    }

    /// True if it mends only the certificate that Windows makes for itself, or its key: one from an authority is
    /// renewed there.
    pub fn is_of_windows_own(&self) -> bool {
        self.changes().any(Change::is_of_windows_own)
    }
}

/// Every fix, by name.
pub const ALL: &[&Fix] = &[
    // fixes: list
    &allow_encryption_oracle::FIX,
    &allow_logons::FIX,
    &allow_nla_off::FIX,
    &bind_certificate::FIX,
    &clear_certificate_binding::FIX,
    &correct_clock::FIX,
    &correct_xrdp_tls::FIX,
    &delete_licensing_grace::FIX,
    &delete_personal_certificates::FIX,
    &disable_antivirus::FIX,
    &disable_tls13::FIX,
    &enable_listener::FIX,
    &enable_remote_desktop::FIX,
    &enable_tls12::FIX,
    &exempt_from_inspection::FIX,
    &fetch_rdp_file_again::FIX,
    &find_program_on_port::FIX,
    &flush_dns::FIX,
    &remove_hosts_entry::FIX,
    &grant_remote_desktop_logon::FIX,
    &ignore_server_identity::FIX,
    &install_update::FIX,
    &let_xrdp_read_its_key::FIX,
    &limit_rdp_addresses::FIX,
    &listen_on_all_adapters::FIX,
    &lower_interface_mtu::FIX,
    &make_gnome_certificate::FIX,
    &make_xrdp_certificate::FIX,
    &offer_tls_in_xrdp::FIX,
    &open_firewall_for_rdp::FIX,
    &open_linux_firewall_for_rdp::FIX,
    &raise_outstanding_connections::FIX,
    &register_spn::FIX,
    &reinstall_rdp_from_winsxs::FIX,
    &remove_shell_extensions::FIX,
    &rename_machine_keys::FIX,
    &renew_rdp_certificate::FIX,
    &repair_machine_keys_access::FIX,
    &repair_rdp_file::FIX,
    &repair_system_files::FIX,
    &replace_rdp_key_container::FIX,
    &require_nla::FIX,
    &require_tls::FIX,
    &reset_cipher_order::FIX,
    &restart_services::FIX,
    &set_listener_port::FIX,
    &set_xrdp_port::FIX,
    &set_xrdp_ciphers::FIX,
    &set_xrdp_tls_versions::FIX,
    &share_key_with_xrdp::FIX,
    &swap_xrdp_files::FIX,
    &swap_gnome_files::FIX,
    &use_fitting_xrdp_file::FIX,
    &sign_rdp_file::FIX,
    &start_services::FIX,
    &try_another_client::FIX,
    &upgrade_edition::FIX,
    &wake_host::FIX,
];

/// The fix of this id.
pub fn find(id: &str) -> Option<&'static Fix> {
    ALL.iter().find(|fix| fix.id == id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fix_is_complete_and_used() {
        for fix in ALL {
            assert_eq!(ALL.iter().filter(|other| other.id == fix.id).count(), 1, "{}: the id is taken twice", fix.id);
            assert!(!fix.undo.is_empty() && !fix.verify.is_empty() && !fix.reason.is_empty(), "{}", fix.id);
            let (refused, named) = (fix.safety == Safety::Refused, crate::causes::ALL.iter());
            let named = named.filter(|cause| cause.fixes.contains(&fix.id)).count();
            assert_eq!(named == 0, refused, "{}: named by {named} causes", fix.id);
            assert_eq!(fix.steps.is_empty(), refused, "{}: steps", fix.id);
        }
    }

    #[test]
    fn a_refused_fix_has_a_claim_that_says_what_to_do_instead() {
        for fix in ALL.iter().filter(|fix| fix.safety == Safety::Refused) {
            let asked: Vec<_> = crate::claims::asking_for(fix.id).collect();
            assert!(!asked.is_empty(), "{}: nobody asks for it", fix.id);
            assert!(asked.iter().all(|claim| claim.instead.is_some()), "{}: and instead?", fix.id);
        }
    }

    /// Whatever is pasted: a sentence has to be a comment, and a command must not.
    #[test]
    fn sentences_and_commands_are_told_apart() {
        let sentence = |text: &str| {
            let first = text.split([' ', ',']).next().unwrap_or_default().trim_end_matches(':');
            let mut letters = first.chars();
            letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
                && letters.all(|letter| letter.is_ascii_lowercase())
        };
        for fix in ALL {
            for line in powershell::lines(fix, &Given::NOTHING) {
                let told = line.strip_prefix("# ");
                assert_eq!(told.is_some(), sentence(told.unwrap_or(&line)), "{}: {line}", fix.id);
                let end = ['.', '?', ':', ')'];
                assert!(told.is_none_or(|text| text.ends_with(end)), "a sentence without its end: {line}");
                assert!(!line.contains("{host}") && !line.contains("{port}"), "{}: {line}", fix.id);
            }
        }
    }

    /// A person who decides has to read what the data say.
    #[test]
    fn a_sentence_names_the_changes_that_it_stands_for() {
        let decided = ALL.iter().flat_map(|fix| fix.steps).filter_map(|step| match step {
            Step::Decide(text, changes) => Some((*text, *changes)),
            _ => None,
        });
        let mut seen = 0;
        for (text, change) in decided.flat_map(|(text, changes)| changes.iter().map(move |change| (text, change))) {
            seen += 1;
            let said = match change {
                Change::SetValue(value) => {
                    let data = match value.data {
                        change::Data::Dword(number) => number.to_string(),
                        change::Data::Text(data) | change::Data::Expandable(data) => data.to_owned(),
                    };
                    [" ", " to "].iter().any(|between| text.contains(&format!("{}{between}{data}", value.name)))
                        || text.contains(value.name) && text.contains(&format!("set it to {data}"))
                }
                Change::Enable { service, start: 2 } => text.contains(&format!("{service}: Automatic")),
                Change::Enable { .. } => text.contains("Manual"),
                Change::Grant(_, grants) => grants.iter().all(|(account, _)| text.contains(account.sid())),
                Change::Run(run) => text.contains(run.line),
                _ => false,
            };
            assert!(said, "{text}: {change:?}");
        }
        assert_eq!(seen, 15);
    }

    #[test]
    fn a_fix_is_as_safe_as_its_changes() {
        for fix in ALL {
            let cuts = fix.changes().any(Change::cuts_sessions);
            assert!(!cuts || fix.safety != Safety::Safe, "{}: it cuts sessions", fix.id);
            let follows =
                fix.steps.iter().filter_map(|step| if let Step::Then(id, _) = step { Some(*id) } else { None });
            for id in follows {
                assert_eq!(find(id).map(|next| next.safety), Some(fix.safety), "{}: then {id}", fix.id);
            }
        }
    }

    #[test]
    fn nothing_weakens_before_something_else_was_tried() {
        for cause in crate::causes::ALL {
            let first = cause.fixes.first().and_then(|id| find(id));
            assert!(
                first.is_none_or(|fix| fix.safety != Safety::Weakening),
                "{} begins with a weakening fix",
                cause.id
            );
        }
    }

    /// Numbers of events are not unique: in the System log 1055 and 1058 are mostly those of Group Policy.
    #[test]
    fn the_system_log_is_asked_by_provider() {
        let commands = crate::causes::ALL.iter().map(|cause| cause.page.command.to_owned());
        for text in ALL.iter().flat_map(|fix| powershell::texts(fix)).chain(commands) {
            assert!(!text.contains("LogName='System'") || text.contains("ProviderName"), "{text}");
        }
    }

    /// Writing below HKLM, to services, the firewall or key files fails without, and half done is worse than not begun.
    #[test]
    fn a_fix_that_needs_an_administrator_says_so() {
        for fix in ALL {
            let needed = fix.changes().any(Change::takes_administrator);
            assert!(!needed || fix.place.rights == change::Rights::Elevated, "{}", fix.id);
            let said = ["as administrator", "as root"].iter().any(|words| fix.place.words().contains(words));
            assert_eq!(said, fix.place.rights == change::Rights::Elevated, "{}", fix.id);
            let cuts = fix.changes().any(Change::cuts_sessions);
            assert!(!cuts || fix.place.console, "{}: it cuts the session that it is run in", fix.id);
        }
    }

    #[test]
    fn what_is_changed_was_shown_before() {
        for fix in ALL {
            let steps = powershell::texts(fix);
            let before = |step: usize, what: &str| steps[..step].iter().any(|text| text.contains(what));
            for (number, text) in steps.iter().enumerate() {
                let address = text.contains("-RemoteAddress");
                assert!(!address || before(number, "Get-NetFirewallAddressFilter"), "{}: {text}", fix.id);
                // on a registry key that exists, -Force throws its values away
                assert!(!text.contains("New-Item $k -Force") || text.contains("Test-Path"), "{}: {text}", fix.id);
            }
        }
    }
}
