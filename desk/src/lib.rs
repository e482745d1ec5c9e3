//! wip
pub mod account;
pub mod cache;
pub mod clock;
pub mod keys;
