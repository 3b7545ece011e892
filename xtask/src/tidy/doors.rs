//! The two doors: files come in through `collect::evidence::regular`, words go out through `report::door`.

use super::rust::code_only;
use super::{Complaint, File};

/// Folders whose code reads what strangers wrote, or shows it.
const WATCHED: [&str; 7] = [
    "crates/collect/src/",
    "crates/cli/src/",
    "crates/report/src/",
    "crates/diagnosis/src/",
    "crates/evidence/src/",
    "crates/wire/src/",
    "crates/repair/src/",
];

/// A way past a door.
struct Law {
    /// Calls that open or print, as they stand in code.
    calls: &'static [&'static str],
    complaint: &'static str,
    /// Files that may, each with the reason.
    allowed: &'static [(&'static str, &'static str)],
}

const LAWS: [Law; 3] = [
    Law {
        calls: &["File::open(", "fs::read(", "fs::read_to_string(", "OpenOptions::new("],
        complaint: "opens a file past the door (collect::evidence::regular and bytes)",
        allowed: &[
            ("crates/collect/src/evidence/reader.rs", "the door itself"),
            ("crates/collect/src/resolve.rs", "lists of the kernel in /proc, whose paths are written down there"),
            ("crates/collect/src/local/live.rs", "a copy that this run made itself in a folder of its own"),
            ("crates/repair/src/file.rs", "the one writer, and what it reads back"),
            ("crates/repair/src/journal/chain.rs", "lines that this program appends itself, in a folder of its own"),
            ("crates/repair/src/journal/store.rs", "the folder of the journals, which nobody else can open"),
            ("crates/repair/src/linux/file.rs", "the hand's own door: no links, no pipes, a bound"),
            ("crates/repair/src/linux/lock.rs", "the system's own lock of its list of groups"),
            ("crates/repair/src/linux/mod.rs", "clocks of the kernel in /proc"),
            ("crates/repair/src/linux/service.rs", "numbers of processes in /run and their names in /proc"),
            ("crates/cli/src/fix/journals.rs", "the machine's own number in /etc/machine-id"),
        ],
    },
    Law {
        calls: &["io::stdout(", "io::stderr(", "println!(", "print!(", "eprintln!(", "eprint!("],
        complaint: "prints past the door (terminal::hand_out and complain)",
        allowed: &[("crates/cli/src/terminal.rs", "it alone prints, and takes only what went through the door")],
    },
    Law {
        calls: &["Outward("],
        complaint: "makes text for the outside past the door (report::door)",
        allowed: &[("crates/report/src/door.rs", "the door itself")],
    },
];

/// Complains about every way past a door in code that is no test.
pub fn judge(file: &File) -> Vec<Complaint> {
    let test = ["tests.rs", "/build.rs", "/sample.rs", "/mutants.rs"].iter().any(|end| file.path.ends_with(end));
    if test || !WATCHED.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let code = code_only(&file.text);
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut complaints = Vec::new();
    for law in LAWS.iter().filter(|law| !law.allowed.iter().any(|(path, _)| *path == file.path)) {
        for (number, line) in (1..).zip(code.lines()) {
            for call in law.calls.iter().filter(|call| is_called(line, call)) {
                complaints.push(format!("{}:{number}: `{call}` {}", file.path, law.complaint));
            }
        }
    }
    complaints
}

/// True if the call stands there, and not as the end of another name.
fn is_called(line: &str, call: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(call).any(|(at, _)| before(at).is_none_or(|letter| !(letter.is_alphanumeric() || letter == '_')))
}

/// Complains about permissions that nobody uses any more.
pub fn unused(files: &[File]) -> Vec<Complaint> {
    let used = |law: &Law, path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.is_some_and(|file| {
            let code = code_only(&file.text);
            law.calls.iter().any(|call| code.lines().any(|line| is_called(line, call)))
        })
    };
    let permissions = LAWS.iter().flat_map(|law| law.allowed.iter().map(move |(path, _)| (law, *path)));
    let idle = permissions.filter(|(law, path)| !used(law, path));
    idle.map(|(law, path)| format!("{path}: nothing in it {} any more (xtask/src/tidy/doors.rs)", law.complaint))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        judge(&File { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn a_file_is_opened_through_the_door_alone() {
        let opens = "fn f() { let a = File::open(path); std::fs::read(path); OpenOptions::new(); }";
        assert_eq!(complaints("crates/collect/src/evidence/new.rs", opens), 3);
        assert_eq!(complaints("crates/collect/src/evidence/reader.rs", opens), 0);
        assert_eq!(complaints("crates/cli/tests/new.rs", opens), 0);
        assert_eq!(complaints("crates/lab/src/new.rs", opens), 0);
        // other names, words and tests
        let others =
            "fn f() { MyFile::open(x); } // File::open(x)\n#[cfg(test)]\nmod tests { fn g() { fs::read(x); } }";
        assert_eq!(complaints("crates/cli/src/new.rs", others), 0);
    }

    #[test]
    fn words_go_out_through_the_door_alone() {
        let prints = "fn f() { println!(\"{x}\"); io::stdout().lock(); }";
        assert_eq!(complaints("crates/report/src/new.rs", prints), 2);
        assert_eq!(complaints("crates/cli/src/terminal.rs", prints), 0);
        assert_eq!(complaints("crates/report/src/new.rs", "fn f() -> Outward { Outward(text) }"), 1);
    }

    #[test]
    fn a_permission_that_nobody_uses_is_taken_back() {
        let told = unused(&[File { path: "crates/report/src/door.rs".to_owned(), text: "Outward(out)".to_owned() }]);
        let allowed: usize = LAWS.iter().map(|law| law.allowed.len()).sum();
        assert!(told.len() == allowed - 1 && told.iter().all(|told| !told.contains("report/src/door.rs")), "{told:?}");
    }
}
