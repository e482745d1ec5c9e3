//! A person who has never seen Seamark.

use anyhow::Result;
use seamark_tests::window::Window;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_tries_it_a_real_handoff_waits_and_everything_is_there_again_the_next_day() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let window = Window::open(folder.path()).await?;
    window.sees("Welcome to Seamark").await?;
    window.pictures("first-run").await?;
    window.press("Connect to my team").await?;
    window.sees("Invitation code").await?;
    window.pictures("connect").await?;
    window.press("Back").await?;
    window.press("Try Seamark on this computer").await?;
    window.type_into("Your name", "Robin Reviewer").await?;
    window.type_into("Signing PIN", "739182").await?;
    window.type_into("Signing PIN again", "739183").await?;
    window.press("Set up").await?;
    window.sees("The two PINs are not the same").await?;
    window.pictures("try-locally").await?;
    window.type_into("Signing PIN again", "739182").await?;
    window.press("Set up").await?;
    window.first_row().await?;
    window.pictures("inbox").await?;
    window.open_first_row().await?;
    window.sees("Machine payload, masked").await?;
    window.close().await?;

    let window = Window::open(folder.path()).await?;
    window.first_row().await?;
    window.open_first_row().await?;
    window.sees("Machine payload, masked").await?;
    window.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_does_not_work_is_said_and_nothing_that_was_typed_is_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let window = Window::open(folder.path()).await?;
    window.press("Connect to my team").await?;
    window.type_into("Address of the gateway", "http://127.0.0.1:9").await?;
    window.type_into("Invitation code", "smi_AAAAAAAAAAAAAAAAAAAAAA_0123456789abcdef").await?;
    window.type_into("Name of this computer", "Test computer").await?;
    window.type_into("Signing PIN", "739182").await?;
    window.type_into("Signing PIN again", "739182").await?;
    window.press("Connect").await?;
    window.sees("There is no Seamark gateway at this address").await?;
    window.pictures("connect-failed").await?;
    let kept = window.run("return [...document.querySelectorAll('input')].map((field) => field.value)").await?;
    assert!(kept.to_string().contains("http://127.0.0.1:9"), "{kept}");
    window.close().await
}
