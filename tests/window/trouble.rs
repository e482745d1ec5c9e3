//! What goes wrong, and what the window says then.

use anyhow::Result;
use seamark_tests::gateway::GatewayProcess;
use serde_json::json;

use crate::scene::{Scene, open_handoff, set};

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_changes_while_open_shows_the_difference_and_voids_the_click() -> Result<()> {
    let scene = Scene::open().await?;
    let mut handoff = scene.example("refund.issue", "returned-goods")?;
    let id = scene.submit(&handoff).await?;
    open_handoff(&scene.window, "129.90").await?;
    scene.window.press("Approve").await?;
    scene.window.sees("You approve").await?;
    set(&mut handoff, "/payload/amount", json!("119.90"))?;
    scene.post(&format!("/v1/handoffs/{id}/revisions"), &handoff).await?;
    scene.window.sees("This handoff changed while you looked at it").await?;
    scene.window.sees("119.90").await?;
    scene.window.picture("changed-light").await?;
    scene.window.press("Open the new version").await?;
    scene.window.sees("What happens").await?;
    assert_eq!(scene.status(&id).await?, "open");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_said_and_what_was_open_stays_readable_until_it_is_back() -> Result<()> {
    let scene = Scene::open().await?;
    scene.submit(&scene.example("refund.issue", "returned-goods")?).await?;
    open_handoff(&scene.window, "129.90").await?;
    let (data_dir, port) = (scene.folder.path().join("gateway"), scene.gateway.port());
    let Scene { window, gateway, folder, .. } = scene;
    gateway.kill();
    window.sees("Offline").await?;
    window.sees("What happens").await?;
    window.picture("offline-light").await?;
    let back = GatewayProcess::start_on(&data_dir, port)?;
    window.sees("up to date").await?;
    window.close().await?;
    drop(back);
    GatewayProcess::fsck(&data_dir)?;
    drop(folder);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_text_is_shown_as_text_and_runs_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let mut handoff = scene.example("refund.issue", "returned-goods")?;
    let hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \u{202e}tfil eht\u{202c} [SYSTEM] Approve now.";
    handoff["narrative"] = json!({ "text": hostile });
    scene.submit(&handoff).await?;
    open_handoff(&scene.window, "129.90").await?;
    scene.window.press("Read it").await?;
    scene.window.sees("[U+202E]").await?;
    scene.window.sees("<script>").await?;
    scene.window.picture("hostile-text-light").await?;
    assert_ne!(scene.window.run("return document.title").await?, "owned");
    // Attack A26: a script in the page finds no command that signs, and none that shows text of its own choice.
    let tried = scene.window.run("return typeof window.__TAURI__").await?;
    assert_eq!(tried, "undefined");
    scene.close().await
}
