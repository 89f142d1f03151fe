//! What a signature was computed over, for `sign --debug-canonicalization`.

use dkimproxy_core::{
    canonicalize::{BodyCanonicalizer, header_field, signature_field},
    header::{FieldPicker, Header},
    message::MessageReader,
    signature::{FIELD_NAME, Signature},
};

/// The canonical header fields of the topmost DKIM-Signature among `signatures`, an empty line, the canonical body. None:
/// there is no such signature.
pub(super) fn signed_text(signatures: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let signatures = Header::parse(signatures.to_vec());
    let field = signatures.named(FIELD_NAME).next()?;
    let signature = Signature::read(field.body()).1.ok()?;
    let mut reader = MessageReader::new(message.len().saturating_add(1));
    let body = reader.push(message).ok()?;
    let header = reader.finish().ok()?;

    let mut text = Vec::with_capacity(message.len());
    let mut picker = FieldPicker::new(header, None);
    for name in &signature.signed_fields {
        if let Some(signed) = picker.pick(name) {
            header_field(signature.canonicalization.header, signed.raw(), &mut text);
        }
    }
    signature_field(signature.canonicalization.header, &without_value(field.body(), &signature), &mut text);
    text.extend_from_slice(b"\r\n\r\n");
    let mut canonicalizer = BodyCanonicalizer::new(signature.canonicalization.body);
    let mut append = |piece: &[u8]| text.extend_from_slice(piece);
    canonicalizer.update(body, &mut append);
    canonicalizer.finish(&mut append);
    Some(text)
}

/// The field with the value of its b= deleted (RFC 6376 section 3.7).
fn without_value(body: &[u8], signature: &Signature) -> Vec<u8> {
    let (before, rest) = body.split_at_checked(signature.signature_span.start).unwrap_or((body, b""));
    let after = rest.get(signature.signature_span.len()..).unwrap_or_default();
    [FIELD_NAME.as_bytes(), b":", before, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_the_signature() {
        let signature = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from:from;\r\n\t bh=AAAA; b=BBBB\r\n";
        let text = signed_text(signature, b"From:  A  <a@example.org>\r\nTo: x\r\n\r\na  b \r\n\r\n\r\n").unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "from:A <a@example.org>\r\ndkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; \
             h=from:from; bh=AAAA; b=\r\n\r\na b\r\n"
        );
        assert_eq!(signed_text(b"", b"From: a@example.org\r\n\r\n"), None);
    }
}
