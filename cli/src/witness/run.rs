//! `seamark witness run`: the server that cosigns. Source: c2sp.org/tlog-witness.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use clap::Args;
use seamark_contracts::clock::Clock;
use seamark_ledger::witness::{
    AddCheckpoint, MAX_REQUEST_BYTES, Refusal, RememberedHead, RequestError, SIZE_MEDIA_TYPE, cosignature_line,
    write_size,
};
use tokio_util::sync::CancellationToken;

use super::WitnessData;
use super::store::{Itself, Store};
use crate::place;
use crate::report::{Ending, Printer};
use crate::serve::stop_on_signals;

/// Connections served at once; more wait in the listen queue.
const MAX_CONNECTIONS: usize = 256;
/// How long the body of a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Serve add-checkpoint until it is told to stop
#[derive(Args, Debug)]
#[command(after_help = "\
Prints one line with the address on standard output when it is ready. A checkpoint is cosigned only when it begins with
everything that was cosigned of its ledger before, and only after that was written to disk. It speaks plain HTTP: reach it
from other machines through a reverse proxy that ends TLS. One server runs on a folder at a time. Do not put back an older copy
of the folder: a witness that has forgotten a head could cosign another ledger.

Examples:
  seamark witness run --data ./witness --listen 127.0.0.1:7700")]
pub(super) struct Run {
    #[command(flatten)]
    data: WitnessData,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7700", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

/// A witness at work.
struct Desk {
    store: Store,
    itself: Itself,
    clock: Arc<dyn Clock>,
    /// Reading the last head, judging, keeping the new one: one after the other, or two requests could both build on one
    /// head.
    turn: Mutex<()>,
}

/// How a request came out.
enum Answer {
    Cosigned(String),
    Refused(Refusal),
}

impl Run {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let store = Store::new(&self.data.data);
        let itself = store.itself()?;
        let lock = store.lock()?;
        let stop = CancellationToken::new();
        stop_on_signals(&stop)?;
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("listen on {}", self.listen))?;
        let address = listener.local_addr().context("learn the address")?;
        let name = itself.vkey.name().to_owned();
        let desk = Arc::new(Desk { store, itself, clock: place::clock(), turn: Mutex::new(()) });
        let router = axum::Router::new().route("/add-checkpoint", post(add_checkpoint)).with_state(desk);
        printer.line(&format!("seamark witness {name} listening on http://{address}"))?;
        seamark_gateway::serve_bounded(listener, router, MAX_CONNECTIONS, stop, || {}).await;
        drop(lock);
        Ok(Ending::Done)
    }
}

async fn add_checkpoint(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    let reading = to_bytes(request.into_body(), MAX_REQUEST_BYTES);
    let Ok(read) = tokio::time::timeout(BODY_TIMEOUT, reading).await else {
        return (StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive\n").into_response();
    };
    let Ok(body) = read else { return refusal(&Refusal::Malformed(RequestError::TooLarge)) };
    match tokio::task::spawn_blocking(move || desk.judge(&body)).await {
        Ok(Ok(Answer::Cosigned(line))) => line.into_response(),
        Ok(Ok(Answer::Refused(refused))) => refusal(&refused),
        Ok(Err(error)) => {
            tracing::error!("nothing was cosigned: {error:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, "the witness cannot use its disk; nothing was cosigned\n")
                .into_response()
        }
        Err(error) => {
            tracing::error!(%error, "nothing was cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn refusal(refused: &Refusal) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match refused {
        Refusal::Conflict { size } => {
            let media = HeaderValue::from_static(SIZE_MEDIA_TYPE);
            (status, [(header::CONTENT_TYPE, media)], write_size(*size)).into_response()
        }
        other => (status, format!("{other}\n")).into_response(),
    }
}

impl Desk {
    fn judge(&self, body: &[u8]) -> anyhow::Result<Answer> {
        match self.judge_request(body) {
            Ok(answer) => Ok(answer),
            Err(error) => match error.downcast::<Refusal>() {
                Ok(refused) => {
                    tracing::info!(status = refused.status(), "not cosigned: {refused}");
                    Ok(Answer::Refused(refused))
                }
                Err(error) => Err(error),
            },
        }
    }

    fn judge_request(&self, body: &[u8]) -> anyhow::Result<Answer> {
        let request = AddCheckpoint::parse(body).map_err(Refusal::from)?;
        let head = request.verify(&self.store.logs()?)?;
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.store.last(head.origin())?;
        if let Err(refused) = request.judge(&head, last.as_ref()) {
            let (origin, size) = (head.origin(), head.size());
            if refused.status() == 422 || (refused.status() == 409 && last.is_some_and(|last| last.size == size)) {
                // Signed by the ledger and contradicting what it signed before: the evidence is worth keeping.
                tracing::warn!(origin, size, checkpoint = %request.checkpoint.unverified_value(), "a ledger contradicts itself");
            }
            return Err(refused.into());
        }
        // ORDER: the head is on disk before a signature over it exists. An empty ledger leaves nothing to remember.
        if let Ok(fresh) = RememberedHead::first(&head)
            && last.as_ref() != Some(&fresh)
        {
            self.store.keep(&fresh)?;
        }
        let at_s = u64::try_from(self.clock.now().as_ms() / 1_000).context("read the clock")?;
        let line = cosignature_line(&head, self.itself.vkey.name(), at_s, &self.itself.key).context("cosign")?;
        // ORDER: signed within the turn too, since a cosignature says that this is the largest head seen so far.
        drop(turn);
        tracing::info!(origin = head.origin(), size = head.size(), "cosigned");
        Ok(Answer::Cosigned(line))
    }
}
