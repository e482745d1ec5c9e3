//! What the parts of the pages are, for people who have them read out and for programs.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, Node, TableHeaderScope, Tag, TagGroup, TagTree};

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Section,
    /// A heading with its level, 1 to 3, and its text.
    Heading(u16, String),
    Paragraph,
    Quote,
    Table,
    TableHead,
    TableBody,
    Row,
    ColumnHead,
    RowHead,
    Cell,
}

#[derive(Debug)]
enum Part {
    Group(Kind, Vec<Part>),
    /// The number of something drawn, which may be on several pages.
    Leaf(usize),
}

/// The tree of parts while it is being made.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    done: Vec<Part>,
    open: Vec<(Kind, Vec<Part>)>,
    n_leaves: usize,
}

impl Structure {
    /// Everything that is added until [`Self::close`] is inside a part of this kind.
    pub(crate) fn open(&mut self, kind: Kind) {
        self.open.push((kind, Vec::new()));
    }

    pub(crate) fn close(&mut self) {
        if let Some((kind, parts)) = self.open.pop() {
            self.add(Part::Group(kind, parts));
        }
    }

    /// A part of this kind that has only something drawn; gives the number to draw it under.
    pub(crate) fn leaf(&mut self, kind: Kind) -> usize {
        let number = self.n_leaves;
        self.n_leaves += 1;
        self.add(Part::Group(kind, vec![Part::Leaf(number)]));
        number
    }

    pub(crate) fn n_leaves(&self) -> usize {
        self.n_leaves
    }

    fn add(&mut self, part: Part) {
        match self.open.last_mut() {
            Some((_, parts)) => parts.push(part),
            None => self.done.push(part),
        }
    }

    /// The tree for the file; `drawn` says under which identifiers each number was drawn.
    pub(crate) fn into_tree(self, drawn: &[Vec<Identifier>]) -> TagTree {
        let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
        for part in self.done {
            nodes(part, drawn).into_iter().for_each(|node| tree.push(node));
        }
        tree
    }
}

fn nodes(part: Part, drawn: &[Vec<Identifier>]) -> Vec<Node> {
    match part {
        Part::Leaf(number) => {
            drawn.get(number).into_iter().flatten().map(|identifier| Node::from(*identifier)).collect()
        }
        Part::Group(kind, parts) => {
            let children = parts.into_iter().flat_map(|part| nodes(part, drawn)).collect();
            vec![Node::from(group(kind, children))]
        }
    }
}

fn group(kind: Kind, children: Vec<Node>) -> TagGroup {
    match kind {
        Kind::Section => TagGroup::with_children(Tag::Section, children),
        Kind::Heading(level, title) => {
            TagGroup::with_children(Tag::Hn(NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN), Some(title)), children)
        }
        Kind::Paragraph => TagGroup::with_children(Tag::P, children),
        Kind::Quote => TagGroup::with_children(Tag::BlockQuote, vec![TagGroup::with_children(Tag::P, children).into()]),
        Kind::Table => TagGroup::with_children(Tag::Table, children),
        Kind::TableHead => TagGroup::with_children(Tag::THead, children),
        Kind::TableBody => TagGroup::with_children(Tag::TBody, children),
        Kind::Row => TagGroup::with_children(Tag::TR, children),
        Kind::ColumnHead => TagGroup::with_children(Tag::TH(TableHeaderScope::Column), children),
        Kind::RowHead => TagGroup::with_children(Tag::TH(TableHeaderScope::Row), children),
        Kind::Cell => TagGroup::with_children(Tag::TD, children),
    }
}
