//! `rdpdoctor man` and `rdpdoctor completions`: what packagers install, from the declaration in [`crate::arguments`].

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::{HEALTHY, terminal};

const NAME: &str = "rdpdoctor";

/// Shells, with the names that their users give to a file of completions.
const FILES: [(Shell, &str); 5] = [
    (Shell::Bash, "rdpdoctor.bash"),
    (Shell::Zsh, "_rdpdoctor"),
    (Shell::Fish, "rdpdoctor.fish"),
    (Shell::PowerShell, "_rdpdoctor.ps1"),
    (Shell::Elvish, "rdpdoctor.elv"),
];

/// Prints the completions for a shell.
pub fn completions(shell: Shell) -> anyhow::Result<u8> {
    terminal::print(&completion(shell)?)?;
    Ok(HEALTHY)
}

/// Prints the man page.
pub fn man() -> anyhow::Result<u8> {
    terminal::print(&page()?)?;
    Ok(HEALTHY)
}

/// Returns the completions for every shell, by file name.
pub fn completion_files() -> anyhow::Result<BTreeMap<String, String>> {
    FILES.into_iter().map(|(shell, name)| Ok((name.to_owned(), completion(shell)?))).collect()
}

fn completion(shell: Shell) -> anyhow::Result<String> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut text);
    String::from_utf8(text).context("completions in UTF-8")
}

/// Returns the man page: the program, then a section for each command.
pub fn page() -> anyhow::Result<String> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut text = Vec::new();
    sections(&command, &mut text).context("write the man page")?;
    Ok(tidied(&String::from_utf8(text).context("a man page in UTF-8")?))
}

fn sections(command: &Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let main = Man::new(command.clone());
    main.render_title(out)?;
    main.render_name_section(out)?;
    main.render_synopsis_section(out)?;
    main.render_description_section(out)?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        section(command, out)?;
    }
    main.render_version_section(out)
}

/// Writes a command as a section of the page: a section of its own page becomes a subsection.
fn section(command: &Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut own = Vec::new();
    let man = Man::new(command.clone());
    man.render_description_section(&mut own)?;
    man.render_synopsis_section(&mut own)?;
    man.render_options_section(&mut own)?;
    if command.get_after_help().is_some() {
        man.render_extra_section(&mut own)?;
    }
    let below = String::from_utf8_lossy(&own).replace(".SH EXTRA\n", ".SH NOTES\n").replace(".SH ", ".SS ");
    out.extend_from_slice(format!(".SH \"COMMAND {}\"\n{below}", command.get_name().to_uppercase()).as_bytes());
    Ok(())
}

/// Removes spaces at line ends, and all but the first of the two lines that the library repeats before each part (the
/// definition of `Aq`).
fn tidied(page: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in page.lines().map(str::trim_end) {
        let preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        if !(preamble && lines.contains(&line)) {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}
