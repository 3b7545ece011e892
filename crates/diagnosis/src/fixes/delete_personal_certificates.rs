//! `delete-personal-certificates`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "delete-personal-certificates",
    title: "Delete expired certificates from the computer's Personal store",
    safety: Safety::Refused,
    reason: "The store belongs to the other services, and a certificate that has expired is harmless there. With a \
             certificate its key can go, and then nothing brings back what was encrypted to it.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "import the certificate with its key from a backup or from the authority that keeps it; without its key a \
           certificate is of no use",
};
