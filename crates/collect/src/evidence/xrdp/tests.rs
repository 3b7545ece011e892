use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

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

#[test]
fn what_stands_twice_is_not_guessed() {
    let root = Root::new("twice");
    root.write("etc/xrdp/xrdp.ini", "[Globals]\n; xrdp\nport=3389\nport=3390\n", 0o644);
    let state = root.read();
    assert_eq!(state.xrdp[0].port, None);
    assert!(state.unread.iter().any(|unread| unread.what == "port of xrdp.ini"), "{:?}", state.unread);
}

#[test]
fn only_its_own_file_is_recognised() {
    assert!(recognises(INI.as_bytes()));
    for other in ["[Globals]\nport=3389\n", "; xrdp\nport=3389\n", "[global]\nworkgroup=xrdp\nport=1\n"] {
        assert!(!recognises(other.as_bytes()), "{other}");
    }
}
