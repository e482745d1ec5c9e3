//! What was checked and what was not, as types.

use std::fmt;

/// A value that came from outside and was parsed, but whose signature nobody has checked.
///
/// The only way to the value is to verify it, or to say `unverified_` aloud.
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified<T>(T);

impl<T> Unverified<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, with no promise about it: for logs of refused input and for finding the key to try.
    #[must_use]
    pub const fn unverified_value(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Unverified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unverified").field(&self.0).finish()
    }
}

/// A value whose signature verified under a trusted key of the right use.
///
/// There is no public constructor: holding one is the proof.
///
/// ```compile_fail
/// let forged = seamark_ledger::verified::Verified::new(7);
/// ```
/// ```compile_fail
/// let forged = seamark_ledger::verified::Verified(7);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value without the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.0).finish()
    }
}
