//! Settings of GNOME Remote Desktop, of the person who runs this: written by `grdctl`, read by `gsettings`.

use std::process::Command;

use evidence::state::GNOME_FILES;

use super::Patience;
use super::program::{reached, told};
use crate::hand::{Failed, Unread};
use crate::place::Held;

/// Schema of its settings for RDP.
const SCHEMA: &str = "org.gnome.desktop.remote-desktop.rdp";
/// Settings that are changed here.
const OURS: [&str; 2] = GNOME_FILES;
/// Place in which nobody can have settings, and where none can be made.
const NOBODY: &str = "/dev/null";

/// Reads a setting; nothing where it is as it comes.
pub(super) fn read(name: &str, patience: Patience) -> Result<Held, Unread> {
    let get = |person: Option<&str>| {
        let mut command = Command::new("gsettings");
        command.args(["get", SCHEMA, name]);
        if let Some(person) = person {
            command.env("XDG_CONFIG_HOME", person);
        }
        told(&mut command, patience.command).map_err(Unread)
    };
    // where a person has set nothing, it is as it comes with GNOME or as the machine's own defaults have it
    let (now, usual) = (get(None)?, get(Some(NOBODY))?);
    if now == usual {
        return Ok(Held::Absent);
    }
    let now = now.trim();
    text(now)
        .map(Held::Text)
        .ok_or_else(|| Unread(format!("the setting {name} of GNOME is no text that is known here")))
}

/// Takes a text or a plain word out of the form in which GLib prints values.
fn text(value: &str) -> Option<String> {
    let Some(quote) = value.chars().next().filter(|first| "'\"".contains(*first)) else {
        return Some(value.to_owned());
    };
    let inside = value.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut letters = inside.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            // letters that do not print are of no use in a path
            '\\' => letters.next().filter(|escaped| "\\'\"".contains(*escaped))?,
            letter => letter,
        });
    }
    Some(text)
}

/// Makes a setting hold this; nothing: as it comes.
pub(super) fn write(name: &str, held: &Held, patience: Patience) -> Result<(), Failed> {
    if !OURS.contains(&name) {
        return Err(Failed(format!("the setting {name} of GNOME is none that is changed here")));
    }
    let mut command = if let Held::Text(path) = held {
        let mut command = Command::new("grdctl");
        command.args(["rdp", &format!("set-{name}"), path]);
        command
    } else {
        let mut command = Command::new("gsettings");
        command.args(["reset", SCHEMA, name]);
        command
    };
    told(&mut command, patience.command).map_err(Failed)?;
    // it is handed to another process, which writes it down
    reached(patience.change, || read(name, patience).is_ok_and(|now| now == *held));
    Ok(())
}

/// Switches it off and on again; one that is switched off is left alone. A program of its own does both, so that it is
/// on again also where this one is killed in between.
pub(super) fn restart(patience: Patience) -> Result<(), Failed> {
    let on = || read("enable", patience).map(|now| now == Held::Text("true".to_owned()));
    if !on().map_err(|why| Failed(why.0))? {
        return Ok(());
    }
    // it looks at the setting when it is told of a change: two changes at once would be none
    let mut both = Command::new("sh");
    both.args(["-c", "grdctl rdp disable; sleep 1; grdctl rdp enable"]);
    told(&mut both, patience.command).map_err(Failed)?;
    let back = reached(patience.change, || on() == Ok(true));
    back.then_some(())
        .ok_or_else(|| Failed("GNOME Remote Desktop was switched off and did not come back on".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_glib_prints_them() {
        for (value, expected) in [
            ("'/srv/a/c.pem'", Some("/srv/a/c.pem")),
            (r#""it's""#, Some("it's")),
            (r"'a\\b\'c'", Some(r"a\b'c")),
            ("''", Some("")),
            ("true", Some("true")),
            ("'", None),
            (r"'a\u0007'", None),
            ("'a", None),
        ] {
            assert_eq!(text(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn nothing_but_certificate_and_key_is_changed() {
        assert!(write("view-only", &Held::Text("false".to_owned()), Patience::default()).is_err());
    }
}
