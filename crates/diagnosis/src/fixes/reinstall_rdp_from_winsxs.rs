//! `reinstall-rdp-from-winsxs`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "reinstall-rdp-from-winsxs",
    title: "Reinstall Remote Desktop from the WinSxS folder",
    safety: Safety::Refused,
    reason: "The folders there are not packages: DISM refuses them, and copying their files by hand mixes versions. \
             DISM and sfc repair damaged parts of Windows.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "run `DISM /Online /Cleanup-Image /RestoreHealth`, then `sfc /scannow`: they put back what belongs there",
};
