//! `fetch-rdp-file-again`.

use super::change::{Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "fetch-rdp-file-again",
    title: "Get the .rdp file from its publisher again",
    safety: Safety::Manual,
    reason: "It changes nothing on this computer. A file that somebody changed on its way may lead elsewhere: compare it \
             before anybody uses or signs it.",
    place: Place::own(Machine::Client),
    steps: &[
        Step::Ask("Do not connect with the file as it is, and do not sign it: nobody knows yet who changed it."),
        Step::Ask(
            "Get it again from where it was published (RD Web Access, the feed, whoever sent it), as FILE-new.rdp.",
        ),
        Step::Read(&[Look::Line("Compare-Object (Get-Content {file}) (Get-Content FILE-new.rdp)")]),
        Step::Ask(
            "A line that differs, above all full address, gatewayhostname or alternate full address, says who changed \
             what. If the publisher changed the file without signing it again, it is for the publisher to sign \
             (sign-rdp-file).",
        ),
    ],
    verify: "rdpdoctor inspect FILE-new.rdp says that the signature is intact",
    undo: "nothing to undo",
};
