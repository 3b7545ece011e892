//! The script's output, carried in every way; and laws of the script, which nobody could run here.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use tree_sitter::{Node, Parser};

use super::*;
use evidence::events;
use evidence::events::CHANNELS;
use evidence::state::{IN_PART, KEYS, LISTENER, SERVICES, WINLOGON};

/// Writes a block by the script's template in `collect.ps1` (`ConvertTo-Armour`).
fn armour(json: &str, number: usize, count: usize, form: &str) -> Vec<String> {
    let (body, sum) = if form == "GZIP" {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(json.as_bytes()).unwrap();
        let packed = gzip.finish().unwrap();
        (STANDARD.encode(&packed), wire::hex::encode(digest(&SHA256, &packed).as_ref()))
    } else {
        (plain(json), "NONE".to_owned())
    };
    let mut lines = vec![format!("-----BEGIN RDPDOCTOR STATE {number}/{count}; {form}-----")];
    let letters: Vec<char> = body.chars().collect();
    lines.extend(letters.chunks(76).map(|line| line.iter().collect()));
    let length = body.len();
    lines.push(format!("-----END RDPDOCTOR STATE {number}/{count}; {length} CHARACTERS; SHA256 {sum}-----"));
    lines
}

/// Writes JSON as `ConvertTo-Plain` does.
fn plain(json: &str) -> String {
    let mut text = String::new();
    for unit in json.encode_utf16() {
        match char::from_u32(unit.into()).filter(|c| c.is_ascii_graphic() && *c != '-') {
            Some(c) => text.push(c),
            None => write!(text, "\\u{unit:04x}").unwrap(),
        }
    }
    text
}

fn block(section: &str, things: &Value) -> String {
    let taken = "2026-11-21T09:00:00.1234567Z";
    json!({"schema": SCHEMA, "part": "host", "taken_at": taken, "computer": "BÜRO-01", section: things}).to_string()
}

/// Blocks of the state that the script finds on a machine.
fn blocks() -> Vec<String> {
    let event = json!({"at": "2026-11-21T08:59:00.0000000Z", "channel": "System", "provider": "Schannel", "id": 36870,
        "record": 7, "activity": null, "data": {"Type": "server"}});
    let span = json!({"channel": "System", "from": "2026-01-01T00:00:00Z", "until": "2026-11-21T09:00:00Z",
        "records": 9, "damaged": false, "left_out": 0});
    let der = rcgen::generate_simple_self_signed(["server01".to_owned()]).unwrap().cert.der().to_vec();
    let length = u32::try_from(der.len()).unwrap();
    let blob = [[32, 1, length].map(u32::to_le_bytes).concat(), der].concat();
    let store = STORE_REMOTE_DESKTOP;
    let registry = json!([
        {"path": format!("{store}\\AB12"), "exists": true, "values": {"Blob": {"binary": wire::hex::encode(&blob)}}},
        {"path": store, "exists": true, "values": {}},
        {"path": LISTENER, "exists": true, "values": {"PortNumber": {"dword": 3389}, "Odd name - here": {"text": "a b - c\r\n"}}},
    ]);
    let keys = json!([{"name": ".", "folder": "MachineKeys", "size": null, "security": "D:(A;;FA;;;SY)"}]);
    let service =
        json!([{"name": "KeyIso", "exists": true, "start": 3, "running": true, "image": null, "account": null}]);
    let unread = json!([{"what": "event log Security", "why": "access denied"}]);
    let sections = ["events", "logs", "registry", "key_files", "services", "unread"];
    let things = [json!([event]), json!([span]), registry, keys, service, unread];
    let mut blocks: Vec<String> =
        sections.iter().zip(&things).map(|(section, things)| block(section, things)).collect();
    let named: Vec<&str> = sections.iter().copied().chain(["contents"]).collect();
    blocks.push(
        json!({"schema": SCHEMA, "part": "host", "taken_at": "2026-11-21T09:00:00Z", "blocks": named}).to_string(),
    );
    blocks
}

fn lines(form: &str) -> Vec<String> {
    let blocks = blocks();
    let count = blocks.len();
    (1..).zip(blocks).flat_map(|(number, json)| armour(&json, number, count, form)).collect()
}

fn state_of(bytes: &[u8]) -> Result<State, String> {
    assert!(recognises(&bytes[..bytes.len().min(4096)]));
    match read(bytes) {
        Ok(Piece::State(state)) => Ok(*state),
        Ok(_) => unreachable!(),
        Err(error) => Err(error.to_string()),
    }
}

/// Certificates are made anew by each call of `blocks`, so they are compared by their subjects.
fn summary(state: &State) -> (usize, Vec<String>, Vec<String>, Vec<String>) {
    let certificates = state.certificates.iter().map(|found| format!("{} {}", found.store, found.subject)).collect();
    let registry = state.registry.iter().map(|key| key.path.clone()).collect();
    let unread = state.unread.iter().map(|unread| unread.what.clone()).collect();
    (state.events.len(), registry, certificates, unread)
}

fn whole() -> (usize, Vec<String>, Vec<String>, Vec<String>) {
    let store = STORE_REMOTE_DESKTOP.to_owned();
    let certificates = vec!["Remote Desktop CN=rcgen self signed cert".to_owned()];
    (1, vec![store, LISTENER.to_owned()], certificates, vec!["event log Security".to_owned()])
}

/// A block of entries does not have the log's own record: its count of left-out entries must not be lost.
#[test]
fn a_log_of_which_entries_were_left_out_is_not_whole() {
    let damaged = |count: u64| {
        let entry = |number: u64| {
            json!({"at": format!("2026-11-21T08:{:02}:{:02}Z", number / 60, number % 60), "channel": "System",
                "provider": "Schannel", "id": 36870, "record": number, "data": {}})
        };
        let mut blocks = blocks();
        blocks[0] = block("events", &Value::Array((0..count).map(entry).collect()));
        let total = blocks.len();
        let lines = (1..).zip(blocks).flat_map(|(number, json)| armour(&json, number, total, "GZIP"));
        state_of(lines.collect::<Vec<_>>().join("\n").as_bytes()).unwrap().logs[0].damaged
    };
    assert!(!damaged(500) && damaged(501));
}

#[test]
fn an_output_is_read_however_it_was_carried() {
    for form in ["GZIP", "JSON"] {
        let lines = lines(form);
        let wide = |text: &str| {
            [&b"\xFF\xFE"[..], &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat()
        };
        let unix = lines.join("\n");
        let squeezed = lines.concat();
        let letters: Vec<char> = squeezed.chars().collect();
        let wrapped =
            |width: usize| letters.chunks(width).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>();
        let each =
            |shape: &dyn Fn(&String) -> String| lines.iter().map(shape).collect::<Vec<_>>().concat().into_bytes();
        let noise = format!("PS C:\\Windows\\system32> .\\state.ps1\nWARNING: a thing\n\n{unix}\n\nPS C:\\> exit\n");
        let mut carried = vec![
            unix.clone().into_bytes(),
            lines.join("\r\n").into_bytes(),
            wide(&lines.join("\r\n")),
            format!("\u{FEFF}{unix}").into_bytes(),
            noise.clone().into_bytes(),
            wide(&noise),
            json!({"value": [{"code": "x", "message": format!("Enable succeeded: \n[stdout]\n{unix}\n[stderr]\n")}]})
                .to_string()
                .into_bytes(),
            squeezed.clone().into_bytes(),
            each(&|line| format!("  {line}   \n\n")),
            each(&|line| format!("> {line}\n")),
        ];
        carried.extend([1, 7, 40, 80, 119].map(|width| wrapped(width).join("\r\n").into_bytes()));
        for (number, bytes) in carried.iter().enumerate() {
            let state = state_of(bytes).unwrap_or_else(|error| panic!("{form} {number}: {error}"));
            assert_eq!(summary(&state), whole(), "{form} {number}");
            assert_eq!(state.computer.as_deref(), Some("BÜRO-01"));
            assert!(!state.logs[0].damaged && state.key_files.len() == 1 && state.services.len() == 1);
            let listener = state.registry.iter().find(|key| key.path == LISTENER).unwrap();
            assert_eq!(listener.values["Odd name - here"], RegistryData::Text("a b - c\r\n".to_owned()));
        }
    }
}

/// Cut after any line, from either side: what is there is reported, what is missing is named, and nothing incomplete is
/// taken for complete.
#[test]
fn a_cut_output_is_read_as_far_as_it_goes() {
    let lines = lines("GZIP");
    let count = blocks().len();
    let mut readable = 0;
    for cut in 0..lines.len() {
        for part in [&lines[..cut], &lines[cut + 1..]] {
            let text = part.join("\r\n");
            match read(text.as_bytes()) {
                Ok(Piece::State(state)) => {
                    readable += 1;
                    assert!(state.unread.iter().any(|unread| unread.what.contains("of the script's output")), "{cut}");
                    // a log without its entries must not show that there were none
                    assert!(state.logs.iter().all(|log| log.damaged || !state.events.is_empty()), "{cut}");
                    let listed = state.registry.iter().any(|key| key.path == STORE_REMOTE_DESKTOP);
                    assert!(!listed || state.certificates.len() == 1, "{cut}");
                }
                Ok(_) => unreachable!(),
                Err(error) => assert!(error.to_string().contains("block"), "{cut}: {error}"),
            }
        }
    }
    assert!(readable > lines.len(), "{readable} of {} cuts, {count} blocks", lines.len() * 2);
}

#[test]
fn the_end_alone_tells_what_it_has() {
    let lines = lines("GZIP");
    let from = lines.iter().position(|line| line.contains("BEGIN RDPDOCTOR STATE 4/7")).unwrap();
    // as Azure's Run Command leaves it: the middle of block 3, and everything after
    let state = state_of(lines[from - 2..].join("\n").as_bytes()).unwrap();
    assert_eq!(state.unread[0].what, "blocks 1 to 3 of 7 of the script's output");
    assert_eq!((state.services.len(), state.key_files.len(), state.registry.len()), (1, 1, 0));
    // only the end marks are left
    let from = lines.iter().position(|line| line.contains("END RDPDOCTOR STATE 6/7")).unwrap();
    let state = state_of(lines[from..].join("\n").as_bytes()).unwrap();
    assert_eq!(state.unread[0].what, "blocks 1 to 6 of 7 of the script's output");
    let error = state_of(lines[from..=from].join("\n").as_bytes()).unwrap_err();
    assert!(error.contains("it was cut"), "{error}");
}

#[test]
fn damage_is_named_and_the_rest_is_read() {
    let lines = lines("GZIP");
    let change = |find: &str, with: &dyn Fn(&str) -> String| {
        let mut lines = lines.clone();
        let at = lines.iter().position(|line| line.contains(find)).unwrap();
        lines[at] = with(&lines[at]);
        state_of(lines.join("\n").as_bytes()).unwrap().unread.remove(0).why
    };
    let wrong = change("END RDPDOCTOR STATE 2/7", &|line| line.replace("SHA256 ", "SHA256 0"));
    assert_eq!(wrong, "it is damaged: its checksum is wrong");
    assert!(change("END RDPDOCTOR STATE 2/7", &|line| line.replace("CHARACTERS", "LETTERS")).contains("says"));
    assert!(change("BEGIN RDPDOCTOR STATE 2/7", &|line| line.replace("GZIP", "ZSTD")).contains("does not know"));
    let mut twice = lines.clone();
    twice.extend(lines.clone());
    let state = state_of(twice.join("\n").as_bytes()).unwrap();
    assert_eq!(state.unread[0].what, "an earlier run of the script in the same file");
    assert_eq!(state.events.len(), 1);
}

#[test]
fn a_block_that_inflates_without_end_is_refused() {
    let zeros = " ".repeat(usize::try_from(BLOCK).unwrap() + 2);
    let lines = armour(&zeros, 1, 1, "GZIP");
    assert!(state_of(lines.join("\n").as_bytes()).unwrap_err().contains("too large"));
}

#[test]
fn a_certificate_that_cannot_be_read_makes_its_store_unread() {
    let key = |path: String| RegistryKey { path, exists: true, values: BTreeMap::new() };
    let registry = vec![key(STORE_MY.to_owned()), key(format!("{STORE_MY}\\AB")), key(STORE_REMOTE_DESKTOP.to_owned())];
    let mut state = State { registry, ..State::default() };
    read_certificates(&mut state);
    assert_eq!(state.registry, [key(STORE_REMOTE_DESKTOP.to_owned())]);
    assert_eq!(state.unread[0].what, format!("{STORE_MY}\\AB"));
}

#[test]
fn other_base64_is_said_to_be_none() {
    let error = read(&[b'A'; 4000]).unwrap_err().to_string();
    assert!(error.contains("no whole block"), "{error}");
    assert!(read(powershell().as_bytes()).is_err());
    assert!(!recognises(b"-----BEGIN CERTIFICATE-----\nMIIB"));
    assert!(!recognises(b""));
}

proptest! {
    #[test]
    fn no_change_panics(at in 0_usize..4000, byte: u8, cut in 0_usize..6000) {
        let mut bytes = lines("JSON").join("\n").into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut);
        drop(read(&bytes));
        let _ = recognises(&bytes);
    }
}

fn parsed<T>(script: &str, look: impl FnOnce(Node<'_>, &str) -> T) -> T {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(script, None).unwrap();
    look(tree.root_node(), script)
}

/// Texts of all nodes of a kind.
fn texts(node: Node<'_>, script: &str, kind: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        if node.kind() == kind {
            found.insert(script[node.byte_range()].to_owned());
        }
        waiting.extend((0..node.child_count()).filter_map(|number| node.child(number)));
    }
    found
}

/// Names of all methods that are called.
fn methods(node: Node<'_>, script: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        let below: Vec<Node<'_>> = (0..node.child_count()).filter_map(|number| node.child(number)).collect();
        if node.kind() == "invokation_expression" {
            let name = below.iter().rfind(|child| child.kind() == "member_name").map(Node::byte_range);
            found.insert(name.map_or(String::new(), |name| script[name].to_owned()));
        }
        waiting.extend(below);
    }
    found
}

#[test]
fn the_script_is_powershell_by_its_grammar() {
    parsed(&powershell(), |root, script| {
        let errors = texts(root, script, "ERROR");
        assert!(!root.has_error(), "{errors:?}");
    });
}

const COMMANDS: [&str; 16] = [
    "ConvertTo-Json",
    "ForEach-Object",
    "Get-Acl",
    "Get-ChildItem",
    "Get-CimInstance",
    "Get-Date",
    "Get-Item",
    "Get-ItemProperty",
    "Get-NetIPInterface",
    "Get-NetTCPConnection",
    "Get-Service",
    "Get-WinEvent",
    "New-Object",
    "Out-File",
    "Select-Object",
    "Where-Object",
];
const TYPES: [&str; 13] = [
    "[string]",
    "[int]",
    "[long]",
    "[uint64]",
    "[decimal]",
    "[byte[]]",
    "[array]",
    "[hashtable]",
    "[xml]",
    "[char[]]",
    "[Text.Encoding]",
    "[IO.Compression.CompressionMode]",
    "[Convert]",
];
const OBJECTS: [&str; 3] =
    ["IO.MemoryStream", "IO.Compression.GZipStream", "Security.Cryptography.SHA256CryptoServiceProvider"];
const METHODS: [&str; 13] = [
    "ToUniversalTime",
    "ToString",
    "ToXml",
    "SelectNodes",
    "GetAttribute",
    "ToLower",
    "GetBytes",
    "Write",
    "Close",
    "ToArray",
    "ToBase64String",
    "ComputeHash",
    "Substring",
];

/// The script only reads. Its one command that writes occurs once, for `-Out`, and does not overwrite a file.
#[test]
fn the_script_only_reads() {
    parsed(&powershell(), |root, script| {
        let own = texts(root, script, "function_name");
        assert!(
            own.iter().all(|name| ["Get-", "Test-", "ConvertTo-"].iter().any(|verb| name.starts_with(verb))),
            "{own:?}"
        );
        let commands = texts(root, script, "command_name");
        let strange: Vec<_> =
            commands.iter().filter(|name| !own.contains(*name) && !COMMANDS.contains(&name.as_str())).collect();
        assert!(strange.is_empty() && commands.len() > 20, "{strange:?}");
        let types = texts(root, script, "type_literal");
        let strange: Vec<_> = types.iter().filter(|name| !TYPES.contains(&name.as_str())).collect();
        assert!(strange.is_empty() && types.len() > 5, "{strange:?}");
        let methods = methods(root, script);
        let strange: Vec<_> = methods.iter().filter(|name| !METHODS.contains(&name.as_str())).collect();
        assert!(strange.is_empty() && methods.len() > 8, "{strange:?}");
        for line in script.lines().filter(|line| line.contains("New-Object")) {
            assert!(OBJECTS.iter().any(|name| line.contains(&format!("New-Object {name}"))), "{line}");
        }
        // no way to run text or another program, and no redirection into a file
        for kind in ["redirection", "command_invokation_operator"] {
            assert_eq!(texts(root, script, kind), BTreeSet::new());
        }
    });
    // the grammar does use these names
    parsed("& 'whoami' > out.txt\n", |root, script| {
        for kind in ["redirection", "command_invokation_operator"] {
            assert_eq!(texts(root, script, kind).len(), 1, "{kind}");
        }
    });
    parsed("$x.Delete($y.ToString())", |root, script| {
        assert_eq!(methods(root, script), ["Delete", "ToString"].map(str::to_owned).into());
    });
    parsed("function x { if }", |root, _| assert!(root.has_error()));
    let script = powershell();
    assert_eq!(script.matches("Out-File").count(), 1);
    assert!(script.contains("Out-File -LiteralPath $Out -Encoding ascii -NoClobber"));
}

/// A new key, service or event is in the script automatically.
#[test]
fn the_script_looks_for_all_that_is_listed() {
    let script = powershell();
    for text in KEYS.iter().chain(SERVICES) {
        assert_eq!(
            script.matches(&format!("    '{text}'\n")).count(),
            1 + usize::from(text.starts_with(STORE_MY) || text.starts_with(STORE_REMOTE_DESKTOP)),
            "{text}"
        );
    }
    for known in events::all() {
        // other programs' logs are no logs of Windows
        let Some((_, names, logs)) = CHANNELS.iter().find(|(provider, ..)| *provider == known.provider) else {
            assert!(known.id > 90_000, "{known:?}");
            continue;
        };
        for log in *logs {
            let asks = |line: &&str| {
                let ids = |name: &str| line.split_once(name).unwrap().1.split_once(')').unwrap().0.to_owned();
                let list = if known.normal { ids("usual = @(") } else { ids("rare = @(") };
                line.contains(&format!("log = '{log}'"))
                    && names.iter().all(|name| line.contains(&format!("'{name}'")))
                    && list.split(", ").any(|id| id == known.id.to_string())
            };
            assert_eq!(
                script.lines().filter(|line| line.contains("@{ log = ")).filter(asks).count(),
                1,
                "{known:?} {log}"
            );
        }
    }
}

/// A password may stand beside the value that is wanted.
#[test]
fn of_some_keys_the_script_prints_only_the_values_that_are_listed() {
    let script = powershell();
    let only =
        "$only = $part[\"$path\"]\n        if ($only) { $names = @($names | Where-Object { $only -contains $_ }) }\n";
    assert_eq!(script.matches(only).count(), 1);
    assert_eq!(script.matches(&format!("\n    '{WINLOGON}' = @('WinStationsDisabled')\n")).count(), 1);
    let listed = |key: &str| script.lines().filter(|line| line.starts_with(&format!("    '{key}' = @('"))).count();
    assert!(IN_PART.iter().all(|(key, _)| listed(key) == 1));
}

#[test]
fn the_script_is_ascii_and_the_same_each_time() {
    let script = powershell();
    assert!(script.is_ascii() && !script.contains('\t') && script.ends_with('\n'));
    assert!(
        script.lines().all(|line| line.len() <= 400 && line == line.trim_end()),
        "a long line, or spaces at its end"
    );
    assert_eq!(script, powershell());
    assert!(script.contains("never run on a real Windows machine"));
    let places: Vec<_> =
        script.split('@').filter(|part| part.len() > 2 && part.chars().all(|c| c.is_ascii_uppercase())).collect();
    assert!(places.is_empty(), "{places:?}");
}
