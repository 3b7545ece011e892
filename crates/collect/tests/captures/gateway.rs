//! Clients on their way to an RD Gateway: which connections are reported, what is said, and what stays unsaid.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use collect::evidence::capture::Capture;
use collect::evidence::redaction::redacted;
use collect::evidence::{Kind, Piece};
use diagnosis::Context;
use diagnosis::diagnose::Run;
use diagnosis::report::{Diagnosis, Outcome, Verdict};
use evidence::observe::{moment, named_gateways, observe_capture};
use evidence::rdp_file::{RdpFile, RdpFileRecord};
use evidence::state::State;
use evidence::{Evidence, Role, Source};
use proptest::prelude::*;
use wire::capture::WebAnswer;
use wire::http::Method;
use wire::machine::{TcpAnswer, TlsAnswer};
use wire::tls::TlsOffer;

use super::made::{certificate, read, sound};
use super::real::skip_unless;
use super::writer::{ACK, CLIENT, Container, FIN, Frame, HOST, RST, SYN, Talk, file, record};
use super::{assert_stored, context_of, reread};

const GATEWAY: &str = "gw.corp.example";

fn talk(port: u16) -> Talk {
    Talk::new(port, 7_000).to(9, 443)
}

/// Client's `.rdp` file that names a gateway.
fn rdp_file(gateway: &str) -> State {
    let text = format!("full address:s:server.corp.example\ngatewayusagemethod:i:1\ngatewayhostname:s:{gateway}\n");
    let file = RdpFileRecord::of("client.rdp", &RdpFile::parse(text.as_bytes()).unwrap());
    State { rdp_files: vec![file], ..State::default() }
}

/// Evidence of a capture beside this file, and the notes.
fn told(capture: &Capture, state: &State) -> (Evidence, Vec<String>) {
    let mut evidence = Evidence::default();
    let names: BTreeSet<String> = named_gateways(state).collect();
    let notes = observe_capture(&capture.seen, &names, Source::File(1), &mut evidence);
    (evidence, notes)
}

/// Diagnosis of it; stored and redacted together with the file it says the same.
fn judged(capture: &Capture, state: &State) -> Diagnosis {
    assert_stored(capture);
    let diagnosis = diagnosed(capture, state);
    let pieces = |capture: &Capture, state: &State| {
        let capture = Piece::Capture(Box::new(capture.clone()));
        [
            (PathBuf::new(), Kind::Capture, capture),
            (PathBuf::new(), Kind::RecordedState, Piece::State(Box::new(state.clone()))),
        ]
    };
    let nameless = redacted(&pieces(capture, state));
    let [Piece::Capture(without), Piece::State(file)] = &nameless[..] else { panic!("{nameless:?}") };
    let again = redacted(&pieces(without, file));
    assert_eq!(again, nameless, "redacting twice changed it again");
    let shape = |diagnosis: &Diagnosis| {
        let stages = diagnosis.stages.iter().map(|stage| (stage.stage, stage.subject, stage.outcome));
        let roles: Vec<_> = diagnosis.subjects.iter().map(|who| (who.role, who.name.is_some())).collect();
        (diagnosis.verdict, stages.collect::<Vec<_>>(), roles)
    };
    let Piece::Capture(stored) = reread(&nameless[0]) else { panic!() };
    assert_eq!(shape(&diagnosed(&stored, file)), shape(&diagnosis));
    assert!(!stored.seen.to_string().contains("corp-gw") && !stored.seen.to_string().contains("gw.corp"));
    diagnosis
}

fn diagnosed(capture: &Capture, state: &State) -> Diagnosis {
    let (mut evidence, _) = told(capture, state);
    let context: Context = context_of(&evidence, capture);
    state.observe(&mut evidence, Source::File(2), moment(capture.seen.until.unwrap_or_default()));
    diagnosis::diagnose(&evidence, &context, Run::default())
}

/// Rungs of the way to the gateway.
fn rungs(diagnosis: &Diagnosis) -> Vec<(&'static str, Outcome, &str)> {
    let gateways: Vec<_> =
        diagnosis.subjects.iter().filter(|who| who.role == Role::Gateway).map(|who| who.id).collect();
    let of_gateway = diagnosis.stages.iter().filter(|stage| gateways.contains(&stage.subject));
    of_gateway.map(|stage| (stage.stage.word(), stage.outcome, stage.text.as_str())).collect()
}

/// Undetermined, with no finding, and a next measurement.
#[track_caller]
fn check(frames: &[Frame], rung: usize, outcome: Outcome, words: &str) {
    let diagnosis = judged(&read(frames), &rdp_file(GATEWAY));
    assert_eq!((diagnosis.verdict, diagnosis.reached), (Verdict::Undetermined, None), "{:?}", diagnosis.stages);
    let about_host = diagnosis.findings.iter().filter(|found| found.cause != "rdp-file-signature-broken");
    assert_eq!(about_host.count(), 0, "{:?}", diagnosis.findings);
    assert!(diagnosis.next.iter().any(|next| next.command.contains("diagnose server.corp.example")));
    let rungs = rungs(&diagnosis);
    assert!(rungs[rung].1 == outcome && rungs[rung].2.contains(words), "{:?}", rungs[rung]);
}

#[test]
fn tls_to_the_gateway_of_the_file_is_told() {
    let whole = talk(50_001).opened().asks_for("GW.corp.example").goes_along(&certificate()).closed();
    check(&whole.frames, 0, Outcome::Passed, "accepted");
    check(&whole.frames, 1, Outcome::Passed, "TLS 1.2, suite 0xc030");
    check(&whole.frames, 2, Outcome::Passed, "valid until");
    check(&whole.frames, 3, Outcome::Skipped, "encrypted");
    let alert = talk(50_001).opened().asks_for(GATEWAY).says(HOST, &record(21, &[2, 40]), 1400);
    check(&alert.frames, 1, Outcome::Failed, "handshake_failure");
    let closed = talk(50_001).opened().asks_for(GATEWAY).packet(HOST, RST, &[]);
    check(&closed.frames, 1, Outcome::Failed, "reset without an answer");
    let silent = talk(50_001).opened().asks_for(GATEWAY).after(9_000).packet(CLIENT, FIN | ACK, &[]);
    check(&silent.frames, 1, Outcome::Failed, "no whole answer in time");
    // names ignore case
    let again = talk(50_002).opened().asks_for(GATEWAY).goes_along(&certificate());
    let mut subjects = judged(&read(&[whole.frames, again.frames].concat()), &rdp_file(GATEWAY)).subjects;
    assert_eq!(subjects.iter().filter(|who| who.role == Role::Gateway).count(), 1);
    let who = subjects.remove(0);
    assert_eq!((who.role, who.name.as_deref(), who.port), (Role::Gateway, Some(GATEWAY), Some(443)));
}

#[test]
fn its_certificate_is_judged_by_the_clock_of_the_capture() {
    let until = wire::certificate::Certificate::read(&certificate()).unwrap().not_after;
    let late = u64::try_from(until.unix_timestamp()).unwrap() + 86_400 - super::writer::BEGAN;
    let late = talk(50_001).after(late * 1000).opened().asks_for(GATEWAY).goes_along(&certificate());
    check(&late.frames, 2, Outcome::Degraded, "had expired on");
}

#[test]
fn a_refused_or_silent_port_is_the_gateways_where_its_address_is_known() {
    let refused = |port| talk(port).packet(CLIENT, SYN, &[]).packet(HOST, RST | ACK, &[]).frames;
    let by_address = judged(&read(&refused(50_001)), &rdp_file("192.0.2.9"));
    assert_eq!(rungs(&by_address)[0], ("tcp", Outcome::Failed, "refused"));
    let before = talk(50_002).opened().asks_for(GATEWAY).goes_along(&certificate()).frames;
    let both = read(&[before, refused(50_001)].concat());
    assert_eq!(told(&both, &rdp_file(GATEWAY)).0.subjects.len(), 1);
    // nobody knows what it is
    let alone = read(&refused(50_001));
    assert!(matches!(alone.seen.tunnels[0].tcp.as_ref().unwrap().value, TcpAnswer::Failed(_)));
    let (evidence, notes) = told(&alone, &rdp_file(GATEWAY));
    assert_eq!((evidence.observations.len(), notes), (0, vec!["no Remote Desktop in it".to_owned()]));
}

/// Request in clear, with secrets that must not be kept.
fn request(line: &str) -> Vec<u8> {
    format!(
        "{line} HTTP/1.1\r\nHost: {GATEWAY}\r\nAuthorization: NTLM c2VjcmV0LXBsYW50ZWQ=\r\nCookie: a=planted\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn response(status: &str, rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{rest}Set-Cookie: planted\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn in_clear(line: &str, answers: &[&[u8]]) -> Talk {
    let ask = |talk: Talk| talk.says(CLIENT, &request(line), 90);
    answers.iter().fold(talk(50_001).to(9, 80).opened(), |talk, answer| ask(talk).says(HOST, answer, 60))
}

const OUT: &str = "RDG_OUT_DATA /remoteDesktopGateway/";

#[test]
fn http_in_clear_shows_a_gateway_and_what_it_said() {
    let asks = response("401 Unauthorized", "WWW-Authenticate: Negotiate cGxhbnRlZA==\r\nWWW-Authenticate: NTLM\r\n");
    let switched = response("101 Switching Protocols", "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    let through = in_clear(OUT, &[&asks, &asks, &switched]);
    let capture = read(&through.frames);
    let web = capture.seen.tunnels[0].exchange.web.as_ref().unwrap();
    let statuses: Vec<_> = web.answers.iter().map(|answer| answer.value.status()).collect();
    assert_eq!((web.request.value.method, statuses), (Method::RdgOutData, vec![Some(401), Some(401), Some(101)]));
    let text = format!("{:?}{}", capture, capture.seen);
    assert!(!text.contains("planted") && !text.contains("cGxhbnRlZA") && !text.contains("c2VjcmV0"), "{text}");
    for (answer, outcome, words) in [
        (asks.clone(), Outcome::Passed, "asks who it is (Negotiate, NTLM)"),
        (switched, Outcome::Passed, "over a WebSocket"),
        (response("200 OK", ""), Outcome::Passed, "a channel for each direction"),
        (response("404 Not Found", ""), Outcome::Failed, "not a gateway, switched off"),
        (response("410 Gone", ""), Outcome::Failed, "blocked on the way"),
        (response("403 Forbidden", ""), Outcome::Failed, "blocked on the way"),
        (response("503 Service Unavailable", ""), Outcome::Failed, "stopped"),
        (response("407 x", "Proxy-Authenticate: NTLM\r\n"), Outcome::Failed, "wants a logon (NTLM)"),
        (response("500 x", ""), Outcome::Failed, "answered with 500"),
    ] {
        // without any file: the request tells
        let diagnosis = judged(&read(&in_clear(OUT, &[&answer]).frames), &State::default());
        let rungs = rungs(&diagnosis);
        assert!(rungs[3].1 == outcome && rungs[3].2.contains(words), "{rungs:?}");
        assert_eq!((diagnosis.verdict, diagnosis.reached), (Verdict::Undetermined, None));
        assert_eq!(diagnosis.subjects[0].name.as_deref(), Some(GATEWAY));
        assert!(!diagnosis.next.is_empty());
    }
    let rpc = in_clear("RPC_IN_DATA /rpc/rpcproxy.dll?localhost:3388", &[&asks]);
    assert!(rungs(&judged(&read(&rpc.frames), &State::default()))[3].2.starts_with("RPC_IN_DATA answered with 401"));
}

#[test]
fn what_is_no_answer_is_told_as_such() {
    let asked = || talk(50_001).to(9, 80).opened().says(CLIENT, &request(OUT), 90);
    let last = |talk: Talk| {
        let capture = read(&talk.frames);
        capture.seen.tunnels[0].exchange.web.as_ref().unwrap().answers.first().map(|answer| answer.value.clone())
    };
    assert_eq!(last(asked()), None, "the capture ended too soon");
    assert_eq!(last(asked().after(9_000).packet(CLIENT, ACK, &[])), Some(WebAnswer::Silent));
    assert!(matches!(last(asked().packet(HOST, FIN | ACK, &[])), Some(WebAnswer::Closed(_))));
    assert_eq!(last(asked().says(HOST, b"SSH-2.0-x\r\n", 60)), Some(WebAnswer::Foreign));
    let mut one_sided = asked().says(HOST, &response("200 OK", ""), 60).after(9_000).packet(CLIENT, FIN | ACK, &[]);
    one_sided.frames.retain(|(_, frame)| frame[34..36] != 80_u16.to_be_bytes());
    assert_eq!(last(one_sided), None, "the answers were not captured");
}

#[test]
fn the_way_through_a_web_proxy_is_told() {
    let connect = format!("CONNECT {GATEWAY}:443");
    let wants = response("407 Proxy Authentication Required", "Proxy-Authenticate: Negotiate, NTLM\r\n");
    let refused = in_clear(&connect, &[&wants]);
    check(&refused.frames, 3, Outcome::Failed, "a web proxy on the client's side wants a logon (Negotiate, NTLM)");
    let open = |talk: Talk| talk.says(CLIENT, &request(&connect), 90).says(HOST, b"HTTP/1.1 200 OK\r\n\r\n", 60);
    let through = open(refused).asks_for(GATEWAY).goes_along(&certificate());
    check(&through.frames, 0, Outcome::Skipped, "a web proxy connects");
    check(&through.frames, 1, Outcome::Passed, "TLS 1.2");
    check(&through.frames, 3, Outcome::Skipped, "encrypted");
    let (evidence, _) = told(&read(&through.frames), &rdp_file(GATEWAY));
    assert_eq!((evidence.subjects[0].role, evidence.subjects[0].address), (Role::Gateway, None));
    // the same proxy, on the way to another place
    assert_eq!(told(&read(&through.frames), &rdp_file("other.example")).0.subjects.len(), 0);
}

#[test]
fn near_misses_are_not_told() {
    let https = talk(50_001).opened().asks_for("www.example.com").goes_along(&certificate()).frames;
    let get = talk(50_002).to(9, 80).opened().says(CLIENT, &request("GET /remoteDesktopGateway/"), 90);
    let get = get.says(HOST, &response("200 OK", ""), 60).frames;
    let mail = talk(50_003).to(9, 80).opened().says(CLIENT, &request("RPC_OUT_DATA /rpc/rpcproxy.dll?mail:6001"), 90);
    let cut = talk(50_004).to(9, 80).opened().says(CLIENT, OUT.as_bytes(), 90).frames;
    let capture = read(&[https, get, mail.frames, cut].concat());
    assert_eq!((capture.seen.tunnels.len(), capture.notes.len()), (1, 0));
    let (evidence, notes) = told(&capture, &State::default());
    assert_eq!((evidence.observations.len(), evidence.subjects.len()), (0, 0));
    assert!(
        notes[0].contains("1 connection carries TLS from the start") && notes[0].contains(".rdp file"),
        "{notes:?}"
    );
    let (_, notes) = told(&capture, &rdp_file(GATEWAY));
    assert!(notes[0].contains("none of those that were kept asks for gw.corp.example"), "{notes:?}");
    // beside Remote Desktop it needs no words
    let capture = read(&[sound(7_000).frames, talk(50_005).opened().asks_for("x.example").frames].concat());
    assert_eq!(told(&capture, &State::default()).1, [""; 0]);
    super::check(&capture, Verdict::Healthy, &[]);
}

#[test]
fn tls_at_once_to_a_host_is_no_fault_and_no_health() {
    let at_host = || Talk::new(50_009, 9).opened().hello(TlsOffer::PLAIN_12);
    let closed = at_host().packet(HOST, RST, &[]);
    let capture = read(&closed.frames);
    assert!(matches!(
        capture.seen.connections[0].exchange.handshake.as_ref().unwrap().value,
        TlsAnswer::Closed { bytes: 0, .. }
    ));
    super::check(&capture, Verdict::Undetermined, &[]);
    let answered = at_host().goes_along(&certificate());
    let diagnosis = super::judged(&read(&answered.frames));
    assert_eq!((diagnosis.verdict, super::counted(&diagnosis).len()), (Verdict::Undetermined, 0));
    let seen = diagnosis.observations.iter().find(|seen| seen.fact == "tls.answer").unwrap();
    let value = serde_json::to_value(&seen.value).unwrap();
    assert_eq!(value["direct"], true);
    // and it takes nothing from a healthy connection, on any port
    for port in [3389, 3390] {
        let sound = sound(7_000).frames;
        let moved = Talk::new(50_009, 9).to(7, port).opened().hello(TlsOffer::PLAIN_12).packet(HOST, RST, &[]);
        let moved_sound = Talk::new(50_010, 5).to(7, port).opened().asks(0x0B).selects(8).handshake(&certificate());
        let capture = read(&[moved.frames, sound, moved_sound.frames].concat());
        assert_eq!((capture.seen.connections.len(), capture.seen.tunnels.len()), (3, 0), "{port}");
        super::check(&capture, Verdict::Healthy, &[]);
    }
}

#[test]
fn thousands_of_others_crowd_nobody_out() {
    let other = |n: u16| {
        let proxy = Talk::new(10_000 + n, 1).to(8, 8080).after(u64::from(n)).opened();
        let proxy = proxy.says(CLIENT, &request(&format!("CONNECT www{n}.example:443")), 1400);
        let tls = talk(2_000 + n).after(u64::from(n)).opened().asks_for(&format!("www{n}.example"));
        [tls.frames, proxy.frames].concat()
    };
    let mut frames: Vec<Frame> = (0..5_000).flat_map(other).collect();
    frames.extend(sound(7_000).frames);
    frames.extend(Talk::new(50_009, 9).opened().hello(TlsOffer::PLAIN_12).frames);
    frames.extend(talk(50_011).after(60_000).to(11, 443).opened().asks_for(GATEWAY).goes_along(&certificate()).frames);
    frames.extend(in_clear(OUT, &[&response("401 x", "WWW-Authenticate: NTLM\r\n")]).frames);
    let capture = read(&frames);
    assert!(capture.seen.tunnels.len() <= 520 && capture.seen.passed_over > 9_000, "{}", capture.seen.passed_over);
    assert_eq!(capture.seen.connections.len(), 2);
    assert_eq!(rungs(&diagnosed(&capture, &rdp_file(GATEWAY))).len(), 8, "the one in clear and the one in TLS");
    let diagnosis = diagnosed(&capture, &State::default());
    // the request in clear names the gateway, also without a file
    assert_eq!(rungs(&diagnosis).len(), 8, "{:?}", rungs(&diagnosis));
    assert!(diagnosis.observations.len() < 60, "{}", diagnosis.observations.len());
    assert_eq!(diagnosis.verdict, Verdict::Healthy);
}

/// Another program reads the same packets. It does not know the newer methods, RDG_IN_DATA and RDG_OUT_DATA.
#[test]
fn tshark_reads_the_same_names_and_methods() {
    let there = Command::new("tshark").arg("-v").output().is_ok();
    skip_unless(there, "tshark is missing");
    if !there {
        return;
    }
    let tls = talk(50_001).opened().asks_for(GATEWAY).goes_along(&certificate()).frames;
    let clear =
        in_clear("RPC_IN_DATA /rpc/rpcproxy.dll?localhost:3388", &[&response("401 x", "WWW-Authenticate: NTLM\r\n")]);
    let frames = [tls, clear.frames].concat();
    let path = std::env::temp_dir().join(format!("rdpdoctor-tshark-{}.pcap", std::process::id()));
    std::fs::write(&path, file(&frames, Container::Little, 1, 1 << 16)).unwrap();
    let fields = |filter: &str, field: &str| {
        let output =
            Command::new("tshark").arg("-r").arg(&path).args(["-Y", filter, "-T", "fields", "-e", field]).output();
        String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
    };
    let capture = read(&frames);
    let name = fields("tls.handshake.type == 1", "tls.handshake.extensions_server_name");
    let (clear, tls) = (&capture.seen.tunnels[0], &capture.seen.tunnels[1]);
    assert_eq!(Some(name.as_str()), tls.exchange.hello.as_ref().unwrap().value.server_name.as_deref());
    let method = fields("http.request", "http.request.method");
    let code = fields("http.response", "http.response.code");
    std::fs::remove_file(&path).unwrap();
    let web = clear.exchange.web.as_ref().unwrap();
    assert_eq!(method, web.request.value.method.word());
    assert_eq!(code, web.answers[0].value.status().unwrap().to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_lost_packet_changes_no_answer(lost in 3_usize..30, tls: bool) {
        let asks = response("401 x", "WWW-Authenticate: NTLM\r\n");
        let mut frames = if tls {
            talk(50_001).opened().asks_for(GATEWAY).goes_along(&certificate()).closed().frames
        } else {
            in_clear(OUT, &[&asks, &response("200 OK", "")]).closed().frames
        };
        let statuses = |capture: &Capture| -> Vec<Option<u16>> {
            let webs = capture.seen.tunnels.iter().filter_map(|watched| watched.exchange.web.clone());
            webs.flat_map(|web| web.answers).map(|answer| answer.value.status()).collect()
        };
        let whole = statuses(&read(&frames));
        frames.remove(lost.min(frames.len() - 1));
        let capture = read(&frames);
        prop_assert!(whole.starts_with(&statuses(&capture)));
        for answer in capture.seen.tunnels.iter().filter_map(|watched| watched.exchange.handshake.as_ref()) {
            let went_along = matches!(answer.value, TlsAnswer::Accepted { .. });
            prop_assert!(went_along, "{:?}", answer.value);
        }
    }
}
