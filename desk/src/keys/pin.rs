//! What may be a PIN, and how wrong ones slow the next try down.

use seamark_contracts::clock::Timestamp;
use thiserror::Error;

/// How long one PIN entry serves decisions below tier T3, in milliseconds.
pub const UNLOCKED_MS: i64 = 15 * 60 * 1000;

/// So many wrong PINs are free of delay.
const FREE_TRIES: u32 = 5;
const FIRST_DELAY_MS: i64 = 30 * 1000;
const LONGEST_DELAY_MS: i64 = 15 * 60 * 1000;

/// Longest PIN or passphrase, in bytes: bounded before it is hashed (invariant A6).
const MAX_BYTES: usize = 256;

/// Why a text may not become the PIN.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PinWeakness {
    #[error("Use at least 6 digits, or a passphrase of at least 8 characters.")]
    TooShort,
    #[error("Use at most 256 bytes.")]
    TooLong,
    #[error("This PIN repeats itself. Choose digits without a pattern.")]
    Repeats,
    #[error("This PIN is a row of digits. Choose digits without a pattern.")]
    Row,
    #[error("This is one of the PINs and passwords that are tried first. Choose another.")]
    Common,
}

/// Accepts six or more digits, or a passphrase of eight or more characters, unless it is one that is guessed first.
///
/// # Errors
/// [`PinWeakness`], whose text tells the person what to do.
pub fn check_new_pin(pin: &str) -> Result<(), PinWeakness> {
    if pin.len() > MAX_BYTES {
        return Err(PinWeakness::TooLong);
    }
    let is_digits = pin.chars().all(|c| c.is_ascii_digit());
    if pin.chars().count() < if is_digits { 6 } else { 8 } {
        return Err(PinWeakness::TooShort);
    }
    if repeats(pin) {
        return Err(PinWeakness::Repeats);
    }
    if is_digits && is_row(pin) {
        return Err(PinWeakness::Row);
    }
    if COMMON.contains(&pin.to_lowercase().as_str()) {
        return Err(PinWeakness::Common);
    }
    Ok(())
}

/// A block of one to three characters over and over, or only two different characters.
fn repeats(pin: &str) -> bool {
    let characters: Vec<char> = pin.chars().collect();
    let distinct: std::collections::BTreeSet<&char> = characters.iter().collect();
    let has_period = |period: usize| characters.iter().zip(characters.iter().skip(period)).all(|(a, b)| a == b);
    distinct.len() <= 2 || (1..=3).any(has_period)
}

/// Each digit one more, or one less, than the one before (9 and 0 are neighbours).
fn is_row(pin: &str) -> bool {
    let digits: Vec<u32> = pin.chars().filter_map(|c| c.to_digit(10)).collect();
    let goes_by = |step: u32| digits.iter().zip(digits.iter().skip(1)).all(|(a, b)| (a + step) % 10 == *b);
    goes_by(1) || goes_by(9)
}

const COMMON: &[&str] = &[
    "password",
    "password1",
    "passw0rd",
    "qwertyui",
    "qwerty123",
    "iloveyou",
    "letmein1",
    "welcome1",
    "seamark1",
    "changeme",
    "112233",
    "159753",
    "147258",
    "147852",
    "258456",
    "159357",
    "134679",
    "102030",
    "112358",
    "314159",
    "271828",
    "696969",
    "789456",
    "456789",
    "142536",
    "753951",
];

/// Wrong PINs since the last right one. Kept on disk, so that starting anew does not start the count anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedPins {
    pub n_failed: u32,
    pub last_at: Option<Timestamp>,
}

impl FailedPins {
    /// Until when no PIN is tried at all; `None` when one may be tried now.
    ///
    /// The fifth wrong PIN waits 30 s, each further one twice as long, at most 15 minutes. A clock that was set back
    /// never makes the wait longer than that.
    #[must_use]
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        let over = self.n_failed.checked_sub(FREE_TRIES)?;
        let delay_ms = FIRST_DELAY_MS.saturating_mul(1 << over.min(20)).min(LONGEST_DELAY_MS);
        let until = self.last_at?.plus_ms(delay_ms).min(now.plus_ms(delay_ms));
        (until > now).then_some(until)
    }

    /// Wrong PINs that are left before the first wait.
    #[must_use]
    pub fn n_left(&self) -> u32 {
        FREE_TRIES.saturating_sub(self.n_failed)
    }

    /// One more.
    #[must_use]
    pub fn one_more(self, now: Timestamp) -> Self {
        Self { n_failed: self.n_failed.saturating_add(1), last_at: Some(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_that_are_guessed_first_are_refused() {
        for (weak, why) in [
            ("12345", PinWeakness::TooShort),
            ("", PinWeakness::TooShort),
            ("hunter2", PinWeakness::TooShort),
            ("000000", PinWeakness::Repeats),
            ("121212", PinWeakness::Repeats),
            ("123123", PinWeakness::Repeats),
            ("aaaaaaaaaa", PinWeakness::Repeats),
            ("123456", PinWeakness::Row),
            ("654321", PinWeakness::Row),
            ("890123", PinWeakness::Row),
            ("112233", PinWeakness::Common),
            ("Password", PinWeakness::Common),
        ] {
            assert_eq!(check_new_pin(weak), Err(why), "{weak}");
        }
        for good in ["582914", "48215093", "tern over grey water", "Möwe-über-Mole"] {
            assert_eq!(check_new_pin(good), Ok(()), "{good}");
        }
        assert_eq!(check_new_pin(&"long passphrase ".repeat(40)), Err(PinWeakness::TooLong));
    }

    #[test]
    fn the_fifth_wrong_pin_waits_and_each_further_one_twice_as_long() {
        let start = Timestamp::from_ms(1_000_000);
        let failed = |n_failed| FailedPins { n_failed, last_at: Some(start) };
        assert_eq!(failed(4).locked_until(start), None);
        assert_eq!(failed(5).locked_until(start), Some(start.plus_ms(30_000)));
        assert_eq!(failed(6).locked_until(start), Some(start.plus_ms(60_000)));
        assert_eq!(failed(500).locked_until(start), Some(start.plus_ms(LONGEST_DELAY_MS)));
        assert_eq!(failed(5).locked_until(start.plus_ms(30_000)), None);
    }

    #[test]
    fn a_clock_set_back_by_a_day_does_not_lock_out_for_a_day() {
        let failed = FailedPins { n_failed: 5, last_at: Some(Timestamp::from_ms(86_400_000)) };
        let now = Timestamp::from_ms(0);
        assert_eq!(failed.locked_until(now), Some(now.plus_ms(30_000)));
    }
}
