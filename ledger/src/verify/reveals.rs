//! Who read which masked field, and was it recorded before the decision? Source: FORMATS.md §6.4, §9.3 and §11.2.

use std::collections::BTreeMap;

use seamark_contracts::api::reveal::RecordedBody;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::UserUrn;
use seamark_contracts::mask;
use seamark_contracts::reveal::{CopiedBody, Purpose, RevealedBody, find_revealable};
use seamark_contracts::strict_json::{self, Limits};
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::attempts::Part;
use super::recorded::{Cast, Recorded};
use super::{ClaimId, Finding, counted};
use crate::entry::{Entry, EntryType, MAX_ENTRY_BYTES};
use crate::key::{KeyId, KeyUse, TrustSet};
use crate::statement::HandoffStatement;

/// A masked field that a person read, as its ledger entry and its body prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedReveal {
    /// Index of its ledger entry.
    pub seq: u64,
    /// Gateway time of the entry.
    pub at: Timestamp,
    pub person: UserUrn,
    /// Printed name, as the directory has it.
    pub name: String,
    /// Key id of the decision key of the device.
    pub device: String,
    /// Path of the mask.
    pub path: String,
    pub purpose: Purpose,
    /// Digest of the disclosure.
    pub disclosure: String,
    /// Gateway time at which the value was put on the clipboard.
    pub copied_at: Option<Timestamp>,
}

/// Why entries about reveals do not hold.
#[derive(Debug, Error)]
enum RevealFault {
    #[error("the body for ledger entry {0} is given twice, or there is no such entry about a reveal")]
    NoEntry(u64),
    #[error("the body for ledger entry {0} is not the one that the entry names")]
    OtherBody(u64),
    #[error("ledger entry {seq} about a reveal {problem}")]
    Wrong { seq: u64, problem: &'static str },
    #[error("decision {number} names a field as revealed of which the ledger knows no reveal to its device before it")]
    Unrecorded { number: usize },
}

/// What a reveal is judged by.
pub(super) struct RevealCase<'a> {
    pub(super) handoff: &'a HandoffStatement,
    pub(super) contract: &'a CompiledContract,
    pub(super) trust: &'a TrustSet,
    pub(super) recorded: &'a Recorded,
    pub(super) casts: &'a [Cast],
    pub(super) bodies: &'a [RecordedBody],
}

impl RevealCase<'_> {
    pub(super) fn finding(&self) -> Finding<Vec<ProvedReveal>> {
        let Ok(part) = self.recorded.part(self.handoff) else { return Finding::without(ClaimId::Inclusion) };
        let bodies = match self.bodies() {
            Ok(bodies) => bodies,
            Err(fault) => return Finding::fail(&fault),
        };
        let is_missing = |entry: &&Entry| is_about_reveals(entry) && !bodies.contains_key(&entry.seq);
        let n_missing = self.recorded.entries().iter().filter(|entry| part.includes(entry)).filter(is_missing).count();
        let reveals = match self.reveals(part, &bodies) {
            Ok(reveals) => reveals,
            Err(fault) => return Finding::fail(&fault),
        };
        let unnamed = match self.check_named(&reveals) {
            Ok(unnamed) => unnamed,
            // What is missing could be the very entry that is looked for.
            Err(_) if n_missing > 0 => 0,
            Err(fault) => return Finding::fail(&fault),
        };
        if n_missing > 0 {
            let entries = counted(n_missing, "ledger entry", "ledger entries");
            return Finding::Unknown(format!(
                "{entries} about masked fields came without what was recorded beside it, so who read what is not shown."
            ));
        }
        let sentence = self.sentence(&reveals, unnamed, part);
        Finding::Pass(reveals, sentence)
    }

    fn sentence(&self, reveals: &[ProvedReveal], n_unnamed: usize, part: Part<'_>) -> String {
        let n_copied = reveals.iter().filter(|reveal| reveal.copied_at.is_some()).count();
        let mut sentence = match reveals.len() {
            0 => "No masked field was revealed".to_owned(),
            n => format!(
                "{} recorded before",
                counted(n, "masked field was revealed, and", "times a masked field was revealed, each")
            ),
        };
        if !reveals.is_empty() {
            sentence.push_str(" the value left the gateway");
        }
        if n_copied > 0 {
            sentence.push_str(&format!("; {} copied", counted(n_copied, "value was", "values were")));
        }
        if n_unnamed > 0 {
            sentence.push_str(&format!(
                "; of {} the view that was signed says nothing, as when an answer is lost on the way",
                counted(n_unnamed, "reveal", "reveals")
            ));
        }
        let n_refused = part.of(EntryType::AccessRefused).count();
        if n_refused > 0 {
            sentence.push_str(&format!("; {} refused", counted(n_refused, "request was", "requests were")));
        }
        sentence.push('.');
        sentence
    }

    /// The bodies by their entry, each the one that its entry names.
    fn bodies(&self) -> Result<BTreeMap<u64, &str>, RevealFault> {
        let mut bodies = BTreeMap::new();
        for given in self.bodies {
            let entry = self.recorded.entries().iter().find(|entry| entry.seq == given.seq && is_about_reveals(entry));
            let entry = entry.ok_or(RevealFault::NoEntry(given.seq))?;
            if entry.object != Digest::of(given.body.as_bytes()) {
                return Err(RevealFault::OtherBody(given.seq));
            }
            if bodies.insert(given.seq, given.body.as_str()).is_some() {
                return Err(RevealFault::NoEntry(given.seq));
            }
        }
        Ok(bodies)
    }

    fn reveals(&self, part: Part<'_>, bodies: &BTreeMap<u64, &str>) -> Result<Vec<ProvedReveal>, RevealFault> {
        let signed = serde_json::to_value(&self.handoff.predicate).unwrap_or(Value::Null);
        let mut reveals = Vec::new();
        for entry in part.of(EntryType::DisclosureRevealed) {
            let Some(body) = bodies.get(&entry.seq) else { continue };
            reveals.push(self.reveal(entry, body, &signed, part)?);
        }
        let without_body = |seq: u64| {
            let is_there = part.of(EntryType::DisclosureRevealed).any(|entry| entry.seq == seq);
            is_there && !bodies.contains_key(&seq)
        };
        for entry in part.of(EntryType::DisclosureCopied) {
            let Some(body) = bodies.get(&entry.seq) else { continue };
            let wrong = |problem| RevealFault::Wrong { seq: entry.seq, problem };
            let body: CopiedBody = read(body, entry).ok_or_else(|| wrong("has a body of another form"))?;
            let is_it = |reveal: &&mut ProvedReveal| {
                reveal.seq == body.reveal
                    && reveal.disclosure == body.disclosure
                    && reveal.device == body.device
                    && reveal.person == body.person
            };
            let is_of_actor = body.device == entry.actor && body.reveal < entry.seq;
            match reveals.iter_mut().find(is_it) {
                Some(reveal) if is_of_actor && body.v == 1 => reveal.copied_at = Some(entry.at),
                // The reveal itself came without its body; that is told.
                None if without_body(body.reveal) => {}
                _ => return Err(wrong("says that a value was copied which was not revealed so")),
            }
        }
        Ok(reveals)
    }

    fn reveal(&self, entry: &Entry, body: &str, signed: &Value, part: Part<'_>) -> Result<ProvedReveal, RevealFault> {
        let wrong = |problem| RevealFault::Wrong { seq: entry.seq, problem };
        let body: RevealedBody = read(body, entry).ok_or_else(|| wrong("has a body of another form"))?;
        let person = self.trust.subject(body.person.as_str());
        let key = KeyId::parse(&body.device).ok().and_then(|id| self.trust.find(&id, KeyUse::Decision));
        let is_persons = key.is_some_and(|key| key.subject == body.person.as_str() && key.is_valid_at(entry.at));
        let roles: Vec<String> = person
            .iter()
            .flat_map(|person| &person.roles)
            .filter(|held| held.from <= entry.at && held.to.is_none_or(|to| entry.at < to))
            .map(|held| held.role.clone())
            .collect();
        let request = self.handoff.predicate.request.as_ref();
        let is_candidate = request.is_some_and(|request| request.candidates.iter().any(|role| roles.contains(role)));
        let is_over = part.outcome_entry().is_some_and(|formed| formed.seq < entry.seq);
        let rules = [
            (body.v == 1, "has a body of another form"),
            (body.statement == self.handoff.digest, "is of another statement than this attempt's"),
            (body.device == entry.actor && is_persons, "names a device that was not this person's"),
            (
                is_candidate && seamark_contracts::reveal::may_reveal(self.contract, &roles),
                "names a person who had no right to read the field",
            ),
            (
                find_revealable(self.contract, &self.handoff.predicate, &body.path).is_some(),
                "is of a field that the contract lets nobody read",
            ),
            (
                mask::digests_at(signed, &body.path).contains(&body.disclosure.as_str()),
                "names a value that the signed handoff does not hide there",
            ),
            (body.purpose.check().is_ok(), "has a purpose of another form"),
            (!is_over, "came after the outcome"),
        ];
        if let Some((_, problem)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(wrong(problem));
        }
        Ok(ProvedReveal {
            seq: entry.seq,
            at: entry.at,
            name: person.map_or_else(String::new, |person| person.name.clone()),
            person: body.person,
            device: body.device,
            path: body.path,
            purpose: body.purpose,
            disclosure: body.disclosure,
            copied_at: None,
        })
    }

    /// Every field that a decision names as revealed was revealed to its device before. Gives the number of reveals to a
    /// device before its decision which the decision does not name.
    fn check_named(&self, reveals: &[ProvedReveal]) -> Result<usize, RevealFault> {
        let mut n_unnamed = 0;
        for (number, cast) in (1..).zip(self.casts) {
            let decision = &cast.statement.predicate;
            let kind = if cast.is_late { EntryType::DecisionLate } else { EntryType::DecisionRecorded };
            let entry = self.recorded.find(kind, cast.statement.digest, "decision").ok();
            let end = entry.map_or(u64::MAX, |entry| entry.seq);
            let before: Vec<&ProvedReveal> =
                reveals.iter().filter(|reveal| reveal.device == decision.reviewer.keyid && reveal.seq < end).collect();
            let is_known = |digest: &String| before.iter().any(|reveal| reveal.disclosure == *digest);
            if !decision.view.disclosed.iter().all(is_known) {
                return Err(RevealFault::Unrecorded { number });
            }
            n_unnamed += before.iter().filter(|reveal| !decision.view.disclosed.contains(&reveal.disclosure)).count();
        }
        Ok(n_unnamed)
    }
}

/// Whether an entry has a body that belongs to a record.
pub(crate) fn is_about_reveals(entry: &Entry) -> bool {
    matches!(entry.kind, EntryType::DisclosureRevealed | EntryType::DisclosureCopied | EntryType::AccessRefused)
}

fn read<T: DeserializeOwned>(body: &str, entry: &Entry) -> Option<T> {
    let limits = Limits::SIGNED.with_max_bytes(MAX_ENTRY_BYTES);
    let value = strict_json::parse(body.as_bytes(), &limits).ok()?;
    let is_kind = value.get("type").and_then(Value::as_str) == Some(entry.kind.as_str());
    strict_json::from_value(&value).ok().filter(|_| is_kind)
}
