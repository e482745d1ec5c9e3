//! A masked field is read for a moment, for a purpose, and the record says so (invariant F1).

use anyhow::Result;

use crate::scene::{PIN, Scene, folder_contains};

/// What the sample hides at `/payload/customer/email`.
const EMAIL: &str = "ines.falk@post.example";

async fn reveal(scene: &Scene) -> Result<()> {
    scene.window.press("Reveal customer").await?;
    scene.window.press("Contact the person").await?;
    scene.window.type_into("In your own words", "asked to be called back").await?;
    scene.window.press("Record and reveal").await?;
    scene.window.sees(EMAIL).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revealed_field_counts_down_is_masked_on_blur_and_stands_in_the_record() -> Result<()> {
    let scene = Scene::open_as(&["reviewer", "compliance"]).await?;
    let id = scene.open_refund("returned-goods", "129.90").await?;
    scene.window.press("Reveal customer").await?;
    scene.window.sees("recorded before the value is shown").await?;
    scene.window.pictures("reveal-purpose").await?;
    scene.window.press("Record and reveal").await?;
    scene.window.sees("Choose what you need it for.").await?;
    scene.window.press("Leave it masked").await?;
    reveal(&scene).await?;
    scene.window.sees("masked again in").await?;
    scene.window.pictures("revealed").await?;
    assert!(!folder_contains(&scene.desk_dir(), EMAIL)?, "not even while it is shown");
    // A window that is left, as far as the page hears of it.
    scene.window.run("window.dispatchEvent(new Event('blur'))").await?;
    scene.window.no_longer_sees(EMAIL).await?;
    scene.window.run("window.dispatchEvent(new Event('focus'))").await?;
    reveal(&scene).await?;
    scene.window.press("Mask customer").await?;
    scene.window.no_longer_sees(EMAIL).await?;

    scene.window.press("Approve").await?;
    scene.window.type_into("Signing PIN", PIN).await?;
    scene.window.press("Sign and approve").await?;
    scene.window.sees("Decided.").await?;
    let delivery = scene.agent.outcome(&id).await?;
    assert_eq!(delivery["views"][0]["disclosed"].as_array().map(Vec::len), Some(1), "the signed view names it once");
    assert!(!delivery["views"].to_string().contains(EMAIL), "and does not hold it");
    scene.window.press("Audit").await?;
    scene.window.press("Refund EUR 129.90").await?;
    scene.window.sees("Revealed fields").await?;
    scene.window.sees("asked to be called back").await?;
    scene.window.press("Verify").await?;
    scene.window.sees("2 times a masked field was revealed").await?;
    assert!(!scene.window.is_on_screen("failed").await?, "{}", scene.window.text().await?);
    scene.window.pictures("record-revealed").await?;
    assert!(!folder_contains(&scene.desk_dir(), EMAIL)?);
    assert_eq!(scene.agent.status(&id).await?, "approved");
    scene.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_a_field_is_offered_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    scene.open_refund("returned-goods", "129.90").await?;
    assert!(!scene.window.is_on_screen("Reveal").await?, "{}", scene.window.text().await?);
    scene.close().await
}
