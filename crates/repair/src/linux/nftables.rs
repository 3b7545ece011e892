//! Rules of nftables, one at a time, by the program `nft`: put first in their chain, and taken out by their handle.

use std::process::Command;

use super::Patience;
use super::program::told;
use crate::hand::{Failed, Unread};

/// Rule in its chain.
pub(super) struct Rule<'a> {
    pub(super) family: &'a str,
    pub(super) table: &'a str,
    pub(super) chain: &'a str,
    pub(super) text: &'a str,
}

impl Rule<'_> {
    /// True if the chain has the rule.
    pub(super) fn there(&self, patience: Patience) -> Result<bool, Unread> {
        Ok(self.handle(patience).map_err(Unread)?.is_some())
    }

    /// Puts the rule first in its chain, or takes it out.
    pub(super) fn set(&self, there: bool, patience: Patience) -> Result<(), Failed> {
        let handle = self.handle(patience).map_err(Failed)?;
        let command = match (handle, there) {
            (None, true) => format!("insert rule {} {} {} {}", self.family, self.table, self.chain, self.text),
            (Some(handle), false) => {
                format!("delete rule {} {} {} handle {handle}", self.family, self.table, self.chain)
            }
            _ => return Ok(()),
        };
        nft(&[&command], patience).map(drop).map_err(Failed)
    }

    /// Returns the number by which nftables knows the rule; `None` if the chain has no such rule.
    fn handle(&self, patience: Patience) -> Result<Option<u64>, String> {
        let name = |text: &str| text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_-".contains(&letter));
        if ![self.family, self.table, self.chain].iter().all(|text| !text.is_empty() && name(text)) {
            return Err("this is no name of a chain".to_owned());
        }
        // one command, and nothing else behind it
        if self.text.is_empty() || self.text.contains([';', '\n', '{', '}', '#', '$', '\\']) {
            return Err("this is no single rule".to_owned());
        }
        let list = nft(&["-s", "-a", "list", "chain", self.family, self.table, self.chain], patience)?;
        let own = |line: &&str| line.trim().split_once(" # handle ").is_some_and(|(rule, _)| rule == self.text);
        let found = list.lines().find(own).and_then(|line| line.rsplit(' ').next()?.parse().ok());
        Ok(found)
    }
}

fn nft(arguments: &[&str], patience: Patience) -> Result<String, String> {
    told(Command::new("nft").args(arguments), patience.command)
}
