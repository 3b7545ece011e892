//! Changes of a machine with Linux as commands for its shell.

use super::change::{Change, NEW_CERTIFICATE, NEW_GNOME_CERTIFICATE, NEW_GNOME_KEY, NEW_KEY};

/// Finds the files of xrdp's certificate and key, `$c` and `$k`: those that are set, else the usual ones.
const PAIR: &str = r#"of() { sed -nE "/^\[Globals\]/I,/^\[/s/^$1 *= *(.*[^[:space:]]).*/\1/Ip" /etc/xrdp/xrdp.ini | tail -1; }; c=$(of certificate | tr -d "\"'"); k=$(of key_file | tr -d "\"'"); c=${c:-/etc/xrdp/cert.pem}; k=${k:-/etc/xrdp/key.pem}"#;

/// Returns a change of Linux as a command; a change of Windows has none here.
pub(super) fn command(change: &Change) -> String {
    match change {
        Change::SetXrdp { name, value } => {
            // only in [Globals]: sessions further down have ports of their own
            format!("sed -i '/^\\[Globals\\]/I,/^\\[/{{/^{name} *=/Id}};/^\\[Globals\\]/Ia {name}={value}' /etc/xrdp/xrdp.ini")
        }
        Change::JoinKeyGroup => "usermod -aG {group} {user}".to_owned(),
        Change::ShareKey => format!(
            "{PAIR}; for file in \"$c\" \"$k\"; do \
             runuser -u {{user}} -- test -r \"$file\" || {{ chgrp $(id -gn {{user}}) \"$file\"; chmod g=r,o= \"$file\"; }}; done"
        ),
        Change::SwapXrdpFiles => format!(
            "{PAIR}; sed -i -E \"/^\\[Globals\\]/I,/^\\[/{{/^(certificate|key_file) *=/Id}};\
             /^\\[Globals\\]/Ia certificate=$k\\nkey_file=$c\" /etc/xrdp/xrdp.ini"
        ),
        Change::UseFittingFile => format!(
            "{PAIR}; for file in \"$(dirname \"$c\")\"/* \"$(dirname \"$k\")\"/*; do \
             [ \"$(openssl pkey -pubout -in \"$file\" 2>/dev/null)\" = \"$(openssl x509 -noout -pubkey -in \"$c\")\" ] && \
             sed -i -E \"/^\\[Globals\\]/I,/^\\[/{{/^(certificate|key_file) *=/Id}};/^\\[Globals\\]/Ia certificate=$c\\nkey_file=$file\" \
             /etc/xrdp/xrdp.ini && break; done"
        ),
        Change::MakeXrdpCertificate => format!(
            "umask 027; openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj \"/CN=$(hostname)\" -addext \"subjectAltName=DNS:$(hostname)\" \
             -keyout {NEW_KEY} \
             -out {NEW_CERTIFICATE} && chgrp $(id -gn {{user}}) {NEW_KEY} {NEW_CERTIFICATE}"
        ),
        Change::OpenLinuxFirewall => "if ufw status | grep -q '^Status: active'; then \
             ufw allow proto tcp from {addresses} to any port {port}; elif firewall-cmd --state; then \
             for how in '' --permanent; do firewall-cmd $how --add-rich-rule='rule family=\"ipv4\" \
             source address=\"{addresses}\" port port=\"{port}\" protocol=\"tcp\" accept'; done; else nft list ruleset; fi"
            .to_owned(),
        Change::SetGnome { name, value } => format!("grdctl rdp set-{name} {value}"),
        Change::SwapGnomeFiles => "of() { gsettings get org.gnome.desktop.remote-desktop.rdp \"$1\" | \
             sed -E \"s/^'(.*)'$/\\1/\"; }; c=$(of tls-cert); k=$(of tls-key); \
             grdctl rdp set-tls-cert \"$k\"; grdctl rdp set-tls-key \"$c\""
            .to_owned(),
        Change::MakeGnomeCertificate => format!(
            "umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj \"/CN=$(hostname)\" -addext \"subjectAltName=DNS:$(hostname)\" \
             -keyout {NEW_GNOME_KEY} \
             -out {NEW_GNOME_CERTIFICATE}"
        ),
        Change::RestartGnome => "grdctl rdp disable; sleep 1; grdctl rdp enable".to_owned(),
        Change::RestartUnit(name) => format!("systemctl restart {name} || service {name} restart"),
        _ => String::new(),
    }
}
