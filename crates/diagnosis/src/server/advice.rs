//! Advice for servers that are none of Windows: what to look at, and what to do, where a cause shows on the wire.

use evidence::{Role, Stage};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Guess, Program};
use crate::cause::{Cause, Confidence};

/// Advice in place of that for Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Advice {
    /// How to be sure.
    pub confirm: &'static str,
    /// Command that shows it, for a shell on the host; it only reads.
    pub command: &'static str,
    /// Steps to take.
    pub how_to_fix: &'static str,
}

/// Writes the path of the certificate that xrdp takes, for a shell: the one that is set, or else the usual one.
macro_rules! certificate {
    () => {
        r#""$(grep -m1 -oP '^\s*certificate\s*=\s*\K/.*\S' /etc/xrdp/xrdp.ini || echo /etc/xrdp/cert.pem)""#
    };
}

/// Writes the path of its key likewise.
macro_rules! key {
    () => {
        r#""$(grep -m1 -oP '^\s*key_file\s*=\s*\K/.*\S' /etc/xrdp/xrdp.ini || echo /etc/xrdp/key.pem)""#
    };
}

const CERTIFICATES: &[&str] = &[
    "certificate-expired",
    "certificate-not-yet-valid",
    "certificate-name-mismatch",
    "certificate-weak",
    "certificate-wrong-usage",
    "certificate-untrusted",
    "certificate-key-mismatch",
];
const TLS: &[&str] =
    &["tls-version-mismatch", "tls-cipher-mismatch", "tls13-refused", "tls-refused", "private-key-unusable"];
const SECURITY: &[&str] = &["standard-security-only", "negotiation-disabled", "broken-negotiation"];
/// Causes for which the log of the server says more than any setting.
const SERVICE: &[&str] = &[
    "listener-overloaded",
    "connections-refused-at-times",
    "handshakes-fail-at-times",
    "closed-on-negotiation",
    "tls-stalled",
    "credssp-broken",
    "credssp-error-status",
    "settings-refused",
    "setup-fails-at-times",
];

/// Advice by program and cause.
const ALL: &[(Program, &[&str], Advice)] = &[
    (
        Program::Xrdp,
        CERTIFICATES,
        Advice {
            confirm: "Subject, dates and names that openssl prints are those that this report shows.",
            command: concat!(
                "grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini; ",
                "openssl x509 -noout -subject -dates -ext subjectAltName -in ",
                certificate!()
            ),
            how_to_fix: "On the host, \"sudo rdpdoctor fix\" shows what its files show and what it would change. By \
                         hand: put a certificate and its key into the files that certificate and key_file in \
                         /etc/xrdp/xrdp.ini name (the user of xrdp has to be able to read both), and restart xrdp.",
        },
    ),
    (
        Program::Xrdp,
        TLS,
        Advice {
            confirm: "xrdp's log names the reason at the moment of the attempt; ssl_protocols and tls_ciphers say \
                      what it takes.",
            command: concat!(
                "grep -E '^(ssl_protocols|tls_ciphers|certificate|key_file)' /etc/xrdp/xrdp.ini; ",
                "grep -iE 'ssl|tls|cipher' /var/log/xrdp.log | tail -20; openssl x509 -noout -text -in ",
                certificate!(),
                " | grep -A1 'Public Key Algorithm'"
            ),
            how_to_fix: "If the key of the certificate is of a kind that the client lacks (Ed25519, RSA-PSS, P-521), make \
                         a certificate with an RSA key. Else set ssl_protocols=TLSv1.2, TLSv1.3 in /etc/xrdp/xrdp.ini, \
                         leave tls_ciphers at its default. Restart xrdp.",
        },
    ),
    (
        Program::Xrdp,
        SECURITY,
        Advice {
            confirm: "security_layer says what xrdp negotiates.",
            command: "grep -E '^security_layer' /etc/xrdp/xrdp.ini; tail -20 /var/log/xrdp.log",
            how_to_fix: "On the host, \"sudo rdpdoctor fix\" shows what its files show and what it would change. By \
                         hand: set security_layer=negotiate (or tls) in /etc/xrdp/xrdp.ini, with a certificate and \
                         key that xrdp can read, and restart xrdp.",
        },
    ),
    (
        Program::Xrdp,
        SERVICE,
        Advice {
            confirm: "xrdp's log says what it did with the attempt, or does not have it at all.",
            command: "tail -40 /var/log/xrdp.log; journalctl -u xrdp -n 40 --no-pager",
            how_to_fix: "Do what the log asks for. If it says nothing, restart xrdp, and look at what is in front of it.",
        },
    ),
    (
        Program::FreeRdp,
        CERTIFICATES,
        Advice {
            confirm: "Subject and dates that openssl prints are those that this report shows.",
            command: "ps -C weston,gnome-remote-desktop-daemon,freerdp-shadow-cli -o user,args; \
                      openssl x509 -noout -subject -dates -in ~/.config/freerdp/shadow/shadow.crt",
            how_to_fix: "Replace certificate and key, and restart the server. weston is given them by --rdp-tls-cert \
                         and --rdp-tls-key, GNOME by grdctl rdp set-tls-cert and set-tls-key; FreeRDP shadow has \
                         them in ~/.config/freerdp/shadow.",
        },
    ),
    (
        Program::FreeRdp,
        SERVICE,
        Advice {
            confirm: "What the server prints at the moment of the attempt names the reason.",
            command: "ps -C weston,gnome-remote-desktop-daemon,freerdp-shadow-cli -o user,args; \
                      journalctl -n 40 --no-pager | grep -iE 'freerdp|weston|remote-desktop'",
            how_to_fix: "Do what the server's output asks for. If it says nothing, restart the server, and look at \
                         what is in front of it.",
        },
    ),
];

/// Advice where the settings of an xrdp themselves show the cause.
const OF_SETTINGS: &[(&str, Advice)] = &[
    (
        "private-key-unusable",
        Advice {
            confirm: "The account that xrdp runs as has to be able to read the file, and to pass every folder above it.",
            command: concat!("ps -C xrdp -o user:20,args; id xrdp; namei -l ", certificate!(), " ", key!()),
            how_to_fix: "On the host, \"rdpdoctor fix --for private-key-unusable\" shows what it would change; with \
                         --apply it changes that, and \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "certificate-binding-stale",
        Advice {
            confirm: "Both files that certificate and key_file in /etc/xrdp/xrdp.ini name have to be there; where one \
                      is empty, xrdp takes /etc/xrdp/cert.pem and /etc/xrdp/key.pem.",
            command: concat!(
                "grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini; ls -lL ",
                certificate!(),
                " ",
                key!()
            ),
            how_to_fix: "Correct the path, if it was mistyped. Or \"rdpdoctor fix --for certificate-binding-stale\" on \
                         the host shows how it would make a new certificate; --apply does it, \"rdpdoctor undo\" \
                         goes back.",
        },
    ),
    (
        "certificate-key-mismatch",
        Advice {
            confirm: "Both commands print the same number where key and certificate belong together.",
            command: concat!(
                "openssl x509 -noout -pubkey -in ",
                certificate!(),
                " | sha256sum; openssl pkey -pubout -in ",
                key!(),
                " | sha256sum"
            ),
            how_to_fix: "Put the right key beside the certificate. Or \"rdpdoctor fix --for certificate-key-mismatch\" \
                         on the host shows how it would make a new pair; --apply does it, \"rdpdoctor undo\" goes \
                         back.",
        },
    ),
    (
        "certificate-expired",
        Advice {
            confirm: "openssl prints the day until which the certificate is valid.",
            command: concat!(
                "grep -E '^certificate' /etc/xrdp/xrdp.ini; openssl x509 -noout -subject -enddate -in ",
                certificate!()
            ),
            how_to_fix: "Renew a certificate from an authority there. Else \"rdpdoctor fix --for certificate-expired\" \
                         on the host shows how it would make a new one; --apply does it, \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "tls-version-mismatch",
        Advice {
            confirm: "ssl_protocols names the versions that xrdp takes, to the letter: TLSv1.2, TLSv1.3.",
            command: "grep -nE '^(ssl_protocols|tls_ciphers)' /etc/xrdp/xrdp.ini; \
                      grep -iE 'ssl|tls' /var/log/xrdp.log | tail -20",
            how_to_fix: "On the host, \"rdpdoctor fix --for tls-version-mismatch\" shows what it would change; with \
                         --apply it changes that, and \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "standard-security-only",
        Advice {
            confirm: "security_layer says what xrdp negotiates: rdp means no TLS.",
            command: "grep -E '^security_layer' /etc/xrdp/xrdp.ini",
            how_to_fix: "On the host, \"rdpdoctor fix --for standard-security-only\" shows what it would change; with \
                         --apply it changes that, and \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "port-closed",
        Advice {
            confirm: "port in the section [Globals] has to be a number from 1 to 65535, or an address with one.",
            command: "grep -n '^port' /etc/xrdp/xrdp.ini; ss -ltnp | grep xrdp",
            how_to_fix: "On the host, \"rdpdoctor fix --for port-closed\" shows what it would change; with --apply it \
                         changes that, and \"rdpdoctor undo\" goes back.",
        },
    ),
];

/// Advice for what is read on a machine with Linux, and no fix of xrdp mends.
const OF_LINUX: &[(&str, Advice)] = &[
    (
        "listener-port-taken",
        Advice {
            confirm: "The list names the program that listens on the port; xrdp is not among them.",
            command: "sudo ss -ltnp; grep -n '^port' /etc/xrdp/xrdp.ini; systemctl status xrdp --no-pager",
            how_to_fix: "Stop that program or give it another port, then start xrdp (systemctl start xrdp). Or give xrdp \
                         another port in /etc/xrdp/xrdp.ini, start it, and name that port in the client (HOST:PORT).",
        },
    ),
    (
        "service-stopped",
        Advice {
            confirm: "Both have to run: xrdp takes the connections, xrdp-sesman starts the sessions.",
            command: "systemctl status xrdp xrdp-sesman --no-pager; tail -20 /var/log/xrdp.log /var/log/xrdp-sesman.log",
            how_to_fix: "Start them: systemctl enable --now xrdp xrdp-sesman. If one ends again at once, its log names \
                         the reason.",
        },
    ),
    (
        "firewall-blocks-rdp",
        Advice {
            confirm: "The tool in charge (ufw, firewalld, else nftables) lists a rule that keeps everybody out of the port, \
                      or none that lets anybody in.",
            command: "sudo ufw status verbose; sudo firewall-cmd --list-all; sudo nft list ruleset | grep -A20 'hook input'",
            how_to_fix: "On the host, \"sudo rdpdoctor fix --for firewall-blocks-rdp --addresses 192.0.2.0/24\", with the \
                         addresses that are to get in, shows the rule that it would add by that tool; with --apply it \
                         adds it, and \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "disk-full",
        Advice {
            confirm: "The disk that holds /, /var/log or /tmp has no space left.",
            command: "df -h / /var /var/log /tmp; df -i / /var /var/log /tmp",
            how_to_fix: "Delete or move what fills it: large logs (journalctl --vacuum-size=200M), caches of packages, \
                         old kernels, files of people. Then restart xrdp.",
        },
    ),
];

/// Advice where this machine itself, with Linux, shows the cause to a client on it.
const OF_THIS_MACHINE: &[(&str, Advice)] = &[(
    "port-closed",
    Advice {
        confirm: "The list names whatever listens, with its port; both services of xrdp have to be active.",
        command: "sudo ss -ltnp; systemctl status xrdp xrdp-sesman --no-pager; grep -n '^port' /etc/xrdp/xrdp.ini",
        how_to_fix: "Start it: systemctl enable --now xrdp xrdp-sesman; the desktop sharing of GNOME is switched on in its \
                     settings. If it listens on another port, name that one (127.0.0.1:PORT). \"sudo rdpdoctor fix\" \
                     shows what the files of xrdp show and what it would change.",
    },
)];

/// Advice where the settings of GNOME Remote Desktop show the cause.
const OF_GNOME: &[(&str, Advice)] = &[
    (
        "private-key-unusable",
        Advice {
            confirm: "The person who shares the desktop, or the account gnome-remote-desktop for remote login, has to be \
                      able to read both files.",
            command: "grdctl status; ls -lL ~/.local/share/gnome-remote-desktop",
            how_to_fix: "Give the files to that account (chown), with the key for it alone (chmod 600). Or, in the \
                         session of the person whose desktop it is, \"rdpdoctor fix --for private-key-unusable\" \
                         shows how it would make a new pair; --apply does it, \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "certificate-binding-stale",
        Advice {
            confirm: "TLS certificate and TLS key have to name files that are there.",
            command: "grdctl status; ls -lL ~/.local/share/gnome-remote-desktop",
            how_to_fix: "Set files that are there: grdctl rdp set-tls-cert FILE and grdctl rdp set-tls-key FILE (with \
                         --system for remote login). Switching remote desktop off and on in the settings of GNOME \
                         makes new ones. So does, in that person's session, \"rdpdoctor fix --for \
                         certificate-binding-stale --apply\", and \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "certificate-key-mismatch",
        Advice {
            confirm: "Both commands print the same number where key and certificate belong together.",
            command: "grdctl status; openssl x509 -noout -pubkey -in CERTIFICATE | sha256sum; \
                      openssl pkey -pubout -in KEY | sha256sum",
            how_to_fix: "Set a certificate with its own key: grdctl rdp set-tls-cert FILE and grdctl rdp set-tls-key FILE \
                         (with --system for remote login). Or, in that person's session, \"rdpdoctor fix --for \
                         certificate-key-mismatch\" shows how it would make a new pair; --apply does it.",
        },
    ),
    (
        "certificate-expired",
        Advice {
            confirm: "openssl prints the day until which the certificate is valid.",
            command: "grdctl status; openssl x509 -noout -subject -enddate -in CERTIFICATE",
            how_to_fix: "Set a new certificate with its key: grdctl rdp set-tls-cert FILE and grdctl rdp set-tls-key FILE \
                         (with --system for remote login). Or, in that person's session, \"rdpdoctor fix --for \
                         certificate-expired\" shows how it would make a new pair; --apply does it.",
        },
    ),
    (
        "remote-desktop-disabled",
        Advice {
            confirm: "Status has to be enabled, and something has to listen on port 3389.",
            command: "grdctl status; systemctl --user status gnome-remote-desktop --no-pager; ss -ltn",
            how_to_fix: "Switch it on: Settings, System, Remote Desktop; or grdctl rdp enable, with a certificate, a key \
                         and credentials set by grdctl.",
        },
    ),
];

/// Reasons how a machine without Windows gets into such a state.
const WHY: &[(&str, &str)] = &[
    (
        "private-key-unusable",
        "The file belongs to another account or group, whoever renewed it gave it other rights, or a folder above it is \
         closed to the account that the server runs as.",
    ),
    (
        "certificate-binding-stale",
        "The path in the settings was mistyped, or the file was renewed under another name, moved or deleted.",
    ),
    (
        "certificate-key-mismatch",
        "A certificate was renewed with a new key and only one of the two files was replaced, or the settings name the \
         files of two pairs.",
    ),
    (
        "certificate-expired",
        "Nobody renews the certificate that was made with the installation, or what renews it has stopped or does not \
         restart the server.",
    ),
    (
        "tls-version-mismatch",
        "ssl_protocols in the settings names versions that the server does not know, or none that the client speaks; or \
         one of the two is too old for what the other still allows.",
    ),
    ("standard-security-only", "security_layer says rdp, or the server cannot use its certificate and key."),
    ("port-closed", "The port in the settings was mistyped, the server does not run, or a firewall refuses."),
    (
        "service-stopped",
        "It was stopped, was never enabled, or ended with an error, such as a port that another program holds.",
    ),
    (
        "listener-port-taken",
        "A web server, a tunnel, a container or another server for RDP was set to the port and started first.",
    ),
    (
        "firewall-blocks-rdp",
        "Nobody opened the port when the server was set up, the server was given another port, or a rule was written \
         against attacks from everywhere.",
    ),
    ("disk-full", "Logs, packages, containers or files of people have filled it."),
    ("remote-desktop-disabled", "It is off until somebody switches it on in the settings or with grdctl."),
];

/// Returns how a machine without Windows gets into such a state.
pub fn why(cause: &Cause) -> Option<&'static str> {
    WHY.iter().find(|(id, _)| *id == cause.id).map(|(_, why)| *why)
}

/// Returns the advice for a cause that was read on a machine with Linux: of GNOME Remote Desktop, or of xrdp.
pub fn of_settings(cause: &Cause, gnome: bool) -> Option<Advice> {
    let own = if gnome { OF_GNOME } else { OF_SETTINGS };
    own.iter().chain(OF_LINUX).find(|(id, _)| *id == cause.id).map(|(_, advice)| *advice)
}

/// Returns the advice for a cause that this machine, with Linux, shows itself.
pub fn of_this_machine(cause: &Cause) -> Option<Advice> {
    OF_THIS_MACHINE.iter().find(|(id, _)| *id == cause.id).map(|(_, advice)| *advice)
}

/// Returns the advice for a cause where the server is most likely none of Windows, and there is advice of its own.
pub fn advice(guess: &Guess, cause: &Cause) -> Option<Advice> {
    let on_the_wire = cause.role == Role::Host && cause.stage < Stage::Host;
    if !on_the_wire || guess.confidence > Confidence::Likely {
        return None;
    }
    let mut fitting = ALL.iter().filter(|(program, causes, _)| *program == guess.program && causes.contains(&cause.id));
    fitting.next().map(|(_, _, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes;
    use crate::fixes::change::Machine;
    use evidence::Because;

    fn guess(program: Program, confidence: Confidence) -> Guess {
        Guess { program, confidence, because: Because { observation: 1, text: String::new() } }
    }

    #[test]
    fn every_cause_in_it_exists_and_shows_on_the_wire() {
        for (program, list, _) in ALL {
            for id in *list {
                let cause = causes::find(id).unwrap_or_else(|| panic!("{id}"));
                assert!(advice(&guess(*program, Confidence::Likely), cause).is_some(), "{id}");
            }
        }
    }

    #[test]
    fn advice_of_settings_names_causes_that_a_fix_of_that_server_helps() {
        let of_gnome = OF_GNOME.iter().filter(|(id, _)| *id != "remote-desktop-disabled");
        let of_xrdp = OF_SETTINGS.iter().map(|advice| (Machine::Xrdp, advice));
        for (server, (id, advice)) in of_xrdp.chain(of_gnome.map(|advice| (Machine::Gnome, advice))) {
            let cause = causes::find(id).unwrap_or_else(|| panic!("{id}"));
            let helps = |fix: &&str| crate::fixes::find(fix).is_some_and(|fix| fix.place.machine == server);
            assert!(cause.fixes.iter().any(helps), "{id}");
            assert!(advice.how_to_fix.contains(&format!("rdpdoctor fix --for {id}")), "{id}");
        }
    }

    #[test]
    fn files_of_xrdp_are_those_that_its_settings_name() {
        let of_wire = ALL.iter().filter(|(program, ..)| *program == Program::Xrdp).map(|(.., advice)| advice);
        for advice in of_wire.chain(OF_SETTINGS.iter().map(|(_, advice)| advice)) {
            for usual in ["/etc/xrdp/cert.pem", "/etc/xrdp/key.pem"] {
                let by_default = advice.command.matches(&format!("|| echo {usual}")).count();
                assert_eq!(advice.command.matches(usual).count(), by_default, "{}", advice.command);
            }
        }
    }

    #[test]
    fn windows_and_a_mere_possibility_have_none() {
        let cause = causes::find("certificate-expired").unwrap();
        assert_eq!(advice(&guess(Program::Windows, Confidence::Likely), cause), None);
        assert_eq!(advice(&guess(Program::Xrdp, Confidence::Possible), cause), None);
        let inside = causes::find("service-stopped").unwrap();
        assert_eq!(advice(&guess(Program::Xrdp, Confidence::Likely), inside), None);
    }
}
