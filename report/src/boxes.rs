//! What is set apart by a bar at its left: results that must not be overlooked, and people's own words.

use std::rc::Rc;

use seamark_ledger::bundle::Shown;
use seamark_ledger::verify::Verdict;

use crate::fonts::Style;
use crate::layout::{BOTTOM, Colour, GROUND, LEFT, Layout, Look, STRONG_RULE, TEXT, WIDTH, colour};
use crate::line::Line;
use crate::structure::Kind;

/// How a box looks.
#[derive(Clone, Copy)]
struct Frame {
    bar: Colour,
    bar_width: f32,
    ground: Option<Colour>,
    /// Above and below the text.
    padding: f32,
    /// From the bar to the text.
    indent: f32,
}

type Row = (Rc<Line>, Look, usize);

impl Layout<'_> {
    pub(crate) fn banner(&mut self, verdict: Verdict, word: &Shown, sentence: &Shown) {
        let frame = Frame { bar: colour(verdict), bar_width: 4.0, ground: Some(GROUND), padding: 7.0, indent: 12.0 };
        let strong = Look { style: Style::Strong, size: 12.0, leading: 17.0, colour: colour(verdict) };
        let mut rows = Vec::new();
        for (text, look) in [(word, strong), (sentence, TEXT)] {
            let leaf = self.structure.leaf(Kind::Paragraph);
            rows.extend(self.boxed(text, look, frame).into_iter().map(|line| (line, look, leaf)));
        }
        self.space(3.0);
        self.framed(frame, &rows);
        self.y += 4.0;
    }

    pub(crate) fn words(&mut self, text: &Shown) {
        let frame = Frame { bar: STRONG_RULE, bar_width: 2.0, ground: None, padding: 1.5, indent: 10.0 };
        let look = Look { size: 9.5, leading: 14.5, ..TEXT };
        let leaf = self.structure.leaf(Kind::Quote);
        let rows: Vec<Row> = self.boxed(text, look, frame).into_iter().map(|line| (line, look, leaf)).collect();
        self.space(4.0);
        self.framed(frame, &rows);
        self.y += 5.0;
    }

    fn boxed(&self, text: &Shown, look: Look, frame: Frame) -> Vec<Rc<Line>> {
        self.lines(text.as_str(), look, WIDTH - frame.bar_width - 2.0 * frame.indent)
    }

    /// On one page where it fits on one, else with its frame on each.
    fn framed(&mut self, frame: Frame, rows: &[Row]) {
        let height = |rows: &[Row]| rows.iter().map(|(_, look, _)| look.leading).sum::<f32>() + 2.0 * frame.padding;
        let all = height(rows);
        self.keep(if all <= (BOTTOM - crate::layout::TOP) / 2.0 { all } else { 64.0 });
        let mut rest = rows;
        while !rest.is_empty() {
            let fits = |n: &usize| rest.get(..*n).is_some_and(|rows| self.y + height(rows) <= BOTTOM);
            let n = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (now, later) = rest.split_at(n);
            self.frame(frame, now, height(now));
            rest = later;
            if !rest.is_empty() {
                self.turn();
            }
        }
    }

    fn frame(&mut self, frame: Frame, rows: &[Row], height: f32) {
        let top = self.y;
        if let Some(ground) = frame.ground {
            self.area(LEFT, top, WIDTH, height, ground);
        }
        self.area(LEFT, top, frame.bar_width, height, frame.bar);
        let mut y = top + frame.padding;
        for (line, look, leaf) in rows {
            self.line_at(LEFT + frame.bar_width + frame.indent, y, Rc::clone(line), *look, Some(*leaf));
            y += look.leading;
        }
        self.y = top + height;
    }
}
