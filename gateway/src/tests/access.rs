//! Devices: invitations, enrolment, sessions.

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::device::{EnrolmentAnswer, Person};
use seamark_contracts::clock::Clock as _;
use seamark_ledger::directory;
use seamark_ledger::key::{KeyUse, PublicKey, Signer as _};
use serde_json::{Value, json};

use crate::testing::{World, enrolment, key, key_text, sign_text};

async fn enrol(world: &World, body: &Value) -> crate::testing::Reply {
    world.send("POST", "/v1/enrolments", None, serde_json::to_vec(body).unwrap()).await
}

#[tokio::test]
async fn an_invitation_works_once_for_one_device() {
    let world = World::new().await;
    let code = world.gateway.invite("Alice Example", &["reviewer".to_owned()]).await.unwrap();
    let keyid = world.gateway.trust().root_keyid;
    assert!(code.starts_with("smi_") && code.ends_with(&format!("_{}", &keyid[..16])), "{code}");
    let body = enrolment(&code, &key("device"), &key("decision"));
    let first: EnrolmentAnswer = enrol(&world, &body).await.ok();
    assert_eq!(first.person.id.as_str(), "urn:seamark:user:alice-example");
    let again: EnrolmentAnswer = enrol(&world, &body).await.ok();
    assert_eq!(again, first, "a lost answer is given again");
    let other = enrolment(&code, &key("device 2"), &key("decision 2"));
    assert_eq!(enrol(&world, &other).await.problem(), (403, "invitation-invalid".to_owned()));
    let invented = enrolment("smi_invented", &key("device 2"), &key("decision 2"));
    assert_eq!(enrol(&world, &invented).await.problem(), (403, "invitation-invalid".to_owned()));

    let root = PublicKey::parse(&Base64UrlUnpadded::decode_vec(&first.trust.root_key).unwrap()).unwrap();
    let envelope: Value = world.send("GET", "/v1/directory", None, Vec::new()).await.ok();
    let directory = directory::verify(&envelope, &root, world.clock.now()).unwrap();
    let listed = directory.predicate.keys.iter().find(|listed| listed.keyid == first.decision_keyid).unwrap();
    assert_eq!((listed.key_use, listed.subject.as_str()), (KeyUse::Decision, first.person.id.as_str()));
    assert!(directory.predicate.keys.iter().all(|listed| listed.keyid != first.device_keyid));
    world.assert_sound().await;
}

#[tokio::test]
async fn who_asks_without_credentials_is_slowed_down_and_writes_nothing() {
    let limits = crate::config::Limits { public_per_s: 1, public_burst: 40, ..Default::default() };
    let world = World::with(limits).await;
    let agent = world.agent("order-desk").await;
    let body = serde_json::to_vec(&json!({ "keyid": "ab".repeat(32) })).unwrap();
    let before = world.seen().await;
    let mut statuses = Vec::new();
    for _ in 0..60 {
        statuses.push(world.send("POST", "/v1/sessions/challenges", None, body.clone()).await.status);
    }
    assert_eq!(statuses.first(), Some(&StatusCode::OK));
    let reply = world.send("POST", "/v1/sessions/challenges", None, body).await;
    assert_eq!(reply.problem(), (429, "unavailable".to_owned()));
    // Agents and devices are not held up by it.
    let submission = world.submission("refund.issue", "returned-goods");
    assert_eq!(world.post("/v1/handoffs", &agent, &submission).await.status, StatusCode::CREATED);
    let head =
        crate::db::ledger::head(&mut world.gateway.shared.database.read().await.unwrap()).await.unwrap().unwrap();
    assert!(head.size < i64::try_from(before.size).unwrap() + 5, "asking for challenges is not recorded");
}

#[tokio::test]
async fn an_agent_has_at_most_sixteen_execution_keys() {
    let world = World::new().await;
    let agent = world.agent("refund-executor").await;
    let enrol = async |n: usize| {
        let signing = key(&format!("execution {n}"));
        let urn = "urn:seamark:agent:refund-executor";
        let public = key_text(&signing);
        let proof = sign_text(&signing, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
        world.post("/v1/execution-keys", &agent, &json!({ "agent": urn, "publicKey": public, "proof": proof })).await
    };
    for n in 0..16 {
        assert_eq!(enrol(n).await.status, StatusCode::OK);
    }
    assert_eq!(enrol(16).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(enrol(3).await.status, StatusCode::OK, "a key that is listed stays good");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_directory_that_nobody_could_read_is_not_signed() {
    let world = World::new().await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    crate::db::fill_with_persons(&world.gateway.shared.database, 17_000).await;
    let envelope = async || world.send("GET", "/v1/directory", None, Vec::new()).await.json::<Value>();
    let before = envelope().await;
    let error = world.gateway.invite("Bob", &["reviewer".to_owned()]).await.unwrap_err();
    assert!(crate::problem::chain(&error).contains("2 MiB"), "{}", crate::problem::chain(&error));
    assert_eq!(envelope().await, before, "nothing was changed");
    let root = PublicKey::parse(&Base64UrlUnpadded::decode_vec(&alice.answer.trust.root_key).unwrap()).unwrap();
    directory::verify(&before, &root, world.clock.now()).unwrap();
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days() {
    let world = World::new().await;
    let code = world.gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    world.clock.advance_ms(7 * 24 * 60 * 60 * 1000);
    let body = enrolment(&code, &key("device"), &key("decision"));
    assert_eq!(enrol(&world, &body).await.problem(), (403, "invitation-invalid".to_owned()));
}

#[tokio::test]
async fn enrolment_needs_two_good_keys_and_their_proofs() {
    let world = World::new().await;
    let code = world.gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    let good = enrolment(&code, &key("device"), &key("decision"));
    let mut cases = vec![enrolment(&code, &key("device"), &key("device"))];
    for member in ["proof", "decisionProof"] {
        let mut body = good.clone();
        body[member] = json!(sign_text(&key("other"), "other"));
        cases.push(body);
    }
    // A point of small order: one signature would fit almost any message.
    let mut weak = good.clone();
    weak["decisionKey"] = json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    cases.push(weak);
    for body in cases {
        assert_eq!(enrol(&world, &body).await.problem(), (422, "invalid-request".to_owned()), "{body}");
    }
    assert_eq!(enrol(&world, &good).await.status, StatusCode::OK, "nothing of it used the code up");
    // A key has one holder.
    let code = world.gateway.invite("Bob", &["reviewer".to_owned()]).await.unwrap();
    let taken = enrolment(&code, &key("device"), &key("decision of bob"));
    assert_eq!(enrol(&world, &taken).await.problem(), (422, "invalid-request".to_owned()));
}

#[tokio::test]
async fn a_session_needs_a_fresh_challenge_and_ends() {
    let world = World::new().await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let me: Person = world.get("/v1/me", &alice.token).await.ok();
    assert_eq!(me, alice.answer.person);
    let keyid = &alice.answer.device_keyid;
    let challenge: Value = world
        .send("POST", "/v1/sessions/challenges", None, serde_json::to_vec(&json!({ "keyid": keyid })).unwrap())
        .await
        .ok();
    let challenge = challenge["challenge"].as_str().unwrap().to_owned();
    let open = async |challenge: &str, proof: String| {
        let body = json!({ "keyid": keyid, "challenge": challenge, "proof": proof });
        world.send("POST", "/v1/sessions", None, serde_json::to_vec(&body).unwrap()).await
    };
    let message = format!("seamark-session/v1\n{}\n{challenge}", alice.answer.trust.ledger_origin);
    let wrong = open(&challenge, sign_text(&alice.decision_key, &message)).await;
    assert_eq!(wrong.problem(), (401, "unauthenticated".to_owned()));
    let proof = sign_text(&alice.device_key, &message);
    assert_eq!(open(&challenge, proof.clone()).await.status, StatusCode::OK);
    assert_eq!(open(&challenge, proof).await.problem(), (401, "unauthenticated".to_owned()), "a challenge works once");

    let challenge: Value = world
        .send("POST", "/v1/sessions/challenges", None, serde_json::to_vec(&json!({ "keyid": keyid })).unwrap())
        .await
        .ok();
    let challenge = challenge["challenge"].as_str().unwrap().to_owned();
    world.clock.advance_ms(2 * 60 * 1000);
    let message = format!("seamark-session/v1\n{}\n{challenge}", alice.answer.trust.ledger_origin);
    let stale = open(&challenge, sign_text(&alice.device_key, &message)).await;
    assert_eq!(stale.problem(), (401, "unauthenticated".to_owned()));
    // Gateway time moves with its commits and clock.
    world.clock.advance_ms(12 * 60 * 60 * 1000);
    assert_eq!(world.get("/v1/me", &alice.token).await.problem(), (401, "unauthenticated".to_owned()));
    let unknown = json!({ "keyid": key("nobody").public_key().id().to_string() });
    let reply = world.send("POST", "/v1/sessions/challenges", None, serde_json::to_vec(&unknown).unwrap()).await;
    assert_eq!(reply.status, StatusCode::OK, "an unknown key looks the same");
    assert_eq!(key_text(&key("a")).len(), 43);
}

/// Invariant B3: a decision names the person as the directory prints it, so an old one must find that print for ever.
#[tokio::test]
async fn a_respelled_person_is_refused_and_old_decisions_still_verify() {
    use seamark_contracts::api::audit::AuditRecord;
    use seamark_contracts::clock::Clock as _;
    use seamark_contracts::decision::DecisionKind;
    use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_record};

    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice Example", &["reviewer"]).await;
    world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    alice.decide(&world, &review, DecisionKind::Approve).await;
    let roles = ["lead".to_owned()];
    for respelled in ["alice example", "ALICE EXAMPLE", "Alice  Example", "alice-example"] {
        let refused = world.gateway.invite(respelled, &roles).await.unwrap_err();
        assert!(refused.to_string().contains("\"Alice Example\""), "{refused}");
    }
    world.gateway.invite(" Alice Example ", &roles).await.unwrap();
    let record: AuditRecord = world.get(&format!("/v1/audit/reviews/{}", review.review_id), &alice.token).await.ok();
    let pinned = Pinned::from_trust(&world.gateway.trust(), None, world.clock.now()).unwrap();
    let report = check_record(&record, &pinned);
    assert_eq!(report.verdict_of(ClaimId::Decision), Some(Verdict::Pass), "{report:#?}");
    assert_eq!(report.verdict_of(ClaimId::OutcomeLedger), Some(Verdict::Pass), "{report:#?}");
    world.assert_sound().await;
}
