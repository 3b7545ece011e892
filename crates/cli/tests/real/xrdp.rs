//! xrdp: a host without NLA, with every kind of TLS.

use crate::support::ask::{Told, ask};
use crate::support::certificate::{self, Identity};
use crate::support::folder::Folder;
use crate::support::programs;
use crate::support::xrdp::{PROGRAMS, Setup, Xrdp};

/// Most connections that a healthy host should get.
const CONNECTIONS: usize = 4;
/// Cipher string that OpenSSL needs to speak TLS 1.0 at all.
const ANY_CIPHER: Option<&str> = Some("ALL:@SECLEVEL=0");

/// Running xrdp with its folder.
struct Host {
    xrdp: Xrdp,
    folder: Folder,
}

impl Host {
    fn start(identity: fn(&Folder) -> Identity, setup: &Setup<'_>) -> Self {
        let folder = Folder::new();
        Self { xrdp: Xrdp::start(&folder, &identity(&folder), setup), folder }
    }

    /// Asks, and compares the connections that it counted with those that the report states.
    fn ask(&self, options: &[&str]) -> Told {
        let before = self.xrdp.connections();
        let told = ask(&self.folder, &self.xrdp.target, options);
        let counted = self.xrdp.connections() - before;
        eprintln!("  xrdp counted {counted} connections");
        assert_eq!(counted as u64, told.connections(), "the report and xrdp's log disagree");
        assert!(told.verdict() != "healthy" || counted <= CONNECTIONS, "{counted} connections to a healthy host");
        told
    }
}

#[test]
fn healthy_with_either_security_layer() {
    if !programs(PROGRAMS) {
        return;
    }
    for layer in ["negotiate", "tls"] {
        let host = Host::start(certificate::healthy, &Setup { layer, ..Setup::default() });
        let told = host.ask(&[]);
        told.expect(0, "healthy", &[]);
        assert!(told.words().contains("Healthy up to the settings"), "{}", told.words());
        told.keep(&format!("xrdp-{layer}"));
    }
}

#[test]
fn a_code_that_it_does_not_explain_stays_open() {
    if !programs(PROGRAMS) {
        return;
    }
    let host = Host::start(certificate::healthy, &Setup::default());
    let told = host.ask(&["--code", "0x904", "--extended", "0x7"]);
    told.expect(2, "undetermined", &[]);
    let words = told.words();
    for expected in ["does not explain 0x904/0x7", "Not ruled out:", "Do now, on the computer", "--code 0x904"] {
        assert!(words.contains(expected), "{expected:?} is missing: {words}");
    }
}

#[test]
fn an_expired_certificate() {
    if !programs(PROGRAMS) {
        return;
    }
    let told = Host::start(certificate::expired, &Setup::default()).ask(&[]);
    told.expect(1, "faulty", &["certificate-expired"]);
    assert_eq!(told.fact("certificate.not_after").unwrap(), "2024-06-01T00:00:00Z");
    told.keep("xrdp-expired");
}

#[test]
fn standard_security_alone() {
    if !programs(PROGRAMS) {
        return;
    }
    let host = Host::start(certificate::healthy, &Setup { layer: "rdp", ..Setup::default() });
    let told = host.ask(&[]);
    told.expect(1, "faulty", &["standard-security-only"]);
    assert_eq!(told.report["findings"][0]["severity"], "degrading");
    told.keep("xrdp-rdp");
    let stricter = host.ask(&["--client", "freerdp3"]);
    assert_eq!(stricter.report["findings"][0]["severity"], "blocking");
}

#[test]
fn tls_12_alone_is_healthy() {
    if !programs(PROGRAMS) {
        return;
    }
    let told = Host::start(certificate::healthy, &Setup { protocols: "TLSv1.2", ..Setup::default() }).ask(&[]);
    told.expect(0, "healthy", &[]);
}

#[test]
fn tls_10_alone() {
    if !programs(PROGRAMS) {
        return;
    }
    let setup = Setup { protocols: "TLSv1, TLSv1.1", ciphers: ANY_CIPHER, ..Setup::default() };
    let host = Host::start(certificate::healthy, &setup);
    let told = host.ask(&[]);
    told.expect(1, "faulty", &["tls-version-mismatch"]);
    told.keep("xrdp-tls-10");
    let older = host.ask(&["--client", "mstsc-10"]);
    assert!(!older.causes().contains(&"tls-version-mismatch"), "{:?}", older.causes());
    let rungs = older.rungs();
    let skipped = "credssp skipped: the host did not choose CredSSP";
    assert!(rungs.iter().any(|rung| rung == skipped), "it was reached, and is not there: {rungs:?}");
    assert!(rungs.last().unwrap().starts_with("sequence passed: "), "{rungs:?}");
}

/// OpenSSL at its usual security level cannot serve its configured versions: alert 70 to the hello of a current client,
/// alert 80 to every other one. That nearly looks like an unusable key, so the report must not be sure of either.
#[test]
fn a_host_that_can_speak_none_of_its_versions_is_never_proven_anything() {
    if !programs(PROGRAMS) {
        return;
    }
    let told = Host::start(certificate::healthy, &Setup { protocols: "TLSv1, TLSv1.1", ..Setup::default() }).ask(&[]);
    assert_ne!(told.verdict(), "healthy");
    let findings = told.report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["confidence"] != "proven"), "{findings:?}");
}

/// All the suites that OpenSSL was told to accept, and no other; the verdict is that of an ordinary look.
#[test]
fn a_thorough_look_finds_what_it_was_told_to_take() {
    if !programs(PROGRAMS) {
        return;
    }
    let ciphers = Some("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA256:AES128-SHA");
    let host = Host::start(certificate::healthy, &Setup { protocols: "TLSv1.2", ciphers, ..Setup::default() });
    let told = ask(&host.folder, &host.xrdp.target, &["--thorough"]);
    told.expect(0, "healthy", &[]);
    let survey = &told.report["surveys"][0];
    assert_eq!(survey["complete"], true, "{survey:#}");
    let protocols = &survey["protocols"];
    assert_eq!((&protocols["tls"], &protocols["credssp"]), (&true.into(), &false.into()));
    let versions = survey["tls"].as_array().unwrap();
    let of = |version: &str| versions.iter().find(|known| known["version"] == version).unwrap();
    for refused in ["1.3", "1.1", "1.0"] {
        assert_eq!(of(refused)["accepted"], false, "{refused}");
    }
    let mut suites: Vec<_> = of("1.2")["suites"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    suites.sort_unstable();
    let expected = [
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
    ];
    assert_eq!(suites, expected);
    let groups = of("1.2")["groups"].as_array().unwrap();
    assert!(["x25519", "secp256r1", "secp384r1"].iter().all(|group| groups.contains(&(*group).into())), "{groups:?}");
}
