//! The face of rdpdoctor: arguments, printing, exit codes.
//!
//! Purpose: turning a person's words into calls of `collect` and `diagnosis`, and their results into text and an exit
//! status.
//!
//! Forbidden: deciding anything about a host. Logic is in `diagnosis`.
//!
//! Start reading at [`arguments::Arguments`], then [`diagnose`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arguments;
pub mod collect_command;
pub mod compare;
pub mod demo;
pub mod diagnose;
pub mod explain;
pub mod fix;
pub mod generate;
pub mod inspect;
pub mod lab_command;
pub mod manual;
mod output_file;
mod pasted;
mod reading;
mod report_output;
pub mod scenario;
pub mod sign;
pub mod terminal;
mod this_computer;
pub mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::arguments::{Arguments, Command};

/// Exit status: done as asked; healthy.
pub const HEALTHY: u8 = 0;
/// Exit status: could not tell.
pub const UNDETERMINED: u8 = 2;
/// Exit status: wrong use, or our own failure.
pub const FAILED: u8 = 3;

/// Returns the code that was typed where a command should stand.
fn asked_about(error: &clap::Error) -> Option<String> {
    let first = std::env::args().nth(1).filter(|_| error.kind() == ErrorKind::InvalidSubcommand)?;
    let code = first.split([',', '/']).next().is_some_and(|part| evidence::symptom::parse_code(part).is_ok());
    code.then_some(first)
}

/// Prints help, or what is wrong with the arguments, which may be names of files that somebody else chose.
fn said(error: &clap::Error, shown: bool) -> anyhow::Result<()> {
    if shown {
        return Ok(error.print()?);
    }
    terminal::complain(error.render().to_string().trim_end());
    Ok(())
}

/// Says how to write what was meant by an argument that is not known: an interval behind `--watch`, or a port as an
/// option or a word of its own.
fn meant(error: &clap::Error) -> Option<String> {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => argument,
        _ => return None,
    };
    let after_watch = std::env::args().skip_while(|word| word != "--watch").nth(1);
    if after_watch.as_ref() == Some(argument) && argument.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(format!("To name the interval, write it with an equals sign: --watch={argument}"));
    }
    let port = argument.starts_with("--port") || argument.parse::<u16>().is_ok();
    port.then(|| "To name a port, write it behind the host: rdpdoctor diagnose HOST:PORT".to_owned())
}

/// Returns the arguments of the process; `--json`, as many programs call it, is `--format=json`.
fn typed() -> impl Iterator<Item = OsString> {
    let mut words = false;
    std::env::args_os().map(move |argument| {
        words |= argument == "--";
        if argument == "--json" && !words { OsString::from("--format=json") } else { argument }
    })
}

/// Drops the advice to write `--` before an option that is not known: nothing here takes a value that looks like one.
fn without_advice(error: &mut clap::Error) {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains("as a value"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(typed()) {
        Ok(arguments) => arguments,
        Err(mut error) => {
            without_advice(&mut error);
            // clap's own 2 means "could not tell" here
            let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let printed = said(&error, shown).is_ok();
            if let Some(code) = asked_about(&error) {
                terminal::complain(&format!("To ask what it means: rdpdoctor explain {code}"));
            }
            if let Some(words) = meant(&error) {
                terminal::complain(&words);
            }
            return ExitCode::from(if shown && printed { HEALTHY } else { FAILED });
        }
    };
    let result = match arguments.command {
        Command::Diagnose(options) => match options.watching.watch {
            Some(interval) => watch::run(&options, interval),
            None => diagnose::run(&options),
        },
        Command::Compare(options) => compare::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Collect(options) => collect_command::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Fix(options) => fix::run(&options),
        Command::Undo(options) => fix::undo::undo(&options),
        Command::History => fix::undo::history(),
        Command::Confirm { code } => fix::guarded::confirm(&code),
        Command::Guard { run, elsewhere } => fix::guarded::guard(&run, elsewhere),
        Command::Sign(options) => sign::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Lab(options) => lab_command::run(&options),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::man(),
        Command::Generate { files } => generate::run(files),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal::complain(&format!("error: {error:#}"));
            ExitCode::from(FAILED)
        }
    }
}
