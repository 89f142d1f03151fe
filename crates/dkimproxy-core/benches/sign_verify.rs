//! What signing and verifying a whole message costs, next to what no implementation can avoid: one operation with the
//! key and one SHA-256 pass over the same octets.
//!
//! `cargo bench -p dkimproxy-core --bench sign_verify` prints a table. Both sides take turns in short rounds, and the
//! best round of each counts, so that a busy machine disturbs both or none. Goals: signing at most 1.10 times the
//! floor, verifying at most 1.25 times.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails loudly and prints what it found")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    crypto::{PrivateKey, PublicKey, Sha256},
    domain::{DomainName, Selector},
    key::{KeyName, KeyRecord, Keys, SigningKey},
    message::MessageReader,
    sign::{CoveredFields, Signer, SigningRequest},
    signature::Layout,
    verify::{DkimResult, Verifier, VerifyPolicy},
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

/// What a session reads from its socket at once.
const CHUNK: usize = 16 * 1024;
const ROUNDS: usize = 40;
const ROUND: Duration = Duration::from_millis(25);
const NOW: u64 = 1_600_000_000;

fn main() {
    println!("{:22} {:>12} {:>12} {:>7}", "best of each, us", "floor", "whole", "ratio");
    let keys = [
        ("RSA-2048", &include_bytes!("../tests/keys/rsa2048.pem")[..]),
        ("Ed25519", &include_bytes!("../tests/keys/ed25519.pem")[..]),
    ];
    for (kind, pem) in keys {
        for (size, body) in [("4 KiB", prose(4 << 10)), ("50 KiB", prose(50 << 10)), ("5 MB", base64_lines(5_000_000))]
        {
            let bench = Bench::new(pem, &body);
            bench.check();
            report(&format!("{kind} sign {size}"), || bench.floor_of_signing(), || bench.sign());
            report(&format!("{kind} verify {size}"), || bench.floor_of_verifying(), || bench.verify());
        }
    }
}

struct Bench {
    request: SigningRequest,
    private: PrivateKey,
    public: PublicKey,
    published: Keys,
    message: Vec<u8>,
    signed: Vec<u8>,
    /// What the floor signs, and its signature.
    input: Vec<u8>,
    signature: Vec<u8>,
}

impl Bench {
    fn new(pem: &[u8], body: &[u8]) -> Self {
        let key = SigningKey::from_pem(pem).unwrap();
        let private = PrivateKey::from_der(&der(pem)).unwrap();
        let public = if private.is_rsa() { PublicKey::rsa } else { PublicKey::ed25519 }(private.public_key()).unwrap();
        let name = KeyName { selector: Selector::new("sel").unwrap(), domain: DomainName::new("example.org").unwrap() };
        let record = KeyRecord::parse(key.record().as_bytes());
        let input = vec![b'x'; 600];
        let mut bench = Self {
            request: SigningRequest {
                key: Arc::new(key),
                domain: name.domain.clone(),
                selector: name.selector.clone(),
                canonicalization: Canonicalization::RELAXED,
                identity: None,
                covered: Arc::new(CoveredFields::default()),
                timestamp: true,
                lifetime: None,
                layout: Layout::Ours,
            },
            published: Keys::from([(name, Ok(Arc::new(vec![record])))]),
            message: [header().as_bytes(), body].concat(),
            signed: Vec::new(),
            signature: private.sign(&input).unwrap(),
            private,
            public,
            input,
        };
        bench.signed = [bench.sign(), bench.message.clone()].concat();
        bench
    }

    fn check(&self) {
        assert_eq!(self.verify(), DkimResult::Pass);
    }

    fn floor_of_signing(&self) -> Vec<u8> {
        black_box(Sha256::digest(&self.message));
        self.private.sign(&self.input).unwrap()
    }

    fn floor_of_verifying(&self) -> bool {
        black_box(Sha256::digest(&self.signed));
        self.public.verify(&self.input, &self.signature)
    }

    fn sign(&self) -> Vec<u8> {
        let mut reader = MessageReader::new(1 << 20);
        let mut work = None;
        for chunk in self.message.chunks(CHUNK) {
            let body = reader.push(chunk).unwrap();
            if let Some(header) = reader.header() {
                let start = || {
                    let signer = Signer::new(Arc::clone(header), vec![self.request.clone()], NOW);
                    let body = signer.body_hasher();
                    (signer, body)
                };
                work.get_or_insert_with(start).1.update(body);
            }
        }
        let (signer, body) = work.unwrap();
        signer.finish(&body.finish()).unwrap().concat()
    }

    fn verify(&self) -> DkimResult {
        let mut reader = MessageReader::new(1 << 20);
        let mut work = None;
        for chunk in self.signed.chunks(CHUNK) {
            let body = reader.push(chunk).unwrap();
            if let Some(header) = reader.header() {
                let start = || {
                    let verifier = Verifier::new(Arc::clone(header), &VerifyPolicy::default(), NOW);
                    let body = verifier.body_hasher();
                    (verifier, body)
                };
                work.get_or_insert_with(start).1.update(body);
            }
        }
        let (verifier, body) = work.unwrap();
        verifier.finish(&body.finish(), &self.published).remove(0).result()
    }
}

/// Best time of each, and how they compare.
fn report<A, B>(what: &str, floor: impl Fn() -> A, whole: impl Fn() -> B) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        best.0 = best.0.min(fastest(&floor));
        best.1 = best.1.min(fastest(&whole));
    }
    println!("{what:22} {:12.2} {:12.2} {:7.3}", best.0, best.1, best.1 / best.0);
}

/// Microseconds of the fastest batch of a round. A batch is long enough for the clock and short enough to be undisturbed.
fn fastest<T>(operation: &impl Fn() -> T) -> f64 {
    let start = Instant::now();
    let mut best = f64::MAX;
    while start.elapsed() < ROUND {
        let batch = Instant::now();
        let mut count = 0;
        while count == 0 || batch.elapsed() < Duration::from_micros(500) {
            black_box(operation());
            count += 1;
        }
        best = best.min(batch.elapsed().as_secs_f64() * 1e6 / f64::from(count));
    }
    best
}

fn der(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    STANDARD.decode(text.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

/// As many fields as mail has that went through a few hands.
fn header() -> String {
    let received = "Received: from mail.example.net (mail.example.net [192.0.2.25])\r\n\tby mx.example.org (Postfix) with \
                    ESMTPS id 4bQ5kY2xJ7z3\r\n\tfor <suzie@example.org>; Fri, 11 Jul 2025 21:01:54 -0700 (PDT)\r\n";
    format!(
        "{}From: Joe SixPack <joe@example.org>\r\nTo: Suzie Q <suzie@example.net>,\r\n\tBob <bob@example.com>\r\n\
         Cc: Carol <carol@example.com>\r\nSubject: Is  dinner ready, and if so, \r\n when shall we come?\r\n\
         Date: Fri, 11 Jul 2025 21:00:37 -0700\r\nMessage-ID: <20250712040037.46341.5F8J@example.org>\r\n\
         In-Reply-To: <1234.5678@example.net>\r\nReferences: <1234.5678@example.net>\r\n <9012.3456@example.net>\r\n\
         Reply-To: joe@example.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\nX-Mailer: Mail 1.0\r\nUser-Agent: none\r\nX-Priority: 3\r\n\
         List-Id: <dinner.example.org>\r\n\r\n",
        received.repeat(3)
    )
}

/// Text that is hard for relaxed: blanks at the end of some lines, double spaces, a TAB now and then.
fn prose(len: usize) -> Vec<u8> {
    let line = "We lost the game.  Are you hungry yet?\tThe signing domain claims some responsibility, \r\n\
                for a message has a body and a header; both are signed, and that is all.\r\nWhat else is there to say\r\n";
    line.bytes().cycle().take(len).collect()
}

/// An attachment.
fn base64_lines(len: usize) -> Vec<u8> {
    let line = format!("{}\r\n", "Ab3+".repeat(19));
    line.bytes().cycle().take(len).collect()
}
