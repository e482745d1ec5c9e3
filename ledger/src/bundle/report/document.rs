//! What a report says, before anybody lays it out: headings, paragraphs and tables, the same for every form of a report.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::text::visible_text;

use crate::verify::Verdict;

/// A text as people may see it: every control, invisible or reordering character is a code such as `[U+202E]`; line feeds
/// and tabs stay. There is no other way to put a text into a report, so no writer has to remember it (attack A4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// Makes `text` visible.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(visible_text(text))
    }

    /// The visible text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands in one cell of a table or beside one name. A cell is one of these and never two, so that no text out of a
/// bundle can stand behind a label of the report's own and imitate the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The report's own words.
    Own(Shown),
    /// The report's own words, too short to be broken: results, times, events.
    Word(Shown),
    /// A hash, an id or a JSON Pointer.
    Code(Shown),
    /// Text that somebody else wrote, with its own lines.
    Said(Shown),
}

impl Cell {
    /// The text in the cell, whatever it is.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Own(text) | Self::Word(text) | Self::Code(text) | Self::Said(text) => text.as_str(),
        }
    }
}

pub(super) fn own(text: impl AsRef<str>) -> Cell {
    Cell::Own(Shown::new(text.as_ref()))
}

pub(super) fn short(text: impl AsRef<str>) -> Cell {
    Cell::Word(Shown::new(text.as_ref()))
}

pub(super) fn code(text: impl AsRef<str>) -> Cell {
    Cell::Code(Shown::new(text.as_ref()))
}

pub(super) fn said(text: impl AsRef<str>) -> Cell {
    Cell::Said(Shown::new(text.as_ref()))
}

/// One part of a report, in reading order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading of the second level with what belongs to it.
    Section {
        /// The heading.
        title: Shown,
        /// What stands below it; never another section.
        blocks: Vec<Block>,
    },
    /// A heading of the third level.
    Heading(Shown),
    /// The report's own sentences.
    Paragraph(Shown),
    /// Somebody's own words, set apart.
    Words(Shown),
    /// A result that must not be overlooked.
    Banner {
        /// What its colour means.
        verdict: Verdict,
        /// One or a few words.
        word: Shown,
        /// What they mean here.
        sentence: Shown,
    },
    /// Pairs of a name and what it stands for.
    Pairs(Vec<(Shown, Cell)>),
    /// Rows under heads; each row has one cell for each head.
    Table {
        /// The heads of the columns.
        heads: Vec<Shown>,
        /// The rows from top to bottom.
        rows: Vec<Vec<Cell>>,
    },
}

/// A whole report. What it says is decided here; how it looks is a writer's own matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The title.
    pub title: Shown,
    /// The verdict over all required claims.
    pub verdict: Verdict,
    /// The verdict as people read it.
    pub verdict_word: Shown,
    /// The handoff; absent when none was proved.
    pub handoff: Option<Shown>,
    /// The time as of which everything was judged.
    pub as_of: Timestamp,
    /// The parts in reading order.
    pub blocks: Vec<Block>,
}

/// Parts of a document that are being collected.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<Block>);

impl Page {
    pub(super) fn into_blocks(self) -> Vec<Block> {
        self.0
    }

    pub(super) fn section(&mut self, title: &str, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.0.push(Block::Section { title: Shown::new(title), blocks: inner.0 });
    }

    pub(super) fn heading(&mut self, title: &str) {
        self.0.push(Block::Heading(Shown::new(title)));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.0.push(Block::Paragraph(Shown::new(text)));
    }

    /// Somebody's own words, set apart.
    pub(super) fn words(&mut self, text: &str) {
        self.0.push(Block::Words(Shown::new(text)));
    }

    pub(super) fn banner(&mut self, verdict: Verdict, word: &str, sentence: &str) {
        self.0.push(Block::Banner { verdict, word: Shown::new(word), sentence: Shown::new(sentence) });
    }

    /// Pairs of a name and what it stands for.
    pub(super) fn pairs(&mut self, pairs: &[(&str, Cell)]) {
        self.0.push(Block::Pairs(pairs.iter().map(|(name, cell)| (Shown::new(name), cell.clone())).collect()));
    }

    pub(super) fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        let heads = heads.iter().map(|head| Shown::new(head)).collect();
        self.0.push(Block::Table { heads, rows: rows.into_iter().collect() });
    }

    /// A table with a heading; nothing when there is no row.
    pub(super) fn listing(&mut self, title: &str, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            self.heading(title);
            self.table(heads, rows);
        }
    }
}
