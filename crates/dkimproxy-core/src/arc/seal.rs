//! The ARC-Seal field (section 4.1.3).

use super::instance;
use crate::{
    domain::{DomainName, Selector},
    header::{Field, Header},
    key::{KeyName, KeyRecord, Keys, SigningAlgorithm},
    signature::{self, SignatureError},
    tag_list::TagList,
    verify::{self, VerifyError},
};
use std::ops::Range;

/// What cv= says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainStatus {
    None,
    Fail,
    Pass,
}

/// A seal, as far as the structure of the chain needs it.
#[derive(Debug)]
pub(super) struct Seal {
    pub(super) instance: u32,
    pub(super) status: Option<ChainStatus>,
    /// h= is there.
    pub(super) lists_fields: bool,
    pub(super) signature: Result<SealSignature, SignatureError>,
}

/// What of a seal is checked with the key.
#[derive(Debug)]
pub(super) struct SealSignature {
    algorithm: SigningAlgorithm,
    signature: Vec<u8>,
    pub(super) key_name: KeyName,
    /// The value of b= with the white space around it, in the field body.
    span: Range<usize>,
}

impl Seal {
    /// None: it is not known to which set it belongs.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let tags = signature::parse_tags(body).ok()?;
        Some(Self {
            instance: instance::of_tag(tags.get("i")?)?,
            status: tags.get("cv").and_then(ChainStatus::parse),
            lists_fields: tags.get("h").is_some(),
            signature: SealSignature::from_tags(&tags),
        })
    }
}

impl ChainStatus {
    /// ASCII case-insensitive, as the grammar's literals are.
    fn parse(value: &[u8]) -> Option<Self> {
        let word = instance::without_cfws(value)?;
        [(&b"none"[..], Self::None), (b"fail", Self::Fail), (b"pass", Self::Pass)]
            .into_iter()
            .find_map(|(name, status)| word.eq_ignore_ascii_case(name).then_some(status))
    }
}

impl SealSignature {
    /// Other tags than those of section 4.1.3 are ignored, as in any tag list.
    fn from_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        let required = |tag| signature::required(tags, tag);
        let invalid = |tag| SignatureError::InvalidTag { tag };
        let algorithm = signature::algorithm(required("a")?)?;
        let domain: DomainName = signature::domain(required("d")?).ok_or(invalid("d"))?;
        let selector: Selector = signature::selector(required("s")?).ok_or(invalid("s"))?;
        tags.get("t").map(|value| signature::number("t", value, usize::MAX)).transpose()?;
        Ok(Self {
            algorithm,
            signature: signature::base64("b", required("b")?)?,
            key_name: KeyName { selector, domain },
            span: tags.span_of_value("b").unwrap_or_default(),
        })
    }

    /// The field at that position with an empty b= and without its CRLF.
    pub(super) fn unsigned(&self, header: &Header, position: usize) -> Vec<u8> {
        header.field(position).map_or_else(Vec::new, |field: Field<'_>| verify::without(field, &self.span))
    }

    /// Does it fit the octets that it should sign? Each key is tried by itself; the best outcome counts.
    pub(super) fn verify(&self, input: &[u8], keys: &Keys) -> Result<(), VerifyError> {
        let records = verify::readable_records(&self.key_name, keys)?;
        let tried = records.into_iter().map(|record| self.verify_with(record, input));
        tried.min_by_key(verify::rank).unwrap_or(Err(VerifyError::NoKey))
    }

    fn verify_with(&self, record: &KeyRecord, input: &[u8]) -> Result<(), VerifyError> {
        verify::check_suitable(record, self.algorithm)?;
        if record.key().verify(input, &self.signature) { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
    }
}
