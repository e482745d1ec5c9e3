//! How this desk stands with its organisation: whether the root has signed its key, and whether the root is still the pinned one.
//!
//! Both are read out of directories that were verified, never out of what the gateway says about itself. A root that took the
//! place of the pinned one is shown to the person and followed only when they typed its fingerprint (A16).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_ledger::directory;
use seamark_ledger::fingerprint;
use seamark_ledger::key::{KeyId, KeyUse, PublicKey};

use crate::account::{self, Account};
use crate::answer::{EnrolmentState, NewRootState};
use crate::cache::StoreError;
use crate::check::pinned_root;
use crate::client::CallError;
use crate::core::{Enrolled, Inner};
use crate::refusal::{Refusal, RefusalCode};

/// Handovers in a row that are followed at once.
const MAX_HANDOVERS: usize = 16;

impl Inner {
    /// Looks whether the directory that was verified last lists this desk's key. Once it does it always will: keys end and
    /// are never taken off, so the answer is kept.
    pub(crate) async fn note_listed(&self, enrolled: &Enrolled) -> Result<bool, StoreError> {
        if self.is_listed() {
            return Ok(true);
        }
        let trust = self.checker.trust(&self.store, &enrolled.account, self.now()).await.ok();
        let id = KeyId::parse(&enrolled.account.decision_keyid).ok();
        let is_listed = trust.zip(id).is_some_and(|(trust, id)| trust.find(&id, KeyUse::Decision).is_some());
        if is_listed {
            self.store.keep_listed().await?;
            self.set_listed(true);
        }
        Ok(is_listed)
    }

    /// What the person reads to whoever signs, while their key is not signed.
    pub(crate) fn enrolment_state(&self, account: &Account) -> Option<EnrolmentState> {
        if self.is_listed() {
            return None;
        }
        let root = KeyId::parse(&account.trust.root_keyid).ok()?;
        let decision = KeyId::parse(&account.decision_keyid).ok()?;
        Some(EnrolmentState { fingerprint: fingerprint::of_enrolment(&root, account.person.id.as_str(), &decision) })
    }

    /// The root that the pinned one named, if it did.
    pub(crate) fn new_root_state(&self) -> Option<NewRootState> {
        let next = self.next_root()?;
        Some(NewRootState { fingerprint: fingerprint::of_key(&next.id()) })
    }

    /// After a directory that the pinned root did not sign: whether the pinned root itself named the one that did.
    pub(crate) async fn look_for_next_root(&self, enrolled: &Enrolled) {
        match self.find_next_root(enrolled).await {
            Ok(found) => self.set_next_root(found),
            Err(error) => tracing::warn!(%error, "no handover of the pinned root could be read"),
        }
    }

    async fn find_next_root(&self, enrolled: &Enrolled) -> Result<Option<PublicKey>, CallError> {
        let Ok(mut at) = pinned_root(&enrolled.account) else { return Ok(None) };
        let offered = enrolled.client.trust().await?;
        for _ in 0..MAX_HANDOVERS {
            let envelope = enrolled.client.handover(&at.id().to_string()).await?;
            let next = directory::verify(&envelope, &at, self.now()).ok();
            let next = next.and_then(|handover| handover.predicate.next_root.as_ref()?.parse().ok());
            let Some(next) = next else { return Ok(None) };
            at = next;
            if at.id().to_string() == offered.root_keyid {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Pins the root that was shown, when its fingerprint was typed as somebody else gave it.
    pub(crate) async fn pin_root(&self, typed: &str) -> Result<(), Refusal> {
        let _one_at_a_time = self.enrolling.lock().await;
        let enrolled = self.need_account()?;
        let Some(next) = self.next_root() else {
            return Err(Refusal::new(
                RefusalCode::NotFound,
                "There is no new root to pin any more. Nothing was changed.",
            ));
        };
        if !fingerprint::is_typed(&fingerprint::of_key(&next.id()), typed) {
            return Err(Refusal::new(
                RefusalCode::FingerprintMismatch,
                "This is not the fingerprint of the root that is shown. Nothing was changed. If you typed what you were told, \
                 somebody else may have handed over: tell whoever holds your organisation's root.",
            )
            .at("fingerprint"));
        }
        let mut account = enrolled.account.clone();
        account.trust.root_keyid = next.id().to_string();
        account.trust.root_key = Base64UrlUnpadded::encode_string(next.as_bytes());
        account::save(&self.options.data_dir, &account)?;
        self.set_next_root(None);
        self.set_account(account)?;
        Ok(())
    }
}
