//! Who holds what, for the operator: agent keys, devices, persons, execution keys, those that have ended too.

use std::collections::BTreeMap;

use seamark_contracts::clock::Timestamp;
use seamark_ledger::key::KeyUse;
use serde::Serialize;

use crate::db::person::SigningKeyRow;
use crate::db::{self, SqliteConnection, StorageError};
use crate::directory::use_text;
use crate::end::roles_of;
use crate::enrol::SESSION_MS;
use crate::scope::KeySide;

/// An agent key. Its text is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentKeyInfo {
    /// Opaque; `actor` in the ledger.
    pub id: String,
    /// The agent's urn.
    pub agent: String,
    /// Names of the contracts that it is for; empty means all.
    pub contracts: Vec<String>,
    /// The one side that it is for; absent: both.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub side: Option<KeySide>,
    /// Urns of further agents as which it may act when they are destinations; `*` for every one.
    pub acts_for: Vec<String>,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// A person's device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// Key id of the device key.
    pub id: String,
    /// Key id of the decision key beside it: `actor` in the ledger, and in the directory.
    pub decision_keyid: String,
    /// As the person called it.
    pub name: String,
    /// Urn.
    pub person: String,
    pub person_name: String,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When it opened its newest session; unknown when that is more than twelve hours ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_session_at: Option<Timestamp>,
}

/// A role of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleInfo {
    pub role: String,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonInfo {
    /// Urn.
    pub id: String,
    pub name: String,
    pub roles: Vec<RoleInfo>,
    pub devices: Vec<DeviceInfo>,
    /// Invitations that can still be used.
    pub open_invitations: i64,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// A key under which a destination reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionKeyInfo {
    /// Key id.
    pub id: String,
    /// The agent's urn.
    pub agent: String,
    /// Id of the agent key that named it.
    pub named_by: String,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Every agent key, in the order in which they were made.
pub(crate) async fn agent_keys(connection: &mut SqliteConnection) -> Result<Vec<AgentKeyInfo>, StorageError> {
    let rows = db::agent_key::list(connection).await?;
    let info = |row: db::agent_key::AgentKeyRow| {
        let scope = db::parsed(row.scope(), "agent_key", "acts_for", row.no)?;
        Ok(AgentKeyInfo {
            acts_for: scope.acts_for_texts(),
            side: scope.side,
            contracts: scope.contracts,
            id: row.id,
            agent: row.agent,
            since: Timestamp::from_ms(row.created_ms),
            ended_at: row.ended_ms.map(Timestamp::from_ms),
        })
    };
    rows.into_iter().map(info).collect()
}

/// Every device, in the order of enrolment.
pub(crate) async fn devices(connection: &mut SqliteConnection) -> Result<Vec<DeviceInfo>, StorageError> {
    let names: BTreeMap<String, String> =
        db::person::list(connection).await?.into_iter().map(|person| (person.id, person.name)).collect();
    let sessions: BTreeMap<String, i64> = db::access::last_sessions(connection).await?.into_iter().collect();
    let keys = db::person::list_keys(connection).await?;
    let info = |row: SigningKeyRow| {
        Ok(DeviceInfo {
            decision_keyid: db::parsed(row.device.clone(), "signing_key", "device", row.no)?,
            name: row.device_name.clone().unwrap_or_default(),
            person_name: names.get(&row.subject).cloned().unwrap_or_default(),
            since: Timestamp::from_ms(row.from_ms),
            ended_at: row.ended(),
            last_session_at: sessions.get(&row.keyid).map(|end| Timestamp::from_ms(end - SESSION_MS)),
            id: row.keyid,
            person: row.subject,
        })
    };
    keys.into_iter().filter(|key| key.purpose == use_text(KeyUse::Device)).map(info).collect()
}

/// Every person, in the order of invitation.
pub(crate) async fn persons(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Vec<PersonInfo>, StorageError> {
    let devices = devices(connection).await?;
    let mut persons = Vec::new();
    for row in db::person::list(connection).await? {
        let roles = roles_of(&row)?.into_iter();
        persons.push(PersonInfo {
            roles: roles.map(|role| RoleInfo { role: role.role, since: role.from, ended_at: role.to }).collect(),
            devices: devices.iter().filter(|device| device.person == row.id).cloned().collect(),
            open_invitations: db::person::count_invitations(connection, &row.id, now.as_ms()).await?,
            since: Timestamp::from_ms(row.created_ms),
            ended_at: row.ended_ms.map(Timestamp::from_ms),
            id: row.id,
            name: row.name,
        });
    }
    Ok(persons)
}

/// Every execution key, in the order in which they were named.
pub(crate) async fn execution_keys(connection: &mut SqliteConnection) -> Result<Vec<ExecutionKeyInfo>, StorageError> {
    let keys = db::person::list_keys(connection).await?.into_iter();
    let keys = keys.filter(|key| key.purpose == use_text(KeyUse::Execution));
    let mut listed = Vec::new();
    for row in keys {
        let entry = db::ledger::list_entries(connection, row.no, 1).await?.pop();
        let entry = entry.and_then(|entry| serde_json::from_slice::<serde_json::Value>(&entry.bytes).ok());
        let actor = entry.as_ref().and_then(|entry| entry.get("actor")?.as_str()).map(str::to_owned);
        listed.push(ExecutionKeyInfo {
            named_by: db::parsed(actor, "ledger_entry", "bytes", row.no)?,
            since: Timestamp::from_ms(row.from_ms),
            ended_at: row.ended(),
            id: row.keyid,
            agent: row.subject,
        });
    }
    Ok(listed)
}
