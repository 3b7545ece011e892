//! `tls-blocked-on-path`: something on the path drops the handshake.

use evidence::events::{CORE, RCM, SCHANNEL, SYSTEM};
use evidence::fact::{Fact, Handshake};
use evidence::moment::whole_second;
use evidence::printable::printable;
use evidence::state::{LogEvent, LogSpan, SCHANNEL_SETTINGS};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{Segments, TlsOffer, TlsVersion};

use crate::as_client::{client_offer, has_large_hello};
use crate::case::{Case, NEAR};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::hops;
use crate::logs::DAY;
use crate::need::Need;
use crate::tries::steady;

pub const CAUSE: Cause = Cause {
    id: "tls-blocked-on-path",
    title: "something between the client and the host drops the TLS handshake",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::SPLIT_12),
            ],
            holds: only_the_cut_one_passed,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::SPLIT_12),
                Need::handshake_again(TlsOffer::PLAIN_12),
            ],
            holds: only_the_cut_one_passed,
        },
        // a box that reassembles segments stops them all: then only the host knows whether they arrived
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::HOST_LOG],
            holds: never_arrived,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::CLIENT_SUITES, Need::CLIENT_SUITES_AGAIN],
            holds: only_the_short_one_passed,
        },
        Proof { shows: Shows::Absence, needs: &[Need::CLIENT_SUITES], holds: long_answered },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::PLAIN_12)], holds: answered },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds; then the connection is reset, closed or goes silent on the \
                       ClientHello. The same ClientHello, cut into several segments with the first of one byte, is \
                       answered. mstsc shows 0x904, extended 0x7, or a time-out. Or only long ones are dropped: \
                       newer clients add an ML-KEM key share, which does not fit into one segment. With --path, on Linux, a ClientHello that cannot have come as far as \
                       the host is reset or lost all the same.",
        why: "A firewall, intrusion prevention system, provider or protection product on either machine recognises \
              TLS on this port and does not allow it. One that looks at single segments misses a ClientHello that is \
              cut. One that reassembles segments stops that too, and then looks from outside like a host that cannot \
              use its private key.",
        confirm: "The host's own log of a failed attempt tells the two apart: with Schannel 36870 the host could not \
                  use its key, with 36871 or 36874 its TLS settings refuse. With RdpCoreTS 131 and no Schannel event \
                  the ClientHello most likely never arrived, so something on the way dropped it. A capture on the \
                  host proves it.",
        command: "Get-WinEvent -MaxEvents 40 -FilterHashtable \
                  @{ProviderName='Schannel','Microsoft-Windows-RemoteDesktopServices-RdpCoreTS'; \
                  Id=131,226,36870,36871,36874,36888} | Format-List TimeCreated,ProviderName,Id,Message",
        how_to_fix: "Find the device that does it: try from another network, then from the host's own subnet. Have \
                     it let this host and port pass without inspection. Do not work around it in the client.",
        references: &["RFC 8446 section 4.1.2", "RFC 9293 section 3.7 (segmentation means nothing)"],
    },
    fixes: &["exempt-from-inspection", "try-another-client"],
};

/// Names an end without a byte, or silence: a host would have answered, at least with an alert.
fn dead(answer: &Handshake) -> Option<&'static str> {
    match answer {
        Handshake::Closed { end, bytes: 0 } => Some(end.verb()),
        Handshake::Silent { bytes: 0 } => Some("never answered"),
        _ => None,
    }
}

fn only_the_cut_one_passed(case: Case<'_>) -> Option<Ground> {
    let cut = case.tls_with(TlsOffer::SPLIT_12)?;
    let Handshake::Accepted { version: Some(version), .. } = cut.value else { return None };
    // whoever sent it: one whole hello that passed shows that the path is open
    let in_one_piece = |offer: TlsOffer| offer.segments == Segments::Whole && offer.max >= TlsVersion::Tls12;
    if case.tls().any(|seen| in_one_piece(seen.value.0) && through(seen.value.1)) {
        return None;
    }
    let mut because = Vec::new();
    let mut newest = 0;
    for offer in [TlsOffer::MODERN, TlsOffer::PLAIN_12] {
        let whole = case.tls_with(offer)?;
        newest = newest.max(whole.id);
        because.push(whole.because(format!("a ClientHello in one piece ({offer}) was {}", dead(whole.value)?)));
    }
    because.push(
        cut.because(format!("the same one cut into pieces ({}) was answered with {version}", TlsOffer::SPLIT_12)),
    );
    because.extend(hops::because(case));
    // where the cut one came last, the host may only have been starting when the others came
    let ground = Ground::on(because);
    Some(if newest > cut.id { ground } else { ground.confidence(Confidence::Possible) })
}

/// Events that Schannel logs for a handshake that it saw and could not complete.
const SCHANNEL_REFUSED: &[u32] = &[36870, 36871, 36872, 36874, 36886, 36887, 36888];
/// Events that Remote Connection Manager logs where there is no usable certificate.
const NO_CERTIFICATE: &[u32] = &[1051, 1055, 1057, 1058];

/// No ClientHello got any answer; the host's log has the connection, and a System log that covers the time has no
/// failed handshake. Likely if the entry is of the captured connection itself; otherwise it may be of somebody else's.
fn never_arrived(case: Case<'_>) -> Option<Ground> {
    let hello = case.tls().last()?;
    let words = dead(hello.value.1)?;
    let at = case.time_of(hello.id);
    if case.tls().any(|seen| dead(seen.value.1).is_none()) || case.recent(RCM, NO_CERTIFICATE, DAY).next().is_some() {
        return None;
    }
    let silenced = case.number(SCHANNEL_SETTINGS, "EventLogging").and_then(|seen| seen.value);
    if silenced.is_some_and(|level| level & 1 == 0) || case.recent(SCHANNEL, SCHANNEL_REFUSED, NEAR).next().is_some() {
        return None;
    }
    let whole = |log: &LogSpan| {
        log.channel.eq_ignore_ascii_case(SYSTEM) && log.whole_since(at.min(case.context.at.saturating_sub(NEAR)))
    };
    let log = case.logs_of(at).find(|seen| whole(seen.value))?;
    let clients = case.seen(|fact| if let Fact::CapturedConnection(seen) = fact { Some(&seen.client) } else { None });
    let clients: Vec<_> = clients.map(|seen| seen.value).collect();
    let from = |event: &LogEvent| event.data.get("ClientIP").cloned();
    let of_it = |event: &LogEvent| from(event).is_some_and(|peer| clients.iter().any(|client| **client == peer));
    let arrivals = || case.recent(CORE, &[131], NEAR);
    let own = arrivals().find(|seen| of_it(seen.value));
    let arrived = own.or_else(|| arrivals().last())?;
    let peer = from(arrived.value).map(|peer| format!(" from {}", printable(&peer))).unwrap_or_default();
    let because = vec![
        hello.because(format!("a ClientHello ({}) was {words}", hello.value.0)),
        arrived.because(format!(
            "the host accepted a connection{peer} at {}",
            printable(&whole_second(&arrived.value.at))
        )),
        log.because("its System log tells of that time, and Schannel wrote of no handshake that failed"),
    ];
    let ground = Ground::on(because);
    Some(if own.is_some() { ground } else { ground.confidence(Confidence::Possible) })
}

/// The client's hello, with its share of ML-KEM longer than one segment, is broken off; shorter ones of as new a
/// version pass.
fn only_the_short_one_passed(case: Case<'_>) -> Option<Ground> {
    if !has_large_hello(case) || !steady(case) {
        return None;
    }
    let long = case.tls_with(client_offer(case))?;
    let short = case.tls().find(|seen| {
        let newest = seen.value.0.max >= case.context.profile.tls_max;
        newest && matches!(seen.value.1, Handshake::Accepted { .. })
    })?;
    let text = format!(
        "the ClientHello of {}, which a share of ML-KEM makes longer than one segment, was {}",
        case.context.profile.name,
        dead(long.value)?
    );
    let short = short.because(format!("one in a single segment ({}) was accepted", short.value.0));
    Some(Ground::on([long.because(text), short].into_iter().chain(hops::because(case)).collect()))
}

fn long_answered(case: Case<'_>) -> Option<Ground> {
    if !has_large_hello(case) {
        return None;
    }
    case.tls_with(client_offer(case)).filter(|seen| through(seen.value))?;
    Some(Ground::nothing())
}

/// An answer in TLS, whatever it says: the hello got there.
fn through(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Accepted { .. } | Handshake::Alert(_))
}

fn answered(case: Case<'_>) -> Option<Ground> {
    if has_large_hello(case) {
        return None;
    }
    case.tls().find(|seen| seen.value.0.segments == Segments::Whole && through(seen.value.1))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::captured::CapturedConnection;
    use wire::machine::End;
    use wire::tls::Alert;
    use wire::x224::SecurityProtocols;

    const RESET: Handshake = Handshake::Closed { end: End::Rst, bytes: 0 };
    const SILENT: Handshake = Handshake::Silent { bytes: 0 };
    const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: false };

    fn asked(whole: &Handshake, cut: Handshake) -> Sketch {
        let sketch =
            host("192.0.2.7").nla().tls(TlsOffer::MODERN, whole.clone()).tls(TlsOffer::PLAIN_12, whole.clone());
        sketch.tls(TlsOffer::SPLIT_12, cut)
    }

    #[test]
    fn present() {
        for whole in [RESET, SILENT] {
            let again = asked(&whole, UP).tls(TlsOffer::PLAIN_12, whole);
            again.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
    }

    /// The host was starting, or under load, when the first hellos came; the cut one merely came later.
    #[test]
    fn near_miss_one_in_one_piece_passes_after_it() {
        asked(&RESET, UP).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        asked(&RESET, UP).tls(TlsOffer::PLAIN_12, UP).check(&CAUSE, Expect::Absent);
        asked(&RESET, UP).tls(TlsOffer::TOLERANT, UP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_cut_one_dies_as_well() {
        asked(&RESET, RESET).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_an_alert_to_the_whole_one() {
        asked(&Handshake::Alert(Alert { level: 2, description: 40 }), UP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn where_all_die_the_next_measurement_splits_path_key_and_suites() {
        let sketch = asked(&RESET, RESET).tls(TlsOffer::OLD, RESET).tls(TlsOffer::TOLERANT, RESET);
        let report = sketch.diagnose();
        assert_eq!(report.findings[0].cause, "private-key-unusable");
        assert!(report.unknown.iter().any(|open| open.cause == CAUSE.id));
        assert_eq!(report.next[0].splits, ["private-key-unusable", "tls-blocked-on-path", "tls-cipher-mismatch"]);
    }

    const PEER: &str = "192.0.2.1:50100";

    /// Host captured while it dropped the handshake, with its log beside it.
    fn with_log(sketch: Sketch, peer: &str) -> Sketch {
        sketch.event_with(CORE, 131, 1, &[("ClientIP", peer), ("ConnType", "TCP")])
    }

    fn captured(answer: &Handshake) -> Sketch {
        let watched = host("192.0.2.7").selects(EVERYTHING, SecurityProtocols::HYBRID);
        let connection = CapturedConnection {
            client: PEER.to_owned(),
            through: None,
            server_name: None,
            cookie: false,
            sent: 300,
            received: 19,
            ended: None,
            client_alert: None,
            host_alert: None,
            notes: Vec::new(),
        };
        let all = (TlsVersion::Tls12, TlsVersion::Tls13);
        watched.watched(Fact::CapturedConnection(connection)).watched_tls(all.0, all.1, answer.clone())
    }

    #[test]
    fn the_log_of_the_host_shows_that_it_never_arrived() {
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        for dead in [RESET, SILENT] {
            with_log(captured(&dead), PEER).check(&CAUSE, likely());
        }
        // somebody else connected at that time
        let possible = Expect::Present(Severity::Blocking, Confidence::Possible);
        with_log(captured(&RESET), "203.0.113.9:1").check(&CAUSE, possible);
    }

    #[test]
    fn near_miss_schannel_saw_it_or_would_not_say() {
        let logged = || with_log(captured(&RESET), PEER);
        for id in [36870, 36871, 36874, 36888] {
            logged().event(SCHANNEL, id, 1).check(&CAUSE, Expect::Unknown);
        }
        logged().event(RCM, 1058, 600).check(&CAUSE, Expect::Unknown);
        logged().dword(SCHANNEL_SETTINGS, "EventLogging", 0).check(&CAUSE, Expect::Unknown);
        with_log(captured(&UP), PEER).check(&CAUSE, Expect::Absent);
        // nobody arrived, so it is not known either whether this is the host's log
        captured(&RESET).log(SYSTEM, 48).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn healthy() {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET).check(&CAUSE, Expect::Unknown);
    }
}
