//! Journals that were edited, cut, or are somebody else's; and two runs at once.

use std::fs;
use std::path::PathBuf;

use repair::journal::{Journal, JournalError, Store, StoreError};
use repair::place::Held;
use repair::run::Third;

use crate::machine::{Folder, Machine};
use crate::{apply, changes, planned, undo};

/// Returns a run that went through but did not end, with its machine and what that held before.
fn run(folder: &Folder) -> (PathBuf, Machine, crate::machine::Places) {
    let (machine, plan) = planned(&changes());
    let before = machine.now();
    apply(&plan, &mut machine.clone(), &folder.empty()).unwrap();
    let (_, journal) = folder.store().runs().unwrap().remove(0);
    (journal, machine, before)
}

#[test]
fn every_edited_byte_is_noticed() {
    let folder = Folder::new("edited");
    let (journal, ..) = run(&folder);
    let path = journal.join("journal.jsonl");
    let text = fs::read(&path).unwrap();
    for at in (0..text.len()).step_by(7) {
        let mut edited = text.clone();
        edited[at] ^= 1;
        fs::write(&path, &edited).unwrap();
        let opened = Journal::open(&journal);
        assert!(opened.is_err(), "byte {at}: {}", String::from_utf8_lossy(&edited[at.saturating_sub(20)..=at]));
        assert!(folder.store().unfinished().is_err());
    }
    fs::write(&path, &text).unwrap();
    assert!(Journal::open(&journal).is_ok());
}

/// A line that was being written when the power went is no line; one that is missing behind that was cut off.
#[test]
fn a_journal_that_was_cut_is_noticed_and_a_torn_line_is_none() {
    let folder = Folder::new("cut");
    let (journal, machine, before) = run(&folder);
    let (path, head) = (journal.join("journal.jsonl"), journal.join("head"));
    let (text, heads) = (fs::read(&path).unwrap(), fs::read(&head).unwrap());
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for keep in 0..lines.len() {
        let whole = lines[..keep].concat();
        fs::write(&path, &whole).unwrap();
        fs::write(&head, &heads).unwrap();
        let cut = Journal::open(&journal).unwrap_err();
        assert!(matches!(cut, JournalError::Cut(..)), "{keep}: {cut}");
        // as it is if the machine went down while line `keep` was written
        let sum = |line: &[u8]| repair::place::sha256(&line[..line.len() - 1]);
        let earlier = keep.checked_sub(1).map(|last| format!("{keep} {}\n", sum(lines[last])));
        fs::remove_file(&head).unwrap();
        if let Some(earlier) = &earlier {
            fs::write(&head, earlier).unwrap();
        }
        fs::write(&path, [&whole[..], &lines[keep][..lines[keep].len() / 2]].concat()).unwrap();
        match Journal::open(&journal) {
            Ok(mut opened) => {
                assert_eq!(opened.entries.len(), keep - 1);
                // what the journal knows of is taken back, and lines go on behind the torn one
                undo(&mut opened, &mut machine.clone(), Third::Ours);
                assert!(Journal::open(&journal).is_ok());
            }
            Err(JournalError::Empty) => assert_eq!(keep, 0),
            Err(other) => panic!("{keep}: {other}"),
        }
    }
    assert_eq!(machine.now(), before, "the last of them knew of every step");
}

#[test]
fn journals_of_others_are_refused() {
    let folder = Folder::new("foreign");
    let (journal, ..) = run(&folder);
    let path = journal.join("journal.jsonl");
    for foreign in ["hello\n", "{\"number\":1}\n", "[]\n"] {
        fs::write(&path, foreign).unwrap();
        assert!(matches!(Journal::open(&journal), Err(JournalError::NotOurs)), "{foreign}");
    }
    fs::write(&path, [0xff, b'\n']).unwrap();
    assert!(matches!(Journal::open(&journal), Err(JournalError::NotOurs)));
    fs::remove_file(&path).unwrap();
    assert!(Journal::open(&journal).is_err());
}

#[test]
fn a_kept_copy_that_was_changed_is_not_put_back() {
    let folder = Folder::new("blob");
    let (journal, machine, _) = run(&folder);
    let kept = journal.join("blobs").join(repair::place::sha256(b"regf1"));
    fs::write(&kept, b"regfX").unwrap();
    let mut opened = Journal::open(&journal).unwrap();
    let left = undo(&mut opened, &mut machine.clone(), Third::Leave);
    assert!(left.len() == 1 && left[0].contains("kept copy"), "{left:?}");
    let hive = machine.now().into_iter().find(|(place, _)| place.to_string() == "/mnt/SYSTEM");
    assert!(matches!(hive, Some((_, Held::File { bytes, .. })) if bytes == b"regf2"));
}

#[test]
fn two_runs_at_once_and_a_folder_of_others() {
    let folder = Folder::new("lock");
    let store = folder.store();
    let lock = store.lock().unwrap();
    assert!(matches!(folder.store().lock(), Err(StoreError::Busy)));
    drop(lock);
    assert!(store.lock().is_ok());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::NotPrivate(_))));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let link = folder.path().with_extension("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(matches!(Store::open(&link), Err(StoreError::NotPrivate(_))));
        fs::remove_file(link).unwrap();
    }
}

/// Files stand where the next runs would go: a free number is taken, and nothing is written over.
#[test]
fn numbers_that_are_taken_are_left_alone() {
    let folder = Folder::new("taken");
    let (machine, plan) = planned(&changes());
    let store = folder.empty();
    fs::write(folder.path().join("0001"), b"").unwrap();
    fs::write(folder.path().join("0002"), b"").unwrap();
    apply(&plan, &mut machine.clone(), &store).unwrap();
    let runs = folder.store().runs().unwrap();
    assert!(runs.len() == 1 && runs[0].1.ends_with("0003"), "{runs:?}");
}
