//! The real window in its real web engine, and the desk behind it, with a real gateway and a real keyring.
//!
//! Run through `cargo xtask test`, which gives it a display, a session bus and an unlocked Secret Service. Pictures are
//! kept under `target/window/`.

mod agent;
mod decide;
mod ended;
mod first_run;
mod killed;
mod places;
mod reveal;
mod scene;
mod trouble;
