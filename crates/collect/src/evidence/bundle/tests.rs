//! Bundles in order, and zips made to do harm: the latter are put together byte by byte.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use evidence::state::{Part, SCHEMA as STATE, State};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::evidence::evtx::sample::{Line, Sample};
use crate::evidence::gather;

const AT: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

fn state(computer: &str) -> State {
    State { schema: STATE.to_owned(), part: Part::Host, computer: Some(computer.to_owned()), ..State::default() }
}

fn pieces() -> Vec<Piece> {
    let transcript = include_str!("../../../../diagnosis/tests/transcripts/xrdp-tls.txt").parse().unwrap();
    vec![
        Piece::State(Box::new(state("ONE"))),
        Piece::Transcript(Box::new(transcript)),
        Piece::State(Box::new(state("TWO"))),
    ]
}

/// A bundle together with its pieces.
#[derive(Debug)]
struct Whole {
    manifest: Manifest,
    pieces: Vec<(String, Kind, Piece)>,
    unread: Vec<(String, String)>,
}

fn read_bytes(bytes: &[u8]) -> Result<Whole, String> {
    let mut pieces = Vec::new();
    let mut take = |name: &str, kind, piece| {
        pieces.push((name.to_owned(), kind, piece));
        Ok(())
    };
    let Inside { manifest, unread, passed_over: _ } =
        read_from(Cursor::new(bytes), &mut take).map_err(|error| error.to_string())?;
    Ok(Whole { manifest: manifest.unwrap_or_default(), pieces, unread })
}

#[test]
fn what_is_written_is_read() {
    let left_out = [LeftOut { what: "a file".to_owned(), why: "empty".to_owned() }];
    let (bytes, manifest) = write(&pieces(), &left_out, AT, true);
    assert!(recognises(&bytes));
    let inside = read_bytes(&bytes).unwrap();
    assert_eq!((&inside.manifest, &inside.unread), (&manifest, &Vec::new()));
    assert_eq!(
        (manifest.made_at.as_str(), manifest.redacted, &manifest.left_out[..]),
        ("2026-11-21T09:00:00Z", true, &left_out[..])
    );
    let found: Vec<_> = inside.pieces.iter().map(|(name, kind, _)| (name.as_str(), *kind)).collect();
    let kinds = [Kind::RecordedState, Kind::Transcript, Kind::RecordedState];
    assert_eq!(found, ["state/1.json", "transcript/2.txt", "state/3.json"].into_iter().zip(kinds).collect::<Vec<_>>());
    let again: Vec<Piece> = inside.pieces.into_iter().map(|(_, _, piece)| piece).collect();
    assert_eq!(write(&again, &manifest.left_out, AT, true).0, bytes);
    assert_eq!(write(&pieces(), &left_out, AT, true).0, bytes);
}

#[test]
fn a_capture_stands_in_it_without_its_packets() {
    let capture = Piece::Capture(Box::default());
    let (bytes, manifest) = write(std::slice::from_ref(&capture), &[], AT, false);
    assert_eq!(
        (manifest.files[0].path.as_str(), manifest.files[0].kind.as_str()),
        ("capture/1.txt", "recorded capture")
    );
    let inside = read_bytes(&bytes).unwrap();
    assert_eq!((&inside.unread, &inside.pieces[0].2), (&Vec::new(), &capture));
}

/// The crate `zip` reads what we write, and we read what it writes.
#[test]
fn the_crate_zip_agrees() {
    let (bytes, manifest) = write(&pieces(), &[], AT, true);
    let mut theirs = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(theirs.len(), 4);
    let mut made = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..theirs.len() {
        let mut entry = theirs.by_index(number).unwrap();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        made.start_file(entry.name().unwrap().into_owned(), zip::write::SimpleFileOptions::default()).unwrap();
        made.write_all(&contents).unwrap();
    }
    let inside = read_bytes(&made.finish().unwrap().into_inner()).unwrap();
    assert_eq!((inside.pieces.len(), inside.manifest, inside.unread), (3, manifest, vec![]));
}

#[test]
fn messages_name_the_bundle_and_the_file_in_it() {
    let path = std::env::temp_dir().join(format!("rdpdoctor-bundle-{}.zip", std::process::id()));
    let (mut bytes, _) = write(&pieces(), &[LeftOut { what: "System.evtx".into(), why: "empty".into() }], AT, true);
    let at = bytes.windows(12).position(|window| window == b"state/3.json").unwrap() + 12;
    bytes[at + 20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let gathered = gather(std::slice::from_ref(&path));
    std::fs::remove_file(&path).unwrap();
    let shown = path.display();
    let names: Vec<PathBuf> = gathered.pieces.iter().map(|(path, ..)| path.clone()).collect();
    let expected = [format!("{shown}: state/1.json"), format!("{shown}: transcript/2.txt")];
    assert_eq!(names, expected.map(PathBuf::from));
    assert_eq!(gathered.unread[0].0, PathBuf::from(format!("{shown}: state/3.json")));
    let mut evidence = evidence::Evidence::default();
    gathered.observe(&mut evidence, AT);
    let told: Vec<_> = evidence.observations.iter().map(|seen| format!("{:?}", seen.fact)).collect();
    assert!(told.iter().any(|fact| fact.contains("System.evtx") && fact.contains("left out of the bundle: empty")));
}

/// Entry of a zip as a test wants it, true or false.
#[derive(Clone)]
struct Made {
    name: Vec<u8>,
    data: Vec<u8>,
    method: u16,
    flags: u16,
    crc: u32,
    size: u32,
    compressed: u32,
    attributes: u32,
    system: u16,
    /// Beginning according to the list, if that is false.
    at: Option<u32>,
}

fn entry(name: &str, contents: &[u8]) -> Made {
    let mut crc = flate2::Crc::new();
    crc.update(contents);
    let size = u32::try_from(contents.len()).unwrap();
    Made {
        name: name.as_bytes().to_vec(),
        data: contents.to_vec(),
        method: 0,
        flags: 0,
        crc: crc.sum(),
        size,
        compressed: size,
        attributes: 0,
        system: 20,
        at: None,
    }
}

fn packed(name: &str, contents: &[u8]) -> Made {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).unwrap();
    let data = encoder.finish().unwrap();
    Made { method: 8, compressed: u32::try_from(data.len()).unwrap(), data, ..entry(name, contents) }
}

fn archive(entries: &[Made]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    let le = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    for made in entries {
        let start = u32::try_from(bytes.len()).unwrap();
        let sizes: Vec<u8> = [made.crc, made.compressed, made.size].into_iter().flat_map(u32::to_le_bytes).collect();
        let head =
            [le(&[20, made.flags, made.method, 0, 33]), sizes, le(&[u16::try_from(made.name.len()).unwrap(), 0])]
                .concat();
        bytes.extend([&b"PK\x03\x04"[..], &head, &made.name, &made.data].concat());
        let behind =
            [&le(&[0, 0, 0])[..], &made.attributes.to_le_bytes(), &made.at.unwrap_or(start).to_le_bytes()].concat();
        list.extend([&b"PK\x01\x02"[..], &le(&[made.system]), &head, &behind, &made.name].concat());
    }
    let count = u16::try_from(entries.len()).unwrap();
    let places = [u32::try_from(list.len()).unwrap(), u32::try_from(bytes.len()).unwrap()];
    let end =
        [&b"PK\x05\x06"[..], &le(&[0, 0, count, count]), &places.map(u32::to_le_bytes).concat(), &[0, 0]].concat();
    [bytes, list, end].concat()
}

/// Makes a bundle of a manifest that names these, as they are, and their entries.
fn bundle_of(entries: &[(Made, &[u8])]) -> Vec<u8> {
    let file = |(made, contents): &(Made, &[u8])| BundledFile {
        path: String::from_utf8_lossy(&made.name).into_owned(),
        kind: "recorded state".to_owned(),
        sha256: sha256(contents),
        bytes: contents.len() as u64,
    };
    let files = entries.iter().map(file).collect();
    let manifest = Manifest { schema: SCHEMA.to_owned(), files, ..Manifest::default() };
    let first = entry(MANIFEST, manifest.to_json().as_bytes());
    archive(&[vec![first], entries.iter().map(|(made, _)| made.clone()).collect()].concat())
}

fn good() -> Vec<u8> {
    state("GOOD").to_json().into_bytes()
}

/// Returns what is reported of a bad entry beside a good one, which is read all the same.
fn refused(made: Made, contents: &[u8]) -> String {
    let inside = read_bytes(&bundle_of(&[(entry("state/1.json", &good()), &good()), (made, contents)])).unwrap();
    assert_eq!(inside.pieces.len(), 1, "{:?}", inside.unread);
    assert_eq!(inside.unread.len(), 1, "{:?}", inside.unread);
    inside.unread[0].1.clone()
}

#[test]
fn names_that_lead_out_are_refused() {
    let names: [(&[u8], &str); 11] = [
        (b"../state.json", "leads out"),
        (b"state/../../x.json", "leads out"),
        (b"./x.json", "leads out"),
        (b"/etc/passwd", "absolute"),
        (b"C:/x.json", "absolute"),
        (b"c:x.json", "absolute"),
        (b"state\\x.json", "backslash"),
        (b"x.json\0.txt", "NUL"),
        (b"state/", "folder"),
        (b"state//x.json", "empty part"),
        (b"\x1b[2Jx.json", "control"),
    ];
    for (name, why) in names {
        let made = Made { name: name.to_vec(), ..entry("x", &good()) };
        let inside = read_bytes(&bundle_of(&[(entry("state/1.json", &good()), &good()), (made, &good())])).unwrap();
        let (shown, told) = &inside.unread[0];
        assert!(told.contains(why) && !shown.contains('\u{1b}') && inside.pieces.len() == 1, "{shown}: {told}");
    }
    let long = Made { name: vec![b'a'; 300], ..entry("x", &good()) };
    assert!(read_bytes(&archive(&[long])).unwrap().pieces[0].0.len() <= 200);
    let none = Made { name: b"\xFF\xFE.json".to_vec(), ..entry("x", &good()) };
    assert!(read_bytes(&bundle_of(&[(none, &good())])).unwrap().unread[0].1.contains("UTF-8"));
}

#[test]
fn entries_that_are_no_plain_files_are_refused() {
    let x = || entry("state/x.json", &good());
    assert_eq!(refused(Made { system: 0x0314, attributes: 0xA1FF_0000, ..x() }, &good()), "a symbolic link");
    assert_eq!(refused(Made { flags: 1, ..x() }, &good()), "encrypted");
    assert_eq!(refused(Made { flags: 0x40, ..x() }, &good()), "encrypted");
    assert!(refused(Made { method: 99, ..x() }, &good()).contains("method (number 99)"));
    assert!(refused(Made { method: 14, ..x() }, &good()).contains("method (number 14)"));
    let inner = archive(&[entry("x", b"x")]);
    assert!(refused(entry("state/x.json", &inner), &inner).contains("a zip within the bundle"));
    assert!(refused(entry("state/x.json", b"text"), b"text").contains("of no kind"));
    assert!(refused(entry("state/x.json", b"regf"), b"regf").contains("of no kind"));
    let transcript = include_bytes!("../../../../diagnosis/tests/transcripts/xrdp-tls.txt");
    assert!(refused(entry("state/x.json", transcript), transcript).contains("is a transcript"));
    let newer = String::from_utf8(good()).unwrap().replace("rdpdoctor-state/1\"", "rdpdoctor-state/1.5\"").into_bytes();
    assert!(refused(entry("state/x.json", &newer), &newer).contains("recorded state: a recorded state of the form"));
}

#[test]
fn sizes_that_lie_are_refused() {
    let x = || packed("state/x.json", &good());
    let length = u32::try_from(good().len()).unwrap();
    assert!(refused(Made { size: length - 1, ..x() }, &good()).contains("and has more"));
    assert!(refused(Made { size: length + 1, ..x() }, &good()).contains(&format!("and has {length}")));
    assert!(refused(Made { crc: 1, ..x() }, &good()).contains("checksum is wrong"));
    assert!(refused(Made { size: u32::MAX, ..x() }, &good()).contains("zip64"));
    assert!(refused(Made { size: 33 * 1024 * 1024, ..x() }, &good()).contains("too large"));
    assert!(refused(Made { size: 1, ..entry("state/x.json", &good()) }, &good()).contains("contradict"));
    assert!(refused(Made { compressed: 1 << 30, ..x() }, &good()).contains("does not lie within"));
    assert!(refused(Made { at: Some(1 << 30), ..x() }, &good()).contains("does not lie within"));
    assert!(refused(Made { at: Some(1), ..x() }, &good()).contains("another entry"));
    let mut damaged = x();
    damaged.data[0] = 0xFF;
    assert!(refused(damaged, &good()).contains("damaged"));
}

/// Ten gigabytes of zeros, as a stream of equal blocks of deflate. It is never in memory as a whole.
#[test]
fn a_bomb_is_refused_while_it_is_inflated() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1024 * 1024];
    (0..64).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.flush().unwrap();
    // a flush ends at a byte, so the blocks after it may be repeated: each time 64 MiB more
    let data = encoder.get_ref().repeat(160);
    let honest = Made {
        compressed: u32::try_from(data.len()).unwrap(),
        size: u32::MAX - 1,
        data: data.clone(),
        ..packed("state/x.json", b"x")
    };
    assert!(refused(honest.clone(), b"x").contains("too large"));
    // one that claims to be small is believed as little
    assert!(refused(Made { size: 1000, ..honest.clone() }, b"x").contains("and has more"));
    assert!(refused(Made { size: 20 * 1024 * 1024, ..honest }, b"x").contains("and has more"));
    // one that tells the truth about everything
    let zeros = vec![0; 20 * 1024 * 1024];
    assert!(refused(packed("state/x.json", &zeros), &zeros).contains("zip bomb"));
    // one that grows less, and does not end
    let steady: Vec<u8> = (0..70 * 1024 * 1024_u32).map(|number| u8::try_from(number / 7 % 251).unwrap()).collect();
    let large = Made { size: 20 * 1024 * 1024, ..packed("state/x.json", &steady) };
    let told = refused(large, b"x");
    assert!(told.contains("zip bomb") || told.contains("has more"), "{told}");
}

#[test]
fn entries_that_share_bytes_or_names_are_refused() {
    let (one, two) = (entry("state/1.json", &good()), entry("state/2.json", &good()));
    let both = bundle_of(&[(one.clone(), &good()), (one.clone(), &good())]);
    let inside = read_bytes(&both).unwrap();
    assert!(inside.pieces.is_empty() && inside.unread[0].1.contains("two entries of this name"), "{:?}", inside.unread);
    let other = Made { name: b"STATE/1.json".to_vec(), ..one.clone() };
    assert_eq!(read_bytes(&bundle_of(&[(one.clone(), &good()), (other, &good())])).unwrap().pieces.len(), 0);
    // the second entry lies within the first
    let inner = archive(std::slice::from_ref(&two));
    let outer = entry("state/1.json", &inner);
    let manifest = read_bytes(&bundle_of(&[(outer.clone(), &inner)])).unwrap().manifest;
    let head = 30 + MANIFEST.len() + manifest.to_json().len();
    let mut within = bundle_of(&[(outer.clone(), &inner)]);
    let at = u32::try_from(head + 30 + outer.name.len()).unwrap();
    within = {
        let mut entries = vec![entry(MANIFEST, manifest.to_json().as_bytes()), outer];
        let whole = within.len();
        entries.push(Made { at: Some(at), data: Vec::new(), ..two });
        let made = archive(&entries);
        assert!(made.len() > whole);
        made
    };
    let inside = read_bytes(&within).unwrap();
    assert!(
        inside.unread.iter().any(|(name, why)| name == "state/1.json" && why.contains("overlap those of state/2.json")),
        "{:?}",
        inside.unread
    );
    assert!(inside.pieces.is_empty());
}

#[test]
fn what_the_manifest_and_the_archive_do_not_share_is_named() {
    let good = good();
    let changed = state("EVIL").to_json().into_bytes();
    assert!(refused(entry("state/x.json", &changed), &good).contains("changed after the bundle was made"));
    // named but missing
    let whole = bundle_of(&[(entry("state/1.json", &good), &good), (entry("state/2.json", &good), &good)]);
    let manifest = read_bytes(&whole).unwrap().manifest;
    let manifest = entry(MANIFEST, manifest.to_json().as_bytes());
    let inside = read_bytes(&archive(&[manifest.clone(), entry("state/1.json", &good)])).unwrap();
    assert_eq!(
        inside.unread,
        [("state/2.json".to_owned(), "manifest.json names it, and it is not in the bundle".to_owned())]
    );
    // present but not named
    let more = [manifest, entry("state/1.json", &good), entry("state/2.json", &good), entry("state/3.json", &good)];
    let inside = read_bytes(&archive(&more)).unwrap();
    assert_eq!((inside.pieces.len(), inside.unread[0].0.as_str()), (2, "state/3.json"));
    assert!(inside.unread[0].1.contains("does not name it"));
}

/// As people pack them: a log in a folder, one that is nearly all zeros, a note, and a zip within.
#[test]
fn any_other_zip_is_read_like_a_folder() {
    let sample = Sample { provider: "Schannel", channel: "System", computer: "SERVER01", field: "param1" };
    let line = Line { id: 36870, at: 1_760_000_000, activity: [7; 16], text: "x".to_owned() };
    let log = sample.log(&[vec![line]]);
    let zeros = [log.clone(), vec![0; 4 << 20]].concat();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(&zeros).unwrap();
    let packed = deflate.finish().unwrap();
    assert!(zeros.len() / packed.len() > 200);
    let reg = b"REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server]\r\n\"a\"=dword:1\r\n";
    let rdp = b"full address:s:server\r\n";
    let zip = archive(&[
        entry("Logs\\System.evtx", &log),
        entry("Logs/", b""),
        Made {
            method: 8,
            compressed: u32::try_from(packed.len()).unwrap(),
            data: packed,
            ..entry("Logs/zeros.evtx", &zeros)
        },
        entry("notes.txt", b"hello"),
        entry("a.reg", reg),
        entry("a.rdp", rdp),
        entry("System.evtx", b"junk"),
        entry("within.zip", &archive(&[entry("x", b"x")])),
    ]);
    let (mut read, mut take_kinds) = (Vec::new(), Vec::new());
    let inside = read_from(Cursor::new(&zip), &mut |name, kind, piece| {
        read.push(name.to_owned());
        take_kinds.push((kind, piece));
        Ok(())
    })
    .unwrap();
    assert_eq!(read, ["Logs\\System.evtx", "Logs/zeros.evtx", "a.reg", "a.rdp"]);
    assert_eq!(inside.passed_over, 1);
    let unread: Vec<_> = inside.unread.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(
        unread,
        ["System.evtx: of no kind that this program knows", "within.zip: a zip within the zip, which is not opened"]
    );
}

/// A log that is too large to be held in memory is read as it is inflated, whatever kind of log it is; what cannot be
/// read so says what to do.
#[test]
fn a_large_log_is_read_as_it_is_inflated() {
    let sample = Sample { provider: "Schannel", channel: "System", computer: "SERVER01", field: "param1" };
    let line = |number: u64| {
        let (id, text) = (36870, format!("text {number}"));
        Line { id, at: 1_760_000_000 + number, activity: [7; 16], text }
    };
    let mut log = sample.log(&[(0..200).map(line).collect(), (200..600).map(line).collect()]);
    log.resize(usize::try_from(archive::ENTRY).unwrap() + 4096 + 65536, 0);
    let mut text = b"TimeCreated : 2026-11-20T08:01:02Z\r\nProviderName : Schannel\r\nId : 36870\r\n\r\n".to_vec();
    text.resize(usize::try_from(archive::ENTRY).unwrap() + 1, b'\n');
    let mut hive = b"regf".to_vec();
    hive.resize(text.len(), 0);
    let mut made = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("System.evtx", &log), ("events.txt", &text), ("SYSTEM", &hive)] {
        made.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        made.write_all(bytes).unwrap();
    }
    let mut found = Vec::new();
    let inside = read_from(Cursor::new(made.finish().unwrap().into_inner()), &mut |name, _, piece| {
        let Piece::State(state) = piece else { panic!() };
        found.push((name.to_owned(), state.events.len(), state.logs[0].records));
        Ok(())
    });
    let inside = inside.unwrap();
    assert_eq!(inside.unread.len(), 1, "{:?}", inside.unread);
    assert_eq!(found, [("System.evtx".to_owned(), 500, 600), ("events.txt".to_owned(), 1, 1)]);
    let [(name, why)] = &inside.unread[..] else { panic!("{:?}", inside.unread) };
    assert!(name == "SYSTEM" && why.contains("unpack it and name it itself"), "{why}");
}

#[test]
fn a_zip_that_cannot_be_read_says_why() {
    let why = |bytes: &[u8]| read_bytes(bytes).unwrap_err();
    assert_eq!(why(&archive(&[])), "none of its 0 files is of a kind that this program knows");
    let manifest = |schema: &str| Manifest { schema: schema.to_owned(), ..Manifest::default() }.to_json();
    let of = |text: &str| why(&archive(&[entry(MANIFEST, text.as_bytes())]));
    assert!(of(&manifest("rdpdoctor-bundle/2")).contains("does not know"));
    assert!(of(&manifest("other/1")).contains("not that of a bundle"));
    assert!(of("{").contains("cannot be read"));
    assert!(why(&archive(&[Made { flags: 1, ..entry(MANIFEST, b"{}") }])).contains("manifest.json: encrypted"));
    let mut parts = archive(&[entry("x", b"x")]);
    let end = parts.len() - 22;
    parts[end + 4] = 1;
    assert!(why(&parts).contains("several parts"));
    let mut huge = archive(&[entry("x", b"x")]);
    huge[end + 16..end + 20].fill(0xFF);
    assert!(why(&huge).contains("zip64"));
    let mut outside = archive(&[entry("x", b"x")]);
    outside[end + 16] = 0xFF;
    assert!(why(&outside).contains("does not lie within"));
    let mut many = archive(&[entry("x", b"x")]);
    many[end + 8..end + 12].copy_from_slice(&[0x20, 0x4E, 0x20, 0x4E]);
    assert!(why(&many).contains("20000 entries"));
    many[end + 8..end + 12].copy_from_slice(&[5, 0, 5, 0]);
    let inside = read_bytes(&many).unwrap();
    assert!(inside.pieces.is_empty() && inside.unread[0].1.contains("damaged at entry 2 of 5"), "{inside:?}");
}

#[test]
fn a_bundle_that_is_cut_anywhere_is_an_error_in_words() {
    let (bytes, _) = write(&pieces(), &[], AT, true);
    for length in 0..bytes.len() {
        let why = read_bytes(&bytes[..length]).unwrap_err();
        assert!(why.contains("cut off"), "{length}: {why}");
    }
}

proptest! {
    #[test]
    fn no_change_panics(changes in proptest::collection::vec((0_usize..1 << 16, any::<u8>()), 1..8), ends: bool) {
        let (mut bytes, _) = write(&pieces(), &[], AT, true);
        let length = bytes.len();
        for (at, byte) in changes {
            // half of the cases damage the lists at the end
            let at = if ends { length - 1 - at % 300 } else { at % length };
            bytes[at] = byte;
        }
        if let Ok(inside) = read_bytes(&bytes) {
            prop_assert!(inside.pieces.len() <= 3);
        }
    }
}
