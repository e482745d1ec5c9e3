//! Approve, reject, escalate; and looking back.

use std::process::Command;

use anyhow::Result;
use seamark_tests::gateway::output;
use seamark_tests::programs::built;
use serde_json::{Value, json};

use crate::scene::{PIN, Scene, folder_contains};

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_signed_recorded_counted_delivered_and_can_be_verified_later() -> Result<()> {
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.sees("You approve").await?;
    scene.window.pictures("sheet-approve").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("Decided.").await?;
    let delivery = scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "approved");
    assert!(delivery["disclosures"].as_array().is_some_and(|all| !all.is_empty()));
    scene.window.sees("Delivered").await?;
    scene.window.pictures("decided").await?;
    scene.window.press("Audit").await?;
    scene.window.sees("Decisions of the past").await?;
    scene.window.pictures("audit").await?;
    scene.window.press("Refund EUR 129.90").await?;
    scene.window.press("Verify").await?;
    scene.window.sees("passed").await?;
    assert!(!scene.window.is_on_screen("failed").await?, "{}", scene.window.text().await?);
    scene.window.pictures("record").await?;
    // Invariant F1: what the contract masks never reached this computer.
    assert!(!folder_contains(&scene.desk_dir(), "4012888888881881")?);
    assert!(!folder_contains(&scene.desk_dir(), "ines.falk@post.example")?);
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reject_needs_a_reason_and_ends_the_review() -> Result<()> {
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Reject").await?;
    scene.window.sees("You reject").await?;
    scene.window.pictures("sheet-reject").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and reject").await?;
    scene.window.sees("Choose why.").await?;
    scene.window.press("Another reason").await?;
    scene.window.type_into("What should change", "Refund to the card of the order.").await?;
    scene.window.press("Sign and reject").await?;
    scene.window.sees("Decided.").await?;
    scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "rejected");
    scene.window.press("Audit").await?;
    scene.window.press("Refund EUR 129.90").await?;
    scene.window.press("Save evidence").await?;
    scene.window.sees("Evidence saved").await?;
    scene.window.pictures("evidence").await?;
    // Whoever gets the file needs the pinned keys and nothing else: no gateway, no desk.
    let saved = scene.desk_dir().join(format!("evidence/seamark-{id}.seamark.zip"));
    let pinned = scene.folder.path().join("trust.json");
    std::fs::write(&pinned, scene.gateway.operate(&["evidence", "trust"])?.to_string())?;
    let mut verify = Command::new(built("seamark")?);
    verify.args(["evidence", "verify", "--json", "--trust"]).arg(&pinned).arg(&saved);
    let verdict: Value = serde_json::from_str(&output(verify)?)?;
    assert_eq!((&verdict["verdict"], &verdict["outcome"]), (&json!("PASS"), &json!("rejected")));
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escalation_keeps_the_deadline_running_and_leaves_the_inbox() -> Result<()> {
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Escalate").await?;
    scene.window.sees("You escalate").await?;
    scene.window.pictures("sheet-escalate").await?;
    scene.window.choose_first("To whom").await?;
    scene.window.type_into("Your question", "Is this customer known to you?").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and escalate").await?;
    scene.window.sees("Decided.").await?;
    assert_eq!(scene.agent.status(&id).await?, "open");
    scene.close().await
}
