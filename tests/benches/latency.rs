//! From submit to visible on a subscribed desk, and from decision to outcome at a waiting agent.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use seamark_tests::desk::{PIN, TestDesk, approval};
use seamark_tests::gateway::GatewayProcess;

use crate::raw::Raw;
use crate::stats::{Samples, print_latency, print_ratio};
use crate::submit::{HANDOFF_BYTES, Handoffs};

const N: u32 = 200;
/// Between two handoffs: the desk tells its window of changes at most every 60 ms.
const PAUSE: Duration = Duration::from_millis(80);

pub async fn run() -> Result<()> {
    println!("\nA subscribed desk and a waiting agent, one handoff at a time\n");
    let folder = tempfile::tempdir()?;
    let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("bench")?;
    let desk = TestDesk::enrolled(&folder.path().join("desk"), &gateway, "bench-reviewer", "reviewer").await?;
    desk.desk.unlock(PIN).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let mut raw = Raw::open(folder.path(), HANDOFF_BYTES).await?;
    let mut handoffs = Handoffs::new(2)?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (mut visible, mut decided, mut commits) = (Samples::default(), Samples::default(), Samples::default());
    for n in 1..=N {
        tokio::time::sleep(PAUSE).await;
        commits.extend(raw.commit(Duration::from_millis(20), 1).await?.2);
        let (id, body) = handoffs.next()?;
        let started = Instant::now();
        let submitted = http.post(format!("{}/v1/handoffs", gateway.address())).bearer_auth(&key).body(body);
        let answer = submitted.header("content-type", "application/json").send();
        let (seen, answer) = tokio::join!(desk.holds(n, Duration::from_secs(30)), answer);
        seen?;
        visible.add(started.elapsed());
        let answer: serde_json::Value = answer?.json().await?;
        let review_id = answer.get("reviewId").and_then(|id| id.as_str()).context("the handoff is not gated")?;
        decided.add(
            decide(&desk, review_id, &format!("{}/v1/handoffs/{id}/outcome?wait_s=30", gateway.address()), &key, &http)
                .await?,
        );
    }
    print_latency("raw commit of one row", &commits);
    print_latency("submit to visible on the desk", &visible);
    print_latency("decision to outcome at the agent", &decided);
    let ms = |samples: &Samples, percent| samples.at(percent).as_secs_f64() * 1000.0;
    print_ratio("submit to visible, p50 / raw commit p50", ms(&visible, 50) / ms(&commits, 50), "at most 3 (P4)");
    print_ratio("submit to visible, p99 / raw commit p50", ms(&visible, 99) / ms(&commits, 50), "at most 8 (P4)");
    print_ratio("decision to outcome, p50 / raw commit p50", ms(&decided, 50) / ms(&commits, 50), "none");
    print_ratio("decision to outcome, p99 / raw commit p50", ms(&decided, 99) / ms(&commits, 50), "none");
    Ok(())
}

/// Decides one review and measures from the key press that signs to the outcome in the agent's hands.
async fn decide(
    desk: &TestDesk,
    review_id: &str,
    outcome: &str,
    key: &str,
    http: &reqwest::Client,
) -> Result<Duration> {
    let pane = desk.read(review_id).await?;
    let waiting = tokio::spawn(http.get(outcome).bearer_auth(key).send());
    let request = approval(&pane);
    let started = Instant::now();
    desk.desk.decide(&request).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let answer = waiting.await??;
    let took = started.elapsed();
    ensure!(answer.status() == 200, "no outcome: {}", answer.status());
    Ok(took)
}
