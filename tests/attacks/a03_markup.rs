//! A3: markup, links and terminal codes in texts, up to the report that an auditor opens in a browser.

use seamark_ledger::bundle::{ReportFrame, html_report};
use seamark_ledger::verify::{Verdict, check_bundle};
use serde_json::json;

use crate::stage::Stage;

const HOSTILE: [&str; 4] = [
    "<script>fetch('//evil.example')</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "\u{1b}[2J\u{1b}]0;approved\u{7}",
    "</td></tr></table><base href=//evil.example><style>*{display:none}</style>",
];

#[tokio::test]
async fn attack_a3_no_text_of_an_agent_is_markup_in_the_report_of_what_it_led_to() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    for hostile in HOSTILE {
        let mut submission = stage.submission("returned-goods");
        submission["intent"]["text"] = json!(hostile);
        submission["narrative"] = json!({ "text": hostile });
        submission["constraints"][0]["text"] = json!(hostile);
        submission["taskState"]["completed"][0]["title"] = json!(hostile);
        // A text that is refused at the door hurts nobody either.
        let answer = stage.post("/v1/handoffs", &key, &submission).await;
        if answer.status != 201 {
            assert_eq!(answer.code(), "invalid-handoff", "{answer:?}");
            continue;
        }
        let review = serde_json::from_value::<seamark_contracts::api::agent::HandoffAnswer>(answer.body)
            .unwrap()
            .review_id
            .unwrap();
        ana.approve(&stage, review).await;
        let found = check_bundle(&stage.bundle(&ana, review).await, &stage.pinned());
        assert_ne!(found.verdict(), Verdict::Fail, "{:#?}", found.report);
        let frame = ReportFrame {
            as_of: stage.now(),
            root_keyid: stage.trust.root_keyid.clone(),
            ledger_origin: stage.trust.ledger_origin.clone(),
            manifest: None,
        };
        let page = html_report(&found, &frame);
        for tag in ["<script", "<img", "<base", "onerror=alert(1)>", "\u{1b}", "\u{7}", "<a href=\"javascript"] {
            assert!(!page.contains(tag), "{tag:?} is in the report");
        }
        assert_eq!(page.matches("<style").count(), 1, "no style but the report's own");
    }
}
