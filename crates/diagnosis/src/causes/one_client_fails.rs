//! `one-client-fails`: in a capture of many clients this one never comes through, and the others do.

use evidence::captured::CapturedClients;
use evidence::{Fact, Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// Fewest clients that are many.
const MANY: u64 = 5;
/// Of so many clients one may fail beside this one, and it is still this one's or its path's.
const OF: u64 = 20;

pub const CAUSE: Cause = Cause {
    id: "one-client-fails",
    title: "this client never comes through where the others do: the fault lies with it or on its way",
    stage: Stage::Client,
    severity: Severity::Blocking,
    role: Role::Path,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::CAPTURED_CLIENTS], holds: alone },
        Proof { shows: Shows::Absence, needs: &[Need::CAPTURED_CLIENTS], holds: not_alone },
    ],
    explains: &[],
    page: Page {
        what_happens: "One computer cannot connect, and everybody else works. The capture shows both: the connections of the \
                       others come through to the same host, and each of this one fails.",
        why: "The client's own settings (TLS versions, an old client, a policy), security software on it, or something on its \
              way alone: a firewall rule for its network, a VPN, a proxy that inspects TLS, address translation.",
        confirm: "Connect from another computer in the same network, then from this computer over another network. The one \
                  that changes the outcome is where the fault lies. A scanner that happens to come by fails as well: look \
                  whether the address is that of a client of yours.",
        command: "Test-NetConnection HOST -Port 3389; rdpdoctor diagnose HOST",
        how_to_fix: "Compare the client with one that works: its update level, its TLS settings, its security software and its \
                     way to the host. The other findings about its connection say how far it came.",
        references: &["RFC 9293 section 3.10.7", "[MS-RDPBCGR] 1.3.1.1"],
    },
    fixes: &["try-another-client"],
};

/// True if few fail where many come through.
fn few(seen: &CapturedClients) -> bool {
    seen.clients >= MANY && seen.failing <= (seen.clients / OF).max(1)
}

fn counted(case: Case<'_>) -> impl Iterator<Item = Seen<&CapturedClients>> {
    case.seen(|fact| if let Fact::CapturedClients(seen) = fact { Some(seen) } else { None })
}

fn alone(case: Case<'_>) -> Option<Ground> {
    let seen = counted(case).find(|seen| seen.value.client.is_some() && few(seen.value))?;
    let CapturedClients { client, host, attempts, clients, failing, passed_since, connections } = seen.value;
    let client = client.as_deref().unwrap_or_default();
    let times =
        if *attempts == 1 { "its only connection".to_owned() } else { format!("each of its {attempts} connections") };
    let passed = clients.saturating_sub(*failing);
    let counts = format!(
        "{client}: {times} to {host} failed; of {clients} clients {passed} came through ({connections} connections)"
    );
    let since = match passed_since {
        0 => "nobody else connected after it: the host may have broken just then".to_owned(),
        1 => "another client came through after it".to_owned(),
        several => format!("{several} other clients came through after it"),
    };
    let ground = Ground::on(vec![seen.because(counts), seen.because(since)]);
    // once may be chance, and without others after it the host may be the one that changed
    let sure = *attempts > 1 && *passed_since > 0;
    Some(if sure { ground } else { ground.confidence(Confidence::Possible) })
}

/// True if the few clients of this host that never come through failed at least this often: then a host that loses so
/// many does not choose by chance. They are counted for the path to it.
pub(super) fn account_for(case: Case<'_>, lost: usize) -> bool {
    let Some(host) = case.who().address.map(|address| address.to_string()) else { return false };
    let counts = case.evidence.observations.iter().filter_map(|observation| match &observation.fact {
        Fact::CapturedClients(seen) if seen.host == host && seen.client.is_some() && few(seen) => Some(seen.attempts),
        _ => None,
    });
    let attempts = counts.fold(0, u64::saturating_add);
    attempts > 0 && u64::try_from(lost).is_ok_and(|lost| lost <= attempts)
}

fn not_alone(case: Case<'_>) -> Option<Ground> {
    let mut all = counted(case).peekable();
    all.peek()?;
    let alone = all.any(|seen| seen.value.client.is_some() && few(seen.value));
    (!alone).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};

    fn captured(attempts: u64, clients: u64, failing: u64, passed_since: u64) -> Sketch {
        host("192.0.2.7").watched(Fact::CapturedClients(CapturedClients {
            client: (failing > 0).then(|| "192.0.2.99".to_owned()),
            host: "192.0.2.7:3389".to_owned(),
            attempts,
            clients,
            failing,
            passed_since,
            connections: clients + attempts,
        }))
    }

    #[test]
    fn present() {
        let present = |confidence| Expect::Present(Severity::Blocking, confidence);
        captured(3, 1001, 1, 700).check(&CAUSE, present(Confidence::Likely));
        captured(2, 1001, 50, 700).check(&CAUSE, present(Confidence::Likely));
        captured(1, 1001, 1, 700).check(&CAUSE, present(Confidence::Possible));
        captured(3, 1001, 1, 0).check(&CAUSE, present(Confidence::Possible));
    }

    #[test]
    fn near_miss_many_fail_or_nobody_or_few_were_there() {
        captured(3, 1001, 51, 700).check(&CAUSE, Expect::Absent);
        captured(3, 5, 2, 1).check(&CAUSE, Expect::Absent);
        captured(0, 1001, 0, 0).check(&CAUSE, Expect::Absent);
        captured(3, 4, 1, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
