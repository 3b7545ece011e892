//! Signed files, judged by openssl and by our own reader; keys as openssl writes them.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use evidence::rdp_file::{RdpFile, RdpFileRecord, RdpSignature};
use repair::publisher::{Publisher, PublisherError};
use repair::sign::{Place, SignError, sign, signed};
use time::OffsetDateTime;

const FILE: &str = "screen mode id:i:2\r\nfull address:s:server.corp.example\r\nserver port:i:3389\r\nusername:s:Jörg\r\n\
    gatewayhostname:s:gw.corp.example\r\nenablerdsaadauth:i:0\r\n";
const PASSWORD: &str = "correct horse";

/// Folder with a publisher, removed at its end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    fn new(name: &str, options: &[&str]) -> Self {
        let scratch = Self(std::env::temp_dir().join(format!("rdpdoctor-sign-{}-{name}", std::process::id())));
        std::fs::create_dir_all(&scratch.0).unwrap();
        let request = ["req", "-x509", "-nodes", "-subj", "/CN=Corp Publisher", "-keyout", "key", "-out", "cert"];
        scratch.openssl(&[&request, options].concat());
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let output = Command::new("openssl").args(arguments).current_dir(&self.0).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    fn publisher(&self) -> Publisher {
        Publisher::from_pem(&self.bytes("cert"), &self.bytes("key"), None).unwrap()
    }
}

const RSA: &[&str] = &["-newkey", "rsa:2048", "-days", "30"];

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Envelope and content of a signed file, each found anew from its text.
fn parts(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    use std::fmt::Write as _;
    let units: Vec<u16> = bytes[2..].chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16(&units).unwrap();
    let line =
        |name: &str| text.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
    let mut content = String::new();
    let scope = line("signscope").unwrap();
    for name in scope.strip_prefix("signscope:s:").unwrap().split(',') {
        write!(content, "{}\r\n", line(name).unwrap()).unwrap();
    }
    write!(content, "{scope}\r\n\0").unwrap();
    (line("signature").unwrap().replace("signature:s:", "").replace(' ', "").into_bytes(), wide(&content))
}

/// True if openssl takes the signature of a signed file.
fn openssl_verifies(scratch: &Scratch, bytes: &[u8]) -> bool {
    let (base64, content) = parts(bytes);
    std::fs::write(scratch.path("content"), content).unwrap();
    std::fs::write(scratch.path("base64"), base64).unwrap();
    scratch.openssl(&["base64", "-d", "-A", "-in", "base64", "-out", "blob"]);
    std::fs::write(scratch.path("der"), &scratch.bytes("blob")[12..]).unwrap();
    let verify =
        ["cms", "-verify", "-binary", "-inform", "DER", "-in", "der", "-content", "content", "-CAfile", "cert"];
    let arguments = [&verify[..], &["-purpose", "any", "-out", "/dev/null"]].concat();
    Command::new("openssl").args(arguments).current_dir(&scratch.0).output().unwrap().status.success()
}

#[test]
fn openssl_takes_what_we_sign_until_one_byte_of_it_changes() {
    let scratch = Scratch::new("verify", RSA);
    let publisher = scratch.publisher();
    publisher.check(OffsetDateTime::now_utc()).unwrap();
    for file in [FILE.as_bytes().to_vec(), [&[0xFF, 0xFE], wide(FILE).as_slice()].concat()] {
        let (bytes, signer) = signed(&publisher, &file).unwrap();
        assert_eq!(signer.subject, "CN=Corp Publisher");
        assert_eq!(signer.scope, ["full address", "alternate full address", "server port", "gatewayhostname"]);
        assert_eq!(signer.outside, ["enablerdsaadauth"]);
        assert!(openssl_verifies(&scratch, &bytes));
        // every byte of the signed lines
        let from = bytes.windows(8).position(|window| window == wide("full")).unwrap();
        for at in from..from + wide("full address:s:server.corp.example").len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let record = RdpFile::parse(&changed).map(|file| RdpFileRecord::of("", &file).signature);
            assert!(!matches!(record, Ok(RdpSignature::Valid(_))), "byte {at}");
        }
        let mut changed = bytes;
        let at = changed.windows(12).position(|window| window == wide("server")).unwrap();
        changed[at] ^= 2;
        assert!(!openssl_verifies(&scratch, &changed));
    }
}

/// Whoever made a key says how much work it takes to open, and may mean harm.
#[test]
fn a_key_that_takes_too_much_work_is_refused_at_once() {
    let scratch = Scratch::new("effort", RSA);
    let password = format!("pass:{PASSWORD}");
    let locked = ["pkcs8", "-topk8", "-in", "key", "-passout", &password];
    scratch.openssl(&[&locked[..], &["-outform", "DER", "-iter", "65537", "-out", "der"]].concat());
    let mut der = scratch.bytes("der");
    let rounds = der.windows(5).position(|five| five == [2, 3, 1, 0, 1]).unwrap();
    der[rounds + 2..rounds + 5].copy_from_slice(&[0x7F, 0xFF, 0xFF]);
    std::fs::write(scratch.0.join("der"), der).unwrap();
    scratch.openssl(&["base64", "-in", "der", "-out", "base64"]);
    let text = String::from_utf8(scratch.bytes("base64")).unwrap();
    let pem = format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}-----END ENCRYPTED PRIVATE KEY-----\n");
    let read = |key: &[u8]| Publisher::from_pem(&scratch.bytes("cert"), key, Some(PASSWORD)).err();
    assert_eq!(read(pem.as_bytes()), Some(PublisherError::Effort));
    // scrypt as openssl uses it is opened
    scratch.openssl(&[&locked[..], &["-scrypt", "-out", "scrypt"]].concat());
    assert_eq!(read(&scratch.bytes("scrypt")), None);
}

#[test]
fn keys_are_read_as_openssl_writes_them() {
    let scratch = Scratch::new("keys", RSA);
    let password = format!("pass:{PASSWORD}");
    scratch.openssl(&["rsa", "-in", "key", "-traditional", "-out", "traditional"]);
    scratch.openssl(&["pkcs8", "-topk8", "-in", "key", "-out", "locked", "-passout", &password]);
    scratch.openssl(&["rsa", "-in", "key", "-traditional", "-aes128", "-out", "old", "-passout", &password]);
    let read = |key: &str, password| Publisher::from_pem(&scratch.bytes("cert"), &scratch.bytes(key), password);
    assert!(read("traditional", None).is_ok() && read("locked", Some(PASSWORD)).is_ok());
    assert_eq!(read("locked", None).err(), Some(PublisherError::Password));
    assert_eq!(read("locked", Some("wrong")).err(), Some(PublisherError::Locked));
    assert_eq!(read("old", Some(PASSWORD)).err(), Some(PublisherError::OldEncryption));
    assert_eq!(read("cert", None).err(), Some(PublisherError::NoKey));
    assert_eq!(Publisher::from_pem(b"", &scratch.bytes("key"), None).err(), Some(PublisherError::NoCertificate));
    let export = ["pkcs12", "-export", "-inkey", "key", "-in", "cert", "-passout", &password];
    // AES as OpenSSL 3 and Windows 10 write it, and the 3DES of older exports
    let old = ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    for options in [&[] as &[&str], &old] {
        scratch.openssl(&[&export[..], &["-out", "pfx"], options].concat());
        let bytes = scratch.bytes("pfx");
        assert!(repair::publisher::is_pfx(&bytes));
        let publisher = Publisher::from_pfx(&bytes, PASSWORD).unwrap();
        assert!(openssl_verifies(&scratch, &signed(&publisher, FILE.as_bytes()).unwrap().0));
        assert_eq!(Publisher::from_pfx(&bytes, "wrong").err(), Some(PublisherError::Locked));
        assert_eq!(Publisher::from_pfx(&bytes[..bytes.len() / 2], PASSWORD).err(), Some(PublisherError::Locked));
    }
}

#[test]
fn a_publisher_whom_no_client_would_accept_does_not_sign() {
    let scratch = Scratch::new("unfit", &[RSA, &["-addext", "extendedKeyUsage=clientAuth"]].concat());
    assert_eq!(scratch.publisher().check(OffsetDateTime::now_utc()), Err(PublisherError::Usage));
    let fit = Scratch::new("fit", &[RSA, &["-addext", "extendedKeyUsage=codeSigning"]].concat());
    let publisher = fit.publisher();
    assert_eq!(publisher.check(OffsetDateTime::now_utc()), Ok(()));
    let later = OffsetDateTime::now_utc() + time::Duration::days(31);
    assert!(matches!(publisher.check(later), Err(PublisherError::Dates(..))));
    let other = Publisher::from_pem(&scratch.bytes("cert"), &fit.bytes("key"), None);
    assert_eq!(other.err(), Some(PublisherError::OtherKey));
    let curve = Scratch::new("curve", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let elliptic = Publisher::from_pem(&curve.bytes("cert"), &curve.bytes("key"), None);
    assert_eq!(elliptic.err(), Some(PublisherError::Kind));
}

fn text(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn the_old_file_is_kept_and_nothing_is_written_over() {
    let scratch = Scratch::new("places", RSA);
    let publisher = scratch.publisher();
    let path = scratch.path("server.rdp");
    std::fs::write(&path, FILE).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let nothing = sign(&publisher, &path, Place::Nowhere).unwrap();
    assert_eq!((nothing.path, nothing.kept, text(&path)), (None, None, FILE.as_bytes().to_vec()));
    let done = sign(&publisher, &path, Place::Here).unwrap();
    assert_eq!((done.kept.as_deref(), done.had_one), (Some(scratch.path("server.rdp.bak").as_path()), false));
    assert_eq!(text(&scratch.path("server.rdp.bak")), FILE.as_bytes());
    #[cfg(unix)]
    for name in ["server.rdp", "server.rdp.bak"] {
        let rights = std::fs::metadata(scratch.path(name)).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&rights) & 0o777, 0o600, "{name}");
    }
    let first = text(&path);
    // a new signature in place of the old one: the copy stays that of the unsigned file
    let again = sign(&publisher, &path, Place::Here).unwrap();
    assert_eq!((again.had_one, again.was_broken, again.kept), (true, false, None));
    assert_eq!((text(&scratch.path("server.rdp.bak")), text(&path)), (FILE.as_bytes().to_vec(), first.clone()));
    // another file by that name, unsigned: its copy has no place
    std::fs::write(&path, FILE.replace("server", "other")).unwrap();
    assert!(matches!(sign(&publisher, &path, Place::Here), Err(SignError::Kept(_))));
    assert_eq!(text(&path), FILE.replace("server", "other").as_bytes());
    std::fs::write(&path, &first).unwrap();
    let elsewhere = scratch.path("other.rdp");
    let again = sign(&publisher, &path, Place::At(&elsewhere)).unwrap();
    assert!(again.had_one);
    // RSA with PKCS #1 v1.5 makes the same signature of the same text
    assert_eq!((text(&elsewhere), text(&path)), (first.clone(), first));
    assert!(matches!(sign(&publisher, &path, Place::At(&elsewhere)), Err(SignError::Taken(_))));
}
