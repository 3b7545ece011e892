//! `rdpdoctor explain` as people use it: exit statuses, typed and pasted text, hostile text, the JSON.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `explain` with this on its standard input.
fn explain(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
        .arg("explain")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a program that refuses the input does not read it to its end
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn told(arguments: &[&str], input: &[u8], status: i32, words: &str) -> String {
    let output = explain(arguments, input);
    let text = String::from_utf8(if status == 3 { output.stderr } else { output.stdout }).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{text}");
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowing.contains(words), "{arguments:?} does not say {words:?}:\n{text}");
    text
}

#[test]
fn what_is_known_is_0() {
    let text = told(&["0x904", "0x7"], b"", 0, "the 7 is not a proven verdict of the server");
    assert!(text.lines().count() <= 12, "{text}");
    let full = told(&["0x904", "0x7", "--full"], b"", 0, "is not: by itself an expired certificate");
    assert!(full.lines().count() <= 25, "{full}");
    for words in [&["0x904/0x7"][..], &["2308,7"], &["code", "0x904", "extended", "0x7"]] {
        assert_eq!(told(words, b"", 0, "pair/0x904/0x7"), text);
    }
    told(&["-1073741715"], b"", 0, "ntstatus/0xC000006D");
    told(&["-1073741715", "--format", "human"], b"", 0, "ntstatus/0xC000006D");
    told(&["event", "1026"], b"", 0, "event-client/1026");
    told(&["private-key-unusable"], b"", 0, "repair-machine-keys-access");
    told(&["renew-rdp-certificate", "--full"], b"", 0, "To go back");
    told(&["ERRINFO_LICENSE_NO_LICENSE"], b"", 0, "errinfo/0x102");
}

#[test]
fn what_is_not_known_is_2_and_nothing_is_made_up() {
    let text = told(&["0xDEADBEEF"], b"", 2, "0xDEADBEEF is not known here.");
    assert!(text.contains("nearest known") && !text.contains("next:") && !text.contains("causes:"), "{text}");
    told(&["no", "such", "thing"], b"", 2, "Nothing is known");
}

#[test]
fn words_find_claims_and_warn() {
    let text = told(&["rename", "MachineKeys"], b"", 0, "c15 (claim: dangerous)");
    assert!(text.contains("Do not rename the MachineKeys folder (following it does harm)"), "{text}");
    told(&["certifcate", "will", "not", "renew"], b"", 0, "certificate-will-not-renew");
    told(&["C15"], b"", 0, "c15 (claim: dangerous)");
    told(&["0x904", "write", "protected", "media"], b"", 0, "c02 (claim: false)");
    told(&["windows", "11", "hostname", "bug"], b"", 0, "c29 (claim: unproven)");
}

#[test]
fn wrong_use_is_3() {
    told(&[], b"", 3, "WORDS");
    told(&[" "], b"", 3, "it is empty");
    told(&["-"], b"", 3, "it is empty");
    told(&["-"], &vec![b'7'; 5_000_000], 3, "more than 4194304 bytes");
    told(&["-"], &[0, 1, 2, 3, b'a', 0, 0, 7].repeat(9_000), 3, "this is no text");
    told(&["0x904", "--format", "html"], b"", 3, "html");
}

/// A code typed in the wrong place still leads on.
#[test]
fn a_code_in_the_wrong_place_is_understood() {
    let program = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, text) = program(&["0x904"]);
    assert!(status == Some(3) && text.contains("rdpdoctor explain 0x904"), "{text}");
    let (status, text) = program(&["diagnose", "host", "--code", "0x904,0x7"]);
    assert!(status == Some(3) && text.contains("--code 0x904 --extended 0x7"), "{text}");
    let (_, text) = program(&["nonsense"]);
    assert!(!text.contains("rdpdoctor explain"), "{text}");
}

#[test]
fn a_message_can_be_pasted() {
    let dialog = "Fehlercode: 0x904\r\nErweiterter Fehlercode: 0x7\r\nZeitstempel (UTC): 05/22/25 10:34:03";
    told(&["-"], dialog.as_bytes(), 0, "pair/0x904/0x7");
    let wide: Vec<u8> = [0xFEFF].into_iter().chain(dialog.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    told(&["-"], &wide, 0, "pair/0x904/0x7");
    let xml = "<Event xmlns='x'><System><Provider Name='Schannel'/><EventID>36870</EventID></System>\
               <EventData><Data Name='ErrorCode'>0x8009030d</Data></EventData></Event>";
    let text = told(&["-", "--full"], xml.as_bytes(), 0, "event-schannel/36870");
    assert!(text.contains("hresult/0x8009030D") && text.contains("private-key-unusable"), "{text}");
}

#[test]
fn text_in_any_code_page_is_read() {
    let russian: Vec<u8> = vec![
        0xCF, 0xF0, 0xEE, 0xE8, 0xE7, 0xEE, 0xF8, 0xEB, 0xE0, b' ', 0xE2, 0xED, 0xF3, 0xF2, 0xF0, 0xE5, 0xED, 0xED,
        0xFF, 0xFF, b' ', 0xEE, 0xF8, 0xE8, 0xE1, 0xEA, 0xE0,
    ];
    told(&["-"], &russian, 0, "message/internal-error");
    let german = b"Die angeforderte Funktion wird nicht unterst\xFCtzt";
    told(&["-"], german, 0, "hresult/0x80090302");
    let chinese = [0xB3, 0xF6, 0xCF, 0xD6, 0xC1, 0xCB, 0xC4, 0xDA, 0xB2, 0xBF, 0xB4, 0xED, 0xCE, 0xF3];
    told(&["-"], &chinese, 0, "message/internal-error");
    let wide: Vec<u8> = "Fehlercode: 0x204".encode_utf16().flat_map(u16::to_le_bytes).collect();
    told(&["-"], &wide, 0, "disconnect/0x204");
}

/// A log of a megabyte whose one telling line stands at its end.
#[test]
fn a_long_paste_is_read_to_its_end() {
    let noise =
        "[20240319-00:20:44] [INFO ] Socket 12: AF_INET6 connection received from ::ffff:192.0.2.7 port 63913\n";
    let line = "[20240319-00:20:44] [ERROR] Cannot read private key file /etc/xrdp/key.pem: Permission denied\n";
    let text = noise.repeat(10_000) + line;
    told(&["-"], text.as_bytes(), 0, "ssl-cert");
}

#[test]
fn a_guide_can_be_read_in_the_program() {
    told(&["certificate", "will", "not", "renew"], b"", 0, "rdpdoctor explain certificate-will-not-renew --full");
    told(&["certificate-will-not-renew", "--full"], b"", 0, "# The certificate will not renew");
}

#[test]
fn what_was_pasted_never_paints_the_terminal() {
    let text = "0x904\u{1b}]0;owned\u{7} \u{202e}0xDEAD\u{200b}BEE1 \u{1b}[31mno";
    for format in ["human", "json"] {
        let output = explain(&["-", "--format", format], text.as_bytes());
        let printed = String::from_utf8(output.stdout).unwrap();
        let hidden = |letter: char| letter.is_control() && letter != '\n' || "\u{202e}\u{200b}".contains(letter);
        assert!(!printed.chars().any(hidden) && !printed.is_empty(), "{printed:?}");
    }
}

#[test]
fn json_is_the_published_form() {
    let text = told(&["0x904", "0x7", "--format", "json"], b"", 0, "\"schema\": \"rdpdoctor-explain/1\"");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/schema/rdpdoctor-explain-1.schema.json")).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&answer), keys(&schema["properties"]), "every published field is there, and no other");
    let entry = &answer["topics"][0]["entries"][0];
    assert_eq!(keys(entry), keys(&schema["$defs"]["Explained"]["properties"]));
    assert_eq!((&entry["number"], &entry["extended"], &entry["weak"]), (&2308.into(), &7.into(), &true.into()));
    let unknown = told(&["0xDEADBEEF", "--format", "json"], b"", 2, "\"known\": false");
    assert!(unknown.contains("nearest"), "{unknown}");
}
