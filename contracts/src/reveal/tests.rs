use serde_json::json;

use super::*;
use crate::admission::Admitted;
use crate::admission::tests::{admitted, submission};
use crate::mask::{FieldError, digests_at, find_disclosure, open_field};

/// The contract of the other tests, with fields that may be read.
fn contract(fields: &str) -> CompiledContract {
    let text = include_str!("../admission/tests/contract.yaml");
    let reveal = format!("  on_expiry: escalate\n  reveal: {{ roles: [compliance], fields: [{fields}] }}\n");
    let text = text.replace("  on_expiry: escalate\n", &reveal);
    CompiledContract::from_document(text.as_bytes()).unwrap()
}

fn handoff() -> Admitted {
    admitted(&submission())
}

fn findings(fields: &str) -> Vec<String> {
    let text = include_str!("../admission/tests/contract.yaml");
    let reveal = format!("  on_expiry: escalate\n  reveal: {{ roles: [compliance], fields: [{fields}] }}\n");
    let compiled = CompiledContract::from_document(text.replace("  on_expiry: escalate\n", &reveal).as_bytes());
    compiled.err().into_iter().flatten().map(|finding| finding.code.to_owned()).collect()
}

#[test]
fn only_fields_that_the_contract_names_can_be_revealed() {
    let admitted = handoff();
    let contract = contract(
        "/payload/customer/email, /payload/card/number, /payload/aliases/0, /toolOutputs/order_lookup/paid_with",
    );
    let paths: Vec<&str> =
        list_revealable(&contract, &admitted.predicate).iter().map(|mask| mask.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/payload/aliases/0",
            "/payload/card/number",
            "/payload/customer/email",
            "/toolOutputs/0/result/structuredContent/paid_with",
        ]
    );
    for path in [
        "/payload/customer/name",
        "/payload/customer/remark",
        "/payload/customer",
        "/payload/customer/email/x",
        "/payload/aliases/1",
        "/payload/nothing",
        "/intent/text",
        "/intent/nonce",
        "/toolOutputs/0/result/structuredContent/loyalty",
        "/toolOutputs/1/result",
        "",
    ] {
        assert!(find_revealable(&contract, &admitted.predicate, path).is_none(), "{path}");
    }
    let silent = crate::admission::tests::contract();
    assert!(list_revealable(&silent, &admitted.predicate).is_empty(), "without a word nothing is revealed");
    assert!(may_reveal(&contract, &["compliance".to_owned()]) && !may_reveal(&contract, &["reviewer".to_owned()]));
    assert!(!may_reveal(&silent, &["compliance".to_owned()]));
}

#[test]
fn a_contract_cannot_let_read_what_is_not_hidden_by_itself() {
    assert_eq!(findings("/payload/customer/email"), [] as [&str; 0]);
    assert_eq!(findings("/payload/order_id"), ["reveal"]);
    assert_eq!(findings("/payload/customer/remark"), ["reveal"], "a scrubbed text holds values of other fields");
    assert_eq!(findings("/payload/customer/tier"), ["reveal"], "clear hides nothing");
    assert_eq!(findings("/payload/customer/mail"), ["unknown-field"]);
    assert_eq!(findings(""), ["reveal"]);
}

#[test]
fn a_disclosure_is_believed_only_at_its_signed_place_with_its_mask() {
    let Admitted { predicate, disclosures, .. } = handoff();
    let signed = serde_json::to_value(&predicate).unwrap();
    let mask = |path: &str| predicate.masks.iter().find(|mask| mask.path == path).unwrap();
    let email = mask("/payload/customer/email");
    let (disclosure, digest) = find_disclosure(&signed, &email.path, &disclosures).unwrap();
    let opened = open_field(&signed, email, disclosure).ok().unwrap();
    assert_eq!((opened.value, &opened.digest), (json!("anna.berg@example.com"), &digest));
    assert!(digests_at(&signed, &email.path).contains(&digest.as_str()));
    let fault = |mask: &Mask, disclosure: &str| open_field(&signed, mask, disclosure).err();
    let at = |path: &str| path.to_owned();
    let (name, _) = find_disclosure(&signed, "/payload/customer/name", &disclosures).unwrap();
    assert_eq!(fault(email, name), Some(FieldError::OtherMember { path: at("/payload/customer/email") }));
    let number = mask("/payload/card/number");
    assert_eq!(fault(number, disclosure), Some(FieldError::OtherMember { path: at("/payload/card/number") }));
    let forged = {
        use base64ct::{Base64UrlUnpadded, Encoding as _};
        Base64UrlUnpadded::encode_string(br#"["AAAAAAAAAAAAAAAAAAAAAA","email","anna.b@example.com"]"#)
    };
    assert_eq!(fault(email, &forged), Some(FieldError::NotSigned { path: at("/payload/customer/email") }));
    let lying = Mask { shown: Some("b•••@example.com".to_owned()), ..email.clone() };
    assert_eq!(fault(&lying, disclosure), Some(FieldError::MaskLies { path: at("/payload/customer/email") }));
    assert!(matches!(fault(email, "not a disclosure"), Some(FieldError::Disclosure(_))));
    let alias = mask("/payload/aliases/1");
    let (element, _) = find_disclosure(&signed, &alias.path, &disclosures).unwrap();
    assert_eq!(open_field(&signed, alias, element).ok().unwrap().value, json!("AB-canary"));
    let remark = mask("/payload/customer/remark");
    let (scrubbed, _) = find_disclosure(&signed, &remark.path, &disclosures).unwrap();
    assert!(
        matches!(fault(remark, scrubbed), Some(FieldError::MaskLies { .. })),
        "cannot be recomputed from one value"
    );
    assert!(digests_at(&signed, "/masks/0").is_empty() && digests_at(&signed, "").is_empty());
}

#[test]
fn a_purpose_is_of_the_list_and_short() {
    let check = |code, text: &str| Purpose { code, text: text.to_owned() }.check();
    assert_eq!(check(PurposeCode::ContactPerson, ""), Ok(()));
    assert_eq!(check(PurposeCode::Other, "ab"), Err(PurposeError::Missing));
    assert_eq!(check(PurposeCode::Other, "   "), Err(PurposeError::Missing));
    assert_eq!(check(PurposeCode::Other, "an audit"), Ok(()));
    assert_eq!(check(PurposeCode::ContactPerson, &"x".repeat(201)), Err(PurposeError::TooLong));
    assert_eq!(check(PurposeCode::ContactPerson, "two\nlines"), Err(PurposeError::Unusual));
    assert_eq!(check(PurposeCode::ContactPerson, "back\u{202e}wards"), Err(PurposeError::Unusual));
    for code in PurposeCode::ALL {
        assert!(!code.words().is_empty());
    }
    assert!(serde_json::from_value::<Purpose>(json!({"code": "curious", "text": ""})).is_err());
}
