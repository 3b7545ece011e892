//! One log, exported in every way: each reader finds the same entries in it.

use std::io::Cursor;

use evidence::state::{LogEvent, State};

use super::reader::{Access, Piece};
use super::readers::READERS;

fn read(bytes: &[u8]) -> Result<Vec<State>, String> {
    let head = &bytes[..bytes.len().min(4096)];
    let reader = READERS.iter().find(|reader| (reader.recognises)(head)).ok_or("of no known kind")?;
    assert_eq!(reader.kind.words(), "exported events");
    let Access::Stream(read) = reader.read else { panic!("{}", reader.kind) };
    let pieces = read(&mut Cursor::new(bytes), "a.txt").map_err(|error| error.to_string())?;
    let state = |piece| if let Piece::State(state) = piece { *state } else { panic!("{piece:?}") };
    Ok(pieces.into_iter().map(state).collect())
}

fn one(text: &str) -> State {
    let mut states = read(text.as_bytes()).unwrap();
    assert_eq!(states.len(), 1, "{states:?}");
    states.remove(0)
}

/// Returns the time of an entry, its number, and a field.
fn told<'a>(event: &'a LogEvent, field: &str) -> (&'a str, u32, &'a str) {
    (&event.at, event.id, event.data.get(field).map_or("", String::as_str))
}

const ARRIVED: (&str, u32, &str) = ("2026-11-20T08:01:02Z", 131, "10.0.0.5:50123");
const REFUSED: (&str, u32, &str) = ("2026-11-20T08:01:03Z", 4625, "0xC000006A");

fn assert_both(state: &State) {
    assert_eq!(state.events.len(), 2, "{state:?}");
    assert_eq!(told(&state.events[0], "ClientIP"), ARRIVED);
    assert_eq!(told(&state.events[1], "SubStatus"), REFUSED);
    // a selection never shows that anything is absent
    assert!(state.logs.iter().all(|log| log.damaged), "{:?}", state.logs);
    let channels: Vec<_> = state.events.iter().map(|event| event.channel.as_str()).collect();
    assert_eq!(channels, ["Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational", "Security"]);
}

const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
const SECURITY: &str = "Microsoft-Windows-Security-Auditing";
const SAID: &str = "The server accepted a new TCP connection from client 10.0.0.5:50123.";

fn xml() -> String {
    let space = "xmlns='http://schemas.microsoft.com/win/2004/08/events/event'";
    format!(
        "<Event {space}><System><Provider Name='{CORE}' Guid='{{1139c61b-b549-4251-8ed3-27250a1edec8}}'/><EventID>131</EventID>\
         <TimeCreated SystemTime='2026-11-20T08:01:02.0000000Z'/><EventRecordID>77</EventRecordID>\
         <Correlation ActivityID='{{f420-1}}'/><Channel>{CORE}/Operational</Channel><Computer>SRV01</Computer></System>\
         <EventData><Data Name='ConnType'>TCP</Data><Data Name='ClientIP'>10.0.0.5:50123</Data></EventData></Event>\r\n\
         <Event {space}><System><Provider Name='{SECURITY}'/><EventID Qualifiers=''>4625</EventID>\
         <TimeCreated SystemTime='2026-11-20T08:01:03.0000000Z'/><EventRecordID>78</EventRecordID><Correlation/>\
         <Channel>Security</Channel><Computer>SRV01</Computer></System><EventData>\
         <Data Name='TargetUserName'>a &amp; b&#33;</Data><Data Name='SubStatus'>0xC000006A</Data></EventData></Event>\r\n"
    )
}

#[test]
fn xml_with_and_without_a_root() {
    for text in [xml(), format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Events>{}</Events>", xml())] {
        let state = one(&text);
        assert_both(&state);
        assert_eq!((state.computer.as_deref(), state.events[0].record), (Some("SRV01"), 77));
        assert_eq!(state.events[0].activity.as_deref(), Some("{f420-1}"));
        assert_eq!(state.events[1].data["TargetUserName"], "a & b!");
    }
    // UTF-16, as PowerShell's redirection writes it
    let wide: Vec<u8> = format!("\u{FEFF}{}", xml()).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_both(&read(&wide).unwrap()[0]);
}

#[test]
fn xml_in_its_user_data_and_without_names() {
    let text = xml()
        .replace("<EventData><Data Name='ConnType'>TCP</Data>", "<UserData><EventXML xmlns='x'><A>1</A>")
        .replace(
            "<Data Name='ClientIP'>10.0.0.5:50123</Data></EventData>",
            "<ClientIP>10.0.0.5:50123</ClientIP></EventXML></UserData>",
        )
        .replace("<Data Name='SubStatus'>0xC000006A</Data>", "<Data>x</Data><Data>y</Data>");
    let state = one(&text);
    assert_eq!(told(&state.events[0], "ClientIP"), ARRIVED);
    assert_eq!((state.events[1].data["0"].as_str(), state.events[1].data["1"].as_str()), ("x", "y"));
}

/// An entity is never expanded, and what stands around entries is not read.
#[test]
fn damaged_xml_loses_single_entries() {
    let bomb = "<!DOCTYPE e [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let text = format!("{bomb}<Events>{}{}", xml(), xml().replace("a &amp; b&#33;", "&b;").replace(">78<", ">79<"));
    let state = one(&text.replace("<!DOCTYPE e", "<?xml version='1.0'?><!DOCTYPE e"));
    assert_eq!(state.events.len(), 2);
    assert!(state.unread[0].why.starts_with("1 entries are damaged"), "{:?}", state.unread);
    let cut = xml();
    let state = one(&cut[..cut.len() - 30]);
    assert_eq!((state.events.len(), state.unread[0].why.as_str()), (1, "it ends inside an entry"));
    let huge = format!("{}{}", xml().replace("</Event>", &format!("<x>{}</x></Event>", "y".repeat(400_000))), xml());
    assert_both(&one(&huge));
}

#[test]
fn csv_of_powershell_and_of_the_event_viewer() {
    let message = "An account failed to log on.\r\n\r\nSubject:\r\n\tAccount Name:\t\t-\r\n\r\nAccount For Which Logon Failed:\r\n\
                   \tAccount Name:\t\tuser\r\n\r\nFailure Information:\r\n\tStatus:\t\t\t0xC000006D\r\n\tSub Status:\t\t0xC000006A\r\n\
                   \r\n\tSource Network Address:\t10.0.0.5";
    let powershell = format!(
        "#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n\"Message\",\"Id\",\"RecordId\",\"ProviderName\",\"LogName\",\
         \"MachineName\",\"TimeCreated\"\r\n\"{SAID}\",\"131\",\"77\",\"{CORE}\",\"{CORE}/Operational\",\"SRV01\",\"11/20/2026 \
         8:01:02 AM\"\r\n\"{message}\",\"4625\",\"78\",\"{SECURITY}\",\"Security\",\"SRV01\",\"11/20/2026 8:01:03 AM\"\r\n"
    );
    let state = one(&powershell);
    assert_both(&state);
    assert_eq!(
        (state.events[1].data["TargetUserName"].as_str(), state.events[1].data["IpAddress"].as_str()),
        ("user", "10.0.0.5")
    );
    assert!(state.unread[0].why.starts_with("its times have no zone"), "{:?}", state.unread);
    assert_both(&one(&powershell.replace("\",\"", "\";\"")));
    let viewer = format!(
        "Level,Date and Time,Source,Event ID,Task Category\r\nInformation,20/11/2026 08:01:02,RemoteDesktopServices-RdpCoreTS,131,\
         None,\"{SAID}\"\r\nInformation,20/11/2026 08:01:03,{SECURITY},4625,Logon,\"{message}\"\r\nnonsense,1\r\n"
    );
    let state = one(&viewer);
    assert_both(&state);
    assert!(state.unread[0].why.starts_with("1 lines are no entries"), "{:?}", state.unread);
}

#[test]
fn text_of_powershell_and_of_wevtutil() {
    let list = format!(
        "\r\n\r\nTimeCreated  : 20.11.2026 08:01:02\r\nProviderName : {CORE}\r\nId           : 131\r\nMessage      : {SAID}\r\n\r\n\
         TimeCreated  : 20.11.2026 08:01:03\r\nProviderName : {SECURITY}\r\nId           : 4625\r\nMessage      : An account failed \
         to log on.\r\n               \r\n               Failure Information:\r\n                Status:\t\t0xC000006D\r\n               \
         \tSub Status:\t\t0xC000006A\r\n\r\n"
    );
    assert_both(&one(&list));
    let wevtutil = format!(
        "Event[0]:\r\n  Log Name: {CORE}/Operational\r\n  Source: {CORE}\r\n  Date: 2026-11-20T08:01:02.0000000Z\r\n  Event ID: \
         131\r\n  Task: RemoteFX module\r\n  Level: Information\r\n  User: S-1-5-20\r\n  Computer: SRV01\r\n  Description: \r\n{SAID}\r\n\
         \r\nEvent[1]:\r\n  Log Name: Security\r\n  Source: {SECURITY}\r\n  Date: 2026-11-20T08:01:03.0000000Z\r\n  Event ID: 4625\r\n  \
         Computer: SRV01\r\n  Description: \r\nAn account failed to log on.\r\n\r\nFailure Information:\r\n\tStatus:\t\t0xC000006D\r\n\tSub \
         Status:\t\t0xC000006A\r\nSource: nothing\r\n\r\n"
    );
    let state = one(&wevtutil);
    assert_both(&state);
    assert_eq!((state.computer.as_deref(), state.unread.len()), (Some("SRV01"), 0), "{:?}", state.unread);
}

#[test]
fn json_of_winlogbeat_nxlog_and_evtx_dump() {
    let beat = format!(
        "{{\"@timestamp\":\"2026-11-20T08:01:02.000Z\",\"winlog\":{{\"channel\":\"{CORE}/Operational\",\"provider_name\":\"{CORE}\",\
         \"event_id\":\"131\",\"record_id\":77,\"computer_name\":\"SRV01\",\"event_data\":{{\"ClientIP\":\"10.0.0.5:50123\"}}}}}}\n\
         {{\"@timestamp\":\"2026-11-20T08:01:03.000Z\",\"winlog\":{{\"channel\":\"Security\",\"provider_name\":\"{SECURITY}\",\"event_id\":\
         4625,\"record_id\":78,\"computer_name\":\"SRV01\",\"event_data\":{{\"SubStatus\":\"0xC000006A\"}}}}}}\nbroken\n"
    );
    let state = one(&beat);
    assert_both(&state);
    assert!(state.unread[0].why.starts_with("1 lines are no entries"), "{:?}", state.unread);
    let nxlog = format!(
        "{{\"EventTime\":\"2026-11-20T10:01:02+02:00\",\"Hostname\":\"SRV01\",\"EventID\":131,\"SourceName\":\"{CORE}\",\"Channel\":\"\
         {CORE}/Operational\",\"RecordNumber\":77,\"ClientIP\":\"10.0.0.5:50123\",\"Message\":\"x\"}}\n{{\"EventTime\":\"2026-11-20 \
         08:01:03\",\"Hostname\":\"SRV01\",\"EventID\":4625,\"SourceName\":\"{SECURITY}\",\"Channel\":\"Security\",\"SubStatus\":\"0xC000006A\"}}\n"
    );
    assert_both(&one(&nxlog));
    let dumped = format!(
        "{{\"Event\":{{\"System\":{{\"Provider\":{{\"#attributes\":{{\"Name\":\"{CORE}\"}}}},\"EventID\":131,\"TimeCreated\":\
         {{\"#attributes\":{{\"SystemTime\":\"2026-11-20T08:01:02.000000Z\"}}}},\"Channel\":\"{CORE}/Operational\",\"Computer\":\"SRV01\"}},\
         \"EventData\":{{\"ClientIP\":\"10.0.0.5:50123\"}}}}}}\n{{\"Event\":{{\"System\":{{\"Provider\":{{\"#attributes\":{{\"Name\":\"{SECURITY}\"}}}},\
         \"EventID\":{{\"#attributes\":{{\"Qualifiers\":1}},\"#text\":4625}},\"TimeCreated\":{{\"#attributes\":{{\"SystemTime\":\
         \"2026-11-20T08:01:03Z\"}}}},\"Channel\":\"Security\",\"Computer\":\"SRV01\"}},\"EventData\":{{\"SubStatus\":\"0xC000006A\"}}}}}}\n"
    );
    assert_both(&one(&dumped));
}

#[test]
fn several_machines_are_several() {
    let states = read(format!("{}{}", xml(), xml().replace("SRV01", "SRV02")).as_bytes()).unwrap();
    let names: Vec<_> = states.iter().map(|state| state.computer.clone().unwrap_or_default()).collect();
    assert_eq!(names, ["SRV01", "SRV02"]);
}

#[test]
fn an_export_without_entries_says_so() {
    let none = "TimeCreated,ProviderName,Id,Message\n";
    assert_eq!(read(none.as_bytes()).unwrap_err(), "it holds no entries");
    let no_time = format!("{none}yesterday,{CORE},131,x\n");
    assert!(read(no_time.as_bytes()).unwrap_err().starts_with("none of its 1 entries has a time"));
}

proptest::proptest! {
    #[test]
    fn damage_is_no_panic(at in 0_usize..900, value: u8, cut in 0_usize..1200) {
        let mut bytes = xml().into_bytes();
        bytes[at] = value;
        let end = cut.min(bytes.len());
        let _ = super::pieces_in(&bytes[..end]);
    }
}
