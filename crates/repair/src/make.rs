//! A new key with a certificate that vouches for itself, made by openssl: xrdp needs its library, and its packages
//! bring the program (by `ssl-cert` on Debian).

use std::process::{Command, Stdio};

use crate::plan::Made;

/// Days that the certificate is valid.
const DAYS: &str = "825";
/// Most bytes of what openssl writes.
const LIMIT: usize = 64 * 1024;

/// Makes a key of 2048 bits and its certificate for this name. The key never touches a disk.
pub fn certificate(name: &str) -> Result<Made, String> {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
        return Err(format!("{name:?} is no name for a certificate"));
    }
    let (subject, names) = (format!("/CN={name}"), format!("subjectAltName=DNS:{name}"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", DAYS, "-subj", &subject]);
    openssl.args(["-addext", &names, "-addext", "extendedKeyUsage=serverAuth", "-keyout", "-", "-out", "-"]);
    let output = openssl.stdin(Stdio::null()).output().map_err(|error| format!("openssl: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("openssl: {}", why.lines().next().unwrap_or("it failed")));
    }
    let text = String::from_utf8(output.stdout).ok().filter(|text| text.len() <= LIMIT);
    let text = text.ok_or("openssl wrote something else")?;
    let part = |name: &str| {
        let (begin, end) = (format!("-----BEGIN {name}-----"), format!("-----END {name}-----"));
        let from = text.find(&begin)?;
        let until = text[from..].find(&end)? + from + end.len();
        Some(format!("{}\n", &text[from..until]).into_bytes())
    };
    let key = part("PRIVATE KEY").ok_or("openssl wrote no key")?;
    let certificate = part("CERTIFICATE").ok_or("openssl wrote no certificate")?;
    Ok(Made { key, certificate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_makes_both_and_names_are_no_options() {
        let made = certificate("server01").unwrap();
        assert!(made.key.starts_with(b"-----BEGIN PRIVATE KEY-----\n"));
        let pem = pem::parse(&made.certificate).unwrap();
        let read = wire::certificate::Certificate::read(pem.contents()).unwrap();
        assert_eq!((read.names, read.key_bits, read.self_issued), (vec!["server01".to_owned()], 2048, true));
        for odd in ["", "a/b", "a b", "x\ny", "é"] {
            assert!(certificate(odd).is_err(), "{odd}");
        }
    }
}
