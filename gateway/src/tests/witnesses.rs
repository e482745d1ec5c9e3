//! Outside witnesses: what they sign is kept and shown, and what contradicts the ledger is an alarm.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use seamark_contracts::api::agent::Delivery;
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::clock::{Clock as _, FixedClock};
use seamark_contracts::decision::DecisionKind;
use seamark_ledger::bundle::Bundle;
use seamark_ledger::checkpoint::{Checkpoint, Vkey, VkeyKind};
use seamark_ledger::key::Signer as _;
use seamark_ledger::verify::{ClaimId, Outside, Pinned, Verdict, check_bundle, verify_delivery};
use seamark_ledger::witness::{AddCheckpoint, Refusal, RememberedHead, cosignature_line, write_size};

use crate::config;
use crate::outside::{Follower, Step, WitnessError};
use crate::testing::{World, key};

/// How a witness answers.
#[derive(Clone, Debug)]
enum Manner {
    /// As the specification says.
    Honest,
    /// Always this.
    Fixed(u16, &'static str, String),
    /// With a line that is so many seconds ahead.
    Ahead(i64),
}

/// A witness in process: the protocol of the ledger crate around a memory.
struct Witness {
    name: String,
    vkey: Vkey,
    logs: Vec<Vkey>,
    clock: Arc<FixedClock>,
    manner: Mutex<Manner>,
    last: Mutex<Option<RememberedHead>>,
    n_asked: Mutex<usize>,
}

impl Witness {
    async fn start(world: &World, name: &str) -> (Arc<Self>, config::Witness) {
        let vkey = Vkey::new(name, VkeyKind::CosignatureV1, key(name).public_key()).unwrap();
        let witness = Arc::new(Self {
            name: name.to_owned(),
            vkey: vkey.clone(),
            logs: vec![Vkey::parse(&world.gateway.trust().ledger_vkey).unwrap()],
            clock: Arc::clone(&world.clock),
            manner: Mutex::new(Manner::Honest),
            last: Mutex::new(None),
            n_asked: Mutex::new(0),
        });
        let router = axum::Router::new()
            .route("/w/add-checkpoint", axum::routing::post(answer))
            .with_state(Arc::clone(&witness));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut outside = config::Outside::default();
        outside.add_witness(&url, &vkey.to_string()).unwrap();
        (witness, outside.witnesses.remove(0))
    }

    fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn n_asked(&self) -> usize {
        *self.n_asked.lock().unwrap()
    }

    fn judge(&self, body: &str, ahead_s: i64) -> Result<String, Refusal> {
        let request = AddCheckpoint::parse(body.as_bytes())?;
        let head = request.verify(&self.logs)?;
        let mut last = self.last.lock().unwrap();
        request.judge(&head, last.as_ref())?;
        *last = RememberedHead::first(&head).ok();
        let at_s = u64::try_from(self.clock.now().as_ms() / 1_000 + ahead_s).unwrap();
        Ok(cosignature_line(&head, &self.name, at_s, &key(&self.name)).unwrap())
    }
}

async fn answer(State(witness): State<Arc<Witness>>, body: String) -> Response {
    *witness.n_asked.lock().unwrap() += 1;
    let manner = witness.manner.lock().unwrap().clone();
    let judged = match manner {
        Manner::Fixed(status, media, text) => {
            return (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, media)], text).into_response();
        }
        Manner::Honest => witness.judge(&body, 0),
        Manner::Ahead(ahead_s) => witness.judge(&body, ahead_s),
    };
    match judged {
        Ok(line) => line.into_response(),
        Err(Refusal::Conflict { size }) => {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], write_size(size)).into_response()
        }
        Err(refused) => (StatusCode::from_u16(refused.status()).unwrap(), refused.to_string()).into_response(),
    }
}

fn follower(world: &World, witness: &config::Witness) -> Follower {
    Follower::new(&world.gateway.shared, witness).unwrap()
}

/// A verifier that relies on these witnesses.
fn relying(world: &World, witnesses: &[&Witness], quorum: u32) -> Pinned {
    let vkeys: Vec<String> = witnesses.iter().map(|witness| witness.vkey.to_string()).collect();
    let outside = Outside::of_witnesses(&vkeys, Some(quorum)).unwrap();
    Pinned { outside, ..Pinned::from_trust(&world.gateway.trust(), None, world.clock.now()).unwrap() }
}

async fn checkpoint(world: &World) -> String {
    world.get("/v1/ledger/checkpoint", "").await.text()
}

async fn size(world: &World) -> u64 {
    world.gateway.outside_state().await.unwrap().size
}

#[tokio::test]
async fn each_newest_checkpoint_is_cosigned_and_carries_the_lines() {
    let world = World::new().await;
    let (one, first) = Witness::start(&world, "witness.example/w1").await;
    let (two, second) = Witness::start(&world, "witness.example/w2").await;
    let (first, second) = (follower(&world, &first), follower(&world, &second));
    let plain = checkpoint(&world).await;
    assert_eq!(first.run_once().await.unwrap(), Step::Cosigned { size: size(&world).await });
    assert_eq!(first.run_once().await.unwrap(), Step::UpToDate);
    assert_eq!((one.n_asked(), two.n_asked()), (1, 0), "what is cosigned is not shown again");
    world.agent("order-desk").await;
    for follower in [&first, &second] {
        follower.run_once().await.unwrap();
    }
    let cosigned = checkpoint(&world).await;
    assert_ne!(cosigned, plain);
    let parsed = Checkpoint::parse(cosigned.as_bytes()).unwrap();
    for witness in [&one, &two] {
        assert!(parsed.verify_cosignature(&witness.vkey).unwrap().is_some());
    }
    // The lines are on disk, and the re-check finds them good.
    world.assert_sound().await;
    let world = world.reopen(7).await;
    assert_eq!(checkpoint(&world).await, cosigned);
}

#[tokio::test]
async fn a_witness_that_knows_more_than_is_kept_here_is_asked_again_from_its_size() {
    let world = World::new().await;
    let (witness, configured) = Witness::start(&world, "witness.example/w1").await;
    follower(&world, &configured).run_once().await.unwrap();
    // Another gateway process asked, and what it heard did not get here.
    let note = Checkpoint::parse(checkpoint(&world).await.as_bytes()).unwrap();
    let note = note.verify(&witness.logs[0]).unwrap();
    world.agent("order-desk").await;
    *witness.last.lock().unwrap() = RememberedHead::first(&note).ok();
    let world = world.reopen(3).await;
    let mut fresh = configured.clone();
    fresh.vkey = Vkey::new("witness.example/other", VkeyKind::CosignatureV1, key("other").public_key()).unwrap();
    let error = follower(&world, &fresh).run_once().await.unwrap_err();
    assert!(matches!(error, WitnessError::Answer(_)), "asked from size 0, then from the told one: {error:?}");
    assert_eq!(witness.n_asked(), 3);
    assert!(!world.gateway.outside_state().await.unwrap().has_alarm());
}

#[tokio::test]
async fn a_record_and_a_delivery_are_proved_under_a_checkpoint_that_was_cosigned() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let reviewer = world.reviewer("alice", &["reviewer", "auditor"]).await;
    let answer = world.gated(&agent).await;
    let (witness, configured) = Witness::start(&world, "witness.example/w1").await;
    let follower = follower(&world, &configured);
    follower.run_once().await.unwrap();
    let review = reviewer.reviews(&world).await.remove(0);
    reviewer.decide(&world, &review, DecisionKind::Approve).await;
    let outcome = format!("/v1/handoffs/{}/outcome", answer.handoff_id);
    let audit = format!("/v1/audit/reviews/{}", review.review_id);
    let pinned = relying(&world, &[witness.as_ref()], 1);
    let verdict = |record: &AuditRecord| {
        let files = Bundle::pack(record, world.clock.now()).unwrap();
        check_bundle(&files, &pinned).report.verdict_of(ClaimId::Witnesses)
    };
    // What was cosigned so far does not cover the decision: the newest checkpoint is given, without a line.
    let before: AuditRecord = world.get(&audit, &reviewer.token).await.ok();
    assert_eq!(verdict(&before), Some(Verdict::Unknown));
    let plain: Delivery = world.get(&format!("{outcome}?cosigned=true"), &agent).await.ok();
    follower.run_once().await.unwrap();
    world.agent("another").await;

    let record: AuditRecord = world.get(&audit, &reviewer.token).await.ok();
    assert_eq!(verdict(&record), Some(Verdict::Pass), "though a newer checkpoint is there by now");
    let as_always: Delivery = world.get(&outcome, &agent).await.ok();
    assert_eq!(as_always, plain, "the same bytes for ever (C3)");
    let cosigned: Delivery = world.get(&format!("{outcome}?cosigned=true"), &agent).await.ok();
    let mut before_acting = pinned.clone();
    before_acting.outside = before_acting.outside.before_acting();
    assert!(verify_delivery(&plain, &before_acting).is_err());
    verify_delivery(&cosigned, &before_acting).unwrap_or_else(|report| panic!("{report:#?}"));
    assert_eq!((&cosigned.outcome, &cosigned.decisions), (&plain.outcome, &plain.decisions));
    world.assert_sound().await;
}

/// Attack A17: a witness that saw another ledger says so, and the gateway cannot keep it to itself.
#[tokio::test]
async fn attack_a17_a_witness_that_contradicts_the_ledger_is_one_alarm_until_it_is_settled() {
    let world = World::new().await;
    let (witness, configured) = Witness::start(&world, "witness.example/w1").await;
    let follower = follower(&world, &configured);
    follower.run_once().await.unwrap();
    let media = "text/x.tlog.size";
    let mut expected = 0;
    for (manner, cause) in [
        (Manner::Fixed(409, media, "1000000\n".to_owned()), "longer-ledger"),
        (Manner::Fixed(422, "text/plain", "no".to_owned()), "refused-proof"),
    ] {
        witness.behave(manner);
        let before = size(&world).await;
        world.agent(cause).await;
        let with_key = size(&world).await;
        for _ in 0..3 {
            let error = follower.run_once().await.unwrap_err();
            assert!(matches!(error, WitnessError::Contradicted { .. }), "{error:?}");
        }
        expected += 1;
        assert!(with_key > before);
        assert_eq!(size(&world).await, with_key + 1, "one entry for one cause, however often it is met");
        let state = world.gateway.outside_state().await.unwrap();
        assert!(state.has_alarm());
        assert_eq!(state.witnesses[0].alarms.len(), expected);
        assert_eq!(state.witnesses[0].alarms[expected - 1].cause, cause);
    }
    world.assert_sound().await;
    // Only a cosignature over a head that holds the alarms settles them; they stay in the ledger.
    witness.behave(Manner::Honest);
    follower.run_once().await.unwrap();
    assert!(!world.gateway.outside_state().await.unwrap().has_alarm());
    world.assert_sound().await;
}

/// Attack A17: a witness that cosigned another ledger of the same name and size.
#[tokio::test]
async fn attack_a17_another_root_for_the_same_size_is_an_alarm() {
    let world = World::new().await;
    let (witness, configured) = Witness::start(&world, "witness.example/w1").await;
    let n = size(&world).await;
    witness.behave(Manner::Fixed(409, "text/x.tlog.size", format!("{n}\n")));
    let error = follower(&world, &configured).run_once().await.unwrap_err();
    assert!(matches!(error, WitnessError::Contradicted { seen, size, .. } if seen == size && seen == n), "{error:?}");
    assert_eq!(world.gateway.outside_state().await.unwrap().witnesses[0].alarms[0].cause, "other-root");
    assert_eq!(witness.n_asked(), 2);
}

#[tokio::test]
async fn what_a_witness_answers_is_believed_only_when_it_verifies() {
    let world = World::new().await;
    let (witness, configured) = Witness::start(&world, "witness.example/w1").await;
    let follower = follower(&world, &configured);
    let plain = checkpoint(&world).await;
    let before = size(&world).await;
    let old = Checkpoint::parse(plain.as_bytes()).unwrap().verify(&witness.logs[0]).unwrap();
    world.agent("order-desk").await;
    let stale = cosignature_line(&old, &witness.name, 1_795_000_000, &key(&witness.name)).unwrap();
    let foreign = cosignature_line(&old, "witness.example/w9", 1_795_000_000, &key("w9")).unwrap();
    for manner in [
        Manner::Fixed(200, "text/plain", stale),
        Manner::Fixed(200, "text/plain", foreign),
        Manner::Fixed(200, "text/plain", String::new()),
        Manner::Fixed(200, "text/plain", "a".repeat(1_000_000)),
        Manner::Ahead(121),
        Manner::Fixed(409, "text/plain", "5\n".to_owned()),
        Manner::Fixed(409, "text/x.tlog.size", "five\n".to_owned()),
        Manner::Fixed(404, "text/plain", "unknown".to_owned()),
        Manner::Fixed(500, "text/plain", "broken".to_owned()),
        Manner::Fixed(302, "text/plain", String::new()),
    ] {
        witness.behave(manner.clone());
        let error = follower.run_once().await.unwrap_err();
        assert!(!matches!(error, WitnessError::Contradicted { .. }), "{manner:?}: {error:?}");
        *witness.last.lock().unwrap() = None;
    }
    let state = world.gateway.outside_state().await.unwrap();
    assert!(state.witnesses.is_empty() && state.size > before);
    assert_eq!(checkpoint(&world).await.lines().count(), plain.lines().count());
    witness.behave(Manner::Honest);
    follower.run_once().await.unwrap();
}

#[test]
fn a_witness_is_configured_by_an_address_and_a_key_of_its_kind_once() {
    let vkey = |name: &str, seed: &str, kind| Vkey::new(name, kind, key(seed).public_key()).unwrap().to_string();
    let good = vkey("w1", "w1", VkeyKind::CosignatureV1);
    let mut outside = config::Outside::default();
    for url in ["", "witness.example", "ftp://witness.example", "unix:/run/witness"] {
        assert!(matches!(outside.add_witness(url, &good), Err(config::OutsideError::Url(_))), "{url}");
    }
    let url = "https://witness.example/w1";
    assert!(matches!(outside.add_witness(url, "w1"), Err(config::OutsideError::Vkey { .. })));
    assert!(matches!(outside.add_witness(url, &vkey("w1", "w1", VkeyKind::Log)), Err(config::OutsideError::Kind(_))));
    outside.add_witness(url, &good).unwrap();
    for again in [good, vkey("w2", "w1", VkeyKind::CosignatureV1), vkey("w1", "w2", VkeyKind::CosignatureV1)] {
        assert!(matches!(outside.add_witness(url, &again), Err(config::OutsideError::Twice(_))));
    }
}
