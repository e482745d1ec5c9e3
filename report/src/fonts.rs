//! The fonts of the report: all in the program, none from the machine. Where they come from: report/fonts/README.md.

use harfrust::{Direction, Feature, FontRef, GlyphBuffer, ShapeOptions, ShaperData, Tag, UnicodeBuffer};
use krilla::text::Font;
use skrifa::MetadataProvider as _;
use skrifa::charmap::Charmap;

/// Which letters a text is set in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Regular,
    Strong,
    Code,
}

impl Style {
    /// The faces to ask for a character, first come, first served.
    fn faces(self) -> impl Iterator<Item = usize> {
        let first: &[usize] = match self {
            Self::Regular => &[REGULAR],
            Self::Strong => &[STRONG, REGULAR],
            Self::Code => &[CODE, REGULAR],
        };
        first.iter().copied().chain(FALLBACK..FILES.len())
    }
}

const REGULAR: usize = 0;
const STRONG: usize = 1;
const CODE: usize = 2;
/// From here on: what has the scripts that the others lack.
const FALLBACK: usize = 3;

const FILES: [&[u8]; 9] = [
    include_bytes!("../fonts/Inter-Regular.ttf"),
    include_bytes!("../fonts/Inter-SemiBold.ttf"),
    include_bytes!("../fonts/JetBrainsMono-Regular.ttf"),
    include_bytes!("../fonts/DejaVuSans.ttf"),
    include_bytes!("../fonts/NotoSansBengali-Regular.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../fonts/NotoSansGurmukhi-Regular.ttf"),
    include_bytes!("../fonts/NotoSansTamil-Regular.ttf"),
    include_bytes!("../fonts/NotoSansThai-Regular.ttf"),
];

struct Face {
    embedded: Font,
    parsed: FontRef<'static>,
    shaping: ShaperData,
    characters: Charmap<'static>,
    units_per_em: f32,
}

/// All faces, parsed once for a report.
pub(crate) struct Fonts {
    faces: Vec<Face>,
    /// No ligatures: those of a font for code draw another text than the one that was written.
    features: Vec<Feature>,
}

impl Fonts {
    pub(crate) fn load() -> Self {
        let features = [b"liga", b"clig", b"calt"];
        Self {
            faces: FILES.into_iter().map(load_face).collect(),
            features: features.map(|tag| Feature::new(Tag::new(tag), 0, ..)).to_vec(),
        }
    }

    /// The first face that has all of `characters`.
    pub(crate) fn face_of(&self, style: Style, characters: &str) -> Option<usize> {
        let has_all = |face: &usize| {
            let has = |face: &Face| characters.chars().all(|character| face.characters.map(character).is_some());
            self.faces.get(*face).is_some_and(has)
        };
        style.faces().find(has_all)
    }

    /// What goes into the file for a face.
    pub(crate) fn embedded(&self, face: usize) -> Option<Font> {
        self.faces.get(face).map(|face| face.embedded.clone())
    }

    /// The glyphs of `text` in `face`, as they stand from left to right, and how many units make an em.
    pub(crate) fn shape(&self, face: usize, text: &str, is_right_to_left: bool) -> Option<(GlyphBuffer, f32)> {
        let face = self.faces.get(face)?;
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(if is_right_to_left { Direction::RightToLeft } else { Direction::LeftToRight });
        let shaper = face.shaping.shaper(&face.parsed).build();
        Some((shaper.shape(buffer, ShapeOptions::new().features(&self.features)), face.units_per_em))
    }
}

fn load_face(file: &'static [u8]) -> Face {
    let embedded = Font::new(file.into(), 0).expect("the fonts in the program are fonts");
    let parsed = FontRef::new(file).expect("the fonts in the program are fonts");
    Face {
        units_per_em: embedded.units_per_em(),
        embedded,
        shaping: ShaperData::new(&parsed),
        characters: parsed.charmap(),
        parsed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_has_what_it_is_there_for() {
        let fonts = Fonts::load();
        let scripts =
            ["Zoë", "Ελένη", "Анна", "Հայ", "ქარ", "שלום", "مرحبا", "বাংলা", "अनिता", "ਪੰਜਾਬੀ", "தமிழ்", "ไทย", "ລາວ"];
        for style in [Style::Regular, Style::Strong, Style::Code] {
            for text in scripts {
                assert!(fonts.face_of(style, text).is_some(), "{text}");
            }
            assert_eq!(fonts.face_of(style, "山"), None);
        }
        assert_eq!(fonts.face_of(Style::Strong, "a"), Some(STRONG));
        assert_eq!(fonts.face_of(Style::Code, "a"), Some(CODE));
        assert_eq!(fonts.face_of(Style::Regular, "a"), Some(REGULAR));
    }
}
