//! The least of an HTTP/1.1 client: the driver shares the cores with the gateway, so what it costs is missing there.

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection that is kept open.
pub struct Connection {
    stream: TcpStream,
    host: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects to `http://HOST:PORT`.
    pub async fn open(address: &str) -> Result<Self> {
        let host = address.strip_prefix("http://").context("the address is plain HTTP")?.to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, request: Vec::new(), answer: Vec::new() })
    }

    /// Posts JSON with an agent's key. Status, and the body as it came.
    pub async fn post(&mut self, path: &str, key: &str, body: &[u8]) -> Result<(u16, &[u8])> {
        self.request.clear();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the gateway closed the connection");
            let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(self.answer.get(..end).unwrap_or_default())?.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.context("an answer without a length")?.trim().parse()?;
            if self.answer.len() < end + 4 + length {
                continue;
            }
            let status = head.split(' ').nth(1).context("an answer without a status")?.parse()?;
            return Ok((status, self.answer.get(end + 4..).unwrap_or_default()));
        }
    }
}
