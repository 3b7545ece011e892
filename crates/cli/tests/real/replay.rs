//! Transcripts of real probes, judged again where there is no network at all.

use std::fs;
use std::time::Duration;

use wire::machine::Event;
use wire::transcript::{Entry, Transcript};

use crate::support::ask::{Told, ask, redacted, replayed};
use crate::support::certificate::{self, NAME};
use crate::support::folder::Folder;
use crate::support::network::{self, Namespace};
use crate::support::shadow::{PROGRAMS, Shadow};
use crate::support::{programs, root};

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
    let open = ask(&folder, &shadow.target, &[]);
    let file = redacted(&folder, &shadow.target);
    let again = replayed(None, &file, &[]);
    assert_eq!((open.status, open.causes(), open.reached()), (again.status, again.causes(), again.reached()));

    let told = again.report.to_string().to_lowercase();
    let transcript: Transcript = fs::read_to_string(&file).unwrap().parse().unwrap();
    for name in names(&open) {
        assert!(!told.contains(&format!("\"{name}\"")), "the report of the redacted transcript has {name}");
        for seen in transcript.connections().flat_map(|record| &record.entries).flat_map(bytes) {
            assert!(!holds(seen, &name), "{name} is in {}", wire::hex::encode(seen));
        }
    }
}

/// Names that this machine and the host on it give themselves, in lower case.
fn names(open: &Told) -> Vec<String> {
    let facts = ["ntlm.computer", "ntlm.domain", "ntlm.dns_computer", "ntlm.dns_domain"];
    let told = facts.iter().filter_map(|fact| open.fact(fact)?.as_str().map(str::to_lowercase));
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_lowercase();
    let names = told.chain([own, NAME.to_lowercase()]);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    assert!(names.len() > 2, "the host told no name");
    names
}

/// Returns everything that went to the host or came from it.
fn bytes((_, entry): &(Duration, Entry)) -> Vec<&[u8]> {
    match entry {
        Entry::Sent(bytes)
        | Entry::TunnelSent(bytes)
        | Entry::TunnelReceived(bytes)
        | Entry::Event(Event::Bytes(bytes)) => vec![bytes],
        Entry::Event(Event::TlsUp { chain, .. }) => chain.iter().map(Vec::as_slice).collect(),
        Entry::Event(_) | Entry::Figures(_) | Entry::Expired => Vec::new(),
    }
}

/// True if the name is in these bytes, in ASCII or in UTF-16LE, ignoring case.
fn holds(bytes: &[u8], name: &str) -> bool {
    let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // two letters occur in any long row of random bytes, such as a key; as UTF-16 they are four bytes, and no accident
    let narrow = if name.len() > 3 { name.as_bytes() } else { &wide };
    [narrow, &wide].iter().any(|wanted| bytes.windows(wanted.len()).any(|w| w.eq_ignore_ascii_case(wanted)))
}
