//! User verification: the PIN opens the decision key, for one signature or for a period.

use std::sync::Arc;
use std::time::Duration;

use seamark_contracts::clock::Timestamp;
use seamark_ledger::key::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::account::Account;
use crate::core::{Inner, KeyringHealth, Unlocked};
use crate::enrol::KEY_FILE;
use crate::keys::{
    FailedPins, KeyringError, SealedSeed, Seed, UNLOCKED_MS, UnsealError, check_new_pin, device_entry, wrap_entry,
};
use crate::refusal::{Refusal, RefusalCode};

/// A keyring that asks the person to unlock it gets so long.
const KEYRING_PATIENCE: Duration = Duration::from_secs(90);

/// An open decision key and when the person was verified for it, by the gateway's time.
pub(crate) struct OpenKey {
    pub key: SigningKey,
    pub verified_at: Timestamp,
}

impl Inner {
    /// Opens the unlocked period with the PIN.
    pub(crate) async fn unlock(&self, pin: &str) -> Result<(), Refusal> {
        let enrolled = self.need_account()?;
        let seed = self.verify_pin(&enrolled.account, pin).await?;
        self.remember(Arc::new(seed));
        Ok(())
    }

    /// Gives the decision key another PIN. Key and keyring secret stay the same, so what was signed stays valid. The
    /// unlocked period ends: the next signature asks for the new PIN.
    ///
    /// A crash leaves the old file or the new one, never half of one.
    pub(crate) async fn change_pin(&self, old: &str, new: &str) -> Result<(), Refusal> {
        let _one_at_a_time = self.enrolling.lock().await;
        let enrolled = self.need_account()?;
        check_new_pin(new).map_err(|weak| Refusal::from(weak).at("newPin"))?;
        if old == new {
            return Err(
                Refusal::new(RefusalCode::PinWeak, "This is the PIN that you have. Choose another.").at("newPin")
            );
        }
        let keyid = &enrolled.account.decision_keyid;
        let seed = self.verify_pin(&enrolled.account, old).await?;
        let secret = self.read_secret(wrap_entry(keyid)).await?;
        self.seal(seed, keyid, new, secret).await?;
        self.lock_key();
        Ok(())
    }

    fn remember(&self, seed: Arc<Seed>) -> Timestamp {
        let verified_at = self.now();
        let until = self.local_now().plus_ms(UNLOCKED_MS);
        self.with_signing(|signing| signing.unlocked = Some(Unlocked { seed, verified_at, until }));
        self.changed.notify_one();
        verified_at
    }

    /// Ends the unlocked period; the seed in memory is overwritten, and so is what was revealed.
    pub(crate) fn lock_key(&self) {
        self.with_signing(|signing| signing.unlocked = None);
        self.mask_all();
        self.changed.notify_one();
    }

    /// The decision key: by a PIN entered now, or from the unlocked period where a fresh one is not asked for.
    pub(crate) async fn open_key(
        &self,
        account: &Account,
        pin: Option<&str>,
        is_fresh: bool,
    ) -> Result<OpenKey, Refusal> {
        let now = self.local_now();
        let kept = self.with_signing(|signing| {
            let is_valid = |until: Timestamp| until > now && until.as_ms() - now.as_ms() <= UNLOCKED_MS;
            signing
                .unlocked
                .as_ref()
                .filter(|unlocked| is_valid(unlocked.until))
                .map(|unlocked| (Arc::clone(&unlocked.seed), unlocked.verified_at))
        });
        let (seed, verified_at) = match (pin, kept) {
            (Some(pin), _) => {
                let seed = Arc::new(self.verify_pin(account, pin).await?);
                let verified_at = self.remember(Arc::clone(&seed));
                (seed, verified_at)
            }
            (None, Some(kept)) if !is_fresh => kept,
            (None, _) => {
                let message = if is_fresh {
                    "At this risk your PIN is asked for each decision. Enter it to sign."
                } else {
                    "Your signing key is locked. Enter your PIN to sign."
                };
                return Err(Refusal::new(RefusalCode::PinNeeded, message).at("pin"));
            }
        };
        Ok(OpenKey { key: SigningKey::from_seed(seed.expose()), verified_at })
    }

    async fn verify_pin(&self, account: &Account, pin: &str) -> Result<Seed, Refusal> {
        let now = self.local_now();
        let failed = self.store.failed_pins().await?;
        if let Some(until) = failed.locked_until(now) {
            return Err(self.locked_out(until, now));
        }
        let sealed = self.read_sealed(account).await?;
        let secret = self.read_secret(wrap_entry(&account.decision_keyid)).await?;
        // ORDER: the try is counted before it is made, so that stopping the app in between saves no guess.
        let counted = failed.one_more(now);
        self.store.keep_failed_pins(counted).await?;
        let typed = Zeroizing::new(pin.to_owned());
        let opened = tokio::task::spawn_blocking(move || sealed.unseal(&typed, &secret)).await.map_err(|stopped| {
            Refusal::new(RefusalCode::Internal, "The PIN could not be checked. Try again.").because(stopped)
        })?;
        match opened {
            Ok(seed) => {
                self.store.keep_failed_pins(FailedPins::default()).await?;
                let keyid = SigningKey::from_seed(seed.expose()).public_key().id().to_string();
                if keyid == account.decision_keyid { Ok(seed) } else { Err(UnsealError::Malformed.into()) }
            }
            Err(UnsealError::WrongPin) => {
                // A lock-out is part of the state around the screens.
                self.changed.notify_one();
                Err(self.wrong_pin(counted, now))
            }
            Err(other) => {
                // Not the person's fault: the try does not count.
                self.store.keep_failed_pins(failed).await?;
                Err(other.into())
            }
        }
    }

    async fn read_sealed(&self, account: &Account) -> Result<SealedSeed, Refusal> {
        let path = self.options.data_dir.join(KEY_FILE);
        let bytes = tokio::fs::read(&path).await.map_err(|error| {
            Refusal::new(
                RefusalCode::StorageFailed,
                "The file of your signing key could not be read, so nothing can be signed. Restore Seamark's folder \
                 from a backup, or ask for a new invitation.",
            )
            .because(error)
        })?;
        let sealed: SealedSeed = serde_json::from_slice(&bytes).map_err(|_| UnsealError::Malformed)?;
        if sealed.keyid == account.decision_keyid { Ok(sealed) } else { Err(UnsealError::Malformed.into()) }
    }

    /// Reads from the keyring and remembers how that went.
    async fn read_secret(&self, entry: String) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let keyring = Arc::clone(&self.options.keyring);
        let reading = tokio::task::spawn_blocking(move || keyring.read(&entry));
        let read = match tokio::time::timeout(KEYRING_PATIENCE, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) | Err(_) => Err(KeyringError::Locked(None)),
        };
        let health = match &read {
            Ok(_) => KeyringHealth::Good,
            Err(KeyringError::Missing(_)) => KeyringHealth::Missing,
            Err(KeyringError::Locked(_) | KeyringError::Malformed) => KeyringHealth::Locked,
        };
        self.note_keyring(health);
        read.map_err(Refusal::from)
    }

    pub(crate) fn note_keyring(&self, health: KeyringHealth) {
        let changed = self.with_signing(|signing| std::mem::replace(&mut signing.keyring, health) != health);
        if changed {
            self.changed.notify_one();
        }
    }

    /// Asks the keyring again, after the person unlocked it; connects at once when it answers.
    pub(crate) async fn retry_keyring(&self) -> Result<(), Refusal> {
        let enrolled = self.need_account()?;
        // How it went is remembered and shown; the entries themselves are not needed now.
        let wrap = self.read_secret(wrap_entry(&enrolled.account.decision_keyid)).await;
        if wrap.is_ok() {
            let _ = self.read_secret(device_entry(&enrolled.account.device_keyid)).await;
        }
        self.wake_link.notify_one();
        Ok(())
    }

    fn locked_out(&self, until: Timestamp, now: Timestamp) -> Refusal {
        let wait_ms = u64::try_from(until.as_ms() - now.as_ms()).unwrap_or(0);
        Refusal::new(
            RefusalCode::PinLockedOut,
            format!(
                "Too many wrong PINs. No PIN is tried before {}, in {}. Nothing was signed; what you wrote is kept.",
                self.calendar.exact_time(until.plus_ms(self.link().skew_ms)),
                crate::words::span(wait_ms.max(1000))
            ),
        )
        .at("pin")
    }

    fn wrong_pin(&self, failed: FailedPins, now: Timestamp) -> Refusal {
        if let Some(until) = failed.locked_until(now) {
            return self.locked_out(until, now);
        }
        let left = match failed.n_left() {
            1 => "One try is left before you have to wait.".to_owned(),
            n => format!("{n} tries are left before you have to wait."),
        };
        Refusal::new(RefusalCode::PinWrong, format!("This is not your signing PIN. Nothing was signed. {left}"))
            .at("pin")
    }
}
