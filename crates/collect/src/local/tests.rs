//! Recorded machines that answer as a living one would.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use evidence::state::{CREDSSP, CRYPTOGRAPHY, FileVersion, KeyFile, LISTENER, PROXY, WINLOGON};

use serde_json::{Value, json};

use super::*;

/// Machine that answers from what is written here.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) keys: BTreeMap<String, Values>,
    /// Places that nobody may read.
    pub(crate) refused: Vec<&'static str>,
    pub(crate) running: Vec<&'static str>,
    pub(crate) elevated: bool,
    /// Never answers about its volumes, if there is one.
    pub(crate) silence: Option<Mutex<Receiver<()>>>,
}

fn denied() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "access denied")
}

impl Machine for Recorded {
    fn values(&self, path: &str) -> io::Result<Option<Values>> {
        if self.refused.contains(&path) { Err(denied()) } else { Ok(self.keys.get(path).cloned()) }
    }

    fn children(&self, path: &str) -> io::Result<Option<Vec<String>>> {
        if self.refused.contains(&path) {
            return Err(denied());
        }
        let names = self.keys.keys().filter_map(|key| key.strip_prefix(path)?.strip_prefix('\\'));
        let names: Vec<String> = names.filter(|name| !name.contains('\\')).map(str::to_owned).collect();
        Ok((self.keys.contains_key(path) || !names.is_empty()).then_some(names))
    }

    fn is_running(&self, service: &str) -> io::Result<Option<bool>> {
        Ok(Some(self.running.contains(&service)))
    }

    fn key_files(&self) -> State {
        let (name, folder) = (".".to_owned(), "MachineKeys".to_owned());
        let key_files = vec![KeyFile { name, folder, size: None, security: None, left_out: 0 }];
        State { key_files, ..State::default() }
    }

    fn programs(&self) -> State {
        let files = vec![FileVersion { name: "termsrv.dll".to_owned(), version: None, exists: true }];
        State { files, ..State::default() }
    }

    fn volumes(&self) -> io::Result<Vec<Volume>> {
        if let Some(silence) = &self.silence {
            // until the test has ended
            let _ = silence.lock().unwrap().recv();
        }
        Ok(vec![Volume { name: "C:".to_owned(), free: 1, size: 2 }])
    }

    fn ports(&self) -> io::Result<Vec<ListeningPort>> {
        let (address, process) = ("0.0.0.0".to_owned(), Some("svchost.exe".to_owned()));
        Ok(vec![ListeningPort { port: 3390, address, process, pid: Some(900) }])
    }

    fn adapters(&self) -> io::Result<Vec<Adapter>> {
        let adapter = NetworkAdapter { name: "Ethernet".to_owned(), mtu: Some(1500), up: true };
        Ok(vec![Adapter { adapter, servers: vec![([192, 0, 2, 53], 53).into()], suffix: "corp.example".to_owned() }])
    }

    fn credentials(&self) -> io::Result<Vec<SavedCredential>> {
        Ok(vec![SavedCredential { target: "TERMSRV/server02".to_owned() }])
    }

    fn log(&self, channel: &str) -> Result<Vec<State>, String> {
        if channel != "System" {
            return Err("the system gives no reason".to_owned());
        }
        let event = json!({"at": "2026-11-21T08:59:10Z", "channel": "System", "provider": "Schannel", "id": 36870,
            "record": 7, "data": {}});
        let span = json!({"channel": "System", "from": "2026-11-21T08:00:00Z", "until": "2026-11-21T08:59:10Z",
            "records": 9, "damaged": false});
        let state = json!({"schema": SCHEMA, "events": [event], "logs": [span]});
        Ok(vec![State::parse(&state.to_string()).unwrap()])
    }

    fn is_elevated(&self) -> Option<bool> {
        Some(self.elevated)
    }
}

fn state(machine: Recorded) -> State {
    let machine: Arc<dyn Machine> = Arc::new(machine);
    read(&machine, Some("SERVER01".to_owned()), "2026-11-21T09:00:00Z".to_owned(), Duration::from_mins(1))
}

fn machine() -> Recorded {
    let dword = |name: &str, number| Values::from([(name.to_owned(), RegistryData::Dword(number))]);
    let filter = Values::from([("ComponentId".to_owned(), RegistryData::Text("ms_pacer".to_owned()))]);
    let password = RegistryData::Text("secret".to_owned());
    let keys = [
        (LISTENER.to_owned(), dword("PortNumber", 3390)),
        (r"HKLM\SYSTEM\CurrentControlSet\Services\TermService".to_owned(), dword("Start", 4)),
        (WINLOGON.to_owned(), Values::from([("DefaultPassword".to_owned(), password)])),
        (STORE_MY.to_owned(), Values::new()),
        (format!("{FILTERS}\\{{01}}"), filter),
    ];
    Recorded { keys: BTreeMap::from(keys), running: vec!["TermService"], elevated: true, ..Recorded::default() }
}

fn told<'a>(state: &'a State, what: &str) -> Option<&'a str> {
    state.unread.iter().find(|unread| unread.what == what).map(|unread| unread.why.as_str())
}

fn found<'a>(state: &'a State, path: &str) -> Option<&'a RegistryKey> {
    state.registry.iter().find(|key| key.path == path)
}

#[test]
fn every_source_has_its_part_in_the_state() {
    let state = state(machine());
    assert_eq!(
        (state.computer.as_deref(), state.taken_at.as_deref()),
        (Some("SERVER01"), Some("2026-11-21T09:00:00Z"))
    );
    assert_eq!(found(&state, LISTENER).unwrap().values["PortNumber"], RegistryData::Dword(3390));
    let service = state.services.iter().find(|service| service.name == "TermService").unwrap();
    assert_eq!((service.exists, service.start, service.running), (true, Some(4), Some(true)));
    assert_eq!((state.files.len(), state.volumes.len(), state.events.len()), (1, 1, 1));
    assert_eq!((state.ports[0].port, state.credentials[0].host()), (3390, Some("server02")));
    assert_eq!((state.adapters[0].mtu, state.filters[0].id.as_str()), (Some(1500), "ms_pacer"));
    assert_eq!(told(&state, "event log Security"), Some("the system gives no reason"));
    assert_eq!(told(&state, "some of this computer"), None);
    // all keys were looked up; of Winlogon a password is never taken
    assert_eq!(state.registry.len(), KEYS.len());
    assert!(!state.to_json().contains("secret"));
}

#[test]
fn what_may_not_be_read_is_not_absent() {
    let state = state(Recorded { refused: vec![LISTENER, STORE_MY, FILTERS], elevated: false, ..machine() });
    assert_eq!((state.filters.len(), told(&state, FILTERS)), (0, Some("access denied")));
    assert_eq!(found(&state, LISTENER), None);
    assert_eq!(told(&state, LISTENER), Some("access denied"));
    // the key of the store may tell nothing of certificates that were not listed
    assert_eq!(found(&state, STORE_MY), None);
    assert!(told(&state, "some of this computer").is_some_and(|why| why.contains("Run as administrator")));
    assert!(!found(&state, CRYPTOGRAPHY).unwrap().exists);
}

/// Wine calls everybody an administrator: what is refused is told all the same, and counts as nothing that is absent.
#[test]
fn an_administrator_who_is_refused_is_told_of_it() {
    let state = state(Recorded { refused: vec![LISTENER, CRYPTOGRAPHY], elevated: true, ..machine() });
    assert_eq!(told(&state, "some of this computer"), None);
    for place in [LISTENER, CRYPTOGRAPHY] {
        assert_eq!((found(&state, place), told(&state, place)), (None, Some("access denied")));
    }
}

#[test]
fn a_certificate_that_cannot_be_read_leaves_its_store_unread() {
    let broken = (format!(r"{STORE_MY}\{}", "AB".repeat(20)), Values::new());
    let mut machine = machine();
    machine.keys.extend([broken]);
    let state = state(machine);
    assert_eq!((found(&state, STORE_MY), state.certificates.len()), (None, 0));
    assert!(!found(&state, STORE_REMOTE_DESKTOP).unwrap().exists);
}

#[test]
fn a_source_that_does_not_answer_is_told_and_the_rest_is_read() {
    let (sender, receiver): (Sender<()>, _) = channel();
    let machine: Arc<dyn Machine> = Arc::new(Recorded { silence: Some(Mutex::new(receiver)), ..machine() });
    let state = read(&machine, None, "2026-11-21T09:00:00Z".to_owned(), Duration::from_secs(1));
    assert_eq!(told(&state, "the space on the volumes"), Some("it did not answer within 1 s"));
    assert!(state.volumes.is_empty());
    drop(sender);
}

/// Of a client nothing is read that concerns others: no logs, no keys, no ports, and of the firewall's rules none but
/// those that decide what it may reach.
#[test]
fn of_a_client_only_its_own_side_is_read() {
    let text = |text: &str| RegistryData::Text(text.to_owned());
    let blocks = "v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RPort=3389|Name=x|";
    let (inward, outward) = (blocks.replace("Dir=Out", "Dir=In"), blocks.replace("Block", "Allow"));
    let rules = [("a", text(blocks)), ("b", text(&inward)), ("c", text(&outward)), ("d", RegistryData::Dword(1))];
    let rules: Values = rules.map(|(name, rule)| (name.to_owned(), rule)).into();
    let proxy = [("ProxyServer", text("proxy:8080")), ("User Agent", text("x"))];
    let proxy: Values = proxy.map(|(name, value)| (name.to_owned(), value)).into();
    let mut machine = machine();
    machine.keys.extend([(FIREWALL_RULES.to_owned(), rules), (PROXY.to_owned(), proxy)]);
    let machine: Arc<dyn Machine> = Arc::new(machine);
    let state =
        read_client(&machine, Some("CLIENT01".to_owned()), "2026-11-21T09:00:00Z".to_owned(), Duration::from_mins(1));
    assert_eq!((state.part, state.computer.as_deref()), (Part::Client, Some("CLIENT01")));
    let told: Value = serde_json::from_str(&state.to_json()).unwrap();
    let filled = told.as_object().unwrap().iter().filter(|(_, list)| list.as_array().is_some_and(|l| !l.is_empty()));
    assert_eq!(
        filled.map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["adapters", "credentials", "files", "filters", "registry"]
    );
    assert_eq!(found(&state, FIREWALL_RULES).unwrap().values.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(found(&state, PROXY).unwrap().values.keys().collect::<Vec<_>>(), ["ProxyServer"]);
    assert!(found(&state, CRYPTOGRAPHY).is_none() && found(&state, CREDSSP).is_some_and(|key| !key.exists));
}

/// The script and this program gather one list.
#[test]
fn the_script_reads_the_same_sections() {
    let script = script::powershell();
    let order = script.lines().find_map(|line| line.strip_prefix("$order = ")).unwrap();
    let by_script: BTreeSet<&str> = order.split(", ").map(|name| name.trim_matches('\'')).collect();
    let told: Value = serde_json::from_str(&state(machine()).to_json()).unwrap();
    let filled =
        told.as_object().unwrap().iter().filter(|(_, value)| value.as_array().is_some_and(|list| !list.is_empty()));
    // PowerShell has no command that lists saved credentials, and the script runs no other program
    let here: BTreeSet<&str> = filled.map(|(name, _)| name.as_str()).filter(|name| *name != "credentials").collect();
    assert_eq!(here, by_script);
    // certificates come as the keys of their stores, in both
    for place in KEYS.iter().copied().chain([STORE_MY, STORE_REMOTE_DESKTOP]).chain(SERVICES.iter().copied()) {
        assert!(script.contains(&format!("'{place}'")), "{place}");
    }
    let machine: Arc<dyn Machine> = Arc::new(machine());
    for source in sources(&machine).iter().filter_map(|source| source.name.strip_prefix("event log ")) {
        assert!(script.contains(&format!("log = '{source}'")), "{source}");
    }
}
