//! What the tests share: the built programs, started as a person would start them.
//!
//! Does not know: how the product works inside. It starts programs, reads what they print and stops them.

pub mod desk;
pub mod gateway;
pub mod keyring;
pub mod programs;
pub mod root;
pub mod window;
