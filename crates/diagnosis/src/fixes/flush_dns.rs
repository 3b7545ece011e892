//! `flush-dns`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "flush-dns",
    title: "Clear the DNS cache",
    safety: Safety::Safe,
    reason: "Only the cache is emptied; the next lookup fills it again.",
    place: Place::elevated(Machine::Client),
    steps: &[Step::Change(&[Change::ForgetNames]), Step::Read(&[Look::Line("Resolve-DnsName {host}")])],
    verify: "the name resolves to the address that you expect",
    undo: "nothing to undo: the cache fills again by itself",
};
