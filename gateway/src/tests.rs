//! Journeys through the gateway in process.

mod access;
mod endings;
mod erasure;
mod evidence;
mod execution;
mod intake;
mod openapi;
mod proofs;
mod reveals;
mod root;
mod sides;
mod stamps;
mod streams;
mod thin;
mod verdicts;
mod webhooks;
mod witnesses;
