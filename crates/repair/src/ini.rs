//! Settings of an ini file, changed in their lines: comments, blanks, order and ends of lines stay as they are.

use crate::hand::{Failed, Unread};
use crate::place::Held;

/// Line of a file, with its end.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Returns the name of the section that a line begins.
fn section_of(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.split_once(']').map(|(name, _)| name.trim())
}

/// Splits a line into the name of its setting and all behind `=`, without the end of the line.
fn setting_of(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end_matches(['\r', '\n']);
    let trimmed = line.trim_start();
    if trimmed.starts_with([';', '#']) {
        return None;
    }
    let (name, text) = line.split_once('=')?;
    Some((name.trim(), text))
}

/// Places of a setting: the line of its section, and its own lines.
struct Found {
    section: usize,
    own: Vec<usize>,
}

fn find(lines: &[&str], section: &str, name: &str) -> Result<Found, String> {
    let mut inside = false;
    let (mut heads, mut own) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        if let Some(head) = section_of(line) {
            inside = head.eq_ignore_ascii_case(section);
            heads.extend(inside.then_some(at));
        } else if inside && setting_of(line).is_some_and(|(known, _)| known.eq_ignore_ascii_case(name)) {
            own.push(at);
        }
    }
    match heads[..] {
        [] => Err(format!("it has no section [{section}]")),
        [section] => Ok(Found { section, own }),
        _ => Err(format!("it has the section [{section}] more than once")),
    }
}

/// Reads a setting; where it stands twice, nobody knows which one counts.
pub fn read(text: &str, section: &str, name: &str) -> Result<Held, Unread> {
    let lines = lines(text);
    let found = find(&lines, section, name).map_err(Unread)?;
    match found.own[..] {
        [] => Ok(Held::Absent),
        [at] => Ok(Held::Text(setting_of(lines[at]).map_or(String::new(), |(_, text)| text.to_owned()))),
        _ => Err(Unread(format!("{name} stands {} times in [{section}]", found.own.len()))),
    }
}

/// Returns the text of the file with the setting as it is to be. A new one comes right behind the head of its section.
pub fn written(text: &str, section: &str, name: &str, held: &Held) -> Result<String, Failed> {
    let mut lines: Vec<String> = lines(text).into_iter().map(str::to_owned).collect();
    let found = find(&lines.iter().map(String::as_str).collect::<Vec<_>>(), section, name).map_err(Failed)?;
    let own = match found.own[..] {
        [] => None,
        [at] => Some(at),
        _ => return Err(Failed(format!("{name} stands {} times in [{section}]", found.own.len()))),
    };
    match (held, own) {
        (Held::Absent, None) => {}
        (Held::Absent, Some(at)) => drop(lines.remove(at)),
        (Held::Text(new), _) if new.contains(['\r', '\n']) => {
            return Err(Failed(format!("{name}: a setting is one line")));
        }
        (Held::Text(new), Some(at)) => {
            let line = &lines[at];
            let (left, _) = line.split_once('=').unwrap_or((line, ""));
            lines[at] = format!("{left}={new}{}", end_of(line));
        }
        (Held::Text(new), None) => {
            let end = end_of(&lines[found.section]).to_owned();
            if end.is_empty() {
                return Err(Failed(format!("the file ends with the head of [{section}]")));
            }
            lines.insert(found.section + 1, format!("{name}={new}{end}"));
        }
        _ => return Err(Failed(format!("{name}: a setting holds text alone"))),
    }
    Ok(lines.concat())
}

fn end_of(line: &str) -> &str {
    &line[line.trim_end_matches(['\r', '\n']).len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "; first\r\n[Globals]\r\n; port=1\r\nport = 3389\r\nkey_file=\r\n[Xorg]\nport=-1";

    fn text(text: &str) -> Held {
        Held::Text(text.to_owned())
    }

    #[test]
    fn one_line_changes_and_goes_back_to_the_byte() {
        assert_eq!(read(TEXT, "globals", "PORT"), Ok(text(" 3389")));
        let other = written(TEXT, "Globals", "port", &text("3390")).unwrap();
        assert_eq!(other, TEXT.replace("port = 3389", "port =3390"));
        assert_eq!(written(&other, "Globals", "port", &text(" 3389")).unwrap(), TEXT);
        let last = written(TEXT, "Xorg", "port", &text("5")).unwrap();
        assert_eq!(last, TEXT.replace("port=-1", "port=5"));
        for section in ["Globals", "Xorg"] {
            let added = written(TEXT, section, "new", &text("x")).unwrap();
            assert_eq!(read(&added, section, "new"), Ok(text("x")));
            assert_eq!(written(&added, section, "new", &Held::Absent).unwrap(), TEXT);
        }
    }

    #[test]
    fn what_is_ambiguous_is_left_alone() {
        let twice = "[Globals]\nport=1\nport=2\n";
        assert!(read(twice, "Globals", "port").is_err() && written(twice, "Globals", "port", &text("3")).is_err());
        let heads = "[Globals]\nport=1\n[Globals]\n";
        assert!(read(heads, "Globals", "port").is_err());
        assert!(read("port=1\n", "Globals", "port").is_err());
        assert!(written("[Globals]", "Globals", "port", &text("3")).is_err());
        assert!(written("[Globals]\n", "Globals", "port", &text("3\n[x]")).is_err());
        assert!(written("[Globals]\n", "Globals", "port", &Held::Present).is_err());
    }
}
