//! The fixes: one file each, one explicit list.
//!
//! A fix says what it changes, how safe that is and why, how a probe verifies it and how it is undone. Nothing here is
//! carried out: these are steps for a person.

// fixes: modules
mod allow_encryption_oracle;
mod allow_logons;
mod allow_nla_off;
mod bind_certificate;
mod clear_certificate_binding;
mod correct_clock;
mod delete_licensing_grace;
mod delete_personal_certificates;
mod disable_antivirus;
mod disable_tls13;
mod enable_listener;
mod enable_remote_desktop;
mod enable_tls12;
mod exempt_from_inspection;
mod flush_dns;
mod ignore_server_identity;
mod install_update;
mod listen_on_all_adapters;
mod open_firewall_for_rdp;
mod raise_outstanding_connections;
mod register_spn;
mod reinstall_rdp_from_winsxs;
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
mod sign_rdp_file;
mod start_services;
mod try_another_client;
mod upgrade_edition;
mod wake_host;

use schemars::JsonSchema;
use serde::Serialize;

/// How safe a fix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Meaning kept, reversible.
    Safe,
    /// Reversible; cuts sessions or restarts.
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
    /// What it does, as an imperative.
    pub title: &'static str,
    /// How safe it is.
    pub safety: Safety,
    /// Why it is that safe.
    pub reason: &'static str,
    /// Where the steps are done.
    pub place: &'static str,
    /// PowerShell commands or instructions, in order. Words in capitals are to be replaced.
    pub steps: &'static [&'static str],
    /// What a probe sees when it has worked.
    pub verify: &'static str,
    /// How to go back.
    pub undo: &'static str,
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
    &delete_licensing_grace::FIX,
    &delete_personal_certificates::FIX,
    &disable_antivirus::FIX,
    &disable_tls13::FIX,
    &enable_listener::FIX,
    &enable_remote_desktop::FIX,
    &enable_tls12::FIX,
    &exempt_from_inspection::FIX,
    &flush_dns::FIX,
    &ignore_server_identity::FIX,
    &install_update::FIX,
    &listen_on_all_adapters::FIX,
    &open_firewall_for_rdp::FIX,
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

/// A step as a line that may be pasted: a sentence becomes a comment of PowerShell.
pub fn pasted(step: &str) -> String {
    if sentence(step) { format!("# {step}") } else { step.to_owned() }
}

/// Sentences begin with a word of capital and small letters; commands with a verb and its noun, a variable or a program.
fn sentence(step: &str) -> bool {
    let first = step.split([' ', ',']).next().unwrap_or_default().trim_end_matches(':');
    let mut letters = first.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && letters.all(|letter| letter.is_ascii_lowercase())
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

    #[test]
    fn sentences_and_commands_are_told_apart() {
        for step in ALL.iter().flat_map(|fix| fix.steps) {
            assert!(!step.ends_with('.') || sentence(step), "{step}");
            assert!(!sentence(step) || step.ends_with(['.', '?', ':', ')']), "a sentence without its end: {step}");
        }
        assert_eq!(pasted("If it is off, stop."), "# If it is off, stop.");
        assert_eq!(pasted("DISM /Online"), "DISM /Online");
        assert_eq!(pasted("Get-Service TermService"), "Get-Service TermService");
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
        let commands = crate::causes::ALL.iter().map(|cause| cause.page.command);
        for text in ALL.iter().flat_map(|fix| fix.steps.iter().copied()).chain(commands) {
            assert!(!text.contains("LogName='System'") || text.contains("ProviderName"), "{text}");
        }
    }

    /// What writes below HKLM, to services, the firewall or key files fails without, and half done is worse than not begun.
    #[test]
    fn a_fix_that_needs_an_administrator_says_so() {
        let writes =
            ["Set-ItemProperty", "New-ItemProperty", "Remove-ItemProperty", "-Service ", "Set-NetFirewallRule"];
        for fix in ALL {
            let needed = fix.steps.iter().any(|text| writes.iter().any(|write| text.contains(write)));
            assert!(!needed || fix.place.contains("elevated"), "{}", fix.id);
        }
    }

    #[test]
    fn what_is_changed_was_shown_before() {
        for fix in ALL {
            let before = |step: usize, what: &str| fix.steps[..step].iter().any(|text| text.contains(what));
            for (number, text) in fix.steps.iter().enumerate() {
                let address = text.contains("-RemoteAddress");
                assert!(!address || before(number, "Get-NetFirewallAddressFilter"), "{}: {text}", fix.id);
                // on a registry key that exists, -Force throws its values away
                assert!(!text.contains("New-Item $k -Force") || text.contains("Test-Path"), "{}: {text}", fix.id);
            }
        }
    }
}
