//! What an operator does: publish contracts, make agent keys, invite people. On the same data folder as a running gateway
//! or on its own; each change goes through the same writer and has its ledger entry.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::clock::Chance;
use seamark_contracts::contract::Finding;
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::ContractId;
use seamark_contracts::id::{AgentUrn, UserUrn, is_name};
use seamark_contracts::text;
use seamark_ledger::directory::DirectoryRole;
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyUse, PublicKey, Signer as _};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::auth::{hash_secret, make_secret};
use crate::db::agent_key::AgentKeyRow;
use crate::db::contract::ContractRow;
use crate::db::directory::RootRow;
use crate::db::gateway::GatewayRow;
use crate::db::person::{InvitationRow, PersonRow, SigningKeyRow};
use crate::db::{self, StorageError};
use crate::directory::{self, Brings};
use crate::keys::Keys;
use crate::recorded::{Change, Draft, Entered, Object, Of, Plan};
use crate::root::{Resolved, Root};
use crate::scope::KeyScope;
use crate::sequencer::{RecordError, Recorder};

/// An invitation can be used for seven days.
const INVITATION_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Why an operator's change was not made.
#[derive(Debug, Error)]
pub enum OperateError {
    #[error("the contract has {} findings", .0.len())]
    Contract(Vec<Finding>),
    #[error("{0} is published with other content; a published version never changes: raise the version")]
    VersionTaken(ContractId),
    #[error(
        "{what} {name:?} is not a name: 1 to 100 characters of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit"
    )]
    Name { what: &'static str, name: String },
    #[error("a person's name has 1 to 100 characters and no control characters")]
    PersonName,
    #[error(
        "the name {} has characters that cannot be seen, or a word of letters of several scripts, and can look like somebody else's; write it with letters of one script", text::visible(.0)
    )]
    OddName(String),
    #[error(
        "{given:?} and {known:?} are one person, {person}, and signed decisions print that person as {known:?}; invite {known:?} spelled so, or give somebody else another name"
    )]
    OtherSpelling { person: UserUrn, known: String, given: String },
    #[error("give at least one role")]
    NoRole,
    #[error("read what is known of the organisation")]
    Storage(#[from] StorageError),
    #[error("write the change")]
    Record(#[from] RecordError),
}

/// A published contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub id: ContractId,
    pub digest: Digest,
    /// False when exactly this version was published before.
    pub is_new: bool,
}

/// An event of the gateway itself or of its operator.
pub(crate) fn event(kind: EntryType, actor: &str, members: Value) -> Draft {
    let members = match members {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    Draft { kind, actor: actor.to_owned(), of: Of::Gateway, object: Object::Event(members), sigs: Vec::new() }
}

// ---- the beginning ----

/// Makes the gateway in an empty database: identity, genesis entry, own keys, first directory.
#[derive(Debug)]
pub(crate) struct Genesis {
    pub(crate) identity: GatewayRow,
    pub(crate) keys: Keys,
    pub(crate) root: Resolved,
}

impl Genesis {
    async fn write_root(&self, entered: &mut Entered<'_>) -> Result<(), StorageError> {
        let row =
            RootRow { no: entered.position().no, public_key: self.root.public.as_bytes().to_vec(), first_version: 1 };
        db::directory::insert_root(&mut entered.write().await?, &row).await
    }
}

impl Change for Genesis {
    type Done = GatewayRow;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<GatewayRow, StorageError> {
        let root = self.root.public.id().to_string();
        if let Some(known) = db::gateway::find(plan.reader().await?).await? {
            if db::directory::newest_root(plan.reader().await?).await?.is_none() {
                // An earlier build made it, and kept the root beside its own keys.
                let body = json!({ "what": "root", "keyid": root });
                let mut entered = plan.record(event(EntryType::ConfigChanged, &known.instance, body)).await?;
                self.write_root(&mut entered).await?;
            }
            return Ok(known);
        }
        let actor = self.identity.instance.clone();
        let body = json!({ "origin": self.identity.origin, "root": root });
        let mut entered = plan.record(event(EntryType::LedgerGenesis, &actor, body)).await?;
        db::gateway::insert(&mut entered.write().await?, &self.identity).await?;
        self.write_root(&mut entered).await?;
        let subject = directory::gateway_urn(&self.identity);
        for (key, key_use) in [(&self.keys.handoff, KeyUse::Handoff), (&self.keys.outcome, KeyUse::Outcome)] {
            let public = key.public_key();
            let body = json!({ "keyid": public.id().to_string(), "use": directory::use_text(key_use) });
            entered.also(event(EntryType::KeyEnrolled, &actor, body)).await?;
            let row = SigningKeyRow {
                no: entered.position().no,
                keyid: public.id().to_string(),
                public_key: public.as_bytes().to_vec(),
                purpose: directory::use_text(key_use).to_owned(),
                subject: subject.clone(),
                device_name: None,
                device: None,
                from_ms: entered.now().as_ms(),
                to_ms: None,
                ended_no: None,
            };
            db::person::insert_key(&mut entered.write().await?, &row).await?;
        }
        directory::renew(&mut entered, &self.identity, &self.root.root, Brings::More).await?;
        Ok(self.identity.clone())
    }
}

/// Notes that the gateway began or ceased to serve.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) kind: EntryType,
    pub(crate) instance: String,
}

impl Change for Serving {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let version = json!({ "version": env!("CARGO_PKG_VERSION") });
        plan.record(event(self.kind, &self.instance, version)).await?;
        Ok(())
    }
}

// ---- contracts ----

struct Publish {
    compiled: CompiledContract,
    instance: String,
}

impl Change for Publish {
    type Done = Result<Published, ContractId>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let id = self.compiled.id();
        let digest = self.compiled.digest;
        if let Some(known) = db::contract::find(plan.reader().await?, &id.name, &id.version).await? {
            let is_same = known.digest == digest.as_bytes();
            return Ok(if is_same { Ok(Published { id, digest, is_new: false }) } else { Err(id) });
        }
        let draft = Draft {
            kind: EntryType::ContractPublished,
            actor: self.instance.clone(),
            of: Of::Gateway,
            object: Object::Digest(digest),
            sigs: Vec::new(),
        };
        let mut entered = plan.record(draft).await?;
        let row = ContractRow {
            no: entered.position().no,
            name: id.name.clone(),
            version: id.version.clone(),
            digest: digest.as_bytes().to_vec(),
            canonical: self.compiled.canonical.clone(),
            published_ms: entered.now().as_ms(),
        };
        db::contract::insert(&mut entered.write().await?, &row).await?;
        Ok(Ok(Published { id, digest, is_new: true }))
    }
}

/// Publishes a contract document, YAML or JSON.
///
/// # Errors
/// [`OperateError`]: findings, or the version holds other content (invariant A5).
pub(crate) async fn publish_contract(
    recorder: &Recorder,
    instance: &str,
    source: &str,
) -> Result<Published, OperateError> {
    let compiled = CompiledContract::from_document(source.as_bytes()).map_err(OperateError::Contract)?;
    recorder.record(Publish { compiled, instance: instance.to_owned() }).await?.map_err(OperateError::VersionTaken)
}

// ---- agent keys ----

struct MakeAgentKey {
    id: String,
    secret: Vec<u8>,
    agent: AgentUrn,
    scope: KeyScope,
    identity: GatewayRow,
    root: Root,
}

impl Change for MakeAgentKey {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let agents = db::agent_key::list_agents(plan.reader().await?).await?;
        let is_new_agent = !agents.iter().any(|agent| agent == self.agent.as_str());
        let mut body = json!({ "key": self.id, "use": "agent", "agent": self.agent });
        if let Value::Object(members) = &mut body {
            members.extend(self.scope.body_members().into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let mut entered = plan.record(event(EntryType::KeyEnrolled, &self.identity.instance, body)).await?;
        let row = AgentKeyRow {
            no: entered.position().no,
            id: self.id.clone(),
            secret: self.secret.clone(),
            agent: self.agent.as_str().to_owned(),
            contracts: json!(self.scope.contracts).to_string(),
            side: self.scope.side_text().map(str::to_owned),
            acts_for: json!(self.scope.acts_for_texts()).to_string(),
            created_ms: entered.now().as_ms(),
            ended_ms: None,
            ended_no: None,
        };
        db::agent_key::insert(&mut entered.write().await?, &row).await?;
        if is_new_agent {
            directory::renew(&mut entered, &self.identity, &self.root, Brings::More).await?;
        }
        Ok(())
    }
}

/// Makes a key for an agent and returns its text, which is kept nowhere.
///
/// # Errors
/// [`OperateError`].
pub(crate) async fn create_agent_key(
    recorder: &Recorder,
    identity: &GatewayRow,
    root: &Root,
    chance: &dyn Chance,
    agent: &str,
    scope: KeyScope,
) -> Result<String, OperateError> {
    let urn =
        AgentUrn::from_name(agent).map_err(|_| OperateError::Name { what: "the agent", name: agent.to_owned() })?;
    if let Some(name) = scope.contracts.iter().find(|name| !is_name(name)) {
        return Err(OperateError::Name { what: "the contract", name: name.clone() });
    }
    let secret = make_secret("smk_", chance);
    let mut id = [0u8; 12];
    chance.fill(&mut id);
    let change = MakeAgentKey {
        id: format!("ak_{}", hex(&id)),
        secret: hash_secret(&secret),
        agent: urn,
        scope,
        identity: identity.clone(),
        root: root.clone(),
    };
    recorder.record(change).await?;
    Ok(secret)
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// ---- people ----

struct Invite {
    code: Vec<u8>,
    person: UserUrn,
    name: String,
    roles: Vec<String>,
    identity: GatewayRow,
    root: Root,
}

impl Change for Invite {
    /// The printed name that the person has, when another one was given. It is part of signed decisions and compared with
    /// the newest directory for ever, so it never changes (invariant B3).
    type Done = Result<(), String>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let known = db::person::find(plan.reader().await?, self.person.as_str()).await?;
        if let Some(known) = known.as_ref().filter(|known| known.name != self.name) {
            return Ok(Err(known.name.clone()));
        }
        let invitation = hex(&self.code);
        let body = json!({ "what": "invitation", "code": invitation, "person": self.person });
        let mut entered = plan.record(event(EntryType::ConfigChanged, &self.identity.instance, body)).await?;
        let row = InvitationRow {
            no: entered.position().no,
            code: self.code.clone(),
            person: self.person.as_str().to_owned(),
            expires_ms: entered.now().as_ms() + INVITATION_MS,
            used_ms: None,
            ended_ms: None,
        };
        db::person::insert_invitation(&mut entered.write().await?, &row).await?;
        self.write_person(&mut entered, known).await?;
        directory::renew(&mut entered, &self.identity, &self.root, Brings::More).await?;
        Ok(Ok(()))
    }
}

impl Invite {
    async fn write_person(&self, entered: &mut Entered<'_>, known: Option<PersonRow>) -> Result<(), StorageError> {
        let from = entered.now();
        let mut roles: Vec<DirectoryRole> = match &known {
            Some(row) => db::parsed(serde_json::from_str(&row.roles).ok(), "person", "roles", row.no)?,
            None => Vec::new(),
        };
        for role in &self.roles {
            if roles.iter().all(|held| held.role != *role || held.to.is_some()) {
                roles.push(DirectoryRole { role: role.clone(), from, to: None });
            }
        }
        let roles = json!(roles).to_string();
        if known.is_some() {
            let mut write = entered.write().await?;
            db::person::set_roles(&mut write, self.person.as_str(), &roles).await?;
            // Somebody who has ended begins again: with the roles of this invitation, and with the keys that it brings.
            return db::person::set_ended(&mut write, self.person.as_str(), None).await;
        }
        let row = PersonRow {
            no: entered.position().no,
            id: self.person.as_str().to_owned(),
            name: self.name.clone(),
            roles,
            created_ms: from.as_ms(),
            ended_ms: None,
        };
        db::person::insert(&mut entered.write().await?, &row).await
    }
}

/// A name as people write it in the characters of a urn: `Alice Example` is `alice-example`.
pub(crate) fn slug(name: &str) -> Option<String> {
    let is_printable = name.chars().count() <= 100 && !name.chars().any(char::is_control);
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.trim().chars().map(plain).collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
    let slug = words.join("-").trim_start_matches(['.', '_']).to_owned();
    (is_printable && is_name(&slug)).then_some(slug)
}

/// The urn of a person. A name in another script keeps its print; its id gets a part of the digest, so that two names
/// stay two persons.
pub(crate) fn person_urn(name: &str) -> Result<UserUrn, OperateError> {
    let name = name.trim();
    let plain = slug(name);
    let id = if name.is_ascii() {
        plain.ok_or(OperateError::PersonName)?
    } else if name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(OperateError::PersonName);
    } else {
        let digest = Digest::of(name.as_bytes()).to_hex();
        [plain.as_deref().unwrap_or("person"), digest.get(..8).unwrap_or_default()].join("-")
    };
    UserUrn::from_name(&id).map_err(|_| OperateError::PersonName)
}

/// Invites a person and returns the code for one device.
///
/// # Errors
/// [`OperateError`].
pub(crate) async fn invite(
    recorder: &Recorder,
    identity: &GatewayRow,
    (root, public): (&Root, &PublicKey),
    chance: &dyn Chance,
    person: &str,
    roles: &[String],
) -> Result<String, OperateError> {
    if roles.is_empty() {
        return Err(OperateError::NoRole);
    }
    if let Some(role) = roles.iter().find(|role| !is_name(role)) {
        return Err(OperateError::Name { what: "the role", name: role.clone() });
    }
    let (urn, given) = (person_urn(person)?, person.trim());
    // Who looks like somebody else in every list could decide for themselves (attack A13).
    if !text::oddities(given).is_empty() {
        return Err(OperateError::OddName(given.to_owned()));
    }
    let mut secret = [0u8; 16];
    chance.fill(&mut secret);
    let keyid = public.id().to_string();
    let code = format!("smi_{}_{}", Base64UrlUnpadded::encode_string(&secret), keyid.get(..16).unwrap_or_default());
    let change = Invite {
        code: hash_secret(&code),
        person: urn.clone(),
        name: given.to_owned(),
        roles: roles.to_vec(),
        identity: identity.clone(),
        root: root.clone(),
    };
    match recorder.record(change).await? {
        Ok(()) => Ok(code),
        Err(known) => Err(OperateError::OtherSpelling { person: urn, known, given: given.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_id_however_the_name_is_typed() {
        let urn = |name: &str| person_urn(name).map(|urn| urn.name().to_owned()).unwrap_or_default();
        assert_eq!(urn("Alice Example"), "alice-example");
        assert_eq!(urn(" alice  example "), "alice-example");
        assert_ne!(urn("Jos\u{e9}"), urn("Jos\u{e8}"));
        assert!(urn("\u{5f20}\u{4f1f}").starts_with("person-"));
        assert_eq!(urn(""), "");
        assert_eq!(urn("a\nb"), "");
    }
}
