//! From signed bytes and contract to what is on screen. A pure function: who holds both renders the same (invariant B11).
//!
//! Every text of an agent passes [`text::visible`] or [`text::visible_text`] here; nothing is cut.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::fields::{Fields, agent_label, by_path, shown};
use super::tree::{Flatten, with_masks_shown};
use super::{
    Branch, CompareView, EscalationView, Evidence, Fact, IntentView, NarrativeView, RowKind, RuleLine, TreeRow, View,
    Warning,
};
use crate::canonical::{self, CanonicalError};
use crate::clock::Timestamp;
use crate::contract::Comparison;
use crate::contract::compiled::CompiledContract;
use crate::decision::DecisionKind;
use crate::digest::Digest;
use crate::handoff::{ChainLink, Constraint, Evaluation, HandoffPredicate, OpenStep, Step, TaskState, Tier};
use crate::pointer;
use crate::template::Template;
use crate::text;

mod warn;

/// What a view is made of.
#[derive(Debug, Clone)]
pub struct RenderInput<'a> {
    /// Digest of the handoff statement.
    pub statement_digest: Digest,
    pub predicate: &'a HandoffPredicate,
    pub contract: &'a CompiledContract,
    /// 128 random bits of the desk, base64url.
    pub nonce: String,
    /// Name and version of what renders.
    pub renderer: &'a str,
    /// Digests of the disclosures that were revealed, ascending. Their values are shown beside the view, never in it.
    pub disclosed: &'a [String],
}

/// Why there is no view.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RenderError {
    /// The gate asked for nobody.
    #[error("handoff has no review request")]
    NoRequest,
    /// Name, version or digest of contract or template are not those that the statement pins.
    #[error("contract is not the one that the statement pins")]
    OtherContract,
    #[error("statement has no rule outcome or comparison where its contract asks for one, or one too many: {what}")]
    OtherRules { what: String },
    #[error("statement has a {part} that is not as FORMATS.md says")]
    Malformed { part: &'static str },
}

impl View {
    /// The canonical bytes of the view, of which its digest is made.
    ///
    /// # Errors
    /// [`CanonicalError`] only when a number is beyond 2^53 - 1.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::bytes_of(self)
    }
}

/// Renders what one reviewer is shown.
///
/// # Errors
/// [`RenderError`] when nobody is asked, when the contract is another one, or when the predicate is not well formed.
pub fn render(input: &RenderInput<'_>) -> Result<View, RenderError> {
    let RenderInput { predicate, contract: compiled, .. } = input;
    let request = predicate.request.as_ref().ok_or(RenderError::NoRequest)?;
    let is_pinned = predicate.contract == compiled.reference()
        && predicate.action.template == compiled.label()
        && predicate.action.template_digest == compiled.template_digest
        && request.policy == compiled.policy();
    if !is_pinned {
        return Err(RenderError::OtherContract);
    }
    let masks = by_path(&predicate.masks);
    let decimals: BTreeSet<&str> = predicate.decimals.iter().map(String::as_str).collect();
    let render = Render {
        predicate,
        compiled,
        fields: Fields {
            payload: &predicate.payload,
            tool_outputs: &predicate.tool_outputs,
            masks: masks.clone(),
            source: agent_label(&predicate.source.agent, &predicate.source.version),
            destination: agent_label(&predicate.destination.agent, &predicate.destination.version),
        },
        flatten: Flatten { masks: &masks, decimals: &decimals },
    };
    let templates = &compiled.templates;
    let contract = &compiled.contract;
    let is_source = predicate.source.submitted_by == predicate.source.agent;
    let mut view = View {
        v: 1,
        nonce: input.nonce.clone(),
        handoff: input.statement_digest,
        handoff_id: predicate.handoff_id,
        revision: predicate.revision,
        renderer: input.renderer.to_owned(),
        contract: predicate.contract.clone(),
        template: predicate.action.template.clone(),
        template_digest: predicate.action.template_digest,
        locale: "en".to_owned(),
        title: text::visible(&contract.title),
        ask: render.fill(&templates.ask),
        line: render.fill(&templates.line),
        context: render.fill(&templates.context),
        object: render.fill(&templates.object),
        tier: predicate.gate.tier,
        why: render.why(),
        source: text::visible(&render.fields.source),
        submitted_by: (!is_source).then(|| predicate.source.submitted_by.name().to_owned()),
        destination: text::visible(&render.fields.destination),
        audience: text::visible(&predicate.destination.audience),
        fallback_owner: text::visible(&predicate.fallback_owner),
        correlation_id: text::visible(&predicate.correlation_id),
        submitted_at: predicate.submitted_at,
        expires_at: request.expires_at,
        escalated: render.escalated(),
        branches: render.branches(),
        facts: render.facts()?,
        rules: render.rules()?,
        constraints: render.constraints(),
        intent: Some(render.intent()?),
        task_state: render.task_state()?,
        evidence: render.evidence()?,
        evaluations: render.evaluations(),
        payload: render.flatten.rows(&predicate.payload, "/payload"),
        chain: render.chain(),
        narrative: render.narrative()?,
        warnings: Vec::new(),
        reject_reasons: contract.review.reasons.reject.clone(),
        escalation_targets: render.escalation_targets(),
        disclosed: input.disclosed.to_vec(),
    };
    view.warnings = render.warnings(&view);
    Ok(view)
}

struct Render<'a> {
    predicate: &'a HandoffPredicate,
    compiled: &'a CompiledContract,
    fields: Fields<'a>,
    flatten: Flatten<'a>,
}

impl Render<'_> {
    fn fill(&self, template: &Template) -> String {
        template.render(&|path| self.fields.resolve(path))
    }

    /// Why a person is needed: what is particular first, the general sentence only when there is nothing particular.
    fn why(&self) -> Vec<String> {
        let mut why = Vec::new();
        for reason in &self.predicate.gate.reasons {
            let sentence = match reason.as_str() {
                "gate.when" => continue,
                "gate.broken" => {
                    "The condition that decides whether a person is needed could not be evaluated.".to_owned()
                }
                "tier.broken" => "The risk could not be worked out, so the highest is assumed.".to_owned(),
                "carry.lost" => "Something that an earlier handoff carried is missing here.".to_owned(),
                "evidence.mismatch" => {
                    "The answer of a tool does not have the form that the contract describes, so it is hidden."
                        .to_owned()
                }
                "counterparty.imitates" => "A name here looks like another one and is not the same.".to_owned(),
                "escalated" => {
                    match self.predicate.escalated.as_ref().is_some_and(|escalated| escalated.by.is_some()) {
                        true => "A reviewer handed this decision on.".to_owned(),
                        false => "Nobody answered in time, so the decision was handed on.".to_owned(),
                    }
                }
                other => {
                    let watch = other.strip_prefix("watch.").and_then(|id| self.compiled.templates.says.get(id));
                    watch.map_or_else(|| text::visible(other), |says| self.fill(says))
                }
            };
            why.push(sentence);
        }
        if why.is_empty() {
            why.push("The contract asks for a person here.".to_owned());
        }
        why
    }

    fn escalated(&self) -> Option<EscalationView> {
        let escalated = self.predicate.escalated.as_ref()?;
        Some(EscalationView {
            by: escalated.by.as_ref().map_or_else(|| "deadline".to_owned(), ToString::to_string),
            to: text::visible(&escalated.to),
            question: text::visible_text(&escalated.question),
        })
    }

    fn branches(&self) -> Vec<Branch> {
        let templates = &self.compiled.templates;
        let branch = |option, template| Branch { option, text: self.fill(template) };
        vec![
            branch(Some(DecisionKind::Approve), &templates.approve),
            branch(Some(DecisionKind::Reject), &templates.reject),
            branch(Some(DecisionKind::Escalate), &templates.escalate),
            branch(None, &templates.no_answer),
        ]
    }

    fn facts(&self) -> Result<Vec<Fact>, RenderError> {
        let lines = self.compiled.contract.review.compare.iter().zip(&self.compiled.templates.compare);
        let mut comparisons = self.predicate.comparisons.iter().peekable();
        let mut facts = Vec::new();
        for (index, (line, templates)) in lines.enumerate() {
            let value = templates.value.fill(&|path| self.fields.resolve(path));
            let verdict = comparisons.next_if(|one| usize::try_from(one.index) == Ok(index)).map(|one| one.verdict);
            let is_judged = line.with.as_ref().is_some_and(|with| with.is != Comparison::Shown);
            if is_judged != verdict.is_some() {
                return Err(RenderError::OtherRules { what: format!("comparison {index}") });
            }
            let compare = line.with.as_ref().zip(templates.says.as_ref());
            facts.push(Fact {
                id: format!("f{index}"),
                label: text::visible(&line.label),
                value: value.text,
                masked: value.has_mask,
                path: line.path.clone(),
                compare: compare.map(|(with, says)| CompareView {
                    source: with.path.clone(),
                    verdict,
                    text: self.fill(says),
                }),
                confirm: line.confirm && self.predicate.gate.tier >= Tier::T3,
            });
        }
        match comparisons.next() {
            Some(extra) => Err(RenderError::OtherRules { what: format!("comparison {}", extra.index) }),
            None => Ok(facts),
        }
    }

    fn rules(&self) -> Result<Vec<RuleLine>, RenderError> {
        let contract = &self.compiled.contract;
        let expected = contract.must.iter().chain(&contract.watch).map(|rule| rule.id.as_str());
        if !expected.eq(self.predicate.rules.iter().map(|rule| rule.id.as_str())) {
            return Err(RenderError::OtherRules { what: "rules".to_owned() });
        }
        let line = |rule: &crate::handoff::RuleOutcome| {
            let says = self.compiled.templates.says.get(&rule.id);
            RuleLine {
                id: rule.id.clone(),
                kind: rule.kind,
                result: rule.result,
                text: says.map_or_else(String::new, |says| self.fill(says)),
            }
        };
        Ok(self.predicate.rules.iter().map(line).collect())
    }

    fn constraints(&self) -> Vec<Constraint> {
        let shown = |one: &Constraint| Constraint {
            id: text::visible(&one.id),
            origin: one.origin,
            text: text::visible_text(&one.text),
        };
        self.predicate.constraints.iter().map(shown).collect()
    }

    /// A maskable root with masks in the place of what they hide.
    fn unmasked(&self, value: &Value, at: &str) -> Value {
        with_masks_shown(value, at, &self.fields.masks)
    }

    fn intent(&self) -> Result<IntentView, RenderError> {
        let malformed = || RenderError::Malformed { part: "intent" };
        let intent = self.unmasked(&self.predicate.intent, "/intent");
        let member = |name: &str| intent.get(name).and_then(Value::as_str);
        Ok(IntentView {
            author: member("author").map(text::visible),
            at: Timestamp::parse(member("at").ok_or_else(malformed)?).map_err(|_| malformed())?,
            text: text::visible_text(member("text").ok_or_else(malformed)?),
        })
    }

    fn task_state(&self) -> Result<TaskState, RenderError> {
        let malformed = |_| RenderError::Malformed { part: "taskState" };
        let state: TaskState =
            serde_json::from_value(self.unmasked(&self.predicate.task_state, "/taskState")).map_err(malformed)?;
        let step = |step: Step| Step { id: text::visible(&step.id), title: text::visible(&step.title) };
        let open = |step: OpenStep| OpenStep {
            id: text::visible(&step.id),
            title: text::visible(&step.title),
            reason: text::visible_text(&step.reason),
        };
        Ok(TaskState {
            completed: state.completed.into_iter().map(step).collect(),
            in_progress: state.in_progress.into_iter().map(step).collect(),
            skipped: state.skipped.into_iter().map(open).collect(),
            deferred: state.deferred.into_iter().map(open).collect(),
        })
    }

    fn evidence(&self) -> Result<Vec<Evidence>, RenderError> {
        let outputs = self.predicate.tool_outputs.as_array().ok_or(RenderError::Malformed { part: "toolOutputs" })?;
        let mut evidence = Vec::new();
        for (index, output) in outputs.iter().enumerate() {
            evidence.push(self.tool_output(output, &pointer::element("/toolOutputs", index))?);
        }
        for artifact in &self.predicate.artifacts {
            evidence.push(Evidence {
                id: format!("artifact:{}", artifact.digest.to_hex()),
                title: text::visible(&artifact.name),
                source: text::visible(&artifact.media_type),
                at: None,
                required: false,
                is_error: false,
                described: true,
                rows: Vec::new(),
                texts: Vec::new(),
                artifact: Some(crate::handoff::Artifact { name: text::visible(&artifact.name), ..artifact.clone() }),
            });
        }
        Ok(evidence)
    }

    fn tool_output(&self, output: &Value, at: &str) -> Result<Evidence, RenderError> {
        let malformed = || RenderError::Malformed { part: "toolOutputs" };
        let member = |name: &str| output.get(name).and_then(Value::as_str).ok_or_else(malformed);
        let (id, tool) = (member("id")?, member("tool")?);
        let result_at = format!("{at}/result");
        let is_hidden = self.fields.masks.contains_key(result_at.as_str());
        let spec = self.compiled.tool_output(id, tool).filter(|_| !is_hidden);
        let result = output.get("result").unwrap_or(&Value::Null);
        let content_at = format!("{result_at}/structuredContent");
        let has_content =
            self.fields.masks.contains_key(content_at.as_str()) || result.get("structuredContent").is_some();
        let rows: Vec<TreeRow> = match (is_hidden, has_content) {
            (true, _) => self.flatten.rows(&Value::Null, &result_at),
            (false, true) => self.flatten.rows(result.get("structuredContent").unwrap_or(&Value::Null), &content_at),
            (false, false) => Vec::new(),
        };
        let parts = self.unmasked(result.get("content").unwrap_or(&Value::Null), &format!("{result_at}/content"));
        let texts = match &parts {
            _ if is_hidden => Vec::new(),
            // The whole list is hidden.
            Value::String(shown) => vec![text::visible_text(shown)],
            parts => {
                let words = |part: &Value| part.get("text").and_then(Value::as_str).map(text::visible_text);
                parts.as_array().into_iter().flatten().filter_map(words).collect()
            }
        };
        let required = format!("tool_outputs.{id}");
        Ok(Evidence {
            id: text::visible(id),
            title: spec.map_or_else(|| text::visible(tool), |(spec, _)| text::visible(&spec.title)),
            source: text::visible(tool),
            at: Some(Timestamp::parse(member("at")?).map_err(|_| malformed())?),
            required: self.compiled.contract.review.evidence.required.contains(&required),
            is_error: result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            described: spec.is_some(),
            rows,
            texts,
            artifact: None,
        })
    }

    fn evaluations(&self) -> Vec<Evaluation> {
        let shown = |one: &Evaluation| Evaluation {
            step: text::visible(&one.step),
            evaluator: text::visible(&one.evaluator),
            version: text::visible(&one.version),
            result: one.result,
            score: one.score.as_deref().map(text::visible),
            detail: one.detail.as_deref().map(text::visible_text),
        };
        self.predicate.evaluations.iter().map(shown).collect()
    }

    fn chain(&self) -> Vec<ChainLink> {
        let shown = |link: &ChainLink| ChainLink {
            constraints_lost: link.constraints_lost.iter().map(|lost| text::visible_text(lost)).collect(),
            ..link.clone()
        };
        self.predicate.chain.iter().map(shown).collect()
    }

    fn narrative(&self) -> Result<Option<NarrativeView>, RenderError> {
        let Some(narrative) = &self.predicate.narrative else { return Ok(None) };
        let narrative = self.unmasked(narrative, "/narrative");
        let words = narrative.get("text").and_then(Value::as_str);
        let words = words.ok_or(RenderError::Malformed { part: "narrative" })?;
        let author = text::visible(&self.fields.source);
        Ok(Some(NarrativeView { author, text: text::visible_text(words) }))
    }

    /// The contract's escalation list and the fallback owner, each once, without the one who has it now.
    fn escalation_targets(&self) -> Vec<String> {
        let has_it = self.predicate.escalated.as_ref().map(|escalated| escalated.to.as_str());
        let mut targets: Vec<String> = Vec::new();
        let owners = self.compiled.contract.owner.escalation.iter().chain([&self.predicate.fallback_owner]);
        for owner in owners.filter(|owner| Some(owner.as_str()) != has_it) {
            if !targets.contains(owner) {
                targets.push(owner.clone());
            }
        }
        targets
    }

    fn warnings(&self, view: &View) -> Vec<Warning> {
        let mut warnings = warn::Warnings::default();
        let predicate = self.predicate;
        if predicate.gate.reasons.iter().any(|reason| reason == "carry.lost") {
            warnings.add(
                "carry-lost",
                "/chain",
                "An earlier handoff of this task carried something that is missing here.",
            );
        }
        for one in &predicate.counterparties {
            warnings.counterparty(one, &self.fields);
        }
        let parts = [
            ("/intent", &predicate.intent),
            ("/payload", &predicate.payload),
            ("/toolOutputs", &predicate.tool_outputs),
            ("/taskState", &predicate.task_state),
        ];
        for (at, value) in parts.into_iter().chain(predicate.narrative.as_ref().map(|value| ("/narrative", value))) {
            warnings.examine(value, at, &self.fields.masks);
        }
        for mask in &predicate.masks {
            warnings.text(shown(mask), &mask.path);
        }
        for (index, constraint) in predicate.constraints.iter().enumerate() {
            warnings.text(&constraint.text, &format!("/constraints/{index}/text"));
        }
        for (index, evaluation) in predicate.evaluations.iter().enumerate() {
            warnings.text(evaluation.detail.as_deref().unwrap_or_default(), &format!("/evaluations/{index}/detail"));
        }
        for (index, artifact) in predicate.artifacts.iter().enumerate() {
            warnings.text(&artifact.name, &format!("/artifacts/{index}/name"));
        }
        for (index, link) in predicate.chain.iter().enumerate() {
            for (lost, words) in link.constraints_lost.iter().enumerate() {
                warnings.text(words, &format!("/chain/{index}/constraintsLost/{lost}"));
            }
        }
        if let Some(escalated) = &predicate.escalated {
            warnings.text(&escalated.question, "/escalated/question");
        }
        for evidence in &view.evidence {
            let is_hidden = evidence.rows.first().is_some_and(|row| row.depth == 0 && row.kind == RowKind::Masked);
            if evidence.required && is_hidden {
                let words = "Evidence that the contract requires is hidden: its form is not the one that the contract describes.";
                warnings.add("evidence-hidden", evidence.rows.first().map_or("", |row| &row.path), words);
            }
        }
        warnings.done()
    }
}

#[cfg(test)]
pub(crate) mod tests;
