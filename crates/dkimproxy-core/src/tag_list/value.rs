//! What several tags' values have in common. All functions take values out of a [`TagList`](super::TagList), where a CR
//! or LF can only be part of a fold.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::borrow::Cow;

/// Padding and the unused bits of the last character are not checked: section 2.10 permits none to two "=" after any
/// number of characters, and says nothing of those bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Removes all folding white space, also inside.
pub fn strip_fws(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.iter().any(is_fws) {
        return Cow::Borrowed(value);
    }
    let mut stripped = Vec::with_capacity(value.len());
    value.split(is_fws).for_each(|part| stripped.extend_from_slice(part));
    Cow::Owned(stripped)
}

/// The items of a list such as `from : to:subject`, without the white space around them. They can be empty, and an
/// empty value is one empty item: what that means is the tag's own affair.
pub fn colon_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&octet| octet == b':').map(trim)
}

/// Decodes a base64string (section 2.10), folding white space ignored. Missing padding is accepted. None: an octet
/// outside the alphabet, "=" anywhere but at the end, or an impossible length.
pub fn decode_base64(value: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(strip_fws(value)).ok()
}

/// Decodes dkim-quoted-printable (section 2.11), folding white space ignored. UTF-8 may stand unencoded (RFC 8616).
/// None: "=" without two hexadecimal digits in upper case, or a control character.
pub fn decode_qp(value: &[u8]) -> Option<Vec<u8>> {
    let stripped = strip_fws(value);
    let mut decoded = Vec::with_capacity(stripped.len());
    let mut rest = &*stripped;
    loop {
        rest = match rest {
            [] => return Some(decoded),
            [b'=', high, low, tail @ ..] => {
                decoded.push(upper_hex(*high)? << 4 | upper_hex(*low)?);
                tail
            }
            [b'=', ..] | [0..=0x20 | b';' | 0x7f, ..] => return None,
            [octet, tail @ ..] => {
                decoded.push(*octet);
                tail
            }
        };
    }
}

/// Encodes in dkim-quoted-printable: printable ASCII stays, but for ";", "=" and "|" (which z= needs). Never folds.
pub fn encode_qp(octets: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(octets.len());
    for &octet in octets {
        if octet.is_ascii_graphic() && !matches!(octet, b';' | b'=' | b'|') {
            encoded.push(octet);
        } else {
            encoded.extend([b'=', hex_digit(octet >> 4), hex_digit(octet & 0xf)]);
        }
    }
    encoded
}

fn trim(mut item: &[u8]) -> &[u8] {
    while let [octet, rest @ ..] = item
        && is_fws(octet)
    {
        item = rest;
    }
    while let [rest @ .., octet] = item
        && is_fws(octet)
    {
        item = rest;
    }
    item
}

fn is_fws(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn upper_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folding_white_space_goes_and_the_rest_is_borrowed() {
        assert_eq!(&*strip_fws(b" a\r\n\tb "), b"ab");
        assert!(matches!(strip_fws(b"ab"), Cow::Borrowed(b"ab")));
    }

    #[test]
    fn h1_white_space_around_colons() {
        let items = |value| colon_list(value).collect::<Vec<&[u8]>>();
        assert_eq!(items(b"from : to\r\n :subject"), [&b"from"[..], b"to", b"subject"]);
        assert_eq!(items(b"a::b:"), [&b"a"[..], b"", b"b", b""]);
        assert_eq!(items(b""), [&b""[..]]);
    }

    #[test]
    fn t11_base64() {
        const CASES: &[(&str, Option<&[u8]>)] = &[
            ("", Some(b"")),
            ("Zm9v", Some(b"foo")),
            ("Z m\r\n\t9 v", Some(b"foo")),
            ("Zg==", Some(b"f")),
            ("Zg= =", Some(b"f")),
            ("Zg=", Some(b"f")),
            ("Zg", Some(b"f")),
            ("Zm8", Some(b"fo")),
            ("Zm9", Some(b"fo")), // unused bits set
            ("Z", None),
            ("Zg===", None),
            ("Zm9v=", None),
            ("Zg==Zg==", None),
            ("=", None),
            ("Zm-v", None),
            ("Zm9v\u{e9}", None),
        ];
        for (text, expected) in CASES {
            assert_eq!(decode_base64(text.as_bytes()).as_deref(), *expected, "{text}");
        }
    }

    #[test]
    fn t12_quoted_printable() {
        const CASES: &[(&str, Option<&[u8]>)] = &[
            ("", Some(b"")),
            ("joe", Some(b"joe")),
            ("j=6Fe", Some(b"joe")),
            ("=C3=BC", Some("\u{fc}".as_bytes())),
            ("\u{fc}", Some("\u{fc}".as_bytes())),
            ("a=20b", Some(b"a b")),
            ("a \r\n b", Some(b"ab")),
            ("a=\r\n 20b", Some(b"a b")), // white space goes first
            ("a=3Bb=3D=7C", Some(b"a;b=|")),
            ("j=6fe", None),
            ("a=", None),
            ("a=4", None),
            ("a=4G", None),
            ("a==", None),
            ("a\x01", None),
            ("a\x7f", None),
        ];
        for (text, expected) in CASES {
            assert_eq!(decode_qp(text.as_bytes()).as_deref(), *expected, "{text}");
        }
    }

    #[test]
    fn t12_what_must_be_encoded_is() {
        assert_eq!(encode_qp(b"a b;c=d|\x7f\x01\xc3~!"), b"a=20b=3Bc=3Dd=7C=7F=01=C3~!");
    }

    proptest! {
        #[test]
        fn quoted_printable_round_trip(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode_qp(&encode_qp(&octets)), Some(octets));
        }
    }
}
