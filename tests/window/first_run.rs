//! A person who has never seen Seamark.

use anyhow::Result;
use seamark_tests::window::Window;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_tries_it_and_a_real_handoff_waits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let window = Window::open(folder.path()).await?;
    window.sees("Welcome to Seamark").await?;
    window.picture("first-run-light").await?;
    window.press("Try Seamark on this computer").await?;
    window.type_into("Your name", "Robin Reviewer").await?;
    window.type_into("Signing PIN", "739182").await?;
    window.type_into("Signing PIN again", "739183").await?;
    window.press("Set up").await?;
    window.sees("The two PINs are not the same").await?;
    window.type_into("Signing PIN again", "739182").await?;
    window.press("Set up").await?;
    window.first_row().await?;
    window.open_first_row().await?;
    window.sees("What happens").await?;
    window.sees("Machine payload, masked").await?;
    window.picture("review-light").await?;
    window.keys(",", true).await?;
    window.sees("Appearance").await?;
    window.press("Dark").await?;
    window.picture("settings-dark").await?;
    window.press("Inbox").await?;
    window.open_first_row().await?;
    window.sees("What happens").await?;
    window.picture("review-dark").await?;
    window.close().await
}
