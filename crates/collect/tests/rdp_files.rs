//! `.rdp` files that openssl has signed, read and verified.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use collect::evidence::rdp_file;
use evidence::rdp_file::{RdpFileRecord, RdpSignature, Signer};

const SETTINGS: &[&str] =
    &["screen mode id:i:2", "full address:s:server.corp.example", "enablecredsspsupport:i:1", "server port:i:3389"];
const SCOPE: &str = "Full Address,Server Port,EnableCredSspSupport";
const SIGNED: &[&str] = &["full address:s:server.corp.example", "server port:i:3389", "enablecredsspsupport:i:1"];

/// Folder with a key and a certificate, removed at its end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    fn new(name: &str, key: &[&str]) -> Self {
        let scratch = Self(std::env::temp_dir().join(format!("rdpdoctor-rdp-{}-{name}", std::process::id())));
        std::fs::create_dir_all(&scratch.0).unwrap();
        let request =
            ["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=Corp Publisher", "-keyout", "key", "-out", "cert"];
        scratch.openssl(&[&request, key].concat());
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Value of `signature` over these lines.
    fn signature(&self, options: &[&str]) -> String {
        let text = format!("{}\r\nsignscope:s:{SCOPE}\r\n\0", SIGNED.join("\r\n"));
        std::fs::write(self.path("text"), wide(&text)).unwrap();
        let sign = [
            "cms", "-sign", "-binary", "-in", "text", "-signer", "cert", "-inkey", "key", "-outform", "DER", "-out",
            "der",
        ];
        self.openssl(&[&sign, options].concat());
        let der = std::fs::read(self.path("der")).unwrap();
        let length = u32::try_from(der.len()).unwrap().to_le_bytes();
        std::fs::write(self.path("blob"), [&[1, 0, 1, 0, 1, 0, 0, 0], length.as_slice(), &der].concat()).unwrap();
        self.openssl(&["base64", "-in", "blob", "-out", "base64"]);
        // rdpsign puts two spaces where a line of Base64 would end
        std::fs::read_to_string(self.path("base64")).unwrap().replace('\n', "  ")
    }

    fn read(&self, lines: &[&str], signature: &str) -> RdpFileRecord {
        let signed = [format!("signscope:s:{SCOPE}"), format!("signature:s:{signature}")];
        let text: String =
            lines.iter().map(|line| (*line).to_owned()).chain(signed).map(|line| line + "\r\n").collect();
        let path = self.path("server.rdp");
        std::fs::write(&path, [&[0xFF, 0xFE], wide(&text).as_slice()].concat()).unwrap();
        rdp_file(&path).unwrap()
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[track_caller]
fn valid(record: &RdpFileRecord) -> &Signer {
    match &record.signature {
        RdpSignature::Valid(signer) => signer,
        other => panic!("{other:?}"),
    }
}

fn replaced(from: &str, to: &'static str) -> Vec<&'static str> {
    assert!(SETTINGS.contains(&from));
    SETTINGS.iter().map(|line| if *line == from { to } else { *line }).collect()
}

const RSA: &[&str] = &["-newkey", "rsa:2048"];

#[test]
fn what_openssl_signed_verifies_whatever_the_key_and_the_form() {
    let p256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let p384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    for (name, key) in [("rsa", RSA), ("p256", p256), ("p384", p384)] {
        let scratch = Scratch::new(name, key);
        for options in [&["-noattr", "-md", "sha256"] as &[&str], &["-md", "sha384"], &["-md", "sha256", "-keyid"]] {
            let record = scratch.read(SETTINGS, &scratch.signature(options));
            let signer = valid(&record);
            assert_eq!((signer.subject.as_str(), signer.issuer.as_str()), ("CN=Corp Publisher", "CN=Corp Publisher"));
            assert_eq!(signer.scope, ["full address", "server port", "enablecredsspsupport"]);
            assert!(signer.outside.is_empty() && signer.contradicted.is_empty(), "{signer:?}");
        }
    }
}

#[test]
fn one_changed_byte_of_a_signed_setting_breaks_it() {
    let scratch = Scratch::new("changed", RSA);
    for options in [&["-noattr"] as &[&str], &[]] {
        let signature = scratch.signature(options);
        let changed = replaced("full address:s:server.corp.example", "full address:s:server.corq.example");
        let broken = RdpSignature::Broken { missing: vec![] };
        assert_eq!(scratch.read(&changed, &signature).signature, broken);
        let record = scratch.read(&SETTINGS[..3], &signature);
        assert_eq!(record.signature, RdpSignature::Broken { missing: vec!["server port".to_owned()] });
    }
}

#[test]
fn a_changed_setting_that_is_not_signed_changes_nothing() {
    let scratch = Scratch::new("unsigned", RSA);
    let signature = scratch.signature(&["-noattr"]);
    let mut changed = replaced("screen mode id:i:2", "screen mode id:i:1");
    valid(&scratch.read(&changed, &signature));
    changed.push("gatewayhostname:s:gateway.corp.example");
    assert_eq!(valid(&scratch.read(&changed, &signature)).outside, ["gatewayhostname"]);
}

#[test]
fn a_second_line_that_contradicts_a_signed_one_is_noticed_on_either_side() {
    let scratch = Scratch::new("second", RSA);
    let signature = scratch.signature(&["-noattr"]);
    let other = "full address:s:other.example";
    for lines in [[SETTINGS, &[other]].concat(), [&[other], SETTINGS].concat()] {
        assert_eq!(valid(&scratch.read(&lines, &signature)).contradicted, ["full address"]);
    }
    let same = [SETTINGS, &[SETTINGS[1]]].concat();
    assert!(valid(&scratch.read(&same, &signature)).contradicted.is_empty());
}

#[test]
fn what_cannot_be_verified_is_said_in_words() {
    let scratch = Scratch::new("unverifiable", RSA);
    let whole = scratch.signature(&["-noattr"]);
    let without = scratch.signature(&["-noattr", "-nocerts"]);
    let inside = scratch.signature(&["-noattr", "-nodetach"]);
    for (signature, words) in [
        ("%%%", "Base64"),
        ("", "cut off"),
        (&whole[..64], "cut off"),
        ("AAAAAAEAAAAAAAAA", "header"),
        (&without, "certificate is not in it"),
        (&inside, "not detached"),
    ] {
        let found = scratch.read(SETTINGS, signature).signature;
        assert!(matches!(&found, RdpSignature::Unverifiable { why } if why.contains(words)), "{words}: {found:?}");
    }
    std::fs::write(scratch.path("plain.rdp"), SETTINGS.join("\r\n")).unwrap();
    assert_eq!(rdp_file(Path::new(&scratch.path("plain.rdp"))).unwrap().signature, RdpSignature::Unsigned);
}
