//! The causes: one file each, one explicit list.
//!
//! A new cause is a new file and two lines here (`cargo xtask new cause NAME` writes both), and a scenario in the lab.

use crate::cause::Cause;

pub use rdp_file_misconfigured::faults as rdp_file_faults;

// causes: modules
mod account_disabled;
mod account_expired;
mod account_locked;
mod account_restricted;
mod broken_negotiation;
mod brute_force_flood;
mod certificate_binding_stale;
mod certificate_expired;
mod certificate_key_mismatch;
mod certificate_key_wrong_type;
mod certificate_missing;
mod certificate_name_mismatch;
mod certificate_not_yet_valid;
mod certificate_renewal_failing;
pub(crate) mod certificate_untrusted;
mod certificate_weak;
mod certificate_wrong_usage;
mod cipher_order_policy;
mod client_certificate_required;
mod client_tls12_disabled;
mod client_update_regression;
mod clock_skew;
mod closed_on_negotiation;
mod connections_refused_at_times;
mod credssp_broken;
mod credssp_client_refused;
mod credssp_error_status;
mod credssp_unpatched;
mod disk_full;
mod dropped_after_accept;
mod edition_without_remote_desktop;
mod encryption_oracle_policy;
mod entra_authentication_required;
mod fips_mode_forced;
mod firewall_blocks_rdp;
mod handshakes_fail_at_times;
mod high_latency;
mod host_unreachable;
mod host_was_off;
mod hosts_file_overrides_dns;
mod ipv6_path_broken;
mod key_container_orphaned;
mod licensing_grace_expired;
mod listener_disabled;
mod listener_overloaded;
mod listener_patched;
mod listener_port_taken;
mod listener_silent;
mod logon_failure;
mod logon_hours;
mod logon_right_missing;
mod logons_disabled;
mod low_bandwidth;
mod machine_keys_unwritable;
mod machine_renamed;
mod name_not_found;
mod name_points_elsewhere;
mod name_server_failure;
mod name_server_silent;
mod name_server_unreachable;
mod name_sinkholed;
mod negotiation_disabled;
mod network_filter_present;
mod nla_required;
mod not_an_rdp_service;
mod ntlm_blocked;
mod one_client_fails;
mod outbound_firewall_blocks;
mod outstanding_connections_limit;
mod packet_loss;
mod password_expired;
mod path_mtu_black_hole;
mod port_closed;
mod port_filtered;
mod private_key_unusable;
mod rdp_file_misconfigured;
mod rdp_file_signature_broken;
mod reboot_pending;
mod remote_desktop_disabled;
mod security_layer_inconsistent;
mod server_name_refused;
mod server_tls_setup_failed;
mod service_crashing;
mod service_stopped;
mod settings_refused;
mod setup_fails_at_times;
mod split_answers;
mod spn_missing;
mod stale_saved_credential;
mod standard_security_only;
mod system_files_damaged;
mod tls12_disabled;
mod tls13_refused;
mod tls_blocked_on_path;
mod tls_cipher_mismatch;
mod tls_intercepted;
mod tls_refused;
mod tls_required;
mod tls_stalled;
mod tls_version_mismatch;
mod trust_broken;
mod udp_blocked;
mod unstable_path;
mod update_regression;
mod workstation_restricted;
mod wrong_search_suffix;

/// Every cause, in the order in which a connection meets them.
pub const ALL: &[&Cause] = &[
    // causes: list
    &name_not_found::CAUSE,
    &name_server_failure::CAUSE,
    &name_server_unreachable::CAUSE,
    &name_server_silent::CAUSE,
    &name_sinkholed::CAUSE,
    &hosts_file_overrides_dns::CAUSE,
    &wrong_search_suffix::CAUSE,
    &name_points_elsewhere::CAUSE,
    &split_answers::CAUSE,
    &ipv6_path_broken::CAUSE,
    &host_unreachable::CAUSE,
    &port_filtered::CAUSE,
    &port_closed::CAUSE,
    &dropped_after_accept::CAUSE,
    &listener_silent::CAUSE,
    &listener_overloaded::CAUSE,
    &connections_refused_at_times::CAUSE,
    &not_an_rdp_service::CAUSE,
    &closed_on_negotiation::CAUSE,
    &nla_required::CAUSE,
    &tls_required::CAUSE,
    &standard_security_only::CAUSE,
    &certificate_missing::CAUSE,
    &client_certificate_required::CAUSE,
    &negotiation_disabled::CAUSE,
    &entra_authentication_required::CAUSE,
    &broken_negotiation::CAUSE,
    &path_mtu_black_hole::CAUSE,
    &packet_loss::CAUSE,
    &high_latency::CAUSE,
    &unstable_path::CAUSE,
    &low_bandwidth::CAUSE,
    &udp_blocked::CAUSE,
    &handshakes_fail_at_times::CAUSE,
    &server_tls_setup_failed::CAUSE,
    &server_name_refused::CAUSE,
    &tls13_refused::CAUSE,
    &private_key_unusable::CAUSE,
    &tls_blocked_on_path::CAUSE,
    &tls_version_mismatch::CAUSE,
    &tls_cipher_mismatch::CAUSE,
    &tls_stalled::CAUSE,
    &certificate_key_mismatch::CAUSE,
    &tls_intercepted::CAUSE,
    &tls_refused::CAUSE,
    &certificate_expired::CAUSE,
    &certificate_not_yet_valid::CAUSE,
    &certificate_name_mismatch::CAUSE,
    &certificate_wrong_usage::CAUSE,
    &certificate_weak::CAUSE,
    &certificate_untrusted::CAUSE,
    &machine_renamed::CAUSE,
    &clock_skew::CAUSE,
    &credssp_unpatched::CAUSE,
    &credssp_error_status::CAUSE,
    &credssp_broken::CAUSE,
    &settings_refused::CAUSE,
    &setup_fails_at_times::CAUSE,
    &ntlm_blocked::CAUSE,
    &account_locked::CAUSE,
    &account_disabled::CAUSE,
    &account_expired::CAUSE,
    &account_restricted::CAUSE,
    &logon_hours::CAUSE,
    &workstation_restricted::CAUSE,
    &password_expired::CAUSE,
    &logon_right_missing::CAUSE,
    &trust_broken::CAUSE,
    &logon_failure::CAUSE,
    &edition_without_remote_desktop::CAUSE,
    &remote_desktop_disabled::CAUSE,
    &rdp_file_misconfigured::CAUSE,
    &rdp_file_signature_broken::CAUSE,
    &host_was_off::CAUSE,
    &service_crashing::CAUSE,
    &certificate_renewal_failing::CAUSE,
    &security_layer_inconsistent::CAUSE,
    &licensing_grace_expired::CAUSE,
    &outstanding_connections_limit::CAUSE,
    &brute_force_flood::CAUSE,
    &spn_missing::CAUSE,
    &encryption_oracle_policy::CAUSE,
    &listener_disabled::CAUSE,
    &listener_port_taken::CAUSE,
    &service_stopped::CAUSE,
    &system_files_damaged::CAUSE,
    &disk_full::CAUSE,
    &reboot_pending::CAUSE,
    &firewall_blocks_rdp::CAUSE,
    &logons_disabled::CAUSE,
    &listener_patched::CAUSE,
    &certificate_binding_stale::CAUSE,
    &certificate_key_wrong_type::CAUSE,
    &key_container_orphaned::CAUSE,
    &machine_keys_unwritable::CAUSE,
    &tls12_disabled::CAUSE,
    &cipher_order_policy::CAUSE,
    &fips_mode_forced::CAUSE,
    &credssp_client_refused::CAUSE,
    &one_client_fails::CAUSE,
    &client_tls12_disabled::CAUSE,
    &outbound_firewall_blocks::CAUSE,
    &network_filter_present::CAUSE,
    &stale_saved_credential::CAUSE,
    &update_regression::CAUSE,
    &client_update_regression::CAUSE,
];

/// Finds the cause of this id.
pub fn find(id: &str) -> Option<&'static Cause> {
    ALL.iter().find(|cause| cause.id == id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_complete() {
        for cause in ALL {
            assert_eq!(
                ALL.iter().filter(|other| other.id == cause.id).count(),
                1,
                "{}: the id is taken twice",
                cause.id
            );
            assert!(cause.proofs.iter().all(|proof| !proof.needs.is_empty()), "{}: a proof needs nothing", cause.id);
            assert!(cause.proofs.iter().any(|p| p.shows == crate::Shows::Absence), "{}: cannot be ruled out", cause.id);
            assert!(!cause.page.references.is_empty() && !cause.page.command.is_empty(), "{}: page", cause.id);
            for fix in cause.fixes {
                assert!(crate::fixes::find(fix).is_some(), "{}: no fix {fix}", cause.id);
            }
            for link in cause.explains {
                assert!(find(link.cause).is_some(), "{}: explains the unknown {}", cause.id, link.cause);
            }
        }
    }
}
