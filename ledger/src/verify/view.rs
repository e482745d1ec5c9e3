//! Is a view what the handoff statement and its contract say, whoever made it? Source: FORMATS.md §6.1 and §6.2.

use std::collections::BTreeSet;

use seamark_contracts::canonical;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::handoff::{HandoffPredicate, RuleKind, RuleResult, Verdict};
use seamark_contracts::mask;
use seamark_contracts::reveal::list_revealable;
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use seamark_contracts::view::render::{RenderError, RenderInput, render};
use seamark_contracts::view::{Evidence, Fact, RuleLine, View};
use thiserror::Error;

use crate::statement::HandoffStatement;
use crate::verified::Verified;

/// Largest view, in bytes. It repeats parts of the statement as text.
const MAX_VIEW_BYTES: usize = 1024 * 1024;

/// The renderer of this version: of it every byte is known.
const RENDERER: &str = concat!("seamark-desk/", env!("CARGO_PKG_VERSION"));

/// Why a view is not one of a handoff statement.
#[derive(Debug, Error)]
pub enum ViewFault {
    #[error("read it")]
    Json(#[source] TypedJsonError),
    #[error("it is not in canonical form")]
    NotCanonical,
    #[error("it is of another handoff statement")]
    OtherHandoff,
    #[error("the contract at hand is not the one that the handoff pins")]
    OtherContract,
    #[error("render it again")]
    Render(#[source] RenderError),
    #[error("its {0} is not what the handoff and its contract say")]
    Forged(&'static str),
    #[error("it is not, to the byte, what this version makes of the handoff and its contract")]
    Drift,
}

/// A view that says what handoff and contract say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownView {
    pub view: View,
    /// Rendered again it has the same bytes. Otherwise another renderer made it, and only its binding members are known to
    /// be right; the rest is that renderer's own wording.
    pub is_same: bool,
}

/// Reads a view, renders it again from the statement, the contract and the view's own nonce and renderer name, and
/// compares the two.
///
/// Equal bytes are always right. Other bytes are a fault when they bear this version's renderer name; when they bear
/// another name, only the binding members have to be equal: everything that a decision is judged by.
///
/// # Errors
/// [`ViewFault`].
pub fn check_view(
    bytes: &[u8],
    handoff: &Verified<HandoffStatement>,
    contract: &CompiledContract,
) -> Result<ShownView, ViewFault> {
    let limits = Limits::SIGNED.with_max_bytes(MAX_VIEW_BYTES);
    let view: View = strict_json::parse_typed(bytes, &limits).map_err(ViewFault::Json)?;
    if canonical::bytes_of(&view).ok().as_deref() != Some(bytes) {
        return Err(ViewFault::NotCanonical);
    }
    let predicate = &handoff.predicate;
    let is_of_handoff = view.handoff == handoff.digest
        && view.handoff_id == predicate.handoff_id
        && view.revision == predicate.revision
        && view.contract == predicate.contract
        && view.template_digest == predicate.action.template_digest;
    if !is_of_handoff {
        return Err(ViewFault::OtherHandoff);
    }
    if contract.reference() != predicate.contract {
        return Err(ViewFault::OtherContract);
    }
    if !may_be_disclosed(&view.disclosed, &handoff.predicate, contract) {
        return Err(ViewFault::Forged("disclosed"));
    }
    let input = RenderInput {
        statement_digest: handoff.digest,
        predicate,
        contract,
        nonce: view.nonce.clone(),
        renderer: &view.renderer,
        disclosed: &view.disclosed,
    };
    let again = render(&input).map_err(ViewFault::Render)?;
    if view == again {
        return Ok(ShownView { view, is_same: true });
    }
    if let Some(member) = forged_member(&view, &again) {
        return Err(ViewFault::Forged(member));
    }
    if view.renderer == RENDERER { Err(ViewFault::Drift) } else { Ok(ShownView { view, is_same: false }) }
}

/// Whether a view may name these digests as revealed: each once, ascending, and each one that the signed statement has where
/// it hides a field that the contract lets somebody read.
fn may_be_disclosed(disclosed: &[String], predicate: &HandoffPredicate, contract: &CompiledContract) -> bool {
    if disclosed.is_empty() {
        return true;
    }
    let Ok(signed) = serde_json::to_value(predicate) else { return false };
    let revealable = list_revealable(contract, predicate);
    let known: BTreeSet<&str> = revealable.iter().flat_map(|mask| mask::digests_at(&signed, &mask.path)).collect();
    disclosed.is_sorted_by(|one, next| one < next) && disclosed.iter().all(|digest| known.contains(digest.as_str()))
}

/// The name of the first binding member that is another: what a decision is judged by is equal in every view of a
/// statement, whatever rendered it.
fn forged_member(given: &View, right: &View) -> Option<&'static str> {
    fn fact(fact: &Fact) -> (&str, &str, bool, bool, Option<Verdict>) {
        let verdict = fact.compare.as_ref().and_then(|compare| compare.verdict);
        (&fact.id, &fact.value, fact.masked, fact.confirm, verdict)
    }
    fn rule(rule: &RuleLine) -> (&str, RuleKind, RuleResult) {
        (&rule.id, rule.kind, rule.result)
    }
    fn evidence(evidence: &Evidence) -> (&str, bool) {
        (&evidence.id, evidence.required)
    }
    fn counterparties(view: &View) -> impl Iterator<Item = (&str, &str)> {
        let warnings = view.warnings.iter().filter(|warning| warning.is_about_counterparty());
        warnings.map(|warning| (warning.code.as_str(), warning.path.as_str()))
    }
    let members = [
        ("template", given.template == right.template),
        ("tier", given.tier == right.tier),
        ("audience", given.audience == right.audience),
        ("fallbackOwner", given.fallback_owner == right.fallback_owner),
        ("correlationId", given.correlation_id == right.correlation_id),
        ("submittedAt", given.submitted_at == right.submitted_at),
        ("expiresAt", given.expires_at == right.expires_at),
        ("facts", given.facts.iter().map(fact).eq(right.facts.iter().map(fact))),
        ("rules", given.rules.iter().map(rule).eq(right.rules.iter().map(rule))),
        ("evidence", given.evidence.iter().map(evidence).eq(right.evidence.iter().map(evidence))),
        ("warnings", counterparties(given).eq(counterparties(right))),
        ("rejectReasons", given.reject_reasons == right.reject_reasons),
        ("escalationTargets", given.escalation_targets == right.escalation_targets),
        ("disclosed", given.disclosed == right.disclosed),
    ];
    members.iter().find(|(_, is_same)| !is_same).map(|(name, _)| *name)
}
