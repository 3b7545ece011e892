//! Reads a table, in which a code inherits from its family what it does not say itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use wire::tls::alert;

use super::{AttemptStep, Code, Content, EntryKind, Family, Form, Level, Link, Mark, Step, Sureness};
use crate::Role;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    id: String,
    title: String,
    singular: String,
    shown: String,
    about: String,
    words: Vec<String>,
    form: Form,
    sources: Vec<Mark>,
    confidence: Sureness,
    step: Step,
    #[serde(default)]
    symptom: bool,
    #[serde(default)]
    named: bool,
    side: Role,
    log: Option<String>,
    provider: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, Content>,
    numbered: Option<Content>,
    #[serde(default)]
    peer: Vec<String>,
    code: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    number: i64,
    extended: Option<u32>,
    name: Option<String>,
    meaning: String,
    #[serde(default)]
    keywords: Vec<String>,
    note: Option<String>,
    client: Option<String>,
    step: Option<Step>,
    sources: Option<Vec<Mark>>,
    confidence: Option<Sureness>,
    #[serde(default)]
    normal: bool,
    #[serde(default)]
    vague: bool,
    side: Option<Role>,
    log: Option<String>,
    provider: Option<String>,
    level: Option<Level>,
    #[serde(default)]
    fields: BTreeMap<String, Content>,
    numbered: Option<Content>,
    attempt: Option<AttemptStep>,
    carries: Option<String>,
    #[serde(default)]
    not: Vec<String>,
    check: Option<String>,
    #[serde(default)]
    causes: Vec<Link>,
    #[serde(default)]
    fixes: Vec<String>,
    #[serde(default)]
    confused: Vec<Link>,
}

/// Reads one table from JSON.
pub(super) fn parse(text: &str) -> Result<Family, String> {
    let mut table: Table = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let rows = std::mem::take(&mut table.code);
    let codes = rows.into_iter().map(|row| code(row, &table)).collect::<Result<_, _>>()?;
    Ok(Family {
        events: table.log.is_some(),
        id: table.id,
        title: table.title,
        singular: table.singular,
        shown: table.shown,
        about: table.about,
        words: table.words,
        form: table.form,
        symptom: table.symptom,
        named: table.named,
        codes,
    })
}

fn code(row: Row, table: &Table) -> Result<Code, String> {
    let number = u32::try_from(row.number).or_else(|_| i32::try_from(row.number).map(i32::cast_unsigned));
    let number = number.map_err(|_| format!("{}: {} does not fit into 32 bits", table.id, row.number))?;
    // the decoder of alerts has their names, so they are not repeated here
    let name = if table.id == "tls-alert" { alert_name(number) } else { row.name };
    let event = table.log.is_some();
    let mut attempt = row.attempt;
    if let Some(step) = attempt.as_mut().filter(|step| step.peer.is_empty()) {
        step.peer.clone_from(&table.peer);
    }
    let mut fields = table.fields.clone();
    fields.extend(row.fields);
    let entry = EntryKind { level: row.level, fields, numbered: row.numbered.or(table.numbered), attempt };
    Ok(Code {
        number,
        extended: row.extended,
        name,
        meaning: row.meaning,
        keywords: row.keywords,
        note: row.note,
        client: row.client,
        step: row.step.unwrap_or(table.step),
        sources: row.sources.unwrap_or_else(|| table.sources.clone()),
        confidence: row.confidence.unwrap_or(table.confidence),
        normal: row.normal,
        vague: row.vague,
        side: event.then(|| row.side.unwrap_or(table.side)),
        log: row.log.or_else(|| table.log.clone()),
        provider: row.provider.or_else(|| table.provider.clone()),
        entry,
        carries: row.carries,
        not: row.not,
        check: row.check,
        causes: row.causes,
        fixes: row.fixes,
        confused: row.confused,
    })
}

fn alert_name(number: u32) -> Option<String> {
    let description = u8::try_from(number).ok()?;
    alert::Alert { level: 2, description }.name().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_takes_what_it_does_not_say_from_its_family() {
        let head = "id='x'\ntitle='X'\nsingular='x'\nshown='here'\nabout='a'\nwords=[]\nform='hex'\nsources=['W32']\n\
                    confidence='high'\nstep='tls'\nside='host'\n";
        let parse = |text: &str| parse(&toml::from_str::<serde_json::Value>(text).unwrap().to_string());
        let family = parse(&format!(
            "{head}[[code]]\nnumber=-1\nmeaning='m'\n[[code]]\nnumber=2\nmeaning='n'\nsources=['MEM']\nstep='tcp'"
        ));
        let codes = family.unwrap().codes;
        assert_eq!((codes[0].number, codes[0].step, &codes[0].sources[..]), (u32::MAX, Step::Tls, &[Mark::W32][..]));
        assert_eq!((codes[1].number, codes[1].step, &codes[1].sources[..]), (2, Step::Tcp, &[Mark::Mem][..]));
        assert!(parse(&format!("{head}[[code]]\nnumber=4294967296\nmeaning='m'")).unwrap_err().contains("32 bits"));
        assert!(parse(&format!("{head}[[code]]\nnumber=1\nmeening='m'")).unwrap_err().contains("meening"));
    }
}
