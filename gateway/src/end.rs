//! Ending what was given: agent keys, devices, persons, roles and execution keys (invariants B10, F4).
//!
//! An end is a time beside the row and an entry in the ledger. No row goes away and none is used again. It acts from its
//! commit on: what was committed before stays as it was judged, what comes later is refused. Commit order decides, so
//! the gateway looks only at whether there is an end; `to` is for verifiers, who know the times of entries.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::id::{UserUrn, is_name};
use seamark_ledger::directory::DirectoryRole;
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::KeyUse;
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use crate::auth::hash_secret;
use crate::db::gateway::GatewayRow;
use crate::db::person::{PersonRow, SigningKeyRow};
use crate::db::{self, SqliteConnection, StorageError};
use crate::directory::{self, Brings, use_text};
use crate::operate::{event, person_urn};
use crate::recorded::{Change, Draft, Entered, Event, Plan};
use crate::root::Root;
use crate::sequencer::{RecordError, Recorder};

/// Digits of a key id that are enough to name it, when no other begins so.
const SHORTEST_ID: usize = 8;

/// Why something was not ended, given or taken. Nothing was changed then.
#[derive(Debug, Error)]
pub enum EndError {
    #[error("there is no {what} {id:?} here, so nothing was changed; `seamark {list} list` shows what there is")]
    Unknown { what: &'static str, id: String, list: &'static str },
    #[error("{n} ids begin with {id:?}, so nothing was changed; give more digits")]
    Ambiguous { id: String, n: usize },
    #[error(
        "{person} has ended at {since}, so no role was changed; invite the person again, which gives the roles of the invitation"
    )]
    PersonEnded { person: UserUrn, since: Timestamp },
    #[error("{person} never had the role {role:?}, so nothing was changed; the roles now are: {}", .has.join(", "))]
    NoSuchRole { person: UserUrn, role: String, has: Vec<String> },
    #[error(
        "the role {0:?} is not a name: 1 to 100 characters of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit"
    )]
    RoleName(String),
    #[error("write the change")]
    Record(#[from] RecordError),
}

/// Something that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// As the list shows it.
    pub id: String,
    /// Of an agent key or execution key the agent, of a device its name, of a person the printed name.
    pub name: String,
    /// First moment without it, gateway time.
    pub ended_at: Timestamp,
    /// False when it had ended before; then nothing was changed.
    pub is_new: bool,
    /// What ended with it, in words.
    #[serde(rename = "with")]
    pub ended_with: Vec<String>,
}

/// A role that was given or taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleChanged {
    /// Urn.
    pub person: String,
    pub name: String,
    pub role: String,
    /// Whether the person has it now.
    pub has_role: bool,
    /// Since when, gateway time.
    pub since: Timestamp,
    /// False when it was so before; then nothing was changed.
    pub is_new: bool,
    /// The roles that the person has now.
    pub roles: Vec<String>,
}

/// The first moment without something that ends at `now`. Entries of one commit have one time, and what was recorded
/// before the end may have the same: the millisecond after it leaves that valid for every verifier.
fn first_moment_without(now: Timestamp) -> Timestamp {
    now.plus_ms(1)
}

/// Whether a key id is the one that was asked for.
fn is_meant(keyid: &str, asked: &str) -> bool {
    keyid == asked || (asked.len() >= SHORTEST_ID && keyid.starts_with(asked))
}

/// The only row that is meant.
fn only<T>(mut found: Vec<T>, what: &'static str, id: &str, list: &'static str) -> Result<T, EndError> {
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(EndError::Unknown { what, id: id.to_owned(), list }),
        (Some(_), n) => Err(EndError::Ambiguous { id: id.to_owned(), n: n + 1 }),
    }
}

fn revoked(actor: &str, key: &SigningKeyRow) -> Draft {
    event(EntryType::KeyRevoked, actor, json!({ "keyid": key.keyid, "use": key.purpose, "subject": key.subject }))
}

/// Ends a signing key under the newest entry of the change.
async fn end_key(entered: &mut Entered<'_>, key: &SigningKeyRow) -> Result<(), StorageError> {
    let (no, to) = (entered.position().no, first_moment_without(entered.now()));
    db::person::end_key(&mut entered.write().await?, &key.keyid, to.as_ms(), no).await
}

/// Whose ledger and directory it is.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    pub(crate) identity: GatewayRow,
    pub(crate) root: Root,
}

impl Office {
    async fn sign_directory(&self, entered: &mut Entered<'_>, brings: Brings) -> Result<(), StorageError> {
        directory::renew(entered, &self.identity, &self.root, brings).await
    }

    fn actor(&self) -> &str {
        &self.identity.instance
    }
}

// ---- agent keys ----

struct EndAgentKey {
    /// The opaque id, or the key's own text.
    id: String,
    office: Office,
}

impl Change for EndAgentKey {
    type Done = Result<Ended, EndError>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let connection = plan.reader().await?;
        let row = match db::agent_key::find_by_id(connection, &self.id).await? {
            Some(row) => Some(row),
            // Whoever finds a leaked key has its text and not its id.
            None => db::agent_key::find(connection, &hash_secret(&self.id)).await?,
        };
        let Some(row) = row else {
            // The text of a key is a secret, even of one that is of another gateway.
            let id = if self.id.starts_with("smk_") { "smk_..." } else { self.id.as_str() }.to_owned();
            return Ok(Err(EndError::Unknown { what: "agent key", id, list: "agent-key" }));
        };
        let mut ended = Ended {
            id: row.id.clone(),
            name: row.agent.clone(),
            ended_at: plan.now(),
            is_new: false,
            ended_with: Vec::new(),
        };
        if let Some(ended_ms) = row.ended_ms {
            return Ok(Ok(Ended { ended_at: Timestamp::from_ms(ended_ms), ..ended }));
        }
        let webhooks = db::outbox::list_enabled_of_key(plan.reader().await?, &row.id).await?;
        let actor = self.office.actor();
        let body = json!({ "key": row.id, "use": "agent", "agent": row.agent });
        let mut entered = plan.record(event(EntryType::KeyRevoked, actor, body)).await?;
        ended.ended_at = first_moment_without(entered.now());
        let no = entered.position().no;
        db::agent_key::end(&mut entered.write().await?, &row.id, ended.ended_at.as_ms(), no).await?;
        // Who held the key chose where these push to.
        for webhook in webhooks {
            let body = json!({ "what": "webhook-disabled", "webhook": webhook.id });
            entered.also(event(EntryType::ConfigChanged, actor, body)).await?;
            db::outbox::disable_webhook(&mut entered.write().await?, &webhook.id).await?;
            ended.ended_with.push(format!("webhook {}", webhook.id));
        }
        entered.tell(Event::Directory, None);
        Ok(Ok(Ended { is_new: true, ..ended }))
    }
}

/// Ends an agent key, and the webhooks that were made with it.
///
/// # Errors
/// [`EndError`].
pub(crate) async fn end_agent_key(recorder: &Recorder, office: Office, id: &str) -> Result<Ended, EndError> {
    recorder.record(EndAgentKey { id: id.trim().to_owned(), office }).await?
}

// ---- devices ----

struct EndDevice {
    id: String,
    office: Office,
}

impl Change for EndDevice {
    type Done = Result<Ended, EndError>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let keys = db::person::list_keys(plan.reader().await?).await?;
        let device = use_text(KeyUse::Device);
        let is_asked = |key: &&SigningKeyRow| {
            let beside = key.device.as_deref().unwrap_or_default();
            key.purpose == device && (is_meant(&key.keyid, &self.id) || is_meant(beside, &self.id))
        };
        let row = match only(keys.iter().filter(is_asked).collect(), "device", &self.id, "device") {
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        let name = row.device_name.clone().unwrap_or_default();
        let ended = Ended { id: row.keyid.clone(), name, ended_at: plan.now(), is_new: false, ended_with: Vec::new() };
        if let Some(ended_at) = row.ended() {
            return Ok(Ok(Ended { ended_at, ..ended }));
        }
        let decision = keys.iter().find(|key| Some(&key.keyid) == row.device.as_ref());
        let decision = db::parsed(decision, "signing_key", "device", row.no)?;
        let mut entered = plan.record(revoked(self.office.actor(), decision)).await?;
        end_key(&mut entered, decision).await?;
        entered.also(revoked(self.office.actor(), row)).await?;
        end_key(&mut entered, row).await?;
        self.office.sign_directory(&mut entered, Brings::AnEnd).await?;
        let ended_at = first_moment_without(entered.now());
        let ended_with = vec![format!("decision key {}", decision.keyid)];
        Ok(Ok(Ended { ended_at, is_new: true, ended_with, ..ended }))
    }
}

/// Ends a device: its device key and its decision key, and with them every session.
///
/// # Errors
/// [`EndError`].
pub(crate) async fn end_device(recorder: &Recorder, office: Office, id: &str) -> Result<Ended, EndError> {
    recorder.record(EndDevice { id: id.trim().to_lowercase(), office }).await?
}

// ---- execution keys ----

struct EndExecutionKey {
    id: String,
    office: Office,
}

impl Change for EndExecutionKey {
    type Done = Result<Ended, EndError>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let keys = db::person::list_keys(plan.reader().await?).await?;
        let execution = use_text(KeyUse::Execution);
        let is_asked = |key: &SigningKeyRow| key.purpose == execution && is_meant(&key.keyid, &self.id);
        let found = keys.into_iter().filter(is_asked).collect();
        let row = match only(found, "execution key", &self.id, "execution-key") {
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        let ended = Ended {
            id: row.keyid.clone(),
            name: row.subject.clone(),
            ended_at: plan.now(),
            is_new: false,
            ended_with: Vec::new(),
        };
        if let Some(ended_at) = row.ended() {
            return Ok(Ok(Ended { ended_at, ..ended }));
        }
        let mut entered = plan.record(revoked(self.office.actor(), &row)).await?;
        end_key(&mut entered, &row).await?;
        self.office.sign_directory(&mut entered, Brings::AnEnd).await?;
        Ok(Ok(Ended { ended_at: first_moment_without(entered.now()), is_new: true, ..ended }))
    }
}

/// Ends an execution key; its agent may have another one in its place.
///
/// # Errors
/// [`EndError`].
pub(crate) async fn end_execution_key(recorder: &Recorder, office: Office, id: &str) -> Result<Ended, EndError> {
    recorder.record(EndExecutionKey { id: id.trim().to_lowercase(), office }).await?
}

// ---- persons ----

/// A person by urn, by the urn's name, or by the printed name.
async fn find_person(connection: &mut SqliteConnection, asked: &str) -> Result<Option<PersonRow>, StorageError> {
    let urn = UserUrn::parse(asked).ok().or_else(|| UserUrn::from_name(asked).ok());
    if let Some(urn) = urn
        && let Some(row) = db::person::find(connection, urn.as_str()).await?
    {
        return Ok(Some(row));
    }
    match person_urn(asked) {
        Ok(urn) => Ok(db::person::find(connection, urn.as_str()).await?.filter(|row| row.name == asked)),
        Err(_) => Ok(None),
    }
}

fn unknown_person(asked: &str) -> EndError {
    EndError::Unknown { what: "person", id: asked.to_owned(), list: "person" }
}

/// The roles in a person's row.
pub(crate) fn roles_of(row: &PersonRow) -> Result<Vec<DirectoryRole>, StorageError> {
    db::parsed(serde_json::from_str(&row.roles).ok(), "person", "roles", row.no)
}

fn held(roles: &[DirectoryRole]) -> Vec<String> {
    roles.iter().filter(|role| role.to.is_none()).map(|role| role.role.clone()).collect()
}

struct EndPerson {
    person: String,
    office: Office,
}

impl Change for EndPerson {
    type Done = Result<Ended, EndError>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let now = plan.now();
        let connection = plan.reader().await?;
        let Some(row) = find_person(connection, &self.person).await? else {
            return Ok(Err(unknown_person(&self.person)));
        };
        let mut ended =
            Ended { id: row.id.clone(), name: row.name.clone(), ended_at: now, is_new: false, ended_with: Vec::new() };
        if let Some(ended_ms) = row.ended_ms {
            return Ok(Ok(Ended { ended_at: Timestamp::from_ms(ended_ms), ..ended }));
        }
        let keys = db::person::list_keys(connection).await?;
        let keys: Vec<_> = keys.into_iter().filter(|key| key.subject == row.id && key.to_ms.is_none()).collect();
        let n_invitations = db::person::count_invitations(connection, &row.id, now.as_ms()).await?;
        let mut roles = roles_of(&row)?;

        let actor = self.office.actor();
        let body = json!({ "what": "person-ended", "person": row.id });
        let mut entered = plan.record(event(EntryType::ConfigChanged, actor, body)).await?;
        let to = first_moment_without(entered.now());
        for role in roles.iter_mut().filter(|role| role.to.is_none()) {
            role.to = Some(to);
            ended.ended_with.push(format!("role {}", role.role));
        }
        let mut write = entered.write().await?;
        db::person::set_roles(&mut write, &row.id, &json!(roles).to_string()).await?;
        db::person::set_ended(&mut write, &row.id, Some(to.as_ms())).await?;
        db::person::end_invitations(&mut write, &row.id, to.as_ms()).await?;
        for key in &keys {
            entered.also(revoked(actor, key)).await?;
            end_key(&mut entered, key).await?;
            if key.purpose == use_text(KeyUse::Device) {
                ended.ended_with.push(format!("device {}", key.device_name.as_deref().unwrap_or_default()));
            }
        }
        match n_invitations {
            0 => {}
            1 => ended.ended_with.push("1 unused invitation".to_owned()),
            n => ended.ended_with.push(format!("{n} unused invitations")),
        }
        self.office.sign_directory(&mut entered, Brings::AnEnd).await?;
        Ok(Ok(Ended { ended_at: to, is_new: true, ..ended }))
    }
}

/// Ends a person: every device, role and unused invitation.
///
/// # Errors
/// [`EndError`].
pub(crate) async fn end_person(recorder: &Recorder, office: Office, person: &str) -> Result<Ended, EndError> {
    recorder.record(EndPerson { person: person.trim().to_owned(), office }).await?
}

struct ChangeRole {
    person: String,
    role: String,
    is_given: bool,
    office: Office,
}

impl Change for ChangeRole {
    type Done = Result<RoleChanged, EndError>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let now = plan.now();
        let Some(row) = find_person(plan.reader().await?, &self.person).await? else {
            return Ok(Err(unknown_person(&self.person)));
        };
        let urn = db::parsed(UserUrn::parse(&row.id).ok(), "person", "id", row.no)?;
        let mut roles = roles_of(&row)?;
        let mut changed = RoleChanged {
            person: row.id.clone(),
            name: row.name.clone(),
            role: self.role.clone(),
            has_role: self.is_given,
            since: now,
            is_new: false,
            roles: held(&roles),
        };
        if self.is_given
            && let Some(ended_ms) = row.ended_ms
        {
            return Ok(Err(EndError::PersonEnded { person: urn, since: Timestamp::from_ms(ended_ms) }));
        }
        let open = roles.iter_mut().find(|role| role.role == self.role && role.to.is_none());
        let what = match (open, self.is_given) {
            (Some(open), true) => return Ok(Ok(RoleChanged { since: open.from, ..changed })),
            (Some(open), false) => {
                changed.since = first_moment_without(now);
                open.to = Some(changed.since);
                "role-taken"
            }
            (None, true) => {
                roles.push(DirectoryRole { role: self.role.clone(), from: now, to: None });
                "role-given"
            }
            (None, false) => {
                let last = roles.iter().filter(|role| role.role == self.role).filter_map(|role| role.to).max();
                return Ok(match last {
                    Some(since) => Ok(RoleChanged { since, ..changed }),
                    None => Err(EndError::NoSuchRole { person: urn, role: self.role.clone(), has: changed.roles }),
                });
            }
        };
        let body = json!({ "what": what, "person": row.id, "role": self.role });
        let mut entered = plan.record(event(EntryType::ConfigChanged, self.office.actor(), body)).await?;
        db::person::set_roles(&mut entered.write().await?, &row.id, &json!(roles).to_string()).await?;
        self.office.sign_directory(&mut entered, if self.is_given { Brings::More } else { Brings::AnEnd }).await?;
        Ok(Ok(RoleChanged { is_new: true, roles: held(&roles), ..changed }))
    }
}

/// Gives a person a role, or takes it.
///
/// # Errors
/// [`EndError`].
pub(crate) async fn change_role(
    recorder: &Recorder,
    office: Office,
    person: &str,
    role: &str,
    is_given: bool,
) -> Result<RoleChanged, EndError> {
    if !is_name(role) {
        return Err(EndError::RoleName(role.to_owned()));
    }
    let change = ChangeRole { person: person.trim().to_owned(), role: role.to_owned(), is_given, office };
    recorder.record(change).await?
}
