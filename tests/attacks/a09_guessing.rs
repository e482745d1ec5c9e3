//! A9: an auditor, or anybody at the open addresses, guesses a hidden value and looks for its digest.

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use seamark_contracts::canonical;
use seamark_contracts::digest::Digest;
use serde_json::{Value, json};

use crate::stage::Stage;

#[tokio::test]
async fn attack_a9_a_right_guess_is_confirmed_by_nothing_that_is_published() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let submission = stage.submission("returned-goods");
    let handoff = stage.submit(&key, &submission).await;
    let review = handoff.review_id.unwrap();
    ana.approve(&stage, review).await;
    let files = stage.bundle(&ana, review).await;
    let mut published: String = files.iter().map(|(_, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
    for (_, path, bytes) in files.iter().filter(|(_, path, _)| path.ends_with(".dsse.json")) {
        let envelope: Value = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        published.push_str(&String::from_utf8_lossy(&crate::stage::payload_of(&envelope)));
    }
    published.push_str(&serde_json::to_string(&stage.entries().await).unwrap());
    // Everything in what is published that could be a salt.
    let words: Vec<&str> = published.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').collect();
    let salts: std::collections::BTreeSet<&str> = words.iter().copied().filter(|word| word.len() == 22).collect();
    let payload = &submission["payload"];
    let card = &payload["card"];
    let hidden =
        [("number", &card["number"]), ("name", &payload["customer"]["name"]), ("email", &payload["customer"]["email"])];
    for (name, value) in hidden {
        let text = value.as_str().unwrap();
        assert!(!published.contains(text), "{name} is published");
        let mut guesses: Vec<Vec<u8>> = vec![
            text.as_bytes().to_vec(),
            canonical::to_bytes(value).unwrap(),
            canonical::to_bytes(&json!({ name: value })).unwrap(),
            canonical::to_bytes(payload).unwrap(),
            canonical::to_bytes(card).unwrap(),
            serde_json::to_vec(&submission).unwrap(),
        ];
        for salt in &salts {
            for guess in [json!([salt, name, value]), json!([salt, value])] {
                let bytes = canonical::to_bytes(&guess).unwrap();
                guesses.push(Base64UrlUnpadded::encode_string(&bytes).into_bytes());
                guesses.push(bytes);
            }
        }
        for guess in guesses {
            let digest = Digest::of(&guess);
            let spellings = [
                digest.to_hex(),
                Base64UrlUnpadded::encode_string(digest.as_bytes()),
                Base64::encode_string(digest.as_bytes()),
            ];
            assert!(spellings.iter().all(|spelling| !published.contains(spelling.as_str())), "{name} can be guessed");
        }
    }
    assert!(salts.len() >= 2, "nothing was tried: {salts:?}");
}
