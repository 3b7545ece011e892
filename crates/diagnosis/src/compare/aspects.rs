//! Aspects in which two hosts, or one host at two times, can differ. Times, thumbprints of two hosts, ports and random
//! numbers, which differ by nature, are nowhere here.

use std::collections::BTreeSet;

use evidence::Stage;
use serde_json::Value;
use wire::tls::suite;

use super::side::Side;

/// Seconds by which two clocks have to differ before Kerberos minds.
const CLOCK: f64 = 300.0;

/// The two, and whether they are one host.
pub(super) struct Pair<'a> {
    pub working: &'a Side,
    pub broken: &'a Side,
    /// True if both were asked for by the same name or address, and port.
    pub same_host: bool,
}

/// Words of both; `None` where they say the same, or one says nothing.
type Unlike = Option<(String, String)>;

/// Something in which they can differ.
pub(super) struct Aspect {
    /// Public name.
    pub id: &'static str,
    pub stage: Stage,
    /// Consequence for clients.
    pub meaning: &'static str,
    /// Causes that such a difference is the reason of, likeliest first.
    pub causes: &'static [&'static str],
    /// True if every fault of its stage comes with such a difference.
    pub whole_stage: bool,
    pub unlike: fn(&Pair<'_>) -> Unlike,
}

const USUAL: Aspect =
    Aspect { id: "", stage: Stage::Name, meaning: "", causes: &[], whole_stage: false, unlike: |_| None };

/// Every aspect, in the order of the way of a connection.
pub(super) const ALL: &[Aspect] = &[
    Aspect {
        id: "name-addresses",
        meaning: "the name leads elsewhere than before: another machine may answer, or none",
        causes: &["name-points-elsewhere", "host-unreachable", "port-filtered", "port-closed"],
        unlike: |pair| if pair.same_host { by_texts(pair, addresses) } else { None },
        ..USUAL
    },
    Aspect {
        id: "tcp-answer",
        stage: Stage::Tcp,
        meaning: "who is not answered there gets no further, whatever the host's settings are",
        causes: &["port-closed", "port-filtered", "host-unreachable"],
        whole_stage: true,
        unlike: |pair| by_texts(pair, |side| sorted(side.texts("tcp.answer").difference(&["own-failure"].into()))),
    },
    Aspect {
        id: "security-protocol",
        stage: Stage::X224,
        meaning: "a client that does not take the protocol that is chosen there, or is refused, ends here",
        causes: &["nla-required", "standard-security-only", "negotiation-disabled", "certificate-missing"],
        whole_stage: true,
        unlike: |pair| by_question(pair, "x224.answer", "requested", negotiated),
    },
    Aspect {
        id: "server-program",
        stage: Stage::X224,
        meaning: "other programs answer, so their settings lie in other places and other clients suit them",
        unlike: |pair| by_texts(pair, |side| sorted(&side.servers)),
        ..USUAL
    },
    Aspect {
        id: "tls-answer",
        stage: Stage::Tls,
        meaning: "one of them takes the handshake, and the other ends it: who is refused there gets no further",
        causes: &["private-key-unusable", "tls-refused", "tls-stalled", "tls-blocked-on-path"],
        whole_stage: true,
        unlike: |pair| by_question(pair, "tls.answer", "offer", taken).filter(|_| versions(pair).is_none()),
    },
    Aspect {
        id: "tls-version",
        stage: Stage::Tls,
        meaning: "a client without the version of one of them gets into the other alone",
        causes: &["tls-version-mismatch", "tls13-refused", "tls12-disabled"],
        whole_stage: true,
        unlike: versions,
    },
    Aspect {
        id: "tls-suite",
        stage: Stage::Tls,
        meaning: "a client without the suite of one of them gets into the other alone",
        causes: &["tls-cipher-mismatch", "cipher-order-policy"],
        unlike: |pair| by_question(pair, "tls.answer", "offer", chosen_suite).filter(|_| versions(pair).is_none()),
        ..USUAL
    },
    Aspect {
        id: "certificate",
        stage: Stage::Certificate,
        meaning: "the host has another certificate than before: clients that remember the old one warn once",
        causes: &["certificate-expired", "certificate-not-yet-valid", "tls-intercepted", "certificate-key-mismatch"],
        unlike: renewed,
        ..USUAL
    },
    Aspect {
        id: "certificate-names",
        stage: Stage::Certificate,
        meaning: "a client warns or refuses where the name that it asks for is not in the certificate",
        causes: &["certificate-name-mismatch", "name-points-elsewhere", "machine-renamed"],
        unlike: names,
        ..USUAL
    },
    Aspect {
        id: "certificate-issuer",
        stage: Stage::Certificate,
        meaning: "a client that trusts one issuer need not trust the other",
        causes: &["certificate-untrusted", "tls-intercepted"],
        unlike: |pair| by_texts(pair, issuers).filter(|_| by_texts(pair, authorities).is_some()),
        ..USUAL
    },
    Aspect {
        id: "certificate-key",
        stage: Stage::Certificate,
        meaning: "a client that asks for longer keys or other algorithms takes one of them only",
        causes: &["certificate-weak", "tls-cipher-mismatch", "private-key-unusable"],
        unlike: |pair| by_texts(pair, keys),
        ..USUAL
    },
    Aspect {
        id: "certificate-signature",
        stage: Stage::Certificate,
        meaning: "a client that does not take the signature algorithm refuses the certificate",
        causes: &["certificate-weak", "tls-cipher-mismatch"],
        unlike: |pair| {
            // another issuer or key has another signature by nature
            let same = by_texts(pair, authorities).is_none() && by_texts(pair, keys).is_none();
            by_texts(pair, |side| sorted(&side.texts("certificate.signature_algorithm"))).filter(|_| same)
        },
        ..USUAL
    },
    Aspect {
        id: "certificate-usages",
        stage: Stage::Certificate,
        meaning: "a client refuses a certificate that is not for servers, or whose key may not do what the suite needs",
        causes: &["certificate-wrong-usage"],
        unlike: |pair| by_texts(pair, usages),
        ..USUAL
    },
    Aspect {
        id: "certificate-chain",
        stage: Stage::Certificate,
        meaning: "without the certificates between it and its root a client cannot build the chain",
        causes: &["certificate-untrusted"],
        unlike: |pair| {
            let self_issued = |side: &Side| side.values("certificate.self_issued").contains(&Value::Bool(true));
            let comparable = !self_issued(pair.working) && !self_issued(pair.broken);
            by_texts(pair, chain).filter(|_| comparable && by_texts(pair, authorities).is_none())
        },
        ..USUAL
    },
    Aspect {
        id: "credssp-answer",
        stage: Stage::Credssp,
        meaning: "a client that needs what only one of them offers (a CredSSP version, NTLM) gets into that one alone",
        causes: &["ntlm-blocked", "credssp-unpatched", "credssp-client-refused", "encryption-oracle-policy"],
        whole_stage: true,
        unlike: |pair| by_texts(pair, introductions),
    },
    Aspect {
        id: "machine-name",
        stage: Stage::Credssp,
        meaning: "another machine answers, or it was renamed",
        causes: &["name-points-elsewhere", "machine-renamed"],
        unlike: |pair| {
            if pair.same_host { by_texts(pair, |side| sorted(&side.texts("ntlm.computer"))) } else { None }
        },
        ..USUAL
    },
    Aspect {
        id: "domain",
        stage: Stage::Credssp,
        meaning: "accounts of one domain, and Kerberos, do not work in the other",
        causes: &["ntlm-blocked", "trust-broken", "logon-failure"],
        unlike: |pair| by_texts(pair, domains),
        ..USUAL
    },
    Aspect {
        id: "system-version",
        stage: Stage::Credssp,
        meaning: "another version of the system has other defaults and other known faults",
        causes: &["update-regression", "credssp-unpatched"],
        unlike: |pair| by_texts(pair, |side| sorted(&side.texts("ntlm.version"))),
        ..USUAL
    },
    Aspect {
        id: "clock",
        stage: Stage::Credssp,
        meaning: "Kerberos refuses clocks that are more than five minutes apart, and certificates are judged by them",
        causes: &["clock-skew"],
        unlike: clocks,
        ..USUAL
    },
];

fn sorted<'a, T: AsRef<str> + 'a>(texts: impl IntoIterator<Item = &'a T>) -> BTreeSet<String> {
    texts.into_iter().map(|text| text.as_ref().to_owned()).collect()
}

fn joined(texts: &BTreeSet<String>) -> String {
    /// Most texts of one side; the rest is counted.
    const MOST: usize = 6;
    let shown: Vec<&str> = texts.iter().take(MOST).map(String::as_str).collect();
    let more = texts.len().saturating_sub(MOST);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Compares what `of` reads from each; where one has nothing, nothing is known.
fn by_texts(pair: &Pair<'_>, of: impl Fn(&Side) -> BTreeSet<String>) -> Unlike {
    let (working, broken) = (of(pair.working), of(pair.broken));
    let unlike = working != broken && !working.is_empty() && !broken.is_empty();
    unlike.then(|| (joined(&working), joined(&broken)))
}

/// Compares the answers to the questions that both were asked; a planner asks hosts differently.
fn by_question(pair: &Pair<'_>, fact: &str, question: &str, words: fn(&Value) -> Option<String>) -> Unlike {
    let answers = |side: &Side, asked: &Value| -> BTreeSet<String> {
        let same = side.values(fact).iter().filter(|value| value[question] == *asked && value["direct"] != true);
        settled(same.map(|value| &value["answer"])).filter_map(words).collect()
    };
    let (mut working, mut broken) = (BTreeSet::new(), BTreeSet::new());
    for value in pair.working.values(fact) {
        let asked = &value[question];
        let (here, there) = (answers(pair.working, asked), answers(pair.broken, asked));
        if here != there && !here.is_empty() && !there.is_empty() {
            working.extend(here);
            broken.extend(there);
        }
    }
    (!working.is_empty()).then(|| (joined(&working), joined(&broken)))
}

/// Leaves out refusals and silences beside an answer that went well: a host that was slow, or fails at times, is no
/// host that answers in another way. That it fails at times is a finding of its own.
fn settled<'a>(answers: impl Iterator<Item = &'a Value>) -> impl Iterator<Item = &'a Value> {
    let answers: Vec<&Value> = answers.collect();
    let well = |answer: &Value| ["selected", "suite", "version"].iter().any(|field| !answer[field].is_null());
    let any = answers.iter().any(|answer| well(answer));
    answers.into_iter().filter(move |answer| !any || well(answer))
}

fn addresses(side: &Side) -> BTreeSet<String> {
    let lists = side.values("name.answer").iter().filter_map(|value| value["addresses"].as_array()).flatten();
    lists.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Says an answer that is a word, an end, an alert or something that has no place there.
fn other_words(answer: &Value) -> Option<String> {
    if let Some(word) = answer.as_str() {
        return Some(word.replace('-', " "));
    }
    let object = answer.as_object()?;
    let closed = object.get_key_value("closed");
    let (kind, value) = closed.or_else(|| object.iter().find(|(kind, _)| *kind != "bytes" && *kind != "name"))?;
    Some(match (kind.as_str(), answer["name"].as_str(), value.as_str()) {
        ("alert", Some(name), _) => format!("alert {name}"),
        ("failure", Some(name), _) => format!("refuses: {name}"),
        ("closed", _, Some("rst")) => "resets the connection".to_owned(),
        ("closed" | "after_bytes", ..) => "closes the connection".to_owned(),
        ("silent_after_bytes", ..) => "is silent".to_owned(),
        ("foreign", _, Some(service)) => format!("speaks {service}"),
        ("own_failure", ..) => return None,
        (kind, ..) => kind.replace('_', " "),
    })
}

fn negotiated(answer: &Value) -> Option<String> {
    let selected = answer["selected"].as_str();
    selected.map(|protocol| format!("selects {protocol}")).or_else(|| other_words(answer))
}

/// Compares the versions that a survey saw accepted of both, or else what the same hellos lead to.
fn versions(pair: &Pair<'_>) -> Unlike {
    let accepted = |side: &Side| -> BTreeSet<String> {
        side.versions.iter().flatten().map(|version| format!("TLS {version}")).collect()
    };
    by_texts(pair, accepted).or_else(|| by_question(pair, "tls.answer", "offer", spoken_version))
}

fn spoken_version(answer: &Value) -> Option<String> {
    answer.get("suite").and_then(|_| answer["version"].as_str()).map(|version| format!("TLS {version}"))
}

/// Says that a hello was taken, or how it was refused.
fn taken(answer: &Value) -> Option<String> {
    if answer.get("suite").is_some() { Some("takes the handshake".to_owned()) } else { other_words(answer) }
}

fn chosen_suite(answer: &Value) -> Option<String> {
    let number = answer["suite"].as_str()?.strip_prefix("0x")?;
    u16::from_str_radix(number, 16).ok().map(suite::words)
}

/// Compares the certificates of one host at two times.
fn renewed(pair: &Pair<'_>) -> Unlike {
    let thumbprints = |side: &Side| sorted(&side.texts("certificate.sha256"));
    if !pair.same_host || by_texts(pair, thumbprints).is_none() {
        return None;
    }
    let told = |side: &Side| {
        let until: BTreeSet<_> = side.texts("certificate.not_after").iter().filter_map(|at| at.get(..10)).collect();
        let print: BTreeSet<_> = side.texts("certificate.sha256").iter().filter_map(|print| print.get(..16)).collect();
        let list = |texts: BTreeSet<&str>| texts.into_iter().collect::<Vec<_>>().join(", ");
        format!("valid until {} (SHA-256 {}…)", list(until), list(print))
    };
    Some((told(pair.working), told(pair.broken)))
}

/// Compares names of certificates. Two hosts have two names, so it counts only where a certificate fits neither the
/// name that was asked for nor the name that its own machine has.
fn names(pair: &Pair<'_>) -> Unlike {
    let own = |side: &Side| {
        let calls_itself = &side.texts("ntlm.computer") | &side.texts("ntlm.dns_computer");
        let names = side.texts("certificate.names");
        let fits = |name: &&str| calls_itself.iter().any(|own| own.eq_ignore_ascii_case(name));
        side.ruled_out.contains("certificate-name-mismatch") || names.iter().any(fits)
    };
    let natural = !pair.same_host && own(pair.working) && own(pair.broken);
    by_texts(pair, |side| sorted(&side.texts("certificate.names"))).filter(|_| !natural)
}

fn issuers(side: &Side) -> BTreeSet<String> {
    if side.values("certificate.self_issued").contains(&Value::Bool(true)) {
        return ["self-signed".to_owned()].into();
    }
    side.texts("certificate.issuer").into_iter().map(|issuer| format!("issued by {issuer}")).collect()
}

/// Returns the organisations of the issuers: an authority changes the names of its certificates more often than anybody
/// has to know.
fn authorities(side: &Side) -> BTreeSet<String> {
    let own = |issuer: &String| issuer.trim_start_matches("issued by ").to_owned();
    let organisation = |issuer: &String| own(issuer).split(", ").find(|part| part.starts_with("O=")).map(str::to_owned);
    issuers(side).into_iter().map(|issuer| organisation(&issuer).unwrap_or(issuer)).collect()
}

fn keys(side: &Side) -> BTreeSet<String> {
    let keys = side.values("certificate.key").iter();
    keys.filter_map(|key| Some(format!("{} {} bits", key["algorithm"].as_str()?, key["bits"].as_u64()?))).collect()
}

fn usages(side: &Side) -> BTreeSet<String> {
    if side.texts("certificate.subject").is_empty() {
        return BTreeSet::new();
    }
    let limits = &side.texts("certificate.extended_key_usages") | &side.texts("certificate.key_usages");
    if limits.is_empty() { ["any".to_owned()].into() } else { sorted(&limits) }
}

fn chain(side: &Side) -> BTreeSet<String> {
    let counts = side.values("certificate.count").iter().filter_map(Value::as_u64);
    counts.map(|count| format!("{count} in the chain")).collect()
}

fn introductions(side: &Side) -> BTreeSet<String> {
    let told = |answer: &Value| {
        let Some(version) = answer["version"].as_u64() else { return other_words(answer) };
        let ntlm = match answer["status"].as_str() {
            _ if answer["challenge"] == true => "NTLM answered".to_owned(),
            Some(status) => format!("NTLM refused with {status}"),
            None => "NTLM refused".to_owned(),
        };
        Some(format!("CredSSP {version}, {ntlm}"))
    };
    settled(side.values("credssp.answer").iter()).filter_map(told).collect()
}

fn domains(side: &Side) -> BTreeSet<String> {
    let own: BTreeSet<String> = side.texts("ntlm.computer").iter().map(|name| name.to_ascii_uppercase()).collect();
    let domains = side.texts("ntlm.domain").into_iter();
    let said = |domain: &str| {
        let alone = own.contains(&domain.to_ascii_uppercase());
        if alone { "in no domain".to_owned() } else { format!("member of {domain}") }
    };
    domains.map(said).collect()
}

fn clocks(pair: &Pair<'_>) -> Unlike {
    let offset = |side: &Side| side.values("clock.offset_seconds").iter().filter_map(Value::as_f64).reduce(f64::max);
    let (working, broken) = (offset(pair.working)?, offset(pair.broken)?);
    let told = |seconds: f64| format!("{seconds:.0} s from this computer's clock");
    ((working - broken).abs() >= CLOCK).then(|| (told(working), told(broken)))
}
