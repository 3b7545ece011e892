//! Text between tags.

/// Escapes text for XML 1.0 and HTML, in attributes and between tags: characters that XML cannot hold become U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\t' => safe.push_str("&#9;"),
            '\n' => safe.push_str("&#10;"),
            '\r' => safe.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}

/// Checks that every tag opens and closes in order, with no bare `<` or `&`.
#[cfg(test)]
pub(super) fn well_formed(xml: &str) -> bool {
    let mut open = Vec::new();
    // after the declaration, or the document type of HTML
    let body = xml.split_once('>').map_or("", |(_, body)| body);
    for piece in body.split('<').skip(1) {
        let Some((tag, text)) = piece.split_once('>') else { return false };
        let bare = [tag, text].concat().split('&').skip(1).any(|after| !after.contains(';'));
        if bare || tag.matches('"').count() % 2 == 1 {
            return false;
        }
        match tag.strip_prefix('/') {
            Some(name) if open.pop() == Some(name) => {}
            Some(_) => return false,
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap_or_default()),
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_closed_in_order_is_well_formed() {
        assert!(well_formed("<?xml?><a><b c=\"d\"/></a>"));
        assert!(!well_formed("<?xml?><a><b></a></b>") && !well_formed("<?xml?><a b=\"</a>"));
        assert!(!well_formed("<?xml?><a>&</a>"));
    }

    #[test]
    fn no_text_becomes_a_tag() {
        assert_eq!(escaped("<script a=\"'&"), "&lt;script a=&quot;&apos;&amp;");
        assert_eq!(escaped("\u{0}\n\u{ffff}"), "\u{fffd}&#10;\u{fffd}");
    }
}
