//! Evaluates a condition with a budget.
//!
//! The parser and the macros are those of the `cel` crate. Its interpreter has no budget and finds values of different
//! types silently unequal, so the walk over the tree is our own: every step costs, and what CEL would call `false` because
//! the types differ is an error, which fails closed. Where this evaluator answers, CEL answers the same; the tests compare
//! the two.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use cel::IdedExpr as Expression;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};
use serde_json::{Map, Value};
use thiserror::Error;

use super::decimal::{Decimal, DecimalError};
use super::value::{Val, text_weight};

/// Steps that one condition may take. A step is a node of the expression, an element of a list, or 32 bytes of text.
pub const MAX_STEPS: u64 = 100_000;

/// Why a condition has no answer. None of them holds a value of the handoff.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EvaluationError {
    #[error("field {name} is not there; ask with has(...) first")]
    NoSuchField { name: String },
    #[error("variable {name} is not known")]
    NoSuchVariable { name: String },
    #[error("list has no element at this position")]
    NoSuchElement,
    #[error("{operation} does not work on {left} and {right}")]
    Types { operation: String, left: &'static str, right: &'static str },
    #[error("{operation} does not work on {operand}")]
    Type { operation: String, operand: &'static str },
    #[error("result is larger than a number can be here")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
    #[error("value is not a decimal number")]
    Decimal(#[from] DecimalError),
    #[error("evaluation takes more than {MAX_STEPS} steps")]
    TooCostly,
    #[error("{name} is not part of the language here")]
    Unsupported { name: String },
}

type Answer<'v> = Result<Val<'v>, EvaluationError>;

/// One evaluation: the variables, what macros have bound on top of them, and the budget that is left.
pub(super) struct Evaluation<'v> {
    root: &'v Map<String, Value>,
    bound: Vec<(&'v str, Val<'v>)>,
    steps_left: u64,
}

impl<'v> Evaluation<'v> {
    pub(super) fn new(root: &'v Map<String, Value>) -> Self {
        Self { root, bound: Vec::new(), steps_left: MAX_STEPS }
    }

    fn spend(&mut self, steps: u64) -> Result<(), EvaluationError> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(EvaluationError::TooCostly)?;
        Ok(())
    }

    pub(super) fn run(&mut self, node: &'v Expression) -> Answer<'v> {
        self.spend(1)?;
        match &node.expr {
            Expr::Literal(literal) => literal_value(literal),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.select(select),
            Expr::List(list) => {
                let mut items = Vec::with_capacity(list.elements.len());
                for element in &list.elements {
                    items.push(self.run(element)?);
                }
                Ok(Val::List(Rc::new(items)))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => self.call(call),
            Expr::Map(_) => Err(unsupported("a map literal")),
            Expr::Struct(_) => Err(unsupported("a message literal")),
            Expr::Unspecified => Err(unsupported("an empty expression")),
        }
    }

    fn variable(&mut self, name: &'v str) -> Answer<'v> {
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            return Ok(value.clone());
        }
        let value = self.root.get(name).ok_or_else(|| EvaluationError::NoSuchVariable { name: name.to_owned() })?;
        Val::of(value).ok_or(EvaluationError::Overflow)
    }

    fn select(&mut self, select: &'v SelectExpr) -> Answer<'v> {
        let operand = self.run(&select.operand)?;
        let Val::Map(members) = operand else {
            return Err(EvaluationError::Type { operation: format!(".{}", select.field), operand: operand.kind() });
        };
        match (members.get(&select.field), select.test) {
            (found, true) => Ok(Val::Bool(found.is_some())),
            (Some(value), false) => Val::of(value).ok_or(EvaluationError::Overflow),
            (None, false) => Err(EvaluationError::NoSuchField { name: select.field.clone() }),
        }
    }

    fn comprehension(&mut self, node: &'v ComprehensionExpr) -> Answer<'v> {
        if node.iter_var2.is_some() {
            return Err(unsupported("a macro with two variables"));
        }
        let range = self.run(&node.iter_range)?;
        let items = match &range {
            Val::Map(members) => members.keys().map(|key| Val::Text(Cow::Borrowed(key.as_str()))).collect(),
            other => other.items().ok_or_else(|| EvaluationError::Type {
                operation: "a macro over lists".to_owned(),
                operand: other.kind(),
            })?,
        };
        self.spend(u64::try_from(items.len()).unwrap_or(u64::MAX))?;
        let mut accumulated = self.run(&node.accu_init)?;
        for item in items {
            // ORDER: the loop condition sees the accumulated value, not the element; `all` and `exists` stop early by it.
            let goes_on = self.with(&node.accu_var, accumulated.clone(), |this| this.run(&node.loop_cond))?;
            if !matches!(goes_on, Val::Bool(true)) {
                break;
            }
            accumulated = self.with(&node.iter_var, item, |this| {
                this.with(&node.accu_var, accumulated, |this| this.run(&node.loop_step))
            })?;
        }
        self.with(&node.accu_var, accumulated, |this| this.run(&node.result))
    }

    /// Runs `body` with `name` bound. The first error ends a macro; CEL would go on and let a later element decide.
    fn with(&mut self, name: &'v str, value: Val<'v>, body: impl FnOnce(&mut Self) -> Answer<'v>) -> Answer<'v> {
        self.bound.push((name, value));
        let answer = body(self);
        self.bound.pop();
        answer
    }

    fn call(&mut self, call: &'v CallExpr) -> Answer<'v> {
        if let Some(target) = &call.target {
            let target = self.run(target)?;
            let mut arguments = Vec::with_capacity(call.args.len());
            for argument in &call.args {
                arguments.push(self.run(argument)?);
            }
            return self.method(&call.func_name, &target, &arguments);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => match self.run(condition)? {
                Val::Bool(true) => self.run(yes),
                Val::Bool(false) => self.run(no),
                other => Err(EvaluationError::Type { operation: "?:".to_owned(), operand: other.kind() }),
            },
            (operators::LOGICAL_OR, [left, right]) => self.logical("||", true, left, right),
            (operators::LOGICAL_AND, [left, right]) => self.logical("&&", false, left, right),
            (operators::LOGICAL_NOT, [operand]) => match self.run(operand)? {
                Val::Bool(value) => Ok(Val::Bool(!value)),
                other => Err(EvaluationError::Type { operation: "!".to_owned(), operand: other.kind() }),
            },
            (operators::NOT_STRICTLY_FALSE, [operand]) => match self.run(operand) {
                Ok(Val::Bool(value)) => Ok(Val::Bool(value)),
                Err(EvaluationError::TooCostly) => Err(EvaluationError::TooCostly),
                _ => Ok(Val::Bool(true)),
            },
            (operators::NEGATE, [operand]) => match self.run(operand)? {
                Val::Int(value) => value.checked_neg().map(Val::Int).ok_or(EvaluationError::Overflow),
                Val::Decimal(value) => value.negated().map(Val::Decimal).ok_or(EvaluationError::Overflow),
                other => Err(EvaluationError::Type { operation: "-".to_owned(), operand: other.kind() }),
            },
            (operators::INDEX, [list, position]) => {
                let (list, position) = (self.run(list)?, self.run(position)?);
                self.element(&list, &position)
            }
            (operators::IN, [needle, list]) => {
                let (needle, list) = (self.run(needle)?, self.run(list)?);
                self.contains(&needle, &list)
            }
            ("decimal", [operand]) => match self.run(operand)? {
                Val::Text(text) => Ok(Val::Decimal(Decimal::parse(&text)?)),
                Val::Int(value) => Ok(Val::Decimal(Decimal::from_integer(value))),
                other => Err(EvaluationError::Type { operation: "decimal()".to_owned(), operand: other.kind() }),
            },
            ("size", [operand]) => {
                let operand = self.run(operand)?;
                self.size(&operand)
            }
            (operator, [left, right]) => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                self.binary(operator, &left, &right)
            }
            (name, _) => Err(unsupported(name)),
        }
    }

    /// `||` and `&&` as CEL has them: the deciding value wins over an error on the other side, whichever side that is.
    fn logical(&mut self, name: &str, deciding: bool, left: &'v Expression, right: &'v Expression) -> Answer<'v> {
        let truth = |answer: Answer<'v>| match answer {
            Ok(Val::Bool(value)) => Ok(value),
            Ok(other) => Err(EvaluationError::Type { operation: name.to_owned(), operand: other.kind() }),
            Err(error) => Err(error),
        };
        let left = truth(self.run(left));
        match left {
            Ok(value) if value == deciding => return Ok(Val::Bool(deciding)),
            // A spent budget is final: nothing that comes later may hide it.
            Err(EvaluationError::TooCostly) => return Err(EvaluationError::TooCostly),
            _ => {}
        }
        match (left, truth(self.run(right))) {
            (_, Ok(value)) if value == deciding => Ok(Val::Bool(deciding)),
            (_, Err(error)) | (Err(error), _) => Err(error),
            (Ok(_), Ok(value)) => Ok(Val::Bool(value)),
        }
    }

    fn binary(&mut self, operator: &str, left: &Val<'v>, right: &Val<'v>) -> Answer<'v> {
        let is = |wanted: fn(Ordering) -> bool, ordering: Ordering| Ok(Val::Bool(wanted(ordering)));
        match operator {
            operators::EQUALS => self.equal("==", left, right).map(Val::Bool),
            operators::NOT_EQUALS => self.equal("!=", left, right).map(|equal| Val::Bool(!equal)),
            operators::LESS => is(Ordering::is_lt, self.order("<", left, right)?),
            operators::LESS_EQUALS => is(Ordering::is_le, self.order("<=", left, right)?),
            operators::GREATER => is(Ordering::is_gt, self.order(">", left, right)?),
            operators::GREATER_EQUALS => is(Ordering::is_ge, self.order(">=", left, right)?),
            operators::ADD => self.add(left, right),
            operators::SUBSTRACT => match (left, right) {
                (Val::Int(a), Val::Int(b)) => a.checked_sub(*b).map(Val::Int).ok_or(EvaluationError::Overflow),
                (Val::Decimal(a), Val::Decimal(b)) => a.minus(*b).map(Val::Decimal).ok_or(EvaluationError::Overflow),
                _ => Err(types("-", left, right)),
            },
            operators::MULTIPLY => match (left, right) {
                (Val::Int(a), Val::Int(b)) => a.checked_mul(*b).map(Val::Int).ok_or(EvaluationError::Overflow),
                (Val::Decimal(a), Val::Int(b)) | (Val::Int(b), Val::Decimal(a)) => {
                    a.times(*b).map(Val::Decimal).ok_or(EvaluationError::Overflow)
                }
                _ => Err(types("*", left, right)),
            },
            operators::DIVIDE | operators::MODULO => {
                let (Val::Int(a), Val::Int(b)) = (left, right) else {
                    return Err(types(if operator == operators::DIVIDE { "/" } else { "%" }, left, right));
                };
                if *b == 0 {
                    return Err(EvaluationError::DivisionByZero);
                }
                let result = if operator == operators::DIVIDE { a.checked_div(*b) } else { a.checked_rem(*b) };
                result.map(Val::Int).ok_or(EvaluationError::Overflow)
            }
            name => Err(unsupported(name)),
        }
    }

    fn add(&mut self, left: &Val<'v>, right: &Val<'v>) -> Answer<'v> {
        match (left, right) {
            (Val::Int(a), Val::Int(b)) => a.checked_add(*b).map(Val::Int).ok_or(EvaluationError::Overflow),
            (Val::Decimal(a), Val::Decimal(b)) => a.plus(*b).map(Val::Decimal).ok_or(EvaluationError::Overflow),
            (Val::Text(a), Val::Text(b)) => {
                self.spend(text_weight(a.len().saturating_add(b.len())))?;
                Ok(Val::Text(Cow::Owned(format!("{a}{b}"))))
            }
            _ => {
                let (Some(mut items), Some(more)) = (left.items(), right.items()) else {
                    return Err(types("+", left, right));
                };
                items.extend(more);
                self.spend(u64::try_from(items.len()).unwrap_or(u64::MAX))?;
                Ok(Val::List(Rc::new(items)))
            }
        }
    }

    fn order(&mut self, operation: &str, left: &Val<'v>, right: &Val<'v>) -> Result<Ordering, EvaluationError> {
        match (left, right) {
            (Val::Int(a), Val::Int(b)) => Ok(a.cmp(b)),
            (Val::Decimal(a), Val::Decimal(b)) => Ok(a.cmp(b)),
            (Val::Text(a), Val::Text(b)) => {
                self.spend(text_weight(a.len().min(b.len())))?;
                Ok(a.cmp(b))
            }
            _ => Err(types(operation, left, right)),
        }
    }

    fn equal(&mut self, operation: &str, left: &Val<'v>, right: &Val<'v>) -> Result<bool, EvaluationError> {
        self.spend(left.weight().min(right.weight()))?;
        match (left, right) {
            (Val::Null, Val::Null) => Ok(true),
            (Val::Null, _) | (_, Val::Null) => Ok(false),
            (Val::Bool(a), Val::Bool(b)) => Ok(a == b),
            (Val::Int(a), Val::Int(b)) => Ok(a == b),
            (Val::Text(a), Val::Text(b)) => Ok(a == b),
            (Val::Decimal(a), Val::Decimal(b)) => Ok(a == b),
            (Val::Map(a), Val::Map(b)) => Ok(a == b),
            (Val::Json(a), Val::Json(b)) => Ok(a == b),
            (Val::Json(_) | Val::List(_), Val::Json(_) | Val::List(_)) => {
                let (a, b) = (left.items().unwrap_or_default(), right.items().unwrap_or_default());
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(&b) {
                    if !self.equal(operation, a, b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Err(types(operation, left, right)),
        }
    }

    fn contains(&mut self, needle: &Val<'v>, list: &Val<'v>) -> Answer<'v> {
        if let Val::Map(members) = list {
            return match needle {
                Val::Text(name) => Ok(Val::Bool(members.contains_key(name.as_ref()))),
                other => Err(types("in", other, list)),
            };
        }
        let items = list.items().ok_or_else(|| types("in", needle, list))?;
        for item in &items {
            if self.equal("in", needle, item)? {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }

    fn element(&mut self, list: &Val<'v>, position: &Val<'v>) -> Answer<'v> {
        match (list, position) {
            (Val::Map(members), Val::Text(name)) => {
                let value = members.get(name.as_ref());
                let value = value.ok_or_else(|| EvaluationError::NoSuchField { name: "in brackets".to_owned() })?;
                Val::of(value).ok_or(EvaluationError::Overflow)
            }
            (Val::Json(items), Val::Int(position)) => {
                let value = usize::try_from(*position).ok().and_then(|position| items.get(position));
                Val::of(value.ok_or(EvaluationError::NoSuchElement)?).ok_or(EvaluationError::Overflow)
            }
            (Val::List(items), Val::Int(position)) => {
                let value = usize::try_from(*position).ok().and_then(|position| items.get(position));
                value.cloned().ok_or(EvaluationError::NoSuchElement)
            }
            _ => Err(types("[]", list, position)),
        }
    }

    fn size(&mut self, operand: &Val<'v>) -> Answer<'v> {
        if let Val::Text(text) = operand {
            self.spend(text_weight(text.len()))?;
        }
        let size = operand
            .size()
            .ok_or_else(|| EvaluationError::Type { operation: "size()".to_owned(), operand: operand.kind() })?;
        i64::try_from(size).map(Val::Int).map_err(|_| EvaluationError::Overflow)
    }

    fn method(&mut self, name: &str, target: &Val<'v>, arguments: &[Val<'v>]) -> Answer<'v> {
        if let (Val::Text(text), "contains" | "startsWith" | "endsWith" | "substring" | "lowerAscii") = (target, name) {
            self.spend(text_weight(text.len()))?;
        }
        match (name, target, arguments) {
            ("size", target, []) => self.size(target),
            ("contains", Val::Text(text), [Val::Text(part)]) => Ok(Val::Bool(text.contains(part.as_ref()))),
            ("startsWith", Val::Text(text), [Val::Text(part)]) => Ok(Val::Bool(text.starts_with(part.as_ref()))),
            ("endsWith", Val::Text(text), [Val::Text(part)]) => Ok(Val::Bool(text.ends_with(part.as_ref()))),
            ("lowerAscii", Val::Text(text), []) => Ok(Val::Text(Cow::Owned(text.to_ascii_lowercase()))),
            ("substring", Val::Text(text), [Val::Int(from)]) => substring(text, *from, None),
            ("substring", Val::Text(text), [Val::Int(from), Val::Int(to)]) => substring(text, *from, Some(*to)),
            ("contains" | "startsWith" | "endsWith" | "lowerAscii" | "substring" | "size", target, _) => {
                Err(EvaluationError::Type { operation: format!(".{name}()"), operand: target.kind() })
            }
            (name, ..) => Err(unsupported(name)),
        }
    }
}

/// Characters `from` up to, not including, `to`; as the `strings` extension of CEL has it.
fn substring<'v>(text: &str, from: i64, to: Option<i64>) -> Answer<'v> {
    let n_chars = text.chars().count();
    let from = usize::try_from(from).map_err(|_| EvaluationError::NoSuchElement)?;
    let to = match to {
        Some(to) => usize::try_from(to).map_err(|_| EvaluationError::NoSuchElement)?,
        None => n_chars,
    };
    if from > to || to > n_chars {
        return Err(EvaluationError::NoSuchElement);
    }
    Ok(Val::Text(Cow::Owned(text.chars().skip(from).take(to - from).collect())))
}

fn literal_value(literal: &LiteralValue) -> Answer<'_> {
    match literal {
        LiteralValue::Boolean(value) => Ok(Val::Bool(*value.inner())),
        LiteralValue::Int(value) => Ok(Val::Int(*value.inner())),
        LiteralValue::String(value) => Ok(Val::Text(Cow::Borrowed(value.inner()))),
        LiteralValue::Null => Ok(Val::Null),
        LiteralValue::Double(_) => Err(unsupported("a floating point number")),
        LiteralValue::Bytes(_) => Err(unsupported("a byte string")),
        LiteralValue::UInt(_) => Err(unsupported("an unsigned integer")),
    }
}

fn unsupported(name: &str) -> EvaluationError {
    EvaluationError::Unsupported { name: name.to_owned() }
}

fn types(operation: &str, left: &Val<'_>, right: &Val<'_>) -> EvaluationError {
    EvaluationError::Types { operation: operation.to_owned(), left: left.kind(), right: right.kind() }
}
