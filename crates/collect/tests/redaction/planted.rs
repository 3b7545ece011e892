//! Planted secrets are gone, wherever they were.

use std::net::IpAddr;

use collect::evidence::redaction::redacted;
use collect::evidence::{Piece, stored};
use evidence::state::State;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::Value;

use super::{assert_laws, full, gathered};

/// A secret of every kind.
#[derive(Debug, Clone)]
struct Secrets {
    machine: String,
    user: String,
    domain: String,
    password: String,
    guid: String,
    sid: String,
    addresses: [IpAddr; 2],
}

impl Secrets {
    fn all(&self) -> Vec<String> {
        let Self { machine, user, domain, password, guid, sid, addresses } = self;
        let whole = [machine, user, domain, password, guid, sid].map(Clone::clone);
        let made = [
            format!("{user}@{domain}.example"),
            format!(r"\\{machine}\{user}$"),
            format!(r"C:\Users\{user}\{machine}.rdp"),
            format!("{machine}.{domain}.example:3389"),
            format!("TERMSRV/{machine} 4"),
            format!("CN={machine}, OU={user}, O={domain}"),
        ];
        whole.into_iter().chain(made).chain(addresses.map(|address| address.to_string())).collect()
    }

    /// Texts that must not be left, not even as a part of a substitute.
    fn forbidden(&self) -> Vec<String> {
        let Self { machine, user, domain, password, guid, sid, addresses } = self;
        let names = [machine, user, domain, password, guid, sid].map(Clone::clone);
        let texts = names.into_iter().chain(addresses.map(|address| address.to_string()));
        let mut found: Vec<String> = texts.flat_map(|text| spellings(&text)).collect();
        found.extend(addresses.map(|address| match address {
            IpAddr::V4(four) => wire::hex::encode(&four.octets()),
            IpAddr::V6(six) => wire::hex::encode(&six.octets()),
        }));
        found
    }
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> String {
    wire::hex::encode(&text.encode_utf16().flat_map(order).collect::<Vec<_>>())
}

/// Spellings in which a secret may hide in text, all in lower case.
fn spellings(secret: &str) -> Vec<String> {
    let (lower, upper) = (secret.to_lowercase(), secret.to_uppercase());
    let mut all = vec![lower.clone()];
    for text in [secret, &lower, &upper] {
        all.extend([wire::hex::encode(text.as_bytes()), wide(text, u16::to_le_bytes), wide(text, u16::to_be_bytes)]);
    }
    all
}

#[track_caller]
fn assert_gone(pieces: &[Piece], secrets: &Secrets, place: &str) {
    for piece in pieces {
        let (_, bytes) = stored(piece);
        // JSON doubles a backslash
        let text = String::from_utf8(bytes).unwrap().to_lowercase().replace(r"\\", r"\");
        for secret in secrets.forbidden() {
            let at = text.find(&secret);
            assert!(
                at.is_none(),
                "{place}: {secret} is still there: {}",
                at.map_or("", |at| &text[at.saturating_sub(60)..(at + 90).min(text.len())])
            );
        }
    }
}

fn secrets() -> impl Strategy<Value = Secrets> {
    // beginning with letters that no pseudonym and nothing else in a state has
    let name = || "[qQ][qzwQZW]{3}[a-zA-Z0-9]{2,12}";
    let number = || 10_000_u32..4_000_000_000;
    let sid =
        (number(), number(), number(), 1000_u32..90_000).prop_map(|(a, b, c, d)| format!("S-1-5-21-{a}-{b}-{c}-{d}"));
    let guid = "[1-9a-f]{8}-[1-9a-f]{4}-4[1-9a-f]{3}-9[1-9a-f]{3}-[1-9a-f]{12}";
    let four = any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a | 0x64, b | 0x64, c | 0x64]));
    let six =
        any::<[u16; 3]>().prop_map(|[a, b, c]| IpAddr::from([0x2A02, a | 0x1000, b | 0x1000, 0, 0, 0, 0, c | 0x1000]));
    (name(), name(), name(), "Qz[A-Z]{3}[!#%&*+]{2}[a-z0-9]{6}", guid, sid, (four, six)).prop_map(
        |(machine, user, domain, password, guid, sid, (four, six))| Secrets {
            machine,
            user,
            domain,
            password,
            guid,
            sid,
            addresses: [four, six],
        },
    )
}

fn example() -> Secrets {
    Secrets {
        machine: "QzwqSrv-07".to_owned(),
        user: "qqzwalice".to_owned(),
        domain: "QWZQCONTOSO".to_owned(),
        password: "QzPAS!#word77".to_owned(),
        guid: "6f9619ff-8b86-4a11-b42d-77cf4fc964ff".to_owned(),
        sid: "S-1-5-21-1154669122-758131235-2550521025-1104".to_owned(),
        addresses: ["10.177.166.155".parse().unwrap(), "2a02:26f0:3100::1c7d".parse().unwrap()],
    }
}

/// Place of a string in JSON: the way to it, and whether it is a name in a map.
#[derive(Debug, Clone)]
struct Place {
    pointer: String,
    key: Option<String>,
}

fn places(value: &Value, pointer: &str, found: &mut Vec<Place>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::String(_) => found.push(Place { pointer: pointer.to_owned(), key: None }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(number, inner)| places(inner, &format!("{pointer}/{number}"), found));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                // elsewhere the names are those of fields
                if ["values", "data"].iter().any(|end| pointer.ends_with(end)) {
                    found.push(Place { pointer: pointer.to_owned(), key: Some(key.clone()) });
                }
                places(inner, &format!("{pointer}/{}", escaped(key)), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Puts this text in that place of the state; `None` where no text can stand.
fn plant(state: &Value, place: &Place, text: &str) -> Option<Value> {
    let mut changed = state.clone();
    let target = changed.pointer_mut(&place.pointer).unwrap();
    match &place.key {
        None => *target = Value::String(text.to_owned()),
        Some(key) => {
            let inner = target.as_object_mut().unwrap().remove(key).unwrap();
            target[text] = inner;
        }
    }
    serde_json::from_value::<State>(changed.clone()).is_ok().then_some(changed)
}

fn without_names(state: &Value) -> Vec<Piece> {
    let state: State = serde_json::from_value(state.clone()).unwrap();
    redacted(&gathered(vec![Piece::State(Box::new(state))]))
}

/// Texts in which a secret may hide.
fn disguises(secret: &str) -> [String; 4] {
    [secret.to_owned(), secret.to_uppercase(), format!("a {secret}, b"), wide(secret, u16::to_le_bytes)]
}

/// Each place by itself, because a name met elsewhere would be found everywhere.
#[test]
fn a_secret_in_any_one_place_is_gone() {
    let (secrets, state) = (example(), serde_json::to_value(full::state()).unwrap());
    let mut all = Vec::new();
    places(&state, "", &mut all);
    let mut unfit: Vec<String> = Vec::new();
    for place in &all {
        // the list of keys is long, and each piece is judged by itself, so only that part of the state is needed
        for secret in secrets.all() {
            for disguise in disguises(&secret) {
                match plant(&cut(&state, place), &shortened(place), &disguise) {
                    Some(planted) => assert_gone(&without_names(&planted), &secrets, &format!("{place:?} {disguise}")),
                    None => unfit.push(place.pointer.rsplit('/').next().unwrap().to_owned()),
                }
            }
        }
    }
    unfit.sort();
    unfit.dedup();
    assert_eq!(
        unfit,
        ["asked", "contents", "fate", "kind", "otherwise", "part", "place", "state"],
        "no text fits only where one of a few words stands"
    );
    assert!(all.len() > 400, "only {} places", all.len());
}

/// Reduces the state to the list element that holds the place.
fn cut(state: &Value, place: &Place) -> Value {
    let mut parts = place.pointer.split('/').skip(1);
    let (Some(field), Some(number)) = (parts.next(), parts.next().and_then(|n| n.parse::<usize>().ok())) else {
        return state.clone();
    };
    serde_json::json!({ "schema": state["schema"], field: [state[field][number]] })
}

fn shortened(place: &Place) -> Place {
    let mut parts: Vec<&str> = place.pointer.split('/').collect();
    if parts.len() > 2 && parts[2].parse::<usize>().is_ok() {
        parts[2] = "0";
    }
    Place { pointer: parts.join("/"), ..place.clone() }
}

/// Certificate with the secrets in every name that it has.
fn certificate(secrets: &Secrets) -> Vec<u8> {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    let ascii = |text: &str| text.try_into().unwrap();
    let mut params = CertificateParams::default();
    for (kind, name) in [
        (DnType::CommonName, &secrets.machine),
        (DnType::OrganizationName, &secrets.domain),
        (DnType::OrganizationalUnitName, &secrets.user),
        (DnType::LocalityName, &secrets.password),
    ] {
        params.distinguished_name.push(kind, name.clone());
    }
    params.subject_alt_names = vec![
        SanType::DnsName(ascii(&secrets.machine)),
        SanType::Rfc822Name(ascii(&format!("{}@{}.example", secrets.user, secrets.domain))),
        SanType::URI(ascii(&format!("https://{}/{}", secrets.domain, secrets.guid))),
        SanType::IpAddress(secrets.addresses[0]),
        SanType::IpAddress(secrets.addresses[1]),
    ];
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

/// State with the secrets in all places at once, each in one of its disguises.
fn planted_everywhere(secrets: &Secrets, turn: usize) -> State {
    let mut state = serde_json::to_value(full::state()).unwrap();
    let texts: Vec<String> = secrets.all().iter().flat_map(|secret| disguises(secret)).collect();
    let mut all = Vec::new();
    places(&state, "", &mut all);
    for (number, place) in all.iter().enumerate().filter(|(_, place)| place.key.is_none()) {
        let unfit = ["/asked", "/contents", "/fate", "/kind", "/otherwise", "/part", "/place", "/state"]
            .iter()
            .any(|end| place.pointer.ends_with(end));
        if !unfit {
            *state.pointer_mut(&place.pointer).unwrap() =
                Value::String(texts[(number * 7 + turn) % texts.len()].clone());
        }
    }
    serde_json::from_value(state).unwrap()
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn secrets_in_all_places_at_once_are_gone(secrets in secrets(), turn in 0_usize..100) {
        let der = certificate(&secrets);
        let all = secrets.all();
        let said = &all[turn % all.len()];
        let pieces = vec![
            Piece::State(Box::new(planted_everywhere(&secrets, turn))),
            Piece::Transcript(Box::new(full::transcript(said, secrets.addresses, &der))),
            Piece::Capture(Box::new(full::capture(said, secrets.addresses, &der))),
        ];
        let once = redacted(&gathered(pieces));
        assert_gone(&once, &secrets, "all at once");
        prop_assert_eq!(redacted(&gathered(once.clone())), once);
    }
}

/// The full pieces as they are give the same findings, stored and read back, and names agree across kinds.
#[test]
fn pieces_agree() {
    let secrets = example();
    let der = certificate(&secrets);
    let thumbprint = wire::certificate::Certificate::read(&der).unwrap().sha1;
    let mut state = full::state();
    state.computer = Some(secrets.machine.clone());
    state.certificates[0].sha1.clone_from(&thumbprint);
    let event = state.events.iter_mut().find(|event| event.data.contains_key("ClientIP")).unwrap();
    event.data.insert("ClientIP".to_owned(), format!("{}:50000", secrets.addresses[0]));
    let pieces = vec![
        Piece::State(Box::new(state)),
        Piece::Transcript(Box::new(full::transcript(&secrets.machine, secrets.addresses, &der))),
        Piece::Capture(Box::new(full::capture("x0", secrets.addresses, &der))),
    ];
    let once = assert_laws(gathered(pieces), "agree");
    let [Piece::State(state), Piece::Transcript(transcript), Piece::Capture(capture)] = &once[..] else { panic!() };
    assert_eq!(state.computer.as_ref(), Some(&transcript.host));
    let client = capture.seen.connections[0].client;
    assert!(state.events.iter().any(|event| event.data.get("ClientIP") == Some(&client.to_string())));
    let chain = &capture.seen.connections[0].exchange.presented.chain;
    let after = wire::certificate::Certificate::read(&chain[0]).unwrap();
    assert_eq!(after.sha1, state.certificates[0].sha1);
    assert_ne!(after.sha1, thumbprint);
    assert_eq!(after.common_name.as_ref(), Some(&transcript.host));
}
