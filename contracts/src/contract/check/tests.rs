use super::*;
use crate::handoff::Tier;
use crate::samples;

/// The samples as files, each in its folder.
fn sample_files() -> Vec<SourceFile> {
    let file = |path: String, text: &str| SourceFile { path, bytes: text.as_bytes().to_vec() };
    let of = |sample: samples::Sample| {
        let contract = file(format!("{}/contract.yaml", sample.name), sample.contract);
        let examples = sample.examples.iter().map(move |(path, text)| file(format!("{}/{path}", sample.name), text));
        std::iter::once(contract).chain(examples).collect::<Vec<_>>()
    };
    samples::ALL.into_iter().flat_map(of).collect()
}

#[test]
fn every_sample_passes_its_own_examples() {
    let files = sample_files();
    let checked = check_files(&files);
    assert_eq!(checked.len(), 6);
    for contract in &checked {
        assert!(contract.findings.is_empty(), "{:?}", contract.findings);
    }
    let results = test_files(&checked, &files);
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.passed)
        .map(|result| format!("{}: {} but {} {:#?}", result.file, result.expected, result.detail, result.violations))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let n_examples: usize = samples::ALL.iter().map(|sample| sample.examples.len()).sum();
    assert_eq!(results.len(), n_examples, "every example file is named by its contract");
}

#[test]
fn the_samples_gate_as_they_say() {
    let files = sample_files();
    let results = test_files(&check_files(&files), &files);
    let gate = |file: &str| {
        let result = results.iter().find(|result| result.file == file).unwrap_or_else(|| panic!("{file}"));
        let gate = result.gate.clone().unwrap_or_else(|| panic!("{file}: {}", result.detail));
        let failed: Vec<String> =
            gate.reasons.iter().filter_map(|reason| reason.strip_prefix("watch.")).map(str::to_owned).collect();
        assert!(
            !gate.reasons.iter().any(|reason| reason.ends_with("broken") || reason.contains("mismatch")),
            "{gate:?}"
        );
        (gate.required, gate.tier, failed.join(" "))
    };
    let cases: &[(&str, bool, Tier, &str)] = &[
        ("refund.issue/examples/small-passes.json", false, Tier::T1, ""),
        ("refund.issue/examples/returned-goods.json", true, Tier::T1, ""),
        ("refund.issue/examples/partial-refund.json", true, Tier::T2, ""),
        ("refund.issue/examples/other-card.json", true, Tier::T3, "card-paid-with"),
        ("refund.issue/examples/look-alike-card.json", true, Tier::T3, "card-paid-with card-is-no-look-alike"),
        ("offer.send/examples/within-budget.json", true, Tier::T1, ""),
        ("offer.send/examples/over-budget.json", true, Tier::T3, "within-budget signatory-authority standard-terms"),
        ("offer.send/examples/look-alike-domain.json", true, Tier::T3, "address-of-the-counterparty"),
        ("article.publish/examples/cleared.json", true, Tier::T1, ""),
        ("article.publish/examples/before-embargo.json", true, Tier::T3, "embargo-passed"),
        (
            "article.publish/examples/one-source.json",
            true,
            Tier::T3,
            "legal-review-done sources-cited not-only-anonymous facts-confirmed",
        ),
        ("booking.change/examples/cancel-business.json", true, Tier::T2, ""),
        ("booking.change/examples/book-one-way.json", true, Tier::T1, ""),
        ("booking.change/examples/cancel-basic-economy.json", true, Tier::T3, "cancellation-allowed"),
        ("booking.change/examples/odd-arguments.json", true, Tier::T2, "reservation-looked-up everything-understood"),
        ("compensation.grant/examples/gold-delayed.json", true, Tier::T1, ""),
        ("compensation.grant/examples/not-eligible.json", true, Tier::T3, "amount-as-policy customer-eligible"),
        ("human.transfer/examples/name-change.json", true, Tier::T1, ""),
        (
            "human.transfer/examples/nothing-tried.json",
            true,
            Tier::T2,
            "summary-given something-looked-up customer-known",
        ),
    ];
    for (file, required, tier, failed) in cases {
        assert_eq!(gate(file), (*required, *tier, (*failed).to_owned()), "{file}");
    }
}

#[test]
fn what_an_example_shows_is_compared_with_what_the_contract_says() {
    let mut files = sample_files();
    let checked = check_files(&files);
    let swap = |files: &mut Vec<SourceFile>, from: &str, to: &str| {
        let bytes = files.iter().find(|file| file.path == from).unwrap().bytes.clone();
        files.iter_mut().find(|file| file.path == to).unwrap().bytes = bytes;
    };
    swap(&mut files, "refund.issue/examples/no-amount.json", "refund.issue/examples/returned-goods.json");
    swap(&mut files, "refund.issue/examples/partial-refund.json", "refund.issue/examples/unknown-currency.json");
    swap(&mut files, "refund.issue/examples/no-amount.json", "refund.issue/examples/other-order.json");
    let results = test_files(&checked, &files);
    let failed: Vec<&str> = results.iter().filter(|result| !result.passed).map(|result| result.file.as_str()).collect();
    assert_eq!(
        failed,
        [
            "refund.issue/examples/returned-goods.json",
            "refund.issue/examples/unknown-currency.json",
            "refund.issue/examples/other-order.json",
        ]
    );
}

#[test]
fn a_missing_example_and_a_version_that_stands_twice_are_findings() {
    let mut files = sample_files();
    files.retain(|file| file.path != "offer.send/examples/no-term.json");
    let copy = files.iter().find(|file| file.path == "refund.issue/contract.yaml").unwrap().bytes.clone();
    files.push(SourceFile { path: "copy/contract.yaml".to_owned(), bytes: copy });
    let checked = check_files(&files);
    let codes = |file: &str| {
        let contract = checked.iter().find(|contract| contract.file == file).unwrap();
        contract
            .findings
            .iter()
            .map(|finding| (finding.code, finding.path.clone(), finding.line.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(codes("offer.send/contract.yaml"), [("examples", "/examples/refused/2/file".to_owned(), true)]);
    assert!(codes("copy/contract.yaml").contains(&("duplicate", "/version".to_owned(), true)));
    assert_eq!(codes("refund.issue/contract.yaml"), []);
}

#[test]
fn a_file_that_cannot_be_read_is_one_finding_with_file_and_line() {
    let files = [SourceFile { path: "x/contract.yml".to_owned(), bytes: b"a: 1\na: 2\n".to_vec() }];
    let checked = check_files(&files);
    let text = checked[0].findings[0].to_string();
    assert!(text.starts_with("x/contract.yml:2: error at the document: "), "{text}");
    assert!(check_files(&[SourceFile { path: "notes.yaml".to_owned(), bytes: Vec::new() }]).is_empty());
}
