//! `diagnose` on Windows: the computer that it runs on is the client, with its own settings, which the test plants with
//! reg.exe.

use lab::{Lab, Scenario};
use serde_json::Value;

use crate::program::Program;
use crate::registry::Planted;
use crate::this_computer::observed;

const CREDSSP: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters";
const TLS12: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client";
const NTLM: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0";
/// Name of the source in reports.
const OWN: &str = "this computer's own settings";

fn causes(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["cause"].as_str()).collect()
}

#[test]
fn this_computer_is_the_client() {
    let Some(windows) = Program::for_windows() else { return };
    let lab = Lab::start(&Scenario::find("healthy-server-2022").unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    let diagnose = |words: &[&str]| -> Value {
        let said = windows.run(&[&["diagnose", &address, "--format", "json"], words].concat());
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    };
    let mut planted = Planted::new(&windows);
    let key = |report: &Value, path: &str| observed(report, "registry.key").find(|key| key["path"] == path).cloned();

    // as Wine sets it up, nothing of it is a fault, and what is absent was looked up
    let plain = diagnose(&[]);
    assert_eq!(plain["verdict"], "healthy", "{:?}", plain["findings"]);
    assert_eq!((&plain["files"][0], &plain["client"]["source"]), (&OWN.into(), &"this-computer".into()));
    assert!(!causes(&plain).contains(&"encryption-oracle-policy"), "{:?}", plain["findings"]);
    assert_eq!(key(&plain, CREDSSP).unwrap()["exists"], false);
    // of the host that this computer is, nothing is read
    assert!(observed(&plain, "registry.key").all(|key| !key["path"].as_str().unwrap().ends_with("Terminal Server")));

    planted.number(CREDSSP, "AllowEncryptionOracle", 2);
    planted.number(TLS12, "Enabled", 0);
    planted.number(NTLM, "RestrictSendingNTLMTraffic", 1);
    let broken = diagnose(&[]);
    let found = causes(&broken);
    assert!(found.contains(&"client-tls12-disabled") && found.contains(&"encryption-oracle-policy"), "{found:?}");
    assert_eq!(broken["verdict"], "faulty");
    assert_eq!(key(&broken, NTLM).unwrap()["values"]["RestrictSendingNTLMTraffic"]["dword"], 1);
    let finding = broken["findings"].as_array().unwrap().iter().find(|one| one["cause"] == "client-tls12-disabled");
    let cited = &finding.unwrap()["because"][0]["observation"];
    let source = broken["observations"].as_array().unwrap().iter().find(|one| one["id"] == *cited).unwrap();
    assert_eq!(source["source"], "file/1");

    // in words, and left out where that is wished for or another client is meant
    let said = windows.run(&["diagnose", &address]);
    assert!(said.stdout.contains(&format!("the client here ({OWN}, the rest as ")), "{said:?}");
    for other in [&["--without-own-settings"][..], &["--client", "mstsc-11"]] {
        let report = diagnose(other);
        assert!(!causes(&report).contains(&"client-tls12-disabled"), "{other:?}: {:?}", report["findings"]);
        assert!(observed(&report, "registry.key").next().is_none(), "{other:?}");
    }
}
