//! Streams: what changed, sent to desks and agents as it happens (invariants E1, E3).
//!
//! One task reads the new rows of the stream after each commit, loads the document that a row stands for once,
//! serialises it once and hands the same bytes to every listener. A listener that lags too far behind is disconnected and
//! resumes by its last event id; no listener delays another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::db::SqliteConnection;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use seamark_contracts::id::AgentUrn;
use tokio::sync::{Notify, broadcast};

use crate::auth::{Agent, Device, Renewed};
use crate::db::stream::StreamRow;
use crate::db::{self, StorageError};
use crate::document;
use crate::problem::Failure;
use crate::recorded::Event;
use crate::state::{App, Shared};

/// Rows read at once.
const PAGE: i64 = 256;
/// Without a commit of this process, another one's changes are looked for this often.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// One change, ready to be sent.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) pos: i64,
    /// Persons, roles or keys changed: listeners look at their own rights again.
    pub(crate) is_directory: bool,
    /// For desks: who may see it, and the event.
    pub(crate) review: Option<(Arc<[String]>, Bytes)>,
    /// For agents: submitter, destination and contract, and the event.
    pub(crate) agents: Option<(AgentUrn, AgentUrn, String, Bytes)>,
}

/// Where listeners register.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Where the stream ended when the gateway was opened.
    position: i64,
    changes: broadcast::Sender<Arc<Change>>,
    waiters: Mutex<HashMap<i64, Arc<Notify>>>,
    n_streams: std::sync::atomic::AtomicUsize,
}

/// A place among the open streams; gives itself back.
#[derive(Debug)]
pub(crate) struct Seat(Shared);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.hub.n_streams.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Hub {
    /// A hub that sends what comes after `position`.
    pub(crate) fn new(max_lag: usize, position: i64) -> Self {
        let (changes, _) = broadcast::channel(max_lag.max(1));
        Self { changes, position, waiters: Mutex::default(), n_streams: std::sync::atomic::AtomicUsize::new(0) }
    }

    /// Everything from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    /// Wakes up when this attempt changes. Ask before reading the state that is waited for.
    pub(crate) fn wait_for(&self, attempt: i64) -> Arc<Notify> {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if waiters.len() > 4096 {
            waiters.retain(|_, waiter| Arc::strong_count(waiter) > 1);
        }
        Arc::clone(waiters.entry(attempt).or_default())
    }

    fn wake(&self, attempt: i64) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiter) = waiters.remove(&attempt) {
            waiter.notify_waiters();
        }
    }
}

/// Takes a place among the open streams; `None` when all are taken (invariant G2).
pub(crate) fn take_seat(shared: &Shared) -> Option<Seat> {
    use std::sync::atomic::Ordering::Relaxed;
    let max = shared.limits.max_streams;
    let taken = shared.hub.n_streams.fetch_update(Relaxed, Relaxed, |n| (n < max).then_some(n + 1));
    taken.ok().map(|_| Seat(shared.clone()))
}

/// Sends what changes until the gateway stops.
pub(crate) async fn run(shared: Shared) {
    let mut committed = shared.recorder.committed();
    let mut last = shared.hub.position;
    loop {
        if let Err(error) = send_new(&shared, &mut last).await {
            let cause = crate::problem::chain(&error);
            tracing::error!(cause, "the stream could not be read; trying again");
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            changed = committed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_AROUND) => {}
        }
    }
}

/// Sends what came after `last` and moves it along.
async fn send_new(shared: &Shared, last: &mut i64) -> Result<(), StorageError> {
    let mut connection = shared.database.read().await?;
    loop {
        let rows = db::stream::list_after(&mut connection, *last, PAGE).await?;
        let Some(end) = rows.last().map(|row| row.pos) else { return Ok(()) };
        let is_listened_to = shared.hub.changes.receiver_count() > 0;
        // ORDER: forget before anybody is told, so that whoever looks again finds the rights of now (invariant B10).
        if rows.iter().any(|row| row.kind == Event::Directory.as_str()) {
            shared.doorkeeper.forget();
        }
        for row in newest_of_each(rows) {
            if let Some(attempt) = row.attempt {
                shared.hub.wake(attempt);
            }
            if is_listened_to {
                let change = load(shared, &mut connection, &row).await?;
                // Nobody listening any more is no fault.
                drop(shared.hub.changes.send(Arc::new(change)));
            }
        }
        *last = end;
    }
}

/// Position of the newest change.
pub(crate) async fn newest(connection: &mut SqliteConnection) -> Result<i64, StorageError> {
    Ok(db::ledger::head(connection).await?.map_or(0, |head| head.stream_pos))
}

/// A change is told as the current document, so of two changes of one kind to one attempt the later says it all.
fn newest_of_each(rows: Vec<StreamRow>) -> Vec<StreamRow> {
    let newest: HashMap<(Option<i64>, String), i64> =
        rows.iter().map(|row| ((row.attempt, row.kind.clone()), row.pos)).collect();
    rows.into_iter().filter(|row| newest.get(&(row.attempt, row.kind.clone())) == Some(&row.pos)).collect()
}

/// Loads and serialises a change.
async fn load(app: &App, connection: &mut SqliteConnection, row: &StreamRow) -> Result<Change, StorageError> {
    let is_directory = row.kind == Event::Directory.as_str();
    let mut change = Change { pos: row.pos, is_directory, review: None, agents: None };
    let Some(no) = row.attempt else { return Ok(change) };
    let attempt = db::parsed(db::attempt::load(connection, no).await?, "stream", "attempt", row.pos)?;
    let handoff = db::parsed(db::handoff::load(connection, attempt.handoff).await?, "attempt", "handoff", no)?;
    if let Some(document) = document::review(app, connection, &attempt).await? {
        let roles: Vec<String> =
            db::parsed(serde_json::from_str(&attempt.candidates).ok(), "attempt", "candidates", no)?;
        change.review = Some((roles.into(), event("review", Some(row.pos), &document)));
    }
    if let Some(cloud) = document::cloud_event(app, connection, row, &handoff, &attempt).await? {
        let agent = |text: &str, column| db::parsed(AgentUrn::parse(text).ok(), "handoff", column, handoff.no);
        let (submitter, destination) =
            (agent(&handoff.submitter, "submitter")?, agent(&handoff.destination, "destination")?);
        change.agents =
            Some((submitter, destination, handoff.contract.clone(), event(&cloud.kind, Some(row.pos), &cloud)));
    }
    Ok(change)
}

/// One event of the text/event-stream format. JSON has no raw line ends, so one `data` line is enough.
pub(crate) fn event(name: &str, id: Option<i64>, data: &impl serde::Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    match id {
        Some(id) => Bytes::from(format!("id: {id}\nevent: {name}\ndata: {data}\n\n")),
        None => Bytes::from(format!("event: {name}\ndata: {data}\n\n")),
    }
}

/// Where a listener begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// After this position, which is known.
    After(i64),
    /// Its position is of no use: it takes a snapshot, and goes on from here.
    Reset(i64),
}

/// Judges a last event id: it must be a position that was given out and whose successors are all still kept.
pub(crate) async fn start(app: &App, last_event_id: Option<&str>) -> Result<Start, StorageError> {
    let mut connection = app.database.read().await?;
    let now = newest(&mut connection).await?;
    let oldest = db::stream::oldest(&mut connection).await?.unwrap_or(now + 1);
    let asked = last_event_id.and_then(|text| text.parse::<i64>().ok());
    Ok(match asked {
        Some(pos) if pos <= now && pos >= oldest - 1 && now - pos <= MAX_BACKLOG => Start::After(pos),
        _ => Start::Reset(now),
    })
}

// ---- listeners ----

/// Who listens; it is asked again for every event what it may see.
#[derive(Clone, Debug)]
pub(crate) enum Listener {
    Desk(Device),
    Agent(Agent),
}

/// A comment line, so that both sides notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// One who is further behind than this takes a snapshot: that is less work for both.
const MAX_BACKLOG: i64 = 5_000;

/// What a listener may see of a change.
fn visible(listener: &Listener, change: &Change) -> Option<Bytes> {
    match listener {
        Listener::Desk(device) => {
            let (roles, event) = change.review.as_ref()?;
            roles.iter().any(|role| device.person.roles.contains(role)).then(|| event.clone())
        }
        Listener::Agent(agent) => {
            let (submitter, destination, contract, event) = change.agents.as_ref()?;
            let is_served = agent.scope.served().contains(destination);
            let is_theirs = agent.urn == *submitter || agent.urn == *destination || is_served;
            // A key that is for other contracts learns nothing of this one, as everywhere (invariant F2).
            (is_theirs && agent.may_use(contract)).then(|| event.clone())
        }
    }
}

/// What a listener missed. Only the rows are held; a document is loaded when its turn comes, so that a long absence costs
/// the gateway no more memory than a short one (invariant G2).
struct Missed {
    rows: VecDeque<StreamRow>,
    /// Position up to which rows were read.
    read: i64,
    until: i64,
}

struct Stream {
    shared: Shared,
    listener: Listener,
    changes: broadcast::Receiver<Arc<Change>>,
    /// What is sent before anything else.
    first: VecDeque<Bytes>,
    missed: Option<Missed>,
    last: i64,
    _seat: Seat,
}

impl Stream {
    /// The next bytes; `None` ends the stream, and the client resumes.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(event) = self.first.pop_front() {
            return Some(event);
        }
        while self.missed.is_some() {
            if self.shared.stop.is_cancelled() {
                return None;
            }
            match self.next_missed().await {
                Ok(None) => {}
                Ok(Some(change)) => {
                    if change.is_directory {
                        match self.look_again().await {
                            Look::Same => {}
                            Look::Reset => return Some(self.reset(change.pos)),
                            Look::Over => return None,
                        }
                    }
                    self.last = change.pos;
                    if let Some(event) = visible(&self.listener, &change) {
                        return Some(event);
                    }
                }
                Err(error) => {
                    tracing::warn!(cause = crate::problem::chain(&error), "what a listener missed could not be read");
                    return None;
                }
            }
        }
        loop {
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return None,
                change = self.changes.recv() => match change {
                    Ok(change) => {
                        if change.is_directory {
                            match self.look_again().await {
                                Look::Same => {}
                                Look::Reset => return Some(self.reset(change.pos)),
                                Look::Over => return None,
                            }
                        }
                        if change.pos <= self.last {
                            continue;
                        }
                        self.last = change.pos;
                        if let Some(event) = visible(&self.listener, &change) {
                            return Some(event);
                        }
                    }
                    // Too slow: disconnect, so that nobody else waits and nothing is skipped (invariant E3).
                    Err(broadcast::error::RecvError::Lagged(n_missed)) => {
                        tracing::debug!(n_missed, "a slow listener was disconnected");
                        return None;
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    match self.look_again().await {
                        Look::Same => return Some(Bytes::from_static(b": still here\n\n")),
                        Look::Reset => return Some(self.reset(self.last)),
                        Look::Over => return None,
                    }
                }
            }
        }
    }

    /// One step through what was missed: a change, or `None` when rows were read or the end was reached.
    async fn next_missed(&mut self) -> Result<Option<Change>, StorageError> {
        let Some(missed) = &mut self.missed else { return Ok(None) };
        if let Some(row) = missed.rows.pop_front() {
            let mut connection = self.shared.database.read().await?;
            return load(&self.shared, &mut connection, &row).await.map(Some);
        }
        if missed.read >= missed.until {
            // ORDER: listen before looking for the end, so that nothing falls between.
            self.changes = self.shared.hub.listen();
            missed.until = newest(&mut *self.shared.database.read().await?).await?;
        }
        if missed.read >= missed.until {
            self.last = self.last.max(missed.until);
            self.missed = None;
            return Ok(None);
        }
        let mut connection = self.shared.database.read().await?;
        let rows = db::stream::list_after(&mut connection, missed.read, PAGE).await?;
        missed.read = rows.last().map_or(missed.until, |row| row.pos);
        missed.rows = newest_of_each(rows).into();
        Ok(None)
    }

    /// Reads the listener's rights again.
    async fn look_again(&mut self) -> Look {
        let seen = match &mut self.listener {
            Listener::Desk(device) => crate::auth::renew(&self.shared, device).await.map(|renewed| match renewed {
                Renewed::Same => Look::Same,
                Renewed::OtherRoles => Look::Reset,
                Renewed::Over | Renewed::Gone(_) => Look::Over,
            }),
            Listener::Agent(agent) => crate::auth::agent_gone(&self.shared, agent)
                .await
                .map(|gone| if gone.is_some() { Look::Over } else { Look::Same }),
        };
        seen.unwrap_or_else(|error| {
            tracing::warn!(cause = crate::problem::chain(&error), "a listener's rights could not be read");
            Look::Over
        })
    }

    /// Tells a desk to take a snapshot: with other roles it may see other reviews than it was told of, and no event takes
    /// away what it may no longer see (invariants E1, F4).
    fn reset(&mut self, pos: i64) -> Bytes {
        self.last = self.last.max(pos);
        reset(self.last)
    }
}

/// What follows from a listener's rights as they are now.
enum Look {
    Same,
    /// What it may see is another choice of reviews.
    Reset,
    /// It has none any more.
    Over,
}

fn reset(position: i64) -> Bytes {
    event("reset", Some(position), &serde_json::json!({ "position": position.to_string() }))
}

/// Refuses a listener whose rights ended before it was heard of: the notice went out before it listened.
async fn admit(shared: &Shared, listener: &mut Listener) -> Result<(), Failure> {
    let gone = match listener {
        Listener::Agent(agent) => crate::auth::agent_gone(shared, agent).await?,
        Listener::Desk(device) => match crate::auth::renew(shared, device).await? {
            Renewed::Same | Renewed::OtherRoles => None,
            Renewed::Gone(gone) => Some(gone),
            Renewed::Over => return Err(Failure::unauthenticated("This session has ended. Open a new one.")),
        },
    };
    gone.map_or(Ok(()), |gone| Err(gone.failure()))
}

/// Answers with a stream that begins after `last_event_id`, or with a reset.
pub(crate) async fn respond(
    shared: &Shared,
    mut listener: Listener,
    last_event_id: Option<&str>,
) -> Result<Response, Failure> {
    let seat = take_seat(shared).ok_or_else(|| {
        let detail = "As many streams are open as this gateway serves. Try again in a moment.";
        Failure::unavailable(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(5), detail)
    })?;
    // ORDER: listen before looking where the stream ends, so that nothing falls between.
    let changes = shared.hub.listen();
    admit(shared, &mut listener).await?;
    let mut first = VecDeque::from([Bytes::from_static(b": seamark\nretry: 2000\n\n")]);
    let start = start(shared, last_event_id).await?;
    let (last, missed) = match start {
        Start::After(after) => {
            let until = newest(&mut *shared.database.read().await?).await?;
            (after, (after < until).then(|| Missed { rows: VecDeque::new(), read: after, until }))
        }
        Start::Reset(now) => {
            first.push_back(reset(now));
            (now, None)
        }
    };
    let stream = Stream { shared: shared.clone(), listener, changes, first, missed, last, _seat: seat };
    let body = futures_util::stream::unfold(stream, async |mut stream| {
        let event = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(event), stream))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}
