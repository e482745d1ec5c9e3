//! Time-stamps of authorities outside, after RFC 3161: that a head of the ledger existed at a moment.
//!
//! A token is a CMS signature over the digest of what is stamped and the time. Its form is read here, strictly and as it
//! came; signatures and the way from the signer to a pinned root are webpki's. A token that is read says nothing yet: only
//! [`Token::verify`] under roots that the verifier pinned makes its time one that counts.
//!
//! Source: RFC 3161, RFC 5652, RFC 5816, FORMATS.md §10.1 and §11.3.

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use sha2::Digest as _;
use thiserror::Error;
use webpki::aws_lc_rs as algs;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::base64;
use der::Node;

mod der;

/// Largest token that is read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// Largest text of certificates that is read, in bytes.
pub const MAX_CHAIN_BYTES: usize = 64 * 1024;
/// Most certificates of a token or of a chain, and most roots.
pub const MAX_CERTIFICATES: usize = 16;

/// Media type of a request. Source: RFC 3161 §3.4.
pub const QUERY_MEDIA_TYPE: &str = "application/timestamp-query";

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// A request before its digest: version 1, SHA-256. Source: RFC 3161 §2.4.1.
const QUERY_BEGIN: [u8; 24] = [
    0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
    0x01, 0x05, 0x00, 0x04, 0x20,
];
/// What follows it: the certificates are asked for.
const QUERY_END: [u8; 3] = [0x01, 0x01, 0xff];

/// A hash function that a signer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HashKind {
    Sha256,
    Sha384,
    Sha512,
}

impl HashKind {
    fn of_oid(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] => Some(Self::Sha256),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02] => Some(Self::Sha384),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03] => Some(Self::Sha512),
            _ => None,
        }
    }

    fn hash(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }

    /// The algorithms that a signature with this hash and this name can be of; which one follows from the key.
    fn algorithms(self, name: &[u8]) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
        let last = match name {
            RSA => None,
            // sha256WithRSAEncryption and its fellows; ecdsa-with-SHA256 and its fellows.
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last @ 0x0b..=0x0d] => Some(*last - 0x0b),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last @ 0x02..=0x04] => Some(*last - 0x02),
            _ => return Vec::new(),
        };
        match (self, last) {
            (Self::Sha256, None | Some(0)) => {
                vec![algs::RSA_PKCS1_2048_8192_SHA256, algs::ECDSA_P256_SHA256, algs::ECDSA_P384_SHA256]
            }
            (Self::Sha384, None | Some(1)) => {
                vec![algs::RSA_PKCS1_2048_8192_SHA384, algs::ECDSA_P256_SHA384, algs::ECDSA_P384_SHA384]
            }
            (Self::Sha512, None | Some(2)) => {
                vec![algs::RSA_PKCS1_2048_8192_SHA512, algs::ECDSA_P256_SHA512, algs::ECDSA_P384_SHA512]
            }
            _ => Vec::new(),
        }
    }
}

/// Why a token proves no time.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TimestampFault {
    #[error("the token has more than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    #[error("the token is no answer of a time-stamping authority: {0}")]
    Form(&'static str),
    #[error("the authority did not grant the time-stamp")]
    NotGranted,
    #[error("the time-stamp is over something else than this head of the ledger")]
    OtherDigest,
    #[error("the token does not have the certificate that it names as its signer's")]
    Signer,
    #[error("the signature of the token does not verify")]
    Signature,
    #[error("the signer's certificate is not for time-stamps alone")]
    Purpose,
    #[error("the signer's certificate does not lead to a pinned authority at the time of the token ({0})")]
    Chain(String),
}

/// A token whose form and digest are good; whose it is, is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    at: Timestamp,
    at_s: u64,
    /// DER.
    signer: Vec<u8>,
    certificates: Vec<Vec<u8>>,
}

/// What a request says, for a head whose body has this digest.
#[must_use]
pub fn query(digest: &Digest) -> Vec<u8> {
    [QUERY_BEGIN.as_slice(), digest.as_bytes(), &QUERY_END].concat()
}

fn form<T>(found: Option<T>, what: &'static str) -> Result<T, TimestampFault> {
    found.ok_or(TimestampFault::Form(what))
}

/// Reads the answer to a request (`TimeStampResp`) over `digest`, and checks the signature under the signer's certificate in
/// it. `chain` (DER) are further certificates for the way to a root.
///
/// # Errors
/// [`TimestampFault`].
pub fn read(answer: &[u8], chain: &[Vec<u8>], digest: &Digest) -> Result<Token, TimestampFault> {
    if answer.len() > MAX_TOKEN_BYTES {
        return Err(TimestampFault::TooLarge);
    }
    let answer = form(der::parse(answer).and_then(|answer| answer.list(der::SEQUENCE)), "it is no sequence")?;
    let status = form(answer.first().and_then(|status| status.list(der::SEQUENCE)), "it has no status")?;
    let status = form(status.first().and_then(|status| status.of(der::INTEGER)), "it has no status")?;
    // 0 is granted, 1 granted with changes.
    if !matches!(status, [0 | 1]) {
        return Err(TimestampFault::NotGranted);
    }
    let [_, token] = answer.as_slice() else { return Err(TimestampFault::NotGranted) };
    let signed = form(SignedData::read(*token), "it holds no signed data")?;
    let info = form(der::parse(signed.content).and_then(TstInfo::read), "it tells no time")?;
    if info.digest != digest.as_bytes() {
        return Err(TimestampFault::OtherDigest);
    }
    let (at, at_s) = form(parse_time(info.time), "its time is none")?;
    let mut certificates: Vec<Vec<u8>> = signed.certificates.iter().map(|one| one.raw.to_vec()).collect();
    certificates.extend(chain.iter().cloned());
    if certificates.len() > 2 * MAX_CERTIFICATES {
        return Err(TimestampFault::Form("it has too many certificates"));
    }
    let own = signed.certificates.iter().map(|one| one.raw);
    let signer = own.into_iter().find(|one| signed.is_signer(one)).ok_or(TimestampFault::Signer)?.to_vec();
    signed.check_signature(&signer)?;
    Ok(Token { at, at_s, signer, certificates })
}

impl Token {
    /// The time that it says, not verified; cut to milliseconds.
    #[must_use]
    pub const fn unverified_time(&self) -> Timestamp {
        self.at
    }

    /// The certificates that came with it, in DER.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// Checks that its signer was allowed to stamp time under one of the pinned roots, at the moment that it says.
    ///
    /// # Errors
    /// [`TimestampFault`].
    pub fn verify(&self, roots: &TsaRoots) -> Result<Timestamp, TimestampFault> {
        if !is_for_time_stamps_alone(&self.signer).unwrap_or(false) {
            return Err(TimestampFault::Purpose);
        }
        let chain = |error: webpki::Error| TimestampFault::Chain(error.to_string());
        let anchored: Vec<CertificateDer<'_>> =
            roots.0.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
        let anchors: Result<Vec<_>, _> = anchored.iter().map(anchor_from_trusted_cert).collect();
        let anchors = anchors.map_err(chain)?;
        let between: Vec<CertificateDer<'_>> =
            self.certificates.iter().map(|one| CertificateDer::from(one.as_slice())).collect();
        let signer = CertificateDer::from(self.signer.as_slice());
        let signer = EndEntityCert::try_from(&signer).map_err(chain)?;
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.at_s));
        let usage = KeyUsage::required(TIME_STAMPING);
        signer
            .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &between, at, usage, None, None)
            .map_err(chain)?;
        Ok(self.at)
    }
}

/// The certificates of the authorities that a verifier trusts for time, in DER; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TsaRoots(Vec<Vec<u8>>);

/// Why certificates cannot be pinned.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TsaPinError {
    #[error("a pinned authority is a certificate in DER, in standard base64")]
    Form,
    #[error("more than {MAX_CERTIFICATES} authorities for time")]
    TooMany,
}

impl TsaRoots {
    /// These certificates, in DER.
    ///
    /// # Errors
    /// [`TsaPinError`].
    pub fn new(certificates: Vec<Vec<u8>>) -> Result<Self, TsaPinError> {
        if certificates.len() > MAX_CERTIFICATES {
            return Err(TsaPinError::TooMany);
        }
        let is_root = |one: &Vec<u8>| anchor_from_trusted_cert(&CertificateDer::from(one.as_slice())).is_ok();
        if certificates.iter().all(is_root) { Ok(Self(certificates)) } else { Err(TsaPinError::Form) }
    }

    /// The same out of base64.
    ///
    /// # Errors
    /// [`TsaPinError`].
    pub fn parse(certificates: &[String]) -> Result<Self, TsaPinError> {
        let certificates: Option<Vec<_>> = certificates.iter().map(|one| base64::decode(one)).collect();
        Self::new(certificates.ok_or(TsaPinError::Form)?)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// ---- certificates as text ----

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
const PEM_END: &str = "-----END CERTIFICATE-----\n";

/// Certificates in PEM, one after the other and nothing beside. Source: RFC 7468 §5.
#[must_use]
pub fn write_pem(certificates: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str(PEM_BEGIN);
        let coded = base64::encode(certificate);
        let mut rest = coded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str(PEM_END);
    }
    text
}

/// Reads what [`write_pem`] writes, for 1 to 16 certificates; nothing for any other spelling.
#[must_use]
pub fn parse_pem(text: &str) -> Option<Vec<Vec<u8>>> {
    let certificates = find_pem(text)?;
    let is_whole = (1..=MAX_CERTIFICATES).contains(&certificates.len()) && write_pem(&certificates) == text;
    is_whole.then_some(certificates)
}

/// The certificates in a text that may have anything around them; nothing when one of them is no base64.
#[must_use]
pub fn find_pem(text: &str) -> Option<Vec<Vec<u8>>> {
    let text = text.replace("\r\n", "\n");
    let blocks = text.split(PEM_BEGIN).skip(1);
    blocks.map(|block| base64::decode(&block.split_once(PEM_END.trim_end())?.0.replace('\n', ""))).collect()
}

// ---- the parts of a token ----

/// What is read of `SignedData`. Source: RFC 5652 §5.
struct SignedData<'a> {
    /// DER of a `TSTInfo`.
    content: &'a [u8],
    certificates: Vec<Node<'a>>,
    signer: SignerInfo<'a>,
}

struct SignerInfo<'a> {
    /// `issuer` and `serialNumber`.
    sid: (&'a [u8], &'a [u8]),
    hash: HashKind,
    /// As they are signed: a SET.
    attributes: Vec<u8>,
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// Digest of the signer's certificate, and with which hash; `None` for SHA-1.
    certificate: (Option<HashKind>, &'a [u8]),
}

/// The name in an `AlgorithmIdentifier`.
fn algorithm_of(node: Node<'_>) -> Option<&[u8]> {
    node.list(der::SEQUENCE)?.first()?.of(der::OID)
}

impl<'a> SignedData<'a> {
    fn read(token: Node<'a>) -> Option<Self> {
        let content_info = token.list(der::SEQUENCE)?;
        let [kind, content] = content_info.as_slice() else { return None };
        (kind.of(der::OID)? == SIGNED_DATA).then_some(())?;
        let parts = content.only(der::CONTEXT_0)?.list(der::SEQUENCE)?;
        let [version, digests, encapsulated, rest @ ..] = parts.as_slice() else { return None };
        (version.of(der::INTEGER)? == [3]).then_some(())?;
        let digest = algorithm_of(digests.only(der::SET)?)?;
        let encapsulated = encapsulated.list(der::SEQUENCE)?;
        let [kind, content] = encapsulated.as_slice() else { return None };
        (kind.of(der::OID)? == TST_INFO).then_some(())?;
        let content = content.only(der::CONTEXT_0)?.of(der::OCTETS)?;
        let (certificates, infos) = match rest {
            [infos] => (Vec::new(), infos),
            [certificates, infos] => (certificates.list(der::CONTEXT_0)?, infos),
            // Revocation lists are not looked at.
            [certificates, lists, infos] if lists.tag == der::CONTEXT_1 => (certificates.list(der::CONTEXT_0)?, infos),
            _ => return None,
        };
        (certificates.len() <= MAX_CERTIFICATES).then_some(())?;
        let signer = SignerInfo::read(infos.only(der::SET)?, content)?;
        (HashKind::of_oid(digest) == Some(signer.hash)).then_some(Self { content, certificates, signer })
    }

    /// Whether the token names this certificate as its signer's, by digest and by issuer and number.
    fn is_signer(&self, certificate: &[u8]) -> bool {
        let (hash, digest) = self.signer.certificate;
        let found = match hash {
            Some(hash) => hash.hash(certificate),
            None => sha1::Sha1::digest(certificate).to_vec(),
        };
        found == digest && issuer_and_number(certificate) == Some(self.signer.sid)
    }

    fn check_signature(&self, certificate: &[u8]) -> Result<(), TimestampFault> {
        let signer = &self.signer;
        let certificate = CertificateDer::from(certificate);
        let key = EndEntityCert::try_from(&certificate).map_err(|_| TimestampFault::Signer)?;
        let verifies = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            key.verify_signature(*algorithm, &signer.attributes, signer.signature).is_ok()
        };
        let is_good = signer.hash.algorithms(signer.algorithm).iter().any(verifies);
        if is_good { Ok(()) } else { Err(TimestampFault::Signature) }
    }
}

impl<'a> SignerInfo<'a> {
    fn read(info: Node<'a>, content: &[u8]) -> Option<Self> {
        let parts = info.list(der::SEQUENCE)?;
        let [version, sid, digest, attributes, algorithm, signature, rest @ ..] = parts.as_slice() else { return None };
        // What is not signed may be there and says nothing.
        let is_form =
            version.of(der::INTEGER)? == [1] && rest.len() <= 1 && rest.iter().all(|one| one.tag == der::CONTEXT_1);
        is_form.then_some(())?;
        let sid = sid.list(der::SEQUENCE)?;
        let [issuer, number] = sid.as_slice() else { return None };
        let hash = HashKind::of_oid(algorithm_of(*digest)?)?;
        let listed = attributes.list(der::CONTEXT_0)?;
        (attribute(&listed, CONTENT_TYPE)??.of(der::OID)? == TST_INFO).then_some(())?;
        (attribute(&listed, MESSAGE_DIGEST)??.of(der::OCTETS)? == hash.hash(content)).then_some(())?;
        let certificate = match (attribute(&listed, SIGNING_CERTIFICATE_V2)?, attribute(&listed, SIGNING_CERTIFICATE)?)
        {
            (Some(newer), _) => certificate_v2(newer)?,
            (None, Some(older)) => (None, certificate_id(older)?.first()?.of(der::OCTETS)?),
            (None, None) => return None,
        };
        let mut signed = attributes.raw.to_vec();
        // SPEC: RFC 5652 §5.4: signed with the tag of a SET in the place of `[0]`.
        *signed.first_mut()? = der::SET;
        Some(Self {
            sid: (issuer.raw, number.raw),
            hash,
            attributes: signed,
            algorithm: algorithm_of(*algorithm)?,
            signature: signature.of(der::OCTETS)?,
            certificate,
        })
    }
}

/// The value of the attribute of this type; `Some(None)` when there is none, nothing when there are several or it has several
/// values.
fn attribute<'a>(attributes: &[Node<'a>], kind: &[u8]) -> Option<Option<Node<'a>>> {
    let mut found = None;
    for attribute in attributes {
        let parts = attribute.list(der::SEQUENCE)?;
        let [name, values] = parts.as_slice() else { return None };
        if name.of(der::OID)? == kind {
            let value = values.only(der::SET)?;
            if found.replace(value).is_some() {
                return None;
            }
        }
    }
    Some(found)
}

/// The first certificate's id of a `SigningCertificate`. Source: RFC 5035 §5.
fn certificate_id(value: Node<'_>) -> Option<Vec<Node<'_>>> {
    value.list(der::SEQUENCE)?.first()?.list(der::SEQUENCE)?.first()?.list(der::SEQUENCE)
}

/// Without an algorithm it is SHA-256.
fn certificate_v2(value: Node<'_>) -> Option<(Option<HashKind>, &[u8])> {
    let id = certificate_id(value)?;
    let first = id.first()?;
    if let Some(digest) = first.of(der::OCTETS) {
        return Some((Some(HashKind::Sha256), digest));
    }
    let hash = HashKind::of_oid(algorithm_of(*first)?)?;
    Some((Some(hash), id.get(1)?.of(der::OCTETS)?))
}

/// What is read of `TSTInfo`. Source: RFC 3161 §2.4.2.
struct TstInfo<'a> {
    digest: &'a [u8],
    time: &'a [u8],
}

impl<'a> TstInfo<'a> {
    fn read(info: Node<'a>) -> Option<Self> {
        let parts = info.list(der::SEQUENCE)?;
        let [version, policy, imprint, number, time, ..] = parts.as_slice() else { return None };
        let imprint = imprint.list(der::SEQUENCE)?;
        let [algorithm, digest] = imprint.as_slice() else { return None };
        let is_form = version.of(der::INTEGER)? == [1]
            && policy.tag == der::OID
            && number.tag == der::INTEGER
            && HashKind::of_oid(algorithm_of(*algorithm)?) == Some(HashKind::Sha256);
        is_form.then_some(())?;
        Some(Self { digest: digest.of(der::OCTETS)?, time: time.of(der::GENERALIZED_TIME)? })
    }
}

/// `YYYYMMDDHHMMSS[.FRACTION]Z`, and the same in whole seconds since 1970. Source: RFC 3161 §2.4.2.
fn parse_time(text: &[u8]) -> Option<(Timestamp, u64)> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (whole.len() == 14 && is_digits(whole) && is_digits(fraction) && fraction.len() <= 9).then_some(())?;
    let part = |from: usize, to: usize| whole.get(from..to);
    let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
    let written = format!(
        "{}-{}-{}T{}:{}:{}.{ms}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    let at = Timestamp::parse(&written).ok()?;
    Some((at, u64::try_from(at.as_ms().div_euclid(1_000)).ok()?))
}

/// `TBSCertificate`'s members without its version.
fn certificate_parts(certificate: &[u8]) -> Option<Vec<Node<'_>>> {
    let mut parts = der::parse(certificate)?.list(der::SEQUENCE)?.first()?.list(der::SEQUENCE)?;
    if parts.first()?.tag == der::CONTEXT_0 {
        parts.remove(0);
    }
    Some(parts)
}

fn issuer_and_number(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let parts = certificate_parts(certificate)?;
    let [number, _, issuer, ..] = parts.as_slice() else { return None };
    Some((issuer.raw, number.raw))
}

/// Whether the certificate's extended key usage is critical and names time-stamping and nothing else. Source: RFC 3161 §2.3.
fn is_for_time_stamps_alone(certificate: &[u8]) -> Option<bool> {
    let parts = certificate_parts(certificate)?;
    let extensions = parts.iter().find(|part| part.tag == der::CONTEXT_3)?.only(der::CONTEXT_3)?.list(der::SEQUENCE)?;
    for extension in extensions {
        let parts = extension.list(der::SEQUENCE)?;
        if parts.first()?.of(der::OID)? != EXTENDED_KEY_USAGE {
            continue;
        }
        let [_, critical, value] = parts.as_slice() else { return Some(false) };
        let purpose = der::parse(value.of(der::OCTETS)?)?.only(der::SEQUENCE)?;
        return Some(critical.raw == [0x01, 0x01, 0xff] && purpose.of(der::OID)? == TIME_STAMPING);
    }
    Some(false)
}

#[cfg(test)]
pub(crate) mod tests;
