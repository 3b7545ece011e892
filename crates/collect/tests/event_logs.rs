//! Logs of a real host, where `RDPDOCTOR_TEST_DATA` names them: entries that other readers found in them are found
//! here.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod independent;

use std::collections::BTreeMap;
use std::path::PathBuf;

use collect::evidence::{Gathered, Piece, gather};
use diagnosis::attempts::{Progress, join};
use diagnosis::case::{Capabilities, Seen};
use diagnosis::diagnose::Run;
use diagnosis::{Context, Diagnosis, Severity};
use evidence::moment::moment;
use evidence::rdp_file::Routing;
use evidence::state::{LogEvent, State};
use evidence::{ClientProfile, Evidence, ProfileSource};

/// Path of a file of the data; `None` where there are none, which is a failure if everything is to be tested.
fn data(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("RDPDOCTOR_TEST_DATA") else {
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none(), "RDPDOCTOR_TEST_DATA is not set");
        eprintln!("skipped: RDPDOCTOR_TEST_DATA is not set, so there is no {name}");
        return None;
    };
    Some(PathBuf::from(folder).join("evtx").join(name))
}

fn state(gathered: &Gathered) -> &State {
    let [(_, _, Piece::State(state))] = &gathered.pieces[..] else { panic!("{:?}", gathered.unread) };
    state
}

fn diagnosis(gathered: &Gathered) -> Diagnosis {
    let at = gathered.newest(time::OffsetDateTime::now_utc()).unwrap();
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, at);
    let context = Context {
        target: None,
        profile: ClientProfile::find("mstsc-11").unwrap(),
        profile_source: ProfileSource::Default,
        at,
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        gateway: None,
    };
    diagnosis::diagnose(&evidence, &context, Run::default())
}

fn count(events: &[&LogEvent], id: u32) -> usize {
    events.iter().filter(|event| event.id == id).count()
}

#[test]
fn the_protocol_log_tells_of_attempts_and_of_no_fault() {
    let Some(file) = data("RdpCoreTS-Operational.evtx") else { return };
    let gathered = gather(&[file]);
    let state = state(&gathered);
    assert_eq!(state.computer.as_deref(), Some("DESKTOP-1N4R894"));
    assert!(state.logs[0].damaged && state.unread[0].why.contains("chunk 13"), "{:?}", state.unread);
    // the chunk that every reader can read: 95 records in 27 seconds
    let first: Vec<&LogEvent> = state.events.iter().filter(|e| (6_334_916..6_335_045).contains(&e.record)).collect();
    let found = [131, 140, 143, 226].map(|id| count(&first, id));
    assert!(found[0] >= 7 && found[1] >= 6 && found[2] >= 5 && found[3] >= 5, "{found:?}");
    let (attempts, _) = join((1..).zip(first).map(|(id, value)| Seen { value, id }));
    let refused: Vec<_> = attempts.iter().filter(|attempt| attempt.reached == Progress::Authenticating).collect();
    assert!(refused.len() >= 6, "{attempts:?}");
    let sources: std::collections::BTreeSet<_> = refused.iter().filter_map(|attempt| attempt.address()).collect();
    assert!(sources.len() > 1, "{sources:?}");
    let diagnosis = diagnosis(&gathered);
    assert!(
        diagnosis.findings.iter().all(|finding| finding.severity != Severity::Blocking),
        "{:?}",
        diagnosis.findings
    );
    assert!(diagnosis.findings.iter().all(|finding| finding.cause == "brute-force-flood"), "{:?}", diagnosis.findings);
}

#[test]
fn the_listener_log_tells_of_connections_that_passed() {
    let Some(file) = data("RemoteConnectionManager-Operational.evtx") else { return };
    let gathered = gather(&[file]);
    let state = state(&gathered);
    let all: Vec<&LogEvent> = state.events.iter().collect();
    assert!(count(&all, 261) >= 186 && count(&all, 1149) == 5);
    // the end of the first two chunks, as the evtx crate reads them as well: two connections succeeded
    let early = |e: &&LogEvent| ("2018-08-07T18:22".."2018-08-07T18:46").contains(&e.at.as_str());
    let first: Vec<&LogEvent> = state.events.iter().filter(early).collect();
    assert_eq!((count(&first, 261), count(&first, 1149)), (157, 2));
    assert!(state.logs[0].left_out > 0 && state.logs[0].records > 1000);
    let diagnosis = diagnosis(&gathered);
    assert_eq!(diagnosis.findings, []);
    let passed = |line: &&diagnosis::timeline::TimelineEntry| line.reached == Some(Progress::Authenticated);
    assert!(diagnosis.timeline.iter().filter(passed).count() >= 1);
}

#[test]
fn the_system_log_tells_of_a_certificate_and_of_unpatched_hosts() {
    let Some(file) = data("System.evtx") else { return };
    let gathered = gather(&[file]);
    let state = state(&gathered);
    // two of its chunks were lost, and with them entries of two months
    assert_eq!((state.logs[0].records, state.logs[0].damaged), (1160, true));
    let missing = "262 entries are missing between those that were read: numbers 1156 to 1417";
    assert!(state.unread.iter().any(|unread| unread.why == missing), "{:?}", state.unread);
    let all: Vec<&LogEvent> = state.events.iter().collect();
    assert_eq!((count(&all, 1056), count(&all, 6041)), (1, 8));
    let made = all.iter().find(|event| event.id == 1056).unwrap();
    assert!(made.at.starts_with("2018-07-06") && made.data["Binary"].len() == 40, "{made:?}");
    let diagnosis = diagnosis(&gathered);
    assert_eq!(diagnosis.findings, []);
    assert!(diagnosis.unknown.iter().any(|open| open.cause == "service-crashing"), "{:?}", diagnosis.unknown);
    let told =
        |words: &str, normal: bool| diagnosis.timeline.iter().any(|l| l.normal == normal && l.text.contains(words));
    assert!(told("LsaSrv 6041: the client did not send credentials, because the host lacks the CredSSP update", false));
    assert!(told("1056: a new self-signed certificate was made", true));
}

#[test]
fn a_chunk_without_its_magic_is_named_and_the_rest_is_read() {
    let Some(file) = data("damaged-bad-chunk-magic.evtx") else { return };
    let gathered = gather(&[file]);
    let state = state(&gathered);
    assert!(state.logs[0].records >= 13 && state.logs[0].damaged);
    assert!(state.unread[0].why.contains("does not begin as a chunk"), "{:?}", state.unread);
    assert!(moment(&state.logs[0].from) < moment(&state.logs[0].until));
}

/// Compares with python-evtx: every entry that we keep is one that it reads too, with the same id at the same second,
/// and of the kinds that we keep we read all that it reads. It gives up on records that we still read where a chunk is
/// damaged.
#[test]
fn python_evtx_agrees() {
    for (name, least) in
        [("System.evtx", 9), ("RemoteConnectionManager-Operational.evtx", 500), ("RdpCoreTS-Operational.evtx", 1000)]
    {
        let Some(file) = data(name) else { return };
        let Some(text) = independent::read("events.py", "Evtx", &file, "") else { return };
        let mut theirs = BTreeMap::new();
        for line in text.lines() {
            let [number, id, at] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            theirs.insert(number.parse::<u64>().unwrap(), (id.parse::<u32>().unwrap(), at.to_owned()));
        }
        let gathered = gather(&[file]);
        let state = state(&gathered);
        let mut agreed = 0;
        for event in &state.events {
            let Some(known) = theirs.get(&event.record) else { continue };
            assert_eq!(known, &(event.id, event.at[..19].to_owned()), "{name}: record {}", event.record);
            agreed += 1;
        }
        assert!(
            agreed >= least && agreed * 100 >= state.events.len() * 95,
            "{name}: {agreed} of {}",
            state.events.len()
        );
        let read = state.logs[0].records;
        assert!(
            read >= theirs.len() as u64 && read * 95 <= theirs.len() as u64 * 100,
            "{name}: {read}, {}",
            theirs.len()
        );
    }
}
