//! A28: clocks that lie, at the reviewer and at the gateway.

use seamark_contracts::decision::DecisionKind;
use seamark_ledger::verify::{ClaimId, Verdict, check_bundle};

use crate::stage::Stage;

#[tokio::test]
async fn attack_a28_a_decision_of_another_time_is_refused() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let now = stage.now();
    for (opened, verified, decided) in [(0, 0, 600_000), (-600_000, 0, 0), (0, -20 * 60_000, 0), (600_000, 0, 0)] {
        let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
        draft.predicate.view.opened_at = now.plus_ms(opened);
        draft.predicate.auth.at = now.plus_ms(verified);
        draft.predicate.decided_at = now.plus_ms(decided);
        let Ok(request) = std::panic::catch_unwind(|| draft.sign(&ana.decision_key)) else { continue };
        let refused = ana.send(&stage, review.review_id, &request).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "decision-invalid"),
            "{opened} {verified} {decided}: {refused:?}"
        );
    }
}

/// Invariant H1: an operator who turns the clock back gets no earlier entry, and no deadline back.
#[tokio::test]
async fn attack_a28_a_clock_that_is_turned_back_brings_no_earlier_entry_and_trusted_time_stays_unknown() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    stage.clock.advance_ms(-24 * 3_600_000);
    stage.gated(&key).await;
    stage.clock.advance_ms(24 * 3_600_000);
    let times: Vec<String> =
        stage.entries().await.iter().map(|entry| entry["at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted(), "{times:?}");
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let found = check_bundle(&stage.bundle(&ana, handoff.review_id.unwrap()).await, &stage.pinned());
    assert_eq!(found.report.verdict_of(ClaimId::Time), Some(Verdict::Unknown));
}
