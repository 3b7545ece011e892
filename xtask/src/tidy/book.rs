//! Checks that a page of the book with a command for Windows says that it was not run there.

use super::{Complaint, File};

/// Mark of every such page; `diagnosis/src/report/book.rs` sets it on the generated ones.
const MARK: &str = "> **Not run on Windows by us.**";

/// Languages of code blocks for Windows.
const LANGUAGES: [&str; 6] = ["powershell", "pwsh", "ps1", "cmd", "bat", "batch"];

/// Programs of Windows, as they begin a command.
const PROGRAMS: [&str; 27] = [
    "certutil",
    "change",
    "cmdkey",
    "curl.exe",
    "DISM",
    "dism",
    "gpupdate",
    "icacls",
    "ipconfig",
    "klist",
    "mstsc",
    "net",
    "netsh",
    "nltest",
    "ping",
    "powershell",
    "qwinsta",
    "reg",
    "rdpsign",
    "sc",
    "setspn",
    "sfc",
    "shutdown",
    "takeown",
    "w32tm",
    "wevtutil",
    "wusa",
];

/// Finds pages with such a command and without the mark, and pages whose mark refers to nothing.
pub fn unmarked(files: &[File]) -> Vec<Complaint> {
    let pages = files.iter().filter(|file| file.path.starts_with("docs/book/") && file.path.ends_with(".md"));
    pages.filter_map(judge).collect()
}

fn judge(page: &File) -> Option<Complaint> {
    let marked = page.text.lines().any(|line| line.starts_with(MARK));
    match commands(&page.text).next() {
        Some((number, command)) if !marked => {
            Some(format!("{}:{number}: `{command}` is for Windows, and the page has no line `{MARK}`", page.path))
        }
        None if marked => Some(format!("{}: the mark `{MARK}` on a page without a command for Windows", page.path)),
        _ => None,
    }
}

/// Iterates over the commands for Windows in code blocks and in inline code, with their lines.
fn commands(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut block, mut windows) = (false, false);
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = !block;
            windows = block && LANGUAGES.contains(&language.trim());
            return None;
        }
        if block {
            return windows.then_some((number, line));
        }
        let inline = line.split('`').skip(1).step_by(2);
        inline.chain(line.strip_prefix("    ")).find(|code| for_windows(code)).map(|code| (number, code))
    })
}

/// True for more than a bare name: `net stop TermService`, `Get-Service TermService`.
fn for_windows(code: &str) -> bool {
    let Some((first, _)) = code.split_once(' ') else { return false };
    PROGRAMS.contains(&first) || cmdlet(first)
}

/// True for `Verb-Noun`.
fn cmdlet(word: &str) -> bool {
    let capital = |part: &str| part.starts_with(|letter: char| letter.is_ascii_uppercase());
    let verbs = [
        "Add", "Clear", "Disable", "Enable", "Export", "Find", "Get", "Import", "Invoke", "Move", "New", "Remove",
        "Rename",
    ];
    let more = ["Repair", "Resolve", "Restart", "Select", "Set", "Start", "Stop", "Test"];
    word.split_once('-').is_some_and(|(verb, noun)| (verbs.contains(&verb) || more.contains(&verb)) && capital(noun))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> usize {
        unmarked(&[File { path: "docs/book/a.md".to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn a_command_for_windows_needs_the_mark() {
        for command in
            ["```powershell\nx\n```", "```cmd\nx\n```", "run `net stop TermService`", "    Get-Service TermService"]
        {
            assert_eq!(complaints(command), 1, "{command}");
            assert_eq!(complaints(&format!("{command}\n\n{MARK} More.\n")), 0, "{command}");
        }
        assert_eq!(complaints(MARK), 1);
    }

    #[test]
    fn names_and_our_own_commands_need_none() {
        for text in [
            "`Restart-Service`",
            "    rdpdoctor diagnose HOST",
            "`net` and `icacls`",
            "```json\nreg x\n```",
            "`Out-of box`",
        ] {
            assert_eq!(complaints(text), 0, "{text}");
        }
    }
}
