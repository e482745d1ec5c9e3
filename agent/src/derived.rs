//! Repeatable bytes from words: what makes ids of the demo and of replayed runs the same every time.

use std::sync::atomic::{AtomicU64, Ordering};

use seamark_contracts::clock::Chance;
use sha2::{Digest as _, Sha256};

/// Bytes that follow from the words alone: SHA-256 of the words and a counter. Never for keys, salts or nonces.
#[derive(Debug)]
pub struct Derived {
    root: [u8; 32],
    counter: AtomicU64,
}

impl Derived {
    /// The sequence of bytes that belongs to `words`. Each word is preceded by its length, so that no two lists meet.
    #[must_use]
    pub fn from_words(words: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for word in words {
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word.as_bytes());
        }
        Self { root: hash.finalize().into(), counter: AtomicU64::new(0) }
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds up to 2^32.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
}

impl Chance for Derived {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, Ordering::SeqCst);
            let block = Sha256::new().chain_update(self.root).chain_update(counter.to_be_bytes()).finalize();
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
    fn the_same_words_give_the_same_bytes_and_others_do_not() {
        let draw = |words: &[&str]| {
            let derived = Derived::from_words(words);
            (derived.below(u64::MAX), derived.below(u64::MAX))
        };
        assert_eq!(draw(&["a", "b"]), draw(&["a", "b"]));
        assert_ne!(draw(&["a", "b"]).0, draw(&["a", "b"]).1);
        assert_ne!(draw(&["a", "b"]), draw(&["ab"]));
        assert_ne!(draw(&["a", "b"]), draw(&["ab", ""]));
        assert_eq!(Derived::from_words(&[]).below(0), 0);
    }
}
