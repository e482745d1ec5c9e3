//! Challenges for sessions. None is stored: a challenge carries its own end and a MAC over it, so whoever asks for
//! millions of them costs nothing (invariant G2). Only those that opened a session are remembered, until they end.
//!
//! The secret lives as long as the process: a restart ends every challenge, and the device asks for another one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::clock::{Chance, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::keys::Secret;

/// A challenge is good for two minutes.
const LIFE_MS: i64 = 2 * 60 * 1000;
/// Used challenges remembered at once; each opened a session with an enrolled key.
const MAX_USED: usize = 50_000;
/// Random bytes, then the end in milliseconds, big endian, then the MAC.
const RANDOM: usize = 16;
const SIGNED: usize = RANDOM + 8;
const LEN: usize = SIGNED + 32;

/// Makes challenges and takes each once.
#[derive(Debug)]
pub(crate) struct Challenges {
    secret: Secret,
    /// Those that were used, with their ends.
    used: Mutex<HashMap<[u8; RANDOM], i64>>,
}

impl Challenges {
    pub(crate) fn new(chance: &dyn Chance) -> Self {
        Self { secret: Secret::make(chance), used: Mutex::default() }
    }

    /// A challenge for a key, known or not, and when it ends.
    pub(crate) fn make(&self, keyid: &str, now: Timestamp, chance: &dyn Chance) -> (String, Timestamp) {
        let expires_at = now.plus_ms(LIFE_MS);
        let mut random = [0u8; RANDOM];
        chance.fill(&mut random);
        let signed = [random.as_slice(), &expires_at.as_ms().to_be_bytes()].concat();
        let mac = self.secret.mac("challenge", &[keyid.as_bytes(), &signed]);
        (Base64UrlUnpadded::encode_string(&[signed.as_slice(), &mac].concat()), expires_at)
    }

    /// Whether this is a challenge for the key that has not ended; which one, and its end.
    pub(crate) fn read(&self, challenge: &str, keyid: &str, now: Timestamp) -> Option<([u8; RANDOM], i64)> {
        let bytes = Base64UrlUnpadded::decode_vec(challenge).ok().filter(|bytes| bytes.len() == LEN)?;
        let (signed, mac) = bytes.split_at_checked(SIGNED)?;
        let (random, end) = signed.split_at_checked(RANDOM)?;
        let end = i64::from_be_bytes(end.try_into().ok()?);
        let is_ours = self.secret.mac("challenge", &[keyid.as_bytes(), signed]).ct_eq(mac);
        (bool::from(is_ours) && end > now.as_ms()).then_some((random.try_into().ok()?, end))
    }

    /// Uses it up; false when it was used before, or when as many were used as can be remembered.
    pub(crate) fn take(&self, (random, end): ([u8; RANDOM], i64), now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_USED {
            used.retain(|_, end| *end > now.as_ms());
        }
        used.len() < MAX_USED && used.insert(random, end).is_none()
    }
}

#[cfg(test)]
mod tests {
    use seamark_contracts::clock::SeededChance;

    use super::*;

    #[test]
    fn a_challenge_is_for_one_key_one_time_and_two_minutes() {
        let chance = SeededChance::new(1);
        let challenges = Challenges::new(&chance);
        let now = Timestamp::from_ms(1_000_000);
        let (text, end) = challenges.make("k1", now, &chance);
        assert_eq!(end, now.plus_ms(LIFE_MS));
        let read = challenges.read(&text, "k1", now).unwrap();
        assert!(challenges.read(&text, "k2", now).is_none(), "another key");
        assert!(challenges.read(&text, "k1", end).is_none(), "too late");
        assert!(Challenges::new(&chance).read(&text, "k1", now).is_none(), "another process");
        for at in [0, 30, 70] {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(challenges.read(&String::from_utf8(other).unwrap(), "k1", now).is_none(), "changed at {at}");
        }
        assert!(challenges.read("", "k1", now).is_none());
        assert!(challenges.take(read, now) && !challenges.take(read, now));
    }

    #[test]
    fn asking_costs_no_memory_and_used_ones_are_forgotten_at_their_end() {
        let chance = SeededChance::new(1);
        let challenges = Challenges::new(&chance);
        let now = Timestamp::from_ms(0);
        let make = |at: Timestamp| challenges.read(&challenges.make("k", at, &chance).0, "k", at).unwrap();
        for _ in 0..MAX_USED {
            assert!(challenges.take(make(now), now));
        }
        assert!(!challenges.take(make(now), now), "full, so nothing that might have been used before is taken");
        let later = now.plus_ms(LIFE_MS);
        assert!(challenges.take(make(later), later));
        assert_eq!(challenges.used.lock().unwrap().len(), 1);
    }
}
