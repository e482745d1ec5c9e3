//! The real window in its real web engine, with a real gateway and a real keyring.
//!
//! Run through `cargo xtask test`, which gives it a display, a session bus and an unlocked Secret Service. Pictures are
//! kept under `target/window/`.

mod decide;
mod first_run;
mod scene;
mod trouble;
