//! The directory: persons, agents and keys, signed by the root again after every change.
//!
//! The tables hold what was recorded here; the newest signed directory holds what counts. Between the two stands at most one
//! proposal: the exact bytes that the root is asked to sign.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::db::SqliteConnection;
use axum::http::StatusCode;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::{Digest, DigestError};
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::directory::{
    DirectoryKey, DirectoryPredicate, DirectoryRole, DirectorySubject, MAX_DIRECTORY_BYTES, SubjectKind, trust_set,
};
use seamark_ledger::dsse::{IN_TOTO, pae};
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyId, KeyUse, PublicKey, Signature, Signer as _, TrustSet};
use seamark_ledger::statement::{self, StatementError};

use crate::auth::Device;
use crate::db::directory::{DirectoryRow, ProposalRow};
use crate::db::gateway::GatewayRow;
use crate::db::person::SigningKeyRow;
use crate::db::{self, StorageError};
use crate::document::word;
use crate::problem::Failure;
use crate::recorded::{Draft, Entered, Event, Object, Of, to_u64};
use crate::root::Root;
use crate::sign::SignStatementError;
use crate::state::App;

mod accept;

pub(crate) use accept::{accept, sign_what_waits};

/// A directory is valid for ten years; there is a new one after every change, and verifiers take the newest.
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

/// What the tables now hold, as a directory. What ended before anybody signed it is left out: it never counted, and nobody
/// should sign that it did. `before` is the newest signed directory.
async fn gather(
    connection: &mut SqliteConnection,
    identity: &GatewayRow,
    before: Option<&DirectoryRow>,
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
    let mut keys: Vec<DirectoryKey> =
        keys.iter().filter(|key| key.purpose != device).map(listed).collect::<Result<_, _>>()?;
    let has_ends = keys.iter().any(|key| key.to.is_some())
        || subjects.iter().flat_map(|subject| &subject.roles).any(|role| role.to.is_some());
    if has_ends {
        let signed = match before {
            Some(row) => Some(db::parsed(parse(&row.statement), "directory", "statement", row.version)?),
            None => None,
        };
        leave_out_unsigned_ends(signed.as_ref(), &mut subjects, &mut keys);
    }
    Ok((subjects, keys))
}

fn leave_out_unsigned_ends(
    signed: Option<&DirectoryPredicate>,
    subjects: &mut [DirectorySubject],
    keys: &mut Vec<DirectoryKey>,
) {
    let signed_keys: BTreeSet<&str> =
        signed.iter().flat_map(|signed| &signed.keys).map(|key| key.keyid.as_str()).collect();
    keys.retain(|key| key.to.is_none() || signed_keys.contains(key.keyid.as_str()));
    let of_subject =
        |subject: &'_ DirectorySubject| subject.roles.iter().map(|role| (role.role.clone(), role.from)).collect();
    let signed_roles: BTreeMap<&str, BTreeSet<(String, Timestamp)>> = signed
        .iter()
        .flat_map(|signed| &signed.subjects)
        .map(|subject| (subject.id.as_str(), of_subject(subject)))
        .collect();
    for subject in subjects {
        let known = signed_roles.get(subject.id.as_str());
        let is_signed =
            |role: &DirectoryRole| known.is_some_and(|known| known.contains(&(role.role.clone(), role.from)));
        subject.roles.retain(|role| role.to.is_none() || is_signed(role));
    }
}

/// The directory that should follow, before anybody signed it.
struct Proposed {
    version: i64,
    digest: Digest,
    bytes: Vec<u8>,
    from: Timestamp,
    to: Timestamp,
}

async fn propose(
    connection: &mut SqliteConnection,
    identity: &GatewayRow,
    now: Timestamp,
    brings: Brings,
) -> Result<Proposed, StorageError> {
    let newest = db::directory::newest(connection).await?;
    let (version, previous) =
        newest.as_ref().map_or((1, None), |row| (row.version + 1, Some(Digest::of(&row.statement))));
    let (subjects, listed) = gather(connection, identity, newest.as_ref()).await?;
    let to = now.plus_ms(VALID_MS);
    let roles = subjects.iter().flat_map(|subject| &subject.roles);
    let n_open = roles.filter(|role| role.to.is_none()).count() + listed.iter().filter(|key| key.to.is_none()).count();
    let predicate = DirectoryPredicate {
        org: identity.org.clone(),
        version: to_u64(version, "directory", "version")?,
        valid_from: now,
        valid_to: to,
        subjects,
        keys: listed,
        next_root: None,
    };
    let bytes = match statement::build_directory(&predicate, previous) {
        Err(StatementError::TooLarge { .. }) => return Err(StorageError::DirectoryFull),
        built => built.map_err(SignStatementError::from)?,
    };
    if brings == Brings::More && bytes.len() + n_open * END_BYTES > MAX_DIRECTORY_BYTES {
        return Err(StorageError::DirectoryFull);
    }
    Ok(Proposed { version, digest: Digest::of(&bytes), bytes, from: now, to })
}

/// The entry of a signed directory.
fn changed(root: &PublicKey, digest: Digest, signature: &Signature) -> Draft {
    Draft {
        kind: EntryType::DirectoryChanged,
        actor: root.id().to_string(),
        of: Of::Gateway,
        object: Object::Digest(digest),
        sigs: vec![signature.digest()],
    }
}

/// Writes a signed directory under the newest entry, which is its own. What waited for a signature is in it.
async fn keep(
    entered: &mut Entered<'_>,
    proposed: Proposed,
    signature: &Signature,
    root: &PublicKey,
) -> Result<(), StorageError> {
    let row = DirectoryRow {
        version: proposed.version,
        no: entered.position().no,
        statement: proposed.bytes,
        signature: signature.as_bytes().to_vec(),
        from_ms: proposed.from.as_ms(),
        to_ms: proposed.to.as_ms(),
        root: root.as_bytes().to_vec(),
    };
    let mut write = entered.write().await?;
    db::directory::insert(&mut write, &row).await?;
    db::directory::clear_proposal(&mut write).await?;
    entered.tell(Event::Directory, None);
    Ok(())
}

async fn wait_for_signature(entered: &mut Entered<'_>, proposed: Proposed) -> Result<(), StorageError> {
    let row = ProposalRow {
        no: entered.position().no,
        version: proposed.version,
        statement: proposed.bytes,
        from_ms: proposed.from.as_ms(),
        to_ms: proposed.to.as_ms(),
    };
    db::directory::set_proposal(&mut entered.write().await?, &row).await
}

/// Makes the next version over what the tables now hold. A gateway that holds the root signs it at once; any other one
/// proposes it, and what it brings counts for nobody before the root has signed. An end acts here in either case.
pub(crate) async fn renew(
    entered: &mut Entered<'_>,
    identity: &GatewayRow,
    root: &Root,
    brings: Brings,
) -> Result<(), StorageError> {
    let now = entered.now();
    let proposed = propose(entered.reader().await?, identity, now, brings).await?;
    match root {
        Root::Held(key) => {
            let signature = key.sign(&pae(IN_TOTO, &proposed.bytes)).map_err(SignStatementError::from)?;
            let public = key.public_key();
            entered.also(changed(&public, proposed.digest, &signature)).await?;
            keep(entered, proposed, &signature, &public).await
        }
        Root::Outside => {
            wait_for_signature(entered, proposed).await?;
            entered.tell(Event::Directory, None);
            Ok(())
        }
    }
}

/// The root that signs the next directory.
pub(crate) async fn root_key(connection: &mut SqliteConnection) -> Result<PublicKey, StorageError> {
    let row = db::parsed(db::directory::newest_root(connection).await?, "root", "first_version", 1)?;
    db::parsed(PublicKey::parse(&row.public_key).ok(), "root", "public_key", row.no)
}

/// Whether any directory is signed.
pub(crate) async fn is_signed(app: &App) -> Result<bool, StorageError> {
    if app.is_signed.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let is_signed = db::directory::newest_version(&mut *app.database.read().await?).await?.is_some();
    app.is_signed.store(is_signed, Ordering::Relaxed);
    Ok(is_signed)
}

/// For what nobody could verify without a directory.
pub(crate) async fn need_signed(app: &App) -> Result<(), Failure> {
    if is_signed(app).await? {
        return Ok(());
    }
    Err(Failure::unavailable(
        StatusCode::SERVICE_UNAVAILABLE,
        Duration::from_secs(10),
        "The organisation has not signed this gateway's directory of people and keys yet, so nobody could verify anything of it.          Nothing was changed. Whoever holds the organisation's root runs `seamark org sign`; then send the same request again.",
    ))
}

/// `what` is recorded here and is not in the signed directory.
pub(crate) fn pending(what: &str, to_do: &str) -> Failure {
    Failure::new(
        StatusCode::FORBIDDEN,
        ErrorCode::EnrolmentPending,
        format!(
            "{what} is recorded at this gateway, and the organisation has not signed that yet, so nothing that is signed with it \
             counts. Nothing was changed. Whoever holds the organisation's root runs `seamark org sign`. {to_do}"
        ),
    )
}

/// The newest directory, ready to judge signatures.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    pub(crate) keys: Arc<TrustSet>,
}

impl Trusted {
    /// The open roles that the signed directory gives the person of this device; none while it does not list the device's
    /// decision key, or lists its end.
    pub(crate) fn roles_signed_for(&self, device: &Device) -> Result<Vec<String>, DigestError> {
        let key = self.keys.find(&KeyId::parse(&device.decision_keyid)?, KeyUse::Decision);
        let person = self.keys.subject(device.person.id.as_str()).filter(|_| key.is_some_and(|key| key.to.is_none()));
        let roles = person.map(|person| person.roles.as_slice()).unwrap_or_default();
        Ok(roles.iter().filter(|role| role.to.is_none()).map(|role| role.role.clone()).collect())
    }
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
    let Some(row) = db::directory::newest(connection).await? else {
        // Nothing is signed yet, so nobody is trusted with anything.
        return Ok(Trusted { keys: Arc::default() });
    };
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
