//! The witness: a client that none of our code has written. The request is typed here byte by byte, OpenSSL speaks TLS
//! with what a client offers and no more, and a CHALLENGE is looked for by its first bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion};

/// How long mstsc and FreeRDP wait for an answer at least.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long a peer without CredSSP may still complain of the handshake.
const REMARK: Duration = Duration::from_millis(400);

/// Offer of a client, in OpenSSL's words.
#[derive(Debug, Clone, Copy)]
pub struct Offers {
    /// The id of the profile of which this is the witness.
    pub profile: &'static str,
    min: SslVersion,
    max: SslVersion,
    suites_13: &'static str,
    suites_12: &'static str,
    groups: &'static str,
    signatures: &'static str,
    /// The version in the record of its hello.
    record: [u8; 2],
    /// It goes on where the host has Standard RDP Security alone.
    standard: bool,
    /// It sends an address as a server name.
    names_addresses: bool,
}

const SCHANNEL_12: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA384:\
    ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:\
    ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:\
    AES128-SHA256:AES256-SHA:AES128-SHA:@SECLEVEL=0";
const SCHANNEL_SIGNATURES: &str = "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:\
    RSA+SHA1:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA1:RSA+SHA512";

/// OpenSSL's own choice at its default security level.
const OPENSSL_12: &str = "DEFAULT";
const OPENSSL_SIGNATURES: &str = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:\
    rsa_pss_pss_sha384:rsa_pss_pss_sha512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:\
    RSA+SHA384:RSA+SHA512";

/// The clients of Windows 11 and 10, and FreeRDP without the share of ML-KEM that OpenSSL 3.0 lacks.
pub const CLIENTS: [Offers; 3] = [
    Offers {
        profile: "mstsc-11",
        min: SslVersion::TLS1_2,
        max: SslVersion::TLS1_3,
        suites_13: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
        suites_12: SCHANNEL_12,
        groups: "X25519:P-256:P-384",
        signatures: SCHANNEL_SIGNATURES,
        record: [3, 3],
        standard: true,
        names_addresses: false,
    },
    Offers {
        profile: "mstsc-10",
        min: SslVersion::TLS1,
        max: SslVersion::TLS1_2,
        suites_13: "",
        suites_12: SCHANNEL_12,
        groups: "X25519:P-256:P-384",
        signatures: SCHANNEL_SIGNATURES,
        record: [3, 3],
        standard: true,
        names_addresses: false,
    },
    Offers {
        profile: "freerdp3",
        min: SslVersion::TLS1_2,
        max: SslVersion::TLS1_3,
        suites_13: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
        suites_12: OPENSSL_12,
        groups: "X25519:P-256:P-384:P-521:X448",
        signatures: OPENSSL_SIGNATURES,
        record: [3, 1],
        standard: false,
        names_addresses: true,
    },
];

/// A socket that writes another version into the header of the first record.
#[derive(Debug)]
struct Restyled {
    stream: TcpStream,
    record: Option<[u8; 2]>,
}

impl Read for Restyled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Restyled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some([major, minor]) = self.record.take() else { return self.stream.write(bytes) };
        let mut first = bytes.to_vec();
        (first[1], first[2]) = (major, minor);
        self.stream.write_all(&first)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn context(offers: &Offers) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_min_proto_version(Some(offers.min))?;
    context.set_max_proto_version(Some(offers.max))?;
    context.set_cipher_list(offers.suites_12)?;
    if !offers.suites_13.is_empty() {
        context.set_ciphersuites(offers.suites_13)?;
    }
    context.set_groups_list(offers.groups)?;
    context.set_sigalgs_list(offers.signatures)?;
    context.set_options(SslOptions::NO_TICKET);
    Ok(context.build())
}

/// Tries to get to the logon prompt; the error says where it ended.
pub fn reach_the_prompt(port: u16, name: Option<&str>, offers: &Offers) -> Result<(), String> {
    let told = |stage: &'static str| move |error: io::Error| format!("{stage}: {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(told("tcp"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told("tcp"))?;
    let cookie = b"Cookie: mstshash=witness\r\n";
    let length = u8::try_from(19 + cookie.len()).expect("short");
    let head = [3, 0, 0, length, length - 5, 0xE0, 0, 0, 0, 0, 0];
    stream.write_all(&[&head[..], cookie, &[1, 0, 8, 0, 0x0B, 0, 0, 0]].concat()).map_err(told("x224"))?;
    let mut confirm = [0; 19];
    stream.read_exact(&mut confirm).map_err(told("x224"))?;
    let [.., kind, _, 8, 0, selected, 0, 0, 0] = confirm else { return Err(format!("x224: {confirm:?}")) };
    match (kind, selected) {
        (2, 0) if offers.standard => return Ok(()),
        (2, 0) => return Err("x224: Standard RDP Security alone".to_owned()),
        (2, _) => {}
        _ => return Err(format!("x224: failure {selected}")),
    }
    let context = context(offers).map_err(|e| e.to_string())?;
    let mut ssl = Ssl::new(&context).map_err(|e| e.to_string())?;
    if let Some(name) = name.or(offers.names_addresses.then_some("127.0.0.1")) {
        ssl.set_hostname(name).map_err(|e| e.to_string())?;
    }
    let mut tunnel =
        SslStream::new(ssl, Restyled { stream, record: Some(offers.record) }).map_err(|e| e.to_string())?;
    tunnel.connect().map_err(|error| format!("tls: {error}"))?;
    if selected == 1 { without_credssp(&mut tunnel) } else { introduce(&mut tunnel) }
}

/// A peer that misses something says so at once, in TLS 1.3 behind the handshake.
fn without_credssp(tunnel: &mut SslStream<Restyled>) -> Result<(), String> {
    tunnel.get_ref().stream.set_read_timeout(Some(REMARK)).map_err(|e| e.to_string())?;
    match tunnel.read(&mut [0; 16]) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
        Err(error) => Err(format!("tls: {error}")),
        Ok(0) => Err("tls: closed".to_owned()),
        Ok(_) => Ok(()),
    }
}

/// TSRequest ([MS-CSSP] 2.2.1), version 6, with an NTLM NEGOTIATE ([MS-NLMP] 2.2.1.1) that names nobody.
const INTRODUCTION: &[u8] = &[
    0x30, 0x37, 0xA0, 0x03, 0x02, 0x01, 0x06, 0xA1, 0x30, 0x30, 0x2E, 0x30, 0x2C, 0xA0, 0x2A, 0x04, 0x28, b'N', b'T',
    b'L', b'M', b'S', b'S', b'P', 0, 1, 0, 0, 0, 0x17, 0x82, 0x08, 0xE2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 10, 0, 0x61, 0x4A, 0, 0, 0, 15,
];

fn introduce(tunnel: &mut SslStream<Restyled>) -> Result<(), String> {
    tunnel.write_all(INTRODUCTION).map_err(|error| format!("credssp: {error}"))?;
    let mut answer = [0; 4096];
    let count = tunnel.read(&mut answer).map_err(|error| format!("credssp: {error}"))?;
    let challenge = answer[..count].windows(9).any(|window| window == b"NTLMSSP\0\x02");
    if challenge { Ok(()) } else { Err(format!("credssp: {count} bytes without a CHALLENGE")) }
}
