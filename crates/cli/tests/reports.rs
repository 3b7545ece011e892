//! Seeds, and crashes that fuzzing found, of the targets `report` and `inspect`: from bytes to every printed format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../../fuzz/src/reports.rs"]
mod reports;

use std::path::Path;

/// Runs a target on all of its files; returns how many there were.
fn replay(target: &str, run: fn(&[u8])) -> usize {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let crashes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crashes").join(target);
    let folders = [seeds, crashes].into_iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
    folders.map(|file| run(&std::fs::read(file.unwrap().path()).unwrap())).count()
}

#[test]
fn what_is_made_of_any_bytes_is_printed_without_commands() {
    assert!(replay("report", reports::of_state) >= 2);
    assert!(replay("inspect", reports::of_folder) >= 1);
    reports::of_state("a\u{1b}[2J\n\u{9b}x\n\u{202e}\n\r\n</script>|\n".repeat(8).as_bytes());
    reports::of_folder(b"--file a\x1b.rdp\nfull address:s:\x1b[2J\r\nusername:s:\xe2\x80\xae\r\n--file b.json\n{");
}
