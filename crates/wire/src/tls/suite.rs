//! Cipher suites by number and name (IANA, TLS Cipher Suites registry).

/// Every suite that a Windows host since Server 2003 may choose, newest first: TLS 1.3, ECDHE and DHE with GCM and CBC,
/// RSA key exchange, 3DES and RC4 last. Offering them all asks "is there anything in common?".
pub const KNOWN: [(u16, &str); 30] = [
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
];

/// Some of the suites in [`KNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suites(u32);

impl Suites {
    /// All of them.
    pub const ALL: Self = Self(0x3FFF_FFFF);

    /// These suites; `None` if one is not in [`KNOWN`].
    pub fn of(codes: impl IntoIterator<Item = u16>) -> Option<Self> {
        codes.into_iter().try_fold(Self(0), |set, code| Some(Self(set.0 | bit(code)?)))
    }

    /// True if the suite is among them.
    pub fn contains(self, code: u16) -> bool {
        bit(code).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Their numbers, in the order of [`KNOWN`].
    pub fn codes(self) -> impl Iterator<Item = u16> {
        KNOWN.into_iter().map(|(code, _)| code).filter(move |code| self.contains(*code))
    }
}

fn bit(code: u16) -> Option<u32> {
    let place = KNOWN.iter().position(|(known, _)| *known == code)?;
    1_u32.checked_shl(u32::try_from(place).ok()?)
}

/// The suite's registered name.
pub fn name(code: u16) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

/// The suite of a registered name.
pub fn code(name: &str) -> Option<u16> {
    KNOWN.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
}

/// `TLS_AES_256_GCM_SHA384 (0x1302)`, or the number alone.
pub fn words(code: u16) -> String {
    name(code).map_or(format!("suite {code:#06x}"), |name| format!("{name} ({code:#06x})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        assert_eq!(Suites::of(KNOWN.map(|(code, _)| code)), Some(Suites::ALL));
        let some = Suites::of([0x002F, 0xC030]).unwrap();
        assert_eq!(some.codes().collect::<Vec<_>>(), [0xC030, 0x002F]);
        assert!(some.contains(0x002F) && !some.contains(0x0005) && !some.contains(0xFFFF));
        assert_eq!(Suites::of([0xFFFF]), None);
    }

    #[test]
    fn names_and_numbers_belong_together() {
        for (number, text) in KNOWN {
            assert_eq!((code(text), name(number)), (Some(number), Some(text)));
        }
        assert_eq!(
            (words(0x1302).as_str(), words(0xC0AF).as_str()),
            ("TLS_AES_256_GCM_SHA384 (0x1302)", "suite 0xc0af")
        );
    }
}
