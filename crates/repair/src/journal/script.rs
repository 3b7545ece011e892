//! The script that puts everything back when this program does not start any more: plain `sh`, whole files from the
//! copies beside it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use crate::hand::{Hand, Unread};
use crate::place::{Held, Place, sha256};
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
    lines.extend(restarts.iter().map(|service| format!("service {} restart", quoted(service))));
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
remove() {
  rm -f -- "$1" || failed=1
}
service() {
  if [ -d /run/systemd/system ]; then systemctl "$2" "$1" || failed=1
  elif [ -x "/etc/init.d/$1" ]; then "/etc/init.d/$1" "$2" || failed=1
  else echo "service $1: $2 it by hand" >&2; fi
}"#;
