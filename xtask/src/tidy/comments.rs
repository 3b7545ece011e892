//! Rules for comments: their width, and how a doc comment begins.

use super::rust::line_comments;
use super::{Complaint, File};

/// Columns that a line with a comment may have; rustfmt keeps code to as many, and leaves comments alone.
const WIDEST: usize = 120;
/// Openings that help nobody on hover: a doc comment begins with a verb or a noun that says more than the name.
const OPENINGS: [&str; 7] = ["The same", "What", "So many", "So far", "Whom", "Whose", "The declaration"];

/// Finds comments beyond the width, and doc comments with an empty opening.
pub fn judge(file: &File) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    // the line and the mark of a doc comment that the next line would continue
    let mut continued = (0, "");
    for (line, column, comment) in line_comments(&file.text) {
        let mut say = |what: String| complaints.push(format!("{}:{line}: {what}", file.path));
        let width = column - 1 + comment.chars().count();
        if width > WIDEST && comment.trim_start_matches(['/', '!']).trim().contains(' ') {
            say(format!("a comment of {width} columns, at most {WIDEST}"));
        }
        let mark = if comment.starts_with("//!") { "//!" } else { "///" };
        let Some(text) = comment.strip_prefix(mark).filter(|_| !comment.starts_with("////")) else { continue };
        if continued != (line, mark)
            && let Some(opening) = opening(text.trim())
        {
            say(format!("a doc comment begins with a verb or a telling noun, not with `{opening}`"));
        }
        continued = (line + 1, mark);
    }
    complaints
}

fn opening(text: &str) -> Option<&'static str> {
    let whole = |opening: &&&str| {
        let rest = text.strip_prefix(**opening);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
    };
    OPENINGS.iter().find(whole).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<Complaint> {
        judge(&File { path: "a.rs".to_owned(), text: text.to_owned() })
    }

    #[test]
    fn openings_that_say_nothing_are_found() {
        for opening in OPENINGS {
            for doc in [format!("/// {opening} for two."), format!("fn a() {{}}\n    /// {opening}.\n    fn b() {{}}")]
            {
                assert_eq!(complaints(&doc).len(), 1, "{doc}");
            }
            assert_eq!(complaints(&format!("//! {opening} it is.")).len(), 1, "{opening}");
        }
        let told = complaints("/// Good.\nx;\n/// What it is.\ny;");
        assert_eq!(told, ["a.rs:3: a doc comment begins with a verb or a telling noun, not with `What`"]);
    }

    #[test]
    fn other_openings_and_other_comments_are_quiet() {
        for good in [
            "/// Returns one.\n/// What it is not.",
            "/// Whatever comes.",
            "// What this is",
            "//// What\n",
            "let a = \"\n/// What is text\n\";",
            "/// The samest.",
        ] {
            assert_eq!(complaints(good), Vec::<String>::new(), "{good}");
        }
        assert_eq!(complaints("//! Good.\n/// What?").len(), 1, "another kind of comment begins anew");
    }

    #[test]
    fn a_comment_has_a_width() {
        let wide = |columns: usize| format!("// é {}", "x".repeat(columns - 5));
        assert!(complaints(&wide(120)).is_empty());
        assert_eq!(complaints(&wide(121)), ["a.rs:1: a comment of 121 columns, at most 120"]);
        assert_eq!(complaints(&format!("{}x(); // a b", " ".repeat(112))).len(), 1, "beside code");
        assert!(complaints(&format!("// {}", "x".repeat(200))).is_empty(), "a word cannot be wrapped");
        assert!(complaints(&format!("let a = \"{} // b\";", "x".repeat(200))).is_empty(), "a text is no comment");
    }
}
