//! Lines of a journal.

use serde::{Deserialize, Serialize};

use crate::place::{Kept, Place};

/// Name and version of a journal's form.
pub const SCHEMA: &str = "rdpdoctor-journal/1";

/// First line of a journal: all that is going to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// `rdpdoctor-journal/1`.
    pub schema: String,
    /// Version of the program.
    pub tool: String,
    /// Machine on which it runs.
    pub origin: String,
    /// Causes that are to go, by their ids.
    pub causes: Vec<String>,
    /// Fixes that are carried out, by their ids.
    pub fixes: Vec<String>,
    /// Changes, in order.
    pub steps: Vec<Written>,
    /// Services that are restarted behind them.
    pub restarts: Vec<String>,
    /// True if the files are those of another machine, mounted here.
    pub elsewhere: bool,
}

impl Begin {
    /// Returns the first line for these causes, fixes, steps and restarts.
    pub fn new(origin: &str, steps: Vec<Written>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            origin: origin.to_owned(),
            causes: Vec::new(),
            fixes: Vec::new(),
            steps,
            restarts: Vec::new(),
            elsewhere: false,
        }
    }
}

/// Change as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Place that is changed.
    pub place: Place,
    /// Contents before.
    pub before: Kept,
    /// Contents behind it.
    pub after: Kept,
}

/// Line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// The run begins.
    Begin(Begin),
    /// This step is going to be done.
    Intent {
        /// Its number, from 0.
        step: usize,
    },
    /// This step is done, and was read back.
    Done {
        /// Its number.
        step: usize,
    },
    /// This service is going to be restarted.
    Restarting {
        /// Its name.
        service: String,
    },
    /// This service was restarted.
    Restarted {
        /// Its name.
        service: String,
    },
    /// A new diagnosis told how well it helped.
    Verified {
        /// In words.
        told: String,
    },
    /// This step was taken back, and was read back.
    Undone {
        /// Its number.
        step: usize,
    },
    /// The run ends.
    End {
        /// How.
        how: Ended,
    },
}

impl Entry {
    /// Returns the step that it is about.
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Intent { step } | Self::Done { step } | Self::Undone { step } => Some(*step),
            _ => None,
        }
    }
}

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Everything was done, and stays.
    Applied,
    /// It failed or did not help, and everything is as before.
    RolledBack,
    /// A person took it back.
    Undone,
    /// Nobody confirmed it in time, or its lease ended, and everything is as before.
    Reverted,
    /// Some of it could not be taken back, because somebody else changed it since.
    Partly,
}

impl Ended {
    /// Returns it in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::RolledBack => "rolled back",
            Self::Undone => "undone",
            Self::Reverted => "taken back when its time was over",
            Self::Partly => "taken back in part",
        }
    }
}
