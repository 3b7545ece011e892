//! DNS messages: a question, and what answers it.
//!
//! Source: RFC 1035 sections 3.1 (names), 3.3 (CNAME, PTR), 3.5 (in-addr.arpa), 4.1 (messages), 4.2.2 (length before a
//! message on TCP), 5.1 (how odd bytes of a name are written); RFC 3596 (AAAA, ip6.arpa). Big endian.

use std::fmt::Write;
use std::net::IpAddr;

use crate::bytes::{DecodeError, Reader};

/// Label of a name that nobody has: a server that gives it an address gives one to every name (RFC 4592, wildcards).
pub const NOBODY: &str = "rdpdoctor-nobody";
/// Most addresses, or names of an address, that are kept of an answer.
pub const KEPT: usize = 64;
/// Most records of an answer that are looked at.
const RECORDS: u16 = 512;
/// Most aliases in a row that are followed.
const ALIASES: usize = 16;
/// Most bytes of a name (RFC 1035 section 2.3.4).
const NAME: usize = 255;
/// Most bytes of a label.
const LABEL: usize = 63;
const HEADER: usize = 12;
const CNAME: u16 = 5;
const INTERNET: u16 = 1;
const ANSWERS: u16 = 0x8000;
const OPERATION: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const CODE: u16 = 0x000F;
/// RCODE 3, "Name Error".
const NO_SUCH_NAME: u8 = 3;

/// Kind of record that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A: an IPv4 address.
    A,
    /// AAAA: an IPv6 address.
    Aaaa,
    /// PTR: the name of an address.
    Ptr,
}

impl RecordKind {
    /// Every kind that we ask for.
    pub const ALL: [Self; 3] = [Self::A, Self::Aaaa, Self::Ptr];

    /// Name in master files.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Ptr => "PTR",
        }
    }

    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Ptr => 12,
        }
    }
}

/// Returns the name of an RCODE by which a server gives no answer (RFC 1035 section 4.1.1; the short names are those of
/// RFC 2136 section 2.2).
pub fn failure_name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "FORMERR",
        2 => "SERVFAIL",
        4 => "NOTIMP",
        5 => "REFUSED",
        9 => "NOTAUTH",
        _ => return None,
    })
}

/// Question to a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuestion {
    /// Whole name, without the dot of the root.
    pub name: String,
    /// Kind of record.
    pub kind: RecordKind,
}

/// Outcome of a question to a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsAnswer {
    /// Addresses, behind these aliases (CNAME) in their order.
    Addresses {
        /// Names that the one asked for stands for, one behind the other.
        aliases: Vec<String>,
        /// Addresses of the last of them, in the server's order.
        addresses: Vec<IpAddr>,
    },
    /// Names of an address (PTR).
    Names(Vec<String>),
    /// The name does not exist (NXDOMAIN).
    NoSuchName,
    /// The name exists, and has no record of this kind.
    NoRecord,
    /// The server says that it failed, or that it refuses, by this RCODE.
    Failed(u8),
    /// Something came that could not be read, or that answers another question.
    Unreadable,
    /// Nothing came in time.
    Silent,
    /// No packet could be sent, or its host said that nobody listens there.
    Unreachable,
}

/// Message as it concerns a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It answers the question.
    Answer(DnsAnswer),
    /// It was cut, and the whole has to be fetched by TCP.
    Truncated,
    /// It answers another question, or is none of ours.
    Foreign,
}

impl DnsQuestion {
    /// Asks for the name of an address.
    pub fn name_of(address: IpAddr) -> Self {
        let mut name = String::new();
        match address {
            IpAddr::V4(four) => {
                for octet in four.octets().iter().rev() {
                    let _ = write!(name, "{octet}.");
                }
                name.push_str("in-addr.arpa");
            }
            IpAddr::V6(six) => {
                for octet in six.octets().iter().rev() {
                    let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
                }
                name.push_str("ip6.arpa");
            }
        }
        Self { name, kind: RecordKind::Ptr }
    }

    /// Returns the address whose name is asked for; `None` for any other question.
    pub fn address(&self) -> Option<IpAddr> {
        if let Some(four) = self.name.strip_suffix(".in-addr.arpa") {
            let octets: Vec<u8> = four.rsplit('.').map(|octet| octet.parse().ok()).collect::<Option<_>>()?;
            return <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
        }
        let digits = self.name.strip_suffix(".ip6.arpa")?.rsplit('.');
        let digit = |digit: &str| u8::from_str_radix(digit, 16).ok().filter(|_| digit.len() == 1);
        let digits: Vec<u8> = digits.map(digit).collect::<Option<_>>()?;
        let octets: Vec<u8> = digits.chunks_exact(2).filter_map(|two| Some(two.first()? << 4 | two.last()?)).collect();
        let whole = digits.len() == 32;
        <[u8; 16]>::try_from(octets).ok().filter(|_| whole).map(IpAddr::from)
    }

    /// Writes the message, which asks the server to look further; `None` for a name that no message can hold.
    pub fn encode(&self, id: u16) -> Option<Vec<u8>> {
        let mut message = Vec::with_capacity(HEADER);
        for field in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
            message.extend(field.to_be_bytes());
        }
        for label in self.name.split('.') {
            let length = u8::try_from(label.len()).ok().filter(|_| (1..=LABEL).contains(&label.len()))?;
            message.push(length);
            message.extend(label.bytes());
        }
        message.push(0);
        if message.len() > HEADER.saturating_add(NAME) {
            return None;
        }
        message.extend(self.kind.number().to_be_bytes());
        message.extend(INTERNET.to_be_bytes());
        Some(message)
    }

    /// Reads a message that came where its answer was waited for.
    pub fn read(&self, id: u16, message: &[u8]) -> Result<Reply, DecodeError> {
        let mut reader = Reader::new(message);
        let (theirs, flags) = (reader.u16_be("id")?, reader.u16_be("flags")?);
        let (questions, answers) = (reader.u16_be("QDCOUNT")?, reader.u16_be("ANCOUNT")?);
        reader.take(4, "NSCOUNT and ARCOUNT")?;
        if theirs != id || flags & ANSWERS == 0 || flags & OPERATION != 0 {
            return Ok(Reply::Foreign);
        }
        let code = u8::try_from(flags & CODE).unwrap_or_default();
        // a server that fails need not repeat the question
        if questions == 0 && code != 0 {
            return Ok(Reply::Answer(answer_of(code)));
        }
        if questions != 1 || !self.is_repeated(message, &mut reader)? {
            return Ok(Reply::Foreign);
        }
        if flags & TRUNCATED != 0 {
            return Ok(Reply::Truncated);
        }
        if code != 0 {
            return Ok(Reply::Answer(answer_of(code)));
        }
        self.read_records(message, &mut reader, answers).map(Reply::Answer)
    }

    fn is_repeated<'a>(&self, message: &'a [u8], reader: &mut Reader<'a>) -> Result<bool, DecodeError> {
        let name = read_name(message, reader)?;
        let (kind, class) = (reader.u16_be("QTYPE")?, reader.u16_be("QCLASS")?);
        Ok(name.eq_ignore_ascii_case(&self.name) && (kind, class) == (self.kind.number(), INTERNET))
    }

    fn read_records<'a>(
        &self,
        message: &'a [u8],
        reader: &mut Reader<'a>,
        count: u16,
    ) -> Result<DnsAnswer, DecodeError> {
        let (mut aliases, mut values) = (Vec::new(), Vec::new());
        for _ in 0..count.min(RECORDS) {
            let owner = read_name(message, reader)?;
            let (kind, class) = (reader.u16_be("TYPE")?, reader.u16_be("CLASS")?);
            reader.take(4, "TTL")?;
            let length = reader.u16_be("RDLENGTH")?;
            let mut inside = reader.clone();
            let data = reader.take(length.into(), "RDATA")?;
            if class != INTERNET {
                continue;
            }
            if kind == CNAME {
                aliases.push((owner, read_name(message, &mut inside)?));
            } else if kind == self.kind.number() {
                values.push((owner, read_value(self.kind, message, &mut inside, data)?));
            }
        }
        let chain = follow(&self.name, &aliases).ok_or_else(|| reader.invalid("CNAME", count))?;
        let last = chain.last().unwrap_or(&self.name).clone();
        let of_last = values.into_iter().filter(|(owner, _)| owner.eq_ignore_ascii_case(&last));
        let (mut addresses, mut names) = (Vec::new(), Vec::new());
        for (_, value) in of_last.take(KEPT) {
            match value {
                Value::Address(address) => addresses.push(address),
                Value::Name(name) => names.push(name),
            }
        }
        Ok(match (addresses.is_empty(), names.is_empty()) {
            (true, true) => DnsAnswer::NoRecord,
            (true, false) => DnsAnswer::Names(names),
            (false, _) => DnsAnswer::Addresses { aliases: chain, addresses },
        })
    }
}

enum Value {
    Address(IpAddr),
    Name(String),
}

fn answer_of(code: u8) -> DnsAnswer {
    if code == NO_SUCH_NAME { DnsAnswer::NoSuchName } else { DnsAnswer::Failed(code) }
}

fn read_value<'a>(
    kind: RecordKind,
    message: &'a [u8],
    inside: &mut Reader<'a>,
    data: &[u8],
) -> Result<Value, DecodeError> {
    let octets = data.len();
    match kind {
        RecordKind::A => <[u8; 4]>::try_from(data).map(|octets| Value::Address(octets.into())),
        RecordKind::Aaaa => <[u8; 16]>::try_from(data).map(|octets| Value::Address(octets.into())),
        RecordKind::Ptr => return read_name(message, inside).map(Value::Name),
    }
    .map_err(|_| inside.invalid("RDLENGTH", u64::try_from(octets).unwrap_or(u64::MAX)))
}

/// Follows aliases from a name; `None` if they lead in a circle or are too many.
fn follow(name: &str, aliases: &[(String, String)]) -> Option<Vec<String>> {
    let mut chain: Vec<String> = Vec::new();
    loop {
        let last = chain.last().map_or(name, String::as_str);
        let Some((_, next)) = aliases.iter().find(|(owner, _)| owner.eq_ignore_ascii_case(last)) else {
            return Some(chain);
        };
        if chain.len() >= ALIASES {
            return None;
        }
        chain.push(next.clone());
    }
}

/// Reads a name, whose end may lie earlier in the message: each such pointer must lead further back, so it ends.
fn read_name<'a>(message: &'a [u8], reader: &mut Reader<'a>) -> Result<String, DecodeError> {
    let (mut name, mut size) = (String::new(), 0_usize);
    let mut at = reader.clone();
    let mut limit = reader.at();
    let mut jumped = false;
    loop {
        let length = at.u8("name")?;
        match length {
            0 => break,
            1..=63 => {
                let label = at.take(length.into(), "name")?;
                size = size.saturating_add(label.len()).saturating_add(1);
                if size >= NAME {
                    return Err(at.invalid("name", length));
                }
                if !name.is_empty() {
                    name.push('.');
                }
                for byte in label {
                    push(*byte, &mut name);
                }
            }
            0xC0.. => {
                let low = at.u8("name")?;
                let place = usize::from(u16::from_be_bytes([length & 0x3F, low]));
                if !jumped {
                    *reader = at.clone();
                    jumped = true;
                }
                if place >= limit {
                    return Err(at.invalid("name", low));
                }
                limit = place;
                at = Reader::new(message);
                at.take(place, "name")?;
            }
            _ => return Err(at.invalid("name", length)),
        }
    }
    if !jumped {
        *reader = at;
    }
    Ok(name)
}

/// Writes a byte of a label; any that is not usual in names of hosts as RFC 1035 section 5.1 says.
fn push(byte: u8, name: &mut String) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
        name.push(byte.into());
    } else {
        let _ = write!(name, "\\{byte:03}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = 0x1234;

    fn question(kind: RecordKind) -> DnsQuestion {
        DnsQuestion { name: "srv.corp.example".to_owned(), kind }
    }

    /// An answer with these flags: the question again, then each record with its owner.
    fn message(question: &DnsQuestion, flags: u16, records: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
        let mut message = question.encode(ID).unwrap();
        message[2..4].copy_from_slice(&(ANSWERS | flags).to_be_bytes());
        message[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
        for (owner, kind, data) in records {
            message.extend(written(owner));
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(data);
        }
        message
    }

    /// A name as bytes; an empty one is a pointer to the question's.
    fn written(name: &str) -> Vec<u8> {
        if name.is_empty() {
            return vec![0xC0, 12];
        }
        let whole = DnsQuestion { name: name.to_owned(), kind: RecordKind::A }.encode(ID).unwrap();
        whole[HEADER..whole.len() - 4].to_vec()
    }

    fn read(kind: RecordKind, flags: u16, records: &[(&str, u16, Vec<u8>)]) -> Result<Reply, DecodeError> {
        let question = question(kind);
        question.read(ID, &message(&question, flags, records))
    }

    fn addresses(aliases: &[&str], addresses: &[&str]) -> Reply {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let aliases = aliases.iter().map(|&alias| alias.to_owned()).collect();
        Reply::Answer(DnsAnswer::Addresses { aliases, addresses })
    }

    #[test]
    fn records_and_the_aliases_before_them_are_read() {
        let records = [("", 1, vec![192, 0, 2, 7]), ("", 1, vec![192, 0, 2, 8])];
        assert_eq!(read(RecordKind::A, 0, &records), Ok(addresses(&[], &["192.0.2.7", "192.0.2.8"])));
        let six = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7].to_vec();
        assert_eq!(read(RecordKind::Aaaa, 0, &[("", 28, six)]), Ok(addresses(&[], &["2001:db8::7"])));
        let chain = [
            ("", CNAME, written("a.example")),
            ("A.example", CNAME, written("b.example")),
            ("b.example", 1, vec![192, 0, 2, 7]),
            ("other.example", 1, vec![192, 0, 2, 66]),
        ];
        assert_eq!(read(RecordKind::A, 0, &chain), Ok(addresses(&["a.example", "b.example"], &["192.0.2.7"])));
        assert_eq!(read(RecordKind::Aaaa, 0, &chain), Ok(Reply::Answer(DnsAnswer::NoRecord)));
        let names = read(RecordKind::Ptr, 0, &[("", 12, written("srv.example"))]);
        assert_eq!(names, Ok(Reply::Answer(DnsAnswer::Names(vec!["srv.example".to_owned()]))));
    }

    #[test]
    fn codes_have_their_answers() {
        for (code, answer) in [(3, DnsAnswer::NoSuchName), (2, DnsAnswer::Failed(2)), (5, DnsAnswer::Failed(5))] {
            assert_eq!(read(RecordKind::A, code, &[]), Ok(Reply::Answer(answer.clone())));
            let mut bare = message(&question(RecordKind::A), code, &[])[..HEADER].to_vec();
            bare[5] = 0;
            assert_eq!(question(RecordKind::A).read(ID, &bare), Ok(Reply::Answer(answer)));
        }
        assert_eq!(read(RecordKind::A, 0, &[]), Ok(Reply::Answer(DnsAnswer::NoRecord)));
        assert_eq!(read(RecordKind::A, TRUNCATED, &[]), Ok(Reply::Truncated));
    }

    #[test]
    fn answers_to_others_are_foreign() {
        let asked = question(RecordKind::A);
        let whole = message(&asked, 0, &[("", 1, vec![192, 0, 2, 7])]);
        assert_eq!(asked.read(ID + 1, &whole), Ok(Reply::Foreign));
        assert_eq!(question(RecordKind::Aaaa).read(ID, &whole), Ok(Reply::Foreign));
        let other = DnsQuestion { name: "srw.corp.example".to_owned(), kind: RecordKind::A };
        assert_eq!(other.read(ID, &whole), Ok(Reply::Foreign));
        // our own question, sent back
        assert_eq!(asked.read(ID, &asked.encode(ID).unwrap()), Ok(Reply::Foreign));
    }

    #[test]
    fn circles_and_odd_names_end() {
        let circle = [("", CNAME, written("a.example")), ("a.example", CNAME, written("srv.corp.example"))];
        assert!(read(RecordKind::A, 0, &circle).is_err());
        let asked = question(RecordKind::A);
        let mut itself = message(&asked, 0, &[("", 1, vec![192, 0, 2, 7])]);
        let at = itself.len() - 16;
        itself[at..at + 2].copy_from_slice(&[0xC0, u8::try_from(at).unwrap()]);
        assert!(asked.read(ID, &itself).is_err(), "a pointer to itself");
        assert!(read(RecordKind::A, 0, &[("", 1, vec![192, 0, 2])]).is_err(), "three bytes are no address");
        let named = read(RecordKind::Ptr, 0, &[("", 12, vec![4, 27, b'[', b'.', 0xFF, 0])]);
        assert_eq!(named, Ok(Reply::Answer(DnsAnswer::Names(vec!["\\027\\091\\046\\255".to_owned()]))));
    }

    #[test]
    fn hundreds_of_records_are_kept_within_bounds() {
        let records: Vec<_> =
            (0..600_u16).map(|n| ("", 1, vec![10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]])).collect();
        let Ok(Reply::Answer(DnsAnswer::Addresses { addresses, .. })) = read(RecordKind::A, 0, &records) else {
            panic!("addresses")
        };
        assert_eq!(addresses.len(), KEPT);
    }

    #[test]
    fn names_that_no_message_holds_are_not_asked_for() {
        for name in [String::new(), "a..b".to_owned(), "a".repeat(64), ["a"; 130].join(".")] {
            assert_eq!(DnsQuestion { name, kind: RecordKind::A }.encode(ID), None);
        }
        let reverse = DnsQuestion::name_of("192.0.2.7".parse().unwrap());
        assert_eq!(reverse.name, "7.2.0.192.in-addr.arpa");
        let six = DnsQuestion::name_of("2001:db8::7".parse().unwrap());
        assert!(six.name.starts_with("7.0.0.0.") && six.name.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"), "{}", six.name);
        assert!(six.encode(ID).is_some());
        assert_eq!(
            [reverse.address(), six.address()].map(|found| found.unwrap().to_string()),
            ["192.0.2.7", "2001:db8::7"]
        );
        assert_eq!(question(RecordKind::Ptr).address(), None);
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(mut message: Vec<u8>, as_answer: bool) {
            let asked = question(RecordKind::A);
            let _ = asked.read(ID, &message);
            if as_answer {
                let mut whole = asked.encode(ID).unwrap();
                whole[2] = 0x80;
                whole[7] = 9;
                whole.append(&mut message);
                let _ = asked.read(ID, &whole);
            }
        }
    }
}
