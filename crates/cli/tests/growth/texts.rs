//! Texts: exports, logs, `.rdp` files, what a script or a person hands over. The unit is 64 KiB.

use std::fmt::Write as _;
use std::path::Path;

use super::measured::STDIN;
use super::{Kind, one, words};

/// Bytes of the smallest input.
const UNIT: usize = 64 * 1024;
/// Those of an `.rdp` file, of which at most a megabyte is read.
const RDP: usize = 8 * 1024;

pub const KINDS: &[Kind] = &[
    Kind { name: ".rdp: many settings", make: |f, n| one(f, "a.rdp", &settings(n)) },
    Kind { name: ".rdp: one setting repeated", make: |f, n| one(f, "a.rdp", &address(&repeat("username:s:a\r\n", n))) },
    Kind { name: ".rdp: names in the scope", make: |f, n| one(f, "a.rdp", &scope(n)) },
    Kind { name: ".rdp: one long value", make: |f, n| one(f, "a.rdp", &address(&["x:s:", &repeat("y", n)].concat())) },
    Kind { name: "diagnose --rdp: many settings", make: diagnose_rdp },
    Kind { name: "events .xml: entries", make: |f, n| one(f, "a.xml", &numbered(n, "<Events>", xml)) },
    Kind { name: "events .xml: fields", make: |f, n| one(f, "a.xml", &fields(n)) },
    Kind { name: "events .csv: entries", make: |f, n| one(f, "a.csv", &numbered(n, CSV, csv)) },
    Kind { name: "events .csv: machines", make: |f, n| one(f, "a.csv", &numbered(n, CSV, csv_machines)) },
    Kind { name: "events .json: entries", make: |f, n| one(f, "a.json", &numbered(n, "", beat)) },
    Kind { name: "events .json: nested values", make: |f, n| one(f, "a.json", &nested(n)) },
    Kind { name: "events .txt: entries", make: |f, n| one(f, "a.txt", &numbered(n, "", listed)) },
    Kind { name: "firewall log: lines", make: |f, n| one(f, "pfirewall.log", &numbered(n, FIREWALL, dropped)) },
    Kind {
        name: "list of firewall rules",
        make: |f, n| one(f, "rules.txt", &[numbered(n, "", listed_rule), b"Ok.\r\n".to_vec()].concat()),
    },
    Kind { name: "journal: entries", make: |f, n| one(f, "a.json", &numbered(n, "", journal)) },
    Kind { name: "xrdp log: lines", make: |f, n| one(f, "xrdp.log", &numbered(n, "", xrdp)) },
    Kind { name: "client's log: lines", make: |f, n| one(f, "a.log", &numbered(n, "", freerdp)) },
    Kind {
        name: ".reg: keys",
        make: |f, n| {
            one(
                f,
                "a.reg",
                &numbered(n, &format!("{REG}[{LISTENERS}\\RDP-Tcp]\r\n"), |i| {
                    format!("[{LISTENERS}\\a{i}]\r\n\"PortNumber\"=dword:00000d3d\r\n")
                }),
            )
        },
    },
    Kind {
        name: ".reg: values",
        make: |f, n| {
            one(
                f,
                "a.reg",
                &numbered(n, &format!("{REG}[{LISTENERS}\\RDP-Tcp]\r\n"), |i| format!("\"a{i}\"=dword:{i:08x}\r\n")),
            )
        },
    },
    Kind {
        name: ".reg: one long value",
        make: |f, n| {
            one(
                f,
                "a.reg",
                &numbered(n, &format!("{REG}[{LISTENERS}\\RDP-Tcp]\r\n\"a\"=hex:00"), |_| {
                    ",01".repeat(20) + ",\\\r\n  02"
                }),
            )
        },
    },
    Kind { name: ".reg: rules of the firewall", make: |f, n| one(f, "a.reg", &numbered(n, RULES, rule)) },
    Kind { name: "Process Monitor .csv: accesses", make: |f, n| one(f, "a.csv", &numbered(n, PROCMON, access)) },
    Kind { name: "script's output: small objects", make: |f, n| one(f, "a.txt", &objects(n)) },
    Kind {
        name: "script's output: marks",
        make: |f, n| one(f, "a.txt", &numbered(n, "", |i| format!("-----BEGIN RDPDOCTOR STATE {i}/99; GZIP-----\n"))),
    },
    Kind { name: "explain: a long paste", make: paste },
];

fn repeat(text: &str, size: usize) -> String {
    text.repeat(size * RDP / text.len())
}

/// Writes a head, and behind it as many numbered pieces as the size holds.
fn numbered(size: usize, head: &str, piece: impl Fn(usize) -> String) -> Vec<u8> {
    filled(size * UNIT, head, piece)
}

fn filled(bytes: usize, head: &str, piece: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = head.to_owned();
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&piece(number));
    }
    text.into_bytes()
}

fn address(rest: &str) -> Vec<u8> {
    format!("full address:s:server.corp.example\r\n{rest}").into_bytes()
}

fn settings(size: usize) -> Vec<u8> {
    filled(size * RDP / 8, "full address:s:server.corp.example\r\n", |number| {
        format!("setting {number}:s:{number}\r\n")
    })
}

/// The issue's bomb: one long setting that a scope names over and over.
fn scope(size: usize) -> Vec<u8> {
    let names = vec!["Full Address"; 10 * size.min(100)].join(",");
    address(&format!(
        "alternate full address:s:{}\r\nsignscope:s:{names}\r\nsignature:s:AQABAAEAAAAA\r\n",
        repeat("A", size)
    ))
}

fn diagnose_rdp(folder: &Path, size: usize) -> Vec<String> {
    let text = String::from_utf8(settings(size)).unwrap().replace("server.corp.example", "127.0.0.1:1");
    std::fs::write(folder.join("a.rdp"), text).unwrap();
    words(&["diagnose", "--rdp", "a.rdp", "--timeout", "1s"])
}

const SPACE: &str = "xmlns='http://schemas.microsoft.com/win/2004/08/events/event'";
const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
const XML_HEAD: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Schannel'/><EventID>36874</EventID><TimeCreated SystemTime='2026-11-20T08:01:02Z'/><Computer>SRV01</Computer></System><EventData>";

/// Writes the time of an entry: one a second, the day being 2026-11-20.
fn clock(number: usize) -> String {
    format!("{:02}:{:02}:{:02}", number / 3600 % 24, number / 60 % 60, number % 60)
}

fn xml(number: usize) -> String {
    format!(
        "<Event {SPACE}><System><Provider Name='{CORE}'/><EventID>131</EventID><TimeCreated SystemTime='2026-11-20T{}Z'/>\
         <EventRecordID>{number}</EventRecordID><Channel>{CORE}/Operational</Channel><Computer>SRV01</Computer></System>\
         <EventData><Data Name='ClientIP'>10.0.{}.{}:50123</Data></EventData></Event>\n",
        clock(number),
        number / 250 % 250,
        number % 250
    )
}

const CSV: &str = "TimeCreated,ProviderName,Id,MachineName,Message\n";

/// One entry with many fields, behind a usual one.
fn fields(size: usize) -> Vec<u8> {
    let begun = format!("<Events>{}{XML_HEAD}", xml(0));
    let fields = numbered(size, &begun, |number| format!("<Data Name='a{number}'>{number}</Data>"));
    [fields, b"</EventData></Event></Events>".to_vec()].concat()
}

fn csv(number: usize) -> String {
    format!("2026-11-20T{}Z,{CORE},131,SRV01,from client 10.0.0.{}:50123.\n", clock(number), number % 250)
}

fn csv_machines(number: usize) -> String {
    format!("2026-11-20T{}Z,{CORE},131,SRV{number},from client 10.0.0.5:50123.\n", clock(number))
}

fn beat(number: usize) -> String {
    format!(
        "{{\"@timestamp\":\"2026-11-20T{}Z\",\"winlog\":{{\"channel\":\"{CORE}/Operational\",\"provider_name\":\"{CORE}\",\
         \"event_id\":131,\"record_id\":{number},\"computer_name\":\"SRV01\",\"event_data\":{{\"ClientIP\":\"10.0.0.{}:1\"}}}}}}\n",
        clock(number),
        number % 250
    )
}

/// One line with a field of small values, behind one that makes the file an export.
fn nested(size: usize) -> Vec<u8> {
    let begun = format!("{}{{\"winlog\":{{\"event_id\":131,\"x\":[0", beat(0));
    [numbered(size, &begun, |_| ",{\"a\":0}".to_owned()), b"]}}\n".to_vec()].concat()
}

fn listed(number: usize) -> String {
    format!(
        "TimeCreated  : 20.11.2026 {}\r\nProviderName : {CORE}\r\nId           : 131\r\nMessage      : from client 10.0.0.{}:50123.\r\n\r\n",
        clock(number),
        number % 250
    )
}

const FIREWALL: &str = "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n#Fields: date time action \
    protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n\n";

fn dropped(number: usize) -> String {
    let (high, low) = (number / 250 % 250, number % 250);
    format!(
        "2026-11-20 {} DROP TCP 10.{high}.{low}.5 10.0.0.7 50123 3389 52 S 1 0 64240 - - - RECEIVE\n",
        clock(number)
    )
}

fn journal(number: usize) -> String {
    format!(
        "{{\"__REALTIME_TIMESTAMP\":\"{}\",\"PRIORITY\":\"4\",\"SYSLOG_IDENTIFIER\":\"gnome-remote-desktop-daemon\",\"_HOSTNAME\":\
         \"desk{}\",\"MESSAGE\":\"[RDP] no TLS key {number}\"}}\n",
        1_795_161_662_000_000_usize + number,
        number % 7
    )
}

fn xrdp(number: usize) -> String {
    format!("[20261120-{}] [INFO ] Username or password error for user: a{number}\n", clock(number))
}

fn freerdp(number: usize) -> String {
    format!(
        "[{}:123] [1:2] [ERROR][com.freerdp.core] - freerdp_set_last_error_ex ERRCONNECT_LOGON_FAILURE [0x00020014]\n",
        clock(number)
    )
}

const REG: &str = "Windows Registry Editor Version 5.00\r\n\r\n";
const LISTENERS: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations";
fn listed_rule(number: usize) -> String {
    let said = [
        ("Enabled", "Yes"),
        ("Direction", "In"),
        ("Profiles", "Domain,Private,Public"),
        ("LocalIP", "Any"),
        ("RemoteIP", "Any"),
        ("Protocol", "TCP"),
        ("LocalPort", "3389"),
        ("Rule source", "Local Setting"),
        ("Action", "Allow"),
    ];
    let mut rule = format!("\r\n{:<38}a {number}\r\n{}\r\n", "Rule Name:", "-".repeat(70));
    for (label, said) in said {
        let _ = write!(rule, "{:<38}{said}\r\n", format!("{label}:"));
    }
    rule
}

const RULES: &str = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules]\r\n";

fn rule(number: usize) -> String {
    format!(
        "\"r{number}\"=\"v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=3389|RA4=10.0.0.{}|Name=r{number}|\"\r\n",
        number % 250
    )
}

const PROCMON: &str = "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n";

fn access(number: usize) -> String {
    format!(
        "\"8:01:02.1234567 AM\",\"lsass.exe\",\"{}\",\"CreateFile\",\"C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\{number:032x}_a\",\
         \"ACCESS DENIED\",\"Desired Access: Generic Read, Disposition: Open, Impersonating: NT AUTHORITY\\SYSTEM\"\r\n",
        number % 97
    )
}

/// Writes an answer of a machine's shell, with a field that nobody reads, full of small objects.
fn objects(size: usize) -> Vec<u8> {
    let begun = "[\"-----BEGIN RDPDOCTOR STATE 1/1; GZIP-----\",{\"a\":0}";
    [numbered(size, begun, |_| ",{\"a\":0}".to_owned()), b"]".to_vec()].concat()
}

fn paste(folder: &Path, size: usize) -> Vec<String> {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= size * UNIT {
            break;
        }
        let _ =
            writeln!(text, "[{}] An internal error has occurred. 0x{number:x} event {number} {CORE}", clock(number));
    }
    std::fs::write(folder.join(STDIN), text).unwrap();
    words(&["explain", "-"])
}
