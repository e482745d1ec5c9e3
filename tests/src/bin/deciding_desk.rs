//! A desk without a window that approves whatever waits for it until it is killed: `deciding-desk FOLDER`.
//!
//! Prints `ready`, then the id of each decision that the desk said was saved. What was printed must never be lost.
#![expect(clippy::print_stdout, reason = "what is printed is what was acknowledged")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use seamark_tests::desk::{PIN, TestDesk, approval, next};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("which folder?")?);
    let desk = TestDesk::open(&folder).await?;
    let mut events = desk.desk.events();
    desk.desk.unlock(PIN).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    println!("ready");
    let mut seen = BTreeSet::new();
    loop {
        let page = desk.desk.inbox_rows("mine", "", 0, 100).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
        for row in page.rows {
            if seen.insert(row.review_id.clone()) {
                decide(&desk, &row.review_id).await?;
            }
        }
        next(&mut events).await?;
    }
}

async fn decide(desk: &TestDesk, review_id: &str) -> Result<()> {
    let pane = desk.read(review_id).await?;
    // A refusal is no loss: before the last kill it may have been decided already.
    if let Ok(progress) = desk.desk.decide(&approval(&pane)).await {
        println!("{}", progress.decision_id);
    }
    Ok(())
}
