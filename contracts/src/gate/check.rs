//! What can be said about a condition before any handoff exists: its size, the words it uses, the fields it reads.

use std::collections::BTreeSet;

use cel::IdedExpr as Expression;
use cel::common::ast::{Expr, LiteralValue, operators};
use thiserror::Error;

/// Longest condition, in characters.
pub const MAX_CHARACTERS: usize = 1_000;
/// Deepest nesting of brackets, and of the expression tree.
pub const MAX_NESTING: usize = 16;
const MAX_TREE_DEPTH: usize = 80;
/// Macros within macros.
const MAX_MACROS: usize = 2;

/// Why a text is not a condition.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConditionError {
    #[error("condition is empty")]
    Empty,
    #[error("condition is longer than {MAX_CHARACTERS} characters")]
    TooLong,
    #[error("condition is nested more than {MAX_NESTING} levels deep, or more than {MAX_MACROS} macros deep")]
    TooDeep,
    #[error("condition is not CEL: {message} at character {column}")]
    Syntax { message: String, column: usize },
    #[error("variable {name} is not known here; known are {known}")]
    UnknownVariable { name: String, known: String },
    #[error("{name} is not part of the language here")]
    Unsupported { name: String },
    #[error("decimal(...) is compared with a bare number; write the number as decimal(\"...\")")]
    BareNumber,
}

/// What a condition reads and can answer.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Fields from a variable on, in order of first use, as in `["payload", "card", "number"]`.
    pub(super) paths: Vec<Vec<String>>,
    /// Fields that it asks for with `has(...)`.
    pub(super) tested: Vec<Vec<String>>,
    /// The texts that it can answer, when all of its answers are literal texts.
    pub(super) answers: Option<BTreeSet<String>>,
}

/// Refuses what is too large to be parsed safely.
pub(super) fn check_size(source: &str) -> Result<(), ConditionError> {
    if source.trim().is_empty() {
        return Err(ConditionError::Empty);
    }
    if source.chars().count() > MAX_CHARACTERS {
        return Err(ConditionError::TooLong);
    }
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for c in source.chars() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth > MAX_NESTING {
            return Err(ConditionError::TooDeep);
        }
    }
    Ok(())
}

/// Walks over the parsed condition.
pub(super) fn summarise(root: &Expression, known: &[&str]) -> Result<Summary, ConditionError> {
    let mut walk = Walk { known, bound: Vec::new(), summary: Summary::default() };
    walk.node(root, 0, 0)?;
    walk.summary.answers = answers(root);
    Ok(walk.summary)
}

struct Walk<'k> {
    known: &'k [&'k str],
    bound: Vec<String>,
    summary: Summary,
}

impl Walk<'_> {
    fn node(&mut self, node: &Expression, depth: usize, macros: usize) -> Result<(), ConditionError> {
        if depth > MAX_TREE_DEPTH || macros > MAX_MACROS {
            return Err(ConditionError::TooDeep);
        }
        if let Some(path) = path_of(node) {
            if matches!(&node.expr, Expr::Select(select) if select.test) {
                self.summary.tested.push(path.clone());
            }
            return self.path(path);
        }
        match &node.expr {
            Expr::Literal(LiteralValue::Double(_)) => {
                Err(unsupported("a floating point number, instead of decimal(\"...\"),"))
            }
            Expr::Literal(LiteralValue::Bytes(_)) => Err(unsupported("a byte string")),
            Expr::Literal(LiteralValue::UInt(_)) => Err(unsupported("an unsigned integer")),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.path(vec![name.clone()]),
            Expr::Select(select) => self.node(&select.operand, depth + 1, macros),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.node(element, depth + 1, macros)),
            Expr::Comprehension(comprehension) => {
                if comprehension.iter_var2.is_some() {
                    return Err(unsupported("a macro with two variables"));
                }
                self.node(&comprehension.iter_range, depth + 1, macros + 1)?;
                self.node(&comprehension.accu_init, depth + 1, macros + 1)?;
                self.bound.push(comprehension.accu_var.clone());
                self.bound.push(comprehension.iter_var.clone());
                for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.node(part, depth + 1, macros + 1)?;
                }
                self.bound.truncate(self.bound.len().saturating_sub(2));
                Ok(())
            }
            Expr::Call(call) => {
                let n_arguments = call.args.len();
                if !is_known(&call.func_name, call.target.is_some(), n_arguments) {
                    return Err(unsupported(&format!("{} with {n_arguments} arguments", call.func_name)));
                }
                if let (true, [left, right]) = (compares(&call.func_name), call.args.as_slice())
                    && (is_decimal(left) && is_number(right) || is_number(left) && is_decimal(right))
                {
                    return Err(ConditionError::BareNumber);
                }
                if let Some(target) = &call.target {
                    self.node(target, depth + 1, macros)?;
                }
                call.args.iter().try_for_each(|argument| self.node(argument, depth + 1, macros))
            }
            Expr::Map(_) => Err(unsupported("a map literal")),
            Expr::Struct(_) => Err(unsupported("a message literal")),
            Expr::Unspecified => Err(ConditionError::Empty),
        }
    }

    fn path(&mut self, path: Vec<String>) -> Result<(), ConditionError> {
        let Some(root) = path.first() else { return Ok(()) };
        if self.bound.contains(root) {
            return Ok(());
        }
        if !self.known.contains(&root.as_str()) {
            return Err(ConditionError::UnknownVariable { name: root.clone(), known: self.known.join(", ") });
        }
        if !self.summary.paths.contains(&path) {
            self.summary.paths.push(path);
        }
        Ok(())
    }
}

/// `payload.card.number` as its names; `None` when it is no chain of names.
fn path_of(node: &Expression) -> Option<Vec<String>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) => {
            let mut path = path_of(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

fn is_known(name: &str, is_method: bool, n_arguments: usize) -> bool {
    match (name, is_method) {
        ("size" | "lowerAscii", true) => n_arguments == 0,
        ("contains" | "startsWith" | "endsWith", true) => n_arguments == 1,
        ("substring", true) => matches!(n_arguments, 1 | 2),
        ("size" | "decimal" | operators::LOGICAL_NOT | operators::NEGATE | operators::NOT_STRICTLY_FALSE, false) => {
            n_arguments == 1
        }
        (operators::CONDITIONAL, false) => n_arguments == 3,
        (
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::INDEX
            | operators::IN,
            false,
        ) => n_arguments == 2,
        (name, false) => compares(name) && n_arguments == 2,
        (_, true) => false,
    }
}

fn compares(name: &str) -> bool {
    matches!(
        name,
        operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
    )
}

fn is_decimal(node: &Expression) -> bool {
    match &node.expr {
        Expr::Call(call) if call.func_name == "decimal" => true,
        Expr::Call(call) => {
            let is_arithmetic = matches!(
                call.func_name.as_str(),
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::NEGATE
            );
            is_arithmetic && call.args.iter().any(is_decimal)
        }
        _ => false,
    }
}

fn is_number(node: &Expression) -> bool {
    match &node.expr {
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::Double(_) | LiteralValue::UInt(_)) => true,
        Expr::Call(call) if call.func_name == "size" => true,
        Expr::Call(call) => call.func_name == operators::NEGATE && call.args.iter().all(is_number),
        _ => false,
    }
}

fn answers(node: &Expression) -> Option<BTreeSet<String>> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(BTreeSet::from([text.inner().to_owned()])),
        Expr::Call(call) if call.func_name == operators::CONDITIONAL => {
            let mut all = answers(call.args.get(1)?)?;
            all.extend(answers(call.args.get(2)?)?);
            Some(all)
        }
        _ => None,
    }
}

fn unsupported(name: &str) -> ConditionError {
    ConditionError::Unsupported { name: name.to_owned() }
}
