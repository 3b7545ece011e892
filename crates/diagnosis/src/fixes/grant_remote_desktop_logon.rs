//! `grant-remote-desktop-logon`.

use super::change::{Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "grant-remote-desktop-logon",
    title: "Let the user log on through Remote Desktop",
    safety: Safety::Manual,
    reason: "It gives one user or group a way in, so somebody has to decide whether they should have it.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Line("Get-LocalGroupMember -SID S-1-5-32-555 | Select-Object Name,ObjectClass")]),
        Step::Read(&[Look::Line(
            "secedit /export /areas USER_RIGHTS /cfg \"$env:TEMP\\rights.inf\" | Out-Null; Select-String -Path \
             \"$env:TEMP\\rights.inf\" -Pattern 'RemoteInteractiveLogonRight|NetworkLogonRight'",
        )]),
        Step::Ask(
            "Where the user is in no group of the first list: Add-LocalGroupMember -SID S-1-5-32-555 -Member DOMAIN\\user \
             (S-1-5-32-555 is Remote Desktop Users, whatever the language).",
        ),
        Step::Ask(
            "Where SeRemoteInteractiveLogonRight lacks *S-1-5-32-555, or a line SeDeny… names the user or a group of theirs, a \
             policy sets this (Local Policies, User Rights Assignment). Change it where it is set; a denial wins over \
             every group.",
        ),
        Step::Ask("On a domain controller the right itself has to be granted by policy: there are no local groups."),
    ],
    verify: "the user gets in; the Security log has 4624 with logon type 10 in place of the refusal",
    undo: "Remove-LocalGroupMember -SID S-1-5-32-555 with the same member",
};
