//! One window of the built app, driven over WebDriver the way a person drives it: by what is written on screen.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::gateway::free_port;
use crate::programs::{artefacts, built};
use anyhow::{Context as _, Result, bail};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

/// How long anything on screen may take before the test gives up. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(40);

/// Rows of the inbox.
const ROWS: &str =
    "//*[@role='listbox' or @role='grid' or @role='list']//*[@role='option' or @role='row' or @role='listitem']";

/// The open window. Close it with [`Window::close`]; dropping it ends the driver and with it the app.
#[derive(Debug)]
pub struct Window {
    client: Client,
    driver: Child,
}

impl Window {
    /// Opens the app with `data_dir`.
    ///
    /// # Errors
    /// When the app or the driver does not start.
    pub async fn open(data_dir: &Path) -> Result<Self> {
        let arguments = ["--data-dir".to_owned(), data_dir.to_string_lossy().into_owned()];
        Self::open_program(&built("seamark-app")?, &arguments).await
    }

    /// Opens any program with a WebKitGTK window.
    ///
    /// # Errors
    /// When the program or the driver does not start.
    pub async fn open_program(program: &Path, arguments: &[String]) -> Result<Self> {
        let port = free_port()?;
        let driver = Command::new("WebKitWebDriver")
            .args([format!("--port={port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting WebKitWebDriver (package webkit2gtk-driver)")?;
        wait_for_port(port).await?;
        let options = json!({ "binary": program, "args": arguments });
        let capabilities = json!({ "webkitgtk:browserOptions": options });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().context("capabilities")?.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("opening the window")?;
        Ok(Self { client, driver })
    }

    /// Waits until `text` is on screen, and visible.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn sees(&self, text: &str) -> Result<Element> {
        self.find(&format!("//body//*[text()[contains(normalize-space(.), {})]]", quoted(text)))
            .await
            .with_context(|| format!("waiting to see {text:?}"))
    }

    /// Waits until `text` is nowhere on screen.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
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
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn is_on_screen(&self, text: &str) -> Result<bool> {
        let body: String = self.text().await?;
        Ok(body.contains(text))
    }

    /// Everything that can be read on screen.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn text(&self) -> Result<String> {
        let value = self.client.execute("return document.body.innerText", vec![]).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Presses the button, tab or link whose accessible name begins with `name`.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn press(&self, name: &str) -> Result<()> {
        let path = format!(
            "//*[self::button or self::a or self::label or @role='button' or @role='tab' or @role='radio' or @role='option'][starts-with(normalize-space(.), {0}) or starts-with(@aria-label, {0})]",
            quoted(name)
        );
        self.click(&path).await.with_context(|| format!("pressing {name:?}"))
    }

    /// Types into the field labelled `label`, replacing what is there.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn type_into(&self, label: &str, text: &str) -> Result<()> {
        let path = format!(
            "//*[self::input or self::textarea][@id = //label[starts-with(normalize-space(.), {0})]/@for or starts-with(@aria-label, {0}) or ancestor::label[starts-with(normalize-space(.), {0})]]",
            quoted(label)
        );
        let field = self.find(&path).await.with_context(|| format!("looking for the field {label:?}"))?;
        field.clear().await?;
        field.send_keys(text).await.with_context(|| format!("typing into {label:?}"))
    }

    /// Presses a key with whatever has the focus, with Ctrl held if asked.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn keys(&self, keys: &str, with_control: bool) -> Result<()> {
        let pressed = if with_control { format!("\u{e009}{keys}\u{e000}") } else { keys.to_owned() };
        Ok(self.client.active_element().await?.send_keys(&pressed).await?)
    }

    /// Clicks the row of a list or table that contains `words`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn press_row(&self, words: &str) -> Result<()> {
        let row = format!(
            "//*[@role='row' or @role='option' or self::tr or self::li][.//text()[contains(., {0})] or contains(., {0})]",
            quoted(words)
        );
        self.click(&format!("({row})[last()]")).await
    }

    /// Waits until the inbox has a row.
    ///
    /// # Errors
    /// When none comes.
    pub async fn first_row(&self) -> Result<Element> {
        self.find(ROWS).await.context("waiting for a handoff in the inbox")
    }

    /// Clicks the first row of the inbox.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open_first_row(&self) -> Result<()> {
        self.click(ROWS).await
    }

    /// Chooses the first choice of the field labelled `label`.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn choose_first(&self, label: &str) -> Result<()> {
        let choice = format!("(//fieldset[.//legend[starts-with(normalize-space(.), {0})]]//label)[1]", quoted(label));
        self.click(&choice).await
    }

    /// Lets the page catch up with what was just done.
    pub async fn settle(&self) {
        for _ in 0..10 {
            tick().await;
        }
    }

    async fn click(&self, path: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            // Screens redraw while something is looked for; a person would simply click again.
            match self.find(path).await?.click().await {
                Ok(()) => return Ok(()),
                Err(_) if started.elapsed() < PATIENCE => tick().await,
                Err(error) => return Err(error).with_context(|| format!("clicking {path}")),
            }
        }
    }

    /// Runs a script in the page, as an attacker in the page would.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn run(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.client.execute(script, vec![]).await?)
    }

    /// Keeps a picture of the window as `target/window/NAME.png`.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn picture(&self, name: &str) -> Result<()> {
        self.client.execute_async("document.fonts.ready.then(arguments[arguments.length - 1])", vec![]).await?;
        let png = self.client.screenshot().await?;
        std::fs::write(artefacts("window")?.join(format!("{name}.png")), png)?;
        Ok(())
    }

    /// Sets the window's size in pixels.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        Ok(self.client.set_window_size(width, height).await?)
    }

    /// Ends the app.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
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
