//! Knows whose numbers a text may be about, beside those of Windows.

use std::collections::HashSet;

use super::read::Read;

/// Words for machines on which Microsoft's client is another one than mstsc.
const OTHER_CLIENTS: [&str; 7] = ["mac", "macos", "macbook", "ios", "ipad", "iphone", "android"];

/// Somebody who has numbers of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// FreeRDP, or a program around it.
    FreeRdp,
    /// A server of Linux, whose sessions end with statuses of other programs.
    LinuxHost,
    /// Kerberos.
    Kerberos,
    /// Microsoft's client on macOS, iOS or Android.
    OtherClient,
}

/// Those who are named in a text with these words.
pub(super) fn spoken_of(read: &Read, words: &HashSet<&str>) -> Vec<Numbering> {
    let named = [
        (Numbering::FreeRdp, read.lower.contains("freerdp")),
        (Numbering::LinuxHost, words.contains("xrdp") || words.contains("xrdp-sesman")),
        (Numbering::Kerberos, words.contains("kerberos")),
        (Numbering::OtherClient, OTHER_CLIENTS.iter().any(|word| words.contains(word))),
    ];
    named.into_iter().filter(|(_, named)| *named).map(|(who, _)| who).collect()
}
