//! From marks on pages to the file.

use std::rc::Rc;

use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata, TextDirection};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag};
use krilla::{Document as File, SerializeSettings};
use seamark_contracts::clock::Timestamp;
use seamark_ledger::bundle::Document;

use crate::fonts::{Fonts, Style};
use crate::layout::{
    BOTTOM, Colour, LEFT, Layout, Look, Mark, PAGE_HEIGHT, PAGE_WIDTH, QUIET, RIGHT, RULE, WIDTH, colour,
};
use crate::line::Line;
use crate::text::paragraphs;
use crate::{CREATOR, PdfError};

const RUNNING: Look = Look { style: Style::Regular, size: 8.0, leading: 12.0, colour: QUIET };
const HEADER_Y: f32 = 42.0;
const FOOTER_Y: f32 = BOTTOM + 30.0;

/// Draws all pages with what each of them repeats.
pub(crate) fn draw(document: &Document, fonts: &Fonts, made: Layout<'_>) -> Result<Vec<u8>, PdfError> {
    let mut file = File::new_with(settings()?);
    let mut drawn: Vec<Vec<Identifier>> = Vec::new();
    drawn.resize_with(made.structure.n_leaves(), Vec::new);
    let n_pages = made.sheets.len();
    let size = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).expect("A4 has a width and a height");
    for (number, sheet) in (1..).zip(&made.sheets) {
        let mut page = file.start_page_with(size.clone());
        let mut pen = Pen { surface: page.surface(), fonts };
        pen.header(document);
        for mark in sheet {
            pen.mark(mark, &mut drawn);
        }
        pen.footer(document, number, n_pages);
        drop(pen);
        page.finish();
    }
    let mut outline = Outline::new();
    for place in &made.places {
        let point = Point::from_xy(LEFT, place.y);
        outline.push_child(OutlineNode::new(place.title.clone(), XyzDestination::new(place.sheet, point)));
    }
    file.set_outline(outline);
    file.set_metadata(metadata(document));
    file.set_tag_tree(made.structure.into_tree(&drawn));
    file.finish().map_err(|error| PdfError::Rules(format!("{error:?}")))
}

fn settings() -> Result<SerializeSettings, PdfError> {
    let rules = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| PdfError::Rules(format!("{error:?}")))?;
    Ok(SerializeSettings { configuration: rules, enable_tagging: true, ..SerializeSettings::default() })
}

fn metadata(document: &Document) -> Metadata {
    let handoff = handoff(document);
    let title = format!("{}: {handoff}, {}", document.title.as_str(), document.verdict_word.as_str().to_lowercase());
    Metadata::new()
        .title(title)
        .language("en".to_owned())
        .creator(CREATOR.to_owned())
        .text_direction(TextDirection::LeftToRight)
        // Of all times the only one that the report is made of: that of judging. The clock is not asked.
        .creation_date(date(document.as_of))
}

fn handoff(document: &Document) -> String {
    document.handoff.as_ref().map_or_else(|| "no handoff proved".to_owned(), |id| format!("handoff {}", id.as_str()))
}

/// The same moment to the second.
fn date(at: Timestamp) -> DateTime {
    let text = at.to_string();
    let number =
        |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u16>().ok()).unwrap_or(0);
    let small = |range| u8::try_from(number(range)).unwrap_or(0);
    DateTime::new(number(0..4))
        .month(small(5..7))
        .day(small(8..10))
        .hour(small(11..13))
        .minute(small(14..16))
        .second(small(17..19))
        .utc_offset_hour(0)
}

struct Pen<'a> {
    surface: Surface<'a>,
    fonts: &'a Fonts,
}

impl Pen<'_> {
    fn header(&mut self, document: &Document) {
        self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Header)));
        let title = self.line(document.title.as_str(), Style::Strong);
        self.text(LEFT, HEADER_Y, &title, RUNNING);
        let after = LEFT + title.width * RUNNING.size + 10.0;
        let handoff = self.line(&handoff(document), Style::Regular);
        self.text(after, HEADER_Y, &handoff, RUNNING);
        let verdict = self.line(document.verdict_word.as_str(), Style::Strong);
        let look = Look { style: Style::Strong, colour: colour(document.verdict), ..RUNNING };
        self.text(RIGHT - verdict.width * look.size, HEADER_Y, &verdict, look);
        self.area(LEFT, HEADER_Y + 7.0, WIDTH, 0.5, RULE);
        self.surface.end_tagged();
    }

    fn footer(&mut self, document: &Document, number: usize, n_pages: usize) {
        self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer)));
        let as_of = document.as_of.to_string().replacen('T', " ", 1).replacen('Z', " UTC", 1);
        let left = self.line(&format!("Judged as of {as_of}. Not signed: check the bundle again."), Style::Regular);
        self.text(LEFT, FOOTER_Y, &left, RUNNING);
        let right = self.line(&format!("page {number} of {n_pages}"), Style::Regular);
        self.text(RIGHT - right.width * RUNNING.size, FOOTER_Y, &right, RUNNING);
        self.surface.end_tagged();
    }

    fn line(&self, text: &str, style: Style) -> Rc<Line> {
        let made = paragraphs(self.fonts, style, text);
        let line = made.first().map(|paragraph| Line::of(self.fonts, paragraph, 0..paragraph.clusters.len()));
        Rc::new(line.expect("every text has a line"))
    }

    fn mark(&mut self, mark: &Mark, drawn: &mut [Vec<Identifier>]) {
        match mark {
            Mark::Area { x, y, width, height, colour } => {
                self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
                self.area(*x, *y, *width, *height, *colour);
                self.surface.end_tagged();
            }
            Mark::Line { x, y, line, look, leaf } => {
                let tag = match leaf {
                    Some(_) => ContentTag::Span(SpanTag::empty()),
                    None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
                };
                let identifier = self.surface.start_tagged(tag);
                self.text(*x, *y, line, *look);
                self.surface.end_tagged();
                if let Some(identifiers) = leaf.and_then(|leaf| drawn.get_mut(leaf)) {
                    identifiers.push(identifier);
                }
            }
        }
    }

    fn text(&mut self, x: f32, y: f32, line: &Line, look: Look) {
        self.surface.set_fill(Some(fill(look.colour)));
        for run in &line.runs {
            let Some(font) = self.fonts.embedded(run.face) else { continue };
            let start = Point::from_xy(x + run.x * look.size, y);
            self.surface.draw_glyphs(start, &run.glyphs, font, &line.text, look.size, false);
        }
    }

    fn area(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
        let mut path = PathBuilder::new();
        path.push_rect(rect);
        if let Some(path) = path.finish() {
            self.surface.set_fill(Some(fill(colour)));
            self.surface.draw_path(&path);
        }
    }
}

fn fill((red, green, blue): Colour) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, ..Fill::default() }
}
