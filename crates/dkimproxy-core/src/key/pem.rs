//! PEM as administrators have it: with text around the block, stray blanks, or a wrong label. What the content is, the
//! content itself says; labels serve the error messages.

use super::SigningKeyError;
use crate::tag_list::decode_base64;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The first private key in the text, as `decode` reads its DER. A text without any `---` line is taken as bare base64.
pub(crate) fn read_private_key<K, E: From<SigningKeyError>>(
    text: &[u8],
    decode: impl Fn(&[u8]) -> Result<K, E>,
) -> Result<K, E> {
    let mut found = "nothing in PEM form";
    for block in blocks(text) {
        match block.kind() {
            Kind::PrivateKey => return decode(&block.der()?),
            Kind::Encrypted => return Err(SigningKeyError::Encrypted.into()),
            Kind::Other(what) => found = what,
        }
    }
    Err(SigningKeyError::NoPrivateKey { found }.into())
}

/// PKCS#8 in DER as PEM, in lines of 64 characters.
pub(super) fn write_private_key(pkcs8: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(pkcs8));
    // Sized in advance: a string that grows leaves copies behind that nobody wipes.
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() * 66 / 64 + 80));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (position, character) in base64.chars().enumerate() {
        if position > 0 && position % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}

/// One PEM block: its label ("RSA PRIVATE KEY") and its base64 text without line ends.
struct Block<'a> {
    label: &'a [u8],
    encrypted: bool,
    base64: Zeroizing<Vec<u8>>,
}

enum Kind {
    PrivateKey,
    Encrypted,
    Other(&'static str),
}

impl<'a> Block<'a> {
    fn new(label: &'a [u8], capacity: usize) -> Self {
        Self { label, encrypted: false, base64: Zeroizing::new(Vec::with_capacity(capacity)) }
    }

    fn push(&mut self, line: &[u8]) {
        if line.contains(&b':') {
            self.encrypted |= contains(line, b"ENCRYPTED"); // Proc-Type: 4,ENCRYPTED (RFC 1421)
        } else {
            self.base64.extend_from_slice(line);
        }
    }

    fn kind(&self) -> Kind {
        let is = |word: &[u8]| contains(self.label, word);
        match () {
            () if self.encrypted || is(b"ENCRYPTED") => Kind::Encrypted,
            () if is(b"PUBLIC KEY") => Kind::Other("a public key"),
            () if is(b"CERTIFICATE REQUEST") => Kind::Other("a certificate request"),
            () if is(b"CERTIFICATE") => Kind::Other("a certificate"),
            () if is(b"OPENSSH") => Kind::Other("an OpenSSH private key"),
            () if is(b"EC P") => Kind::Other("an EC private key"),
            () if is(b"DSA P") => Kind::Other("a DSA private key"),
            () if is(b"PRIVATE KEY") || self.label.is_empty() => Kind::PrivateKey,
            () => Kind::Other("another PEM block"),
        }
    }

    fn der(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        decode_base64(&self.base64).map(Zeroizing::new).ok_or(SigningKeyError::Malformed)
    }
}

/// Cuts the text at its `---` lines.
fn blocks(text: &[u8]) -> Vec<Block<'_>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text); // byte order mark
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for line in text.split(|octet| matches!(octet, b'\n' | b'\r')).map(<[u8]>::trim_ascii) {
        match (line.starts_with(b"---"), blocks.last_mut()) {
            (true, _) if !open || contains(line, b"BEGIN") => {
                blocks.push(Block::new(label(line), text.len()));
                open = true;
            }
            (true, _) => open = false,
            (false, Some(block)) if open => block.push(line),
            (false, _) => {}
        }
    }
    if blocks.is_empty() { bare_block(text).into_iter().collect() } else { blocks }
}

/// The whole text as one block, if it is nothing but base64: DKIMproxy took such files.
fn bare_block(text: &[u8]) -> Option<Block<'_>> {
    let mut block = Block::new(b"", text.len());
    for line in text.split(|octet| matches!(octet, b'\n' | b'\r')) {
        block.push(line.trim_ascii());
    }
    (!block.base64.is_empty() && decode_base64(&block.base64).is_some()).then_some(block)
}

/// `RSA PRIVATE KEY` of `-----BEGIN RSA PRIVATE KEY-----`.
fn label(line: &[u8]) -> &[u8] {
    let mut label = line;
    while let [b'-' | b' ', rest @ ..] | [rest @ .., b'-' | b' '] = label {
        label = rest;
    }
    label.strip_prefix(b"BEGIN ").unwrap_or(label)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}
