//! One file per command: take, call the desk once, answer. No rules live here.
//!
//! A command is written down in four places, and `cargo xtask tidy` compares them: its function, `build.rs`,
//! `capabilities/main.json`, the bindings.

pub(crate) mod app_state;
pub(crate) mod artifact_text;
pub(crate) mod audit_record;
pub(crate) mod audit_rows;
pub(crate) mod change_pin;
pub(crate) mod connect;
pub(crate) mod copy_revealed;
pub(crate) mod decide;
pub(crate) mod inbox_rows;
pub(crate) mod ledger;
pub(crate) mod lock;
pub(crate) mod mask_again;
pub(crate) mod note_opened;
pub(crate) mod open_review;
pub(crate) mod outbox_rows;
pub(crate) mod pin_root;
pub(crate) mod retry_keyring;
pub(crate) mod reveal_field;
pub(crate) mod revealed_text;
pub(crate) mod save_alarm;
pub(crate) mod save_draft;
pub(crate) mod save_evidence;
pub(crate) mod save_report;
pub(crate) mod set_appearance;
pub(crate) mod try_locally;
pub(crate) mod unlock;
pub(crate) mod verify_record;
