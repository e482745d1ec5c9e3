//! The destination's gate: may exactly this be done, by me, now?
//!
//! Everything is judged before anything is done; the attempt is then used at the gateway, once, and only then is the
//! action taken. Source: FORMATS.md §12.

use seamark_contracts::api::agent::Delivery;
use seamark_contracts::canonical;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::decision::Window;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{Constraint, ContractRef};
use seamark_contracts::id::{AgentUrn, HandoffId, OutcomeId};
use seamark_contracts::mask::{self, MaskError};
use seamark_contracts::outcome::{OutcomeKind, OutcomePredicate};
use serde_json::{Value, json};

use super::handoff::{ledger_ref, verify_handoff};
use super::outcome::check_outcome;
use super::outside::witnesses_finding;
use super::recorded::{Cast, Recorded, RecordedFault, check_entries};
use super::{ClaimId, Finding, Pinned, Report, Verdict, counted};
use crate::checkpoint::{Checkpoint, Head};
use crate::directory::{self, MAX_SKEW_MS};
use crate::key::TrustSet;
use crate::statement::{self, HandoffStatement, OutcomeStatement};
use crate::verified::Verified;

/// The value of a delivery's `format`.
pub const DELIVERY_FORMAT: &str = "seamark-delivery/v1";

/// What may be done, once, by whoever verified it: reconstructed from signed bytes and disclosures.
#[derive(Clone, PartialEq)]
pub struct ApprovedAction {
    pub handoff_id: HandoffId,
    /// To be used at the gateway before acting, and as idempotency key of the act.
    pub attempt: String,
    pub audience: String,
    pub contract: ContractRef,
    /// The agent that may act.
    pub destination: AgentUrn,
    /// Every hidden field in its place. Act on this and on nothing else.
    pub payload: Value,
    /// Likewise.
    pub tool_outputs: Value,
    pub constraints: Vec<Constraint>,
    /// Digests of the approvals that count; empty when the handoff passed without a person.
    pub decisions: Vec<Digest>,
    /// Digests of the disclosures that were used.
    pub disclosures: Vec<String>,
    /// Digest of the handoff statement.
    pub handoff: Digest,
    /// Id and digest of the outcome statement; absent when the handoff passed without a person.
    pub outcome: Option<(OutcomeId, Digest)>,
    /// When it may be done; absent when the handoff passed without a person.
    pub window: Option<Window>,
}

/// Prints nothing that was hidden.
impl std::fmt::Debug for ApprovedAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApprovedAction")
            .field("handoff_id", &self.handoff_id)
            .field("handoff", &self.handoff)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// Checks a delivery claim by claim. Nothing is used up.
///
/// The window claim says whether it may be acted on, so it fails for every outcome but `approved`. Without an audience
/// of one's own the claim `audience` is not made.
#[must_use]
pub fn check_delivery(delivery: &Delivery, pinned: &Pinned) -> Report {
    examine(delivery, pinned).0
}

/// Checks a delivery and reconstructs what may be done. Only when every claim passes: unknown never authorises.
///
/// # Errors
/// The report, with at least one claim that does not pass.
pub fn verify_delivery(delivery: &Delivery, pinned: &Pinned) -> Result<Verified<ApprovedAction>, Report> {
    match examine(delivery, pinned) {
        (report, Some(action)) if report.verdict() == Verdict::Pass => Ok(Verified::new(action)),
        (report, _) => Err(report),
    }
}

/// The handoff with every disclosed value in its place.
struct Revealed {
    predicate: Value,
    disclosures: Vec<String>,
}

fn examine(delivery: &Delivery, pinned: &Pinned) -> (Report, Option<ApprovedAction>) {
    let mut report = Report::default();
    let trust = report.settle(ClaimId::Directory, directory_finding(&delivery.directory, pinned));
    let handoff = match &trust {
        Some(trust) => report.settle(ClaimId::Handoff, handoff_finding(delivery, trust, pinned)),
        None => report.settle(ClaimId::Handoff, Finding::without(ClaimId::Directory)),
    };
    let head = report.settle(ClaimId::Checkpoint, checkpoint_finding(&delivery.checkpoint, pinned));
    if pinned.outside.is_log_before_act() {
        let seen = match &head {
            Some(_) => witnesses_finding(&delivery.checkpoint, pinned),
            None => Finding::without(ClaimId::Checkpoint),
        };
        report.settle(ClaimId::Witnesses, seen);
    }
    let (Some(trust), Some(handoff)) = (trust, handoff) else { return (report.sorted(), None) };
    let contract = report.settle(ClaimId::Contract, accepted_finding(&delivery.contract, &handoff, pinned));
    let entries = head.map(|head| entries_of(delivery, &head, &handoff));
    let decisions = decision_finding(delivery, entries.as_ref(), &handoff, contract.as_deref(), &trust);
    let casts = report.settle(ClaimId::Decision, decisions);
    let outcome =
        report.settle(ClaimId::Outcome, outcome_finding(delivery, casts.as_deref(), &handoff, &trust, pinned));
    let recorded = inclusion_finding(entries, &handoff, casts.as_deref(), outcome.as_ref(), pinned.now);
    report.settle(ClaimId::Inclusion, recorded);
    let revealed = report.settle(ClaimId::Masks, masks_finding(&handoff, &delivery.disclosures));
    if let Some(audience) = &pinned.audience {
        report.settle(ClaimId::Audience, audience_finding(&handoff, audience));
    }
    report.settle(ClaimId::Window, window_finding(outcome.as_ref(), pinned));
    let action = match (revealed, outcome) {
        (Some(revealed), Some(ending)) => Some(action_of(&handoff, revealed, &ending)),
        _ => None,
    };
    (report.sorted(), action)
}

pub(super) fn directory_finding(envelope: &Value, pinned: &Pinned) -> Finding<TrustSet> {
    match directory::verify(envelope, &pinned.root_key, pinned.now) {
        Ok(directory) => {
            let predicate = &directory.predicate;
            let keys = counted(predicate.keys.len(), "key", "keys");
            let sentence =
                format!("The root of {} signed directory version {} with {keys}.", predicate.org, predicate.version);
            Finding::Pass(directory.trust_set(), sentence)
        }
        Err(error) => Finding::fail(&error),
    }
}

fn handoff_finding(delivery: &Delivery, trust: &TrustSet, pinned: &Pinned) -> Finding<Verified<HandoffStatement>> {
    if delivery.format != DELIVERY_FORMAT {
        return Finding::Fail(format!("The delivery is of a format other than {DELIVERY_FORMAT}."));
    }
    admitted(&delivery.handoff, trust, pinned)
}

pub(super) fn admitted(envelope: &Value, trust: &TrustSet, pinned: &Pinned) -> Finding<Verified<HandoffStatement>> {
    match verify_handoff(envelope, trust, pinned.now) {
        Ok(handoff) => {
            let sentence = format!("{} admitted it at {}.", handoff.by.subject, handoff.predicate.created_at);
            Finding::Pass(handoff, sentence)
        }
        Err(error) => Finding::fail(&error),
    }
}

/// The same, and the destination accepts it: a gateway can publish whatever contract it likes (attack A14).
fn accepted_finding(contract: &str, handoff: &HandoffStatement, pinned: &Pinned) -> Finding<Box<CompiledContract>> {
    let named = &handoff.predicate.contract;
    if pinned.contracts.as_ref().is_some_and(|accepted| !accepted.contains(named)) {
        let (name, version) = (&named.name, &named.version);
        return Finding::Fail(format!("{name} {version} is not among the contracts that this destination accepts."));
    }
    contract_finding(contract, handoff)
}

/// The contract that the handoff pins, out of its canonical bytes as text.
pub(super) fn contract_finding(contract: &str, handoff: &HandoffStatement) -> Finding<Box<CompiledContract>> {
    let pinned = &handoff.predicate.contract;
    if Digest::of(contract.as_bytes()) != pinned.digest {
        return Finding::Fail("The contract's bytes are not those that the handoff pins.".to_owned());
    }
    let compiled = match CompiledContract::from_document(contract.as_bytes()) {
        Ok(compiled) => compiled,
        Err(_) => return Finding::Unknown("This version of Seamark cannot read the contract.".to_owned()),
    };
    if compiled.reference() != *pinned {
        return Finding::Fail("The contract has another name or version than the handoff says.".to_owned());
    }
    let asks_by = handoff.predicate.request.as_ref().map(|request| &request.policy);
    if asks_by.is_some_and(|policy| *policy != compiled.policy()) {
        return Finding::Fail("The policy that the handoff names is not that of its contract.".to_owned());
    }
    if handoff.predicate.action.template_digest != compiled.template_digest {
        return Finding::Fail("The templates that the handoff names are not those of its contract.".to_owned());
    }
    Finding::Pass(Box::new(compiled), format!("These are the bytes of {} {}.", pinned.name, pinned.version))
}

pub(super) fn checkpoint_finding(note: &str, pinned: &Pinned) -> Finding<Verified<Head>> {
    let parsed = match Checkpoint::parse(note.as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => return Finding::fail(&error),
    };
    match parsed.verify(&pinned.ledger_vkey) {
        Ok(head) => {
            let entries = counted(usize::try_from(head.size()).unwrap_or(usize::MAX), "entry", "entries");
            let sentence = format!("{} signed a head over {entries}.", head.origin());
            Finding::Pass(head, sentence)
        }
        Err(error) => Finding::fail(&error),
    }
}

fn entries_of(
    delivery: &Delivery,
    head: &Verified<Head>,
    handoff: &HandoffStatement,
) -> Result<Recorded, RecordedFault> {
    recorded_of(&delivery.proofs, head, handoff)
}

pub(super) fn recorded_of(
    given: &[seamark_contracts::api::ledger::RecordedEntry],
    head: &Verified<Head>,
    handoff: &HandoffStatement,
) -> Result<Recorded, RecordedFault> {
    let predicate = &handoff.predicate;
    let Ok(ledger_ref) = ledger_ref(&predicate.source.submitted_by, &predicate.handoff_id) else {
        return Err(RecordedFault::None);
    };
    check_entries(given, head, ledger_ref)
}

/// Why decisions cannot be judged without the ledger.
pub(super) fn without_ledger<T>(entries: Option<&Result<Recorded, RecordedFault>>) -> Finding<T> {
    match entries {
        None => Finding::without(ClaimId::Checkpoint),
        Some(_) => Finding::without(ClaimId::Inclusion),
    }
}

fn decision_finding(
    delivery: &Delivery,
    entries: Option<&Result<Recorded, RecordedFault>>,
    handoff: &Verified<HandoffStatement>,
    contract: Option<&CompiledContract>,
    trust: &TrustSet,
) -> Finding<Vec<Cast>> {
    let Some(Ok(recorded)) = entries else { return without_ledger(entries) };
    let Some(contract) = contract else { return Finding::without(ClaimId::Contract) };
    let views: Result<Vec<Vec<u8>>, _> = delivery.views.iter().map(canonical::to_bytes).collect();
    match views {
        Ok(views) => cast_finding(recorded, &delivery.decisions, &views, handoff, contract, trust),
        Err(error) => Finding::fail(&error),
    }
}

pub(super) fn cast_finding(
    recorded: &Recorded,
    envelopes: &[Value],
    views: &[Vec<u8>],
    handoff: &Verified<HandoffStatement>,
    contract: &CompiledContract,
    trust: &TrustSet,
) -> Finding<Vec<Cast>> {
    match recorded.check_decisions(envelopes, views, handoff, contract, trust) {
        Ok(casts) if casts.is_empty() => Finding::Pass(casts, "There is no decision.".to_owned()),
        Ok(casts) => {
            let names: Vec<&str> = casts.iter().map(|cast| cast.statement.predicate.reviewer.name.as_str()).collect();
            let number = counted(casts.len(), "decision", "decisions");
            let names = names.join(", ");
            let sentence = format!("{number}, signed under the key that the directory lists for: {names}.");
            Finding::Pass(casts, sentence)
        }
        Err(error) => Finding::fail(&error),
    }
}

/// How an attempt ended, as far as a destination cares.
enum Ended {
    /// The gate asked for nobody.
    Passed,
    Outcome(Box<Verified<OutcomeStatement>>),
}

fn outcome_finding(
    delivery: &Delivery,
    casts: Option<&[Cast]>,
    handoff: &Verified<HandoffStatement>,
    trust: &TrustSet,
    pinned: &Pinned,
) -> Finding<Ended> {
    match (&delivery.outcome, &handoff.predicate.request) {
        (None, None) => passed_finding(handoff, casts, pinned),
        (None, Some(_)) => Finding::Fail("A person was asked, and there is no outcome.".to_owned()),
        (Some(_), None) => Finding::Fail("Nobody was asked, and there is an outcome.".to_owned()),
        (Some(envelope), Some(_)) => match concluded(envelope, casts, handoff, trust) {
            Finding::Pass(outcome, sentence) => Finding::Pass(Ended::Outcome(Box::new(outcome)), sentence),
            Finding::Unknown(sentence) => Finding::Unknown(sentence),
            Finding::Fail(sentence) => Finding::Fail(sentence),
        },
    }
}

fn passed_finding(handoff: &HandoffStatement, casts: Option<&[Cast]>, pinned: &Pinned) -> Finding<Ended> {
    if casts.is_some_and(|casts| !casts.is_empty()) {
        return Finding::Fail("Nobody was asked, and there are decisions.".to_owned());
    }
    let contract = &handoff.predicate.contract.name;
    if pinned.ungated.contains(contract) {
        let sentence = "Its gate asks for no person, and this destination accepts that for its contract.";
        return Finding::Pass(Ended::Passed, sentence.to_owned());
    }
    Finding::Fail(format!(
        "Its gate asks for no person, and {contract} is not among the contracts for which this destination accepts that."
    ))
}

/// Verifies an outcome and counts again.
pub(super) fn concluded(
    envelope: &Value,
    casts: Option<&[Cast]>,
    handoff: &Verified<HandoffStatement>,
    trust: &TrustSet,
) -> Finding<Verified<OutcomeStatement>> {
    let Some(casts) = casts else { return Finding::without(ClaimId::Decision) };
    let outcome = match statement::verify::<OutcomePredicate>(envelope, trust) {
        Ok(outcome) => outcome,
        Err(error) => return Finding::fail(&error),
    };
    if let Err(fault) = outcome.check_key_window(outcome.predicate.formed_at) {
        return Finding::fail(&fault);
    }
    let ballots: Vec<_> = casts.iter().filter(|cast| !cast.is_late).map(Cast::ballot).collect();
    match check_outcome(&outcome, handoff, &ballots) {
        Ok(count) => {
            let (word, quorum) = (word_of(outcome.predicate.outcome), &count.quorum);
            let sentence = format!(
                "It is {word}: {} of {} needed approvals, counted again from the decisions.",
                quorum.reached, quorum.required
            );
            Finding::Pass(outcome, sentence)
        }
        Err(fault) => Finding::fail(&fault),
    }
}

fn word_of(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Approved => "approved",
        OutcomeKind::Rejected => "rejected",
        OutcomeKind::Expired => "expired",
        OutcomeKind::Withdrawn => "withdrawn",
        OutcomeKind::Superseded => "superseded",
    }
}

fn inclusion_finding(
    entries: Option<Result<Recorded, RecordedFault>>,
    handoff: &HandoffStatement,
    casts: Option<&[Cast]>,
    ended: Option<&Ended>,
    now: Timestamp,
) -> Finding<Recorded> {
    let outcome = match ended {
        Some(Ended::Outcome(outcome)) => Some(outcome.get()),
        Some(Ended::Passed) | None => None,
    };
    order_finding(entries, handoff, casts, Concluded { outcome, is_complete: ended.is_some() }, now)
}

/// What is known of how an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Concluded<'a> {
    pub(super) outcome: Option<&'a OutcomeStatement>,
    /// Decisions and outcome were verified, so that their order can be.
    pub(super) is_complete: bool,
}

pub(super) fn order_finding(
    entries: Option<Result<Recorded, RecordedFault>>,
    handoff: &HandoffStatement,
    casts: Option<&[Cast]>,
    concluded: Concluded<'_>,
    now: Timestamp,
) -> Finding<Recorded> {
    let recorded = match entries {
        None => return Finding::without(ClaimId::Checkpoint),
        Some(Err(RecordedFault::None)) => return Finding::Unknown("No ledger entry was given.".to_owned()),
        Some(Err(fault)) => return Finding::fail(&fault),
        Some(Ok(recorded)) => recorded,
    };
    if let Err(fault) = recorded.check_time(now) {
        return Finding::fail(&fault);
    }
    let Some(casts) = casts else { return Finding::without(ClaimId::Decision) };
    if !concluded.is_complete {
        return Finding::without(ClaimId::Outcome);
    }
    match recorded.check_order(handoff, casts, concluded.outcome) {
        Ok(()) => {
            let entries = counted(recorded.n_entries(), "entry", "entries");
            let last = recorded.last_seq();
            let sentence =
                format!("The ledger has {entries} of this handoff up to its entry {last}, without a gap and in order.");
            Finding::Pass(recorded, sentence)
        }
        Err(fault @ RecordedFault::Cut) => Finding::Unknown(super::sentence_of(&fault)),
        Err(fault) => Finding::fail(&fault),
    }
}

fn masks_finding(handoff: &HandoffStatement, disclosures: &[String]) -> Finding<Revealed> {
    let masked = match serde_json::to_value(&handoff.predicate) {
        Ok(masked) => masked,
        Err(error) => return Finding::fail(&error),
    };
    let raw = match mask::reconstruct(&masked, disclosures) {
        Ok(raw) => raw,
        Err(error) => return Finding::fail(&error),
    };
    match mask::check_masks(&masked, &handoff.predicate.masks, &raw) {
        Ok(()) => {}
        Err(error @ MaskError::Undisclosed { .. }) => return Finding::Unknown(super::sentence_of(&error)),
        Err(error) => return Finding::fail(&error),
    }
    if !keeps_intent(&raw) {
        return Finding::Fail("The intent's words are not those that its digest fixes.".to_owned());
    }
    let disclosures: Vec<String> = disclosures.iter().map(|text| mask::disclosure_digest(text)).collect();
    let fields = counted(disclosures.len(), "hidden field", "hidden fields");
    let sentence = format!("{fields} revealed; every mask that the reviewer saw follows from its value.");
    Finding::Pass(Revealed { predicate: raw, disclosures }, sentence)
}

/// `intent.digest` = SHA-256 of the canonical bytes of `[nonce, text]`. Source: FORMATS.md §5.
fn keeps_intent(raw: &Value) -> bool {
    let member = |name: &str| raw.pointer("/intent").and_then(|intent| intent.get(name));
    let (Some(nonce), Some(text), Some(digest)) = (member("nonce"), member("text"), member("digest")) else {
        return false;
    };
    canonical::digest(&json!([nonce, text]))
        .is_ok_and(|found| Some(digest) == serde_json::to_value(found).ok().as_ref())
}

pub(super) fn audience_finding(handoff: &HandoffStatement, audience: &str) -> Finding<()> {
    let named = &handoff.predicate.destination.audience;
    if named == audience {
        Finding::Pass((), format!("It is meant for {audience}."))
    } else {
        Finding::Fail(format!("It is meant for {named}, and this is {audience}."))
    }
}

fn window_finding(ended: Option<&Ended>, pinned: &Pinned) -> Finding<()> {
    let outcome = match ended {
        None => return Finding::without(ClaimId::Outcome),
        Some(Ended::Passed) => return Finding::Pass((), "It passed without a person, so no window is set.".to_owned()),
        Some(Ended::Outcome(outcome)) => &outcome.predicate,
    };
    let Some(window) = &outcome.window else {
        return Finding::Fail(format!("It is {}, so nothing may be done.", word_of(outcome.outcome)));
    };
    // The reviewer's clock set the beginning; the end is kept by this destination's own clock.
    let has_begun = window.not_before <= pinned.now.plus_ms(MAX_SKEW_MS);
    if !has_begun {
        return Finding::Fail(format!("It may be done from {} on, and it is {}.", window.not_before, pinned.now));
    }
    if pinned.now < window.expires_at {
        Finding::Pass((), format!("It may be done until {}.", window.expires_at))
    } else {
        Finding::Fail(format!("It could be done until {}, and it is {}.", window.expires_at, pinned.now))
    }
}

fn action_of(handoff: &HandoffStatement, revealed: Revealed, ended: &Ended) -> ApprovedAction {
    let signed = &handoff.predicate;
    let member = |name: &str| revealed.predicate.get(name).cloned().unwrap_or(Value::Null);
    let (decisions, outcome, window) = match ended {
        Ended::Passed => (Vec::new(), None, None),
        Ended::Outcome(outcome) => {
            let says = &outcome.predicate;
            let counting = says.decisions.iter().filter(|decision| decision.counted);
            let digests = counting.map(|decision| decision.digest).collect();
            (digests, Some((says.outcome_id, outcome.digest)), says.window.clone())
        }
    };
    ApprovedAction {
        handoff_id: signed.handoff_id,
        attempt: signed.attempt.clone(),
        audience: signed.destination.audience.clone(),
        contract: signed.contract.clone(),
        destination: signed.destination.agent.clone(),
        payload: member("payload"),
        tool_outputs: member("toolOutputs"),
        constraints: signed.constraints.clone(),
        decisions,
        disclosures: revealed.disclosures,
        handoff: signed_digest(handoff),
        outcome,
        window,
    }
}

fn signed_digest(handoff: &HandoffStatement) -> Digest {
    handoff.digest
}
