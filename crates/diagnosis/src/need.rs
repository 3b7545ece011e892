//! The questions that proofs rest on: when they are answered, when they may be asked, what they cost, how they are put.

use wire::machine::{TcpAnswer, X224Answer};
use wire::tls::{Alert, TlsOffer, TlsStack};
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

use crate::as_client::{
    client_offer, client_suites_known, client_versions, client_versions_known, first_offer, taken_alike, tolerates_newest,
    tunnel,
};
use crate::case::{Case, EVERYTHING};
use crate::fact::{Fact, Handshake, Introduction};
use crate::tries::{settled, varied};

/// Which protocols a Connection Request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// TLS and CredSSP in both forms, as current clients do.
    Everything,
    /// The same, and Microsoft Entra authentication (RDSAAD). xrdp hangs up on it, so it is never the first question.
    WithEntra,
    /// What the client profile asks for.
    AsClient,
    /// TLS alone.
    TlsOnly,
    /// Standard RDP Security alone.
    StandardOnly,
}

impl Asked {
    /// `requestedProtocols`.
    pub fn protocols(self, case: Case<'_>) -> SecurityProtocols {
        match self {
            Self::Everything => EVERYTHING,
            Self::WithEntra => EVERYTHING.with(SecurityProtocols::RDSAAD),
            Self::AsClient => case.context.profile.protocols,
            Self::TlsOnly => SecurityProtocols::SSL,
            Self::StandardOnly => SecurityProtocols::RDP,
        }
    }
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// What does the name resolve to?
    Name,
    /// Does the port accept a connection?
    Tcp,
    /// Does it stay open if we say nothing for a quarter of a second?
    HeldRequest,
    /// What does it say to these protocols?
    Negotiation(Asked),
    /// What does it say to everything the second time, after a pause?
    SecondTry,
    /// What does it say to everything on further tries, with pauses between them?
    FurtherTries,
    /// Does it speak TLS without X.224?
    DirectTls,
    /// What does it say to this ClientHello?
    Handshake(TlsOffer),
    /// What does it say to this ClientHello, which it ended the connection on, when asked again after a pause?
    HandshakeAgain(TlsOffer),
    /// What does it say to the first ClientHello, which it left without an answer, when it is given more time?
    PatientHandshake,
    /// What does it say to a ClientHello without the name that was typed or, where none was, with one?
    OtherName,
    /// Does it finish a handshake, and so prove its key?
    FinishedHandshake,
    /// What does it say on further tries to a ClientHello that it has answered in two ways?
    FurtherHandshakes,
    /// What does it say to the TLS versions of the client profile?
    ClientVersions,
    /// What does it say to the TLS suites of the client profile?
    ClientSuites,
    /// The same after a pause, where it ended the connection without a word.
    ClientSuitesAgain,
    /// How does it introduce itself through CredSSP?
    Introduction,
    /// How does it introduce itself the second time, after a pause?
    SecondIntroduction,
    /// How does it introduce itself, having left us without an answer, when it is given more time?
    PatientIntroduction,
    /// What does it take of all that can be offered? No proof needs it; [`crate::survey`] puts the questions.
    Survey,
    /// What does this registry key of the machine hold? A probe cannot ask that.
    Key(&'static str),
    /// How is this service of the machine set up? A probe cannot ask that.
    Service(&'static str),
    /// What lies in its folder of private keys, and who may write there? A probe cannot ask that.
    KeyFolder,
    /// What do its own logs say of the time of the attempt? A probe cannot ask that.
    HostLog,
    /// What was refused to its services, by a recording of their accesses? A probe cannot ask that.
    AccessTrace,
    /// What does an `.rdp` file of the client say? A probe cannot ask that.
    RdpFile,
    /// Whom does the client trust? A probe cannot ask that.
    TrustStore,
}

/// How many tries tell a host that answers now and then from one that failed once.
pub const SPACED_TRIES: usize = 4;

/// A question as a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// What it answers, at least.
    pub need: Need,
    /// `requestedProtocols`; `None` starts with TLS.
    pub request: Option<SecurityProtocols>,
    /// The request is held back.
    pub hold: bool,
    /// The handshake to begin.
    pub tls: Option<TlsOffer>,
    /// Introduce ourselves through CredSSP.
    pub credssp: bool,
}

impl Need {
    /// True if the evidence answers it.
    pub fn answered(self, case: Case<'_>) -> bool {
        match self {
            Self::Name => case.seen(|fact| matches!(fact, Fact::NameAnswer(_)).then_some(())).next().is_some(),
            Self::Tcp => case.tcp().next().is_some(),
            Self::HeldRequest => case.x224().any(|seen| {
                matches!(
                    seen.value.1,
                    X224Answer::HeldOpen | X224Answer::ClosedBeforeRequest(_) | X224Answer::Foreign { .. }
                )
            }),
            Self::Negotiation(asked) => {
                // no answer to a further question, from a host that answered before, may be due to our own pace
                let paced = |answer| asked != Asked::Everything && unanswered(answer) && answers(case);
                case.x224_to(asked.protocols(case)).is_some_and(|seen| !paced(seen.value))
            }
            Self::DirectTls => case.tls_direct().next().is_some(),
            // the first hello is there for what any will do for
            Self::Handshake(TlsOffer::MODERN) if case.tls_watched().next().is_some() => true,
            Self::Handshake(offer) => case.tls_with(offer).is_some(),
            Self::HandshakeAgain(TlsOffer::MODERN) | Self::PatientHandshake => case.times(first_offer(case)) >= 2,
            Self::HandshakeAgain(offer) => case.times(offer) >= 2,
            Self::OtherName => case.tls_with(other_name(case)).is_some(),
            Self::FinishedHandshake => finished(case) || tunnel(case).is_some_and(|o| case.tls_with(o).is_some()),
            Self::FurtherHandshakes => varied(case).is_some() && settled(case),
            Self::ClientVersions => client_versions_known(case),
            Self::SecondTry => case.tries().count() >= 2,
            Self::FurtherTries => case.tries().count() >= SPACED_TRIES,
            Self::Introduction => case.credssp().is_some(),
            Self::ClientSuites => client_suites_known(case),
            Self::ClientSuitesAgain => case.times(client_offer(case)) >= 2,
            Self::SecondIntroduction | Self::PatientIntroduction => case.introductions().count() >= 2,
            Self::Key(path) => case.key(path).is_some(),
            Self::Service(name) => case.service(name).is_some(),
            Self::KeyFolder => case.key_folder().is_some(),
            Self::HostLog => case.logs_near(case.context.at).next().is_some(),
            Self::AccessTrace => case.access_traces().next().is_some(),
            Self::RdpFile => case.rdp_files().next().is_some(),
            Self::TrustStore => case.trusted_by_client().next().is_some(),
            Self::Survey => false,
        }
    }

    /// True if the answer stands in the machine's own settings and records, or comes otherwise from beside the wire.
    fn offline(self) -> bool {
        matches!(
            self,
            Self::Key(_)
                | Self::Service(_)
                | Self::KeyFolder
                | Self::HostLog
                | Self::AccessTrace
                | Self::RdpFile
                | Self::TrustStore
                | Self::Survey
        )
    }

    /// True if asking makes sense now: what it builds on has been seen, and this build can do it.
    pub fn askable(self, case: Case<'_>) -> bool {
        if self.offline() {
            return false;
        }
        if case.tcp().next().is_none() {
            return self != Self::Name;
        }
        if !case.tcp_accepted() {
            return false;
        }
        let everything = case.x224_to(EVERYTHING).map(|seen| seen.value);
        let closed = matches!(everything, Some(X224Answer::Closed(_)));
        match self {
            Self::Name
            | Self::Tcp
            | Self::Survey
            | Self::Key(_)
            | Self::Service(_)
            | Self::KeyFolder
            | Self::HostLog
            | Self::AccessTrace
            | Self::RdpFile
            | Self::TrustStore => false,
            Self::HeldRequest => closed,
            Self::Negotiation(Asked::Everything) => everything.is_none(),
            Self::Negotiation(Asked::AsClient) => case.selected().is_some_and(|seen| !client_takes(case, seen.value)),
            Self::Negotiation(Asked::TlsOnly | Asked::StandardOnly) => closed || everything.is_some_and(without_tls),
            Self::Negotiation(Asked::WithEntra) => everything.is_some_and(contradicts),
            Self::SecondTry => case.tries().count() == 1 && worth_another_try(case),
            Self::FurtherTries => case.tries().next().is_some_and(|seen| unanswered(seen.value)) && answers(case),
            Self::DirectTls => closed && Self::Negotiation(Asked::StandardOnly).answered(case),
            Self::Handshake(offer) => handshake_askable(case, offer),
            Self::HandshakeAgain(offer) => {
                // without a word: it may have been the moment. Only where another hello went through does it matter
                let silent = |answer: &Handshake| offer != TlsOffer::MODERN && matches!(answer, Handshake::Silent { .. });
                let wordless =
                    |answer: &Handshake| matches!(answer, Handshake::Closed { .. }) || silent(answer);
                case.tls_with(offer).is_some_and(|seen| wordless(seen.value)) && case.tls().any(|seen| matches!(seen.value.1, Handshake::Accepted { .. }))
            }
            Self::PatientHandshake => case.tls_with(TlsOffer::MODERN).is_some_and(|seen| silent(seen.value)),
            Self::OtherName => {
                let refused = |offer| case.tls_with(offer).is_some_and(|seen| refused(seen.value));
                refused(TlsOffer::MODERN) && refused(TlsOffer::PLAIN_12)
            }
            Self::FinishedHandshake => !finished(case) && client_suites_known(case) && tunnel(case).is_some(),
            Self::FurtherHandshakes => varied(case).is_some(),
            Self::ClientVersions => case.tls_accepted().is_some(),
            Self::ClientSuites => taken_alike(case).is_some(),
            Self::ClientSuitesAgain => {
                let answer = case.tls_with(client_offer(case));
                answer.is_some_and(|seen| refused(seen.value))
            }
            Self::Introduction => {
                case.selected().is_some_and(|seen| seen.value.credssp())
                    && (finished(case) || client_suites_known(case))
                    && tunnel(case).is_some()
            }
            Self::SecondIntroduction => case.credssp().is_some_and(|seen| broken_off(seen.value) || errs(seen.value)),
            Self::PatientIntroduction => case.credssp().is_some_and(|seen| *seen.value == Introduction::Silent),
        }
    }

    /// The question as a connection. The first one to an address always asks everything that one connection can.
    pub fn question(self, case: Case<'_>) -> Option<Question> {
        let all =
            Question { need: self, request: Some(EVERYTHING), hold: false, tls: Some(first_offer(case)), credssp: true };
        let bare = Question { tls: None, credssp: false, ..all };
        if case.tcp().next().is_none() {
            return Some(all);
        }
        Some(match self {
            Self::Name
            | Self::Survey
            | Self::Key(_)
            | Self::Service(_)
            | Self::KeyFolder
            | Self::HostLog
            | Self::AccessTrace
            | Self::RdpFile
            | Self::TrustStore => return None,
            Self::Tcp
            | Self::Negotiation(Asked::Everything)
            | Self::SecondTry
            | Self::PatientHandshake
            | Self::Handshake(TlsOffer::MODERN)
            | Self::HandshakeAgain(TlsOffer::MODERN) => all,
            Self::FurtherTries => bare,
            Self::HeldRequest => Question { hold: true, ..bare },
            Self::Negotiation(asked) => Question { request: Some(asked.protocols(case)), ..bare },
            Self::DirectTls => Question { request: None, tls: Some(TlsOffer::PLAIN_12), ..bare },
            Self::Handshake(offer) | Self::HandshakeAgain(offer) => {
                Question { tls: Some(offer), credssp: offer.stack != TlsStack::Own, ..all }
            }
            Self::OtherName => Question { tls: Some(other_name(case)), ..bare },
            Self::FurtherHandshakes => Question { tls: varied(case), ..all },
            // what the client itself would say answers both at once, if it is taken
            Self::ClientVersions if case.tls_with(client_offer(case)).is_some() => {
                Question { tls: Some(client_versions(case)), ..bare }
            }
            Self::ClientVersions | Self::ClientSuites | Self::ClientSuitesAgain => {
                Question { tls: Some(client_offer(case)), ..bare }
            }
            Self::FinishedHandshake | Self::Introduction | Self::SecondIntroduction | Self::PatientIntroduction => {
                Question { tls: Some(tunnel(case)?), ..all }
            }
        })
    }

    /// True if it asks again what has been asked, which says something only after a pause.
    pub fn asks_again(self) -> bool {
        matches!(
            self,
            Self::SecondTry
                | Self::FurtherTries
                | Self::SecondIntroduction
                | Self::PatientIntroduction
                | Self::PatientHandshake
                | Self::FurtherHandshakes
                | Self::HandshakeAgain(_)
                | Self::ClientSuitesAgain
        )
    }

    /// How often it is put at most. A second try is for servers that serve one client at a time; more are counted.
    pub fn tries(self) -> usize {
        if self == Self::FurtherHandshakes { 5 } else { 2 }
    }

    /// True if it waits for a host that may be slow.
    pub fn patient(self) -> bool {
        matches!(self, Self::PatientHandshake | Self::PatientIntroduction)
    }

    /// The question in words, for "what was not seen".
    pub fn words(self) -> String {
        match self {
            Self::Name => "what the name resolves to".to_owned(),
            Self::Tcp => "whether the port accepts a connection".to_owned(),
            Self::HeldRequest => "whether the connection stays open while we say nothing".to_owned(),
            Self::Negotiation(Asked::Everything) => "the answer to a Connection Request".to_owned(),
            Self::Negotiation(Asked::AsClient) => "the answer to what this client requests".to_owned(),
            Self::Negotiation(Asked::TlsOnly) => "the answer to a request for TLS alone".to_owned(),
            Self::Negotiation(Asked::StandardOnly) => "the answer to a request for Standard RDP Security".to_owned(),
            Self::Negotiation(Asked::WithEntra) => {
                "the answer to a request with Microsoft Entra authentication".to_owned()
            }
            Self::SecondTry => "the answer to a second Connection Request, after a pause".to_owned(),
            Self::FurtherTries => "the answers to further Connection Requests, with pauses between them".to_owned(),
            Self::DirectTls => "whether the port speaks TLS without X.224".to_owned(),
            Self::Handshake(offer) => format!("the answer to a ClientHello ({offer})"),
            Self::HandshakeAgain(offer) => format!("the answer to the same ClientHello ({offer}), after a pause"),
            Self::PatientHandshake => "the answer to the same ClientHello, given more time".to_owned(),
            Self::OtherName => "the answer to a ClientHello with another server name, or with none".to_owned(),
            Self::FinishedHandshake => "whether the host finishes a handshake, and so proves its key".to_owned(),
            Self::FurtherHandshakes => "the answers to further ClientHellos, with pauses between them".to_owned(),
            Self::PatientIntroduction => "the host's introduction through CredSSP, given more time".to_owned(),
            Self::ClientVersions => "the answer to the TLS versions of this client".to_owned(),
            Self::Introduction => "the host's introduction through CredSSP".to_owned(),
            Self::ClientSuites => "the answer to the TLS suites of this client".to_owned(),
            Self::ClientSuitesAgain => "the answer to the TLS suites of this client, after a pause".to_owned(),
            Self::SecondIntroduction => "the host's second introduction through CredSSP, after a pause".to_owned(),
            Self::Survey => "what it takes of all that can be offered".to_owned(),
            Self::Key(path) => format!("the registry key {path}"),
            Self::Service(name) => format!("the service {name}"),
            Self::KeyFolder => "the machine's folder of private keys".to_owned(),
            Self::HostLog => "the host's own event logs of the time of the attempt".to_owned(),
            Self::AccessTrace => "a recording of what was refused to the host's services".to_owned(),
            Self::RdpFile => "an .rdp file of the client".to_owned(),
            Self::TrustStore => "whom the client trusts".to_owned(),
        }
    }
}

/// True if the request was not answered at all.
pub fn unanswered(answer: &X224Answer) -> bool {
    matches!(answer, X224Answer::Silent | X224Answer::Closed(_))
}

/// True if a try to ask for everything was answered.
fn answers(case: Case<'_>) -> bool {
    case.tries().any(|seen| matches!(seen.value, X224Answer::Server(_)))
}

/// After silence; after a close only where something else was answered, for the other causes ask enough of their own.
fn worth_another_try(case: Case<'_>) -> bool {
    case.tries().any(|seen| match seen.value {
        X224Answer::Silent => true,
        X224Answer::Closed(_) => case.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_))),
        _ => false,
    })
}

/// A refusal that cannot be, of TLS and CredSSP in every form: no such protocol was missing, and it names no other reason.
pub fn contradicts(answer: &X224Answer) -> bool {
    let X224Answer::Server(ServerAnswer::Failure(code)) = answer else { return false };
    !matches!(
        *code,
        NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER
            | NegotiationFailure::SSL_CERT_NOT_ON_SERVER
            | NegotiationFailure::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER
    )
}

/// An introduction that broke off or made no sense. Silence is none: asking again would only cost time.
pub fn broken_off(answer: &Introduction) -> bool {
    matches!(answer, Introduction::Malformed(_) | Introduction::Closed(_) | Introduction::Alert(_))
}

/// An error status in place of an introduction, beside those that only refuse NTLM.
fn errs(answer: &Introduction) -> bool {
    match answer {
        Introduction::Refused { status: Some(status), .. } => !crate::causes::NTLM_REFUSALS.contains(status),
        _ => false,
    }
}

/// Everything was refused, or answered with Standard RDP Security.
fn without_tls(answer: &X224Answer) -> bool {
    match answer {
        X224Answer::Server(ServerAnswer::Failure(code)) => *code == NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER,
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => !protocol.tls(),
        _ => false,
    }
}

/// True if the client of the profile would be given this protocol, or the plain form of it.
fn client_takes(case: Case<'_>, selected: SecurityProtocols) -> bool {
    let offered = case.context.profile.protocols;
    let plain = if selected == SecurityProtocols::HYBRID_EX { SecurityProtocols::HYBRID } else { selected };
    offered.contains(selected) || offered.contains(plain)
}

/// True if a tunnel of ours was finished, or the host failed inside one.
fn finished(case: Case<'_>) -> bool {
    case.tls().any(|seen| match seen.value {
        (offer, Handshake::Accepted { finished: true, .. }) => offer.stack != TlsStack::Watched,
        (_, answer) => *answer == Handshake::WrongKey,
    })
}

/// Our own hello without the name that was typed or, where none was, with one.
fn other_name(case: Case<'_>) -> TlsOffer {
    if case.name_typed() { TlsOffer::UNNAMED } else { TlsOffer::NAMED }
}

/// Anything that is no acceptance, where the fault is not ours.
pub fn refused_or_silent(answer: &Handshake) -> bool {
    refused(answer) && !matches!(answer, Handshake::OwnFailure(_)) || silent(answer)
}

fn silent(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Silent { .. })
}

/// A refusal that another hello may tell more about.
fn refused(answer: &Handshake) -> bool {
    !matches!(answer, Handshake::Accepted { .. } | Handshake::Silent { .. })
}

/// What a private key that cannot be used looks like from outside.
pub fn speechless(answer: &Handshake) -> bool {
    match answer {
        Handshake::Closed { bytes, .. } => *bytes == 0,
        Handshake::Alert(alert) => alert.description == Alert::INTERNAL_ERROR,
        _ => false,
    }
}

fn handshake_askable(case: Case<'_>, offer: TlsOffer) -> bool {
    let answer = |offer| case.tls_with(offer).map(|seen| seen.value);
    if !case.selected().is_some_and(|seen| seen.value.tls()) {
        return false;
    }
    let Some(modern) = answer(TlsOffer::MODERN) else { return offer == TlsOffer::MODERN };
    if matches!(modern, Handshake::Silent { .. }) {
        // a slow host is given its time first; then one further hello tells a deaf host from a deaf path, and an old one a
        // host that only knows old ones; a whole one again only where one of them was heard
        if case.times(first_offer(case)) < 2 {
            return false;
        }
        let heard = |offer| answer(offer).is_some_and(|answer| !silent(answer));
        return match offer {
            TlsOffer::SPLIT_12 => true,
            TlsOffer::OLD => answer(TlsOffer::SPLIT_12).is_some_and(silent),
            TlsOffer::PLAIN_12 => heard(TlsOffer::SPLIT_12),
            _ => false,
        };
    }
    if !refused(modern) {
        return false;
    }
    let plain = answer(TlsOffer::PLAIN_12);
    match offer {
        TlsOffer::PLAIN_12 => true,
        TlsOffer::OLD => plain.is_some_and(refused),
        TlsOffer::SPLIT_12 => speechless(modern) && plain.is_some_and(speechless),
        // what TLS 1.3 changes, where TLS 1.2 is taken
        TlsOffer::PLAIN_13 | TlsOffer::MODERN_12 => {
            !tolerates_newest(case) && client_suites_known(case) && plain.is_some_and(|plain| matches!(plain, Handshake::Accepted { .. }))
        }
        TlsOffer::WIDEST => matches!(modern, Handshake::Alert(_)) && plain.is_some_and(refused),
        TlsOffer::TOLERANT => case.context.capabilities.openssl && plain.is_some(),
        _ => false,
    }
}

/// True if no TCP connection to the subject ever came about, and why is what `pick` takes.
pub fn tcp_only(case: Case<'_>, pick: impl Fn(&TcpAnswer) -> bool) -> bool {
    let mut answers = case.tcp().peekable();
    answers.peek().is_some() && answers.all(|seen| pick(seen.value))
}
