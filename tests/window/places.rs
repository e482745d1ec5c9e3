//! Every place of the window once, in both themes, for people to look at.

use anyhow::Result;

use crate::scene::{PIN, Scene, open_handoff};

#[tokio::test(flavor = "multi_thread")]
async fn every_place_can_be_reached_and_drawn_in_both_themes_narrow_and_zoomed() -> Result<()> {
    let scene = Scene::open().await?;
    let window = &scene.window;
    window.pictures("inbox-empty").await?;
    window.press("Outbox").await?;
    window.sees("Nothing was signed on this computer yet").await?;
    window.pictures("outbox-empty").await?;
    window.press("Audit").await?;
    window.sees("Nothing was decided yet").await?;
    window.pictures("audit-empty").await?;
    window.press("Settings").await?;
    for page in ["Account and keys", "Keyboard", "About", "Appearance"] {
        window.press(page).await?;
        window.settle().await;
        window.pictures(&format!("settings-{}", page.to_lowercase().replace(' ', "-"))).await?;
    }
    window.press("Inbox").await?;
    let id = scene.open_refund("other-card", "card").await?;
    window.scroll_to_top().await?;
    window.pictures("review").await?;
    window.resize(900, 900).await?;
    window.pictures("review-narrow").await?;
    window.resize(1440, 900).await?;
    // By keys: the driver clicks beside what is zoomed.
    for _ in 0..5 {
        window.keys("+", true).await?;
        window.settle().await;
    }
    window.pictures("review-zoomed").await?;
    window.keys(",", true).await?;
    window.sees("200 %").await?;
    window.pictures("settings-zoomed").await?;
    window.keys("0", true).await?;
    window.no_longer_sees("200 %").await?;
    window.press("Inbox").await?;
    open_handoff(window, "card").await?;
    window.keys("?", false).await?;
    window.sees("No key decides").await?;
    window.pictures("keyboard-shortcuts").await?;
    window.keys("\u{e00c}", false).await?;
    window.press("Settings").await?;
    window.press("Account and keys").await?;
    window.press("Lock now").await?;
    window.sees("Seamark is locked").await?;
    assert!(!window.is_on_screen("EUR").await?, "the lock hides what is decided");
    window.pictures("locked").await?;
    window.type_into("Signing PIN", PIN).await?;
    window.press("Unlock").await?;
    window.no_longer_sees("Seamark is locked").await?;
    assert_eq!(scene.agent.status(&id).await?, "open");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_theme_is_kept() -> Result<()> {
    let scene = Scene::open().await?;
    scene.window.keys(",", true).await?;
    scene.window.sees("Density of lists").await?;
    scene.window.press("Dark").await?;
    scene.window.settle().await;
    let (desk_dir, folder) = (scene.desk_dir(), scene.folder);
    scene.window.close().await?;
    let window = seamark_tests::window::Window::open(&desk_dir).await?;
    window.sees("Nothing waits for you").await?;
    assert_eq!(window.run("return document.documentElement.dataset.theme").await?, "dark");
    window.close().await?;
    drop(folder);
    Ok(())
}
