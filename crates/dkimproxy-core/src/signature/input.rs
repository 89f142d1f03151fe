//! What the header hash is computed over (3.7): the signed fields, then the signature field itself without its b=.

use crate::{
    canonicalize::{self, Algorithm},
    header::{FieldPicker, Header},
};

/// Octets reserved in advance at most.
const MAX_RESERVED: usize = 16 * 1024;

/// The octets to sign or to verify. `own_field` is the signature field with an empty b= and without its CRLF;
/// `excluded` is its position if it stands in `header` already.
pub(crate) fn header_hash_input<'n>(
    header: &Header,
    excluded: Option<usize>,
    names: impl IntoIterator<Item = &'n [u8]>,
    algorithm: Algorithm,
    own_field: &[u8],
) -> Vec<u8> {
    // Nearly all of a header is signed, as a rule.
    let mut input = Vec::with_capacity(header.as_bytes().len().min(MAX_RESERVED));
    let mut picker = FieldPicker::new(header, excluded);
    for name in names {
        if let Some(field) = picker.pick(name) {
            canonicalize::header_field(algorithm, field.raw(), &mut input);
        }
    }
    canonicalize::signature_field(algorithm, own_field, &mut input);
    input
}
