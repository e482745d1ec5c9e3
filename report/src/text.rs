//! From a text to clusters of which each has a font: what stays together, how wide it is, and in which direction it runs.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};

use crate::fonts::{Fonts, Style};
use crate::line::runs;

/// Combining marks on one letter that are set as such: more than any living script needs, too few to reach another line.
const MAX_MARKS: usize = 3;

/// What is never parted at the end of a line.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// Where it is in its paragraph, in bytes.
    pub range: Range<usize>,
    pub face: usize,
    pub script: Script,
    pub is_right_to_left: bool,
    pub is_space: bool,
    /// Neither letter nor digit nor bracket: it runs as what it stands between.
    is_neutral: bool,
    /// Width in ems.
    pub advance: f32,
}

/// A text without line feeds, ready to be broken into lines.
#[derive(Debug)]
pub(crate) struct Paragraph {
    pub text: String,
    pub clusters: Vec<Cluster>,
}

/// The paragraphs of a visible text, one for each of its own lines; at least one.
pub(crate) fn paragraphs(fonts: &Fonts, style: Style, text: &str) -> Vec<Paragraph> {
    text.split('\n').map(|line| paragraph(fonts, style, line)).collect()
}

fn paragraph(fonts: &Fonts, style: Style, text: &str) -> Paragraph {
    let mut made = Paragraph { text: String::with_capacity(text.len().max(1)), clusters: Vec::new() };
    let mut rest = text.char_indices().peekable();
    while let Some((start, character)) = rest.next() {
        if character == '\t' {
            (0..4).for_each(|_| made.push(fonts, style, " "));
            continue;
        }
        let mut end = start + character.len_utf8();
        let mut marks = 0;
        while let Some((at, mark)) = rest.next_if(|(_, next)| marks < MAX_MARKS && is_combining_mark(*next)) {
            end = at + mark.len_utf8();
            marks += 1;
        }
        made.push(fonts, style, text.get(start..end).unwrap_or_default());
    }
    if made.clusters.is_empty() {
        // A line without anything has the height of one that has something, and a cell of a table is never without any.
        made.push(fonts, style, " ");
    }
    made.settle_directions();
    made.measure(fonts);
    made
}

impl Paragraph {
    /// Adds a letter with its marks, each of them as its code where no font has it; a mark without a letter as well.
    fn push(&mut self, fonts: &Fonts, style: Style, letter: &str) {
        let is_loose = letter.chars().next().is_some_and(is_combining_mark);
        match fonts.face_of(style, letter).filter(|_| !is_loose) {
            Some(face) => self.push_cluster(face, letter, false),
            None => {
                for character in letter.chars() {
                    let mut bytes = [0; 4];
                    let alone = character.encode_utf8(&mut bytes);
                    match fonts.face_of(style, alone).filter(|_| !is_combining_mark(character)) {
                        Some(face) => self.push_cluster(face, alone, false),
                        None => self.spell(fonts, style, character),
                    }
                }
            }
        }
    }

    fn spell(&mut self, fonts: &Fonts, style: Style, character: char) {
        let code = format!("[U+{:04X}]", u32::from(character));
        let face = fonts.face_of(style, &code).expect("every style has the letters of ASCII");
        self.push_cluster(face, &code, true);
    }

    fn push_cluster(&mut self, face: usize, text: &str, is_code: bool) {
        let start = self.text.len();
        self.text.push_str(text);
        let first = text.chars().next().unwrap_or(' ');
        let script = first.script();
        self.clusters.push(Cluster {
            range: start..self.text.len(),
            face,
            script,
            is_right_to_left: is_right_to_left(script) && first.is_alphabetic(),
            is_space: first == ' ',
            is_neutral: !is_code && !first.is_alphanumeric() && !is_bracket(first),
            advance: 0.0,
        });
    }

    /// What stands between letters from right to left, and is neither letter nor digit nor bracket, runs with them. So a
    /// stretch from right to left has only letters of such scripts and what is between these: it cannot move a number or
    /// another word.
    fn settle_directions(&mut self) {
        let mut since: Option<usize> = None;
        for index in 0..self.clusters.len() {
            let Some(cluster) = self.clusters.get(index) else { break };
            if cluster.is_right_to_left {
                let between = since.and_then(|since| self.clusters.get_mut(since..index));
                between.into_iter().flatten().for_each(|cluster| cluster.is_right_to_left = true);
                since = Some(index);
            } else if !cluster.is_neutral {
                since = None;
            }
        }
    }

    fn measure(&mut self, fonts: &Fonts) {
        for run in runs(&self.clusters) {
            let Some(shaped) = run.shape(fonts, &self.text) else { continue };
            for (at, advance) in shaped.advances() {
                let index = self.clusters.partition_point(|cluster| cluster.range.end <= at);
                if let Some(cluster) = self.clusters.get_mut(index) {
                    cluster.advance += advance;
                }
            }
        }
    }

    /// Width of all in one line, and of the widest part without a space, in ems.
    pub(crate) fn widths(&self) -> (f32, f32) {
        let (mut all, mut word, mut widest) = (0.0, 0.0, 0.0_f32);
        for cluster in &self.clusters {
            all += cluster.advance;
            word = if cluster.is_space { 0.0 } else { word + cluster.advance };
            widest = widest.max(word);
        }
        (all, widest)
    }

    /// Which clusters each line has, when a line may be `width` ems wide: broken after a space, else where it has to be.
    pub(crate) fn breaks(&self, width: f32) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let (mut start, mut used, mut since_space) = (0, 0.0, 0.0);
        let mut after_space = None;
        for (index, cluster) in self.clusters.iter().enumerate() {
            if cluster.is_space {
                // A space at the end of a line hangs over its edge.
                used += cluster.advance;
                (after_space, since_space) = (Some(index + 1), 0.0);
                continue;
            }
            while used + cluster.advance > width && index > start {
                let (cut, kept) = match after_space.take() {
                    Some(cut) => (cut, since_space),
                    None => (index, 0.0),
                };
                lines.push(start..cut);
                (start, used, since_space) = (cut, kept, kept);
            }
            used += cluster.advance;
            since_space += cluster.advance;
        }
        lines.push(start..self.clusters.len());
        lines
    }
}

/// Brackets stay where they are: of a pair, one could be inside of a stretch and the other outside.
fn is_bracket(character: char) -> bool {
    matches!(character, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}')
}

fn is_right_to_left(script: Script) -> bool {
    matches!(
        script,
        Script::Adlam
            | Script::Arabic
            | Script::Hebrew
            | Script::Mandaic
            | Script::Nko
            | Script::Samaritan
            | Script::Syriac
            | Script::Thaana
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spelled(text: &str) -> String {
        let fonts = Fonts::load();
        let made = paragraphs(&fonts, Style::Regular, text);
        made.iter().map(|paragraph| paragraph.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_no_font_has_is_spelled_and_never_left_out() {
        assert_eq!(spelled("Zoë 山 ok"), "Zoë [U+5C71] ok");
        assert_eq!(spelled("\u{1f600}\u{10ffff}"), "\u{1f600}[U+10FFFF]".replace('\u{1f600}', &spelled("\u{1f600}")));
        assert_eq!(spelled("a\n\nb\tc"), "a\n \nb    c");
    }

    /// Attack A4: marks piled onto a letter would reach over other lines.
    #[test]
    fn attack_a4_marks_beyond_the_third_are_spelled() {
        assert_eq!(spelled("a\u{301}\u{302}\u{303}\u{301}b"), "a\u{301}\u{302}\u{303}[U+0301]b");
        assert_eq!(spelled("\u{301}a"), "[U+0301]a");
    }

    /// Attack A4: a text from right to left turns nothing but itself.
    #[test]
    fn attack_a4_letters_from_right_to_left_move_neither_numbers_nor_other_words() {
        let fonts = Fonts::load();
        let made = paragraphs(&fonts, Style::Regular, "pay \u{5d0}, \u{5d1} 100 200 (\u{5d2}) x \u{5d3}");
        let turned: String = made[0]
            .clusters
            .iter()
            .filter(|cluster| cluster.is_right_to_left)
            .map(|cluster| &made[0].text[cluster.range.clone()])
            .collect();
        assert_eq!(turned, "\u{5d0}, \u{5d1}\u{5d2}\u{5d3}");
    }

    proptest! {
        #[test]
        fn lines_have_every_cluster_once_and_fit(text in "[a-zא-ת山 \u{301}]{0,60}", width in 3.0_f32..20.0) {
            let fonts = Fonts::load();
            for paragraph in paragraphs(&fonts, Style::Regular, &text) {
                let lines = paragraph.breaks(width);
                let mut next = 0;
                for line in &lines {
                    prop_assert_eq!(line.start, next);
                    next = line.end;
                    let clusters = &paragraph.clusters[line.clone()];
                    let last = clusters.iter().rposition(|cluster| !cluster.is_space).map_or(0, |last| last + 1);
                    let used: f32 = clusters[..last].iter().map(|cluster| cluster.advance).sum();
                    prop_assert!(used <= width + 0.01 || last <= 1, "{} of {}", used, width);
                }
                prop_assert_eq!(next, paragraph.clusters.len());
            }
        }
    }
}
