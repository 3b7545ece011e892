//! `network-filter-present`: a driver of another maker sees every packet of the client.

use evidence::printable::printable;
use evidence::state::NetworkFilter;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::tls::uses_key;

pub const CAUSE: Cause = Cause {
    id: "network-filter-present",
    title: "a driver of another maker than Microsoft lies between the client's adapters and its programs",
    stage: Stage::Client,
    severity: Severity::Advisory,
    role: Role::Client,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::FILTERS], holds: foreign },
        Proof { shows: Shows::Absence, needs: &[Need::FILTERS], holds: none_foreign },
    ],
    explains: &[],
    page: Page {
        what_happens: "Nothing by itself: most such drivers let everything through. One that inspects, shapes or blocks traffic \
                       can make connections of this client fail which succeed from other computers.",
        why: "Antivirus and firewall products, VPN clients, packet capture and virtual machines bring drivers that Windows binds \
              to every network adapter.",
        confirm: "Does the connection succeed from another computer in the same network, or with the component unbound \
                  for a test? That it is there proves nothing. Products that filter by other means (WFP callouts, \
                  Winsock providers) are not in this list.",
        command: "Get-NetAdapterBinding -AllBindings | Where-Object ComponentID -notlike 'ms_*' | \
                  Format-Table Name,DisplayName,ComponentID,Enabled",
        how_to_fix: "Only where it was shown to be the reason: update the product, or let it pass Remote Desktop. Do not \
                     switch an antivirus off for good.",
        references: &[
            "Microsoft Learn: System-defined device setup classes (NetService)",
            "Microsoft Learn: Get-NetAdapterBinding",
        ],
    },
    fixes: &[],
};

/// Returns the components that do not belong to Windows.
fn others(case: Case<'_>) -> impl Iterator<Item = Seen<&NetworkFilter>> {
    case.network_filters().filter(|seen| !seen.value.is_of_windows())
}

/// Some are there. Where this client got through all the same, that is not worth a word.
fn foreign(case: Case<'_>) -> Option<Ground> {
    let mut hosts = case.evidence.hosts().map(|subject| Case { subject, ..case });
    let through = case.context.symptom.is_none() && hosts.any(|host| host.tls().any(|seen| uses_key(seen.value.1)));
    let because: Vec<_> = others(case)
        .map(|seen| {
            let (label, id) = (printable(seen.value.label()), printable(&seen.value.id));
            seen.because(format!("{label} ({id}) is bound into the network of the client"))
        })
        .collect();
    (!because.is_empty() && !through).then(|| Ground::on(because))
}

fn none_foreign(case: Case<'_>) -> Option<Ground> {
    others(case).next().is_none().then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client, host};
    use evidence::fact::Fact;
    use evidence::symptom::Symptom;
    use wire::tls::TlsVersion;

    const PRESENT: Expect = Expect::Present(Severity::Advisory, Confidence::Proven);

    fn filter(id: &str, name: &str) -> Fact {
        Fact::NetworkFilter(NetworkFilter { id: id.to_owned(), name: Some(name.to_owned()) })
    }

    fn with(sketch: Sketch) -> Sketch {
        sketch.recorded(filter("ms_pacer", "QoS")).recorded(filter("maker_lwf", "@oem1.inf,%x%;Shield"))
    }

    #[test]
    fn present() {
        with(client("server01")).check(&CAUSE, PRESENT);
        let report = with(client("server01")).diagnose();
        assert_eq!(report.findings[0].because[0].text, "Shield (maker_lwf) is bound into the network of the client");
    }

    #[test]
    fn near_miss_windows_own() {
        client("server01").recorded(filter("ms_pacer", "QoS")).check(&CAUSE, Expect::Absent);
    }

    /// A client that got through has no need of advice, unless it shows a code.
    #[test]
    fn near_miss_this_client_gets_through() {
        let through = || {
            let host = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12);
            let of_client = |sketch: Sketch, fact| sketch.of(Role::Client, "CLIENT01", fact);
            of_client(of_client(host, filter("ms_pacer", "QoS")), filter("maker_lwf", "Shield"))
        };
        let found = |sketch: Sketch| sketch.diagnose().findings.iter().any(|one| one.cause == CAUSE.id);
        assert!(!found(through()));
        assert!(found(through().code(Symptom::SOCKET_CLOSED)));
    }

    #[test]
    fn unseen() {
        client("server01").check(&CAUSE, Expect::Unknown);
    }
}
