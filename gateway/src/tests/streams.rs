//! Streams and waiting: order, no gap, resume, reset (invariants E1 to E3).

use std::collections::BTreeMap;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use seamark_contracts::api::agent::{CloudEvent, HandoffAnswer, HandoffStatus};
use seamark_contracts::api::review::{ReviewDocument, ReviewPage};
use seamark_contracts::decision::DecisionKind;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::config::Limits;
use crate::testing::{Reviewer, World};

/// One event as a client reads it.
#[derive(Clone, Debug, Default)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) data: String,
}

pub(super) struct Client {
    body: BodyDataStream,
    buffer: String,
}

impl Client {
    pub(super) async fn open(world: &World, path: &str, token: &str, last_event_id: Option<&str>) -> Self {
        let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), buffer: String::new() }
    }

    /// The next event; `None` when the gateway ended the stream.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                self.buffer = rest;
                let mut event = Event::default();
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", value)) => event.id = value.to_owned(),
                        Some(("event", value)) => event.name = value.to_owned(),
                        Some(("data", value)) => event.data = value.to_owned(),
                        _ => {}
                    }
                }
                if !event.name.is_empty() {
                    return Some(event);
                }
            }
            let chunk = self.body.next().await?.unwrap();
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// What a desk holds.
#[derive(Default)]
struct Cache(BTreeMap<String, ReviewDocument>);

impl Cache {
    fn apply(&mut self, review: ReviewDocument) {
        let id = review.review_id.to_string();
        if self.0.get(&id).is_none_or(|known| known.version <= review.version) {
            self.0.insert(id, review);
        }
    }
}

async fn snapshot(world: &World, person: &Reviewer) -> (Cache, String) {
    let mut cache = Cache::default();
    let (mut after, mut position) = (String::new(), None);
    loop {
        let page: ReviewPage = world.get(&format!("/v1/reviews?limit=2{after}"), &person.token).await.ok();
        position.get_or_insert(page.position);
        page.reviews.into_iter().for_each(|review| cache.apply(review));
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return (cache, position.unwrap()),
        }
    }
}

#[tokio::test]
async fn a_key_hears_of_its_own_contracts_only() {
    let world = World::new().await;
    let all = world.agent("order-desk").await;
    let offers = world.gateway.create_agent_key("order-desk", &["offer.send".to_owned()]).await.unwrap();
    let mut client = Client::open(&world, "/v1/events", &offers, Some("0")).await;
    world.gated(&all).await;
    let offer = world.submission("offer.send", "within-budget");
    let offer: HandoffAnswer = world.post("/v1/handoffs", &all, &offer).await.ok();
    let event = client.next().await.unwrap();
    assert!(event.data.contains(&offer.handoff_id.to_string()), "the first one is of another contract: {}", event.data);
    // The same for what was missed.
    let mut client = Client::open(&world, "/v1/events", &offers, Some("0")).await;
    assert_eq!(client.next().await.unwrap().data, event.data);
}

/// More than is read at once, and changes while it is read.
#[tokio::test]
async fn a_long_absence_is_read_piece_by_piece_without_a_gap() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let start = world.seen().await;
    assert!(start.size > 0);
    let mut sent = Vec::new();
    let small = async || -> String {
        let handoff = world.submission("refund.issue", "small-passes");
        world.post("/v1/handoffs", &agent, &handoff).await.ok::<HandoffAnswer>().handoff_id.to_string()
    };
    for _ in 0..300 {
        sent.push(small().await);
    }
    let mut client = Client::open(&world, "/v1/events", &agent, Some("0")).await;
    let mut heard = Vec::new();
    let mut last = 0;
    while heard.len() < 320 {
        let event = client.next().await.unwrap();
        let pos: i64 = event.id.parse().unwrap();
        assert!(pos > last, "in order and no repeat");
        last = pos;
        heard.push(serde_json::from_str::<CloudEvent>(&event.data).unwrap().subject);
        if heard.len() >= 290 && sent.len() < 320 {
            sent.push(small().await);
        }
    }
    assert_eq!(heard, sent);
}

#[tokio::test]
async fn resuming_equals_a_fresh_snapshot() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    for _ in 0..5 {
        world.gated(&agent).await;
    }
    let (mut cache, position) = snapshot(&world, &alice).await;
    assert_eq!(cache.0.len(), 5);
    let mut client = Client::open(&world, "/v1/reviews/stream", &alice.token, Some(&position)).await;
    let mut position = position;
    let open: Vec<ReviewDocument> = cache.0.values().cloned().collect();
    for (n, review) in open.iter().enumerate() {
        world.gated(&agent).await;
        let kind = [DecisionKind::Approve, DecisionKind::Reject, DecisionKind::Escalate][n % 3];
        alice.decide(&world, review, kind).await;
        if n == 2 {
            // The connection is lost here; the client comes back with its last id.
            client = Client::open(&world, "/v1/reviews/stream", &alice.token, Some(&position)).await;
        }
        let (fresh, newest) = snapshot(&world, &alice).await;
        while position.parse::<i64>().unwrap() < newest.parse::<i64>().unwrap() {
            let event = client.next().await.unwrap();
            assert_eq!(event.name, "review");
            assert!(event.id.parse::<i64>().unwrap() > position.parse::<i64>().unwrap(), "in order and no repeat");
            position = event.id;
            cache.apply(serde_json::from_str(&event.data).unwrap());
            if cache.0.len() == fresh.0.len()
                && cache.0.iter().all(|(id, review)| fresh.0[id].version == review.version)
            {
                break;
            }
        }
        assert_eq!(cache.0, fresh.0, "applying the events equals a snapshot (E1)");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn unusable_positions_get_a_reset_and_go_on() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    world.gated(&agent).await;
    for bad in [None, Some("99999"), Some("-5"), Some("garbage"), Some("")] {
        let mut client = Client::open(&world, "/v1/reviews/stream", &alice.token, bad).await;
        let reset = client.next().await.unwrap();
        assert_eq!(reset.name, "reset", "{bad:?}");
        let data: Value = serde_json::from_str(&reset.data).unwrap();
        assert_eq!(data["position"], reset.id);
        let handoff = world.gated(&agent).await;
        let event = client.next().await.unwrap();
        let review: ReviewDocument = serde_json::from_str(&event.data).unwrap();
        assert_eq!(Some(review.review_id), handoff.review_id);
    }
}

#[tokio::test]
async fn a_person_hears_only_of_reviews_for_their_roles() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, clark) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Clark", &["clerk"]).await);
    let (_, position) = snapshot(&world, &clark).await;
    let mut stream = Client::open(&world, "/v1/reviews/stream", &clark.token, Some(&position)).await;
    world.gated(&agent).await;
    assert_eq!(alice.reviews(&world).await.len(), 1);
    assert!(clark.reviews(&world).await.is_empty());
    // Clark becomes a reviewer and is told to look anew: reviews that were there before are now for Clark too.
    world.gateway.invite("Clark", &["reviewer".to_owned()]).await.unwrap();
    assert_eq!(stream.next().await.unwrap().name, "reset");
    assert_eq!(clark.reviews(&world).await.len(), 1);
    let second = world.gated(&agent).await;
    let review: ReviewDocument = serde_json::from_str(&stream.next().await.unwrap().data).unwrap();
    assert_eq!(Some(review.review_id), second.review_id);
}

#[tokio::test]
async fn agents_follow_their_own_handoffs() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let stranger = world.agent("stranger").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let mut stream = Client::open(&world, "/v1/events?after=0", &agent, None).await;
    let mut other = Client::open(&world, "/v1/events?after=0", &stranger, None).await;
    world.gated(&agent).await;
    let opened = stream.next().await.unwrap();
    assert_eq!(opened.name, "dev.seamark.review.opened.v1");
    let review = alice.reviews(&world).await.remove(0);
    alice.decide(&world, &review, DecisionKind::Approve).await;
    let event: CloudEvent = serde_json::from_str(&stream.next().await.unwrap().data).unwrap();
    assert_eq!(event.kind, "dev.seamark.outcome.formed.v1");
    assert_eq!(event.data.status, HandoffStatus::Approved);
    assert_eq!(event.id, event.data.outcome.unwrap().outcome_id.to_string());
    // The stranger hears only of its own.
    let mut submission = world.submission("refund.issue", "small-passes");
    submission["correlationId"] = serde_json::json!("of-the-stranger");
    assert!(world.post("/v1/handoffs", &stranger, &submission).await.status.is_success());
    let event: CloudEvent = serde_json::from_str(&other.next().await.unwrap().data).unwrap();
    assert_eq!(event.kind, "dev.seamark.handoff.passed.v1");
    assert_eq!(event.correlationid, "of-the-stranger");
}

#[tokio::test]
async fn a_slow_listener_is_disconnected_and_loses_nothing() {
    let world = World::with(Limits { max_stream_lag: 4, ..Limits::default() }).await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let (_, position) = snapshot(&world, &alice).await;
    let mut slow = Client::open(&world, "/v1/reviews/stream", &alice.token, Some(&position)).await;
    let mut last = position.clone();
    for _ in 0..40 {
        world.gated(&agent).await;
        tokio::task::yield_now().await;
    }
    while let Some(event) = slow.next().await {
        last = event.id;
    }
    let mut seen = 0;
    let mut again = Client::open(&world, "/v1/reviews/stream", &alice.token, Some(&position)).await;
    while seen < 40 {
        let event = again.next().await.unwrap();
        assert_eq!(event.name, "review");
        seen += 1;
    }
    assert!(last.parse::<i64>().unwrap() < position.parse::<i64>().unwrap() + 40);
}

#[tokio::test]
async fn more_streams_than_allowed_are_told_to_wait() {
    let world = World::with(Limits { max_streams: 2, ..Limits::default() }).await;
    let agent = world.agent("order-desk").await;
    let first = Client::open(&world, "/v1/events", &agent, None).await;
    let _second = Client::open(&world, "/v1/events", &agent, None).await;
    assert_eq!(world.get("/v1/events", &agent).await.problem(), (503, "unavailable".to_owned()));
    drop(first);
    let _third = Client::open(&world, "/v1/events", &agent, None).await;
}
