//! Bodies of fuzz targets: each takes any octets and panics where an invariant is broken. No part of the interface.

mod chains;
mod signatures;

pub use chains::{arc, domainkeys};
pub use signatures::{key_record, signature, verify_message};

use crate::{
    canonicalize::{Algorithm, BodyCanonicalizer, reference},
    header::{FieldPicker, Header},
    message::MessageReader,
    tag_list::{TagList, colon_list, decode_base64, decode_qp, encode_qp},
};

/// The fields of a header section are the section, and can all be picked by their names.
pub fn header(octets: &[u8]) {
    let header = Header::parse(octets.to_vec());
    let joined: Vec<u8> = header.fields().flat_map(|field| field.raw().to_vec()).collect();
    assert_eq!(joined, octets);
    let mut picker = FieldPicker::new(&header, None);
    for field in header.fields() {
        assert_eq!(octets.get(field.range()), Some(field.raw()));
        assert!(field.raw().starts_with(field.name()));
        assert!(field.body().len() + field.name().len() <= field.raw().len());
        let picked = picker.pick(field.name());
        assert_eq!(picked.is_some(), !field.name().is_empty());
        assert!(picked.is_none_or(|picked| picked.name().eq_ignore_ascii_case(field.name())));
    }
}

/// The spans of a tag list hold its values, and what is written of a list reads as the same list.
pub fn tag_list(octets: &[u8]) {
    let Ok(list) = TagList::parse(octets) else { return };
    let mut end = 0;
    for tag in &list {
        assert!(end <= tag.span.start && tag.span.end <= octets.len());
        let written = octets.get(tag.span.clone()).unwrap_or_default();
        assert_eq!(written.trim_ascii(), tag.value);
        assert_eq!(list.get(tag.name), Some(tag.value));
        assert!(colon_list(tag.value).count() > 0);
        assert!(decode_base64(tag.value).is_none_or(|decoded| decoded.len() <= tag.value.len()));
        if let Some(decoded) = decode_qp(tag.value) {
            assert_eq!(decode_qp(&encode_qp(&decoded)), Some(decoded));
        }
        end = tag.span.end;
    }
    let rewritten: Vec<u8> =
        list.iter().flat_map(|tag| [tag.name.as_bytes(), b"=", tag.value, b";"].concat()).collect();
    let again = TagList::parse(&rewritten).map(|list| list.iter().map(|tag| tag.value).collect::<Vec<_>>().concat());
    assert_eq!(again, Ok(list.iter().map(|tag| tag.value).collect::<Vec<_>>().concat()));
}

/// Header, empty line and body are the message, however it is cut. The first octet says where.
pub fn message(octets: &[u8]) {
    let (chunks, message) = chunks(octets);
    let mut reader = MessageReader::new(message.len());
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend_from_slice(reader.push(chunk).unwrap_or_else(|error| panic!("{error}")));
    }
    let ended = reader.header().is_some();
    let header = reader.finish().unwrap_or_else(|error| panic!("{error}")).as_bytes();
    let empty_line: &[u8] = if ended { b"\r\n" } else { b"" };
    assert_eq!([header, empty_line, &body].concat(), message);
    assert!(!header.starts_with(b"\r\n") && memchr::memmem::find(header, b"\r\n\r\n").is_none());
}

/// The stream of each algorithm equals the obvious version. The first octet says where the body is cut.
pub fn canonicalize_body(octets: &[u8]) {
    let (chunks, body) = chunks(octets);
    for algorithm in [Algorithm::Simple, Algorithm::Relaxed] {
        let mut canonical = Vec::new();
        let mut sink = |piece: &[u8]| canonical.extend_from_slice(piece);
        let mut canonicalizer = BodyCanonicalizer::new(algorithm);
        for chunk in chunks.clone() {
            canonicalizer.update(chunk, &mut sink);
        }
        canonicalizer.finish(&mut sink);
        assert_eq!(canonical, reference::body(algorithm, body));
    }
}

/// All but the first octet, which is the length of the chunks that it is cut into.
fn chunks(octets: &[u8]) -> (std::slice::Chunks<'_, u8>, &[u8]) {
    let (len, octets) = octets.split_first().unwrap_or((&1, b""));
    (octets.chunks(usize::from(*len).max(1)), octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bodies_hold_on_the_octets_that_matter(octets in "[\x01-\x09=;:ab \t\r\n\u{e9}]{0,40}") {
            super::header(octets.as_bytes());
            super::tag_list(octets.as_bytes());
            super::message(octets.as_bytes());
            super::canonicalize_body(octets.as_bytes());
        }

        #[test]
        fn bodies_hold_on_any_octets(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
            super::header(&octets);
            super::tag_list(&octets);
            super::message(&octets);
            super::canonicalize_body(&octets);
        }

        #[test]
        fn tag_lists_hold(octets in "( ?[ab_]{1,2} ?= ?(=[0-9A-F]{2}|[a:=/]|\r\n )* ?;){0,4}") {
            super::tag_list(octets.as_bytes());
        }
    }
}
