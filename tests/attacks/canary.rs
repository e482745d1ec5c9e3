//! Sixty planted secrets and a whole day's work: none is anywhere but in the gateway's own database, in the delivery to
//! the destination, and in the answer of an audited reveal (invariants F1, D6).
//!
//! What is looked through: every answer to agents, reviewers and auditors, refusals and errors, event streams, searches and
//! counts, the texts and events of the desk, its folder, its evidence file, the ledger with what stands beside it, and all
//! that was logged meanwhile. A secret is looked for as it is, as hexadecimal, and within base64 at each of its three places.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a missing part fails the test, which is what it is for"
)]

mod case;
mod seen;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use case::{CONTRACT, Case, N_SECRETS};
use seamark_contracts::reveal::PurposeCode;
use seamark_desk::answer::{DecideRequest, DeskEvent, OutboxKind, ReasonInput, RevealFieldRequest, ReviewPane};
use seamark_desk::clock::{SystemChance, SystemClock};
use seamark_desk::keys::{KdfCost, Keyring, KeyringError};
use seamark_desk::{Desk, DeskOptions, EnrolRequest};
use seamark_gateway::{Config, Gateway};
use seamark_ledger::bundle::Bundle;
use seen::{Asker, Logs, Seen};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
const PIN: &str = "739182";

/// Secrets of the desk's device, in memory.
#[derive(Debug, Default)]
struct Drawer(std::sync::Mutex<std::collections::BTreeMap<String, Vec<u8>>>);

impl Keyring for Drawer {
    fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.0.lock().unwrap().get(name).cloned().map(Zeroizing::new).ok_or(KeyringError::Locked(None))
    }

    fn write(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        self.0.lock().unwrap().insert(name.to_owned(), secret.to_vec());
        Ok(())
    }
}

fn words(refusal: &seamark_desk::refusal::Refusal) -> anyhow::Error {
    anyhow!("{:?}: {} ({})", refusal.code, refusal.message, refusal.causes().join(": "))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_is_found_after_a_whole_day_of_work() -> Result<()> {
    let logs = Logs::catch();
    let folder = tempfile::tempdir()?;
    let (gateway_dir, desk_dir) = (folder.path().join("gateway"), folder.path().join("desk"));
    let config = Config {
        data_dir: gateway_dir.clone(),
        listen: "127.0.0.1:0".parse()?,
        org: "acme".to_owned(),
        allow_loopback_webhooks: false,
        outside: Default::default(),
        root: seamark_tests::root::held(),
        reveals: None,
    };
    let gateway = seamark_gateway::open(config.clone(), Arc::new(SystemClock), Arc::new(SystemChance)).await?;
    gateway.publish_contract(CONTRACT).await.map_err(|error| anyhow!("{error:?}"))?;
    let agent_key = gateway.create_agent_key("order-desk", &[]).await?;
    let roles = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let code = gateway.invite("Robin Reader", &roles(&["reviewer", "compliance"])).await?;
    let other_code = gateway.invite("Olga Other", &roles(&["reviewer", "auditor"])).await?;
    let trust = gateway.trust();
    let stop = CancellationToken::new();
    let (address, serving) = serve(gateway, &stop).await?;
    let case = Case::new();
    ensure!(case.secrets().len() == N_SECRETS, "{} secrets", case.secrets().len());
    let mut seen = Seen::default();
    let agent = Asker::new(&address, &agent_key);

    let handoff_id = submit(&case, &agent, &mut seen).await?;
    refuse(&case, &agent, &mut seen).await?;
    let desk = open_desk(&desk_dir, &address, &code).await?;
    let mut events = desk.events();
    let running = CancellationToken::new();
    let work = tokio::spawn({
        let (desk, running) = (desk.clone(), running.clone());
        async move { desk.run(running).await }
    });
    let value = review(&case, &desk, &mut events, &mut seen).await?;
    ensure!(value == case.email, "the reveal gave another value");
    let auditor = Asker::enrolled(&address, &other_code, &trust).await?;
    ask_everything(&case, &agent, &auditor, &handoff_id, &mut seen).await?;
    look_back(&desk, &mut seen).await?;
    while let Ok(event) = events.try_recv() {
        seen.add("an event of the desk", format!("{event:?}"));
    }
    running.cancel();
    work.await?;
    drop(desk);
    stop.cancel();
    serving.await??;

    seen.add_folder("the desk's folder", &desk_dir)?;
    seen.add_ledger(&gateway_dir.join("gateway.sqlite3")).await?;
    bundle(&config, &handoff_id, &mut seen).await?;
    seen.add("the logs", logs.taken());
    ensure!(seen.n_bytes("the logs") > 10_000, "logs were not caught");
    seen.check(&case.secrets())?;
    // The secrets were there to be found: the submitted bytes and the delivery have them.
    let database = std::fs::read(gateway_dir.join("gateway.sqlite3"))?;
    ensure!(seen::finds(&database, &case.email), "nothing was planted");
    Ok(())
}

async fn serve(gateway: Gateway, stop: &CancellationToken) -> Result<(String, tokio::task::JoinHandle<Result<()>>)> {
    let (ready, bound) = tokio::sync::oneshot::channel();
    let stop = stop.clone();
    let serving = tokio::spawn(async move {
        let ready = |address: std::net::SocketAddr| {
            // Whoever waited for it may have given up.
            let _ = ready.send(address);
        };
        gateway.serve(stop, ready).await.context("serve")
    });
    Ok((format!("http://{}", bound.await?), serving))
}

/// One handoff that waits, the same again, other bytes under its id, and one that is changed and taken back.
async fn submit(case: &Case, agent: &Asker, seen: &mut Seen) -> Result<String> {
    let body = case.handoff();
    let first = agent.post("/v1/handoffs", &body).await?;
    ensure!(first.status == 201, "{} {}", first.status, first.text);
    let id = serde_json::from_str::<Value>(&first.text)?["handoffId"].as_str().context("an id")?.to_owned();
    seen.add("the answer to a submission", first.text);
    seen.add("the answer to the same again", agent.post("/v1/handoffs", &body).await?.text);
    let mut other = body.clone();
    other["payload"]["amount"] = json!("12.00");
    let reused = agent.post("/v1/handoffs", &other).await?;
    ensure!(reused.status == 409, "{}", reused.text);
    seen.add("the refusal of other bytes", reused.text);
    let mut second = case.handoff();
    second["correlationId"] = json!("case-2");
    let path = format!("/v1/handoffs/{}", second["handoffId"].as_str().context("an id")?);
    ensure!(agent.post("/v1/handoffs", &second).await?.status == 201);
    second["payload"]["amount"] = json!("15.00");
    let revised = agent.post(&format!("{path}/revisions"), &second).await?;
    ensure!(revised.status == 201, "{}", revised.text);
    seen.add("the answer to a revision", revised.text);
    seen.add("a withdrawal", agent.post(&format!("{path}/withdraw"), &json!({ "reason": "called back" })).await?.text);
    Ok(id)
}

/// Submissions with a secret in a wrong place: each is refused, and says why.
async fn refuse(case: &Case, agent: &Asker, seen: &mut Seen) -> Result<()> {
    for (name, body) in case.faulty() {
        let reply = agent.send("/v1/handoffs", body).await?;
        ensure!((400..500).contains(&reply.status), "{name}: {} {}", reply.status, reply.text);
        seen.add(name, reply.text);
    }
    Ok(())
}

async fn open_desk(folder: &Path, address: &str, code: &str) -> Result<Desk> {
    let options = DeskOptions {
        data_dir: folder.to_owned(),
        export_dir: folder.join("evidence"),
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        keyring: Arc::new(Drawer::default()),
        kdf_cost: KdfCost { memory_kib: 8, passes: 1 },
        time_zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        version: "test".to_owned(),
    };
    let desk = Desk::open(options).await?;
    let request = EnrolRequest {
        address: address.to_owned(),
        code: code.to_owned(),
        device_name: "Desk".to_owned(),
        pin: PIN.to_owned(),
        is_local: false,
    };
    desk.enrol(&request).await.map_err(|refusal| words(&refusal))?;
    Ok(desk)
}

/// A day at the desk: the list, searches, the review, a reveal with a copy, the decision. Gives the revealed value.
async fn review(case: &Case, desk: &Desk, events: &mut Receiver<DeskEvent>, seen: &mut Seen) -> Result<String> {
    let rows = until(events, seen, async || {
        let page = desk.inbox_rows("all", "", 0, 100).await.map_err(|refusal| words(&refusal))?;
        let open = page.rows.iter().find(|row| row.state == seamark_desk::answer::ReviewKind::Open).cloned();
        Ok(open.map(|row| (row, page)))
    });
    let (row, page) = rows.await?;
    seen.add("the inbox", serde_json::to_string(&page)?);
    for secret in case.secrets() {
        let found = desk.inbox_rows("all", &secret, 0, 100).await.map_err(|refusal| words(&refusal))?;
        ensure!(found.total == 0, "the inbox finds a handoff by a hidden value");
    }
    let pane = desk.open_review(&row.review_id).await.map_err(|refusal| words(&refusal))?;
    seen.add("the review", serde_json::to_string(&pane)?);
    let path = "/payload/customer/email";
    let ask = |path: &str| RevealFieldRequest {
        review_id: row.review_id.clone(),
        path: path.to_owned(),
        purpose: PurposeCode::ContactPerson,
        text: "asked to be called back".to_owned(),
    };
    let revealed = desk.reveal_field(&ask(path)).await.map_err(|refusal| words(&refusal))?;
    seen.add("the answer of the desk to a reveal", serde_json::to_string(&revealed)?);
    let value = desk.revealed_text(&row.review_id, path).map_err(|refusal| words(&refusal))?.to_string();
    ensure!(desk.copy_revealed(&row.review_id, path).await.map_err(|refusal| words(&refusal))?.expose() == value);
    desk.mask_all();
    let refused = desk.reveal_field(&ask("/payload/customer/name")).await.err().context("the name was revealed")?;
    seen.add("the refusal of a reveal", words(&refused).to_string());
    desk.save_draft(&row.review_id, "half a reason").await.map_err(|refusal| words(&refusal))?;
    desk.decide(&approval(&revealed.pane)).await.map_err(|refusal| words(&refusal))?;
    let sent = until(events, seen, async || {
        let rows = desk.outbox_rows().await.map_err(|refusal| words(&refusal))?;
        let is_counted = rows.iter().all(|row| matches!(row.state, OutboxKind::Counted | OutboxKind::Delivered));
        Ok(is_counted.then_some(rows))
    });
    let sent = sent.await?;
    seen.add("the outbox", serde_json::to_string(&sent)?);
    Ok(value)
}

/// Looks again at each event of the desk until there is an answer. Whatever the desk tells meanwhile is kept.
async fn until<T>(
    events: &mut Receiver<DeskEvent>,
    seen: &mut Seen,
    look: impl AsyncFn() -> Result<Option<T>>,
) -> Result<T> {
    let looking = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            let event = events.recv().await?;
            seen.add("an event of the desk", format!("{event:?}"));
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.context("what was waited for does not come")?
}

fn approval(pane: &ReviewPane) -> DecideRequest {
    DecideRequest {
        review_id: pane.review_id.clone(),
        view_digest: pane.view_digest.clone(),
        decision: seamark_contracts::decision::DecisionKind::Approve,
        reason: ReasonInput { code: "none".to_owned(), text: "Compared with the order.".to_owned() },
        escalation: None,
        confirmed: Vec::new(),
        pin: Some(PIN.to_owned()),
    }
}

/// Every address that answers agents, reviewers and auditors, searched and sorted, with what it should not be asked.
async fn ask_everything(case: &Case, agent: &Asker, auditor: &Asker, id: &str, seen: &mut Seen) -> Result<()> {
    seen.add("a handoff, for its agent", agent.get(&format!("/v1/handoffs/{id}")).await?.text);
    seen.add("events, for agents", agent.stream("/v1/events", "1").await?);
    let delivery = agent.get(&format!("/v1/handoffs/{id}/outcome?wait_s=30")).await?;
    ensure!(delivery.status == 200, "{}", delivery.text);
    let delivery: Value = serde_json::from_str(&delivery.text)?;
    let attempt = agent.get(&format!("/v1/handoffs/{id}")).await?.text;
    let attempt: Value = serde_json::from_str(&attempt)?;
    // The delivery brings every value to its destination, in its disclosures and nowhere else.
    ensure!(delivery["disclosures"].as_array().is_some_and(|all| all.len() > 30), "the destination got no values");
    let mut without = delivery.clone();
    without["disclosures"] = json!([]);
    seen.add("a delivery without its disclosures", without.to_string());
    seen.add("an acknowledgement", agent.post(&format!("/v1/handoffs/{id}/outcome/ack"), &Value::Null).await?.text);
    let used = agent.post(&format!("/v1/handoffs/{id}/attempt"), &json!({ "attempt": attempt["attempt"] })).await?;
    seen.add("the use of an attempt", used.text);
    for path in [
        "/v1/directory",
        "/v1/contracts",
        "/v1/contracts/canary.case/1.0.0",
        "/v1/ledger/checkpoint",
        "/v1/ledger/entries?from=0&limit=1000",
        "/openapi.json",
        "/v1/reviews",
        "/v1/audit/reviews?limit=100",
        "/v1/audit/reviews?q=card&limit=100",
        "/v1/nowhere",
    ] {
        seen.add(path, auditor.get(path).await?.text);
    }
    seen.add("events, for reviewers", auditor.stream("/v1/reviews/stream", "1").await?);
    let page: Value = serde_json::from_str(&auditor.get("/v1/audit/reviews?limit=100").await?.text)?;
    for review in page["reviews"].as_array().context("past reviews")? {
        let review_id = review["reviewId"].as_str().context("an id")?;
        seen.add("a record", auditor.get(&format!("/v1/audit/reviews/{review_id}")).await?.text);
        let late = json!({
            "revealId": seamark_contracts::id::RevealId::make(seamark_contracts::clock::Clock::now(&SystemClock), &SystemChance),
            "path": "/payload/customer/email", "purpose": { "code": "compare-record", "text": "" },
        });
        let late = auditor.post(&format!("/v1/reviews/{review_id}/reveals"), &late).await?;
        ensure!(late.status == 409, "F4: {} {}", late.status, late.text);
        seen.add("the refusal of a late reveal", late.text);
    }
    // A hidden value finds nothing: the answer is the one that nonsense gets.
    let nonsense = auditor.get("/v1/audit/reviews?q=zzzznonsense").await?.text;
    for secret in case.secrets() {
        let found = auditor.get(&format!("/v1/audit/reviews?q={secret}")).await?;
        ensure!(found.status == 200 && found.text == nonsense, "a search finds a hidden value: {}", found.text);
    }
    Ok(())
}

/// The desk's view of the past, and the evidence that it saves.
async fn look_back(desk: &Desk, seen: &mut Seen) -> Result<()> {
    seen.add("the state of the desk", serde_json::to_string(&desk.app_state().await.map_err(|r| words(&r))?)?);
    let page = desk.audit_rows("", None, None, 0, 100).await.map_err(|refusal| words(&refusal))?;
    seen.add("past decisions", serde_json::to_string(&page)?);
    let row = page.rows.iter().find(|row| row.outcome == seamark_desk::answer::ReviewKind::Approved);
    let id = row.context("the approved one")?.review_id.clone();
    let record = desk.audit_record(&id).await.map_err(|refusal| words(&refusal))?;
    ensure!(record.reveals.len() == 1 && record.reveals[0].copied_at.is_some(), "{:?}", record.reveals);
    seen.add("a record on the desk", serde_json::to_string(&record)?);
    let claims = desk.verify_record(&id).await.map_err(|refusal| words(&refusal))?;
    let is_told = claims.iter().any(|claim| claim.sentence.contains("1 masked field was revealed"));
    ensure!(is_told, "{claims:?}");
    seen.add("its claims", serde_json::to_string(&claims)?);
    let saved = desk.save_evidence(&id).await.map_err(|refusal| words(&refusal))?;
    seen.add("the evidence that was saved", serde_json::to_string(&saved)?);
    Ok(())
}

/// The operator's evidence: the same from the folder, with its report.
async fn bundle(config: &Config, id: &str, seen: &mut Seen) -> Result<()> {
    let gateway = seamark_gateway::open(config.clone(), Arc::new(SystemClock), Arc::new(SystemChance)).await?;
    let which = seamark_gateway::WhichAttempt {
        handoff_id: seamark_contracts::id::HandoffId::parse(id)?,
        submitter: None,
        attempt: None,
    };
    let record = gateway.record(&which).await?.record;
    let now = seamark_contracts::clock::Clock::now(&SystemClock);
    let files = Bundle::pack(&record, now)?;
    let pinned = seamark_ledger::verify::Pinned::from_trust(&gateway.trust(), None, now)?;
    let found = seamark_ledger::verify::check_bundle(&files, &pinned);
    let frame = seamark_ledger::bundle::ReportFrame {
        as_of: now,
        root_keyid: pinned.root_key.id().to_string(),
        ledger_origin: gateway.trust().ledger_origin,
        manifest: None,
    };
    let report = seamark_ledger::bundle::html_report(&found, &frame);
    ensure!(report.contains("Robin Reader") && report.contains("What was revealed"), "the report tells of the reveal");
    seen.add("the report", report);
    for (_, path, bytes) in files.iter() {
        seen.add(&format!("{path} of the evidence"), bytes);
    }
    let report = gateway.fsck().await;
    ensure!(report.is_sound(), "{report:#?}");
    gateway.close().await;
    Ok(())
}
