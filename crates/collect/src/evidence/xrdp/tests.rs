use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use evidence::state::Contents;

use super::*;

/// Root of a machine with an xrdp in it, removed with this value.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("rdpdoctor-xrdp-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("etc/xrdp")).unwrap();
        fs::create_dir_all(root.join("etc/ssl")).unwrap();
        fs::create_dir_all(root.join("etc/init.d")).unwrap();
        let root = Self(root);
        root.write("etc/hostname", "server01\n", 0o644);
        root.write("etc/passwd", "root:x:0:0::/:/bin/sh\nxrdp:x:64102:64105::/:/bin/false\n", 0o644);
        root.write("etc/group", &format!("root:x:0:\nkeys:x:{}:\nxrdp:x:64105:\n", root.group()), 0o644);
        root.write("etc/init.d/xrdp", "start-stop-daemon --start \\\n  --chuid xrdp:xrdp \\\n", 0o755);
        root.write("etc/xrdp/xrdp.ini", INI, 0o644);
        root
    }

    /// Group of the files that the test makes.
    fn group(&self) -> u32 {
        fs::metadata(&self.0).unwrap().gid()
    }

    fn write(&self, path: &str, text: &str, mode: u32) {
        fs::write(self.0.join(path), text).unwrap();
        fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Makes a pair of certificate and key, with these modes.
    fn pair(&self, certificate: u32, key: u32) {
        let made = rcgen::generate_simple_self_signed(["server01".to_owned()]).unwrap();
        self.write("etc/ssl/cert.pem", &made.cert.pem(), certificate);
        self.write("etc/ssl/key.pem", &made.signing_key.serialize_pem(), key);
    }

    fn read(&self) -> State {
        let gathered = crate::evidence::gather(std::slice::from_ref(&self.0));
        let mut states = gathered.pieces.into_iter().filter_map(|(_, kind, piece)| match piece {
            Piece::State(state) if kind == Kind::XrdpSettings => Some(*state),
            _ => None,
        });
        states.next().unwrap_or_else(|| panic!("{:?}", gathered.unread))
    }

    fn xrdp(&self) -> Xrdp {
        self.read().xrdp.remove(0)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const INI: &str = "[Globals]\n; xrdp.ini\nport=3389\nsecurity_layer = tls\ncertificate=/etc/ssl/cert.pem\n\
                   key_file=/etc/ssl/key.pem\n[Xorg]\nport=-1\n";

#[test]
fn settings_files_and_rights() {
    let root = Root::new("sound");
    root.pair(0o644, 0o644);
    let state = root.read();
    assert_eq!(state.computer.as_deref(), Some("server01"));
    let xrdp = &state.xrdp[0];
    let text = |text: &str| Some(text.to_owned());
    assert_eq!((&xrdp.file, &xrdp.port, &xrdp.security_layer), (&XRDP_INI.to_owned(), &text("3389"), &text("tls")));
    assert_eq!((xrdp.user.as_deref(), xrdp.key_matches), (Some("xrdp"), Some(true)));
    assert_eq!((xrdp.key.exists, xrdp.key.readable, xrdp.key.mode), (Some(true), Some(true), Some(0o644)));
    assert!(xrdp.subject.is_some() && xrdp.not_after.is_some());
    let told = format!("{state:?}");
    assert!(!told.contains("PRIVATE"), "{told}");
}

/// OpenSSL was seen to take neither.
#[test]
fn pem_in_a_single_line_is_none() {
    let root = Root::new("line");
    root.pair(0o644, 0o644);
    for name in ["etc/ssl/cert.pem", "etc/ssl/key.pem"] {
        let text = fs::read_to_string(root.0.join(name)).unwrap().replace('\n', "");
        root.write(name, &text, 0o644);
    }
    let xrdp = root.xrdp();
    assert_eq!((xrdp.certificate.contents, xrdp.key.contents), (Some(Contents::Foreign), Some(Contents::Foreign)));
}

/// As xrdp 0.9.21 was seen to take them: what does not begin with `/` is none, and the usual file is taken.
#[test]
fn paths_that_it_does_not_take() {
    let root = Root::new("meant");
    root.pair(0o644, 0o644);
    fs::copy(root.0.join("etc/ssl/key.pem"), root.0.join("etc/xrdp/k.pem")).unwrap();
    let with = |from: &str, to: &str| {
        root.write("etc/xrdp/xrdp.ini", &INI.replace(from, to), 0o644);
        root.xrdp()
    };
    let certificate = Some("/etc/ssl/cert.pem");
    for (to, instead_of) in
        [("\"/etc/ssl/cert.pem\"", "\"/etc/ssl/cert.pem\""), ("'/etc/ssl/cert.pem' ; x", "'/etc/ssl/cert.pem'")]
    {
        let xrdp = with("/etc/ssl/cert.pem", to);
        assert_eq!(
            (xrdp.certificate.path.as_str(), xrdp.certificate.instead_of.as_deref()),
            ("/etc/xrdp/cert.pem", Some(instead_of))
        );
        assert_eq!((xrdp.fitting_certificate.as_deref(), xrdp.fitting_key), (certificate, None));
    }
    let xrdp = with("/etc/ssl/key.pem", "./k.pem");
    assert_eq!((xrdp.key.path.as_str(), xrdp.fitting_key.as_deref()), ("/etc/xrdp/key.pem", Some("/etc/xrdp/k.pem")));
    let xrdp = with("certificate=/etc/ssl/cert.pem\n", "");
    assert_eq!((xrdp.certificate.path.as_str(), xrdp.certificate.instead_of), ("", None));
    let xrdp = with(
        "certificate=/etc/ssl/cert.pem\nkey_file=/etc/ssl/key.pem\n",
        "[Security]\ncertificate=/etc/ssl/cert.pem\nkey_file=/etc/ssl/key.pem\n",
    );
    assert_eq!(xrdp.key.instead_of.as_deref(), Some("/etc/ssl/key.pem"));
    assert_eq!(
        (xrdp.fitting_certificate.as_deref(), xrdp.fitting_key.as_deref()),
        (certificate, Some("/etc/ssl/key.pem"))
    );
    assert_eq!(with("port", "port").certificate.instead_of, None);
    // the usual pair is there, and the key is one that somebody has chosen
    let other = rcgen::generate_simple_self_signed(["usual".to_owned()]).unwrap();
    root.write("etc/xrdp/cert.pem", &other.cert.pem(), 0o644);
    root.write("etc/xrdp/key.pem", &other.signing_key.serialize_pem(), 0o644);
    let xrdp = with("/etc/ssl/cert.pem", "~/cert.pem");
    assert_eq!(xrdp.certificate.instead_of.as_deref(), Some("~/cert.pem"));
    assert_eq!((xrdp.fitting_certificate.as_deref(), xrdp.fitting_key), (certificate, None));
}

#[test]
fn a_copy_that_was_put_aside_is_the_last_choice() {
    let root = Root::new("aside");
    root.pair(0o644, 0o644);
    let copy = |to: &str| {
        fs::copy(root.0.join("etc/ssl/key.pem"), root.0.join(to)).unwrap();
    };
    copy("etc/ssl/a.key.sav");
    root.write("etc/xrdp/xrdp.ini", &INI.replace("ssl/key.pem", "ssl/gone.pem"), 0o644);
    fs::rename(root.0.join("etc/ssl/key.pem"), root.0.join("etc/ssl/zz.key")).unwrap();
    assert_eq!(root.xrdp().fitting_key.as_deref(), Some("/etc/ssl/zz.key"));
    fs::rename(root.0.join("etc/ssl/zz.key"), root.0.join("etc/ssl/key.pem")).unwrap();
    copy("etc/ssl/cert.key");
    copy("etc/ssl/b.key");
    assert_eq!(root.xrdp().fitting_key.as_deref(), Some("/etc/ssl/cert.key"), "it is called like the certificate");
    for name in ["key.pem", "cert.key", "b.key"] {
        fs::remove_file(root.0.join("etc/ssl").join(name)).unwrap();
    }
    assert_eq!(root.xrdp().fitting_key.as_deref(), Some("/etc/ssl/a.key.sav"));
}

/// xrdp takes bytes as they are, also in the name of a file.
#[test]
fn bytes_of_another_encoding() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let root = Root::new("bytes");
    root.pair(0o644, 0o644);
    fs::rename(root.0.join("etc/ssl/cert.pem"), root.0.join("etc/ssl").join(OsStr::from_bytes(b"b\xFCro.pem")))
        .unwrap();
    let ini = INI.replace("ssl/cert.pem", "ssl/b@ro.pem").replace("[Globals]", "; B@ro\n[Globals]");
    let bytes: Vec<u8> = ini.bytes().map(|byte| if byte == b'@' { 0xFC } else { byte }).collect();
    fs::write(root.0.join("etc/xrdp/xrdp.ini"), bytes).unwrap();
    let xrdp = root.xrdp();
    assert_eq!((xrdp.certificate.exists, xrdp.key_matches), (Some(true), Some(true)));
    assert_eq!(evidence::printable::printable(&xrdp.certificate.path), "/etc/ssl/b{0xFC}ro.pem");
}

#[test]
fn who_may_write_a_log() {
    let root = Root::new("log");
    fs::create_dir_all(root.0.join("log/own")).unwrap();
    root.write("log/open", "", 0o666);
    root.write("log/shut", "", 0o644);
    let machine = Machine::at(&root.0);
    let account = machine.account("xrdp").unwrap();
    let may = |path: &str| machine.may_write(path, &account);
    assert_eq!(
        (may("/log/open"), may("/log/shut"), may("/log/own/x"), may("/log/own")),
        (Some(true), Some(false), Some(false), Some(false))
    );
    fs::set_permissions(root.0.join("log/own"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!((may("/log/own/x"), may("/gone/x"), may("/log/open/x")), (Some(true), Some(false), None));
    let all = machine.account("root").unwrap();
    assert_eq!((machine.may_write("/log/shut", &all), machine.may_write("/gone/x", &all)), (Some(true), Some(false)));
}

#[test]
fn a_key_that_only_its_group_may_read() {
    let root = Root::new("group");
    root.pair(0o644, 0o640);
    let key = root.xrdp().key;
    // root's own group is none to join
    let group = (root.group() != 0).then(|| "keys".to_owned());
    assert_eq!((key.readable, key.group), (Some(false), group));
    root.pair(0o644, 0o600);
    assert_eq!((root.xrdp().key.readable, root.xrdp().key.group), (Some(false), None));
    // a folder on the way may be shut as well
    root.pair(0o644, 0o644);
    fs::set_permissions(root.0.join("etc/ssl"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(root.xrdp().key.readable, Some(false));
}

#[test]
fn near_misses_of_an_unreadable_key() {
    let root = Root::new("open");
    root.pair(0o644, 0o640);
    root.write("etc/group", &format!("keys:x:{}:other,xrdp\n", root.group()), 0o644);
    assert_eq!(root.xrdp().key.readable, Some(true), "a member");
    root.write("etc/group", "x:x:1:\n", 0o644);
    root.write("etc/init.d/xrdp", "start-stop-daemon --start", 0o755);
    assert_eq!((root.xrdp().user, root.xrdp().key.readable), (None, None), "nobody knows whom it runs as");
    fs::create_dir_all(root.0.join("lib/systemd/system")).unwrap();
    root.write("lib/systemd/system/xrdp.service", "[Service]\nType=forking\n", 0o644);
    assert_eq!((root.xrdp().user.as_deref(), root.xrdp().key.readable), (Some("root"), Some(true)));
    fs::create_dir_all(root.0.join("etc/systemd/system/xrdp.service.d")).unwrap();
    assert_eq!(root.xrdp().user, None, "what is added to the unit may say otherwise");
}

#[test]
fn missing_files_and_links_of_the_mounted_machine() {
    let root = Root::new("links");
    root.pair(0o644, 0o644);
    root.write("etc/xrdp/xrdp.ini", "[Globals]\n; xrdp\nport=3389\ncertificate=\nkey_file=\n", 0o644);
    assert_eq!((root.xrdp().certificate.exists, root.xrdp().key.exists), (Some(false), Some(false)));
    for name in ["cert.pem", "key.pem"] {
        symlink(format!("/etc/ssl/../ssl/{name}"), root.0.join("etc/xrdp").join(name)).unwrap();
    }
    let xrdp = root.xrdp();
    assert_eq!((xrdp.key.place.as_deref(), xrdp.key_matches), (Some("/etc/ssl/key.pem"), Some(true)));
    assert_eq!(xrdp.key.path, "/etc/xrdp/key.pem");
    fs::remove_file(root.0.join("etc/xrdp/key.pem")).unwrap();
    symlink("key.pem", root.0.join("etc/xrdp/key.pem")).unwrap();
    assert_eq!(root.xrdp().key.exists, None, "links in a circle");
}

#[test]
fn a_key_of_another_certificate_and_what_is_no_key() {
    let root = Root::new("mismatch");
    root.pair(0o644, 0o644);
    let certificate = fs::read_to_string(root.0.join("etc/ssl/cert.pem")).unwrap();
    root.pair(0o644, 0o644);
    root.write("etc/ssl/cert.pem", &certificate, 0o644);
    assert_eq!(root.xrdp().key_matches, Some(false));
    root.write(
        "etc/ssl/key.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        0o644,
    );
    assert_eq!(root.xrdp().key_matches, None);
    root.write("etc/ssl/cert.pem", "nothing", 0o644);
    assert_eq!((root.xrdp().subject, root.xrdp().key_matches), (None, None));
}

/// Measured with OpenSSL 3.0: it takes these as they are.
#[test]
fn what_openssl_passes_over_is_no_fault() {
    let root = Root::new("marks");
    root.pair(0o644, 0o644);
    for (name, before) in [("key.pem", "# Proc-Type: 4,ENCRYPTED removed\n"), ("cert.pem", "\u{FEFF}")] {
        let text = fs::read_to_string(root.0.join("etc/ssl").join(name)).unwrap().replace('\n', "\t\n");
        root.write(&format!("etc/ssl/{name}"), &format!("{before}{text}"), 0o644);
    }
    let xrdp = root.xrdp();
    assert_eq!((xrdp.certificate.contents, xrdp.key.contents), (Some(Contents::Sound), Some(Contents::Sound)));
    assert_eq!(xrdp.key_matches, Some(true));
}

#[test]
fn a_unit_that_gives_more_rights_leaves_the_account_open() {
    let root = Root::new("rights");
    root.pair(0o644, 0o640);
    fs::remove_file(root.0.join("etc/init.d/xrdp")).unwrap();
    fs::create_dir_all(root.0.join("lib/systemd/system")).unwrap();
    for (line, user) in [
        ("Group=xrdp", Some("xrdp")),
        ("Group=ssl-cert", None),
        ("SupplementaryGroups=ssl-cert", None),
        ("AmbientCapabilities=CAP_DAC_READ_SEARCH", None),
        ("DynamicUser=yes", None),
        ("User=107", None),
    ] {
        root.write("lib/systemd/system/xrdp.service", &format!("[Service]\nUser=xrdp\n{line}\n"), 0o644);
        assert_eq!(root.xrdp().user.as_deref(), user, "{line}");
    }
}

#[test]
fn of_what_stands_twice_the_last_one_counts() {
    let root = Root::new("twice");
    root.write("etc/xrdp/xrdp.ini", "[Globals]\r\n; xrdp\r\nport=3389\r\nport=3390\r\n", 0o644);
    assert_eq!(root.xrdp().port.as_deref(), Some("3390"));
}

#[test]
fn what_the_files_hold() {
    let root = Root::new("contents");
    root.pair(0o644, 0o644);
    let text = |path: &str| fs::read_to_string(root.0.join(path)).unwrap();
    let (certificate, key) = (text("etc/ssl/cert.pem"), text("etc/ssl/key.pem"));
    let both = || {
        let xrdp = root.xrdp();
        (xrdp.certificate.contents.unwrap(), xrdp.key.contents.unwrap())
    };
    let holding = |certificate: &str, key: &str| {
        root.write("etc/ssl/cert.pem", certificate, 0o644);
        root.write("etc/ssl/key.pem", key, 0o644);
        both()
    };
    let whole = format!("{certificate}{key}");
    assert_eq!(both(), (Contents::Sound, Contents::Sound));
    assert_eq!(holding(&whole, &whole), (Contents::Sound, Contents::Sound), "both in one file");
    assert_eq!(holding("", ""), (Contents::Empty, Contents::Empty));
    assert_eq!(holding(&key, &certificate), (Contents::Counterpart, Contents::Counterpart));
    let half = |text: &str| text[..text.len() / 2].to_owned();
    assert_eq!(holding(&half(&certificate), &half(&key)), (Contents::Foreign, Contents::Foreign));
    assert_eq!(holding("\u{0}1", "0\u{1}"), (Contents::Foreign, Contents::Foreign), "as DER begins");
    let newer = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(holding(&certificate, newer), (Contents::Sound, Contents::Encrypted));
    let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
                 -----END RSA PRIVATE KEY-----\n";
    assert_eq!(holding(&certificate, older).1, Contents::Encrypted);
    // a kind that is not known here may be one to OpenSSL
    let other = "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n";
    root.write("etc/ssl/key.pem", other, 0o644);
    assert_eq!(root.xrdp().key.contents, None);
    for name in ["cert.pem", "key.pem"] {
        fs::remove_file(root.0.join("etc/ssl").join(name)).unwrap();
        fs::create_dir(root.0.join("etc/ssl").join(name)).unwrap();
    }
    assert_eq!(both(), (Contents::Folder, Contents::Folder));
}

#[test]
fn what_it_cannot_do_without() {
    let root = Root::new("lacks");
    let lacks = |text: &str| {
        root.write("etc/xrdp/xrdp.ini", text, 0o644);
        root.xrdp().lacks
    };
    assert_eq!(lacks(""), [NO_GLOBALS, NO_LOG, NO_SESMAN], "an empty file by its name");
    assert_eq!(lacks("[Global]\nport=3389\n[Logging]\nLogFile=xrdp.log\n"), [NO_GLOBALS, NO_SESMAN]);
    root.write("etc/xrdp/sesman.ini", "[Globals]\n", 0o644);
    assert_eq!(lacks("[globals]\n[logging]\nlogfile=\n"), [NO_LOG]);
    let wide: String = "[Globals]\n".chars().flat_map(|letter| [letter, '\0']).collect();
    assert_eq!(lacks(&wide), [NO_GLOBALS, NO_LOG], "UTF-16");
}

#[test]
fn the_account_and_what_it_may_read() {
    let root = Root::new("account");
    root.pair(0o644, 0o600);
    let xrdp = root.xrdp();
    assert_eq!((xrdp.account_exists, xrdp.file_readable, xrdp.key.by_mode_alone), (Some(true), Some(true), true));
    root.write("etc/xrdp/xrdp.ini", INI, 0o600);
    assert_eq!(root.xrdp().file_readable, Some(false));
    // only root becomes another account
    root.write("etc/xrdp/xrdp.ini", &INI.replace("port=3389", "runtime_user=other\nport=3389"), 0o644);
    assert_eq!(root.xrdp().user.as_deref(), Some("xrdp"));
    root.write("etc/init.d/xrdp", "start-stop-daemon --start --chuid root", 0o755);
    let xrdp = root.xrdp();
    assert_eq!((xrdp.user.as_deref(), xrdp.account_exists, xrdp.key.readable), (Some("other"), Some(false), None));
    root.write("etc/init.d/xrdp", "start-stop-daemon --chuid xrdp", 0o755);
    // a folder on the way is more than the mode of the file
    fs::set_permissions(root.0.join("etc/ssl"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!((root.xrdp().key.readable, root.xrdp().key.by_mode_alone), (Some(false), false));
}

#[test]
fn suites_that_are_not_known_here_are_told() {
    for sound in ["HIGH", "HIGH:!aNULL:!MD5", "DEFAULT", "ECDHE+AESGCM:ECDHE", "ALL, @STRENGTH"] {
        assert!(is_usual(sound), "{sound}");
    }
    for doubtful in ["FOO", "eNULL", "HIGH:!HIGH", "HIGH:-AES", "high", "@SECLEVEL=5:HIGH"] {
        assert!(!is_usual(doubtful), "{doubtful}");
    }
    let root = Root::new("suites");
    // a list that names no suite is a finding
    for (list, unread) in [("AES256-GCM-SHA256", true), ("FOO", false), ("HIGH", false)] {
        let ini = INI.replace("port=3389", &format!("tls_ciphers={list}\nport=3389"));
        root.write("etc/xrdp/xrdp.ini", &ini, 0o644);
        let told = root.read().unread.iter().any(|unread| unread.what == "tls_ciphers of xrdp.ini");
        assert_eq!(told, unread, "{list}");
    }
}

#[test]
fn only_its_own_file_is_recognised() {
    let named = |name: &str, head: &[u8]| named(Path::new(name), head).is_some();
    assert!(
        named("/x/xrdp.ini", b"[Globals]\n")
            && named("xrdp.ini", b"")
            && !named("xrdp.ini", b"\x7FELF\x02\0\xFF\xFE\xFD\xFC")
    );
    assert!(!named("xrdp.log", b"[Globals]\n"));
    assert!(recognises(INI.as_bytes()));
    for other in ["[Globals]\nport=3389\n", "; xrdp\nport=3389\n", "[global]\nworkgroup=xrdp\nport=1\n"] {
        assert!(!recognises(other.as_bytes()), "{other}");
    }
}

/// A path that was mistyped leads to nothing, and the file that fits lies beside it.
#[test]
fn a_file_that_fits_lies_beside_those_that_are_set() {
    let root = Root::new("beside");
    root.pair(0o644, 0o644);
    let text = |path: &str| fs::read_to_string(root.0.join(path)).unwrap();
    let (certificate, key) = (text("etc/ssl/cert.pem"), text("etc/ssl/key.pem"));
    let told = || {
        let xrdp = root.xrdp();
        (xrdp.fitting_certificate, xrdp.fitting_key)
    };
    assert_eq!(told(), (None, None));
    fs::remove_file(root.0.join("etc/ssl/key.pem")).unwrap();
    let other = rcgen::generate_simple_self_signed(["server01".to_owned()]).unwrap();
    root.write("etc/ssl/another.pem", &other.signing_key.serialize_pem(), 0o644);
    assert_eq!(told(), (None, None));
    root.write("etc/ssl/old.pem", &key, 0o600);
    // xrdp may not read it
    assert_eq!(told(), (None, None));
    root.write("etc/ssl/old.pem", &key, 0o644);
    assert_eq!(told(), (None, Some("/etc/ssl/old.pem".to_owned())));
    root.write("etc/ssl/key.pem", &other.signing_key.serialize_pem(), 0o644);
    assert_eq!(told(), (None, Some("/etc/ssl/old.pem".to_owned())));
    root.write("etc/ssl/key.pem", &key, 0o644);
    root.write("etc/ssl/renewed.pem", &certificate, 0o644);
    root.write("etc/ssl/cert.pem", &other.cert.pem(), 0o644);
    fs::remove_file(root.0.join("etc/ssl/old.pem")).unwrap();
    fs::remove_file(root.0.join("etc/ssl/another.pem")).unwrap();
    assert_eq!(told(), (Some("/etc/ssl/renewed.pem".to_owned()), None));
}
