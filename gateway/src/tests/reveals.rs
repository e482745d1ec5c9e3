//! Reading one masked field: recorded first, for whoever may, and never otherwise (invariants F1, F2, F4, D1).

use axum::http::StatusCode;
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::reveal::{CopiedAnswer, RevealAnswer};
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::id::RevealId;
use seamark_contracts::mask;
use seamark_contracts::problem::Problem;
use seamark_ledger::entry::{Entry, EntryType};
use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_record};
use serde_json::{Value, json};

use crate::config::Limits;
use crate::db::set_back_head;
use crate::testing::{Reply, Reviewer, World, predicate_of};

const EMAIL: &str = "/payload/customer/email";

fn request(world: &World, path: &str) -> Value {
    let id = RevealId::make(world.clock.now(), world.chance.as_ref());
    json!({ "revealId": id, "path": path, "purpose": { "code": "contact-person", "text": "call back" } })
}

async fn ask(world: &World, who: &Reviewer, review: &ReviewDocument, body: &Value) -> Reply {
    world.post(&format!("/v1/reviews/{}/reveals", review.review_id), &who.token, body).await
}

async fn reveal(world: &World, who: &Reviewer, review: &ReviewDocument) -> (Value, RevealAnswer) {
    let body = request(world, EMAIL);
    let answer = ask(world, who, review, &body).await.ok();
    (body, answer)
}

/// Entries of the ledger, from the first.
async fn entries(world: &World) -> Vec<Entry> {
    let mut connection = world.gateway.shared.database.read().await.unwrap();
    let rows = crate::db::ledger::list_entries(&mut connection, 0, 100_000).await.unwrap();
    rows.iter().map(|row| Entry::parse(&row.bytes).unwrap()).collect()
}

async fn count(world: &World, kind: EntryType) -> usize {
    entries(world).await.iter().filter(|entry| entry.kind == kind).count()
}

struct Case {
    world: World,
    /// May decide and read.
    alice: Reviewer,
    /// May decide.
    bob: Reviewer,
    review: ReviewDocument,
    agent: String,
}

async fn case() -> Case {
    case_with(Limits::default()).await
}

async fn case_with(limits: Limits) -> Case {
    let world = World::with(limits).await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer", "compliance"]).await;
    let bob = world.reviewer("Bob", &["reviewer"]).await;
    world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    Case { world, alice, bob, review, agent }
}

fn raw_email(world: &World) -> String {
    let submission = world.submission("refund.issue", "returned-goods");
    submission["payload"]["customer"]["email"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn invariant_f1_a_value_leaves_only_with_its_entry_and_belongs_to_the_signed_statement() {
    let Case { world, alice, review, .. } = case().await;
    let (_, answer) = reveal(&world, &alice, &review).await;
    let predicate = predicate_of(&review.handoff);
    let signed = serde_json::to_value(&predicate).unwrap();
    let masked = predicate.masks.iter().find(|mask| mask.path == EMAIL).unwrap();
    let opened = mask::open_field(&signed, masked, &answer.disclosure).ok().unwrap();
    assert_eq!(opened.value, json!(raw_email(&world)));
    let entry = entries(&world).await.into_iter().nth(usize::try_from(answer.recorded.seq).unwrap()).unwrap();
    assert_eq!((entry.kind, entry.actor), (EntryType::DisclosureRevealed, alice.answer.decision_keyid.clone()));
    let mut connection = world.gateway.shared.database.read().await.unwrap();
    let no = i64::try_from(answer.recorded.seq).unwrap();
    let body = crate::db::ledger::find_body(&mut connection, no).await.unwrap().unwrap();
    let text = String::from_utf8(body.bytes).unwrap();
    assert!(!text.contains(&raw_email(&world)) && !text.contains(&answer.disclosure), "no value in the ledger (D6)");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["path"], json!(EMAIL));
    assert_eq!(body["disclosure"], json!(opened.digest));
    assert_eq!(body["purpose"], json!({ "code": "contact-person", "text": "call back" }));
    drop(connection);
    world.assert_sound().await;
}

#[tokio::test]
async fn invariant_f1_a_commit_that_fails_gives_no_value() {
    let Case { world, alice, review, .. } = case().await;
    set_back_head(&world.gateway.shared.database).await;
    let reply = ask(&world, &alice, &review, &request(&world, EMAIL)).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", reply.text());
    assert!(!reply.text().contains("disclosure") && !reply.text().contains(&raw_email(&world)), "{}", reply.text());
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_for_a_minute_and_recorded_once() {
    let Case { world, alice, bob, review, .. } = case().await;
    // What a crash after the commit leaves: an entry, and nobody who saw the value.
    let (body, first) = reveal(&world, &alice, &review).await;
    let world = world.reopen(9).await;
    let again: RevealAnswer = ask(&world, &alice, &review, &body).await.ok();
    assert_eq!(again, first);
    assert_eq!(count(&world, EntryType::DisclosureRevealed).await, 1);
    let mut other = body.clone();
    other["path"] = json!("/payload/customer/name");
    assert_eq!(ask(&world, &alice, &review, &other).await.problem(), (422, "invalid-request".to_owned()));
    assert_eq!(ask(&world, &bob, &review, &body).await.problem(), (403, "forbidden".to_owned()));
    world.clock.advance_ms(60_001);
    assert_eq!(ask(&world, &alice, &review, &body).await.problem(), (422, "invalid-request".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn invariant_f2_every_refusal_looks_alike_and_is_recorded() {
    let Case { world, alice, bob, review, .. } = case().await;
    let mut problems = Vec::new();
    for (who, path) in [
        (&alice, "/payload/customer/name"),
        (&alice, "/payload/customer/no_such_field"),
        (&alice, "/payload/amount"),
        (&alice, "/payload/customer"),
        (&alice, "/intent/nonce"),
        (&alice, ""),
        (&bob, EMAIL),
    ] {
        let reply = ask(&world, who, &review, &request(&world, path)).await;
        let mut problem: Problem = reply.json();
        problem.request_id = String::new();
        problems.push((reply.status, problem));
    }
    assert!(problems.iter().all(|problem| *problem == problems[0]), "{problems:#?}");
    assert_eq!(problems[0].0, StatusCode::FORBIDDEN);
    assert_eq!(count(&world, EntryType::AccessRefused).await, problems.len());
    assert_eq!(count(&world, EntryType::DisclosureRevealed).await, 0);
    let stranger = world.reviewer("Carol", &["compliance"]).await;
    let reply = ask(&world, &stranger, &review, &request(&world, EMAIL)).await;
    assert_eq!(reply.problem(), (404, "not-found".to_owned()), "who may not see a review learns nothing of it");
    world.assert_sound().await;
}

#[tokio::test]
async fn invariant_f4_nothing_is_revealed_of_a_review_that_is_over_or_to_a_role_that_has_ended() {
    let Case { world, alice, bob, review, .. } = case().await;
    let (body, _) = reveal(&world, &alice, &review).await;
    world.gateway.change_role("Alice", "compliance", false).await.unwrap();
    assert_eq!(ask(&world, &alice, &review, &body).await.problem(), (403, "forbidden".to_owned()));
    world.gateway.change_role("Alice", "compliance", true).await.unwrap();
    let _: RevealAnswer = ask(&world, &alice, &review, &body).await.ok();
    bob.decide(&world, &review, DecisionKind::Reject).await;
    assert_eq!(ask(&world, &alice, &review, &body).await.problem(), (409, "already-decided".to_owned()));
    assert_eq!(ask(&world, &alice, &review, &request(&world, EMAIL)).await.problem().0, 409);

    let Case { world, alice, review, .. } = case().await;
    world.clock.advance_ms(review.expires_at.as_ms() - world.clock.now().as_ms());
    let token = world.session(&alice.device_key, &alice.answer.trust).await.token;
    let alice = Reviewer { token, ..alice };
    // No sweep came between: gateway time alone decides.
    assert_eq!(ask(&world, &alice, &review, &request(&world, EMAIL)).await.problem(), (409, "expired".to_owned()));
    assert_eq!(count(&world, EntryType::DisclosureRevealed).await, 0);
}

#[tokio::test]
async fn invariant_f4_an_ended_device_reads_nothing_whatever_it_knows() {
    let Case { world, alice, review, .. } = case().await;
    let (body, _) = reveal(&world, &alice, &review).await;
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    assert_eq!(ask(&world, &alice, &review, &body).await.problem(), (403, "access-ended".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn the_rate_is_per_person_counts_refusals_and_outlives_a_restart() {
    let limits = Limits { reveals: 3, ..Limits::default() };
    let Case { world, alice, bob, review, .. } = case_with(limits).await;
    reveal(&world, &alice, &review).await;
    world.clock.advance_ms(60_000);
    assert_eq!(ask(&world, &alice, &review, &request(&world, "/payload/customer/name")).await.status, 403);
    reveal(&world, &alice, &review).await;
    let n_entries = entries(&world).await.len();
    let reply = ask(&world, &alice, &review, &request(&world, EMAIL)).await;
    assert_eq!(reply.problem(), (429, "unavailable".to_owned()));
    assert_eq!(reply.json::<Problem>().retry_after_ms, Some(540_000), "until the first is ten minutes old");
    assert_eq!(entries(&world).await.len(), n_entries, "who asks too often fills no ledger");
    assert_eq!(
        ask(&world, &bob, &review, &request(&world, EMAIL)).await.problem().0,
        403,
        "each person for themselves"
    );
    let (folder, now) = {
        let World { folder, gateway, clock, router, .. } = world;
        drop(router);
        gateway.close().await;
        (folder, clock.now())
    };
    let world = World::open(folder, limits, 5, now).await;
    assert_eq!(ask(&world, &alice, &review, &request(&world, EMAIL)).await.problem().0, 429, "counted on disk");
    world.clock.advance_ms(540_000);
    reveal(&world, &alice, &review).await;
    world.assert_sound().await;
}

#[tokio::test]
async fn a_copy_is_recorded_once_by_the_device_that_asked_and_within_a_minute() {
    let Case { world, alice, review, .. } = case().await;
    let code = world.gateway.invite("Alice", &["reviewer".to_owned(), "compliance".to_owned()]).await.unwrap();
    let laptop = world.enrol("Alice", "laptop", &code).await;
    let (body, answer) = reveal(&world, &alice, &review).await;
    let path = |id: &Value| format!("/v1/reviews/{}/reveals/{}/copied", review.review_id, id.as_str().unwrap());
    let at = path(&body["revealId"]);
    assert_eq!(world.post(&at, &laptop.token, &Value::Null).await.problem(), (404, "not-found".to_owned()));
    let first: CopiedAnswer = world.post(&at, &alice.token, &Value::Null).await.ok();
    let again: CopiedAnswer = world.post(&at, &alice.token, &Value::Null).await.ok();
    assert_eq!(first, again);
    assert!(first.recorded.seq > answer.recorded.seq);
    let (late, _) = reveal(&world, &alice, &review).await;
    world.clock.advance_ms(60_001);
    assert_eq!(world.post(&path(&late["revealId"]), &alice.token, &Value::Null).await.problem().0, 404);
    let refused = request(&world, "/payload/customer/name");
    ask(&world, &alice, &review, &refused).await;
    assert_eq!(world.post(&path(&refused["revealId"]), &alice.token, &Value::Null).await.problem().0, 404);
    assert_eq!(count(&world, EntryType::DisclosureCopied).await, 1);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_decision_names_only_what_was_revealed_to_its_device_and_the_record_proves_who_read_what() {
    let Case { world, alice, bob, review, agent } = case().await;
    let (body, answer) = reveal(&world, &alice, &review).await;
    let at = format!("/v1/reviews/{}/reveals/{}/copied", review.review_id, body["revealId"].as_str().unwrap());
    let _: CopiedAnswer = world.post(&at, &alice.token, &Value::Null).await.ok();
    let disclosed = [mask::disclosure_digest(&answer.disclosure)];
    let foreign = bob.view_naming(&world, &review, &disclosed);
    let shown =
        json!({ "view": String::from_utf8(foreign.to_bytes().unwrap()).unwrap(), "openedAt": world.clock.now() });
    let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &bob.token, &shown).await;
    assert_eq!(presented.problem(), (422, "invalid-request".to_owned()), "not revealed to Bob");
    let draft = bob.draft_on(&world, &review, DecisionKind::Approve, foreign).await;
    let refused = bob.send(&world, &review, &draft.sign(&bob.decision_key)).await;
    assert_eq!(refused.problem(), (422, "decision-invalid".to_owned()));

    let view = alice.view_naming(&world, &review, &disclosed);
    let shown = json!({ "view": String::from_utf8(view.to_bytes().unwrap()).unwrap(), "openedAt": world.clock.now() });
    let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &shown).await;
    let _: Value = presented.ok();
    let decision = alice.draft_on(&world, &review, DecisionKind::Approve, view).await.sign(&alice.decision_key);
    assert_eq!(alice.send(&world, &review, &decision).await.status, StatusCode::OK);

    let record: AuditRecord = world.get(&format!("/v1/audit/reviews/{}", review.review_id), &alice.token).await.ok();
    let pinned = Pinned::from_trust(&alice.answer.trust, None, world.clock.now()).unwrap();
    let report = check_record(&record, &pinned);
    let claim = report.claims.iter().find(|claim| claim.id == ClaimId::Reveals).unwrap();
    assert_eq!(claim.verdict, Verdict::Pass, "{report:#?}");
    assert!(claim.sentence.contains("1 value was copied"), "{}", claim.sentence);
    assert!(!serde_json::to_string(&record).unwrap().contains(&raw_email(&world)));
    let delivery = world.get(&format!("/v1/handoffs/{}/outcome", review.handoff_id), &agent).await;
    let report = seamark_ledger::verify::check_delivery(&delivery.ok(), &pinned);
    assert_eq!(report.verdict_of(ClaimId::Decision), Some(Verdict::Pass), "{report:#?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_purpose_is_needed_and_bounded() {
    let Case { world, alice, review, .. } = case().await;
    for purpose in [
        json!({ "code": "curious", "text": "" }),
        json!({ "code": "other", "text": " " }),
        json!({ "code": "contact-person", "text": "x".repeat(201) }),
        json!({ "code": "contact-person", "text": "a\u{202e}b" }),
        json!({ "code": "contact-person" }),
        json!({ "code": "contact-person", "text": "", "more": 1 }),
        Value::Null,
    ] {
        let mut body = request(&world, EMAIL);
        body["purpose"] = purpose;
        assert_eq!(ask(&world, &alice, &review, &body).await.problem().0, 422, "{body}");
    }
    let mut body = request(&world, EMAIL);
    body["path"] = json!("x".repeat(2_001));
    assert_eq!(ask(&world, &alice, &review, &body).await.problem().0, 422);
    assert_eq!(count(&world, EntryType::DisclosureRevealed).await, 0);
}

/// Attack A16: whoever redeemed an invitation that was sent astray, or was given a role that nobody signed, reads nothing.
#[tokio::test]
async fn attack_a16_no_value_is_revealed_to_a_key_or_role_that_the_root_has_not_signed() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    world.sign_directory().await;
    world.gated(&agent).await;
    let mallory = world.reviewer("Mallory", &["reviewer", "compliance"]).await;
    let review = mallory.reviews(&world).await.remove(0);
    let pending = (403, "enrolment-pending".to_owned());
    assert_eq!(ask(&world, &mallory, &review, &request(&world, EMAIL)).await.problem(), pending);
    assert_eq!(count(&world, EntryType::DisclosureRevealed).await, 0);
    let bob = world.reviewer("Bob", &["reviewer"]).await;
    world.sign_directory().await;
    world.gateway.change_role("Bob", "compliance", true).await.unwrap();
    assert_eq!(ask(&world, &bob, &review, &request(&world, EMAIL)).await.problem(), pending);
    world.sign_directory().await;
    let answer: RevealAnswer = ask(&world, &bob, &review, &request(&world, EMAIL)).await.ok();
    assert!(!answer.disclosure.is_empty());
    world.assert_sound().await;
}
