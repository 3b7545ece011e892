use std::collections::BTreeMap;

use evidence::hive::log;
use evidence::hive::sketch::{self, Node, seal};
use proptest::prelude::*;

use super::*;

const SERVER: &str = r"ControlSet001\Control\Terminal Server";
const LISTENER: &str = r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp";
/// Time of the changes, as a `FILETIME`.
const AT: u64 = 134_000_000_000_000_000;
/// Numbers of types.
const DWORD: u32 = 4;
const BINARY: u32 = 3;

fn system() -> Node {
    let mut root = Node::new("ROOT");
    root.dword("Select", "Current", 1)
        .dword(SERVER, "fDenyTSConnections", 1)
        .text(SERVER, "ProductVersion", "5.1")
        .dword(LISTENER, "PortNumber", 3389)
        .set(LISTENER, "SSLCertificateSHA1Hash", &evidence::state::RegistryData::Binary("5d".repeat(20)));
    root
}

fn image(bytes: &[u8]) -> Image {
    Image::open(bytes.to_vec(), Vec::new()).unwrap()
}

/// Types and data of all values of a key, by name.
fn held(image: &Image, key: &str) -> BTreeMap<String, (u32, Vec<u8>)> {
    let (_, values) = image.look(key).unwrap();
    values.into_iter().map(|value| (value.name, (value.kind, value.data))).collect()
}

fn logs_of(logs: &[Vec<u8>]) -> Vec<Log> {
    logs.iter().filter_map(|bytes| log::read(&bytes[..], &mut log::KEPT.clone()).unwrap()).collect()
}

/// Returns the hive as it is in the middle of a write.
fn dirty(hive: &[u8]) -> Vec<u8> {
    let mut hive = hive.to_vec();
    hive[4] = 8;
    seal(&mut hive);
    hive
}

#[test]
fn a_number_is_set_a_value_is_deleted_and_another_is_added() {
    let before = system().hive();
    let edited = image(&before)
        .set(SERVER, "FDENYTSCONNECTIONS", DWORD, &0_u32.to_le_bytes(), AT)
        .and_then(|image| image.delete(LISTENER, "SSLCertificateSHA1Hash", AT))
        .and_then(|image| image.set(LISTENER, "UserAuthentication", DWORD, &1_u32.to_le_bytes(), AT))
        .and_then(|image| image.set(LISTENER, "Größe", BINARY, &[7; 40], AT))
        .unwrap();
    let after = edited.seal(AT).unwrap();
    let read = image(&after);
    let number = |number: u32| (DWORD, number.to_le_bytes().to_vec());
    assert_eq!(held(&read, SERVER)["fDenyTSConnections"], number(0));
    let names: Vec<_> = held(&read, LISTENER).into_keys().collect();
    assert_eq!(names, ["Größe", "PortNumber", "UserAuthentication"]);
    assert_eq!(held(&read, LISTENER)["PortNumber"], number(3389));
    assert_eq!(held(&read, LISTENER)["Größe"], (BINARY, vec![7; 40]));
    assert_eq!(read.look(LISTENER).unwrap().0.written, AT);
    let base = BaseBlock::read(&after).unwrap();
    assert!(base.sound && base.sequence == (8, 8), "{base:?}");
    assert_eq!(before.len(), after.len(), "there was room");
}

#[test]
fn edits_name_keys_as_a_running_windows_does() {
    let edit = |key: &str, name: &str, data| Edit { key: key.to_owned(), name: name.to_owned(), data };
    let server = r"CurrentControlSet\Control\Terminal Server";
    let edits = [
        edit(server, "fDenyTSConnections", Some(Data::number(2))),
        edit(&server.to_ascii_uppercase(), "FDENYTSCONNECTIONS", Some(Data::number(0))),
        edit(LISTENER, "SSLCertificateSHA1Hash", None),
    ];
    let edited = image(&system().hive()).edit(&edits, AT).unwrap();
    assert_eq!(edited.held(server, "fDenyTSConnections"), Ok(Some(Data::number(0))));
    assert_eq!(edited.held(LISTENER, "SSLCertificateSHA1Hash"), Ok(None));
    let nowhere = edit(r"CurrentControlSet\Nowhere", "a", None);
    assert!(matches!(edited.edit(&[nowhere], AT), Err(Refusal::NoKey(_))));
    let mut other = Node::new("ROOT");
    other.dword(r"ControlSet001\Control", "a", 1);
    assert!(matches!(image(&other.hive()).path(server), Err(Refusal::NoKey(_))));
}

#[test]
fn a_bin_is_added_where_no_cell_is_free() {
    let before = system().hive();
    let after = image(&before).set(SERVER, "Large", BINARY, &[9; 9000], AT).unwrap().seal(AT).unwrap();
    assert_eq!(after.len() - before.len(), 12288);
    assert_eq!(held(&image(&after), SERVER)["Large"], (BINARY, vec![9; 9000]));
    // bytes behind the last bin mean nothing, and do not become something
    let mut padded = before.clone();
    padded.resize(before.len() + 20_000, 0xEE);
    let grown = image(&padded).set(SERVER, "Large", BINARY, &[9; 9000], AT).unwrap().seal(AT).unwrap();
    assert_eq!((grown.len(), grown[..after.len()] == after), (padded.len(), true));
}

#[test]
fn what_is_not_whole_is_refused() {
    let hive = system().hive();
    let refused = |bytes: Vec<u8>, logs: &[Vec<u8>]| Image::open(bytes, logs_of(logs)).unwrap_err();
    assert_eq!(refused(b"regf".to_vec(), &[]), Refusal::Foreign);
    assert_eq!(refused(dirty(&hive), &[]), Refusal::Dirty);
    assert!(matches!(refused(hive[..5000].to_vec(), &[]), Refusal::Cut(5000, _)));
    let mut sum = hive.clone();
    sum[508] ^= 1;
    assert_eq!(refused(sum, &[]), Refusal::FirstBlock);
    for (at, number) in [(20, 2_u32), (24, 9), (28, 1)] {
        let mut other = hive.clone();
        other[at..at + 4].copy_from_slice(&number.to_le_bytes());
        seal(&mut other);
        assert_eq!(refused(other, &[]), Refusal::Foreign, "{at}");
    }
    let mut cell = hive.clone();
    cell[4096 + 32..][..4].copy_from_slice(&(-12_i32).to_le_bytes());
    assert_eq!(refused(cell, &[]), Refusal::Unsound(32, "a cell"));
    let mut bin = hive.clone();
    bin[4096] = b'x';
    assert_eq!(refused(bin, &[]), Refusal::Unsound(0, "a hive bin"));
    assert!(matches!(image(&hive).set("Nowhere", "a", 4, &[0; 4], AT), Err(Refusal::NoKey(_))));
    assert!(matches!(image(&hive).set(SERVER, "a", 3, &vec![0; 20_000], AT), Err(Refusal::Large(_))));
}

#[test]
fn logs_are_merged_first_and_a_gap_between_them_is_refused() {
    let hive = system().hive();
    let mut other = system();
    other.dword(LISTENER, "InitialProgram", 1);
    let entry = |number: u32| (number, other.hive().split_off(4096));
    let of = |first: u32, numbers: &[u32]| {
        sketch::log(&hive, first, &numbers.iter().map(|number| entry(*number)).collect::<Vec<_>>())
    };
    for first in [7, 8] {
        let merged = Image::open(dirty(&hive), logs_of(&[of(first, &[first, first + 1])])).unwrap();
        assert_eq!(held(&merged, LISTENER)["InitialProgram"], (DWORD, 1_u32.to_le_bytes().to_vec()));
        let sealed = merged.seal(AT).unwrap();
        assert_eq!(BaseBlock::read(&sealed).unwrap().sequence, (first + 2, first + 2), "behind all that the logs have");
    }
    for (logs, says) in [
        (vec![of(9, &[9])], "the hive stands at 8, and the logs begin at 9"),
        (vec![of(7, &[7]), of(9, &[9])], "go on with entry 9 behind 7"),
    ] {
        let Err(Refusal::Gap(why)) = Image::open(dirty(&hive), logs_of(&logs)) else { panic!("{says}") };
        assert!(why.contains(says), "{why}");
    }
    // those of a hive that was closed are old
    assert_eq!(Image::open(hive.clone(), logs_of(&[of(7, &[7])])).unwrap(), image(&hive));
}

/// Change of one of eight values: what it is set to, or `None` to delete it.
type Step = (u8, Option<(u32, Vec<u8>)>);

fn edits() -> impl Strategy<Value = Vec<Step>> {
    let data = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..=8),
        prop::collection::vec(any::<u8>(), 30..60),
        prop::collection::vec(any::<u8>(), 3000..5000),
    ];
    prop::collection::vec((0_u8..8, prop::option::of((0_u32..12, data))), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// After any edits the key holds what a map holds after them, another key what it held, and all bins are sound.
    #[test]
    fn edits_are_those_of_a_map(edits in edits()) {
        let before = system().hive();
        let mut edited = image(&before);
        let mut model = held(&edited, LISTENER);
        for (number, what) in edits {
            let name = format!("value {}", "x".repeat(number.into()));
            edited = if let Some((kind, data)) = what {
                let edited = edited.set(LISTENER, &name, kind, &data, AT).unwrap();
                model.insert(name, (kind, data));
                edited
            } else {
                model.remove(&name);
                edited.delete(LISTENER, &name, AT).unwrap()
            };
        }
        let sealed = image(&edited.seal(AT).unwrap());
        prop_assert_eq!(held(&sealed, LISTENER), model);
        prop_assert_eq!(held(&sealed, SERVER), held(&image(&before), SERVER));
    }

    /// Whatever the bytes of a hive are, nothing panics, and what is sealed is sound.
    #[test]
    fn broken_hives_do_no_harm(at in 0_usize..5000, byte: u8, data in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut bytes = system().hive();
        let at = at % bytes.len();
        bytes[at] = byte;
        seal(&mut bytes);
        if let Ok(sealed) = Image::open(bytes, Vec::new())
            .and_then(|image| image.set(LISTENER, "PortNumber", 3, &data, AT))
            .and_then(|image| image.delete(SERVER, "fDenyTSConnections", AT))
            .and_then(|image| image.seal(AT))
        {
            prop_assert!(Image::open(sealed, Vec::new()).is_ok());
        }
    }
}
