//! Questions that proofs rest on. Each kind is declared in the room of its stage ([`crate::stage`]): when it is
//! answered, when it may be asked, how it is put, and its words.

use std::fmt;
use std::time::Duration;

use wire::credssp::NEWEST;
use wire::machine::PathPlan;
use wire::tls::TlsOffer;
use wire::x224::SecurityProtocols;

use crate::as_client::first_offer;
use crate::case::{Case, EVERYTHING};

/// Protocols that a Connection Request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// TLS and CredSSP in both forms, as current clients do.
    Everything,
    /// Everything and Microsoft Entra authentication (RDSAAD). xrdp hangs up on it, so it is never the first question.
    WithEntra,
    /// The protocols of the client profile.
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

/// Question to a host, a resolver or a machine's records.
#[derive(Clone, Copy)]
pub struct Need {
    kind: &'static Kind,
    pub(crate) of: Of,
}

/// Kind of question, as its stage declares it.
#[derive(Debug)]
pub struct Kind {
    /// Name, for debugging.
    pub name: &'static str,
    /// Says it in words, for "what was not seen".
    pub words: fn(Of) -> String,
    /// True if the evidence answers it.
    pub answered: fn(Case<'_>, Of) -> bool,
    /// Way in which a probe asks it; `None` where no probe can.
    pub asking: Option<Asking>,
}

/// How long after a question it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It repeats none.
    Never,
    /// After a pause that a server needs which serves one client at a time.
    Soon,
    /// After a pause in which a service that is only starting, or a moment of trouble, may be over.
    Later,
    /// After as short a pause each time, whatever became of the others: what is asked was refused before, and is
    /// expected to be.
    Expected,
}

/// Way in which a probe asks.
#[derive(Debug)]
pub struct Asking {
    /// Whether it repeats a question, which says something only after a pause.
    pub again: Again,
    /// True if asking makes sense now: its preconditions were seen, and this build can ask it. Only called once the
    /// host has accepted a connection, but for [`Need::REFUSED_AGAIN`].
    pub askable: fn(Case<'_>, Of) -> bool,
    /// Makes its connection out of the one that asks everything.
    pub question: fn(Case<'_>, Of, Question) -> Question,
}

/// Subject of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    /// Nothing in particular.
    Nothing,
    /// A Connection Request for these protocols.
    Protocols(Asked),
    /// This ClientHello.
    Hello(TlsOffer),
    /// This version of a `TSRequest`.
    Version(u32),
    /// This registry key, or service.
    Place(&'static str),
}

impl Of {
    /// Returns the protocols; everything where it is about none.
    pub fn asked(self) -> Asked {
        if let Self::Protocols(asked) = self { asked } else { Asked::Everything }
    }

    /// Returns the ClientHello; the first one of a probe where it is about none.
    pub fn hello(self) -> TlsOffer {
        if let Self::Hello(offer) = self { offer } else { TlsOffer::MODERN }
    }

    /// Returns the version; the newest where it is about none.
    pub fn version(self) -> u32 {
        if let Self::Version(version) = self { version } else { NEWEST }
    }

    /// Returns the registry key or service; empty where it is about none.
    pub fn place(self) -> &'static str {
        if let Self::Place(name) = self { name } else { "" }
    }
}

/// Stage whose answer is waited for longer than usual, for a host that may be slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The security negotiation.
    Negotiation,
    /// The TLS handshake.
    Handshake,
    /// The introduction through CredSSP.
    Introduction,
    /// The settings.
    Settings,
}

/// Question put as a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is one thing that a connection may do or not")]
pub struct Question {
    /// Need that it answers, perhaps among others.
    pub need: Need,
    /// `requestedProtocols`; `None` starts with TLS.
    pub request: Option<SecurityProtocols>,
    /// True to hold the request back.
    pub hold: Duration,
    /// Handshake to begin.
    pub tls: Option<TlsOffer>,
    /// `TSRequest` version with which to introduce ourselves through CredSSP.
    pub credssp: Option<u32>,
    /// Stage whose answer is waited for longer than usual.
    pub patient: Option<Patience>,
    /// True to ask for its settings in the connection sequence.
    pub settings: bool,
    /// Measures of the path that it takes.
    pub path: PathPlan,
}

impl Question {
    /// Makes the connection that asks everything that one connection can.
    fn everything(need: Need, case: Case<'_>) -> Self {
        let tls = Some(first_offer(case));
        Self {
            need,
            request: Some(EVERYTHING),
            hold: Duration::ZERO,
            tls,
            credssp: Some(NEWEST),
            patient: None,
            settings: true,
            path: PathPlan::default(),
        }
    }

    /// Reduces it to the Connection Request alone.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { tls: None, credssp: None, settings: false, ..self }
    }
}

impl Need {
    /// Makes a question of this kind.
    pub const fn new(kind: &'static Kind, of: Of) -> Self {
        Self { kind, of }
    }

    /// True if it is of this kind.
    pub fn of_kind(self, kind: &'static Kind) -> bool {
        std::ptr::eq(self.kind, kind)
    }

    /// True if the evidence answers it.
    pub fn answered(self, case: Case<'_>) -> bool {
        (self.kind.answered)(case, self.of)
    }

    /// True if a probe can ask it at all; the others are answered by records alone.
    pub fn has_question(self) -> bool {
        self.kind.asking.is_some()
    }

    /// True if asking makes sense now.
    pub fn askable(self, case: Case<'_>) -> bool {
        let Some(asking) = &self.kind.asking else { return false };
        if case.tcp().next().is_none() {
            return true;
        }
        (case.tcp_accepted() || self == Self::REFUSED_AGAIN) && (asking.askable)(case, self.of)
    }

    /// Returns the question as a connection; `None` where no probe can ask it. The first one to an address always asks
    /// everything that one connection can.
    pub fn question(self, case: Case<'_>) -> Option<Question> {
        let all = Question::everything(self, case);
        let asking = self.kind.asking.as_ref()?;
        Some(if case.tcp().next().is_none() { all } else { (asking.question)(case, self.of, all) })
    }

    /// Returns whether it repeats a question, and how soon.
    pub fn asks_again(self) -> Again {
        self.kind.asking.as_ref().map_or(Again::Never, |asking| asking.again)
    }

    /// Says the question in words, for "what was not seen".
    pub fn words(self) -> String {
        (self.kind.words)(self.of)
    }
}

/// Needs of one subject that were looked at, with whether they are answered: many causes rest on the same few.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Their kinds, apart from the rest, which is large: most looks end here.
    kinds: Vec<&'static Kind>,
    answered: Vec<(Of, bool)>,
}

impl Answers {
    /// True if the evidence answers the need. The case must be the same in every call.
    pub(crate) fn has(&mut self, case: Case<'_>, need: Need) -> bool {
        // a place in records costs no more than a look at this list
        if let Of::Place(_) = need.of {
            return need.answered(case);
        }
        let known = self.kinds.iter().zip(&self.answered).rev();
        let mut known = known.filter(|(kind, _)| std::ptr::eq(**kind, need.kind));
        if let Some((_, (_, answered))) = known.find(|(_, (of, _))| *of == need.of) {
            return *answered;
        }
        let answered = need.answered(case);
        self.kinds.push(need.kind);
        self.answered.push((need.of, answered));
        answered
    }
}

impl PartialEq for Need {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind, other.kind) && self.of == other.of
    }
}

impl Eq for Need {}

impl fmt::Debug for Need {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}({:?})", self.kind.name, self.of)
    }
}
