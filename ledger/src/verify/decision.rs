//! Is this a decision that this person made over exactly this handoff, seeing exactly this view?

use std::collections::BTreeSet;

use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::decision::{DecisionKind, DecisionPredicate};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{HandoffPredicate, ReviewRequest, Tier};
use seamark_contracts::outcome::NotCounted;
use seamark_contracts::review::Eligibility;
use seamark_contracts::view::View;
use serde_json::Value;
use thiserror::Error;

use super::view::{ViewFault, check_view};
use crate::directory::{DirectorySubject, MAX_SKEW_MS, SubjectKind};
use crate::key::TrustSet;
use crate::statement::{self, DecisionStatement, HandoffStatement, StatementError, StatementFault, Subject};
use crate::verified::Verified;

/// How long one verification of the person serves, in milliseconds, below tier T3.
const UNLOCKED_MS: i64 = 15 * 60_000;

/// Why an envelope holds no decision that could count.
#[derive(Debug, Error)]
pub enum DecisionFault {
    #[error("verify the decision statement")]
    Statement(#[source] StatementError),
    #[error("check the key of the decision statement")]
    Key(#[source] StatementFault),
    #[error("handoff asks for no decision")]
    NoRequest,
    #[error("decision is about another handoff statement")]
    OtherHandoff,
    #[error("decision is not one of the options that were asked for")]
    NotOffered,
    #[error("{0} of the decision is not that of the handoff")]
    Binding(&'static str),
    #[error("reviewer is no person of the directory with this key and name")]
    Reviewer,
    #[error("role is none in which this person could decide when it was recorded")]
    NotCandidate,
    #[error("check the view")]
    View(#[source] ViewFault),
    #[error("view is not the one that was signed")]
    OtherView,
    #[error("view shows other revealed fields than the decision names")]
    Disclosed,
    #[error("times of the decision are out of order: {0}")]
    Times(&'static str),
    #[error("required evidence {0} was not opened before the approval")]
    Evidence(String),
    #[error("critical value {0} was not confirmed as it was shown")]
    Confirm(String),
    #[error("{0} is not one of those that the view offered")]
    Choice(&'static str),
}

/// Verifies the envelope of a decision over `handoff` that was recorded at `recorded_at`.
///
/// `view` are the canonical bytes of what was shown. It is rendered again from the statement and `contract`
/// ([`check_view`]), so tier, reasons, targets, critical values and required evidence are the contract's and never those
/// of a view that somebody made up (invariant B11).
///
/// # Errors
/// [`DecisionFault`]: no statement under a decision key, another handoff, attempt, audience, contract or policy, a signer
/// that is not the named person, a role that is no candidate or was not held, a key that was not valid when recorded,
/// another view, times that cannot be (two minutes between clocks are allowed), evidence that was not opened at tier T2
/// and above, or a critical value that was not confirmed at tier T3 and above.
pub fn check_decision(
    envelope: &Value,
    handoff: &Verified<HandoffStatement>,
    contract: &CompiledContract,
    trust: &TrustSet,
    view: &[u8],
    recorded_at: Timestamp,
) -> Result<Verified<DecisionStatement>, DecisionFault> {
    let statement = statement::verify::<DecisionPredicate>(envelope, trust).map_err(DecisionFault::Statement)?;
    let request = handoff.predicate.request.as_ref().ok_or(DecisionFault::NoRequest)?;
    if statement.subject != [Subject::handoff(handoff.predicate.handoff_id, handoff.digest)] {
        return Err(DecisionFault::OtherHandoff);
    }
    let decision = &statement.predicate;
    check_bindings(decision, &handoff.predicate, request)?;
    statement.check_key_window(recorded_at).map_err(DecisionFault::Key)?;
    check_reviewer(&statement, request, trust, recorded_at)?;
    let shown = check_view(view, handoff, contract).map_err(DecisionFault::View)?;
    if Digest::of(view) != decision.view.digest {
        return Err(DecisionFault::OtherView);
    }
    check_seen(decision, &shown.view)?;
    check_times(decision, &handoff.predicate, recorded_at)?;
    Ok(statement)
}

fn check_bindings(
    decision: &DecisionPredicate,
    handoff: &HandoffPredicate,
    request: &ReviewRequest,
) -> Result<(), DecisionFault> {
    if !request.options.contains(&decision.decision) {
        return Err(DecisionFault::NotOffered);
    }
    let bindings = [
        ("attempt", decision.attempt == handoff.attempt),
        ("audience", decision.audience == handoff.destination.audience),
        ("contract", decision.contract == handoff.contract),
        ("policy", decision.policy == request.policy),
    ];
    match bindings.iter().find(|(_, is_same)| !is_same) {
        Some((name, _)) => Err(DecisionFault::Binding(name)),
        None => Ok(()),
    }
}

/// Signer = reviewer = person of the directory, in a role that was asked for and that the person had.
fn check_reviewer(
    statement: &DecisionStatement,
    request: &ReviewRequest,
    trust: &TrustSet,
    recorded_at: Timestamp,
) -> Result<(), DecisionFault> {
    let reviewer = &statement.predicate.reviewer;
    let is_reviewer = |person: &&DirectorySubject| {
        person.id == reviewer.id.as_str() && person.kind == SubjectKind::Person && person.name == reviewer.name
    };
    let person = trust.subject(&statement.by.subject).filter(is_reviewer).ok_or(DecisionFault::Reviewer)?;
    let is_candidate = request.candidates.contains(&reviewer.role) && person.has_role(&reviewer.role, recorded_at);
    if is_candidate { Ok(()) } else { Err(DecisionFault::NotCandidate) }
}

/// What was decided has to fit what was on screen.
fn check_seen(decision: &DecisionPredicate, shown: &View) -> Result<(), DecisionFault> {
    if decision.view.disclosed != shown.disclosed {
        return Err(DecisionFault::Disclosed);
    }
    match decision.decision {
        DecisionKind::Approve => check_approval(decision, shown),
        DecisionKind::Reject => {
            let is_choice = shown.reject_reasons.iter().any(|reason| reason.code == decision.reason.code);
            if is_choice { Ok(()) } else { Err(DecisionFault::Choice("the reason")) }
        }
        DecisionKind::Escalate => {
            let is_target = |to: &String| shown.escalation_targets.contains(to) || *to == shown.fallback_owner;
            let is_choice = decision.escalation.as_ref().is_some_and(|escalation| is_target(&escalation.to));
            if is_choice { Ok(()) } else { Err(DecisionFault::Choice("the one it is handed on to")) }
        }
    }
}

fn check_approval(decision: &DecisionPredicate, shown: &View) -> Result<(), DecisionFault> {
    let opened: BTreeSet<&str> = decision.view.opened.iter().map(String::as_str).collect();
    let is_missing = |id: &&str| shown.tier >= Tier::T2 && !opened.contains(id);
    let required = shown.evidence.iter().filter(|evidence| evidence.required).map(|evidence| evidence.id.as_str());
    if let Some(id) = required.into_iter().find(|id| is_missing(id)) {
        return Err(DecisionFault::Evidence(id.to_owned()));
    }
    for fact in shown.facts.iter().filter(|fact| fact.confirm) {
        let is_confirmed =
            |given: &seamark_contracts::decision::ConfirmedValue| given.fact == fact.id && given.value == fact.value;
        if !decision.confirmed.iter().any(is_confirmed) {
            return Err(DecisionFault::Confirm(fact.id.clone()));
        }
    }
    Ok(())
}

/// Created, opened, verified, decided, recorded: in this order, each with what clocks may differ.
fn check_times(
    decision: &DecisionPredicate,
    handoff: &HandoffPredicate,
    recorded_at: Timestamp,
) -> Result<(), DecisionFault> {
    let earliest = handoff.created_at.plus_ms(-MAX_SKEW_MS);
    let rules = [
        (earliest <= decision.view.opened_at, "opened before the handoff was there"),
        (decision.decided_at <= recorded_at.plus_ms(MAX_SKEW_MS), "decided after it was recorded"),
        (is_fresh(decision, handoff.gate.tier), "the person was verified too long before"),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(DecisionFault::Times(what)),
        None => Ok(()),
    }
}

/// At high risk the person is verified for this one decision, otherwise for a period.
fn is_fresh(decision: &DecisionPredicate, tier: Tier) -> bool {
    let serves_until = decision.auth.at.plus_ms(UNLOCKED_MS + MAX_SKEW_MS);
    let is_for_this_one = decision.view.opened_at <= decision.auth.at.plus_ms(MAX_SKEW_MS);
    decision.decided_at <= serves_until && (tier < Tier::T3 || is_for_this_one)
}

/// The first moment at which the signer no longer has the key or the role of a decision that was recorded at
/// `recorded_at`; `None` while both have no end. An approval counts for nothing that is decided from then on (B10).
#[must_use]
pub fn holds_until(
    decision: &Verified<DecisionStatement>,
    trust: &TrustSet,
    recorded_at: Timestamp,
) -> Option<Timestamp> {
    let role = &decision.predicate.reviewer.role;
    let roles = trust.subject(&decision.by.subject).map(|person| person.roles.as_slice()).unwrap_or_default();
    let held = roles
        .iter()
        .filter(|held| held.role == *role && held.from <= recorded_at && held.to.is_none_or(|to| recorded_at < to));
    // Held twice at that moment, it ends with the later one; without an end, not at all.
    let role_ends = held.map(|held| held.to).reduce(|one, other| Some(one?.max(other?))).flatten();
    match (decision.by.to, role_ends) {
        (Some(key), Some(role)) => Some(key.min(role)),
        (one, other) => one.or(other),
    }
}

/// Whether a verified decision may contribute: whoever asked for the action, spoke for it or answers for its agent does
/// not decide on it, in whatever role (invariant B4).
#[must_use]
pub fn judge_reviewer(decision: &DecisionPredicate, handoff: &HandoffPredicate, trust: &TrustSet) -> Eligibility {
    let reviewer = decision.reviewer.id.as_str();
    let author = handoff.intent.get("author").and_then(Value::as_str);
    let owns =
        |agent: &str| trust.subject(agent).is_some_and(|subject| subject.owners.iter().any(|owner| owner == reviewer));
    let is_requester = handoff.source.on_behalf_of.as_ref().is_some_and(|person| person.as_str() == reviewer);
    let is_party = is_requester
        || author == Some(reviewer)
        || owns(handoff.source.agent.as_str())
        || owns(handoff.source.submitted_by.as_str());
    if is_party { Eligibility::Not(NotCounted::Conflict) } else { Eligibility::Eligible }
}
