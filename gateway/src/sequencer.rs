//! The one writer: it drains its queue into one transaction (group commit) and answers after the commit.
//!
//! ```text
//! queue -> BEGIN IMMEDIATE -> read head -> each change: plan, record, write -> entries, tiles, head, (size, root) -> COMMIT -> answers
//! ```
//!
//! The head is read inside the transaction, so another process on the same data folder can append as well. When a group
//! fails, nothing of it was kept, and each of its changes runs again alone: one that cannot succeed harms no other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::db::SqliteConnection;
use seamark_contracts::clock::Timestamp;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::db::{self, Database, StorageError};
use crate::recorded::{Change, Committed, Group, Plan, Surroundings};

/// Why a change was not made.
#[derive(Debug, Error)]
pub enum RecordError {
    #[error("the writer's queue is full")]
    Busy,
    #[error("the writer has stopped")]
    Stopped,
    #[error("the change was not written")]
    Storage(#[source] Arc<StorageError>),
}

/// How long a change may wait for a place in the queue.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StorageError>> + Send + 'a>>;

/// A change whose type is forgotten, with the one who waits for it.
trait Job: Send {
    fn handoff_id(&self) -> Option<&str>;
    fn apply<'a>(&'a mut self, plan: &'a mut Plan<'_>) -> Step<'a>;
    fn answer(self: Box<Self>, fault: Option<Arc<StorageError>>);
}

struct Waiting<C: Change> {
    change: C,
    done: Option<C::Done>,
    reply: oneshot::Sender<Result<C::Done, RecordError>>,
}

impl<C: Change> Job for Waiting<C> {
    fn handoff_id(&self) -> Option<&str> {
        self.change.handoff_id()
    }

    fn apply<'a>(&'a mut self, plan: &'a mut Plan<'_>) -> Step<'a> {
        Box::pin(async move {
            self.done = Some(self.change.apply(plan).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, fault: Option<Arc<StorageError>>) {
        let answer = match (fault, self.done) {
            (Some(fault), _) => Err(RecordError::Storage(fault)),
            (None, Some(done)) => Ok(done),
            (None, None) => Err(RecordError::Stopped),
        };
        // Whoever asked may have gone away; the change is made all the same.
        drop(self.reply.send(answer));
    }
}

/// Hands changes to the writer.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Box<dyn Job>>,
    committed: watch::Receiver<Option<Committed>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("committed", &*self.committed.borrow()).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Makes a change and returns when it is committed.
    ///
    /// # Errors
    /// [`RecordError`]. With `Busy` and `Stopped` nothing was changed. After `Storage` the caller asks again: every change
    /// that comes from outside is idempotent.
    pub async fn record<C: Change>(&self, change: C) -> Result<C::Done, RecordError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Waiting { change, done: None, reply });
        match self.queue.send_timeout(job, QUEUE_WAIT).await {
            Ok(()) => answer.await.map_err(|_| RecordError::Stopped)?,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(RecordError::Busy),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(RecordError::Stopped),
        }
    }

    /// The newest commit of this process, and a way to wait for the next.
    pub fn committed(&self) -> watch::Receiver<Option<Committed>> {
        self.committed.clone()
    }

    /// Gateway time as far as this process knows it: never before the last commit (invariant H1).
    pub fn now(&self, clock: &dyn seamark_contracts::clock::Clock) -> Timestamp {
        let now = clock.now();
        self.committed.borrow().as_ref().map_or(now, |last| last.at.max(now))
    }
}

/// What writes. It ends when every [`Recorder`] is gone and the queue is empty.
pub(crate) struct Writer {
    database: Database,
    connection: Option<SqliteConnection>,
    around: Surroundings,
    queue: mpsc::Receiver<Box<dyn Job>>,
    committed: watch::Sender<Option<Committed>>,
    max_group: usize,
}

impl Writer {
    /// A writer, and the handle to it.
    pub(crate) async fn open(
        database: Database,
        around: Surroundings,
        max_queued: usize,
        max_group: usize,
    ) -> Result<(Self, Recorder), StorageError> {
        let connection = database.connect_writer().await?;
        let (sender, queue) = mpsc::channel(max_queued.max(1));
        let (committed, receiver) = watch::channel(None);
        let writer =
            Self { database, connection: Some(connection), around, queue, committed, max_group: max_group.max(1) };
        Ok((writer, Recorder { queue: sender, committed: receiver }))
    }

    /// Starts the writer's thread. What is returned resolves when it has ended.
    ///
    /// A thread of its own, because a group is a sequence of short steps that every submitter of it waits for; among the
    /// tasks of the requests each step would wait for its turn.
    pub(crate) fn start(self) -> std::io::Result<oneshot::Receiver<()>> {
        let (ended, end) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name("seamark-writer".to_owned()).spawn(move || {
            runtime.block_on(self.run());
            // Nobody may be waiting for the end.
            ended.send(()).ok();
        })?;
        Ok(end)
    }

    /// Writes until nobody can ask any more.
    async fn run(mut self) {
        let mut jobs = Vec::with_capacity(self.max_group);
        while self.queue.recv_many(&mut jobs, self.max_group).await > 0 {
            let is_alone = jobs.len() == 1;
            match self.write_group(&mut jobs).await {
                Ok(()) => jobs.drain(..).for_each(|job| job.answer(None)),
                Err(fault) if is_alone => {
                    let fault = Arc::new(fault);
                    jobs.drain(..).for_each(|job| job.answer(Some(Arc::clone(&fault))));
                }
                Err(fault) => {
                    tracing::debug!(error = %fault, n_changes = jobs.len(), "a group was undone, its changes run alone");
                    for job in jobs.drain(..) {
                        self.write_alone(job).await;
                    }
                }
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(fault) = db::close(connection).await
        {
            tracing::warn!(error = %fault, "closing the writer's connection failed; nothing is lost by it");
        }
    }

    async fn write_alone(&mut self, job: Box<dyn Job>) {
        let mut jobs = vec![job];
        let fault = self.write_group(&mut jobs).await.err().map(Arc::new);
        jobs.drain(..).for_each(|job| job.answer(fault.clone()));
    }

    async fn write_group(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StorageError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect_writer().await?,
        };
        // From here on a missing connection is replaced by a new one, so every way out is safe.
        db::begin(&mut connection).await?;
        let mut group = match Group::begun(connection, self.around.clone()).await {
            (Ok(group), _) => group,
            (Err(fault), connection) => {
                self.give_up(connection).await;
                return Err(fault);
            }
        };
        let written = write_changes(&mut group, jobs).await;
        let has_written = group.has_written();
        let mut connection = group.into_connection();
        match written {
            Ok(committed) if has_written => {
                if let Err(fault) = db::commit(&mut connection).await {
                    self.give_up(Some(connection)).await;
                    return Err(fault);
                }
                self.connection = Some(connection);
                if committed.is_some() {
                    self.committed.send_replace(committed);
                }
                Ok(())
            }
            Ok(_) => {
                self.give_up(Some(connection)).await;
                Ok(())
            }
            Err(fault) => {
                self.give_up(Some(connection)).await;
                Err(fault)
            }
        }
    }

    /// Rolls back; a connection that cannot even do that is thrown away.
    async fn give_up(&mut self, connection: Option<SqliteConnection>) {
        let Some(mut connection) = connection else { return };
        match db::roll_back(&mut connection).await {
            Ok(()) => self.connection = Some(connection),
            Err(fault) => tracing::warn!(error = %fault, "the writer opens a new connection"),
        }
    }
}

async fn write_changes(group: &mut Group, jobs: &mut [Box<dyn Job>]) -> Result<Option<Committed>, StorageError> {
    let ids: Vec<&str> = jobs.iter().filter_map(|job| job.handoff_id()).collect();
    group.look_up(&ids).await?;
    for job in jobs.iter_mut() {
        job.apply(&mut group.plan()).await?;
    }
    group.write().await
}
