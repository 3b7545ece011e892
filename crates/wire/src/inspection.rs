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
pub fn product(issuer: &str) -> Option<&'static str> {
    let issuer = issuer.to_lowercase();
    known().find(|(part, _)| issuer.contains(&part.to_lowercase())).map(|(_, product)| product)
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
        assert_eq!(product("CN=Corp Example Issuing CA"), None);
        assert!(is_word("zscaler") && is_word("coat") && !is_word("") && !is_word("server01"));
    }
}
