//! The real window in its real web engine, with a real gateway and a real keyring.

mod window;
