//! The hello that the client would send, and what the host makes of it. A verdict rests on that, and not on the best
//! answer that any hello gets.

use std::net::IpAddr;

use evidence::fact::Handshake;
use evidence::target::Host;
use wire::tls::{Groups, NameSent, Segments, Signatures, TlsOffer, TlsStack, TlsVersion, group, host_name};

use crate::case::{Case, Context, Seen};
use crate::tries::{outcome, twice_in_a_row};
use crate::turns::Turns;

/// A ClientHello with a share of ML-KEM is longer than one TCP segment, and some boxes look at the first one alone.
pub fn has_large_hello(case: Case<'_>) -> bool {
    case.context.profile.groups.contains(group::X25519_ML_KEM_768)
}

/// Returns what the client sends as a server name (RFC 6066 section 3): the name that was typed, and of some clients an
/// IPv4 address; `None` where its hello has none.
pub fn server_name(context: &Context) -> Option<String> {
    let typed = match &context.target.as_ref()?.host {
        Host::Name(name) => name.trim_end_matches('.').to_owned(),
        Host::Address(address @ IpAddr::V4(_)) if context.profile.names_addresses => address.to_string(),
        Host::Address(_) | Host::Zoned(..) => return None,
    };
    host_name(typed.as_bytes()).map(str::to_owned)
}

/// The first hello, as the client's newest version shapes it: rustls, with TLS 1.2 at least.
pub fn first_offer(case: Case<'_>) -> TlsOffer {
    let newest = case.context.profile.tls_max.max(TlsVersion::Tls12);
    TlsOffer { max: newest, ..TlsOffer::MODERN }
}

/// True if the host chose of another hello a version and a suite that were in the first one too.
pub fn chose_of_first(case: Case<'_>) -> bool {
    let first = first_offer(case);
    let in_first = |version: TlsVersion, suite: u16| {
        first.offers(version) && (version >= TlsVersion::Tls13 || RUSTLS_SUITES_12.contains(&suite))
    };
    case.tls().any(|seen| match seen.value {
        (offer, Handshake::Accepted { version: Some(version), suite, .. }) => {
            offer != first && offer.name == first.name && in_first(*version, *suite)
        }
        _ => false,
    })
}

/// Our own hello with exactly the client's versions, and all that a usual hello has; cut where nothing else comes
/// through.
pub fn client_versions(case: Case<'_>) -> TlsOffer {
    let usual = if case.only_cut_hellos_pass() { TlsOffer::SPLIT_12 } else { TlsOffer::PLAIN_12 };
    TlsOffer { min: case.context.profile.tls_min, max: case.context.profile.tls_max, ..usual }
}

/// Our own hello with exactly the client's versions, suites, groups and signature algorithms.
pub fn client_offer(case: Case<'_>) -> TlsOffer {
    let profile = &case.context.profile;
    let (suites, groups, signatures) = (profile.suites, profile.groups, profile.signatures);
    TlsOffer { suites, groups, signatures, ..client_versions(case) }
}

/// The tunnel that says what the client says and finishes the handshake: OpenSSL, if this build has it.
fn client_tunnel(case: Case<'_>) -> TlsOffer {
    // OpenSSL here has no ML-KEM; the rest of the hello is the client's
    TlsOffer { stack: TlsStack::OpenSsl, segments: Segments::Whole, ..client_offer(case) }
}

/// x25519, secp256r1 and secp384r1: the groups of rustls with ring.
const RUSTLS_GROUPS: [u16; 3] = [0x001D, 0x0017, 0x0018];
/// Its signature algorithms, but for Ed25519, which our tunnel leaves out.
const RUSTLS_SIGNATURES: [u16; 8] = [0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601];
/// Its suites of TLS 1.2.
pub const RUSTLS_SUITES_12: [u16; 6] = [0xC02C, 0xC02B, 0xCCA9, 0xC030, 0xC02F, 0xCCA8];

/// True if all that rustls offers is the client's as well, but for some suites.
fn like_rustls(case: Case<'_>) -> bool {
    let profile = &case.context.profile;
    let groups = Groups::of(RUSTLS_GROUPS).is_some_and(|groups| profile.groups.contains_all(groups));
    groups && Signatures::of(RUSTLS_SIGNATURES).is_some_and(|all| profile.signatures.contains_all(all))
}

/// True if rustls sends the server name that the client sends: it sends no address.
pub fn named_by_rustls(case: Case<'_>) -> bool {
    case.name_typed() || server_name(case.context).is_none()
}

/// True if a host that takes this hello takes the client's too: it is the client's, or offers less of the same in no
/// newer version.
fn speaks_for_client(case: Case<'_>, offer: TlsOffer, suite: u16) -> bool {
    let profile = &case.context.profile;
    let typed = offer.name == NameSent::Typed;
    let newest = offer.max >= profile.tls_max;
    let own = TlsOffer { stack: TlsStack::Own, ..offer } == client_offer(case);
    let tunnel = offer == client_tunnel(case);
    let like = like_rustls(case) && named_by_rustls(case) && !has_large_hello(case);
    let rustls = offer.stack == TlsStack::Rustls && newest && like;
    let watched = offer.stack == TlsStack::Watched;
    let stands = !ends_first_offer(case) && (tunnel || rustls);
    typed && (own || profile.offers(suite) && (stands || watched))
}

/// True if the first hello, which offers nothing that the client lacks, was ended without a word or left without an
/// answer, and never taken: something goes by the look of a hello, and no other one speaks for the client's.
fn ends_first_offer(case: Case<'_>) -> bool {
    let first = first_offer(case);
    let mut answers = case.tls().filter(|seen| seen.value.0 == first).map(|seen| seen.value.1).peekable();
    let ended = |answer: &Handshake| matches!(answer, Handshake::Closed { .. } | Handshake::Silent { .. });
    answers.peek().is_some() && answers.all(ended)
}

/// A handshake that shows that host and client have all in common: one with the client's own hello or, if the client
/// has what rustls chooses from, one with rustls and a suite of the client's.
pub fn taken_as_client(case: Case<'_>) -> Option<Seen<(TlsVersion, u16)>> {
    case.tls().find_map(|seen| match seen.value {
        (offer, Handshake::Accepted { version: Some(version), suite, .. })
            if case.context.profile.speaks(*version) && speaks_for_client(case, offer, *suite) =>
        {
            Some(Seen { value: (*version, *suite), id: seen.id })
        }
        _ => None,
    })
}

/// The last answer to a hello that is the client's, or stands for it.
pub fn last_as_client(case: Case<'_>) -> Option<Seen<&Handshake>> {
    let stands = |offer: TlsOffer, answer: &Handshake| match answer {
        Handshake::Accepted { suite, .. } => speaks_for_client(case, offer, *suite),
        _ => offer == client_offer(case) || offer == client_tunnel(case),
    };
    let found = case.tls().filter(|seen| stands(seen.value.0, seen.value.1)).last();
    found.map(|seen| Seen { value: seen.value.1, id: seen.id })
}

/// The client's hello in one piece: what comes through in pieces alone is no hello of a client.
pub fn whole_client_offer(case: Case<'_>) -> TlsOffer {
    TlsOffer { segments: Segments::Whole, ..client_offer(case) }
}

/// True if a hello was refused that is the client's.
pub fn refused_as_client(case: Case<'_>) -> bool {
    let tunnel = Some(client_tunnel(case)).filter(|_| !has_large_hello(case));
    let own = |offer: TlsOffer| offer == client_offer(case) || Some(offer) == tunnel;
    case.tls().any(|seen| own(seen.value.0) && outcome(case, &seen) == Some(false))
}

/// True if machines that take turns explain that the client's hello was taken, and another one refused that has its
/// newest version and what was agreed on: whoever refused that may refuse the client as well.
pub fn taken_by_turns(case: Case<'_>) -> bool {
    let own = whole_client_offer(case);
    let hellos = || case.tls().filter(|seen| seen.value.0.stack != TlsStack::Watched);
    let agreed = |seen: Seen<(TlsOffer, &Handshake)>| match seen.value {
        (offer, Handshake::Accepted { version, .. }) if TlsOffer { stack: TlsStack::Own, ..offer } == own => *version,
        _ => None,
    };
    let agreed: Vec<TlsVersion> = hellos().filter_map(agreed).collect();
    let alike = |offer: TlsOffer| {
        let newest = offer.name == own.name && offer.segments == own.segments && offer.max == own.max;
        newest && agreed.iter().any(|version| offer.offers(*version))
    };
    let told = |seen: Seen<_>| Seen { value: outcome(case, &seen).filter(|_| alike(seen.value.0)), id: seen.id };
    !refused_as_client(case) && Turns::of(case, hellos().map(told)).explain_difference()
}

/// A handshake that was finished in a version and with a suite of the client's: the host has proved its key to it.
pub fn finished_as_client(case: Case<'_>) -> Option<Seen<TlsVersion>> {
    let profile = &case.context.profile;
    case.tls().find_map(|seen| match seen.value {
        (_, Handshake::Accepted { version: Some(version), suite, finished: true })
            if profile.speaks(*version) && profile.offers(*suite) =>
        {
            Some(Seen { value: *version, id: seen.id })
        }
        _ => None,
    })
}

/// A handshake in a version of the client's, with a hello that is cut as ours for the client is: version and suite.
/// Where only one of two comes through, that says something about the path, not about what is offered.
pub fn taken_alike(case: Case<'_>) -> Option<Seen<(TlsVersion, u16)>> {
    let segments = client_versions(case).segments;
    let alike = |offer: TlsOffer| offer.segments == segments && offer.name == NameSent::Typed;
    case.tls().find_map(|seen| match seen.value {
        (offer, Handshake::Accepted { version: Some(version), suite, .. })
            if alike(offer) && case.context.profile.speaks(*version) =>
        {
            Some(Seen { value: (*version, *suite), id: seen.id })
        }
        _ => None,
    })
}

/// True if the host took a hello with the client's newest version in it, or the client has nothing newer than TLS 1.2:
/// what it then refuses, it does not refuse because a version is offered.
pub fn tolerates_newest(case: Case<'_>) -> bool {
    let newest = case.context.profile.tls_max;
    let taken = || {
        case.tls().any(|seen| match seen.value.1 {
            Handshake::Accepted { .. } => seen.value.0.max >= newest && seen.value.0.name == NameSent::Typed,
            _ => false,
        })
    };
    // where only cut hellos pass, nothing is known of the others
    newest < TlsVersion::Tls13 || taken() || case.only_cut_hellos_pass()
}

/// True if the host took one of the client's suites, or was offered them all.
pub fn client_suites_known(case: Case<'_>) -> bool {
    let as_client = || case.tls_watched().any(|seen| as_offered(case, seen.value.0));
    taken_as_client(case).is_some() || case.tls_with(client_offer(case)).is_some() || as_client()
}

/// True if the host was asked with the client's own hello, or there is no reason to ask it, having no version in
/// common.
pub fn client_hello_asked(case: Case<'_>) -> bool {
    let offer = client_offer(case);
    // a refusal is put to the test first, with nothing in between
    let open = case.tls_with(offer).is_some_and(|seen| match seen.value {
        Handshake::Alert(_) | Handshake::Closed { .. } => !twice_in_a_row(case, offer),
        _ => false,
    });
    (client_suites_known(case) || taken_alike(case).is_none()) && !open
}

/// True if a client that was watched offered what the client offers for whom we judge.
pub fn as_offered(case: Case<'_>, watched: TlsOffer) -> bool {
    TlsOffer { stack: TlsStack::Watched, segments: watched.segments, ..client_offer(case) } == watched
}

/// True if the host took one of the client's versions, or is known to refuse every one of them.
pub fn client_versions_known(case: Case<'_>) -> bool {
    let profile = &case.context.profile;
    let taken = case.tls().any(|seen| match seen.value.1 {
        Handshake::Accepted { version: Some(version), .. } => profile.speaks(*version),
        _ => false,
    });
    taken || profile.versions().all(|version: TlsVersion| case.tls_refused(version).is_some())
}

/// The offer that finishes a handshake with this host, after what it has accepted so far; `None` where nothing can.
pub fn tunnel(case: Case<'_>) -> Option<TlsOffer> {
    let finished = case.tls().find(|seen| {
        let up = matches!(seen.value.1, Handshake::Accepted { finished: true, .. });
        up && matches!(seen.value.0.stack, TlsStack::Rustls | TlsStack::OpenSsl)
    });
    if let Some(seen) = finished {
        return Some(seen.value.0);
    }
    let accepted = case.tls().find_map(|seen| match seen.value {
        (offer, Handshake::Accepted { version: Some(version), suite, .. }) if offer.name == NameSent::Typed => {
            Some((offer, *version, *suite))
        }
        _ => None,
    });
    let (offer, version, suite) = accepted?;
    if !case.context.capabilities.openssl {
        let rustls = version == TlsVersion::Tls12 && RUSTLS_SUITES_12.contains(&suite);
        return (rustls && offer.max == TlsVersion::Tls12).then_some(TlsOffer::MODERN_12);
    }
    let as_client = taken_as_client(case).is_some() && !has_large_hello(case);
    // whoever takes only older versions picks one by itself; a newer one may not even be offered to some
    let max = if version < TlsVersion::Tls12 { TlsVersion::Tls13 } else { version };
    let widest = TlsOffer { max, ..TlsOffer::TOLERANT };
    Some(if as_client { client_tunnel(case) } else { widest })
}
