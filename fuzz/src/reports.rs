//! From evidence to every printed format; `crates/cli/tests/crashes.rs` includes this file as well.

use std::path::PathBuf;

use collect::evidence::{Gathered, gather, pieces_in};
use diagnosis::diagnose::Run;
use diagnosis::{Capabilities, Context};
use evidence::rdp_file::Routing;
use evidence::state::{LogEvent, RegistryData, RegistryKey, State, Unread};
use evidence::{ClientProfile, Evidence, ProfileSource, TimeSource};
use report::format::Style;
use report::formats;
use time::OffsetDateTime;

/// Parts one file of an input from the next; the name of the file is what follows on its line.
const FILE: &str = "--file ";

/// Diagnoses the pieces in these bytes, or a state whose texts they are, and prints it.
pub fn of_state(bytes: &[u8]) {
    let pieces = pieces_in(bytes);
    let mut gathered = Gathered::default();
    if pieces.is_empty() {
        gathered = Gathered::default().with_this_computer("this computer", state(&String::from_utf8_lossy(bytes)));
    }
    let kind = collect::evidence::Kind::RecordedState;
    gathered.pieces.extend(pieces.into_iter().map(|piece| (PathBuf::from("piece"), kind, piece)));
    print(&gathered);
}

/// Writes the files of an input into a folder, inspects that, and removes it.
pub fn of_folder(bytes: &[u8]) {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("make the folder");
    let mark = FILE.as_bytes();
    let starts: Vec<usize> =
        bytes.windows(mark.len()).enumerate().filter(|(_, part)| *part == mark).map(|(at, _)| at).take(8).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    for (number, (start, end)) in starts.iter().zip(ends).enumerate() {
        let file = &bytes[start + mark.len()..end];
        let line = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
        let name: String =
            String::from_utf8_lossy(&file[..line]).chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        let contents = file.get(line + 1..).unwrap_or_default();
        let _ = std::fs::write(folder.join(format!("{number}{name}")), contents);
    }
    let gathered = gather(std::slice::from_ref(&folder));
    std::fs::remove_dir_all(&folder).expect("remove the folder");
    print(&gathered);
}

/// Makes a state whose texts are the lines of the input, in turn.
fn state(text: &str) -> State {
    let mut lines = text.split('\n').map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let mut state = State { computer: Some(line()), taken_at: Some(line()), ..State::default() };
    for _ in 0..3 {
        let values = [(line(), RegistryData::Text(line())), (line(), RegistryData::Binary(line()))];
        let known =
            [r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server", ""][usize::from(state.registry.len() > 1)];
        let path = if known.is_empty() { line() } else { known.to_owned() };
        state.registry.push(RegistryKey { path, exists: true, values: values.into_iter().collect() });
        state.unread.push(Unread { what: line(), why: line() });
        let event = serde_json::json!({"at": line(), "channel": line(), "provider": line(), "id": 36870, "record": 1,
                                       "data": {line(): line()}});
        state.events.extend(serde_json::from_value::<LogEvent>(event));
    }
    state
}

/// Diagnoses and prints in every format; what comes out is looked at.
fn print(gathered: &Gathered) {
    let at = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, at);
    let context = Context {
        target: None,
        profile: ClientProfile::find("mstsc-11").expect("a shipped profile"),
        profile_source: ProfileSource::Evidence,
        at: gathered.newest(at).unwrap_or(at),
        at_source: TimeSource::Evidence,
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
    };
    let diagnosis = diagnosis::diagnose(&evidence.into_order(), &context, Run::default());
    for format in formats::ALL {
        for full in [false, true] {
            let out = format.print(&diagnosis, Style { width: 80, full, ..Style::default() });
            let obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
            assert!(!out.as_str().contains(obeyed), "{} lets a command through", format.id);
            if format.id == "json" || format.id == "sarif" {
                let parsed = serde_json::from_str::<serde_json::Value>(out.as_str());
                assert!(parsed.is_ok(), "{}: {parsed:?}", format.id);
            }
        }
    }
}
