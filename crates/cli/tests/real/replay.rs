//! Transcripts of real probes, judged again where there is no network at all.

use std::fs;

use wire::transcript::Transcript;

use crate::support::ask::{ask, replayed};
use crate::support::certificate::{self, NAME};
use crate::support::folder::Folder;
use crate::support::network::{self, Namespace};
use crate::support::shadow::{PROGRAMS, Shadow};
use crate::support::{command, programs, root, run};

#[test]
fn a_probe_of_tls_13_and_credssp_replays_without_a_network() {
    if !programs(&[network::PROGRAMS, PROGRAMS].concat()) || !root() {
        return;
    }
    let folder = Folder::new();
    let shadow = Shadow::with_nla(&folder, &certificate::healthy(&folder));
    let told = ask(&folder, &shadow.target, &[]);
    drop(shadow);
    assert_eq!(told.reached(), "credssp");
    let text = fs::read_to_string(&told.file).unwrap();
    assert!(text.contains("tls-up 1.3"), "this was not TLS 1.3");
    let nowhere = Namespace::new("nowhere");
    let again = replayed(Some(&nowhere.name), &told.file, &[]);
    assert_eq!((told.status, told.essence()), (again.status, again.essence()));
}

#[test]
fn a_redacted_transcript_names_no_machine() {
    if !programs(PROGRAMS) {
        return;
    }
    let folder = Folder::new();
    let shadow = Shadow::with_nla(&folder, &certificate::healthy(&folder));
    let file = folder.file("redacted.txt");
    let told = ask(&folder, &shadow.target, &[]);
    let transcript: Transcript = fs::read_to_string(&told.file).unwrap().parse().unwrap();
    fs::write(&file, transcript.redacted().to_string()).unwrap();
    let own = run(&mut command(None, "hostname"));
    let computer = told.fact("ntlm.computer").unwrap().as_str().unwrap().to_owned();
    let text = fs::read_to_string(&file).unwrap().to_lowercase();
    for name in [own.trim(), NAME, &computer] {
        let wide: Vec<u8> = name.bytes().flat_map(|byte| [byte, 0]).collect();
        // short names occur in any long row of digits by chance
        for spelled in [wire::hex::encode(name.as_bytes()), wire::hex::encode(&wide)] {
            assert!(spelled.len() < 8 || !text.contains(&spelled), "{name} is still there");
        }
    }
    let again = replayed(None, &file, &[]);
    assert_eq!((again.verdict(), again.reached()), ("healthy", "credssp"));
}
