//! What the two sides of a handoff say to each other: the words, the wire types and the pure rules over them.
//!
//! Everything here is a function of its arguments. The same types are read by the gateway, the desk, agents and
//! verifiers, so a word means one thing everywhere.
//!
//! Invariants kept here:
//! * Every input is bounded before it is parsed (invariant A6): [`strict_json`] stands in front of every serde type.
//! * A masked field is hidden unless a contract says otherwise; see [`mask`] (invariant F1).
//! * A condition that cannot be evaluated gates, flags or refuses, and never passes; see [`gate`].
//! * A view is a pure function of signed bytes, so two parties that hold them render the same one; see [`view`] (B11).
//!
//! Does not know: signatures, storage, the network, the system clock, or any source of randomness.

pub mod admission;
pub mod api;
pub mod canonical;
pub mod clock;
pub mod contract;
pub mod decision;
pub mod digest;
pub mod fingerprint;
pub mod gate;
pub mod handoff;
pub mod id;
pub mod lookalike;
pub mod mask;
pub mod money;
pub mod outcome;
pub mod pointer;
pub mod problem;
pub mod reveal;
pub mod review;
pub mod samples;
pub mod schema;
pub mod strict_json;
pub mod template;
pub mod text;
pub mod view;
