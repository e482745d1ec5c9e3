//! A digest in a form that two people can compare by voice. Source: FORMATS.md §2.

use crate::digest::Digest;

/// The first 56 bits of `digest`: eight hexadecimal digits in two groups, then three words.
///
/// As in `7f3a 91c2 harbour lantern moss`. For people to compare, never for programs: those compare whole digests. Each
/// word stands for one byte, its place in the list.
#[must_use]
pub fn fingerprint(digest: &Digest) -> String {
    let [a, b, c, d, first, second, third, ..] = *digest.as_bytes();
    let word = |byte: u8| WORDS.get(usize::from(byte)).copied().unwrap_or_default();
    format!("{a:02x}{b:02x} {c:02x}{d:02x} {} {} {}", word(first), word(second), word(third))
}

/// 256 English words that sound different from each other. Their order never changes.
#[rustfmt::skip]
const WORDS: [&str; 256] = [
    "acorn", "agate", "alder", "almond", "amber", "anchor", "apple", "april",
    "apron", "arch", "ash", "aspen", "atlas", "aunt", "autumn", "badge",
    "bakery", "bamboo", "banjo", "barley", "barn", "basil", "basin", "basket",
    "beach", "beacon", "bead", "beech", "bell", "bench", "berry", "birch",
    "bishop", "blanket", "blossom", "boat", "bonnet", "bottle", "boulder", "bramble",
    "brass", "bread", "brick", "bridge", "brook", "broom", "brush", "bucket",
    "buoy", "butter", "button", "cabin", "cable", "cactus", "camel", "canal",
    "candle", "canoe", "canyon", "carpet", "castle", "cedar", "cellar", "chalk",
    "chapel", "cherry", "chess", "chimney", "cider", "cinder", "circle", "clay",
    "cliff", "clock", "cloud", "clover", "cobble", "cocoa", "comet", "compass",
    "copper", "coral", "cork", "cotton", "cove", "cradle", "crane", "crater",
    "cricket", "crown", "crystal", "curtain", "cypress", "daisy", "dawn", "deck",
    "delta", "desert", "diamond", "dock", "dolphin", "dome", "drum", "dune",
    "eagle", "easel", "echo", "elbow", "elder", "elm", "ember", "engine",
    "estuary", "falcon", "feather", "fence", "fern", "ferry", "fiddle", "field",
    "finch", "fjord", "flag", "flame", "flint", "flute", "foam", "forest",
    "fountain", "fox", "frost", "galaxy", "garden", "garnet", "gate", "ginger",
    "glacier", "glass", "goose", "grain", "granite", "grape", "gravel", "grove",
    "guitar", "gull", "hammer", "hammock", "harbour", "harp", "hazel", "heather",
    "hedge", "helm", "heron", "hill", "honey", "horizon", "horn", "husk",
    "igloo", "indigo", "inlet", "iron", "island", "ivory", "ivy", "jacket",
    "jasmine", "jetty", "jewel", "juniper", "kayak", "keel", "kernel", "kettle",
    "kite", "ladder", "lagoon", "lake", "lamp", "lantern", "lark", "laurel",
    "lava", "lemon", "library", "lichen", "lilac", "lily", "linen", "lobster",
    "locket", "lotus", "lumber", "magnet", "mango", "maple", "marble", "marsh",
    "meadow", "melon", "mill", "mint", "mirror", "mitten", "moon", "moss",
    "mountain", "muslin", "nectar", "needle", "nest", "nickel", "nutmeg", "oak",
    "oasis", "oatmeal", "ocean", "olive", "onyx", "opal", "orbit", "orchard",
    "otter", "oyster", "paddle", "palm", "panther", "paper", "parcel", "parsley",
    "pearl", "pebble", "pepper", "petal", "piano", "pier", "pigeon", "pillow",
    "quartz", "quill", "rabbit", "raft", "rainbow", "raven", "reef", "ribbon",
    "river", "robin", "rocket", "saddle", "sail", "salmon", "silver", "spruce",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_as_digits_and_words() {
        let mut bytes = [0u8; 32];
        bytes[..7].copy_from_slice(&[0x7f, 0x3a, 0x91, 0xc2, 0, 1, 255]);
        assert_eq!(fingerprint(&Digest::from_bytes(bytes)), "7f3a 91c2 acorn agate spruce");
    }

    #[test]
    fn no_word_stands_for_two_bytes() {
        let distinct: std::collections::BTreeSet<&str> = WORDS.into_iter().collect();
        assert_eq!(distinct.len(), WORDS.len());
    }
}
