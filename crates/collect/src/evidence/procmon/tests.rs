use evidence::access::ACCESS_DENIED;
use proptest::prelude::*;

use super::*;

const HEADER: &str = r#""Time of Day","Process Name","PID","Operation","Path","Result","Detail""#;
const KEY: &str = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_1";
const READING: &str = "Desired Access: Generic Read, Disposition: Open, Options: Synchronous IO Non-Alert";

fn line(process: &str, path: &str, result: &str, detail: &str) -> String {
    format!("\"9:00:00.1234567 AM\",\"{process}\",\"700\",\"CreateFile\",\"{path}\",\"{result}\",\"{detail}\"")
}

/// Line of a program that was granted something elsewhere, as every recording has them.
fn usual(process: &str) -> String {
    line(process, r"C:\Windows\System32\rsaenh.dll", "SUCCESS", READING)
}

fn file(lines: &[String]) -> Vec<u8> {
    format!("\u{feff}{HEADER}\r\n{}\r\n", lines.join("\r\n")).into_bytes()
}

fn state_of(bytes: &[u8]) -> State {
    assert!(recognises(&bytes[..bytes.len().min(4096)]), "not recognised");
    let (trace, met) = Trace::read(bytes).unwrap();
    trace.state(&met, "trace.csv")
}

/// Returns the refusals that count in a recording of these lines.
fn counted(lines: &[String]) -> Vec<RefusedAccess> {
    let refused = state_of(&file(lines)).refused;
    refused.into_iter().filter(|access| access.comparable && !access.granted).collect()
}

#[test]
fn a_refusal_is_read_with_all_that_it_says() {
    let detail = format!(r"{READING}, Impersonating: NT AUTHORITY\NETWORK SERVICE");
    let denied = line("lsass.exe", KEY, ACCESS_DENIED, &detail);
    let found = counted(&[usual("lsass.exe"), denied.clone(), denied]);
    let expected = RefusedAccess {
        process: "lsass.exe".to_owned(),
        pid: Some(700),
        service: None,
        place: Place::RdpKeyFile,
        path: KEY.to_owned(),
        operation: "CreateFile".to_owned(),
        asked: Some(Asked::Read),
        result: ACCESS_DENIED.to_owned(),
        clock: Some("9:00:00.1234567 AM".to_owned()),
        count: 2,
        granted: false,
        comparable: true,
    };
    assert_eq!(found, [expected]);
}

/// PowerShell rewrites a recording like this.
#[test]
fn a_recording_in_utf_16_is_read_as_well() {
    let lines = [usual("lsass.exe"), line("lsass.exe", KEY, ACCESS_DENIED, READING)];
    let text = String::from_utf8(file(&lines)).unwrap();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(recognises(&wide[..wide.len().min(4096)]));
    let Piece::State(state) = read_from(&wide[..], "trace.csv").unwrap() else { panic!("a state") };
    assert_eq!(*state, state_of(text.as_bytes()));
    assert_eq!(state.refused.len(), 1);
}

#[test]
fn a_second_try_that_succeeds_makes_it_no_fault_before_and_after() {
    let (denied, got) = (line("lsass.exe", KEY, ACCESS_DENIED, READING), line("lsass.exe", KEY, "SUCCESS", READING));
    assert_eq!(counted(&[denied.clone(), got.clone()]), []);
    assert_eq!(counted(&[got, denied.clone()]), []);
    // knowing that it exists is not reading it
    let look = line("lsass.exe", KEY, "SUCCESS", "Desired Access: Read Attributes, Disposition: Open");
    assert_eq!(counted(&[usual("lsass.exe"), denied.clone(), look]).len(), 1);
    let another = line("svchost.exe", KEY, "SUCCESS", READING);
    assert_eq!(counted(&[usual("lsass.exe"), denied, another]).len(), 1);
}

#[test]
fn refusals_of_others_and_elsewhere_are_normal() {
    let alice = format!(r"{READING}, Impersonating: CORP\alice");
    for normal in [
        line("explorer.exe", KEY, ACCESS_DENIED, READING),
        line("lsass.exe", KEY, ACCESS_DENIED, &alice),
        line("lsass.exe", KEY, "NAME NOT FOUND", READING),
        line("lsass.exe", r"C:\Windows\Temp\a", ACCESS_DENIED, READING),
    ] {
        assert_eq!(state_of(&file(&[usual("lsass.exe"), normal.clone()])).refused, [], "{normal}");
    }
}

#[test]
fn a_recording_of_refusals_alone_is_no_ground() {
    let state = state_of(&file(&[line("lsass.exe", KEY, ACCESS_DENIED, READING), usual("svchost.exe")]));
    assert!(state.refused.len() == 1 && !state.refused[0].comparable);
    assert!(state.unread.iter().any(|unread| unread.why.contains("without a filter on the result")), "{state:?}");
}

#[test]
fn columns_stand_in_any_order_with_any_delimiter() {
    let path = KEY;
    let german = format!(
        "Result;Command Line;Path;Operation;User;Date & Time;Process Name;Detail\r\n\
         SUCCESS;svchost.exe -k termsvcs -s TermService;C:\\a;CreateFile;NT-AUTORITÄT\\NETZWERKDIENST;21.11.2026 09:00:00,1;svchost.exe;\r\n\
         ACCESS DENIED;svchost.exe -k termsvcs -s TermService;{path};CreateFile;x;21.11.2026 09:00:00,1;svchost.exe;\"{READING}\"\r\n\
         ACCESS DENIED;svchost.exe -k netsvcs -s wuauserv;{path};CreateFile;x;21.11.2026 09:00:00,1;svchost.exe;\"{READING}\"\r\n"
    );
    let state = state_of(german.as_bytes());
    assert_eq!(state.refused.len(), 1, "{state:?}");
    let found = &state.refused[0];
    assert_eq!((found.service.as_deref(), found.pid), (Some("TermService"), None));
    assert_eq!(found.clock.as_deref(), Some("21.11.2026 09:00:00,1"));
    assert!(
        found.comparable && state.newest(time::OffsetDateTime::now_utc()).is_none(),
        "a time without a zone is no moment"
    );
}

#[test]
fn quotes_are_doubled_and_lines_broken_within_them() {
    let detail = format!("{READING}, Name: \"\"a\"\"\r\nand, more");
    assert_eq!(counted(&[usual("lsass.exe"), line("lsass.exe", KEY, ACCESS_DENIED, &detail)]).len(), 1);
}

#[test]
fn without_details_nobody_knows_what_was_asked() {
    let text = format!(
        "Process Name,Operation,Path,Result\nlsass.exe,CreateFile,C:\\a,SUCCESS\nlsass.exe,CreateFile,{KEY},ACCESS DENIED\n"
    );
    let state = state_of(text.as_bytes());
    assert_eq!(state.refused[0].asked, None);
    assert!(state.unread.iter().any(|unread| unread.why.contains("Detail")));
}

#[test]
fn malformed_lines_are_counted_and_named() {
    let lines = [
        usual("lsass.exe"),
        "only,three,fields".to_owned(),
        line("lsass.exe", KEY, ACCESS_DENIED, READING),
        "x".to_owned(),
    ];
    let state = state_of(&file(&lines));
    assert_eq!((state.traces[0].records, state.traces[0].malformed, state.refused.len()), (2, 2, 1));
    assert_eq!(state.unread[0].why, "2 lines of another form than the first one, the first of them line 3");
}

#[test]
fn a_quote_that_is_never_closed_costs_some_lines_and_not_the_file() {
    let filler = "9:00,explorer.exe,1,ReadFile,C:\\a,SUCCESS,x".to_owned();
    let mut lines = vec![usual("lsass.exe"), "9:00,\"lsass".to_owned()];
    lines.extend(vec![filler; 5000]);
    lines.push(line("lsass.exe", KEY, ACCESS_DENIED, READING));
    let state = state_of(&file(&lines));
    let (read, malformed) = (state.traces[0].records, state.traces[0].malformed);
    assert_eq!(read + malformed, 5003, "every line is counted");
    assert!(malformed < 2000 && state.unread[0].why.ends_with("line 3"), "{:?}", state.unread);
    assert_eq!(state.refused.len(), 1);
}

#[test]
fn what_is_remembered_is_bounded_and_what_is_left_out_is_said() {
    let many = |path: &'static str, result: &'static str| {
        (0..6000).map(move |n| line("lsass.exe", &format!("{path}{n}"), result, READING))
    };
    let denied = line("lsass.exe", KEY, ACCESS_DENIED, READING);
    // at one kind of place they hide nothing at another
    let elsewhere = many(r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\", ACCESS_DENIED);
    let lines: Vec<String> = std::iter::once(usual("lsass.exe")).chain(elsewhere).chain([denied.clone()]).collect();
    let state = state_of(&file(&lines));
    assert_eq!((state.refused.len(), state.traces[0].left_out), (101, 5900));
    assert!(state.unread.iter().any(|unread| unread.why.starts_with("5900 refusals")));
    assert_eq!(state.refused.last().map(|access| access.place), Some(Place::RdpKeyFile));
    // a refusal whose later success may have been forgotten never counts
    let lines: Vec<String> = many(KEY, "SUCCESS").chain([denied]).collect();
    assert_eq!(counted(&lines), []);
    assert_eq!(state_of(&file(&lines)).traces[0].left_out, 1);
}

#[test]
fn made_up_operations_and_long_paths_take_no_room() {
    let folder = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
    let operation = |n| line("lsass.exe", folder, ACCESS_DENIED, READING).replace("CreateFile", &format!("Create{n}"));
    let mut lines: Vec<String> = (0..3000).map(operation).collect();
    lines.push(line("lsass.exe", &format!(r"{folder}\{}", "a".repeat(5000)), ACCESS_DENIED, READING));
    let (trace, met) = Trace::read(&file(&lines)[..]).unwrap();
    assert_eq!(trace.accesses.values().map(|outcome| outcome.refused.len()).sum::<usize>(), 400);
    assert_eq!((trace.accesses.len(), trace.left_out), (1, 2600));
    assert_eq!(trace.state(&met, "trace.csv").refused.len(), 100);
}

#[test]
fn of_many_refusals_those_that_count_are_kept() {
    let folder = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
    let path = |n| format!(r"{folder}\{n}");
    let both =
        |n| [line("lsass.exe", &path(n), ACCESS_DENIED, READING), line("lsass.exe", &path(n), "SUCCESS", READING)];
    let mut lines: Vec<String> = (0..200).flat_map(both).collect();
    lines.push(line("lsass.exe", &path(200), ACCESS_DENIED, READING));
    assert_eq!(counted(&lines).len(), 1);
}

#[test]
fn other_tables_are_none() {
    for other in [
        &b"a,b,c\r\n"[..],
        b"",
        b"Process Name,PID\r\n",
        b"full address:s:server\r\n",
        b"\xEF\xBB\xBF",
        b"\"Process Name",
    ] {
        assert!(!recognises(other), "{other:?}");
    }
    assert!(recognises(HEADER.as_bytes()), "a header alone");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), cut in 0..400_usize) {
        recognises(&bytes);
        let _ = Trace::read(&bytes[..]);
        let mut begun = file(&[usual("lsass.exe"), line("lsass.exe", KEY, ACCESS_DENIED, READING)]);
        begun.truncate(cut);
        begun.extend(&bytes);
        if let Ok((trace, met)) = Trace::read(&begun[..]) {
            trace.state(&met, "trace.csv");
        }
    }

    #[test]
    fn the_order_of_lines_decides_nothing(seed in proptest::collection::vec((0..3_usize, any::<bool>()), 1..20)) {
        let lines: Vec<String> = seed.iter().map(|(n, granted)| {
            line("lsass.exe", &format!("{KEY}{n}"), if *granted { "SUCCESS" } else { ACCESS_DENIED }, READING)
        }).collect();
        let judged = |lines: &[String]| {
            let mut found: Vec<_> = counted(lines).into_iter().map(|access| (access.path, access.count)).collect();
            found.sort();
            found
        };
        let turned: Vec<String> = lines.iter().rev().cloned().collect();
        prop_assert_eq!(judged(&lines), judged(&turned));
    }
}
