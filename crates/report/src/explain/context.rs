//! Reads the words beside numbers: which list is meant, which number is the extended one, which is no code at all.

use std::collections::{HashMap, HashSet};

use diagnosis::codes;
use diagnosis::codes::{Entry, Family, readings};

use super::about::{About, provided};
use super::numbering::{Numbering, spoken_of};
use super::read::{Number, Read};

/// Numbers beyond which each distinct one is looked at only once.
const MANY: usize = 16;
/// Words beside a number up to which all of them are taken to say what is meant.
const FEW_WORDS: usize = 3;
/// Words from which on one or two digits are no code by themselves: "windows 11".
const SOME_WORDS: usize = 2;
/// Up to this many words a number that is known is better than nothing.
const SHORT: usize = 6;
/// Up to this many words the text is about the one event that it names.
const ONE_EVENT: usize = 24;

/// Beginnings of "extended" in the languages of mstsc's dialog.
const EXTENDED: [&str; 18] = [
    "extend",
    "erweitert",
    "étend",
    "etend",
    "estend",
    "amplia",
    "estes",
    "rozszerz",
    "расширен",
    "扩展",
    "擴充",
    "延伸",
    "拡張",
    "확장",
    "uitgebreid",
    "utökad",
    "rozšířen",
    "genişletil",
];
/// Ends of words before a number that is a code.
const LABELS: [&str; 33] = [
    "code",
    "occurred",
    "codes",
    "reason",
    "error",
    "alert",
    "status",
    "value",
    "result",
    "hresult",
    "ntstatus",
    "errinfo",
    "fehler",
    "grund",
    "erreur",
    "raison",
    "errore",
    "codice",
    "código",
    "codigo",
    "motivo",
    "foutcode",
    "fout",
    "kod",
    "kodu",
    "błędu",
    "код",
    "ошибка",
    "ошибки",
    "hatası",
    "错误",
    "代码",
    "代碼",
];
/// Such labels in scripts without blanks.
const UNSPACED_LABELS: [&str; 6] = ["错误代码", "错误码", "錯誤碼", "錯誤代碼", "コード", "코드"];
/// Words for the code of the dialog, whose list is that of the client.
const DIALOG: [&str; 9] = [
    "error code",
    "fehlercode",
    "code d'erreur",
    "código de error",
    "codice errore",
    "código de erro",
    "foutcode",
    "kod błędu",
    "код ошибки",
];
/// Words before a number in hexadecimal that is a field of the protocol or of the program, and no code.
const FIELDS: [&str; 20] = [
    "checkpoint",
    "wait_hint",
    "flags",
    "flag",
    "chan_id",
    "requestedprotocol",
    "requestedprotocols",
    "selected_protocol",
    "selectedprotocol",
    "securityprotocol",
    "negotiateflags",
    "handle",
    "address",
    "offset",
    "size",
    "thread",
    "pid",
    "ptr",
    "version",
    "capability",
];
/// Words before a number that is none either, whatever label stands further before.
const COUNTED: [&str; 16] = [
    "line",
    "port",
    "pid",
    "display",
    "socket",
    "sck",
    "line",
    "column",
    "http",
    "level",
    "attempt",
    "try",
    "step",
    "session",
    "ultimatum",
    "monitor",
];
/// Words before the number of an event.
const EVENT: [&str; 6] = ["event", "id", "eventid", "ereignis", "ereignisid", "événement"];
/// Exit statuses of any program that a signal ended: 128 and the signal.
const KILLED: [u32; 8] = [129, 130, 134, 135, 137, 139, 141, 143];
/// Words for the second status of a logon that failed, in languages of Windows.
const SUB_STATUS: [&str; 6] = ["sub status", "substatus", "sub_status", "unterstatus", "sous status", "sottostato"];
/// Beginning of the numbers of FreeRDP's own list.
const FREERDP: u32 = 0x2_0000;
/// The port of Remote Desktop, which stands in many texts.
const PORT: u32 = 3389;
/// Words of the operating system, in which a number in brackets is the system's.
const SYSTEM: [&str; 11] = [
    "network error",
    "网络错误",
    "refused",
    "timed out",
    "reset by",
    "route to",
    "unreachable",
    "broken pipe",
    "host is down",
    "aborted",
    "unable to connect",
];

/// Events that a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Events {
    /// None.
    None,
    /// An event, of no list that is named.
    Any,
    /// Those of a list that is named.
    Listed,
}

/// Meaning of the words beside the numbers.
pub(super) struct Context<'a> {
    /// Subject of the text.
    pub(super) about: &'a About,
    /// Providers of events that are named; nothing where no provider is.
    pub(super) providers: Option<Vec<&'static str>>,
    /// Families that have a word of their own in the text.
    pub(super) families: Vec<&'static Family>,
    /// Events that it is about.
    events: Events,
    /// True if there are so few words that all of them are meant.
    pub(super) few: bool,
    /// Those who have numbers of their own, as far as they are named.
    spoken_of: Vec<Numbering>,
}

/// A number that something calls a code.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    /// The number.
    pub(super) number: &'a Number,
    /// How surely it is one, from 0 to 100.
    pub(super) score: u8,
    /// The lists that are meant; none where nothing says so.
    pub(super) lists: Vec<&'static str>,
    /// Only these lists.
    pub(super) only: bool,
}

impl<'a> Context<'a> {
    /// Interprets the words of a text.
    pub(super) fn of(read: &Read, about: &'a About) -> Self {
        let words: HashSet<&str> = read.lower.split(|c: char| !c.is_alphanumeric() && !"_-".contains(c)).collect();
        // providers are joined to other words by hyphens and slashes
        let named = |family: &&Family| {
            let parts = family.words.iter();
            parts.clone().any(|word| words.contains(word.as_str()))
                || family.events && parts.clone().any(|word| word.len() > 3 && read.lower.contains(word.as_str()))
        };
        let mut families: Vec<_> = codes::families().iter().filter(named).collect();
        let provider = families.iter().any(|family| family.events);
        let event = provider || ["event", "eventid", "event-id", "ereignis"].iter().any(|word| words.contains(word));
        if event && !provider {
            families.extend(codes::families().iter().filter(|family| family.events));
        }
        let short = read.count <= ONE_EVENT;
        let providers = if event || short { provided(&read.lower) } else { None };
        let event = event || providers.as_ref().is_some_and(|named| !named.is_empty());
        let events = match (provider, event) {
            (true, _) => Events::Listed,
            (false, true) => Events::Any,
            (false, false) => Events::None,
        };
        let spoken_of = spoken_of(read, &words);
        Self { about, providers, families, events, few: read.count <= FEW_WORDS, spoken_of }
    }

    /// True if they are named.
    pub(super) fn speaks_of(&self, who: Numbering) -> bool {
        self.spoken_of.contains(&who)
    }

    /// True if it is about an event.
    pub(super) fn event(&self) -> bool {
        self.events != Events::None
    }

    /// True if a list of events is named by a word of its own.
    fn listed(&self) -> bool {
        self.events == Events::Listed
    }

    /// True if the provider of this event is named.
    pub(super) fn provides(&self, entry: Entry) -> bool {
        let named = self.providers.iter().flatten();
        entry.code.provider.as_deref().is_some_and(|own| named.into_iter().any(|provider| *provider == own))
    }

    /// True if the text can mean this event: its provider is named, or none is and the words are about it.
    pub(super) fn means(&self, entry: Entry, beside: &str) -> bool {
        let family = self.listed() && self.names(entry.family);
        self.provides(entry)
            || family
            || self.providers.is_none() && !self.listed() && self.about.carries(entry, beside)
    }

    /// True if this word is the name of a list of events.
    fn lists(&self, word: &str) -> bool {
        let lists = self.families.iter().filter(|family| family.events);
        self.listed() && lists.flat_map(|family| &family.words).any(|own| own == word)
    }

    /// True if this family is named.
    pub(super) fn names(&self, family: &Family) -> bool {
        self.families.iter().any(|named| named.id == family.id)
    }
}

/// Lists the numbers that can be codes: beside words only those marked as such, because digits can be anything.
pub(super) fn candidates<'a>(read: &'a Read, context: &Context<'_>) -> Vec<Candidate<'a>> {
    let mut all: Vec<&Number> = read.numbers.iter().filter(|number| !of_another(number, context)).collect();
    if all.len() > MANY {
        let mut seen = HashSet::new();
        all.retain(|number| {
            seen.insert((number.text.as_str(), number.words().last().copied().unwrap_or_default().to_owned()))
        });
    }
    if context.event() && read.count <= ONE_EVENT {
        let code = |number: &&Number| number.hex || !of_field(number, context);
        return all.into_iter().filter(code).map(|number| plain(number, 62)).collect();
    }
    let mut kept: Vec<Candidate<'a>> = all.iter().filter_map(|number| marked(number, read, context)).collect();
    let beside = |number: &&Number| !number.before.chars().any(char::is_alphanumeric) && read.numbers.len() > 1;
    let places: HashMap<*const Number, usize> =
        (0..).zip(&read.numbers).map(|(at, one)| (&raw const *one, at)).collect();
    let place = |number: &Number| places.get(&(&raw const *number)).copied().unwrap_or_default();
    let mut held: HashSet<usize> = kept.iter().map(|candidate| place(candidate.number)).collect();
    for number in all.iter().copied().filter(beside) {
        let at = place(number);
        let follows = at.checked_sub(1).is_some_and(|before| held.contains(&before));
        if (context.few || follows) && held.insert(at) {
            kept.push(plain(number, 60));
        }
    }
    let named = !context.families.is_empty() && context.few;
    let alone = (read.count < SOME_WORDS || named) && !all.iter().any(|number| number.hex);
    // SecurityLayer=0 is a setting
    let setting = |number: &Number| number.value <= 2 && !number.hex && read.count > 0 && read.numbers.len() == 1;
    for number in all.iter().filter(|number| alone && !setting(number) && !bracketed(number) && number.value != PORT) {
        if !kept.iter().any(|candidate| std::ptr::eq(candidate.number, *number)) {
            kept.push(plain(number, 70));
        }
    }
    if kept.is_empty() && read.count <= SHORT && context.about.bare() {
        // better than nothing, if it is a code
        let known = |number: &&Number| number.text.len() > 2 && !readings(number.value).is_empty();
        all.retain(|number| known(number) && !counted(number) && !bracketed(number));
        kept.extend(all.into_iter().map(|number| plain(number, 50)));
    }
    kept.sort_by_key(|candidate| place(candidate.number));
    kept
}

/// The number belongs to another program: the status of one that a signal ended, or what `net` says of shares, "System
/// error 5 has occurred".
fn of_another(number: &Number, context: &Context<'_>) -> bool {
    let line = number.line().trim_end_matches([' ', ':', '=']);
    let ended = ["exit code", "exit status", "exited with", "exited with code", "exited with status"];
    let killed = KILLED.contains(&number.value) && ended.iter().any(|words| line.ends_with(words));
    let net = line.ends_with("system error") && number.after.trim_start().starts_with("has occurred");
    !context.speaks_of(Numbering::FreeRdp) && killed || net || of_registry(number)
}

/// The number is what a value of the registry holds, or stands in its path: no value of the registry is a code.
fn of_registry(number: &Number) -> bool {
    let line = number.line();
    ["hklm", "hkcu", "hkey_", "reg_dword", "reg_qword", "currentcontrolset", "=dword:"]
        .iter()
        .any(|word| line.contains(word))
}

/// A number of FreeRDP's own list in decimal, as programs around it show it: `131085`.
fn of_freerdp(number: &Number) -> bool {
    !number.hex && number.value >= FREERDP && codes::find("freerdp", number.value).is_some()
}

fn plain(number: &Number, score: u8) -> Candidate<'_> {
    Candidate { number, score, lists: Vec::new(), only: false }
}

fn of_list<'a>(number: &'a Number, score: u8, list: &'static str) -> Option<Candidate<'a>> {
    codes::find(list, number.value).map(|_| Candidate { number, score, lists: vec![list], only: true })
}

/// The number as a code, if something beside it says that it is one.
fn marked<'a>(number: &'a Number, read: &Read, context: &Context<'_>) -> Option<Candidate<'a>> {
    let words = number.words();
    let last = words.last().copied().unwrap_or_default();
    let two = words.iter().rev().nth(1).map(|before| format!("{before} {last}")).unwrap_or_default();
    if let Some(found) = of_the_system(number, last, &two) {
        return Some(found);
    }
    let exit = ["exit code", "exit status", "exited with", "with status", "exit value"].contains(&two.as_str())
        || two == "status code" && !number.hex
        || ["exit", "exitcode", "rc", "returned", "returns"].contains(&last)
        || number.line().contains("exit status");
    if context.speaks_of(Numbering::FreeRdp) && of_freerdp(number) {
        return of_list(number, 74, "freerdp");
    }
    let of_host = context.speaks_of(Numbering::LinuxHost);
    if exit && (context.speaks_of(Numbering::FreeRdp) || number.value >= 128 && two != "status code" && !of_host) {
        return of_list(number, 64, "xfreerdp-exit").filter(|_| context.about.bare());
    }
    if exit || counted(number) {
        return None;
    }
    if context.event() && !number.hex && (EVENT.contains(&last) || context.lists(last)) {
        return Some(plain(number, 70));
    }
    if let Some(list) = listed(&words, context).filter(|list| codes::find(list, number.value).is_some()) {
        return Some(Candidate { number, score: 74, lists: vec![list], only: true });
    }
    if extended(number) {
        return Some(plain(number, 74));
    }
    // of the two statuses of event 4625 the second one says why
    if number.value != 0 && SUB_STATUS.iter().any(|label| two == *label || last == *label) {
        return Some(plain(number, 79));
    }
    if labelled(number) && !result(number) {
        let line = number.line();
        let dialog = DIALOG.iter().any(|words| line.trim_end_matches([' ', ':', '=', '#']).ends_with(words))
            || number.hex && last == "error" && context.about.ours;
        let lists = if dialog { vec!["disconnect", "gateway", "hresult"] } else { Vec::new() };
        let small = !number.hex && number.value < 0x100;
        // in a sentence a small number is an error of whatever wrote it
        if small && !dialog && read.count > SHORT {
            return None;
        }
        return Some(Candidate {
            number,
            score: if small && !dialog { 45 } else { 74 + 6 * u8::from(dialog) },
            lists,
            only: false,
        });
    }
    if starts_line(number) && codes::shown_by_client(number.value).is_some_and(|entry| entry.code.number >= 0x100) {
        let says = ["disconnect", "connect", "remote", "session", "protocol", "rdp"];
        let told = says.iter().any(|word| number.after.contains(word));
        return told.then(|| Candidate { number, score: 76, lists: vec!["disconnect", "gateway"], only: true });
    }
    unlabelled(number, last, read)
}

/// A number that nothing calls a code, and that looks like one.
fn unlabelled<'a>(number: &'a Number, last: &str, read: &Read) -> Option<Candidate<'a>> {
    if number.hex && number.plain {
        let field = FIELDS.contains(&last);
        let score = if number.value < 0x100 && read.count > FEW_WORDS { 40 } else { 60 };
        return (!field).then(|| plain(number, score));
    }
    // 80090322 and C000006D without their 0x
    let wide = number.text.len() == 8 && matches!(number.as_hex.unwrap_or(number.value) >> 28, 8 | 0xC | 0xD);
    if wide && (number.hex || number.as_hex.is_some_and(|value| !readings(value).is_empty())) {
        return Some(plain(number, 60));
    }
    if number.hex {
        return (read.count <= FEW_WORDS).then(|| plain(number, 60));
    }
    (number.text.starts_with('-') && (!result(number) || read.count <= SOME_WORDS)).then(|| plain(number, 60))
}

/// The result of a function, such as -1 and -5, whatever word stands before it.
fn result(number: &Number) -> bool {
    number.text.starts_with('-') && number.text.len() <= 5
}

/// An error of the operating system: `system error 104`, `errno 113`, `Connection refused (111)`.
fn of_the_system<'a>(number: &'a Number, last: &str, two: &str) -> Option<Candidate<'a>> {
    if number.hex {
        return None;
    }
    let winsock = (10_000..12_000).contains(&number.value);
    let family = if winsock { "win32" } else { "errno" };
    let brackets = number.line().ends_with('(') && number.after.starts_with(')');
    let called = brackets && (winsock || SYSTEM.iter().any(|words| number.line().contains(words)));
    let rust = number.line().ends_with("os { code: ");
    if called || rust || last == "errno" || ["system error", "os error", "socket error", "errno"].contains(&two) {
        return of_list(number, 58, family);
    }
    None
}

/// The list that the word before the number, or the one before that, is a word for: `alert 40`, `failure code: 5`.
fn listed(words: &[&str], context: &Context<'_>) -> Option<&'static str> {
    let near: Vec<&str> = words.iter().rev().take(2).copied().collect();
    let joined = near.iter().rev().copied().collect::<String>();
    let meant = |family: &&Family| {
        !family.events
            && family.words.iter().any(|word| word.len() > 2 && (near.contains(&word.as_str()) || joined == *word))
            && !matches!(family.id.as_str(), "disconnect" | "extended" | "ntstatus" | "errinfo" | "freerdp" | "pair")
    };
    let named = context.families.iter().copied().filter(|family| !family.events);
    codes::families().iter().chain(named).find(meant).map(|family| family.id.as_str())
}

/// It numbers something: a line, a port, a display.
fn counted(number: &Number) -> bool {
    if !number.hex && number.value == PORT {
        return true;
    }
    let words = number.words();
    words.iter().rev().take(2).any(|word| COUNTED.contains(word)) && !extended(number)
}

/// It is the value of a field that is no code: `TYPE : 30`, `Logon Type: 10`.
fn of_field(number: &Number, context: &Context<'_>) -> bool {
    let named = number.line().trim_end().ends_with([':', '=']);
    let words = number.words();
    let last = words.last().copied().unwrap_or_default();
    named && !last.is_empty() && !labelled(number) && !EVENT.contains(&last) && !context.lists(last)
}

/// It stands in brackets behind a name, and is a number of that name's own list: `ConnectionBroken (267)`.
fn bracketed(number: &Number) -> bool {
    let behind = number.line().trim_end().strip_suffix('(').map(str::trim_end);
    !number.hex && behind.is_some_and(|name| name.ends_with(char::is_alphanumeric))
}

fn starts_line(number: &Number) -> bool {
    !number.line().chars().any(char::is_alphanumeric) && number.before.contains('\n')
}

/// True if the text calls it the extended code.
pub(super) fn extended(number: &Number) -> bool {
    EXTENDED.iter().any(|word| number.before.contains(word)) || number.words().last() == Some(&"ext")
}

/// True if the word before it calls it a code. Of a list ("for one of these reasons:") nothing is called one.
pub(super) fn labelled(number: &Number) -> bool {
    let line = number.line().trim_end_matches([' ', ':', '=', '#', '(', '[', '"', '\'']);
    let unspaced = UNSPACED_LABELS.iter().any(|label| line.ends_with(label));
    let words = number.words();
    unspaced || words.last().is_some_and(|word| LABELS.iter().any(|label| word.ends_with(label)))
}
