//! A13: whoever asked decides, under whatever spelling.

use seamark_contracts::api::review::ReviewState;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::outcome::NotCounted;
use serde_json::json;

use crate::person::Person;
use crate::stage::Stage;

#[tokio::test]
async fn attack_a13_whoever_asked_approves_nothing_under_no_spelling() {
    let stage = Stage::open().await;
    let (key, ana, bo) = (stage.agent("order-desk").await, stage.person("Ana").await, stage.person("Bo").await);
    let mut submission = stage.submission("returned-goods");
    submission["source"]["onBehalfOf"] = json!(ana.answer.person.id);
    let handoff = stage.submit(&key, &submission).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let own = ana.decide(&stage, &review, DecisionKind::Approve).await;
    assert_eq!((own.decision.counted, own.decision.why), (false, Some(NotCounted::Conflict)));
    assert_eq!(own.review.state, ReviewState::Open);
    // The same person at another device is the same person.
    let code = stage.office.invite("Ana", &["reviewer".to_owned()]).await.unwrap();
    let phone = Person::enrol(&stage, "Ana", "phone", &code).await;
    let again = phone.decide(&stage, &review, DecisionKind::Approve).await;
    assert_eq!(again.decision, own.decision, "one person decides once");
    // Nor is there a second Ana to become.
    for spelling in ["ana", "Ana ", "ANA", "\u{410}na", "Ana\u{200b}"] {
        let invited = stage.office.invite(spelling, &["reviewer".to_owned()]).await;
        let Ok(code) = invited else { continue };
        let other = Person::enrol(&stage, spelling, "device", &code).await;
        if other.answer.person.id == ana.answer.person.id {
            assert_eq!(other.answer.person.name, ana.answer.person.name, "{spelling:?} renames Ana");
        } else {
            panic!("{spelling:?} became {:?} beside Ana", other.answer.person);
        }
    }
    assert_eq!(bo.decide(&stage, &review, DecisionKind::Approve).await.review.state, ReviewState::Approved);
}
