//! Which entries of a handoff's chain are of one attempt, and is the statement of each of them given?
//!
//! An attempt begins with its `handoff.received` and reaches up to the next one, since the gateway asks anew only when the
//! attempt before has ended. What may come later than that (`decision.late`, `execution.reported`) is of an attempt that
//! had ended when it came. An entry says no more about its attempt than that. Source: FORMATS.md §9.2 and §11.2.

use std::collections::BTreeSet;

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::outcome::{OutcomeCause, OutcomeKind, OutcomePredicate};

use super::recorded::{Cast, Recorded, RecordedFault};
use crate::directory::MAX_SKEW_MS;
use crate::entry::{Entry, EntryType};
use crate::statement::HandoffStatement;

/// The entries from the `handoff.received` of one attempt up to the next one, or up to the last that is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The whole chain.
    entries: &'a [Entry],
    received: &'a Entry,
    /// The `handoff.received` of the attempt after it.
    next: Option<&'a Entry>,
}

impl Recorded {
    /// The part of one attempt. It stands at the place in the chain that its own statement names.
    pub(super) fn part(&self, handoff: &HandoffStatement) -> Result<Part<'_>, RecordedFault> {
        let received = self.find(EntryType::HandoffReceived, handoff.digest, "handoff")?;
        let entries = self.entries();
        let others = || entries.iter().filter(|entry| entry.kind == EntryType::HandoffReceived);
        let before = others().rfind(|entry| entry.seq < received.seq);
        if before.map(|entry| entry.object) != handoff.predicate.supersedes {
            return Err(RecordedFault::Order { what: "attempt" });
        }
        let next = others().find(|entry| entry.seq > received.seq);
        Ok(Part { entries, received, next })
    }

    /// Index of the last entry that is given. What came after it cannot be known.
    pub(super) fn last_seq(&self) -> u64 {
        self.entries().last().map_or(0, |entry| entry.seq)
    }

    /// Checks that nothing is from after the time at which it is judged.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), RecordedFault> {
        let newest = self.entries().iter().max_by_key(|entry| entry.at);
        match newest.filter(|entry| entry.at > now.plus_ms(MAX_SKEW_MS)) {
            Some(entry) => Err(RecordedFault::Later { seq: entry.seq, at: entry.at, now }),
            None => Ok(()),
        }
    }
}

impl<'a> Part<'a> {
    pub(super) fn received(&self) -> &'a Entry {
        self.received
    }

    fn holds(&self, entry: &Entry) -> bool {
        entry.seq > self.received.seq && self.next.is_none_or(|next| entry.seq < next.seq)
    }

    /// Whether an entry stands in this part.
    pub(super) fn includes(&self, entry: &Entry) -> bool {
        self.holds(entry)
    }

    /// The entries of a kind in this part, in order.
    pub(super) fn of(&self, kind: EntryType) -> impl Iterator<Item = &'a Entry> {
        self.of_kind(kind)
    }

    fn of_kind(&self, kind: EntryType) -> impl Iterator<Item = &'a Entry> {
        let part = *self;
        self.entries.iter().filter(move |entry| entry.kind == kind && part.holds(entry))
    }

    /// The entry of the outcome of this attempt, whichever it is.
    pub(super) fn outcome_entry(&self) -> Option<&'a Entry> {
        self.of_kind(EntryType::OutcomeFormed).next()
    }

    /// Checks that an entry stands in this part.
    pub(super) fn check_holds(&self, entry: &Entry, what: &'static str) -> Result<(), RecordedFault> {
        if self.holds(entry) { Ok(()) } else { Err(RecordedFault::Order { what }) }
    }

    /// Checks that no decision and no outcome was recorded in this attempt but those that are given.
    pub(super) fn check_complete(&self, casts: &[Cast], outcome: Option<Digest>) -> Result<(), RecordedFault> {
        let given: BTreeSet<Digest> = casts.iter().map(|cast| cast.statement.digest).collect();
        let unmatched = |entry: &&Entry| match entry.kind {
            EntryType::DecisionRecorded => !given.contains(&entry.object),
            EntryType::OutcomeFormed => outcome != Some(entry.object),
            _ => false,
        };
        match self.entries.iter().filter(|entry| self.holds(entry)).find(unmatched) {
            Some(entry) => Err(RecordedFault::unmatched(entry)),
            None => Ok(()),
        }
    }

    /// Checks what has to be around the outcome: what it says that ended the attempt, and what may follow on it.
    pub(super) fn check_ending(&self, says: &OutcomePredicate, outcome: &Entry) -> Result<(), RecordedFault> {
        let before = |kind: EntryType| self.of_kind(kind).filter(|entry| entry.seq < outcome.seq);
        let missing = |kind: EntryType, what| RecordedFault::Missing { kind: kind.as_str(), what };
        match says.outcome {
            OutcomeKind::Withdrawn if before(EntryType::HandoffWithdrawn).next().is_none() => {
                return Err(missing(EntryType::HandoffWithdrawn, "withdrawal"));
            }
            OutcomeKind::Superseded => {}
            // Only what is superseded is asked anew.
            _ => return self.check_last(),
        }
        let is_it = |entry: &Entry| Some(entry.object) == says.superseded_by;
        if says.cause == OutcomeCause::NewRevision && !before(EntryType::HandoffSuperseded).any(is_it) {
            return Err(missing(EntryType::HandoffSuperseded, "new revision"));
        }
        match self.next {
            Some(next) if is_it(next) => Ok(()),
            Some(_) => Err(missing(EntryType::HandoffReceived, "statement that takes its place")),
            // The entry before the outcome says what takes the place.
            None if says.cause == OutcomeCause::NewRevision => Ok(()),
            None => Err(RecordedFault::Cut),
        }
    }

    /// Checks that no attempt follows on this one.
    pub(super) fn check_last(&self) -> Result<(), RecordedFault> {
        match self.next {
            Some(_) => Err(RecordedFault::Order { what: "attempt after this one" }),
            None => Ok(()),
        }
    }

    /// The newest late decision that is not given and may be of this attempt as well as of another one.
    ///
    /// One that can be of no other attempt is a fault.
    pub(super) fn unmatched_late(&self, casts: &[Cast]) -> Result<Option<u64>, RecordedFault> {
        let given: BTreeSet<Digest> = casts.iter().map(|cast| cast.statement.digest).collect();
        let formed = self.outcome_entry().map_or(u64::MAX, |entry| entry.seq);
        let mut open = None;
        for (entry, n_others) in self.unmatched(EntryType::DecisionLate, &given) {
            if n_others == 0 {
                return Err(RecordedFault::unmatched(entry));
            }
            // Before the outcome of this attempt a late decision is of an earlier one.
            open = if entry.seq > formed { Some(entry.seq) } else { open };
        }
        Ok(open)
    }

    /// The same about reports of executions. An attempt has one at most, so other attempts account for as many as they are.
    pub(super) fn unmatched_reports(&self, given: &BTreeSet<Digest>) -> Result<Option<u64>, RecordedFault> {
        let mut open = None;
        for (n, (entry, n_others)) in (1..).zip(self.unmatched(EntryType::ExecutionReported, given)) {
            if n > n_others {
                return Err(RecordedFault::unmatched(entry));
            }
            open = Some(entry.seq);
        }
        Ok(open)
    }

    /// Entries of a kind without statement after the beginning of this attempt, each with how many other attempts had ended
    /// before it.
    fn unmatched(&self, kind: EntryType, given: &BTreeSet<Digest>) -> Vec<(&'a Entry, usize)> {
        // An end that stands before any attempt is of none.
        let (mut n_others, mut is_own, mut has_ended) = (0, false, true);
        let mut found = Vec::new();
        for entry in self.entries {
            match entry.kind {
                EntryType::HandoffReceived => (is_own, has_ended) = (entry.seq == self.received.seq, false),
                EntryType::OutcomeFormed | EntryType::HandoffPassed => {
                    n_others += usize::from(!is_own && !has_ended);
                    has_ended = true;
                }
                other if other == kind && entry.seq > self.received.seq && !given.contains(&entry.object) => {
                    found.push((entry, n_others));
                }
                _ => {}
            }
        }
        found
    }

    /// Checks that the attempt was used up once, after its outcome and before an entry.
    pub(super) fn check_used(&self, outcome: Digest, report: &Entry) -> Result<(), RecordedFault> {
        let kind = EntryType::AttemptConsumed;
        let formed = self.of_kind(EntryType::OutcomeFormed).find(|entry| entry.object == outcome);
        let begin = formed.map_or(u64::MAX, |entry| entry.seq);
        let mut uses = self.of_kind(kind).filter(|entry| entry.seq > begin);
        match (uses.next(), uses.next()) {
            (Some(used), None) if used.seq < report.seq => Ok(()),
            _ => Err(RecordedFault::Missing { kind: kind.as_str(), what: "execution" }),
        }
    }
}
