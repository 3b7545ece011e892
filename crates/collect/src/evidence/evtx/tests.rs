use std::io::Cursor;

use evidence::events::{CLIENT, CORE, SCHANNEL, SECURITY};
use proptest::prelude::*;

use super::sample::{Line, Sample};
use super::*;

const SYSTEM: Sample = Sample { provider: SCHANNEL, channel: "System", computer: "SERVER01", field: "param1" };

fn line(id: u16, at: u64) -> Line {
    Line { id, at, activity: [7; 16], text: format!("text {at}") }
}

fn read_all(bytes: &[u8]) -> Result<Vec<State>, ReadError> {
    event_log(Cursor::new(bytes))
}

/// Reads a log of one machine.
fn read_bytes(bytes: &[u8]) -> Result<State, ReadError> {
    let mut states = read_all(bytes)?;
    assert_eq!(states.len(), 1);
    Ok(states.remove(0))
}

fn lines(id: u16, seconds: std::ops::Range<u64>) -> Vec<Line> {
    seconds.map(|second| line(id, 1_760_000_000 + second)).collect()
}

/// Joins these chunks to a log.
fn of_chunks(chunks: &[Vec<u8>]) -> Vec<u8> {
    [sample::head(), chunks.concat()].concat()
}

fn why(state: &State) -> Vec<&str> {
    state.unread.iter().map(|unread| unread.why.as_str()).collect()
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

/// Chunks come in any order, and of too many entries the newest stay.
#[test]
fn the_newest_are_kept_and_the_others_counted() {
    let sample = Sample { provider: CORE, channel: "core", computer: "SERVER01", field: "param1" };
    let chunk = |first: u64| (first..first + 200).map(|second| line(131, 1_760_000_000 + second)).collect();
    let state = read_bytes(&sample.log(&[chunk(800), chunk(0), chunk(400), chunk(200), chunk(600)])).unwrap();
    assert_eq!((state.events.len(), state.logs[0].left_out, state.logs[0].records), (KEPT, 500, 1000));
    assert_eq!(state.events[0].data["param1"], "text 1760000500");
    assert_eq!(state.events[KEPT - 1].data["param1"], "text 1760000999");
}

/// Entries that are passed over count like those that are kept, of each kind by itself, in whichever order it comes.
#[test]
fn each_kind_is_counted_by_itself() {
    let chunk = |first: u64| {
        let pair = |second| {
            [line(36874, 1_760_000_000 + second), line(if second < 400 { 36871 } else { 9999 }, 1_760_000_000)]
        };
        (first..first + 100).flat_map(pair).collect()
    };
    let chunks: Vec<Vec<Line>> = [300, 700, 0, 100, 600, 200, 500, 400].into_iter().map(chunk).collect();
    let state = read_bytes(&SYSTEM.log(&chunks)).unwrap();
    let counts: Vec<_> =
        state.counts.iter().map(|count| (count.id, count.count, count.from.as_str(), count.until.as_str())).collect();
    assert_eq!(counts, [(36874, 800, "2025-10-09T08:53:20Z", "2025-10-09T09:06:39Z")]);
    let kept = |id| state.events.iter().filter(|event| event.id == id).count();
    assert_eq!((kept(36874), kept(36871), state.logs[0].left_out, state.logs[0].records), (KEPT, 400, 300, 1600));
}

/// Of refused logons those that are not kept are counted as well: how many, when, from how many addresses.
#[test]
fn refused_logons_that_are_not_kept_are_counted() {
    let field = "LogonType|SubStatus|IpAddress";
    let sample = Sample { provider: SECURITY, channel: "Security", computer: "SERVER01", field };
    let entry = |number: u64| {
        let text = format!("{}|0xc000006a|192.0.2.{}", if number.is_multiple_of(10) { 3 } else { 10 }, number % 7);
        Line { text, ..line(4625, 1_760_000_000 + number / 22) }
    };
    let chunks: Vec<Vec<Line>> = (0..18).map(|chunk| (chunk * 200..chunk * 200 + 200).map(entry).collect()).collect();
    let state = read_bytes(&sample.log(&chunks)).unwrap();
    assert_eq!((state.events.len(), state.logs[0].left_out), (KEPT, 3100));
    let counts: Vec<_> = state.counts.iter().map(|count| (count.logon_type, count.count, count.addresses)).collect();
    assert_eq!(counts, [(Some(3), 360, 7), (Some(10), 3240, 7)]);
    let ten = &state.counts[1];
    assert_eq!((ten.from.as_str(), ten.until.as_str()), ("2025-10-09T08:53:20Z", "2025-10-09T08:56:03Z"));
    assert_eq!(ten.minutes.values().sum::<u64>(), 3240);
    // a state that is cut again keeps what was counted
    let again = State::parse(&state.to_json()).unwrap();
    assert_eq!(again.counts, state.counts);
    let few = read_bytes(&sample.log(&[(0..200).map(entry).collect()])).unwrap();
    assert_eq!(few.counts, []);
}

/// Numbers are consecutive: a missing entry between two of them may be the very one that counts.
#[test]
fn entries_that_are_missing_make_a_log_not_whole() {
    let chunks = [SYSTEM.chunk(1, &lines(36870, 0..3)), vec![0; CHUNK], SYSTEM.chunk(10, &lines(36871, 60..62))];
    let state = read_bytes(&of_chunks(&chunks)).unwrap();
    assert_eq!((state.logs[0].records, state.logs[0].damaged, state.events.len()), (5, true, 5));
    assert_eq!(why(&state), ["6 entries are missing between those that were read: numbers 4 to 9"]);
}

/// A full log wraps around to its beginning; while it is copied, a chunk may come twice.
#[test]
fn a_log_that_has_begun_anew_is_whole() {
    let (old, new) = (SYSTEM.chunk(4, &lines(36870, 3..9)), SYSTEM.chunk(10, &lines(36870, 9..12)));
    let state = read_bytes(&of_chunks(&[new, old.clone(), old])).unwrap();
    assert_eq!((state.logs[0].damaged, why(&state)), (false, vec![]));
    assert_eq!(state.events.len(), 9);
}

/// Entries forwarded or saved from several machines: each machine gets its own, and none counts as complete.
#[test]
fn each_machine_has_its_own_entries() {
    let other = Sample { computer: "OTHER", ..SYSTEM };
    let chunks = [
        SYSTEM.chunk(1, &lines(36870, 0..3)),
        other.chunk(4, &lines(36871, 3..5)),
        SYSTEM.chunk(6, &lines(36872, 9..10)),
    ];
    let states = read_all(&of_chunks(&chunks)).unwrap();
    let told: Vec<_> = states.iter().map(|state| (state.computer.as_deref().unwrap(), state.events.len())).collect();
    assert_eq!(told, [("SERVER01", 4), ("OTHER", 2)]);
    assert!(states[1].events.iter().all(|event| event.id == 36871));
    assert!(states.iter().all(|state| state.logs.len() == 1 && state.logs[0].damaged));
    assert_eq!(why(&states[0])[0], "it holds entries of 2 machines, and which of theirs came into it is not known");
}

/// A saved view: one channel's reach says nothing about another.
#[test]
fn each_channel_has_its_own_span() {
    let core = Sample { provider: CORE, channel: "core", ..SYSTEM };
    let state =
        read_bytes(&of_chunks(&[SYSTEM.chunk(1, &lines(36870, 0..3)), core.chunk(70, &lines(131, 100..103))])).unwrap();
    let spans: Vec<_> = state.logs.iter().map(|log| (log.channel.as_str(), &log.from[17..19], log.damaged)).collect();
    assert_eq!(spans, [("System", "20", false), ("core", "00", false)]);
    let events: Vec<_> = state.events.iter().map(|event| (event.id, event.channel.as_str())).collect();
    assert_eq!((events[0], events[5]), ((36870, "System"), (131, "core")));
}

/// Setup gives a machine a name, and its owner another: its earlier name does not matter, and may be another machine's.
#[test]
fn of_a_log_under_two_names_the_last_counts() {
    let (setup, joined) =
        (Sample { computer: "WIN-1", ..SYSTEM }, Sample { computer: "server01.corp.example", ..SYSTEM });
    let chunks = [
        joined.chunk(6, &lines(36870, 9..11)),
        setup.chunk(1, &lines(36870, 0..3)),
        SYSTEM.chunk(4, &lines(36870, 3..5)),
    ];
    let state = read_bytes(&of_chunks(&chunks)).unwrap();
    assert_eq!((state.computer.as_deref(), state.events.len()), (Some("server01.corp.example"), 4));
    assert_eq!((state.logs[0].records, state.logs[0].damaged), (4, false));
    assert_eq!(
        why(&state),
        ["3 earlier entries were left out, which name another machine, or this one by an earlier name"]
    );
}

/// A log into which the entries of several hosts were forwarded: their record numbers do not follow one another.
#[test]
fn of_a_forwarded_log_each_host_is_one() {
    let name = |computer| Sample { computer, ..SYSTEM };
    let chunks = [
        name("ONE").chunk(318, &lines(36870, 0..1)),
        name("TWO").chunk(6433, &lines(36870, 1..2)),
        name("THREE").chunk(99456, &lines(36870, 2..3)),
    ];
    let states = read_all(&of_chunks(&chunks)).unwrap();
    let names: Vec<_> = states.iter().map(|state| state.computer.as_deref().unwrap()).collect();
    assert_eq!(names, ["ONE", "TWO", "THREE"]);
}

#[test]
fn machines_without_end_are_counted() {
    let name = |number: usize| Sample { computer: Box::leak(format!("PC{number}").into_boxed_str()), ..SYSTEM };
    let chunks: Vec<_> = (0..60).map(|number| name(number).chunk(7, &lines(36870, 0..2))).collect();
    let states = read_all(&of_chunks(&chunks)).unwrap();
    assert_eq!(states.len(), MACHINES);
    assert_eq!(why(&states[0])[0], "56 entries of more machines and channels than are told apart were left out");
}

/// Entries with long texts of several kinds, and a last one of another kind: the oldest make room for it.
#[test]
fn when_there_is_no_more_room_the_oldest_go() {
    let ids = [36871, 36872, 36874, 36886, 36887, 36888];
    let long = |number: u64| Line {
        text: "\u{20AC}".repeat(512),
        ..line(ids[usize::try_from(number).unwrap() % ids.len()], 1_760_000_000 + number)
    };
    let mut chunks: Vec<Vec<Line>> = (0..60).map(|chunk| (0..50).map(|at| long(chunk * 50 + at)).collect()).collect();
    chunks.push(lines(36870, 9000..9001));
    let state = read_bytes(&SYSTEM.log(&chunks)).unwrap();
    assert_eq!(state.events.last().unwrap().id, 36870);
    assert!(State { events: state.events.clone(), ..State::default() }.weight() <= ENTRIES);
    let left = usize::try_from(state.logs[0].left_out).unwrap();
    assert!(left > 0 && left + state.events.len() == 3001, "{left}");
    // the newest are left, and all that were left out are older
    assert_eq!(state.events[0].record, left as u64 + 1);
    let until = state.logs[0].left_out_until.clone().unwrap();
    assert!(until < state.events[0].at && state.logs[0].left_out > 0);
    assert!(
        why(&state)[0]
            .starts_with(&format!("{left} older entries, up to {} UTC,", until.replace('T', " ").replace('Z', ""))),
        "{:?}",
        why(&state)
    );
}

/// Without a template an entry is written out: a reference splits its text into pieces, and its time is text.
#[test]
fn an_entry_without_a_template_is_read_as_a_whole() {
    use sample::Piece::{Character, Entity, Text};
    let data: [(&str, &[sample::Piece]); 2] = [
        ("Text", &[Text("A"), Entity("amp"), Text("B"), Character(0x43), Entity("lt"), Entity("other")]),
        ("Other", &[Text("C"), Text("D")]),
    ];
    let chunk = sample::plain_chunk("2026-03-01T09:00:00.1234567Z", &data);
    let state = read_bytes(&of_chunks(&[chunk])).unwrap();
    let [event] = &state.events[..] else { panic!("{:?}", state.unread) };
    assert_eq!((event.id, event.at.as_str()), (36870, "2026-03-01T09:00:00.1234567Z"));
    assert_eq!((event.data["Text"].as_str(), event.data["Other"].as_str()), ("A&BC<&other;", "CD"));
}

#[test]
fn behind_damage_reading_goes_on() {
    let chunk = || vec![line(36870, 1_760_000_000), line(36871, 1_760_000_001), line(36874, 1_760_000_002)];
    let mut log = SYSTEM.log(&[chunk(), chunk(), chunk()]);
    // the second entry of the first chunk loses its magic, and the second chunk its own
    let second = log[4096 + 513..].windows(4).position(|four| four == b"**\0\0").unwrap() + 4096 + 513;
    log[second] = 0;
    log[4096 + CHUNK] = 0;
    let state = read_bytes(&log).unwrap();
    assert_eq!((state.events.len(), state.logs[0].damaged), (5, true));
    let [unread, missing] = &state.unread[..] else { panic!("{:?}", state.unread) };
    assert!(missing.why.starts_with("4 entries are missing"), "{missing:?}");
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

/// Entries within entries, each of them named by a thousand gaps: reading all would never end.
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
    assert_eq!(entry.data(&mut templates, &[]), []);
}

/// However large the values of an entry are, only a bounded part is kept.
#[test]
fn what_is_kept_of_an_entry_is_bounded() {
    let long = Line { text: "x".repeat(20_000), ..line(36870, 1_760_000_000) };
    let state = read_bytes(&SYSTEM.log(&[vec![long]])).unwrap();
    assert_eq!(state.events[0].data["param1"].len(), 512);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a chunk contains, reading ends, without a panic.
    #[test]
    fn no_bytes_are_too_bad(changes in prop::collection::vec((4096_usize..8192, any::<u8>()), 0..40)) {
        let mut log = SYSTEM.log(&[(0..20).map(|second| line(36870, 1_760_000_000 + second)).collect()]);
        for (place, byte) in changes {
            log[place] = byte;
        }
        let _ = read_bytes(&log);
    }
}

/// A full log begins anywhere in its file; nothing is built first and thrown away afterwards.
#[test]
fn the_newest_chunk_is_read_first() {
    let chunk = |last: u64| {
        let mut chunk = vec![0; CHUNK];
        chunk[..8].copy_from_slice(CHUNK_MAGIC);
        chunk[LAST_RECORD..LAST_RECORD + 8].copy_from_slice(&last.to_le_bytes());
        chunk
    };
    let mut junk = chunk(u64::MAX);
    junk[0] = b'x';
    let file = [vec![0; 4096], chunk(40), chunk(70), junk, chunk(10), chunk(50)[..9].to_vec()].concat();
    let order = newest_first(&mut Cursor::new(file), 4096).unwrap();
    assert_eq!(order, [1, 0, 3, 2, 4]);
}
