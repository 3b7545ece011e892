//! `ignore-server-identity`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "ignore-server-identity",
    title: "Let the client connect without checking the host's identity (authentication level 0)",
    safety: Safety::Refused,
    reason: "An attacker on the way can then take the host's place and get the password without any warning. And it \
             repairs nothing: it decides what a client does with a certificate, not whether one arrives.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "set authentication level:i: to 2 (warn) or 1 (refuse) in every .rdp file and policy that was changed; a \
           signed file has to be signed again; change the passwords that were typed meanwhile on networks that you do \
           not trust",
};
