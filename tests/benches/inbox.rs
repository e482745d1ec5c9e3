//! Opening an inbox of 100,000 items, against one with none.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use seamark_tests::desk::TestDesk;
use seamark_tests::gateway::GatewayProcess;

use crate::stats::{Samples, print_latency, print_ratio, print_ratio_of};
use crate::submit::{self, Handoffs};
use crate::window;

const MANY: u32 = 100_000;
const ROWS: u32 = 60;
const ROUNDS: usize = 15;

pub async fn run() -> Result<()> {
    println!("\nAn inbox of {MANY} reviews\n");
    let folder = tempfile::tempdir()?;
    let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("bench")?;
    let (none, many) = (folder.path().join("none"), folder.path().join("many"));
    // Nothing of this contract is for this role.
    let empty = TestDesk::enrolled(&none, &gateway, "bench-onlooker", "onlooker").await?;
    let full = TestDesk::enrolled(&many, &gateway, "bench-reviewer", "reviewer").await?;
    let started = Instant::now();
    let (took, _) =
        submit::run(&gateway.address(), &key, &mut Handoffs::new(3)?, (MANY as usize, Duration::MAX), 32).await?;
    println!(
        "{MANY} reviews came into being in {:.0} s, {:.0} /s",
        took.as_secs_f64(),
        f64::from(MANY) / took.as_secs_f64()
    );
    full.holds(MANY, Duration::from_secs(600)).await?;
    println!(
        "the subscribed desk had verified and kept all of them {:.0} s after the first",
        started.elapsed().as_secs_f64()
    );
    let scrolled = windows(&full).await?;
    full.close().await?;
    ensure!(empty.total().await? == 0, "the onlooker sees reviews");
    empty.close().await?;

    let (mut opened_none, mut opened_many) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        opened_none.add(open(&none, 0).await?);
        opened_many.add(open(&many, MANY).await?);
    }
    print_latency("opening the desk's inbox, none", &opened_none);
    print_latency("opening the desk's inbox, 100,000", &opened_many);
    print_ratio_of("opening, 100,000 / none", &opened_many, &opened_none, "at most 1.1");
    print_latency("60 rows at the top of 100,000", &scrolled.0);
    print_latency("60 rows anywhere in 100,000", &scrolled.1);
    let frame = scrolled.1.at(99).as_secs_f64() * 1000.0 / 16.0;
    print_ratio("60 rows anywhere, p99 / a frame of 16 ms", frame, "at most 1, for smooth scrolling");

    println!();
    window::run_inboxes(&none, &many).await
}

/// From the folder to the state and the first rows, as the window asks for them.
async fn open(data_dir: &Path, total: u32) -> Result<Duration> {
    let started = Instant::now();
    let desk = TestDesk::open(data_dir).await.context("opening the desk again")?;
    desk.desk.app_state().await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let page = desk.desk.inbox_rows("mine", "", 0, ROWS).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let took = started.elapsed();
    ensure!(page.total == total, "the inbox has {} reviews instead of {total}", page.total);
    desk.close().await?;
    Ok(took)
}

/// Rows at the top, and at places all over the list.
async fn windows(desk: &TestDesk) -> Result<(Samples, Samples)> {
    let (mut top, mut anywhere) = (Samples::default(), Samples::default());
    for step in 0..200u32 {
        for (offset, samples) in [(0, &mut top), ((MANY - ROWS) / 200 * step, &mut anywhere)] {
            let started = Instant::now();
            let page = desk.desk.inbox_rows("mine", "", offset, ROWS).await;
            let page = page.map_err(|refusal| anyhow!("{refusal:?}"))?;
            samples.add(started.elapsed());
            ensure!(page.rows.len() == ROWS as usize, "a window of {} rows", page.rows.len());
        }
    }
    Ok((top, anywhere))
}
