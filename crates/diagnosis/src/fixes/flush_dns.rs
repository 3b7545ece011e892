//! `flush-dns`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "flush-dns",
    title: "Forget cached answers of the resolver",
    safety: Safety::Safe,
    reason: "Only the cache is emptied; the next lookup fills it again.",
    place: "on the client, elevated",
    steps: &["Clear-DnsClientCache", "Resolve-DnsName HOST"],
    verify: "the name resolves to the address that you expect",
    undo: "nothing to undo: the cache fills again by itself",
};
