//! Outcomes pushed to webhooks, as Standard Webhooks describe it.
//!
//! A push is written with its outcome and worked on under a claim with a growing number, so that a worker that was paused
//! and wakes up cannot mark what another has taken over (invariant C5). Every try carries the same id and bytes (C3); it is
//! retried for 75 hours and then parked with an entry in the ledger, never dropped (C2).
//!
//! ```text
//! outcome committed with its push -> due -> claim (fence n+1) -> POST -> 2xx: delivered, with entry
//!                                      ^                          `-> else: next try, or parked with entry
//!                                      `---- claim too old: due again
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::Signer as _;
use serde_json::json;
use sha2::Sha256;
use thiserror::Error;
use tokio::task::JoinSet;
use url::{Host, Url};

use crate::conclude::{self, Case, load_case};
use crate::db::outbox::{OutboxRow, WebhookRow};
use crate::db::{self, StorageError};
use crate::keys::Keys;
use crate::operate::event;
use crate::recorded::{Change, Draft, Event, Object, Plan};
use crate::sequencer::RecordError;
use crate::state::Shared;

/// Waits before the tries: ten of them over 75 h 35 min. Source: Standard Webhooks, "Retry schedule".
const SCHEDULE_S: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// How long an endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A claim that is older than this has no worker any more.
const CLAIM_MS: i64 = 25_000;
/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// Pushes at once.
const MAX_PUSHES: usize = 32;

// ---- where pushes may go ----

/// Why an address is no webhook.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum TargetError {
    #[error("this is no URL")]
    Url,
    #[error("use https; http goes only to a loopback address, and only where the gateway allows that")]
    Scheme,
    #[error("user name and password do not belong into the URL")]
    Credentials,
    #[error("this address is private or local; a webhook goes to a public one")]
    Private,
}

/// Reads a webhook's address. Names are judged again when they are resolved.
pub(crate) fn check_target(text: &str, allow_loopback: bool) -> Result<Url, TargetError> {
    let url = Url::parse(text).map_err(|_| TargetError::Url)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    let (is_loopback, is_allowed) = match url.host() {
        None => return Err(TargetError::Url),
        Some(Host::Domain(name)) => {
            let is_local = name == "localhost" || name.ends_with(".localhost");
            (is_local, !is_local || allow_loopback)
        }
        Some(Host::Ipv4(ip)) => (ip.is_loopback(), may_reach(IpAddr::V4(ip), allow_loopback)),
        Some(Host::Ipv6(ip)) => (ip.is_loopback(), may_reach(IpAddr::V6(ip), allow_loopback)),
    };
    if !is_allowed {
        return Err(TargetError::Private);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback && allow_loopback => Ok(url),
        _ => Err(TargetError::Scheme),
    }
}

/// Whether a push may be sent to this address.
fn may_reach(ip: IpAddr, allow_loopback: bool) -> bool {
    match ip {
        IpAddr::V4(ip) => (allow_loopback && ip.is_loopback()) || is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(mapped) => may_reach(IpAddr::V4(mapped), allow_loopback),
            None => (allow_loopback && ip.is_loopback()) || is_public_v6(ip),
        },
    }
}

/// Source: IANA IPv4 Special-Purpose Address Registry.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

/// Global unicast without the ranges that lead elsewhere. Source: IANA IPv6 Special-Purpose Address Registry.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    let is_global = (0x2000..0x4000).contains(&first);
    let is_tunnel = first == 0x2002 || (first == 0x2001 && second < 0x0200) || (first == 0x2001 && second == 0x0db8);
    is_global && !is_tunnel
}

/// Resolves names, and leaves only addresses that may be reached: a name that points inwards is no way in.
#[derive(Debug)]
struct GuardedResolver {
    allow_loopback: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reachable: Vec<SocketAddr> = found.filter(|address| may_reach(address.ip(), allow_loopback)).collect();
            if reachable.is_empty() {
                return Err(TargetError::Private.into());
            }
            Ok(Box::new(reachable.into_iter()) as Addrs)
        })
    }
}

/// The client for pushes: no redirects, no proxy, no private addresses.
pub(crate) fn client(allow_loopback: bool) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver { allow_loopback }))
        .user_agent(concat!("seamark-gateway/", env!("CARGO_PKG_VERSION")))
        .build()
}

// ---- signatures ----

/// A webhook's secret is derived, so that no table holds it.
fn secret(keys: &Keys, webhook: &str) -> [u8; 32] {
    keys.intake.mac("webhook-secret", &[webhook.as_bytes()])
}

/// The secret as its owner gets it, once.
pub(crate) fn secret_text(keys: &Keys, webhook: &str) -> String {
    format!("whsec_{}", Base64::encode_string(&secret(keys, webhook)))
}

/// The public key of the `v1a` signatures.
pub(crate) fn public_key_text(keys: &Keys) -> String {
    format!("whpk_{}", Base64::encode_string(keys.webhook.public_key().as_bytes()))
}

/// The value of `webhook-signature`: `v1` is HMAC-SHA256 under the webhook's secret, `v1a` Ed25519 under the gateway's key.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn signatures(
    keys: &Keys,
    webhook: &str,
    id: &str,
    timestamp_s: i64,
    body: &[u8],
) -> Result<String, seamark_ledger::key::SignError> {
    let mut message = format!("{id}.{timestamp_s}.").into_bytes();
    message.extend_from_slice(body);
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret(keys, webhook)).expect("HMAC takes a key of any length");
    mac.update(&message);
    let shared = Base64::encode_string(&mac.finalize().into_bytes());
    let own = Base64::encode_string(keys.webhook.sign(&message)?.as_bytes());
    Ok(format!("v1,{shared} v1a,{own}"))
}

// ---- acknowledgement ----

/// The orchestrator has the outcome.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    pub(crate) case: Case,
    pub(crate) actor: String,
    pub(crate) via: &'static str,
}

impl Change for Acknowledge {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        acknowledge(plan, &self.case, &self.actor, self.via).await
    }
}

/// Notes it the first time.
async fn acknowledge(plan: &mut Plan<'_>, case: &Case, actor: &str, via: &str) -> Result<(), StorageError> {
    let fresh = conclude::reload(plan, case).await?;
    if fresh.delivered_ms.is_some() {
        return Ok(());
    }
    let mut members = serde_json::Map::new();
    members.insert("via".to_owned(), json!(via));
    members.insert("statement".to_owned(), json!(case.statement));
    let draft = Draft {
        kind: EntryType::DeliveryAcknowledged,
        actor: actor.to_owned(),
        of: case.of(),
        object: Object::Event(members),
        sigs: Vec::new(),
    };
    let mut entered = plan.record(draft).await?;
    let now_ms = entered.now().as_ms();
    db::attempt::set_delivered(&mut entered.write().await?, fresh.no, now_ms).await?;
    entered.tell(Event::Delivered, Some(fresh.no));
    Ok(())
}

// ---- the worker ----

/// Why the outbox could not be worked on.
#[derive(Debug, Error)]
pub(crate) enum DeliverError {
    #[error("read the outbox")]
    Storage(#[from] StorageError),
    #[error("record a delivery")]
    Record(#[from] RecordError),
}

struct Claim {
    outcome: i64,
    webhook: String,
    fence: i64,
}

impl Change for Claim {
    type Done = bool;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<bool, StorageError> {
        let now_ms = plan.now().as_ms();
        db::outbox::claim(&mut plan.ephemeral(), self.outcome, &self.webhook, self.fence, now_ms).await
    }
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tried {
    Delivered,
    /// 410: the endpoint wants no more.
    Gone,
    Failed(String),
}

/// Marks a try, when its claim still holds.
struct Mark {
    case: Case,
    push: OutboxRow,
    /// The number of our claim.
    fence: i64,
    tried: Tried,
    actor: String,
}

impl Change for Mark {
    /// Whether the claim still held.
    type Done = bool;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<bool, StorageError> {
        let (outcome, webhook) = (self.push.outcome, self.push.webhook.as_str());
        let current = db::outbox::load(plan.reader().await?, outcome, webhook).await?;
        let current = db::parsed(current, "outbox", "outcome", outcome)?;
        if current.fence != self.fence || current.state != "waiting" {
            return Ok(false);
        }
        let now_ms = plan.now().as_ms();
        match &self.tried {
            Tried::Delivered => {
                acknowledge(plan, &self.case, &self.actor, "webhook").await?;
                self.finish(plan, "delivered", None).await?;
            }
            Tried::Gone => {
                let body = json!({ "what": "webhook-disabled", "webhook": webhook });
                let mut entered = plan.record(event(EntryType::ConfigChanged, &self.actor, body)).await?;
                db::outbox::disable_webhook(&mut entered.write().await?, webhook).await?;
                self.finish(plan, "parked", Some("the endpoint answered 410 and was switched off")).await?;
            }
            Tried::Failed(error) => {
                let n_tries = usize::try_from(current.n_tries).unwrap_or(usize::MAX).saturating_add(1);
                match SCHEDULE_S.get(n_tries) {
                    Some(wait_s) => {
                        let next_ms = now_ms + wait_s * 1000;
                        db::outbox::put_off(&mut plan.ephemeral(), outcome, webhook, self.fence, next_ms, error)
                            .await?;
                    }
                    None => self.finish(plan, "parked", Some(error)).await?,
                }
            }
        }
        Ok(true)
    }
}

impl Mark {
    async fn finish(&self, plan: &mut Plan<'_>, state: &str, error: Option<&str>) -> Result<(), StorageError> {
        let mut members = serde_json::Map::new();
        members.insert("webhook".to_owned(), json!(self.push.webhook));
        members.insert("outcome".to_owned(), json!(self.push.outcome_id));
        let kind = if state == "delivered" { EntryType::DeliveryAcknowledged } else { EntryType::DeliveryFailed };
        let draft = Draft {
            kind,
            actor: self.actor.clone(),
            of: self.case.of(),
            object: Object::Event(members),
            sigs: Vec::new(),
        };
        let mut entered = plan.record(draft).await?;
        db::outbox::finish(&mut entered.write().await?, self.push.outcome, &self.push.webhook, state, error).await
    }
}

/// Works on everything that is due, waits for the answers, and returns how many pushes were tried.
#[cfg(test)]
pub(crate) async fn run_once(shared: &Shared) -> Result<usize, DeliverError> {
    let mut pushes = JoinSet::new();
    let n_tried = start_due(shared, &mut pushes).await?;
    while pushes.join_next().await.is_some() {}
    Ok(n_tried)
}

/// Starts what is due, as far as there is room beside the pushes under way, and returns how many that were.
async fn start_due(shared: &Shared, pushes: &mut JoinSet<()>) -> Result<usize, DeliverError> {
    let room = MAX_PUSHES.saturating_sub(pushes.len());
    if room == 0 {
        return Ok(0);
    }
    let now_ms = shared.now().as_ms();
    let mut connection = shared.database.read().await?;
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    let due = db::outbox::list_due(&mut connection, now_ms, now_ms - CLAIM_MS, limit).await?;
    drop(connection);
    let mut n_started = 0;
    for push in due {
        let claim = Claim { outcome: push.outcome, webhook: push.webhook.clone(), fence: push.fence };
        if shared.recorder.record(claim).await? {
            let shared = shared.clone();
            n_started += 1;
            pushes.spawn(async move {
                if let Err(error) = try_push(&shared, push).await {
                    let cause = crate::problem::chain(&error);
                    tracing::error!(cause, "a webhook try could not be recorded; it is tried again");
                }
            });
        }
    }
    Ok(n_started)
}

async fn try_push(shared: &Shared, push: OutboxRow) -> Result<(), DeliverError> {
    let fence = push.fence + 1;
    let mut connection = shared.database.read().await?;
    let webhook = db::outbox::find_webhook(&mut connection, &push.webhook).await?;
    let webhook = db::parsed(webhook, "outbox", "webhook", push.outcome)?;
    let outcome = db::outcome::list_after(&mut connection, push.outcome - 1, 1).await?;
    let outcome = db::parsed(outcome.first(), "outbox", "outcome", push.outcome)?;
    let attempt = db::attempt::load(&mut connection, outcome.attempt).await?;
    let attempt = db::parsed(attempt, "outcome", "attempt", outcome.no)?;
    let case = load_case(shared, &mut connection, attempt).await?;
    drop(connection);
    let tried = if webhook.is_enabled { send(shared, &webhook, &push).await } else { Tried::Gone };
    if let Tried::Failed(error) = &tried {
        tracing::info!(webhook = webhook.id, outcome = push.outcome_id, error, "a webhook try failed");
    }
    let actor = shared.identity.instance.clone();
    shared.recorder.record(Mark { case, push, fence, tried, actor }).await?;
    Ok(())
}

async fn send(shared: &Shared, webhook: &WebhookRow, push: &OutboxRow) -> Tried {
    let url = match check_target(&webhook.url, shared.config.allow_loopback_webhooks) {
        Ok(url) => url,
        Err(error) => return Tried::Failed(error.to_string()),
    };
    let timestamp_s = shared.clock.now().as_ms().div_euclid(1000);
    let signature = match signatures(&shared.keys, &webhook.id, &push.outcome_id, timestamp_s, &push.body) {
        Ok(signature) => signature,
        Err(error) => return Tried::Failed(error.to_string()),
    };
    let request = shared
        .http
        .post(url)
        .header("content-type", "application/cloudevents+json")
        .header("webhook-id", &push.outcome_id)
        .header("webhook-timestamp", timestamp_s.to_string())
        .header("webhook-signature", signature)
        .body(push.body.clone());
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Tried::Delivered,
        Ok(answer) if answer.status().as_u16() == 410 => Tried::Gone,
        Ok(answer) => Tried::Failed(format!("the endpoint answered {}", answer.status().as_u16())),
        Err(error) => Tried::Failed(crate::problem::chain(&error.without_url())),
    }
}

/// Works on the outbox until the gateway stops. A slow endpoint delays no other.
pub(crate) async fn run(shared: Shared) {
    let mut pushes = JoinSet::new();
    loop {
        while pushes.try_join_next().is_some() {}
        if let Err(error) = start_due(&shared, &mut pushes).await {
            let cause = crate::problem::chain(&error);
            tracing::error!(cause, "the outbox could not be worked on; trying again");
        }
        tokio::select! {
            // What is under way then is given up; its claim runs out, and another worker tries again.
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
