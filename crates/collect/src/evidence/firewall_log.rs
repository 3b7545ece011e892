//! The log of the Windows Firewall (`pfirewall.log`): which connections to the port of Remote Desktop it dropped, and
//! which it let in.
//!
//! Source: the log's own head, which names its fields ("#Fields: date time action protocol src-ip dst-ip src-port
//! dst-port …") and says that its times are local unless it says otherwise.

use std::io::{BufRead, BufReader, Read};

use super::dates::Dates;
use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::FirewallLog, recognises, read: Access::Stream(read) };

const FIELDS: &str = "#Fields:";
/// Most bytes of a line.
const LINE: u64 = 4096;
/// The port of Remote Desktop unless somebody chose another.
const PORT: &str = "3389";
const PROVIDER: &str = "Windows Firewall log";
const DROPPED: u32 = 90_001;
const ALLOWED: u32 = 90_002;

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    text.contains("Microsoft Windows Firewall") && text.contains(FIELDS)
}

/// Positions of the fields.
#[derive(Default)]
struct Fields {
    names: Vec<String>,
}

impl Fields {
    fn of<'a>(&self, words: &[&'a str], name: &str) -> &'a str {
        let place = self.names.iter().position(|known| known == name);
        place.and_then(|place| words.get(place)).copied().unwrap_or_default()
    }
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut lines = BufReader::new(text::Utf8::new(source));
    let (mut entries, mut dates, mut fields) = (Entries::default(), Dates::default(), Fields::default());
    let (mut line, mut packets) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(names) = text.trim_start_matches('\u{FEFF}').strip_prefix(FIELDS) {
            fields.names = names.split_whitespace().take(64).map(str::to_owned).collect();
            continue;
        }
        let words: Vec<&str> = text.split_whitespace().take(64).collect();
        if words.is_empty() || text.starts_with('#') {
            continue;
        }
        packets += 1;
        entries.take_if(entry(&fields, &words, &mut dates));
    }
    dates.notes().for_each(|words| entries.note(words));
    let states = entries.states(name);
    states.map_err(|_| ReadError::Contents(format!("none of its {packets} packets was for port {PORT}")))
}

/// Reads one packet, if it was for Remote Desktop here.
fn entry(fields: &Fields, words: &[&str], dates: &mut Dates) -> Option<Exported> {
    let of = |name: &str| fields.of(words, name);
    let incoming = matches!(of("path"), "RECEIVE" | "-" | "");
    if of("dst-port") != PORT || !incoming {
        return None;
    }
    let id = match of("action") {
        "DROP" => DROPPED,
        "ALLOW" => ALLOWED,
        _ => return None,
    };
    let time = format!("{} {}", of("date"), of("time"));
    dates.see(&time);
    let mut entry = Exported { at: dates.read(&time), provider: PROVIDER.to_owned(), id, ..Exported::default() };
    let peer = of("src-ip");
    let peer =
        if peer.contains(':') { format!("[{peer}]:{}", of("src-port")) } else { format!("{peer}:{}", of("src-port")) };
    entry.field("ClientIP", &peer);
    entry.field("Protocol", of("protocol"));
    Some(entry)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const HEAD: &str = "#Version: 1.5\r\n#Software: Microsoft Windows Firewall\r\n#Time Format: Local\r\n#Fields: date time action \
                        protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path pid\r\n\r\n";

    fn told(lines: &str) -> Result<Vec<(u32, String)>, String> {
        let text = format!("{HEAD}{lines}");
        assert!(recognises(text.as_bytes()));
        let pieces = read(&mut Cursor::new(text), "pfirewall.log").map_err(|error| error.to_string())?;
        let Piece::State(state) = &pieces[0] else { panic!() };
        assert!(state.unread[0].why.contains("no zone"));
        Ok(state.events.iter().map(|event| (event.id, event.data["ClientIP"].clone())).collect())
    }

    #[test]
    fn packets_to_the_port_are_told_and_others_are_not() {
        let told = told(
            "2026-11-20 08:01:02 DROP TCP 10.0.0.5 10.0.0.7 50123 3389 52 S 1 0 64240 - - - RECEIVE 4\r\n\
             2026-11-20 08:01:03 ALLOW TCP fd00::5 fd00::7 50124 3389 0 - 0 0 0 - - - RECEIVE 4\r\n\
             2026-11-20 08:01:04 DROP TCP 10.0.0.7 10.0.0.5 50125 3389 52 S 1 0 64240 - - - SEND 4\r\n\
             2026-11-20 08:01:05 DROP TCP 10.0.0.5 10.0.0.7 50126 445 52 S 1 0 64240 - - - RECEIVE 4\r\n\
             2026-11-20 08:01:06 DROP ICMP 10.0.0.5 10.0.0.7 - - 60 - - - - 8 0 - RECEIVE 4\r\nbroken\r\n",
        );
        let expected = [(90_001, "10.0.0.5:50123".to_owned()), (90_002, "[fd00::5]:50124".to_owned())];
        assert_eq!(told.unwrap(), expected);
    }

    #[test]
    fn a_log_without_such_packets_says_so() {
        let other = "2026-11-20 08:01:05 DROP TCP 10.0.0.5 10.0.0.7 50126 445 52 S 1 0 64240 - - - RECEIVE 4\r\n";
        assert_eq!(told(other).unwrap_err(), "none of its 1 packets was for port 3389");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&mut Cursor::new(format!("{HEAD}{text}")), "x");
        }
    }
}
