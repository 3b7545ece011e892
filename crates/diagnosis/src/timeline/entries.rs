//! Lines of the timeline that stand for single entries of logs: in words, and counted where they are not kept.

use evidence::codes;
use evidence::events;
use evidence::fact::Fact;
use evidence::moment::{moment, rfc3339};
use evidence::printable::{counted, printable};
use evidence::state::{EntryCount, LogEvent};
use evidence::symptom::parse_code;

use super::{Happening, TimelineEntry};
use crate::audit;
use crate::case::{Case, Seen};

/// Tells of entries of a kind that were left out, because there are newer ones: how many, and when. `None` for a kind
/// that the timeline does not show one by one.
pub(super) fn not_kept(case: Case<'_>, seen: &Seen<&EntryCount>) -> Option<TimelineEntry> {
    let EntryCount { channel: _, provider, id, logon_type, count, from, until, addresses, minutes: _ } = seen.value;
    let known = events::find(provider, *id).filter(|known| !known.normal)?;
    let way = logon_type.map(|kind| kind.to_string());
    let fits = |event: &LogEvent| {
        let own = event.data.get("LogonType").map(|kind| kind.trim());
        event.id == *id
            && events::ends_with(&event.provider, known.provider)
            && (way.is_none() || own == way.as_deref())
    };
    let kept = case.seen(|fact| if let Fact::LogEvent(event) = fact { Some(event) } else { None });
    let kept: Vec<_> = kept.filter(|event| fits(event.value)).map(|event| case.time_of(event.id)).collect();
    let until = kept.iter().min().copied().or_else(|| moment(until))?;
    let more = usize::try_from(*count).ok()?.checked_sub(kept.len()).filter(|more| *more > 0)?;
    let source = known.provider.rsplit('-').next().unwrap_or(known.provider);
    let way = way.map_or(String::new(), |way| format!(", logon type {way}"));
    let sources = usize::try_from(*addresses).ok().filter(|addresses| *addresses > 0);
    let sources = sources
        .map_or(String::new(), |sources| format!(", all {count} from {}", counted(sources, "address", "addresses")));
    let text = format!("{source} {id}: {}{way}: older entries, counted{sources}", known.meaning());
    Some(TimelineEntry {
        at: from.clone(),
        until: rfc3339(until),
        subject: case.subject,
        kind: Happening::Entry,
        peer: None,
        reached: None,
        text,
        normal: false,
        count: more,
        observations: vec![seen.id],
    })
}

pub(super) fn entry(case: Case<'_>, seen: &Seen<&LogEvent>, text: String) -> TimelineEntry {
    let at = rfc3339(case.time_of(seen.id));
    TimelineEntry {
        until: at.clone(),
        at,
        subject: case.subject,
        kind: Happening::Entry,
        peer: audit::source(seen.value).filter(|_| {
            [events::SECURITY, events::GATEWAY].iter().any(|name| events::ends_with(&seen.value.provider, name))
        }),
        reached: None,
        text,
        normal: events::find(&seen.value.provider, seen.value.id).is_none_or(|known| known.normal),
        count: 1,
        observations: vec![seen.id],
    }
}

/// Describes a single entry; `None` where it only belongs to a connection whose beginning is not known.
pub(super) fn words(event: &LogEvent) -> Option<String> {
    let known = events::find(&event.provider, event.id)?;
    let kept = !known.normal || [events::RCM, events::SECURITY, events::GATEWAY].contains(&known.provider);
    let source = known.provider.rsplit('-').next().unwrap_or(known.provider);
    let about = subject_of(event).map_or(String::new(), |about| format!(" ({about})"));
    kept.then(|| format!("{source} {}: {}{about}", event.id, audit::told(event, known)))
}

/// Returns the one value that tells what an entry is about: for CredSSP the host that was refused and its version, for
/// others the service or the code.
fn subject_of(event: &LogEvent) -> Option<String> {
    const NAMES: [&str; 6] = ["param1", "ErrorCode", "AlertDesc", "Value", "Reason", "0"];
    if events::ends_with(&event.provider, events::SECURITY) {
        return None;
    }
    if events::ends_with(&event.provider, events::GATEWAY) {
        return through_gateway(event);
    }
    if let Some(code) = named_code(event) {
        return Some(code);
    }
    let value = NAMES.iter().find_map(|name| event.data.get(*name))?;
    // `TERMSRV/name version`, in one value or in two
    let offered = || {
        let name =
            event.data.values().flat_map(|value| value.split_whitespace()).skip_while(|word| !word.contains('/'));
        let mut words = name.take(2);
        let (name, version) = (words.next()?, words.next()?.parse::<u32>().ok()?);
        Some(format!("{} offered CredSSP version {version}", short(name)))
    };
    let refused = events::find(&event.provider, event.id).is_some_and(|known| known.provider == events::LSA);
    refused.then(offered).flatten().or_else(|| Some(short(value)))
}

/// Explains the code of FreeRDP's line, of the list that its kind carries.
fn named_code(event: &LogEvent) -> Option<String> {
    let family = match event.id {
        90_401 => "freerdp",
        90_402 => "errinfo",
        _ => return None,
    };
    let number = parse_code(event.data.get("ErrorCode")?).ok()?;
    let code = codes::find(family, number)?.code;
    Some(format!("{}: {}", code.name.as_deref().unwrap_or_default(), code.meaning))
}

/// Says of an entry of the RD Gateway who went where, how, and the code, as far as it tells.
fn through_gateway(event: &LogEvent) -> Option<String> {
    let value = |name: &str| {
        let text = event.data.get(name).map(|text| short(text.trim()))?;
        Some(text).filter(|text| !matches!(text.as_str(), "" | "-" | "0"))
    };
    let target = value("Resource").map(|target| format!("to {target}"));
    let way = value("ConnectionProtocol").map(|way| format!("by {way}"));
    let code = value("ErrorCode").map(|code| format!("code {code}"));
    let parts: Vec<String> = [value("Username"), target, way, code].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Shortens a value to a word or a few.
pub(super) fn short(value: &str) -> String {
    printable(value).chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::timeline;

    #[test]
    fn an_entry_of_the_gateway_says_who_goes_where() {
        let data = [
            ("Username", r"CORP\user.alpha"),
            ("IpAddress", "203.0.113.7"),
            ("Resource", "server01.corp.example"),
            ("ConnectionProtocol", "HTTP"),
            ("ErrorCode", "23005"),
        ];
        let sketch = crate::sketch::machine().event_with(events::GATEWAY, 304, 2, &data);
        let lines = timeline(sketch.evidence(), sketch.context());
        let told: Vec<_> = lines.iter().map(|line| (line.text.as_str(), line.peer.as_deref())).collect();
        let text = "Gateway 304: the policies allowed the user, and the gateway could not connect to the target \
                    (CORP\\user.alpha to server01.corp.example by HTTP code 23005)";
        assert_eq!(told, [(text, Some("203.0.113.7"))]);
        let normal = crate::sketch::machine().event_with(events::GATEWAY, 312, 2, &[("Username", "-")]);
        let lines = timeline(normal.evidence(), normal.context());
        assert!(lines[0].normal && lines[0].text.starts_with("Gateway 312"), "{lines:?}");
    }

    fn logged(provider: &str, id: u32, value: &str) -> String {
        let entry = serde_json::json!({"at": "2026-11-21T09:00:00Z", "channel": "System", "provider": provider, "id": id,
                                       "record": 1, "data": {"0": value}});
        words(&serde_json::from_value(entry).unwrap()).unwrap()
    }

    #[test]
    fn an_entry_says_what_its_values_are() {
        let refused = logged(events::LSA, 6041, "TERMSRV/192.0.2.7 4");
        assert!(refused.ends_with("(TERMSRV/192.0.2.7 offered CredSSP version 4)"), "{refused}");
        assert!(logged(events::LSA, 6041, "TERMSRV/192.0.2.7").ends_with("(TERMSRV/192.0.2.7)"));
        assert!(logged(events::SCHANNEL, 36870, "client").contains("the private key of a client credential"));
        assert!(logged(events::SCHANNEL, 36870, "server").contains("the private key of a server credential"));
    }
}
