//! Products that open TLS connections on the way, known by the issuer of the certificates that they make.

/// Part of the issuer's name, product, source; one a line.
const ISSUERS: &str = include_str!("../data/inspection-issuers.txt");

/// The parts of issuers' names and the products.
fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = ISSUERS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut fields = line.split(" | ");
        Some((fields.next()?, fields.next()?))
    })
}

/// The product whose name stands in the issuer of a certificate.
///
/// An authority of Active Directory carries its domain (`DC=`) in its name and inspecting products do not: who makes such
/// a product, or has named a domain like one, has authorities too.
pub fn product(issuer: &str) -> Option<&'static str> {
    let issuer = issuer.to_lowercase();
    let domain = issuer.split(',').any(|part| part.trim_start().starts_with("dc="));
    known().find(|(part, _)| !domain && stands_in(&issuer, &part.to_lowercase())).map(|(_, product)| product)
}

/// True if `part` stands in `text` and does not begin in the middle of a word; products write their names on
/// (`FortiGateCA`).
fn stands_in(text: &str, part: &str) -> bool {
    text.match_indices(part).any(|(at, _)| !text.get(..at).unwrap_or_default().ends_with(char::is_alphabetic))
}

/// True for a word of such an issuer's name, in lower case: it names a product and nobody's machine, so redaction keeps it.
pub(crate) fn is_word(word: &str) -> bool {
    let words = |part: &'static str| part.split(|c: char| !c.is_alphanumeric() && c != '-');
    !word.is_empty() && known().flat_map(|(part, _)| words(part)).any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_whole_and_has_a_source() {
        let lines: Vec<_> = ISSUERS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(lines.len(), known().count());
        for line in lines {
            assert!(line.ends_with("| chromium") || line.ends_with("| memory"), "{line}");
        }
    }

    #[test]
    fn products_are_found_and_authorities_of_organisations_are_not() {
        assert_eq!(product("C=US, O=Zscaler Inc., CN=Zscaler Intermediate Root CA (example.net)"), Some("Zscaler"));
        assert_eq!(product("CN=FGT60E0000000000, O=FORTINET"), Some("Fortinet"));
        for other in [
            "CN=Corp Example Issuing CA",
            "C=DE, O=Philosophos Institut, CN=Philosophos CA",
            "DC=com, DC=sophos, CN=sophos-DC01-CA",
            "CN=corp-FORTIGATE-LAB-CA, DC=corp, DC=example",
        ] {
            assert_eq!(product(other), None, "{other}");
        }
        for one in
            ["CN=avast! Web/Mail Shield Root", "CN=IWSS.TREND", "CN=FortiGateCA", "O=Sophos, CN=Sophos SSL CA_X1"]
        {
            assert!(product(one).is_some(), "{one}");
        }
        assert!(is_word("zscaler") && is_word("coat") && !is_word("") && !is_word("server01"));
    }
}
