//! Names and values of facts in a report, and how many things of a section they stand for.

use serde_json::{Value, json};

use crate::fact::Fact;
use crate::moment::rfc3339;
use crate::printable::printable;
use crate::section::sections;
use crate::section::thing::{Count, Section};
use crate::stage::{certificate, connection_sequence, credssp, gateway, name, path, tcp, tls, x224};

pub use crate::stage::credssp::{flaw_words, version_text};
pub use crate::stage::tcp::tcp_words;
pub use crate::stage::x224::x224_value;

/// Gives every fact its name and value, those of sections from their list.
macro_rules! told {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
        impl Fact {
            /// Returns the name in the report.
            pub fn name(&self) -> &'static str {
                match self {
                    Self::NameAnswer(_) => name::ANSWER,
                    Self::NameSettings(_) => name::SETTINGS,
                    Self::DnsAnswer(_) => name::DNS,
                    Self::TcpAnswer(_) => tcp::ANSWER,
                    Self::Path(_) => path::CONNECTION,
                    Self::Hops(_) => path::HOPS,
                    Self::HelloByHops(_) => path::HELLO,
                    Self::X224Answer { .. } => x224::ANSWER,
                    Self::TlsAnswer { .. } => tls::ANSWER,
                    Self::Settings { .. } => connection_sequence::ANSWER,
                    Self::SurveyedNegotiation { .. } => x224::SURVEYED,
                    Self::SurveyedHandshake { .. } => tls::SURVEYED,
                    Self::CertificateCount(_) => certificate::named::COUNT,
                    Self::CertificateSubject(_) => certificate::named::SUBJECT,
                    Self::CertificateIssuer(_) => certificate::named::ISSUER,
                    Self::CertificateNames(_) => certificate::named::NAMES,
                    Self::CertificateAlternatives(_) => certificate::named::ALTERNATIVES,
                    Self::CertificateNotBefore(_) => certificate::named::NOT_BEFORE,
                    Self::CertificateNotAfter(_) => certificate::named::NOT_AFTER,
                    Self::CertificateKey(..) => certificate::named::KEY,
                    Self::CertificateSignature(_) => certificate::named::SIGNATURE,
                    Self::CertificateUsages(_) => certificate::named::USAGES,
                    Self::CertificateKeyUsages(_) => certificate::named::KEY_USAGES,
                    Self::CertificateSha1(_) => certificate::named::SHA1,
                    Self::CertificateSha256(_) => certificate::named::SHA256,
                    Self::CertificateSelfIssued(_) => certificate::named::SELF_ISSUED,
                    Self::CertificateUnreadable => certificate::named::UNREADABLE,
                    Self::ClientCertificateRequested => tls::CERTIFICATE_REQUESTED,
                    Self::EndedBehindTls(_) => tls::ENDED,
                    Self::CredsspAnswer(_) => credssp::named::ANSWER,
                    Self::CredsspVersionAnswer { .. } => credssp::named::VERSION_ANSWER,
                    Self::NtlmComputer(_) => credssp::named::COMPUTER,
                    Self::NtlmDomain(_) => credssp::named::DOMAIN,
                    Self::NtlmDnsComputer(_) => credssp::named::DNS_COMPUTER,
                    Self::NtlmDnsDomain(_) => credssp::named::DNS_DOMAIN,
                    Self::NtlmVersion(_) => credssp::named::VERSION,
                    Self::ChallengeFlaw(_) => credssp::named::FLAW,
                    Self::ClockOffset(_) => credssp::named::CLOCK_OFFSET,
                    Self::UdpAnswer(_) => path::DATAGRAM,
                    Self::CapturedConnection(_) => "capture.connection",
                    Self::CapturedTransport(_) => "capture.udp",
                    Self::CapturedClients(_) => "capture.clients",
                    Self::CaptureCut(_) => "capture.cut",
                    Self::PassedOver(_) => "files.passed_over",
                    Self::HttpAnswer { .. } => gateway::ANSWER,
                    Self::RehearsalFailed => "probe.rehearsal_failed",
                    $(Self::$variant(_) => <$thing>::FACT,)*
                }
            }

            /// Returns the value in the report.
            pub fn value(&self) -> Value {
                match self {
                    Self::NameAnswer(answer) => name::value(answer),
                    Self::NameSettings(settings) => name::settings_value(settings),
                    Self::DnsAnswer(lookup) => name::dns_value(lookup),
                    Self::TcpAnswer(answer) => Value::from(tcp_words(answer)),
                    Self::Path(path) => path::value(path),
                    Self::Hops(tries) => path::hops_value(tries),
                    Self::HelloByHops(hello) => json!({"hops": hello.hops, "answer": hello.fate.word()}),
                    Self::X224Answer { requested, answer } => x224::value(*requested, answer),
                    Self::TlsAnswer { offer, direct, answer } => tls::value(*offer, *direct, answer),
                    Self::SurveyedNegotiation { requested, answer } => x224::value(Some(*requested), answer),
                    Self::Settings { requested, answer } => connection_sequence::value(*requested, answer),
                    Self::SurveyedHandshake { offer, answer, exchange } => {
                        tls::surveyed_value(*offer, answer, *exchange)
                    }
                    Self::CertificateCount(count) => (*count).into(),
                    Self::CertificateSubject(text)
                    | Self::CertificateIssuer(text)
                    | Self::CertificateSignature(text)
                    | Self::CertificateSha1(text)
                    | Self::CertificateSha256(text)
                    | Self::NtlmComputer(text)
                    | Self::NtlmDomain(text)
                    | Self::NtlmDnsComputer(text)
                    | Self::NtlmDnsDomain(text) => text.as_str().into(),
                    Self::CertificateNames(list) | Self::CertificateUsages(list) | Self::CertificateKeyUsages(list) => {
                        json!(list)
                    }
                    Self::CertificateNotBefore(date) | Self::CertificateNotAfter(date) => rfc3339(*date).into(),
                    Self::CertificateKey(algorithm, bits) => certificate::key_value(algorithm, *bits),
                    Self::CertificateSelfIssued(yes) | Self::CertificateAlternatives(yes) => (*yes).into(),
                    Self::CertificateUnreadable | Self::RehearsalFailed | Self::ClientCertificateRequested => true.into(),
                    Self::EndedBehindTls(ended) => tls::ended_value(*ended),
                    Self::CredsspAnswer(answer) => credssp::value(answer),
                    Self::CredsspVersionAnswer { version, answer } => credssp::version_value(*version, answer),
                    Self::UdpAnswer(answer) => answer.word().into(),
                    Self::CapturedConnection(connection) => recorded(connection),
                    Self::CapturedTransport(transport) => recorded(transport),
                    Self::CapturedClients(client) => recorded(client),
                    Self::CaptureCut(cut) | Self::PassedOver(cut) => recorded(cut),
                    Self::HttpAnswer { method, proxy, answer } => gateway::value(*method, *proxy, answer),
                    Self::NtlmVersion(version) => version_text(*version).into(),
                    Self::ChallengeFlaw(flaw) => credssp::flaw_words(*flaw).into(),
                    Self::ClockOffset(milliseconds) => credssp::seconds_of(*milliseconds),
                    $(Self::$variant(thing) => recorded(thing),)*
                }
            }
        }
    };
}
sections!(told);

/// Serialises a record of a machine as it is, but printable.
fn recorded(what: &impl serde::Serialize) -> Value {
    fn clean(value: Value) -> Value {
        match value {
            Value::String(text) => printable(&text).into(),
            Value::Array(list) => list.into_iter().map(clean).collect(),
            Value::Object(map) => map.into_iter().map(|(name, value)| (printable(&name), clean(value))).collect(),
            other => other,
        }
    }
    serde_json::to_value(what).map_or(Value::Null, clean)
}

/// Reads off a fact how many things of one section it stands for; `None` for a fact of anything else.
pub type Counter = fn(&Fact) -> Option<u64>;

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
        /// Iterates over the sections that the ladder counts.
        pub fn counts() -> impl Iterator<Item = (Count, Counter)> {
            let all: [(Option<Count>, Counter); _] = [$((
                <$thing>::COUNT,
                |fact| if let Fact::$variant(thing) = fact { Some(thing.records()) } else { None },
            )),*];
            all.into_iter().filter_map(|(count, counter)| Some((count?, counter)))
        }
    };
}
sections!(counts);
