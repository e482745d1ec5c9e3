//! A contract made ready for use: every condition, template and schema parsed once, every digest made once.

use std::collections::BTreeMap;

use semver::VersionReq;

use super::{Contract, Finding, Severity, ToolOutputSpec, lint};
use crate::canonical;
use crate::digest::Digest;
use crate::gate::{Condition, Conditions};
use crate::handoff::{ContractId, ContractRef, PolicyRef};
use crate::schema::PayloadSchema;
use crate::template::Template;

/// A contract that has passed every check, with what admission and rendering need of it.
#[derive(Debug)]
pub struct CompiledContract {
    pub contract: Contract,
    /// The canonical bytes (RFC 8785) of the contract: what is published, pinned and digested.
    pub canonical: Vec<u8>,
    /// SHA-256 of [`Self::canonical`].
    pub digest: Digest,
    /// SHA-256 of the canonical bytes of the `review` section.
    pub template_digest: Digest,
    /// SHA-256 of the canonical bytes of the `gate` section.
    pub policy_digest: Digest,
    /// The payload's schema with its masks.
    pub schema: PayloadSchema,
    /// Schemas of described tool outputs, by the key in `tool_outputs`.
    pub tool_outputs: BTreeMap<String, PayloadSchema>,
    pub conditions: Conditions,
    pub templates: Templates,
    /// Accepted versions of the source agent.
    pub source_versions: VersionReq,
    /// Accepted versions of the destination agent.
    pub destination_versions: VersionReq,
    /// `gate.expires_after` in milliseconds.
    pub expires_after_ms: i64,
}

/// Every template of a contract, parsed. Each names only fields that the schemas describe.
#[derive(Clone, Debug)]
pub struct Templates {
    pub ask: Template,
    pub line: Template,
    pub context: Template,
    pub object: Template,
    pub approve: Template,
    pub reject: Template,
    pub escalate: Template,
    pub no_answer: Template,
    /// In the order of `review.compare`.
    pub compare: Vec<CompareTemplates>,
    /// What a rule says when it is broken, by rule id, `must` and `watch` together.
    pub says: BTreeMap<String, Template>,
}

/// The templates of one critical fact.
#[derive(Clone, Debug)]
pub struct CompareTemplates {
    pub value: Template,
    /// Present exactly when the fact has a value beside it.
    pub says: Option<Template>,
}

impl CompiledContract {
    /// Checks and compiles a contract.
    ///
    /// # Errors
    /// Every [`Finding`] of severity error; at least one.
    pub fn compile(contract: Contract) -> Result<Self, Vec<Finding>> {
        lint::examine(&contract).and_then(|parts| Self::assemble(contract, parts))
    }

    /// Reads, checks and compiles a contract document, YAML or JSON.
    ///
    /// # Errors
    /// Every [`Finding`] of severity error, with lines; at least one.
    pub fn from_document(bytes: &[u8]) -> Result<Self, Vec<Finding>> {
        let parsed = super::parse(bytes).map_err(|finding| vec![*finding])?;
        Self::compile(parsed.contract)
            .map_err(|findings| findings.into_iter().map(|finding| finding.located("", &parsed.lines)).collect())
    }

    fn assemble(contract: Contract, parts: lint::Parts) -> Result<Self, Vec<Finding>> {
        let not_canonical = |path: &'static str| {
            move |error: canonical::CanonicalError| {
                vec![Finding::error(
                    "canonical",
                    path,
                    error.to_string(),
                    "Write decimals and large numbers as strings",
                )]
            }
        };
        let canonical = canonical::bytes_of(&contract).map_err(not_canonical(""))?;
        let template = canonical::bytes_of(&contract.review).map_err(not_canonical("/review"))?;
        let policy = canonical::bytes_of(&contract.gate).map_err(not_canonical("/gate"))?;
        Ok(Self {
            digest: Digest::of(&canonical),
            template_digest: Digest::of(&template),
            policy_digest: Digest::of(&policy),
            contract,
            canonical,
            schema: parts.schema,
            tool_outputs: parts.tool_outputs,
            conditions: parts.conditions,
            templates: parts.templates,
            source_versions: parts.source_versions,
            destination_versions: parts.destination_versions,
            expires_after_ms: parts.expires_after_ms,
        })
    }

    /// Name and version.
    #[must_use]
    pub fn id(&self) -> ContractId {
        ContractId { name: self.contract.name.clone(), version: self.contract.version.clone() }
    }

    /// Name, version and digest, as statements carry them.
    #[must_use]
    pub fn reference(&self) -> ContractRef {
        ContractRef { name: self.contract.name.clone(), version: self.contract.version.clone(), digest: self.digest }
    }

    /// `NAME@VERSION`, the name of its templates and of its policy.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.contract.name, self.contract.version)
    }

    /// The policy as statements carry it.
    #[must_use]
    pub fn policy(&self) -> PolicyRef {
        PolicyRef { id: self.label(), digest: self.policy_digest }
    }

    /// What the contract knows about a tool output: found by its id, else by its tool's name as key, else by a spec that
    /// names the tool. A spec that names another tool than the output's does not describe it. Nothing: it is hidden whole.
    #[must_use]
    pub fn tool_output(&self, id: &str, tool: &str) -> Option<(&ToolOutputSpec, &PayloadSchema)> {
        let key = self.tool_output_key(id, tool)?;
        Some((self.contract.tool_outputs.get(key)?, self.tool_outputs.get(key)?))
    }

    /// The key of `tool_outputs` under which the contract describes it.
    #[must_use]
    pub fn tool_output_key(&self, id: &str, tool: &str) -> Option<&str> {
        let specs = &self.contract.tool_outputs;
        let of_key = |key: &str| {
            let (key, spec) = specs.get_key_value(key)?;
            spec.tool.as_deref().is_none_or(|named| named == tool).then_some((key, spec))
        };
        let of_tool = || specs.iter().find(|(_, spec)| spec.tool.as_deref() == Some(tool));
        let (key, _) = of_key(id).or_else(|| of_key(tool)).or_else(of_tool)?;
        Some(key)
    }

    /// The condition of the rule with this id, `must` or `watch`.
    #[must_use]
    pub fn condition(&self, rule_id: &str) -> Option<&Condition> {
        let mut rules = self.conditions.must.iter().chain(&self.conditions.watch);
        rules.find(|(id, _)| id == rule_id).map(|(_, condition)| condition)
    }
}

/// The errors among `findings`; a contract may be published with warnings.
pub(super) fn errors_of(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect()
}
