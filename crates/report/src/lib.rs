//! Reports for people: every [`mod@format`] and its words, the answers of [`explain`], the [`search`] over everything
//! known, the [`guides`], and the pages of the [`book`].
//!
//! Forbidden: looking at evidence. It sees a [`diagnosis::Diagnosis`] and the catalogue (causes, fixes, claims, codes)
//! alone, so it does not depend on the crate `evidence`; nor may it judge, do I/O or read a clock.
//!
//! Start reading at `screen.rs`, the first screen, then [`human`] and `words.rs`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod book;
mod captured;
mod code_pages;
pub mod comparison;
pub mod door;
pub mod explain;
pub mod format;
pub mod formats;
pub mod guides;
mod html;
pub mod human;
mod human_screen;
mod human_timeline;
mod json;
mod jsonl;
mod junit;
mod machines;
pub mod messages;
mod nagios;
#[cfg(test)]
mod sample;
mod sarif;
mod screen;
pub mod scripts;
pub mod search;
mod subject_words;
mod survey_words;
pub mod watch;
pub(crate) mod words;
mod xml;
