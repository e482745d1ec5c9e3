//! The JSON Schemas of the documents that other people write, kept current by a test.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Contract;
use crate::handoff::Submission;

const ADDRESS: &str = "https://seamark.dev/schema";

fn schema_of<T: schemars::JsonSchema>(file: &str, title: &str) -> String {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut schema = Value::from(schema);
    if let Some(members) = schema.as_object_mut() {
        members.insert("$id".to_owned(), Value::String(format!("{ADDRESS}/{file}")));
        members.insert("title".to_owned(), Value::String(title.to_owned()));
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// JSON Schema 2020-12 of a contract document, as `contracts/schema/contract.v1.json` has it.
#[must_use]
pub fn contract_schema() -> String {
    schema_of::<Contract>("contract.v1.json", "Seamark contract, version 1")
}

/// JSON Schema 2020-12 of a submitted handoff, as `contracts/schema/submission.v1.json` has it.
#[must_use]
pub fn submission_schema() -> String {
    schema_of::<Submission>("submission.v1.json", "Seamark handoff as submitted, version 1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn generated_schemas_are_current() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        for (file, text) in [("contract.v1.json", contract_schema()), ("submission.v1.json", submission_schema())] {
            let path = folder.join(file);
            if std::env::var_os("SEAMARK_GEN").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == text, "{} is not current; run cargo xtask gen", path.display());
        }
    }

    #[test]
    fn the_samples_fit_the_schemas() {
        let validator = |text: &str| jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap();
        let (contracts, submissions) = (validator(&contract_schema()), validator(&submission_schema()));
        for sample in samples::ALL {
            let contract = super::super::parse(sample.contract.as_bytes()).unwrap().contract;
            let value = serde_json::to_value(&contract).unwrap();
            let faults: Vec<String> = contracts.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(faults.is_empty(), "{}: {faults:?}", sample.name);
            for (file, text) in
                sample.examples.iter().filter(|(file, _)| contract.examples.accepted.iter().any(|one| one == file))
            {
                let value: Value = serde_json::from_str(text).unwrap();
                let faults: Vec<String> = submissions.iter_errors(&value).map(|error| error.to_string()).collect();
                assert!(faults.is_empty(), "{} {file}: {faults:?}", sample.name);
            }
        }
        let closed = serde_json::json!({ "seamark": "contract/v1", "name": "a.b", "surprise": true });
        assert!(!contracts.is_valid(&closed) && !submissions.is_valid(&closed));
    }
}
