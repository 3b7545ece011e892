//! `compare` beside real servers.

use serde_json::Value;

use crate::support::certificate;
use crate::support::command;
use crate::support::folder::Folder;
use crate::support::programs;
use crate::support::xrdp::{PROGRAMS, Setup, Xrdp};

#[test]
fn two_xrdp_hosts_that_differ_in_tls_version_and_names_of_the_certificate_differ_in_nothing_else() {
    if !programs(PROGRAMS) {
        return;
    }
    let (here, there) = (Folder::new(), Folder::new());
    let newest = Xrdp::start(&here, &certificate::called(&here, "works.corp.example"), &Setup::default());
    let older = Setup { protocols: "TLSv1.2", ..Setup::default() };
    let older = Xrdp::start(&there, &certificate::called(&there, "fails.corp.example"), &older);
    let mut compare = command(None, env!("CARGO_BIN_EXE_rdpdoctor"));
    let output = compare.args(["compare", &newest.target, &older.target, "--format", "json"]).output().unwrap();
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    let differences = comparison["differences"].as_array().unwrap();
    let told: Vec<_> = differences.iter().map(|told| [&told["aspect"], &told["working"], &told["broken"]]).collect();
    let expected =
        [["tls-version", "TLS 1.3", "TLS 1.2"], ["certificate-names", "works.corp.example", "fails.corp.example"]];
    assert_eq!((output.status.code(), told.len()), (Some(1), 2), "{comparison:#}");
    assert!(
        told.iter().zip(expected).all(|(told, expected)| told == &expected.map(Value::from).each_ref()),
        "{told:?}"
    );
}
