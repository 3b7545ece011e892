//! Sets of registered numbers: cipher suites, groups, signature algorithms.

use std::marker::PhantomData;

/// A registry of the IANA, as far as we know it.
pub trait Registry: Copy {
    /// Its numbers and names, at most 64, in the order in which we offer them.
    const KNOWN: &'static [(u16, &'static str)];
    /// How many of them, from the first on, a usual hello offers.
    const USUAL: usize;
}

/// Some of the numbers of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Codes<R> {
    bits: u64,
    registry: PhantomData<R>,
}

impl<R: Registry> Codes<R> {
    /// None of them.
    pub const NONE: Self = Self { bits: 0, registry: PhantomData };
    /// All that we know.
    pub const ALL: Self = Self { bits: first(R::KNOWN.len()), registry: PhantomData };
    /// Those of a usual hello.
    pub const USUAL: Self = Self { bits: first(R::USUAL), registry: PhantomData };

    /// The first so many of all that we know.
    pub const fn first(count: usize) -> Self {
        Self { bits: first(count), registry: PhantomData }
    }

    /// These numbers; `None` if one is not known.
    pub fn of(codes: impl IntoIterator<Item = u16>) -> Option<Self> {
        codes.into_iter().try_fold(Self::NONE, |set, code| {
            let bit = bit::<R>(code)?;
            Some(Self { bits: set.bits | bit, ..set })
        })
    }

    /// Those among them that `pick` takes.
    #[must_use]
    pub fn only(self, pick: impl Fn(u16) -> bool) -> Self {
        Self::of(self.codes().filter(|code| pick(*code))).unwrap_or(Self::NONE)
    }

    /// Those among them that are not in `others`.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self { bits: self.bits & !others.bits, ..self }
    }

    /// With one number more, if it is known.
    #[must_use]
    pub fn with(self, code: u16) -> Self {
        Self { bits: self.bits | bit::<R>(code).unwrap_or(0), ..self }
    }

    /// True if the number is among them.
    pub fn contains(self, code: u16) -> bool {
        bit::<R>(code).is_some_and(|bit| self.bits & bit != 0)
    }

    /// True if all of these are among them.
    pub fn contains_all(self, others: Self) -> bool {
        self.bits & others.bits == others.bits
    }

    /// True if none is among them.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Their numbers, in the order in which we offer them.
    pub fn codes(self) -> impl Iterator<Item = u16> {
        R::KNOWN.iter().map(|(code, _)| *code).filter(move |code| self.contains(*code))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "at most 64, as the line above says")]
const fn first(count: usize) -> u64 {
    assert!(count <= 64, "a set has 64 bits");
    !u64::MAX.unbounded_shl(count as u32)
}

fn bit<R: Registry>(code: u16) -> Option<u64> {
    let place = R::KNOWN.iter().position(|(known, _)| *known == code)?;
    1_u64.checked_shl(u32::try_from(place).ok()?)
}

/// The registered name of a number.
pub fn name<R: Registry>(code: u16) -> Option<&'static str> {
    R::KNOWN.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

/// The number of a registered name.
pub fn code<R: Registry>(name: &str) -> Option<u16> {
    R::KNOWN.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Groups, Signatures, Suites, group, signature, suite};

    fn check<R: Registry + Copy + PartialEq + std::fmt::Debug>() {
        assert_eq!(Codes::<R>::of(R::KNOWN.iter().map(|(code, _)| *code)), Some(Codes::ALL));
        for (number, text) in R::KNOWN {
            assert_eq!((code::<R>(text), name::<R>(*number)), (Some(*number), Some(*text)));
            assert_eq!(Codes::<R>::NONE.with(*number).codes().collect::<Vec<_>>(), [*number]);
        }
        assert_eq!(Codes::<R>::USUAL.codes().count(), R::USUAL);
        assert!(Codes::<R>::ALL.without(Codes::ALL).is_empty());
        assert_eq!(Codes::<R>::of([0xFFFE]), None);
    }

    #[test]
    fn names_and_numbers_belong_together() {
        check::<suite::Registered>();
        check::<group::Registered>();
        check::<signature::Registered>();
    }

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        let some = Suites::of([0x002F, 0xC030]).unwrap();
        assert_eq!(some.codes().collect::<Vec<_>>(), [0xC030, 0x002F]);
        assert!(some.contains(0x002F) && !some.contains(0x0005) && !some.contains(0xFFFF));
        assert_eq!(Groups::USUAL.codes().collect::<Vec<_>>(), [0x001D, 0x0017, 0x0018, 0x0019]);
        assert_eq!(Signatures::ALL.only(|code| code == 0x0401).codes().collect::<Vec<_>>(), [0x0401]);
    }
}
