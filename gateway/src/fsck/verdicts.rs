//! Shown views, decisions, outcomes and reports against their entries, and every outcome counted again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::db::SqliteConnection;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ContractId, ContractRef};
use seamark_contracts::outcome::{ExecutionPredicate, OutcomePredicate};
use seamark_ledger::entry::EntryType;
use seamark_ledger::statement::{self, DecisionStatement, HandoffStatement};
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::{Ballot, check_decision, check_outcome, holds_until, judge_reviewer, verify_handoff};
use serde_json::Value;

use super::{Facts, FsckReport, Ground, PAGE};
use crate::db::attempt::AttemptRow;
use crate::db::decision::DecisionRow;
use crate::db::outcome::OutcomeRow;
use crate::db::{self, StorageError};
use crate::directory::Trusted;
use crate::document;

pub(super) async fn check(
    ground: &Ground,
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    check_presented(connection, facts, report).await?;
    let trusted = ground.trusted(connection).await?;
    let (mut last, mut contracts) = (-1, Contracts::default());
    loop {
        let page = db::attempt::list_after(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { break };
        last = end;
        for row in page.iter().filter(|row| row.review_id.is_some()) {
            check_review(ground, connection, row, &trusted, &mut contracts, facts, report).await?;
        }
    }
    check_executions(connection, &trusted, facts, report).await
}

/// The contracts that were needed so far; `None` for one that cannot be read.
#[derive(Default)]
struct Contracts(BTreeMap<ContractId, Option<CompiledContract>>);

impl Contracts {
    /// Whether it is the one that a handoff pins is found where a view is rendered under it.
    async fn load(
        &mut self,
        connection: &mut SqliteConnection,
        pinned: &ContractRef,
    ) -> Result<Option<&CompiledContract>, StorageError> {
        let id = ContractId { name: pinned.name.clone(), version: pinned.version.clone() };
        let known = match self.0.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let row = db::contract::find(connection, &pinned.name, &pinned.version).await?;
                place.insert(row.and_then(|row| CompiledContract::from_document(&row.canonical).ok()))
            }
        };
        Ok(known.as_ref())
    }
}

async fn check_presented(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let mut last = -1;
    loop {
        let page = db::decision::list_presented(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { return Ok(()) };
        last = end;
        for row in page {
            report.n_presented += 1;
            let digest = Digest::of(&row.view);
            let entry = facts.take(row.no, EntryType::HandoffPresented);
            let is_good = row.digest == digest.as_bytes() && entry.is_some_and(|entry| entry.object == digest);
            report.expect(is_good, "presented", row.no, "the view is not the one that was presented");
        }
    }
}

async fn check_review(
    ground: &Ground,
    connection: &mut SqliteConnection,
    row: &AttemptRow,
    trusted: &Trusted,
    contracts: &mut Contracts,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let no = row.no;
    let Some(statement) = db::attempt::load_statement(connection, no).await? else { return Ok(()) };
    let envelope = document::envelope(&statement.bytes, &statement.signature, &ground.keys.handoff);
    // A statement that does not verify was reported with its attempt.
    let Ok(handoff) = verify_handoff(&envelope, &trusted.keys, Timestamp::from_ms(i64::MAX)) else { return Ok(()) };
    let Some(contract) = contracts.load(connection, &handoff.predicate.contract).await? else {
        report.add("attempt", no, "its contract cannot be read, so its decisions cannot be judged");
        return Ok(());
    };
    let decisions = db::decision::list(connection, no).await?;
    let outcome = db::outcome::find(connection, no).await?;
    let mut statements = Vec::new();
    for decision in &decisions {
        report.n_decisions += 1;
        let verified = check_decision_row(decision, &handoff, contract, trusted, facts, report);
        // Late decisions came after the outcome and are no part of it.
        let is_part = outcome.as_ref().is_none_or(|outcome| decision.no < outcome.no);
        if let Some(verified) = verified.filter(|_| is_part) {
            statements.push((verified, decision));
        }
    }
    let is_closed = row.state != "open";
    report.expect(outcome.is_some() == is_closed, "attempt", no, "it is closed without an outcome, or open with one");
    if let Some(outcome) = outcome {
        report.n_outcomes += 1;
        check_outcome_row(ground, row, &outcome, &handoff, &statements, trusted, facts, report);
    }
    Ok(())
}

fn check_decision_row(
    row: &DecisionRow,
    handoff: &Verified<HandoffStatement>,
    contract: &CompiledContract,
    trusted: &Trusted,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Option<Verified<DecisionStatement>> {
    let no = row.no;
    let is_late = row.why.as_deref() == Some("late");
    let kind = if is_late { EntryType::DecisionLate } else { EntryType::DecisionRecorded };
    let envelope: Value = serde_json::from_str(&row.envelope).unwrap_or_default();
    let recorded_at = Timestamp::from_ms(row.recorded_ms);
    let verified = match check_decision(&envelope, handoff, contract, &trusted.keys, &row.view, recorded_at) {
        Ok(verified) => verified,
        Err(error) => {
            report.add("decision", no, format!("the decision does not verify: {}", crate::problem::chain(&error)));
            return None;
        }
    };
    let predicate = &verified.predicate;
    let is_same = row.digest == verified.digest.as_bytes()
        && row.decision_id == predicate.decision_id.to_string()
        && row.person == predicate.reviewer.id.as_str()
        && row.person_name == predicate.reviewer.name
        && document::word(&row.kind) == Some(predicate.decision)
        && row.decided_ms == predicate.decided_at.as_ms()
        && row.counted == row.why.is_none();
    report.expect(is_same, "decision", no, "its columns say something else than the signed statement");
    let is_entered = facts.take(no, kind).is_some_and(|entry| {
        entry.object == verified.digest
            && entry.sigs.contains(&verified.signature.digest())
            && entry.actor == verified.by.key.id().to_string()
            && entry.at == recorded_at
    });
    report.expect(is_entered, "decision", no, "its entry names another decision, signer or time");
    Some(verified)
}

#[expect(clippy::too_many_arguments, reason = "an outcome is compared with everything it follows from")]
fn check_outcome_row(
    ground: &Ground,
    attempt: &AttemptRow,
    row: &OutcomeRow,
    handoff: &Verified<HandoffStatement>,
    decisions: &[(Verified<DecisionStatement>, &DecisionRow)],
    trusted: &Trusted,
    facts: &mut Facts,
    report: &mut FsckReport,
) {
    let no = row.no;
    let envelope = document::envelope(&row.statement, &row.signature, &ground.keys.outcome);
    let verified = match statement::verify::<OutcomePredicate>(&envelope, &trusted.keys) {
        Ok(verified) => verified,
        Err(error) => {
            report.add("outcome", no, format!("the outcome does not verify: {}", crate::problem::chain(&error)));
            return;
        }
    };
    let predicate = &verified.predicate;
    let is_same = row.digest == verified.digest.as_bytes()
        && row.outcome_id == predicate.outcome_id.to_string()
        && row.kind == attempt.state
        && document::word(&row.kind) == Some(predicate.outcome)
        && document::word(&row.cause) == Some(predicate.cause)
        && row.formed_ms == predicate.formed_at.as_ms();
    report.expect(is_same, "outcome", no, "its columns say something else than the signed statement");
    let is_entered = facts
        .take(no, EntryType::OutcomeFormed)
        .is_some_and(|entry| entry.object == verified.digest && entry.sigs.contains(&verified.signature.digest()));
    report.expect(is_entered, "outcome", no, "its entry names another outcome");
    // Invariant B3: counted again from the verified signatures alone.
    let ballots: Vec<Ballot<'_>> = decisions
        .iter()
        .map(|(decision, row)| Ballot {
            decision,
            recorded_at: Timestamp::from_ms(row.recorded_ms),
            eligibility: judge_reviewer(&decision.predicate, &handoff.predicate, &trusted.keys),
            until: holds_until(decision, &trusted.keys, Timestamp::from_ms(row.recorded_ms)),
        })
        .collect();
    match check_outcome(&verified, handoff, &ballots) {
        Ok(recount) => {
            let is_counted =
                recount.decisions.iter().zip(decisions).all(|(counted, (_, row))| counted.counted == row.counted);
            report.expect(is_counted, "decision", no, "a decision is marked as counted or not against the count");
        }
        Err(error) => report.add("outcome", no, format!("it does not follow from the decisions: {error}")),
    }
}

async fn check_executions(
    connection: &mut SqliteConnection,
    trusted: &Trusted,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let mut last = -1;
    loop {
        let page = db::outcome::list_executions(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { return Ok(()) };
        last = end;
        for row in page {
            report.n_executions += 1;
            let envelope: Value = serde_json::from_str(&row.envelope).unwrap_or_default();
            let verified = statement::verify::<ExecutionPredicate>(&envelope, &trusted.keys).ok();
            let entry = facts.take(row.no, EntryType::ExecutionReported);
            let attempt = db::attempt::load(connection, row.attempt).await?;
            let is_good = verified.is_some_and(|verified| {
                let predicate = &verified.predicate;
                row.digest == verified.digest.as_bytes()
                    && document::word(&row.result) == Some(predicate.result)
                    && row.executor == predicate.executor.as_str()
                    && row.executed_ms == predicate.executed_at.as_ms()
                    && attempt.is_some_and(|attempt| attempt.attempt == predicate.attempt)
                    && entry.is_some_and(|entry| {
                        entry.object == verified.digest && entry.sigs.contains(&verified.signature.digest())
                    })
            });
            report.expect(is_good, "execution", row.no, "this report is not the one that was signed and recorded");
        }
    }
}
