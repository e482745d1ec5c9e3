//! Everything that came out, the way it was asked for, and the search for what should not be in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::ledger::Trust;
use seamark_ledger::key::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What came out of the gateway and the desk, by where.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<String, Vec<u8>>);

impl Seen {
    pub fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        let all = self.0.entry(place.to_owned()).or_default();
        all.extend(bytes.into());
        all.push(b'\n');
    }

    pub fn n_bytes(&self, place: &str) -> usize {
        self.0.get(place).map_or(0, Vec::len)
    }

    /// Every file below a folder, as it lies there.
    pub fn add_folder(&mut self, place: &str, folder: &Path) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.add_folder(place, &path)?;
            } else {
                self.add(&format!("{place}: {}", path.display()), std::fs::read(&path)?);
            }
        }
        Ok(())
    }

    /// The ledger's entries and what stands beside them, and the texts of refusals, out of the gateway's database.
    pub async fn add_ledger(&mut self, database: &Path) -> Result<()> {
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", database.display())).await?;
        for (place, query) in [
            ("entries of the ledger", "SELECT bytes FROM ledger_entry"),
            ("bodies of the ledger", "SELECT bytes FROM ledger_body"),
            ("views that were presented", "SELECT view FROM presented"),
            ("views that were decided on", "SELECT view FROM decision"),
            ("problems of refused submissions", "SELECT CAST(problem AS BLOB) FROM refusal"),
            ("notices to agents", "SELECT body FROM outbox"),
            ("signed statements", "SELECT bytes FROM statement"),
        ] {
            for row in sqlx::query(query).fetch_all(&mut connection).await? {
                self.add(place, row.try_get::<Vec<u8>, _>(0)?);
            }
        }
        ensure!(self.n_bytes("bodies of the ledger") > 1_000, "no bodies were read");
        connection.close().await?;
        Ok(())
    }

    /// Nothing of it is anywhere.
    pub fn check(&self, secrets: &[String]) -> Result<()> {
        let mut hits = Vec::new();
        for (number, secret) in secrets.iter().enumerate() {
            let forms = forms(secret);
            for (place, bytes) in &self.0 {
                if forms.iter().any(|form| contains(bytes, form.as_bytes())) {
                    hits.push(format!("secret {number} in {place}"));
                }
            }
        }
        ensure!(self.0.len() > 40, "too little was looked through: {:?}", self.0.keys());
        ensure!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
        Ok(())
    }
}

/// Whether bytes have this text, as it is or encoded.
pub fn finds(bytes: &[u8], text: &str) -> bool {
    forms(text).iter().any(|form| contains(bytes, form.as_bytes()))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    // The first byte is looked for by the fast way.
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// A text as it is, as hexadecimal, and the part of its base64 that is the same wherever it stands in what is encoded. The
/// secrets have no character for which the two alphabets of base64 differ.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.bytes().map(|byte| format!("{byte:02x}")).collect()];
    for offset in 0..3usize {
        let mut bytes = vec![0u8; offset];
        bytes.extend_from_slice(secret.as_bytes());
        let encoded = Base64UrlUnpadded::encode_string(&bytes);
        let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        forms.push(encoded[from..to].to_owned());
    }
    forms
}

/// An answer.
pub struct Reply {
    pub status: u16,
    pub text: String,
}

/// Somebody with credentials, over plain HTTP.
pub struct Asker {
    http: reqwest::Client,
    address: String,
    token: String,
}

impl Asker {
    pub fn new(address: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, address: address.to_owned(), token: token.to_owned() }
    }

    /// A person at a device of their own, which keeps nothing.
    pub async fn enrolled(address: &str, code: &str, trust: &Trust) -> Result<Self> {
        let (device, decision) = (SigningKey::from_seed(&[7; 32]), SigningKey::from_seed(&[9; 32]));
        let text = |key: &SigningKey| Base64UrlUnpadded::encode_string(key.public_key().as_bytes());
        let sign = |key: &SigningKey, message: &str| {
            Base64UrlUnpadded::encode_string(key.sign(message.as_bytes()).unwrap().as_bytes())
        };
        let mut this = Self::new(address, "");
        let message = format!("seamark-enrolment/v1\n{code}\n{}\n{}", text(&device), text(&decision));
        let body = json!({
            "code": code, "deviceName": "Other", "deviceKey": text(&device), "decisionKey": text(&decision),
            "proof": sign(&device, &message), "decisionProof": sign(&decision, &message),
        });
        let enrolled = this.post("/v1/enrolments", &body).await?;
        ensure!(enrolled.status == 200, "{}", enrolled.text);
        let keyid = device.public_key().id().to_string();
        let challenge: Value =
            serde_json::from_str(&this.post("/v1/sessions/challenges", &json!({ "keyid": keyid })).await?.text)?;
        let challenge = challenge["challenge"].as_str().context("a challenge")?;
        let message = format!("seamark-session/v1\n{}\n{challenge}", trust.ledger_origin);
        let body = json!({ "keyid": keyid, "challenge": challenge, "proof": sign(&device, &message) });
        let session: Value = serde_json::from_str(&this.post("/v1/sessions", &body).await?.text)?;
        this.token = session["token"].as_str().context("a session")?.to_owned();
        Ok(this)
    }

    pub async fn get(&self, path: &str) -> Result<Reply> {
        read(self.http.get(format!("{}{path}", self.address)).bearer_auth(&self.token).send().await?).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        self.send(path, body).await
    }

    pub async fn send(&self, path: &str, body: Vec<u8>) -> Result<Reply> {
        let request = self.http.post(format!("{}{path}", self.address)).bearer_auth(&self.token);
        read(request.header("content-type", "application/json").body(body).send().await?).await
    }

    /// What a stream has to tell from a position on, up to its first silence.
    pub async fn stream(&self, path: &str, after: &str) -> Result<String> {
        let request = self.http.get(format!("{}{path}", self.address)).bearer_auth(&self.token);
        let mut response = request.header("last-event-id", after).send().await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        let mut text = Vec::new();
        while let Ok(Ok(Some(chunk))) = tokio::time::timeout(Duration::from_secs(2), response.chunk()).await {
            text.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(text)?)
    }
}

async fn read(response: reqwest::Response) -> Result<Reply> {
    Ok(Reply { status: response.status().as_u16(), text: response.text().await? })
}

/// All that is logged in this process, with every detail of ours.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    pub fn catch() -> Self {
        let logs = Self::default();
        let filter = EnvFilter::new("debug,seamark_gateway=trace,seamark_desk=trace,seamark_agent=trace,sqlx=trace");
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(logs.clone()).with_ansi(false);
        subscriber.init();
        logs
    }

    pub fn taken(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
