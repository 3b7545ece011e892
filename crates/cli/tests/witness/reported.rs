//! Hosts after public reports, each of a kind that the generated ones do not have. Each client of the witness judges
//! them, and the law holds as for all others.

use super::client::{self, CLIENTS};
use super::hosts::{Description, Host, playable};
use super::verdict;

/// A report, and the host as it tells of it.
const HOSTS: &[(&str, &str)] = &[
    // certificates of version 1, as `openssl x509 -req` makes them: rustls and its kin do not take them
    ("https://github.com/rustls/webpki/issues/29", r#"{"version_1": true}"#),
    ("https://github.com/rustls/webpki/issues/29", r#"{"version_1": true, "max": "1.2"}"#),
    // a Windows 7 that signs with SHA-1 in TLS 1.2 as well, which OpenSSL 3 refuses at its security level
    ("https://github.com/FreeRDP/FreeRDP/issues/7839", r#"{"sha1": true, "max": "1.2"}"#),
    // a Server 2008 with 1024 bits of DHE: FreeRDP wants /tls-seclevel:0
    ("https://github.com/FreeRDP/FreeRDP/issues/11039", r#"{"dh": true, "max": "1.2", "ciphers": "DHE+AESGCM"}"#),
    // a CHALLENGE without names, as of devices that have no domain
    ("https://github.com/CloudSoda/go-smb2/pull/70", r#"{"target_info": false}"#),
    // a Windows XP or Server 2003, which cannot negotiate
    ("https://github.com/FreeRDP/FreeRDP/issues/2893", r#"{"answer": "0300000b06d00000123400"}"#),
    // an X.224 message that is no Connection Confirm: a Disconnect Request
    ("https://github.com/FreeRDP/FreeRDP/pull/9040", r#"{"answer": "0300000b06800000123400"}"#),
    // a certificate on a curve in an xrdp that has suites of RSA alone
    (
        "https://github.com/neutrinolabs/xrdp/issues/1776",
        r#"{"key": "p256", "max": "1.2", "ciphers": "aRSA", "protocols": 1}"#,
    ),
    // a proxy that fails on a client's first words behind TLS
    ("https://github.com/FreeRDP/FreeRDP/issues/6170", r#"{"protocols": 1, "settings": "close"}"#),
    // a server without TLS that says so, and ends the session behind it
    (
        "https://github.com/FreeRDP/FreeRDP/pull/2397",
        r#"{"answer": "030000130ed0000012340003000800020000000300000902f0802180"}"#,
    ),
    // a Server 2008 with TLS 1.0 alone, which has Standard RDP Security as well
    (
        "https://github.com/FreeRDP/FreeRDP/issues/8987",
        r#"{"min": "1.0", "max": "1.0", "ciphers": "ALL:@SECLEVEL=0", "protocols": 1, "standard": true}"#,
    ),
    // a GNOME whose second stage wants RDSTLS of who was redirected
    ("https://github.com/Anduin2017/AnduinOS/issues/94", r#"{"selects": 4}"#),
    // a multiplexer of protocols that hands what it does not know to SSH
    ("https://github.com/yrutschle/sslh/issues/259", r#"{"answer": "5353482d322e302d4f70656e5353485f392e320d0a"}"#),
    // a CHALLENGE, or an answer to the hello, that takes nearly as long as the whole time-out
    ("https://github.com/GlassHaven/Haven/issues/109", r#"{"credssp_delay": 3.8}"#),
    ("https://github.com/GlassHaven/Haven/issues/109", r#"{"tls_delay": 3.0}"#),
    // a balancer that lets in whoever names a user, whichever
    (
        "https://www.haproxy.com/documentation/aloha/12-0/deployment-guides/remote-desktop/without-connection-broker/",
        r#"{"cookie": true}"#,
    ),
];

#[test]
fn the_program_and_the_witness_agree_on_reported_hosts() {
    if !playable() {
        return;
    }
    let mut wrong = Vec::new();
    for (source, text) in HOSTS {
        let description = Description { text: (*text).to_owned(), by_name: false };
        for offers in &CLIENTS {
            let host = Host::start(&description);
            let (told, blocking, connections) = verdict(&host, None, offers.profile);
            let witness = client::reach_the_prompt(host.port, None, offers);
            let line = format!(
                "{} {text} ({source}): {told} {blocking:?} in {connections}, witness {witness:?}",
                offers.profile
            );
            eprintln!("{line}");
            if (told == "healthy" && witness.is_err()) || (!blocking.is_empty() && witness.is_ok()) {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{} disagree:\n{}", wrong.len(), wrong.join("\n"));
}
