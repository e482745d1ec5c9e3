//! Tables: how wide each column is, and rows over pages.

use std::rc::Rc;

use seamark_ledger::bundle::{Cell, Shown};

use crate::fonts::Style;
use crate::layout::{BOTTOM, LEFT, Layout, Look, QUIET, RULE, STRONG_RULE, TEXT, TOP, WIDTH};
use crate::line::Line;
use crate::structure::Kind;
use crate::text::paragraphs;

const GAP: f32 = 12.0;
const PADDING: f32 = 3.2;
/// Narrower than this, a column for other people's texts would show syllables.
const MIN_TEXT: f32 = 62.0;
/// Width of the names in a list of pairs.
const NAMES: f32 = 136.0;
/// A row that has to be parted shows at least this much of itself before the page ends.
const MIN_LINES: usize = 4;

const HEAD: Look = Look { style: Style::Strong, size: 8.0, leading: TEXT.leading, colour: QUIET };
const NAME: Look = Look { colour: QUIET, ..TEXT };
const CODE: Look = Look { style: Style::Code, size: 8.0, ..TEXT };

/// A cell as it will be drawn.
struct Placed {
    x: f32,
    lines: Vec<Rc<Line>>,
    look: Look,
    leaf: Option<usize>,
}

impl Placed {
    /// The same once more, for the eye alone.
    fn repeated(&self) -> Self {
        Self { x: self.x, lines: self.lines.clone(), look: self.look, leaf: None }
    }
}

/// What a page begins with when a table goes on over it.
enum Again<'a> {
    /// The heads of the columns, above every row.
    Heads(&'a [Placed]),
    /// The name of a value, beside the rest of it alone.
    Name(&'a Placed),
}

/// What a column needs.
#[derive(Clone, Copy, Debug, Default)]
struct Need {
    /// Less than this is not readable.
    least: f32,
    /// With more than this, nothing would be broken.
    most: f32,
}

fn look(cell: &Cell) -> Look {
    match cell {
        Cell::Own(_) | Cell::Word(_) | Cell::Said(_) => TEXT,
        Cell::Code(_) => CODE,
    }
}

impl Layout<'_> {
    pub(crate) fn pairs(&mut self, pairs: &[(Shown, Cell)]) {
        if pairs.is_empty() {
            return;
        }
        self.structure.open(Kind::Table);
        self.structure.open(Kind::TableBody);
        self.space(3.0);
        for (name, cell) in pairs {
            self.structure.open(Kind::Row);
            let name = self.placed(name.as_str(), NAME, LEFT, NAMES, Kind::RowHead);
            let x = LEFT + NAMES + GAP;
            let value = self.placed(cell.text(), look(cell), x, WIDTH - NAMES - GAP, Kind::Cell);
            // Where the value goes on over the page, its name stands there once more.
            let again = name.repeated();
            self.row(&[name, value], &Again::Name(&again));
            self.structure.close();
        }
        self.structure.close();
        self.structure.close();
        self.y += 5.0;
    }

    pub(crate) fn table(&mut self, heads: &[Shown], rows: &[Vec<Cell>]) {
        let widths = self.widths(heads, rows);
        let xs: Vec<f32> = widths.iter().scan(LEFT, |x, width| Some(std::mem::replace(x, *x + width + GAP))).collect();
        let columns = || xs.iter().copied().zip(widths.iter().copied());
        self.structure.open(Kind::Table);
        self.structure.open(Kind::TableHead);
        self.structure.open(Kind::Row);
        let head: Vec<Placed> = heads
            .iter()
            .zip(columns())
            .map(|(head, (x, width))| self.placed(head.as_str(), HEAD, x, width, Kind::ColumnHead))
            .collect();
        self.structure.close();
        self.structure.close();
        let again: Vec<Placed> = head.iter().map(Placed::repeated).collect();
        self.space(3.0);
        // A head is never the last thing on a page.
        self.keep(height(&head, 0) + TEXT.leading * MIN_LINES as f32);
        self.head(&head);
        self.structure.open(Kind::TableBody);
        for row in rows {
            self.structure.open(Kind::Row);
            let cells: Vec<Placed> = row
                .iter()
                .zip(columns())
                .map(|(cell, (x, width))| self.placed(cell.text(), look(cell), x, width, Kind::Cell))
                .collect();
            self.row(&cells, &Again::Heads(&again));
            self.structure.close();
        }
        self.structure.close();
        self.structure.close();
        self.y += 5.0;
    }

    fn placed(&mut self, text: &str, look: Look, x: f32, width: f32, kind: Kind) -> Placed {
        let leaf = Some(self.structure.leaf(kind));
        Placed { x, lines: self.lines(text, look, width), look, leaf }
    }

    fn head(&mut self, cells: &[Placed]) {
        let bottom = self.y + height(cells, 0);
        self.cells(cells, 0, usize::MAX);
        self.area(LEFT, bottom, WIDTH, 0.75, STRONG_RULE);
        self.y = bottom + 0.75;
    }

    /// A row on one page where it fits on half of one, else over as many as it needs, each beginning with `again`.
    fn row(&mut self, cells: &[Placed], again: &Again<'_>) {
        let n_lines = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or_default();
        let room = |layout: &Self| ((BOTTOM - layout.y - 2.0 * PADDING) / TEXT.leading).max(0.0) as usize;
        let is_small = height(cells, 0) <= (BOTTOM - TOP) / 2.0;
        let mut from = 0;
        if n_lines > room(self) && (is_small || room(self) < MIN_LINES) {
            self.turn();
            if let Again::Heads(heads) = again {
                self.head(heads);
            }
        }
        loop {
            let until = from + room(self).clamp(1, n_lines.saturating_sub(from).max(1));
            self.cells(cells, from, until);
            self.y += (until - from) as f32 * TEXT.leading + 2.0 * PADDING;
            if until >= n_lines {
                break;
            }
            from = until;
            self.turn();
            match again {
                Again::Heads(heads) => self.head(heads),
                Again::Name(name) => self.cells(std::slice::from_ref(*name), 0, usize::MAX),
            }
        }
        self.area(LEFT, self.y, WIDTH, 0.5, RULE);
        self.y += 0.5;
    }

    /// Draws the lines `from..until` of each cell, the first one at the present height.
    fn cells(&mut self, cells: &[Placed], from: usize, until: usize) {
        for cell in cells {
            let lines = cell.lines.iter().enumerate().skip(from).take_while(|(index, _)| *index < until);
            for (index, line) in lines {
                let y = self.y + PADDING + (index - from) as f32 * TEXT.leading;
                self.line_at(cell.x, y, Rc::clone(line), cell.look, cell.leaf);
            }
        }
    }

    /// Short words get what they need; the rest is shared so that nobody who needs little is broken for one who needs much.
    fn widths(&self, heads: &[Shown], rows: &[Vec<Cell>]) -> Vec<f32> {
        let whole = WIDTH - GAP * heads.len().saturating_sub(1) as f32;
        let needs: Vec<Need> = heads
            .iter()
            .enumerate()
            .map(|(column, head)| {
                let (head, _) = self.measure(head.as_str(), HEAD);
                let cells = rows.iter().filter_map(|row| row.get(column));
                cells.fold(Need { least: head, most: head }, |need, cell| {
                    let (all, word) = self.measure(cell.text(), look(cell));
                    let least = match cell {
                        Cell::Word(_) => all,
                        Cell::Own(_) => word,
                        Cell::Code(_) | Cell::Said(_) => all.min(MIN_TEXT),
                    };
                    Need { least: need.least.max(least.min(whole / 3.0)), most: need.most.max(all.min(whole)) }
                })
            })
            .collect();
        share(&needs, whole)
    }

    /// Width of the widest line, and of the widest word.
    fn measure(&self, text: &str, look: Look) -> (f32, f32) {
        let widths =
            paragraphs(self.fonts, look.style, text).iter().map(|paragraph| paragraph.widths()).collect::<Vec<_>>();
        let widest = |widths: &mut dyn Iterator<Item = f32>| widths.fold(0.0, f32::max) * look.size + 0.1;
        (widest(&mut widths.iter().map(|(all, _)| *all)), widest(&mut widths.iter().map(|(_, word)| *word)))
    }
}

fn height(cells: &[Placed], from: usize) -> f32 {
    let n_lines = cells.iter().map(|cell| cell.lines.len().saturating_sub(from)).max().unwrap_or_default();
    n_lines as f32 * TEXT.leading + 2.0 * PADDING
}

/// Widths that together are `whole`.
fn share(needs: &[Need], whole: f32) -> Vec<f32> {
    let sum = |widths: &[f32]| widths.iter().sum::<f32>();
    let least: Vec<f32> = needs.iter().map(|need| need.least).collect();
    if sum(&least) >= whole {
        return least.iter().map(|width| width * whole / sum(&least)).collect();
    }
    // Everybody grows by the same amount until nothing is left or nobody needs more.
    let grown =
        |by: f32| -> Vec<f32> { needs.iter().map(|need| (need.least + by).min(need.most).max(need.least)).collect() };
    let (mut low, mut high) = (0.0, whole);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if sum(&grown(middle)) <= whole { low = middle } else { high = middle }
    }
    let mut widths = grown(low);
    let left = whole - sum(&widths);
    let n = widths.len();
    // What nobody needs goes to the last column, where it does no harm.
    if let Some(last) = widths.get_mut(n.saturating_sub(1)) {
        *last += left;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_fill_the_page_and_none_is_lost(needs in proptest::collection::vec((1.0_f32..300.0, 0.0_f32..600.0), 1..7)) {
            let needs: Vec<Need> = needs.into_iter().map(|(least, more)| Need { least, most: least + more }).collect();
            let widths = share(&needs, 450.0);
            prop_assert!((widths.iter().sum::<f32>() - 450.0).abs() < 0.5);
            prop_assert!(widths.iter().all(|width| *width > 0.0));
        }
    }

    #[test]
    fn who_needs_little_is_not_broken_for_who_needs_much() {
        let needs = [Need { least: 20.0, most: 60.0 }, Need { least: 60.0, most: 450.0 }];
        assert_eq!(share(&needs, 450.0)[0], 60.0);
    }
}
