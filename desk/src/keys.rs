//! The two keys of this device and how they are kept.
//!
//! * The **decision key** signs decisions. Its seed lies in `signing.key`, encrypted under the PIN and a secret in the
//!   operating system's keyring: whoever has the file needs both. It leaves that state only into the memory of this
//!   process, for one signature or an unlocked period, and is overwritten afterwards (invariant F3).
//! * The **device key** opens sessions. Its seed lies in the keyring as it is: it can read the inbox and decide nothing.
//!
//! A keyring that does not find an entry may just be locked. So a key is made at enrolment and never again: "not found"
//! is answered with words, not with a new key. Source: reference on custody, tier K0.

mod keyring;
mod pin;
mod seed;

#[cfg(any(test, feature = "test-keyring"))]
pub use keyring::MemoryKeyring;
pub use keyring::{Keyring, KeyringError, SecretService};
pub use pin::{FailedPins, PinWeakness, UNLOCKED_MS, check_new_pin};
pub use seed::{KdfCost, SealedSeed, Seed, UnsealError};

#[cfg(all(feature = "test-keyring", not(debug_assertions)))]
compile_error!("the feature `test-keyring` keeps secrets in plain memory and must not be part of a release build");

/// Name of the keyring entry with the secret that wraps the decision key. `keyid` is the decision key's.
#[must_use]
pub fn wrap_entry(keyid: &str) -> String {
    format!("wrap-{}", short(keyid))
}

/// Name of the keyring entry with the device key's seed. `keyid` is the device key's.
#[must_use]
pub fn device_entry(keyid: &str) -> String {
    format!("device-{}", short(keyid))
}

/// Name of the keyring entry with the seed of this computer's own organisation root, for the gateway inside the app. `keyid` is
/// the root's.
#[must_use]
pub fn root_entry(keyid: &str) -> String {
    format!("root-{}", short(keyid))
}

/// Entries carry the key's id, so that several accounts on one computer never overwrite one another.
fn short(keyid: &str) -> &str {
    keyid.get(..16).unwrap_or(keyid)
}
