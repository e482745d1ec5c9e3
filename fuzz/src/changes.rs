//! Changed inputs for the test command, where no fuzzer is at hand: always the same ones for the same seed.

/// Makes changed inputs out of good ones.
#[derive(Clone, Debug)]
pub struct Changes {
    state: u64,
}

/// What parsers stumble over.
const TOKENS: &[&[u8]] = &[
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-0",
    b"1e999",
    b"9007199254740993",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\0",
    b"\n\n",
    b"\r\n",
    b"_sd",
    b"...",
    b"=",
    b"{{",
    b"}}",
    b"/",
    b"~2",
    b"\xe2\x80\xae",
    b"{\"a\":1,\"a\":2}",
    b"00",
    b"+",
    b"\xe2\x80\x94 ",
    b"18446744073709551616",
];

impl Changes {
    /// The changes of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// xorshift64*; chance enough for choosing places.
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap_or(0) % n.max(1)
    }

    /// `good` with one to four changes, sometimes grown together with `other`.
    #[must_use]
    pub fn of(&mut self, good: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let to = (at + 1 + self.below(24)).min(bytes.len());
        match self.below(7) {
            0 => {
                let bit = self.below(8);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            1 => {
                let token = TOKENS.get(self.below(TOKENS.len())).copied().unwrap_or_default();
                bytes.splice(at..at, token.iter().copied());
            }
            2 if at < to => drop(bytes.drain(at..to)),
            3 if at < to => {
                let again: Vec<u8> = bytes.iter().skip(at).take(to - at).copied().collect();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(at),
            5 => {
                let from = self.below(other.len() + 1);
                let n = self.below(64);
                bytes.splice(at..at, other.iter().skip(from).take(n).copied());
            }
            _ => {
                let byte = u8::try_from(self.below(256)).unwrap_or(0);
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
}
