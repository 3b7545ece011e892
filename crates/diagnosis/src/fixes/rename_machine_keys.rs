//! `rename-machine-keys`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "rename-machine-keys",
    title: "Rename the MachineKeys folder",
    safety: Safety::Refused,
    reason: "Other services of the machine keep RSA keys there, and the older key providers look nowhere else: IIS, \
             WinRM, SQL Server or a VPN stop working when they next need their key. Only one file in it belongs to \
             Remote Desktop.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "before anything else move the new folder aside and name the old one MachineKeys again, with the rights \
           that it had; restart the services that use a key, and keep the new folder until each of them has been seen \
           to work",
};
