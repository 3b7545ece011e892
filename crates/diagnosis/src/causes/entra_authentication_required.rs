//! `entra-authentication-required`: the host takes Microsoft Entra authentication only.

use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{SecurityProtocols, ServerAnswer};

use crate::case::{Case, EVERYTHING, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::x224::contradicts;

pub const CAUSE: Cause = Cause {
    id: "entra-authentication-required",
    title: "the host accepts only Microsoft Entra authentication, and this client does not offer it",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything), Need::negotiation(Asked::WithEntra)],
            holds: entra_alone,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: not_the_reason },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::WithEntra)], holds: no_help },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host refuses TLS and CredSSP and accepts the request as soon as it offers Microsoft Entra \
                       authentication (RDSAAD, 0x10). A client that is not set to use it says that negotiation \
                       failed or that the logon method is not supported.",
        why: "The host is joined to Microsoft Entra ID and set to single sign-on with Entra accounts only (Azure \
              Virtual Desktop, Windows 365, or a policy), and the client is old or not set to use a web account.",
        confirm: "On the host: is it joined to Microsoft Entra ID? In the .rdp file: enablerdsaadauth:i:1 lets the client offer \
                  it.",
        command: "dsregcmd /status | Select-String 'AzureAdJoined','DomainJoined','DeviceName'; \
                  Select-String -Path FILE.rdp -Pattern 'enablerdsaadauth','targetisaadjoined'",
        how_to_fix: "In mstsc, Advanced: use a web account to sign in to the remote computer (enablerdsaadauth:i:1), \
                     and connect by the host's name, not its address. You need a client from late 2022 or newer, or \
                     the Windows App.",
        references: &[
            "[MS-RDPBCGR] 2.2.1.1.1 (PROTOCOL_RDSAAD), 5.4.5.4",
            "Microsoft Learn: connect to a remote Microsoft Entra joined device",
        ],
    },
    fixes: &["repair-rdp-file", "try-another-client"],
};

fn with_entra(case: Case<'_>) -> Option<Seen<&X224Answer>> {
    case.x224_to(Asked::WithEntra.protocols(case))
}

fn selected_entra(answer: &X224Answer) -> bool {
    matches!(answer, X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::RDSAAD, .. }))
}

fn entra_alone(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let without = case.x224_to(EVERYTHING).filter(|seen| contradicts(seen.value))?;
    let with = with_entra(case).filter(|seen| selected_entra(seen.value))?;
    let refused = without.because(format!("{} refused TLS and CredSSP in every form", case.label()));
    let taken =
        with.because(format!("with RDSAAD in the request, which {} does not offer, it selected that", profile.name));
    (!profile.protocols.contains(SecurityProtocols::RDSAAD)).then(|| Ground::on(vec![refused, taken]))
}

fn not_the_reason(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let seen = case.x224_to(EVERYTHING)?;
    if profile.protocols.contains(SecurityProtocols::RDSAAD) {
        return Some(Ground::nothing());
    }
    let X224Answer::Server(answer) = seen.value else { return None };
    let other = !contradicts(seen.value) && *answer != ServerAnswer::DisconnectProviderUltimatum;
    other.then(Ground::nothing)
}

fn no_help(case: Case<'_>) -> Option<Ground> {
    let seen = with_entra(case)?;
    let X224Answer::Server(_) = seen.value else { return None };
    (!selected_entra(seen.value)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::x224::NegotiationFailure;

    const WITH: SecurityProtocols = EVERYTHING.with(SecurityProtocols::RDSAAD);
    const REQUIRED: NegotiationFailure = NegotiationFailure::HYBRID_REQUIRED_BY_SERVER;

    fn refused() -> Sketch {
        host("192.0.2.7").accepted().fails(EVERYTHING, REQUIRED)
    }

    #[test]
    fn present() {
        let sketch = refused().selects(WITH, SecurityProtocols::RDSAAD);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_refused_all_the_same() {
        refused().fails(WITH, REQUIRED).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_client_offers_it() {
        let sketch = refused().selects(WITH, SecurityProtocols::RDSAAD);
        sketch.profile_with(|profile| profile.protocols = WITH).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_another_reason_was_given() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::SSL_CERT_NOT_ON_SERVER);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        refused().check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
    }
}
