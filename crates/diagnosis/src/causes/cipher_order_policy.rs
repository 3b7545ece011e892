//! `cipher-order-policy`: a policy leaves the host no cipher suite that the client offers.

use evidence::state::{CIPHER_POLICY, Part};
use evidence::symptom::Symptom;
use evidence::{Because, Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use wire::tls::{TlsVersion, suite};

pub const CAUSE: Cause = Cause {
    id: "cipher-order-policy",
    title: "a policy on the host allows none of the cipher suites that the client offers",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(CIPHER_POLICY)], holds: nothing_left },
        Proof { shows: Shows::Absence, needs: &[Need::key(CIPHER_POLICY)], holds: enough_left },
    ],
    explains: &[Explains { cause: "tls-cipher-mismatch", when: |_| true }],
    page: Page {
        what_happens: "The host ends the TLS handshake with alert 40 or without an answer, Schannel logs 36874, and \
                       mstsc shows 0x904.",
        why: "The group policy \"SSL Cipher Suite Order\" lists everything that is allowed, not just the order: a \
              suite that is not on it is off. A list made for another Windows, or one with only ECDSA suites, leaves \
              nothing for the Remote Desktop certificate that Windows creates, which has an RSA key.",
        confirm: "The value Functions below Policies names the suites. Without the value Windows uses its own list.",
        command: "(Get-ItemProperty 'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002').Functions; \
                  Get-TlsCipherSuite | Select-Object Name",
        how_to_fix: "Undo the policy, or add suites that the clients have and that work with an RSA certificate.",
        references: &["Microsoft: Prioritizing Schannel cipher suites", "Microsoft: Schannel event 36874"],
    },
    fixes: &["reset-cipher-order"],
};

/// Versions that host and client may share. Where none is left, that is a fault of its own (tls12-disabled).
fn versions(case: Case<'_>) -> Vec<TlsVersion> {
    let off = |version: &TlsVersion| {
        case.schannel_lacks(*version, Part::Host).is_some_and(|(sure, _)| sure == Confidence::Proven)
    };
    case.context.profile.versions().filter(|version| !off(version)).collect()
}

/// Suites that host and client share. `rsa`: the certificate has an RSA key, or its kind is not known.
fn usable(case: Case<'_>, known: &[Option<u16>], rsa: bool) -> Vec<u16> {
    let profile = &case.context.profile;
    let ecdsa = |code: u16| suite::name(code).is_some_and(|name| name.contains("_ECDSA_"));
    let versions = versions(case);
    let fits = |code: &u16| {
        profile.offers(*code) && !(rsa && ecdsa(*code)) && versions.iter().any(|v| suite::exists_in(*code, *v))
    };
    known.iter().flatten().copied().filter(fits).collect()
}

fn nothing_left(case: Case<'_>) -> Option<Ground> {
    let (observation, known) = case.cipher_policy()?;
    // a suite that we do not know may be one that the client has; the key of a certificate that was bound or came from
    // a template may be of any kind
    let rsa = case.windows_own_certificate() != Some(false);
    let open = known.contains(&None) || versions(case).is_empty() || !usable(case, &known, rsa).is_empty();
    if open || case.key_used_since(observation) || case.let_in_near(observation) {
        return None;
    }
    let names: Vec<_> = known.iter().flatten().filter_map(|code| suite::name(*code)).collect();
    let text = format!(
        "the policy allows only {}: none that {} offers fits{}",
        names.join(", "),
        case.context.profile.name,
        if rsa { " an RSA certificate" } else { "" }
    );
    // another bound certificate may have another kind of key
    Some(Ground::on(vec![Because { text, observation }]).confidence(certainty(case)))
}

fn certainty(case: Case<'_>) -> Confidence {
    if case.windows_own_certificate() == Some(true) { Confidence::Proven } else { Confidence::Likely }
}

fn enough_left(case: Case<'_>) -> Option<Ground> {
    let Some((_, known)) = case.cipher_policy() else {
        case.value(CIPHER_POLICY, "Functions").filter(|seen| seen.value.is_none())?;
        return Some(Ground::nothing());
    };
    (!usable(case, &known, true).is_empty()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::state::{LISTENER, POLICY, RegistryData, WINDOWS};

    fn list(names: &str) -> Sketch {
        let windows = machine().value(WINDOWS, "CurrentBuildNumber", RegistryData::Text("17763".to_owned()));
        windows.dword(LISTENER, "PortNumber", 3389).absent(POLICY).value(
            CIPHER_POLICY,
            "Functions",
            RegistryData::Text(names.to_owned()),
        )
    }

    #[test]
    fn present() {
        let proven = || Expect::Present(Severity::Blocking, Confidence::Proven);
        list("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384_P384").check(&CAUSE, proven());
        // this Windows has no TLS 1.3
        list("TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256").check(&CAUSE, proven());
    }

    #[test]
    fn a_bound_certificate_may_have_another_key() {
        let bound = list("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
        let bound = bound.value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("ab".repeat(20)));
        bound.check(&CAUSE, Expect::Unknown);
    }

    /// A certificate from a template may have an ECDSA key.
    #[test]
    fn a_certificate_from_a_template_may_have_another_key() {
        let template = list("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
        let template = template.value(POLICY, "CertTemplateName", RegistryData::Text("RDP".to_owned()));
        template.check(&CAUSE, Expect::Unknown);
    }

    /// The policy is sound; that TLS 1.2 is off is a fault of its own.
    #[test]
    fn near_miss_tls12_is_switched_off() {
        let sound = || list("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        let tls12 = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";
        sound().dword(tls12, "Enabled", 0).check(&CAUSE, Expect::Unknown);
        sound().dword(tls12, "DisabledByDefault", 1).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_somebody_has_just_come_in() {
        let ecdsa = list("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
        ecdsa.event(evidence::events::RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_handshake_went_through_since() {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12);
        let names = RegistryData::Text("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384".to_owned());
        up.value(CIPHER_POLICY, "Functions", names).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_one_suite_is_enough() {
        list("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384_P256")
            .check(&CAUSE, Expect::Absent);
        machine().absent(CIPHER_POLICY).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_suite_that_is_not_known() {
        list("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_NEW").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
