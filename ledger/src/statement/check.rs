//! What each kind of statement promises about itself.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::decision::{DecisionKind, DecisionPredicate, SeenCheckpoint, Window};
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::mask::SD_ALG;
use seamark_contracts::outcome::{ExecutionPredicate, ExecutionResult, OutcomeCause, OutcomeKind, OutcomePredicate};
use seamark_contracts::strict_json::Limits;

use super::{Predicate, StatementFault, Subject};
use crate::checkpoint::is_origin;
use crate::directory::{DirectoryPredicate, MAX_DIRECTORY_BYTES};
use crate::key::{KeyId, KeyUse};
use crate::tree::{Hash, MAX_SIZE};

/// Most characters of a reason or an escalation's question.
const MAX_REASON_CHARS: usize = 2_000;

/// Most decisions that an outcome or an execution lists.
const MAX_DECISIONS: usize = 1_000;

fn field(is_good: bool, field: &'static str, problem: &'static str) -> Result<(), StatementFault> {
    if is_good { Ok(()) } else { Err(StatementFault::Field { field, problem }) }
}

/// Whether the text is 16 bytes in base64url without padding.
fn is_128_bits(text: &str) -> bool {
    Base64UrlUnpadded::decode_vec(text).is_ok_and(|bytes| bytes.len() == 16)
}

fn check_attempt(attempt: &str) -> Result<(), StatementFault> {
    field(is_128_bits(attempt), "attempt", "is not 128 bits in base64url without padding")
}

fn check_window(window: &Window) -> Result<(), StatementFault> {
    field(window.max_uses == 1, "maxUses", "is not 1")?;
    field(window.not_before < window.expires_at, "expiresAt", "is not after notBefore")
}

fn check_seen(seen: &SeenCheckpoint) -> Result<(), StatementFault> {
    let is_head = is_origin(&seen.origin) && Hash::parse(&seen.root).is_ok() && (1..=MAX_SIZE).contains(&seen.size);
    field(is_head, "checkpoint", "is no head of a ledger that has entries")
}

/// The one subject of a statement about a handoff.
fn handoff_subject(subject: &[Subject]) -> Result<&str, StatementFault> {
    match subject {
        [Subject { name, .. }] => name.strip_prefix("urn:seamark:handoff:").ok_or(StatementFault::Subject),
        _ => Err(StatementFault::Subject),
    }
}

/// Everything about a handoff statement but its subject.
pub(super) fn handoff_fields(predicate: &HandoffPredicate) -> Result<(), StatementFault> {
    field(predicate.sd_alg == SD_ALG, "_sd_alg", "is not sha-256")?;
    field(predicate.revision >= 1, "revision", "begins at 1")?;
    field(predicate.revision == 1 || predicate.supersedes.is_some(), "supersedes", "is absent on a later revision")?;
    check_attempt(&predicate.attempt)?;
    field(predicate.payload.is_object(), "payload", "is not an object")?;
    field(predicate.action.kind == predicate.contract.name, "action", "is not the contract's")?;
    field(
        predicate.gate.required == predicate.request.is_some(),
        "request",
        "is there exactly when the gate asks for one",
    )?;
    let Some(request) = &predicate.request else { return Ok(()) };
    field(request.quorum >= 1, "quorum", "is at least 1")?;
    field(!request.options.is_empty(), "options", "are empty")?;
    field(!request.candidates.is_empty(), "candidates", "are empty")?;
    field(predicate.created_at < request.expires_at, "expiresAt", "is not after createdAt")
}

impl Predicate for HandoffPredicate {
    const TYPE: &'static str = "https://seamark.dev/attestation/handoff/v1";
    const KEY_USE: KeyUse = KeyUse::Handoff;

    fn signing_key(&self) -> Option<&str> {
        None
    }

    fn check(&self, subject: &[Subject]) -> Result<(), StatementFault> {
        let expected = Subject::payload(self).map_err(|_| StatementFault::Subject)?;
        if subject != [expected] {
            return Err(StatementFault::Subject);
        }
        handoff_fields(self)
    }
}

impl Predicate for DecisionPredicate {
    const TYPE: &'static str = "https://seamark.dev/attestation/decision/v1";
    const KEY_USE: KeyUse = KeyUse::Decision;

    fn signing_key(&self) -> Option<&str> {
        Some(&self.reviewer.keyid)
    }

    fn check(&self, subject: &[Subject]) -> Result<(), StatementFault> {
        handoff_subject(subject)?;
        field(self.meaning == self.decision.meaning(), "meaning", "is not that of the decision")?;
        check_attempt(&self.attempt)?;
        let is_approval = self.decision == DecisionKind::Approve;
        field(self.constraints.is_some() == is_approval, "constraints", "are there exactly with approve")?;
        self.constraints.as_ref().map_or(Ok(()), check_window)?;
        let is_escalation = self.decision == DecisionKind::Escalate;
        field(self.escalation.is_some() == is_escalation, "escalation", "is there exactly with escalate")?;
        let question = self.escalation.as_ref().map_or(1, |escalation| escalation.question.chars().count());
        field((1..=MAX_REASON_CHARS).contains(&question), "question", "has 1 to 2000 characters")?;
        field(self.reason.text.chars().count() <= MAX_REASON_CHARS, "reason", "has more than 2000 characters")?;
        field(self.auth.at <= self.decided_at, "auth", "is after the decision")?;
        field(self.view.opened_at <= self.decided_at, "openedAt", "is after the decision")?;
        check_seen(&self.seen_checkpoint)
    }
}

impl Predicate for OutcomePredicate {
    const TYPE: &'static str = "https://seamark.dev/attestation/outcome/v1";
    const KEY_USE: KeyUse = KeyUse::Outcome;

    fn signing_key(&self) -> Option<&str> {
        Some(&self.formed_by)
    }

    fn check(&self, subject: &[Subject]) -> Result<(), StatementFault> {
        if handoff_subject(subject)? != self.handoff_id.to_string() {
            return Err(StatementFault::Subject);
        }
        check_attempt(&self.attempt)?;
        field(fits(self.outcome, self.cause), "cause", "does not lead to this outcome")?;
        let is_approved = self.outcome == OutcomeKind::Approved;
        field(self.window.is_some() == is_approved, "window", "is there exactly with approved")?;
        self.window.as_ref().map_or(Ok(()), check_window)?;
        let is_superseded = self.outcome == OutcomeKind::Superseded;
        field(self.superseded_by.is_some() == is_superseded, "supersededBy", "is there exactly with superseded")?;
        field(self.quorum.required >= 1, "quorum", "is at least 1")?;
        let is_met = self.quorum.reached >= self.quorum.required;
        field(is_met || !is_approved, "quorum", "is not reached")?;
        field(self.decisions.len() <= MAX_DECISIONS, "decisions", "are more than 1000")?;
        let says_why = self.decisions.iter().all(|decision| decision.counted != decision.why.is_some());
        field(says_why, "why", "is there exactly when a decision does not count")?;
        check_seen(&self.ledger)
    }
}

/// Which causes lead to which outcome. Source: FORMATS.md §7.
fn fits(outcome: OutcomeKind, cause: OutcomeCause) -> bool {
    matches!(
        (outcome, cause),
        (OutcomeKind::Approved, OutcomeCause::PolicyMet)
            | (OutcomeKind::Rejected, OutcomeCause::Veto)
            | (OutcomeKind::Expired, OutcomeCause::Deadline)
            | (OutcomeKind::Withdrawn, OutcomeCause::Source | OutcomeCause::FallbackOwner)
            | (OutcomeKind::Superseded, OutcomeCause::NewRevision | OutcomeCause::NewAttempt)
    )
}

impl Predicate for ExecutionPredicate {
    const TYPE: &'static str = "https://seamark.dev/attestation/execution/v1";
    const KEY_USE: KeyUse = KeyUse::Execution;

    fn signing_key(&self) -> Option<&str> {
        None
    }

    fn check(&self, subject: &[Subject]) -> Result<(), StatementFault> {
        let (handoff, outcome) = subject.split_at_checked(1).ok_or(StatementFault::Subject)?;
        handoff_subject(handoff)?;
        let is_outcome = |subject: &Subject| subject.name.starts_with("urn:seamark:outcome:");
        if outcome.len() > 1 || !outcome.iter().all(is_outcome) {
            return Err(StatementFault::Subject);
        }
        check_attempt(&self.attempt)?;
        let has_failed = self.result == ExecutionResult::Failed;
        field(self.phase.is_some() == has_failed, "phase", "is there exactly with failed")?;
        let is_code = |code: &String| {
            let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=64).contains(&code.len()) && code.bytes().all(is_allowed)
        };
        field(self.code.as_ref().is_none_or(is_code), "code", "is not 1 to 64 of a-z, 0-9 and hyphen")?;
        field(self.decisions.len() <= MAX_DECISIONS, "decisions", "are more than 1000")
    }
}

impl Predicate for DirectoryPredicate {
    const TYPE: &'static str = "https://seamark.dev/attestation/directory/v1";
    const KEY_USE: KeyUse = KeyUse::Directory;
    const LIMITS: Limits = Limits { max_bytes: MAX_DIRECTORY_BYTES, ..Limits::SIGNED };

    fn signing_key(&self) -> Option<&str> {
        None
    }

    fn check(&self, subject: &[Subject]) -> Result<(), StatementFault> {
        match subject {
            [Subject { name, .. }] if *name == format!("urn:seamark:directory:{}", self.org) => {}
            _ => return Err(StatementFault::Subject),
        }
        field(seamark_contracts::id::is_name(&self.org), "org", "is no name")?;
        field((1..=MAX_SIZE).contains(&self.version), "version", "begins at 1")?;
        field(self.valid_from < self.valid_to, "validTo", "is not after validFrom")?;
        let is_named = |key: &crate::directory::DirectoryKey| KeyId::parse(&key.keyid).is_ok();
        field(self.keys.iter().all(is_named), "keyid", "is not 64 lowercase hexadecimal digits")
    }
}
