//! A name server that knows a few names and keeps silent about one: RFC 1035, as little as a resolver needs.

use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use super::network::{HOST, HOST_SIX, HOST_TOO, NOBODY, Network};
use super::server::{Process, wait_for};
use super::{command, run};

/// Name with both addresses of the host.
pub const TWO: &str = "two.lab.test";
/// Name with an IPv4 and an IPv6 address of the host.
pub const DUAL: &str = "dual.lab.test";
/// Name with an address of the host and one that nobody has.
pub const STALE: &str = "stale.lab.test";
/// Name that gets NXDOMAIN.
pub const GONE: &str = "gone.lab.test";
/// Name that gets SERVFAIL.
pub const BROKEN: &str = "broken.lab.test";
/// Name that gets REFUSED.
pub const REFUSED: &str = "refused.lab.test";
/// Name that gets no answer at all.
pub const SILENT: &str = "silent.lab.test";
/// Name that gets bytes which are no message.
pub const GARBAGE: &str = "garbage.lab.test";
/// Name that is an alias of itself.
pub const LOOP: &str = "loop.lab.test";
/// Name with more addresses than anyone needs.
pub const MANY: &str = "many.lab.test";

const ROLE: &str = "RDPDOCTOR_TEST_NAME_SERVER";
const A: u16 = 1;
const AAAA: u16 = 28;
const CNAME: u16 = 5;
const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NAME_ERROR: u8 = 3;
const QUESTION_REFUSED: u8 = 5;

/// Starts it on the host of a network: this test program once more, in the role of a name server.
pub fn start(network: &Network, log: &Path) -> Process {
    let program = env::current_exe().unwrap();
    let mut server = command(Some(&network.host.name), program.to_str().unwrap());
    server.args(["--exact", "names::name_server", "--nocapture"]).env(ROLE, HOST);
    let mut process = Process::start(&mut server, log);
    // 53 in hexadecimal, as the kernel lists it
    let listens = || run(command(Some(&network.host.name), "cat").arg("/proc/net/udp")).contains(":0035 ");
    assert!(wait_for(|| listens() || !process.runs()) && process.runs(), "the name server did not start");
    process
}

/// Plays the role if this process was started for it.
pub fn serve() {
    let Ok(address) = env::var(ROLE) else { return };
    let address: Ipv4Addr = address.parse().unwrap();
    let socket = UdpSocket::bind((address, 53)).unwrap();
    let mut buffer = [0; 512];
    while let Ok((count, from)) = socket.recv_from(&mut buffer) {
        answer(&socket, from, &buffer[..count]);
    }
}

fn answer(socket: &UdpSocket, from: SocketAddr, query: &[u8]) {
    let Some((name, kind, end)) = question(query) else { return };
    let (code, addresses): (_, &[&str]) = match (name.as_str(), kind) {
        (TWO, A) => (NO_ERROR, &[HOST, HOST_TOO]),
        (STALE, A) => (NO_ERROR, &[NOBODY, HOST]),
        (DUAL, A) => (NO_ERROR, &[HOST]),
        (DUAL, AAAA) => (NO_ERROR, &[HOST_SIX]),
        (MANY, A) => (NO_ERROR, &[HOST; 25]),
        (TWO | STALE | DUAL | MANY, _) => (NO_ERROR, &[]),
        (SILENT, _) => return,
        (GARBAGE, _) => {
            let _ = socket.send_to(&[&query[..2], b"\x81\x80no message"].concat(), from);
            return;
        }
        (LOOP, _) => {
            let record = [&[0xC0, 12][..], &CNAME.to_be_bytes(), &[0, 1, 0, 0, 0, 60, 0, 2, 0xC0, 12]].concat();
            let _ = socket.send_to(&[head(query, NO_ERROR, 1, end), record].concat(), from);
            return;
        }
        (BROKEN, _) => (SERVER_FAILURE, &[]),
        (REFUSED, _) => (QUESTION_REFUSED, &[]),
        _ => (NAME_ERROR, &[]),
    };
    let mut reply = head(query, code, u8::try_from(addresses.len()).unwrap(), end);
    for address in addresses {
        let octets = match address.parse().unwrap() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        // the question's name and type; IN; one minute; so many bytes
        reply.extend([0xC0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(octets.len()).unwrap()]);
        reply.extend(octets);
    }
    // a client that is gone needs no answer
    let _ = socket.send_to(&reply, from);
}

/// Header (the query's id; answer, recursion desired and available; one question) and the question again.
fn head(query: &[u8], code: u8, records: u8, end: usize) -> Vec<u8> {
    let mut reply = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, records];
    reply.extend([0; 4]);
    reply.extend(&query[12..end]);
    reply
}

/// Reads the name asked for, the type, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = query.get(at..at + 2)?;
    query.get(at + 4 - 1)?;
    Some((labels.join("."), u16::from_be_bytes([kind[0], kind[1]]), at + 4))
}
