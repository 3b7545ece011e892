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
            command: "grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini; \
                      openssl x509 -noout -subject -dates -ext subjectAltName -in /etc/xrdp/cert.pem",
            how_to_fix: "Put a certificate and its key into the files that certificate and key_file in \
                         /etc/xrdp/xrdp.ini name (the user of xrdp has to be able to read both), and restart xrdp.",
        },
    ),
    (
        Program::Xrdp,
        TLS,
        Advice {
            confirm: "xrdp's log names the reason at the moment of the attempt; ssl_protocols and tls_ciphers say \
                      what it takes.",
            command: "grep -E '^(ssl_protocols|tls_ciphers|certificate|key_file)' /etc/xrdp/xrdp.ini; \
                      grep -iE 'ssl|tls|cipher' /var/log/xrdp.log | tail -20",
            how_to_fix: "Set ssl_protocols=TLSv1.2, TLSv1.3 in /etc/xrdp/xrdp.ini, leave tls_ciphers at its default, \
                         and restart xrdp.",
        },
    ),
    (
        Program::Xrdp,
        SECURITY,
        Advice {
            confirm: "security_layer says what xrdp negotiates.",
            command: "grep -E '^security_layer' /etc/xrdp/xrdp.ini; tail -20 /var/log/xrdp.log",
            how_to_fix: "Set security_layer=negotiate (or tls) in /etc/xrdp/xrdp.ini, with a certificate and key that \
                         xrdp can read, and restart xrdp.",
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
            command: "ps -C xrdp -o user:20,args; id xrdp; \
                      namei -l $(grep -oP '^(certificate|key_file)=\\K/.+' /etc/xrdp/xrdp.ini) /etc/xrdp/key.pem",
            how_to_fix: "On the host, \"rdpdoctor fix --for private-key-unusable\" shows what it would change; with \
                         --apply it changes that, and \"rdpdoctor undo\" goes back.",
        },
    ),
    (
        "certificate-binding-stale",
        Advice {
            confirm: "Both files that certificate and key_file in /etc/xrdp/xrdp.ini name have to be there; where one \
                      is empty, xrdp takes /etc/xrdp/cert.pem and /etc/xrdp/key.pem.",
            command: "grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini; ls -lL /etc/xrdp/cert.pem /etc/xrdp/key.pem",
            how_to_fix: "Correct the path, if it was mistyped. Or \"rdpdoctor fix --for certificate-binding-stale\" on \
                         the host shows how it would make a new certificate; --apply does it, \"rdpdoctor undo\" \
                         goes back.",
        },
    ),
    (
        "certificate-key-mismatch",
        Advice {
            confirm: "Both commands print the same number where key and certificate belong together.",
            command: "openssl x509 -noout -pubkey -in /etc/xrdp/cert.pem | sha256sum; \
                      openssl pkey -pubout -in /etc/xrdp/key.pem | sha256sum",
            how_to_fix: "Put the right key beside the certificate. Or \"rdpdoctor fix --for certificate-key-mismatch\" \
                         on the host shows how it would make a new pair; --apply does it, \"rdpdoctor undo\" goes \
                         back.",
        },
    ),
    (
        "certificate-expired",
        Advice {
            confirm: "openssl prints the day until which the certificate is valid.",
            command: "grep -E '^certificate' /etc/xrdp/xrdp.ini; openssl x509 -noout -subject -enddate -in \
                      /etc/xrdp/cert.pem",
            how_to_fix: "Renew a certificate from an authority there. Else \"rdpdoctor fix --for certificate-expired\" \
                         on the host shows how it would make a new one; --apply does it, \"rdpdoctor undo\" goes back.",
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

/// Returns the advice for a cause that the settings of an xrdp show.
pub fn of_settings(cause: &Cause) -> Option<Advice> {
    OF_SETTINGS.iter().find(|(id, _)| *id == cause.id).map(|(_, advice)| *advice)
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
    fn advice_of_settings_names_causes_that_a_fix_of_xrdp_helps() {
        for (id, advice) in OF_SETTINGS {
            let cause = causes::find(id).unwrap_or_else(|| panic!("{id}"));
            let helps = |fix: &&str| crate::fixes::find(fix).is_some_and(crate::fixes::Fix::is_of_xrdp);
            assert!(cause.fixes.iter().any(helps), "{id}");
            assert!(advice.how_to_fix.contains(&format!("rdpdoctor fix --for {id}")), "{id}");
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
