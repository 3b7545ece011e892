//! `client-tls12-disabled`: the client's Windows has TLS 1.2 switched off.

use evidence::state::Part;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use wire::tls::TlsVersion;

const CLIENT: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client";

pub const CAUSE: Cause = Cause {
    id: "client-tls12-disabled",
    title: "TLS 1.2 is switched off on the client",
    stage: Stage::Client,
    severity: Severity::Blocking,
    role: Role::Client,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(CLIENT)], holds: speaks_nothing },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(CLIENT)], holds: off },
        Proof { shows: Shows::Absence, needs: &[Need::key(CLIENT)], holds: on },
    ],
    explains: &[],
    page: Page {
        what_happens: "This client fails with 0x904 at every host that needs TLS 1.2; other clients reach the same \
                       hosts.",
        why: "Enabled = 0 or DisabledByDefault = 1 below TLS 1.2\\Client, set by a hardening tool or a script.",
        confirm: "If the values are absent, the defaults of Windows apply: TLS 1.2 is on since Windows 8.",
        command: "Get-ChildItem 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols' -Recurse | \
                  Where-Object PSChildName -eq Client | Get-ItemProperty | Select-Object PSPath,Enabled,DisabledByDefault",
        how_to_fix: "Switch TLS 1.2 on for the client side and restart the computer.",
        references: &["Microsoft: Transport Layer Security (TLS) registry settings"],
    },
    fixes: &["enable-tls12"],
};

fn speaks_nothing(case: Case<'_>) -> Option<Ground> {
    let lacking: Option<Vec<_>> =
        TlsVersion::ALL.iter().map(|version| case.schannel_lacks(*version, Part::Client)).collect();
    let (sure, because): (Vec<_>, Vec<_>) = lacking?.into_iter().unzip();
    let confidence = sure.into_iter().max()?;
    Some(Ground::on(because).confidence(confidence))
}

/// TLS 1.2 is off. An older or newer version may still work with a host that has it, so then this only hampers.
fn off(case: Case<'_>) -> Option<Ground> {
    let (sure, because) = case.schannel_lacks(TlsVersion::Tls12, Part::Client)?;
    Some(Ground::on(vec![because]).severity(Severity::Degrading).confidence(sure))
}

fn on(case: Case<'_>) -> Option<Ground> {
    case.schannel_has_tls12(Part::Client)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client};
    use evidence::state::{RegistryData, WINDOWS};

    fn windows() -> Sketch {
        client("192.0.2.7").value(WINDOWS, "CurrentBuildNumber", RegistryData::Text("19045".to_owned()))
    }

    #[test]
    fn present() {
        let versions = ["1.0", "1.1", "1.2"];
        let none = versions
            .iter()
            .fold(windows(), |sketch, version| sketch.dword(&CLIENT.replace("1.2", version), "Enabled", 0));
        none.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn off_by_default_alone_is_only_likely() {
        let off =
            |sketch: Sketch, version: &&str| sketch.dword(&CLIENT.replace("1.2", version), "DisabledByDefault", 1);
        let none = ["1.0", "1.1", "1.2"].iter().fold(windows(), off);
        none.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn older_versions_may_do() {
        windows().dword(CLIENT, "Enabled", 0).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        windows().dword(CLIENT, "DisabledByDefault", 1).check(&CAUSE, likely);
    }

    #[test]
    fn near_miss_left_as_it_is() {
        windows().absent(CLIENT).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        client("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
