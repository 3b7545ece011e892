//! The writer of hives, with the check sums that it needs.

#[allow(dead_code, reason = "the writer is that of the reader's own tests")]
#[path = "../../../collect/src/evidence/hive/build.rs"]
pub mod build;
#[path = "../../../collect/src/evidence/hive/sums.rs"]
mod sums;
