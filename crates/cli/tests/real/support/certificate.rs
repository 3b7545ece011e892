//! Self-signed certificates shaped like those of Windows, by the `openssl` program.

use std::path::PathBuf;

use super::folder::Folder;
use super::{command, run};

/// Subject of every certificate: no machine's real name.
pub const NAME: &str = "SERVER01";

const AUTHORITY: &str = "[ca]\ndefault_ca = itself\n[itself]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n\
                         default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n";

/// Certificate with its key, as PEM.
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Makes one that is valid from now on.
pub fn healthy(folder: &Folder) -> Identity {
    with_key(folder, "server", &["rsa:2048"])
}

/// Makes one that fills several packets: it has many names.
pub fn large(folder: &Folder) -> Identity {
    let names: Vec<String> = (0..60).map(|number| format!("DNS:server{number:02}.corp.example")).collect();
    with_key(folder, "large", &["rsa:2048", "-addext", &format!("subjectAltName=DNS:{NAME},{}", names.join(","))])
}

/// Makes one with another kind of key, in `openssl req`'s words behind `-newkey`.
pub fn with_key(folder: &Folder, name: &str, kind: &[&str]) -> Identity {
    self_signed(folder, name, kind, NAME)
}

/// Makes one for this name.
pub fn called(folder: &Folder, subject: &str) -> Identity {
    self_signed(folder, "called", &["rsa:2048"], subject)
}

fn self_signed(folder: &Folder, name: &str, kind: &[&str], subject: &str) -> Identity {
    let made = Identity { certificate: folder.file(&format!("{name}.crt")), key: folder.file(&format!("{name}.key")) };
    let mut openssl = command(None, "openssl");
    openssl.args(["req", "-x509", "-newkey"]).args(kind).args(["-nodes", "-days", "365", "-subj"]);
    run(openssl.arg(format!("/CN={subject}")).arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate));
    made
}

/// Makes one that was valid until a day in 2024. `req` and `x509` of OpenSSL 3.0 refuse dates in the past; `ca` does
/// not.
pub fn expired(folder: &Folder) -> Identity {
    let made = Identity { certificate: folder.file("expired.crt"), ..healthy(folder) };
    let request = folder.file("request.csr");
    let mut openssl = command(None, "openssl");
    openssl.args(["req", "-new", "-subj"]).arg(format!("/CN={NAME}"));
    run(openssl.arg("-key").arg(&made.key).arg("-out").arg(&request));
    folder.write("authority.cnf", AUTHORITY);
    folder.write("index.txt", "");
    let mut openssl = command(None, "openssl");
    openssl.current_dir(folder.path()).args(["ca", "-batch", "-notext", "-selfsign", "-config", "authority.cnf"]);
    openssl.args(["-startdate", "20240101000000Z", "-enddate", "20240601000000Z", "-keyfile"]).arg(&made.key);
    run(openssl.arg("-in").arg(&request).arg("-out").arg(&made.certificate));
    made
}
