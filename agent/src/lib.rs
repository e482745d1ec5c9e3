//! The agents' side of a handoff: submit it, wait for its outcome, verify the outcome, act once, report.
//!
//! Also the simulated agents of the demo, and the replay of recorded agent runs. Both use the same HTTP interface that
//! a stranger's agent uses, and nothing else.
//!
//! Invariants kept here:
//! * Nothing is acted on that [`check`] has not verified against the caller's own pinned trust (FORMATS.md §12).
//! * The attempt is consumed before the act, so an act happens at most once per gateway; see [`execute`].
//! * Only requests that change nothing when repeated are retried; see [`client`].
//! * Submissions are made from a seed, the time and the input alone, so that the same call gives the same bytes.
//!
//! Does not know: storage of the gateway, reviewers, the desk, the system clock or any source of randomness.

pub mod check;
pub mod client;
pub mod demo;
mod derived;
pub mod destination;
pub mod execute;
pub mod replay;
#[cfg(test)]
mod testing;
