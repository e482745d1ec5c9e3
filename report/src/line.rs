//! From clusters to a line of glyphs.

use std::ops::Range;

use harfrust::GlyphBuffer;
use krilla::text::{GlyphId, KrillaGlyph};
use unicode_script::Script;

use crate::fonts::Fonts;
use crate::text::{Cluster, Paragraph};

/// Neighbours that are shaped together.
#[derive(Debug)]
pub(crate) struct Run {
    /// Where it is in its text, in bytes.
    range: Range<usize>,
    face: usize,
    script: Script,
    is_right_to_left: bool,
}

/// A run with its glyphs.
pub(crate) struct ShapedRun {
    glyphs: GlyphBuffer,
    range: Range<usize>,
    units_per_em: f32,
}

/// The runs of neighbouring clusters, in the order of the text.
pub(crate) fn runs(clusters: &[Cluster]) -> Vec<Run> {
    let mut made: Vec<Run> = Vec::new();
    for cluster in clusters {
        let is_any = |script| matches!(script, Script::Common | Script::Inherited);
        let joins = |run: &&mut Run| {
            run.face == cluster.face
                && run.is_right_to_left == cluster.is_right_to_left
                && (run.script == cluster.script || is_any(run.script) || is_any(cluster.script))
        };
        match made.last_mut().filter(joins) {
            Some(run) => {
                run.range.end = cluster.range.end;
                if is_any(run.script) {
                    run.script = cluster.script;
                }
            }
            None => made.push(Run {
                range: cluster.range.clone(),
                face: cluster.face,
                script: cluster.script,
                is_right_to_left: cluster.is_right_to_left,
            }),
        }
    }
    made
}

impl Run {
    pub(crate) fn shape(&self, fonts: &Fonts, text: &str) -> Option<ShapedRun> {
        let (glyphs, units_per_em) = fonts.shape(self.face, text.get(self.range.clone())?, self.is_right_to_left)?;
        Some(ShapedRun { glyphs, range: self.range.clone(), units_per_em })
    }
}

impl ShapedRun {
    /// The byte in the text that each glyph stands for, and its width in ems.
    pub(crate) fn advances(&self) -> impl Iterator<Item = (usize, f32)> {
        let infos = self.glyphs.glyph_infos().iter().map(|info| self.range.start.saturating_add(info.cluster as usize));
        infos.zip(self.glyphs.glyph_positions().iter().map(|position| position.x_advance as f32 / self.units_per_em))
    }

    /// The glyphs, with bytes counted from `origin`.
    fn glyphs(&self, origin: usize) -> Vec<KrillaGlyph> {
        let mut starts: Vec<usize> = self.advances().map(|(at, _)| at).collect();
        starts.sort_unstable();
        starts.dedup();
        let infos = self.glyphs.glyph_infos().iter().zip(self.glyphs.glyph_positions());
        let em = |units: i32| units as f32 / self.units_per_em;
        infos
            .zip(self.advances())
            .map(|((info, position), (at, advance))| {
                let next = starts.partition_point(|start| *start <= at);
                let end = starts.get(next).copied().unwrap_or(self.range.end);
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    advance,
                    em(position.x_offset),
                    em(position.y_offset),
                    em(position.y_advance),
                    at.saturating_sub(origin)..end.saturating_sub(origin),
                    None,
                )
            })
            .collect()
    }
}

/// Glyphs of one face.
#[derive(Debug)]
pub(crate) struct GlyphRun {
    pub face: usize,
    /// Where it begins, in ems from the beginning of the line.
    pub x: f32,
    pub glyphs: Vec<KrillaGlyph>,
}

/// A line that is ready to be drawn in any size.
#[derive(Debug)]
pub(crate) struct Line {
    pub text: String,
    pub runs: Vec<GlyphRun>,
    /// In ems.
    pub width: f32,
}

impl Line {
    /// The clusters `range` of a paragraph.
    pub(crate) fn of(fonts: &Fonts, paragraph: &Paragraph, range: Range<usize>) -> Self {
        let clusters = paragraph.clusters.get(range).unwrap_or_default();
        let bytes =
            clusters.first().map_or(0, |first| first.range.start)..clusters.last().map_or(0, |last| last.range.end);
        let mut line = Self {
            text: paragraph.text.get(bytes.clone()).unwrap_or_default().to_owned(),
            runs: Vec::new(),
            width: 0.0,
        };
        for run in in_sight(runs(clusters)) {
            let Some(shaped) = run.shape(fonts, &paragraph.text) else { continue };
            let glyphs = shaped.glyphs(bytes.start);
            line.runs.push(GlyphRun { face: run.face, x: line.width, glyphs });
            line.width += shaped.advances().map(|(_, advance)| advance).sum::<f32>();
        }
        line
    }
}

/// Runs in the order in which they stand from left to right.
fn in_sight(runs: Vec<Run>) -> Vec<Run> {
    let mut ordered: Vec<Run> = Vec::with_capacity(runs.len());
    let mut turned = 0_usize;
    for run in runs {
        // A run from right to left stands before the ones of the same stretch that come before it in the text.
        turned = if run.is_right_to_left { turned + 1 } else { 0 };
        let at = ordered.len() - turned.saturating_sub(1);
        ordered.insert(at, run);
    }
    ordered
}
