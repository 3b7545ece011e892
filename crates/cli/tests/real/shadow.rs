//! FreeRDP's shadow server: a host with NLA.

use crate::support::ask::ask;
use crate::support::folder::Folder;
use crate::support::shadow::{PROGRAMS, Shadow};
use crate::support::{certificate, programs};

/// mstsc of Windows 7 with `enablecredsspsupport:i:0`, on a system that has TLS 1.2.
const WITHOUT_CREDSSP: &str = r#"
id = "mstsc-7-without-credssp"
name = "mstsc of Windows 7 with CredSSP off"
protocols = ["SSL"]
standard_security = true
encryption_oracle = "unpatched"
tls = { min = "1.0", max = "1.2" }
"#;

#[test]
fn nla_is_healthy_as_far_as_the_logon_prompt() {
    if !programs(PROGRAMS) {
        return;
    }
    let folder = Folder::new();
    let shadow = Shadow::with_nla(&folder, &certificate::healthy(&folder));
    let told = ask(&folder, &shadow.target, &[]);
    told.expect(0, "healthy", &[]);
    assert_eq!((told.reached(), told.connections()), ("credssp", 2));
    assert!(told.words().contains("Healthy up to the logon prompt"), "{}", told.words());
    assert!(told.fact("ntlm.computer").is_some() && told.fact("clock.offset_seconds").is_some());
    told.keep("shadow-nla");
}

#[test]
fn nla_is_required_of_a_client_without_it() {
    if !programs(PROGRAMS) {
        return;
    }
    let folder = Folder::new();
    let shadow = Shadow::with_nla(&folder, &certificate::healthy(&folder));
    let profile = folder.write("client.toml", WITHOUT_CREDSSP);
    let told = ask(&folder, &shadow.target, &["--client", &profile.display().to_string()]);
    told.expect(1, "faulty", &["nla-required"]);
    assert_eq!(told.report["findings"][0]["confidence"], "proven");
    for shipped in ["mstsc-7", "mstsc-11"] {
        let told = ask(&folder, &shadow.target, &["--client", shipped]);
        assert!(!told.causes().contains(&"nla-required"), "{shipped}: {:?}", told.causes());
    }
}

#[test]
fn tls_alone_is_healthy() {
    if !programs(PROGRAMS) {
        return;
    }
    let folder = Folder::new();
    let shadow = Shadow::start(&folder, &certificate::healthy(&folder), &["-sec-nla", "-sec-rdp", "-auth"]);
    let told = ask(&folder, &shadow.target, &[]);
    told.expect(0, "healthy", &[]);
    assert_eq!(told.reached(), "sequence");
}

#[test]
fn standard_security_alone() {
    if !programs(PROGRAMS) {
        return;
    }
    let folder = Folder::new();
    let shadow = Shadow::start(&folder, &certificate::healthy(&folder), &["/sec:rdp", "-auth"]);
    let told = ask(&folder, &shadow.target, &[]);
    told.expect(1, "faulty", &["standard-security-only"]);
    told.keep("shadow-rdp");
}
