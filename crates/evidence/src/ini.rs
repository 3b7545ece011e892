//! Settings of an ini file, changed in their lines: comments, blanks, order and ends of lines stay as they are.

/// Line of a file, with its end.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Returns the name of the section that a line begins. As xrdp 0.9.21 was seen to take it, blanks belong to the name,
/// and a byte order mark before it does not matter.
fn section_of(line: &str) -> Option<&str> {
    line.trim_start_matches('\u{FEFF}').trim().strip_prefix('[')?.split_once(']').map(|(name, _)| name)
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

/// Places of a setting: the line of its section, and the last of its own lines.
struct Found {
    section: usize,
    own: Option<usize>,
}

fn find(lines: &[&str], section: &str, name: &str) -> Result<Found, String> {
    let head = |line: &str| section_of(line).is_some_and(|head| head.eq_ignore_ascii_case(section));
    let at = lines.iter().position(|line| head(line)).ok_or_else(|| format!("it has no section [{section}]"))?;
    let inside = lines[at + 1..].iter().take_while(|line| section_of(line).is_none());
    let named = |line: &str| setting_of(line).is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
    let own = inside.enumerate().filter(|(_, line)| named(line)).map(|(below, _)| at + 1 + below).last();
    Ok(Found { section: at, own })
}

/// Counts the sections with this name.
pub fn sections(text: &str, section: &str) -> usize {
    text.lines().filter_map(section_of).filter(|head| head.eq_ignore_ascii_case(section)).count()
}

/// Reads a setting: all behind its `=`; `None` where it is not set, an error where there is no such section. As xrdp
/// 0.9.21 was seen to take them, of two such sections the first one counts, and of two lines in it the last one.
pub fn read(text: &str, section: &str, name: &str) -> Result<Option<String>, String> {
    let lines = lines(text);
    let own = find(&lines, section, name)?.own;
    Ok(own.and_then(|at| setting_of(lines[at])).map(|(_, text)| text.to_owned()))
}

/// Reads the last line of a setting that stands outside of its section: before it, behind it, or in another one.
pub fn astray(text: &str, section: &str, name: &str) -> Option<String> {
    let lines = lines(text);
    let head = |line: &&str| section_of(line).is_some_and(|head| head.eq_ignore_ascii_case(section));
    let first = lines.iter().position(head).unwrap_or(lines.len());
    let inside = lines[first..].iter().skip(1).take_while(|line| section_of(line).is_none()).count();
    let outside = lines[..first].iter().chain(lines.get(first + 1 + inside..).unwrap_or_default());
    let mut settings = outside.filter_map(|line| setting_of(line));
    settings.rfind(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, text)| text.to_owned())
}

/// Returns the text of the file with the setting as it is to be, or without it. Of one that stands twice the line that
/// counts is changed. A new one comes right behind the head of its section.
pub fn written(text: &str, section: &str, name: &str, setting: Option<&str>) -> Result<String, String> {
    let lines = lines(text);
    let found = find(&lines, section, name)?;
    let own = found.own;
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    match (setting, own) {
        (None, None) => {}
        (None, Some(at)) => drop(lines.remove(at)),
        (Some(new), _) if new.contains(['\r', '\n']) => return Err(format!("{name}: a setting is one line")),
        (Some(new), Some(at)) => {
            let line = &lines[at];
            let (left, _) = line.split_once('=').unwrap_or((line, ""));
            lines[at] = format!("{left}={new}{}", end_of(line));
        }
        (Some(new), None) => {
            let end = end_of(&lines[found.section]).to_owned();
            if end.is_empty() {
                return Err(format!("the file ends with the head of [{section}]"));
            }
            lines.insert(found.section + 1, format!("{name}={new}{end}"));
        }
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

    #[test]
    fn a_section_is_known_behind_a_mark_and_not_by_blanks_in_its_name() {
        assert_eq!(read("\u{FEFF}[Globals]\nport=1\n", "Globals", "port"), Ok(Some("1".to_owned())));
        assert_eq!(sections("[ Globals ]\nport=1\n", "Globals"), 0);
    }

    #[test]
    fn one_line_changes_and_goes_back_to_the_byte() {
        assert_eq!(read(TEXT, "globals", "PORT"), Ok(Some(" 3389".to_owned())));
        let other = written(TEXT, "Globals", "port", Some("3390")).unwrap();
        assert_eq!(other, TEXT.replace("port = 3389", "port =3390"));
        assert_eq!(written(&other, "Globals", "port", Some(" 3389")).unwrap(), TEXT);
        let last = written(TEXT, "Xorg", "port", Some("5")).unwrap();
        assert_eq!(last, TEXT.replace("port=-1", "port=5"));
        for section in ["Globals", "Xorg"] {
            let added = written(TEXT, section, "new", Some("x")).unwrap();
            assert_eq!(read(&added, section, "new"), Ok(Some("x".to_owned())));
            assert_eq!(written(&added, section, "new", None).unwrap(), TEXT);
        }
    }

    #[test]
    fn of_two_lines_the_last_one_counts_and_of_two_sections_the_first() {
        let twice = "[Globals]\nport=1\nport=2\n[Xorg]\nport=5\n";
        assert_eq!(read(twice, "Globals", "port"), Ok(Some("2".to_owned())));
        let other = written(twice, "Globals", "port", Some("3")).unwrap();
        assert_eq!(other, twice.replace("port=2", "port=3"));
        assert_eq!(written(&other, "Globals", "port", Some("2")).unwrap(), twice);
        let heads = "[Globals]\nport=1\n[Xorg]\n[globals]\nport=2\n";
        assert_eq!((read(heads, "Globals", "port"), sections(heads, "Globals")), (Ok(Some("1".to_owned())), 2));
    }

    #[test]
    fn a_setting_outside_of_its_section_is_found_there() {
        let text = "key=0\n[Globals]\nport=1\n[Security]\nkey=1\n; key=2\n[globals]\nport=2\n";
        assert_eq!(astray(text, "Globals", "KEY"), Some("1".to_owned()));
        assert_eq!(
            (astray(text, "Globals", "port"), astray(text, "Security", "key")),
            (Some("2".to_owned()), Some("0".to_owned()))
        );
        assert_eq!((astray("[Globals]\nkey=1\n", "Globals", "key"), astray("[x]", "Globals", "key")), (None, None));
    }

    #[test]
    fn what_has_no_section_or_no_room_is_left_alone() {
        assert!(read("port=1\n", "Globals", "port").is_err());
        assert!(written("[Globals]", "Globals", "port", Some("3")).is_err());
        assert!(written("[Globals]\n", "Globals", "port", Some("3\n[x]")).is_err());
    }
}
