//! Words for the results of a survey.

use diagnosis::report::{Survey, SurveyedFlags, SurveyedVersion};

/// Returns lines of a label and a value, for people.
pub(super) fn lines(survey: &Survey) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let protocols = survey.protocols;
    for (label, known) in [
        ("Standard RDP Security", protocols.standard),
        ("TLS alone", protocols.tls),
        ("CredSSP (NLA)", protocols.credssp),
        ("CredSSP, early answer", protocols.credssp_early_authorization),
        ("RDSTLS", protocols.rdstls),
        ("Entra (RDSAAD)", protocols.entra),
    ] {
        lines.push((label, word(known, "yes", "no").to_owned()));
    }
    if let Some(flags) = survey.announced {
        lines.push(("announces", announced(flags)));
    }
    for version in &survey.tls {
        let label = match version.version.as_str() {
            "1.3" => "TLS 1.3",
            "1.2" => "TLS 1.2",
            "1.1" => "TLS 1.1",
            _ => "TLS 1.0",
        };
        lines.push((label, taken(version)));
        for (label, list) in [("  groups", &version.groups), ("  signatures", &version.signatures)] {
            if !list.is_empty() {
                lines.push((label, list.join(", ")));
            }
        }
    }
    lines
}

fn word(known: Option<bool>, yes: &'static str, no: &'static str) -> &'static str {
    known.map_or("not known", |known| if known { yes } else { no })
}

fn announced(flags: SurveyedFlags) -> String {
    let known = [
        (flags.restricted_admin, "Restricted Admin"),
        (flags.remote_credential_guard, "Remote Credential Guard"),
        (flags.graphics_pipeline, "graphics pipeline"),
        (flags.extended_client_data, "extended client data"),
    ];
    let names: Vec<_> = known.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn taken(version: &SurveyedVersion) -> String {
    if version.accepted != Some(true) {
        return word(version.accepted, "accepted", "refused").to_owned();
    }
    let prime = version.prime_bits.map_or(String::new(), |bits| format!(" (prime of DHE: {bits} bits)"));
    format!("{}{prime}", version.suites.join(", "))
}
