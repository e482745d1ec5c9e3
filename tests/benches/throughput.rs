//! Durable submit throughput of the gateway against raw SQLite commits of the same size.

use anyhow::Result;
use seamark_tests::gateway::GatewayProcess;

use crate::raw::Raw;
use crate::stats::{Rate, Samples, print_latency, print_rate, print_ratio};
use crate::submit::{self, HANDOFF_BYTES, Handoffs};

const ROUNDS: u64 = 5;

pub async fn run() -> Result<()> {
    println!("\nDurable submissions, {HANDOFF_BYTES} bytes each, HTTP, SQLite WAL, synchronous=FULL\n");
    let folder = tempfile::tempdir()?;
    let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("bench")?;
    let mut raw = Raw::open(folder.path(), HANDOFF_BYTES).await?;
    let mut handoffs = Handoffs::new(1)?;
    let (mut single, mut grouped, mut one, mut many) = (Rate::new(), Rate::new(), Rate::new(), Rate::new());
    let (mut one_latency, mut many_latency, mut commit_latency) =
        (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let (took, samples) = raw.commit(1_000, 1).await?;
        single.round(1_000, took);
        commit_latency.extend(samples);
        grouped.round(10_000, raw.commit(10_000, 100).await?.0);
        let (took, samples) = submit::run(&gateway.address(), &key, &mut handoffs, 300, 1).await?;
        one.round(300, took);
        one_latency.extend(samples);
        let (took, samples) = submit::run(&gateway.address(), &key, &mut handoffs, 2_000, 32).await?;
        many.round(2_000, took);
        many_latency.extend(samples);
    }
    print_rate("raw rows, one commit each", &single);
    print_rate("raw rows, 100 a commit", &grouped);
    print_rate("submissions, 1 client", &one);
    print_rate("submissions, 32 clients", &many);
    print_latency("raw commit of one row", &commit_latency);
    print_latency("submission, 1 client", &one_latency);
    print_latency("submission, 32 clients", &many_latency);
    print_ratio("1 client / raw one by one", one.median() / single.median(), "none; the price of the whole way");
    print_ratio("32 clients / raw one by one", many.median() / single.median(), "above 1 shows group commit");
    print_ratio("32 clients / raw grouped by 100", many.median() / grouped.median(), "at least 0.30");
    Ok(())
}
