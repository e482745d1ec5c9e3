//! A17: the operator goes back to an older copy of the ledger and writes another history.

use std::path::Path;

use seamark_contracts::decision::DecisionKind;
use seamark_desk::answer::LedgerKind;
use seamark_desk::refusal::RefusalCode;
use seamark_gateway::Limits;
use seamark_ledger::bundle::Bundle;
use seamark_ledger::verify::{ClaimId, Verdict, check_bundle};
use seamark_tests::desk::approval;

use crate::stage::{PATIENCE, Stage};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Everything is signed with the right keys; only a desk that remembers can tell, and it does.
#[tokio::test(flavor = "multi_thread")]
async fn attack_a17_a_desk_that_saw_the_ledger_stops_approving_on_another_one() {
    let stage = Stage::open().await;
    let key = stage.agent("order-desk").await;
    let desk_folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(desk_folder.path(), "Bo").await;
    let (folder, clock, port) = stage.stop().await;
    let old = tempfile::tempdir().unwrap();
    copy(folder.path(), old.path());

    let stage = Stage::start(folder, port, 7, clock, Limits::default()).await;
    stage.gated(&key).await;
    desk.holds(1, PATIENCE).await.unwrap();
    let sizes = |size: &str| size.parse::<u64>().unwrap_or(0);
    let size = stage.entries().await.len() as u64;
    // The desk has verified a head with the new entries in it.
    desk.says(PATIENCE, |state| state.ledger.state == LedgerKind::Verified && sizes(&state.ledger.size) >= size)
        .await
        .unwrap();
    let (_, clock, port) = stage.stop().await;

    let stage = Stage::start(old, port, 77, clock, Limits::default()).await;
    for _ in 0..3 {
        stage.gated(&key).await;
    }
    desk.says(PATIENCE, |state| state.ledger.state == LedgerKind::Broken).await.unwrap();
    desk.holds(1, PATIENCE).await.unwrap();
    let page = desk.desk.inbox_rows("all", "", 0, 10).await.unwrap();
    let mut refusals = Vec::new();
    for row in &page.rows {
        if let Ok(pane) = desk.read(&row.review_id).await {
            let mut request = approval(&pane);
            request.pin = Some(seamark_tests::desk::PIN.to_owned());
            refusals.push(desk.desk.decide(&request).await.unwrap_err().code);
        }
    }
    // A review of the old history is not there any more; those of the new one can be read and not be decided.
    assert!(refusals.contains(&RefusalCode::LedgerBroken), "{refusals:?}");
    assert!(
        refusals.iter().all(|code| [RefusalCode::LedgerBroken, RefusalCode::NotFound].contains(code)),
        "{refusals:?}"
    );
}

/// A record out of the other history does not go together with the head that a person signed.
#[tokio::test]
async fn attack_a17_a_decision_carries_the_head_that_its_ledger_has_to_extend() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
    // What the person saw was another ledger of this size.
    draft.predicate.seen_checkpoint.root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
    ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await;
    let record = stage.record(&ana, review.review_id).await;
    if record.decisions.is_empty() {
        return;
    }
    let found = check_bundle(&Bundle::pack(&record, stage.now()).unwrap(), &stage.pinned());
    assert_eq!(found.report.verdict_of(ClaimId::ReviewerWitness), Some(Verdict::Fail), "{:#?}", found.report);
}
