//! Pseudonyms for names and identifiers, addresses of documentation for addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sha1::{Digest, Sha1};

use super::labels::Labels;
use super::numbers::Numbers;
use crate::{dns, hex, inspection};

/// Labels that say nothing about anybody.
const PUBLIC: &[&str] = &[
    "com",
    "net",
    "org",
    "local",
    "localhost",
    "lan",
    "internal",
    "example",
    "invalid",
    "test",
    "corp",
    "workgroup",
    dns::NOBODY,
];

/// Accounts of services that are the same on every machine and whose identifiers are long: `NT SERVICE\TermService`.
const SERVICE_SIDS: &[&str] = &["S-1-5-80-0", "S-1-5-80-446051430-1559341753-4161941529-1950928533-810483104"];
/// Below this the last number of a domain's SID means the same in every domain ([MS-DTYP] 2.4.2.4).
const WELL_KNOWN: u32 = 1000;
/// Names, addresses and identifiers that have been met, and what each becomes.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub(super) labels: Labels,
    addresses: Numbers<IpAddr>,
    identifiers: Numbers<String>,
    thumbprints: Numbers<String>,
    key_files: Numbers<String>,
    keys: Numbers<Vec<u8>>,
    domains: Numbers<String>,
    accounts: Numbers<String>,
    /// Thumbprints of certificates that were renamed, before and after.
    certificates: BTreeMap<String, String>,
    /// Labels that are known to stay.
    public: BTreeSet<String>,
    settled: bool,
}

impl Names {
    /// Gives everything that has been met its pseudonym; none is the name of another.
    pub fn settle(&mut self) {
        self.labels.settle();
        self.addresses.settle();
        self.identifiers.settle();
        self.thumbprints.settle();
        self.key_files.settle();
        self.keys.settle();
        self.domains.settle();
        self.accounts.settle();
        self.settled = true;
    }

    /// Replaces every label of a name; what stands between labels stays. The length stays too, in every encoding.
    pub fn text(&mut self, name: &str) -> String {
        let mut renamed = String::with_capacity(name.len());
        for piece in pieces(name) {
            if is_label(piece) { renamed.push_str(&self.label(piece)) } else { renamed.push_str(piece) }
        }
        renamed
    }

    pub(super) fn label(&mut self, label: &str) -> String {
        let key = label.to_lowercase();
        if !self.public.contains(&key) {
            if !PUBLIC.contains(&key.as_str()) {
                return self.labels.rename(label);
            }
            self.public.insert(key);
        }
        label.to_owned()
    }

    /// Renames a part of the issuer's name of a certificate that TLS inspection made: the product stays, unless it is
    /// the name of somebody elsewhere.
    pub fn issuer(&mut self, name: &str) -> String {
        let kept = inspection::words_in(name);
        let renamed = pieces(name).map(|piece| {
            let product = kept.iter().any(|word| word.eq_ignore_ascii_case(piece)) && !self.labels.knows(piece);
            if is_label(piece) && !product { self.label(piece) } else { piece.to_owned() }
        });
        renamed.collect()
    }

    /// Replaces the name of a person, of which no label is public.
    pub fn person(&mut self, name: &str) -> String {
        pieces(name).map(|piece| if is_label(piece) { self.labels.rename(piece) } else { piece.to_owned() }).collect()
    }

    /// Replaces a host as it is written, an address or a name, perhaps with a port. Brackets stay, a zone does not: it
    /// is the name of an interface, of use to nobody else.
    pub fn place(&mut self, written: &str) -> String {
        if let Some(renamed) = self.address_text(written) {
            return renamed;
        }
        match written.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => {
                format!("{}:{port}", self.text(name))
            }
            _ => self.text(written),
        }
    }

    /// An address as it is written, with another in its place; `None` for what is none.
    pub fn address_text(&mut self, written: &str) -> Option<String> {
        if let Ok(socket) = written.parse() {
            return Some(self.socket(socket).to_string());
        }
        let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let inner = bare.unwrap_or(written);
        let address = inner.split_once('%').map_or(inner, |(address, _)| address).parse().ok()?;
        let renamed = self.address(address);
        Some(if bare.is_some() { format!("[{renamed}]") } else { renamed.to_string() })
    }

    /// The address of documentation that stands for this one. Loopback and the unspecified address stay, and so do the
    /// addresses that stand for others: 192.0.2.0/24, 198.18.0.0/15 and 2001:db8::/32.
    pub fn address(&mut self, address: IpAddr) -> IpAddr {
        if let IpAddr::V6(six) = address
            && let Some(four) = six.to_ipv4_mapped()
        {
            return match self.address(four.into()) {
                IpAddr::V4(four) => four.to_ipv6_mapped().into(),
                other @ IpAddr::V6(_) => other,
            };
        }
        if address.is_loopback() || address.is_unspecified() {
            return address;
        }
        if let Some(number) = documentation(address) {
            self.addresses.take(number);
            return address;
        }
        let number = self.addresses.of(&address);
        let [high, low] = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
        match address {
            IpAddr::V4(_) if high == 0 => Ipv4Addr::new(192, 0, 2, low).into(),
            // RFC 2544: for benchmarks, as unreachable as the former
            IpAddr::V4(_) => Ipv4Addr::new(198, 18, high, low).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from_be_bytes([high, low])).into(),
        }
    }

    /// Replaces an address; its port stays.
    pub fn socket(&mut self, address: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.address(address.ip()), address.port())
    }

    /// A GUID, or anything else that identifies something, becomes a numbered GUID; braces stay.
    pub fn identifier(&mut self, written: &str) -> String {
        let bare = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let inner = bare.unwrap_or(written);
        if inner.is_empty() {
            return written.to_owned();
        }
        let number = match inner.strip_prefix("00000000-0000-0000-0000-").map(|last| numbered(last, 12)) {
            Some(Some(known)) => {
                self.identifiers.take(known);
                known
            }
            _ => self.identifiers.of(&inner.to_lowercase()),
        };
        let renamed = format!("00000000-0000-0000-0000-{number:012}");
        if bare.is_some() { format!("{{{renamed}}}") } else { renamed }
    }

    /// A thumbprint in hexadecimal becomes that of the certificate without names, where this certificate was met as
    /// well, and a numbered one elsewhere: it would lead to the certificate, and so to its owner, in public logs. One
    /// of zeros says that there is none, and stays.
    pub fn thumbprint(&mut self, written: &str) -> String {
        let key = written.to_lowercase();
        if key.chars().all(|digit| digit == '0') {
            return written.to_owned();
        }
        if let Some(renamed) = self.certificates.get(&key) {
            return renamed.clone();
        }
        let number = match numbered(&key, 40).filter(|_| key.starts_with(&"0".repeat(28))) {
            Some(known) => {
                self.thumbprints.take(known);
                known
            }
            None => self.thumbprints.of(&key),
        };
        format!("{number:040}")
    }

    /// The digits by which the file of a private key is named, made from the name of the key's container, become a
    /// number of as many digits.
    pub fn key_name(&mut self, digits: &str) -> String {
        let key = digits.to_lowercase();
        let number = match numbered(&key, 32).filter(|_| key.starts_with(&"0".repeat(20))) {
            Some(known) => {
                self.key_files.take(known);
                known
            }
            None => self.key_files.of(&key),
        };
        format!("{number:032}")
    }

    /// The number of a public key; `known` is what it has if it stands for another already.
    pub(super) fn key(&mut self, material: &[u8], known: Option<u32>) -> u32 {
        match known {
            Some(number) => {
                self.keys.take(usize::try_from(number).unwrap_or(usize::MAX));
                number
            }
            None => u32::try_from(self.keys.of(&material.to_vec())).unwrap_or(u32::MAX),
        }
    }

    /// The thumbprint of a certificate that was renamed: from now on [`Names::thumbprint`] says so.
    pub(super) fn renamed_certificate(&mut self, before: &[u8], after: &[u8]) {
        if self.settled {
            let thumbprint = |der: &[u8]| hex::encode(&Sha1::digest(der));
            self.certificates.insert(thumbprint(before), thumbprint(after));
        }
    }

    /// A SID. Those that mean the same on every machine stay; of a domain's or machine's own the domain becomes a
    /// number and the account as well, unless it is one that every domain has. `None` for what is no SID.
    pub fn sid(&mut self, written: &str) -> Option<String> {
        let written = written.to_ascii_uppercase();
        let parts: Vec<u64> = written.strip_prefix("S-1-")?.split('-').map(decimal).collect::<Option<_>>()?;
        let well_known = |part: &u64| u16::try_from(*part).is_ok();
        if SERVICE_SIDS.contains(&written.as_str()) || parts.len() <= 3 && parts.iter().all(well_known) {
            return Some(written);
        }
        let [5, 21, one, two, three, rest @ ..] = parts.as_slice() else {
            return Some(format!("S-1-5-21-0-0-0-{}", self.account(&written)));
        };
        let ours = (*one, *two) == (0, 0);
        let domain = match usize::try_from(*three) {
            Ok(known) if ours => {
                self.domains.take(known);
                known
            }
            _ => self.domains.of(&format!("{one}-{two}-{three}")),
        };
        Some(match rest {
            [] => format!("S-1-5-21-0-0-{domain}"),
            [account] if *account < u64::from(WELL_KNOWN) => format!("S-1-5-21-0-0-{domain}-{account}"),
            [account] if ours => {
                let number = usize::try_from(*account).unwrap_or(usize::MAX);
                self.accounts.take(number.saturating_sub(WELL_KNOWN as usize));
                written
            }
            _ => format!("S-1-5-21-0-0-{domain}-{}", self.account(&written)),
        })
    }

    fn account(&mut self, sid: &str) -> usize {
        self.accounts.of(&sid.to_owned()).saturating_add(WELL_KNOWN as usize)
    }
}

/// The number of an address that we give, 0 of another one that is reserved for the same purpose; `None` for all
/// others.
fn documentation(address: IpAddr) -> Option<usize> {
    match address {
        IpAddr::V4(four) => match four.octets() {
            [192, 0, 2, low] => Some(low.into()),
            [198, 18, high, low] => Some(u16::from_be_bytes([high, low]).into()),
            [198, 19, ..] => Some(0),
            _ => None,
        },
        IpAddr::V6(six) => match six.segments() {
            [0x2001, 0xDB8, 0, 0, 0, 0, 0, low] => Some(low.into()),
            [0x2001, 0xDB8, ..] => Some(0),
            _ => None,
        },
    }
}

/// The number that is written in exactly so many decimal digits.
fn numbered(text: &str, digits: usize) -> Option<usize> {
    let decimal = text.len() == digits && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| decimal)
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Labels and what stands between them.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| belongs(c) != belongs(first)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

/// Letters, digits, hyphen, underscore, and everything that is not ASCII.
pub(super) fn belongs(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

pub(super) fn is_label(piece: &str) -> bool {
    piece.chars().next().is_some_and(belongs)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Renames each after all of them have been met, and checks that renaming again changes nothing.
    pub(in crate::redaction) fn renamed(texts: &[&str], rename: impl Fn(&mut Names, &str) -> String) -> Vec<String> {
        let run = |texts: &[&str]| -> Vec<String> {
            let mut names = Names::default();
            for text in texts {
                let _ = rename(&mut names, text);
            }
            names.settle();
            texts.iter().map(|text| rename(&mut names, text)).collect()
        };
        let once = run(texts);
        assert_eq!(run(&once.iter().map(String::as_str).collect::<Vec<_>>()), once);
        once
    }

    #[test]
    fn every_label_becomes_one_of_its_own() {
        let names = ["srv.corp.example", "srv01", "SRV01", "a", "7"];
        assert_eq!(renamed(&names, Names::text), ["xx0.corp.example", "xxxx1", "XXXx1", "x", "7"]);
        assert_eq!(renamed(&["x1", "ab"], Names::text), ["x1", "x0"]);
        assert_eq!(renamed(&["test", "Kaspersky"], Names::person), ["xxx0", "Xxxxxxxx1"]);
    }

    #[test]
    fn addresses_stay_in_their_form() {
        let written = ["10.0.0.5:1", "[fe80::1%3]:50270", "fe80::1%eth0", "::ffff:10.0.0.5", "127.0.0.1", "192.0.2.1"];
        let expected =
            ["192.0.2.2:1", "[2001:db8::3]:50270", "2001:db8::3", "::ffff:192.0.2.2", "127.0.0.1", "192.0.2.1"];
        assert_eq!(renamed(&written, Names::place), expected);
        assert_eq!(renamed(&["srv:3390", "srv"], Names::place), ["xx0:3390", "xx0"]);
    }

    #[test]
    fn identifiers_are_numbered() {
        let guids = ["{6F9619FF-8B86-D011-B42D-00CF4FC964FF}", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", ""];
        let expected = ["{00000000-0000-0000-0000-000000000001}", "00000000-0000-0000-0000-000000000001", ""];
        assert_eq!(renamed(&guids, Names::identifier), expected);
        let thumbprints = ["5d".repeat(20), "5D".repeat(20), "00".repeat(20), format!("{:040}", 1)];
        let thumbprints: Vec<&str> = thumbprints.iter().map(String::as_str).collect();
        let new = renamed(&thumbprints, Names::thumbprint);
        assert_eq!((&new[0], &new[2], &new[3]), (&new[1], &"00".repeat(20), &format!("{:040}", 1)));
        assert_eq!(new[0], format!("{:040}", 2));
        let files = ["50dd7f001693c375a50cbf792350acde", "50DD7F001693C375A50CBF792350ACDE", &format!("{:032}", 1)];
        let (first, second) = (format!("{:032}", 1), format!("{:032}", 2));
        assert_eq!(renamed(&files, Names::key_name), [second.clone(), second, first]);
    }

    #[test]
    fn sids_of_windows_stay() {
        let sid = |names: &mut Names, text: &str| names.sid(text).unwrap();
        for stays in ["S-1-5-18", "S-1-5-32-544", "S-1-1-0", "S-1-16-12288", SERVICE_SIDS[1], "S-1-5-21-0-0-3-1004"] {
            assert_eq!(renamed(&[stays], sid), [stays]);
        }
        let own = ["S-1-5-21-11-22-33-500", "s-1-5-21-11-22-33-1104", "S-1-5-21-11-22-34", "S-1-12-1-9-9-9-9"];
        let expected = ["S-1-5-21-0-0-1-500", "S-1-5-21-0-0-1-1001", "S-1-5-21-0-0-2", "S-1-5-21-0-0-0-1002"];
        assert_eq!(renamed(&own, sid), expected);
        assert!(["", "S-1-", "S-1-x", "S-1-5-+1", "server"].iter().all(|text| Names::default().sid(text).is_none()));
    }

    /// Words of products that inspect TLS stay in the names of issuers alone.
    #[test]
    fn a_machine_called_like_a_product_is_a_machine() {
        assert_eq!(renamed(&["gateway.web.cisco.com"], Names::text), ["xxxxxx0.xx1.xxxx2.com"]);
        assert_eq!(renamed(&["Zscaler Root CA (corp)"], Names::issuer), ["Zscaler Xxx0 X1 (corp)"]);
        let mut names = Names::default();
        let _ = (names.text("sophos"), names.issuer("Sophos SSL CA"));
        names.settle();
        assert!(!names.issuer("Sophos SSL CA").to_lowercase().contains("sophos"));
    }
}
