//! Pieces in which every existing field holds something.

use std::collections::BTreeMap;
use std::time::Duration;

use collect::evidence::capture::Capture;
use evidence::access::{AccessTrace, Asked, Place, RefusedAccess};
use evidence::rdp_file::{KNOWN, RdpFileRecord, RdpSetting, RdpSignature, Signer};
use evidence::state::{
    COMPUTER_NAME, CRYPTOGRAPHY, EntryCount, FIREWALL_RULES, FileVersion, KEYS, KeyFile, LISTENER, LogEvent, LogSpan,
    NetworkAdapter, NetworkFilter, Part, RegistryData, RegistryKey, SCHEMA, SavedCredential, Service, State,
    StoredCertificate, TERMSERVICE, Unread, Volume, WINDOWS,
};
use wire::capture::{Exchange, Seen, Side, UdpWatched, Watched, Web, WebAnswer};
use wire::credssp::TsRequest;
use wire::dns::{DnsAnswer, DnsQuestion, RecordKind};
use wire::foreign::ForeignService;
use wire::http::{Method, Request};
use wire::machine::{
    Action, ConnectFailure, Conversation, ConversationPlan, End, Event, Limits, Presented, TcpAnswer, Timed, TlsAnswer,
    TlsFailure, X224Answer,
};
use wire::ntlm::Challenge;
use wire::rdpeudp::Syn;
use wire::tls::{ClientHello, TlsOffer, TlsVersion};
use wire::transcript::{ConnectionRecord, DnsLookup, Entry, NameAnswer, NameLookup, NameSettings, Record, Transcript};
use wire::x224::{ConnectionRequest, SecurityProtocols, ServerAnswer};

use super::linux::{firewall, gnome, listening, xrdp};

/// Every kind of entry that means something, with the fields that such entries have.
const EVENTS: &[(&str, u32, &[&str])] = &[
    ("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", 131, &["ConnType", "ClientIP"]),
    ("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", 140, &["IPString"]),
    (
        "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
        226,
        &["StateTransition", "PreviousState", "PreviousStateName", "NewStateName", "Event", "EventName", "ErrorCode"],
    ),
    ("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", 227, &["CustomLevel", "Name", "Value"]),
    ("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", 65, &["ConnectionName", "ChannelName", "TransportType", "0"]),
    ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1149, &["Param1", "Param2", "Param3"]),
    ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1056, &["0", "Binary"]),
    ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 261, &["listenerName"]),
    ("Microsoft-Windows-TerminalServices-LocalSessionManager", 21, &["User", "SessionID", "Address"]),
    ("Microsoft-Windows-TerminalServices-LocalSessionManager", 40, &["Session", "Reason", "1"]),
    ("Schannel", 36870, &["Type", "ErrorCode", "ErrorState", "AlertDesc", "0"]),
    (
        "Microsoft-Windows-Security-Auditing",
        4625,
        &[
            "SubjectUserSid",
            "SubjectUserName",
            "SubjectDomainName",
            "SubjectLogonId",
            "TargetUserSid",
            "TargetUserName",
            "TargetDomainName",
            "Status",
            "SubStatus",
            "FailureReason",
            "LogonType",
            "LogonProcessName",
            "AuthenticationPackageName",
            "WorkstationName",
            "TransmittedServices",
            "ProcessName",
            "IpAddress",
            "IpPort",
        ],
    ),
    ("Service Control Manager", 7031, &["param1", "param2", "param5", "Binary"]),
    ("TermDD", 56, &["0", "1", "Binary"]),
    ("LsaSrv", 6041, &["0", "1"]),
    ("Microsoft-Windows-TerminalServices-ClientActiveXCore", 1024, &["Name", "Value"]),
    ("Microsoft-Windows-TerminalServices-ClientActiveXCore", 1026, &["Name", "Value", "CustomLevel"]),
    ("Somebody", 1, &["Data"]),
];

fn values(list: &[(&str, RegistryData)]) -> BTreeMap<String, RegistryData> {
    list.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect()
}

fn text(text: &str) -> RegistryData {
    RegistryData::Text(text.to_owned())
}

fn registry() -> Vec<RegistryKey> {
    let rule = "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|RA4=LocalSubnet|App=System|Svc=termservice|Name=x|";
    let all = |path: &str| match path {
        LISTENER => values(&[
            ("PortNumber", RegistryData::Dword(3389)),
            ("SSLCertificateSHA1Hash", RegistryData::Binary("5d".repeat(20))),
            ("SelfSignedCertificate", RegistryData::Binary("5e".repeat(20))),
            ("InitialProgram", text("x")),
            ("Unheard of", RegistryData::Qword(7)),
        ]),
        COMPUTER_NAME => values(&[("ComputerName", text("SRV"))]),
        CRYPTOGRAPHY => values(&[("MachineGuid", text("11111111-2222-3333-4444-555555555555"))]),
        TERMSERVICE => values(&[("ServiceDll", text(r"%SystemRoot%\System32\termsrv.dll"))]),
        FIREWALL_RULES => values(&[("RemoteDesktop-UserMode-In-TCP", text(rule)), ("{x}", text(rule))]),
        WINDOWS => values(&[
            ("EditionID", text("ServerStandard")),
            ("ProductName", text("Windows Server 2019 Standard")),
            ("CurrentVersion", text("10.0")),
            ("CurrentBuildNumber", text("17763")),
            ("DisplayVersion", text("22H2")),
            ("InstallationType", text("Server")),
            ("RegisteredOwner", text("x")),
        ]),
        path if path.ends_with("00010002") => values(&[("Functions", text("TLS_AES_256_GCM_SHA384"))]),
        path if path.ends_with(r"Tcpip\Parameters") => {
            let names = ["Hostname", "NV Hostname", "Domain", "NV Domain", "DhcpDomain", "SearchList", "NameServer"];
            values(&names.map(|name| (name, text("x"))))
        }
        _ => values(&[
            ("Enabled", RegistryData::Dword(1)),
            ("Text", text("x")),
            ("Texts", RegistryData::Texts(vec!["x".to_owned()])),
            ("Binary", RegistryData::Binary("00".to_owned())),
        ]),
    };
    let keys = KEYS.iter().chain(&["HKLM\\Somewhere else"]);
    keys.map(|path| RegistryKey { path: (*path).to_owned(), exists: true, values: all(path) }).collect()
}

fn certificate() -> StoredCertificate {
    StoredCertificate {
        store: "My".to_owned(),
        sha1: "5d".repeat(20),
        subject: "CN=SRV, O=x, DC=y".to_owned(),
        issuer: "CN=CA".to_owned(),
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2027-01-01T00:00:00Z".to_owned(),
        has_key: Some(true),
        container: Some("TSSecKeySet1".to_owned()),
        provider: Some("Microsoft Software Key Storage Provider".to_owned()),
        machine_key: Some(true),
        key_spec: Some(1),
        usages: vec!["1.3.6.1.5.5.7.3.1".to_owned()],
        names: Some(vec!["SRV".to_owned(), "192.0.2.7".to_owned()]),
        key_algorithm: Some("rsa".to_owned()),
        key_bits: Some(2048),
        signature_algorithm: Some("1.2.840.113549.1.1.11".to_owned()),
    }
}

fn rdp_files() -> Vec<RdpFileRecord> {
    let settings = KNOWN.iter().map(|known| RdpSetting {
        name: known.name.to_owned(),
        kind: known.kind,
        value: Some(if known.kind == 'i' { "1" } else { "srv" }.to_owned()),
    });
    let odd = RdpSetting { name: "odd".to_owned(), kind: 's', value: Some("x".to_owned()) };
    let one = || vec!["server port".to_owned()];
    let signer = Signer {
        subject: "CN=Publisher, O=x".to_owned(),
        issuer: "CN=CA".to_owned(),
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2027-01-01T00:00:00Z".to_owned(),
        scope: one(),
        outside: one(),
        contradicted: one(),
    };
    let signatures = [
        RdpSignature::Unsigned,
        RdpSignature::Valid(signer),
        RdpSignature::Broken { missing: one() },
        RdpSignature::Unverifiable { why: "x".to_owned() },
    ];
    let settings: Vec<RdpSetting> = settings.chain([odd]).collect();
    let file = |signature| RdpFileRecord { name: "srv.rdp".to_owned(), settings: settings.clone(), signature };
    signatures.into_iter().map(file).collect()
}

fn refused() -> Vec<RefusedAccess> {
    let keys = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
    let store = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop";
    let listener = r"HKLM\System\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
    let paths = [
        (Place::RdpKeyFile, format!(r"{keys}\f686aace6942fb7f7ceb231212eef4a4_11111111-2222-3333-4444-555555555555")),
        (Place::KeyFolder, format!(r"{keys}\x")),
        (Place::Listener, format!(r"{listener}\x")),
        (Place::CertificateStore, format!(r"{store}\Certificates\5D5D")),
        (Place::Component, r"C:\Windows\System32\termsrv.dll".to_owned()),
    ];
    let access = |(place, path): (Place, String)| RefusedAccess {
        process: "svchost.exe".to_owned(),
        pid: Some(812),
        service: Some("TermService".to_owned()),
        place,
        path,
        operation: "CreateFile".to_owned(),
        asked: Some(Asked::Read),
        result: "ACCESS DENIED".to_owned(),
        clock: Some("09:00:01.0000001".to_owned()),
        count: 2,
        granted: false,
        comparable: true,
    };
    paths.into_iter().map(access).collect()
}

fn version() -> FileVersion {
    FileVersion { name: "termsrv.dll".to_owned(), version: Some("10.0.20348.1".to_owned()), exists: true }
}

fn count() -> EntryCount {
    EntryCount {
        channel: "Security".to_owned(),
        provider: "Microsoft-Windows-Security-Auditing".to_owned(),
        id: 4625,
        logon_type: Some(3),
        count: 900,
        from: "2026-11-20T09:00:00Z".to_owned(),
        until: "2026-11-21T09:00:00Z".to_owned(),
        addresses: 2,
        minutes: BTreeMap::from([("2026-11-21T09:00:00Z".to_owned(), 700)]),
    }
}

pub fn state() -> State {
    let event = |(provider, id, fields): &(&str, u32, &[&str])| LogEvent {
        at: "2026-11-21T09:00:00Z".to_owned(),
        channel: "System".to_owned(),
        provider: (*provider).to_owned(),
        id: *id,
        record: 1,
        activity: Some("{11111111-2222-3333-4444-555555555555}".to_owned()),
        data: fields.iter().map(|field| ((*field).to_owned(), "1".to_owned())).collect(),
    };
    let key = |name: &str| KeyFile {
        name: name.to_owned(),
        folder: "MachineKeys".to_owned(),
        size: Some(1),
        security: Some("O:SYG:SYD:PAI(A;;FR;;;NS)(A;;FA;;;S-1-5-21-1-2-3-1104)".to_owned()),
        left_out: 0,
    };
    State {
        schema: SCHEMA.to_owned(),
        part: Part::Host,
        taken_at: Some("2026-11-21T09:00:00Z".to_owned()),
        computer: Some("SRV".to_owned()),
        registry: registry(),
        services: vec![Service {
            name: "TermService".to_owned(),
            exists: true,
            start: Some(3),
            running: Some(true),
            image: Some(r"%SystemRoot%\System32\svchost.exe -k x".to_owned()),
            account: Some(r"NT AUTHORITY\NetworkService".to_owned()),
        }],
        certificates: vec![certificate()],
        key_files: vec![
            key("."),
            key("f686aace6942fb7f7ceb231212eef4a4_11111111-2222-3333-4444-555555555555"),
            key("50dd7f001693c375a50cbf792350acde_11111111-2222-3333-4444-555555555555"),
        ],
        logs: vec![LogSpan {
            channel: "System".to_owned(),
            from: "2026-11-20T09:00:00Z".to_owned(),
            until: "2026-11-21T09:00:00Z".to_owned(),
            records: 9,
            damaged: false,
            left_out: 2,
            left_out_until: Some("2026-11-20T10:00:00Z".to_owned()),
        }],
        events: EVENTS.iter().map(event).collect(),
        counts: vec![count()],
        files: vec![version()],
        volumes: vec![Volume { name: "C:".to_owned(), free: 1, size: 2 }],
        adapters: vec![NetworkAdapter { name: "Ethernet 2".to_owned(), mtu: Some(1500), up: true }],
        filters: vec![NetworkFilter { id: "ms_pacer".to_owned(), name: Some("QoS".to_owned()) }],
        ports: vec![listening()],
        credentials: vec![SavedCredential { target: "TERMSRV/srv".to_owned() }],
        xrdp: vec![xrdp()],
        gnome: vec![gnome()],
        linux_firewalls: vec![firewall()],
        rdp_files: rdp_files(),
        traces: vec![AccessTrace { records: 9, malformed: 1, left_out: 0 }],
        refused: refused(),
        unread: vec![Unread { what: "x".to_owned(), why: "permission denied (os error 13)".to_owned() }],
    }
}

fn conversation(plan: ConversationPlan, address: std::net::SocketAddr, events: Vec<Event>) -> ConnectionRecord {
    let mut machine = Conversation::new(plan.clone());
    let mut entries = Vec::new();
    for (tick, event) in (1..).zip(events) {
        let now = Duration::from_millis(tick);
        let actions = machine.handle(now, event.clone());
        entries.push((now, Entry::Event(event)));
        entries.extend(actions.into_iter().filter_map(|action| match action {
            Action::Send(bytes) => Some((now, Entry::Sent(bytes))),
            Action::UpgradeTls(_) | Action::Close => None,
        }));
    }
    ConnectionRecord { address, start: Duration::ZERO, survey: false, plan, entries }
}

/// Transcript that has `said` wherever a host or this computer can say something, and this certificate.
pub fn transcript(said: &str, addresses: [std::net::IpAddr; 2], der: &[u8]) -> Transcript {
    let second = Duration::from_secs(1);
    let plan = ConversationPlan {
        request: Some(ConnectionRequest {
            cookie: Some(said.to_owned()),
            token: None,
            protocols: Some(SecurityProtocols(0x0B)),
        }),
        tls: Some(TlsOffer::MODERN),
        credssp: Some(6),
        random: [7; 32],
        limits: Limits { tcp: 2 * second, credssp: 2 * second, ..Limits::each(3 * second) },
        ..ConversationPlan::default()
    };
    let selected = ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID_EX, flags: 0 };
    let up = Event::TlsUp { version: TlsVersion::Tls12, suite: 0xC030, chain: vec![der.to_vec()] };
    let name = || Some(said.to_owned());
    let challenge = Challenge {
        flaw: None,
        target: name(),
        netbios_computer: name(),
        netbios_domain: name(),
        dns_computer: name(),
        dns_domain: name(),
        dns_tree: name(),
        timestamp: None,
        version: None,
    };
    let introduction = TsRequest { version: 6, tokens: vec![challenge.encode([1; 8])], error: None }.encode();
    let greeting = format!("220 {said} ESMTP {said}\r\n").into_bytes();
    let answered = || Event::Bytes(selected.encode());
    let failed = |failure| vec![Event::Connected, answered(), Event::TlsFailed(failure)];
    let events = [
        vec![Event::Connected, answered(), up, Event::Bytes(introduction)],
        vec![Event::Connected, Event::Bytes(greeting)],
        vec![Event::ConnectFailed(ConnectFailure::Other(said.to_owned()))],
        failed(TlsFailure::Own(said.to_owned())),
        failed(TlsFailure::Peer(said.to_owned())),
    ];
    let sockets = addresses.map(|address| (address, 3389).into());
    let answer = NameAnswer::Addresses(sockets.to_vec());
    let lookup = Record::Name(NameLookup { start: Duration::ZERO, took: Duration::ZERO, answer });
    let naming = naming(said, sockets);
    let pairs = events.into_iter().zip(sockets.into_iter().cycle());
    let connections = pairs.map(|(events, socket)| Record::Connection(conversation(plan.clone(), socket, events)));
    Transcript {
        at: time::macros::datetime!(2026-11-21 09:00 UTC),
        tool: said.to_owned(),
        host: said.to_owned(),
        port: 3389,
        records: std::iter::once(lookup).chain(naming).chain(connections).collect(),
    }
}

/// Records about names that have `said` wherever a name server or a setting can say something.
fn naming(said: &str, sockets: [std::net::SocketAddr; 2]) -> Vec<Record> {
    let [server, address] = sockets;
    let (start, took) = (Duration::ZERO, Duration::ZERO);
    let addresses = vec![address.ip()];
    let settings = NameSettings {
        start,
        hosts: addresses.clone(),
        servers: vec![server],
        search: vec![said.to_owned()],
        dots: 1,
        neighbours: Vec::new(),
    };
    let aliases = vec![said.to_owned()];
    let of_name = DnsQuestion { name: format!("{said}.{said}"), kind: RecordKind::A };
    let answers = [
        (of_name, DnsAnswer::Addresses { aliases, addresses }),
        (DnsQuestion::name_of(address.ip()), DnsAnswer::Names(vec![said.to_owned()])),
    ];
    let asked = answers.map(|(question, answer)| Record::Dns(DnsLookup { start, took, server, question, answer }));
    std::iter::once(Record::Settings(settings)).chain(asked).collect()
}

/// Capture that has `said` wherever a peer can say something.
pub fn capture(said: &str, addresses: [std::net::IpAddr; 2], der: &[u8]) -> Capture {
    let at = Duration::from_millis(1_795_251_600_500);
    let [client, host] = addresses;
    let words = || said.to_owned();
    let bytes = said.as_bytes().to_vec();
    let answers = [
        X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::SSL, flags: 0 }),
        X224Answer::NotTpkt(bytes.clone()),
        X224Answer::Foreign { service: ForeignService::Ssh, bytes: [b"SSH-2.0 ", &bytes[..]].concat() },
        X224Answer::Malformed { bytes: [&[3; 19][..], &bytes].concat(), error: words() },
        X224Answer::Incomplete([&[3; 19][..], &bytes].concat()),
    ];
    let handshakes = [
        TlsAnswer::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: true },
        TlsAnswer::NotTls(bytes.clone()),
        TlsAnswer::Malformed(words()),
        TlsAnswer::OwnFailure(words()),
        TlsAnswer::Silent { bytes: 0 },
    ];
    let presented = |answer: &TlsAnswer| {
        let accepted = matches!(answer, TlsAnswer::Accepted { .. });
        Presented { chain: accepted.then(|| der.to_vec()).into_iter().collect(), ..Presented::default() }
    };
    let requests = [
        Ok(ConnectionRequest { cookie: Some(words()), token: None, protocols: Some(SecurityProtocols(0x0B)) }),
        Err(words()),
    ];
    let connections = answers.into_iter().zip(handshakes).zip(requests.into_iter().cycle());
    let connections = connections.map(|((answer, handshake), request)| Watched {
        client: (client, 50_000).into(),
        host: (host, 3389).into(),
        began: at,
        tcp: Some(timed(TcpAnswer::Failed(ConnectFailure::Other(words())), at)),
        exchange: Exchange {
            request: Some(timed(request, at)),
            answer: Some(timed(answer, at)),
            hello: Some(timed(ClientHello::of(TlsOffer::PLAIN_12, [7; 32]), at)),
            presented: presented(&handshake),
            handshake: Some(timed(handshake, at)),
            ..Exchange::default()
        },
        ends: vec![(Side::Client, End::Fin, Duration::ZERO)],
        sent: 1,
        received: 1,
        midway: false,
        one_sided: None,
        gaps: false,
        altered: false,
    });
    let asked = Syn { acknowledges: false, lossy: false, version: Some(2) };
    let transport =
        UdpWatched { client: (client, 50_001).into(), host: (host, 3389).into(), began: at, asked, answer: None };
    let connections: Vec<Watched> = connections.collect();
    let named = wire::tls::host_name(said.as_bytes()).map(str::to_owned);
    let places = [named.clone(), Some(client.to_string()), Some(host.to_string())];
    let tunnels = places.into_iter().map(|place| {
        let request = Request { method: Method::RdgOutData, host: place.clone(), port: Some(443) };
        let hello = ClientHello { server_name: named.clone(), ..ClientHello::of(TlsOffer::PLAIN_12, [7; 32]) };
        let exchange = Exchange {
            hello: Some(timed(hello, at)),
            web: Some(Web { request: timed(request, at), answers: vec![timed(WebAnswer::Foreign, at)] }),
            ..Exchange::default()
        };
        Watched { exchange, ..connections[0].clone() }
    });
    let tunnels = tunnels.collect();
    let transports = vec![transport];
    let seen = Seen { connections, tunnels, transports, from: Some(at), until: Some(at), ..Seen::default() };
    Capture { seen, packets: 9, notes: vec![words()], cut: Some(words()) }
}

fn timed<T>(value: T, at: Duration) -> Timed<T> {
    Timed { value, took: Duration::ZERO, at }
}
