//! Exact decimal numbers for conditions: fixed point, never a float.

use thiserror::Error;

/// Digits after the point that are kept; more are refused, not rounded.
const FRACTION_DIGITS: usize = 12;
/// Digits before the point; with the fraction they fit a 128-bit integer with room to add.
const INTEGER_DIGITS: usize = 24;
const SCALE: i128 = 1_000_000_000_000;

/// A decimal number in units of 10^-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal(i128);

/// Why a text is not a decimal number here.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a decimal number is written as in -12.30, with at most {INTEGER_DIGITS} digits before the point and {FRACTION_DIGITS} after it"
)]
pub struct DecimalError;

impl Decimal {
    /// Reads `-?DIGITS` or `-?DIGITS.DIGITS`; no exponent, no sign `+`, no blanks.
    pub(super) fn parse(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return Err(DecimalError),
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=INTEGER_DIGITS).contains(&whole.len()) && fraction.len() <= FRACTION_DIGITS;
        if !fits || !is_number(whole) || !is_number(fraction) {
            return Err(DecimalError);
        }
        let mut units: i128 = 0;
        for digit in
            whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', FRACTION_DIGITS - fraction.len()))
        {
            let digit = i128::from(digit - b'0');
            units = units.checked_mul(10).and_then(|units| units.checked_add(digit)).ok_or(DecimalError)?;
        }
        Ok(Self(if negative { -units } else { units }))
    }

    pub(super) fn from_integer(integer: i64) -> Self {
        // 64 bits times 10^12 (40 bits) always fit 128 bits.
        Self(i128::from(integer) * SCALE)
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Times an integer: the only product that is exact in every case.
    pub(super) fn times(self, factor: i64) -> Option<Self> {
        self.0.checked_mul(i128::from(factor)).map(Self)
    }

    pub(super) fn negated(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }
}
