//! `rdpdoctor explain`.

use std::io::Read;

use anyhow::{Context as _, anyhow};
use report::explain::human;
use report::{door, explain};

use crate::arguments::{ExplainFormat, ExplainOptions};
use crate::pasted::{binary, decoded};
use crate::{HEALTHY, UNDETERMINED, terminal};

/// Runs the command and returns the exit status: 0 known, 2 not known.
pub fn run(options: &ExplainOptions) -> anyhow::Result<u8> {
    let question = question(&options.words)?;
    let answer = explain::explain(&question)?;
    let text = match options.format {
        ExplainFormat::Human => {
            let style = terminal::style(options.full);
            door::styled(&human::render(&answer, style), style.colour)
        }
        ExplainFormat::Json => door::json(&(answer.to_json() + "\n")),
    };
    terminal::hand_out(&text)?;
    Ok(if answer.known { HEALTHY } else { UNDETERMINED })
}

/// Joins the words to one text; a `-` among them stands for standard input.
fn question(words: &[String]) -> anyhow::Result<String> {
    let (input, typed): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| *word == "-");
    let mut text = typed.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    if !input.is_empty() {
        text = format!("{text} {}", standard_input()?);
    }
    Ok(text)
}

fn standard_input() -> anyhow::Result<String> {
    // UTF-16 has two bytes for a letter of one
    let limit = 2 * explain::LIMIT;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("read standard input")?;
    if read > limit {
        return Err(anyhow!("read standard input: more than {limit} bytes"));
    }
    if binary(&bytes) {
        return Err(anyhow!(
            "read standard input: this is no text; a log, a capture or a hive is for `rdpdoctor inspect FILE`"
        ));
    }
    Ok(decoded(&bytes))
}
