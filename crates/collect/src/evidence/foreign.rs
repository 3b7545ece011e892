//! Names files that are not read: other kinds, and damaged files of ours.

use std::path::Path;

use super::text;

/// Names, and ends of names, that people or Windows give to files of a kind that we read.
const TELLING: [&str; 3] = ["system", "software", "ntuser.dat"];
const TELLING_ENDS: [&str; 5] = [".evtx", ".pcap", ".pcapng", ".rdp", ".zip"];

/// Kinds of files that nobody here reads: offset and value of their first bytes, and the words for them.
const KNOWN: &[(usize, &[u8], &str)] = &[
    (3, b"-FVE-FS-", "a volume that BitLocker has encrypted: unlock and mount it first"),
    (0, b"LUKS\xBA\xBE", "a volume that LUKS has encrypted: unlock and mount it first"),
    (3, b"NTFS    ", "the image of an NTFS volume: mount it first"),
    (0, b"\x1F\x8B", "compressed by gzip: unpack it first"),
    (0, b"\xFD7zXZ\0", "compressed by xz: unpack it first"),
    (0, b"\x28\xB5\x2F\xFD", "compressed by zstd: unpack it first"),
    (0, b"BZh", "compressed by bzip2: unpack it first"),
    (0, b"7z\xBC\xAF\x27\x1C", "a 7z archive: unpack it first"),
    (0, b"Rar!\x1A\x07", "a RAR archive: unpack it first"),
    (0, b"MSCF", "a cabinet: unpack it first"),
    (0, b"MSWIM\0\0\0", "a Windows image (WIM): mount it first"),
    (0, b"vhdxfile", "a virtual disk (VHDX): mount it first"),
    (0, b"conectix", "a virtual disk (VHD): mount it first"),
    (0, b"KDMV", "a virtual disk (VMDK): mount it first"),
    (0, b"QFI\xFB", "a virtual disk (QCOW2): mount it first"),
    (4, b"LfLe", "an event log of Windows before Vista, which this program does not read"),
    (0, b"regf", "the transaction log of a hive: name the hive itself, with this beside it"),
    (0, b"PAGEDU", "a memory dump, which this program does not read"),
    (0, b"MDMP", "a memory dump, which this program does not read"),
    (0, b"%PDF", "a PDF: export the events themselves (wevtutil epl LOG FILE.evtx)"),
    (0, b"\x89PNG", "a picture: type the message that it shows into rdpdoctor explain"),
    (0, b"\xFF\xD8\xFF", "a picture: type the message that it shows into rdpdoctor explain"),
    (0, b"\xD0\xCF\x11\xE0", "a document or an installer of Windows, which this program does not read"),
    (0, b"SQLite format 3", "a database, which this program does not read"),
];

/// Texts that nobody here reads: words that they begin with or hold near their beginning, all of them, and what to do
/// instead.
const TEXTS: &[(&[&str], &str)] = &[
    (&["[com.freerdp."], "a log of FreeRDP without times: rdpdoctor explain - < FILE tells what it means"),
    (&["guacd["], "a log of guacd without times: rdpdoctor explain - < FILE tells what it means"),
    (&["RSOP"], GPRESULT),
    (&["gpresult"], GPRESULT),
    (&["LocalPort", "RemotePort", "IcmpType"], PORTS),
    (&["Rule Name:", "Enabled:", "Direction:"], RULES),
];
const GPRESULT: &str = "a report of group policies (gpresult) in a form or language that this program does not read: write it \
                        as XML (gpresult /scope computer /x policies.xml /f, in a console of an administrator)";
const PORTS: &str = "ports of firewall rules without the rules that they belong to: write both (netsh advfirewall firewall show \
                     rule name=all verbose > rules.txt)";
const RULES: &str = "a list of firewall rules as text, which this program does not read: export them instead (netsh \
                     advfirewall export rules.wfw)";
const RULES_ELSEWHERE: &str = "a list of firewall rules in the words of another language, which this program does not guess: \
                               export them instead (netsh advfirewall export rules.wfw)";
/// Signs under the name of each rule in a list of netsh, whatever its language.
const UNDERLINE: &str = "----------------------------------------------------------------------";
/// Words for any other text.
const TEXT: &str = "text of no kind that this program knows: a message or a log is told by rdpdoctor explain - < FILE, events \
                    by their export (wevtutil epl LOG FILE.evtx)";

/// Names the kind of a file that begins like this, with what to do, where it is one that nobody here reads.
pub(super) fn named(head: &[u8]) -> Option<&'static str> {
    let begins = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    KNOWN.iter().find(|(at, bytes, _)| begins(*at, bytes)).map(|(.., words)| *words)
}

/// Says why a file that begins like this is not read.
pub(super) fn unknown(head: &[u8]) -> String {
    match named(head) {
        _ if head.is_empty() => "an empty file",
        Some(words) => words,
        None if head.iter().all(|byte| *byte == 0) => "nothing but zeros",
        None => as_text(head).unwrap_or("of no kind that this program knows"),
    }
    .to_owned()
}

/// Names a text by its words; `None` for what is no text.
fn as_text(head: &[u8]) -> Option<&'static str> {
    let text = text::beginning(head);
    let control = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t' | '\u{1b}');
    if text.trim().len() < 16 || text.chars().any(control) {
        return None;
    }
    let known = TEXTS.iter().find(|(words, _)| words.iter().all(|word| text.contains(word)));
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let listed = lines.next().is_some_and(|first| first.contains(':')) && lines.next() == Some(UNDERLINE);
    Some(known.map_or(if listed { RULES_ELSEWHERE } else { TEXT }, |(_, words)| *words))
}

/// True for a file whose name suggests a kind that we read: if it is not one, people want to know.
pub(super) fn telling(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    TELLING.contains(&name.as_str()) || TELLING_ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_named_where_that_is_cheap() {
        for (head, words) in [
            (&b""[..], "an empty file"),
            (&[0; 100], "zeros"),
            (b"\xEB\x58\x90-FVE-FS-", "BitLocker"),
            (b"\x1F\x8B\x08", "gzip"),
            (b"regf", "name the hive itself"),
            (b"hello", "no kind that this program knows"),
            (b"A letter about something else", "explain - < FILE"),
            (b"[08:01:02:123] [1:2] [ERROR][com.freerdp.core] - x", "log of FreeRDP"),
            (b"<html><title>DESKTOP - RSOP</title>", "gpresult /scope computer /x"),
            (b"Protocol : TCP\nLocalPort : 3389\nRemotePort : Any\nIcmpType : Any\n", "without the rules"),
            (b"Rule Name: a\nEnabled: Yes\nDirection: In\n", "netsh advfirewall export"),
            (b"\nRegelname:   a\n----------------------------------------------------------------------\nAktiviert: Ja\n", "another language"),
            (b"\x89PNG\r\n", "rdpdoctor explain"),
        ] {
            assert!(unknown(head).contains(words), "{head:?}");
        }
    }
}
