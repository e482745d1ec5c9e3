//! How Seamark proves: signed statements, the Merkle ledger over every event, and the checks that anyone can run.
//!
//! Everything here is a function of its arguments. The gateway and the desk produce with these types, and an auditor
//! or a destination verifies with the same ones and nothing else.
//!
//! Invariants kept here:
//! * Signed bytes are kept as received; nothing is verified over a re-serialisation ([`dsse`], [`entry`]).
//! * A [`verified::Verified`] value is made only by checking a signature under a trusted key of the right use.
//! * Signatures are checked strictly: no small order, no second spelling ([`key`]).
//! * What a verifier holds is a prefix of the ledger, or it finds out (invariants D2 and D5; [`tree`], [`witness`]).
//! * An entry holds no name and no payload (invariant D6; [`entry`]).
//!
//! Where things are: [`key`] keys and trust · [`directory`] who holds which key and role · [`dsse`] envelopes ·
//! [`statement`] what is signed · [`tree`] hashes, roots and proofs · [`entry`] leaf bytes · [`log`] a whole log ·
//! [`checkpoint`] signed heads · [`witness`] remembered heads ·
//! [`timestamp`] outside time · [`bundle`] evidence as files · [`verify`] the checks that
//! anyone can run · [`verified`] what was checked, as types.
//!
//! Does not know: storage, the network, the clock, any source of randomness, or what a payload means.

pub mod alarm;
mod base64;
pub mod bundle;
pub mod checkpoint;
pub mod directory;
pub mod dsse;
pub mod entry;
pub mod fingerprint;
pub mod key;
pub mod log;
pub mod statement;
#[cfg(test)]
mod testing;
pub mod timestamp;
pub mod tree;
pub mod verified;
pub mod verify;
pub mod witness;
