//! `rdpdoctor explain`.

use std::io::Read;

use anyhow::{Context as _, anyhow};
use report::explain;
use report::explain::human;

use crate::arguments::{ExplainFormat, ExplainOptions};
use crate::{HEALTHY, UNDETERMINED, terminal};

/// Runs the command and returns the exit status: 0 known, 2 not known.
pub fn run(options: &ExplainOptions) -> anyhow::Result<u8> {
    let question = question(&options.words)?;
    let answer = explain::explain(&question)?;
    let text = match options.format {
        ExplainFormat::Human => human::render(&answer, terminal::style(true)),
        ExplainFormat::Json => answer.to_json() + "\n",
    };
    terminal::print(&text)?;
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
    let limit = explain::LIMIT;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("read standard input")?;
    if read > limit {
        return Err(anyhow!("read standard input: more than {limit} bytes"));
    }
    Ok(decoded(&bytes))
}

/// Text in UTF-8, or in UTF-16 as Windows writes it to files; what is neither is replaced.
fn decoded(bytes: &[u8]) -> String {
    let words = |bytes: &[u8], join: fn([u8; 2]) -> u16| {
        let words: Vec<u16> = bytes.chunks_exact(2).map(|two| join([two[0], two[1]])).collect();
        String::from_utf16_lossy(&words)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => words(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => words(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_windows_is_read_as_it_is_written() {
        assert_eq!(decoded(b"0x904"), "0x904");
        assert_eq!(decoded(&[0xFF, 0xFE, b'7', 0]), "7");
        assert_eq!(decoded(&[0xFE, 0xFF, 0, b'7']), "7");
        assert_eq!(decoded(&[b'7', 0xFF]), "7\u{FFFD}");
    }
}
