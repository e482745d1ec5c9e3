//! Where everything stands: the parts of a document on pages of A4. All lengths are points, from the top left corner.

use std::rc::Rc;

use seamark_ledger::bundle::{Block, Document, Shown};
use seamark_ledger::verify::Verdict;

use crate::fonts::{Fonts, Style};
use crate::line::Line;
use crate::structure::{Kind, Structure};
use crate::text::paragraphs;

pub(crate) const PAGE_WIDTH: f32 = 595.276;
pub(crate) const PAGE_HEIGHT: f32 = 841.89;
pub(crate) const LEFT: f32 = 48.0;
pub(crate) const RIGHT: f32 = PAGE_WIDTH - LEFT;
pub(crate) const WIDTH: f32 = RIGHT - LEFT;
/// What is between these two is for the report itself; above and below is what every page repeats.
pub(crate) const TOP: f32 = 70.0;
pub(crate) const BOTTOM: f32 = PAGE_HEIGHT - 64.0;

/// Red, green and blue.
pub(crate) type Colour = (u8, u8, u8);

pub(crate) const INK: Colour = (0x1a, 0x1a, 0x1a);
pub(crate) const QUIET: Colour = (0x55, 0x55, 0x55);
pub(crate) const RULE: Colour = (0xd9, 0xd9, 0xd9);
pub(crate) const STRONG_RULE: Colour = (0x8c, 0x8c, 0x8c);
pub(crate) const GROUND: Colour = (0xf5, 0xf5, 0xf5);

pub(crate) fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Pass => (0x1b, 0x6e, 0x3c),
        Verdict::Unknown => (0x8a, 0x61, 0x00),
        Verdict::Fail => (0xa3, 0x15, 0x15),
    }
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub style: Style,
    pub size: f32,
    /// From one line to the next.
    pub leading: f32,
    pub colour: Colour,
}

pub(crate) const TITLE: Look = Look { style: Style::Strong, size: 20.0, leading: 26.0, colour: INK };
const SECTION: Look = Look { style: Style::Strong, size: 13.0, leading: 18.0, colour: INK };
const HEADING: Look = Look { style: Style::Strong, size: 10.0, leading: 14.0, colour: INK };
pub(crate) const TEXT: Look = Look { style: Style::Regular, size: 9.0, leading: 13.5, colour: INK };

/// One thing to draw.
#[derive(Debug)]
pub(crate) enum Mark {
    /// A line of text with its baseline; without a number it is repeated and belongs to no part.
    Line { x: f32, y: f32, line: Rc<Line>, look: Look, leaf: Option<usize> },
    /// An area that says nothing.
    Area { x: f32, y: f32, width: f32, height: f32, colour: Colour },
}

/// A section's title and where it stands.
#[derive(Debug)]
pub(crate) struct Place {
    pub title: String,
    pub sheet: usize,
    pub y: f32,
}

/// Pages that are being filled.
pub(crate) struct Layout<'a> {
    pub fonts: &'a Fonts,
    /// At least one.
    pub sheets: Vec<Vec<Mark>>,
    pub structure: Structure,
    pub places: Vec<Place>,
    /// Where the next thing goes on the last page.
    pub y: f32,
}

impl<'a> Layout<'a> {
    /// Lays out a whole document.
    pub(crate) fn of(document: &Document, fonts: &'a Fonts) -> Self {
        let mut made =
            Self { fonts, sheets: vec![Vec::new()], structure: Structure::default(), places: Vec::new(), y: TOP };
        made.heading(&document.title, 1, TITLE);
        made.y += 6.0;
        made.blocks(&document.blocks);
        made
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            match block {
                Block::Section { title, blocks } => self.section(title, blocks),
                Block::Heading(title) => {
                    self.space(10.0);
                    self.keep(HEADING.leading + 76.0);
                    self.heading(title, 3, HEADING);
                    self.y += 2.0;
                }
                Block::Paragraph(text) => self.paragraph(text),
                Block::Words(text) => self.words(text),
                Block::Banner { verdict, word, sentence } => self.banner(*verdict, word, sentence),
                Block::Pairs(pairs) => self.pairs(pairs),
                Block::Table { heads, rows } => self.table(heads, rows),
            }
        }
    }

    fn section(&mut self, title: &Shown, blocks: &[Block]) {
        self.structure.open(Kind::Section);
        self.space(22.0);
        self.keep(SECTION.leading + 104.0);
        let (sheet, y) = (self.sheets.len().saturating_sub(1), self.y);
        self.places.push(Place { title: title.as_str().to_owned(), sheet, y });
        self.heading(title, 2, SECTION);
        self.area(LEFT, self.y + 2.0, WIDTH, 0.75, STRONG_RULE);
        self.y += 7.0;
        self.blocks(blocks);
        self.structure.close();
    }

    fn heading(&mut self, title: &Shown, level: u16, look: Look) {
        let leaf = self.structure.leaf(Kind::Heading(level, title.as_str().to_owned()));
        for line in self.lines(title.as_str(), look, WIDTH) {
            self.line(LEFT, line, look, Some(leaf));
        }
    }

    fn paragraph(&mut self, text: &Shown) {
        let leaf = self.structure.leaf(Kind::Paragraph);
        self.space(3.0);
        let lines = self.lines(text.as_str(), TEXT, WIDTH);
        // Two lines at least stand together at either end of a page.
        self.keep(TEXT.leading * if lines.len() <= 3 { lines.len() as f32 } else { 2.0 });
        for line in lines {
            self.line(LEFT, line, TEXT, Some(leaf));
        }
        self.y += 3.0;
    }

    /// The lines of a text in a width; at least one.
    pub(crate) fn lines(&self, text: &str, look: Look, width: f32) -> Vec<Rc<Line>> {
        let made = paragraphs(self.fonts, look.style, text);
        let lines = made.iter().flat_map(|paragraph| {
            let breaks = paragraph.breaks(width / look.size);
            breaks.into_iter().map(|range| Rc::new(Line::of(self.fonts, paragraph, range)))
        });
        lines.collect()
    }

    /// Draws a line at the left edge `x` and goes on below it, on the next page where there is no room.
    pub(crate) fn line(&mut self, x: f32, line: Rc<Line>, look: Look, leaf: Option<usize>) {
        self.keep(look.leading);
        self.line_at(x, self.y, line, look, leaf);
        self.y += look.leading;
    }

    /// Draws a line whose space begins at `y`.
    pub(crate) fn line_at(&mut self, x: f32, y: f32, line: Rc<Line>, look: Look, leaf: Option<usize>) {
        // Letters stand in the middle of their line, between capitals' height and descenders.
        let y = y + (look.leading + look.size * 0.72) / 2.0;
        self.mark(Mark::Line { x, y, line, look, leaf });
    }

    pub(crate) fn area(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.mark(Mark::Area { x, y, width, height, colour });
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.push(mark);
        }
    }

    /// Goes to the next page unless `height` is left on this one.
    pub(crate) fn keep(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.turn();
        }
    }

    pub(crate) fn turn(&mut self) {
        self.sheets.push(Vec::new());
        self.y = TOP;
    }

    /// Leaves some space, though not at the top of a page.
    pub(crate) fn space(&mut self, height: f32) {
        if self.y > TOP {
            self.y += height;
        }
    }
}
