use std::io::Cursor;

use diagnosis::events::{CLIENT, CORE, SCHANNEL};
use diagnosis::state::bounds::KEPT;
use proptest::prelude::*;

use super::sample::{Line, Sample};
use super::*;

const SYSTEM: Sample = Sample { provider: SCHANNEL, channel: "System", computer: "SERVER01", field: "param1" };

fn line(id: u16, at: u64) -> Line {
    Line { id, at, activity: [7; 16], text: format!("text {at}") }
}

fn read_bytes(bytes: &[u8]) -> Result<State, ReadError> {
    let mut log = Log::default();
    log.file(&mut Cursor::new(bytes))?;
    log.state()
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let state = read_bytes(&SYSTEM.log(&[vec![line(36870, 1_760_000_000), line(9999, 1_760_000_060)]])).unwrap();
    assert_eq!((state.part, state.computer.as_deref()), (Part::Host, Some("SERVER01")));
    assert_eq!((state.logs[0].records, state.logs[0].damaged), (2, false));
    assert_eq!(state.logs[0].until, "2025-10-09T08:54:20Z");
    let [event] = &state.events[..] else { panic!("{:?}", state.events) };
    assert_eq!((event.id, event.provider.as_str(), event.channel.as_str()), (36870, SCHANNEL, "System"));
    assert_eq!(event.at, "2025-10-09T08:53:20Z");
    assert_eq!(event.data["param1"], "text 1760000000");
    assert_eq!(event.activity.as_deref(), Some("{07070707-0707-0707-0707-070707070707}"));
}

#[test]
fn the_log_of_the_client_is_the_clients() {
    let client = Sample { provider: CLIENT, channel: CLIENT_CHANNEL, computer: "SERVER01", field: "param1" };
    assert_eq!(read_bytes(&client.log(&[vec![line(1024, 1_760_000_000)]])).unwrap().part, Part::Client);
}

/// Chunks stand in any order, and of too many entries the newest stay.
#[test]
fn the_newest_are_kept_and_the_others_counted() {
    let sample = Sample { provider: CORE, channel: "core", computer: "SERVER01", field: "param1" };
    let chunk = |first: u64| (first..first + 200).map(|second| line(131, 1_760_000_000 + second)).collect();
    let state = read_bytes(&sample.log(&[chunk(800), chunk(0), chunk(400), chunk(200), chunk(600)])).unwrap();
    assert_eq!((state.events.len(), state.logs[0].left_out, state.logs[0].records), (KEPT, 500, 1000));
    assert_eq!(state.events[0].data["param1"], "text 1760000500");
    assert_eq!(state.events[KEPT - 1].data["param1"], "text 1760000999");
}

#[test]
fn behind_damage_reading_goes_on() {
    let chunk = || vec![line(36870, 1_760_000_000), line(36871, 1_760_000_001), line(36874, 1_760_000_002)];
    let mut log = SYSTEM.log(&[chunk(), chunk(), chunk()]);
    // the second entry of the first chunk loses its magic; the second chunk its own
    let second = log[4096 + 513..].windows(4).position(|four| four == b"**\0\0").unwrap() + 4096 + 513;
    log[second] = 0;
    log[4096 + CHUNK] = 0;
    let state = read_bytes(&log).unwrap();
    assert_eq!((state.events.len(), state.logs[0].damaged), (5, true));
    let [unread] = &state.unread[..] else { panic!("{:?}", state.unread) };
    assert!(unread.why.contains("chunk 0 at byte 4096") && unread.why.contains("chunk 1 at byte 69632"), "{unread:?}");
    assert!(unread.why.contains("5 entries were read"), "{unread:?}");
}

#[test]
fn a_log_that_was_cut_off_says_so() {
    let log = SYSTEM.log(&[vec![line(36870, 1_760_000_000)], vec![line(36870, 1_760_000_000)]]);
    let state = read_bytes(&log[..4096 + CHUNK + 600]).unwrap();
    assert_eq!((state.events.len(), state.logs[0].damaged), (1, true));
    assert!(state.unread[0].why.contains("cut off"), "{:?}", state.unread);
}

#[test]
fn a_log_without_entries_is_no_evidence() {
    for log in [&b"ElfFile\0"[..], &SYSTEM.log(&[]), &SYSTEM.log(&[vec![]])] {
        assert!(read_bytes(log).is_err());
    }
}

/// Entries within entries, each of them named by a thousand gaps: as many as there are atoms, if all were read.
#[test]
fn entries_within_entries_do_not_multiply() {
    let mut chunk = vec![0; 512];
    let template = chunk.len();
    chunk.extend([0; 24]);
    sample::open(&mut chunk, "EventData", &[]);
    chunk.extend([0x0D, 0, 0, 0x21].repeat(1000));
    chunk.extend([0x04, 0x00]);
    let size = u32::try_from(chunk.len() - template - 24).unwrap();
    chunk[template + 20..template + 24].copy_from_slice(&size.to_le_bytes());
    let place = u32::try_from(template).unwrap().to_le_bytes();
    let mut entry = Vec::new();
    for _ in 0..12 {
        let length = u16::try_from(entry.len()).unwrap().to_le_bytes();
        let head = [&[0x0C, 1, 0, 0, 0, 0][..], &place, &[1, 0, 0, 0], &length, &[0x21, 0]].concat();
        entry = [head, entry].concat();
    }
    let at = chunk.len();
    chunk.extend(entry);
    let mut templates = Templates::default();
    let entry = templates.entry(&chunk, at, chunk.len()).unwrap();
    assert_eq!(entry.data(&mut templates), []);
}

/// However large the values of an entry are, what is kept of them is not.
#[test]
fn what_is_kept_of_an_entry_is_bounded() {
    let long = Line { text: "x".repeat(20_000), ..line(36870, 1_760_000_000) };
    let state = read_bytes(&SYSTEM.log(&[vec![long]])).unwrap();
    assert_eq!(state.events[0].data["param1"].len(), 512);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever lies in a chunk, reading ends, without a panic.
    #[test]
    fn no_bytes_are_too_bad(changes in prop::collection::vec((4096_usize..8192, any::<u8>()), 0..40)) {
        let mut log = SYSTEM.log(&[(0..20).map(|second| line(36870, 1_760_000_000 + second)).collect()]);
        for (place, byte) in changes {
            log[place] = byte;
        }
        let _ = read_bytes(&log);
    }
}
