//! Rules of the firewall: their effect stays, their authors and the people they are for do not.

use std::net::IpAddr;

use wire::redaction::Names;

use super::{REDACTED, one_of, security};
use crate::firewall;

/// Value names that Windows itself gives to the rules of Remote Desktop.
const OWN: &[&str] = &[
    "RemoteDesktop-UserMode-In-TCP",
    "RemoteDesktop-UserMode-In-UDP",
    "RemoteDesktop-In-TCP",
    "RemoteDesktop-In-TCP-WS",
    "RemoteDesktop-In-TCP-WSS",
    "RemoteDesktop-Shadow-In-TCP",
];
/// Words that stand for addresses, ports, interfaces or a kind of protection ([MS-GPFAS] 2.2.2).
const WORDS: &[&str] = &[
    "TRUE",
    "FALSE",
    "In",
    "Out",
    "Allow",
    "Block",
    "ByPass",
    "Domain",
    "Private",
    "Public",
    "LocalSubnet",
    "DNS",
    "DHCP",
    "WINS",
    "DefaultGateway",
    "IntErnet",
    "IntrAnet",
    "RmtIntrAnet",
    "Ply2Renders",
    "RPC",
    "RPC-EPMap",
    "Teredo",
    "IPTLSIn",
    "IPHTTPSIn",
    "IPTLSOut",
    "IPHTTPSOut",
    "Ply2Disc",
    "mDNS",
    "Lan",
    "Wireless",
    "RemoteAccess",
    "Authenticate",
    "AuthenticateEncrypt",
    "AuthenticateNoEncap",
    "AuthDynEnc",
    "App",
    "User",
    "*",
    "",
];
/// Fields that hold one of these words or a number.
const PLAIN: &[&str] = &[
    "Action",
    "Active",
    "Dir",
    "Protocol",
    "Profile",
    "LPort",
    "LPort2_10",
    "RPort",
    "RPort2_10",
    "ICMP4",
    "ICMP6",
    "IFType",
    "Edge",
    "Defer",
    "Security",
    "Security2",
    "Security2_9",
    "AuthByPassOut",
];
/// Fields with addresses.
const ADDRESSES: &[&str] = &["RA4", "RA6", "LA4", "LA6", "RA42", "RA62"];
/// Keeps or replaces the name of a value that holds a rule.
pub(crate) fn own(name: &str) -> bool {
    one_of(OWN, name).is_some()
}

/// Renames addresses and accounts in a rule, and removes free text.
pub(crate) fn renamed(rule: &str, names: &mut Names) -> String {
    let mut fields = rule.split('|');
    let version = fields.next().unwrap_or_default();
    let digits = version.strip_prefix('v').unwrap_or(version);
    let plain = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let mut kept = vec![match (plain, version.starts_with('v')) {
        (true, _) => version.to_owned(),
        (false, true) => "v".to_owned(),
        (false, false) => REDACTED.to_owned(),
    }];
    kept.extend(fields.filter_map(|field| renamed_field(field, names)));
    if rule.ends_with('|') {
        kept.push(String::new());
    }
    kept.join("|")
}

fn renamed_field(field: &str, names: &mut Names) -> Option<String> {
    let (key, value) = field.split_once('=')?;
    let is = |known: &str| key.eq_ignore_ascii_case(known);
    if PLAIN.iter().any(|known| is(known)) {
        return Some(format!("{key}={}", plain(value)));
    }
    if let Some(known) = ADDRESSES.iter().find(|known| **known == key) {
        return Some(format!("{known}={}", addresses(value, names)));
    }
    match key {
        _ if is("App") => Some(format!("{key}={}", program(value))),
        _ if is("Svc") => Some(format!("{key}={}", service(value))),
        _ if is("Name") => Some(format!("{key}={}", resource(value))),
        "IF" => Some(format!("{key}={}", names.identifier(value))),
        "RUAuth" => Some(format!("{key}={}", security::renamed(value, names))),
        // its presence may limit the rule
        _ => firewall::limit(key).map(|limit| format!("{limit}={REDACTED}")),
    }
}

/// Keeps a known word, a number, or a range of ports.
fn plain(value: &str) -> String {
    let number = |text: &str| text.parse::<u16>().is_ok();
    let range = value.split_once('-').is_some_and(|(from, to)| number(from) && number(to));
    let known = number(value) || range || one_of(WORDS, value).is_some();
    if known { value.to_owned() } else { REDACTED.to_owned() }
}

fn program(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let known = ["system", r"%systemroot%\system32\svchost.exe", r"c:\windows\system32\svchost.exe", ""];
    match lower.as_str() {
        path if known.contains(&path) => value.to_owned(),
        r"%systemroot%\system32\mstsc.exe" => value.to_owned(),
        path if path.ends_with(r"\svchost.exe") => format!(r"{REDACTED}\svchost.exe"),
        path if path.ends_with(r"\mstsc.exe") => format!(r"{REDACTED}\mstsc.exe"),
        _ => REDACTED.to_owned(),
    }
}

fn service(value: &str) -> String {
    let known = value == "*" || one_of(crate::places::SERVICES, value).is_some();
    if known { value.to_owned() } else { REDACTED.to_owned() }
}

/// Keeps a reference to a text of Windows.
fn resource(value: &str) -> String {
    let number = value.strip_prefix("@FirewallAPI.dll,-").or_else(|| value.strip_prefix("@firewallapi.dll,-"));
    let known = number.is_some_and(|digits| digits.len() <= 6 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    if known { value.to_owned() } else { REDACTED.to_owned() }
}

/// Renames an address, a network with mask or prefix, or a range; keeps a word.
fn addresses(value: &str, names: &mut Names) -> String {
    if let Some(word) = one_of(WORDS, value) {
        return word;
    }
    let mut one = |text: &str| text.parse().ok().map(|address: IpAddr| names.address(address).to_string());
    let renamed = if let Some((network, mask)) = value.split_once('/') {
        let size = mask.parse::<u8>().is_ok_and(|bits| bits <= 128) || mask.parse().is_ok_and(is_mask);
        one(network).filter(|_| size).map(|network| format!("{network}/{mask}"))
    } else if let Some((from, to)) = value.split_once('-') {
        one(from).zip(one(to)).map(|(from, to)| format!("{from}-{to}"))
    } else {
        one(value)
    };
    renamed.unwrap_or_else(|| REDACTED.to_owned())
}

/// True if ones are followed by zeros only.
fn is_mask(mask: std::net::Ipv4Addr) -> bool {
    u32::from(mask).leading_ones() + u32::from(mask).trailing_zeros() == 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::{Profile, Rule, judge};

    fn redacted(rule: &str) -> String {
        let mut names = Names::default();
        let _ = renamed(rule, &mut names);
        names.settle();
        renamed(rule, &mut names)
    }

    #[test]
    fn what_somebody_wrote_goes() {
        let rule = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|LPort=3389|RA4=10.1.2.3/255.255.255.0|RA4=LocalSubnet|RA4=10.1.2.3-10.1.2.9|RA6=fd12:3::9|App=C:\Users\alice\svchost.exe|Svc=termservice|Name=RDP for Alice|Desc=ask alice|EmbedCtxt=Contoso|LUOwn=S-1-5-21-1-2-3-1104|RUAuth=O:LSD:(A;;CC;;;S-1-5-21-1-2-3-1104)|";
        let expected = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|LPort=3389|RA4=192.0.2.1/255.255.255.0|RA4=LocalSubnet|RA4=192.0.2.1-192.0.2.2|RA6=2001:db8::3|App=(redacted)\svchost.exe|Svc=termservice|Name=(redacted)|LUOwn=(redacted)|RUAuth=O:LSD:(A;;CC;;;S-1-5-21-0-0-1-1001)|";
        assert_eq!(redacted(rule), expected);
        assert_eq!(redacted(expected), expected);
        assert_eq!(
            redacted("v2.0|Dir=In|Name=@FirewallAPI.dll,-28775|RA4alice=1|x"),
            "v2.0|Dir=In|Name=@FirewallAPI.dll,-28775|Limit=(redacted)"
        );
    }

    proptest::proptest! {
        #[test]
        fn it_lets_in_what_it_let_in(
            fields in proptest::collection::vec(
                "(Action|Active|Dir|Profile|LPort|Protocol|Svc|App|RA4|IFType|RPort|Name|Security|RMauth|LUAuth|Platform2|AppPkgId|LSM|q)=\
                 (Allow|Block|TRUE|In|Domain|Public|3389|3000-4000|6|17|termservice|\\*|System|C:\\\\q\\\\svchost.exe|q|RPC|10.0.0.9)",
                0..9,
            ),
        ) {
            for start in ["v2.30|Action=Allow|Active=TRUE|Dir=In|", "v2.30|Action=Block|Active=TRUE|Dir=In|", "v2|", ""] {
                let rule = format!("{start}{}|", fields.join("|"));
                let after = redacted(&rule);
                proptest::prop_assert_eq!(redacted(&after), after.clone());
                for profile in Profile::ALL {
                    let kind = |text: &str| {
                        let rules: Vec<Rule> = Rule::parse(text).into_iter().collect();
                        std::mem::discriminant(&judge(&rules, 3389, profile))
                    };
                    proptest::prop_assert_eq!(kind(&rule), kind(&after), "{} {}", rule, after);
                }
            }
        }
    }
}
