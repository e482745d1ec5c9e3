//! One window of the built app, driven over WebDriver the way a person drives it: by what is written on screen.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::gateway::free_port;
use crate::programs::{artefacts, built};
use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

/// How long anything on screen may take before the test gives up. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(40);

/// Makes the page draw frames that look all the same, and waits for some: a dot in a corner changes its colour by nothing
/// that an eye could see.
const REPAINT: &str = "const done = arguments[arguments.length - 1]; const dot = document.createElement('i'); \
    dot.style.cssText = 'position: fixed; inset: auto 0 0 auto; inline-size: 1px; block-size: 1px'; \
    document.body.append(dot); let n = 0; window.repaint = { dot, timer: setInterval(() => { \
    n += 1; dot.style.background = n % 2 ? 'rgb(128 128 128 / 1%)' : 'rgb(128 128 128 / 2%)'; \
    if (n === 8) done() }, 20) }";

/// Ends that.
const NO_REPAINT: &str = "clearInterval(window.repaint.timer); window.repaint.dot.remove()";

/// Rows of the inbox.
const ROWS: &str =
    "//*[@role='listbox' or @role='grid' or @role='list']//*[@role='option' or @role='row' or @role='listitem']";

/// The open window. Close it with [`Window::close`]; dropping it ends the driver and with it the app.
#[derive(Debug)]
pub struct Window {
    client: Client,
    driver: Child,
    app: App,
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
        let app = App { program: program.to_owned(), arguments: arguments.to_owned() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().context("capabilities")?.clone());
        // A program that ends before it has a window leaves the driver waiting for ever.
        let client = tokio::time::timeout(PATIENCE, builder.connect(&format!("http://127.0.0.1:{port}"))).await;
        let client = client.context("the program opens no window")?.context("opening the window")?;
        Ok(Self { client, driver, app })
    }

    /// Waits until `text` is on screen, and visible.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn sees(&self, text: &str) -> Result<Element> {
        self.sees_within(text, PATIENCE).await
    }

    /// The same for what is known to take its time, as a deadline does.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn sees_within(&self, text: &str, patience: Duration) -> Result<Element> {
        self.find_within(&format!("//body//*[text()[contains(normalize-space(.), {})]]", quoted(text)), patience)
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
                Err(error) => {
                    self.picture("failed").await?;
                    return Err(error).with_context(|| format!("clicking {path}"));
                }
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
        // A picture is taken when the next frame is drawn, and a page on which nothing moves draws none.
        self.client.execute_async(REPAINT, vec![]).await?;
        let taken = tokio::time::timeout(PATIENCE, self.client.screenshot()).await;
        self.run(NO_REPAINT).await?;
        let png = taken.with_context(|| format!("no picture {name}: the window draws nothing"))??;
        std::fs::write(artefacts("window")?.join(format!("{name}.png")), png)?;
        Ok(())
    }

    /// Keeps a picture in the light and one in the dark theme, and leaves the light one on.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn pictures(&self, name: &str) -> Result<()> {
        for theme in ["dark", "light"] {
            self.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await?;
            self.picture(&format!("{name}-{theme}")).await?;
        }
        Ok(())
    }

    /// Shows everything from its beginning, as it is after opening.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn scroll_to_top(&self) -> Result<()> {
        self.run("document.querySelectorAll('*').forEach((element) => { element.scrollTop = 0 })").await.map(drop)
    }

    /// Sets the window's size in pixels.
    ///
    /// # Errors
    /// When it does not come about, with what the screen says instead.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        Ok(self.client.set_window_size(width, height).await?)
    }

    /// Ends the app, and waits until it is gone: only then is its folder free.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn close(self) -> Result<()> {
        self.client.clone().close().await?;
        let started = Instant::now();
        while !self.app.processes().is_empty() {
            ensure!(started.elapsed() < PATIENCE, "the window was closed and its program does not end");
            tick().await;
        }
        Ok(())
    }

    async fn find(&self, path: &str) -> Result<Element> {
        self.find_within(path, PATIENCE).await
    }

    async fn find_within(&self, path: &str, patience: Duration) -> Result<Element> {
        let started = Instant::now();
        loop {
            for element in self.client.find_all(Locator::XPath(path)).await? {
                if element.is_displayed().await.unwrap_or(false) {
                    return Ok(element);
                }
            }
            if started.elapsed() > patience {
                self.picture("failed").await?;
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
        // The driver leaves what it started behind.
        self.app.kill();
    }
}

/// The program behind the window. The driver starts it, so it is known by its command line only.
#[derive(Debug)]
struct App {
    program: PathBuf,
    arguments: Vec<String>,
}

impl App {
    fn processes(&self) -> Vec<String> {
        let mut wanted = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            wanted.push('\0');
            wanted.push_str(argument);
        }
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ours = all.filter(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).trim_end_matches('\0') == wanted
        });
        ours.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
    }

    fn kill(&self) {
        let processes = self.processes();
        if !processes.is_empty() {
            let _ = Command::new("kill").arg("-KILL").args(processes).status();
        }
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
