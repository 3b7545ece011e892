//! Decides which codes a text means: names, pairs, ambiguity, neighbours.

use std::collections::HashSet;

use diagnosis::codes;
use diagnosis::codes::{Entry, Reading, readings};

use super::about::About;
use super::context::{Candidate, Context, candidates, extended, labelled};
use super::event::{Event, events};
use super::names::{in_gateway, in_kerberos, named, nearest, packed};
use super::numbering::Numbering;
use super::read::{Number, Read, read};

/// Most numbers and names of one text that are explained.
const MOST: usize = 8;
/// Number of the listener in the list of sessions (`qwinsta`).
const LISTENER: u32 = 0x1_0000;
/// Score of a code that hardly says anything.
const VAGUE: u8 = 40;
/// Score of the two numbers of a client's message.
const PAIR: u8 = 92;
/// Score of an event, and of one beside whose number little more than its log is named.
const EVENT: u8 = 62;
const NAMED_EVENT: u8 = 76;

/// Something in the text, with its possible meanings.
#[derive(Debug, Default)]
pub(super) struct Subject {
    /// Text as written.
    pub(super) text: String,
    /// How much it says, from 0 to 100.
    pub(super) score: u8,
    /// Possible meanings, the likeliest first; empty where it is not known.
    pub(super) readings: Vec<Reading>,
    /// Meanings of a pair's single numbers.
    pub(super) parts: Vec<Entry>,
    /// Remark about the pair.
    pub(super) remark: Option<&'static str>,
    /// Number that is not known.
    pub(super) unknown: Option<u32>,
    /// Known codes near to it.
    pub(super) nearest: Vec<Entry>,
}

/// Everything in a text that can be a code, in the order in which it stands there.
pub(super) fn subjects(text: &str, about: &About) -> Vec<Subject> {
    let found = events(text);
    let mut subjects: Vec<Subject> = if found.is_empty() {
        let read = read(text);
        let named: Vec<Subject> = read.words.iter().filter_map(|word| named(word)).collect();
        let known: HashSet<String> = named.iter().flat_map(Subject::ids).collect();
        // the number beside a name is the same thing once more
        let again = |subject: &Subject| subject.parts.is_empty() && subject.ids().any(|id| known.contains(&id));
        let numbers = numbered(&read, about).into_iter().filter(|subject| !again(subject)).collect::<Vec<_>>();
        // another program has its own errors by these numbers, and its own alerts of TLS
        let anybodys = |subject: &Subject| {
            subject.ids().any(|id| ["errno/", "tls-alert/"].iter().any(|list| id.starts_with(list)))
        };
        let named = named.into_iter().filter(|subject| !about.foreign || !anybodys(subject));
        let packed = if about.foreign { Vec::new() } else { packed(text) };
        named.chain(packed).chain(numbers).collect()
    } else {
        found.iter().flat_map(of_event).collect()
    };
    let mut seen = HashSet::new();
    subjects.retain(|subject| seen.insert(subject.text.clone()));
    // beside known numbers an unknown one says nothing, unless it was marked as hexadecimal
    if subjects.iter().any(|subject| !subject.readings.is_empty()) {
        subjects.retain(|subject| !subject.readings.is_empty() || subject.text.starts_with("0x"));
    }
    subjects.retain(|subject| !subject.readings.is_empty() || subject.unknown.is_some());
    subjects.sort_by_key(|subject| std::cmp::Reverse(subject.score));
    subjects.truncate(MOST);
    for subject in &mut subjects {
        subject.nearest = subject.unknown.map(nearest).unwrap_or_default();
    }
    subjects
}

impl Subject {
    fn ids(&self) -> impl Iterator<Item = String> {
        self.readings.iter().map(|reading| reading.entry.id())
    }

    /// With what its first meaning says: a code that says hardly anything stands behind.
    pub(super) fn weighed(mut self, score: u8) -> Self {
        // so does an exit status that is met where nothing is wrong
        let little = |code: &codes::Code, events: bool| code.vague || code.normal && !events;
        let vague =
            self.readings.first().is_some_and(|reading| little(reading.entry.code, reading.entry.family.events));
        self.score = if vague { score.min(VAGUE) } else { score };
        self
    }
}

pub(super) fn plain(entry: Entry) -> Reading {
    Reading { entry, read_as: None }
}

/// Finds the numbers of a text that is no XML; nothing in one about another program.
fn numbered(read: &Read, about: &About) -> Vec<Subject> {
    if about.foreign {
        return Vec::new();
    }
    let context = Context::of(read, about);
    let numbers = candidates(read, &context);
    if context.event()
        && let Some(subjects) = of_log(&numbers, &context)
    {
        return subjects;
    }
    let pair = pair(&numbers, &context);
    let mut subjects: Vec<Subject> = pair.iter().map(|&(first, second)| paired(first, second)).collect();
    let rest = numbers.iter().filter(|candidate| {
        pair.is_none_or(|(a, b)| !std::ptr::eq(a, candidate.number) && !std::ptr::eq(b, candidate.number))
    });
    // 0 is no code beside another one, or beside words
    let meant = |number: &Number| read.count == 0 || labelled(number) || !context.families.is_empty();
    let rest = rest.filter(|candidate| {
        candidate.number.value != 0 || numbers.len() == 1 && context.few && meant(candidate.number)
    });
    subjects.extend(rest.map(|candidate| single(candidate, &context)));
    subjects
}

/// Finds a number as a client's error code, also if its `0x` was left out.
fn as_code(number: &Number) -> Option<Entry> {
    let values = std::iter::once(number.value).chain(number.as_hex);
    values.filter_map(codes::shown_by_client).find(|entry| entry.family.id != "hresult")
}

fn as_extended(number: &Number) -> Option<Entry> {
    let values = std::iter::once(number.value).chain(number.as_hex);
    values.into_iter().find_map(|value| codes::find("extended", value).or_else(|| codes::find("errinfo", value)))
}

/// Finds the two numbers of a client's message, the code first.
fn pair<'a>(numbers: &[Candidate<'a>], context: &Context<'_>) -> Option<(&'a Number, &'a Number)> {
    let free: Vec<&'a Number> =
        numbers.iter().filter(|candidate| !candidate.only).map(|candidate| candidate.number).collect();
    let labelled = free.windows(2).find_map(|two| match (extended(two[0]), extended(two[1])) {
        (false, true) => Some((two[0], two[1])),
        (true, false) => Some((two[1], two[0])),
        _ => None,
    });
    let bare = || match free.as_slice() {
        // one number that is written twice is no pair
        [first, second] if first.value == second.value && !context.few => None,
        [first, second] if context.families.is_empty() || first.value > 0xFF => Some((*first, *second)),
        _ => None,
    };
    // 0x0/0x0 appears under messages whose text holds the real code
    let real = |first: &Number| first.value != 0 || numbers.len() == 2 && context.few;
    let pair = labelled.or_else(bare).filter(|(first, _)| real(first));
    pair.filter(|(first, second)| as_code(first).is_some() && as_extended(second).is_some())
}

fn paired(first: &Number, second: &Number) -> Subject {
    let text = format!("{}/{}", first.text, second.text);
    let parts: Vec<Entry> = as_code(first).into_iter().chain(as_extended(second)).collect();
    let &[code, extended] = parts.as_slice() else { return Subject { text, ..Subject::default() } };
    if let Some(entry) = codes::pair(code.code.number, extended.code.number) {
        return Subject { text, readings: vec![plain(entry)], parts, ..Subject::default() }.weighed(PAIR);
    }
    let (readings, remark) = match extended.code.number {
        0 => (vec![plain(code)], "The second number 0x0 adds nothing: the client knows no further reason."),
        7 => (
            vec![plain(code), plain(extended)],
            "The client also shows 7 where no server has said anything: take it for no verdict unless the host's own log says so.",
        ),
        _ => (
            vec![plain(extended), plain(code)],
            "A second number other than 0 and 7 is a reason that the server or the licensing gave: trust it before the first.",
        ),
    };
    Subject { text, readings, parts, remark: Some(remark), ..Subject::default() }.weighed(PAIR)
}

/// Lists the meanings of a single number, those that the context names first.
fn single(candidate: &Candidate<'_>, context: &Context<'_>) -> Subject {
    let number = candidate.number;
    let of_lists = || candidate.lists.iter().filter_map(|list| codes::find(list, number.value));
    let mut found: Vec<Reading> = if candidate.only { Vec::new() } else { all_readings(number, context) };
    let known = !found.is_empty();
    found.retain(|reading| carried(reading, number, context));
    let dropped = known && found.is_empty();
    for entry in of_lists().collect::<Vec<_>>().into_iter().rev() {
        found.retain(|reading| !std::ptr::eq(reading.entry.code, entry.code));
        found.insert(0, plain(entry));
    }
    let outside = |reading: &Reading| !context.names(reading.entry.family);
    if context.few && found.iter().any(|reading| !outside(reading)) {
        found.retain(|reading| !outside(reading));
    }
    let listed = |reading: &Reading| candidate.lists.iter().position(|list| reading.entry.family.id == *list);
    // a number that the dialog calls its error code is one of the client's list, whatever client it is
    let hearsay = |reading: &Reading| reading.entry.weak() || reading.entry.code.client.is_some();
    found.sort_by_key(|reading| {
        let place = listed(reading);
        let of_this = context.speaks_of(Numbering::OtherClient) && reading.entry.code.client.is_some();
        (!of_this, outside(reading) && place.is_none(), place.unwrap_or(usize::MAX), hearsay(reading))
    });
    found.splice(
        0..0,
        Some(number).filter(|number| context.speaks_of(Numbering::Kerberos) && labelled(number)).and_then(in_kerberos),
    );
    // text that can be a word is one, unless it is known as a number
    let unknown = (found.is_empty() && number.plain && !dropped).then_some(number.value);
    // of the few words beside an event, one names its log
    let event = context.few && found.first().is_some_and(|reading| reading.entry.family.events);
    let score = match (found.is_empty(), event) {
        (true, _) => 10,
        (false, true) => candidate.score.max(NAMED_EVENT),
        (false, false) => candidate.score,
    };
    Subject { text: number.text.clone(), readings: found, unknown, ..Subject::default() }.weighed(score)
}

/// True if the words around a number carry this meaning of it. A number of three hexadecimal digits and more that is
/// written as one speaks for itself, unless the text is about another program; so do the numbers of SSPI and of logons.
fn carried(reading: &Reading, number: &Number, context: &Context<'_>) -> bool {
    let entry = reading.entry;
    let beside = format!("{} {}", number.line(), number.after.lines().next().unwrap_or_default());
    if entry.family.events {
        return context.means(entry, &beside);
    }
    // a gateway writes its own numbers in decimal: "The following error occurred: 23003"
    if entry.family.id == "proxy" && !number.hex && labelled(number) && !context.about.foreign {
        return true;
    }
    // 0x0000000A is how others write a small number, and 0x8007 stands before the numbers of Windows
    let padded = number.text.len() >= 10 && number.value < 0x1_0000;
    let general = number.value >> 16 == 0x8007;
    let telling = number.hex && number.value >= 0x100 && !padded && !general;
    if context.about.foreign {
        return false;
    }
    let eventful = context.event() && !context.about.ours && !number.hex && !labelled(number);
    !eventful && (telling || context.about.carries(entry, &beside))
}

fn all_readings(number: &Number, context: &Context<'_>) -> Vec<Reading> {
    let mut found = readings(number.value);
    // lists whose numbers count only where they are named
    let named = context.families.iter().filter(|family| family.named);
    let named = named.filter_map(|family| codes::find(&family.id, number.value)).map(plain);
    found.splice(0..0, named.collect::<Vec<_>>());
    if let (true, Some(entry)) = (context.families.iter().any(|family| family.id == "gateway"), in_gateway(number)) {
        found.insert(0, entry);
    }
    // the numbers of events are never written in hexadecimal, and beside words they are called events
    let event = !number.hex && (context.event() || context.few);
    found.retain(|reading| !reading.entry.family.events || event || context.names(reading.entry.family));
    // the listener has this number in the list of sessions, and the other reading of it says that nothing is wrong
    found.retain(|_| number.hex || number.value != LISTENER);
    if let (true, Some(value)) = (found.is_empty(), number.as_hex) {
        found = readings(value);
        found.retain(|reading| !reading.entry.family.events);
        for reading in &mut found {
            reading.read_as.get_or_insert_with(|| format!("hexadecimal 0x{value:X}"));
        }
    }
    found
}

/// Reads a line of a log: the first number that is an event, then the codes that it carries. `None` without an event.
fn of_log(numbers: &[Candidate<'_>], context: &Context<'_>) -> Option<Vec<Subject>> {
    let events = |number: &Number| -> Vec<Reading> {
        let families = codes::families().iter().filter(|family| family.events);
        let all = families.filter_map(|family| codes::find(&family.id, number.value)).map(plain);
        let mut all: Vec<Reading> = all.filter(|reading| carried(reading, number, context)).collect();
        // a provider that is named in full stands before a list that is
        all.sort_by_key(|reading| !context.provides(reading.entry));
        all
    };
    let at = numbers.iter().position(|candidate| !candidate.number.hex && !events(candidate.number).is_empty())?;
    let readings = events(numbers[at].number);
    let carried: Vec<&str> = readings.iter().filter_map(|reading| reading.entry.code.carries.as_deref()).collect();
    let mut subjects =
        vec![Subject { text: numbers[at].number.text.clone(), readings, ..Subject::default() }.weighed(EVENT)];
    let beside = |number: &Number| context.few && !number.before.chars().any(char::is_alphanumeric);
    let later = numbers[at + 1..].iter().map(|candidate| candidate.number);
    let later = later.filter(|number| number.hex || labelled(number) || beside(number));
    subjects.extend(later.filter_map(|number| carried_by(number, &carried)));
    Some(subjects)
}

fn of_event(event: &Event) -> Vec<Subject> {
    let events = codes::families().iter().filter(|family| family.events);
    let mut readings: Vec<Reading> = events
        .clone()
        .filter(|family| family.words.iter().any(|word| event.place.contains(word.as_str())))
        .filter_map(|family| codes::find(&family.id, event.id))
        .map(plain)
        .collect();
    if readings.is_empty() && event.place.trim().is_empty() {
        let any = events.filter_map(|family| codes::find(&family.id, event.id));
        readings.extend(any.map(plain));
    }
    let carried: Vec<&str> = readings.iter().filter_map(|reading| reading.entry.code.carries.as_deref()).collect();
    let data = event.data.iter().flat_map(|text| read(text).numbers);
    let inner: Vec<Subject> = data.filter_map(|number| carried_by(&number, &carried)).collect();
    let mut subjects =
        vec![Subject { text: format!("event {}", event.id), readings, ..Subject::default() }.weighed(EVENT)];
    subjects.extend(inner);
    subjects
}

/// Reads a number in the data of an event: a code of the family that it carries, or an HRESULT.
fn carried_by(number: &Number, carried: &[&str]) -> Option<Subject> {
    let fits = |reading: &Reading| {
        let family = reading.entry.family.id.as_str();
        let wide = number.value > 0xFFFF && matches!(family, "hresult" | "ntstatus" | "win32" | "proxy");
        carried.contains(&family) || wide || family == "gateway" && carried.contains(&"disconnect")
    };
    let readings: Vec<Reading> = readings(number.value).into_iter().filter(fits).collect();
    let text = number.text.clone();
    (!readings.is_empty() && number.value != 0)
        .then(|| Subject { text, readings, ..Subject::default() }.weighed(EVENT - 2))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Tokens;
    use super::*;

    fn all(text: &str) -> Vec<Subject> {
        subjects(text, &About::of(text, &Tokens::of(text)))
    }

    /// Ids of all readings, subject by subject.
    fn found(text: &str) -> Vec<Vec<String>> {
        let ids = |subject: &Subject| subject.readings.iter().map(|reading| reading.entry.id()).collect();
        all(text).iter().map(ids).collect()
    }

    /// First readings.
    fn best(text: &str) -> Vec<String> {
        found(text).into_iter().map(|ids| ids.into_iter().next().unwrap_or_default()).collect()
    }

    #[test]
    fn the_pair_is_recognised_in_every_form() {
        for text in [
            "0x904 0x7",
            "2308/7",
            "2308,7",
            "904/7",
            "0x904/0x7",
            "code 0x904 extended 0x7",
            "extended 0x7 code 0x904",
            "pair/0x904/0x7",
            "This computer can't connect to the remote computer.\n\nTry connecting again. If the problem continues, contact the \
             owner of the remote computer or your network administrator.\n\nError code: 0x904\nExtended error code: 0x7\n\
             Timestamp (UTC): 05/22/25 10:34:03 AM\nActivity ID: 5c1bd2e7-0a1b-4c3d-9e8f-001122334455\n\nPress Ctrl+C to copy.",
            "Von diesem Computer kann keine Verbindung mit dem Remotecomputer hergestellt werden.\nFehlercode: 0x904\n\
             Erweiterter Fehlercode: 0x7\nZeitstempel (UTC): 22.05.25 10:34:03",
            "Code d'erreur : 0x904\nCode d'erreur étendu : 0x7",
            "此计算机无法连接到远程计算机。错误代码：0x904扩展错误代码：0x7",
            "エラー コード: 0x904\n拡張エラー コード: 0x7",
        ] {
            assert_eq!(best(text), ["pair/0x904/0x7"], "{text}");
        }
        assert_eq!(best("2308 0"), ["pair/0x904/0x0"]);
        assert_eq!(best("0x904 0x0"), ["pair/0x904/0x0"]);
    }

    #[test]
    fn another_pair_leads_to_the_reason_of_the_server() {
        assert_eq!(found("0x3 0x9"), [["extended/0x9", "disconnect/0x3"]]);
        assert_eq!(found("0x204 0x7"), [["disconnect/0x204", "extended/0x7"]]);
        assert_eq!(found("0x204 0x0"), [["disconnect/0x204"]]);
        assert_eq!(found("0x3 0x112f"), [["errinfo/0x112F", "disconnect/0x3"]]);
        assert_eq!(best("0x904 0x204"), ["disconnect/0x904", "disconnect/0x204"]);
    }

    #[test]
    fn a_number_alone_is_all_that_it_can_be() {
        let seven = found("7").remove(0);
        assert_eq!(seven[0], "extended/0x7");
        for id in ["errinfo/0x7", "licence/7", "fatal-error/7", "disconnect/0x7"] {
            assert!(seven.iter().any(|found| found == id), "{id}: {seven:?}");
        }
        assert_eq!(seven.last().map(String::as_str), Some("disconnect/0x7"), "hearsay stands last");
        assert_eq!(found("1026"), [["event-client/1026", "errinfo/0x402"]]);
        assert_eq!(found("0x402"), [["errinfo/0x402"]]);
        assert_eq!(found("263"), [["disconnect/0x107", "extended/0x107", "errinfo/0x107"]]);
    }

    #[test]
    fn context_decides() {
        assert_eq!(found("event 1026"), [["event-client/1026"]]);
        assert_eq!(found("ext 263"), [["extended/0x107"]]);
        assert_eq!(found("licence 7"), [["licence/7"]]);
        assert_eq!(found("alert 40"), [["tls-alert/40"]]);
        assert_eq!(found("schannel 36870"), [["event-schannel/36870"]]);
        assert_eq!(found("gateway 0x19"), [["gateway/0x3000019"]]);
        assert_eq!(found("event 226"), [["event-client/226", "event-rdpcorets/226"]]);
        assert_eq!(
            best("Because of a protocol error (code: 0x112f), the remote session will be disconnected."),
            ["errinfo/0x112F"]
        );
        assert_eq!(
            best("Because of a protocol error (code: 0x1104), the remote session will be disconnected."),
            ["disconnect/0x1104"]
        );
        assert_eq!(
            best("An authentication error has occurred (Code: 0x80090302).\nError code: 0x0\nExtended error code: 0x0"),
            ["hresult/0x80090302"]
        );
    }

    #[test]
    fn numbers_are_known_in_the_clothes_of_others() {
        for text in ["-1073741715", "0xC000006D", "C000006D", "0xD000006D", "3221225581", "STATUS_LOGON_FAILURE"] {
            assert_eq!(best(text), ["ntstatus/0xC000006D"], "{text}");
        }
        assert_eq!(best("0x80070013"), ["win32/19"]);
        assert_eq!(best("50331673"), ["gateway/0x3000019"]);
        assert_eq!(best("3489660929"), ["ntstatus/0xC0000001"]);
        assert_eq!(best("904"), ["disconnect/0x904"]);
        assert_eq!(best("80090322"), ["hresult/0x80090322"]);
    }

    #[test]
    fn names_are_known_whole_and_without_their_beginning() {
        assert_eq!(best("ERRINFO_GRAPHICS_SUBSYSTEM_FAILED"), ["errinfo/0x112F"]);
        assert_eq!(best("ssl_err_cert_expired"), ["disconnect/0x1B07"]);
        assert_eq!(best("HYBRID_REQUIRED_BY_SERVER"), ["negotiation/5"]);
        assert_eq!(best("AtClientWinsockFDCLOSE"), ["disconnect/0x904"]);
        assert_eq!(best("handshake_failure"), ["tls-alert/40"]);
        let all = found("LOGON_FAILURE").remove(0);
        assert_eq!(all, ["disconnect/0x807", "ntstatus/0xC000006D", "win32/1326", "rdstls/0x52E"]);
        assert_eq!(found("failure"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn events_lead_to_the_codes_that_they_carry() {
        let xml = "<Event xmlns='x'><System><Provider Name='Microsoft-Windows-TerminalServices-ClientActiveXCore'/>\
            <EventID>1026</EventID><Level>4</Level></System><EventData><Data Name='Value'>2308</Data></EventData></Event>";
        assert_eq!(best(xml), ["event-client/1026", "disconnect/0x904"]);
        let schannel = "<Event xmlns='x'><System><Provider Name='Schannel'/><EventID>36887</EventID></System>\
            <EventData><Data Name='AlertDesc'>40</Data></EventData></Event>";
        assert_eq!(best(schannel), ["event-schannel/36887", "tls-alert/40"]);
        let session = "<Event xmlns='x'><System><Provider Name='Microsoft-Windows-TerminalServices-LocalSessionManager'/>\
            <EventID>40</EventID></System><UserData><EventXML><Session>2</Session><Reason>3489660929</Reason></EventXML></UserData></Event>";
        assert_eq!(best(session), ["event-lsm/40", "ntstatus/0xC0000001"]);
        let line = "Information,13/01/2026 10:22:33,Microsoft-Windows-TerminalServices-ClientActiveXCore,1026,(101),\
            RDPClient has been disconnected (Reason= 2308)";
        assert_eq!(best(line), ["event-client/1026", "disconnect/0x904"]);
        assert_eq!(best("<EventID>1026</EventID>"), ["event-client/1026"]);
        assert_eq!(best("Event 1026, reason 2308"), ["event-client/1026", "disconnect/0x904"]);
    }

    #[test]
    fn digits_beside_words_are_no_codes_by_themselves() {
        for text in [
            "windows 11 hostname bug",
            "server 2016 to windows 11",
            "port 3389 closed",
            "tls 1.2 off",
            "b2b e1000 adapter",
        ] {
            assert_eq!(found(text), Vec::<Vec<String>>::new(), "{text}");
        }
        assert_eq!(best("0x904 0x7 windows 11"), ["pair/0x904/0x7"]);
        assert_eq!(best("0x904 0x7 gateway"), ["pair/0x904/0x7"]);
        assert_eq!(best("what is error 2308"), ["disconnect/0x904"]);
        assert_eq!(best("rdp error code 516 what to do"), ["disconnect/0x204"]);
        assert_eq!(best("id 36887 alert 40"), ["event-schannel/36887", "tls-alert/40"]);
        assert_eq!(best("schannel 36887 40"), ["event-schannel/36887", "tls-alert/40"]);
        assert_eq!(best("tls alert 70"), ["tls-alert/70"]);
    }

    #[test]
    fn long_texts_are_read_in_one_go() {
        let numbers = (0..12_000).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let words = (0..9_000).map(|number| format!("w{number}x")).collect::<Vec<_>>().join(" ");
        for text in
            [numbers, words, "a:".repeat(32_000), "7/".repeat(32_000), "<event ".repeat(9_000), "<data>7".repeat(9_000)]
        {
            assert!(all(&text).len() <= MOST);
        }
    }

    #[test]
    fn what_is_not_known_stays_so() {
        let unknown = all("0xDEADBEEF");
        assert!(unknown.len() == 1 && unknown[0].readings.is_empty() && unknown[0].nearest.len() == 1, "{unknown:?}");
        let near: Vec<String> = all("0x905")[0].nearest.iter().map(|entry| entry.id()).collect();
        assert_eq!(near[0], "disconnect/0x904");
        assert!(all("certificate will not renew").is_empty() && all("").is_empty());
    }
}
