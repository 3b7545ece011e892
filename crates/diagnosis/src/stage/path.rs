//! The path: questions that are put for its sake. They have no rung: a connection passes the path in every stage.

use evidence::fact::{Fact, Handshake};
use wire::machine::PathPlan;
use wire::rdpeudp::DatagramAnswer;
use wire::tls::{TlsOffer, TlsStack};

use crate::as_client::first_offer;
use crate::case::{Case, Seen};
use crate::cause::{Cause, Shows};
use crate::hops;
use crate::mtu::{self, Direction};
use crate::need::{Again, Asking, Kind, Need, Of, Question};
use crate::path;

static PATH_SAMPLES: Kind = Kind {
    name: "path-samples",
    words: |_| "how many packets are lost in further connections, with pauses between them (--path)".to_owned(),
    answered: |case, _| path::sampled(case),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| path::odd(case) && !mtu::answers_are_too_large(case) && !path::cut_off(case),
        question: |_, _, all| Question { path: PathPlan { pieces: true, ..PathPlan::default() }, ..all.bare() },
    }),
};

static PATH_BURSTS: Kind = Kind {
    name: "path-bursts",
    words: |_| "how fast the host's certificate comes in further connections (--path)".to_owned(),
    answered: |case, _| path::rated(case),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| path::measurable(case) && path::slow_so_far(case),
        question: |case, _, all| Question { path: mtu::smallest(case), ..whole_flight(case, all) },
    }),
};

static ANSWERS_BY_SIZE: Kind = Kind {
    name: "answers-by-size",
    words: |_| "which sizes of the host's packets come through".to_owned(),
    answered: |case, _| silent(case) && mtu::found_out(case, Direction::FromHost),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| path::measurable(case) && silent(case) && mtu::next(case, Direction::FromHost).is_some(),
        question: |case, _, all| {
            let path = mtu::next(case, Direction::FromHost).unwrap_or_default();
            sized(case, path, all)
        },
    }),
};

static HELLOS_BY_SIZE: Kind = Kind {
    name: "hellos-by-size",
    words: |_| "which sizes of this computer's packets come through (--path)".to_owned(),
    answered: |case, _| mtu::found_out(case, Direction::ToHost),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| mtu::answers_are_too_large(case) && mtu::next(case, Direction::ToHost).is_some(),
        question: |case, _, all| {
            let path = mtu::next(case, Direction::ToHost).unwrap_or_default();
            sized(case, path, all)
        },
    }),
};

static OTHER_SIZE: Kind = Kind {
    name: "other-size",
    words: |_| "which sizes come through in another turn of the machines behind this address".to_owned(),
    answered: |case, _| mtu::other_turn(case).is_none(),
    asking: Some(Asking {
        again: Again::Expected,
        askable: |case, _| mtu::other_turn(case).is_some(),
        question: |case, _, all| {
            let path = mtu::other_turn(case).unwrap_or_default();
            sized(case, path, all)
        },
    }),
};

static HELLOS_BY_HOPS: Kind = Kind {
    name: "hellos-by-hops",
    words: |_| "which machine on the way acts on a ClientHello (--path)".to_owned(),
    answered: |case, _| hops::found_out(case),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| hops::next(case).is_some(),
        question: |case, _, all| {
            let path = hops::next(case).unwrap_or_default();
            Question { path, ..whole_flight(case, all) }
        },
    }),
};

static UDP: Kind = Kind {
    name: "udp",
    words: |_| "what comes of one datagram that asks for a transport over UDP (--path)".to_owned(),
    answered: |case, _| udp(case).is_some(),
    asking: None,
};

impl Need {
    /// Sends one datagram that asks for a transport over UDP.
    pub const UDP: Self = Self::new(&UDP, Of::Nothing);
    /// Counts the packets of further connections.
    pub const PATH_SAMPLES: Self = Self::new(&PATH_SAMPLES, Of::Nothing);
    /// Takes the time of further bursts of the host.
    pub const PATH_BURSTS: Self = Self::new(&PATH_BURSTS, Of::Nothing);
    /// Looks for the largest packet from the host that comes through.
    pub const ANSWERS_BY_SIZE: Self = Self::new(&ANSWERS_BY_SIZE, Of::Nothing);
    /// Looks for the largest packet to the host that comes through.
    pub const HELLOS_BY_SIZE: Self = Self::new(&HELLOS_BY_SIZE, Of::Nothing);
    /// Tries a size again, to see whether it was the size that made the difference, or whose turn it was.
    pub const OTHER_SIZE: Self = Self::new(&OTHER_SIZE, Of::Nothing);

    /// Looks for the machine on the way that acts on a ClientHello.
    pub const HELLOS_BY_HOPS: Self = Self::new(&HELLOS_BY_HOPS, Of::Nothing);

    /// True if it is put for the sake of the path.
    pub fn is_about_the_path(self) -> bool {
        [&PATH_SAMPLES, &PATH_BURSTS, &ANSWERS_BY_SIZE, &HELLOS_BY_SIZE, &OTHER_SIZE, &HELLOS_BY_HOPS, &UDP]
            .iter()
            .any(|kind| self.of_kind(kind))
    }
}

/// Questions about the path that are put where somebody asks for them (`--path`), whether or not anything is odd, each
/// with whether it is still open.
pub(crate) fn asked_for(case: Case<'_>) -> impl Iterator<Item = Need> + '_ {
    let able = path::measurable(case) && case.tcp_accepted();
    let tls = able && case.tls_accepted().is_some();
    let counting = able && !path::lossy(case) && path::samples(case).len() < path::SAMPLES;
    let large = tls && mtu::next(case, Direction::ToHost).is_some();
    let bursts = tls && path::slow_so_far(case);
    let open = [(Need::PATH_SAMPLES, counting), (Need::HELLOS_BY_SIZE, large), (Need::PATH_BURSTS, bursts)];
    open.into_iter().filter(|(_, open)| *open).map(|(need, _)| need)
}

/// True if a cause is shown by what a path does to packets, which takes a kernel: no host can play it.
pub fn lies_on_the_path(cause: &Cause) -> bool {
    let presence = cause.proofs.iter().filter(|proof| matches!(proof.shows, Shows::Presence(_)));
    presence.flat_map(|proof| proof.needs).any(|need| need.is_about_the_path())
}

/// Returns what came of the datagram that asked for a transport over UDP.
pub fn udp(case: Case<'_>) -> Option<Seen<DatagramAnswer>> {
    case.last(|fact| if let Fact::UdpAnswer(answer) = fact { Some(*answer) } else { None })
}

fn silent(case: Case<'_>) -> bool {
    case.tls_with(TlsOffer::MODERN).is_some_and(|seen| matches!(seen.value, Handshake::Silent { .. }))
}

/// Returns the question that tries a size in one direction.
fn sized(case: Case<'_>, path: PathPlan, all: Question) -> Question {
    let own = TlsOffer { stack: TlsStack::Own, ..TlsOffer::PLAIN_12 };
    let tls = if path.hello > 0 { Some(own) } else { Some(first_offer(case)) };
    Question { tls, path, ..all.bare() }
}

/// The first hello again, and nothing behind it.
fn whole_flight(case: Case<'_>, all: Question) -> Question {
    Question { tls: Some(first_offer(case)), ..all.bare() }
}
