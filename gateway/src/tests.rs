//! Journeys through the gateway in process.

mod access;
mod intake;
mod proofs;
mod streams;
mod thin;
mod verdicts;
mod webhooks;
