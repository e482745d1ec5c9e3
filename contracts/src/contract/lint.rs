//! Says what is wrong with a contract before anybody relies on it: where, why, and how to mend it.
//!
//! A contract with an error cannot be published. A warning is something that works and is probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};

use super::compiled::{Templates, errors_of};
use super::{Contract, Finding, period};
use crate::gate::Conditions;
use crate::handoff::MaskKind;
use crate::id::is_name;
use crate::pointer;
use crate::schema::{PayloadSchema, Shape};

mod human;
mod rules;
#[cfg(test)]
mod tests;

/// The only format that is read.
pub const FORMAT: &str = "contract/v1";
/// Shortest and longest time that a review may stay open.
/// Six months of 30 days: what regulation asks at least of records about decisions.
const MIN_RETENTION_DAYS: i64 = 180;
const DEADLINE_MS: std::ops::RangeInclusive<i64> = 60_000..=30 * 86_400_000;

/// What came out of the checks, ready for use.
pub(super) struct Parts {
    pub(super) schema: PayloadSchema,
    pub(super) tool_outputs: BTreeMap<String, PayloadSchema>,
    pub(super) conditions: Conditions,
    pub(super) templates: Templates,
    pub(super) source_versions: VersionReq,
    pub(super) destination_versions: VersionReq,
    pub(super) expires_after_ms: i64,
}

/// Everything that is wrong with a contract, in the document's order: errors and warnings.
#[must_use]
pub fn findings(contract: &Contract) -> Vec<Finding> {
    let mut lint = Lint::new(contract);
    lint.run();
    lint.findings
}

/// Checks a contract and hands out what it compiled on the way.
pub(super) fn examine(contract: &Contract) -> Result<Parts, Vec<Finding>> {
    let mut lint = Lint::new(contract);
    let parts = lint.run();
    let errors = errors_of(lint.findings);
    match parts {
        Some(parts) if errors.is_empty() => Ok(parts),
        _ => Err(errors),
    }
}

/// A run over one contract.
struct Lint<'c> {
    contract: &'c Contract,
    findings: Vec<Finding>,
    schema: Option<PayloadSchema>,
    tool_outputs: BTreeMap<String, PayloadSchema>,
}

impl<'c> Lint<'c> {
    fn new(contract: &'c Contract) -> Self {
        Self { contract, findings: Vec::new(), schema: None, tool_outputs: BTreeMap::new() }
    }

    fn error(
        &mut self,
        code: &'static str,
        path: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding::error(code, path, cause, mend));
    }

    fn warning(
        &mut self,
        code: &'static str,
        path: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding::warning(code, path, cause, mend));
    }

    fn run(&mut self) -> Option<Parts> {
        self.identity();
        self.owner();
        let versions = self.parties();
        self.schemas();
        let conditions = self.rules();
        let templates = self.human();
        self.carry();
        let expires_after_ms = self.decide();
        self.endings();
        let (source_versions, destination_versions) = versions?;
        Some(Parts {
            schema: self.schema.clone()?,
            tool_outputs: self.tool_outputs.clone(),
            conditions: conditions?,
            templates: templates?,
            source_versions,
            destination_versions,
            expires_after_ms: expires_after_ms?,
        })
    }

    fn identity(&mut self) {
        let contract = self.contract;
        if contract.seamark != FORMAT {
            self.error(
                "format",
                "/seamark",
                "this is not a contract of this version",
                format!("Write seamark: {FORMAT}"),
            );
        }
        if !is_name(&contract.name) || !contract.name.contains('.') {
            let cause = format!("{:?} is no contract name", contract.name);
            self.error("name", "/name", cause, "Write two or more lowercase words with dots, as in refund.issue");
        }
        if Version::parse(&contract.version).is_err() {
            let cause = format!("{:?} is no semantic version", contract.version);
            self.error(
                "version",
                "/version",
                cause,
                "Write three numbers, as in 1.2.0, in quotes if YAML takes it for a number",
            );
        }
        self.text("/title", &contract.title, 80);
    }

    /// A line of text for people: present, not too long, nothing invisible in it.
    fn text(&mut self, path: &str, text: &str, max_chars: usize) {
        let is_odd = text.chars().any(|character| crate::text::oddity_of(character).is_some());
        if text.trim().is_empty() || text.chars().count() > max_chars || is_odd {
            let cause = "the text is empty, too long, or has line breaks or invisible characters".to_owned();
            self.error("text", path, cause, format!("Write one line of 1 to {max_chars} characters"));
        }
    }

    /// A list of names: lowercase, none twice.
    fn names(&mut self, path: &str, names: &[String], what: &str) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let at = pointer::element(path, index);
            if !is_name(name) {
                let mend = "Write lowercase letters, digits, dots, hyphens, as in refund-managers";
                self.error("name", at, format!("{name:?} is no name of a {what}"), mend);
            } else if !seen.insert(name) {
                self.error("duplicate", at, format!("{name} stands here twice"), "Leave one of them out");
            }
        }
    }

    fn owner(&mut self) {
        let owner = &self.contract.owner;
        self.text("/owner/team", &owner.team, 100);
        let is_reachable = owner.contact.contains('@') || owner.contact.starts_with("https://");
        if !is_reachable {
            let mend = "Write an e-mail address or an https URL";
            self.error("contact", "/owner/contact", "nobody can be reached by this", mend);
        }
        if !owner.runbook.starts_with("https://") {
            let mend = "Write the https URL of the page that says what to do when this handoff goes wrong";
            self.error("runbook", "/owner/runbook", "the runbook is no https URL", mend);
        }
        if owner.escalation.is_empty() {
            let mend = "Name at least one role or team, nearest first";
            self.error("escalation", "/owner/escalation", "a reviewer who is stuck has nobody to escalate to", mend);
        }
        self.names("/owner/escalation", &owner.escalation, "role or team");
        if !is_name(&self.contract.fallback_owner) {
            let mend = "Name the role or team that has a handoff when nobody else does, as in refund-managers";
            self.error("name", "/fallback_owner", "the fallback owner is no name", mend);
        }
    }

    fn parties(&mut self) -> Option<(VersionReq, VersionReq)> {
        let contract = self.contract;
        let (source, destination) = (&contract.source, &contract.destination);
        for (path, agent) in [("/source/agent", &source.agent), ("/destination/agent", &destination.agent)] {
            if !is_name(agent) {
                let mend = "Write the bare name, as in order-desk, without urn:seamark:agent:";
                self.error("name", path, format!("{agent:?} is no agent name"), mend);
            }
        }
        for (path, tags) in
            [("/source/capabilities", &source.capabilities), ("/destination/capabilities", &destination.capabilities)]
        {
            self.names(path, tags, "capability");
        }
        if !(destination.audience.starts_with("https://") || destination.audience.starts_with("urn:")) {
            let mend =
                "Write the URL or urn under which the destination knows itself; it refuses outcomes for any other";
            self.error("audience", "/destination/audience", "the audience is neither an https URL nor a urn", mend);
        }
        let mut range = |path: &str, text: &str| {
            let parsed = VersionReq::parse(text);
            if parsed.is_err() {
                let cause = format!("{text:?} is no range of versions");
                self.error("version", path, cause, "Write it as in \">=2.1, <3\" or \"^3\"");
            }
            parsed.ok()
        };
        let source_range = range("/source/versions", &source.versions);
        let destination_range = range("/destination/versions", &destination.versions);
        source_range.zip(destination_range)
    }

    fn schemas(&mut self) {
        let contract = self.contract;
        let payload = &contract.payload;
        if payload.get("type").and_then(serde_json::Value::as_str) != Some("object") {
            let mend = "Begin it with type: object and describe each field under properties";
            self.error("schema", "/payload", "the payload's schema is not that of an object", mend);
        }
        if payload.get("additionalProperties") != Some(&serde_json::Value::Bool(false)) {
            let cause = "the payload takes fields that nobody described; they would be hidden from the reviewer";
            self.warning("open-schema", "/payload", cause, "Add additionalProperties: false");
        }
        self.schema = self.compile_schema("/payload", payload);
        for (key, spec) in &contract.tool_outputs {
            let at = pointer::member("/tool_outputs", key);
            let is_key = !key.is_empty()
                && key.len() <= 100
                && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.'));
            if !is_key {
                let mend = "Write lowercase letters, digits, _ - and dots: the output's id, or the tool's name";
                self.error("name", &at, format!("{key:?} is no key of a tool output"), mend);
            }
            self.text(&format!("{at}/title"), &spec.title, 80);
            if let Some(schema) = self.compile_schema(&format!("{at}/schema"), &spec.schema) {
                self.tool_outputs.insert(key.clone(), schema);
            }
        }
        for (index, media_type) in contract.artifacts.iter().enumerate() {
            let is_media_type = media_type.split_once('/').is_some_and(|(kind, subtype)| {
                let is_token = |part: &str| {
                    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'))
                };
                is_token(kind) && is_token(subtype)
            });
            if !is_media_type {
                let at = pointer::element("/artifacts", index);
                self.error(
                    "media-type",
                    at,
                    format!("{media_type:?} is no media type"),
                    "Write it as in application/pdf",
                );
            }
        }
    }

    fn compile_schema(&mut self, path: &str, schema: &serde_json::Value) -> Option<PayloadSchema> {
        match PayloadSchema::compile(schema) {
            Ok(compiled) => Some(compiled),
            Err(faults) => {
                for fault in faults {
                    let mend = "See the part on payloads and masks in docs/CONTRACTS.md";
                    self.error("schema", format!("{path}{}", fault.pointer), fault.message.trim_end_matches('.'), mend);
                }
                None
            }
        }
    }

    fn carry(&mut self) {
        let mut seen = BTreeSet::new();
        for (index, entry) in self.contract.carry.iter().enumerate() {
            let at = pointer::element("/carry", index);
            let output = entry.strip_prefix("tool_outputs.");
            match (entry.as_str(), output) {
                ("intent" | "constraints", _) => {}
                (_, Some(id)) if self.contract.tool_outputs.contains_key(id) => {}
                (_, Some(id)) => {
                    let cause = format!("tool output {id} is not described in tool_outputs");
                    self.error(
                        "unknown-output",
                        at.clone(),
                        cause,
                        "Describe it there, or reviewers see nothing of it",
                    );
                }
                _ => {
                    let mend = "Write intent, constraints or tool_outputs.ID";
                    self.error("carry", at.clone(), format!("{entry:?} is nothing that can be carried"), mend);
                }
            }
            if !seen.insert(entry) {
                self.error("duplicate", at, format!("{entry} stands here twice"), "Leave one of them out");
            }
        }
    }

    fn decide(&mut self) -> Option<i64> {
        let gate = &self.contract.gate;
        if gate.decide.roles.is_empty() {
            let mend = "Name at least one role, as in [reviewer, refund-reviewer]";
            self.error("roles", "/gate/decide/roles", "nobody may decide", mend);
        }
        self.names("/gate/decide/roles", &gate.decide.roles, "role");
        if gate.decide.quorum != 1 {
            let cause = format!("a quorum of {} is not supported in this version", gate.decide.quorum);
            self.error("quorum", "/gate/decide/quorum", cause, "Write quorum: 1");
        }
        if let Some(reveal) = &gate.reveal {
            self.reveal(reveal);
        }
        match period::deadline_ms(&gate.expires_after) {
            Ok(ms) if DEADLINE_MS.contains(&ms) => Some(ms),
            Ok(_) => {
                let mend = "Write between one minute (PT1M) and 30 days (P30D)";
                self.error("deadline", "/gate/expires_after", "the deadline is out of range", mend);
                None
            }
            Err(error) => {
                let cause = format!("{:?} is no duration", gate.expires_after);
                self.error("deadline", "/gate/expires_after", cause, capitalised(&error.to_string()));
                None
            }
        }
    }

    fn reveal(&mut self, reveal: &super::Reveal) {
        for (is_empty, at, cause) in [
            (reveal.roles.is_empty(), "/gate/reveal/roles", "nobody may read the fields"),
            (reveal.fields.is_empty(), "/gate/reveal/fields", "there is no field that anybody may read"),
        ] {
            if is_empty {
                self.error("reveal", at, cause, "Name at least one, or leave reveal out");
            }
        }
        self.names("/gate/reveal/roles", &reveal.roles, "role");
        for (index, field) in reveal.fields.iter().enumerate() {
            let at = pointer::element("/gate/reveal/fields", index);
            // A mask on something around the field hides all of that: what would be revealed is more than is named here.
            let around =
                pointer::split_last(field).and_then(|(parent, _)| self.field(parent)).and_then(|kind| kind.mask);
            match (self.field(field).map(|kind| kind.mask), around) {
                (Some(Some(_)), Some(_)) => {
                    let cause = format!("{field} is hidden together with what is around it");
                    self.error("reveal", at, cause, "Mask the field itself, or name what is masked as a whole");
                }
                (Some(Some(MaskKind::Scrub | MaskKind::Clear)), None) => {
                    let cause = format!("{field} has a mask that hides values of other fields, or none");
                    self.error("reveal", at, cause, "Name the fields that hold these values");
                }
                (Some(Some(_)), None) => {}
                (Some(None), _) => {
                    self.error("reveal", at, format!("{field} is not masked"), "Leave it out: everybody sees it");
                }
                (None, _) if self.is_schema_broken(field) => {}
                (None, _) => {
                    let mend = "Write the JSON Pointer of a masked field, as in /payload/customer/email";
                    self.error("unknown-field", at, format!("no schema describes {field}"), mend);
                }
            }
        }
    }

    fn endings(&mut self) {
        let contract = self.contract;
        match period::retention_days(&contract.retention) {
            Ok(days) if days >= MIN_RETENTION_DAYS => {}
            Ok(days) => {
                let cause = format!("a retention of {days} days is under six months");
                let mend = "Write P6M or more: records of decisions are asked for that long. Single payloads can be erased on request";
                self.error("retention", "/retention", cause, mend);
            }
            Err(error) => {
                let cause = format!("{:?} is no retention", contract.retention);
                self.error("retention", "/retention", cause, capitalised(&error.to_string()));
            }
        }
        let examples = &contract.examples;
        if examples.accepted.is_empty() || examples.refused.is_empty() {
            let mend = "Add at least one handoff that must be admitted and one that must be refused";
            self.warning("examples", "/examples", "nothing shows that the contract says what it means", mend);
        }
        let accepted = examples.accepted.iter().enumerate();
        let accepted = accepted.map(|(index, file)| (format!("/examples/accepted/{index}"), file));
        let refused = examples.refused.iter().enumerate();
        let refused = refused.map(|(index, example)| (format!("/examples/refused/{index}/file"), &example.file));
        for (at, file) in accepted.chain(refused).collect::<Vec<_>>() {
            let is_below = !file.is_empty() && !file.starts_with('/') && !file.split('/').any(|part| part == "..");
            if !is_below {
                let mend = "Write a path below the contract's own folder, as in examples/plain.json";
                self.error("examples", at, format!("{file:?} leaves the contract's folder"), mend);
            }
        }
        for (index, example) in examples.refused.iter().enumerate() {
            if pointer::Pointer::parse(&example.at).is_err() {
                let at = format!("/examples/refused/{index}/at");
                let mend = "Write the JSON Pointer at which it must be refused, as in /payload/amount";
                self.error("examples", at, format!("{:?} is no JSON Pointer", example.at), mend);
            }
        }
    }

    /// What the schemas say about a JSON Pointer as contracts write it: `/payload/...` or `/toolOutputs/ID/...`.
    fn field(&self, path: &str) -> Option<crate::schema::FieldKind> {
        let steps: Vec<String> = pointer::steps(path).collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        match steps.as_slice() {
            ["payload", rest @ ..] => self.schema.as_ref()?.knows(rest),
            ["toolOutputs", id, rest @ ..] => self.tool_outputs.get(*id)?.knows(rest),
            _ => None,
        }
    }

    /// Whether the schema that `path` leads into could not be compiled, so that nothing can be said about the field.
    fn is_schema_broken(&self, path: &str) -> bool {
        let mut steps = pointer::steps(path);
        match (steps.next().as_deref(), steps.next()) {
            (Some("payload"), _) => self.schema.is_none(),
            (Some("toolOutputs"), Some(id)) => {
                self.contract.tool_outputs.contains_key(&id) && !self.tool_outputs.contains_key(&id)
            }
            _ => false,
        }
    }

    /// Whether values of this shape have an order.
    fn is_ordered(shape: Shape) -> bool {
        matches!(shape, Shape::Decimal | Shape::Integer | Shape::Date | Shape::Any)
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
