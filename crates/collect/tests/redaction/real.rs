//! Logs, hives and captures of real machines, in the folder that RDPDOCTOR_TEST_DATA names.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use collect::evidence::{Piece, gather, stored};

use super::assert_laws;

/// Folder with the data; `None` where there is none, which is a failure if everything is to be tested.
fn data() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("RDPDOCTOR_TEST_DATA") else {
        let full = std::env::var_os("RDPDOCTOR_TEST_FULL").is_some_and(|value| value == "1");
        assert!(!full, "RDPDOCTOR_TEST_DATA is not set");
        eprintln!("skipped: RDPDOCTOR_TEST_DATA names no folder with real-world data");
        return None;
    };
    Some(PathBuf::from(folder))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Checks each file by itself and all together: findings stay, and these names, which are in them, do not.
fn assert_nameless(paths: &[PathBuf], test: &str, names: &[&str]) {
    for path in paths {
        assert_laws(gather(std::slice::from_ref(path)).pieces, test);
    }
    let gathered = gather(paths);
    let bytes = |piece: &Piece| String::from_utf8(stored(piece).1).unwrap().to_lowercase();
    let before: String = gathered.pieces.iter().map(|(_, _, piece)| bytes(piece)).collect();
    let after: String = assert_laws(gathered.pieces, test).iter().map(bytes).collect();
    for name in names {
        assert!(before.contains(name), "{name} is not there to begin with");
        assert!(!after.contains(name), "{name} is still there");
    }
}

#[test]
fn logs() {
    let Some(data) = data() else { return };
    let names = [
        "desktop-1n4r894",
        "mpowers",
        "magnetic",
        "129.158.76.234",
        "185.156.177.141",
        "74.118.139.11",
        "59eff2e3b509c831",
    ];
    assert_nameless(&files(&data.join("evtx")), "logs", &names);
}

#[test]
fn captures() {
    let Some(data) = data() else { return };
    let names = ["4f46464943452d57494e31302d564d", "746f7073616c6f6e", "192.168."];
    assert_nameless(&files(&data.join("captures")), "captures", &names);
}

#[test]
fn hives() {
    let Some(data) = data() else { return };
    let folder = std::env::temp_dir().join(format!("rdpdoctor-redaction-hives-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for packed in files(&data.join("hives")) {
        let name = packed.file_name().unwrap().to_str().unwrap();
        let Some(name) = name.strip_suffix(".xz") else { continue };
        let mut plain = BufWriter::new(File::create(folder.join(name)).unwrap());
        lzma_rs::xz_decompress(&mut BufReader::new(File::open(&packed).unwrap()), &mut plain).unwrap();
    }
    let hives = ["SYSTEM_B", "SYSTEM_WIN_10_1709", "corrupted_system_hive"].map(|name| folder.join(name));
    assert_nameless(&hives, "hives", &["desktop-2kgm189", "desktop-pm6c56d", "ginevra"]);
    fs::remove_dir_all(folder).unwrap();
}
