//! Plain tests of every crash that fuzzing ever found in the readers of evidence files (`crashes/TARGET/`), and of
//! every seed (`fuzz/seeds/TARGET/`). The targets are in `fuzz/fuzz_targets`.

#![allow(clippy::unwrap_used)]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use collect::evidence::{Kind, Piece, pieces_in, pieces_of, redacted, stored};
use evidence::rdp_file::{RdpFile, RdpFileRecord};

fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// Reads all of a target's files; true if any of them is one of the kind.
fn replay(target: &str, read: fn(&[u8]) -> bool) -> bool {
    let mut files = files("tests/crashes", target).into_iter().chain(files("../../fuzz/seeds", target));
    // all of them, not only up to the first that is read
    files.by_ref().map(|file| read(&std::fs::read(file).unwrap())).fold(false, |any, read| any | read)
}

#[test]
fn event_logs() {
    assert!(replay("event_log", |bytes| collect::evidence::event_log(Cursor::new(bytes)).is_ok()));
}

#[test]
fn registry_hives() {
    assert!(replay("registry_hive", |bytes| {
        let Some((length, rest)) = bytes.split_first_chunk() else { return false };
        let (hive, log) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or((rest, &[]));
        collect::evidence::registry_hive(Cursor::new(hive), vec![Cursor::new(log)]).is_ok()
    }));
}

#[test]
fn rdp_files() {
    assert!(replay("rdp_file", |bytes| {
        let Ok(file) = RdpFile::parse(bytes) else { return false };
        assert_eq!(RdpFile::parse(&file.encode()).as_ref(), Ok(&file));
        let _ = RdpFileRecord::of("x.rdp", &file);
        true
    }));
}

#[test]
fn evidence_that_stands_alone() {
    assert!(replay("evidence", |bytes| {
        let placed = |piece: Piece| (PathBuf::new(), Kind::RecordedState, piece);
        let pieces: Vec<_> = pieces_in(bytes).into_iter().map(placed).collect();
        let once = redacted(&pieces);
        for piece in &once {
            assert_eq!(pieces_in(&stored(piece).1), std::slice::from_ref(piece));
        }
        let again: Vec<_> = once.iter().cloned().map(placed).collect();
        assert_eq!(redacted(&again), once);
        !once.is_empty()
    }));
}

/// Each of these readers by itself; every seed is a file that it reads.
#[test]
fn readers_of_exports_and_logs() {
    let read = |target: &str, kind: Kind| {
        let seeds = files("../../fuzz/seeds", target);
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            assert!(!pieces_of(kind, &std::fs::read(&seed).unwrap()).is_empty(), "{}", seed.display());
        }
        for crash in files("tests/crashes", target) {
            let _ = pieces_of(kind, &std::fs::read(crash).unwrap());
        }
    };
    read("exported_events", Kind::ExportedEvents);
    read("registry_export", Kind::RegistryExport);
    read("process_monitor_log", Kind::ProcessMonitorLog);
    read("firewall_log", Kind::FirewallLog);
    read("firewall_rules", Kind::FirewallRules);
    read("firewall_profiles", Kind::FirewallProfiles);
    read("policy_report", Kind::PolicyReport);
    read("xrdp_log", Kind::XrdpLog);
    read("client_log", Kind::ClientLog);
    read("journal", Kind::Journal);
}
