//! What happened to a review that was opened here, in words, with the difference named.

use seamark_contracts::api::review::{ReviewDocument, ReviewState};
use seamark_contracts::outcome::OutcomeCause;

use crate::answer::{Difference, ReviewChange, ReviewChangeKind};
use crate::check::name_drift;
use crate::core::{Enrolled, Inner};
use crate::ending::Ending;
use crate::words;

impl Inner {
    /// Tells the window the difference between two versions of a review, when it concerns who looks at it.
    pub(crate) async fn tell_change(&self, enrolled: &Enrolled, before: &ReviewDocument, after: &ReviewDocument) {
        if let Some(change) = self.change_between(enrolled, before, after).await {
            self.tell_review_changed(&after.review_id.to_string(), change);
        }
    }

    async fn change_between(
        &self,
        enrolled: &Enrolled,
        before: &ReviewDocument,
        after: &ReviewDocument,
    ) -> Option<ReviewChange> {
        if before.state != after.state {
            return Some(self.ended(enrolled, after).await);
        }
        let plain = |kind, text: String| {
            Some(ReviewChange { kind, text, meaning: String::new(), new_review_id: None, diff: Vec::new() })
        };
        if before.result != after.result
            && let Some(result) = &after.result
        {
            return plain(ReviewChangeKind::Executed, format!("{}.", words::result(result)));
        }
        if before.delivered_at.is_none() && after.delivered_at.is_some() {
            return plain(ReviewChangeKind::Delivered, "The agent has the outcome.".to_owned());
        }
        None
    }

    async fn ended(&self, enrolled: &Enrolled, after: &ReviewDocument) -> ReviewChange {
        let shown = self.with_shown(|shown| shown.get(&after.review_id.to_string()).cloned());
        let Ending { text, meaning } = self.ending(enrolled, after, shown.as_ref().map(|shown| &shown.made.view));
        let kind = match after.state {
            ReviewState::Expired => ReviewChangeKind::Expired,
            ReviewState::Withdrawn => ReviewChangeKind::Withdrawn,
            ReviewState::Superseded => return self.replaced(enrolled, after, Ending { text, meaning }).await,
            ReviewState::Open | ReviewState::Approved | ReviewState::Rejected => ReviewChangeKind::Decided,
        };
        ReviewChange { kind, text, meaning, new_review_id: None, diff: Vec::new() }
    }

    /// Another version or attempt took its place.
    async fn replaced(&self, enrolled: &Enrolled, after: &ReviewDocument, ending: Ending) -> ReviewChange {
        let Ending { text, meaning } = ending;
        let successor = after.superseded_by.map(|id| id.to_string());
        // An attempt for other people is not this person's to open; the gateway says "not there".
        let new = match &successor {
            Some(id) => self.successor_document(enrolled, id).await,
            None => None,
        };
        let new_review_id = new.as_ref().and(successor);
        if after.outcome.as_ref().is_some_and(|outcome| outcome.cause == OutcomeCause::NewAttempt) {
            return ReviewChange { kind: ReviewChangeKind::Decided, text, meaning, new_review_id, diff: Vec::new() };
        }
        let diff = match &new {
            Some(new) => self.difference(enrolled, &after.review_id.to_string(), new).await,
            None => Vec::new(),
        };
        let text = match (diff.first(), diff.len()) {
            (Some(first), 1) => format!("{text} {} was {}, is now {}.", first.label, first.before, first.after),
            (Some(_), n) => format!("{text} {n} things differ."),
            (None, _) => text,
        };
        ReviewChange { kind: ReviewChangeKind::Changed, text, meaning, new_review_id, diff }
    }

    async fn successor_document(&self, enrolled: &Enrolled, review_id: &str) -> Option<ReviewDocument> {
        let kept = self.store.document(review_id).await.ok().flatten();
        if let Some(document) = kept.and_then(|body| serde_json::from_str(&body).ok()) {
            return Some(document);
        }
        enrolled.client.review(review_id).await.ok()
    }

    async fn difference(&self, enrolled: &Enrolled, shown_id: &str, new: &ReviewDocument) -> Vec<Difference> {
        let Some(shown) = self.with_shown(|shown| shown.get(shown_id).cloned()) else { return Vec::new() };
        let Ok(checked) = self.check(enrolled, new).await else { return Vec::new() };
        match checked.view(&shown.nonce, &[]) {
            Ok(made) => name_drift(&shown.made.view, &made.view),
            Err(_) => Vec::new(),
        }
    }
}
