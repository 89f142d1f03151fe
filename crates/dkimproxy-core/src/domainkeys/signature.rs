//! The DomainKey-Signature field (section 3.3).

use super::canonicalize::DomainKeysCanonicalization;
use crate::{
    key::KeyName,
    signature::{self, Description, SignatureError},
    tag_list::{TagList, TagListError},
};

/// A signature field that was read and found sound by itself.
#[derive(Debug)]
pub(super) struct Signature {
    /// b=, decoded.
    pub(super) signature: Vec<u8>,
    /// c=
    pub(super) canonicalization: DomainKeysCanonicalization,
    /// s= and d=.
    pub(super) key_name: KeyName,
    /// h=
    pub(super) signed_fields: Option<Vec<Vec<u8>>>,
}

impl Signature {
    /// Reads the field body. What can be reported of the field comes with it, whether or not it is sound.
    pub(super) fn read(body: &[u8]) -> (Description, Result<Self, SignatureError>) {
        match signature::parse_tags(body) {
            Ok(tags) => (Description::from_tags(&tags), Self::from_tags(&tags)),
            Err(error) => (Description::default(), Err(error)),
        }
    }

    /// "Any inconsistency or unexpected values MUST result in ignoring that header" (3.7.3), but
    /// q= may be absent: it can only be `dns`, and signers left it out ("This tag MUST be present" came late).
    fn from_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        check_names(tags)?;
        let required = |tag| signature::required(tags, tag);
        let invalid = |tag| SignatureError::InvalidTag { tag };
        if tags.get("a").is_some_and(|algorithm| algorithm != b"rsa-sha1") {
            return Err(SignatureError::Algorithm);
        }
        if tags.get("q").is_some_and(|method| method != b"dns") {
            return Err(SignatureError::QueryMethod);
        }
        Ok(Self {
            signature: signature::base64("b", required("b")?)?,
            canonicalization: DomainKeysCanonicalization::parse(required("c")?)
                .ok_or(SignatureError::Canonicalization)?,
            key_name: KeyName {
                domain: signature::domain(required("d")?).ok_or(invalid("d"))?,
                selector: signature::selector(required("s")?).ok_or(invalid("s"))?,
            },
            signed_fields: tags.get("h").map(signature::signed_fields).transpose()?,
        })
    }

    /// True if h= lists the name, or there is no h=.
    pub(super) fn covers(&self, name: &str) -> bool {
        let is_it = |listed: &Vec<u8>| listed.eq_ignore_ascii_case(name.as_bytes());
        self.signed_fields.as_ref().is_none_or(|names| names.iter().any(is_it))
    }
}

/// "A tag MUST be one character long and MUST be a lowercase alphabetic character" (appendix A).
fn check_names(tags: &TagList<'_>) -> Result<(), SignatureError> {
    let is_name = |name: &str| matches!(name.as_bytes(), [b'a'..=b'z']);
    match tags.iter().position(|tag| !is_name(tag.name)) {
        None => Ok(()),
        Some(index) => Err(SignatureError::TagList(TagListError::InvalidName { number: index + 1 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dk2_tags() {
        let missing = |tag| Err(SignatureError::MissingTag { tag });
        let invalid = |tag| Err(SignatureError::InvalidTag { tag });
        let name = |number| Err(SignatureError::TagList(TagListError::InvalidName { number }));
        for (body, expected) in [
            (" a=rsa-sha1; c=nofws; d=a.example; h=from:to; q=dns; s=s; b=AAAA", Ok(())),
            (" b=AA\r\n\tAA; c=simple; d=a.example; s=s.t;", Ok(())),
            (" c=simple; d=a.example; s=s; b=AAAA; x=unknown", Ok(())),
            (" c=simple; d=a.example; s=s; b=AAAA; v2=1", name(5)),
            (" C=simple; d=a.example; s=s; b=AAAA", name(1)),
            (" c=simple; d=a.example; s=s", missing("b")),
            (" d=a.example; s=s; b=AAAA", missing("c")),
            (" c=simple; s=s; b=AAAA", missing("d")),
            (" c=simple; d=a.example; b=AAAA", missing("s")),
            (" c=simple; d=a.example; s=s; b=", invalid("b")),
            (" c=simple; d=example; s=s; b=AAAA", invalid("d")),
            (" c=simple; d=a.example; s=s; b=AAAA; h=", invalid("h")),
            (" c=relaxed; d=a.example; s=s; b=AAAA", Err(SignatureError::Canonicalization)),
            (" a=rsa-sha256; c=simple; d=a.example; s=s; b=AAAA", Err(SignatureError::Algorithm)),
            (" c=simple; d=a.example; s=s; b=AAAA; q=", Err(SignatureError::QueryMethod)),
            (" c=simple; d=a.example; s=s; b=AAAA; q=dns/txt", Err(SignatureError::QueryMethod)),
            (
                " c=simple; d=a.example; s=s; b=AAAA; d=b.example",
                Err(SignatureError::TagList(TagListError::Duplicate { name: "d".to_owned() })),
            ),
        ] {
            assert_eq!(Signature::read(body.as_bytes()).1.map(drop), expected, "{body}");
        }
    }
}
