//! Lists of cipher suites as OpenSSL reads them: whether one can name any suite at all. Source: ciphers(1) of OpenSSL.
//!
//! OpenSSL passes over words that it does not know, and refuses a list of which nothing is left.

/// Parts of the names of suites, and the words for sets of them; to the letter, as OpenSSL compares them.
const PARTS: &[&str] = &[
    "128",
    "256",
    "3DES",
    "ADH",
    "AEAD",
    "AECDH",
    "AES",
    "AES128",
    "AES256",
    "AESCCM",
    "AESCCM8",
    "AESGCM",
    "ALL",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "CBC3",
    "CCM",
    "CCM8",
    "CHACHA20",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "DEFAULT",
    "DES",
    "DH",
    "DHE",
    "DSS",
    "ECC",
    "ECDH",
    "ECDHE",
    "ECDSA",
    "EDH",
    "EECDH",
    "EXP",
    "EXP1024",
    "EXPORT",
    "EXPORT40",
    "EXPORT56",
    "FIPS",
    "FZA",
    "GCM",
    "HIGH",
    "IDEA",
    "KRB5",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "POLY1305",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "SEED",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SM2",
    "SM2DHE",
    "SM3",
    "SM4",
    "SRP",
    "SSLv2",
    "SSLv3",
    "STREEBOG256",
    "STREEBOG512",
    "TLSv1",
    "TLSv1.0",
    "TLSv1.1",
    "TLSv1.2",
    "TLSv1.3",
    "aDH",
    "aDSS",
    "aECDH",
    "aECDSA",
    "aKRB5",
    "aNULL",
    "aPSK",
    "aRSA",
    "aSRP",
    "eNULL",
    "kDH",
    "kDHE",
    "kDHEPSK",
    "kDHd",
    "kDHr",
    "kECDH",
    "kECDHE",
    "kECDHEPSK",
    "kECDHe",
    "kECDHr",
    "kEDH",
    "kEECDH",
    "kKRB5",
    "kPSK",
    "kRSA",
    "kRSAPSK",
    "kSRP",
];
/// Beginnings of names that some builds alone have, or that take a number.
const BEGINNINGS: [&str; 8] = ["GOST", "IANA-GOST", "KUZNYECHIK", "MAGMA", "PROFILE=", "SUITEB", "TLS_", "aGOST"];

/// True if a list may bring some suite: a word of it that adds suites is put together of parts that OpenSSL has. False
/// where no word is, as where the one word was mistyped.
pub fn may_name_suites(list: &str) -> bool {
    let mut adding = list.split([':', ',', ';', ' ']).filter(|word| !word.starts_with(['!', '-', '+', '@']));
    adding.any(|word| !word.is_empty() && known(word))
}

fn known(word: &str) -> bool {
    BEGINNINGS.iter().any(|start| word.starts_with(start))
        || word.contains("GOST")
        || word.split(['-', '+']).all(|part| PARTS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_mistyped_words_names_nothing() {
        for none in [
            "HIHG",
            "high",
            "\"HIGH\"",
            "HIGH.",
            "ECDHE-RSA-AES256-GCM-SHA385",
            "!aNULL:!MD5",
            "ECDHE_RSA_AES128",
            "",
            "HIHG:!aNULL:@STRENGTH",
        ] {
            assert!(!may_name_suites(none), "{none}");
        }
        for some in [
            "HIGH",
            "HIHG:ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE+AESGCM:!aNULL",
            "DEFAULT:@SECLEVEL=1",
            "PROFILE=SYSTEM",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "GOST2012-GOST8912-GOST8912",
            "RSA-PSK-AES256-CBC-SHA384",
            "MEDIUM LOW",
        ] {
            assert!(may_name_suites(some), "{some}");
        }
    }
}
