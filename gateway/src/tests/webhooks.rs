//! Pushes: signatures, retries, parking, and where they may not go (invariants C1 to C5).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use seamark_contracts::api::agent::{CloudEvent, WebhookAnswer, WebhookList};
use seamark_contracts::decision::DecisionKind;
use seamark_ledger::key::{PublicKey, Signature};
use serde_json::json;
use sha2::Sha256;

use crate::deliver;
use crate::testing::World;

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

#[derive(Clone, Default)]
struct Endpoint {
    received: Received,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

async fn take(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> Response {
    endpoint.received.lock().unwrap().push((headers, body));
    let status = endpoint.answers.lock().unwrap().pop_front().unwrap_or(204);
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_redirection() {
        return (status, [("location", "/elsewhere")]).into_response();
    }
    status.into_response()
}

impl Endpoint {
    /// An endpoint on the loopback address that answers these, and 204 after that.
    async fn serve(answers: &[u16]) -> (Self, String) {
        let endpoint = Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(post(take)).with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (endpoint, url)
    }

    fn n_received(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

async fn create(world: &World, key: &str, url: &str) -> WebhookAnswer {
    world.post("/v1/webhooks", key, &json!({ "url": url })).await.ok()
}

/// One handoff, decided.
async fn conclude(world: &World, key: &str) {
    let alice = world.reviewer(&format!("Person {}", world.seen().await.size), &["reviewer"]).await;
    let handoff = world.gated(key).await;
    let review = alice.review(world, handoff.review_id.unwrap()).await;
    alice.decide(world, &review, DecisionKind::Approve).await;
}

async fn deliver_now(world: &World) -> usize {
    deliver::run_once(&world.gateway.shared).await.unwrap()
}

#[tokio::test]
async fn a_push_is_signed_twice_and_acknowledges_the_outcome() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let (endpoint, url) = Endpoint::serve(&[]).await;
    let webhook = create(&world, &key, &url).await;
    conclude(&world, &key).await;
    assert_eq!(deliver_now(&world).await, 1);
    assert_eq!(deliver_now(&world).await, 0, "once");
    let received = endpoint.received.lock().unwrap().clone();
    let (headers, body) = &received[0];
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let event: CloudEvent = serde_json::from_slice(body).unwrap();
    assert_eq!(header("webhook-id"), event.id);
    assert_eq!(event.id, event.data.outcome.as_ref().unwrap().outcome_id.to_string());

    let mut message = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).into_bytes();
    message.extend_from_slice(body);
    let signatures = header("webhook-signature");
    let (shared, own) = signatures.split_once(' ').unwrap();
    let secret = Base64::decode_vec(webhook.secret.unwrap().strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    mac.update(&message);
    mac.verify_slice(&Base64::decode_vec(shared.strip_prefix("v1,").unwrap()).unwrap()).unwrap();
    let public = Base64::decode_vec(webhook.public_key.strip_prefix("whpk_").unwrap()).unwrap();
    let signature = Signature::parse(&Base64::decode_vec(own.strip_prefix("v1a,").unwrap()).unwrap()).unwrap();
    assert!(PublicKey::parse(&public).unwrap().verifies(&message, &signature));

    let list: WebhookList = world.get("/v1/webhooks", &key).await.ok();
    assert!(list.webhooks[0].secret.is_none(), "the secret is shown once");
    let bob = world.reviewer("Bob", &["reviewer"]).await;
    assert!(bob.reviews(&world).await[0].delivered_at.is_some());
    world.assert_sound().await;
}

#[tokio::test]
async fn a_failing_endpoint_is_tried_for_three_days_and_then_parked() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let (endpoint, url) = Endpoint::serve(&[500, 302, 404, 500, 500, 500, 500, 500, 500, 500, 500]).await;
    create(&world, &key, &url).await;
    conclude(&world, &key).await;
    let mut n_tries = 0;
    for wait_s in [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] {
        if wait_s > 0 {
            world.clock.advance_ms(wait_s * 1000 - 1);
            assert_eq!(deliver_now(&world).await, 0, "not before its time");
            world.clock.advance_ms(1);
        }
        assert_eq!(deliver_now(&world).await, 1);
        n_tries += 1;
    }
    assert_eq!((n_tries, endpoint.n_received()), (10, 10), "no redirect is followed");
    world.clock.advance_ms(7 * 86_400_000);
    assert_eq!(deliver_now(&world).await, 0, "parked");
    let received = endpoint.received.lock().unwrap().clone();
    assert!(
        received
            .iter()
            .all(|(headers, body)| *body == received[0].1 && headers["webhook-id"] == received[0].0["webhook-id"])
    );
    let entries = world.send("GET", "/v1/ledger/entries", None, Vec::new()).await.text();
    assert_eq!(entries.matches("delivery.failed").count(), 1);
    world.assert_sound().await;
}

#[tokio::test]
async fn gone_switches_the_webhook_off() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let (endpoint, url) = Endpoint::serve(&[410]).await;
    create(&world, &key, &url).await;
    conclude(&world, &key).await;
    deliver_now(&world).await;
    conclude(&world, &key).await;
    world.clock.advance_ms(86_400_000);
    deliver_now(&world).await;
    assert_eq!(endpoint.n_received(), 1);
    let list: WebhookList = world.get("/v1/webhooks", &key).await.ok();
    assert!(!list.webhooks[0].is_enabled);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_webhook_is_its_agents_and_can_be_switched_off() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let stranger = world.agent("stranger").await;
    let (endpoint, url) = Endpoint::serve(&[]).await;
    let webhook = create(&world, &key, &url).await;
    let path = format!("/v1/webhooks/{}", webhook.webhook_id);
    let delete = async |token: &str| world.send("DELETE", &path, Some(token), Vec::new()).await;
    assert_eq!(delete(&stranger).await.problem(), (404, "not-found".to_owned()));
    conclude(&world, &key).await;
    assert_eq!(delete(&key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&key).await.status, StatusCode::NO_CONTENT);
    deliver_now(&world).await;
    assert_eq!(endpoint.n_received(), 0, "what waited is parked");
    world.assert_sound().await;
}

#[tokio::test]
async fn pushes_go_to_public_addresses_only() {
    let refused = [
        "http://example.com/hook",
        "https://10.0.0.1/hook",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[2002:a00:1::]/",
        "https://2130706433/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://api.localhost/",
        "https://user:secret@example.com/",
        "ftp://example.com/",
        "not a url",
    ];
    for url in refused {
        assert!(deliver::check_target(url, false).is_err(), "{url}");
    }
    for url in ["https://example.com/hook", "https://93.184.216.34/", "https://[2606:2800:220:1::]/"] {
        assert!(deliver::check_target(url, false).is_ok(), "{url}");
    }
    for url in ["http://127.0.0.1:8080/", "http://localhost:8080/", "http://[::1]:80/", "https://127.0.0.1/"] {
        assert!(deliver::check_target(url, true).is_ok(), "{url}");
    }
    for url in ["http://10.0.0.1/", "https://10.0.0.1/", "http://example.com/"] {
        assert!(deliver::check_target(url, true).is_err(), "{url}");
    }
    // A name that resolves to a local address is found out when it is resolved.
    let client = deliver::client(false).unwrap();
    let error = client.get("http://localhost.localdomain:9/").send().await.unwrap_err();
    assert!(error.is_connect() || error.is_request(), "{error}");
}

#[tokio::test]
async fn a_claim_that_was_taken_over_marks_nothing() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let (endpoint, url) = Endpoint::serve(&[500]).await;
    create(&world, &key, &url).await;
    conclude(&world, &key).await;
    // Two workers look at the same time: only one of them gets the claim.
    let (first, second) =
        tokio::join!(deliver::run_once(&world.gateway.shared), deliver::run_once(&world.gateway.shared));
    assert_eq!(first.unwrap() + second.unwrap(), 1);
    assert_eq!(endpoint.n_received(), 1);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_webhook_gets_the_contracts_of_its_key_only() {
    let world = World::new().await;
    let all = world.agent("order-desk").await;
    let offers = world.gateway.create_agent_key("order-desk", &["offer.send".to_owned()]).await.unwrap();
    let (endpoint, url) = Endpoint::serve(&[]).await;
    create(&world, &offers, &url).await;
    conclude(&world, &all).await;
    assert_eq!((deliver_now(&world).await, endpoint.n_received()), (0, 0), "a refund is none of its business");
    create(&world, &all, &url).await;
    conclude(&world, &all).await;
    deliver_now(&world).await;
    assert_eq!(endpoint.n_received(), 1);
}
