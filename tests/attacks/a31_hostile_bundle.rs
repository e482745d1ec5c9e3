//! A31: an evidence bundle that attacks whoever opens it.

use seamark_ledger::bundle::FileSet;
use seamark_ledger::verify::{ClaimId, Verdict, check_archive};

use crate::a30_left_out::{REFUND, pinned};

/// The same archive with these bytes in the place of others of the same length, everywhere.
fn patched(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = REFUND.to_vec();
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn attack_a31_an_archive_with_another_path_size_or_tail_is_no_bundle() {
    let mut hostile: Vec<(&str, Vec<u8>)> = vec![
        ("a path upwards", patched(b"README.txt", b"../../../x")),
        ("an absolute path", patched(b"README.txt", b"/etc/passw")),
        ("a device", patched(b"README.txt", b"COM1:aaaaa")),
        ("a backslash", patched(b"log/checkpoint", b"log\\checkpoint")),
        ("another case", patched(b"README.txt", b"readme.TXT")),
        ("a NUL", patched(b"README.txt", b"README\0txt")),
        ("two files of one name", patched(b"contract/policy.json", b"contract/policy.jso\x6e").to_vec()),
        ("something behind", [REFUND, b"x"].concat()),
        ("something before", [b"x", REFUND].concat()),
        ("twice", [REFUND, REFUND].concat()),
        ("nothing", Vec::new()),
    ];
    // The one that changed nothing is not hostile.
    hostile.retain(|(_, bytes)| bytes != REFUND);
    for (offset, value) in [(4, 0xff), (8, 8), (18, 0xff), (20, 0xff), (21, 0xff), (26, 0xff), (28, 4)] {
        let mut bytes = REFUND.to_vec();
        bytes[offset] = value;
        hostile.push(("a header of the first file", bytes));
    }
    let end = REFUND.len() - 22;
    for offset in [4, 8, 10, 12, 15, 16, 19, 20] {
        let mut bytes = REFUND.to_vec();
        bytes[end + offset] ^= 0xff;
        hostile.push(("the end record", bytes));
    }
    for (name, archive) in hostile {
        let found = check_archive(&archive, &pinned());
        assert_eq!(found.report.verdict_of(ClaimId::Bundle), Some(Verdict::Fail), "{name}");
        assert_eq!(found.verdict(), Verdict::Fail, "{name}");
    }
    for cut in (0..REFUND.len()).step_by(997) {
        assert!(FileSet::from_archive(&REFUND[..cut]).is_err(), "cut at {cut}");
    }
}
