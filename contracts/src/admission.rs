//! Admission: from what an agent submitted to what the gateway signs, or to everything that is wrong with it.
//!
//! Pure. A submission that breaks its contract at any place is refused whole (invariant A4), and every place is named. What
//! the contract calls sensitive leaves here only as commitment and mask (invariant F1). Source: FORMATS.md §4 and §5.

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::canonical;
use crate::clock::{Chance, Timestamp, make_nonce};
use crate::contract::compiled::CompiledContract;
use crate::decision::DecisionKind;
use crate::digest::Digest;
use crate::gate::Variables;
use crate::handoff::{
    Action, Artifact, ChainStatus, Constraint, ContractId, Counterparty, Destination, EscalatedFrom, HandoffPredicate,
    Mask, OnTimeout, Parent, ReviewRequest, RuleKind, RuleResult, Source, Submission, Tier,
};
use crate::id::{AgentUrn, HandoffId};
use crate::mask;
use crate::problem::Violation;
use crate::strict_json::{self, Limits, TypedJsonError};
use crate::view::fields::{Fields, agent_label, by_path};

mod chain;
mod check;
mod compare;
mod counterparty;
mod plan;
mod shape;

pub use counterparty::{CounterpartyName, counterparties};

/// Bytes of one submission, artifacts included.
pub const MAX_SUBMISSION_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of what is signed of it; leaves room for the statement around the predicate (FORMATS.md §2).
pub const MAX_PREDICATE_BYTES: usize = 250 * 1024;
/// Bytes of one artifact.
pub const MAX_ARTIFACT_BYTES: usize = 1024 * 1024;
/// Earlier handoffs that a statement lists.
pub const MAX_CHAIN: usize = 20;

/// How large a submission may be, artifacts included.
pub const SUBMISSION_LIMITS: Limits = Limits::SIGNED.with_max_bytes(MAX_SUBMISSION_BYTES);

/// What the gateway knows beside the submission.
#[derive(Debug)]
pub struct AdmissionContext<'a> {
    /// Whose key submitted it.
    pub submitter: AgentUrn,
    pub now: Timestamp,
    pub chance: &'a dyn Chance,
    /// 1, or one more than the revision that this one supersedes.
    pub revision: u32,
    /// 128 random bits, base64url without padding; never from an agent.
    pub attempt: String,
    /// Digest of the statement that this one supersedes.
    pub supersedes: Option<Digest>,
    /// The handoff that `parent` names, when the submitter may refer to it.
    pub parent: Option<EarlierHandoff>,
    /// Handoffs with the same correlation id and submitter, oldest first, without this one.
    pub chain: Vec<EarlierHandoff>,
    /// Counterparties of earlier handoffs under this contract name that were approved or passed on, those at least that look
    /// like one of [`counterparties`].
    pub known: Vec<CounterpartyName>,
}

/// An earlier handoff of the same task.
#[derive(Clone)]
pub struct EarlierHandoff {
    pub handoff_id: HandoffId,
    /// Digest of its signed statement.
    pub digest: Digest,
    pub contract: ContractId,
    pub source: AgentUrn,
    pub destination: AgentUrn,
    pub at: Timestamp,
    pub status: ChainStatus,
    pub intent_nonce: String,
    pub intent_text: String,
    pub constraints: Vec<Constraint>,
}

/// Prints no words of the task.
impl std::fmt::Debug for EarlierHandoff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlierHandoff").field("handoff_id", &self.handoff_id).finish_non_exhaustive()
    }
}

/// A handoff that its contract admits.
pub struct Admitted {
    /// What the gateway signs; `request` is present exactly when the gate requires a person.
    pub predicate: HandoffPredicate,
    /// The canonical bytes of `predicate`.
    pub canonical: Vec<u8>,
    /// For the destination only; in the order of `predicate.masks`.
    pub disclosures: Vec<String>,
    /// In the order of `predicate.artifacts`.
    pub artifacts: Vec<StoredArtifact>,
}

/// Prints no disclosure.
impl std::fmt::Debug for Admitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitted").field("predicate", &self.predicate).finish_non_exhaustive()
    }
}

/// A file to keep beside the statement.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredArtifact {
    /// SHA-256 of salt and bytes.
    pub digest: Digest,
    pub salt: [u8; 16],
    pub bytes: Vec<u8>,
}

/// Prints no bytes of the file.
impl std::fmt::Debug for StoredArtifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredArtifact").field("digest", &self.digest).finish_non_exhaustive()
    }
}

fn violation(rule: &str, pointer: impl Into<String>, message: impl Into<String>) -> Violation {
    Violation { pointer: pointer.into(), rule: rule.to_owned(), message: message.into() }
}

/// Reads a submitted body: the JSON gate, then the closed shape of a submission.
///
/// Beside the submission come JSON Pointers to texts that were written as fractional numbers.
///
/// # Errors
/// Rule `json` with the exact place when the gate refuses, `size` when it is too large; else `field` for every member that
/// is missing, unknown or of the wrong kind. No message repeats a value.
pub fn parse_submission(bytes: &[u8]) -> Result<(Submission, Vec<String>), Vec<Violation>> {
    let parsed = strict_json::parse_submitted(bytes, &SUBMISSION_LIMITS).map_err(|error| {
        let rule = if matches!(error.reason, strict_json::Reason::TooLarge { .. }) { "size" } else { "json" };
        let pointer = error.pointer.as_ref().map_or_else(String::new, ToString::to_string);
        vec![violation(rule, pointer, format!("{} (byte {})", error.reason, error.offset))]
    })?;
    let decimals = parsed.decimals.iter().map(ToString::to_string).collect();
    match Submission::deserialize(&parsed.value) {
        Ok(submission) => Ok((submission, decimals)),
        // Reading twice keeps the path bookkeeping out of the good case.
        Err(_) => match strict_json::from_value::<Submission>(&parsed.value) {
            Ok(submission) => Ok((submission, decimals)),
            Err(TypedJsonError::Shape { pointer, source }) => {
                Err(shape::violations(&parsed.value, check::shape(pointer.as_str(), &source.to_string())))
            }
            Err(TypedJsonError::Gate(error)) => Err(vec![violation("json", "", error.reason.to_string())]),
        },
    }
}

/// Judges a submission against its contract.
///
/// `decimals` are the pointers that [`parse_submission`] returned.
///
/// # Errors
/// Every violation, each with a JSON Pointer into the submitted body, in the order of the document's parts. No message
/// holds a value that the contract masks.
pub fn judge(
    submission: &Submission,
    decimals: &[String],
    compiled: &CompiledContract,
    ctx: &AdmissionContext<'_>,
) -> Result<Admitted, Vec<Violation>> {
    let mut violations = check::envelope(submission, compiled, ctx.parent.is_some());
    let artifacts = check::artifacts(submission, compiled, ctx.chance, &mut violations);
    let schema_faults = compiled.schema.validate(&submission.payload, "/payload");
    let fits_schema = schema_faults.is_empty();
    violations.extend(schema_faults);
    counterparty::check(submission, compiled, &mut violations);

    let mut root = maskable(submission, ctx);
    let plan = plan::make(submission, &root, compiled, &mut violations);
    let hidden = mask::hide_knowing(&mut root, &plan.masks, &plan.secrets, ctx.chance);
    let (masks, disclosures) = hidden.map_err(|error| {
        // Places and card numbers were checked; what is left is depth.
        vec![violation("mask", "", format!("cannot be hidden as the contract asks: {error}"))]
    })?;

    let judgement = compiled.conditions.judge(Variables::of(submission));
    let source = agent_label(&submission.source.agent, &submission.source.version);
    let destination = agent_label(&submission.destination.agent, &submission.destination.version);
    let (payload, tool_outputs) = (take(&mut root, "payload"), take(&mut root, "toolOutputs"));
    let fields = Fields { payload: &payload, tool_outputs: &tool_outputs, masks: by_path(&masks), source, destination };
    for rule in judgement.rules.iter().filter(|rule| rule.kind == RuleKind::Must) {
        // A rule over a payload of the wrong shape says nothing new when it cannot be evaluated.
        let is_broken = rule.result == RuleResult::Fail || (rule.result == RuleResult::Error && fits_schema);
        if is_broken {
            let says = compiled.templates.says.get(&rule.id).map(|says| says.render(&|path| fields.resolve(path)));
            let pointer = compiled.condition(&rule.id).map(crate::gate::Condition::pointer).unwrap_or_default();
            let cause = if rule.result == RuleResult::Error { " (the rule could not be evaluated)" } else { "" };
            violations.push(violation("must", pointer, format!("{}{cause}", says.unwrap_or_default())));
        }
    }
    if !violations.is_empty() {
        return Err(violations);
    }

    let contract = &compiled.contract;
    let links = chain::links(submission, ctx, &plan.secrets);
    let mut gate = judgement.gate;
    if chain::loses_what_is_carried(submission, ctx.parent.as_ref(), contract) {
        gate.required = true;
        gate.reasons.push("carry.lost".to_owned());
    }
    if gate.required && plan.has_mismatch {
        gate.reasons.push("evidence.mismatch".to_owned());
    }
    let counterparties = counterparty::judge(submission, compiled, &ctx.known);
    if counterparties.iter().any(Counterparty::imitates) {
        // Nobody can be asked lightly whether two names that look the same are the same.
        gate.required = true;
        gate.tier = gate.tier.max(Tier::T3);
        gate.reasons.push("counterparty.imitates".to_owned());
    }
    let request = gate.required.then(|| ReviewRequest {
        options: vec![DecisionKind::Approve, DecisionKind::Escalate, DecisionKind::Reject],
        quorum: contract.gate.decide.quorum,
        blind: false,
        on_timeout: contract.gate.on_expiry,
        candidates: contract.gate.decide.roles.clone(),
        policy: compiled.policy(),
        expires_at: ctx.now.plus_ms(compiled.expires_after_ms),
    });
    drop(fields);
    let predicate = HandoffPredicate {
        sd_alg: mask::SD_ALG.to_owned(),
        handoff_id: submission.handoff_id,
        revision: ctx.revision,
        attempt: ctx.attempt.clone(),
        correlation_id: submission.correlation_id.clone(),
        parent: ctx.parent.as_ref().map(|parent| Parent { handoff_id: parent.handoff_id, digest: parent.digest }),
        traceparent: submission.traceparent.clone(),
        supersedes: ctx.supersedes,
        escalated: None,
        source: Source {
            agent: submission.source.agent.clone(),
            version: submission.source.version.clone(),
            on_behalf_of: submission.source.on_behalf_of.clone(),
            run: submission.source.run.clone(),
            submitted_by: ctx.submitter.clone(),
        },
        destination: Destination {
            agent: submission.destination.agent.clone(),
            version: submission.destination.version.clone(),
            audience: contract.destination.audience.clone(),
        },
        contract: compiled.reference(),
        action: Action {
            kind: contract.name.clone(),
            template: compiled.label(),
            template_digest: compiled.template_digest,
        },
        fallback_owner: submission.fallback_owner.clone().unwrap_or_else(|| contract.fallback_owner.clone()),
        task_state: take(&mut root, "taskState"),
        intent: take(&mut root, "intent"),
        constraints: submission.constraints.clone(),
        tool_outputs,
        payload,
        decimals: visible_decimals(decimals, &masks),
        masks,
        evaluations: submission.evaluations.clone(),
        artifacts: artifacts.iter().map(|(listed, _)| listed.clone()).collect(),
        narrative: submission.narrative.as_ref().map(|_| take(&mut root, "narrative")),
        rules: judgement.rules,
        comparisons: compare::judge(submission, decimals, compiled),
        counterparties,
        chain: links,
        gate,
        request,
        submitted_at: submission.submitted_at,
        created_at: ctx.now,
    };
    let canonical = check_size(&predicate)?;
    let artifacts = artifacts.into_iter().map(|(_, stored)| stored).collect();
    Ok(Admitted { predicate, canonical, disclosures, artifacts })
}

/// The maskable parts as the predicate has them, nothing hidden yet.
fn maskable(submission: &Submission, ctx: &AdmissionContext<'_>) -> Value {
    let json = |value: Result<Value, serde_json::Error>| value.unwrap_or(Value::Null);
    let nonce = chain::intent_nonce(submission, ctx).unwrap_or_else(|| make_nonce(ctx.chance));
    let mut intent = json(serde_json::to_value(&submission.intent));
    if let Some(members) = intent.as_object_mut() {
        members.insert("digest".to_owned(), json(serde_json::to_value(intent_digest(&nonce, &submission.intent.text))));
        members.insert("nonce".to_owned(), Value::String(nonce));
    }
    let mut root = json!({
        "intent": intent,
        "payload": submission.payload,
        "taskState": json(serde_json::to_value(&submission.task_state)),
        "toolOutputs": json(serde_json::to_value(&submission.tool_outputs)),
    });
    if let (Some(narrative), Some(members)) = (&submission.narrative, root.as_object_mut()) {
        let narrative = json!({"author": submission.source.agent, "text": narrative.text});
        members.insert("narrative".to_owned(), narrative);
    }
    root
}

/// SHA-256 of the canonical bytes of `[nonce, text]`: the same words under the same nonce have the same digest, all the
/// way down a chain of handoffs. Source: FORMATS.md §5.
#[must_use]
pub fn intent_digest(nonce: &str, text: &str) -> Digest {
    // Two strings always have canonical bytes unless they hold noncharacters, which the JSON gate refuses.
    canonical::digest(&json!([nonce, text])).unwrap_or_else(|_| Digest::of(&[]))
}

fn take(root: &mut Value, member: &str) -> Value {
    root.get_mut(member).map(Value::take).unwrap_or_default()
}

/// Pointers whose member names are public: none from within a hidden place.
fn visible_decimals(decimals: &[String], masks: &[Mask]) -> Vec<String> {
    let masks = by_path(masks);
    let is_inside = |pointer: &str| {
        pointer.match_indices('/').any(|(at, _)| pointer.get(..at).is_some_and(|part| masks.contains_key(part)))
    };
    let mut kept: Vec<String> = decimals.iter().filter(|pointer| !is_inside(pointer)).cloned().collect();
    kept.sort_unstable();
    kept
}

/// The canonical bytes, when they are few enough.
fn check_size(predicate: &HandoffPredicate) -> Result<Vec<u8>, Vec<Violation>> {
    // Within something, as the statement will have it: that is one more level.
    let within = canonical::bytes_of(std::slice::from_ref(predicate));
    match within.map(|bytes| bytes.get(1..bytes.len() - 1).unwrap_or_default().to_vec()) {
        Ok(bytes) if bytes.len() <= MAX_PREDICATE_BYTES => Ok(bytes),
        Ok(bytes) => Err(vec![violation(
            "size",
            "",
            format!(
                "what would be signed has {} bytes; at most {MAX_PREDICATE_BYTES} are allowed: send large tool outputs as artifacts",
                bytes.len()
            ),
        )]),
        Err(error) => Err(vec![violation("json", "", format!("cannot be signed: {error}"))]),
    }
}

/// A new attempt over the same content: an escalation or a deadline asks somebody else.
///
/// Content, masks and digests stay, so the disclosures of the old attempt stay valid. Its decisions never count here. After
/// a deadline the next deadline ends the review instead of escalating again.
#[must_use]
pub fn reattempt(
    predicate: &HandoffPredicate,
    attempt: String,
    supersedes: Digest,
    now: Timestamp,
    escalated: EscalatedFrom,
    candidates: Vec<String>,
    expires_at: Timestamp,
) -> HandoffPredicate {
    let mut next = predicate.clone();
    if !next.gate.reasons.iter().any(|reason| reason == "escalated") {
        next.gate.reasons.push("escalated".to_owned());
    }
    if let Some(request) = &mut next.request {
        request.candidates = candidates;
        request.expires_at = expires_at;
        if escalated.by.is_none() {
            request.on_timeout = OnTimeout::Reject;
        }
    }
    next.attempt = attempt;
    next.supersedes = Some(supersedes);
    next.escalated = Some(escalated);
    next.created_at = now;
    next
}

#[cfg(test)]
pub(crate) mod tests;
