//! The event stream of reviews: server-sent events that can be resumed.

use std::pin::Pin;
use std::time::Duration;

use eventsource_stream::{Event, EventStreamError, Eventsource as _};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use reqwest::{Method, StatusCode};
use seamark_contracts::api::review::ReviewDocument;
use thiserror::Error;

use super::{CallError, Client, read_success};

/// The gateway says something every 15 s; silence for three times as long is a dead connection.
pub const SILENCE: Duration = Duration::from_secs(45);

/// Largest run of bytes without the end of an event. One document fits several times.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// Why the stream of bytes ended.
#[derive(Debug, Error)]
enum ByteError {
    #[error("receive from the gateway")]
    Receive(#[source] reqwest::Error),
    #[error("the gateway was silent for {} seconds", SILENCE.as_secs())]
    Silent,
    #[error("an event is larger than {MAX_EVENT} bytes")]
    TooLarge,
    #[error("the stream begins with a byte order mark, which no gateway sends")]
    ByteOrderMark,
}

/// What the stream brings.
#[derive(Clone, Debug)]
pub enum ReviewEvent {
    /// A review changed; `position` is where to resume after it.
    Review { document: Box<ReviewDocument>, position: String },
    /// The position is of no use to the gateway: take a snapshot (invariant E1).
    Reset,
}

/// Why the stream ended.
#[derive(Debug, Error)]
pub enum StreamEnd {
    /// The connection was closed or fell silent.
    #[error("the stream of reviews ended: {0}")]
    Closed(String),
    /// An event that this desk cannot read. Only a snapshot helps.
    #[error("an event of the stream is not of the agreed form")]
    Malformed,
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<ByteError>>> + Send>>;

/// An open stream.
pub struct ReviewEvents {
    events: Events,
    heard: tokio::sync::watch::Receiver<u64>,
}

impl std::fmt::Debug for ReviewEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReviewEvents")
    }
}

impl ReviewEvents {
    /// The next event. Ends with an error when the connection does.
    ///
    /// # Errors
    /// [`StreamEnd`]
    pub async fn next(&mut self) -> Result<ReviewEvent, StreamEnd> {
        loop {
            match self.events.next().await {
                Some(Ok(event)) => {
                    if let Some(event) = read_event(&event)? {
                        return Ok(event);
                    }
                }
                Some(Err(EventStreamError::Transport(error))) => return Err(StreamEnd::Closed(error.to_string())),
                Some(Err(_)) => return Err(StreamEnd::Malformed),
                None => return Err(StreamEnd::Closed("the gateway closed it".to_owned())),
            }
        }
    }

    /// What has arrived already, at most `n` events, and how the stream ended if it did.
    pub fn ready(&mut self, n: usize) -> (Vec<ReviewEvent>, Option<StreamEnd>) {
        let mut events = Vec::new();
        while events.len() < n {
            match self.next().now_or_never() {
                Some(Ok(event)) => events.push(event),
                Some(Err(end)) => return (events, Some(end)),
                None => break,
            }
        }
        (events, None)
    }

    /// Changes each time anything arrives, a heartbeat included.
    #[must_use]
    pub fn heard(&self) -> tokio::sync::watch::Receiver<u64> {
        self.heard.clone()
    }
}

/// Events of other names are left out: a newer gateway may send more.
fn read_event(event: &Event) -> Result<Option<ReviewEvent>, StreamEnd> {
    match event.event.as_str() {
        "reset" => Ok(Some(ReviewEvent::Reset)),
        "review" => {
            let document = serde_json::from_str(&event.data).map_err(|_| StreamEnd::Malformed)?;
            Ok(Some(ReviewEvent::Review { document: Box::new(document), position: event.id.clone() }))
        }
        _ => Ok(None),
    }
}

/// The events of a stream of bytes, bounded in size and silence; an error ends them.
fn read_events<S, B>(bytes: S, heard: tokio::sync::watch::Sender<u64>) -> Events
where
    S: Stream<Item = Result<B, reqwest::Error>> + Send + Unpin + 'static,
    B: AsRef<[u8]> + Send + 'static,
{
    let begin = (bytes, heard, 0usize, false);
    let bounded = futures_util::stream::unfold(begin, |(mut bytes, heard, n, has_begun)| async move {
        let item = match tokio::time::timeout(SILENCE, bytes.next()).await {
            Err(_) => Err(ByteError::Silent),
            Ok(None) => return None,
            Ok(Some(Err(error))) => Err(ByteError::Receive(error)),
            // The reader of events panics at a byte order mark; it begins with this byte, and nothing that a gateway
            // sends first does.
            Ok(Some(Ok(chunk))) if !has_begun && chunk.as_ref().first() == Some(&0xef) => Err(ByteError::ByteOrderMark),
            Ok(Some(Ok(chunk))) => Ok(chunk),
        };
        let n = match &item {
            // An event ends with an empty line; what is before it no longer counts.
            Ok(chunk) if chunk.as_ref().windows(2).any(|pair| pair == b"\n\n") => 0,
            Ok(chunk) => n + chunk.as_ref().len(),
            Err(_) => n,
        };
        let has_begun = has_begun || item.as_ref().is_ok_and(|chunk| !chunk.as_ref().is_empty());
        heard.send_modify(|count| *count = count.wrapping_add(1));
        let item = if n > MAX_EVENT { Err(ByteError::TooLarge) } else { item };
        Some((item, (bytes, heard, n, has_begun)))
    });
    // The error type of an ended byte stream repeats itself for ever; take one and stop.
    let mut has_ended = false;
    let until_error = bounded.take_while(move |item| {
        let goes_on = !has_ended;
        has_ended |= item.is_err();
        futures_util::future::ready(goes_on)
    });
    Box::pin(until_error.eventsource())
}

impl Client {
    /// Opens the stream after `position`.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn review_events(&self, position: &str) -> Result<ReviewEvents, CallError> {
        let response = match self.open_stream(position).await? {
            // The session ended meanwhile; streaming requests cannot be repeated by `authorised` after the time limit.
            response if response.status() == StatusCode::UNAUTHORIZED => {
                let token = self.token().await?;
                self.forget_session(&token).await;
                self.open_stream(position).await?
            }
            response => response,
        };
        if !response.status().is_success() {
            let error = read_success(response, "the stream of reviews", 1024 * 1024).await.err();
            return Err(error.unwrap_or(CallError::Malformed { what: "the stream of reviews".to_owned() }));
        }
        let (heard_sender, heard) = tokio::sync::watch::channel(0u64);
        Ok(ReviewEvents { events: read_events(Box::pin(response.bytes_stream()), heard_sender), heard })
    }

    async fn open_stream(&self, position: &str) -> Result<reqwest::Response, CallError> {
        let token = self.token().await?;
        // No time limit for the whole: the stream stays open. Silence ends it.
        let request = self
            .http
            .request(Method::GET, self.url("/v1/reviews/stream"))
            .header("Last-Event-ID", position)
            .header(reqwest::header::ACCEPT, "text/event-stream")
            .bearer_auth(token.as_str());
        let answer = tokio::time::timeout(Duration::from_secs(30), request.send()).await;
        match answer {
            Ok(answer) => answer.map_err(CallError::Unreachable),
            Err(_) => Err(CallError::Malformed { what: "the stream of reviews".to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pieces: &[&[u8]]) -> Result<ReviewEvent, StreamEnd> {
        let pieces: Vec<Result<Vec<u8>, reqwest::Error>> = pieces.iter().map(|piece| Ok(piece.to_vec())).collect();
        let (sender, heard) = tokio::sync::watch::channel(0u64);
        ReviewEvents { events: read_events(futures_util::stream::iter(pieces), sender), heard }.next().await
    }

    /// Found by fuzzing: the reader of events cuts a byte order mark in the middle and panics.
    #[tokio::test]
    async fn a_stream_that_begins_with_a_byte_order_mark_ends_and_takes_the_desk_with_it_nowhere() {
        let mark: [&[&[u8]]; 3] = [
            &[b"\xef\xbb\xbfevent: reset\n\n"],
            &[b"\xef", b"\xbb\xbfevent: reset\n\n"],
            &[b"", b"\xef\xbb", b"\xbf", b"\n\n"],
        ];
        for pieces in mark {
            assert!(matches!(read(pieces).await, Err(StreamEnd::Closed(text)) if text.contains("byte order mark")));
        }
        let late: &[&[u8]] = &[b": hello\n\n", b"\xef\xbb\xbf\n\nevent: reset\nid: 1\ndata: {}\n\n"];
        assert!(matches!(read(late).await, Ok(ReviewEvent::Reset)));
    }
}
