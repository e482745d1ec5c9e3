use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use proptest::prelude::*;

/// A time-stamping authority in a folder, made and run with `openssl`.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
}

const CONFIG: &str = "
[tsa]
default_tsa = one
[one]
serial = ./serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
";

fn openssl(folder: &Path, args: &[&str]) {
    let done = Command::new("openssl").current_dir(folder).args(args).output().unwrap();
    assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Authority {
    /// A root and a signer under it. `extensions` are the signer's, `days` of both from now on, `key` as for `openssl req`.
    pub(crate) fn new(extensions: &str, key: &[&str], not_before: &str, not_after: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::write(at.join("tsa.cnf"), CONFIG).unwrap();
        std::fs::write(at.join("serial"), "01\n").unwrap();
        std::fs::write(at.join("signer.ext"), format!("[ext]\n{extensions}\n")).unwrap();
        std::fs::write(at.join("index.txt"), "").unwrap();
        std::fs::write(
            at.join("ca.cnf"),
            "[ca]\ndefault_ca = one\n[one]\ndatabase = ./index.txt\nnew_certs_dir = .\nserial = ./ca-serial\npolicy = any\ndefault_md = sha256\n[any]\ncommonName = supplied\n",
        )
        .unwrap();
        std::fs::write(at.join("ca-serial"), "1000\n").unwrap();
        let root = [
            "req", "-x509", "-nodes", "-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem", "-days", "36500",
        ];
        openssl(at, &[&root[..], key].concat());
        let signer = ["req", "-new", "-nodes", "-subj", "/CN=Signer", "-keyout", "signer.key", "-out", "signer.csr"];
        openssl(at, &[&signer[..], key].concat());
        openssl(
            at,
            &[
                "ca",
                "-batch",
                "-notext",
                "-config",
                "ca.cnf",
                "-cert",
                "root.pem",
                "-keyfile",
                "root.key",
                "-in",
                "signer.csr",
                "-out",
                "signer.pem",
                "-extfile",
                "signer.ext",
                "-extensions",
                "ext",
                "-startdate",
                not_before,
                "-enddate",
                not_after,
            ],
        );
        Self { folder }
    }

    pub(crate) fn usual() -> Self {
        Self::new(
            "extendedKeyUsage = critical,timeStamping\nkeyUsage = critical,digitalSignature",
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "20200101000000Z",
            "20991231235959Z",
        )
    }

    /// The answer to a request.
    pub(crate) fn stamp(&self, query: &[u8]) -> Vec<u8> {
        let at = self.folder.path();
        std::fs::write(at.join("query.tsq"), query).unwrap();
        let reply = ["ts", "-reply", "-config", "tsa.cnf", "-section", "one", "-queryfile", "query.tsq"];
        let keys = ["-signer", "signer.pem", "-inkey", "signer.key", "-out", "reply.tsr"];
        openssl(at, &[&reply[..], &keys].concat());
        std::fs::read(at.join("reply.tsr")).unwrap()
    }

    pub(crate) fn root_path(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    pub(crate) fn roots(&self) -> TsaRoots {
        TsaRoots::new(find_pem(&std::fs::read_to_string(self.root_path()).unwrap()).unwrap()).unwrap()
    }
}

fn digest() -> Digest {
    Digest::of(b"ledger.acme.example\n4\nroot\n")
}

#[test]
fn a_request_is_what_openssl_reads_and_its_answer_verifies_under_the_pinned_root() {
    for key in [
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["-newkey", "rsa:2048"],
    ] {
        let usage = "extendedKeyUsage = critical,timeStamping";
        let authority = Authority::new(usage, key, "20200101000000Z", "20991231235959Z");
        let answer = authority.stamp(&query(&digest()));
        let token = read(&answer, &[], &digest()).unwrap();
        assert_eq!(token.verify(&authority.roots()), Ok(token.unverified_time()));
        assert_eq!(token.certificates().len(), 1);
        let pem = write_pem(token.certificates());
        assert_eq!(parse_pem(&pem).unwrap(), token.certificates());
    }
}

/// Attack A28: a token over another head, or over nothing of this ledger.
#[test]
fn attack_a28_a_token_over_another_checkpoint_is_refused() {
    let authority = Authority::usual();
    let answer = authority.stamp(&query(&digest()));
    assert_eq!(read(&answer, &[], &Digest::of(b"other")).unwrap_err(), TimestampFault::OtherDigest);
}

/// Attack A28: an authority of the presenter's own.
#[test]
fn attack_a28_a_token_from_an_unpinned_authority_is_refused() {
    let (authority, other) = (Authority::usual(), Authority::usual());
    let token = read(&other.stamp(&query(&digest())), &[], &digest()).unwrap();
    assert!(matches!(token.verify(&authority.roots()), Err(TimestampFault::Chain(_))));
    assert!(matches!(token.verify(&TsaRoots::default()), Err(TimestampFault::Chain(_))));
}

/// Attack A28: a signer whose certificate had run out, or was never for time, when it signed.
#[test]
fn attack_a28_a_certificate_that_does_not_hold_at_the_time_of_the_token_is_refused() {
    let usage = "extendedKeyUsage = critical,timeStamping";
    let key = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let expired = Authority::new(usage, key, "20200101000000Z", "20210101000000Z");
    let token = read(&expired.stamp(&query(&digest())), &[], &digest()).unwrap();
    assert!(matches!(token.verify(&expired.roots()), Err(TimestampFault::Chain(_))));
    let early = Authority::new(usage, key, "20950101000000Z", "20991231235959Z");
    let token = read(&early.stamp(&query(&digest())), &[], &digest()).unwrap();
    assert!(matches!(token.verify(&early.roots()), Err(TimestampFault::Chain(_))));
    assert_eq!(is_for_time_stamps_alone(&token.signer), Some(true));
}

#[test]
fn attack_a28_every_changed_bit_of_a_token_is_found() {
    let authority = Authority::usual();
    let answer = authority.stamp(&query(&digest()));
    let roots = authority.roots();
    let mut n_read = 0;
    for bit in 0..answer.len() * 8 {
        let mut changed = answer.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let verified = read(&changed, &[], &digest()).and_then(|token| token.verify(&roots));
        n_read += usize::from(verified.is_ok());
    }
    // Status 1 in the place of 0, and what names parameters of algorithms that are known.
    assert!(n_read <= 200, "{n_read} of {}", answer.len() * 8);
    for end in 0..answer.len() {
        assert!(read(&answer[..end], &[], &digest()).is_err());
    }
}

#[test]
fn times_are_read_in_the_one_form() {
    let ms = |text: &str| parse_time(text.as_bytes()).map(|(at, _)| at.to_string());
    assert_eq!(ms("20261122060102Z").as_deref(), Some("2026-11-22T06:01:02.000Z"));
    assert_eq!(ms("20261122060102.5Z").as_deref(), Some("2026-11-22T06:01:02.500Z"));
    assert_eq!(ms("20261122060102.123456Z").as_deref(), Some("2026-11-22T06:01:02.123Z"));
    for bad in
        ["20261122060102", "202611220601Z", "20261322060102Z", "20261122060102.Z", "20261122060102+0100", "", "Z"]
    {
        assert_eq!(ms(bad), None, "{bad}");
    }
}

#[test]
fn certificates_as_text_have_one_spelling() {
    let certificates = vec![vec![1u8; 100], vec![2u8; 48]];
    let text = write_pem(&certificates);
    assert_eq!(parse_pem(&text), Some(certificates.clone()));
    assert_eq!(find_pem(&format!("subject=/CN=x\r\n{}", text.replace('\n', "\r\n"))), Some(certificates));
    for bad in [String::new(), format!("{text}\n"), format!("x{text}"), text.replace("=", ""), text.repeat(9)] {
        assert_eq!(parse_pem(&bad), None, "{bad}");
    }
    assert_eq!(TsaRoots::new(vec![vec![1, 2, 3]]), Err(TsaPinError::Form));
    assert_eq!(TsaRoots::parse(&["%".to_owned()]), Err(TsaPinError::Form));
}

proptest! {
    #[test]
    fn any_bytes_are_a_token_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes, &[], &digest()).is_err());
    }
}
