//! The gateway: the only place where handoffs are admitted and outcomes are formed.
//!
//! Invariants kept here:
//! * Every change commits together with its ledger entry, or does not happen (D1); see [`recorded`].
//! * One decision path: [`conclude`] forms every outcome, whatever led to it (B2, B3, B4).
//! * Silence never approves (B7); deadlines are judged by gateway time (B6, H1).
//! * What is answered 2xx has been through fsync (A3, B1).
//!
//! Does not know: windows, keyrings, what a payload means.

pub mod clock;
pub mod config;
mod db;
mod keys;
pub mod recorded;
pub mod sequencer;
mod tiles;
