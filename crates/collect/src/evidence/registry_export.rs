//! Exports of the registry (`.reg`): version 4 (`REGEDIT4`, in the system's code page) and version 5 (UTF-16).
//!
//! A key that an export has was exported with all its values; one that it lacks may not have been asked for, and is
//! never taken for absent. A file that deletes something was written to be imported, and shows no machine's state.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use evidence::state::{
    COMPUTER_NAME, KEYS, Part, ROOT, RegistryData, RegistryKey, SCHEMA, SERVICES, STORE_MY, STORE_REMOTE_DESKTOP,
    STORES_ROOT, Service, State, Unread, takes,
};

use super::hive::blob;
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::RegistryExport, recognises, read: Access::Stream(read) };

const VERSION_4: &str = "REGEDIT4";
const VERSION_5: &str = "Windows Registry Editor Version 5";
/// Most bytes of a value with all its lines. A value of the registry has at most a megabyte, written in three
/// characters a byte.
const VALUE: usize = 4 * 1024 * 1024;
/// Most values of all keys that are kept.
const VALUES: usize = 20_000;
/// Beginning of the paths of services.
const SERVICES_AT: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\";

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head.get(..256).unwrap_or(head));
    let text = if text.is_empty() { String::from_utf8_lossy(head).into_owned() } else { text };
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    text.starts_with(VERSION_5) || text.lines().next().is_some_and(|line| line.trim() == VERSION_4)
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut lines = Lines { input: BufReader::new(text::Utf8::new(source)), too_long: 0 };
    let first = lines.next()?.unwrap_or_default();
    let mut export = Export { wide: !first.contains(VERSION_4), ..Export::default() };
    while let Some(line) = lines.next()? {
        export.line(&line)?;
    }
    export.malformed += lines.too_long;
    export.state(name).map(|state| vec![Piece::State(Box::new(state))])
}

/// Reader of whole values: a line that ends with a backslash goes on in the next, and so does text in quotes.
struct Lines<R> {
    input: R,
    too_long: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, ReadError> {
        let mut whole = String::new();
        let (mut skipping, mut place) = (false, Quotes::default());
        loop {
            let mut line = Vec::new();
            let read = self.input.by_ref().take(VALUE as u64).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok((!whole.is_empty() && !skipping).then_some(whole));
            }
            if whole.len() + line.len() > VALUE {
                (skipping, whole, place) = (true, String::new(), Quotes::default());
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            let quoted = place.open();
            // a new key ends whatever was never ended
            if (skipping || !whole.is_empty()) && !quoted && text.starts_with("[HKEY_") {
                self.too_long += u64::from(skipping);
                return Ok(Some(text.to_owned()));
            }
            if skipping {
                continue;
            }
            let goes_on = !quoted && text.ends_with('\\') && !text.starts_with('[') && !open_quote(text);
            let part = if goes_on { text.trim_end_matches('\\').trim() } else { text };
            let part = if whole.is_empty() || quoted { part } else { part.trim_start() };
            whole.push_str(part);
            place.read(part);
            if goes_on {
                continue;
            }
            if place.open() {
                whole.push('\n');
                place.read("\n");
                continue;
            }
            return Ok(Some(whole));
        }
    }
}

/// True if the text of a value's name or of a value has begun in this line and not ended.
fn open_quote(line: &str) -> bool {
    let mut quotes = Quotes::default();
    quotes.read(line);
    quotes.open()
}

/// Place within a value, which is read piece by piece: a value of many lines is looked at once.
#[derive(Default)]
enum Quotes {
    #[default]
    Begin,
    /// Within the quotes of the name, or behind a backslash there.
    Name(bool),
    /// Behind the name, or behind the `@` that stands for it; true behind the sign of equality as well.
    Named(bool),
    /// Within the quotes of a text, or behind a backslash there.
    Text(bool),
    /// Nothing that is still to come opens or ends a quote that counts.
    Over,
}

impl Quotes {
    fn read(&mut self, text: &str) {
        for character in text.chars() {
            *self = match (&self, character) {
                (Self::Begin, '@') | (Self::Name(false), '"') => Self::Named(false),
                (Self::Name(false), '\\') => Self::Name(true),
                (Self::Begin, '"') | (Self::Name(_), _) => Self::Name(false),
                (Self::Named(false), '=') => Self::Named(true),
                (Self::Text(false), '"') => return *self = Self::Over,
                (Self::Text(false), '\\') => Self::Text(true),
                (Self::Named(true), '"') | (Self::Text(_), _) => Self::Text(false),
                (Self::Begin | Self::Named(_) | Self::Over, _) => return *self = Self::Over,
            };
        }
    }

    fn open(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Text(_))
    }
}

/// Reads text up to the quote that ends it: the text, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut read = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((read, &text[at + 1..])),
            '\\' => read.push(characters.next()?.1),
            other => read.push(other),
        }
    }
    None
}

/// Place that a key of the file is.
enum At {
    /// Number of a key in the state.
    Key(usize),
    /// Number of a service in the state.
    Service(usize),
    /// A certificate of the store of this name.
    Certificate(&'static str),
    Elsewhere,
}

struct Export {
    state: State,
    /// Text in values of bytes is UTF-16, as version 5 writes it.
    wide: bool,
    at: At,
    kept: usize,
    malformed: u64,
    keys: u64,
    other_sets: u64,
}

impl Default for Export {
    fn default() -> Self {
        let state = State { schema: SCHEMA.to_owned(), ..State::default() };
        Self { state, wide: true, at: At::Elsewhere, kept: 0, malformed: 0, keys: 0, other_sets: 0 }
    }
}

impl Export {
    fn line(&mut self, line: &str) -> Result<(), ReadError> {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            return Ok(());
        }
        if line.starts_with("[-") || line.ends_with("=-") && line.starts_with(['"', '@']) {
            let why = "it deletes keys or values: it was written to be imported and shows no machine's state";
            return Err(ReadError::Contents(why.to_owned()));
        }
        if let Some(path) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            self.keys += 1;
            self.at = self.place(path);
            return Ok(());
        }
        match value(line, self.wide) {
            Some((name, data)) => self.value(name, data),
            None => self.malformed += 1,
        }
        Ok(())
    }

    /// Finds what a key is to us, and enters it.
    fn place(&mut self, path: &str) -> At {
        let Some(path) = short(path) else { return At::Elsewhere };
        let set = r"HKLM\SYSTEM\ControlSet0";
        if path.get(..set.len()).is_some_and(|start| start.eq_ignore_ascii_case(set)) {
            self.other_sets += 1;
        }
        let store = |store: &&str| path.eq_ignore_ascii_case(store);
        if [STORE_MY, STORE_REMOTE_DESKTOP].iter().any(store) {
            return At::Elsewhere;
        }
        if let Some(key) = KEYS.iter().find(|key| key.eq_ignore_ascii_case(&path)) {
            let key = RegistryKey { path: (*key).to_owned(), exists: true, values: BTreeMap::new() };
            return At::Key(self.entered(key));
        }
        let service = path
            .get(SERVICES_AT.len()..)
            .filter(|_| path.get(..SERVICES_AT.len()).is_some_and(|start| start.eq_ignore_ascii_case(SERVICES_AT)));
        if let Some(name) = service.and_then(|name| SERVICES.iter().find(|known| known.eq_ignore_ascii_case(name))) {
            let (name, exists) = ((*name).to_owned(), true);
            self.state.services.push(Service { name, exists, start: None, running: None, image: None, account: None });
            return At::Service(self.state.services.len() - 1);
        }
        let Some((parent, _)) = path.rsplit_once('\\') else { return At::Elsewhere };
        let stores = [(STORE_MY, "My"), (STORE_REMOTE_DESKTOP, "Remote Desktop")];
        let roots = STORES_ROOT.iter().map(|store| (*store, ROOT));
        let found = stores.into_iter().chain(roots).find(|(store, _)| store.eq_ignore_ascii_case(parent));
        found.map_or(At::Elsewhere, |(_, store)| At::Certificate(store))
    }

    fn entered(&mut self, key: RegistryKey) -> usize {
        let known = self.state.registry.iter().position(|known| known.path == key.path);
        known.unwrap_or_else(|| {
            self.state.registry.push(key);
            self.state.registry.len() - 1
        })
    }

    fn value(&mut self, name: String, data: RegistryData) {
        match self.at {
            At::Key(number) => {
                let Some(key) = self.state.registry.get_mut(number) else { return };
                if takes(&key.path, &name) && self.kept < VALUES {
                    self.kept += 1;
                    key.values.insert(name, data);
                }
            }
            At::Service(number) => {
                let Some(service) = self.state.services.get_mut(number) else { return };
                match (name.to_ascii_lowercase().as_str(), data) {
                    ("start", RegistryData::Dword(start)) => service.start = Some(start),
                    ("imagepath", RegistryData::Text(text)) => service.image = Some(text),
                    ("objectname", RegistryData::Text(text)) => service.account = Some(text),
                    _ => {}
                }
            }
            At::Certificate(store) if name.eq_ignore_ascii_case("Blob") => {
                let RegistryData::Binary(data) = data else { return };
                let certificate = wire::hex::decode(&data).and_then(|bytes| blob::certificate(store, &bytes));
                self.state.certificates.extend(certificate);
            }
            At::Certificate(_) | At::Elsewhere => {}
        }
    }

    fn state(mut self, what: &str) -> Result<State, ReadError> {
        let State { registry, services, certificates, .. } = &self.state;
        if registry.is_empty() && services.is_empty() && certificates.is_empty() {
            let sets = if self.other_sets > 0 {
                ": it holds a numbered control set; export HKLM\\SYSTEM\\CurrentControlSet instead"
            } else {
                ""
            };
            let why = format!("none of its {} keys matters for Remote Desktop{sets}", self.keys);
            return Err(ReadError::Contents(why));
        }
        if !registry.is_empty() && registry.iter().all(|key| key.path.starts_with("HKCU")) && services.is_empty() {
            self.state.part = Part::Client;
        }
        let name = self.state.registry.iter().find(|key| key.path == COMPUTER_NAME);
        let name = name.and_then(|key| key.values.iter().find(|(name, _)| name.eq_ignore_ascii_case("ComputerName")));
        self.state.computer = name.and_then(|(_, data)| match data {
            RegistryData::Text(text) => Some(text.clone()),
            _ => None,
        });
        let mut notes = Vec::new();
        if self.malformed > 0 {
            notes.push(format!("{} of its lines are no values that can be read", self.malformed));
        }
        if self.kept >= VALUES {
            notes.push(format!("more than {VALUES} values: the others were left out"));
        }
        let notes = notes.into_iter().map(|why| Unread { what: what.to_owned(), why });
        self.state.unread.extend(notes);
        Ok(self.state)
    }
}

/// Shortens the name of the root; `None` for a root that has nothing for us.
fn short(path: &str) -> Option<String> {
    let (root, rest) = path.split_once('\\')?;
    let root = match root.to_ascii_uppercase().as_str() {
        "HKEY_LOCAL_MACHINE" => "HKLM",
        "HKEY_CURRENT_USER" => "HKCU",
        _ => return None,
    };
    Some(format!("{root}\\{rest}"))
}

/// Reads a line with a value: its name (empty for the default one) and contents.
fn value(line: &str, wide: bool) -> Option<(String, RegistryData)> {
    let (name, rest) = if let Some(rest) = line.strip_prefix('@') {
        (String::new(), rest)
    } else {
        unquoted(line.strip_prefix('"')?)?
    };
    let written = rest.strip_prefix('=')?;
    let written = written.trim();
    if let Some(text) = written.strip_prefix('"') {
        return Some((name, RegistryData::Text(unquoted(text)?.0)));
    }
    if let Some(number) = written.strip_prefix("dword:") {
        return Some((name, RegistryData::Dword(u32::from_str_radix(number.trim(), 16).ok()?)));
    }
    let (kind, bytes) = written.strip_prefix("hex")?.split_once(':')?;
    let kind = kind.trim_start_matches('(').trim_end_matches(')');
    let kind = if kind.is_empty() { 3 } else { u32::from_str_radix(kind, 16).ok()? };
    let bytes = bytes.split(',').map(str::trim).filter(|byte| !byte.is_empty());
    let bytes: Vec<u8> = bytes.map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>().ok()?;
    let text = || {
        if wide {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        } else {
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let data = match kind {
        1 | 2 => RegistryData::Text(text().split('\0').next().unwrap_or_default().to_owned()),
        4 => RegistryData::Dword(u32::from_le_bytes(bytes.try_into().ok()?)),
        7 => RegistryData::Texts(text().split('\0').filter(|text| !text.is_empty()).map(str::to_owned).collect()),
        0xB => RegistryData::Qword(u64::from_le_bytes(bytes.try_into().ok()?)),
        _ => RegistryData::Binary(wire::hex::encode(&bytes)),
    };
    Some((name, data))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use evidence::state::{LISTENER, TERMINAL_SERVER, WINDOWS};

    use super::*;

    fn parsed(bytes: &[u8]) -> Result<State, String> {
        assert!(recognises(&bytes[..bytes.len().min(4096)]));
        let mut pieces = read(&mut Cursor::new(bytes), "a.reg").map_err(|error| error.to_string())?;
        let Piece::State(state) = pieces.remove(0) else { panic!() };
        Ok(*state)
    }

    fn wide(text: &str) -> Vec<u8> {
        format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    const BODY: &str = "\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server]\r\n\
        \"fDenyTSConnections\"=dword:00000001\r\n; a remark\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp]\r\n\
        \"PortNumber\"=dword:00000d3d\r\n\"SSLCertificateSHA1Hash\"=hex:01,02,\\\r\n  03,04\r\n\
        \"With \\\"quotes\\\" and \\\\\"=\"C:\\\\x\r\nsecond line\"\r\n@=\"x\"\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\TermService]\r\n\"Start\"=dword:00000004\r\n\
        \"ImagePath\"=hex(2):25,00,53,00,\\\r\n  00,00\r\n\r\n[HKEY_CLASSES_ROOT\\x]\r\n\"y\"=\"z\"\r\n";

    #[test]
    fn version_5_with_all_that_it_writes() {
        let state = parsed(&wide(&format!("{VERSION_5}.00{BODY}"))).unwrap();
        let key = |path: &str| state.registry.iter().find(|key| key.path == path).unwrap();
        assert_eq!(key(TERMINAL_SERVER).values["fDenyTSConnections"], RegistryData::Dword(1));
        let listener = &key(LISTENER).values;
        assert_eq!(listener["PortNumber"], RegistryData::Dword(3389));
        assert_eq!(listener["SSLCertificateSHA1Hash"], RegistryData::Binary("01020304".to_owned()));
        assert_eq!(listener["With \"quotes\" and \\"], RegistryData::Text("C:\\x\nsecond line".to_owned()));
        let [service] = &state.services[..] else { panic!("{:?}", state.services) };
        assert_eq!(
            (service.name.as_str(), service.start, service.image.as_deref()),
            ("TermService", Some(4), Some("%S"))
        );
        // nothing that was not exported is absent
        assert!(state.registry.iter().all(|key| key.exists) && state.registry.len() == 2 && state.unread.is_empty());
    }

    #[test]
    fn version_4_in_a_code_page() {
        let key = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
        let text = format!("REGEDIT4\r\n\r\n[{key}]\r\n\"SystemRoot\"=hex(2):43,3a,\\\r\n  5c,00\r\n\"Owner\"=\"B");
        let bytes = [text.as_bytes(), b"\xFCro\"\r\n\"B\"=hex(7):61,00,62,00,00\r\n"].concat();
        let state = parsed(&bytes).unwrap();
        let values = &state.registry.iter().find(|key| key.path == WINDOWS).unwrap().values;
        assert_eq!(values["SystemRoot"], RegistryData::Text("C:\\".to_owned()));
        assert_eq!(values["B"], RegistryData::Texts(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn what_is_no_state_is_refused_in_words() {
        let refused = |body: &str| parsed(format!("{VERSION_5}.00\r\n\r\n{body}").as_bytes()).unwrap_err();
        let server = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server]\r\n";
        assert!(refused(&format!("{server}\"fDenyTSConnections\"=-\r\n")).starts_with("it deletes"));
        assert!(refused("[-HKEY_LOCAL_MACHINE\\SOFTWARE\\x]\r\n").starts_with("it deletes"));
        assert!(refused("[HKEY_LOCAL_MACHINE\\SOFTWARE\\x]\r\n\"a\"=\"b\"\r\n").starts_with("none of its 1 keys"));
        let set = server.replace("CurrentControlSet", "ControlSet001");
        assert!(refused(&set).contains("numbered control set"));
    }

    #[test]
    fn damaged_lines_are_counted_and_the_rest_is_read() {
        let body = BODY.replace("dword:00000d3d", "dword:xyz").replace("second line\"", "second line");
        let state = parsed(format!("{VERSION_5}.00{body}").as_bytes()).unwrap();
        assert!(!state.registry[1].values.contains_key("PortNumber"));
        assert!(state.unread[0].why.contains("no values that can be read"), "{:?}", state.unread);
    }

    proptest::proptest! {
        #[test]
        fn damage_is_no_panic(at in 40_usize..900, value: u8, cut in 0_usize..1200) {
            let mut bytes = format!("{VERSION_5}.00{BODY}").into_bytes();
            let at = at.min(bytes.len() - 1);
            bytes[at] = value;
            let _ = read(&mut Cursor::new(&bytes[..cut.min(bytes.len())]), "a.reg");
        }
    }
}
