//! The script that puts everything back when this program does not start any more: plain `sh`, whole files from the
//! copies beside it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use evidence::state::FIREWALLD;

use crate::hand::{Hand, Unread};
use crate::place::{GNOME, Held, Place, sha256};
use crate::plan::Resolved;

/// Files as they are before a change, by their paths.
pub type Copies = BTreeMap<PathBuf, Held>;

/// Reads the files that hold the places of these steps.
pub fn copies(hand: &dyn Hand, steps: &[Resolved]) -> Result<Copies, Unread> {
    let mut copies = Copies::new();
    for path in steps.iter().flat_map(|step| step.place.files()) {
        if let Entry::Vacant(place) = copies.entry(path) {
            let held = hand.read(&Place::file(place.key()))?;
            place.insert(held);
        }
    }
    Ok(copies)
}

/// Writes the script.
pub fn script(copies: &Copies, steps: &[Resolved], restarts: &[String]) -> String {
    let mut lines: Vec<String> = HEAD.lines().map(str::to_owned).collect();
    for (path, held) in copies {
        let path = quoted(&path.display().to_string());
        lines.push(match held {
            Held::File { bytes, mode, uid, gid } => format!("put {} {mode:04o} {uid}:{gid} {path}", sha256(bytes)),
            _ => format!("remove {path}"),
        });
    }
    for step in steps {
        if let (Place::Service { name }, Held::Running(running)) = (&step.place, &step.before) {
            lines.push(format!("service {} {}", quoted(name), if *running { "start" } else { "stop" }));
        }
    }
    for step in steps {
        if let (Place::Rights { path, .. }, Held::Rights { mode, uid, gid }) = (&step.place, &step.before) {
            lines.push(format!("rights {mode:04o} {uid}:{gid} {}", quoted(&path.display().to_string())));
        }
    }
    for step in steps {
        match (&step.place, &step.before) {
            (Place::Gnome { name }, Held::Text(text)) => lines.push(format!("gnome {} {}", quoted(name), quoted(text))),
            (Place::Gnome { name }, _) => lines.push(format!("gnome {}", quoted(name))),
            _ => {}
        }
    }
    for step in steps {
        match &step.place {
            Place::Opening { tool, .. } if tool == FIREWALLD => {
                lines.push("firewall-cmd --reload || failed=1".to_owned());
            }
            Place::Opening { .. } => lines.push("ufw reload || failed=1".to_owned()),
            _ => {}
        }
    }
    lines.extend(restarts.iter().map(|service| match service.as_str() {
        GNOME => "grdctl rdp disable; sleep 1; grdctl rdp enable || failed=1".to_owned(),
        service => format!("service {} restart", quoted(service)),
    }));
    lines.push("exit $failed".to_owned());
    lines.join("\n") + "\n"
}

/// Quotes a word for `sh`.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

const HEAD: &str = r#"#!/bin/sh
# Puts back what rdpdoctor changed in this run, without rdpdoctor. It writes whole files as they were before the run:
# what was changed in them since is lost. Run it as the user who ran rdpdoctor: sh restore.sh
here=$(cd "$(dirname "$0")" && pwd) || exit 1
failed=0
put() {
  if [ "$(sha256sum < "$here/blobs/$1" | cut -d' ' -f1)" != "$1" ]; then
    echo "the copy of $4 is damaged: left alone" >&2; failed=1; return
  fi
  if [ -L "$4" ]; then echo "$4 is a link now: left alone" >&2; failed=1; return; fi
  [ -e "$4" ] || (umask 077; : > "$4")
  cat "$here/blobs/$1" > "$4" && chown "$3" "$4" && chmod "$2" "$4" || failed=1
}
rights() {
  if [ -L "$3" ]; then echo "$3 is a link now: left alone" >&2; failed=1; return; fi
  chown "$2" "$3" && chmod "$1" "$3" || failed=1
}
remove() {
  rm -f -- "$1" || failed=1
}
gnome() {
  if [ $# -eq 2 ]; then grdctl rdp "set-$1" "$2" || failed=1
  else gsettings reset org.gnome.desktop.remote-desktop.rdp "$1" || failed=1; fi
}
service() {
  if [ -d /run/systemd/system ]; then
    # a restart starts nothing that does not run
    if [ "$2" = restart ]; then systemctl try-restart "$1" || failed=1
    else systemctl "$2" "$1" || failed=1; fi
  elif [ -x "/etc/init.d/$1" ]; then
    if [ "$2" = restart ] && ! "/etc/init.d/$1" status > /dev/null 2>&1; then
      echo "$1 was not started by its script: restart it by hand if it runs" >&2
    else "/etc/init.d/$1" "$2" || failed=1; fi
  else echo "service $1: $2 it by hand" >&2; fi
}"#;
