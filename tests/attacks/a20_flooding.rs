//! A20: an agent floods the people until they click.

use std::time::Duration;

use seamark_gateway::Limits;
use serde_json::json;

use crate::stage::{PATIENCE, Stage};

/// Of a thousand handoffs at once as many wait for people as the operator allows, and the ledger says that there were more.
#[tokio::test(flavor = "multi_thread")]
async fn attack_a20_a_thousand_handoffs_of_one_agent_are_capped_throttled_and_recorded_once() {
    const CAP: usize = 25;
    let stage = Stage::with(Limits { max_open_reviews: CAP, ..Limits::default() }).await;
    let (flooder, other) = (stage.agent("order-desk").await, stage.agent("order-desk-2").await);
    let ana = stage.person("Ana").await;
    let bodies: Vec<_> = (0..1_000).map(|_| stage.submission("returned-goods")).collect();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for round in bodies.chunks(100) {
        let answers = round.iter().map(|body| stage.post("/v1/handoffs", &flooder, body));
        for answer in futures_util::future::join_all(answers).await {
            if answer.status == 201 {
                taken.push(answer.ok::<seamark_contracts::api::agent::HandoffAnswer>());
            } else {
                assert_eq!((answer.status, answer.code()), (429, "unavailable"), "{answer:?}");
                assert!(answer.retry_after.is_some_and(|wait| wait.parse::<u32>().is_ok_and(|s| s > 0)));
                refused += 1;
            }
        }
    }
    assert_eq!((taken.len(), refused), (CAP, 1_000 - CAP));
    let throttled = |entries: &[serde_json::Value]| entries.iter().filter(|e| e["type"] == "agent.throttled").count();
    assert_eq!(throttled(&stage.entries().await), 1, "one entry for the whole flood");
    // What needs nobody is not held up, nor is anybody else.
    stage.submit(&flooder, &stage.submission("small-passes")).await;
    stage.gated(&other).await;
    // The same handoff again gets its answer, full or not (A1).
    let known = stage
        .post("/v1/handoffs", &flooder, bodies.iter().find(|b| b["handoffId"] == json!(taken[0].handoff_id)).unwrap())
        .await;
    assert_eq!(known.status, 200);
    // One answer makes one place; the agent asks again as it is told to.
    ana.approve(&stage, taken[0].review_id.unwrap()).await;
    let submission = stage.submission("returned-goods");
    let asked_again = async {
        while stage.post("/v1/handoffs", &flooder, &submission).await.status == 429 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked_again).await.unwrap();
    let again = stage.post("/v1/handoffs", &flooder, &stage.submission("returned-goods")).await;
    assert_eq!(again.status, 429);
    assert_eq!(throttled(&stage.entries().await), 2, "a new flood is a new entry");
    assert!(stage.office.fsck().await.is_sound());
}
