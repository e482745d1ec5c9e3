//! Is everything in the ledger, at its place and in the right order?

use seamark_contracts::api::ledger::RecordedEntry;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::digest::Digest;
use thiserror::Error;

use super::attempts::Part;
use super::decision::{holds_until, judge_reviewer};
use super::outcome::Ballot;
use super::{DecisionFault, check_decision};
use crate::checkpoint::Head;
use crate::dsse::Envelope;
use crate::entry::{Entry, EntryError, EntryType, leaf_digest};
use crate::key::{Signature, TrustSet};
use crate::statement::{DecisionStatement, HandoffStatement, OutcomeStatement};
use crate::tree::{Hash, ProofError, leaf_hash, verify_inclusion};
use crate::verified::Verified;
use seamark_contracts::review::Eligibility;
use serde_json::Value;

/// Most entries of one handoff.
const MAX_ENTRIES: usize = 10_000;

/// The verified entries of one handoff: a gapless chain from its first, each included under one checkpoint.
#[derive(Debug)]
pub(super) struct Recorded {
    entries: Vec<Entry>,
}

/// Why entries are not those of the handoff under the checkpoint.
#[derive(Debug, Error)]
pub(super) enum RecordedFault {
    #[error("no ledger entry was given")]
    None,
    #[error("more than {MAX_ENTRIES} ledger entries were given")]
    TooMany,
    #[error("read ledger entry {seq}")]
    Entry {
        seq: u64,
        #[source]
        source: EntryError,
    },
    #[error("ledger entry {seq} {problem}")]
    Other { seq: u64, problem: &'static str },
    #[error("check the inclusion of ledger entry {seq}")]
    Proof {
        seq: u64,
        #[source]
        source: ProofError,
    },
    #[error("ledger has no single entry {kind} for the {what}")]
    Missing { kind: &'static str, what: &'static str },
    #[error("ledger entry of the {what} names another signature or key")]
    Signature { what: &'static str },
    #[error("ledger entry of the {what} stands before what it follows from")]
    Order { what: &'static str },
    #[error("outcome names a ledger head that does not hold all its decisions")]
    OutcomeHead,
    #[error("ledger entry {seq} ({kind}) is of this attempt, and the statement that it records is not given")]
    Unmatched { seq: u64, kind: &'static str },
    #[error("ledger entry {seq} was recorded at {at}, which is after {now}, the time at which this is judged")]
    Later { seq: u64, at: Timestamp, now: Timestamp },
    /// Nothing is wrong with what is given; what proves it came later.
    #[error("the entries end before the attempt that takes the place of this one")]
    Cut,
}

impl RecordedFault {
    pub(super) fn unmatched(entry: &Entry) -> Self {
        Self::Unmatched { seq: entry.seq, kind: entry.kind.as_str() }
    }
}

/// Checks each entry under the head, and that together they are the chain of one handoff.
pub(super) fn check_entries(
    given: &[RecordedEntry],
    head: &Verified<Head>,
    ledger_ref: Digest,
) -> Result<Recorded, RecordedFault> {
    if given.is_empty() {
        return Err(RecordedFault::None);
    }
    if given.len() > MAX_ENTRIES {
        return Err(RecordedFault::TooMany);
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(given.len());
    let mut newest: Option<(u64, Digest)> = None;
    for recorded in given {
        let entry = check_entry(recorded, head, ledger_ref)?;
        let other = |problem| RecordedFault::Other { seq: entry.seq, problem };
        if newest.is_some_and(|(seq, _)| entry.seq <= seq) {
            return Err(other("is not after the one before it"));
        }
        if entry.prev != newest.map(|(_, leaf)| leaf) {
            return Err(other("does not name the one before it of this handoff"));
        }
        newest = Some((entry.seq, leaf_digest(recorded.entry.as_bytes())));
        entries.push(entry);
    }
    Ok(Recorded { entries })
}

fn check_entry(recorded: &RecordedEntry, head: &Head, ledger_ref: Digest) -> Result<Entry, RecordedFault> {
    let seq = recorded.seq;
    let bytes = recorded.entry.as_bytes();
    let entry = Entry::parse(bytes).map_err(|source| RecordedFault::Entry { seq, source })?;
    let rules = [
        (entry.seq == seq, "says that it stands elsewhere"),
        (entry.origin == head.origin(), "is of another ledger"),
        (entry.handoff == Some(ledger_ref), "is of another handoff"),
        (recorded.size == head.size(), "is proved for another head"),
    ];
    if let Some((_, problem)) = rules.into_iter().find(|(holds, _)| !holds) {
        return Err(RecordedFault::Other { seq, problem });
    }
    let proof: Result<Vec<Hash>, _> = recorded.proof.iter().map(|hash| Hash::parse(hash)).collect();
    let proof = proof.map_err(|_| RecordedFault::Other { seq, problem: "has a proof with a hash that is none" })?;
    verify_inclusion(&leaf_hash(bytes), seq, head.size(), &proof, &head.root())
        .map_err(|source| RecordedFault::Proof { seq, source })?;
    Ok(entry)
}

/// A verified decision with its ledger entry.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) statement: Verified<DecisionStatement>,
    pub(super) recorded_at: Timestamp,
    pub(super) eligibility: Eligibility,
    /// First moment at which key or role of the signer were over.
    until: Option<Timestamp>,
    /// Recorded after the attempt ended; never part of the outcome.
    pub(super) is_late: bool,
}

impl Cast {
    pub(super) fn ballot(&self) -> Ballot<'_> {
        Ballot {
            decision: &self.statement,
            recorded_at: self.recorded_at,
            eligibility: self.eligibility,
            until: self.until,
        }
    }
}

/// Why decisions do not hold.
#[derive(Debug, Error)]
pub(super) enum CastFault {
    #[error("there are {decisions} decisions and {views} views")]
    Views { decisions: usize, views: usize },
    #[error("find decision {number} in the ledger")]
    Unrecorded {
        number: usize,
        #[source]
        source: RecordedFault,
    },
    #[error("check decision {number}")]
    Decision {
        number: usize,
        #[source]
        source: DecisionFault,
    },
    #[error("decision {number} is not in the order of the ledger")]
    Order { number: usize },
    #[error("decision {number} names more fields as revealed than were revealed to its device before it")]
    Unrevealed { number: usize },
}

impl Recorded {
    /// Verifies every decision as it was recorded; `views` are their canonical bytes in the same order.
    pub(super) fn check_decisions(
        &self,
        envelopes: &[Value],
        views: &[Vec<u8>],
        handoff: &Verified<HandoffStatement>,
        contract: &CompiledContract,
        trust: &TrustSet,
    ) -> Result<Vec<Cast>, CastFault> {
        if envelopes.len() != views.len() {
            return Err(CastFault::Views { decisions: envelopes.len(), views: views.len() });
        }
        let mut casts = Vec::with_capacity(envelopes.len());
        let mut last_seq = None;
        for (number, (envelope, view)) in (1..).zip(envelopes.iter().zip(views)) {
            let unrecorded = |source| CastFault::Unrecorded { number, source };
            let entry = self.find_decision(envelope).map_err(unrecorded)?;
            if last_seq.is_some_and(|last| entry.seq <= last) {
                return Err(CastFault::Order { number });
            }
            last_seq = Some(entry.seq);
            let statement = check_decision(envelope, handoff, contract, trust, view, entry.at)
                .map_err(|source| CastFault::Decision { number, source })?;
            check_signature(entry, &statement.signature, &statement.predicate.reviewer.keyid, "decision")
                .map_err(unrecorded)?;
            if !self.has_reveals(&statement, handoff, entry.seq) {
                return Err(CastFault::Unrevealed { number });
            }
            let eligibility = judge_reviewer(&statement.predicate, &handoff.predicate, trust);
            let is_late = entry.kind == EntryType::DecisionLate;
            let until = holds_until(&statement, trust, entry.at);
            casts.push(Cast { statement, recorded_at: entry.at, eligibility, until, is_late });
        }
        Ok(casts)
    }

    /// Whether there are as many reveals to the signing device before a decision as the decision names fields. Which fields
    /// these were, the bodies say; they are no part of a delivery.
    fn has_reveals(&self, decision: &DecisionStatement, handoff: &HandoffStatement, seq: u64) -> bool {
        let disclosed = &decision.predicate.view.disclosed;
        if disclosed.is_empty() {
            return true;
        }
        let begin = self.find(EntryType::HandoffReceived, handoff.digest, "handoff").map_or(seq, |entry| entry.seq);
        let is_it = |entry: &&Entry| {
            entry.kind == EntryType::DisclosureRevealed
                && entry.actor == decision.predicate.reviewer.keyid
                && (begin..seq).contains(&entry.seq)
        };
        self.entries.iter().filter(is_it).count() >= disclosed.len()
    }

    fn find_decision(&self, envelope: &Value) -> Result<&Entry, RecordedFault> {
        let missing = RecordedFault::Missing { kind: "decision.recorded", what: "decision" };
        let Ok(envelope) = Envelope::from_value(envelope) else { return Err(missing) };
        let digest = envelope.unverified_value().unverified_digest();
        let is_kind = |entry: &&Entry| matches!(entry.kind, EntryType::DecisionRecorded | EntryType::DecisionLate);
        let mut found = self.entries.iter().filter(is_kind).filter(|entry| entry.object == digest);
        match (found.next(), found.next()) {
            (Some(entry), None) => Ok(entry),
            _ => Err(missing),
        }
    }

    /// The one entry of this kind about this object.
    pub(super) fn find(&self, kind: EntryType, object: Digest, what: &'static str) -> Result<&Entry, RecordedFault> {
        let mut found = self.entries.iter().filter(|entry| entry.kind == kind && entry.object == object);
        match (found.next(), found.next()) {
            (Some(entry), None) => Ok(entry),
            _ => Err(RecordedFault::Missing { kind: kind.as_str(), what }),
        }
    }

    /// Whether a view was recorded as shown, by this key, within the first `size` entries.
    pub(super) fn was_presented(&self, view: Digest, keyid: &str, size: u64) -> bool {
        let is_it = |entry: &Entry| {
            entry.kind == EntryType::HandoffPresented
                && entry.object == view
                && entry.actor == keyid
                && entry.seq < size
        };
        self.entries.iter().any(is_it)
    }

    /// Checks that the handoff was admitted, and then passed, or decided, and then concluded; and that no other decision and
    /// no other outcome was recorded in this attempt.
    pub(super) fn check_order(
        &self,
        handoff: &HandoffStatement,
        casts: &[Cast],
        outcome: Option<&OutcomeStatement>,
    ) -> Result<(), RecordedFault> {
        let part = self.part(handoff)?;
        let received = part.received();
        if !received.sigs.contains(&handoff.signature.digest()) {
            return Err(RecordedFault::Signature { what: "handoff" });
        }
        part.check_complete(casts, outcome.map(|outcome| outcome.digest))?;
        if handoff.predicate.request.is_none() {
            let passed = self.find(EntryType::HandoffPassed, handoff.digest, "handoff")?;
            in_order(received.seq < passed.seq, "passed handoff")?;
            return part.check_last();
        }
        let formed = match outcome {
            Some(outcome) => Some(self.find(EntryType::OutcomeFormed, outcome.digest, "outcome")?),
            None => None,
        };
        let mut last = received.seq;
        for cast in casts {
            let kind = if cast.is_late { EntryType::DecisionLate } else { EntryType::DecisionRecorded };
            let entry = self.find(kind, cast.statement.digest, "decision")?;
            if cast.is_late {
                // A gateway that calls a decision late takes its weight; it may do so only once the attempt has ended.
                in_order(formed.is_some_and(|formed| entry.seq > formed.seq), "late decision")?;
            } else {
                part.check_holds(entry, "decision")?;
                last = last.max(entry.seq);
            }
        }
        match (outcome, formed) {
            (Some(outcome), Some(formed)) => check_outcome_entry(part, outcome, formed, last),
            _ => part.check_last(),
        }
    }

    /// The entries, by ascending index.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries there are.
    pub(super) fn n_entries(&self) -> usize {
        self.entries.len()
    }
}

/// `last` is the newest entry that the outcome follows from.
fn check_outcome_entry(
    part: Part<'_>,
    outcome: &OutcomeStatement,
    entry: &Entry,
    last: u64,
) -> Result<(), RecordedFault> {
    let says = &outcome.predicate;
    check_signature(entry, &outcome.signature, &says.formed_by, "outcome")?;
    part.check_holds(entry, "outcome")?;
    in_order(entry.seq > last && says.formed_at <= entry.at, "outcome")?;
    let holds_all = says.ledger.origin == entry.origin && says.ledger.size > last && says.ledger.size <= entry.seq;
    if !holds_all {
        return Err(RecordedFault::OutcomeHead);
    }
    part.check_ending(says, entry)
}

fn in_order(holds: bool, what: &'static str) -> Result<(), RecordedFault> {
    if holds { Ok(()) } else { Err(RecordedFault::Order { what }) }
}

pub(super) fn check_signature(
    entry: &Entry,
    signature: &Signature,
    keyid: &str,
    what: &'static str,
) -> Result<(), RecordedFault> {
    let is_it = entry.actor == keyid && entry.sigs.contains(&signature.digest());
    if is_it { Ok(()) } else { Err(RecordedFault::Signature { what }) }
}
