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
/// An authority of Active Directory carries its domain (`DC=`) in its name and inspecting products do not: who makes
/// such a product, or has named a domain like one, has authorities too.
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

/// The words of the products that stand in this part of an issuer's name: they are no names of machines or people, so
/// redaction keeps them there, and nowhere else.
pub(crate) fn words_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let parts = known().map(|(part, _)| part).filter(|part| stands_in(&text, &part.to_lowercase()));
    parts.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '-')).collect()
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
        assert_eq!(words_in("a Blue Coat appliance"), ["Blue", "Coat"]);
        assert!(words_in("web.gateway.blue-sky.example").is_empty());
    }
}
