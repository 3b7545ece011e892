//! Changes of a machine with Linux as commands for its shell.

use super::change::{Change, NEW_CERTIFICATE, NEW_KEY};

/// Returns a change of Linux as a command; a change of Windows has none here.
pub(super) fn command(change: &Change) -> String {
    match change {
        Change::SetXrdp { name, value } => {
            // only in [Globals]: sessions further down have ports of their own
            format!("sed -i '/^\\[Globals\\]/,/^\\[/s|^{name}=.*|{name}={value}|' /etc/xrdp/xrdp.ini")
        }
        Change::JoinKeyGroup => "usermod -aG {group} {user}".to_owned(),
        Change::MakeXrdpCertificate => format!(
            "umask 027; openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj \"/CN=$(hostname)\" -addext \"subjectAltName=DNS:$(hostname)\" \
             -keyout {NEW_KEY} \
             -out {NEW_CERTIFICATE} && chgrp $(id -gn {{user}}) {NEW_KEY} {NEW_CERTIFICATE}"
        ),
        Change::RestartUnit(name) => format!("systemctl restart {name} || service {name} restart"),
        _ => String::new(),
    }
}
