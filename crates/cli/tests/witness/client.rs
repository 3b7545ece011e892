//! The witness: a client that none of our code has written. The request is typed here byte by byte, OpenSSL speaks TLS
//! with what a client offers and no more, and a CHALLENGE is looked for by its first bytes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion};

/// How long mstsc and FreeRDP wait for an answer at least.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long all of it may take, however often something comes.
const LONGEST: Duration = Duration::from_secs(40);

/// Offer of a client, in OpenSSL's words.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is a habit of its own
pub struct Offers {
    /// The id of the profile of which this is the witness.
    pub profile: &'static str,
    /// `requestedProtocols` ([MS-RDPBCGR] 2.2.1.1.1).
    pub protocols: u8,
    pub min: SslVersion,
    pub max: SslVersion,
    pub suites_13: &'static str,
    pub suites_12: &'static str,
    pub groups: &'static str,
    pub signatures: &'static str,
    /// The version in the record of its hello.
    pub record: [u8; 2],
    /// It goes on where the host has Standard RDP Security alone.
    pub standard: bool,
    /// It sends an address as a server name.
    pub names_addresses: bool,
    /// It refuses a host whose `TSRequest` has a version from before the update for CVE-2018-0886: 2, 3 or 4.
    pub patched: bool,
    /// It ends on a CHALLENGE that agrees to no key of 128 bits ([MS-NLMP] 3.1.5.1.2); FreeRDP goes on.
    pub wants_128_bits: bool,
    /// Shortest RSA key, in bits, that it takes.
    pub least_rsa_bits: u32,
    /// It refuses a certificate that vouches for itself.
    pub wants_trust: bool,
    /// The routing token of its `.rdp` file, in place of the cookie ([MS-RDPBCGR] 2.2.1.1).
    pub routing_token: Option<&'static str>,
    /// The user that its `.rdp` file names; another name otherwise.
    pub user: Option<&'static str>,
    /// The preconnection blob of its `.rdp` file.
    pub preconnection: Option<&'static str>,
}

const SCHANNEL_12: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA384:\
    ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:\
    ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:\
    AES128-SHA256:AES256-SHA:AES128-SHA:@SECLEVEL=0";
const SCHANNEL_SIGNATURES: &str = "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:\
    RSA+SHA1:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA1:RSA+SHA512";

/// OpenSSL's own choice at the security level that FreeRDP sets, whatever that of the distribution is: xfreerdp 2.11
/// takes 1024 bits of DHE on Debian, whose level is 2.
const OPENSSL_12: &str = "DEFAULT:@SECLEVEL=1";
const OPENSSL_SIGNATURES: &str = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:\
    rsa_pss_pss_sha384:rsa_pss_pss_sha512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:\
    RSA+SHA384:RSA+SHA512";

/// The clients of Windows 11 and 10, and FreeRDP without the share of ML-KEM that OpenSSL 3.0 lacks.
pub const CLIENTS: [Offers; 4] = [MSTSC_11, MSTSC_10, FREERDP_3, WITHOUT_CREDSSP];

const MSTSC_11: Offers = Offers {
    profile: "mstsc-11",
    protocols: 0x0B,
    min: SslVersion::TLS1_2,
    max: SslVersion::TLS1_3,
    suites_13: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
    suites_12: SCHANNEL_12,
    groups: "X25519:P-256:P-384",
    signatures: SCHANNEL_SIGNATURES,
    record: [3, 3],
    standard: true,
    names_addresses: false,
    patched: true,
    wants_128_bits: true,
    least_rsa_bits: 1024,
    wants_trust: false,
    routing_token: None,
    user: None,
    preconnection: None,
};

const MSTSC_10: Offers =
    Offers { profile: "mstsc-10", min: SslVersion::TLS1, max: SslVersion::TLS1_2, suites_13: "", ..MSTSC_11 };

/// mstsc with `enablecredsspsupport:i:0` in its `.rdp` file: it offers TLS alone.
pub const WITHOUT_CREDSSP: Offers = Offers { profile: "no-credssp", protocols: 1, ..MSTSC_11 };

/// The client as Windows 7 shipped with it: TLS 1.0 alone, and no update since.
pub const MSTSC_7: Offers = Offers {
    profile: "mstsc-7",
    protocols: 3,
    max: SslVersion::TLS1,
    groups: "P-256:P-384",
    names_addresses: true,
    patched: false,
    least_rsa_bits: 512,
    ..MSTSC_10
};

const FREERDP_3: Offers = Offers {
    profile: "freerdp3",
    suites_13: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
    suites_12: OPENSSL_12,
    groups: "X25519:P-256:P-384:P-521:X448",
    signatures: OPENSSL_SIGNATURES,
    record: [3, 1],
    standard: false,
    names_addresses: true,
    patched: false,
    wants_128_bits: false,
    ..MSTSC_11
};

/// A client of which nothing is known but what its test says: it offers all that OpenSSL has.
pub const ANY: Offers = Offers {
    suites_13: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
    suites_12: "ALL:@SECLEVEL=0",
    groups: "X25519:P-256:P-384:P-521",
    wants_128_bits: false,
    ..MSTSC_11
};

/// A socket that writes another version into the header of the first record, and is read for so long only.
#[derive(Debug)]
struct Restyled {
    stream: TcpStream,
    record: Option<[u8; 2]>,
    until: Instant,
}

impl Read for Restyled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if Instant::now() > self.until {
                return Err(io::Error::other("it goes on for too long"));
            }
            match self.stream.read(buffer) {
                // a process that was stopped for a while and goes on: no word of the host
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
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

/// Tries to get to the logon prompt of a host on this machine; the error says where it ended.
pub fn reach_the_prompt(port: u16, name: Option<&str>, offers: &Offers) -> Result<(), String> {
    reach((Ipv4Addr::LOCALHOST, port).into(), name, offers)
}

/// Tries to get to the logon prompt of a host; the error says where it ended.
pub fn reach(host: SocketAddr, name: Option<&str>, offers: &Offers) -> Result<(), String> {
    let told = |stage: &'static str| move |error: io::Error| format!("{stage}: {error}");
    let stream = TcpStream::connect_timeout(&host, PATIENCE).map_err(told("tcp"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told("tcp"))?;
    let mut stream = Restyled { stream, record: None, until: Instant::now() + LONGEST };
    if let Some(blob) = offers.preconnection {
        stream.write_all(&preconnection(blob)).map_err(told("x224"))?;
    }
    let named = format!("Cookie: mstshash={}", offers.user.unwrap_or("witness"));
    let cookie = format!("{}\r\n", offers.routing_token.unwrap_or(&named));
    let length = u8::try_from(19 + cookie.len()).expect("short");
    let head = [3, 0, 0, length, length - 5, 0xE0, 0, 0, 0, 0, 0];
    stream
        .write_all(&[&head[..], cookie.as_bytes(), &[1, 0, 8, 0, offers.protocols, 0, 0, 0]].concat())
        .map_err(told("x224"))?;
    let Some(selected) = selected(&mut stream).map_err(told("x224"))?? else {
        return if offers.standard { Ok(()) } else { Err("x224: Standard RDP Security alone".to_owned()) };
    };
    if selected & offers.protocols != selected {
        return Err(format!("x224: {selected} was not offered"));
    }
    let context = context(offers).map_err(|e| e.to_string())?;
    let mut ssl = Ssl::new(&context).map_err(|e| e.to_string())?;
    let address = Some(host.ip().to_string()).filter(|_| offers.names_addresses && host.is_ipv4());
    if let Some(name) = name.or(address.as_deref()) {
        ssl.set_hostname(name).map_err(|e| e.to_string())?;
    }
    stream.record = Some(offers.record);
    let mut tunnel = SslStream::new(ssl, stream).map_err(|e| e.to_string())?;
    tunnel.connect().map_err(|error| format!("tls: {error}"))?;
    refuse_certificate(&tunnel, offers)?;
    if selected == 1 { without_credssp(&mut tunnel) } else { introduce(&mut tunnel, offers) }
}

/// Writes a preconnection blob of version 2 ([MS-RDPEPS] 2.2.1.2).
fn preconnection(blob: &str) -> Vec<u8> {
    let text: Vec<u8> = blob.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let count = u16::try_from(text.len() / 2).expect("short");
    let size = 18 + u32::from(count) * 2;
    let numbers = [size, 0, 2, 0].map(u32::to_le_bytes).concat();
    [numbers, count.to_le_bytes().to_vec(), text].concat()
}

/// Reads which protocol the host chose ([MS-RDPBCGR] 2.2.1.2): none where it has Standard RDP Security alone, which a
/// host that cannot negotiate says by a confirm without more.
fn selected(stream: &mut Restyled) -> io::Result<Result<Option<u8>, String>> {
    let mut confirm = vec![0; 4];
    stream.read_exact(&mut confirm)?;
    if confirm[..3] != [3, 0, 0] || !(11..=19).contains(&confirm[3]) {
        return Ok(Err(format!("x224: {confirm:?}")));
    }
    confirm.resize(confirm[3].into(), 0);
    stream.read_exact(&mut confirm[4..])?;
    Ok(match confirm[..] {
        [_, _, _, 11, 6, 0xD0, ..] | [.., 2, _, 8, 0, 0, 0, 0, 0] => Ok(None),
        [.., 2, _, 8, 0, selected, 0, 0, 0] => Ok(Some(selected)),
        [.., 3, _, 8, 0, failure, 0, 0, 0] => Err(format!("x224: failure {failure}")),
        _ => Err(format!("x224: {confirm:?}")),
    })
}

/// Checks of the certificate what the client would not pass over by a warning.
fn refuse_certificate(tunnel: &SslStream<Restyled>, offers: &Offers) -> Result<(), String> {
    let certificate = tunnel.ssl().peer_certificate().ok_or("tls: no certificate")?;
    let key = certificate.public_key().map_err(|e| e.to_string())?;
    if key.rsa().is_ok() && key.bits() < offers.least_rsa_bits {
        return Err(format!("tls: a key of {} bits", key.bits()));
    }
    let own = certificate.subject_name().try_cmp(certificate.issuer_name()).map_err(|e| e.to_string())?.is_eq();
    if own && offers.wants_trust { Err("tls: nobody vouches for the certificate".to_owned()) } else { Ok(()) }
}

/// MCS Connect Initial with a GCC Conference Create Request ([MS-RDPBCGR] 2.2.1.3, T.125), up to the settings.
const CONNECT_INITIAL: &[u8] = &[
    3, 0, 1, 0x67, 2, 0xF0, 0x80, 0x7F, 0x65, 0x82, 1, 0x5B, 4, 1, 1, 4, 1, 1, 1, 1, 0xFF,
    // domain parameters: target, least, most
    0x30, 0x19, 2, 1, 0x22, 2, 1, 2, 2, 1, 0, 2, 1, 1, 2, 1, 0, 2, 1, 1, 2, 2, 0xFF, 0xFF, 2, 1, 2, //
    0x30, 0x19, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 0, 2, 1, 1, 2, 2, 4, 0x20, 2, 1, 2, //
    0x30, 0x1C, 2, 2, 0xFF, 0xFF, 2, 2, 0xFC, 0x17, 2, 2, 0xFF, 0xFF, 2, 1, 1, 2, 1, 0, 2, 1, 1, 2, 2, 0xFF, 0xFF, 2,
    1, 2, //
    4, 0x81, 0xFB, 0, 5, 0, 0x14, 0x7C, 0, 1, 0x80, 0xF2, 0, 8, 0, 0x10, 0, 1, 0xC0, 0, b'D', b'u', b'c', b'a', 0x80,
    0xE4,
];

/// The settings behind it: TS_UD_CS_CORE ([MS-RDPBCGR] 2.2.1.3.2) and TS_UD_CS_SEC (2.2.1.3.3).
fn settings(selected: u8) -> Vec<u8> {
    let mut core = vec![1, 0xC0, 216, 0, 4, 0, 8, 0, 0, 4, 0, 3, 1, 0xCA, 3, 0xAA, 9, 4, 0, 0, 0x28, 0x0A, 0, 0];
    core.extend([[b'w', 0], [b'i', 0], [b't', 0]].concat());
    // the rest of the name; keyboard: type, subtype, function keys; the file of an input method
    core.resize(56, 0);
    core.extend([4, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0]);
    core.resize(132, 0);
    core.extend([1, 0xCA, 1, 0, 0, 0, 0, 0, 24, 0, 7, 0, 1, 0]);
    core.resize(212, 0);
    core.extend([selected, 0, 0, 0]);
    core.extend([2, 0xC0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    core
}

/// Says what a client says first behind TLS. A peer that misses something closes then, in TLS 1.3 behind the handshake;
/// one that is no host answers in its own way.
fn without_credssp(tunnel: &mut SslStream<Restyled>) -> Result<(), String> {
    let told = |error: io::Error| format!("sequence: {error}");
    tunnel.write_all(&[CONNECT_INITIAL, &settings(1)].concat()).map_err(told)?;
    let mut answer = vec![0; 9];
    tunnel.read_exact(&mut answer).map_err(told)?;
    let [3, 0, high, low, 2, 0xF0, 0x80, 0x7F, 0x66] = answer[..] else {
        return Err(format!("sequence: {answer:02x?}"));
    };
    answer.resize(usize::from(u16::from_be_bytes([high, low])).max(9), 0);
    tunnel.read_exact(&mut answer[9..]).map_err(told)?;
    welcome(&answer).ok_or_else(|| format!("sequence: no welcome: {answer:02x?}"))?;
    stays(tunnel)
}

/// True for a Connect Response that FreeRDP 2.11 goes on with, and [MS-RDPBCGR] 3.2.5.3.4 too: success in T.125, a
/// result that T.124 knows, and no encryption inside TLS.
fn welcome(answer: &[u8]) -> Option<()> {
    let result = answer.windows(2).position(|window| window == [0x0A, 1])?;
    let key = answer.windows(4).position(|window| window == b"McDn")?;
    let success = answer.get(result + 2)? == &0 && answer.get(key.checked_sub(4)?)? < &0x10;
    // the length in front of the blocks has one byte or two
    let mut at = key + if answer.get(key + 4)? & 0x80 == 0 { 5 } else { 6 };
    let mut encrypts = false;
    while let Some([kind, 0x0C, low, high]) = answer.get(at..at + 4) {
        let body = answer.get(at + 4..at + 12).unwrap_or_default();
        encrypts |= *kind == 2 && body.iter().any(|byte| *byte != 0);
        at += usize::from(u16::from_le_bytes([*low, *high])).max(4);
    }
    (success && !encrypts).then_some(())
}

/// How long it is listened whether the host hangs up right behind its settings.
const MOMENT: Duration = Duration::from_millis(200);

/// Checks that the host neither says goodbye (MCS Disconnect Provider Ultimatum) nor closes.
fn stays(tunnel: &mut SslStream<Restyled>) -> Result<(), String> {
    tunnel.get_ref().stream.set_read_timeout(Some(MOMENT)).map_err(|error| format!("sequence: {error}"))?;
    let mut more = [0; 9];
    match tunnel.ssl_read(&mut more) {
        Ok(_) if more[7] >> 2 != 8 => Ok(()),
        Ok(_) => Err("sequence: an Ultimatum behind the settings".to_owned()),
        // nothing came
        Err(error) if error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock) => Ok(()),
        Err(error) => Err(format!("sequence: ended behind the settings: {error}")),
    }
}

/// TSRequest ([MS-CSSP] 2.2.1), version 6, with an NTLM NEGOTIATE ([MS-NLMP] 2.2.1.1) that names nobody.
const INTRODUCTION: &[u8] = &[
    0x30, 0x37, 0xA0, 0x03, 0x02, 0x01, 0x06, 0xA1, 0x30, 0x30, 0x2E, 0x30, 0x2C, 0xA0, 0x2A, 0x04, 0x28, b'N', b'T',
    b'L', b'M', b'S', b'S', b'P', 0, 1, 0, 0, 0, 0x17, 0x82, 0x08, 0xE2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 10, 0, 0x61, 0x4A, 0, 0, 0, 15,
];

fn introduce(tunnel: &mut SslStream<Restyled>, offers: &Offers) -> Result<(), String> {
    tunnel.write_all(INTRODUCTION).map_err(|error| format!("credssp: {error}"))?;
    let mut answer = Vec::new();
    while answer.len() < LONGEST_ANSWER && size(&answer).is_none_or(|size| answer.len() < size) {
        let mut piece = [0; 4096];
        let read = tunnel.read(&mut piece).map_err(|error| format!("credssp: {error}"))?;
        if read == 0 {
            return Err("credssp: closed".to_owned());
        }
        answer.extend_from_slice(&piece[..read]);
    }
    let count = answer.len();
    // TSRequest ::= SEQUENCE { [0] version … }, with its length in one to three bytes
    let version = answer.windows(5).take(4).find_map(|field| match field {
        [0xA0, 3, 2, 1, version] => Some(*version),
        _ => None,
    });
    if offers.patched && version.is_some_and(|version| version < 5) {
        return Err(format!("credssp: version {version:?}, from before the update"));
    }
    let begins = answer.windows(9).position(|window| window == b"NTLMSSP\0\x02");
    let challenge = begins.map(|at| &answer[at..]).ok_or(format!("credssp: {count} bytes without a CHALLENGE"))?;
    // NTLMSSP_NEGOTIATE_128 is in the highest byte of the flags, which stand behind TargetName (2.2.1.2)
    if offers.wants_128_bits && challenge.get(23).is_some_and(|flags| flags & 0x20 == 0) {
        return Err("credssp: a CHALLENGE without a key of 128 bits".to_owned());
    }
    if tells_its_names(challenge).is_some() {
        Ok(())
    } else {
        Err("credssp: a CHALLENGE that ends too early".to_owned())
    }
}

/// Most bytes of an answer: more than any real host needs.
const LONGEST_ANSWER: usize = 128 * 1024;

/// Reads how many bytes a DER element has, with its head; `None` while that is not known.
fn size(answer: &[u8]) -> Option<usize> {
    let first = usize::from(*answer.get(1)?);
    if first < 0x80 {
        return Some(first + 2);
    }
    let length = answer
        .get(2..2 + first - 0x80)?
        .iter()
        .try_fold(0_usize, |length, byte| length.checked_mul(256)?.checked_add((*byte).into()));
    Some(length.unwrap_or(LONGEST_ANSWER).saturating_add(first - 0x80 + 2))
}

/// Reads the pairs of a CHALLENGE ([MS-NLMP] 2.2.1.2, 2.2.2.1), of which none may reach beyond the end. That a last one
/// says so is not asked for: xfreerdp 2.11 goes on without.
fn tells_its_names(challenge: &[u8]) -> Option<()> {
    let number = |at: usize| Some(usize::from(u16::from_le_bytes([*challenge.get(at)?, *challenge.get(at + 1)?])));
    let (length, begins) = (number(40)?, number(44)?);
    let mut pairs = challenge.get(begins..begins + length).filter(|pairs| !pairs.is_empty())?;
    while let [kind, _, low, high, rest @ ..] = pairs {
        if *kind == 0 {
            return Some(());
        }
        pairs = rest.get(usize::from(u16::from_le_bytes([*low, *high]))..)?;
    }
    pairs.is_empty().then_some(())
}
