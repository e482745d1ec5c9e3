//! Every attack of docs/THREATS.md from the attacker's seat: over HTTP, through the desk, at the destination's gate, and
//! before the auditor's checks. One module for each, named by its number; the parts that they attack are the real ones.
//!
//! Not here, and why:
//!
//! * A21, many small amounts: no rule looks at more than one handoff and its chain, so there is nothing to break yet.
//! * A23, drills: none are planted yet. What stands against rubber stamps today, opened evidence, is attacked in A2.
//! * A25, a change under the pointer: the half of it that is a window is in `tests/window/trouble.rs`
//!   (`a_handoff_that_changes_while_open_shows_the_difference_and_voids_the_click`) and in the page's tests; a desk that is
//!   asked to sign what is no longer there is attacked here.
//! * A32, a poisoned dependency: it would come with the source, so no running part can be attacked with it. `deny.toml`
//!   says where crates may come from and which are banned, `Cargo.lock` which versions, and `cargo xtask tidy` walks the
//!   whole graph of the pure crates (`xtask/src/tidy/edges.rs`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions"
)]

mod a01_lying_summary;
mod a02_padding;
mod a03_markup;
mod a04_hidden_characters;
mod a05_look_alike;
mod a07_swap;
mod a08_lying_mask;
mod a09_guessing;
mod a10_replay;
mod a11_spliced;
mod a12_other_executor;
mod a13_deciding_for_oneself;
mod a14_own_policy;
mod a15_own_key;
mod a16_own_directory;
mod a17_rewritten_ledger;
mod a18_other_clothes;
mod a19_two_parsers;
mod a20_flooding;
mod a22_urgency;
mod a24_clicking_program;
mod a26_hostile_page;
mod a27_stolen_computer;
mod a28_clocks;
mod a29_timeouts;
mod a30_left_out;
mod a31_hostile_bundle;
mod canary;
mod person;
mod stage;
