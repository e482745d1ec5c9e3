//! A handoff that is asked anew: several attempts in one chain of entries.

use seamark_contracts::handoff::ReviewRequest;
use serde_json::Value;

use super::super::*;
use super::world::{Signed, World};
use crate::entry::EntryType;
use crate::statement::{self, HandoffStatement, OutcomeStatement};
use crate::testing::key;
use crate::verified::Verified;

/// What a world has of each attempt.
pub(super) struct Attempt {
    handoff: Verified<HandoffStatement>,
    handoff_envelope: Value,
    decisions: Vec<Signed>,
    outcome: Option<(Verified<OutcomeStatement>, Value)>,
    executions: Vec<Value>,
}

impl World {
    /// Ends this attempt and asks anew: a changed content, or at the deadline the same one. Gives back the old attempt.
    pub(super) fn ask_anew(&mut self, is_revision: bool) -> Attempt {
        let close = if is_revision { Close::NewRevision } else { Close::Deadline { escalates: true } };
        let request = self.handoff.predicate.request.clone();
        if !is_revision {
            self.now = request.as_ref().unwrap().expires_at;
        }
        let mut next = self.escalated();
        let expires_at = self.now.plus_ms(4 * 3_600_000);
        next.request = request.map(|request| ReviewRequest { expires_at, ..request });
        if is_revision {
            next.revision += 1;
            next.escalated = None;
        }
        let envelope = statement::sign(statement::build_handoff(&next).unwrap(), &key("handoff")).unwrap().to_value();
        let next = verify_handoff(&envelope, &self.trust(), self.now).unwrap();
        let (digest, signature) = (next.digest, next.signature);
        if is_revision {
            self.record(EntryType::HandoffSuperseded, "order-desk-key", digest, &[signature]);
        }
        let mut outcome = self.form(Some(&close)).unwrap();
        outcome.superseded_by = Some(digest);
        self.conclude_as(&outcome, &key("outcome"));
        self.record(EntryType::HandoffReceived, "g1", digest, &[signature]);
        self.record(EntryType::ReviewOpened, "g1", digest, &[signature]);
        let mut other = Attempt {
            handoff: next,
            handoff_envelope: envelope,
            decisions: Vec::new(),
            outcome: None,
            executions: Vec::new(),
        };
        self.swap(&mut other);
        other
    }

    /// Goes on with another attempt of the same handoff.
    pub(super) fn swap(&mut self, other: &mut Attempt) {
        std::mem::swap(&mut self.handoff, &mut other.handoff);
        std::mem::swap(&mut self.handoff_envelope, &mut other.handoff_envelope);
        std::mem::swap(&mut self.decisions, &mut other.decisions);
        std::mem::swap(&mut self.outcome, &mut other.outcome);
        std::mem::swap(&mut self.executions, &mut other.executions);
    }
}
