//! `delete-personal-certificates`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "delete-personal-certificates",
    title: "Delete expired certificates from the computer's Personal store",
    safety: Safety::Refused,
    reason: "Other services use that store, and an expired certificate is harmless there. Deleting a certificate can \
             delete its key, and what was encrypted to it is then lost.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "import the certificate with its key from a backup or from the authority that keeps it; without its key a \
           certificate is of no use",
};
