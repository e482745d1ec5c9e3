//! Taking over what the root signed elsewhere.

use std::sync::Arc;

use axum::http::StatusCode;
use seamark_contracts::api::directory::AcceptedDirectory;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::directory::{self as signed, Directory, MAX_SKEW_MS, Proposal};
use seamark_ledger::dsse::{Envelope, IN_TOTO, pae};
use seamark_ledger::key::{PublicKey, Signer as _, SigningKey};
use serde_json::Value;

use super::{Brings, Proposed, changed, gather, keep, propose, root_key, wait_for_signature};
use crate::db::directory::{DirectoryRow, RootRow};
use crate::db::gateway::GatewayRow;
use crate::db::{self, SqliteConnection, StorageError};
use crate::problem::{Failure, chain};
use crate::recorded::{Change, Entered, Plan, Position, to_u64};
use crate::root::Root;
use crate::sequencer::{RecordError, Recorder};
use crate::sign::SignStatementError;
use crate::state::Shared;

struct Accept {
    envelope: Value,
    payload: Vec<u8>,
    identity: GatewayRow,
}

enum Accepted {
    Done {
        version: i64,
        position: Position,
    },
    /// It is the newest directory already.
    Before(DirectoryRow),
    /// Something else is to be signed by now, or nothing.
    Stale,
    /// It is not signed by the root, or not valid now.
    Refused(String),
}

impl Change for Accept {
    type Done = Accepted;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Accepted, StorageError> {
        let now = plan.now();
        let connection = plan.reader().await?;
        let newest = db::directory::newest(connection).await?;
        if let Some(row) = newest.as_ref().filter(|row| row.statement == self.payload) {
            return Ok(Accepted::Before(row.clone()));
        }
        // Bytes before signatures: they cost nothing to compare, and nobody has shown who they are yet.
        let proposal = db::directory::proposal(connection).await?;
        let is_proposed = proposal.is_some_and(|row| row.statement == self.payload);
        if !is_proposed && !names_next_root(connection, &self.identity, newest.as_ref(), &self.payload, now).await? {
            return Ok(Accepted::Stale);
        }
        let root = root_key(connection).await?;
        let directory = match signed::verify(&self.envelope, &root, now) {
            Ok(directory) => directory.into_inner(),
            Err(error) => return Ok(Accepted::Refused(chain(&error))),
        };
        let mut entered = plan.record(changed(&root, directory.digest, &directory.signature)).await?;
        let (version, position) = (newest.map_or(1, |row| row.version + 1), entered.position());
        self.take_over(&mut entered, version, directory, &root).await?;
        Ok(Accepted::Done { version, position })
    }
}

impl Accept {
    async fn take_over(
        &self,
        entered: &mut Entered<'_>,
        version: i64,
        directory: Directory,
        root: &PublicKey,
    ) -> Result<(), StorageError> {
        let next = directory.predicate.next_root.as_ref().and_then(|next| next.parse().ok());
        let proposed = Proposed {
            version,
            digest: directory.digest,
            bytes: self.payload.clone(),
            from: directory.predicate.valid_from,
            to: directory.predicate.valid_to,
        };
        keep(entered, proposed, &directory.signature, root).await?;
        let Some(next) = next else { return Ok(()) };
        let no = entered.position().no;
        let row = RootRow { no, public_key: next.as_bytes().to_vec(), first_version: version + 1 };
        db::directory::insert_root(&mut entered.write().await?, &row).await?;
        // Whoever pins the new root needs a directory that it signed: this one, once more.
        let now = entered.now();
        let again = propose(entered.reader().await?, &self.identity, now, Brings::AnEnd).await?;
        wait_for_signature(entered, again).await
    }
}

/// Whether these bytes are what would be proposed now, and name another root besides: only the holder of the root says that.
async fn names_next_root(
    connection: &mut SqliteConnection,
    identity: &GatewayRow,
    newest: Option<&DirectoryRow>,
    payload: &[u8],
    now: Timestamp,
) -> Result<bool, StorageError> {
    let (Some(newest), Ok(given)) = (newest, Proposal::read(payload)) else { return Ok(false) };
    let predicate = &given.predicate;
    let Some(next) = predicate.next_root.as_ref().and_then(|next| next.parse().ok()) else { return Ok(false) };
    let (subjects, keys) = gather(connection, identity, Some(newest)).await?;
    let roots = db::directory::list_roots(connection).await?;
    // What was a root once never is one again.
    let is_new = roots.iter().all(|row| row.public_key != next.as_bytes());
    Ok(is_new
        && given.previous == Digest::of(&newest.statement)
        && i64::try_from(predicate.version) == Ok(newest.version + 1)
        && predicate.org == identity.org
        && predicate.subjects == subjects
        && predicate.keys == keys
        && predicate.valid_from.as_ms() >= newest.from_ms
        && predicate.valid_from <= now.plus_ms(MAX_SKEW_MS))
}

/// Takes over a directory that the root signed.
pub(crate) async fn accept(shared: &Shared, envelope: Value) -> Result<AcceptedDirectory, Failure> {
    let read = Envelope::from_value(&envelope).map_err(|error| Failure::invalid("", chain(&error)))?;
    if matches!(shared.root, Root::Held(_)) {
        return Err(Failure::forbidden(
            "This gateway signs its directory itself, with the key in its owner's keyring. Nothing was changed.",
        ));
    }
    let payload = read.unverified_value().unverified_payload().to_vec();
    let digest = Digest::of(&payload);
    let change = Accept { envelope, payload, identity: shared.identity.clone() };
    let (version, recorded) = match shared.recorder.record(change).await? {
        Accepted::Done { version, position } => (version, position.to_wire()),
        Accepted::Before(row) => {
            let recorded = crate::document::position(&mut *shared.database.read().await?, row.no).await?;
            (row.version, recorded)
        }
        Accepted::Stale => {
            return Err(Failure::new(
                StatusCode::CONFLICT,
                ErrorCode::DirectoryStale,
                "This is not the directory that the gateway proposes now: something changed since, or it was signed already. \
                 Nothing was taken over. Get the proposal again, review and sign it; `seamark org sign` does this.",
            ));
        }
        Accepted::Refused(why) => {
            return Err(Failure::forbidden(format!(
                "The directory is not signed by this gateway's organisation root, or not valid now ({why}). Nothing was taken \
                 over. Sign with the root that /v1/trust names."
            )));
        }
    };
    shared.doorkeeper.forget();
    Ok(AcceptedDirectory { version: to_u64(version, "directory", "version")?, digest, recorded })
}

/// Signs what another process on the folder left waiting, for a gateway that holds the root.
struct SignWaiting {
    identity: GatewayRow,
    key: Arc<SigningKey>,
}

impl Change for SignWaiting {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let now = plan.now();
        let connection = plan.reader().await?;
        if db::directory::proposal(connection).await?.is_none() {
            return Ok(());
        }
        let proposed = propose(connection, &self.identity, now, Brings::AnEnd).await?;
        let signature = self.key.sign(&pae(IN_TOTO, &proposed.bytes)).map_err(SignStatementError::from)?;
        let public = self.key.public_key();
        let mut entered = plan.record(changed(&public, proposed.digest, &signature)).await?;
        keep(&mut entered, proposed, &signature, &public).await
    }
}

/// The same, when this gateway does.
pub(crate) async fn sign_what_waits(
    recorder: &Recorder,
    identity: &GatewayRow,
    root: &Root,
) -> Result<(), RecordError> {
    match root {
        Root::Held(key) => recorder.record(SignWaiting { identity: identity.clone(), key: Arc::clone(key) }).await,
        Root::Outside => Ok(()),
    }
}
