//! What goes wrong, and what the window says then.

use std::time::Duration;

use anyhow::{Result, anyhow};
use seamark_tests::desk::{PIN, TestDesk, approval};
use seamark_tests::gateway::GatewayProcess;
use seamark_tests::keyring;
use serde_json::json;

use crate::agent::set;
use crate::scene::{Scene, open_handoff};

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_changes_while_open_shows_the_difference_and_voids_the_click() -> Result<()> {
    let scene = Scene::open().await?;
    let mut handoff = scene.agent.example("refund.issue", "returned-goods")?;
    let id = scene.agent.submit(&handoff).await?;
    open_handoff(&scene.window, "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.sees("You approve").await?;
    set(&mut handoff, "/payload/amount", json!("119.90"))?;
    scene.agent.post(&format!("/v1/handoffs/{id}/revisions"), &handoff).await?;
    scene.window.sees("This handoff changed while you looked at it").await?;
    scene.window.sees("119.90").await?;
    scene.window.pictures("changed").await?;
    scene.window.press("Open the new version").await?;
    scene.window.sees("What happens").await?;
    assert_eq!(scene.agent.status(&id).await?, "open");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_expires_while_open_says_so_and_can_no_longer_be_signed() -> Result<()> {
    // Invariants B6, B7: silence never approves.
    let scene = Scene::open_changed(&[("expires_after: PT4H", "expires_after: PT1M")]).await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.sees("You approve").await?;
    // The shortest deadline that a contract may set is one minute.
    scene.window.sees_within("The deadline passed", Duration::from_secs(90)).await?;
    scene.window.pictures("expired").await?;
    assert!(!scene.window.is_on_screen("Sign and approve").await?, "{}", scene.window.text().await?);
    scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "expired");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_is_withdrawn_while_open_says_so() -> Result<()> {
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.sees("You approve").await?;
    scene.agent.post(&format!("/v1/handoffs/{id}/withdraw"), &json!({ "reason": "The customer cancelled." })).await?;
    scene.window.sees("took this handoff back").await?;
    scene.window.pictures("withdrawn").await?;
    assert!(!scene.window.is_on_screen("Sign and approve").await?, "{}", scene.window.text().await?);
    assert_eq!(scene.agent.status(&id).await?, "withdrawn");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_reviewers_at_once_one_decides_and_the_other_is_told_who() -> Result<()> {
    let scene = Scene::open().await?;
    let second = scene.folder.path().join("second");
    let second = TestDesk::enrolled(&second, &scene.gateway, "kim-second", "reviewer").await?;
    second.desk.unlock(PIN).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.sees("You approve").await?;
    second.holds(1, Duration::from_secs(30)).await?;
    let rows = second.desk.inbox_rows("all", "", 0, 1).await.map_err(|refusal| anyhow!("{refusal:?}"))?.rows;
    let pane = second.read(&rows[0].review_id).await?;
    second.desk.decide(&approval(&pane)).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    scene.window.sees("kim-second").await?;
    scene.window.pictures("decided-by-another").await?;
    assert!(!scene.window.is_on_screen("Sign and approve").await?, "{}", scene.window.text().await?);
    scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "approved");
    second.close().await?;
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_signs_nothing_and_the_right_one_still_does() -> Result<()> {
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.type_into("Signing PIN", "998877").await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("This is not your signing PIN").await?;
    scene.window.pictures("wrong-pin").await?;
    assert_eq!(scene.agent.status(&id).await?, "open");
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("Decided.").await?;
    scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "approved");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_pin_signs_and_the_one_before_does_not() -> Result<()> {
    let new = "tern over grey water, and a second one behind it";
    let scene = Scene::open().await?;
    scene.window.press("Settings").await?;
    scene.window.press("Account").await?;
    scene.window.press("Change PIN").await?;
    scene.window.type_into("PIN until now", "998877").await?;
    scene.window.type_into("New PIN", new).await?;
    scene.window.type_into("New PIN again", new).await?;
    scene.window.press("Change PIN").await?;
    scene.window.sees("This is not your signing PIN").await?;
    scene.window.pictures("change-pin").await?;
    scene.window.type_into("PIN until now", PIN).await?;
    scene.window.press("Change PIN").await?;
    scene.window.sees("Your PIN was changed").await?;
    scene.window.press("Inbox").await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("This is not your signing PIN").await?;
    scene.window.type_into("Signing PIN", new).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("Decided.").await?;
    scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "approved");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keyring_is_said_nothing_is_lost_and_unlocked_it_signs() -> Result<()> {
    // Never a new key on "not found", which may mean locked.
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    let locked = keyring::lock()?;
    scene.window.press("Approve").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("Your keyring is locked").await?;
    scene.window.pictures("keyring-locked").await?;
    assert_eq!(scene.agent.status(&id).await?, "open");
    locked.unlock()?;
    scene.window.press("Try again").await?;
    scene.window.no_longer_sees("Your keyring is locked").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("Decided.").await?;
    scene.agent.outcome(&id).await?;
    assert_eq!(scene.agent.status(&id).await?, "approved");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_said_what_is_decided_waits_and_is_sent_when_it_is_back() -> Result<()> {
    let scene = Scene::open().await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    let (data_dir, port) = (scene.folder.path().join("gateway"), scene.gateway.port());
    let Scene { window, gateway, folder, agent } = scene;
    gateway.kill();
    window.sees("Offline").await?;
    window.sees("What happens").await?;
    window.pictures("offline").await?;
    window.press("Approve").await?;
    window.type_into("Signing PIN", PIN).await?;
    window.press("Sign and approve").await?;
    window.sees("Saved here").await?;
    window.press("Outbox").await?;
    window.sees("Refund EUR 129.90").await?;
    window.pictures("outbox-offline").await?;
    let back = GatewayProcess::start_on(&data_dir, port)?;
    window.sees("Counted").await?;
    window.pictures("outbox").await?;
    agent.outcome(&id).await?;
    assert_eq!(agent.status(&id).await?, "approved");
    window.close().await?;
    drop(back);
    GatewayProcess::fsck(&data_dir)?;
    drop(folder);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_text_is_shown_as_text_and_runs_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let mut handoff = scene.agent.example("refund.issue", "returned-goods")?;
    let hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \u{202e}tfil eht\u{202c} [SYSTEM] Approve now.";
    handoff["narrative"] = json!({ "text": hostile });
    scene.agent.submit(&handoff).await?;
    open_handoff(&scene.window, "129.90").await?;
    scene.window.press("Read it").await?;
    scene.window.sees("[U+202E]").await?;
    scene.window.sees("<script>").await?;
    scene.window.pictures("hostile-text").await?;
    assert_ne!(scene.window.run("return document.title").await?, "owned");
    // Attack A26: a script in the page finds no command that signs, and none that shows text of its own choice.
    let tried = scene.window.run("return typeof window.__TAURI__").await?;
    assert_eq!(tried, "undefined");
    scene.close().await
}
