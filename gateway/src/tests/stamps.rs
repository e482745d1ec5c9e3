//! Trusted time: tokens of an authority that is run with `openssl ts` behind a small server.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::clock::{Clock as _, Timestamp};
use seamark_contracts::decision::DecisionKind;
use seamark_ledger::bundle::Bundle;
use seamark_ledger::timestamp::{TsaRoots, find_pem};
use seamark_ledger::verify::{ClaimId, Outside, Pinned, Verdict, check_bundle};
use url::Url;

use crate::stamp::{StampError, run_once};
use crate::testing::World;

const CONFIG: &str = "[tsa]\ndefault_tsa = one\n[one]\nserial = ./serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
                      digests = sha256\ness_cert_id_alg = sha256\n";
const EXTENSIONS: &str = "extendedKeyUsage = critical,timeStamping\n";

fn openssl(folder: &Path, args: &str) {
    let done = Command::new("openssl").current_dir(folder).args(args.split(' ')).output().unwrap();
    assert!(done.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An authority and where it listens.
async fn authority() -> (Arc<tempfile::TempDir>, Url) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let at = folder.path();
    for (name, text) in [("tsa.cnf", CONFIG), ("serial", "01\n"), ("signer.ext", EXTENSIONS)] {
        std::fs::write(at.join(name), text).unwrap();
    }
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(at, &format!("req -x509 {key} -subj /CN=Root -keyout root.key -out root.pem -days 3650"));
    openssl(at, &format!("req -new {key} -subj /CN=Signer -keyout signer.key -out signer.csr"));
    openssl(
        at,
        "x509 -req -in signer.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 -extfile signer.ext -out signer.pem",
    );
    let router = axum::Router::new().route("/tsa", axum::routing::post(stamp)).with_state(Arc::clone(&folder));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (folder, Url::parse(&url).unwrap())
}

async fn stamp(State(folder): State<Arc<tempfile::TempDir>>, query: Bytes) -> Vec<u8> {
    let at = folder.path();
    std::fs::write(at.join("query.tsq"), &query).unwrap();
    openssl(
        at,
        "ts -reply -config tsa.cnf -section one -queryfile query.tsq -signer signer.pem -inkey signer.key -out reply.tsr",
    );
    std::fs::read(at.join("reply.tsr")).unwrap()
}

fn roots(folder: &Path) -> TsaRoots {
    TsaRoots::new(find_pem(&std::fs::read_to_string(folder.join("root.pem")).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_head_is_stamped_once_a_day_and_a_record_carries_the_token_that_covers_it() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let reviewer = world.reviewer("alice", &["reviewer", "auditor"]).await;
    world.gated(&agent).await;
    let review = reviewer.reviews(&world).await.remove(0);
    reviewer.decide(&world, &review, DecisionKind::Reject).await;
    let audit = format!("/v1/audit/reviews/{}", review.review_id);
    let before: AuditRecord = world.get(&audit, &reviewer.token).await.ok();
    assert_eq!(before.timestamp, None);
    let (folder, url) = authority().await;
    let at = run_once(&world.gateway.shared, &url, false).await.unwrap().unwrap();
    world.agent("another").await;
    let record: AuditRecord = world.get(&audit, &reviewer.token).await.ok();
    let token = record.timestamp.clone().unwrap();
    let again: AuditRecord = world.get(&audit, &reviewer.token).await.ok();
    assert_eq!(again.timestamp, Some(token), "the first that covers it, for ever");
    let outside = Outside::default().with_time(roots(folder.path()));
    let now = at.plus_ms(1_000).max(Timestamp::parse("2026-11-22T09:00:00.000Z").unwrap());
    let pinned = Pinned { outside, ..Pinned::from_trust(&world.gateway.trust(), None, now).unwrap() };
    let found = check_bundle(&Bundle::pack(&record, now).unwrap(), &pinned);
    assert_eq!(found.report.verdict_of(ClaimId::Time), Some(Verdict::Pass), "{:#?}", found.report);
    // The newest token is from now by the authority's clock; the world's stands still before it.
    assert_eq!(run_once(&world.gateway.shared, &url, false).await.unwrap(), None);
    assert!(run_once(&world.gateway.shared, &url, true).await.unwrap().is_some(), "when it is asked for");
    let day = 24 * 60 * 60 * 1000;
    world.clock.advance_ms(at.as_ms() - world.clock.now().as_ms() + day + 60_000);
    assert!(run_once(&world.gateway.shared, &url, false).await.unwrap().is_some(), "a day later");
    world.assert_sound().await;
}

#[tokio::test]
async fn an_answer_that_is_no_token_over_this_head_is_not_kept() {
    let world = World::new().await;
    let before = world.gateway.outside_state().await.unwrap().size;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .route("/empty", axum::routing::post(|| async { Vec::<u8>::new() }))
        .route("/large", axum::routing::post(|| async { vec![0x30u8; 1_000_000] }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    for path in ["empty", "large"] {
        let url = format!("{base}/{path}");
        assert!(matches!(world.gateway.stamp(&url).await, Err(StampError::Token(_))), "{path}");
    }
    assert!(matches!(world.gateway.stamp(&format!("{base}/none")).await, Err(StampError::Refused(404))));
    assert!(matches!(world.gateway.stamp("ftp://tsa.example").await, Err(StampError::Address(_))));
    assert_eq!(world.gateway.outside_state().await.unwrap().size, before);
}
