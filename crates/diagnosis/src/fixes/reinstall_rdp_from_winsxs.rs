//! `reinstall-rdp-from-winsxs`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "reinstall-rdp-from-winsxs",
    title: "Install Remote Desktop again out of the WinSxS folder",
    safety: Safety::Refused,
    reason: "The folders there are no packages: DISM refuses them, and copying their files by hand mixes versions. \
             Parts of Windows that are damaged are mended by DISM and sfc.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "run `DISM /Online /Cleanup-Image /RestoreHealth`, then `sfc /scannow`: they put back what belongs there",
};
