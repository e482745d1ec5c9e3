//! When something that was given ends: this device, its person, or a role (invariants B10, F4).
//!
//! The desk learns it at the next contact. It stops deciding, removes the copies of what it may no longer see, and says
//! what happened. The journal and with it every decision that was signed here stay (invariant B1).

use std::collections::BTreeSet;

use seamark_contracts::api::device::Person;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::dsse::Envelope;
use serde_json::Value;

use crate::account;
use crate::answer::{DeskEvent, ReviewChange, ReviewChangeKind};
use crate::audit::AuditWindow;
use crate::cache::{EndedAccess, StoreError};
use crate::client::CallError;
use crate::core::{Enrolled, Inner};
use crate::refusal::{Refusal, RefusalCode};

impl EndedAccess {
    /// What happened, what it means for what is here, what to do.
    pub(crate) fn words(&self) -> String {
        let unsent = match self.n_unsent {
            0 => "No decision was left unsent here.".to_owned(),
            1 => "One decision that was saved here had not been confirmed: it does not count unless the gateway had it before the end. It stays in the outbox.".to_owned(),
            n => format!(
                "{n} decisions that were saved here had not been confirmed: they do not count unless the gateway had them before the end. They stay in the outbox."
            ),
        };
        format!(
            "The gateway says: “{}” Nothing can be decided here any more, and the copies of handoffs on this computer were \
             removed. {unsent} Your own signed decisions are kept. If you are to go on, ask your organisation's operator for a \
             new invitation, start Seamark with a new folder (--data-dir DIR) and enrol there.",
            self.said
        )
    }
}

/// What a handoff asks for, as its statement says it, unverified: enough to remove a copy.
fn candidates(document: &ReviewDocument) -> Option<Vec<String>> {
    let envelope = Envelope::from_value(&document.handoff).ok()?;
    let statement: Value = serde_json::from_slice(envelope.unverified_value().unverified_payload()).ok()?;
    serde_json::from_value(statement.pointer("/predicate/request/candidates")?.clone()).ok()
}

impl Inner {
    /// What the gateway said when this device's access ended; `None` while it has not.
    pub(crate) fn ended_access(&self) -> Option<EndedAccess> {
        self.with_ended(|ended| ended.clone())
    }

    /// The refusal of whatever needs access that has ended.
    pub(crate) fn ended_refusal(&self) -> Option<Refusal> {
        self.ended_access().map(|ended| Refusal::new(RefusalCode::GatewayRefused, ended.words()))
    }

    /// Passes an answer on, and draws the consequences when it says that access has ended.
    pub(crate) async fn heed<T>(&self, answer: Result<T, CallError>) -> Result<T, CallError> {
        if let Err(error) = &answer {
            self.heed_error(error).await;
        }
        answer
    }

    /// The same for an error alone.
    pub(crate) async fn heed_error(&self, error: &CallError) {
        let CallError::Problem(problem) = error else { return };
        if problem.code == ErrorCode::AccessEnded
            && let Err(error) = self.end_access(&problem.detail).await
        {
            // What is not removed now is removed at the next contact, which says the same again.
            tracing::error!(%error, "what was cached could not be removed");
        }
    }

    async fn end_access(&self, said: &str) -> Result<(), StoreError> {
        let n_unsent = self.store.n_waiting().await?;
        let known = self.ended_access();
        let ended = EndedAccess {
            at: known.as_ref().map_or_else(|| self.local_now(), |known| known.at),
            said: said.to_owned(),
            n_unsent: known.as_ref().map_or(n_unsent, |known| known.n_unsent),
        };
        // ORDER: nothing is decided or shown any more before the copies go; and they go before it is told.
        self.with_ended(|now| *now = Some(ended.clone()));
        self.lock_key();
        let on_screen: Vec<String> = self.with_shown(|shown| shown.drain().map(|(id, _)| id).collect());
        self.store.end_access(&ended).await?;
        // Last: a search that is under way holds this until the gateway answers it.
        *self.audit.lock().await = AuditWindow::default();
        for review_id in on_screen {
            self.tell_gone(&review_id, "Your access to this gateway has ended.", &ended.words());
        }
        if known.is_none() {
            self.list_changed();
            // What waits is tried once more and parked with the gateway's own words.
            self.wake_outbox.notify_one();
        }
        Ok(())
    }

    /// The gateway lets this device in: whatever was said before does not hold (any more).
    pub(crate) async fn access_is_good(&self) -> Result<(), StoreError> {
        if self.with_ended(Option::take).is_some() {
            self.store.forget_ended_access().await?;
        }
        Ok(())
    }

    /// Takes over what the gateway says of this person now. With other roles another choice of reviews is theirs: what
    /// they may no longer see is removed, and the rest is fetched anew (invariant F4).
    pub(crate) async fn take_over_person(&self, enrolled: &Enrolled, person: Person) -> Result<(), StoreError> {
        let before = enrolled.person();
        if person == before || person.id != enrolled.account.person.id {
            return Ok(());
        }
        if person.roles != before.roles {
            // ORDER: copies first, then the new roles in the account. After a crash between the two it begins again.
            self.remove_unseen(&person.roles).await?;
            self.store.forget_cursor().await?;
        }
        enrolled.set_person(person.clone());
        let changed = account::Account { person, ..enrolled.account.clone() };
        if let Err(error) = account::save(&self.options.data_dir, &changed) {
            tracing::warn!(%error, "changed roles could not be kept; they are asked for again at the next start");
        }
        self.list_changed();
        Ok(())
    }

    /// Removes the copies of reviews that ask for none of these roles.
    async fn remove_unseen(&self, roles: &[String]) -> Result<(), StoreError> {
        let mut gone = BTreeSet::new();
        for (review_id, body) in self.store.all_documents().await? {
            let document: Option<ReviewDocument> = serde_json::from_str(&body).ok();
            let asked = document.as_ref().and_then(candidates);
            if asked.is_none_or(|asked| asked.iter().all(|role| !roles.contains(role))) {
                gone.insert(review_id);
            }
        }
        let on_screen: Vec<String> = self.with_shown(|shown| {
            let on_screen = shown.keys().filter(|id| gone.contains(*id)).cloned().collect();
            shown.retain(|id, _| !gone.contains(id));
            on_screen
        });
        self.mask_all();
        self.store.remove_reviews(&gone).await?;
        *self.audit.lock().await = AuditWindow::default();
        for review_id in on_screen {
            self.tell_gone(
                &review_id,
                "A role was taken from you, and this handoff is not yours to decide any more.",
                "It was removed from this computer. Nothing of yours was sent; others of that role decide it.",
            );
        }
        Ok(())
    }

    fn tell_gone(&self, review_id: &str, text: &str, meaning: &str) {
        let change = ReviewChange {
            kind: ReviewChangeKind::Withdrawn,
            text: text.to_owned(),
            meaning: meaning.to_owned(),
            new_review_id: None,
            diff: Vec::new(),
        };
        self.tell(DeskEvent::ReviewChanged { review_id: review_id.to_owned(), change });
    }
}
