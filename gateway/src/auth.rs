//! Who calls: an agent by its key, or a person's device by its session.
//!
//! Both secrets hold 256 random bits and are looked up by SHA-256, so neither the database nor a timing of the lookup
//! gives them away. What was found is remembered for a moment, because every request asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::device::Person;
use seamark_contracts::clock::{Chance, Timestamp};
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{AgentUrn, UserUrn};
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::directory::DirectoryRole;

use crate::db::{self, StorageError};
use crate::problem::Failure;
use crate::scope::KeyScope;
use crate::state::Shared;

/// How long a found credential is believed without asking the database.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Credentials remembered at once.
const MAX_REMEMBERED: usize = 10_000;

/// An agent that has shown its key.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    /// Opaque id of the key: `actor` in the ledger.
    pub(crate) key_id: Arc<str>,
    pub(crate) urn: AgentUrn,
    /// What the key is for.
    pub(crate) scope: Arc<KeyScope>,
}

impl Agent {
    /// Whether the key is for this contract.
    pub(crate) fn may_use(&self, contract: &str) -> bool {
        self.scope.contracts.is_empty() || self.scope.contracts.iter().any(|name| name == contract)
    }

    /// Refuses a key that hands nothing over.
    pub(crate) fn check_hands_over(&self) -> Result<(), Failure> {
        if self.scope.hands_over() {
            return Ok(());
        }
        Err(Failure::forbidden(
            "This agent key is for the side of the destination, so it submits, revises and withdraws nothing; nothing was changed. \
             Use a key of the source.",
        ))
    }

    /// Refuses a key that does not act as this destination.
    pub(crate) fn check_acts_as(&self, destination: &AgentUrn) -> Result<(), Failure> {
        if self.scope.acts_as(&self.urn, destination) {
            return Ok(());
        }
        Err(Failure::forbidden(format!(
            "This agent key does not act as {destination}, so it uses no attempt, names no execution key and reports nothing as it; \
             nothing was changed. Use a key of that agent, or one that its operator made to act for it \
             (seamark agent-key create --acts-for {}).",
            destination.name()
        )))
    }
}

/// A person at an enrolled device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// Hash of its session's token.
    pub(crate) session: Arc<[u8]>,
    pub(crate) person: Person,
    /// Key id of the decision key beside the device key.
    pub(crate) decision_keyid: String,
}

/// Credentials that were good and have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    what: GoneWhat,
    since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GoneWhat {
    AgentKey,
    Device,
    Person,
}

impl Gone {
    /// A device that has ended at `since`, by itself or with its person.
    pub(crate) fn of_device(since: Timestamp, person: &db::person::PersonRow) -> Self {
        let what = if person.ended_ms.is_some() { GoneWhat::Person } else { GoneWhat::Device };
        Self { what, since }
    }

    /// What its holder is told. Nobody else comes so far: it takes the credentials themselves.
    pub(crate) fn failure(self) -> Failure {
        let since = self.since;
        let detail = match self.what {
            GoneWhat::AgentKey => format!(
                "The operator of the gateway ended this agent key at {since}. Nothing was changed, and nothing that is sent with it \
                 is taken any more. Ask the operator for another key."
            ),
            GoneWhat::Device => format!(
                "The operator of the gateway ended this device at {since}. Nothing was changed, and nothing that it sends or signs \
                 counts any more; what was recorded before stays. Ask the operator for a new invitation."
            ),
            GoneWhat::Person => format!(
                "The operator of the gateway ended this person, with every device, at {since}. Nothing was changed, and nothing \
                 that is sent or signed counts any more; what was recorded before stays. Only a new invitation gives access again."
            ),
        };
        Failure::new(StatusCode::FORBIDDEN, ErrorCode::AccessEnded, detail)
    }
}

/// What was found under some credentials.
enum Found<T> {
    Good(T),
    Gone(Gone),
    Unknown,
}

/// A new secret with `prefix`: the prefix and 43 characters of base64url.
pub(crate) fn make_secret(prefix: &str, chance: &dyn Chance) -> String {
    let mut bytes = [0u8; 32];
    chance.fill(&mut bytes);
    format!("{prefix}{}", Base64UrlUnpadded::encode_string(&bytes))
}

/// What is stored of a secret.
pub(crate) fn hash_secret(secret: &str) -> Vec<u8> {
    Digest::of(secret.as_bytes()).as_bytes().to_vec()
}

/// Credentials that were found a moment ago.
#[derive(Debug)]
struct Remembered<T> {
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    found: HashMap<Vec<u8>, (Instant, T)>,
    /// How often everything was forgotten.
    n_forgotten: u64,
}

impl<T: Clone> Default for Remembered<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { found: HashMap::new(), n_forgotten: 0 }) }
    }
}

impl<T: Clone> Remembered<T> {
    /// What is remembered; otherwise what to give to [`Self::keep`] when the database has answered.
    fn find(&self, hash: &[u8]) -> Result<T, u64> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.found.get(hash).filter(|(since, _)| since.elapsed() < REMEMBERED);
        known.map(|(_, value)| value.clone()).ok_or(kept.n_forgotten)
    }

    /// Remembers what was read after `find` gave `as_of`. When everything was forgotten meanwhile, it may have been read
    /// before an end, and is not kept.
    fn keep(&self, hash: Vec<u8>, value: T, as_of: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.n_forgotten != as_of {
            return;
        }
        if kept.found.len() >= MAX_REMEMBERED {
            kept.found.clear();
        }
        kept.found.insert(hash, (Instant::now(), value));
    }

    fn forget(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.found.clear();
        kept.n_forgotten += 1;
    }
}

/// A token bucket for each credential.
#[derive(Debug, Default)]
struct Rates {
    buckets: Mutex<HashMap<Vec<u8>, (Instant, f64)>>,
}

impl Rates {
    /// Takes one token; otherwise how long to wait for it.
    fn take(&self, hash: &[u8], per_s: u32, burst: u32) -> Result<(), Duration> {
        let now = Instant::now();
        let (rate, burst) = (f64::from(per_s.max(1)), f64::from(burst.max(1)));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_REMEMBERED {
            // A bucket that is full again needs no memory.
            buckets.retain(|_, (since, tokens)| *tokens + since.elapsed().as_secs_f64() * rate < burst);
        }
        let (since, tokens) = buckets.entry(hash.to_vec()).or_insert((now, burst));
        *tokens = (*tokens + now.duration_since(*since).as_secs_f64() * rate).min(burst);
        *since = now;
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - *tokens) / rate))
    }
}

/// Looks credentials up.
#[derive(Debug, Default)]
pub(crate) struct Doorkeeper {
    agents: Remembered<Agent>,
    devices: Remembered<(Device, Timestamp)>,
    rates: Rates,
}

impl Doorkeeper {
    /// Forgets every credential: somebody's rights changed. What is asked next is read anew (invariant B10).
    pub(crate) fn forget(&self) {
        self.agents.forget();
        self.devices.forget();
    }
}

fn bearer(parts: &Parts) -> Result<&str, Failure> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer ")));
    token.map(str::trim).filter(|token| !token.is_empty() && token.len() <= 200).ok_or_else(|| {
        Failure::unauthenticated("Send the header Authorization: Bearer, followed by an agent key or a session token.")
    })
}

fn limit(shared: &Shared, hash: &[u8]) -> Result<(), Failure> {
    let limits = &shared.limits;
    shared.doorkeeper.rates.take(hash, limits.requests_per_s, limits.burst).map_err(too_often)
}

/// More requests than these credentials may send.
pub(crate) fn too_often(wait: Duration) -> Failure {
    let detail =
        "These credentials ask more often than allowed. Nothing was changed; wait and send the same request again.";
    Failure::unavailable(StatusCode::TOO_MANY_REQUESTS, wait.max(Duration::from_millis(1)), detail)
}

/// Sessions that one device opens, as a lasting rate and at once.
const SESSIONS_PER_S: u32 = 1;
const SESSIONS_AT_ONCE: u32 = 60;

/// Each session is a row; a device that opens them without end is slowed down.
pub(crate) fn limit_sessions(shared: &Shared, keyid: &str) -> Result<(), Failure> {
    let bucket = [b"session:", keyid.as_bytes()].concat();
    shared.doorkeeper.rates.take(&bucket, SESSIONS_PER_S, SESSIONS_AT_ONCE).map_err(|wait| {
        let detail = "This device opens sessions more often than allowed. One session is good for twelve hours.";
        Failure::unavailable(StatusCode::TOO_MANY_REQUESTS, wait.max(Duration::from_millis(1)), detail)
    })
}

/// Where a request comes from; behind a proxy, where the proxy is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Slows down who asks without credentials.
pub(crate) fn limit_public(shared: &Shared, peer: Option<Peer>) -> Result<(), Failure> {
    let bucket = match peer {
        // Who has one address of a network has them all.
        Some(Peer(IpAddr::V6(address))) => address.octets().iter().take(8).copied().chain(*b"v6").collect(),
        Some(Peer(IpAddr::V4(address))) => address.octets().iter().copied().chain(*b"v4").collect::<Vec<u8>>(),
        None => b"unknown".to_vec(),
    };
    let limits = &shared.limits;
    shared.doorkeeper.rates.take(&bucket, limits.public_per_s, limits.public_burst).map_err(|wait| {
        let detail = "More requests without credentials come from this address than allowed. Nothing was changed; wait and send the same request again.";
        Failure::unavailable(StatusCode::TOO_MANY_REQUESTS, wait.max(Duration::from_millis(1)), detail)
    })
}

/// The agent behind a key's text.
async fn find_agent(shared: &Shared, hash: &[u8]) -> Result<Found<Agent>, StorageError> {
    let as_of = match shared.doorkeeper.agents.find(hash) {
        Ok(agent) => return Ok(Found::Good(agent)),
        Err(as_of) => as_of,
    };
    let mut connection = shared.database.read().await?;
    let Some(row) = db::agent_key::find(&mut connection, hash).await? else { return Ok(Found::Unknown) };
    if let Some(ended_ms) = row.ended_ms {
        return Ok(Found::Gone(Gone { what: GoneWhat::AgentKey, since: Timestamp::from_ms(ended_ms) }));
    }
    let urn = db::parsed(AgentUrn::parse(&row.agent).ok(), "agent_key", "agent", row.no)?;
    let scope = db::parsed(row.scope(), "agent_key", "acts_for", row.no)?;
    let agent = Agent { key_id: row.id.into(), urn, scope: Arc::new(scope) };
    shared.doorkeeper.agents.keep(hash.to_vec(), agent.clone(), as_of);
    Ok(Found::Good(agent))
}

/// Why an agent key is no good any more; `None` while it is.
pub(crate) async fn agent_gone(shared: &Shared, agent: &Agent) -> Result<Option<Gone>, StorageError> {
    let row = db::agent_key::find_by_id(&mut *shared.database.read().await?, &agent.key_id).await?;
    let ended_ms = row.and_then(|row| row.ended_ms);
    Ok(ended_ms.map(|ended_ms| Gone { what: GoneWhat::AgentKey, since: Timestamp::from_ms(ended_ms) }))
}

impl FromRequestParts<Shared> for Agent {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Failure> {
        let hash = hash_secret(bearer(parts)?);
        let found = find_agent(shared, &hash).await?;
        if let Found::Unknown = found {
            return Err(Failure::unauthenticated("This is no agent key of this gateway. Ask its operator for one."));
        }
        limit(shared, &hash)?;
        found.good()
    }
}

/// The device behind a session token.
async fn find_device(shared: &Shared, hash: &[u8]) -> Result<Found<Device>, StorageError> {
    let as_of = match shared.doorkeeper.devices.find(hash) {
        Ok((device, expires_at)) if shared.now() < expires_at => return Ok(Found::Good(device)),
        Ok(_) => return Ok(Found::Unknown),
        Err(as_of) => as_of,
    };
    Ok(match load_device(shared, hash).await? {
        Found::Good(found) => {
            shared.doorkeeper.devices.keep(hash.to_vec(), found.clone(), as_of);
            Found::Good(found.0)
        }
        Found::Gone(gone) => Found::Gone(gone),
        Found::Unknown => Found::Unknown,
    })
}

/// The same from the database, with the session's end.
async fn load_device(shared: &Shared, hash: &[u8]) -> Result<Found<(Device, Timestamp)>, StorageError> {
    let now = shared.now();
    let mut connection = shared.database.read().await?;
    let Some(session) = db::access::find_session(&mut connection, hash).await? else { return Ok(Found::Unknown) };
    let expires_at = Timestamp::from_ms(session.expires_ms);
    if now >= expires_at {
        return Ok(Found::Unknown);
    }
    let Some(key) = db::person::find_key(&mut connection, &session.keyid).await? else { return Ok(Found::Unknown) };
    let Some(person) = db::person::find(&mut connection, &session.person).await? else { return Ok(Found::Unknown) };
    if let Some(since) = key.ended() {
        return Ok(Found::Gone(Gone::of_device(since, &person)));
    }
    let decision_keyid = db::parsed(key.device, "signing_key", "device", key.no)?;
    Ok(Found::Good((Device { session: hash.into(), person: to_person(&person)?, decision_keyid }, expires_at)))
}

/// A person's row as the wire has it.
pub(crate) fn to_person(row: &db::person::PersonRow) -> Result<Person, StorageError> {
    let roles: Vec<DirectoryRole> = db::parsed(serde_json::from_str(&row.roles).ok(), "person", "roles", row.no)?;
    Ok(Person {
        id: db::parsed(UserUrn::parse(&row.id).ok(), "person", "id", row.no)?,
        name: row.name.clone(),
        roles: roles.into_iter().filter(|role| role.to.is_none()).map(|role| role.role).collect(),
    })
}

impl FromRequestParts<Shared> for Device {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Failure> {
        let hash = hash_secret(bearer(parts)?);
        let found = find_device(shared, &hash).await?;
        if let Found::Unknown = found {
            return Err(Failure::unauthenticated(
                "This session is not known or has ended. Ask for a challenge and open a new one.",
            ));
        }
        limit(shared, &hash)?;
        found.good()
    }
}

impl<T> Found<T> {
    /// What is good, or why it is not (any more).
    fn good(self) -> Result<T, Failure> {
        match self {
            Self::Good(good) => Ok(good),
            Self::Gone(gone) => Err(gone.failure()),
            Self::Unknown => Err(Failure::unauthenticated("These credentials are not known.")),
        }
    }
}

/// What became of a listener's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// As before.
    Same,
    /// It has other roles: what it may see is not what it was told.
    OtherRoles,
    /// Its session is over.
    Over,
    Gone(Gone),
}

/// Reads what a device may do again.
pub(crate) async fn renew(shared: &Shared, device: &mut Device) -> Result<Renewed, StorageError> {
    match load_device(shared, &device.session.clone()).await? {
        Found::Good((fresh, _)) => {
            let is_same = fresh.person.roles == device.person.roles;
            *device = fresh;
            Ok(if is_same { Renewed::Same } else { Renewed::OtherRoles })
        }
        Found::Gone(gone) => Ok(Renewed::Gone(gone)),
        Found::Unknown => Ok(Renewed::Over),
    }
}
