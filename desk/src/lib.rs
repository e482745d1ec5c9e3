//! wip
pub mod account;
pub mod answer;
pub mod cache;
pub mod client;
pub mod clock;
pub mod keys;
pub mod refusal;
pub mod witness;
pub mod words;
