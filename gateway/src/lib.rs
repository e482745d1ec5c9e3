//! The gateway: the only place where handoffs are admitted and outcomes are formed.
//!
//! Invariants kept here:
//! * Every change commits together with its ledger entry, or does not happen (D1); see [`recorded`].
//! * One decision path: `conclude` forms every outcome, whatever led to it (B2, B3, B4).
//! * Silence never approves (B7); deadlines are judged by gateway time (B6, H1).
//! * What is answered 2xx has been through fsync (A3, B1).
//!
//! Does not know: windows, keyrings, what a payload means.

mod admit;
mod audit;
mod auth;
mod challenge;
pub mod clock;
mod conclude;
pub mod config;
mod crowd;
mod db;
mod decide;
mod deliver;
mod directory;
mod document;
pub mod embed;
mod end;
mod enrol;
mod erase;
mod evidence;
mod execute;
pub mod fsck;
mod gateway;
mod holders;
pub mod keyfile;
mod keys;
mod open;
mod openapi;
mod operate;
mod outside;
mod problem;
pub mod recorded;
mod reveal;
mod root;
mod route;
mod scope;
pub mod sequencer;
mod serve;
mod sign;
mod sse;
mod stamp;
mod state;
mod sweep;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tiles;

pub use config::{Config, Limits, Outside, OutsideError};
pub use db::StorageError;
pub use end::{EndError, Ended, RoleChanged};
pub use erase::{EraseError, Erased, RetentionInfo};
pub use evidence::{AttemptRecord, EvidenceError, WhichAttempt};
pub use gateway::{Gateway, OpenError, ServeError, open, open_with};
pub use holders::{AgentKeyInfo, DeviceInfo, ExecutionKeyInfo, PersonInfo, RoleInfo};
pub use keys::KeyError;
pub use operate::{OperateError, Published};
pub use outside::{OpenAlarm, OutsideState, WitnessState};
pub use root::{KeeperError, RootChoice, RootError, RootKeeper};
pub use scope::{ActsFor, KeyScope, KeySide};
pub use serve::serve_bounded;
pub use stamp::StampError;
