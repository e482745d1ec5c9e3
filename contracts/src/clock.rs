//! Time and chance as inputs. Nothing in this crate reads a clock; callers pass a [`Clock`] and a [`Chance`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// On the wire exactly `YYYY-MM-DDTHH:MM:SS.sssZ` (24 ASCII characters, always three digits, always UTC), so that the
/// text sorts as the moments do. Any other spelling is refused. Source: FORMATS.md §2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(
    with = "String",
    extend("format" = "date-time", "pattern" = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$", "examples" = ["2026-11-22T06:00:00.000Z"])
)]
#[cfg_attr(feature = "specta", derive(specta::Type), specta(type = String))]
pub struct Timestamp(i64);

/// Why a text is not a [`Timestamp`].
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a time is written YYYY-MM-DDTHH:MM:SS.sssZ, in UTC with exactly three digits after the second")]
pub struct TimestampError;

/// 0001-01-01T00:00:00.000Z, so that the text always has four digits for the year.
const MIN_MS: i64 = -62_135_596_800_000;
/// 9999-12-30T22:00:00.000Z, the last second that jiff can write in every time zone.
const MAX_MS: i64 = 253_402_207_200_000;

impl Timestamp {
    /// The moment `ms` milliseconds after 1970-01-01T00:00:00Z, clamped to the years 0001 to 9999 (until 30 December, 22:00).
    #[must_use]
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(MIN_MS, MAX_MS))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_ms(self) -> i64 {
        self.0
    }

    /// This moment plus `ms` milliseconds (may be negative), clamped to the years 0001 to 9999 (until 30 December, 22:00).
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// Reads the one accepted spelling.
    ///
    /// # Errors
    /// [`TimestampError`] for any other spelling or an impossible date.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        let timestamp = Self::from_ms(parsed.as_millisecond());
        // Only the canonical spelling is accepted, so a timestamp has one text and sorts by it.
        if timestamp.to_string() == text { Ok(timestamp) } else { Err(TimestampError) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall-clock time now.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from. Salts, nonces, ids and secrets are made only from this.
pub trait Chance: Send + Sync + fmt::Debug {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// 16 bytes of `chance` as base64url without padding (22 characters): a salt, a nonce or an attempt.
#[must_use]
pub fn make_nonce(chance: &dyn Chance) -> String {
    let mut bytes = [0u8; 16];
    chance.fill(&mut bytes);
    <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&bytes)
}

/// A clock that stands still until moved. For tests and for replaying recorded runs.
#[derive(Debug)]
pub struct FixedClock(std::sync::atomic::AtomicI64);

impl FixedClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(std::sync::atomic::AtomicI64::new(at.as_ms()))
    }

    /// Moves the clock by `ms` milliseconds, which may be negative.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// Repeatable bytes from a seed: SHA-256 of seed and counter. For tests and the seeded demo; never for keys in production.
#[derive(Debug)]
pub struct SeededChance {
    seed: u64,
    counter: std::sync::atomic::AtomicU64,
}

impl SeededChance {
    /// The sequence of bytes that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: std::sync::atomic::AtomicU64::new(0) }
    }
}

impl Chance for SeededChance {
    fn fill(&self, bytes: &mut [u8]) {
        use sha2::{Digest as _, Sha256};
        for chunk in bytes.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let block =
                Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(counter.to_be_bytes()).finalize();
            for (target, source) in chunk.iter_mut().zip(block) {
                *target = source;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_a_time() {
        let good = "2026-11-22T06:00:00.010Z";
        assert_eq!(Timestamp::parse(good).unwrap().to_string(), good);
        for bad in [
            "2026-11-22T06:00:00Z",
            "2026-11-22T06:00:00.01Z",
            "2026-11-22T06:00:00.010+00:00",
            "2026-11-22t06:00:00.010z",
            "2026-11-22 06:00:00.010Z",
            "2026-02-30T06:00:00.000Z",
            "2026-11-22T06:00:60.000Z",
            "",
        ] {
            assert_eq!(Timestamp::parse(bad), Err(TimestampError), "{bad}");
        }
    }

    #[test]
    fn the_text_of_every_moment_reads_back() {
        for ms in [MIN_MS, -1, 0, 1, 1_795_000_000_123, MAX_MS] {
            let moment = Timestamp::from_ms(ms);
            assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        }
    }
}
