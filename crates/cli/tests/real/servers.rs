//! xrdp, weston and FreeRDP's shadow server as people break them.

use std::fs;

use crate::support::certificate::{self, Identity};
use crate::support::folder::Folder;
use crate::support::server::on_free_port;
use crate::support::shadow::{self, Shadow};
use crate::support::xrdp::{self, Setup, Xrdp};
use crate::support::{command, programs};
use crate::table::{Row, none_wrong};

/// Key of another certificate beside this one.
fn mixed(folder: &Folder) -> Identity {
    let other = certificate::with_key(folder, "other", &["rsa:2048"]);
    Identity { key: other.key, ..certificate::healthy(folder) }
}

fn ed25519(folder: &Folder) -> Identity {
    certificate::with_key(folder, "ed25519", &["ed25519"])
}

fn p521(folder: &Folder) -> Identity {
    certificate::with_key(folder, "p521", &["ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"])
}

fn short(folder: &Folder) -> Identity {
    certificate::with_key(folder, "short", &["rsa:1024"])
}

fn without_key(folder: &Folder) -> Identity {
    Identity { key: folder.file("nothing.key"), ..certificate::healthy(folder) }
}

fn without_certificate(folder: &Folder) -> Identity {
    Identity { certificate: folder.file("nothing.crt"), ..certificate::healthy(folder) }
}

fn key_that_is_none(folder: &Folder) -> Identity {
    Identity { key: folder.write("text.key", "no key at all\n"), ..certificate::healthy(folder) }
}

const SETUP_FAILED: &[&str] = &["server-tls-setup-failed"];
const STANDARD_ALONE: &[&str] = &["standard-security-only"];

/// Maker of a certificate and its key.
type Make = fn(&Folder) -> Identity;
/// Causes of which the first finding is one.
type Causes = &'static [&'static str];
type Broken = (&'static str, Make, Setup<'static>, &'static str, Causes);

/// Configurations of xrdp, the verdict and the causes of which the first finding is one.
fn broken() -> [Broken; 14] {
    let usual = Setup::default;
    let old = "TLSv1, TLSv1.1";
    let of_12 = |ciphers| Setup { protocols: "TLSv1.2", ciphers: Some(ciphers), ..usual() };
    [
        ("as it comes", certificate::healthy, usual(), "healthy", &[]),
        ("TLS 1.3 alone", certificate::healthy, Setup { protocols: "TLSv1.3", ..usual() }, "healthy", &[]),
        ("the key of another certificate", mixed, usual(), "faulty", SETUP_FAILED),
        ("the key file holds no key", key_that_is_none, usual(), "faulty", SETUP_FAILED),
        ("no key file", without_key, usual(), "faulty", STANDARD_ALONE),
        ("no certificate", without_certificate, usual(), "faulty", STANDARD_ALONE),
        ("an RSA key of 1024 bits", short, usual(), "faulty", SETUP_FAILED),
        ("a key on Ed25519", ed25519, usual(), "faulty", &["tls-cipher-mismatch"]),
        ("a key on P-521", p521, usual(), "faulty", &["tls-cipher-mismatch"]),
        ("an expired certificate", certificate::expired, usual(), "faulty", &["certificate-expired"]),
        ("tls_ciphers=CAMELLIA, TLS 1.2", certificate::healthy, of_12("CAMELLIA"), "faulty", &["tls-cipher-mismatch"]),
        ("tls_ciphers of no cipher", certificate::healthy, of_12("NOSUCHCIPHER"), "faulty", SETUP_FAILED),
        (
            "TLS 1.0 and 1.1 alone",
            certificate::healthy,
            Setup { protocols: old, ciphers: Some("ALL:@SECLEVEL=0"), ..usual() },
            "faulty",
            &["tls-version-mismatch"],
        ),
        ("security_layer=rdp", certificate::healthy, Setup { layer: "rdp", ..usual() }, "faulty", STANDARD_ALONE),
    ]
}

#[test]
fn xrdp_as_people_break_it() {
    if !programs(xrdp::PROGRAMS) {
        return;
    }
    none_wrong(broken().map(|(configuration, identity, setup, verdict, one_of)| {
        let folder = Folder::new();
        let host = Xrdp::start(&folder, &identity(&folder), &setup);
        Row { server: "xrdp", configuration, verdict, one_of }.check(&folder, host.port)
    }));
}

#[test]
fn weston_as_people_break_it() {
    if !programs(&["weston", "openssl"]) {
        return;
    }
    let rows: [(&str, Make, &str, Causes); 3] = [
        ("as it comes", certificate::healthy, "healthy", &[]),
        ("an expired certificate", certificate::expired, "faulty", &["certificate-expired"]),
        ("an RSA key of 1024 bits", short, "faulty", &["certificate-weak"]),
    ];
    none_wrong(rows.map(|(configuration, identity, verdict, one_of)| {
        let folder = Folder::new();
        let identity = identity(&folder);
        let runtime = folder.file("runtime");
        fs::create_dir(&runtime).unwrap();
        let (_weston, port) = on_free_port(&folder.file("weston.out"), |port| {
            let mut weston = command(None, "weston");
            weston.env("XDG_RUNTIME_DIR", &runtime).args(["--backend=rdp-backend.so", "--address=127.0.0.1"]);
            weston.args(["--no-clients-resize", "--idle-time=0"]).arg(format!("--port={port}"));
            weston.arg(format!("--rdp-tls-cert={}", identity.certificate.display()));
            weston.arg(format!("--rdp-tls-key={}", identity.key.display()));
            weston
        });
        Row { server: "weston", configuration, verdict, one_of }.check(&folder, port)
    }));
}

#[test]
fn freerdp_shadow_as_people_break_it() {
    if !programs(shadow::PROGRAMS) {
        return;
    }
    let rows: [(&str, Make, &[&str], &str, Causes); 5] = [
        ("TLS alone", certificate::healthy, &["-sec-nla", "-sec-rdp", "-auth"], "healthy", &[]),
        ("as it comes", certificate::healthy, &["-auth"], "healthy", &[]),
        ("/sec:rdp", certificate::healthy, &["/sec:rdp", "-auth"], "faulty", STANDARD_ALONE),
        ("an expired certificate", certificate::expired, &["-auth"], "faulty", &["certificate-expired"]),
        ("the key of another certificate", mixed, &["-auth"], "faulty", &["tls-refused"]),
    ];
    let folder = Folder::new();
    let host = Shadow::with_nla(&folder, &certificate::healthy(&folder));
    let row = Row { server: "FreeRDP shadow", configuration: "/sec:nla", verdict: "healthy", one_of: &[] };
    none_wrong([row.check(&folder, host.port)]);
    none_wrong(rows.map(|(configuration, identity, options, verdict, one_of)| {
        let folder = Folder::new();
        let host = Shadow::start(&folder, &identity(&folder), options);
        Row { server: "FreeRDP shadow", configuration, verdict, one_of }.check(&folder, host.port)
    }));
}
