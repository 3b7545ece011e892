//! `tls12-disabled`: TLS 1.2 is switched off on the host, and no other version is left that this client speaks.

use evidence::state::Part;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use wire::tls::TlsVersion;

const SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";

pub const CAUSE: Cause = Cause {
    id: "tls12-disabled",
    title: "TLS 1.2 is switched off on the host, and the client speaks no other version that the host has",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(SERVER)], holds: nothing_in_common },
        Proof { shows: Shows::Absence, needs: &[Need::key(SERVER)], holds: on },
    ],
    explains: &[
        Explains { cause: "tls-version-mismatch", when: |_| true },
        Explains { cause: "tls-refused", when: |_| true },
    ],
    page: Page {
        what_happens: "The negotiation selects TLS, and the host ends the handshake with alert 70 or without an \
                       answer; mstsc shows 0x904.",
        why: "A hardening tool or a script has set Enabled = 0 or DisabledByDefault = 1 below TLS 1.2\\Server, often \
              by mistake along with the older versions. Windows older than Server 2022 and Windows 11 has no TLS 1.3 \
              to fall back on.",
        confirm: "If the values are absent, the defaults of Windows apply: TLS 1.2 is on since Windows 8 and Server \
                  2012.",
        command: "Get-ChildItem 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols' -Recurse | \
                  Get-ItemProperty | Select-Object PSPath,Enabled,DisabledByDefault",
        how_to_fix: "Switch TLS 1.2 on for the server side, and restart the machine.",
        references: &["Microsoft: Transport Layer Security (TLS) registry settings"],
    },
    fixes: &["enable-tls12"],
};

fn nothing_in_common(case: Case<'_>) -> Option<Ground> {
    let (_, setting) = case.schannel_lacks(TlsVersion::Tls12, Part::Host)?;
    // a handshake since then: the setting takes effect only at the next start
    if case.key_used_since(setting.observation) {
        return None;
    }
    let lacking: Option<Vec<_>> =
        case.context.profile.versions().map(|version| case.schannel_lacks(version, Part::Host)).collect();
    let (sure, because): (Vec<_>, Vec<_>) = lacking?.into_iter().unzip();
    let confidence = sure.into_iter().max()?;
    Some(Ground::on(because).confidence(confidence))
}

fn on(case: Case<'_>) -> Option<Ground> {
    case.schannel_has_tls12(Part::Host)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::state::{RegistryData, WINDOWS};

    fn windows(build: &str) -> Sketch {
        machine().value(WINDOWS, "CurrentBuildNumber", RegistryData::Text(build.to_owned()))
    }

    #[test]
    fn present() {
        let proven = || Expect::Present(Severity::Blocking, Confidence::Proven);
        windows("17763").dword(SERVER, "Enabled", 0).check(&CAUSE, proven());
    }

    /// A hardening tool wrote TLS 1.3 into a Windows that does not have it, not even as a preview.
    #[test]
    fn a_version_that_this_windows_lacks_is_not_switched_on() {
        let tls13 = SERVER.replace("1.2", "1.3");
        let proven = Expect::Present(Severity::Blocking, Confidence::Proven);
        windows("17763").dword(SERVER, "Enabled", 0).dword(&tls13, "Enabled", 1).check(&CAUSE, proven);
        windows("19045").dword(SERVER, "Enabled", 0).dword(&tls13, "Enabled", 1).check(&CAUSE, Expect::Unknown);
    }

    /// Windows 7 also needs an update for its Remote Desktop, which the registry does not show.
    #[test]
    fn near_miss_switched_on_in_an_old_windows() {
        let on = |build| windows(build).dword(SERVER, "Enabled", 1).dword(SERVER, "DisabledByDefault", 0);
        on("7601").check(&CAUSE, Expect::Unknown);
        on("9600").check(&CAUSE, Expect::Absent);
    }

    /// Remote Desktop may request the version by name.
    #[test]
    fn off_by_default_alone_is_only_likely() {
        let likely = Expect::Present(Severity::Blocking, Confidence::Likely);
        windows("17763").dword(SERVER, "DisabledByDefault", 1).check(&CAUSE, likely);
    }

    /// It is set, but not yet in force.
    #[test]
    fn near_miss_a_handshake_went_through_since() {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).value(
            WINDOWS,
            "CurrentBuildNumber",
            RegistryData::Text("17763".to_owned()),
        );
        up.dword(SERVER, "Enabled", 0).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_tls_1_3_is_tried_out_on_an_older_windows() {
        let tried = windows("19045").dword(SERVER, "Enabled", 0).dword(&SERVER.replace("1.2", "1.3"), "Enabled", 1);
        tried.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_newer_windows_may_have_tls_1_3() {
        windows("20348").dword(SERVER, "Enabled", 0).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_client_that_speaks_older_versions() {
        windows("17763").dword(SERVER, "Enabled", 0).profile("mstsc-7").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_on_by_itself() {
        windows("17763").absent(SERVER).check(&CAUSE, Expect::Absent);
        machine().dword(SERVER, "Enabled", 1).dword(SERVER, "DisabledByDefault", 0).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().absent(SERVER).check(&CAUSE, Expect::Unknown);
    }
}
