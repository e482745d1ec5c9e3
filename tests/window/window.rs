//! One window of the built app, driven over WebDriver the way a person drives it: by what is written on screen.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use seamark_tests::gateway::free_port;
use seamark_tests::programs::{artefacts, built};
use serde_json::json;

/// How long anything on screen may take before the test gives up. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The open window. Close it with [`Window::close`]; dropping it ends the driver and with it the app.
pub struct Window {
    client: Client,
    driver: Child,
}

impl Window {
    /// Opens the app with `data_dir`.
    pub async fn open(data_dir: &Path) -> Result<Self> {
        let port = free_port()?;
        let driver = Command::new("WebKitWebDriver")
            .args([format!("--port={port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting WebKitWebDriver (package webkit2gtk-driver)")?;
        wait_for_port(port).await?;
        let app = built("seamark-app")?;
        let options = json!({ "binary": app, "args": ["--data-dir", data_dir] });
        let capabilities = json!({ "webkitgtk:browserOptions": options });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().context("capabilities")?.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("opening the window")?;
        Ok(Self { client, driver })
    }

    /// Waits until `text` is on screen, and visible.
    pub async fn sees(&self, text: &str) -> Result<Element> {
        self.find(&format!("//body//*[text()[contains(normalize-space(.), {})]]", quoted(text))).await.with_context(|| format!("waiting to see {text:?}"))
    }

    /// Waits until `text` is nowhere on screen.
    pub async fn no_longer_sees(&self, text: &str) -> Result<()> {
        let started = Instant::now();
        while self.is_on_screen(text).await? {
            if started.elapsed() > PATIENCE {
                bail!("{text:?} stays on screen");
            }
            tick().await;
        }
        Ok(())
    }

    /// Whether `text` is on screen now.
    pub async fn is_on_screen(&self, text: &str) -> Result<bool> {
        let body: String = self.text().await?;
        Ok(body.contains(text))
    }

    /// Everything that can be read on screen.
    pub async fn text(&self) -> Result<String> {
        let value = self.client.execute("return document.body.innerText", vec![]).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Presses the button, tab or link whose accessible name begins with `name`.
    pub async fn press(&self, name: &str) -> Result<()> {
        let path = format!(
            "//*[self::button or self::a or @role='button' or @role='tab' or @role='radio' or @role='option'][starts-with(normalize-space(.), {0}) or starts-with(@aria-label, {0})]",
            quoted(name)
        );
        let started = Instant::now();
        loop {
            let button = self.find(&path).await.with_context(|| format!("looking for the button {name:?}"))?;
            // Screens redraw while a button is looked for; the person would simply press again.
            match button.click().await {
                Ok(()) => return Ok(()),
                Err(_) if started.elapsed() < PATIENCE => tick().await,
                Err(error) => return Err(error).with_context(|| format!("pressing {name:?}")),
            }
        }
    }

    /// Types into the field labelled `label`, replacing what is there.
    pub async fn type_into(&self, label: &str, text: &str) -> Result<()> {
        let path = format!(
            "//*[self::input or self::textarea][@id = //label[starts-with(normalize-space(.), {0})]/@for or starts-with(@aria-label, {0}) or ancestor::label[starts-with(normalize-space(.), {0})]]",
            quoted(label)
        );
        let field = self.find(&path).await.with_context(|| format!("looking for the field {label:?}"))?;
        field.clear().await?;
        field.send_keys(text).await.with_context(|| format!("typing into {label:?}"))
    }

    /// Presses keys with whatever has the focus.
    pub async fn keys(&self, keys: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// Runs a script in the page, as an attacker in the page would.
    pub async fn run(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.client.execute(script, vec![]).await?)
    }

    /// Keeps a picture of the window as `target/window/NAME.png`.
    pub async fn picture(&self, name: &str) -> Result<()> {
        self.client.execute_async("document.fonts.ready.then(arguments[arguments.length - 1])", vec![]).await?;
        let png = self.client.screenshot().await?;
        std::fs::write(artefacts("window")?.join(format!("{name}.png")), png)?;
        Ok(())
    }

    /// Sets the window's size in pixels.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        Ok(self.client.set_window_size(width, height).await?)
    }

    /// Ends the app.
    pub async fn close(mut self) -> Result<()> {
        self.client.clone().close().await?;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        Ok(())
    }

    async fn find(&self, path: &str) -> Result<Element> {
        let started = Instant::now();
        loop {
            for element in self.client.find_all(Locator::XPath(path)).await? {
                if element.is_displayed().await.unwrap_or(false) {
                    return Ok(element);
                }
            }
            if started.elapsed() > PATIENCE {
                bail!("nothing on screen matches {path}; the screen says:\n{}", self.text().await?);
            }
            tick().await;
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

async fn wait_for_port(port: u16) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if started.elapsed() > PATIENCE {
            bail!("WebKitWebDriver does not listen");
        }
        tick().await;
    }
    Ok(())
}

/// The pause between two looks at a condition that is waited for.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// `text` as an XPath string, whichever quotes it contains.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}
