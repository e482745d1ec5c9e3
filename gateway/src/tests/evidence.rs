//! Records for evidence bundles, verified with the auditor's own code.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::id::AgentUrn;
use seamark_ledger::bundle::Bundle;
use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_archive};

use crate::evidence::{EvidenceError, WhichAttempt};
use crate::testing::World;

/// The claims about the bundle of a record that do not pass under the gateway's own trust.
fn unproved(world: &World, record: &AuditRecord) -> Vec<ClaimId> {
    let now = world.clock.now();
    let archive = Bundle::pack(record, now).unwrap().to_archive();
    let pinned = Pinned::from_trust(&world.gateway.trust(), None, now).unwrap();
    let claims = check_archive(&archive, &pinned).report.claims;
    claims.into_iter().filter(|claim| claim.verdict != Verdict::Pass).map(|claim| claim.id).collect()
}

#[tokio::test]
async fn a_record_becomes_a_bundle_that_verifies_under_the_gateways_trust() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let reviewer = world.reviewer("alice", &["reviewer"]).await;
    let answer = world.gated(&key).await;
    let review = reviewer.reviews(&world).await.remove(0);
    reviewer.decide(&world, &review, DecisionKind::Reject).await;
    let which = WhichAttempt { handoff_id: answer.handoff_id, submitter: None, attempt: None };
    let recorded = world.gateway.record(&which).await.unwrap();
    assert_eq!((recorded.attempt, recorded.n_attempts), (1, 1));
    let open = unproved(&world, &recorded.record);
    // This reviewer signed without having sent the view before, as one does who is offline.
    let expected = [ClaimId::Disclosures, ClaimId::Witnesses, ClaimId::PresentedBeforeSigning, ClaimId::Time];
    assert_eq!(open, expected);
    world.assert_sound().await;
}

#[tokio::test]
async fn an_escalated_handoff_has_a_record_for_each_attempt() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let reviewer = world.reviewer("alice", &["reviewer"]).await;
    let answer = world.gated(&key).await;
    let review = reviewer.reviews(&world).await.remove(0);
    reviewer.decide(&world, &review, DecisionKind::Escalate).await;
    let which = |attempt| WhichAttempt { handoff_id: answer.handoff_id, submitter: None, attempt };
    let newest = world.gateway.record(&which(None)).await.unwrap();
    assert_eq!((newest.attempt, newest.n_attempts), (2, 2));
    assert!(newest.record.decisions.is_empty() && newest.record.outcome.is_none());
    let first = world.gateway.record(&which(Some(1))).await.unwrap();
    assert_eq!((first.attempt, first.record.decisions.len()), (1, 1));
    // Each stands for itself, among the entries of both.
    let escalated = [ClaimId::Disclosures, ClaimId::Witnesses, ClaimId::PresentedBeforeSigning, ClaimId::Time];
    assert_eq!(unproved(&world, &first.record), escalated);
    let undecided = [
        ClaimId::Disclosures,
        ClaimId::Outcome,
        ClaimId::Witnesses,
        ClaimId::OutcomeLedger,
        ClaimId::Execution,
        ClaimId::Time,
    ];
    assert_eq!(unproved(&world, &newest.record), undecided);
    let none = world.gateway.record(&which(Some(3))).await.unwrap_err();
    assert!(matches!(none, EvidenceError::NoAttempt { asked: 3, n_attempts: 2 }));
}

#[tokio::test]
async fn what_has_no_record_says_why() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "small-passes");
    let passed: seamark_contracts::api::agent::HandoffAnswer = world.post("/v1/handoffs", &key, &submission).await.ok();
    let which = |handoff_id, submitter| WhichAttempt { handoff_id, submitter, attempt: None };
    let error = world.gateway.record(&which(passed.handoff_id, None)).await.unwrap_err();
    assert!(matches!(error, EvidenceError::Passed), "{error}");
    let absent = crate::testing::random_id(&world);
    assert!(matches!(world.gateway.record(&which(absent, None)).await, Err(EvidenceError::NoHandoff(_))));
    let stranger = AgentUrn::from_name("stranger").unwrap();
    let error = world.gateway.record(&which(passed.handoff_id, Some(stranger))).await.unwrap_err();
    assert!(matches!(error, EvidenceError::NoHandoff(_)), "{error}");
}
