//! What the tests of whole messages share.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

pub(crate) mod forge;
pub(crate) mod seal;

use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{DomainName, Selector},
    hash::BodyHasher,
    key::{KeyName, KeyRecord, Keys, SigningKey},
    message::MessageReader,
    sign::{CoveredFields, Signer, SigningRequest},
    signature::Layout,
    verify::{Verification, Verifier, VerifyPolicy},
};
use std::{path::PathBuf, sync::Arc};

/// A moment at which every signature of these tests is good.
pub(crate) const NOW: u64 = 1_600_000_000;

/// Reads a file of this folder's `keys` or `vectors`.
pub(crate) fn file(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn signing_key(name: &str) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_pem(&file(&format!("keys/{name}.pem"))).unwrap())
}

/// Text with LF line ends as the network has it.
pub(crate) fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

pub(crate) fn key_name(selector: &str, domain: &str) -> KeyName {
    KeyName { selector: Selector::new(selector).unwrap(), domain: DomainName::new(domain).unwrap() }
}

/// The answer of DNS for one name.
pub(crate) fn keys(selector: &str, domain: &str, records: &[&str]) -> Keys {
    let records = records.iter().map(|txt| KeyRecord::parse(txt.as_bytes())).collect();
    Keys::from([(key_name(selector, domain), Ok(Arc::new(records)))])
}

/// Signs for s=sel and d=example.org.
pub(crate) fn request(key: &Arc<SigningKey>, canonicalization: Canonicalization) -> SigningRequest {
    SigningRequest {
        key: Arc::clone(key),
        domain: DomainName::new("example.org").unwrap(),
        selector: Selector::new("sel").unwrap(),
        canonicalization,
        identity: None,
        covered: Arc::new(CoveredFields::default()),
        timestamp: true,
        lifetime: None,
        layout: Layout::Ours,
    }
}

/// Everything done with the message in these pieces.
pub(crate) fn verify_chunks<'m>(chunks: impl IntoIterator<Item = &'m [u8]>, keys: &Keys) -> Vec<Verification> {
    let start = |header: &Arc<_>| {
        let verifier = Verifier::new(Arc::clone(header), &VerifyPolicy::default(), NOW);
        let body = verifier.body_hasher();
        (verifier, body)
    };
    let (verifier, body) = read(chunks, start);
    verifier.finish(&body.finish(), keys)
}

pub(crate) fn verify(message: &[u8], keys: &Keys) -> Vec<Verification> {
    verify_chunks([message], keys)
}

/// The signature fields for the message in these pieces.
pub(crate) fn sign_chunks<'m>(chunks: impl IntoIterator<Item = &'m [u8]>, requests: &[SigningRequest]) -> Vec<Vec<u8>> {
    let start = |header: &Arc<_>| {
        let signer = Signer::new(Arc::clone(header), requests.to_vec(), NOW);
        let body = signer.body_hasher();
        (signer, body)
    };
    let (signer, body) = read(chunks, start);
    signer.finish(&body.finish()).unwrap()
}

/// The message with its signatures on top.
pub(crate) fn sign(message: &[u8], requests: &[SigningRequest]) -> Vec<u8> {
    [sign_chunks([message], requests).concat(), message.to_vec()].concat()
}

/// A file of the recordings of DKIMproxy 1.4.1, which are not part of the project. None, said aloud, where there are none.
#[allow(clippy::print_stderr, reason = "what is skipped is said aloud")]
pub(crate) fn recording(path: &str) -> Option<Vec<u8>> {
    let default = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/dkimproxy-samples").into();
    let folder: PathBuf = std::env::var_os("DKIMPROXY_SAMPLES").unwrap_or_else(default).into();
    let file = std::fs::read(folder.join(path));
    if file.is_err() {
        eprintln!("SKIPPED: no {path} in {} (set DKIMPROXY_SAMPLES)", folder.display());
    }
    file.ok()
}

/// The messages were recorded as they went over the wire, with dots doubled at line starts.
pub(crate) fn without_stuffing(wire: &[u8]) -> Vec<u8> {
    String::from_utf8(wire.to_vec()).unwrap().replace("\r\n..", "\r\n.").into_bytes()
}

/// Cuts the message and hashes its body.
pub(crate) fn read<'m, W>(
    chunks: impl IntoIterator<Item = &'m [u8]>,
    start: impl Fn(&Arc<dkimproxy_core::header::Header>) -> (W, BodyHasher),
) -> (W, BodyHasher) {
    let mut reader = MessageReader::new(4 << 20);
    let mut work = None;
    for chunk in chunks {
        let body = reader.push(chunk).unwrap();
        if let Some(header) = reader.header() {
            work.get_or_insert_with(|| start(header)).1.update(body);
        }
    }
    let header = reader.finish().unwrap();
    work.unwrap_or_else(|| start(header))
}
