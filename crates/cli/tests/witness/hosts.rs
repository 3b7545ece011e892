//! Hosts described at random, and the Python program that is one.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/witness/host.py");

/// The Python that has `cryptography`: the one that the test command prepared, or the machine's.
fn python() -> PathBuf {
    std::env::var_os("RDPDOCTOR_TEST_PYTHON").map_or_else(|| "python3".into(), Into::into)
}

/// True if hosts can be started here; says why not, and fails where skips are forbidden.
pub fn playable() -> bool {
    let found = Command::new(python()).args(["-c", "import cryptography, ssl"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "no Python with cryptography");
    eprintln!("skipped: no Python with cryptography");
    false
}

/// A host as host.py reads it.
#[derive(Debug)]
pub struct Description {
    /// Its JSON.
    pub text: String,
    /// It is asked by its name.
    pub by_name: bool,
}

/// Numbers without a pattern (`SplitMix64`), the same for one seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.next().is_multiple_of(of)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        let place = self.next() % list.len() as u64;
        list[usize::try_from(place).unwrap()]
    }
}

impl Description {
    /// The host of a seed. Half of what may be odd is left out of most, so that hosts are neither all sound nor all
    /// broken.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let mut plan = serde_json::Map::new();
        let (min, max) = chance.pick(&[("1.2", "1.3"), ("1.2", "1.3"), ("1.2", "1.2"), ("1.3", "1.3"), ("1.0", "1.1")]);
        plan.insert("min".to_owned(), json!(min));
        plan.insert("max".to_owned(), json!(max));
        plan.insert("protocols".to_owned(), json!(chance.pick(&[11, 11, 3, 2, 1])));
        let keys = ["rsa", "rsa", "rsa", "p256", "p384", "p521", "ed25519", "broken"];
        plan.insert("key".to_owned(), json!(chance.pick(&keys)));
        if chance.one_in(3) && max == "1.2" {
            let lists = ["AES256-SHA", "ECDHE+AESGCM", "CAMELLIA", "ECDHE+CHACHA20", "DHE+AESGCM", "ECDHE+AES+SHA256"];
            plan.insert("ciphers".to_owned(), json!(chance.pick(&lists)));
        }
        if chance.one_in(6) {
            plan.insert("curve".to_owned(), json!(chance.pick(&["secp384r1", "secp521r1", "prime256v1"])));
        }
        for switch in ["standard", "cookie", "name", "no_13", "no_record_10", "client_certificate", "ultimatum"] {
            if chance.one_in(8) {
                plan.insert(switch.to_owned(), json!(true));
            }
        }
        if chance.one_in(10) {
            let status = chance.pick(&[0x8009_0304_u32, 0xC000_0022, 0xC000_005E]);
            plan.insert("credssp_status".to_owned(), json!(status));
        }
        for switch in ["session_id", "hangs_up"] {
            if chance.one_in(16) {
                plan.insert(switch.to_owned(), json!(true));
            }
        }
        if chance.one_in(12) {
            plan.insert("client_certificate".to_owned(), json!("optional"));
        }
        if chance.one_in(20) {
            plan.insert("mechanism".to_owned(), json!(chance.pick(&["kerberos", "reject", "none"])));
        }
        if chance.one_in(5) {
            let kinds = ["close", "left", "ultimatum", "conference", "encryption"];
            plan.insert("settings".to_owned(), json!(chance.pick(&kinds)));
        }
        if chance.one_in(8) {
            // some of up to five machines that take turns, and not all
            let period = chance.pick(&[2, 2, 3, 4, 5]);
            let which = 1 + chance.next() % ((1 << period) - 2);
            let bad: Vec<_> = (0..period).filter(|place| which >> place & 1 == 1).collect();
            plan.insert("bad".to_owned(), json!(bad));
            plan.insert("period".to_owned(), json!(period));
            plan.insert("bad_at".to_owned(), json!(chance.pick(&["hello", "newest", "request", "accept", "setup"])));
        }
        if chance.one_in(10) {
            // with a time-out of four seconds, the last is later than the first try waits
            let stage = chance.pick(&["x224_delay", "tls_delay", "credssp_delay", "settings_delay"]);
            plan.insert(stage.to_owned(), json!(chance.pick(&[0.3, 1.0, 2.6])));
        }
        plan.insert("refusal".to_owned(), json!(chance.pick(&["rst", "fin", "silent", "40", "70", "80", "112"])));
        Self { text: Value::Object(plan).to_string(), by_name: chance.one_in(2) }
    }

    /// True if a stage answers so late that a busy machine may not wait for it.
    pub fn slow(&self) -> bool {
        self.text.contains("_delay\"")
    }

    /// True if it may refuse a usual hello that is not the client's.
    pub fn is_particular(&self) -> bool {
        let words = ["ciphers", "curve", "no_record_10", "name", "ed25519", "p521"];
        words.iter().any(|word| self.text.contains(&format!("\"{word}\"")))
    }

    /// True if it fails at times.
    pub fn at_times(&self) -> bool {
        self.text.contains("\"bad\"")
    }
}

/// A running host; it ends with this value.
pub struct Host {
    child: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    output: BufReader<ChildStdout>,
}

impl Host {
    /// Starts a host and waits until it listens.
    pub fn start(description: &Description) -> Self {
        let mut command = Command::new(python());
        command.args([PROGRAM, "0", &description.text]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no host: {}", description.text));
        Self { child, port, output }
    }

    /// Ends it; true if a client has named an account to it.
    pub fn authenticated(mut self) -> bool {
        self.child.kill().unwrap();
        (&mut self.output).lines().any(|line| line.is_ok_and(|line| line == "authenticated"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
