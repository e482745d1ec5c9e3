use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::clock::SeededChance;

fn planned(path: &str, kind: MaskKind) -> PlannedMask {
    PlannedMask { path: path.to_owned(), kind }
}

struct Sample {
    raw: Value,
    masked: Value,
    masks: Vec<Mask>,
    disclosures: Vec<String>,
}

fn sample() -> Sample {
    let raw = json!({
        "_sd_alg": "sha-256",
        "payload": {"amount": "12.00", "card": {"number": "4111111111114242", "name": "Anna Berg"}, "tags": ["a", "hidden tag", "c"]},
        "intent": {"text": "Anna Berg wants 12.00 back on 4111 1111 1111 4242", "nonce": "n"}
    });
    let plan = [
        planned("/payload/card/number", MaskKind::PanBin6Last4),
        planned("/payload/card/name", MaskKind::Full),
        planned("/payload/tags/1", MaskKind::Last4),
        planned("/intent/text", MaskKind::Scrub),
    ];
    let mut masked = raw.clone();
    let (masks, disclosures) = hide(&mut masked, &plan, &SeededChance::new(7)).unwrap();
    Sample { raw, masked, masks, disclosures }
}

#[test]
fn the_digest_of_a_disclosure_is_the_one_of_rfc_9901() {
    // Source: the examples of RFC 9901 §4.2.
    for (disclosure, digest) in [
        (
            "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
        ),
        ("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0", "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"),
        ("WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0", "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"),
    ] {
        assert_eq!(disclosure_digest(disclosure), digest);
    }
}

#[test]
fn hidden_fields_leave_digests_and_masks() {
    let Sample { masked, masks, disclosures, .. } = sample();
    let text = masked.to_string();
    for secret in ["4111111111114242", "Anna", "hidden tag", "name", "number"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let shown: Vec<(&str, Option<&str>)> =
        masks.iter().map(|mask| (mask.path.as_str(), mask.shown.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("/intent/text", Some("••• wants 12.00 back on •••")),
            ("/payload/card/name", Some("•••")),
            ("/payload/card/number", Some("411111••••••4242")),
            ("/payload/tags/1", Some("•••••• tag")),
        ]
    );
    assert_eq!(disclosures.len(), 4);
    assert_eq!(masked["payload"]["card"]["_sd"].as_array().unwrap().len(), 2);
    assert!(masked["payload"]["card"]["_sd"].as_array().unwrap().is_sorted_by_key(|digest| digest.as_str()));
    assert_eq!(masked["payload"]["tags"][0], "a");
    assert!(masked["payload"]["tags"][1]["..."].is_string());
}

#[test]
fn the_document_is_put_together_again_and_its_masks_hold() {
    let Sample { raw, masked, masks, disclosures } = sample();
    let again = reconstruct(&masked, &disclosures).unwrap();
    assert_eq!(again, raw);
    assert_eq!(check_masks(&masked, &masks, &again), Ok(()));
    let reversed: Vec<String> = disclosures.into_iter().rev().collect();
    assert_eq!(reconstruct(&masked, &reversed), Ok(raw));
}

/// Attack A8: each mutation of a mask is found.
#[test]
fn lying_masks_are_found() {
    let Sample { raw, masked, masks, disclosures } = sample();
    let check = |change: &dyn Fn(&mut Vec<Mask>)| {
        let mut changed = masks.clone();
        change(&mut changed);
        check_masks(&masked, &changed, &raw).map_err(|error| error.code())
    };
    assert_eq!(check(&|masks| masks[2].shown = Some("411111••••••0000".to_owned())), Err("mask-lies"));
    assert_eq!(check(&|masks| masks[1].shown = Some("••••".to_owned())), Err("mask-lies"));
    assert_eq!(check(&|masks| masks[1].shown = None), Err("mask-lies"));
    assert_eq!(check(&|masks| masks[2].kind = MaskKind::Last4), Err("mask-lies"));
    assert_eq!(check(&|masks| masks[1].kind = MaskKind::PanBin6Last4), Err("mask-lies"));
    assert_eq!(check(&|masks| masks[1].kind = MaskKind::Clear), Err("mask-lies"));
    assert_eq!(check(&|masks| masks[0].shown = Some("give it all back".to_owned())), Err("mask-lies"));
    assert_eq!(check(&|masks| drop(masks.remove(3))), Err("undeclared-disclosure"));
    assert_eq!(check(&|masks| drop(masks.remove(2))), Err("mask-lies"));
    assert_eq!(check(&|masks| masks.swap(1, 2)), Err("mask-order"));
    assert_eq!(check(&|masks| masks.insert(1, masks[1].clone())), Err("mask-order"));
    let extra = |path: &str| Mask { path: path.to_owned(), kind: MaskKind::Full, shown: Some("•••".to_owned()) };
    assert_eq!(check(&|masks| masks.insert(1, extra("/payload/amount"))), Err("mask-lies"));
    assert_eq!(check(&|masks| masks.insert(1, extra("/payload/card"))), Err("mask-order"));
    assert_eq!(check(&|masks| masks.insert(1, extra("/payload/absent"))), Err("undisclosed"));
    // A disclosure that is kept back, member and element.
    for (index, path) in [(1, "/payload/card/name"), (3, "/payload/tags/1")] {
        let mut fewer = disclosures.clone();
        fewer.remove(index);
        let part = reconstruct(&masked, &fewer).unwrap();
        let error = check_masks(&masked, &masks, &part).unwrap_err();
        assert_eq!(error, MaskError::Undisclosed { path: path.to_owned() });
    }
    // An element that stays hidden and has no mask either.
    let mut fewer = disclosures;
    fewer.remove(3);
    let part = reconstruct(&masked, &fewer).unwrap();
    assert_eq!(check_masks(&masked, &masks[..3], &part).map_err(|error| error.code()), Err("undisclosed"));
}

fn disclosure(parts: &Value) -> String {
    Base64UrlUnpadded::encode_string(&canonical::to_bytes(parts).unwrap())
}

#[test]
fn disclosures_that_do_not_belong_are_refused() {
    let Sample { masked, disclosures, .. } = sample();
    let with = |more: &str| {
        let all: Vec<String> = disclosures.iter().cloned().chain([more.to_owned()]).collect();
        reconstruct(&masked, &all)
    };
    let salt = "AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(with(&disclosures[0]), Err(RevealError::Salt { index: 4 }));
    assert_eq!(with(&disclosure(&json!([salt, "x", 1]))), Err(RevealError::Unreferenced { index: 4 }));
    assert_eq!(with(&disclosure(&json!([salt, 1]))), Err(RevealError::Unreferenced { index: 4 }));
    assert_eq!(with(&disclosure(&json!(["short", "x", 1]))), Err(RevealError::Salt { index: 4 }));
    for bad in [
        json!([]),
        json!([salt]),
        json!([salt, "a", 1, 2]),
        json!({}),
        json!([1, 2]),
        json!([salt, 1, 2]),
        json!([salt, "_sd", []]),
        json!([salt, "x", {"...": "d"}]),
        json!([salt, {"_sd": []}]),
    ] {
        assert_eq!(with(&disclosure(&bad)), Err(RevealError::Disclosure { index: 4 }), "{bad}");
    }
    for bad in ["", "=", "WyJhIl0=", "not base64!"] {
        assert_eq!(with(bad), Err(RevealError::Disclosure { index: 4 }), "{bad}");
    }
}

#[test]
fn documents_that_contradict_their_disclosures_are_refused() {
    let one = disclosure(&json!(["AAAAAAAAAAAAAAAAAAAAAA", "a", 1]));
    let element = disclosure(&json!(["AAAAAAAAAAAAAAAAAAAAAQ", 1]));
    let [member_digest, element_digest] = [&one, &element].map(|disclosure| disclosure_digest(disclosure));
    let check = |payload: Value, disclosures: &[&String]| {
        let disclosures: Vec<String> = disclosures.iter().map(|one| (*one).clone()).collect();
        reconstruct(&json!({"_sd_alg": "sha-256", "payload": payload}), &disclosures)
    };
    let at = |path: &str| path.to_owned();
    assert!(check(json!({"_sd": [member_digest]}), &[&one]).is_ok());
    assert_eq!(
        check(json!({"a": 2, "_sd": [member_digest]}), &[&one]),
        Err(RevealError::Collision { path: at("/payload/a") })
    );
    assert_eq!(check(json!({"_sd": [element_digest]}), &[&element]), Err(RevealError::Shape { path: at("/payload") }));
    assert_eq!(
        check(json!({"x": [{"...": member_digest}]}), &[&one]),
        Err(RevealError::Shape { path: at("/payload/x/0") })
    );
    assert_eq!(
        check(json!({"x": {"_sd": [member_digest]}, "_sd": [member_digest]}), &[&one]),
        Err(RevealError::Repeated { path: at("/payload") })
    );
    assert_eq!(
        check(json!({"_sd": [member_digest, member_digest]}), &[&one]),
        Err(RevealError::Repeated { path: at("/payload") })
    );
    for bad in [json!([]), json!("x"), json!(["short"]), json!([1])] {
        assert_eq!(check(json!({"_sd": bad}), &[]), Err(RevealError::Digests { path: at("/payload") }));
    }
    assert_eq!(
        check(json!({"x": {"...": element_digest}}), &[&element]),
        Err(RevealError::Shape { path: at("/payload/x") })
    );
    assert_eq!(check(json!({"_sd_alg": "sha-256"}), &[]), Err(RevealError::Shape { path: at("/payload") }));
    assert_eq!(reconstruct(&json!({"_sd_alg": "md5"}), &[]), Err(RevealError::Algorithm));
    assert_eq!(reconstruct(&json!({"_sd": [member_digest]}), &[one]), Err(RevealError::Shape { path: at("") }));
}

#[test]
fn a_decoy_hides_nothing() {
    let Sample { raw, mut masked, masks, disclosures } = sample();
    let digests = masked.pointer_mut("/payload/card/_sd").unwrap().as_array_mut().unwrap();
    digests.push(json!(disclosure_digest("decoy")));
    digests.sort_by_key(|digest| digest.as_str().unwrap().to_owned());
    assert_eq!(reconstruct(&masked, &disclosures), Ok(raw.clone()));
    assert_eq!(check_masks(&masked, &masks, &raw), Ok(()));
}

#[test]
fn only_fields_below_a_maskable_root_can_be_hidden() {
    let raw = json!({"payload": {"a": {"b": 1}}, "gate": {"required": true}});
    let hide_at = |paths: &[&str]| {
        let plan: Vec<PlannedMask> = paths.iter().map(|path| planned(path, MaskKind::Full)).collect();
        hide(&mut raw.clone(), &plan, &SeededChance::new(1)).map(|(masks, _)| masks.len())
    };
    for path in ["", "/payload", "/gate/required", "/payload/none", "/payload/a/b/c", "/payloadx"] {
        assert!(matches!(hide_at(&[path]), Err(HideError::NoSuchField { .. })), "{path}");
    }
    assert!(matches!(hide_at(&["/payload/a", "/payload/a/b"]), Err(HideError::Overlap { .. })));
    assert!(matches!(hide_at(&["/payload/a", "/payload/a"]), Err(HideError::Overlap { .. })));
    assert!(matches!(
        hide(&mut raw.clone(), &[planned("/payload/a", MaskKind::PanBin6Last4)], &SeededChance::new(1)),
        Err(HideError::Pan { .. })
    ));
}

#[test]
fn reserved_names_are_found_at_any_depth() {
    assert_eq!(
        find_reserved_name(&json!({"a": [{"b": {"_sd": 1}}]}), "/payload"),
        Some("/payload/a/0/b/_sd".to_owned())
    );
    assert_eq!(find_reserved_name(&json!({"a": {"...": 1}}), ""), Some("/a/...".to_owned()));
    assert_eq!(find_reserved_name(&json!({"_sd_alg": 1}), ""), Some("/_sd_alg".to_owned()));
    assert_eq!(find_reserved_name(&json!({"sd": "_sd"}), ""), None);
}

/// JSON of the profile, without reserved names.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        "[a-zA-Z0-9äß漢 @./-]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z~/é]{1,6}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every place below the root, by `choose`, none within another.
fn choose_places(value: &Value, at: &str, choose: &mut impl FnMut() -> Option<MaskKind>, plan: &mut Vec<PlannedMask>) {
    let mut visit = |path: String, child: &Value| match choose() {
        Some(kind) => plan.push(PlannedMask { path, kind }),
        None => choose_places(child, &path, choose, plan),
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| visit(pointer::member(at, name), member)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, element)| visit(pointer::element(at, index), element))
        }
        _ => {}
    }
}

fn has_empty_element(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().any(has_empty_element),
        Value::Array(elements) => elements.iter().any(|element| *element == json!({}) || has_empty_element(element)),
        _ => false,
    }
}

/// What another implementation of RFC 9901 makes of a document and all of its disclosures.
fn put_together_by_another(masked: &Value, disclosures: &[String]) -> Option<Value> {
    use sd_jwt_payload::{Hasher as _, SdJwt, Sha256Hasher};
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let jwt = format!("{}.{}.AAAA", part(&json!({"alg": "EdDSA"})), part(masked));
    let presented = SdJwt::parse(&format!("{jwt}~{}~", disclosures.join("~"))).ok();
    // With no disclosures there is one empty segment too many.
    let presented = presented.or_else(|| SdJwt::parse(&format!("{jwt}~")).ok())?;
    let hasher = Sha256Hasher::new();
    assert!(disclosures.iter().all(|disclosure| hasher.encoded_digest(disclosure) == disclosure_digest(disclosure)));
    let mut whole = presented.into_disclosed_object(&hasher).ok()?;
    // It takes the algorithm's name out, and leaves what became empty as it was.
    whole.insert("_sd_alg".to_owned(), json!("sha-256"));
    Some(Value::Object(whole))
}

proptest! {
    /// Whatever is hidden comes back, and its masks hold.
    #[test]
    fn hide_and_reconstruct_are_inverse(payload in any_json(), intent in any_json(), choices in prop::collection::vec(0..12_usize, 60), seed in any::<u64>()) {
        let raw = json!({"_sd_alg": "sha-256", "payload": {"p": payload}, "intent": {"i": intent}});
        let kinds = [MaskKind::Full, MaskKind::Last4, MaskKind::EmailDomain, MaskKind::DateYear, MaskKind::Scrub, MaskKind::Clear];
        let mut choices = choices.into_iter().cycle();
        let mut choose = || kinds.get(choices.next().unwrap()).copied();
        let mut plan = Vec::new();
        choose_places(&raw["payload"], "/payload", &mut choose, &mut plan);
        choose_places(&raw["intent"], "/intent", &mut choose, &mut plan);
        let mut masked = raw.clone();
        let (masks, disclosures) = hide(&mut masked, &plan, &SeededChance::new(seed)).unwrap();
        let again = reconstruct(&masked, &disclosures).unwrap();
        prop_assert_eq!(&again, &raw);
        prop_assert_eq!(check_masks(&masked, &masks, &again), Ok(()));
        // The oracle forgets empty objects within arrays.
        if !has_empty_element(&raw) {
            prop_assert_eq!(put_together_by_another(&masked, &disclosures), Some(raw.clone()));
        }
        // Each changed mask is found.
        for index in 0..masks.len() {
            let mut lying = masks.clone();
            lying[index].shown = Some(format!("{}x", lying[index].shown.clone().unwrap_or_default()));
            prop_assert!(check_masks(&masked, &lying, &again).is_err());
        }
        for index in 0..disclosures.len() {
            let mut fewer = disclosures.clone();
            fewer.remove(index);
            let part = reconstruct(&masked, &fewer).unwrap();
            prop_assert!(check_masks(&masked, &masks, &part).is_err());
        }
    }
}
