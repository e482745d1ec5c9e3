//! The directory: persons, agents and keys, signed by the root key again with every change.

use std::sync::{Arc, PoisonError, RwLock};

use crate::db::SqliteConnection;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::directory::{
    DirectoryKey, DirectoryPredicate, DirectorySubject, MAX_DIRECTORY_BYTES, SubjectKind, trust_set,
};
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyUse, PublicKey, Signer as _, TrustSet};
use seamark_ledger::statement::StatementError;

use crate::db::directory::DirectoryRow;
use crate::db::gateway::GatewayRow;
use crate::db::person::SigningKeyRow;
use crate::db::{self, StorageError};
use crate::document::word;
use crate::keys::Keys;
use crate::recorded::{Draft, Entered, Event, Object, Of, to_u64};
use crate::sign::{self, SignStatementError};
use crate::state::App;

/// A directory is valid for ten years; it is signed anew with every change, and verifiers take the newest.
const VALID_MS: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// Bytes that the end of one key or role takes: `,"to":"2026-11-22T06:00:00.000Z"`, with some to spare.
const END_BYTES: usize = 40;

/// What a new version brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brings {
    /// Something more. Refused when not everything that is open could still be ended afterwards.
    More,
    /// An end, for which there is always room.
    AnEnd,
}

/// Urn of this gateway.
pub(crate) fn gateway_urn(identity: &GatewayRow) -> String {
    format!("urn:seamark:gateway:{}", identity.instance)
}

/// A key's use as the directory spells it.
pub(crate) fn use_text(key_use: KeyUse) -> &'static str {
    match key_use {
        KeyUse::Handoff => "handoff",
        KeyUse::Outcome => "outcome",
        KeyUse::Decision => "decision",
        KeyUse::Execution => "execution",
        KeyUse::Directory => "directory",
        KeyUse::Device => "device",
        KeyUse::Ledger => "ledger",
    }
}

fn subject(id: &str, kind: SubjectKind, name: &str) -> DirectorySubject {
    DirectorySubject { id: id.to_owned(), kind, name: name.to_owned(), owners: Vec::new(), roles: Vec::new() }
}

fn listed(key: &SigningKeyRow) -> Result<DirectoryKey, StorageError> {
    let public = db::parsed(PublicKey::parse(&key.public_key).ok(), "signing_key", "public_key", key.no)?;
    let key_use = db::parsed(word(&key.purpose), "signing_key", "purpose", key.no)?;
    let (from, to) = (Timestamp::from_ms(key.from_ms), key.to_ms.map(Timestamp::from_ms));
    Ok(DirectoryKey::new(&public, key_use, &key.subject, from, to))
}

/// What the tables now hold, as a directory.
async fn gather(
    connection: &mut SqliteConnection,
    identity: &GatewayRow,
) -> Result<(Vec<DirectorySubject>, Vec<DirectoryKey>), StorageError> {
    let mut subjects = vec![subject(&gateway_urn(identity), SubjectKind::Gateway, &identity.org)];
    for person in db::person::list(connection).await? {
        let mut listed = subject(&person.id, SubjectKind::Person, &person.name);
        listed.roles = db::parsed(serde_json::from_str(&person.roles).ok(), "person", "roles", person.no)?;
        subjects.push(listed);
    }
    let keys = db::person::list_keys(connection).await?;
    let mut agents = db::agent_key::list_agents(connection).await?;
    agents.extend(keys.iter().filter(|key| key.purpose == use_text(KeyUse::Execution)).map(|key| key.subject.clone()));
    agents.sort();
    agents.dedup();
    for agent in agents {
        subjects.push(subject(&agent, SubjectKind::Agent, agent.rsplit(':').next().unwrap_or_default()));
    }
    // A device key opens sessions and signs no statement, so no verifier needs it.
    let device = use_text(KeyUse::Device);
    let keys = keys.iter().filter(|key| key.purpose != device).map(listed).collect::<Result<_, _>>()?;
    Ok((subjects, keys))
}

/// Signs the next version over what the tables now hold, records and writes it.
pub(crate) async fn renew(
    entered: &mut Entered<'_>,
    identity: &GatewayRow,
    keys: &Keys,
    brings: Brings,
) -> Result<(), StorageError> {
    let now = entered.now();
    let connection = entered.reader().await?;
    let newest = db::directory::newest(connection).await?;
    let (version, previous) = newest.map_or((1, None), |row| (row.version + 1, Some(Digest::of(&row.statement))));
    let (subjects, listed) = gather(connection, identity).await?;
    let valid_to = now.plus_ms(VALID_MS);
    let roles = subjects.iter().flat_map(|subject| &subject.roles);
    let n_open = roles.filter(|role| role.to.is_none()).count() + listed.iter().filter(|key| key.to.is_none()).count();
    let predicate = DirectoryPredicate {
        org: identity.org.clone(),
        version: to_u64(version, "directory", "version")?,
        valid_from: now,
        valid_to,
        subjects,
        keys: listed,
    };
    let signed = match sign::directory(&predicate, previous, &keys.root) {
        Err(SignStatementError::Statement(StatementError::TooLarge { .. })) => return Err(StorageError::DirectoryFull),
        signed => signed?,
    };
    if brings == Brings::More && signed.bytes.len() + n_open * END_BYTES > MAX_DIRECTORY_BYTES {
        return Err(StorageError::DirectoryFull);
    }
    let draft = Draft {
        kind: EntryType::DirectoryChanged,
        actor: keys.root.public_key().id().to_string(),
        of: Of::Gateway,
        object: Object::Digest(signed.digest),
        sigs: vec![signed.signature.digest()],
    };
    let position = entered.also(draft).await?;
    let row = DirectoryRow {
        version,
        no: position.no,
        statement: signed.bytes,
        signature: signed.signature.as_bytes().to_vec(),
        from_ms: now.as_ms(),
        to_ms: valid_to.as_ms(),
    };
    db::directory::insert(&mut entered.write().await?, &row).await?;
    entered.tell(Event::Directory, None);
    Ok(())
}

/// The newest directory, ready to judge signatures.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    pub(crate) keys: Arc<TrustSet>,
}

/// The newest directory with its version, remembered.
pub(crate) type Remembered = RwLock<Option<(i64, Trusted)>>;

/// The newest directory; read again only when there is a newer version.
pub(crate) async fn trusted(app: &App, connection: &mut SqliteConnection) -> Result<Trusted, StorageError> {
    remember(&app.trusted, connection).await
}

/// The same beside a place where it is remembered.
pub(crate) async fn remember(
    remembered: &Remembered,
    connection: &mut SqliteConnection,
) -> Result<Trusted, StorageError> {
    let version = db::directory::newest_version(connection).await?.unwrap_or_default();
    let known = remembered.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, trusted)) = known.filter(|(known, _)| *known == version) {
        return Ok(trusted);
    }
    let row = db::parsed(db::directory::newest(connection).await?, "directory", "version", version)?;
    let predicate = db::parsed(parse(&row.statement), "directory", "statement", row.version)?;
    let keys = db::parsed(trust_set(&predicate).ok(), "directory", "statement", row.version)?;
    let trusted = Trusted { keys: Arc::new(keys) };
    *remembered.write().unwrap_or_else(PoisonError::into_inner) = Some((row.version, trusted.clone()));
    Ok(trusted)
}

/// The predicate of one of our own directory statements.
pub(crate) fn parse(statement: &[u8]) -> Option<DirectoryPredicate> {
    let statement: serde_json::Value = serde_json::from_slice(statement).ok()?;
    serde_json::from_value(statement.get("predicate")?.clone()).ok()
}
