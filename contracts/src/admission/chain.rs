//! The way a task came: earlier handoffs, and what was lost between them.

use super::{AdmissionContext, EarlierHandoff, MAX_CHAIN};
use crate::contract::Contract;
use crate::handoff::{ChainLink, Constraint, Submission};
use crate::mask::Secrets;

/// The nonce under which the same words were committed to before, nearest first, so that their digest is the same.
pub(super) fn intent_nonce(submission: &Submission, ctx: &AdmissionContext<'_>) -> Option<String> {
    let mut nearest = ctx.parent.iter().chain(ctx.chain.iter().rev());
    nearest.find(|earlier| earlier.intent_text == submission.intent.text).map(|earlier| earlier.intent_nonce.clone())
}

/// The last [`MAX_CHAIN`] earlier handoffs, oldest first, each with what the next one in the chain does not carry.
pub(super) fn links(submission: &Submission, ctx: &AdmissionContext<'_>, secrets: &Secrets) -> Vec<ChainLink> {
    let mut earlier: Vec<&EarlierHandoff> = ctx.chain.iter().collect();
    if let Some(parent) = &ctx.parent
        && !earlier.iter().any(|one| one.handoff_id == parent.handoff_id)
    {
        earlier.push(parent);
        earlier.sort_by_key(|one| one.at);
    }
    let next_of = |index: usize| {
        let next: Option<&&EarlierHandoff> = earlier.get(index.saturating_add(1));
        next.map_or(submission.constraints.as_slice(), |next| next.constraints.as_slice())
    };
    let link = |(index, one): (usize, &&EarlierHandoff)| ChainLink {
        handoff_id: one.handoff_id,
        digest: one.digest,
        contract: one.contract.clone(),
        source: one.source.clone(),
        destination: one.destination.clone(),
        at: one.at,
        status: one.status,
        intent_kept: one.intent_text == submission.intent.text,
        // The earlier contract may show what this one masks.
        constraints_lost: lost(&one.constraints, next_of(index)).map(|words| secrets.scrub(words)).collect(),
    };
    let links: Vec<ChainLink> = earlier.iter().enumerate().map(link).collect();
    let n_too_many = links.len().saturating_sub(MAX_CHAIN);
    links.into_iter().skip(n_too_many).collect()
}

/// Texts of constraints that are among the former and not among the latter.
fn lost<'c>(former: &'c [Constraint], latter: &'c [Constraint]) -> impl Iterator<Item = &'c str> {
    let is_kept = |constraint: &&Constraint| latter.iter().any(|other| other.text == constraint.text);
    former.iter().filter(move |constraint| !is_kept(constraint)).map(|constraint| constraint.text.as_str())
}

/// Whether the parent carried something that the contract says may not be lost, and this handoff does not.
pub(super) fn loses_what_is_carried(
    submission: &Submission,
    parent: Option<&EarlierHandoff>,
    contract: &Contract,
) -> bool {
    let Some(parent) = parent else { return false };
    let carries = |what: &str| contract.carry.iter().any(|entry| entry == what);
    let loses_intent = carries("intent") && parent.intent_text != submission.intent.text;
    loses_intent || (carries("constraints") && lost(&parent.constraints, &submission.constraints).next().is_some())
}
