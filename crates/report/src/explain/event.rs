//! Reads an event of Windows as XML: its provider, its number and the numbers that it carries.

/// Parts of an event that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Provider and channel, in lower case.
    pub(super) place: String,
    /// `EventID`.
    pub(super) id: u32,
    /// Texts of the fields that can hold a code, in order.
    pub(super) data: Vec<String>,
}

/// Most events of one text that are read.
const MOST: usize = 8;

/// Names of fields that hold a code.
const CODED: [&str; 8] = ["reason", "error", "code", "status", "alert", "value", "data", "param"];

/// Reads the events in a text; none if it is no XML of events.
pub(super) fn events(text: &str) -> Vec<Event> {
    if !text.contains('<') {
        return Vec::new();
    }
    let lower = text.to_lowercase();
    lower.split("<event ").flat_map(|part| part.split("<event>")).filter_map(event).take(MOST).collect()
}

fn event(xml: &str) -> Option<Event> {
    let id = elements(xml).find(|element| element.name == "eventid")?.text.trim().parse().ok()?;
    let provider = attribute(xml, "<provider", "name").unwrap_or_default();
    let channel = elements(xml).find(|element| element.name == "channel").map(|element| element.text);
    let place = format!("{provider} {}", channel.unwrap_or_default());
    let fields = elements(xml).skip_while(|element| element.name != "eventid").skip(1);
    let mut data: Vec<String> =
        fields.clone().filter(|field| coded(field)).map(|field| field.text.to_owned()).collect();
    // the last four bytes, the lowest first, are a status (TermDD)
    data.extend(fields.filter(|field| field.name == "binary").filter_map(|field| last_word(field.text)));
    Some(Event { place, id, data })
}

fn coded(element: &Element<'_>) -> bool {
    let field = element.field.unwrap_or(element.name);
    CODED.iter().any(|name| field.contains(name)) && field != "opcode"
}

fn last_word(hex: &str) -> Option<String> {
    let hex = hex.trim();
    let tail = hex.get(hex.len().checked_sub(8)?..)?;
    let value = u32::from_str_radix(tail, 16).ok()?;
    Some(format!("0x{:08x}", value.swap_bytes()))
}

#[derive(Debug, Clone)]
struct Element<'a> {
    name: &'a str,
    /// Attribute `Name` of a `Data`.
    field: Option<&'a str>,
    text: &'a str,
}

/// Iterates over elements that hold text and no other element.
fn elements(xml: &str) -> impl Iterator<Item = Element<'_>> + Clone {
    xml.split('<').skip(1).filter_map(|part| {
        let (tag, text) = part.split_once('>')?;
        let name = tag.split(|letter: char| !letter.is_alphanumeric()).next()?;
        let whole = !text.trim().is_empty() && !tag.starts_with('/') && !name.is_empty();
        whole.then(|| Element { name, field: quoted(tag, "name"), text })
    })
}

fn attribute<'a>(xml: &'a str, tag: &str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(tag)?;
    quoted(rest.split_once('>')?.0, name)
}

fn quoted<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_xml_of_the_event_viewer_is_read() {
        let xml = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
            <Provider Name='Microsoft-Windows-TerminalServices-ClientActiveXCore' Guid='{28AA95BB}'/>\
            <EventID>1026</EventID><Version>0</Version><Level>4</Level><Task>101</Task>\
            <Channel>Microsoft-Windows-TerminalServices-RDPClient/Operational</Channel></System>\
            <EventData><Data Name='Name'>Disconnect Reason</Data><Data Name='Value'>2308</Data>\
            <Data Name='CustomLevel'>Info</Data></EventData></Event>";
        let found = events(xml);
        assert_eq!((found.len(), found[0].id, &found[0].data[..]), (1, 1026, &["2308".to_owned()][..]));
        assert!(found[0].place.contains("clientactivexcore") && found[0].place.contains("rdpclient/operational"));
    }

    #[test]
    fn the_status_of_termdd_stands_in_its_last_bytes() {
        let xml = "<Event ><System><Provider Name=\"TermDD\"/><EventID Qualifiers=\"49162\">56</EventID></System>\
            <EventData><Data>\\Device\\Termdd</Data>\
            <Binary>0000040001002C0000000000380000C0000000003800000AC00000000000000000000000000000000000000B50000D0</Binary>\
            </EventData></Event>";
        assert!(events(xml)[0].data.contains(&"0xd00000b5".to_owned()), "{:?}", events(xml));
    }

    #[test]
    fn other_text_holds_no_events() {
        for text in ["", "<Event", "<Event ><EventID>", "<Event ><EventID>x</EventID>", "an <event> 1026"] {
            assert_eq!(events(text), [], "{text}");
        }
    }
}
