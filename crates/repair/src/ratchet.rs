//! The ratchet: settings that matter for security, each with its order from weak to strong. No plan lowers one.

use std::net::IpAddr;

use evidence::ciphers::may_name_suites;
use evidence::state::POWERFUL;

use crate::place::{Held, Opened, Place};

/// Direction of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// At least as strong as before, or of no weight for security.
    Kept,
    /// Weaker, or nobody can tell: the reason.
    Weaker(String),
}

/// Compares what a place is to hold with what it holds.
pub fn compare(place: &Place, before: &Held, after: &Held) -> Turn {
    match place {
        Place::File { .. } => file(before, after),
        Place::Rights { .. } => rights(before, after),
        Place::Member { group, user, .. } if *after == Held::Present && POWERFUL.contains(&group.as_str()) => {
            Turn::Weaker(format!("the group {group} would give {user} far more than a key"))
        }
        Place::Ini { name, .. } => ordered(&setting(name), name, before, after),
        Place::Gnome { name } => ordered(&gnome(name), name, before, after),
        Place::Registry { key, name } => ordered(&registry(key, name), name, before, after),
        Place::Nftables { rule, .. } => nftables(rule, before, after),
        Place::Opening { rules, .. } => opening(rules, before, after),
        Place::Member { .. } | Place::Service { .. } => Turn::Kept,
    }
}

/// A rule that lets packets in is weaker, unless it is for named addresses alone; so is the end of one that keeps them
/// out.
fn nftables(rule: &str, before: &Held, after: &Held) -> Turn {
    let words: Vec<&str> = rule.split_whitespace().collect();
    let narrow = words.windows(3).any(|three| three[1] == "saddr" && is_narrow(three[2]));
    let comes = *before == Held::Absent && *after == Held::Present;
    match (words.last().copied(), comes) {
        (Some("accept"), true) if !narrow => Turn::Weaker("it would let in any address".to_owned()),
        (Some("accept"), _) | (Some("drop" | "reject"), true) => Turn::Kept,
        (Some("drop" | "reject"), false) => Turn::Weaker("it would let in what is kept out".to_owned()),
        _ => Turn::Weaker("it is not known what this rule does".to_owned()),
    }
}

/// Rules that let in come for few addresses. What the tool writes for them into its files, the hand compares.
fn opening(rules: &[Opened], before: &Held, after: &Held) -> Turn {
    let (Held::Opening { there: false, .. }, Held::Opening { there: true, .. }) = (before, after) else {
        return Turn::Weaker("it is not known what this does to the firewall".to_owned());
    };
    match rules.iter().find(|rule| !is_narrow(&rule.from)) {
        Some(Opened { from, .. }) => {
            Turn::Weaker(format!("{from} is no address and no network of a size that lets in only some"))
        }
        None => Turn::Kept,
    }
}

/// True for an address, or a network that is no larger than the largest private ones.
pub fn is_narrow(from: &str) -> bool {
    let (address, size) = from.split_once('/').map_or((from, None), |(address, size)| (address, Some(size)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let (least, whole) = match address {
        IpAddr::V4(_) => (8, 32),
        // fd00::/8 is nobody's but one's own
        IpAddr::V6(six) => (if six.segments()[0] & 0xFE00 == 0xFC00 { 8 } else { 16 }, 128),
    };
    let digits = |size: &str| size.bytes().all(|digit| digit.is_ascii_digit());
    let bits = size.map_or(Some(whole), |size| size.parse().ok().filter(|_| digits(size)));
    // networks in which addresses of IPv4 stand for themselves: ::ffff:0:0/96, 64:ff9b::/32, 2002::/16
    let least = match address {
        IpAddr::V6(six) if matches!(six.segments()[0], 0 | 0x64 | 0x2002) => whole,
        _ => least,
    };
    !address.is_unspecified() && bits.is_some_and(|bits: u8| (least..=whole).contains(&bits))
}

/// Order of a setting: its strength, the higher the stronger; `None` for a setting of no weight.
enum Order {
    /// No weight for security.
    Free,
    /// Strength of what it holds; `None` where that makes no sense.
    By(fn(&Held) -> Option<u32>),
    /// It matters, and no order of its values is known.
    Unknown,
    /// It matters, and all that is known is which value comes of itself, and which ones have no effect but that nobody
    /// gets in.
    Mended { void: fn(&Held) -> bool, usual: fn(&Held) -> bool },
}

fn ordered(order: &Order, name: &str, before: &Held, after: &Held) -> Turn {
    match order {
        Order::Free => Turn::Kept,
        Order::Mended { void, usual } if usual(after) && (void(before) || usual(before)) => Turn::Kept,
        Order::Unknown | Order::Mended { .. } => {
            Turn::Weaker(format!("nobody can say in general which {name} is the stronger one"))
        }
        Order::By(strength) => match (strength(before), strength(after)) {
            (_, None) => Turn::Weaker(format!("it is not known how strong the new {name} is")),
            (Some(before), Some(after)) if after < before => {
                Turn::Weaker(format!("{name} is a setting for security, and this is the weaker one"))
            }
            _ => Turn::Kept,
        },
    }
}

/// Returns the order of a setting of xrdp.ini.
fn setting(name: &str) -> Order {
    match name.to_ascii_lowercase().as_str() {
        "security_layer" => Order::By(|held| match word(held).as_str() {
            "rdp" => Some(0),
            "tls" => Some(2),
            // anything else, and nothing, is taken for `negotiate`
            _ => Some(1),
        }),
        "crypt_level" => Order::By(|held| match word(held).as_str() {
            "none" => Some(0),
            "low" => Some(1),
            "medium" => Some(2),
            // its own value where none stands
            "" | "high" => Some(3),
            "fips" => Some(4),
            _ => None,
        }),
        "ssl_protocols" => Order::By(|held| {
            let weight = |one: &str| match one.trim() {
                "sslv3" => Some(0),
                "tlsv1" => Some(1),
                "tlsv1.1" => Some(2),
                "tlsv1.2" => Some(3),
                "tlsv1.3" => Some(4),
                _ => None,
            };
            let text = word(held);
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            // as it comes: 1.2 and 1.3; xrdp passes over a word that it does not know
            if text.is_empty() { Some(3) } else { words.filter_map(weight).min() }
        }),
        // a list that names no suite lets nobody in: what OpenSSL takes by itself is no weaker
        "tls_ciphers" => Order::Mended {
            void: |held| matches!(held, Held::Absent) || matches!(held, Held::Text(list) if !may_name_suites(list)),
            usual: |held| matches!(held, Held::Text(list) if list.trim() == "DEFAULT"),
        },
        "port" => Order::By(|held| Some(u32::from(stays_inside(&word(held))))),
        _ => Order::Free,
    }
}

/// Returns the order of a setting of GNOME Remote Desktop. Whoever may only look cannot do anything.
fn gnome(name: &str) -> Order {
    match name {
        "tls-cert" | "tls-key" => Order::Free,
        _ => Order::Unknown,
    }
}

/// True if every address of xrdp's `port` is one that other machines do not reach.
fn stays_inside(port: &str) -> bool {
    let inside = |one: &str| {
        ["tcp://127.", "tcp://.:", "tcp6://.:", "tcp6://{::1}", "unix:", "vsock:"].iter().any(|at| one.starts_with(at))
    };
    !port.is_empty() && port.split_whitespace().all(inside)
}

fn word(held: &Held) -> String {
    if let Held::Text(text) = held { text.trim().to_ascii_lowercase() } else { String::new() }
}

/// Returns the order of a value of Windows' registry. Policies have the names of the settings that they overrule.
fn registry(key: &str, name: &str) -> Order {
    let (key, name) = (key.to_ascii_lowercase(), name.to_ascii_lowercase());
    match name.as_str() {
        "securitylayer" | "userauthentication" | "minencryptionlevel" => Order::By(|held| number(held, 1)),
        // 2 lets through what an attacker may have changed; missing, it is 1 or stricter
        "allowencryptionoracle" => Order::By(|held| Some(2 - number(held, 1)?.min(2))),
        // 0 connects without a word, 2 asks, 1 refuses
        "authenticationlevel" => Order::By(|held| {
            Some(match number(held, 2)? {
                0 => 0,
                2 => 1,
                1 => 2,
                _ => return None,
            })
        }),
        "enabled" | "disabledbydefault" if key.contains(r"schannel\protocols\") => schannel(&key, &name),
        _ => Order::Free,
    }
}

/// Old versions are stronger switched off, current ones switched on.
fn schannel(key: &str, name: &str) -> Order {
    let current = key.contains("tls 1.2") || key.contains("tls 1.3");
    let switches_on = name == "enabled";
    if current == switches_on {
        Order::By(|held| Some(u32::from(number(held, 1)? != 0)))
    } else {
        Order::By(|held| Some(u32::from(number(held, 0)? == 0)))
    }
}

/// Reads a `REG_DWORD`; `missing` is what counts where there is none.
fn number(held: &Held, missing: u32) -> Option<u32> {
    match held {
        Held::Absent => Some(missing),
        Held::Value { kind: 4, data } => Some(u32::from_le_bytes(data.as_slice().try_into().ok()?)),
        _ => None,
    }
}

/// A group that has nobody in it but the user who needs the file may read it, in place of a powerful one: the hand
/// looks at who is in both. Of what others may do, nothing is added.
fn rights(before: &Held, after: &Held) -> Turn {
    let (Held::Rights { mode: was, uid: owner, .. }, Held::Rights { mode, uid, .. }) = (before, after) else {
        return Turn::Weaker("it is not known which rights it had".to_owned());
    };
    if mode & !was & !0o040 != 0 {
        Turn::Weaker(format!("its mode would be {mode:04o} instead of {was:04o}"))
    } else if uid != owner {
        Turn::Weaker("it would belong to somebody else".to_owned())
    } else {
        Turn::Kept
    }
}

/// A file is weaker if others may do with it what they could not do before, or if a private key can be read by anybody.
fn file(before: &Held, after: &Held) -> Turn {
    let Held::File { bytes, mode, uid, gid } = after else { return Turn::Kept };
    let key = bytes.windows(11).any(|window| window == b"PRIVATE KEY");
    if key && mode & 0o037 != 0 {
        return Turn::Weaker("a private key that others could read or change".to_owned());
    }
    if mode & 0o002 != 0 {
        return Turn::Weaker("anybody could change it".to_owned());
    }
    match before {
        Held::File { mode: was, uid: owner, gid: group, .. } => {
            if mode & !was & 0o6077 != 0 {
                Turn::Weaker(format!("its mode would be {mode:04o} instead of {was:04o}"))
            } else if (uid, gid) != (owner, group) {
                Turn::Weaker("it would belong to somebody else".to_owned())
            } else {
                Turn::Kept
            }
        }
        _ => Turn::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ini(name: &str) -> Place {
        Place::Ini { path: "/etc/xrdp/xrdp.ini".into(), section: "Globals".to_owned(), name: name.to_owned() }
    }

    fn value(key: &str, name: &str) -> Place {
        Place::Registry { key: key.to_owned(), name: name.to_owned() }
    }

    fn dword(number: u32) -> Held {
        Held::Value { kind: 4, data: number.to_le_bytes().to_vec() }
    }

    /// Checks an order from weak to strong, every pair of it.
    fn in_order(place: &Place, weak_to_strong: &[Held]) {
        for (low, weak) in weak_to_strong.iter().enumerate() {
            for strong in &weak_to_strong[low + 1..] {
                assert_eq!(compare(place, weak, strong), Turn::Kept, "{place}: {weak:?} to {strong:?}");
                let lowered = compare(place, strong, weak);
                assert!(matches!(lowered, Turn::Weaker(_)), "{place}: {strong:?} to {weak:?}");
            }
            assert_eq!(compare(place, weak, weak), Turn::Kept);
        }
    }

    #[test]
    fn every_setting_has_its_order() {
        let texts = |texts: &[&str]| texts.iter().map(|text| Held::Text((*text).to_owned())).collect::<Vec<_>>();
        in_order(&ini("security_layer"), &texts(&["rdp", "negotiate", " TLS "]));
        in_order(&ini("security_layer"), &[Held::Text("rdp".to_owned()), Held::Absent]);
        in_order(&ini("crypt_level"), &texts(&["none", "low", "medium", "high", "fips"]));
        in_order(&ini("ssl_protocols"), &texts(&["SSLv3, TLSv1.3", "TLSv1", "TLSv1.1, TLSv1.2", "TLSv1.2", "TLSv1.3"]));
        in_order(&ini("port"), &texts(&["3389", "tcp://127.0.0.1:3389"]));
        let listener = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
        in_order(&value(listener, "SecurityLayer"), &[dword(0), dword(1), dword(2)]);
        in_order(&value(listener, "UserAuthentication"), &[dword(0), Held::Absent]);
        in_order(&value(listener, "MinEncryptionLevel"), &[dword(1), dword(2), dword(3), dword(4)]);
        in_order(&value(r"HKLM\x\CredSSP\Parameters", "AllowEncryptionOracle"), &[dword(2), dword(1), dword(0)]);
        in_order(&value("HKCU", "AuthenticationLevel"), &[dword(0), dword(2), dword(1)]);
        let protocol = |version: &str| format!(r"HKLM\SCHANNEL\Protocols\{version}\Server");
        in_order(&value(&protocol("TLS 1.2"), "Enabled"), &[dword(0), dword(1)]);
        in_order(&value(&protocol("TLS 1.0"), "Enabled"), &[dword(1), dword(0)]);
        in_order(&value(&protocol("TLS 1.2"), "DisabledByDefault"), &[dword(1), dword(0)]);
    }

    #[test]
    fn what_cannot_be_weighed_is_no_way_out() {
        let ciphers = compare(&ini("tls_ciphers"), &Held::Absent, &Held::Text("ALL:@SECLEVEL=0".to_owned()));
        assert!(matches!(ciphers, Turn::Weaker(_)));
        let list = |before: &str, after: &str| {
            compare(&ini("tls_ciphers"), &Held::Text(before.to_owned()), &Held::Text(after.to_owned())) == Turn::Kept
        };
        assert!(list("HIHG", "DEFAULT") && list("\"HIGH\"", "DEFAULT") && list("DEFAULT", "DEFAULT"));
        assert!(!list("ECDHE+AESGCM", "DEFAULT") && !list("HIHG", "ALL") && !list("HIHG", "HIHG:ALL"));
        let versions = |before: &str| {
            let text = |text: &str| Held::Text(text.to_owned());
            compare(&ini("ssl_protocols"), &text(before), &text("TLSv1.2, TLSv1.3")) == Turn::Kept
        };
        // of what it does not know xrdp takes the rest
        assert!(versions("TLS1.2") && versions("TLSv1 foo") && !versions("foo, TLSv1.3"));
        let typo = compare(&ini("ssl_protocols"), &Held::Absent, &Held::Text("TLS1.2".to_owned()));
        assert!(matches!(typo, Turn::Weaker(_)));
        assert_eq!(compare(&ini("key_file"), &Held::Absent, &Held::Text("/k".to_owned())), Turn::Kept);
        let gnome =
            |name: &str| compare(&Place::Gnome { name: name.to_owned() }, &Held::Absent, &Held::Text("x".to_owned()));
        assert_eq!(gnome("tls-key"), Turn::Kept);
        assert!(matches!(gnome("view-only"), Turn::Weaker(_)));
        let text = Held::Value { kind: 1, data: vec![] };
        assert!(matches!(compare(&value("x", "SecurityLayer"), &dword(2), &text), Turn::Weaker(_)));
    }

    #[test]
    fn a_rule_that_lets_in_is_for_named_addresses() {
        let place = |rule: &str| Place::Nftables {
            family: "inet".to_owned(),
            table: "filter".to_owned(),
            chain: "input".to_owned(),
            rule: rule.to_owned(),
        };
        let comes = |rule: &str| compare(&place(rule), &Held::Absent, &Held::Present) == Turn::Kept;
        let goes = |rule: &str| compare(&place(rule), &Held::Present, &Held::Absent) == Turn::Kept;
        assert!(comes("ip saddr 192.0.2.0/24 tcp dport 3389 accept") && comes("tcp dport 3389 drop"));
        for wide in [
            "tcp dport 3389 accept",
            "ip saddr 0.0.0.0/0 accept",
            "ip saddr 128.0.0.0/1 accept",
            "ip saddr != 192.0.2.7 accept",
            "jump x",
        ] {
            assert!(!comes(wide), "{wide}");
        }
        assert!(goes("tcp dport 3389 accept") && !goes("tcp dport 3389 drop") && !goes("jump x"));
    }

    #[test]
    fn a_rule_of_a_tool_is_for_some_addresses() {
        let opening = |from: &str| Place::Opening {
            tool: "ufw".to_owned(),
            zone: String::new(),
            port: 3389,
            rules: vec![Opened { from: from.to_owned(), ahead_of: None }],
        };
        let held = |there| Held::Opening { there, files: Vec::new() };
        let comes = |from: &str| compare(&opening(from), &held(false), &held(true)) == Turn::Kept;
        for narrow in ["192.0.2.7", "192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32", "fd00::7", "fd00::/8"] {
            assert!(comes(narrow), "{narrow}");
        }
        for wide in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0",
            "128.0.0.0/1",
            "2000::/3",
            "any",
            "",
            "192.0.2.0/33",
            "192.0.2.0/x",
            "192.0.2.0/+8",
            "2002::/16",
            "64:ff9b::/96",
            "::ffff:0.0.0.0/96",
        ] {
            assert!(!comes(wide), "{wide}");
        }
        // a plan takes no rule away and changes no file beside
        assert_ne!(compare(&opening("192.0.2.7"), &held(true), &held(false)), Turn::Kept);
        assert_ne!(compare(&opening("192.0.2.7"), &held(true), &held(true)), Turn::Kept);
    }

    #[test]
    fn rights_on_a_file() {
        let place = Place::Rights { path: "/k".into(), folder: "/etc".into(), user: "xrdp".to_owned() };
        let rights = |mode, uid, gid| Held::Rights { mode, uid, gid };
        let kept = |before: &Held, after: &Held| compare(&place, before, after) == Turn::Kept;
        let shut = rights(0o600, 0, 0);
        assert!(kept(&shut, &rights(0o640, 0, 7)) && kept(&rights(0o640, 0, 0), &rights(0o640, 0, 7)));
        assert!(kept(&rights(0o600, 0, 5), &rights(0o640, 0, 7)) && kept(&rights(0o644, 0, 0), &rights(0o640, 0, 7)));
        for wider in [rights(0o644, 0, 0), rights(0o660, 0, 7), rights(0o640, 7, 7), rights(0o4600, 0, 0)] {
            assert!(!kept(&shut, &wider), "{wider:?}");
        }
        assert!(kept(&rights(0o640, 0, 4), &rights(0o640, 0, 7)) && !kept(&Held::Absent, &shut));
    }

    #[test]
    fn files_and_groups() {
        let file = |text: &str, mode, uid| Held::File { bytes: text.as_bytes().to_vec(), mode, uid, gid: 0 };
        let place = Place::file("/etc/x");
        let weaker = |before: &Held, after: &Held| matches!(compare(&place, before, after), Turn::Weaker(_));
        assert!(weaker(&file("a", 0o600, 0), &file("a", 0o640, 0)));
        assert!(weaker(&file("a", 0o600, 0), &file("a", 0o600, 7)));
        assert!(!weaker(&file("a", 0o644, 0), &file("b", 0o640, 0)));
        let key = "-----BEGIN PRIVATE KEY-----";
        assert!(weaker(&Held::Absent, &file(key, 0o644, 0)) && !weaker(&Held::Absent, &file(key, 0o640, 0)));
        assert!(weaker(&Held::Absent, &file("a", 0o666, 0)) && !weaker(&file("a", 0o600, 0), &Held::Absent));
        let member =
            |group: &str| Place::Member { folder: "/etc".into(), group: group.to_owned(), user: "xrdp".to_owned() };
        let joins = |group| compare(&member(group), &Held::Absent, &Held::Present);
        assert!(matches!(joins("root"), Turn::Weaker(_)) && joins("ssl-cert") == Turn::Kept);
    }
}
