//! The real xrdp with one thing wrong in its files, each in turn: never called sound while nobody gets in, repaired
//! where the repair is clear, and taken back to the byte.

use crate::repair::inside;

/// A sound xrdp with a pair of its own, to which every case comes back, and what is done with each.
const WORDS: &str = r#"
usermod -aG ssl-cert xrdp
give other.crt 644 root; give other.key 640 xrdp
ini certificate /etc/xrdp/other.crt; ini key_file /etc/xrdp/other.key
cp -a /etc/xrdp /run/sound; cp -a /etc/passwd /run/passwd
cd /run
stop() {
  /etc/init.d/xrdp stop >/dev/null 2>&1
  for i in $(seq 100); do [ -z "$(ps -o pid= -C xrdp,xrdp-sesman)" ] && break; sleep 0.1; done
}
fresh() { stop; rm -rf /etc/xrdp; cp -a /run/sound /etc/xrdp; cp -a /run/passwd /etc/passwd; rm -f /var/log/xrdp*; }
# until it listens, or has had the time to
begin() { /etc/init.d/xrdp start >/dev/null 2>&1; for i in $(seq 20); do ss -Hltn | grep -q ':3389 ' && break; sleep 0.1; done; }
globals() { sed -i "/^\[Globals\]/,/^\[/{$1}" /etc/xrdp/xrdp.ini; }
state() { before=$(hash); wire wire; "$program" fix >/run/plan 2>&1; echo "plan=$?"; [ "$before" = "$(hash)" ] || echo CHANGED; }
repaired() {
  echo "== $1"; begin; state
  "$program" fix --apply --yes >/run/done 2>&1; echo "apply=$?"
  grep -q Repaired /run/done || cat /run/plan /run/done
  for i in $(seq 50); do ss -Hltn | grep -q ':3389 ' && break; sleep 0.1; done; wire after
  "$program" undo --yes >/dev/null; echo "undo=$?"; "$program" history | tail -1 | grep -o '[a-z-]*: undone'
  [ "$before" = "$(hash)" ]; echo "differs=$?"; fresh
}
told() { echo "== $1"; begin; state; cat /run/plan; fresh; }
"#;

/// Faults that are mended: how it is broken, the fix, and what shows it outside.
const MENDED: &[(&str, &str, &str)] = &[
    ("an empty key", ": > /etc/xrdp/other.key", "make-xrdp-certificate"),
    (
        "a key with a password",
        "openssl rsa -aes256 -passout pass:x -in /etc/xrdp/other.key -out /run/k 2>/dev/null; cat /run/k >/etc/xrdp/other.key",
        "make-xrdp-certificate",
    ),
    (
        "a certificate in DER",
        "openssl x509 -in /etc/xrdp/other.crt -outform der -out /run/c; cat /run/c >/etc/xrdp/other.crt",
        "make-xrdp-certificate",
    ),
    ("a key in halves", "truncate -s 700 /etc/xrdp/other.key", "make-xrdp-certificate"),
    ("a folder for a certificate", "ini certificate /etc/xrdp", "use-fitting-xrdp-file"),
    ("a link to nowhere", "ln -s /nowhere/x /etc/xrdp/l; ini certificate /etc/xrdp/l", "use-fitting-xrdp-file"),
    ("the two exchanged", "ini certificate /etc/xrdp/other.key; ini key_file /etc/xrdp/other.crt", "swap-xrdp-files"),
    (
        "a key of root alone",
        "chown root:root /etc/xrdp/other.key; chmod 600 /etc/xrdp/other.key",
        "share-key-with-xrdp",
    ),
    (
        "a key of a powerful group",
        "chown root:adm /etc/xrdp/other.key; chmod 640 /etc/xrdp/other.key",
        "share-key-with-xrdp",
    ),
    ("quotes around a path", "ini certificate '\"/etc/xrdp/other.crt\"'", "use-fitting-xrdp-file"),
    ("a path from its folder", "ini key_file ./other.key", "use-fitting-xrdp-file"),
    (
        "settings outside of their section",
        "globals '/^certificate=/d;/^key_file=/d'; printf '[Security]\\ncertificate=/etc/xrdp/other.crt\\nkey_file=/etc/xrdp/other.key\\n' >>/etc/xrdp/xrdp.ini",
        "use-fitting-xrdp-file",
    ),
    (
        "bytes of another encoding",
        "ini security_layer rdp; globals 's/^port=.*/&\\nls_title=B\\xfcro/'; printf '# B\\xfcro\\n' >>/etc/xrdp/xrdp.ini",
        "offer-tls-in-xrdp",
    ),
    ("suites that are none", "globals 's/^ssl_protocols=.*/&\\ntls_ciphers=FOO/'", "set-xrdp-ciphers"),
    ("quotes around suites", "globals 's/^ssl_protocols=.*/&\\ntls_ciphers=\"HIGH\"/'", "set-xrdp-ciphers"),
    ("versions that are none", "ini ssl_protocols TLS1.2", "set-xrdp-tls-versions"),
    ("no port", "globals '/^port=/d'", "set-xrdp-port"),
    ("an empty port", "ini port ''", "set-xrdp-port"),
    ("a second line that counts", "globals 's/^security_layer=.*/&\\nsecurity_layer=rdp/'", "offer-tls-in-xrdp"),
];

#[test]
fn what_is_clearly_wrong_is_repaired_and_taken_back() {
    let cases = MENDED.iter().map(|(name, breaking, _)| format!("{breaking}\nrepaired '{name}'\n"));
    let Some(told) = inside(&[WORDS.to_owned(), cases.collect()].concat()) else { return };
    for (name, _, fix) in MENDED {
        let start = told.find(&format!("== {name}\n")).unwrap_or_else(|| panic!("{name}: {told}"));
        let end = told[start + 3..].find("== ").map_or(told.len(), |at| start + 3 + at);
        let case = &told[start..end];
        assert!(!case.contains("CHANGED") && !case.contains("wire=healthy"), "{case}");
        let undone = format!("{fix}: undone");
        for line in ["plan=1", "apply=0", "after=healthy", "undo=0", &undone, "differs=0"] {
            assert!(case.contains(line), "{line:?} is missing: {case}");
        }
    }
}

/// Faults that take a person: how it is broken, what is said of it, and the exit status.
const TOLD: &[(&str, &str, &str, u8)] = &[
    ("no section", "sed -i '/^\\[Globals\\]/d' /etc/xrdp/xrdp.ini", "port-closed", 1),
    ("no log", "sed -i '/^\\[Logging\\]/,/^\\[/{/^LogFile/d}' /etc/xrdp/xrdp.ini", "By hand: service-stopped", 1),
    ("settings that it may not read", "chmod 600 /etc/xrdp/xrdp.ini", "By hand: service-stopped", 1),
    ("an empty file", ": > /etc/xrdp/xrdp.ini", "By hand: service-stopped", 1),
    ("no account", "sed -i '/^xrdp:/d' /etc/passwd", "By hand: service-stopped", 1),
    ("no manager", "rm /etc/xrdp/sesman.ini", "By hand: service-stopped", 1),
    (
        "no such suites",
        "globals 's/^ssl_protocols=.*/&\\ntls_ciphers=AES256-GCM-SHA256/'",
        "sees server-tls-setup-failed",
        1,
    ),
    ("another address", "ini port tcp://192.0.2.55:3389", "By hand: service-stopped", 1),
    ("the port of its manager", "ini port 3350", "By hand: listener-port-taken: xrdp-sesman listens on port 3350", 1),
    (
        "a log in a folder that is not there",
        "sed -i 's#^LogFile=.*#LogFile=/nonexist/x.log#' /etc/xrdp/xrdp.ini",
        "may not write the log",
        1,
    ),
];

#[test]
fn what_takes_a_person_is_told_and_never_called_sound() {
    let cases = TOLD.iter().map(|(name, breaking, ..)| format!("{breaking}\ntold '{name}'\n"));
    let Some(told) = inside(&[WORDS.to_owned(), cases.collect()].concat()) else { return };
    for (name, _, words, status) in TOLD {
        let start = told.find(&format!("== {name}\n")).unwrap_or_else(|| panic!("{name}: {told}"));
        let end = told[start + 3..].find("== ").map_or(told.len(), |at| start + 3 + at);
        let case = &told[start..end];
        assert!(!case.contains("CHANGED") && !case.contains("Nothing to do"), "{case}");
        for line in [words, &*format!("plan={status}")] {
            assert!(case.contains(line), "{line:?} is missing: {case}");
        }
    }
}

/// Another port than the usual one is no fault, and said: who names none goes to the other.
#[test]
fn another_port_is_said() {
    let script = "ini port 3390; begin; for i in $(seq 50); do ss -Hltn | grep -q ':3390 ' && break; sleep 0.1; done
        wire wire 3390; \"$program\" fix; echo \"plan=$?\"; stop";
    let Some(told) = inside(&[WORDS, script].concat()) else { return };
    for line in ["wire=healthy", "a probe of port 3390 gets through", "HOST:3390", "plan=0"] {
        assert!(told.contains(line), "{line:?} is missing: {told}");
    }
}
