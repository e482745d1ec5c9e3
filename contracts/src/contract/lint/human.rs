//! The human side: templates, critical facts, evidence, reasons.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lint, capitalised};
use crate::contract::compiled::{CompareTemplates, Templates};
use crate::contract::{CompareLine, Comparison};
use crate::handoff::MaskKind;
use crate::id::is_name;
use crate::pointer;
use crate::schema::Shape;
use crate::template::{FieldPath, Format, Template};

/// Most fields that name a counterparty.
const MAX_COUNTERPARTIES: usize = 8;
/// Most critical facts, and how many a person takes in at once.
const MAX_FACTS: usize = 8;
const GOOD_FACTS: std::ops::RangeInclusive<usize> = 3..=6;

impl Lint<'_> {
    pub(super) fn human(&mut self) -> Option<Templates> {
        let contract = self.contract;
        let review = &contract.review;
        if !review.ask.trim_end().ends_with('?') {
            let mend = "Ask for one decision, with a question mark, as in Issue a refund of {amount}?";
            self.error("ask", "/review/ask", "what is asked is no question", mend);
        }
        let ask = self.template("/review/ask", &review.ask);
        let line = self.template("/review/line", &review.line);
        let context = self.template("/review/context", &review.context);
        let object = self.template("/review/object", &review.object);
        let approve = self.template("/review/approve", &review.approve);
        let reject = self.template("/review/reject", &review.reject);
        let escalate = self.template("/review/escalate", &review.escalate);
        let no_answer = self.template("/review/no_answer", &review.no_answer);
        let compare = self.facts();
        self.counterparties();
        self.evidence();
        self.reasons();
        let mut says = Some(BTreeMap::new());
        for (list, rules) in [("/must", &contract.must), ("/watch", &contract.watch)] {
            for (index, rule) in rules.iter().enumerate() {
                let template = self.template(&format!("{list}/{index}/says"), &rule.says);
                says = says.zip(template).map(|(mut says, template)| {
                    says.insert(rule.id.clone(), template);
                    says
                });
            }
        }
        Some(Templates {
            ask: ask?,
            line: line?,
            context: context?,
            object: object?,
            approve: approve?,
            reject: reject?,
            escalate: escalate?,
            no_answer: no_answer?,
            compare: compare?,
            says: says?,
        })
    }

    fn template(&mut self, path: &str, text: &str) -> Option<Template> {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(fault) => {
                let cause = format!("{} (character {})", capitalised(&fault.message), fault.at.saturating_add(1));
                self.error("template", path, cause, "See the part on templates in docs/CONTRACTS.md");
                return None;
            }
        };
        let mut is_good = true;
        for field in template.fields() {
            is_good &= self.template_field(path, field);
        }
        for placeholder in template.placeholders() {
            let shape = self.field(&placeholder.path.pointer()).map(|kind| kind.shape);
            if let Some(shape) = shape
                && !fits(&placeholder.format, shape)
            {
                let cause = format!("the formatter of {} is not for this kind of value", placeholder.path);
                let mend = "Use money for decimals and integers, date for dates, count and list for lists";
                self.warning("formatter", path, cause, mend);
            }
        }
        is_good.then_some(template)
    }

    fn template_field(&mut self, path: &str, field: &FieldPath) -> bool {
        let at = field.pointer();
        if at.is_empty() || self.field(&at).is_some() || self.is_schema_broken(&at) {
            return true;
        }
        if let FieldPath::ToolOutput { id, .. } = field
            && !self.contract.tool_outputs.contains_key(id)
        {
            let cause = format!("the text names tool output {id}, which tool_outputs does not describe");
            self.error("unknown-output", path, cause, "Describe it there, or correct the name");
        } else {
            let cause = format!("the text names {{{field}}}, which no schema describes");
            self.error("unknown-field", path, cause, "Correct the name, or describe the field in the schema");
        }
        false
    }

    fn counterparties(&mut self) {
        let named = &self.contract.review.counterparties;
        if named.len() > MAX_COUNTERPARTIES {
            let cause = format!("there are {} counterparties", named.len());
            self.error(
                "size",
                "/review/counterparties",
                cause,
                format!("Name at most {MAX_COUNTERPARTIES}: who gets something"),
            );
        }
        let mut seen = BTreeSet::new();
        for (index, path) in named.iter().enumerate() {
            let at = pointer::element("/review/counterparties", index);
            if !seen.insert(path) {
                let cause = format!("{path} stands here twice");
                self.error("duplicate", at.clone(), cause, "Leave one of them out");
            }
            let shape = self.field(path).filter(|_| path.starts_with("/payload/")).map(|kind| kind.shape);
            match shape {
                Some(Shape::String) => {}
                Some(_) => {
                    let mend = "Name a field with type: string and no format of a number or date";
                    self.error("counterparty", at, format!("{path} is no text"), mend);
                }
                None if self.is_schema_broken(path) => {}
                None => {
                    let mend = "Write the JSON Pointer of a text of the payload, as in /payload/payee/name";
                    self.error("unknown-field", at, format!("the payload's schema does not describe {path}"), mend);
                }
            }
        }
    }

    fn facts(&mut self) -> Option<Vec<CompareTemplates>> {
        let lines = &self.contract.review.compare;
        if lines.is_empty() || lines.len() > MAX_FACTS {
            let cause = format!("there are {} critical facts", lines.len());
            let mend = format!("Give 1 to {MAX_FACTS}, best three to six: what somebody would check before saying yes");
            self.error("facts", "/review/compare", cause, mend);
        } else if !GOOD_FACTS.contains(&lines.len()) {
            let cause = format!("there are {} critical facts", lines.len());
            self.warning("facts", "/review/compare", cause, "Three to six are what a person takes in at once");
        }
        let mut labels = BTreeSet::new();
        let mut all = Some(Vec::new());
        for (index, line) in lines.iter().enumerate() {
            let at = pointer::element("/review/compare", index);
            self.text(&format!("{at}/label"), &line.label, 40);
            if !labels.insert(line.label.as_str()) {
                let cause = format!("the label {} stands twice", line.label);
                self.error("duplicate", format!("{at}/label"), cause, "Name each fact by what it is");
            }
            let templates = self.fact(&at, line);
            all = all.zip(templates).map(|(mut all, templates)| {
                all.push(templates);
                all
            });
        }
        let tiers = self.contract.gate.tier.as_str();
        let may_be_high = tiers.contains("T3") || tiers.contains("T4");
        if may_be_high && !lines.iter().any(|line| line.confirm) {
            let mend = "Add confirm: true to the fact that would hurt most if it were wrong";
            let cause = "the tier can be T3 or T4, but no fact has to be typed or picked there";
            self.error("confirm", "/review/compare", cause, mend);
        }
        all
    }

    fn fact(&mut self, at: &str, line: &CompareLine) -> Option<CompareTemplates> {
        let value = self.template(&format!("{at}/value"), &line.value);
        let own = line.path.as_deref().and_then(|path| self.compared_field(&format!("{at}/path"), path));
        if line.confirm && value.as_ref().is_some_and(|value| self.is_masked(value)) {
            let mend = "Confirm a fact that the reviewer can read, or show it with a weaker mask";
            let cause = "this fact has to be typed, but it is masked, so nobody can";
            self.error("confirm", format!("{at}/confirm"), cause, mend);
        }
        let Some(with) = &line.with else {
            return value.map(|value| CompareTemplates { value, says: None });
        };
        let says = self.template(&format!("{at}/with/says"), &with.says);
        let other = self.compared_field(&format!("{at}/with/path"), &with.path);
        if with.is != Comparison::Shown && line.path.is_none() {
            let mend = "Add path: the JSON Pointer of this fact's own value, as in /payload/amount";
            self.error("compare", at, "there is nothing to compare with the other value", mend);
        }
        let needs_order = matches!(with.is, Comparison::SameOrLess | Comparison::SameOrMore);
        if needs_order && [own, other].into_iter().flatten().any(|shape| !Self::is_ordered(shape)) {
            let mend = "Compare decimals, integers or dates, or use is: same";
            self.error("compare", format!("{at}/with/is"), "values of this kind have no order", mend);
        }
        let (value, says) = (value?, says?);
        Some(CompareTemplates { value, says: Some(says) })
    }

    /// The shape of a compared field; a finding when no schema describes it.
    fn compared_field(&mut self, at: &str, path: &str) -> Option<Shape> {
        match self.field(path) {
            Some(kind) => Some(kind.shape),
            None if self.is_schema_broken(path) => None,
            None => {
                let mend = "Write /payload/FIELD or /toolOutputs/ID/FIELD, with a field that the schema describes";
                self.error("unknown-field", at, format!("no schema describes {path}"), mend);
                None
            }
        }
    }

    fn is_masked(&self, template: &Template) -> bool {
        template.fields().any(|field| {
            self.field(&field.pointer()).and_then(|kind| kind.mask).is_some_and(|mask| mask != MaskKind::Clear)
        })
    }

    fn evidence(&mut self) {
        for (index, entry) in self.contract.review.evidence.required.iter().enumerate() {
            let at = pointer::element("/review/evidence/required", index);
            let Some(id) = entry.strip_prefix("tool_outputs.") else {
                let mend = "Write tool_outputs.ID";
                self.error("evidence", at, format!("{entry:?} is no evidence"), mend);
                continue;
            };
            if !self.contract.tool_outputs.contains_key(id) {
                let cause = format!("tool output {id} is not described in tool_outputs");
                self.error("unknown-output", at, cause, "Describe it there: what is hidden whole is no evidence");
            } else if !self.contract.carry.contains(entry) {
                let mend = format!("Add {entry} to carry, so that every handoff has it");
                self.error(
                    "evidence",
                    at,
                    format!("the reviewer has to open {entry}, but a handoff may lack it"),
                    mend,
                );
            }
        }
    }

    fn reasons(&mut self) {
        let reasons = &self.contract.review.reasons.reject;
        let mut codes = BTreeSet::new();
        for (index, reason) in reasons.iter().enumerate() {
            let at = pointer::element("/review/reasons/reject", index);
            if !is_name(&reason.code) {
                let mend = "Write lowercase words with hyphens, as in amount-wrong";
                self.error("name", format!("{at}/code"), format!("{:?} is no reason code", reason.code), mend);
            } else if !codes.insert(reason.code.as_str()) {
                let cause = format!("reason {} stands twice", reason.code);
                self.error("duplicate", format!("{at}/code"), cause, "Leave one of them out");
            }
            self.text(&format!("{at}/text"), &reason.text, 80);
        }
        if !codes.contains("other") {
            let cause = "a reviewer with another reason has none to choose";
            self.error("reasons", "/review/reasons/reject", cause, "Add { code: other, text: \"Another reason\" }");
        }
    }
}

fn fits(format: &Format, shape: Shape) -> bool {
    match format {
        Format::Plain => true,
        Format::Money { .. } => matches!(shape, Shape::Decimal | Shape::Integer | Shape::Any),
        Format::Date => matches!(shape, Shape::Date | Shape::Any),
        Format::Duration => matches!(shape, Shape::Duration | Shape::Any),
        Format::Count => matches!(shape, Shape::Array | Shape::Object | Shape::Any),
        Format::List => matches!(shape, Shape::Array | Shape::Any),
    }
}
