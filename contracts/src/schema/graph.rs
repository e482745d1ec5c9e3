//! A schema as a graph of its subschemas: which of them describe a place, and how that place is hidden.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{FieldKind, PlannedMask, SchemaFault, Shape};
use crate::handoff::MaskKind;
use crate::pointer;

/// Subschemas that one schema may have.
const MAX_NODES: usize = 4_000;
/// Subschemas within subschemas.
const MAX_DEPTH: usize = 64;

type NodeId = usize;

/// The subschemas of one schema.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// For each node itself and everything that applies to the same place, sorted.
    closures: Vec<Vec<NodeId>>,
    names: BTreeSet<String>,
}

/// One subschema.
#[derive(Debug, Default)]
struct Node {
    mask: Option<MaskKind>,
    properties: BTreeMap<String, NodeId>,
    additional: Option<NodeId>,
    prefix_items: Vec<NodeId>,
    items: Option<NodeId>,
    required: BTreeSet<String>,
    types: BTreeSet<String>,
    format: Option<String>,
    /// Subschemas that apply to the same place and always hold.
    always: Vec<NodeId>,
    /// Subschemas that apply to the same place under a condition.
    maybe: Vec<NodeId>,
    /// `$ref` as written, until it is resolved.
    reference: Option<String>,
}

impl Node {
    fn describes_members(&self) -> bool {
        !self.properties.is_empty() || self.additional.is_some()
    }

    fn describes_elements(&self) -> bool {
        !self.prefix_items.is_empty() || self.items.is_some()
    }
}

struct Builder<'f> {
    nodes: Vec<Node>,
    by_pointer: BTreeMap<String, NodeId>,
    names: BTreeSet<String>,
    faults: &'f mut Vec<SchemaFault>,
}

impl Graph {
    /// Reads the schema; whatever is wrong with it is added to `faults`.
    pub(super) fn build(schema: &Value, faults: &mut Vec<SchemaFault>) -> Self {
        let mut builder = Builder { nodes: Vec::new(), by_pointer: BTreeMap::new(), names: BTreeSet::new(), faults };
        builder.add(schema, "", 0, true);
        builder.resolve_references();
        let Builder { nodes, names, faults, .. } = builder;
        let closures = (0..nodes.len()).map(|id| closure(&nodes, id)).collect();
        let graph = Self { nodes, closures, names };
        graph.check_clear(faults);
        graph
    }

    /// The subschemas of the document's root.
    pub(super) fn root(&self) -> &[NodeId] {
        self.closures.first().map_or(&[], Vec::as_slice)
    }

    pub(super) fn names(&self, member: &str) -> bool {
        self.names.contains(member)
    }

    pub(super) fn describes_members(&self) -> bool {
        self.of(self.root()).any(Node::describes_members)
    }

    fn of<'g>(&'g self, ids: &'g [NodeId]) -> impl Iterator<Item = &'g Node> + 'g {
        ids.iter().filter_map(|id| self.nodes.get(*id))
    }

    /// The closures of all the given nodes together.
    fn spread(&self, ids: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = ids.filter_map(|id| self.closures.get(id)).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn member(&self, ids: &[NodeId], name: &str) -> Vec<NodeId> {
        self.spread(self.of(ids).filter_map(|node| node.properties.get(name).copied().or(node.additional)))
    }

    fn element(&self, ids: &[NodeId], index: usize) -> Vec<NodeId> {
        self.spread(self.of(ids).filter_map(|node| node.prefix_items.get(index).copied().or(node.items)))
    }

    /// The mask of a place that these subschemas describe.
    fn mask_of(&self, ids: &[NodeId]) -> Option<MaskKind> {
        let mut masks = self.of(ids).filter_map(|node| node.mask);
        let first = masks.next()?;
        let combined = masks.fold(first, |kind, other| match (kind, other) {
            (MaskKind::Clear, other) => other,
            (kind, MaskKind::Clear) => kind,
            (kind, other) if kind == other => kind,
            _ => MaskKind::Full,
        });
        let has_parts = self.of(ids).any(|node| node.describes_members() || node.describes_elements());
        // What lies inside may be hidden by a subschema of its own, so the whole cannot be clear.
        Some(if combined == MaskKind::Clear && has_parts { MaskKind::Full } else { combined })
    }

    pub(super) fn plan(&self, value: &Value, ids: &[NodeId], path: &mut String, planned: &mut Vec<PlannedMask>) {
        if let Some(kind) = self.mask_of(ids) {
            planned.push(PlannedMask { path: path.clone(), kind });
            return;
        }
        let full = |path: &str| PlannedMask { path: path.to_owned(), kind: MaskKind::Full };
        let length = path.len();
        match value {
            Value::Object(members) if !members.is_empty() => {
                if !self.of(ids).any(Node::describes_members) {
                    planned.push(full(path));
                    return;
                }
                for (name, member) in members {
                    pointer::push_member(path, name);
                    let below = self.member(ids, name);
                    if below.is_empty() {
                        planned.push(full(path));
                    } else {
                        self.plan(member, &below, path, planned);
                    }
                    path.truncate(length);
                }
            }
            Value::Array(elements) if !elements.is_empty() => {
                if !self.of(ids).any(Node::describes_elements) {
                    planned.push(full(path));
                    return;
                }
                for (index, element) in elements.iter().enumerate() {
                    path.push('/');
                    path.push_str(&index.to_string());
                    let below = self.element(ids, index);
                    if below.is_empty() {
                        planned.push(full(path));
                    } else {
                        self.plan(element, &below, path, planned);
                    }
                    path.truncate(length);
                }
            }
            _ => {}
        }
    }

    pub(super) fn knows(&self, path: &[&str]) -> Option<FieldKind> {
        let mut here = self.root().to_vec();
        let mut mask = self.mask_of(&here);
        let mut is_required = true;
        for step in path {
            let members = self.member(&here, step);
            let is_element = members.is_empty();
            is_required = is_required && !is_element && self.is_required(&here, step);
            here = match step.parse::<usize>() {
                Ok(index) if is_element => self.element(&here, index),
                _ => members,
            };
            if here.is_empty() {
                return None;
            }
            mask = mask.or_else(|| self.mask_of(&here));
        }
        Some(FieldKind { mask, is_required, shape: self.shape(&here) })
    }

    /// Whether a subschema that always holds requires the member.
    fn is_required(&self, ids: &[NodeId], name: &str) -> bool {
        // A closure begins with conditional ones mixed in, so only those reachable without a condition are asked.
        let conditional: BTreeSet<NodeId> =
            self.of(ids).flat_map(|node| node.maybe.iter().copied()).flat_map(|id| closure(&self.nodes, id)).collect();
        ids.iter()
            .filter(|id| !conditional.contains(id))
            .filter_map(|id| self.nodes.get(*id))
            .any(|node| node.required.contains(name))
    }

    fn shape(&self, ids: &[NodeId]) -> Shape {
        let types: BTreeSet<&str> = self.of(ids).flat_map(|node| node.types.iter().map(String::as_str)).collect();
        let mut types = types.iter().filter(|one| **one != "null");
        let (Some(only), None) = (types.next(), types.next()) else { return Shape::Any };
        let format = self.of(ids).find_map(|node| node.format.as_deref());
        match (*only, format) {
            ("string", Some("decimal")) => Shape::Decimal,
            ("string", Some("date" | "date-time")) => Shape::Date,
            ("string", Some("duration")) => Shape::Duration,
            ("string", _) => Shape::String,
            ("integer", _) => Shape::Integer,
            ("boolean", _) => Shape::Boolean,
            ("array", _) => Shape::Array,
            ("object", _) => Shape::Object,
            _ => Shape::Any,
        }
    }

    /// `clear` around fields that have masks of their own would show them.
    fn check_clear(&self, faults: &mut Vec<SchemaFault>) {
        for node in &self.nodes {
            if node.mask == Some(MaskKind::Clear) && (node.describes_members() || node.describes_elements()) {
                faults.push(SchemaFault {
                    pointer: String::new(),
                    message: "mask: clear stands on an object or array; put it on its fields instead".to_owned(),
                });
            }
        }
    }
}

/// The node and everything that applies to the same place as it, sorted.
fn closure(nodes: &[Node], id: NodeId) -> Vec<NodeId> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![id];
    while let Some(next) = waiting.pop() {
        if let Some(node) = nodes.get(next)
            && found.insert(next)
        {
            waiting.extend(node.always.iter().chain(&node.maybe).copied());
        }
    }
    found.into_iter().collect()
}

impl Builder<'_> {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.faults.push(SchemaFault { pointer: pointer.to_owned(), message: message.into() });
    }

    /// Adds the subschema at `at` and those below it. `may_mask` is false where a mask could have no effect.
    fn add(&mut self, schema: &Value, at: &str, depth: usize, may_mask: bool) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(Node::default());
        self.by_pointer.insert(at.to_owned(), id);
        if id >= MAX_NODES || depth >= MAX_DEPTH {
            if id == MAX_NODES || depth == MAX_DEPTH {
                self.fault(at, format!("more than {MAX_NODES} subschemas or {MAX_DEPTH} levels of them"));
            }
            return id;
        }
        let mut node = Node::default();
        match schema {
            Value::Bool(_) => {}
            Value::Object(members) => {
                for (keyword, argument) in members {
                    let here = pointer::member(at, keyword);
                    self.keyword(&mut node, keyword, argument, &Place { at: &here, depth, may_mask });
                }
                self.check_mask(&node, members, at);
            }
            _ => self.fault(at, "a schema is an object, true or false"),
        }
        if let Some(slot) = self.nodes.get_mut(id) {
            *slot = node;
        }
        id
    }

    fn keyword(&mut self, node: &mut Node, keyword: &str, argument: &Value, place: &Place<'_>) {
        match keyword {
            "mask" => self.mask(node, argument, place),
            "type" => self.types(node, argument, place),
            "format" => node.format = argument.as_str().map(str::to_owned),
            "required" => node.required = strings(argument),
            "properties" => {
                for (name, (schema, at)) in members_of(argument, place) {
                    self.names.insert(name.clone());
                    let id = self.add(schema, &at, place.depth.saturating_add(1), place.may_mask);
                    node.properties.insert(name, id);
                }
            }
            "$defs" => {
                for (_, (schema, at)) in members_of(argument, place) {
                    self.add(schema, &at, place.depth.saturating_add(1), place.may_mask);
                }
            }
            // `true` allows members and describes none, so they are hidden.
            "additionalProperties" if argument.is_object() => node.additional = Some(self.below(argument, place)),
            "items" if argument.is_object() => node.items = Some(self.below(argument, place)),
            "additionalProperties" | "items" | "unevaluatedProperties" | "unevaluatedItems"
                if argument.is_boolean() => {}
            "prefixItems" => node.prefix_items = self.list(argument, place),
            "allOf" => node.always.extend(self.list(argument, place)),
            "anyOf" | "oneOf" => node.maybe.extend(self.list(argument, place)),
            "if" | "then" | "else" => node.maybe.push(self.below(argument, place)),
            "dependentSchemas" => {
                for (_, (schema, at)) in members_of(argument, place) {
                    node.maybe.push(self.add(schema, &at, place.depth.saturating_add(1), place.may_mask));
                }
            }
            "not" | "contains" | "propertyNames" => {
                self.add(argument, place.at, place.depth.saturating_add(1), false);
            }
            "$ref" => match argument.as_str() {
                Some(target) if target == "#" || target.starts_with("#/") => node.reference = Some(target.to_owned()),
                _ => {
                    self.fault(place.at, "a reference stays within the schema, as in #/$defs/name; nothing is fetched")
                }
            },
            "$schema" if argument == "https://json-schema.org/draft/2020-12/schema" => {}
            "$schema" => self.fault(place.at, "the only dialect is https://json-schema.org/draft/2020-12/schema"),
            "patternProperties" => self.fault(
                place.at,
                "patternProperties is not supported: name the members, or describe them all with additionalProperties",
            ),
            "unevaluatedProperties" | "unevaluatedItems" | "additionalProperties" | "items" => {
                self.fault(
                    place.at,
                    format!("{keyword} is true or false here, or a schema for additionalProperties and items"),
                );
            }
            "$comment" | "title" | "description" | "default" | "examples" | "deprecated" | "readOnly" | "writeOnly"
            | "enum" | "const" | "multipleOf" | "maximum" | "exclusiveMaximum" | "minimum" | "exclusiveMinimum"
            | "maxLength" | "minLength" | "pattern" | "maxItems" | "minItems" | "uniqueItems" | "maxContains"
            | "minContains" | "maxProperties" | "minProperties" | "dependentRequired" => {}
            _ => self.fault(place.at, format!("unknown keyword {keyword}; see the list in docs/CONTRACTS.md")),
        }
    }

    fn below(&mut self, schema: &Value, place: &Place<'_>) -> NodeId {
        self.add(schema, place.at, place.depth.saturating_add(1), place.may_mask)
    }

    fn list(&mut self, argument: &Value, place: &Place<'_>) -> Vec<NodeId> {
        let schemas = argument.as_array().map_or(&[][..], Vec::as_slice);
        let depth = place.depth.saturating_add(1);
        let add = |(index, schema)| self.add(schema, &pointer::element(place.at, index), depth, place.may_mask);
        schemas.iter().enumerate().map(add).collect()
    }

    fn types(&mut self, node: &mut Node, argument: &Value, place: &Place<'_>) {
        node.types = match argument {
            Value::String(only) => BTreeSet::from([only.clone()]),
            other => strings(other),
        };
        if node.types.contains("number") {
            self.fault(
                place.at,
                "numbers with a fraction travel as text: use type string with format decimal, or type integer",
            );
        }
    }

    fn mask(&mut self, node: &mut Node, argument: &Value, place: &Place<'_>) {
        match serde_json::from_value::<MaskKind>(argument.clone()) {
            Ok(_) if !place.may_mask => {
                self.fault(place.at, "a mask has no effect below not, contains and propertyNames")
            }
            Ok(kind) => node.mask = Some(kind),
            Err(_) => self
                .fault(place.at, "a mask is one of full, last4, pan-bin6-last4, email-domain, date-year, scrub, clear"),
        }
    }

    fn check_mask(&mut self, node: &Node, members: &Map<String, Value>, at: &str) {
        let is_text = node.types.len() == 1 && node.types.contains("string");
        let needs_text = matches!(
            node.mask,
            Some(
                MaskKind::Last4 | MaskKind::PanBin6Last4 | MaskKind::EmailDomain | MaskKind::DateYear | MaskKind::Scrub
            )
        );
        if needs_text && !is_text && !members.contains_key("$ref") {
            self.fault(
                &pointer::member(at, "mask"),
                "this mask is for text: say type: string beside it, or use mask: full",
            );
        }
    }

    fn resolve_references(&mut self) {
        let mut unknown = Vec::new();
        let targets: Vec<Option<NodeId>> = self
            .nodes
            .iter()
            .map(|node| {
                let target = node.reference.as_deref()?.trim_start_matches('#');
                let found = self.by_pointer.get(target).copied();
                if found.is_none() {
                    unknown.push(target.to_owned());
                }
                found
            })
            .collect();
        for (node, target) in self.nodes.iter_mut().zip(targets) {
            node.always.extend(target);
        }
        for target in unknown {
            self.fault("", format!("the reference #{target} leads nowhere"));
        }
    }
}

/// Where a keyword stands.
struct Place<'p> {
    at: &'p str,
    depth: usize,
    may_mask: bool,
}

fn members_of<'v>(argument: &'v Value, place: &Place<'_>) -> Vec<(String, (&'v Value, String))> {
    let members = argument.as_object().into_iter().flatten();
    members.map(|(name, schema)| (name.clone(), (schema, pointer::member(place.at, name)))).collect()
}

fn strings(argument: &Value) -> BTreeSet<String> {
    argument.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
