//! Documents within documents: how the schemas say what the bytes of an envelope or the text of a member hold.
//!
//! The fields themselves keep what was received ([`serde_json::Value`] or a text), because signatures cover bytes. These
//! types are named by `#[schemars(with = ...)]` and never made. Source: FORMATS.md §3.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::contract::Contract;
use crate::view::View;

/// One signature of an envelope.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// A hint: which key signed.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub keyid: Option<String>,
    /// Ed25519, 64 bytes, base64 with padding.
    #[schemars(extend("contentEncoding" = "base64"))]
    pub sig: String,
}

/// A reference to a component that another crate describes.
fn component(generator: &SchemaGenerator, name: &str) -> Value {
    let path = generator.settings().definitions_path.trim_start_matches('#').trim_end_matches('/');
    json!({ "$ref": format!("#{path}/{name}") })
}

macro_rules! envelopes {
    ($($(#[$doc:meta])* $name:ident of $statement:literal: $says:literal),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn schema_id() -> Cow<'static, str> {
                    concat!(module_path!(), "::", stringify!($name)).into()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    let statement = component(generator, $statement);
                    let signature = generator.subschema_for::<EnvelopeSignature>();
                    json_schema!({
                        "description": $says,
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["payload", "payloadType", "signatures"],
                        "properties": {
                            "payload": {
                                "description": "The statement's bytes, base64 with padding.",
                                "type": "string",
                                "contentEncoding": "base64",
                                "contentMediaType": "application/vnd.in-toto+json",
                                "contentSchema": statement,
                            },
                            "payloadType": { "const": "application/vnd.in-toto+json" },
                            "signatures": { "type": "array", "minItems": 1, "maxItems": 16, "items": signature },
                        },
                    })
                }
            }
        )+
    };
}

envelopes! {
    /// Around a handoff statement.
    HandoffEnvelope of "HandoffStatement": "DSSE envelope (FORMATS.md, section 3) of a handoff statement (section 5), signed by the gateway.",
    /// Around a decision statement.
    DecisionEnvelope of "DecisionStatement": "DSSE envelope of a decision statement (section 6), signed on a person's device.",
    /// Around an outcome statement.
    OutcomeEnvelope of "OutcomeStatement": "DSSE envelope of an outcome statement (section 7), signed by the gateway.",
    /// Around an execution statement.
    ExecutionEnvelope of "ExecutionStatement": "DSSE envelope of an execution statement (section 8), signed by the destination.",
    /// Around a directory statement.
    DirectoryEnvelope of "DirectoryStatement": "DSSE envelope of a directory statement (section 8), signed by the pinned root key.",
}

/// A text that holds a document.
fn text_of(schema: &Value, media_type: &str, max_length: Option<usize>) -> Schema {
    let mut text = json!({ "type": "string", "contentMediaType": media_type, "contentSchema": schema });
    if let (Some(max_length), Some(members)) = (max_length, text.as_object_mut()) {
        members.insert("maxLength".to_owned(), json!(max_length));
    }
    Schema::try_from(text).unwrap_or_default()
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $make:expr),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    let make: fn(&mut SchemaGenerator) -> Schema = $make;
                    make(generator)
                }
            }
        )+
    };
}

texts! {
    /// Canonical bytes of a view.
    ViewText = |generator| {
        let view = generator.subschema_for::<View>().to_value();
        text_of(&view, "application/json", Some(1024 * 1024))
    },
    /// Canonical bytes of a ledger entry.
    EntryText = |generator| text_of(&component(generator, "Entry"), "application/json", Some(8 * 1024)),
    /// Canonical bytes of the body of a ledger entry.
    BodyText = |_| text_of(&json!({ "type": "object" }), "application/json", Some(8 * 1024)),
    /// A directory statement that nobody has signed yet.
    ProposedDirectory = |generator| Schema::try_from(component(generator, "DirectoryStatement")).unwrap_or_default(),
    /// Canonical bytes of a contract.
    ContractText = |generator| {
        let contract = generator.subschema_for::<Contract>().to_value();
        text_of(&contract, "application/json", None)
    },
}
