//! How a connection ended, as a word of the report.

use wire::machine::End;

/// Says in the report how a connection ended.
pub(super) fn end_word(end: End) -> &'static str {
    match end {
        End::Fin => "fin",
        End::Rst => "rst",
    }
}
