//! Hives of real machines, changed and read back by readers that others wrote. The hives lie in the folder that
//! RDPDOCTOR_TEST_DATA names.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../../collect/tests/independent/mod.rs"]
mod independent;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use evidence::hive::sketch::seal;
use evidence::hive::{Hive, log};
use repair::hive::{Image, Refusal};

const SERVER: &str = r"ControlSet001\Control\Terminal Server";
const LISTENER: &str = r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp";
/// Key with much in it, which no edit touches.
const BESIDE: &str = r"ControlSet001\Control\Session Manager\Memory Management";
/// Time of the changes, as a `FILETIME`.
const AT: u64 = 134_000_000_000_000_000;

/// Unpacks a hive; `None`, with a message, where there are none.
fn hive(name: &str) -> Option<Vec<u8>> {
    let Some(data) = std::env::var_os("RDPDOCTOR_TEST_DATA") else {
        let reason = "RDPDOCTOR_TEST_DATA names no folder with real-world data";
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
        println!("skipped: {reason}");
        return None;
    };
    let packed = File::open(Path::new(&data).join("hives").join(format!("{name}.xz"))).unwrap();
    let mut plain = Vec::new();
    lzma_rs::xz_decompress(&mut BufReader::new(packed), &mut plain).unwrap();
    Some(plain)
}

/// Values of a key by name: their types and data.
type Values = BTreeMap<String, (u32, String)>;

/// Numbers and bytes in keys, as our own reader sees them.
fn ours(bytes: &[u8], keys: &[&str]) -> BTreeMap<String, Values> {
    let mut hive = Hive::open(std::io::Cursor::new(bytes)).unwrap();
    let of = |key: &&str| {
        let found = hive.find(key).unwrap().unwrap();
        let (values, flaws) = hive.raw_values(&found);
        assert_eq!(flaws, []);
        let values = values.into_iter().filter(|value| [3, 4].contains(&value.kind));
        let values = values.map(|value| (value.name, (value.kind, wire::hex::encode(&value.data))));
        ((*key).to_owned(), values.collect())
    };
    keys.iter().map(of).collect()
}

/// A hive as Windows would leave it, had it been closed: the test's word for it.
fn closed(mut bytes: Vec<u8>) -> Vec<u8> {
    let (head, rest) = bytes.split_at_mut(8);
    rest[..4].copy_from_slice(&head[4..8]);
    seal(&mut bytes);
    bytes
}

#[test]
fn four_readers_see_the_changed_hive_alike() {
    let Some(plain) = hive("SYSTEM_WIN_10_1709") else { return };
    assert_eq!(Image::open(plain.clone(), Vec::new()), Err(Refusal::Dirty), "it was copied from a running machine");
    let plain = closed(plain);
    let number = |number: u32| number.to_le_bytes();
    let changed = Image::open(plain.clone(), Vec::new())
        .and_then(|image| image.set(SERVER, "fDenyTSConnections", 4, &number(0), AT))
        .and_then(|image| image.set(LISTENER, "SSLCertificateSHA1Hash", 3, &[0x5D; 20], AT))
        .and_then(|image| image.set(LISTENER, "Large", 3, &[0xA5; 15_000], AT))
        .and_then(|image| image.delete(LISTENER, "UserAuthentication", AT))
        .and_then(|image| image.set(LISTENER, "SecurityLayer", 4, &number(1), AT))
        .and_then(|image| image.seal(AT))
        .unwrap();
    let keys = [SERVER, LISTENER, BESIDE];
    let (before, after) = (ours(&plain, &keys), ours(&changed, &keys));
    let mut expected = before.clone();
    let word = |number: u32| (4, wire::hex::encode(&number.to_le_bytes()));
    expected.get_mut(SERVER).unwrap().insert("fDenyTSConnections".to_owned(), word(0));
    let listener = expected.get_mut(LISTENER).unwrap();
    listener.insert("SSLCertificateSHA1Hash".to_owned(), (3, "5d".repeat(20)));
    listener.insert("Large".to_owned(), (3, "a5".repeat(15_000)));
    assert!(listener.remove("UserAuthentication").is_some());
    listener.insert("SecurityLayer".to_owned(), word(1));
    assert!(after == expected);
    assert_eq!(before[SERVER]["fDenyTSConnections"], word(1));
    // nothing moved: the bytes that differ are the new ones, and a few beside them
    let differ = plain.iter().zip(&changed).filter(|(old, new)| old != new).count();
    println!("{differ} bytes differ, {} were appended", changed.len() - plain.len());
    assert!(differ < 17_000, "{differ}");

    let file = std::env::temp_dir().join(format!("rdpdoctor-changed-hive-{}", std::process::id()));
    fs::write(&file, &changed).unwrap();
    let told = independent::read("values.py", "pyregf, Registry, regipy", &file, &keys.join("\n"));
    fs::remove_file(&file).unwrap();
    let Some(told) = told else { return };
    let told: BTreeMap<String, BTreeMap<String, Values>> = serde_json::from_str(&told).unwrap();
    for (reader, told) in told {
        for (key, values) in &expected {
            let differ = values.iter().filter(|(name, value)| told[key].get(*name) != Some(value));
            let differ: Vec<_> = differ.map(|(name, _)| name).collect();
            assert!(differ.is_empty() && told[key].len() == values.len(), "{reader}: {key}: {differ:?}");
        }
    }
}

#[test]
fn hives_that_are_not_whole_are_refused() {
    let Some(plain) = hive("SYSTEM_B") else { return };
    let logs = ["SYSTEM_B.LOG1", "SYSTEM_B.LOG2"].map(|name| hive(name).unwrap());
    let logs = logs.iter().filter_map(|bytes| log::read(&bytes[..], &mut log::KEPT.clone()).unwrap()).collect();
    let Err(Refusal::Gap(why)) = Image::open(plain, logs) else { panic!("it is known to have a gap") };
    println!("{why}");
    let refused = Image::open(hive("corrupted_system_hive").unwrap(), Vec::new()).unwrap_err();
    println!("{refused}");
}
