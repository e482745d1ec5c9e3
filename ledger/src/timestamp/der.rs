//! Reading DER: tag, length, value, with lengths in their one spelling. The values keep the bytes as they came, since those
//! are what is signed. Source: X.690 §8.1 and §10.1.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node<'a> {
    /// The first byte: class, form and number.
    pub(super) tag: u8,
    /// What is in it.
    pub(super) value: &'a [u8],
    /// The whole element.
    pub(super) raw: &'a [u8],
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xa1;
/// `[3]`, constructed.
pub(super) const CONTEXT_3: u8 = 0xa3;

/// Most elements of one list: far more than any token has.
const MAX_CHILDREN: usize = 64;

/// The element at the beginning, and what follows it.
fn take(bytes: &[u8]) -> Option<(Node<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    if tag & 0x1f == 0x1f {
        // Numbers of more than one byte do not occur.
        return None;
    }
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        rest = after;
        let length = digits.iter().try_fold(0usize, |sum, digit| Some(sum.checked_mul(256)? + usize::from(*digit)))?;
        let is_shortest = digits.first().is_some_and(|digit| *digit != 0) && length >= 0x80;
        if !is_shortest {
            return None;
        }
        length
    };
    let (value, after) = rest.split_at_checked(length)?;
    let (raw, _) = bytes.split_at_checked(bytes.len() - after.len())?;
    Some((Node { tag, value, raw }, after))
}

/// The one element that the bytes are.
pub(super) fn parse(bytes: &[u8]) -> Option<Node<'_>> {
    take(bytes).filter(|(_, rest)| rest.is_empty()).map(|(node, _)| node)
}

impl<'a> Node<'a> {
    /// Its value, when it has this tag.
    pub(super) fn of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.value)
    }

    /// The elements in it, when it has this tag.
    pub(super) fn list(self, tag: u8) -> Option<Vec<Node<'a>>> {
        let mut rest = self.of(tag)?;
        let mut nodes = Vec::new();
        while !rest.is_empty() {
            let (node, after) = take(rest)?;
            nodes.push(node);
            rest = after;
            if nodes.len() > MAX_CHILDREN {
                return None;
            }
        }
        Some(nodes)
    }

    /// The one element in it, when it has this tag.
    pub(super) fn only(self, tag: u8) -> Option<Node<'a>> {
        match self.list(tag)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}
