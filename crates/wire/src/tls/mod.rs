//! The outside of TLS: what a client offers, what a server answers, up to TLS 1.2 including its certificate.
//!
//! Sources: RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 4346 and 2246 (older). Keys and ciphers are the business of the
//! TLS stacks in `collect`; this module says hello and reads the answer without finishing the handshake.

pub mod alert;
pub mod flight;
pub mod group;
pub mod hello;
pub mod registry;
pub mod shape;
pub mod signature;
pub mod suite;

use std::fmt;

pub use alert::Alert;
pub use flight::{FlightProgress, ServerFlight};
pub use group::Groups;
pub use hello::{ClientHello, host_name};
pub use shape::{HelloShape, HelloStyle, NameSent};
pub use signature::Signatures;
pub use suite::Suites;

/// A protocol version, ordered from old to new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.0 (0x0301).
    Tls10,
    /// TLS 1.1 (0x0302).
    Tls11,
    /// TLS 1.2 (0x0303).
    Tls12,
    /// TLS 1.3 (0x0304).
    Tls13,
}

impl TlsVersion {
    /// All of them, old to new.
    pub const ALL: [Self; 4] = [Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// The version of a number on the wire.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.code() == code)
    }

    /// Reads `1.0` to `1.3`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == text)
    }

    /// `1.0` to `1.3`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TLS {}", self.number())
    }
}

/// The code that speaks TLS on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsStack {
    /// [`ClientHello`]: says hello, reads the answer, finishes nothing.
    Own,
    /// rustls: TLS 1.2 and 1.3 with modern suites.
    Rustls,
    /// OpenSSL at security level 0: everything that it was built with.
    OpenSsl,
    /// None of ours: a client that was watched in a capture. Such an offer holds what we know of its hello.
    Watched,
}

impl TlsStack {
    /// Those that a probe can use.
    pub const ALL: [Self; 3] = [Self::Own, Self::Rustls, Self::OpenSsl];

    /// The name in transcripts and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Rustls => "rustls",
            Self::OpenSsl => "openssl",
            Self::Watched => "client",
        }
    }
}

/// How a ClientHello is cut into TCP segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Segments {
    /// In one write.
    Whole,
    /// The first byte alone, then three parts: passes filters that look at the start of a single segment.
    FirstByteAlone,
}

/// Our offer in one handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsOffer {
    /// The code that speaks.
    pub stack: TlsStack,
    /// The oldest version offered.
    pub min: TlsVersion,
    /// The newest version offered.
    pub max: TlsVersion,
    /// How the hello is cut.
    pub segments: Segments,
    /// The suites that our own hello offers, as far as its versions have them; the other stacks offer theirs.
    pub suites: Suites,
    /// The groups that our own hello offers.
    pub groups: Groups,
    /// The signature algorithms that our own hello offers, from TLS 1.2 on.
    pub signatures: Signatures,
    /// The name that it asks for.
    pub name: NameSent,
}

impl TlsOffer {
    /// The tunnel of a normal probe: rustls with TLS 1.2 and 1.3.
    pub const MODERN: Self = Self {
        stack: TlsStack::Rustls,
        min: TlsVersion::Tls12,
        max: TlsVersion::Tls13,
        segments: Segments::Whole,
        suites: Suites::USUAL,
        groups: Groups::USUAL,
        signatures: Signatures::USUAL,
        name: NameSent::Typed,
    };
    /// Our own hello for TLS 1.2, with every suite that Windows ever spoke there.
    pub const PLAIN_12: Self = Self {
        stack: TlsStack::Own,
        min: TlsVersion::Tls12,
        max: TlsVersion::Tls12,
        segments: Segments::Whole,
        suites: Suites::USUAL,
        groups: Groups::USUAL,
        signatures: Signatures::USUAL,
        name: NameSent::Typed,
    };
    /// [`Self::PLAIN_12`], cut so that its first byte travels alone.
    pub const SPLIT_12: Self = Self { segments: Segments::FirstByteAlone, ..Self::PLAIN_12 };
    /// Our own hello for TLS 1.0 and 1.1.
    pub const OLD: Self = Self { max: TlsVersion::Tls11, min: TlsVersion::Tls10, ..Self::PLAIN_12 };
    /// Our own hello with what TLS 1.3 adds to [`TlsOffer::PLAIN_12`].
    pub const PLAIN_13: Self = Self { max: TlsVersion::Tls13, ..Self::PLAIN_12 };
    /// Our own hello with every suite, group and signature algorithm that a host may insist on.
    pub const WIDEST: Self = Self {
        suites: Suites::ALL,
        groups: Groups::first(group::CLASSICAL),
        signatures: Signatures::ALL,
        ..Self::PLAIN_13
    };
    /// Our own hello without the name that was typed.
    pub const UNNAMED: Self = Self { name: NameSent::None, ..Self::PLAIN_13 };
    /// Our own hello with a name that nobody has.
    pub const NAMED: Self = Self { name: NameSent::Invented, ..Self::PLAIN_13 };
    /// The tunnel of a normal probe without TLS 1.3.
    pub const MODERN_12: Self = Self { max: TlsVersion::Tls12, ..Self::MODERN };
    /// A tunnel for hosts that rustls cannot talk to.
    pub const TOLERANT: Self = Self {
        stack: TlsStack::OpenSsl,
        min: TlsVersion::Tls10,
        max: TlsVersion::Tls13,
        segments: Segments::Whole,
        suites: Suites::USUAL,
        groups: Groups::USUAL,
        signatures: Signatures::USUAL,
        name: NameSent::Typed,
    };

    /// Offer of a client that was watched, as far as we know the numbers.
    pub fn watched(hello: &ClientHello) -> Self {
        Self {
            stack: TlsStack::Watched,
            min: hello.min,
            max: hello.max,
            segments: Segments::Whole,
            suites: hello.suites.iter().copied().fold(Suites::NONE, Suites::with),
            groups: hello.groups.iter().copied().fold(Groups::NONE, Groups::with),
            signatures: hello.signatures.iter().copied().fold(Signatures::NONE, Signatures::with),
            name: NameSent::Typed,
        }
    }

    /// True if `version` is among those offered.
    pub fn offers(self, version: TlsVersion) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// True if it offers all that a usual hello offers, so that a refusal is one of the versions.
    pub fn wide(self) -> bool {
        self.suites.contains_all(Suites::USUAL)
            && self.groups.contains_all(Groups::USUAL)
            && self.signatures.contains_all(Signatures::USUAL)
    }
}

impl fmt::Display for TlsOffer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}-{}", self.stack.name(), self.min.number(), self.max.number())?;
        if self.segments == Segments::FirstByteAlone {
            out.write_str(" split")?;
        }
        match self.name {
            NameSent::Typed => {}
            NameSent::None => out.write_str(" without a name")?,
            NameSent::Invented => out.write_str(" with a name")?,
        }
        if self.wide() { Ok(()) } else { write!(out, " with {} suites", self.suites.codes().count()) }
    }
}
